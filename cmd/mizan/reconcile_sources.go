package main

// Evidence at the command line: where it comes from, statements that are brought, processors that are read, and the lines.

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"mizan/api/client"
)

type reconcileSourcesCmd struct {
	remoteFlags
	listed
	Book   string `arg:"" help:"Code of the book."`
	Source string `arg:"" optional:"" help:"Only this one, with how far it is known and what is missing, such as bank/main."`
}

// Run prints sources, or how one stands.
func (c *reconcileSourcesCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	if c.Source == "" {
		return printed(s, c.listed, remote.EvidenceSources(ctx, c.Book), []string{"SOURCE", "CUR", "FORMAT", "ACCOUNT", "HELD AGAINST", ">VERSION"}, sourceRow)
	}
	kind, name, err := sourceArg(c.Source)
	if err != nil {
		return err
	}
	x, err := remote.GetEvidenceSource(ctx, c.Book, kind, name)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, x)
	}
	fmt.Fprintf(s.stdout, "%s/%s: %d lines in %d receipts.\n", x.Source.Kind, x.Source.Name, x.LastLine, x.LastReceipt)
	if x.PulledUntil != nil {
		fmt.Fprintf(s.stdout, "Read up to %s.\n", moment(x.PulledUntil))
	}
	return writeGaps(s, x.Gaps)
}

func sourceRow(x client.EvidenceSource) []string {
	return []string{x.Kind + "/" + x.Name, x.Currency, x.Format, x.Identification, strings.Join(x.Accounts, " "), strconv.Itoa(x.Version)}
}

// sourceArg reads a source as it is written: its kind, a slash, and its name.
func sourceArg(text string) (kind, name string, err error) {
	kind, name, ok := strings.Cut(text, "/")
	if !ok || kind == "" || name == "" {
		return "", "", usageError("A source is written as its kind, a slash and its name: processor/main, bank/main.")
	}
	return kind, name, nil
}

// writeGaps says what is missing, or that nothing is.
func writeGaps(s *surroundings, gaps []client.EvidenceGap) error {
	if len(gaps) == 0 {
		_, err := fmt.Fprintln(s.stdout, "Nothing is missing.")
		return err
	}
	t := newTable("MISSING", "CUR", ">AMOUNT", "WHAT")
	for _, g := range gaps {
		t.add(g.Kind, g.Currency, g.Amount, g.Detail)
	}
	return t.write(s.stdout, "")
}

type reconcileSetSourceCmd struct {
	remoteFlags
	Book           string   `arg:"" help:"Code of the book."`
	Source         string   `arg:"" help:"Such as processor/main or bank/main."`
	Account        []string `help:"An account of the ledger that a bank's lines are held against. May be given several times." placeholder:"ACCOUNT"`
	Currency       string   `help:"Currency of a bank account."`
	Format         string   `help:"Format of a bank's statements: camt.053, csv, bai2 or mt940."`
	Identification string   `help:"The account's number as the bank writes it; statements of other accounts are refused."`
	Profile        string   `help:"File that says what the columns of a CSV file mean, as JSON." type:"existingfile" placeholder:"FILE"`
	Batches        bool     `help:"The bank books a whole file of payments as one line."`
	Shared         bool     `help:"Other books have the same account at the processor."`
}

// Run says how a source is read.
func (c *reconcileSetSourceCmd) Run(ctx context.Context, s *surroundings) error {
	kind, name, err := sourceArg(c.Source)
	if err != nil {
		return err
	}
	n := client.EvidenceSettings{Accounts: c.Account, Currency: c.Currency, Format: c.Format, Identification: c.Identification, Batches: c.Batches, Shared: c.Shared}
	if c.Profile != "" {
		if n.Profile, err = os.ReadFile(c.Profile); err != nil {
			return err
		}
	}
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	x, err := remote.SetEvidenceSource(ctx, c.Book, kind, name, n)
	if err != nil {
		return err
	}
	t := newTable("SOURCE", "CUR", "FORMAT", "ACCOUNT", "HELD AGAINST", ">VERSION")
	t.add(sourceRow(x)...)
	return t.write(s.stdout, "")
}

type reconcileStatementCmd struct {
	remoteFlags
	Book string `arg:"" help:"Code of the book."`
	Name string `arg:"" help:"Name of the bank account as a source, such as main."`
	File string `arg:"" help:"The statement as the bank wrote it." type:"existingfile"`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run brings a statement and prints what was new in it.
func (c *reconcileStatementCmd) Run(ctx context.Context, s *surroundings) error {
	remote, file, size, err := c.connectWithFile(s, c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	defer remote.CloseIdleConnections()
	r, err := remote.TakeStatement(ctx, c.Book, c.Name, file, size)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, r)
	}
	before := ""
	if r.Replayed {
		before = " It was taken before, and nothing changed."
	}
	_, err = fmt.Fprintf(s.stdout, "Receipt %d: %d new lines, %d known, %d changes. SHA-256 %s.%s\n", r.Number, r.NewLines, r.KnownLines, r.Changes, r.SHA256, before)
	return err
}

type reconcilePullCmd struct {
	remoteFlags
	Book string `arg:"" help:"Code of the book."`
	Name string `arg:"" optional:"" default:"main" help:"Name of the processor account as a source."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// mostPullsAsked bounds how often one command asks for more.
const mostPullsAsked = 1000

// Run reads a processor until all is there.
func (c *reconcilePullCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	var all client.Pulled
	for range mostPullsAsked {
		p, err := remote.PullProcessor(ctx, c.Book, c.Name)
		if err != nil {
			return err
		}
		all = client.Pulled{Lines: all.Lines + p.Lines, Changed: all.Changed + p.Changed, Receipts: all.Receipts + p.Receipts, More: p.More, Gaps: p.Gaps}
		if !p.More {
			break
		}
	}
	if c.JSON {
		return writeJSON(s.stdout, all)
	}
	fmt.Fprintf(s.stdout, "%d new lines in %d receipts, %d changed.\n", all.Lines, all.Receipts, all.Changed)
	return writeGaps(s, all.Gaps)
}

type reconcileLinesCmd struct {
	remoteFlags
	listed
	Book    string `arg:"" help:"Code of the book."`
	Source  string `arg:"" help:"Such as processor/main or bank/main."`
	Key     string `help:"Only lines that the ledger would know by this."`
	Line    string `help:"Only the line of this id."`
	Receipt int64  `help:"Only lines that were first said in this receipt."`
}

// Run prints lines.
func (c *reconcileLinesCmd) Run(ctx context.Context, s *surroundings) error {
	kind, name, err := sourceArg(c.Source)
	if err != nil {
		return err
	}
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	lines := remote.EvidenceLines(ctx, c.Book, kind, name, client.EvidenceLineQuery{Key: c.Key, LineID: c.Line, Receipt: c.Receipt})
	return printed(s, c.listed, lines, []string{">LINE", "MOVED", "CATEGORY", "CUR", ">GROSS", ">FEE", ">NET", "KEY"}, func(l client.EvidenceLine) []string {
		return []string{strconv.FormatInt(l.Number, 10), movedOn(kind == "bank", l), l.Category, l.Currency, l.Gross, l.Fee, l.Net, l.Key}
	})
}

// movedOn is when a line moved: at a bank the day, since it says no more.
func movedOn(bank bool, l client.EvidenceLine) string {
	if bank {
		return l.Day
	}
	return moment(&l.MovedAt)
}
