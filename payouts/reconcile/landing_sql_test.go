package reconcile

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// What is an arrival for certain, and what may be one.
func TestArrivals(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	sent := func(id string, amount money.Minor, on int) commerce.OwnTransfer {
		return commerce.OwnTransfer{ID: id, Subject: "transfer:" + id, Currency: "USD", Amount: amount, SentAt: day(on).Add(10 * time.Hour)}
	}
	line := func(n int64, amount money.Minor, on int, key, note string) External {
		return External{Number: n, Key: key, Currency: "USD", Gross: amount, Net: amount, Category: categoryReceived, MovedAt: day(on), Note: note}
	}
	referred := func(l External, ref string) External { l.SourceRef = ref; return l }
	for name, c := range map[string]struct {
		lines []External
		sent  []commerce.OwnTransfer
		want  string
	}{
		"named in the text":               {[]External{line(1, 500, 20, "b1", "STRIPE po-1ab payout")}, []commerce.OwnTransfer{sent("po_1aB", 500, 2), sent("T2", 500, 2)}, "[1 transfer:po_1aB true]"},
		"named, another amount":           {[]External{line(1, 501, 3, "b1", "T1")}, []commerce.OwnTransfer{sent("T1", 500, 2)}, "[]"},
		"named by two lines":              {[]External{line(1, 500, 3, "b1", "T1"), line(2, 500, 3, "b2", "T1")}, []commerce.OwnTransfer{sent("T1", 500, 2)}, "[1 transfer:T1 false][2 transfer:T1 false]"},
		"a part of a word names nothing":  {[]External{line(1, 500, 25, "b1", "T12")}, []commerce.OwnTransfer{sent("T1", 500, 2)}, "[]"},
		"by amount":                       {[]External{line(1, 500, 3, "b1", "sundry")}, []commerce.OwnTransfer{sent("T1", 500, 2), sent("T2", 400, 2)}, "[1 transfer:T1 true]"},
		"by amount, two transfers":        {[]External{line(1, 500, 3, "b1", "")}, []commerce.OwnTransfer{sent("T1", 500, 2), sent("T2", 500, 2)}, "[1 transfer:T1 transfer:T2 false]"},
		"by amount, two lines":            {[]External{line(1, 500, 3, "b1", ""), line(2, 500, 4, "b2", "")}, []commerce.OwnTransfer{sent("T1", 500, 2)}, "[1 transfer:T1 false][2 transfer:T1 false]"},
		"by amount, it names another":     {[]External{referred(line(1, 500, 3, "INV-7", ""), "INV-7")}, []commerce.OwnTransfer{sent("T1", 500, 2)}, "[1 transfer:T1 false]"},
		"by amount, too late":             {[]External{line(1, 500, 25, "b1", "")}, []commerce.OwnTransfer{sent("T1", 500, 2)}, "[]"},
		"by amount, before it left":       {[]External{line(1, 500, 1, "b1", "")}, []commerce.OwnTransfer{sent("T1", 500, 3)}, "[]"},
		"one is named, the other is left": {[]External{line(1, 500, 3, "b1", "T1"), line(2, 500, 3, "b2", "")}, []commerce.OwnTransfer{sent("T1", 500, 2), sent("T2", 500, 2)}, "[1 transfer:T1 true][2 transfer:T2 true]"},
		"money that went":                 {[]External{line(1, -500, 3, "b1", "T1")}, []commerce.OwnTransfer{sent("T1", 500, 2)}, "[]"},
	} {
		x := situation{Match: R2, Kind: KindBank, Rules: Shipped(), Zone: time.UTC}
		told := func(all []Arrival) (text string) {
			for _, a := range all {
				text += fmt.Sprint("[", a.Line)
				for _, s := range a.Transfers {
					text += " " + s
				}
				text += fmt.Sprint(" ", a.Certain, "]")
			}
			if text == "" {
				return "[]"
			}
			return text
		}
		got := arrivals(c.lines, c.sent, x)
		if told(got) != c.want {
			t.Errorf("%s: %s instead of %s", name, told(got), c.want)
		}
		for seed := range uint64(5) {
			r := rand.New(rand.NewPCG(seed, 1))
			r.Shuffle(len(c.lines), func(i, j int) { c.lines[i], c.lines[j] = c.lines[j], c.lines[i] })
			r.Shuffle(len(c.sent), func(i, j int) { c.sent[i], c.sent[j] = c.sent[j], c.sent[i] })
			if again := arrivals(c.lines, c.sent, x); !reflect.DeepEqual(again, got) {
				t.Errorf("%s: in another order %s", name, told(again))
			}
		}
	}
}

// A statement shows sweeps as arrived: the certain one is booked once, however many look at it, and the next run finds nothing open.
func TestLand(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	h.booked("test.earned", "", "USD", "assets:processor:available:main x", 100_00, "revenue:transaction_fee", -100_00)
	sweep := func(id, amount string) {
		d := &commerce.TreasurySwept{Transfer: id, Purpose: "own", Processor: "main", Bank: "main", Currency: "USD", Amount: amount}
		h.ok(h.record.Post(t.Context(), h.book, commerce.Event{Type: "treasury.swept", Reference: "swept:" + id, Data: d}).Err)
	}
	sweep("T-1", "10.00")
	sweep("T-2", "20.00")
	sweep("T-3", "20.00")
	h.clock.advance(24 * time.Hour)
	h.exec(`INSERT INTO evidence_heads (book_id, source_id) VALUES ($1, 2)`, h.book.ID)
	h.line(2, "PAYOUT-1", "USD", 10_00)
	h.line(2, "PAYOUT-2", "USD", 20_00)
	h.line(2, "PAYOUT-3", "USD", 20_00)
	h.exec(`UPDATE evidence_heads SET last_receipt = 1, last_line = $2 WHERE book_id = $1 AND source_id = 2`, h.book.ID, h.lines)
	compare := func() Run {
		t.Helper()
		run, err := h.Compare(t.Context(), h.turnHere(), Asked{Match: R2, Source: 2})
		h.ok(err)
		again, err := h.Replay(t.Context(), h.book, run.ID)
		h.ok(err)
		if !again.Same {
			t.Fatalf("run %d is not the same again: %v", run.Number, again.Differs)
		}
		return run
	}
	if run := compare(); run.OpenItems != 3 || run.Found != 3 {
		t.Fatalf("%d open and %d found instead of 3 receipts that nobody knows", run.OpenItems, run.Found)
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	landed := 0
	for i := range 20 {
		service := h.Service
		if i%2 == 0 {
			service = h.another()
		}
		group.Go(func() {
			out, err := service.Land(t.Context(), breaksTurn, h.book, h.bank)
			if err != nil {
				t.Errorf("landing at once: %v", err)
			}
			mu.Lock()
			landed += out.Landed
			mu.Unlock()
		})
	}
	group.Wait()
	if got := h.balance("assets:bank:operating:main", "USD"); got != 10_00 || landed != 1 {
		t.Fatalf("the bank has %s after %d landings", got.Format("USD"), landed)
	}
	// What landed is not put into suspense, whoever comes later; the two that cannot be told apart are.
	settled, err := h.Settle(t.Context(), breaksTurn, h.book, h.bank)
	h.ok(err)
	if settled.Suspended != 2 {
		t.Fatalf("%d put into suspense instead of 2: %+v", settled.Suspended, settled)
	}
	if run := compare(); run.OpenItems != 0 {
		t.Fatalf("%d open after landing", run.OpenItems)
	}
	// A person says which is which: the event takes the money out of suspense.
	d := &commerce.TreasuryLanded{Transfer: "T-2", Reference: "PAYOUT-2"}
	h.ok(h.record.Post(t.Context(), h.book, commerce.Event{Type: "treasury.landed", Reference: "landed:T-2", Data: d}).Err)
	if got := h.balance("assets:bank:operating:main", "USD"); got != 50_00 {
		t.Fatalf("the bank has %s instead of what its statement shows", got.Format("USD"))
	}
	if got := h.balance("liabilities:suspense", "USD"); got != -20_00 {
		t.Fatalf("%s wait in suspense", got.Format("USD"))
	}
}

// A transfer lands however many newer lines wait that are none, and however much went its way after it. If more went than is looked at,
// nothing is certain.
func TestLandBehindOthers(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	h.booked("test.earned", "", "USD", "assets:processor:available:main x", 100_00, "revenue:transaction_fee", -100_00)
	post := func(kind, reference string, d commerce.EventData) {
		h.ok(h.record.Post(t.Context(), h.book, commerce.Event{Type: kind, Reference: reference, Data: d}).Err)
	}
	sweep := func(id, amount string) {
		post("treasury.swept", "swept:"+id, &commerce.TreasurySwept{Transfer: id, Purpose: "own", Processor: "main", Bank: "main", Currency: "USD", Amount: amount})
	}
	sweep("T-1", "10.00")
	for i := range 4 {
		id := fmt.Sprint("N-", i)
		sweep(id, "1.00")
		post("treasury.landed", "landed:"+id, &commerce.TreasuryLanded{Transfer: id, Reference: id})
	}
	sweep("T-2", "2.00")
	for _, page := range []int{1, 2, 3, transitPage} {
		all, partly, err := h.onTheWay(t.Context(), h.book, page, transitPages)
		if err != nil || len(partly) > 0 || fmt.Sprint(all) != "[{transfer:T-1 {USD 1000}} {transfer:T-2 {USD 200}}]" {
			t.Errorf("in pages of %d: %v, %v", page, all, err)
		}
	}
	h.clock.advance(24 * time.Hour)
	h.line(2, "PAYOUT-2", "USD", 2_00)
	first := h.line(2, "PAYOUT-1", "USD", 10_00)
	h.exec(`INSERT INTO evidence_lines (book_id, source_id, number, receipt, line_id, key, currency, gross, fee, net, category, moved_at)
	SELECT $1, 2, n, 1, 'other' || n, 'other' || n, 'USD', 7, 0, 7, 'other', $3 FROM generate_series($2::bigint + 1, $2::bigint + 5001) n`, h.book.ID, first, h.clock.now())
	h.exec(`INSERT INTO recon_items (book_id, match, source_id, side, a, b, key, currency, debits, credits, day, open_from)
	SELECT book_id, 2, 2, 'e', number, 0, key, currency, net, 0, '2026-11-03', 1 FROM evidence_lines WHERE book_id = $1 AND source_id = 2`, h.book.ID)
	for pages, want := range map[int]bool{2: false, transitPages: true} {
		all, err := h.arrivalsWithin(t.Context(), h.book, h.bank, 1, pages)
		if err != nil || len(all) == 0 || slices.ContainsFunc(all, func(a Arrival) bool { return a.Certain != want }) {
			t.Errorf("of %d entries: %+v, %v", pages, all, err)
		}
	}
	out, err := h.Land(t.Context(), breaksTurn, h.book, h.bank)
	if err != nil || out.Landed != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
}
