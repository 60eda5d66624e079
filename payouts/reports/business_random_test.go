package reports

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
)

var marketSeed = flag.Uint64("reports.market", 0, "the seed of the random market; 0 for a new one")

// The codes of the chart whose turnover reports tie to.
var sellerRows = []int{2110, 2120, 2130, 2140, 2150}

// turnover adds up the ledger's own transactions: debit positive, by what a caller takes of each entry.
func (h *businessHouse) turnover(at int64, take func(t *ledger.Transaction, e *ledger.Entry) bool) (sum money.Minor) {
	h.Helper()
	for after := int64(0); after < at; {
		page, err := h.ledger.Transactions(h.Context(), h.book, ledger.TransactionQuery{After: after, Limit: 500})
		h.ok(err)
		for i := range page.Transactions {
			x := &page.Transactions[i]
			if after = x.Sequence; x.Sequence > at {
				return sum
			}
			for j := range x.Entries {
				if take(x, &x.Entries[j]) {
					sum += x.Entries[j].Amount
				}
			}
		}
	}
	return sum
}

func (h *businessHouse) codeOf(a ledger.Address) int {
	h.Helper()
	row, err := h.ledger.Chart().Resolve(a)
	h.ok(err)
	return row.Code
}

// playMarket sells, settles, refunds, corrects and pays over some months, with facts that come late.
func (h *businessHouse) playMarket(r *rand.Rand, steps int) {
	h.Helper()
	type sold struct {
		order    string
		settled  bool
		sequence int64
	}
	var open []sold
	for range steps {
		h.n++
		i := h.n
		if r.IntN(8) == 0 {
			at := h.clock().AddDate(0, 0, 9)
			h.set(at.Year(), at.Month(), at.Day())
			// Months that are over are closed, so that what happened in them comes late.
			h.ok(h.ledger.ClosePeriod(h.Context(), h.book, ledger.PeriodOf(at.AddDate(0, 0, -at.Day()), time.UTC)))
		}
		seller, creator := fmt.Sprintf("s%d", r.IntN(4)), fmt.Sprintf("c%d", r.IntN(3))
		switch k := r.IntN(10); {
		case k < 4 || len(open) == 0:
			price, tax := money.Minor(100+r.IntN(20000)), money.Minor(r.IntN(900))
			id := fmt.Sprintf("O-%d", i)
			result := h.post("order.captured", id, fmt.Sprintf(`{"order":%q,"currency":"USD","placed_at":%q,"seller":%q,"lines":[{"line":1,"sku":"A","quantity":1,"unit_price":%q,
"tax":[{"jurisdiction":"US-TX","kind":"sales","owed_by":"platform","amount":%q}]}],"creators":[{"creator":%q}],"commission_rate":"0.1","payments":[{"processor":"main","payment_id":%q,"amount":%q}]}`,
				id, h.clock().Format(time.RFC3339), seller, price.Format("USD"), tax.Format("USD"), creator, "pi_"+id, (price+tax).Format("USD")))
			if sequence := result.Transactions[0].Sequence; r.IntN(4) == 0 { // it was a mistake, which somebody sees some days later
				h.undo(sequence, r.IntN(40))
				if r.IntN(2) == 0 { // and that was another
					h.again(sequence)
					if r.IntN(2) == 0 {
						h.undo(h.head(), 0)
					}
				}
				continue
			}
			open = append(open, sold{id, false, result.Transactions[0].Sequence})
		case k < 6:
			o := &open[r.IntN(len(open))]
			if !o.settled {
				h.ok(h.events.Settle(h.Context(), h.book, o.order, commerce.Settlement{}).Err)
				o.settled = true
			}
		case k < 8:
			n := r.IntN(len(open))
			h.post("refund.made", "R-"+open[n].order, fmt.Sprintf(`{"order":%q,"refund":%q,"full":true,"shipped":true}`, open[n].order, "R-"+open[n].order))
			open = append(open[:n], open[n+1:]...)
		case k == 8:
			cents := 1 + r.IntN(3000)
			h.raw("payout.created", time.Time{}, "USD", "liabilities:"+[]string{"seller:available:" + seller, "creator:available:" + creator}[r.IntN(2)], cents, "liabilities:payout_in_transit:x", -cents)
		default:
			cents := 1 + r.IntN(500)
			t := h.raw("adjustment.made", h.clock().AddDate(0, 0, -r.IntN(40)), "USD", "liabilities:tax:sales:US-CA", -cents, "revenue:service_fee", -2*cents, "assets:bank:operating:main", 3*cents)
			if r.IntN(2) == 0 {
				h.undo(t.Sequence, 0)
			}
		}
	}
}

// TestReportsOfARandomMarket holds every report against the ledger's own transactions, at a place in the middle and at the end,
// and makes those of the middle again.
func TestReportsOfARandomMarket(t *testing.T) {
	t.Parallel()
	seed := *marketSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d (-reports.market)", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	h := newBusinessHouse(t, "US", "America/Chicago", "USD")
	h.raw("capital.paid", time.Time{}, "USD", "assets:processor:available:main", 9_000_000, "liabilities:seller:available:s0", -3_000_000, "liabilities:creator:available:c0", -3_000_000, "equity:opening", -3_000_000)
	for _, rest := range []string{"seller:available:s1", "seller:available:s2", "seller:available:s3", "creator:available:c1", "creator:available:c2"} {
		h.raw("capital.paid", time.Time{}, "USD", "assets:processor:available:main", 1_000_000, "liabilities:"+rest, -1_000_000)
	}
	questions := [][]string{
		{"gross_to_net", "from", "2026-11", "to", "2027-03"}, {"form_1099k", "year", "2026", "include_facilitator_tax", "yes"}, {"dac7", "year", "2026"},
		{"creator_payments", "year", "2026"}, {"fees", "from", "2026-11", "to", "2027-03"}, {"tax", "from", "2026-12", "to", "2027-03"}, {"coverage"},
	}
	h.playMarket(r, 40)
	middle := h.head()
	var files []string
	for _, q := range questions {
		_, file := h.reported(q[0], middle, q[1:]...)
		files = append(files, file)
	}
	h.playMarket(r, 40)
	for i, q := range questions {
		if _, again := h.reported(q[0], middle, q[1:]...); again != files[i] {
			t.Errorf("%s made again has other bytes", q[0])
		}
	}
	for _, at := range []int64{middle, h.head()} {
		h.ties(at)
	}
}

// ties holds the reports at a place against the transactions up to it.
func (h *businessHouse) ties(at int64) {
	h.Helper()
	same := func(what string, got, want money.Minor) {
		h.Helper()
		if got != want {
			h.Errorf("at %d: %s is %d, the ledger says %d", at, what, got, want)
		}
	}
	in := func(x *ledger.Transaction, from, to ledger.Period) bool { return x.Period >= from && x.Period <= to }
	bridge := h.report("gross_to_net", at, "from", "2026-11", "to", "2027-03")
	same("what sellers carry", total(bridge, "carried", "USD"), -h.turnover(at, func(x *ledger.Transaction, e *ledger.Entry) bool {
		code := h.codeOf(e.Account)
		return in(x, 202611, 202703) && code >= sellerRows[0] && code <= sellerRows[len(sellerRows)-1]
	}))
	for _, row := range bridge { // each seller's as commerce tells it of all its months, while nothing came later
		one, err := h.events.Bridge(h.Context(), h.book, row["seller"].Text(), "USD", 202611, 202703)
		h.ok(err)
		if gross := written(row["gross"]); at == h.head() && (gross != one.Gross || written(row["payouts"]) != one.Payouts || row["payments"].Int() != one.Payments) {
			h.Errorf("the bridge of %s: %s and %s, commerce says %s and %s", row["seller"].Text(), gross, written(row["payouts"]), one.Gross, one.Payouts)
		}
	}
	of := map[int64]ledger.Transaction{}
	// origin is what a transaction is about: itself, or what it corrects.
	origin := func(x *ledger.Transaction) *ledger.Transaction {
		of[x.Sequence] = *x
		for x.Reverses+x.Reposts != 0 {
			before := of[x.Reverses+x.Reposts]
			x = &before
		}
		return x
	}
	captured := func(x *ledger.Transaction, e *ledger.Entry) bool {
		x = origin(x)
		return x.Event == "order.captured" && x.Effective/100 == 2026 && h.codeOf(e.Account) == 1010
	}
	same("the gross of the year", total(h.report("form_1099k", at, "year", "2026", "include_facilitator_tax", "yes"), "gross", "USD"), h.turnover(at, captured))
	same("the gross of the quarters", total(h.report("dac7", at, "year", "2026"), "gross", "USD"), h.turnover(at, captured))
	same("what creators' accounts changed by", total(h.report("creator_payments", at, "year", "2026"), "change", "USD"), -h.turnover(at, func(x *ledger.Transaction, e *ledger.Entry) bool {
		code := h.codeOf(e.Account)
		return origin(x).Effective/100 == 2026 && code >= 2210 && code <= 2250
	}))
	revenue := -h.turnover(at, func(x *ledger.Transaction, e *ledger.Entry) bool {
		return in(x, 202611, 202703) && h.codeOf(e.Account)/1000 == 4
	})
	same("revenue by rule", total(h.report("fees", at, "from", "2026-11", "to", "2027-03"), "amount", "USD"), revenue)
	same("revenue by account", total(h.report("fees", at, "from", "2026-11", "to", "2027-03", "detail", "account"), "amount", "USD"), revenue)
	h.tiesTax(at)
}

// tiesTax checks that each row of the taxes goes on where the one before ended, that no late row has the month's own, and that the
// last rows are what the accounts hold.
func (h *businessHouse) tiesTax(at int64) {
	h.Helper()
	ends, late := map[string]money.Minor{}, money.Minor(0)
	for _, row := range h.report("tax", at, "from", "2026-12", "to", "2027-03") {
		account := row["account"].Text()
		amount := func(name string) money.Minor { m, _ := row[name].Money(); return m }
		opening, known := ends[account]
		if known && amount("opening") != opening {
			h.Errorf("at %d: a row of %s opens with %d after %d", at, account, amount("opening"), opening)
		}
		if !known && amount("opening") != -h.turnover(at, func(x *ledger.Transaction, e *ledger.Entry) bool {
			return x.Period < 202612 && string(e.Account) == account
		}) {
			h.Errorf("at %d: %s opens with %d", at, account, amount("opening"))
		}
		if amount("closing") != amount("opening")+amount("collected")-amount("reduced")-amount("remitted") {
			h.Errorf("at %d: a row of %s does not add up: %v", at, account, row)
		}
		if row["late"] != tabular.Yes(row["effective_period"].Text() < row["period"].Text()) {
			h.Errorf("at %d: a row of %s is late or not: %v", at, account, row)
		}
		if ends[account] = amount("closing"); row["late"].Yes() {
			late += amount("closing") - amount("opening")
		}
	}
	if want := -h.turnover(at, func(x *ledger.Transaction, e *ledger.Entry) bool {
		return x.Period >= 202612 && x.Period <= 202703 && x.Effective < x.Period && h.codeOf(e.Account) == 2710
	}); late != want {
		h.Errorf("at %d: %d of tax came late, the ledger says %d", at, late, want)
	}
	for account, end := range ends {
		if want := -h.turnover(at, func(x *ledger.Transaction, e *ledger.Entry) bool {
			return x.Period <= 202703 && string(e.Account) == account
		}); end != want {
			h.Errorf("at %d: %s is due with %d, the ledger says %d", at, account, end, want)
		}
	}
	if len(ends) == 0 {
		h.Errorf("at %d: no taxes", at)
	}
}
