package main

// Statements of payees at the command line: what came to their accounts and why, and the same as a file.

import (
	"context"
	"fmt"
	"io"

	"mizan/api/client"
)

type statementCmd struct {
	List statementListCmd `cmd:"" help:"List the statements that were issued to a payee."`
	Show statementShowCmd `cmd:"" help:"Print a statement, or any days of a payee, with the lines."`
	Get  statementGetCmd  `cmd:"" help:"Fetch a statement, or any days of a payee, as a file."`
}

type statementListCmd struct {
	remoteFlags
	Book     string `arg:"" help:"Code of the book."`
	Payee    string `arg:"" help:"Id of the payee."`
	Currency string `help:"Only this currency." placeholder:"CODE"`
	JSON     bool   `name:"json" help:"Print JSON."`
}

// mostStatements bounds what is listed.
const mostStatements = 10_000

// Run lists statements, the last one first.
func (c *statementListCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	list, err := client.Collect(remote.PayeeStatements(ctx, c.Book, c.Payee, c.Currency), mostStatements)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, list)
	}
	t := newTable("STATEMENT", "NUMBER", "MONTH", "CURRENCY", "OPENING", "CLOSING", "LINES", "SHA-256")
	for _, st := range list {
		t.add(st.ID, fmt.Sprint(st.Number), st.Period, st.Currency, st.Opening, st.Closing, fmt.Sprint(st.Lines), st.SHA256)
	}
	return t.write(s.stdout, "")
}

// statementChoice says which statement: an issued one by its id, or days.
type statementChoice struct {
	Book     string `arg:"" help:"Code of the book."`
	Payee    string `arg:"" help:"Id of the payee."`
	ID       string `arg:"" optional:"" help:"Id of an issued statement; without it, the days of --from and --to."`
	Currency string `help:"Currency of the days; without it, the book's first." placeholder:"CODE"`
	From     string `help:"First of the days; without it, the first of this month." placeholder:"YYYY-MM-DD"`
	To       string `help:"Last of the days; without it, today." placeholder:"YYYY-MM-DD"`
}

func (c *statementChoice) days() client.Days {
	return client.Days{Currency: c.Currency, From: c.From, To: c.To}
}

// read returns the statement without its lines.
func (c *statementChoice) read(ctx context.Context, remote *client.Client) (client.PayeeStatement, error) {
	if c.ID != "" {
		return remote.PayeeStatement(ctx, c.Book, c.Payee, c.ID)
	}
	return remote.PayeeDays(ctx, c.Book, c.Payee, c.days())
}

type statementShowCmd struct {
	remoteFlags
	statementChoice
	Lines int  `help:"How many lines are printed at most." default:"1000"`
	JSON  bool `name:"json" help:"Print JSON."`
}

// Run prints the figures, the buckets and the lines.
func (c *statementShowCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	st, err := c.read(ctx, remote)
	if err != nil {
		return err
	}
	of := remote.PayeeDaysLines(ctx, c.Book, c.Payee, c.days())
	if c.ID != "" {
		of = remote.PayeeStatementLines(ctx, c.Book, c.Payee, c.ID)
	}
	var lines []client.PayeeStatementLine
	more := false
	for l, err := range of {
		if err != nil {
			return err
		}
		if more = len(lines) >= c.Lines; more {
			break
		}
		lines = append(lines, l)
	}
	if c.JSON {
		return writeJSON(s.stdout, struct {
			Statement client.PayeeStatement       `json:"statement"`
			Lines     []client.PayeeStatementLine `json:"lines"`
			More      bool                        `json:"more"`
		}{st, lines, more})
	}
	return writeStatement(s.stdout, st, lines, more)
}

func writeStatement(w io.Writer, st client.PayeeStatement, lines []client.PayeeStatementLine, more bool) error {
	facts := newTable("STATEMENT", st.ID)
	facts.add("payee", st.Payee)
	facts.add("days", st.FirstDay+" to "+st.LastDay)
	facts.add("estimated", st.Headlines.Estimated+" "+st.Currency)
	facts.add("settled", st.Headlines.Settled+" "+st.Currency)
	facts.add("on hold", st.Headlines.OnHold+" "+st.Currency)
	facts.add("in transit", st.Headlines.InTransit+" "+st.Currency)
	if st.Headlines.Paid != nil {
		facts.add("paid", *st.Headlines.Paid+" "+st.Currency)
	}
	buckets := newTable("BUCKET", "OPENING", "CLOSING")
	for _, b := range st.Buckets {
		buckets.add(b.Bucket, b.Opening, b.Closing)
	}
	all := newTable("LINE", "OCCURRED", "TYPE", "CODE", "ORDER", "BASIS", "RATE", "AMOUNT", "BUCKET", "BALANCE", "NOTE")
	for i := range lines {
		l := &lines[i]
		all.add(fmt.Sprint(l.Number), moment(&l.OccurredAt), l.Type, l.Code, l.Order, l.Basis, l.Rate, l.Amount, l.Bucket, l.Balance, l.Note)
	}
	err := facts.write(w, "")
	for _, t := range []*table{buckets, all} {
		if err == nil {
			if _, err = fmt.Fprintln(w); err == nil {
				err = t.write(w, "")
			}
		}
	}
	if err == nil && more {
		_, err = fmt.Fprintln(w, "There are more lines. Ask for more with --lines, or fetch the file with mizan statement get.")
	}
	return err
}

type statementGetCmd struct {
	remoteFlags
	statementChoice
	Format string `help:"json, csv, xlsx or jsonl." enum:"json,csv,xlsx,jsonl" default:"csv"`
	Out    string `required:"" help:"File to write, which appears complete or not at all." type:"path" placeholder:"FILE"`
}

// Run fetches the file.
func (c *statementGetCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connectWith(s, client.Options{Timeout: exportTimeout})
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	err = replaceFile(c.Out, func(to io.Writer) error {
		if c.ID != "" {
			return remote.PayeeStatementContent(ctx, c.Book, c.Payee, c.ID, c.Format, to)
		}
		return remote.PayeeDaysContent(ctx, c.Book, c.Payee, c.days(), c.Format, to)
	})
	if err == nil {
		_, err = fmt.Fprintln(s.stdout, c.Out)
	}
	return err
}
