package ledger_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"mizan/ledger"
	"mizan/ledger/money"
)

// model is the slow, obvious ledger that the real one is compared with: maps, one operation at a time.
type model struct {
	balances   map[string]money.Minor // debit positive, by account and currency
	references map[string]modelRef
	subjects   map[string]int64
	reversed   map[int64]bool
	recorded   []ledger.Draft
	history    []map[string]money.Minor // balances after each sequence
}

type modelRef struct {
	content string
	first   int64
}

func newModel() *model {
	return &model{balances: map[string]money.Minor{}, references: map[string]modelRef{}, subjects: map[string]int64{}, reversed: map[int64]bool{}}
}

// post predicts the outcome of an atomic group.
func (m *model) post(submissions []ledger.Submission) (wants []error, firsts []int64) {
	saved := &model{balances: maps.Clone(m.balances), references: maps.Clone(m.references), subjects: maps.Clone(m.subjects),
		reversed: maps.Clone(m.reversed), recorded: slices.Clone(m.recorded), history: slices.Clone(m.history)}
	wants, firsts = make([]error, len(submissions)), make([]int64, len(submissions))
	stale := m.stale(submissions)
	for i, s := range submissions {
		err := m.one(s, &firsts[i])
		if stale >= 0 {
			i, err = stale, ledger.ErrStale
		}
		if err == nil {
			continue
		}
		*m = *saved
		for j := range wants {
			wants[j] = ledger.ErrGroupRefused
		}
		wants[i] = err
		return wants, firsts
	}
	return wants, firsts
}

// postEach predicts the outcomes of a batch of independent submissions.
func (m *model) postEach(submissions []ledger.Submission) (wants []error, firsts []int64) {
	for _, s := range submissions {
		want, first := m.post([]ledger.Submission{s})
		wants, firsts = append(wants, want[0]), append(firsts, first[0])
	}
	return wants, firsts
}

// stale returns the first new item whose subject is elsewhere than expected before the group, or -1.
func (m *model) stale(submissions []ledger.Submission) int {
	own := map[string]bool{}
	for i, s := range submissions {
		if _, known := m.references[s.Reference]; known || own[s.Reference] {
			continue
		}
		own[s.Reference] = true
		for _, d := range s.Drafts {
			for _, e := range d.Expect {
				if m.subjects[e.Subject] != e.LastSequence {
					return i
				}
			}
		}
	}
	return -1
}

func (m *model) one(s ledger.Submission, first *int64) error {
	asked := slices.Clone(s.Drafts)
	for i := range asked {
		asked[i].Expect = nil // what a draft was computed from is no part of what is asked for
	}
	content := fmt.Sprintf("%+v", asked)
	if known, ok := m.references[s.Reference]; ok {
		if known.content != content {
			return ledger.ErrReferenceReused
		}
		*first = known.first
		return nil
	}
	*first = int64(len(m.recorded)) + 1
	for _, d := range s.Drafts {
		if d.Reverses > int64(len(m.recorded)) {
			return ledger.ErrTransactionUnknown
		}
		if d.Reverses != 0 && m.reversed[d.Reverses] {
			return ledger.ErrAlreadyReversed
		}
		after := maps.Clone(m.balances)
		for _, l := range d.Lines {
			after[modelKey(l)] += l.Amount
		}
		for key, v := range after {
			if isFloored(key, d.Authority) && v > 0 && v > m.balances[key] {
				return ledger.ErrFloor
			}
		}
		m.balances = after
		m.recorded = append(m.recorded, d)
		m.history = append(m.history, after)
		m.subjects[d.Subject] = int64(len(m.recorded))
		if d.Reverses != 0 {
			m.reversed[d.Reverses] = true
		}
	}
	m.references[s.Reference] = modelRef{content, *first}
	return nil
}

func modelKey(l ledger.Line) string { return string(l.Account) + " " + string(l.Currency) }

// isFloored names the accounts of the generator that must not fall below zero; all of them are credit accounts.
func isFloored(key string, by ledger.Authority) bool {
	return strings.HasPrefix(key, "liabilities:seller:reserve:") || by == ledger.ByDecision &&
		(strings.HasPrefix(key, "liabilities:seller:available:") || strings.HasPrefix(key, "liabilities:creator:pending:"))
}

var modelAccounts = []ledger.Address{
	"assets:processor:pending:main", "expenses:processor_fee", "liabilities:seller:available:a", "liabilities:seller:available:b",
	"liabilities:seller:reserve:a", "liabilities:seller:reserve:b", "liabilities:creator:pending:c",
}

// drawDraft draws a balanced draft of two to four lines in one or two currencies, accounts repeating at will.
func drawDraft(t *rapid.T, last int64) ledger.Draft {
	d := ledger.Draft{Event: "test.posted", Subject: "order:" + rapid.SampledFrom([]string{"1", "2"}).Draw(t, "subject")}
	for range rapid.IntRange(1, 2).Draw(t, "pairs") {
		currency := rapid.SampledFrom([]money.Currency{"GBP", "JPY"}).Draw(t, "currency")
		amount := money.Minor(rapid.Int64Range(1, 300).Draw(t, "amount"))
		debit, credit := rapid.SampledFrom(modelAccounts).Draw(t, "debit"), rapid.SampledFrom(modelAccounts).Draw(t, "credit")
		d.Lines = append(d.Lines, ledger.Line{Account: debit, Amount: amount, Currency: currency},
			ledger.Line{Account: credit, Amount: -amount, Currency: currency})
	}
	if rapid.IntRange(0, 3).Draw(t, "decides") == 0 {
		d.Authority = ledger.ByDecision
	}
	if last > 0 && rapid.IntRange(0, 4).Draw(t, "reverse") == 0 {
		d.Reverses = rapid.Int64Range(1, last+1).Draw(t, "target")
	}
	return d
}

// TestAgainstModel posts random groups and compares every outcome, every balance at every sequence, and the books'
// invariants with the model.
func TestAgainstModel(t *testing.T) {
	t.Parallel()
	b := setup(t)
	books := 0
	rapid.Check(t, func(t *rapid.T) {
		books++
		book := makeModelBook(t, b, books)
		m := newModel()
		var sent []ledger.Submission
		for range rapid.IntRange(1, 12).Draw(t, "operations") {
			var group []ledger.Submission
			for range rapid.IntRange(1, 5).Draw(t, "group") {
				if len(sent) > 0 && rapid.IntRange(0, 4).Draw(t, "again") == 0 {
					group = append(group, rapid.SampledFrom(sent).Draw(t, "sent before"))
					continue
				}
				s := ledger.Submission{Reference: fmt.Sprintf("r%d", rapid.IntRange(1, 20).Draw(t, "reference"))}
				for range rapid.IntRange(1, 2).Draw(t, "drafts") {
					s.Drafts = append(s.Drafts, drawDraft(t, int64(len(m.recorded))))
				}
				if rapid.IntRange(0, 2).Draw(t, "expects") == 0 {
					s.Drafts[0].Expect = []ledger.Expectation{{Subject: "order:1", LastSequence: m.subjects["order:1"] + rapid.Int64Range(0, 1).Draw(t, "off")}}
				}
				group = append(group, s)
				sent = append(sent, s)
			}
			post, predict := b.PostAtomic, m.post
			if rapid.Bool().Draw(t, "independent") {
				post, predict = b.PostBatch, m.postEach
			}
			wants, firsts := predict(group)
			for i, out := range post(b.context(), book, group) {
				if !errors.Is(out.Err, wants[i]) {
					t.Fatalf("item %d: got %v, want %v", i, out.Err, wants[i])
				}
				if out.Err == nil && out.Transactions[0].Sequence != firsts[i] {
					t.Fatalf("item %d: at sequence %d, want %d", i, out.Transactions[0].Sequence, firsts[i])
				}
			}
		}
		compareHistory(t, b, book, m)
	})
	checkInvariants(t, b.db)
}

func makeModelBook(t *rapid.T, b *bundle, n int) ledger.Book {
	book, _, err := b.CreateBook(b.context(), ledger.NewBook{Code: fmt.Sprintf("m%d", n), Name: "model", Currencies: []money.Currency{"GBP", "JPY"}, TimeZone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	return book
}

// compareHistory compares the balances after every sequence, read by paging three accounts at a time.
func compareHistory(t *rapid.T, b *bundle, book ledger.Book, m *model) {
	for i, want := range m.history {
		got := map[string]money.Minor{}
		q := ledger.BalanceQuery{AtSequence: int64(i + 1), Limit: 3}
		for {
			page, err := b.Balances(b.context(), book, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range page.Balances {
				got[string(x.Account)+" "+string(x.Currency)] = money.Minor(x.Debits - x.Credits)
			}
			if !page.More {
				break
			}
			q.AfterAccount, q.AfterCurrency = page.LastAccount, page.LastCurrency
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("balances at sequence %d (-model +ledger):\n%s", i+1, diff)
		}
	}
}
