package reconcile

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
)

// What one person may do with a break alone: nothing of it moves money. Whoever acts names the last step that they have seen, so
// that nobody decides on a break that has become another. Notes may hold what is nobody else's business: they stand in the break and
// its steps, and never in the trail.

// The acts of one person, as the trail names them.
const (
	actAssigned  = "break.assigned"
	actExplained = "break.explained"
	actNoted     = "break.noted"
	actReopened  = "break.reopened"
)

// mostBreakNote and mostBreakDocument bound what people say of a break, in bytes.
const (
	mostBreakNote     = 2000
	mostBreakDocument = 255
)

// checkNote checks a text of people.
func checkNote(pointer, text string, most int, needed bool) error {
	switch {
	case needed && strings.TrimSpace(text) == "":
		return ErrBreakInvalid.At(pointer, "required", "Say it in a sentence.")
	case len(text) > most, !utf8.ValidString(text), strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }):
		return ErrBreakInvalid.At(pointer, "text", "This text is too long, or has characters that are none.")
	}
	return nil
}

// personal is an act of one person on a break.
type personal struct {
	by   guard.Actor
	book ledger.Book
	id   string
	// step is the last step of the break that the person has seen.
	step int64
	// act names it in the trail, kind among the steps.
	act, kind, note string
}

// onBreak changes a break under its lock, with its step and its row of the trail.
func (s *Service) onBreak(ctx context.Context, p personal, change func(b *Break, now time.Time) error) (out Break, err error) {
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		held, err := lockSteps(ctx, tx, p.book)
		if err != nil {
			return err
		}
		b, err := breakOf(ctx, tx, p.book, p.id)
		if err != nil {
			return err
		}
		if b.Step != p.step {
			return ErrBreakState
		}
		now := s.now()
		before := breakMark(&b)
		if err := change(&b, now); err != nil {
			return err
		}
		b.ChangedAt = now
		changed := []changedBreak{{Break: b, act: p.kind, note: p.note}}
		held.number(changed)
		if err := saveBreaks(ctx, tx, p.book, changed); err != nil {
			return err
		}
		if err := held.add(ctx, tx, stepBy{by: doneBy(p.by), at: now}, changed); err != nil {
			return err
		}
		out = changed[0].Break
		return s.tellBreak(ctx, tx, guard.Deed{Actor: p.by, Act: p.act, Object: "break:" + b.ID}, p.book, before, breakMark(&out))
	})
	return out, err
}

// breakMark is what the trail says of a break: its state, and no text of people.
func breakMark(b *Break) map[string]any {
	m := map[string]any{"state": b.State, "class": b.Class, "step": b.Step}
	if b.Owner != "" {
		m["owner"] = b.Owner
	}
	if b.Fix != "" {
		m["fix"] = b.Fix
	}
	if b.Accepted {
		m["accepted"] = true
	}
	return m
}

// tellBreak writes a row of the book's trail. Whoever locks other things locks them first.
func (s *Service) tellBreak(ctx context.Context, tx pgx.Tx, d guard.Deed, book ledger.Book, before, after any) (err error) {
	d.Book = guard.Book{ID: int32(book.ID), Code: book.Code}
	if before != nil {
		if d.Before, err = json.Marshal(before); err != nil {
			return err
		}
	}
	if d.After, err = json.Marshal(after); err != nil {
		return err
	}
	_, err = s.trail.RecordTx(ctx, tx, d)
	return err
}

// Assign gives a break to a team or a person, by a name of 1 to 64 letters, digits, dots, dashes and underscores. It returns
// ErrBreakUnknown, ErrBreakInvalid, or ErrBreakState if the break has changed since the step.
func (s *Service) Assign(ctx context.Context, by guard.Actor, book ledger.Book, id string, step int64, owner string) (Break, error) {
	if !ownerForm.MatchString(owner) {
		return Break{}, ErrBreakInvalid.At("/owner", "owner", "A team or a person is 1 to 64 letters, digits, dots, dashes and underscores.")
	}
	return s.onBreak(ctx, personal{by: by, book: book, id: id, step: step, act: actAssigned, kind: StepAssigned}, func(b *Break, _ time.Time) error {
		if b.Ended() {
			return ErrBreakState
		}
		b.Owner = owner
		return nil
	})
}

// Explanation is what somebody knows of a break.
type Explanation struct {
	// Note says what it is, 1 to 2,000 bytes; Document where it can be read, at most 255.
	Note, Document string
	// ClearBy is when it should be gone; it must be in the future.
	ClearBy time.Time
}

// Explain says why a break is there and when it should be gone. It stays open, and is overdue from then on. It returns
// ErrBreakUnknown, ErrBreakInvalid or ErrBreakState.
func (s *Service) Explain(ctx context.Context, by guard.Actor, book ledger.Book, id string, step int64, e Explanation) (Break, error) {
	if err := checkNote("/note", e.Note, mostBreakNote, true); err != nil {
		return Break{}, err
	}
	if err := checkNote("/document", e.Document, mostBreakDocument, false); err != nil {
		return Break{}, err
	}
	clearBy := e.ClearBy.UTC().Truncate(time.Microsecond)
	if now := s.now(); !clearBy.After(now) || clearBy.After(now.AddDate(2, 0, 0)) {
		return Break{}, ErrBreakInvalid.At("/clear_by", "time", "Say when it should be gone: a time in the next two years.")
	}
	return s.onBreak(ctx, personal{by: by, book: book, id: id, step: step, act: actExplained, kind: StepExplained, note: e.Note}, func(b *Break, _ time.Time) error {
		if b.Ended() {
			return ErrBreakState
		}
		b.State, b.Note, b.Document, b.ExpectedBy = Explained, e.Note, e.Document, clearBy
		return nil
	})
}

// Note adds a remark to a break, also to one that ended; the break shows the newest. It returns ErrBreakUnknown, ErrBreakInvalid or
// ErrBreakState.
func (s *Service) Note(ctx context.Context, by guard.Actor, book ledger.Book, id string, step int64, note string) (Break, error) {
	if err := checkNote("/note", note, mostBreakNote, true); err != nil {
		return Break{}, err
	}
	return s.onBreak(ctx, personal{by: by, book: book, id: id, step: step, act: actNoted, kind: StepNoted, note: note}, func(b *Break, _ time.Time) error {
		b.Note = note
		return nil
	})
}

// Reopen opens a break again that is explained or ended. What was posted because of it stays posted and nothing waits in suspense:
// its amount says what it was about, and its fix goes on to name what was posted. A run does not end it; two people do, who name the
// entry that puts it right, say that there is nothing to post, or write off what a run has put into suspense again. It returns ErrBreakUnknown, ErrBreakInvalid or
// ErrBreakState.
func (s *Service) Reopen(ctx context.Context, by guard.Actor, book ledger.Book, id string, step int64, why string) (Break, error) {
	if err := checkNote("/note", why, mostBreakNote, true); err != nil {
		return Break{}, err
	}
	return s.onBreak(ctx, personal{by: by, book: book, id: id, step: step, act: actReopened, kind: StepReopened, note: why}, func(b *Break, _ time.Time) error {
		if b.State == Open {
			return ErrBreakState
		}
		b.Kept = b.Kept || b.Ended()
		b.reopen()
		b.Note, b.ExpectedBy = why, time.Time{}
		return nil
	})
}
