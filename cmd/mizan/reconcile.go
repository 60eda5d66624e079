package main

// Reconciliation at the command line: runs that hold the books against evidence, and the same run made again.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"mizan/api/client"
	"mizan/ledger/fault"
)

type reconcileCmd struct {
	Run       reconcileRunCmd       `cmd:"" help:"Hold a source against the ledger, now. A job does it every night."`
	Runs      reconcileRunsCmd      `cmd:"" help:"List runs, the latest first."`
	Show      reconcileShowCmd      `cmd:"" help:"Print what a run comes to on each side."`
	Replay    reconcileReplayCmd    `cmd:"" help:"Make a run again from its evidence, and say whether it comes to the same."`
	Document  reconcileDocumentCmd  `cmd:"" help:"Fetch a run as canonical JSON, whose SHA-256 is its digest."`
	Sources   reconcileSourcesCmd   `cmd:"" help:"List the sources of evidence, or print how one stands."`
	SetSource reconcileSetSourceCmd `cmd:"" help:"Say how a source of evidence is read."`
	Statement reconcileStatementCmd `cmd:"" help:"Bring a bank's statement."`
	Pull      reconcilePullCmd      `cmd:"" help:"Read what is new at a processor, now."`
	Lines     reconcileLinesCmd     `cmd:"" help:"List the lines of a source."`
}

var (
	errRunNotSame = fault.New(fault.Conflict, "replay-differs",
		"The run does not come to the same when it is made again: its evidence, the ledger or the run itself was changed since. Run mizan verify, and find out who did it.")
	errDocumentBytes = fault.New(fault.Internal, "document-bytes", "The bytes that came are not those of the run. Fetch it again.")
)

type reconcileRunCmd struct {
	remoteFlags
	Book   string `arg:"" help:"Code of the book."`
	Match  string `arg:"" help:"R1 with a processor, R2 with a bank, R3 the book with itself, R4 with a channel." enum:"R1,R2,R3,R4"`
	Source string `arg:"" optional:"" help:"Such as processor/main or bank/main; none for R3."`
	CutOff string `help:"The time by which it judges what is late; without it, now." placeholder:"TIME"`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// Run holds a source against the ledger and prints what it came to.
func (c *reconcileRunCmd) Run(ctx context.Context, s *surroundings) error {
	n := client.NewReconciliation{Match: c.Match, Source: c.Source}
	if c.CutOff != "" {
		at, err := time.Parse(time.RFC3339, c.CutOff)
		if err != nil {
			return usageError("--cut-off is a time such as 2026-12-01T00:00:00Z.")
		}
		n.CutOff = &at
	}
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	r, err := remote.Reconcile(ctx, c.Book, n)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, r)
	}
	if err := writeReconciliation(s.stdout, r); err != nil {
		return err
	}
	if r.Posted != nil {
		writePosted(s.stdout, *r.Posted)
	}
	if r.Found > 0 {
		fmt.Fprintf(s.stdout, "See them with:\n  mizan breaks list %s\n", c.Book)
	}
	return nil
}

// writePosted says what was posted because of differences.
func writePosted(w io.Writer, p client.PostedDifferences) {
	for _, said := range []struct {
		n    int
		what string
	}{{p.Landed, "booked as landed"}, {p.Suspended, "put into suspense"}, {p.TrueUps, "corrected as fees"}, {p.Held, "above the limits of the rules, and left to people"}} {
		if said.n > 0 {
			fmt.Fprintf(w, "%d of what differed: %s.\n", said.n, said.what)
		}
	}
	if p.Later {
		fmt.Fprintln(w, "Not all could be posted now; the next round does the rest.")
	}
}

type reconcileRunsCmd struct {
	remoteFlags
	listed
	Book string `arg:"" help:"Code of the book."`
}

// Run prints runs.
func (c *reconcileRunsCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	return printed(s, c.listed, remote.Reconciliations(ctx, c.Book), []string{"RUN", "MATCH", "SOURCE", "CUT-OFF", ">MATCHED", ">OPEN", ">FOUND", "BY"}, func(r client.Reconciliation) []string {
		return []string{r.ID, r.Match, r.Source, moment(&r.CutOff), strconv.FormatInt(r.Matched, 10), strconv.FormatInt(r.OpenItems, 10), strconv.FormatInt(r.Found, 10), r.StartedBy}
	})
}

// reconciliationArgs name a run.
type reconciliationArgs struct {
	remoteFlags
	Book string `arg:"" help:"Code of the book."`
	Of   string `arg:"" name:"run" help:"Id of the run, such as rec_0123456789abcdef."`
}

type reconcileShowCmd struct {
	reconciliationArgs
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints a run.
func (c *reconcileShowCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	r, err := remote.GetReconciliation(ctx, c.Book, c.Of)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, r)
	}
	return writeReconciliation(s.stdout, r)
}

// reconcileSums are a run's summary of a currency.
type reconcileSums struct {
	Currency   string         `json:"currency"`
	Opening    reconcileSides `json:"opening"`
	Categories []struct {
		Category string         `json:"category"`
		Sides    reconcileSides `json:"sides"`
	} `json:"categories"`
	Closing reconcileSides `json:"closing"`
}

type reconcileSides struct {
	Source string `json:"source"`
	Ledger string `json:"ledger"`
}

// writeReconciliation prints a run: both sides of each currency, and what they rest on.
func writeReconciliation(w io.Writer, r client.Reconciliation) error {
	t := newTable(r.Match+" "+r.Source, "CUR", ">SOURCE", ">LEDGER")
	var sums []reconcileSums
	if r.Match == "R1" || r.Match == "R2" { // the others have no two sides of one account
		if err := json.Unmarshal(r.Summary, &sums); err != nil {
			return err
		}
	}
	for _, sum := range sums {
		t.add("Opening", sum.Currency, sum.Opening.Source, sum.Opening.Ledger)
		for _, c := range sum.Categories {
			t.add(c.Category, sum.Currency, c.Sides.Source, c.Sides.Ledger)
		}
		t.add("Closing", sum.Currency, sum.Closing.Source, sum.Closing.Ledger)
	}
	if err := t.write(w, ""); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "Run %s, number %d: %s, %s, judged by %s.\n%d matched, %d open, %d differences. Digest %s\n", r.ID, r.Number,
		taken("lines", r.FromLine, r.ToLine), taken("transactions", r.FromSequence, r.ToSequence), moment(&r.CutOff), r.Matched, r.OpenItems, r.Found, r.Digest)
	return err
}

// taken says what a run took after what the run before it had.
func taken(what string, from, to int64) string {
	if from == to {
		return "no new " + what
	}
	return fmt.Sprintf("%s %d to %d", what, from+1, to)
}

type reconcileReplayCmd struct {
	reconciliationArgs
	JSON bool `name:"json" help:"Print JSON."`
}

// Run makes a run again. It fails if that does not come to the same.
func (c *reconcileReplayCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	r, err := remote.ReplayReconciliation(ctx, c.Book, c.Of)
	if err != nil {
		return err
	}
	if c.JSON {
		err = writeJSON(s.stdout, r)
	} else if r.Same {
		_, err = fmt.Fprintf(s.stdout, "%s, made again from its evidence and the ledger, comes to the same bytes. Digest %s\n", c.Of, r.Digest)
	} else {
		_, err = fmt.Fprintf(s.stdout, "%s DOES NOT COME TO THE SAME: %v differ. Digest %s, recorded %s\n", c.Of, r.Differs, r.Digest, r.Was)
	}
	if err == nil && !r.Same {
		err = errRunNotSame
	}
	return err
}

type reconcileDocumentCmd struct {
	reconciliationArgs
	Output string `help:"File to write, which appears complete or not at all; without it, standard output." type:"path" placeholder:"FILE"`
}

// Run fetches a run's document and holds it against the run's digest.
func (c *reconcileDocumentCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	r, err := remote.GetReconciliation(ctx, c.Book, c.Of)
	if err != nil {
		return err
	}
	write := func(w io.Writer) error {
		sum := sha256.New()
		err := remote.ReconciliationDocument(ctx, c.Book, c.Of, io.MultiWriter(w, sum))
		if err == nil && hex.EncodeToString(sum.Sum(nil)) != r.Digest {
			err = errDocumentBytes
		}
		return err
	}
	if c.Output == "" {
		return write(s.stdout)
	}
	return replaceFile(c.Output, write)
}
