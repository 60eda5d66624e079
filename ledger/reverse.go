package ledger

import (
	"context"
	"time"

	"mizan/ledger/fault"
)

// Corrections. A recorded transaction never changes: it is reversed by a new one that mirrors all its lines, at most
// once. A reversal is not reversed; the original is posted again instead, at most once (errata, invariant 13).

var (
	// ErrReversalOfReversal means that the transaction is itself a reversal.
	ErrReversalOfReversal = fault.New(fault.Conflict, "reversal-of-reversal",
		"This transaction is itself a reversal and cannot be reversed. If it was wrong, post the original again.")
	// ErrNothingToReverse means that the transaction records a fact without lines.
	ErrNothingToReverse = fault.New(fault.Conflict, "nothing-to-reverse", "This transaction records a fact and posted no lines, so there is nothing to reverse.")
	// ErrNotReversed means that a transaction that still stands cannot be posted again.
	ErrNotReversed = fault.New(fault.Conflict, "not-reversed", "This transaction was not reversed, so it cannot be posted again.")
)

// The events of corrections.
const (
	EventReversed = "entry.reversed"
	EventReposted = "entry.reposted"
)

// Correction says under which reference, when and why a transaction is reversed or posted again.
type Correction struct {
	Reference  string
	OccurredAt time.Time
	Memo       string
	Metadata   map[string]string
}

// Reverse posts the mirror of a transaction: the same lines on the other sides.
func (l *Ledger) Reverse(ctx context.Context, book Book, sequence int64, c Correction) Outcome {
	s, err := l.Reversal(ctx, book, sequence, c)
	if err != nil {
		return Outcome{Err: err}
	}
	return l.Post(ctx, book, s)
}

// Reversal is what Reverse posts. It returns ErrTransactionUnknown, ErrReversalOfReversal or ErrNothingToReverse.
func (l *Ledger) Reversal(ctx context.Context, book Book, sequence int64, c Correction) (Submission, error) {
	original, err := l.Transaction(ctx, book, sequence)
	switch {
	case err != nil:
		return Submission{}, err
	case original.Reverses != 0:
		return Submission{}, ErrReversalOfReversal
	case len(original.Entries) == 0:
		return Submission{}, ErrNothingToReverse
	}
	d := correctionOf(original, c, EventReversed, -1)
	d.Reverses = sequence
	return Submission{Reference: c.Reference, Drafts: []Draft{d}}, nil
}

// Repost posts a reversed transaction again under a new reference.
func (l *Ledger) Repost(ctx context.Context, book Book, sequence int64, c Correction) Outcome {
	original, err := l.Transaction(ctx, book, sequence)
	if err != nil {
		return Outcome{Err: err}
	}
	links, err := l.LinksTo(ctx, book, sequence)
	if err != nil {
		return Outcome{Err: err}
	}
	if links.ReversedBy == 0 {
		return Outcome{Err: ErrNotReversed}
	}
	d := correctionOf(original, c, EventReposted, 1)
	d.Reposts = sequence
	return l.Post(ctx, book, Submission{Reference: c.Reference, Drafts: []Draft{d}})
}

func correctionOf(original Transaction, c Correction, event string, sign int) Draft {
	d := Draft{
		Event: event, OccurredAt: c.OccurredAt, Subject: original.Subject, LiveSession: original.LiveSession,
		Channel: original.Channel, Campaign: original.Campaign, Memo: c.Memo, Metadata: c.Metadata,
		OriginalPeriod: original.Period, Lines: make([]Line, len(original.Entries)),
	}
	for i, e := range original.Entries {
		amount := e.Amount
		if sign < 0 {
			amount = -amount
		}
		d.Lines[i] = Line{Account: e.Account, Amount: amount, Currency: e.Currency}
	}
	return d
}
