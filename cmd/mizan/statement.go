package main

// Statements of payees at the command line: what came to their accounts and why, and the same as a file.

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"

	"mizan/api/client"
	"mizan/ledger/fault"
	"mizan/ledger/tabular"
)

// errStatementBytes means that a file is not what its manifest says.
var errStatementBytes = fault.New(fault.Internal, "statement-bytes", "The bytes that came are not those of the manifest. Fetch the statement again.")

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
	Payout   string `help:"Instead, what this payout paid." placeholder:"PAYOUT"`
	Currency string `help:"Currency of the days; without it, the book's first." placeholder:"CODE"`
	From     string `help:"First of the days; without it, the first of this month." placeholder:"YYYY-MM-DD"`
	To       string `help:"Last of the days; without it, today." placeholder:"YYYY-MM-DD"`
}

func (c *statementChoice) days() client.Days {
	return client.Days{Currency: c.Currency, From: c.From, To: c.To}
}

// Validate refuses what names two statements.
func (c *statementChoice) Validate() error {
	if c.Payout != "" && (c.ID != "" || c.From != "" || c.To != "" || c.Currency != "") {
		return errors.New("--payout names one statement; leave out the id, --from, --to and --currency")
	}
	return nil
}

// read returns the statement without its lines.
func (c *statementChoice) read(ctx context.Context, remote *client.Client) (client.PayeeStatement, error) {
	switch {
	case c.Payout != "":
		return remote.PayoutStatement(ctx, c.Book, c.Payee, c.Payout)
	case c.ID != "":
		return remote.PayeeStatement(ctx, c.Book, c.Payee, c.ID)
	}
	return remote.PayeeDays(ctx, c.Book, c.Payee, c.days())
}

// lines lists its lines.
func (c *statementChoice) lines(ctx context.Context, remote *client.Client) iter.Seq2[client.PayeeStatementLine, error] {
	switch {
	case c.Payout != "":
		return remote.PayoutStatementLines(ctx, c.Book, c.Payee, c.Payout)
	case c.ID != "":
		return remote.PayeeStatementLines(ctx, c.Book, c.Payee, c.ID)
	}
	return remote.PayeeDaysLines(ctx, c.Book, c.Payee, c.days())
}

// below returns what stands below its line; nothing below that of a payout.
func (c *statementChoice) below(ctx context.Context, remote *client.Client) (b client.StatementBelow, err error) {
	switch {
	case c.Payout != "":
		return b, nil
	case c.ID != "":
		return remote.PayeeStatementBelow(ctx, c.Book, c.Payee, c.ID)
	}
	return remote.PayeeDaysBelow(ctx, c.Book, c.Payee, c.days())
}

// content writes its file.
func (c *statementChoice) content(ctx context.Context, remote *client.Client, format string, to io.Writer) error {
	switch {
	case c.Payout != "":
		return remote.PayoutStatementContent(ctx, c.Book, c.Payee, c.Payout, format, to)
	case c.ID != "":
		return remote.PayeeStatementContent(ctx, c.Book, c.Payee, c.ID, format, to)
	}
	return remote.PayeeDaysContent(ctx, c.Book, c.Payee, c.days(), format, to)
}

// manifest returns what its file comes to.
func (c *statementChoice) manifest(ctx context.Context, remote *client.Client, format string) (client.StatementManifest, error) {
	switch {
	case c.Payout != "":
		return remote.PayoutStatementManifest(ctx, c.Book, c.Payee, c.Payout, format)
	case c.ID != "":
		return remote.PayeeStatementManifest(ctx, c.Book, c.Payee, c.ID, format)
	}
	return remote.PayeeDaysManifest(ctx, c.Book, c.Payee, c.days(), format)
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
	var lines []client.PayeeStatementLine
	more := false
	for l, err := range c.lines(ctx, remote) {
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
	if err := writeStatement(s.stdout, st, lines, more); err != nil {
		return err
	}
	below, err := c.below(ctx, remote)
	var problem *client.Problem
	if errors.As(err, &problem) && problem.Status == http.StatusForbidden {
		_, err := fmt.Fprintln(s.stderr, "What stands below the line is not shown: the key lacks the scope payouts:read.")
		return err
	}
	if err != nil {
		return err
	}
	return writeBelow(s.stdout, below, st.Currency)
}

// writeBelow prints what stands below the line: the tables that have a row.
func writeBelow(w io.Writer, b client.StatementBelow, currency string) error {
	held := newTable("HELD", "AMOUNT", "OF", "SINCE", "UNTIL", "WAITS FOR")
	for _, h := range b.Held {
		held.add(strings.Join(append([]string{h.Reason}, h.Categories...), " "), h.Amount, cmp.Or(h.Order, h.Campaign), moment(h.Since), moment(h.Until), h.WaitsFor)
	}
	for _, o := range b.Others {
		held.add(o.Bucket+", others", o.Amount)
	}
	paid := newTable("PAYOUT", "AMOUNT", "FEE", "STATE", "STATE NOW", "ARRIVED", "TRACE")
	for _, p := range b.Payouts {
		paid.add(p.ID, p.Amount, p.Fee, p.State, p.StateNow, moment(p.ArrivedAt), p.Trace)
	}
	fees := newTable("CARD FEES OF GIFTS", "OF GIFTS THAT WENT BACK")
	if f := b.CardFees; f != nil {
		fees.add(f.Borne, f.Back)
	}
	next := newTable("NEXT PAYOUT", "")
	if n := b.Next; n != nil {
		next.add("run", moment(&n.At))
		next.add(n.Verdict, n.Amount+" "+currency)
		for _, r := range n.Reasons {
			next.add(r.Code, r.Text)
		}
	}
	for _, t := range []struct {
		*table
		has bool
	}{{held, len(b.Held)+len(b.Others) > 0}, {paid, len(b.Payouts) > 0}, {fees, b.CardFees != nil}, {next, b.Next != nil}} {
		if !t.has {
			continue
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
		if err := t.write(w, ""); err != nil {
			return err
		}
	}
	return nil
}

func writeStatement(w io.Writer, st client.PayeeStatement, lines []client.PayeeStatementLine, more bool) error {
	facts := newTable("STATEMENT", st.ID)
	facts.add("payee", st.Payee)
	if st.Payout != "" {
		facts.add("payout", st.Payout+", "+st.PayoutState)
	}
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
	Format   string `help:"json, csv, xlsx or jsonl." enum:"json,csv,xlsx,jsonl" default:"csv"`
	Manifest bool   `help:"Write its manifest beside it, against which mizan export check holds it."`
	Out      string `required:"" help:"File to write, which appears complete or not at all." type:"path" placeholder:"FILE"`
}

// Run fetches the file.
func (c *statementGetCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connectWith(s, client.Options{Timeout: exportTimeout})
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	var manifest client.StatementManifest
	if c.Manifest {
		if manifest, err = c.manifest(ctx, remote, c.Format); err != nil {
			return err
		}
	}
	err = replaceFile(c.Out, func(to io.Writer) error {
		content := func(to io.Writer) error { return c.content(ctx, remote, c.Format, to) }
		if !c.Manifest {
			return content(to)
		}
		return writeAsManifest(to, manifest.Text, content)
	})
	if err == nil && c.Manifest {
		err = replaceFile(c.Out+manifestSuffix, func(to io.Writer) error {
			_, err := io.WriteString(to, manifest.Text)
			return err
		})
	}
	if err == nil {
		_, err = fmt.Fprintln(s.stdout, c.Out)
	}
	return err
}

// writeAsManifest writes a file and fails with errStatementBytes if it is not the one that a manifest is of.
func writeAsManifest(to io.Writer, manifest string, content func(io.Writer) error) error {
	m, err := tabular.ReadManifest(strings.NewReader(manifest))
	if err != nil {
		return err
	}
	sum := sha256.New()
	if err := content(io.MultiWriter(to, sum)); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != m.SHA256 {
		return errStatementBytes
	}
	return nil
}
