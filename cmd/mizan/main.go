// Command mizan is the whole service in one binary: the ledger behind HTTP, and the tools to run, ask and fill it.
//
// Every flag is also an environment variable: --listen is MIZAN_LISTEN. Secrets come from variables or from files
// (MIZAN_API_KEY or MIZAN_API_KEY_FILE) and are never printed, except for a new one, once, by `mizan keys create`,
// `mizan keys rotate`, `mizan people link` and `mizan vault key`.
//
// Exit codes:
//
//	0  done
//	1  refused by the service, or a check failed
//	2  the command line cannot be understood
//	3  the service, the database or PostgreSQL cannot be reached or started
//
// Of `mizan doctor` they are those of monitoring programs: 0 all is well, 1 something should be looked at, 2 something is wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"
	"time"

	"mizan/api/client"
	"mizan/ledger/fault"

	"github.com/alecthomas/kong"
)

const (
	exitDone        = 0
	exitRefused     = 1
	exitUsage       = 2
	exitUnavailable = 3
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		// Whoever asks twice does not want to wait for the drain. The private PostgreSQL ends with this process.
		<-signals
		os.Exit(exitRefused)
	}()
	os.Exit(Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}

// surroundings are everything a command may touch outside its arguments.
type surroundings struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
}

// grammar is the command line.
type grammar struct {
	Dev          devCmd          `cmd:"" help:"Run everything on this machine for development: a private PostgreSQL, the API, and demo books."`
	Serve        serveCmd        `cmd:"" help:"Run the API on a PostgreSQL of yours, for production."`
	Migrate      migrateCmd      `cmd:"" help:"Show or apply the migrations of the database."`
	Post         postCmd         `cmd:"" help:"Post a transaction or a batch from a JSON file or standard input."`
	Event        eventCmd        `cmd:"" help:"Post and explain business events."`
	Import       importCmd       `cmd:"" help:"Import a marketplace's statement from a file."`
	Opening      openingCmd      `cmd:"" help:"Open a book with the balances and open orders of a signed document."`
	Order        orderCmd        `cmd:"" help:"Look at orders."`
	Questions    questionsCmd    `cmd:"" help:"List and answer what payees ask."`
	Receipt      receiptCmd      `cmd:"" help:"Make the public receipt of a donation, a gift or an order, or print one."`
	Rules        rulesCmd        `cmd:"" help:"Look at the rules that decide what everybody gets, and give a book its own."`
	Balance      balanceCmd      `cmd:"" help:"Print the balances of accounts."`
	TrialBalance trialBalanceCmd `cmd:"" help:"Print the trial balance of a book."`
	Coverage     coverageCmd     `cmd:"" help:"Print whether the money kept for others is there, and how much may be swept."`
	Entries      entriesCmd      `cmd:"" help:"Print the entries of an account with its running balance."`
	Export       exportCmd       `cmd:"" help:"Write the books for others to check."`
	Verify       verifyCmd       `cmd:"" help:"Recompute the books from their rows and say whether they are sound."`
	Keys         keysCmd         `cmd:"" help:"Create, list, rotate and revoke API keys, on the database."`
	People       peopleCmd       `cmd:"" help:"Add people, give and take roles, and make sign-in links, on the database."`
	Payees       payeesCmd       `cmd:"" help:"Look at whom the house pays, where, and under which terms."`
	Approvals    approvalsCmd    `cmd:"" help:"Ask for a second person, and see what waits for one."`
	Audit        auditCmd        `cmd:"" help:"Read, check and export the trail of privileged acts, on the database."`
	Vault        vaultCmd        `cmd:"" help:"Look after personal data and their keys, on the database."`
	Job          jobCmd          `cmd:"" help:"Look at what the service does by itself, and ask for a run."`
	Statement    statementCmd    `cmd:"" help:"Print what came to a payee's accounts and why, and fetch it as a file."`
	Payouts      payoutsCmd      `cmd:"" help:"Look at payouts, what they pay and why, ask for one, and cancel one."`
	Earnings     earningsCmd     `cmd:"" help:"Make the sums of what payees earned again."`
	Reconcile    reconcileCmd    `cmd:"" help:"Hold the books against what processors and banks say."`
	Breaks       breaksCmd       `cmd:"" help:"Look at differences, and deal with them."`
	Pairings     pairingsCmd     `cmd:"" help:"Confirm or refuse what may belong together."`
	Period       periodCmd       `cmd:"" help:"Look at what stands between a month and its close."`
	RunPayouts   runPayoutsCmd   `cmd:"" help:"Begin a payout run outside of the schedule."`
	Seed         seedCmd         `cmd:"" help:"Post the demo books through the API and check their balances."`
	Simulator    simulatorCmd    `cmd:"" help:"Run a payment processor on this machine that speaks as Stripe does, to try payouts on."`
	Bench        benchCmd        `cmd:"" help:"Measure this machine."`
	Doctor       doctorCmd       `cmd:"" help:"Look whether a deployment is safe and well, and say what to do where it is not."`
	Version      versionCmd      `cmd:"" help:"Print the version."`
}

// grammarFor returns the part of the grammar that the command line begins with, or all of it. To read all of it takes ten times as long
// as most commands do.
func grammarFor(args []string) any {
	if len(args) == 0 {
		return &grammar{}
	}
	word := strings.ReplaceAll(args[0], "-", "")
	command, known := reflect.TypeFor[grammar]().FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, word) })
	if !known {
		return &grammar{}
	}
	command.Index, command.Offset = nil, 0
	return reflect.New(reflect.StructOf([]reflect.StructField{command})).Interface()
}

// helpShown is how kong's wish to exit travels up to Run.
type helpShown int

// Run executes one command line and returns its exit code. It ends early, but in order, when ctx ends.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) (code int) {
	s := &surroundings{stdin: stdin, stdout: stdout, stderr: stderr, getenv: getenv, now: time.Now}
	parser, err := kong.New(grammarFor(args),
		kong.Name("mizan"),
		kong.Description("Mizan, a double-entry ledger and payout service for social commerce."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(helpShown(code)) }),
		kong.Resolvers(kong.ResolverFunc(s.variable)),
		kong.ValueFormatter(describeFlag),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
	)
	if err != nil {
		fmt.Fprintln(stderr, "mizan:", err)
		return exitUsage
	}
	defer func() {
		if r := recover(); r != nil {
			shown, ok := r.(helpShown)
			if !ok {
				panic(r)
			}
			code = int(shown)
		}
	}()
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "mizan: %v\nRun mizan --help, or mizan COMMAND --help.\n", err)
		return exitUsage
	}
	if err := command.Run(); err != nil {
		fmt.Fprintln(stderr, "mizan:", explain(err))
		return exitCode(err)
	}
	return exitDone
}

// envName returns the variable that stands for a flag.
func envName(flag string) string {
	return "MIZAN_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// variable gives a flag that was not set the value of its variable.
func (s *surroundings) variable(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if flag.Name == "help" {
		return nil, nil
	}
	if value := s.getenv(envName(flag.Name)); value != "" {
		return value, nil
	}
	return nil, nil
}

// describeFlag names the default and the variable beside the help of each flag.
func describeFlag(value *kong.Value) string {
	if value.Flag == nil || value.Flag.Name == "help" {
		return value.Help
	}
	text := value.Help
	if value.Default != "" {
		text += " Default: " + value.Default + "."
	}
	return text + " ($" + envName(value.Flag.Name) + ")"
}

// usageError is a command line that reads well and makes no sense.
type usageError string

func (e usageError) Error() string { return string(e) }

// exitCode says what an error means to a script.
func exitCode(err error) int {
	var usage usageError
	var problem *client.Problem
	var looked verdict
	switch {
	case errors.As(err, &looked):
		return looked.code()
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &problem) && (problem.Status == 0 || problem.Status == 503), fault.KindOf(err) == fault.Unavailable:
		return exitUnavailable
	}
	return exitRefused
}

// explain writes an error for the person at the terminal: what to do first, then what lies behind it.
func explain(err error) string {
	var known *fault.Error
	if !errors.As(err, &known) {
		return err.Error()
	}
	text := known.Message
	for _, f := range known.Fields {
		text += "\n  " + f.Pointer + ": " + f.Message
	}
	if cause := known.Unwrap(); cause != nil {
		text += "\n  (" + cause.Error() + ")"
	}
	return text
}
