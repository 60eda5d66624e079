//go:build !race

package commerce

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A random market: the worked examples of every family are played in one book, interleaved, under names of their own, with
// repeats and now and then another amount. After each step, what must hold is computed from the journal alone, by another
// way than the service's own reports. A new worked example joins the market by itself.

var (
	marketSeed  = flag.Uint64("market.seed", 0, "play only the random market of this seed")
	marketCount = flag.Int("market.count", 4, "how many random markets to play")
)

// market is a market being played.
type market struct {
	*workbench
	*rand.Rand
	t *testing.T
	// the journal so far: balances are debit positive, donated is the cash of campaigns outside the safeguarded accounts.
	last     int64
	balances map[balanceKey]money.Minor
	donated  map[money.Currency]money.Minor
	// borne is what the platform bears on donation cash and has not paid into it yet: a duty of the same day (W-01).
	borne map[money.Currency]money.Minor
	// openings is what steps posted by hand, which no invariant of events binds.
	openings map[balanceKey]money.Minor
	posted   map[string]int
	refused  map[string]int
	what     string
}

// episode is a worked example on its way through the market.
type episode struct {
	life   life
	suffix string
	next   int
	order  string
}

// TestMarketplace plays random markets.
func TestMarketplace(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	lives := loadLives(t)
	first := freshSeed()
	for i := range uint64(*marketCount) {
		seed := first + i
		if *marketSeed != 0 {
			seed = *marketSeed
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := newMarket(t, w, seed, lives)
			m.play(lives, 45)
			report, err := m.ledger.Verify(t.Context(), m.book, ledger.VerifyOptions{})
			if err != nil || !report.Sound() {
				t.Fatalf("-market.seed %d: the book does not verify: %v %+v", seed, err, report.Findings)
			}
			if len(m.posted) < 8 {
				t.Errorf("-market.seed %d: only %d kinds of events were posted; refused: %v", seed, len(m.posted), m.refused)
			}
		})
		if *marketSeed != 0 {
			break
		}
	}
}

func newMarket(t *testing.T, w *workbench, seed uint64, lives []life) *market {
	t.Helper()
	var currencies []money.Currency
	for _, l := range lives {
		for _, c := range append([]money.Currency{l.Currency}, l.Currencies...) {
			if !slices.Contains(currencies, c) {
				currencies = append(currencies, c)
			}
		}
	}
	book, _, err := w.ledger.CreateBook(t.Context(), ledger.NewBook{Code: fmt.Sprintf("market_%d", seed), Name: "Market", Currencies: currencies, TimeZone: "America/Chicago", Market: "US"})
	if err != nil {
		t.Fatal(err)
	}
	mw := *w
	mw.book = book
	return &market{workbench: &mw, Rand: rand.New(rand.NewPCG(seed, 0x6d61726b6574)), t: t, balances: map[balanceKey]money.Minor{},
		donated: map[money.Currency]money.Minor{}, borne: map[money.Currency]money.Minor{}, openings: map[balanceKey]money.Minor{}, posted: map[string]int{}, refused: map[string]int{}}
}

// play interleaves episodes until all have come to their end.
func (m *market) play(lives []life, episodes int) {
	m.t.Helper()
	var open []*episode
	for n := 0; n < episodes || len(open) > 0; {
		if n < episodes && (len(open) < 6 || m.IntN(4) == 0) {
			n++
			open = append(open, &episode{life: lives[m.IntN(len(lives))], suffix: fmt.Sprintf("-%d", n)})
			continue
		}
		i := m.IntN(len(open))
		e := open[i]
		m.step(e)
		if m.IntN(12) > 0 { // now and then a step is sent twice
			e.next++
		}
		if e.next >= len(e.life.Steps) {
			open = slices.Delete(open, i, i+1)
		}
	}
}

// step carries out an episode's next step.
func (m *market) step(e *episode) {
	m.t.Helper()
	s := e.life.Steps[e.next]
	reference := fmt.Sprintf("%s%s-%d", e.life.Key, e.suffix, e.next+1)
	m.what = reference + " " + s.Type
	var r Result
	switch {
	case s.Raw != "":
		m.byHand(reference, s, e.life.Currency)
		return
	case s.Settle != nil:
		if e.order == "" {
			return
		}
		r = m.Settle(m.t.Context(), m.book, e.order, Settlement{Reference: reference, ReserveRate: s.Settle.Rate, ReserveDays: s.Settle.Days})
	case s.Act != "":
		r = lifeActs[s.Act](m.t, m.workbench, reference, m.renamed(s.Data, e.suffix))
	default:
		data := m.renamed(s.Data, e.suffix)
		r = m.Post(m.t.Context(), m.book, event(m.t, s.Type, reference, string(data)))
		var of struct{ Order string }
		if json.Unmarshal(data, &of) == nil && of.Order != "" {
			e.order = of.Order
		}
	}
	m.took(s.Type+s.Act, r)
	if r.Err == nil && e.order != "" {
		m.checkOrder(e.order)
	}
}

// things are the members whose values name the thing that an event is about, not somebody or something of the market.
var things = []string{"order", "payment_id", "payment_ids", "payment_refund_id", "dispute", "refund", "bonus", "case", "adjustment", "commission", "donation", "campaign",
	"match", "gift", "purchase", "tip", "subscription", "sale", "sales", "transfer", "conversion", "conversions", "exchange", "batch", "accrual", "deposit", "id",
	"release", "disbursement", "remittance", "unclaimed", "invoice", "claim", "recovery", "split", "trust", "execution", "valuation", "source", "line_id", "statement",
	"gift_card", "card", "store_credit", "to", "movement", "cancellation", "change", "tier_change", "pledge", "shipment", "set_off", "charge", "cost", "bill"}

// renamed gives the things of a step names of the episode, and now and then another amount to one of them.
func (m *market) renamed(data json.RawMessage, suffix string) json.RawMessage {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		m.t.Fatal(err)
	}
	other := m.IntN(25) == 0
	var walk func(key string, v any) any
	walk = func(key string, v any) any {
		switch x := v.(type) {
		case map[string]any:
			for _, k := range sortedKeys(x) {
				x[k] = walk(k, x[k])
			}
		case []any:
			for i := range x {
				x[i] = walk(key, x[i])
			}
		case string:
			switch {
			case key == "to" && x == "original", key == "source" && !strings.Contains(x, ":"), key == "id" && !strings.ContainsAny(x, "0123456789"):
			case slices.Contains(things, key) && len(x)+len(suffix) <= 64:
				return x + suffix
			case key == "amount" && other && m.IntN(2) == 0 && len(x) < 10:
				return "1" + x
			}
		}
		return v
	}
	out, err := json.Marshal(walk("", v))
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// byHand posts what an example begins with.
func (m *market) byHand(reference string, s lifeStep, c money.Currency) {
	m.t.Helper()
	var lines []ledger.Line
	for _, e := range s.Entries {
		f := strings.Fields(e)
		in := c
		if len(f) == 4 {
			in = money.Currency(f[3])
		}
		amount := signedMinor(m.t, f[2], in)
		if f[0] == "Cr" {
			amount = -amount
		}
		lines = append(lines, ledger.Line{Account: ledger.Address(f[1]), Amount: amount, Currency: in})
	}
	out := m.ledger.Post(m.t.Context(), m.book, ledger.Submission{Reference: reference, Drafts: []ledger.Draft{{Event: s.Raw, Lines: lines}}})
	if out.Err == nil && !out.Replayed {
		for _, l := range lines {
			m.openings[balanceKey{l.Account, l.Currency}] += l.Amount
		}
		m.read()
	}
}

// took takes what an event recorded into the journal. A refusal must be one that a caller can act on.
func (m *market) took(kind string, r Result) {
	m.t.Helper()
	if r.Err != nil {
		var f *fault.Error
		if !errors.As(r.Err, &f) || f.Kind == fault.Internal || f.Kind == fault.Unavailable {
			m.t.Fatalf("%s: %v", m.what, r.Err)
		}
		m.refused[kind+" "+f.Code]++
		before := m.last
		if m.read(); m.last != before {
			m.t.Fatalf("%s: refused with %v, and something was recorded", m.what, r.Err)
		}
		return
	}
	m.posted[kind]++
	m.read()
	if err := m.check(); err != nil {
		m.t.Fatalf("after %s: %v", m.what, err)
	}
}

// read reads what was recorded since the last step.
func (m *market) read() {
	m.t.Helper()
	for {
		page, err := m.ledger.Transactions(m.t.Context(), m.book, ledger.TransactionQuery{After: m.last, Limit: 1000})
		if err != nil {
			m.t.Fatal(err)
		}
		for _, t := range page.Transactions {
			m.last = t.Sequence
			for _, e := range t.Entries {
				m.balances[balanceKey{e.Account, e.Currency}] += e.Amount
				a := string(e.Account)
				if isOrder(t.Subject) && strings.HasPrefix(a, "liabilities:donation:") { // its cash came with the order's
					m.donated[e.Currency] -= e.Amount
				}
				if t.Campaign != "" && strings.HasPrefix(a, "expenses:") && a != "expenses:match" {
					m.borne[e.Currency] += e.Amount
				}
				if t.Campaign != "" && (strings.HasPrefix(a, "assets:processor:") || strings.HasPrefix(a, "assets:treasury_in_transit:")) {
					m.donated[e.Currency] += e.Amount
				}
			}
		}
		if !page.More {
			return
		}
	}
}

// sumBelow adds up balances below prefixes in a currency, in the accounts' favour (credit positive).
func sumBelow(balances map[balanceKey]money.Minor, c money.Currency, prefixes ...string) (sum money.Minor) {
	for k, amount := range balances {
		for _, p := range prefixes {
			if k.currency == c && strings.HasPrefix(string(k.account), p) {
				sum -= amount
			}
		}
	}
	return sum
}

// check holds after every step.
func (m *market) check() error {
	donations := []string{"liabilities:donation:", "liabilities:match_fund:", "liabilities:processor_fee_passthrough"}
	for _, c := range m.book.Currencies {
		if sum := sumBelow(m.balances, c, ""); sum != 0 {
			return fmt.Errorf("I2: the book is off by %d %s", sum, c)
		}
		owed := sumBelow(m.balances, c, donations...) - sumBelow(m.openings, c, donations...)
		held := m.donated[c] - sumBelow(m.balances, c, "assets:bank:safeguarded:") + sumBelow(m.openings, c, "assets:bank:safeguarded:")
		if held+m.borne[c] < owed {
			return fmt.Errorf("inv. 4a: donations are owed %d %s, and %d is kept for them", owed, c, held)
		}
		fund, cash := sumBelow(m.balances, c, "liabilities:match_fund:"), -sumBelow(m.balances, c, "assets:bank:safeguarded:")
		if fund > cash {
			return fmt.Errorf("inv. 19: %d %s to match with, and %d in the safeguarded account", fund, c, cash)
		}
	}
	for k, amount := range m.balances {
		row, err := m.ledger.Chart().Resolve(k.account)
		if err != nil {
			return err
		}
		if row.Normal == ledger.Credit {
			amount = -amount
		}
		if row.Floor == ledger.FloorDecision && amount < 0 {
			return fmt.Errorf("I7: %s is %d %s below zero", k.account, -amount, k.currency)
		}
	}
	return nil
}

// checkOrder: an order's waterfall sums to zero, and nothing of a settled order waits in pending (inv. 8, 20).
func (m *market) checkOrder(id string) {
	m.t.Helper()
	o, err := m.Order(m.t.Context(), m.book, id)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return
		}
		m.t.Fatalf("after %s: %v", m.what, err)
	}
	checkWaterfall(m.t, m.what, o)
	if o.State != "settled" || o.SettledAt == nil {
		return
	}
	again, err := m.load(m.t.Context(), m.book, id, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, at := range again.payees() {
		if waits := again.bucketOf(at, bucketPending); waits != 0 && !again.rest {
			m.t.Fatalf("after %s: inv. 20: %d of %s waits in pending of a settled order", m.what, waits, at)
		}
	}
}
