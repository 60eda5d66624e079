package reconcile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts"
)

// A break keeps its identity from run to run: found, unchanged without a step, changed, cleared, and found again.
func TestBreakFollowsRuns(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	line := h.line(1, "re_1", "USD", -1234)
	f := h.missing(line, "re_1", "USD", -1234)
	f.Suspend, f.ExpectedBy = false, h.now().Add(time.Hour)
	h.run(h.source, f)
	first := h.only()
	if first.State != Open || first.Owner != "finance" || first.Amount != -1234 || first.FirstRun != 1 || first.Step != 1 {
		t.Fatalf("%+v", first)
	}
	h.clock.advance(24 * time.Hour)
	h.run(h.source, f)
	if b := h.only(); b.LastRun != 2 || b.Step != 1 || b.ID != first.ID || !b.ChangedAt.Equal(first.ChangedAt) {
		t.Fatalf("%+v", b)
	}
	if b := h.only(); b.Age(h.now()) != 1 {
		t.Errorf("%d days", b.Age(h.now()))
	}
	h.wantState(h.must(h.Explain(t.Context(), breaksAnn, h.book, first.ID, 1, Explanation{Note: "The bank says tomorrow.", ClearBy: h.now().Add(48 * time.Hour)})), Explained)
	h.run(h.source, f)
	if b := h.only(); b.State != Explained || b.Note != "The bank says tomorrow." {
		t.Fatalf("%+v", b)
	}
	f.Amount, f.Class = -1235, AmountDiffers
	h.run(h.source, f)
	if b := h.only(); b.State != Open || b.Class != AmountDiffers || b.Amount != -1235 {
		t.Fatalf("%+v", b)
	}
	h.run(h.source)
	if b := h.only(); b.State != Cleared || b.EndedAt.IsZero() {
		t.Fatalf("%+v", b)
	}
	h.run(h.source)
	h.run(h.source, f)
	if b := h.only(); b.State != Open || !b.EndedAt.IsZero() || b.FirstRun != 1 {
		t.Fatalf("%+v", b)
	}
	if acts := h.acts(first.ID); acts != "found explained changed cleared reopened" {
		t.Error(acts)
	}
	// Another source's run says nothing of it.
	h.run(h.bank)
	h.wantState(h.only(), Open)
}

func (h *breakHouse) must(b Break, err error) Break {
	h.Helper()
	h.ok(err)
	return b
}

func (h *breakHouse) wantState(b Break, state State) {
	h.Helper()
	if b.State != state {
		h.Fatalf("the break is %s instead of %s", b.State, state)
	}
}

// Two differences of one identity are a defect, and leave nothing behind.
func TestFindingTwice(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	f := h.missing(1, "re_1", "USD", -1)
	_, err := h.tryRun(h.Service, h.source, []Finding{f, f})
	h.wants(err, errFindingTwice)
	if n := h.count(`SELECT count(*) FROM recon_breaks`) + h.count(`SELECT count(*) FROM recon_steps`) + h.count(`SELECT count(*) FROM recon_heads`); n != 0 {
		t.Errorf("%d rows", n)
	}
}

// Whatever lies in suspense is what waits of breaks: put there once, taken by the business event with the same reference.
func TestSuspenseAndBusinessEvent(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	line := h.line(1, "txn_fee", "USD", -1234)
	h.run(h.source, h.missing(line, "txn_fee", "USD", -1234))
	for range 2 {
		_, err := h.Settle(t.Context(), breaksTurn, h.book, h.source)
		h.ok(err)
	}
	b := h.only()
	if b.Suspense != 1234 || b.SuspenseRef != "txn_fee" || b.State != Open || h.balance("assets:suspense", "USD") != 1234 || h.balance("assets:processor:available:main", "USD") != -1234 {
		t.Fatalf("%+v", b)
	}
	if c := h.even(); c.Waiting != 1 {
		t.Errorf("%d wait", c.Waiting)
	}
	h.run(h.source)
	h.wantState(h.only(), Open)
	r := h.adjusted("txn_fee", "USD", -1234)
	h.ok(r.Err)
	h.even()
	out, err := h.Clear(t.Context(), breaksTurn, h.book)
	h.ok(err)
	if b = h.only(); out.Cleared != 1 || b.State != Cleared || b.Fix != postedAs(r) || b.Suspense != 0 {
		t.Fatalf("%+v %+v", out, b)
	}
	if h.balance("assets:suspense", "USD") != 0 || h.balance("assets:processor:available:main", "USD") != -1234 || h.balance("expenses:processor_fee", "USD") != 1234 {
		t.Error("cash moved twice")
	}
	h.even()
	// The event is taken back: it waits again.
	r = h.record.Post(t.Context(), h.book, commerce.Event{Type: "entry.reversed", Reference: "undo", Data: &commerce.EntryReversed{Transaction: b.Fix, Reason: "wrong"}})
	h.ok(r.Err)
	h.even()
	out, err = h.Clear(t.Context(), breaksTurn, h.book)
	h.ok(err)
	if b = h.only(); out.Reopened != 1 || b.State != Open || b.Suspense != 1234 {
		t.Fatalf("%+v %+v", out, b)
	}
	h.even()
	if acts := h.acts(b.ID); acts != "found suspended cleared reopened" {
		t.Error(acts)
	}
}

// What the books came to know after the run is not put into suspense as well.
func TestSettleSeesWhatCameMeanwhile(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	one, two := h.line(1, "txn_a", "USD", -100), h.line(1, "txn_b", "USD", -200)
	h.run(h.source, h.missing(one, "txn_a", "USD", -100), h.missing(two, "txn_b", "USD", -200))
	h.ok(h.adjusted("txn_a", "USD", -100).Err)
	out, err := h.Settle(t.Context(), breaksTurn, h.book, h.source)
	h.ok(err)
	if out != (Settled{Suspended: 1, Known: 1}) || h.of("txn_a:USD").Suspense != 0 || h.balance("assets:processor:available:main", "USD") != -300 {
		t.Errorf("%+v", out)
	}
	h.even()
	h.run(h.source)
	h.wantState(h.of("txn_a:USD"), Cleared)
}

// What is above the limits waits for people and says so; the rest goes through; limits hold over several calls for one run.
func TestSettleLimits(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	rules := Shipped()
	rules.SuspendLimit = map[money.Currency]money.Minor{"": 0, "USD": 500}
	rules.FeeTrueUp, rules.TrueUpLimit = map[money.Currency]money.Minor{"": 5}, map[money.Currency]money.Minor{"": 8}
	h.agreed(ActActivateRules, map[string]any{"valid_from": h.now().Add(time.Minute), "rules": json.RawMessage(rules.Canonical())})
	h.clock.advance(time.Hour)
	var list []Finding
	for i, net := range []money.Minor{-300, 400, -150, -9000} {
		key := fmt.Sprintf("txn_x%d", i)
		list = append(list, h.missing(h.line(1, key, "USD", net), key, "USD", net))
	}
	list = append(list, h.missing(h.line(1, "txn_e", "EUR", -1), "txn_e", "EUR", -1))
	for i, net := range []money.Minor{-5, 3, -5, -6} {
		key := fmt.Sprintf("ch_%d", i)
		f := h.missing(h.line(1, key, "USD", net), key, "USD", net)
		f.Class, f.Suspend, f.TrueUp = FeeDiffers, false, true
		list = append(list, f)
	}
	h.run(h.source, list...)
	out, err := h.Settle(t.Context(), breaksTurn, h.book, h.source)
	h.ok(err)
	again, err := h.Settle(t.Context(), breaksTurn, h.book, h.source)
	h.ok(err)
	if again != (Settled{}) {
		t.Errorf("again %+v", again)
	}
	sum := h.balance("assets:suspense", "USD") - h.balance("liabilities:suspense", "USD")
	// 300 and 150 fit, or 400 alone, whichever comes first. Of the fees 5 and 3 fit, and never a second 5.
	if sum != 450 && sum != 400 || h.balance("assets:suspense", "EUR") != 0 || out.TrueUps != 2 || out.Suspended+out.Held != 6 {
		t.Errorf("%+v %d", out, sum)
	}
	if b := h.of("txn_x3:USD"); b.Held != heldLimit || b.State != Open {
		t.Errorf("%+v", b)
	}
	if b := h.of("ch_3:USD"); b.State != Open || b.Held != "" {
		t.Errorf("above the tolerance: %+v", b)
	}
	h.even()
	if fees := h.balance("expenses:processor_fee", "USD"); fees != 2 {
		t.Errorf("fees %d", fees)
	}
}

// Several services settle, clear and record at once, and everything happens once.
func TestSettleConcurrently(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	var list []Finding
	for i := range 60 {
		key := fmt.Sprintf("txn_c%d", i)
		list = append(list, h.missing(h.line(1, key, "USD", -10), key, "USD", -10))
	}
	h.run(h.source, list...)
	var wg sync.WaitGroup
	failed := make(chan error, 100)
	for range 6 {
		s := h.another()
		wg.Go(func() {
			_, err := s.Settle(t.Context(), breaksTurn, h.book, h.source)
			failed <- err
			_, err = s.Clear(t.Context(), breaksTurn, h.book)
			failed <- err
		})
	}
	for i := range 20 {
		wg.Go(func() { failed <- h.adjusted(fmt.Sprintf("txn_c%d", i*3), "USD", -10).Err })
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		h.ok(err)
	}
	_, err := h.Clear(t.Context(), breaksTurn, h.book)
	h.ok(err)
	h.even()
	if cash, waits := h.balance("assets:processor:available:main", "USD"), h.balance("assets:suspense", "USD"); cash != -600 || waits != 400 {
		t.Errorf("cash %d, suspense %d", cash, waits)
	}
}

// However many moved at once, what ends a break is the event that took it, and not what put it into suspense.
func TestClearNamesWhatTookIt(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	var list []Finding
	for i := range pageOfSuspense + 10 {
		key := fmt.Sprintf("txn_m%d", i)
		list = append(list, h.missing(h.line(1, key, "USD", 10), key, "USD", 10))
	}
	h.run(h.source, list...)
	_, err := h.Settle(t.Context(), breaksTurn, h.book, h.source)
	h.ok(err)
	var events []commerce.Event
	for i := range list {
		key := fmt.Sprintf("txn_m%d", i)
		events = append(events, commerce.Event{Type: "processor.adjusted", Reference: "adjusted:" + key, Data: &commerce.ProcessorAdjusted{Adjustment: key, Processor: "main",
			Direction: "credit", Reason: "fee", Currency: "USD", Amount: "0.10"}})
	}
	for _, r := range h.record.PostBatch(t.Context(), h.book, events) {
		h.ok(r.Err)
	}
	h.even()
	out, err := h.Clear(t.Context(), breaksTurn, h.book)
	h.ok(err)
	if n := h.count(`SELECT count(*) FROM recon_breaks b JOIN transactions t ON t.book_id = b.book_id AND b.fix = 'us-' || t.sequence AND t.event = 'processor.adjusted' AND t.line_count > 0
	WHERE b.state = 'cleared'`); n != len(list) || out.Cleared != n {
		t.Errorf("%d of %d", n, out.Cleared)
	}
	h.even()
}

// Two people, and not one, say where it belongs; a part leaves the rest waiting.
func TestFixByTwo(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	h.run(h.source, h.missing(h.line(1, "txn_f", "USD", -1000), "txn_f", "USD", -1000))
	_, err := h.Settle(t.Context(), breaksTurn, h.book, h.source)
	h.ok(err)
	b := h.only()
	lines := func(amount string) []commerce.SuspenseLine {
		return []commerce.SuspenseLine{{Account: "expenses:processor_fee", Direction: "debit", Amount: amount}}
	}
	part := fixPayload{Break: b.ID, Lines: lines("4.00"), Amount: "4.00"}
	a, err := h.ask(ActFix, part)
	h.ok(err)
	if e, _ := json.Marshal(a.Effect); !strings.Contains(string(e), "4.00") || !strings.Contains(string(e), "expenses:processor_fee") {
		t.Errorf("%s", e)
	}
	_, err = h.approve(breaksAnn, a)
	h.wants(err, guard.ErrSelfApproval)
	_, err = h.approve(breaksBen, a)
	h.ok(err)
	if b = h.only(); b.State != Open || b.Suspense != 600 {
		t.Fatalf("%+v", b)
	}
	h.even()
	for _, bad := range []fixPayload{
		{Break: b.ID}, {Break: b.ID, Lines: lines("6.01"), Amount: "6.01"}, {Break: b.ID, Lines: lines("5.00")}, {Break: b.ID, Lines: lines("6.00"), Returned: true},
		{Break: "brk_0000000000000000", Lines: lines("6.00")}, {Break: b.ID, Transaction: "us-1"},
		{Break: b.ID, Lines: []commerce.SuspenseLine{{Account: "assets:suspense", Direction: "debit", Amount: "6.00"}}},
		{Break: b.ID, Lines: []commerce.SuspenseLine{{Account: "assets:processor:available:main", Direction: "debit", Amount: "6.00"}}},
	} {
		if _, err := h.ask(ActFix, bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	// Two approvals of all of it: one of them is carried out.
	one, err := h.ask(ActFix, fixPayload{Break: b.ID, Lines: lines("6.00")})
	h.ok(err)
	two, err := h.ask(ActWriteOff, writeOffPayload{Break: b.ID, To: "expenses:bad_debt"})
	h.ok(err)
	_, err = h.approve(breaksBen, one)
	h.ok(err)
	if _, err = h.approve(breaksBen, two); err == nil {
		t.Error("it left twice")
	}
	b = h.only()
	if b.State != Fixed || b.Suspense != 0 || b.Fix == "" || h.balance("assets:suspense", "USD") != 0 || h.balance("expenses:processor_fee", "USD") != 1000 {
		t.Errorf("%+v", b)
	}
	if acts := h.acts(b.ID); acts != "found suspended fixed fixed" {
		t.Error(acts)
	}
	h.even()
	h.run(h.source)
	h.wantState(h.only(), Fixed)
}

// Money that came is never income, what nobody put into suspense passes through it in one act, and a reopened break stays linked.
func TestWriteOffAndReopen(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	f := h.missing(h.line(1, "txn_w", "USD", 700), "txn_w", "USD", 700)
	f.Suspend = false
	h.run(h.source, f)
	b := h.only()
	if _, err := h.ask(ActWriteOff, writeOffPayload{Break: b.ID, To: "revenue:commission"}); err == nil {
		t.Error("income")
	}
	h.agreed(ActWriteOff, writeOffPayload{Break: b.ID, To: "liabilities:unclaimed:US-NY"})
	b = h.only()
	if b.State != WrittenOff || h.balance("liabilities:unclaimed:US-NY", "USD") != -700 || h.balance("liabilities:suspense", "USD") != 0 || h.balance("assets:processor:available:main", "USD") != 700 {
		t.Fatalf("%+v", b)
	}
	h.even()
	_, err := h.Reopen(t.Context(), breaksAnn, h.book, b.ID, b.Step-1, "The payer called.")
	h.wants(err, ErrBreakState)
	again := h.must(h.Reopen(t.Context(), breaksAnn, h.book, b.ID, b.Step, "The payer called."))
	if again.State != Open || again.Fix != b.Fix || again.Suspense != 0 {
		t.Fatalf("%+v", again)
	}
	h.run(h.source)
	h.wantState(h.only(), Open)
	if _, err := h.ask(ActWriteOff, writeOffPayload{Break: b.ID, To: "liabilities:unclaimed:US-NY"}); err == nil {
		t.Error("written off twice")
	}
	h.agreed(ActFix, fixPayload{Break: b.ID, Transaction: b.Fix})
	h.wantState(h.only(), Fixed)
	if acts := h.acts(b.ID); acts != "found suspended written_off reopened fixed" {
		t.Error(acts)
	}
	h.even()
}

// What one person does alone: with the step that they have seen, and without a word of theirs in the trail.
func TestPeople(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	const canary = "Kanari Vogel +49 170 000"
	f := h.missing(h.line(1, "txn_p", "USD", -50), "txn_p", "USD", -50)
	h.run(h.source, f)
	b := h.only()
	ctx := t.Context()
	b = h.must(h.Assign(ctx, breaksAnn, h.book, b.ID, b.Step, "per_cyd"))
	_, err := h.Assign(ctx, breaksAnn, h.book, b.ID, b.Step-1, "treasury")
	h.wants(err, ErrBreakState)
	for _, owner := range []string{"", "a b", "ann@example.com", strings.Repeat("x", 65), "a\x00b"} {
		_, err := h.Assign(ctx, breaksAnn, h.book, b.ID, b.Step, owner)
		h.wants(err, ErrBreakInvalid)
	}
	for _, e := range []Explanation{{ClearBy: h.now().Add(time.Hour)}, {Note: canary}, {Note: "x\x01", ClearBy: h.now().Add(time.Hour)}, {Note: strings.Repeat("x", 2001), ClearBy: h.now().Add(time.Hour)},
		{Note: canary, ClearBy: h.now()}, {Note: "\xff", ClearBy: h.now().Add(time.Hour)}, {Note: canary, ClearBy: h.now().AddDate(3, 0, 0)}} {
		_, err := h.Explain(ctx, breaksAnn, h.book, b.ID, b.Step, e)
		h.wants(err, ErrBreakInvalid)
		if strings.Contains(err.Error(), "Kanari") {
			t.Error("an error repeats what was said")
		}
	}
	b = h.must(h.Explain(ctx, breaksAnn, h.book, b.ID, b.Step, Explanation{Note: canary, Document: "ticket-7", ClearBy: h.now().Add(time.Hour)}))
	b = h.must(h.Note(ctx, breaksBen, h.book, b.ID, b.Step, canary+" again"))
	b = h.must(h.Reopen(ctx, breaksBen, h.book, b.ID, b.Step, canary))
	_, err = h.Reopen(ctx, breaksBen, h.book, b.ID, b.Step, canary)
	h.wants(err, ErrBreakState)
	_, err = h.Note(ctx, breaksBen, h.book, "brk_0000000000000000", 1, "x")
	h.wants(err, ErrBreakUnknown)
	if n := h.count(`SELECT count(*) FROM audit_rows WHERE act LIKE 'break.%'`); n != 4 {
		t.Errorf("%d rows in the trail", n)
	}
	if n := h.count(`SELECT count(*) FROM audit_rows a WHERE a::text LIKE '%Kanari%'`); n != 0 {
		t.Error("the trail repeats what people said")
	}
	if acts := h.acts(b.ID); acts != "found assigned explained noted reopened" {
		t.Error(acts)
	}
	// Fifty at once on the same step: one of them is taken.
	var wg sync.WaitGroup
	taken := make(chan error, 50)
	for range 50 {
		wg.Go(func() {
			_, err := h.Assign(ctx, breaksAnn, h.book, b.ID, b.Step, "treasury")
			taken <- err
		})
	}
	wg.Wait()
	close(taken)
	n := 0
	for err := range taken {
		if err == nil {
			n++
		} else {
			h.wants(err, ErrBreakState)
		}
	}
	if n != 1 {
		t.Errorf("%d were taken", n)
	}
}

// A list as of a step is the same for ever.
func TestBreaksAtAStep(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	var list []Finding
	for i := range 20 {
		list = append(list, h.missing(h.line(1, fmt.Sprintf("txn_l%d", i), "USD", money.Minor(-1-i)), fmt.Sprintf("txn_l%d", i), "USD", money.Minor(-1-i)))
	}
	h.run(h.source, list[:10]...)
	listed := func(step int64) []byte {
		var out bytes.Buffer
		h.ok(h.BreaksAt(t.Context(), h.book, step, func(b Break) error {
			fmt.Fprintln(&out, strings.Join(b.Row(breaksStart), "|"), b.Step)
			return nil
		}))
		return out.Bytes()
	}
	step, err := h.LastStep(t.Context(), h.book)
	h.ok(err)
	before := listed(step)
	if n := bytes.Count(before, []byte("\n")); n != 10 || len(BreakColumns) != len((&Break{Currency: "USD"}).Row(breaksStart)) {
		t.Fatalf("%d rows", n)
	}
	h.clock.advance(time.Hour)
	h.run(h.source, list...)
	_, err = h.Settle(t.Context(), breaksTurn, h.book, h.source)
	h.ok(err)
	h.run(h.source)
	if !bytes.Equal(before, listed(step)) {
		t.Error("the list of a step became another")
	}
	last, err := h.LastStep(t.Context(), h.book)
	h.ok(err)
	now, all := listed(last), bytes.Buffer{}
	page, err := h.Breaks(t.Context(), h.book, BreakQuery{Limit: 1000})
	h.ok(err)
	for _, b := range page {
		fmt.Fprintln(&all, strings.Join(b.Row(breaksStart), "|"), b.Step)
	}
	if !bytes.Equal(now, all.Bytes()) {
		t.Errorf("as of the last step:\n%s\nnow:\n%s", now, all.Bytes())
	}
}

// The lists choose what is asked for, page by page.
func TestBreakLists(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	for i := range 7 {
		f := h.missing(h.line(1, fmt.Sprintf("txn_q%d", i), "USD", -1), fmt.Sprintf("txn_q%d", i), "USD", -1)
		if i > 4 {
			f.Class, f.Currency, f.Suspend = FeeDiffers, "EUR", false
		}
		h.run(Source{ID: int16(i%2 + 1), Kind: KindProcessor}, f)
		h.clock.advance(48 * time.Hour)
	}
	for name, c := range map[string]struct {
		q    BreakQuery
		want int
	}{
		"all": {BreakQuery{}, 7}, "open": {BreakQuery{Open: true}, 2}, "cleared": {BreakQuery{States: []State{Cleared, Fixed}}, 5}, "class": {BreakQuery{Class: FeeDiffers}, 2},
		"match": {BreakQuery{Match: R2}, 0}, "source": {BreakQuery{Source: 2}, 3}, "owner": {BreakQuery{Owner: "payments"}, 2}, "currency": {BreakQuery{Currency: "EUR"}, 2},
		"old": {BreakQuery{SeenBefore: h.now().Add(-10 * 24 * time.Hour)}, 2}, "reference": {BreakQuery{Reference: "txn_q3"}, 1},
	} {
		n := 0
		c.q.Limit = 2
		for {
			page, err := h.Breaks(t.Context(), h.book, c.q)
			h.ok(err)
			n += len(page)
			if len(page) < 2 {
				break
			}
			c.q.AfterSeen, c.q.AfterID = page[1].FirstSeen, page[1].ID
		}
		if n != c.want {
			t.Errorf("%s: %d instead of %d", name, n, c.want)
		}
	}
	b := h.of("txn_q6:USD")
	m, err := h.Members(t.Context(), h.book, b)
	h.ok(err)
	if len(m.External) != 1 || m.External[0].Key != "txn_q6" {
		t.Errorf("%+v", m)
	}
}

// Ageing, alarms and counters.
func TestAgeing(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	f := h.missing(h.line(1, "txn_old", "USD", -900), "txn_old", "USD", -900)
	f.ExpectedBy = h.now().Add(24 * time.Hour)
	h.run(h.source, f)
	_, err := h.Settle(t.Context(), breaksTurn, h.book, h.source)
	h.ok(err)
	h.clock.advance(6 * 24 * time.Hour)
	g := h.missing(h.line(1, "txn_new", "EUR", 5), "txn_new", "EUR", 5)
	h.run(h.source, g)
	report, err := h.Ageing(t.Context(), h.book, h.now())
	h.ok(err)
	if len(report.Breaks) != 2 || report.Breaks[0].Bucket != 0 || report.Breaks[1].Bucket != 1 || report.Breaks[1].Net != -900 || report.Breaks[1].Suspense != 900 || len(report.Suspense) != 1 {
		t.Errorf("%+v", report)
	}
	late, err := h.Overdue(t.Context(), h.book, h.now(), Break{}, 10)
	h.ok(err)
	health, err := h.Health(t.Context(), h.book)
	h.ok(err)
	if len(late) != 1 || late[0].Identity != "txn_old:USD" || len(health) != 1 || health[0].Open != 2 || health[0].Overdue != 1 || health[0].Waiting != 1 || health[0].Blocking != 0 {
		t.Errorf("%+v %+v", late, health)
	}
	h.clock.advance(40 * 24 * time.Hour)
	if health, err = h.Health(t.Context(), h.book); err != nil || health[0].Blocking != 1 {
		t.Errorf("%+v %v", health, err)
	}
}

// What lies in suspense without a break is a difference.
func TestSuspenseWithoutABreak(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	r := h.record.Post(t.Context(), h.book, commerce.Event{Type: "processor.adjusted", Reference: "x", Data: &commerce.ProcessorAdjusted{Adjustment: "txn_s", Processor: "main", Direction: "debit",
		Reason: "other", Currency: "USD", Amount: "3.00"}})
	h.ok(r.Err)
	c, err := h.CheckSuspense(t.Context(), h.book)
	h.ok(err)
	if len(c.Findings) != 1 || c.Findings[0].Class != BalanceDiffers || c.Findings[0].Amount != -300 || c.Findings[0].Identity != "suspense:assets:suspense:USD" {
		t.Errorf("%+v", c)
	}
	// An entry by hand belongs to no break either, though it says that it is about one.
	out := h.books.Post(t.Context(), h.book, ledger.Submission{Reference: "hand", Drafts: []ledger.Draft{{Event: "manual.adjusted", Subject: "break:brk_nobody", Lines: []ledger.Line{
		{Account: "assets:suspense", Amount: 100, Currency: "USD", ExternalRef: "x"}, {Account: "expenses:goodwill", Amount: -100, Currency: "USD"}}}}})
	h.ok(out.Err)
	c, err = h.CheckSuspense(t.Context(), h.book)
	h.ok(err)
	if len(c.Findings) != 1 || c.Findings[0].Amount != -400 {
		t.Errorf("%+v", c)
	}
	if _, err := h.Clear(t.Context(), breaksTurn, h.book); err != nil {
		t.Error(err)
	}
}

// The database refuses what the service never does.
func TestBreakGuards(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	h.run(h.source, h.missing(h.line(1, "txn_g", "USD", -5), "txn_g", "USD", -5))
	_, err := h.Settle(t.Context(), breaksTurn, h.book, h.source)
	h.ok(err)
	for _, sql := range []string{
		`DELETE FROM recon_breaks WHERE book_id = $1`, `UPDATE recon_breaks SET identity = 'x' WHERE book_id = $1`, `UPDATE recon_breaks SET last_run = 0 WHERE book_id = $1`,
		`UPDATE recon_breaks SET ended_at = now() WHERE book_id = $1`, `UPDATE recon_breaks SET state = 'cleared', ended_at = now() WHERE book_id = $1`,
		`UPDATE recon_breaks SET suspense_ref = '' WHERE book_id = $1`, `DELETE FROM recon_steps WHERE book_id = $1`, `UPDATE recon_steps SET note = 'x' WHERE book_id = $1`,
		`UPDATE recon_suspense_heads SET sequence = -1 WHERE book_id = $1`, `DELETE FROM recon_suspense_heads WHERE book_id = $1`, `DELETE FROM recon_rules WHERE book_id = $1`,
	} {
		if strings.Contains(sql, "suspense_heads") {
			_, err := h.Clear(t.Context(), breaksTurn, h.book)
			h.ok(err)
		}
		if _, err := h.db.Pool.Exec(t.Context(), sql, h.book.ID); err == nil {
			t.Errorf("%s was taken", sql)
		}
	}
	// What it takes shows: a break is as its last step left it, and steps are only added.
	told, err := h.Told(t.Context(), h.book)
	if h.ok(err); !told.Sound() || told.Looked != 1 {
		t.Errorf("%+v", told)
	}
	for _, c := range []struct{ sql, act string }{
		{`UPDATE recon_breaks SET state = 'explained' WHERE book_id = $1`, "break.explained"},
		{`UPDATE recon_breaks SET state = 'open', amount = amount + 1 WHERE book_id = $1`, "break.open"},
		{`UPDATE recon_breaks SET amount = amount - 1, suspense = 0 WHERE book_id = $1`, "break.open"},
		{`UPDATE recon_breaks SET step = step + 1 WHERE book_id = $1`, "break.open"},
	} {
		h.exec(c.sql, h.book.ID)
		if told, err = h.Told(t.Context(), h.book); err != nil || len(told.Untold) != 1 || told.Untold[0].Act != c.act || !strings.HasPrefix(told.Untold[0].Object, "break:brk_") {
			t.Errorf("%s: %+v, %v", c.sql, told, err)
		}
	}
}

// A turn that another process has taken over posts nothing.
func TestSettleAfterTheTurn(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	h.run(h.source, h.missing(h.line(1, "txn_t", "USD", -5), "txn_t", "USD", -5))
	gone := payouts.Turn{Check: goneTurn}
	if _, err := h.Settle(t.Context(), gone, h.book, h.source); err == nil {
		t.Error("it went on")
	}
	if h.only().Suspense != 0 || h.balance("assets:suspense", "USD") != 0 {
		t.Error("it posted")
	}
}
