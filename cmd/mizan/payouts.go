package main

// Payouts: what is on its way to payees, why, and what each payout pays.

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"

	"mizan/api/client"
)

type payoutsCmd struct {
	List         payoutsListCmd      `cmd:"" help:"List payouts, the latest first."`
	Show         payoutsShowCmd      `cmd:"" help:"Print a payout and what happened to it."`
	Lines        payoutsLinesCmd     `cmd:"" help:"Print what a payout pays and sets off, line by line."`
	Request      payoutsRequestCmd   `cmd:"" help:"Ask for a payout of a payee now, or see what it would cost."`
	Cancel       payoutsCancelCmd    `cmd:"" help:"Cancel a payout of which nothing was sent."`
	Decisions    payoutsDecisionsCmd `cmd:"" help:"Print what a run decided, or what was decided about a payee."`
	Replay       payoutsReplayCmd    `cmd:"" help:"Decide again from the stored inputs, and compare byte for byte."`
	Runs         payoutsRunsCmd      `cmd:"" help:"List the payout runs, or print one with its totals."`
	Refuse       payoutsRefuseCmd    `cmd:"" help:"Refuse a run that waits for a second person."`
	Waits        payoutsWaitsCmd     `cmd:"" help:"List what of a payee's money becomes available when."`
	Clocks       payoutsClocksCmd    `cmd:"" help:"List what should be available and is not, and why."`
	Look         payoutsLookCmd      `cmd:"" help:"Have what waits for people tried anew."`
	Debts        payoutsDebtsCmd     `cmd:"" help:"List payees that owe, since when, and what was recovered."`
	BankAccounts bankAccountsCmd     `cmd:"" name:"bank-account" help:"The book's own bank accounts, from which bank files pay."`
	BankFiles    bankFilesCmd        `cmd:"" help:"Files by which a bank pays: make, fetch, hand over, withdraw."`
	BankReport   bankReportCmd       `cmd:"" help:"Upload what the bank reports, and print what it came to."`
	BankReports  bankReportsCmd      `cmd:"" help:"List what the bank has reported."`
	Proposals    payoutsProposalsCmd `cmd:"" help:"List sweeps, top-ups, trust deposits, cards and write-offs that are proposed."`
}

// listed is how many rows the lists print.
type listed struct {
	Limit int  `help:"How many at most." default:"100"`
	JSON  bool `name:"json" help:"Print JSON."`
}

// printed writes a list as JSON, or as a table.
func printed[T any](s *surroundings, l listed, items iter.Seq2[T, error], heading []string, row func(T) []string) error {
	all, err := client.Collect(items, l.Limit)
	if err != nil {
		return err
	}
	if l.JSON {
		if all == nil {
			all = []T{}
		}
		return writeJSON(s.stdout, all)
	}
	t := newTable(heading...)
	for _, item := range all {
		t.add(row(item)...)
	}
	return t.write(s.stdout, "")
}

type payoutsListCmd struct {
	remoteFlags
	listed
	Book  string `arg:"" help:"Code of the book."`
	Of    string `name:"run" help:"Only those of this run."`
	State string `help:"Only those in this state."`
	Payee string `help:"Only this payee's."`
}

// Run prints payouts.
func (c *payoutsListCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	return printed(s, c.listed, remote.Payouts(ctx, c.Book, client.PayoutQuery{Run: c.Of, State: c.State, Payee: c.Payee}),
		[]string{"ID", "PAYEE", "STATE", "CUR", ">AMOUNT", ">FEE", "CREATED", "NOTE"}, func(p client.Payout) []string {
			return []string{p.ID, p.Kind + ":" + p.Payee, p.State, p.Currency, p.Amount, p.Fee, moment(&p.CreatedAt), payoutNote(p)}
		})
}

// payoutNote says in a few words what is special about a payout.
func payoutNote(p client.Payout) string {
	var words []string
	if p.NeedsPerson && p.ReleasedAt == nil && p.State == "created" {
		words = append(words, "waits for a second person")
	}
	if p.ReturnedAt != nil {
		words = append(words, "came back")
	}
	if p.Code != "" {
		words = append(words, p.Code)
	}
	if p.RetryOf != "" {
		words = append(words, "again for "+p.RetryOf)
	}
	return strings.Join(words, ", ")
}

type payoutsShowCmd struct {
	remoteFlags
	Book   string `arg:"" help:"Code of the book."`
	Payout string `arg:"" help:"Id of the payout."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// Run prints a payout.
func (c *payoutsShowCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	p, err := remote.Payout(ctx, c.Book, c.Payout)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, p)
	}
	return writePayout(s.stdout, p)
}

func writePayout(w io.Writer, p client.Payout) error {
	facts := newTable("PAYOUT", p.ID)
	for _, f := range [][2]string{{"payee", p.Kind + ":" + p.Payee}, {"receiver", p.Receiver}, {"amount", p.Amount + " " + p.Currency}, {"fee", p.Fee + " " + p.Currency},
		{"state", p.State}, {"note", payoutNote(p)}, {"method", p.Method + " by " + p.Rail}, {"run", p.Run}, {"taken by", p.TransactionID}, {"bank reference", p.Trace}} {
		if f[1] != "" {
			facts.add(f[0], f[1])
		}
	}
	if err := facts.write(w, ""); err != nil {
		return err
	}
	fmt.Fprintln(w)
	steps := newTable("WHEN", "STATE", "CODE", "POSTED", "WHO", "EVIDENCE")
	for _, t := range p.Steps {
		steps.add(moment(&t.At), t.State, t.Code, t.TransactionID, t.Actor, t.Evidence)
	}
	return steps.write(w, "")
}

type payoutsLinesCmd struct {
	remoteFlags
	listed
	Book   string `arg:"" help:"Code of the book."`
	Payout string `arg:"" help:"Id of the payout."`
}

// Run prints the lines of a payout.
func (c *payoutsLinesCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	return printed(s, c.listed, remote.PayoutLines(ctx, c.Book, c.Payout), []string{"TRANSACTION", "EVENT", "SUBJECT", "WHEN", ">ENTRY", ">AMOUNT", "SETTLES"}, func(l client.PayoutLine) []string {
		return []string{l.TransactionID, l.Event, l.Subject, moment(&l.OccurredAt), l.Entry, l.Amount, l.Settles}
	})
}

type payoutsRequestCmd struct {
	remoteFlags
	Book      string `arg:"" help:"Code of the book."`
	Payee     string `arg:"" help:"Id of the payee."`
	Kind      string `help:"What the payee is." enum:"seller,creator,agency,partner" required:""`
	Currency  string `help:"The currency, such as GBP." required:""`
	Amount    string `help:"What shall arrive; everything without it."`
	Method    string `help:"Instant costs more." enum:"standard,instant" default:"standard"`
	Reference string `help:"Your own name for it: the same again is answered as the first time. Without it nothing is asked for, and what it would cost is printed."`
	JSON      bool   `name:"json" help:"Print JSON."`
}

// Run asks for a payout, or for a quote.
func (c *payoutsRequestCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	ask := client.NewPayout{Reference: c.Reference, Kind: c.Kind, Currency: c.Currency, Amount: c.Amount, Method: c.Method}
	var answer client.PayoutAnswer
	if c.Reference == "" {
		answer.Decision, err = remote.QuotePayout(ctx, c.Book, c.Payee, ask)
	} else {
		answer, err = remote.RequestPayout(ctx, c.Book, c.Payee, ask)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, answer)
	}
	if c.Reference == "" {
		fmt.Fprintln(s.stdout, "Nothing was asked for. With --reference, this would be decided:")
	}
	t := newTable(decisionHeading...)
	t.add(decisionRow(answer.Decision)...)
	if err := t.write(s.stdout, ""); err != nil {
		return err
	}
	for _, p := range answer.Payouts {
		fmt.Fprintln(s.stdout, p.ID, p.State, p.Currency, p.Amount, payoutNote(p))
	}
	return nil
}

var decisionHeading = []string{"PAYEE", "CUR", "VERDICT", ">AMOUNT", ">FEE", "WHY", "LOOKED AT AGAIN"}

func decisionRow(d client.PayoutDecision) []string {
	var why []string
	for _, r := range d.Reasons {
		why = append(why, r.Text+" "+r.ToChange)
	}
	for _, text := range d.SecondPerson {
		why = append(why, "A second person must agree: "+text)
	}
	return []string{d.Kind + ":" + d.Payee, d.Currency, d.Verdict, d.Amount, d.Fee, strings.Join(why, " "), moment(d.LookedAt)}
}

type payoutsCancelCmd struct {
	remoteFlags
	Book   string `arg:"" help:"Code of the book."`
	Payout string `arg:"" help:"Id of the payout."`
	Reason string `help:"Why; it is kept for ever." required:""`
}

// Run cancels a payout.
func (c *payoutsCancelCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	p, err := remote.CancelPayout(ctx, c.Book, c.Payout, c.Reason)
	if err != nil {
		return err
	}
	return writePayout(s.stdout, p)
}

type payoutsDecisionsCmd struct {
	remoteFlags
	listed
	Book    string `arg:"" help:"Code of the book."`
	Of      string `name:"run" help:"The run whose decisions are wanted." xor:"of" required:""`
	Payee   string `help:"The payee about whom all runs decided." xor:"of" required:""`
	Verdict string `help:"Only pay or skip; of a run."`
	Reason  string `help:"Only those with this reason, such as below-minimum; of a run."`
}

// Run prints decisions.
func (c *payoutsDecisionsCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	if c.Payee != "" {
		return printed(s, c.listed, remote.PayeeDecisions(ctx, c.Book, c.Payee), append([]string{"RUN", "DECIDED"}, decisionHeading...), func(d client.PayoutDecision) []string {
			return append([]string{d.Run, moment(d.DecidedAt)}, decisionRow(d)...)
		})
	}
	return printed(s, c.listed, remote.RunDecisions(ctx, c.Book, c.Of, c.Verdict, c.Reason), decisionHeading, decisionRow)
}

type payoutsReplayCmd struct {
	remoteFlags
	Book     string `arg:"" help:"Code of the book."`
	Of       string `arg:"" name:"run" help:"Id of the run."`
	Kind     string `help:"What the payee is." enum:"seller,creator,agency,partner" required:""`
	Payee    string `help:"Id of the payee." required:""`
	Currency string `help:"The currency, such as GBP." required:""`
}

// Run decides again.
func (c *payoutsReplayCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	r, err := remote.ReplayPayoutDecision(ctx, c.Book, c.Of, c.Kind, c.Payee, c.Currency)
	if err != nil {
		return err
	}
	return writeJSON(s.stdout, r)
}
