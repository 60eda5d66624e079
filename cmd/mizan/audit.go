package main

// Audit: the trail of privileged acts, read, checked and carried away by operators.

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"mizan/ledger/guard"
)

type auditCmd struct {
	List   auditListCmd   `cmd:"" help:"Print the latest privileged acts, or the latest of those that are chosen."`
	Verify auditVerifyCmd `cmd:"" help:"Check that no row of the trail was changed, lost or slipped in."`
	Export auditExportCmd `cmd:"" help:"Write the whole trail as JSON lines, with the hashes that chain it."`
}

// auditPage is how many rows are read at once.
const auditPage = 1000

type auditListCmd struct {
	insideFlags
	Book   string `help:"Code of the book; without it the trail of the installation: keys, people and roles." placeholder:"CODE"`
	Act    string `help:"Only this act, such as key.revoked; one that ends in a dot stands for all that begin with it." placeholder:"ACT"`
	Actor  string `help:"Only what this key, person or operator did." placeholder:"ID"`
	Object string `help:"Only what was done to this, such as person:per_…." placeholder:"KIND:ID"`
	Before int64  `help:"Only what lies before this row of the trail, for the acts before those that were printed." placeholder:"SEQUENCE"`
	Limit  int    `help:"How many rows, 1 to 1000." default:"100" placeholder:"N"`
}

// Run prints one line per act, the latest last.
func (c *auditListCmd) Run(ctx context.Context, s *surroundings) error {
	if c.Limit < 1 || c.Limit > auditPage {
		return usageError("--limit is 1 to 1000.")
	}
	if c.Before < 0 {
		return usageError("--before is the sequence of a row: 1, 2, 3 …")
	}
	return c.with(ctx, s, func(in *inside) error {
		book, _, err := in.place(ctx, c.Book)
		if err != nil {
			return err
		}
		rows, err := in.trail.Latest(ctx, book, guard.Filter{Act: c.Act, Actor: c.Actor, Object: c.Object}, c.Before, c.Limit)
		if err != nil {
			return err
		}
		t := newTable(">SEQUENCE", "AT", "ACTOR", "ACT", "OBJECT", "APPROVAL", "WHY")
		for _, r := range rows {
			t.add(fmt.Sprint(r.Sequence), r.RecordedAt.Format(time.DateTime), r.Actor.Kind+" "+r.Actor.ID, r.Act, r.Object, r.Approval, firstLine(r.Why))
		}
		return t.write(s.stdout, "")
	})
}

// firstLine keeps a reason of several lines on one.
func firstLine(text string) string {
	const most = 60
	for i, r := range []rune(text) {
		if r < ' ' || i == most {
			return string([]rune(text)[:i]) + "…"
		}
	}
	return text
}

type auditVerifyCmd struct {
	insideFlags
	Book string `help:"Code of the book; without it the trail of the installation." placeholder:"CODE"`
}

// Run prints how many rows there are and the hash of the last, which an earlier note can be compared with.
func (c *auditVerifyCmd) Run(ctx context.Context, s *surroundings) error {
	return c.with(ctx, s, func(in *inside) error {
		book, _, err := in.place(ctx, c.Book)
		if err != nil {
			return err
		}
		found, err := in.trail.Verify(ctx, book)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.stdout, "The trail is sound: %d rows, head %s.\n", found.Rows, hex.EncodeToString(found.Head[:]))
		return err
	})
}

type auditExportCmd struct {
	insideFlags
	Book string `help:"Code of the book; without it the trail of the installation." placeholder:"CODE"`
	Out  string `short:"o" help:"File to write; standard output without it." type:"path" placeholder:"FILE"`
}

// Run writes one JSON document per row, oldest first; the last is the row of this export.
func (c *auditExportCmd) Run(ctx context.Context, s *surroundings) error {
	return c.with(ctx, s, func(in *inside) error {
		book, _, err := in.place(ctx, c.Book)
		if err != nil {
			return err
		}
		write := func(w io.Writer) error { return in.exportTrail(ctx, book, w) }
		if c.Out == "" {
			return write(s.stdout)
		}
		return replaceFile(c.Out, write)
	})
}

func (in *inside) exportTrail(ctx context.Context, book guard.Book, w io.Writer) error {
	out := bufio.NewWriter(w)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	if _, err := in.trail.Taken(ctx, in.by, book, guard.Filter{}, 0); err != nil {
		return err
	}
	for after := int64(0); ; {
		rows, err := in.trail.Rows(ctx, book, guard.Filter{}, after, auditPage)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := lines.Encode(trailLineOf(r)); err != nil {
				return err
			}
			after = r.Sequence
		}
		if len(rows) < auditPage {
			return out.Flush()
		}
	}
}

// trailLine is a row of the trail for programs.
type trailLine struct {
	Sequence   int64           `json:"sequence"`
	RecordedAt string          `json:"recorded_at"`
	ActorKind  string          `json:"actor_kind"`
	Actor      string          `json:"actor"`
	Person     string          `json:"person"`
	Address    string          `json:"address"`
	RequestID  string          `json:"request_id"`
	Act        string          `json:"act"`
	Object     string          `json:"object"`
	Before     json.RawMessage `json:"before"`
	After      json.RawMessage `json:"after"`
	Why        string          `json:"why"`
	Approval   string          `json:"approval"`
	Previous   string          `json:"previous"`
	Hash       string          `json:"hash"`
}

func trailLineOf(r guard.Row) trailLine {
	return trailLine{
		Sequence: r.Sequence, RecordedAt: r.RecordedAt.UTC().Format("2006-01-02T15:04:05.000000Z"), ActorKind: r.Actor.Kind, Actor: r.Actor.ID, Person: r.Actor.Person,
		Address: r.Actor.Address, RequestID: r.Actor.RequestID, Act: r.Act, Object: r.Object, Before: r.Before, After: r.After, Why: r.Why, Approval: r.Approval,
		Previous: hex.EncodeToString(r.Previous[:]), Hash: hex.EncodeToString(r.Hash[:]),
	}
}
