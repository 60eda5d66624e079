package ledger

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// TestBatchEqualsOneByOne decides random atomic groups in one batch, and again each in a batch of its own with what was
// recorded carried over. Outcomes, order, balances, references, links and totals must be the same: a refused group
// leaves nothing behind for the groups after it.
func TestBatchEqualsOneByOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		book := Book{ID: 1, NewBook: NewBook{Code: "uk", Currencies: []money.Currency{"GBP"}, TimeZone: "UTC"}, location: time.UTC}
		n := rapid.IntRange(1, 12).Draw(t, "groups")
		together, apart := make([]*group, n), make([]*group, n)
		for i := range n {
			submissions := drawGroup(t)
			together[i], apart[i] = checkedGroup(t, book, submissions), checkedGroup(t, book, submissions)
		}
		one := emptyState()
		d := decide(book, one, together)
		settle(one, together)

		many, recorded, totals := emptyState(), []*Transaction(nil), map[string]turnover{}
		for _, g := range apart {
			before := many.clone()
			part := decide(book, many, []*group{g})
			settle(many, []*group{g})
			if g.items[0].outcome.Err != nil {
				many = before // whatever refusing left behind is thrown away here, and must not exist in the batch
				continue
			}
			recorded = append(recorded, part.transactions...)
			addTotals(totals, part)
			for _, key := range part.opened {
				many.accounts[key].fresh = true // as the overlay of one batch has it
			}
		}
		allTotals := map[string]turnover{}
		addTotals(allTotals, d)
		for what, pair := range map[string][2]any{
			"transactions": {recorded, d.transactions}, "head": {many.head, one.head}, "last id": {many.lastID, one.lastID},
			"links": {many.links, one.links}, "subjects": {many.subjects, one.subjects}, "totals": {totals, allTotals},
			"accounts": {many.accounts, one.accounts}, "references": {many.references, one.references},
			"outcomes": {outcomesOf(apart), outcomesOf(together)},
		} {
			if diff := cmp.Diff(pair[0], pair[1], cmp.AllowUnexported(account{}, recordedReference{}, accountKey{}, linkKey{}, turnover{}),
				cmpopts.IgnoreFields(account{}, "row"), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%s (-one by one +batch):\n%s", what, diff)
			}
		}
	})
}

func emptyState() *bookState {
	return &bookState{now: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC), references: map[string]recordedReference{},
		subjects: map[string]int64{"order:1": 0, "order:2": 0}, links: map[linkKey]int64{}, accounts: map[accountKey]*account{}}
}

func (st *bookState) clone() *bookState {
	c := *st
	c.references, c.subjects, c.links = maps.Clone(st.references), maps.Clone(st.subjects), maps.Clone(st.links)
	c.accounts = map[accountKey]*account{}
	for k, a := range st.accounts {
		copied := *a
		c.accounts[k] = &copied
	}
	return &c
}

func drawGroup(t *rapid.T) []Submission {
	var submissions []Submission
	for range rapid.IntRange(1, 3).Draw(t, "items") {
		variant := rapid.IntRange(0, 24).Draw(t, "variant") // few, so that references repeat with equal and other content
		s := Submission{Reference: fmt.Sprintf("r%d", variant/2)}
		for k := range 1 + variant%3 {
			amount := money.Minor(10 * (1 + (variant+k)%5))
			from, to := Address("assets:processor:pending:main"), Address(fmt.Sprintf("liabilities:seller:reserve:s%d", variant%4))
			if variant%2 == 1 {
				from, to = to, "liabilities:seller:available:x" // takes from the reserve, refused where it is too small
			}
			draft := Draft{Event: "test.posted", Subject: fmt.Sprintf("order:%d", 1+variant%2),
				Lines: []Line{{Account: from, Amount: amount, Currency: "GBP"}, {Account: to, Amount: -amount, Currency: "GBP"}}}
			if variant%7 == 3 {
				draft.Reverses = int64(1 + variant%5)
			}
			s.Drafts = append(s.Drafts, draft)
		}
		if variant%5 == 4 {
			s.Drafts[0].Expect = []Expectation{{Subject: "order:1", LastSequence: int64(variant % 3)}}
		}
		submissions = append(submissions, s)
	}
	return submissions
}

func checkedGroup(t *rapid.T, book Book, submissions []Submission) *group {
	l := &Ledger{chart: StandardChart()}
	g, err := l.atomicGroup(book, submissions, make([]Outcome, len(submissions)))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func addTotals(into map[string]turnover, d *decision) {
	for k, t := range d.totals {
		key := fmt.Sprint(k.period, k.key)
		into[key] = turnover{into[key].debits + t.debits, into[key].credits + t.credits}
	}
}

// outcomesOf describes what each item was told.
func outcomesOf(groups []*group) []string {
	var out []string
	for _, g := range groups {
		for _, it := range g.items {
			s := fmt.Sprintf("%s %s replayed=%v", it.reference, fault.CodeOf(it.outcome.Err), it.outcome.Replayed)
			for _, t := range it.outcome.Transactions {
				s += fmt.Sprintf(" %d:%x", t.Sequence, t.ContentHash[:4])
			}
			out = append(out, s)
		}
	}
	return out
}
