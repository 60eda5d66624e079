package main

// Bank files: what is paid by files that a bank takes, from the accounts they leave from to what the bank reports.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"mizan/api/client"
)

type bankFilesCmd struct {
	List bankFilesListCmd `cmd:"" help:"List the files, the latest first."`
	Make bankFilesMakeCmd `cmd:"" help:"Make files of what waits, now."`
	Show bankFilesShowCmd `cmd:"" help:"Print a file's control totals, steps and payments."`
	Get  bankFilesGetCmd  `cmd:"" help:"Fetch a file's bytes, to hand them to the bank."`
	Sent bankFilesSentCmd `cmd:"" help:"Say that the bank has a file."`
	Void bankFilesVoidCmd `cmd:"" help:"Say that a file that nobody has seen is not carried out."`
}

// bankFileArgs name a file.
type bankFileArgs struct {
	remoteFlags
	Book     string `arg:"" help:"Code of the book."`
	Currency string `arg:"" help:"Currency of the bank account."`
	Number   int64  `arg:"" help:"Number of the file."`
}

type bankFilesListCmd struct {
	remoteFlags
	listed
	Book     string `arg:"" help:"Code of the book."`
	Currency string `help:"Only files in this currency."`
	State    string `help:"Only files in this state: made, fetched, sent, answered, closed or void."`
}

var bankFileHeading = []string{"FILE", "STATE", ">PAYMENTS", ">AMOUNT", "MADE", "TO DO"}

func bankFileRow(f client.BankFile) []string {
	return []string{f.Currency + " " + strconv.FormatInt(f.Number, 10), f.State, strconv.Itoa(f.Payments), f.Amount, moment(&f.MadeAt), bankFileNext(f)}
}

// bankFileNext says what a person has to do with a file.
func bankFileNext(f client.BankFile) string {
	switch f.State {
	case "made":
		return "fetch it and hand it to the bank"
	case "fetched":
		return "hand it to the bank, and say that it was sent"
	case "sent":
		return "upload what the bank reports"
	case "answered":
		return "upload what the bank reports next"
	}
	return ""
}

// Run prints files.
func (c *bankFilesListCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	return printed(s, c.listed, remote.BankFiles(ctx, c.Book, c.Currency, c.State), bankFileHeading, bankFileRow)
}

type bankFilesMakeCmd struct {
	remoteFlags
	Book string `arg:"" help:"Code of the book."`
}

// Run makes files.
func (c *bankFilesMakeCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	files, err := remote.MakeBankFiles(ctx, c.Book)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		fmt.Fprintln(s.stdout, "Nothing waits for a file.")
		return nil
	}
	t := newTable(bankFileHeading...)
	for _, f := range files {
		t.add(bankFileRow(f)...)
	}
	return t.write(s.stdout, "")
}

type bankFilesShowCmd struct {
	bankFileArgs
	listed
}

// Run prints a file and its payments.
func (c *bankFilesShowCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	f, err := remote.GetBankFile(ctx, c.Book, c.Currency, c.Number)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, f)
	}
	if err := writeBankFile(s.stdout, f); err != nil {
		return err
	}
	return printed(s, c.listed, remote.BankPayments(ctx, c.Book, c.Currency, c.Number), []string{">LINE", "PAYEE", ">AMOUNT", "STATE", "CODE", "PAYOUT"}, func(p client.BankPayment) []string {
		return []string{strconv.Itoa(p.Line), p.Payee, p.Amount, p.State, p.Code, p.Payout}
	})
}

func writeBankFile(w io.Writer, f client.BankFile) error {
	facts := newTable("FILE", f.Name)
	hash := ""
	if f.EntryHash > 0 {
		hash = strconv.FormatInt(f.EntryHash, 10)
	}
	paid := ""
	if f.PaidOn != nil {
		paid = *f.PaidOn + ", unless the bank says otherwise"
	}
	for _, v := range [][2]string{{"state", f.State}, {"to do", bankFileNext(f)}, {"payments", strconv.Itoa(f.Payments)}, {"amount", f.Amount + " " + f.Currency}, {"entry hash", hash},
		{"SHA-256", f.SHA256}, {"message id", f.MessageID}, {"format", f.Format}, {"to be paid on", f.ExecuteOn}, {"counts as paid on", paid}, {"made", moment(&f.MadeAt)},
		{"fetched", doneBy(moment(f.FetchedAt), f.FetchedBy)}, {"sent", doneBy(moment(f.SentAt), f.SentBy)}, {"closed", moment(f.ClosedAt)},
		{"void", doneBy(moment(f.VoidAt), f.VoidBy)}, {"because", f.VoidReason}} {
		if v[1] != "" && v[1] != "-" {
			facts.add(v[0], v[1])
		}
	}
	err := facts.write(w, "")
	fmt.Fprintln(w)
	return err
}

func doneBy(when, who string) string {
	if who == "" {
		return ""
	}
	return when + " by " + who
}

type bankFilesGetCmd struct {
	bankFileArgs
	Reason string `help:"Why you need it; it is kept for ever." required:""`
	Out    string `help:"Where to write it; left out, its own name in this directory. A file that is there already is not touched." type:"path"`
}

var errBankFileBytes = errors.New("the bytes are not those of the file as it was made; nothing was written. Fetch it again")

// Run fetches a file and writes it for its owner only.
func (c *bankFilesGetCmd) Run(ctx context.Context, s *surroundings) (err error) {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	f, err := remote.GetBankFile(ctx, c.Book, c.Currency, c.Number)
	if err != nil {
		return err
	}
	if c.Out == "" {
		c.Out = f.Name
	}
	// Once it is fetched it takes two people to have it void, so there is a place for it before.
	out, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	content, err := remote.FetchBankFile(ctx, c.Book, c.Currency, c.Number, c.Reason)
	if digest := sha256.Sum256(content); err == nil && hex.EncodeToString(digest[:]) != f.SHA256 {
		err = errBankFileBytes
	}
	if err == nil {
		_, err = out.Write(content)
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return errors.Join(err, os.Remove(c.Out)) // half a file can be taken for a whole one
	}
	fmt.Fprintf(s.stdout, "%s has %d payments of %s %s. Hand it to the bank, remove it here, and then:\n  mizan payouts bank-files sent %s %s %d --reason \"…\"\n",
		c.Out, f.Payments, f.Amount, f.Currency, c.Book, c.Currency, c.Number)
	return nil
}

type bankFilesSentCmd struct {
	bankFileArgs
	Reason string `help:"How the bank got it; it is kept for ever." required:""`
}

// Run says that the bank has a file.
func (c *bankFilesSentCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	f, err := remote.BankFileSent(ctx, c.Book, c.Currency, c.Number, c.Reason)
	if err != nil {
		return err
	}
	return writeBankFile(s.stdout, f)
}

type bankFilesVoidCmd struct {
	bankFileArgs
	Reason string `help:"Why; it is kept for ever." required:""`
}

// Run says that a file is not carried out.
func (c *bankFilesVoidCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	f, err := remote.VoidBankFile(ctx, c.Book, c.Currency, c.Number, c.Reason)
	if err != nil {
		return err
	}
	return writeBankFile(s.stdout, f)
}

type bankReportCmd struct {
	remoteFlags
	Book     string `arg:"" help:"Code of the book."`
	Currency string `arg:"" help:"Currency of the bank account that it is about."`
	File     string `arg:"" help:"The report as the bank wrote it." type:"existingfile"`
	JSON     bool   `name:"json" help:"Print JSON."`
}

// Run sends a bank's report and prints what it came to.
func (c *bankReportCmd) Run(ctx context.Context, s *surroundings) error {
	remote, file, size, err := c.connectWithFile(s, c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	defer remote.CloseIdleConnections()
	r, err := remote.TakeBankReport(ctx, c.Book, c.Currency, file, size)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, r)
	}
	about := "several files"
	if r.File != nil {
		about = fmt.Sprintf("file %s %d", r.Currency, *r.File)
	}
	var said []string
	for _, outcome := range []string{"accepted", "settled", "failed", "unchanged", "strange"} {
		if n := r.Counts[outcome]; n > 0 {
			said = append(said, fmt.Sprintf("%d %s", n, outcome))
		}
	}
	fmt.Fprintf(s.stdout, "Report %s on %s: %s.\n", r.MessageID, about, strings.Join(said, ", "))
	if r.Counts["strange"] > 0 {
		fmt.Fprintln(s.stdout, "What is strange contradicts what is known. Nothing was changed for it; ask the bank.")
	}
	items, err := client.Collect(remote.BankReportItems(ctx, c.Book, r.SHA256), shownBreaks)
	if err != nil {
		return err
	}
	t := newTable("PAYMENT", "SAID", "CODE", "OUTCOME", "MEANING")
	for _, i := range items {
		t.add(i.Payment, i.Said, i.Code, i.Outcome, i.Meaning)
	}
	return t.write(s.stdout, "")
}

type bankReportsCmd struct {
	remoteFlags
	listed
	Book string `arg:"" help:"Code of the book."`
}

// Run prints the reports of the bank.
func (c *bankReportsCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	return printed(s, c.listed, remote.BankReports(ctx, c.Book), []string{"REPORT", "RECEIVED", "BY", ">SETTLED", ">FAILED", ">STRANGE"}, func(r client.BankReport) []string {
		return []string{r.Currency + " " + r.MessageID, moment(&r.ReceivedAt), r.ReceivedBy, strconv.Itoa(r.Counts["settled"]), strconv.Itoa(r.Counts["failed"]), strconv.Itoa(r.Counts["strange"])}
	})
}

type bankAccountsCmd struct {
	List bankAccountsListCmd `cmd:"" help:"List a book's own bank accounts, and what waits for the next file of each."`
	Set  bankAccountsSetCmd  `cmd:"" help:"Give a book a bank account; outside of development ask for an approval of the act bank_account.set."`
}

type bankAccountsListCmd struct {
	remoteFlags
	listed
	Book string `arg:"" help:"Code of the book."`
}

var bankAccountHeading = []string{"CUR", "ACCOUNT", "BANK", "FORMAT", ">VERSION", ">PAID AFTER", ">WAITING", ">AMOUNT"}

func bankAccountRow(a client.BankAccount) []string {
	return []string{a.Currency, a.Account, a.Bank, a.Format, strconv.Itoa(a.Version), strconv.Itoa(a.PaidAfter), strconv.Itoa(a.Waiting.Payments), a.Waiting.Amount}
}

// Run prints bank accounts.
func (c *bankAccountsListCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	return printed(s, c.listed, remote.BankAccounts(ctx, c.Book), bankAccountHeading, bankAccountRow)
}

type bankAccountsSetCmd struct {
	remoteFlags
	Book       string `arg:"" help:"Code of the book."`
	Currency   string `arg:"" help:"Currency of the account."`
	Format     string `help:"How the bank takes files: pain.001.001.09 or nacha." enum:"pain.001.001.09,nacha" default:"pain.001.001.09"`
	Name       string `help:"The company's name as the bank has it." required:""`
	Account    string `help:"IBAN or local number; left out for NACHA."`
	Bank       string `help:"BIC, or the routing number." required:""`
	Originator string `help:"The company's id at the bank."`
	BankName   string `help:"NACHA: the bank's name."`
	Country    string `help:"Where the account is, as two letters." required:""`
	Urgent     bool   `help:"Ask the bank to pay the same day, for more."`
	PaidAfter  int    `help:"Business days after which silence counts as paid; 0 if only the bank's word counts."`
	Reason     string `help:"Why; it is kept for ever." required:""`
}

// Run gives a book a bank account.
func (c *bankAccountsSetCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	a, err := remote.SetBankAccount(ctx, c.Book, client.NewBankAccount{Currency: c.Currency, PaidAfter: c.PaidAfter, Reason: c.Reason,
		Debtor: client.BankDebtor{Format: c.Format, Name: c.Name, Account: c.Account, Bank: c.Bank, Originator: c.Originator, BankName: c.BankName, Country: c.Country, Urgent: c.Urgent}})
	if err != nil {
		return err
	}
	t := newTable(bankAccountHeading...)
	t.add(bankAccountRow(a)...)
	return t.write(s.stdout, "")
}
