//go:build !race

package commerce

import (
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mizan/ledger/money"
)

// Paths: which way an order came to where it is does not matter, and each amount follows from its explanation.

// returns draws the units that come back of each line of a capture.
func returnsOf(rng *rand.Rand, d *OrderCaptured) []RefundedLine {
	var units []RefundedLine
	for _, l := range d.Lines {
		for range rng.IntN(l.Quantity + 1) {
			units = append(units, RefundedLine{Line: l.Line, Quantity: 1})
		}
	}
	return units
}

// TestPathIndependence returns the same units of the same lines in another order and in other portions (W-15): all
// positions end equal, refund fees included.
func TestPathIndependence(t *testing.T) {
	t.Parallel()
	base := freshSeed()
	yes := true
	for i := range uint64(3000) {
		seed := base + i
		var ends []positions
		for path := range uint64(3) {
			g := newWanderer(seed)
			d := g.capture(1, nil)
			if err := g.try("order.captured", d); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			units := returnsOf(rand.New(rand.NewPCG(seed, 9)), d)
			rng := rand.New(rand.NewPCG(seed, path))
			rng.Shuffle(len(units), func(i, j int) { units[i], units[j] = units[j], units[i] })
			for n := 0; len(units) > 0; n++ {
				count := 1
				if path > 0 {
					count = 1 + rng.IntN(len(units))
				}
				r := &RefundMade{Order: "L", Refund: string(rune('a' + n)), Shipped: &yes}
				for _, u := range units[:count] {
					if j := slices.IndexFunc(r.Lines, func(l RefundedLine) bool { return l.Line == u.Line }); j >= 0 {
						r.Lines[j].Quantity++
					} else {
						r.Lines = append(r.Lines, u)
					}
				}
				units = units[count:]
				if err := g.try("refund.made", r); err != nil {
					t.Fatalf("seed %d path %d: %v", seed, path, err)
				}
			}
			ends = append(ends, sorted(g.order.posted))
		}
		for path := 1; path < len(ends); path++ {
			if !slices.Equal(ends[0], ends[path]) {
				t.Fatalf("seed %d: path 0 ends at %+v, path %d at %+v", seed, ends[0], path, ends[path])
			}
		}
	}
}

// TestRefundEqualsSmallerSale returns whole lines of an order whose rules all recompute: what remains is what a sale of
// the other lines alone would have come to.
func TestRefundEqualsSmallerSale(t *testing.T) {
	t.Parallel()
	base := freshSeed()
	no := false
	compared := 0
	for i := range uint64(4000) {
		seed := base + i
		large := newWanderer(seed)
		for j := range large.set.Rules {
			if r := &large.set.Rules[j]; r.keeps() {
				r.OnRefund, r.Flat = "recompute", nil
			}
		}
		d := large.capture(1, nil)
		if len(d.Lines) < 2 {
			continue
		}
		if err := large.try("order.captured", d); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		last := d.Lines[len(d.Lines)-1]
		if err := large.try("refund.made", &RefundMade{Order: "L", Refund: "r", Lines: []RefundedLine{{Line: last.Line, Quantity: last.Quantity}}, Shipped: &no}); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		small := newWanderer(seed)
		small.set = large.set
		small.service = small.newService()
		rest := *d
		rest.Lines = d.Lines[:len(d.Lines)-1]
		rest.Payments = nil
		if due := large.order.money(false); due > 0 {
			rest.Payments = []Payment{{Processor: "main", PaymentID: "pi", Amount: small.text(due)}}
		}
		if err := small.try("order.captured", &rest); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		// Whether the platform is the deemed supplier is a property of the whole order as captured.
		if small.order.deemed != large.order.deemed {
			continue
		}
		if a, b := sorted(large.order.posted), sorted(small.order.posted); !slices.Equal(a, b) {
			t.Fatalf("seed %d: after the refund %+v, as a smaller sale %+v", seed, a, b)
		}
		compared++
	}
	if compared < 1000 {
		t.Errorf("only %d sales were compared", compared)
	}
}

// TestExplanationRecomputes takes explanations as the API answers them and computes every amount again from what they say.
func TestExplanationRecomputes(t *testing.T) {
	t.Parallel()
	base := freshSeed()
	checked := 0
	for i := range uint64(2000) {
		g := newWanderer(base + i)
		d := g.capture(1, nil)
		if err := g.try("order.captured", d); err != nil {
			t.Fatalf("seed %d: %v", base+i, err)
		}
		for range 3 {
			_ = g.step() // a refusal leaves the order as it was
		}
		s, err := g.order.compute()
		if err != nil {
			t.Fatal(err)
		}
		x := &explained{event: "order.captured", order: g.order, after: s}
		text, err := json.Marshal(x.expand())
		if err != nil {
			t.Fatal(err)
		}
		var e Explanation
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatal(err)
		}
		for _, st := range e.Steps {
			checked += recomputeStep(t, base+i, g, st)
		}
	}
	if checked < 5000 {
		t.Errorf("only %d amounts were computed again", checked)
	}
}

// recomputeStep computes one step again and returns how many amounts it compared.
func recomputeStep(t *testing.T, seed uint64, g *wanderer, st Step) (compared int) {
	t.Helper()
	scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(g.currency.Digits())), nil))
	unit := int64(g.unit)
	minor := func(s string) *big.Rat { return new(big.Rat).Mul(exactOf(t, s), scale) }
	if len(st.Base) > 0 {
		sum := new(big.Rat)
		for _, part := range st.Base {
			sum.Add(sum, exactOf(t, part.Amount))
		}
		if sum.Cmp(exactOf(t, st.Total)) != 0 {
			t.Fatalf("seed %d: the parts of the base of %s come to %s, not %s", seed, st.Rule, sum.FloatString(3), st.Total)
		}
		compared++
	}
	once := func(total, rate, exact, amount, bound string, flat *big.Rat) {
		value := new(big.Rat).Mul(exactOf(t, total), exactOf(t, rate))
		if value.Cmp(exactOf(t, exact)) != 0 {
			t.Fatalf("seed %d: %s: %s of %s is not %s", seed, st.Rule, rate, total, exact)
		}
		mode, err := money.ParseRounding(st.Rounding)
		if err != nil {
			t.Fatal(err)
		}
		rounded := new(big.Rat).Add(roundTo(value.Mul(value, scale), mode, unit), flat)
		if bound == "" && rounded.Cmp(minor(amount)) != 0 {
			t.Fatalf("seed %d: %s: %s rounds %s to %s, not %s", seed, st.Rule, exact, st.Rounding, rounded, amount)
		}
		compared++
	}
	switch {
	case len(st.Parts) > 0:
		sum := new(big.Rat)
		for _, p := range st.Parts {
			once(p.Total, p.Rate, p.Exact, p.Amount, p.Bound, new(big.Rat))
			sum.Add(sum, exactOf(t, p.Amount))
		}
		if sum.Add(sum, exactOf(t, st.Flat)); st.Bound == "" && sum.Cmp(exactOf(t, st.Amount)) != 0 {
			t.Fatalf("seed %d: the parts of %s come to %s, not %s", seed, st.Rule, sum.FloatString(3), st.Amount)
		}
	case st.Rate != "":
		once(st.Total, st.Rate, st.Exact, st.Amount, st.Bound, minor(st.Flat))
	}
	if !strings.Contains(st.Text, strings.TrimPrefix(st.Amount, "-")) { // the words say the direction
		t.Fatalf("seed %d: %q does not say %s", seed, st.Text, st.Amount)
	}
	return compared
}

// TestPolarPartialRefunds is peers' bug 25: net 52 and tax 10, refunded in six parts, end at 52 and 10.
func TestPolarPartialRefunds(t *testing.T) {
	t.Parallel()
	g := newWanderer(1)
	g.currency, g.unit = "USD", 1
	g.book.Currencies = []money.Currency{"USD"}
	g.set.Rules = nil
	d := &OrderCaptured{Order: "L", Currency: "USD", PlacedAt: testNow, Seller: "s", Lines: []CapturedLine{{Line: 1, SKU: "K", Quantity: 1, UnitPrice: "0.52",
		Tax: []LineTax{{Jurisdiction: "ZZ", Kind: "sales", OwedBy: "platform", Amount: "0.10"}}}}, Payments: []Payment{{Processor: "main", PaymentID: "pi", Amount: "0.62"}}}
	if err := g.try("order.captured", d); err != nil {
		t.Fatal(err)
	}
	no := false
	for i, part := range []string{"0.32", "0.09", "0.08", "0.03", "0.06", "0.03"} {
		if err := g.try("refund.made", &RefundMade{Order: "L", Refund: string(rune('a' + i)), Amount: part, Shipped: &no}); err != nil {
			t.Fatalf("%s: %v", part, err)
		}
		l := &g.order.lots[0]
		if l.back.list > 52 || l.taxes[0].back > 10 {
			t.Fatalf("after %s: %d net and %d tax went back", part, l.back.list, l.taxes[0].back)
		}
	}
	if err := g.try("refund.made", &RefundMade{Order: "L", Refund: "z", Amount: "0.01", Shipped: &no}); err != nil {
		t.Fatal(err)
	}
	if l := &g.order.lots[0]; l.back.list != 52 || l.taxes[0].back != 10 || len(sorted(g.order.posted)) != 0 {
		t.Errorf("at the end %d net and %d tax went back, %+v is left", l.back.list, l.taxes[0].back, sorted(g.order.posted))
	}
	if err := g.try("refund.made", &RefundMade{Order: "L", Refund: "zz", Amount: "0.01", Shipped: &no}); err == nil {
		t.Error("a cent more than was paid went back")
	}
}
