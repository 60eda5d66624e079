package main

// Breaks at the command line: what differs, whose it is, and why. Putting one right and writing one off need a second person:
// mizan approvals ask.

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"mizan/api/client"
)

type breaksCmd struct {
	List    breaksListCmd    `cmd:"" help:"List differences, those that were seen first first."`
	Show    breaksShowCmd    `cmd:"" help:"Print one with both its sides and its history."`
	Assign  breaksAssignCmd  `cmd:"" help:"Give one to a team or a person."`
	Explain breaksExplainCmd `cmd:"" help:"Say why one is there and when it should be gone."`
	Note    breaksNoteCmd    `cmd:"" help:"Add a remark."`
	Reopen  breaksReopenCmd  `cmd:"" help:"Open one again that is explained or has ended."`
	Ageing  breaksAgeingCmd  `cmd:"" help:"Print how old the open ones are, and what waits in suspense."`
}

type breaksListCmd struct {
	remoteFlags
	listed
	Book     string `arg:"" help:"Code of the book."`
	All      bool   `help:"Also those that have ended."`
	State    string `help:"Only those in this state: open, explained, fixed, written_off or cleared."`
	Class    string `help:"Only those of this class, such as fee_differs."`
	Match    string `help:"Only those of this match: R1, R2, R3 or R4."`
	Source   string `help:"Only those of this source, such as bank/main."`
	Owner    string `help:"Only what this team or person deals with."`
	Currency string `help:"Only those in this currency."`
	MinAge   int    `help:"Only those first seen so many days ago or earlier." placeholder:"DAYS"`
	Ref      string `help:"Only those one of whose references is this."`
}

// Run prints breaks.
func (c *breaksListCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	q := client.BreakQuery{Open: !c.All && c.State == "", State: c.State, Class: c.Class, Match: c.Match, Source: c.Source, Owner: c.Owner, Currency: c.Currency, Reference: c.Ref, MinAgeDays: c.MinAge}
	return printed(s, c.listed, remote.Breaks(ctx, c.Book, q), []string{"BREAK", "CLASS", "STATE", "CUR", ">AMOUNT", ">SUSPENSE", ">DAYS", "OWNER", "SOURCE", "REFERENCE"}, func(b client.Break) []string {
		ref := b.Left
		if ref == "" {
			ref = b.Right
		}
		return []string{b.ID, b.Class, b.State, b.Currency, b.Amount, b.Suspense, strconv.Itoa(b.AgeDays), b.Owner, b.Match + " " + b.Source, ref}
	})
}

// breakArgs name a break.
type breakArgs struct {
	remoteFlags
	Book string `arg:"" help:"Code of the book."`
	Of   string `arg:"" name:"break" help:"Id of the break, such as brk_0123456789abcdef."`
}

type breaksShowCmd struct {
	breakArgs
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints a break.
func (c *breaksShowCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	d, err := remote.GetBreak(ctx, c.Book, c.Of)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, d)
	}
	return writeBreakDetail(s.stdout, d)
}

func writeBreakDetail(w io.Writer, d client.BreakDetail) error {
	if err := writeBreak(w, d.Break); err != nil {
		return err
	}
	lines := newTable(">LINE", "MOVED", "CATEGORY", "CUR", ">NET", "KEY")
	for _, l := range d.Lines {
		lines.add(strconv.FormatInt(l.Number, 10), movedOn(d.Break.Match == "R2", l), l.Category, l.Currency, l.Net, l.Key)
	}
	entries := newTable("TRANSACTION", "OCCURRED", "EVENT", "ACCOUNT", "CUR", ">AMOUNT", "REFERENCE")
	for _, e := range d.Entries {
		entries.add(e.Transaction, moment(&e.OccurredAt), e.Event, e.Account, e.Currency, e.Amount, e.ExternalRef)
	}
	steps := newTable(">STEP", "WHEN", "WHAT", "BY", "SAID")
	for _, x := range d.Steps {
		steps.add(strconv.FormatInt(x.Number, 10), moment(&x.At), x.Act, x.By, x.Note)
	}
	for _, part := range []struct {
		n     int
		title string
		t     *table
	}{{d.LinesCount, "lines of the source", lines}, {d.EntriesCount, "entries of the ledger", entries}, {len(d.Steps), "steps", steps}} {
		if part.n == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%d %s\n", part.n, part.title)
		if err := part.t.write(w, "  "); err != nil {
			return err
		}
	}
	return nil
}

// writeBreak prints how a break stands.
func writeBreak(w io.Writer, b client.Break) error {
	facts := newTable("BREAK", b.ID)
	for _, v := range [][2]string{{"what", b.Detail}, {"class", b.Class}, {"state", b.State}, {"amount", b.Amount + " " + b.Currency}, {"in suspense", b.Suspense + " " + b.Currency}, {"match", b.Match + " " + b.Source},
		{"source has", b.Left}, {"ledger has", b.Right}, {"happened", moment(&b.HappenedAt)}, {"original period", b.Original}, {"first seen", moment(&b.FirstSeen)}, {"expected by", moment(b.ExpectedBy)},
		{"age in days", strconv.Itoa(b.AgeDays)}, {"owner", b.Owner}, {"note", b.Note}, {"document", b.Document}, {"not posted because", b.Held}, {"fix", b.Fix}, {"ended", moment(b.EndedAt)},
		{"last step", strconv.FormatInt(b.Step, 10)}} {
		if v[1] != "" {
			facts.add(v[0], v[1])
		}
	}
	return facts.write(w, "")
}

// breakActArgs name a break and how it was seen last.
type breakActArgs struct {
	breakArgs
	Step int64 `help:"Last step of the break that you have seen; it is refused if somebody changed it since. Without it, the last one there is." placeholder:"STEP"`
}

// act does something to a break as it stands, or as it was seen, and prints how it stands then.
func (c *breakActArgs) act(ctx context.Context, s *surroundings, do func(remote *client.Client, step int64) (client.Break, error)) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	step := c.Step
	if step == 0 {
		d, err := remote.GetBreak(ctx, c.Book, c.Of)
		if err != nil {
			return err
		}
		step = d.Break.Step
	}
	b, err := do(remote, step)
	if err != nil {
		return err
	}
	return writeBreak(s.stdout, b)
}

type breaksAssignCmd struct {
	breakActArgs
	Owner string `arg:"" help:"The team or the person who deals with it."`
}

// Run gives a break to somebody.
func (c *breaksAssignCmd) Run(ctx context.Context, s *surroundings) error {
	return c.act(ctx, s, func(remote *client.Client, step int64) (client.Break, error) {
		return remote.AssignBreak(ctx, c.Book, c.Of, step, c.Owner)
	})
}

type breaksExplainCmd struct {
	breakActArgs
	Note     string `help:"What it is; it is kept for ever." required:""`
	ClearBy  string `help:"The day by which it should be gone, such as 2026-11-30." required:"" placeholder:"DAY"`
	Document string `help:"Where it can be read."`
}

// Run explains a break.
func (c *breaksExplainCmd) Run(ctx context.Context, s *surroundings) error {
	by, err := time.Parse(time.DateOnly, c.ClearBy)
	if err != nil {
		return usageError("--clear-by is a day such as 2026-11-30.")
	}
	return c.act(ctx, s, func(remote *client.Client, step int64) (client.Break, error) {
		return remote.ExplainBreak(ctx, c.Book, c.Of, step, c.Note, c.Document, by)
	})
}

type breaksNoteCmd struct {
	breakActArgs
	Note string `arg:"" help:"The remark; it is kept for ever."`
}

// Run adds a remark.
func (c *breaksNoteCmd) Run(ctx context.Context, s *surroundings) error {
	return c.act(ctx, s, func(remote *client.Client, step int64) (client.Break, error) {
		return remote.NoteBreak(ctx, c.Book, c.Of, step, c.Note)
	})
}

type breaksReopenCmd struct {
	breakActArgs
	Note string `help:"Why; it is kept for ever." required:""`
}

// Run opens a break again.
func (c *breaksReopenCmd) Run(ctx context.Context, s *surroundings) error {
	return c.act(ctx, s, func(remote *client.Client, step int64) (client.Break, error) {
		return remote.ReopenBreak(ctx, c.Book, c.Of, step, c.Note)
	})
}

type breaksAgeingCmd struct {
	remoteFlags
	Book string `arg:"" help:"Code of the book."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run prints how old the open breaks are.
func (c *breaksAgeingCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	a, err := remote.BreakAgeing(ctx, c.Book)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, a)
	}
	open := newTable("DAYS", "CUR", "CLASS", "OWNER", ">BREAKS", ">NET", ">GROSS", ">SUSPENSE")
	for _, x := range a.Breaks {
		open.add(daysOf(a.Ends, x.Bucket), x.Currency, x.Class, x.Owner, strconv.FormatInt(x.Count, 10), x.Net, x.Gross, x.Suspense)
	}
	if err := open.write(s.stdout, ""); err != nil {
		return err
	}
	fmt.Fprintln(s.stdout)
	waits := newTable("IN SUSPENSE", "CUR", "SIDE", ">BREAKS", ">NET")
	for _, x := range a.Suspense {
		side := "went"
		if x.Inflow {
			side = "came"
		}
		waits.add(daysOf(a.Ends, x.Bucket), x.Currency, side, strconv.FormatInt(x.Count, 10), x.Net)
	}
	return waits.write(s.stdout, "")
}

// daysOf writes an age class: 0-1, 2-7, > 30.
func daysOf(ends []int, bucket int) string {
	from := 0
	if bucket > 0 && bucket <= len(ends) {
		from = ends[bucket-1] + 1
	}
	if bucket >= len(ends) {
		return "> " + strconv.Itoa(from-1)
	}
	return strconv.Itoa(from) + "-" + strconv.Itoa(ends[bucket])
}
