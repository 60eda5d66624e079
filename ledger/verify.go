package ledger

import (
	"context"
	"errors"
	"math/big"
	"strconv"
	"time"
)

// Verification recomputes what a book says from its recorded rows alone, twice: a replay in Go and checks in the database
// that share no code. It reads in pages of bounded size, none of which lives longer than two seconds, so postings go on.

// VerifyMethod says which implementations run. The zero value is both.
type VerifyMethod uint8

const (
	// VerifyTwice runs both and compares them: what a verification is.
	VerifyTwice VerifyMethod = iota
	// VerifyReplay runs the replay alone, to measure it.
	VerifyReplay
	// VerifySQL runs the database's checks alone, to measure them. It does not recompute content hashes.
	VerifySQL
)

// VerifyProgress says how far a verification has come.
type VerifyProgress struct {
	// Phase is "transactions", "entries", "references", "subjects" or "accounts", in this order.
	Phase string
	// Done counts towards Total, both in units of the phase. Total grows while the book does.
	Done, Total int64
}

// VerifyOptions says what to verify. The zero value is the whole book.
type VerifyOptions struct {
	// After is where to begin: everything up to it is trusted, and an account begins with the running sums of its last
	// entry there. What comes later is proved to continue it. The zero value begins with the book and trusts nothing.
	After VerifyCheckpoint
	// Known are checkpoints taken earlier. Those that the verification passes must have the same digest, if it began with
	// the book or at a checkpoint with a digest; the book's head must not lie before any.
	Known []VerifyCheckpoint
	// MaxTransactions, if above zero, bounds the transactions verified by this call; the report then says where to go on.
	// What looks at the whole book (balances, totals, rows that belong to no transaction) is left out if the book has more
	// transactions or accounts than that.
	MaxTransactions int64
	// MaxDuration, if above zero, ends the call after about this time, as MaxTransactions does.
	MaxDuration time.Duration
	// Progress, if set, is called between pages.
	Progress func(VerifyProgress)
	Method   VerifyMethod
}

const (
	// A page begins small and grows while it is read in well under the two seconds that a read may take.
	firstPageLines  = 20_000
	maxPageOfLines  = 200_000
	maxPageOfHeads  = 40_000
	comfortablePage = 450 * time.Millisecond
	// maxTail is how far the replay may be behind a snapshot and still catch up inside it.
	maxTail = 1_000
	// maxRounds bounds how often the replay chases a growing book.
	maxRounds = 64
)

// verifier is one verification under way.
type verifier struct {
	ledger  *Ledger
	book    Book
	options VerifyOptions
	found   *findings
	replay  *replay // nil where only the database checks
	factors factors
	report  VerifyReport
	through int64 // the last sequence verified
	lines   int   // the size of the next page
	started time.Time
	walked  int64
	checked rangeCheck // what the database counted
	pending *pendingCheck
}

// replayedRange is what the replay found in one page, kept until the database was asked about it.
type replayedRange struct {
	low, high int64
	marks     map[mark]bool
}

// Verify recomputes one book up to its head. Everything recorded when it begins is verified; while balances are compared
// it follows the book as far as it has grown. What it finds is in the report; the error is ErrBookUnknown,
// ErrSequenceAhead for a checkpoint the book has not reached, ErrVerifyBehind, or an error of the database. It may run
// while the book is posted to, and several times at once.
func (l *Ledger) Verify(ctx context.Context, book Book, options VerifyOptions) (VerifyReport, error) {
	v := &verifier{ledger: l, book: book, options: options, found: &findings{}, lines: firstPageLines, started: l.now(),
		through: options.After.Sequence, checked: rangeCheck{marks: map[mark]bool{}}}
	v.report = VerifyReport{Book: book.Code, From: options.After.Sequence + 1}
	if options.Method != VerifySQL {
		v.replay = newReplay(l, book, options.After, options.Known, v.found)
		v.factors = v.replay.factors
	}
	err := v.run(ctx)
	v.report.Findings, v.report.FindingCount = v.found.kept, v.found.count
	v.report.Through = v.through
	if r := v.replay; r != nil {
		v.report.Transactions, v.report.Entries, v.report.References = r.transactions, r.entries, r.references
		if r.digested {
			v.report.Checkpoint = VerifyCheckpoint{Sequence: v.through, Digest: r.digest}
		}
	} else {
		v.report.Transactions, v.report.Entries = v.checked.transactions, v.checked.entries
	}
	return v.report, err
}

func (v *verifier) checking() bool { return v.options.Method == VerifyTwice }

func (v *verifier) tell(phase string, done, total int64) {
	if v.options.Progress != nil {
		v.options.Progress(VerifyProgress{phase, done, max(done, total)})
	}
}

// run is the order of a verification.
func (v *verifier) run(ctx context.Context) error {
	head, err := v.readHead(ctx)
	if err != nil {
		return err
	}
	// What the rows reach and not what the book's row says: that is compared at the end.
	upper := head.lastSequence
	if v.options.After.Sequence > max(upper, head.sequence) {
		return ErrSequenceAhead
	}
	if n := v.options.MaxTransactions; n > 0 {
		upper = min(upper, v.through+n)
	}
	if err := v.advance(ctx, upper); err != nil {
		return err
	}
	if v.through < head.lastSequence {
		v.report.Next = v.through + 1
		return nil
	}
	v.missKnown()
	if n := v.options.MaxTransactions; n > 0 && max(int64(head.lastAccount), head.lastSequence) > n || v.overtime() {
		return nil
	}
	if err := v.walks(ctx); err != nil {
		return err
	}
	if err := v.verifySubjects(ctx); err != nil {
		return err
	}
	if err := v.verifyAccounts(ctx, int64(head.lastAccount)); err != nil {
		return err
	}
	if err := v.verifyBook(ctx); err != nil {
		return err
	}
	v.report.Complete = true
	return nil
}

// missKnown finds the checkpoints that the book no longer comes to: its head was reached before them.
func (v *verifier) missKnown() {
	for _, known := range v.options.Known {
		if known.Sequence > v.through {
			v.found.add(VerifyFinding{Invariant: InvariantCheckpoint, Sequence: v.through + 1,
				What: "The book ends before the checkpoint at " + formatInt(known.Sequence) + ": what was recorded up to there was taken back."})
		}
	}
}

// walks meets every row of entries and references, from both ends.
func (v *verifier) walks(ctx context.Context) error {
	through := v.through
	var references int64
	v.report.Entries = v.checked.entries
	if v.replay != nil {
		v.report.Entries, references = v.replay.entries, v.replay.references
		v.report.References = references
	}
	if err := v.walkEntries(ctx, through, v.report.Entries); err != nil {
		return err
	}
	counted, err := v.walkReferences(ctx, through)
	if err != nil {
		return err
	}
	if v.replay == nil {
		v.report.References = counted
	} else if v.replay.totals != nil && counted != references {
		v.found.add(VerifyFinding{Invariant: InvariantReference, What: "The book has " + formatInt(counted) + " references, and " +
			formatInt(references) + " of them recorded transactions."})
	}
	return nil
}

func (v *verifier) overtime() bool {
	return v.options.MaxDuration > 0 && v.ledger.now().Sub(v.started) > v.options.MaxDuration
}

// advance verifies page after page up to a sequence, or until the time is over.
func (v *verifier) advance(ctx context.Context, upper int64) (err error) {
	defer func() { err = errors.Join(err, v.settlePending()) }()
	for v.through < upper && !v.overtime() {
		begun := v.ledger.now()
		if v.replay != nil {
			err = v.advanceReplay(ctx, upper)
		} else {
			high := min(upper, v.through+int64(min(v.lines/4, maxPageOfHeads))) + 1
			err = v.compareRanges(ctx, []replayedRange{{low: v.through + 1, high: high}})
			v.through = high - 1
		}
		if err != nil {
			return err
		}
		v.resize(v.ledger.now().Sub(begun))
		v.tell("transactions", v.through, upper)
	}
	return nil
}

// resize makes pages as large as they are read in comfort: large pages probe each account less often.
func (v *verifier) resize(took time.Duration) {
	switch {
	case took > 3*comfortablePage:
		v.lines = max(v.lines/2, MaxLines)
	case took < comfortablePage:
		v.lines = min(v.lines*2, maxPageOfLines)
	}
}

// compareTotals compares the turnover by chart row, and proves that the book balances.
func (r *replay) compareTotals(stored map[chartTotalKey]wideTurnover, bad func(Invariant, int64, string)) {
	type sides struct{ debits, credits wide }
	sums := map[string]*sides{}
	for key, total := range r.totals {
		s := sums[string(key.currency)]
		if s == nil {
			s = &sides{}
			sums[string(key.currency)] = s
		}
		s.debits.addWide(total.debits)
		s.credits.addWide(total.credits)
		if stored[key] != *total {
			bad(InvariantTotals, 0, "The turnover of chart row "+formatInt(int64(key.code))+" in "+string(key.currency)+" in "+key.period.String()+" is not the sum of the entries.")
		}
	}
	for key := range stored {
		if r.totals[key] == nil {
			bad(InvariantTotals, 0, "Chart row "+formatInt(int64(key.code))+" has turnover in "+string(key.currency)+" in "+key.period.String()+", and no entries.")
		}
	}
	for currency, s := range sums {
		if s.debits != s.credits {
			bad(InvariantBook, 0, "The book does not balance in "+currency+".")
		}
	}
}

// wideOf converts a sum as the database has it.
func wideOf(n *big.Int) wide {
	low := new(big.Int).And(n, new(big.Int).SetUint64(1<<64-1))
	return wide{new(big.Int).Rsh(n, 64).Uint64(), low.Uint64()}
}

func formatInt(n int64) string { return strconv.FormatInt(n, 10) }
