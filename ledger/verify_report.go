package ledger

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"sync"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What a verification found. A finding is a contradiction between rows that can all be looked up: it names the
// transaction or the account, and says which rule of the book it breaks.

// Invariant is the rule of a book that a finding breaks.
type Invariant string

// The rules that are verified. The numbered ones are the ledger's published invariants.
const (
	// InvariantBalanced (I1): a transaction sums to zero in each currency.
	InvariantBalanced Invariant = "I1"
	// InvariantBook (I2): a book sums to zero in each currency.
	InvariantBook Invariant = "I2"
	// InvariantBalance (I3): a stored balance is the sum of the account's entries.
	InvariantBalance Invariant = "I3"
	// InvariantReference (I5): each reference has recorded exactly its transactions, and each transaction has its reference.
	InvariantReference Invariant = "I5"
	// InvariantFloor (I7): no transaction leaves an account of floor class "decision" below zero.
	InvariantFloor Invariant = "I7"
	// InvariantLines (I10): a transaction has exactly the lines its header says, on the accounts it says.
	InvariantLines Invariant = "I10"
	// InvariantOrder: sequences have no gap up to the book's head, and recorded times never run backwards.
	InvariantOrder Invariant = "order"
	// InvariantRunning: an account's entries are numbered without gaps, and their running sums follow from the amounts.
	InvariantRunning Invariant = "running"
	// InvariantPeriod: a transaction's periods follow from its business time and never lie before it.
	InvariantPeriod Invariant = "period"
	// InvariantTotals: the turnover kept per period is the sum of the entries.
	InvariantTotals Invariant = "totals"
	// InvariantLinks: a correction is recorded alike in its header and among the links.
	InvariantLinks Invariant = "links"
	// InvariantSubjects: each subject's first and last transaction are the ones noted for it.
	InvariantSubjects Invariant = "subjects"
	// InvariantHash: a transaction's content hash is that of its canonical bytes.
	InvariantHash Invariant = "hash"
	// InvariantAccount: an account's row fits the chart, the book and the account's first entry.
	InvariantAccount Invariant = "account"
	// InvariantCheckpoint: the book's history is the one that an earlier checkpoint was taken of.
	InvariantCheckpoint Invariant = "checkpoint"
	// InvariantAgreement: the two implementations of the verification find the same.
	InvariantAgreement Invariant = "agreement"
)

// MaxFindings bounds the findings a report lists. The ones with the lowest sequences are kept, so the first bad
// transaction is always among them.
const MaxFindings = 100

// VerifyFinding is one broken rule.
type VerifyFinding struct {
	Invariant Invariant
	// Sequence is the transaction concerned, 0 if the finding is about an account or the book as a whole.
	Sequence int64
	// Account and Currency name the account concerned, empty if the finding is about a whole transaction.
	Account  Address
	Currency money.Currency
	// What says what was found, for people.
	What string
}

// VerifyReport is the outcome of one verification.
type VerifyReport struct {
	Book string
	// From and Through are the first and the last sequence that were verified; Through is less than From if there was
	// nothing to verify.
	From, Through int64
	// Next is where to go on if a bound was reached before the book's head, 0 if the head was reached.
	Next int64
	// Complete says that balances, totals, accounts and the rows that belong to no transaction were verified too. It needs
	// the book's head.
	Complete bool
	// Transactions, Entries, Accounts and References count what was read.
	Transactions, Entries, Accounts, References int64
	// FindingCount counts all findings; Findings lists at most MaxFindings of them, those of the lowest sequences first,
	// then those without one.
	FindingCount int64
	Findings     []VerifyFinding
	// Checkpoint seals the history up to Through. It is zero if the verification did not begin at the book's first
	// transaction or at a checkpoint with a digest.
	Checkpoint VerifyCheckpoint
}

// Sound reports whether nothing was found.
func (r VerifyReport) Sound() bool { return r.FindingCount == 0 }

// FirstBad returns the lowest sequence of a finding, 0 if no finding names a transaction.
func (r VerifyReport) FirstBad() int64 {
	if len(r.Findings) == 0 {
		return 0
	}
	return r.Findings[0].Sequence
}

// VerifyCheckpoint is a place in a book's order and a digest of everything recorded up to it: SHA-256 over the digest
// before and the transaction's content hash, beginning with the book's description. Whoever keeps one outside the
// database can show later that history was not rewritten consistently, hashes and all.
type VerifyCheckpoint struct {
	Sequence int64
	// Digest is zero if it is not known.
	Digest [sha256.Size]byte
}

// ErrVerifyBehind means that a book grew faster than it could be verified.
var ErrVerifyBehind = fault.New(fault.Unavailable, "verification-behind",
	"The book is growing faster than it can be verified. Verify it again when there is less traffic.")

// descriptionDigest is the digest before a book's first transaction: of what describes the book and never changes.
func descriptionDigest(b Book) [sha256.Size]byte {
	var text []byte
	for _, s := range append([]string{"mizan/checkpoint/v1", b.Code, b.Name, b.TimeZone, string(b.Functional), b.Market, b.Region},
		codes(b.Currencies)...) {
		text = append(binary.BigEndian.AppendUint32(text, uint32(len(s))), s...)
	}
	return sha256.Sum256(text)
}

// findings collects what is wrong, from both implementations at once. It keeps the findings of the lowest sequences.
type findings struct {
	mu    sync.Mutex
	count int64
	kept  []VerifyFinding
}

// compareFindings orders by sequence, those without one last.
func compareFindings(a, b VerifyFinding) int {
	return cmp.Or(cmp.Compare(uint64(a.Sequence-1), uint64(b.Sequence-1)), strings.Compare(string(a.Invariant), string(b.Invariant)),
		strings.Compare(string(a.Account), string(b.Account)), strings.Compare(string(a.Currency), string(b.Currency)),
		strings.Compare(a.What, b.What))
}

func (f *findings) add(found VerifyFinding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, known := slices.BinarySearchFunc(f.kept, found, compareFindings)
	if known {
		return
	}
	f.count++
	if i == MaxFindings {
		return
	}
	f.kept = slices.Insert(f.kept, i, found)
	if len(f.kept) > MaxFindings {
		f.kept = f.kept[:MaxFindings]
	}
}

// mark is one transaction that breaks one rule, in the form in which the two implementations are compared.
type mark struct {
	kind     markKind
	sequence int64
}

// markKind names a check that both implementations make.
type markKind string

const (
	markMissing   markKind = "missing"
	markTime      markKind = "time"
	markLines     markKind = "lines"
	markAccounts  markKind = "accounts"
	markBalanced  markKind = "balanced"
	markRunning   markKind = "running"
	markFloor     markKind = "floor"
	markOrphan    markKind = "orphan"
	markReference markKind = "reference"
	markLink      markKind = "link"
)

// markMeanings says which rule a check belongs to and what it means that it fails.
var markMeanings = map[markKind]struct {
	invariant Invariant
	what      string
}{
	markMissing:   {InvariantOrder, "The transaction is missing."},
	markTime:      {InvariantOrder, "It was recorded before the transaction in front of it."},
	markLines:     {InvariantLines, "Its entries are not the lines that its header counts."},
	markAccounts:  {InvariantLines, "Its entries are not on the accounts that its header lists."},
	markBalanced:  {InvariantBalanced, "Its entries do not sum to zero in each currency, or are on an account that does not exist."},
	markRunning:   {InvariantRunning, "An entry's number or running sums do not follow from the entry before it."},
	markFloor:     {InvariantFloor, "It leaves an account below zero that must never be."},
	markOrphan:    {InvariantLines, "There are entries without a header."},
	markReference: {InvariantReference, "Its reference does not record it, or records something else in its place."},
	markLink:      {InvariantLinks, "What it reverses or posts again is not recorded alike in its header and among the links."},
}

// compareMarks adds a finding for each mark that only one implementation made.
func (f *findings) compareMarks(replayed, asked map[mark]bool) {
	for m := range asked {
		if !replayed[m] {
			f.add(VerifyFinding{Invariant: markMeanings[m.kind].invariant, Sequence: m.sequence, What: markMeanings[m.kind].what})
			f.add(VerifyFinding{Invariant: InvariantAgreement, Sequence: m.sequence, What: "Only the database finds: " + markMeanings[m.kind].what})
		}
	}
	for m := range replayed {
		if !asked[m] {
			f.add(VerifyFinding{Invariant: InvariantAgreement, Sequence: m.sequence, What: "Only the replay finds: " + markMeanings[m.kind].what})
		}
	}
}

// addMarks adds a finding for each mark, where only one implementation runs.
func (f *findings) addMarks(marks map[mark]bool) {
	for m := range marks {
		f.add(VerifyFinding{Invariant: markMeanings[m.kind].invariant, Sequence: m.sequence, What: markMeanings[m.kind].what})
	}
}
