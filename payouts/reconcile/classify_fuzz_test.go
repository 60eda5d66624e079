//go:build !race

package reconcile

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"mizan/ledger/money"
)

// The laws that hold of every group and every world, whatever it holds: what is found comes to the difference of the two sides, no
// entry is told twice, no two findings have one identity, and the order in which things come does not matter.

// drawn reads small decisions from bytes; when they are used up, all are zero.
type drawn struct{ data []byte }

func (d *drawn) below(n int) int {
	if len(d.data) == 0 {
		return 0
	}
	b := int(d.data[0])
	d.data = d.data[1:]
	return b % n
}

func (d *drawn) pick(words ...string) string { return words[d.below(len(words))] }

func (d *drawn) amount() money.Minor {
	return [...]money.Minor{0, 1, 2, 3, 5, 10, 99, 100, 101, 1e15, -1, -2, -3, -5, -10, -99, -100, -101, -1e15}[d.below(19)]
}

func (d *drawn) at() time.Time { return tuesday.AddDate(0, 0, d.below(24)-4) }

func (d *drawn) line(number int64, key string, c money.Currency) External {
	l := External{Number: number, ID: fmt.Sprint("txn_", number), Key: key, Currency: c, Gross: d.amount(),
		Category: d.pick("charge", "refund", "refund_failure", "dispute", "dispute_reversal", "payout", "payout_reversal", "fee", "moon", "other_adjustment"),
		Batch:    d.pick("", "", "B1", "B2"), SourceRef: d.pick("", key, "ch_z"), Rate: d.pick("", "1.1"), MovedAt: d.at()}
	if d.below(3) == 0 {
		l.Fee = d.amount()
	}
	l.Net = l.Gross - l.Fee
	return l
}

func (d *drawn) entry(sequence int64, key string, c money.Currency) Entry {
	e := Entry{Sequence: sequence, Line: 1 + d.below(2), Key: key, Currency: c, Amount: d.amount(), ExternalRef: key, Account: "assets:processor:pending:main",
		Event: d.pick("order.captured", "processor.fee_recorded", "refund.made", "refund.failed", "dispute.opened", "payout.submitted", "payout.failed",
			"adjustment.posted"),
		Subject: d.pick("", "o1", "o2", "B1"), OccurredAt: d.at(), Period: month}
	if d.below(3) == 0 {
		e.Reverses = int64(d.below(8))
	}
	if d.below(2) == 0 {
		e.ExternalRef = ""
		e.Key = fmt.Sprintf("@%d.%d", e.Sequence, e.Line)
	}
	return e
}

func (d *drawn) situation() situation {
	x := []situation{atProcessor(), atBank()}[d.below(2)]
	x.Rules.LedgerDays = []int{0, 2}[d.below(2)]
	return x
}

func seedFuzz(f *testing.F) {
	rng := rand.New(rand.NewPCG(9, 6))
	for range 400 {
		data := make([]byte, 20+rng.IntN(300))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		f.Add(data)
	}
}

// FuzzClassify checks one group with nothing after the cut-off, and then with a cut-off in the middle.
func FuzzClassify(f *testing.F) {
	seedFuzz(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		d := &drawn{data[:min(len(data), 600)]}
		x := d.situation()
		g := Group{Key: "k", Currency: "USD"}
		for n := int64(1); len(d.data) > 0 && n < 60; n++ {
			l, e := d.line(n, "k", "USD"), d.entry(n/2+1, "k", "USD")
			e.Line = int(n)
			switch d.below(8) {
			case 0, 1, 2:
				g.External = append(g.External, l)
			case 3:
				g.ExternalBefore = append(g.ExternalBefore, l)
			case 4:
				g.EntriesBefore = append(g.EntriesBefore, e)
			default:
				g.Entries = append(g.Entries, e)
			}
		}
		x.CutOff = tuesday.AddDate(1, 0, 0)
		found := classify(g, x)
		var want, got money.Minor
		for _, l := range g.External {
			want += l.Net
		}
		for _, e := range g.Entries {
			want -= e.Amount
		}
		told, identities := map[EntryID]bool{}, map[string]bool{}
		for _, f := range found {
			got += f.Amount
			if identities[f.Identity] || len(f.External)+len(f.Entries) == 0 || f.Detail == "" || len(f.Identity) > 300 {
				t.Fatalf("%+v", f)
			}
			identities[f.Identity] = true
			for _, e := range f.Entries {
				if told[e] {
					t.Fatalf("the entry %v is in two findings: %s", e, brief(found))
				}
				told[e] = true
			}
		}
		if got != want {
			t.Fatalf("the findings come to %d, the difference is %d: %s", got, want, brief(found))
		}
		turned := g
		turned.External, turned.Entries = slices.Clone(g.External), slices.Clone(g.Entries)
		slices.Reverse(turned.External)
		slices.Reverse(turned.Entries)
		if !reflect.DeepEqual(classify(turned, x), found) {
			t.Fatal("the order matters")
		}
		cuts(g, x)
		x.CutOff = tuesday.AddDate(0, 0, 8)
		early(t, g, classify(g, x), x)
	})
}

// early checks that every finding has a member that happened by the cut-off, and that what is expected is expected after it.
func early(t *testing.T, g Group, found []Finding, x situation) {
	t.Helper()
	for _, f := range found {
		some := slices.ContainsFunc(g.External, func(l External) bool { return slices.Contains(f.External, l.Number) && !x.late(l.MovedAt) }) ||
			slices.ContainsFunc(g.Entries, func(e Entry) bool {
				return slices.Contains(f.Entries, EntryID{e.Sequence, e.Line}) && !x.late(e.OccurredAt)
			})
		if !some {
			t.Fatalf("all of it is after the cut-off: %+v", f)
		}
		if f.Class == Timing && !x.CutOff.Before(f.ExpectedBy) {
			t.Fatalf("it is not expected any more: %+v", f)
		}
	}
}

// FuzzExplain checks a world of several keys.
func FuzzExplain(f *testing.F) {
	seedFuzz(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		d := &drawn{data[:min(len(data), 600)]}
		w := &world{x: d.situation()}
		w.x.CutOff = tuesday.AddDate(1, 0, 0)
		for n := int64(1); len(d.data) > 0 && n < 60; n++ {
			key, c := d.pick("ch_1", "ch_2", "ch_3", "PAY_1", "x1", "x2", "x3"), money.Currency(d.pick("USD", "USD", "EUR"))
			if d.below(2) == 0 {
				l := d.line(n, key, c)
				l.Key = d.pick(key, l.ID)
				w.external = append(w.external, l)
			} else {
				e := d.entry(n, key, c)
				w.entries = append(w.entries, e)
			}
		}
		r := result{}
		_, open := referenceMatch(w.external, w.entries)
		r.findings, r.made, r.suggested = explain(open, w.x)
		if err := w.ties(r); err != nil {
			t.Fatalf("%v: %s", err, brief(r.findings))
		}
		lines, entries := map[int64]bool{}, map[EntryID]bool{}
		for _, p := range r.made {
			if !p.Certain || len(p.External) == 0 || len(p.Entries) == 0 {
				t.Fatalf("%+v", p)
			}
			for _, n := range p.External {
				if lines[n] {
					t.Fatalf("the line %d is paired twice", n)
				}
				lines[n] = true
			}
			for _, e := range p.Entries {
				if entries[e] {
					t.Fatalf("the entry %v is paired twice", e)
				}
				entries[e] = true
			}
		}
		identities := map[string]bool{}
		for _, f := range r.findings {
			if identities[f.Identity] {
				t.Fatalf("two findings are %s: %s", f.Identity, brief(r.findings))
			}
			identities[f.Identity] = true
			for _, n := range f.External {
				if lines[n] {
					t.Fatalf("the line %d is paired and found: %s", n, brief(r.findings))
				}
			}
		}
		slices.Reverse(open)
		slices.Reverse(w.external)
		slices.Reverse(w.entries)
		findings, made, suggested := explain(open, w.x)
		if !reflect.DeepEqual(result{findings, made, suggested}, r) {
			t.Fatal("the order of the groups matters")
		}
		_, open = referenceMatch(w.external, w.entries)
		findings, made, suggested = explain(open, w.x)
		if !reflect.DeepEqual(result{findings, made, suggested}, r) {
			t.Fatal("the order matters")
		}
	})
}

// TestOneLargeKey keeps a key that holds everything from costing the square of it.
func TestOneLargeKey(t *testing.T) {
	t.Parallel()
	const n = 20_000
	for name, of := range map[string]func(i int64) (External, Entry){
		"all agree":           func(i int64) (External, Entry) { return charged(i, 100, 3), captured(i, 100) },
		"all of another sign": func(i int64) (External, Entry) { return charged(i, 100, 0), captured(i, -100) },
		"all upright": func(i int64) (External, Entry) {
			return ofCategory(i, "dispute_reversal", 100), entryOf(i, "dispute.opened", -100)
		},
		"all different": func(i int64) (External, Entry) {
			return charged(i, money.Minor(i), money.Minor(i%7)), captured(i, money.Minor(n+i))
		},
		"all copies": func(i int64) (External, Entry) { return charged(i, 100, 3), captured(i, 100*money.Minor(1/i)) },
		"all reversed": func(i int64) (External, Entry) {
			return charged(i, 1, 0), reversing(captured(i, 100-200*money.Minor(i%2)), i-1)
		},
		"all without a key": func(i int64) (External, Entry) { return charged(i, 100, 3), feeOf(i, -4) },
	} {
		g := Group{Key: "ch_1", Currency: "USD"}
		var want money.Minor
		for i := int64(1); i <= n; i++ {
			l, e := of(i)
			g.External, g.Entries = append(g.External, l), append(g.Entries, e)
			want += l.Net - e.Amount
		}
		for _, f := range classify(g, atProcessor()) {
			want -= f.Amount
		}
		if want != 0 {
			t.Errorf("%s: %d are in no finding", name, want)
		}
	}
}
