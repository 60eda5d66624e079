//go:build !race

package reconcile

import (
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/money"
)

var (
	compareSeed = flag.Uint64("compare.seed", 0, "the world of TestManyDaysAreOneRun; 0 for another each time")
	compareLong = flag.Int("compare.worlds", 1, "how many worlds it makes")
)

// worldEvent is something that one side learns on a day.
type worldEvent struct {
	day  int
	line *line
	legs []leg
	name string
}

// randomWorld makes events of some days: what agrees, early and late on either side, and each kind of fault.
func randomWorld(r *rand.Rand, things, days int) (all []worldEvent) {
	for n := range things {
		key, id := fmt.Sprintf("ch_%03d", n), fmt.Sprintf("txn_%03d", n)
		gross, fee := money.Minor(r.IntN(500)+100), money.Minor(r.IntN(20))
		currency := []money.Currency{"EUR", "EUR", "USD"}[r.IntN(3)]
		seen, booked := r.IntN(days), r.IntN(days)
		source := func(l line) {
			l.currency = currency
			all = append(all, worldEvent{day: seen, line: &l})
		}
		books := func(day int, legs ...leg) {
			for i := range legs {
				if legs[i].currency == "" {
					legs[i].currency = currency
				}
			}
			all = append(all, worldEvent{day: day, legs: legs, name: fmt.Sprint("order:", n)})
		}
		charge := []leg{{amount: gross, ref: key}}
		if fee > 0 {
			charge = append(charge, leg{amount: -fee, ref: key})
		}
		switch r.IntN(16) {
		case 0: // the books do not have it
			source(line{id: id, key: key, gross: gross, fee: fee})
		case 1: // only the books have it
			books(booked, charge...)
		case 2: // one unit off
			source(line{id: id, key: key, gross: gross + 1, fee: fee})
			books(booked, charge...)
		case 3: // the source has it twice
			source(line{id: id, key: key, gross: gross, fee: fee})
			seen = r.IntN(days)
			source(line{id: id + "b", key: key, gross: gross, fee: fee})
			books(booked, charge...)
		case 4: // the books have it twice
			source(line{id: id, key: key, gross: gross, fee: fee})
			books(booked, charge...)
			books(r.IntN(days), charge...)
		case 5: // a payout that names the line's own id
			source(line{id: id, key: "po" + key, gross: -gross, category: "payout"})
			books(booked, leg{account: "available", amount: -gross, ref: id})
		case 6: // names nothing
			books(booked, leg{amount: gross})
		case 7: // the other currency
			source(line{id: id, key: key, gross: gross})
			currency = map[money.Currency]money.Currency{"EUR": "USD", "USD": "EUR"}[currency]
			books(booked, leg{amount: gross, ref: key})
		case 8: // moves nothing on either side
			source(line{id: id, key: key, gross: gross, fee: gross})
			books(booked, leg{amount: gross, ref: key}, leg{account: "available", amount: -gross, ref: key})
		case 9: // two lines and two entries by one key
			source(line{id: id, key: key, gross: gross})
			seen = r.IntN(days)
			source(line{id: id + "b", key: key, gross: -gross + 1, category: "dispute"})
			books(booked, leg{amount: gross, ref: key})
			books(r.IntN(days), leg{amount: -gross + 1, ref: key})
		case 10: // by the id of a line that goes by another key, and by that key
			source(line{id: id, key: key, gross: gross})
			seen = r.IntN(days)
			source(line{id: id + "b", key: key, gross: 7, category: "adjustment"})
			books(booked, leg{amount: gross, ref: key})
			books(r.IntN(days), leg{amount: 7, ref: id + "b"})
		case 11: // one transaction for two things
			source(line{id: id, key: key, gross: gross})
			source(line{id: id + "b", key: key + "b", gross: -gross, category: "transfer"})
			books(booked, leg{amount: gross, ref: key}, leg{account: "available", amount: -gross, ref: key + "b"})
		default:
			source(line{id: id, key: key, gross: gross, fee: fee})
			books(booked, charge...)
			if r.IntN(3) == 0 {
				books(r.IntN(days), leg{account: "available", amount: gross - fee, ref: id}, leg{amount: -(gross - fee), ref: id})
			}
		}
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	slices.SortStableFunc(all, func(a, b worldEvent) int { return a.day - b.day })
	return all
}

// plainRest is the slow and plain matcher: what is left of each key, by adding all up in one map. Keys that do not tie in both
// directions are left; the net is what counts.
func plainRest(all []worldEvent) map[string]money.Minor {
	keys, sums := map[string]string{}, map[keyed]*[2]flow{}
	byKey := map[string]bool{}
	for _, e := range all {
		if e.line != nil {
			keys[e.line.id], byKey[e.line.key] = e.line.key, true
		}
	}
	at := func(k keyed) *[2]flow {
		if sums[k] == nil {
			sums[k] = &[2]flow{}
		}
		return sums[k]
	}
	nameless := 0
	for _, e := range all {
		if e.line != nil {
			x := External{Gross: e.line.gross, Fee: e.line.fee}
			if e.line.gross != e.line.fee {
				at(keyed{e.line.key, e.line.currency})[0].add(flow{x.Debits(), x.Credits()})
			}
			continue
		}
		var net money.Minor
		for _, l := range e.legs {
			net += l.amount
		}
		if net == 0 && e.legs[0].ref == e.legs[len(e.legs)-1].ref {
			continue
		}
		for _, l := range e.legs {
			key := l.ref
			if key == "" {
				nameless++
				key = fmt.Sprint("@", nameless)
			}
			if to := keys[key]; to != "" && !byKey[key] {
				key = to
			}
			at(keyed{key, l.currency})[1].add(flowOf(l.amount))
		}
	}
	left := map[string]money.Minor{}
	for k, s := range sums {
		if d := s[0].net() - s[1].net(); d != 0 {
			name := k.key
			if name[0] == '@' {
				name = "@"
			}
			left[name+" "+string(k.currency)] += d
		}
	}
	return left
}

// plainRestOf is the same of what is open in the database.
func (h *comparing) plainRestOf(all []worldEvent) map[string]money.Minor {
	h.Helper()
	keys, byKey := map[string]string{}, map[string]bool{}
	for _, e := range all {
		if e.line != nil {
			keys[e.line.id], byKey[e.line.key] = e.line.key, true
		}
	}
	rows, err := h.db.Pool.Query(h.Context(), `SELECT side, key, currency, debits - credits FROM recon_items WHERE book_id = $1 AND open_until IS NULL`, h.book.ID)
	h.ok(err)
	left := map[string]money.Minor{}
	var side, key string
	var c money.Currency
	var net int64
	_, err = pgx.ForEachRow(rows, []any{&side, &key, &c, &net}, func() error {
		if side == sideLedger {
			net = -net
			if to := keys[key]; to != "" && !byKey[key] {
				key = to
			}
		}
		if key[0] == '@' {
			key = "@"
		}
		left[key+" "+string(c)] += money.Minor(net)
		return nil
	})
	h.ok(err)
	maps.DeleteFunc(left, func(_ string, m money.Minor) bool { return m == 0 })
	return left
}

// TestManyDaysAreOneRun compares random days one after another, in slices of random sizes, and holds what is left against a plain
// matcher that sees everything at once, and against single runs over everything in slices of one line to seven and of all.
func TestManyDaysAreOneRun(t *testing.T) {
	t.Parallel()
	for range *compareLong {
		seed := *compareSeed
		if seed == 0 {
			seed = rand.Uint64()
		}
		t.Logf("-compare.seed=%d", seed)
		r := rand.New(rand.NewPCG(seed, 57))
		h := newComparing(t)
		days := r.IntN(6) + 2
		all := randomWorld(r, 60, days)
		var runs []Run
		for day := range days {
			var lines []line
			for _, e := range all {
				switch {
				case e.day != day:
				case e.line != nil:
					lines = append(lines, *e.line)
				default:
					h.post(e.name, e.legs...)
				}
			}
			h.take(lines...)
			runs = append(runs, h.run(r.IntN(7)+1))
			h.advance(24 * time.Hour)
		}
		want := plainRest(all)
		if got := h.plainRestOf(all); !maps.Equal(got, want) {
			t.Fatalf("open after the last day:\n%v\nand by the plain matcher:\n%v", got, want)
		}
		for _, run := range runs {
			h.same(run)
		}
		last := runs[len(runs)-1]
		digests := map[string]int{}
		var open map[string]money.Minor
		for _, size := range []int{1, 2, 3, 4, 5, 6, 7, sliceLines} {
			in, _, err := h.planRun(t.Context(), h.book, Asked{Match: R1, Source: 1, CutOff: comparingStart})
			h.ok(err)
			in.Number, in.Lines, in.Entries = 1, span{0, last.ToLine}, span{0, last.ToSequence}
			for i := range in.Accounts {
				in.Accounts[i].After = 0
			}
			out, err := h.compute(t.Context(), h.book, &in, nil, size)
			h.ok(err)
			digests[hex.EncodeToString(out.digest)] = size
			open = map[string]money.Minor{}
			for _, i := range out.open {
				if i.side == sideLedger {
					i.debits, i.credits = i.credits, i.debits
				}
				open[string(i.currency)] += i.net()
			}
		}
		if len(digests) != 1 {
			t.Errorf("one run over everything depends on its slices: %v", digests)
		}
		total := map[money.Currency]money.Minor{}
		for k, v := range want {
			total[money.Currency(k[len(k)-3:])] += v
		}
		for c, v := range total {
			if open[string(c)] != v {
				t.Errorf("%s: %d open in one run, %d by the plain matcher", c, open[string(c)], v)
			}
		}
	}
}
