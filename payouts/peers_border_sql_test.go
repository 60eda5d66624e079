package payouts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
)

// What went wrong elsewhere at the border to a processor, as tests by the numbers of the list of peers' bugs: notices and what is
// read again.

// state is all that is known of the house's payouts, byte for byte, without when they are looked at again and by whom.
func (h *railHouse) state() string {
	h.t.Helper()
	var payouts, steps, attempts string
	err := h.db.Pool.QueryRow(h.t.Context(), `
SELECT (SELECT coalesce(string_agg((to_jsonb(p) - '{look_at,fence,claimed_by,lease_until}'::text[])::text, E'\n' ORDER BY p.id), '') FROM payouts p WHERE p.book_id = $1),
       (SELECT coalesce(string_agg(t::text, E'\n' ORDER BY t.payout, t.number), '') FROM payout_steps t WHERE t.book_id = $1),
       (SELECT coalesce(string_agg(a::text, E'\n' ORDER BY a.payout, a.act, a.attempt), '') FROM payout_attempts a WHERE a.book_id = $1)`, h.book.ID).Scan(&payouts, &steps, &attempts)
	if err != nil {
		h.t.Fatal(err)
	}
	head, err := h.ledger.Head(h.t.Context(), h.book)
	if err != nil {
		h.t.Fatal(err)
	}
	return fmt.Sprintf("%s\n%s\n%s\n%v\nthrough %d", payouts, steps, attempts, h.balances(), head.LastSequence)
}

// failing is a house with two instant payouts, which cost us something: one of an account that the processor pays out by itself
// otherwise, and one of an account that it does not. Both fail, and nobody has looked yet.
func failing(t *testing.T) (h *railHouse, deliver func(), ids []string) {
	t.Helper()
	h, deliver = noticed(t)
	h.fund("sel_x", 50000)
	h.fund("sel_y", 50000)
	x, y := h.account("sel_x", "acct_x", "daily"), h.account("sel_y", "acct_y", "manual")
	for _, account := range []string{"acct_x", "acct_y"} {
		if err := h.sim.FailPayouts(account, "account_closed", time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	ids = []string{h.pay("sel_x", x, "acct_x", "automatic", "instant", 20000, 300), h.pay("sel_y", y, "acct_y", "manual", "instant", 30000, 100)}
	h.submit()
	h.clock.Advance(2 * time.Hour)
	for _, account := range []string{"acct_x", "acct_y"} {
		if _, err := h.rails["connected"].Driver.ReadBalance(t.Context(), account); err != nil { // the processor's day begins when somebody asks
			t.Fatal(err)
		}
	}
	return h, deliver, ids
}

// once wants that each of the payouts failed once: one transfer, all of it reversed once, and the money is the payee's.
func (h *railHouse) once(ids []string) {
	h.t.Helper()
	for _, id := range ids {
		p := h.want(id, Failed, "account_closed")
		if n := h.sim.Transfers()[id]; n.Count != 1 || n.Reversed != int64(p.Amount) {
			h.t.Errorf("%+v", n)
		}
		if n := strings.Count(h.steps(id), " failed "); n != 1 {
			h.t.Errorf("failed %d times:\n%s", n, h.steps(id))
		}
		if got := h.attempts(id); strings.Count(got, "reversal") != 1 {
			h.t.Errorf("%s", got)
		}
	}
	got := h.balances()
	if got["liabilities:seller:available:sel_x"] != 50000 || got["liabilities:seller:available:sel_y"] != 50000 || got["assets:processor:available:main"] != 100000 || len(got) != 3 {
		h.t.Errorf("%v", got)
	}
}

// TestBug17OneWebhookOnTwentyConnectionsIsOne (Polar #12364, #13192): the same notices come in on twenty connections each, and
// eight services deal with them at once. They are stored once, and what they are about happens once.
func TestBug17OneWebhookOnTwentyConnectionsIsOne(t *testing.T) {
	t.Parallel()
	var door string
	var answers sync.Map
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, MaxNotice))
		if err != nil {
			t.Error(err)
		}
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				q, err := http.NewRequestWithContext(r.Context(), r.Method, door, bytes.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				q.Header.Set("Stripe-Signature", r.Header.Get("Stripe-Signature"))
				a, err := http.DefaultClient.Do(q)
				if err != nil {
					t.Error(err)
					return
				}
				_ = a.Body.Close()
				answers.Store(fmt.Sprintf("%x %d", body, i), a.StatusCode)
			})
		}
		wg.Wait()
	})
	h := newRailHouse(t, func(o *simulator.Options) {
		o.Endpoints = []simulator.Endpoint{{URL: url, Secret: railPlatform}, {URL: url, Secret: railConnect, Connect: true}}
	})
	door = h.receive()
	h.fund("sel_x", 50000)
	h.fund("sel_y", 50000)
	y := h.account("sel_y", "acct_y", "manual")
	if err := h.sim.FailPayouts("acct_y", "account_closed", time.Minute); err != nil {
		t.Fatal(err)
	}
	id := h.pay("sel_y", y, "acct_y", "manual", "standard", 30000, 100)
	h.submit()
	h.clock.Advance(49 * time.Hour)
	h.deliver()
	var rows, ids, posted int
	if err := h.db.Pool.QueryRow(t.Context(), `SELECT count(*), count(DISTINCT id) FROM processor_notices`).Scan(&rows, &ids); err != nil {
		t.Fatal(err)
	}
	answers.Range(func(_, status any) bool {
		if posted++; status != http.StatusOK {
			t.Errorf("answered %v", status)
		}
		return true
	})
	if rows == 0 || rows != ids || posted != 20*rows {
		t.Errorf("%d rows of %d notices, which were posted %d times", rows, ids, posted)
	}
	var wg sync.WaitGroup
	for range 8 {
		s := h.another()
		wg.Go(func() {
			for _, do := range []func(context.Context, Turn) (Report, error){s.ReadNotices, s.Poll, s.Follow} {
				if _, err := do(t.Context(), h.turn()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for range 3 { // whoever came too late to a payout left it to its next look
		h.clock.Advance(time.Hour)
		h.followUp()
	}
	h.once([]string{id})
}

// TestBug21ReplayedIngestsChangeNothing (Formance payments #750): when all is settled, every notice comes again under other ids,
// and the windows are polled, followed and submitted again, five times in an order of chance. Payouts, steps, attempts, entries and
// balances stay what they were, byte for byte.
func TestBug21ReplayedIngestsChangeNothing(t *testing.T) {
	t.Parallel()
	h, deliver, ids := failing(t)
	deliver()
	h.work(h.ReadNotices)
	h.work(h.Poll)
	h.clock.Advance(time.Hour)
	h.followUp()
	h.once(ids)
	before := h.state()
	seed := rand.Uint64()
	t.Logf("the order is of seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 21))
	for round := range 5 {
		deliver()
		h.tellAgain(fmt.Sprint(round))
		again := []func(context.Context, Turn) (Report, error){h.ReadNotices, h.Poll, h.Follow, h.Submit, h.ReadNotices, h.Poll}
		random.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		for _, do := range again {
			h.work(do)
			h.clock.Advance(time.Minute)
		}
		if after := h.state(); after != before {
			t.Fatalf("round %d:\n%s\nwas\n%s", round, after, before)
		}
	}
}

// calledAnew is what two houses of one history call by other names: requests, and the processor's objects.
var calledAnew = regexp.MustCompile(`, request req_\w+|_sim\w+|TRACE\w+`)

// story is what happened to payouts and where the money is, without names and times.
func (h *railHouse) story(ids []string) string {
	h.t.Helper()
	var b strings.Builder
	for n, id := range ids {
		list, err := h.Steps(h.t.Context(), h.book, id, 0, 100)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, s := range list {
			evidence := calledAnew.ReplaceAllString(strings.ReplaceAll(s.Evidence, id, "payout"), "")
			fmt.Fprintf(&b, "%d %d %s %s [%s] posted %t\n", n, s.Number, s.State, s.Code, evidence, s.Sequence > 0)
		}
		fmt.Fprintln(&b, h.attempts(id))
	}
	balances := h.balances()
	for _, name := range slices.Sorted(maps.Keys(balances)) {
		fmt.Fprintln(&b, name, balances[name])
	}
	return b.String()
}

// TestBug21TheOrderOfIngestsMakesNoDifference: notices, the poll of entries and the look at what is due come first in every order,
// and each comes twice. What is known afterwards is the same.
func TestBug21TheOrderOfIngestsMakesNoDifference(t *testing.T) {
	t.Parallel()
	orders := [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}
	told := make([]string, len(orders))
	for i, order := range orders {
		h, deliver, ids := failing(t)
		deliver()
		ingests := []func(context.Context, Turn) (Report, error){h.ReadNotices, h.Poll, h.Follow}
		for round := range 2 {
			for _, n := range order {
				h.work(ingests[n])
				h.tellAgain(fmt.Sprintf("%d-%d", round, n))
			}
		}
		h.once(ids)
		told[i] = h.story(ids)
	}
	for i, text := range told {
		if text != told[0] || text == "" {
			t.Errorf("in the order %v:\n%s\nin the order %v:\n%s", orders[i], text, orders[0], told[0])
		}
	}
}

// TestBug22NothingLeavesBeforeItsKeyIsCommitted (Formance payments #745): whatever reaches the processor to be written has a key,
// and at that moment others read in the database that its attempt is being sent, with the digest of what is sent.
func TestBug22NothingLeavesBeforeItsKeyIsCommitted(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	seen := map[string]int{}
	h.tamperedHeader(func(r *http.Request) (int, http.Header) {
		if r.Method == http.MethodGet {
			return 0, nil
		}
		part := strings.Split(r.Header.Get("Idempotency-Key"), "/")
		if len(part) != 3 {
			t.Errorf("%s %s without a key of ours", r.Method, r.URL.Path)
			return http.StatusBadRequest, nil
		}
		var known int
		err := h.db.Pool.QueryRow(context.WithoutCancel(r.Context()), `SELECT count(*) FROM payout_attempts
			WHERE book_id = $1 AND act = $2 AND instruction = $3 AND attempt = $4::text::integer AND state = 'sending' AND sendings > 0 AND first_sent IS NOT NULL AND digest <> ''`,
			h.book.ID, part[0], part[1], part[2]).Scan(&known)
		if err != nil || known != 1 {
			t.Errorf("%s left before it was stored: %d, %v", r.Header.Get("Idempotency-Key"), known, err)
		}
		seen[part[0]]++ // one request at a time: there is one payout
		return 0, nil
	})
	h.fund("sel_y", 50000)
	y := h.account("sel_y", "acct_y", "manual")
	if err := h.sim.FailPayouts("acct_y", "account_closed", time.Minute); err != nil {
		t.Fatal(err)
	}
	id := h.pay("sel_y", y, "acct_y", "manual", "standard", 30000, 100)
	for range 4 {
		h.submit()
		h.followUp()
		h.clock.Advance(25 * time.Hour)
	}
	h.want(id, Failed, "account_closed")
	if seen["transfer"] != 1 || seen["payout"] != 1 || seen["reversal"] != 1 || len(seen) != 3 {
		t.Errorf("%v", seen)
	}
}

// TestBug23AStoredNoticeIsNotAHandledOne (Hyperswitch #3408, #9278): the row of a notice is there, and whoever should handle it
// crashed, could not read the processor, or lost the payout in the middle. The same webhook comes again and is the same row. What it
// is about happens later all the same, and is read from the processor, whatever the notice said.
func TestBug23AStoredNoticeIsNotAHandledOne(t *testing.T) {
	t.Parallel()
	crashed := errors.New("the process ended")
	for name, c := range map[string]struct {
		check func(n *int) func() error
		down  bool
	}{
		"crash before handling":             {check: func(*int) func() error { return func() error { return crashed } }},
		"crash after the notice is handled": {check: func(n *int) func() error { return func() error { *n++; return map[bool]error{true: crashed}[*n > 1] } }},
		"the processor cannot be read":      {down: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, deliver, ids := failing(t)
			deliver()
			turn := h.turn()
			var n int
			if c.check != nil {
				check := c.check(&n)
				var mu sync.Mutex
				turn.Check = func(context.Context, pgx.Tx) error {
					mu.Lock()
					defer mu.Unlock()
					return check()
				}
			}
			if c.down {
				h.tamperedHeader(func(*http.Request) (int, http.Header) { return http.StatusServiceUnavailable, nil })
			}
			_, _ = h.ReadNotices(t.Context(), turn) // it fails in one way or another
			h.tamperedHeader(nil)
			for _, id := range ids {
				if p := h.read(id); p.State == Failed {
					t.Fatalf("%s: nothing was interrupted", id)
				}
			}
			deliver()
			for range 3 {
				h.work(h.ReadNotices)
				h.followUp()
				h.work(h.Poll)
				h.clock.Advance(time.Hour)
			}
			if left := h.outcomes()[""]; left != 0 {
				t.Errorf("%d notices are not handled", left)
			}
			h.once(ids)
		})
	}
}

// TestBug23WhatANoticeSaysIsNotBelieved: a signed notice tells that a payout is paid, or failed. What the processor says when it is
// asked decides.
func TestBug23WhatANoticeSaysIsNotBelieved(t *testing.T) {
	t.Parallel()
	h, _, ids := failing(t)
	for i, id := range ids {
		h.announced(fmt.Sprintf("evt_paid_%d", i), "payout.paid", "payout", h.outgoing(id), h.read(id).Destination)
	}
	h.work(h.ReadNotices)
	h.clock.Advance(time.Hour)
	h.followUp()
	h.work(h.Poll)
	h.once(ids)

	fine, id := one(t, "manual")
	fine.submit()
	before := fine.state()
	fine.announced("evt_failed", "payout.failed", "payout", fine.read(id).Outgoing, "acct_x")
	fine.announced("evt_reversed", "transfer.reversed", "transfer", fine.read(id).Transfer, "")
	fine.work(fine.ReadNotices)
	if after := fine.state(); after != before {
		t.Errorf("%s\nwas\n%s", after, before)
	}
}

// outgoing is what the processor calls the payout from the account, as far as it is known here.
func (h *railHouse) outgoing(id string) string {
	h.t.Helper()
	if p := h.read(id); p.Outgoing != "" {
		return p.Outgoing
	}
	return h.read(id).Transfer
}

// announced stores a notice as if it had come in.
func (h *railHouse) announced(id, kind, object, name, account string) {
	h.t.Helper()
	h.exec(`INSERT INTO processor_notices (processor, id, account, connect, type, object, kind, version, live, ours, created, received_at, says, body)
		VALUES ('stripe', $1, $2, $2 <> '', $3, $5, $4, '2024-06-20', false, true, $6, $6, sha256($1::text::bytea), $1::text::bytea)`, id, account, kind, object, name, h.clock.Now())
}

// TestBug24NoReferenceExpires (Formance's and Midaz's keys of a day): thirty days later the same webhooks come again, under their
// own ids and under others, and every work runs again. One effect.
func TestBug24NoReferenceExpires(t *testing.T) {
	t.Parallel()
	h, deliver, ids := failing(t)
	paid := h.pay("sel_x", h.account("sel_x", "acct_z", "manual"), "acct_z", "manual", "standard", 5000, 0)
	h.submit()
	deliver()
	for range 8 {
		h.work(h.ReadNotices)
		h.work(h.Poll)
		h.clock.Advance(26 * time.Hour)
		h.followUp()
		deliver()
	}
	h.want(paid, Paid, "")
	h.work(h.ReadNotices)
	before := h.state()
	h.clock.Advance(30 * 24 * time.Hour)
	var rows int
	if err := h.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM processor_notices`).Scan(&rows); err != nil {
		t.Fatal(err)
	}
	h.redeliver()
	var now int
	if err := h.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM processor_notices`).Scan(&now); err != nil || now != rows {
		t.Errorf("%d notices instead of %d, %v", now, rows, err)
	}
	h.tellAgain("after-a-month")
	for range 2 {
		for _, do := range []func(context.Context, Turn) (Report, error){h.ReadNotices, h.Poll, h.Follow, h.Submit} {
			h.work(do)
		}
		h.clock.Advance(time.Hour)
	}
	if after := h.state(); after != before {
		t.Errorf("%s\nwas\n%s", after, before)
	}
	for _, id := range append(ids, paid) {
		if n := h.sim.Transfers()[id]; n.Count != 1 {
			t.Errorf("%d transfers", n.Count)
		}
	}
}

// redeliver posts every notice that was ever received once more, byte for byte, signed as of now.
func (h *railHouse) redeliver() {
	h.t.Helper()
	rows, err := h.db.Pool.Query(h.t.Context(), `SELECT body, connect FROM processor_notices ORDER BY number`)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	notices := NewNotices(h.db.Pool, h.clock.Now, map[string]NoticeReader{"stripe": h.rails["connected"].Driver})
	n := 0
	for rows.Next() {
		var body []byte
		var connect bool
		if err := rows.Scan(&body, &connect); err != nil {
			h.t.Fatal(err)
		}
		secret := map[bool]string{true: railConnect, false: railPlatform}[connect]
		if err := notices.Receive(h.t.Context(), "stripe", body, simulator.Sign(body, secret, h.clock.Now())); err != nil {
			h.t.Error(err)
		}
		n++
	}
	if err := rows.Err(); err != nil || n == 0 {
		h.t.Fatalf("%d notices, %v", n, err)
	}
}

// TestBug24ARequestIsKnownAfterAMonth: the same reference thirty days later is answered with the payout of then, and for another
// amount it is refused.
func TestBug24ARequestIsKnownAfterAMonth(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	h.set(runsStart)
	who := usd("seller", "sel_1")
	h.ready(who, true)
	h.move(who, "available", 10_000)
	_, first, err := h.ask("click", who, 1000)
	h.must(err)
	h.set(runsStart.Add(30 * 24 * time.Hour))
	for range 3 {
		_, again, err := h.replica().RequestPayout(t.Context(), guard.Actor{Kind: guard.Payee, ID: who.ID}, h.book, Request{Reference: "click", Holder: who, Amount: 1000})
		if err != nil || len(again) != 1 || again[0].ID != first[0].ID {
			t.Fatalf("%+v, %v", again, err)
		}
	}
	if _, _, err := h.ask("click", who, 1001); !errors.Is(err, ErrRequestReused) {
		t.Errorf("another amount: %v", err)
	}
	all, err := h.Payouts(t.Context(), h.book, PayoutQuery{Limit: 100})
	h.must(err)
	if len(all) != 1 || all[0].LeftAfter != 9000 {
		t.Errorf("%d payouts", len(all))
	}
	h.sound()
}

// TestBug45EveryNoticeHasAnOutcome (stripe-mirakl-connector #146, paypal/mirakl-hyperwallet-connector #68): of every type that the
// processor announces about payouts it is known what follows. A type that nobody has heard of has its object looked at if that is
// known here; otherwise it is kept as nobody's, where reconciliation finds it. None is dropped, and none is left over.
func TestBug45EveryNoticeHasAnOutcome(t *testing.T) {
	t.Parallel()
	h, id := one(t, "manual")
	h.submit()
	p := h.read(id)
	want := map[string]string{}
	tell := func(kind, object, name, account, outcome string) {
		notice := fmt.Sprintf("evt_%d", len(want))
		want[notice] = outcome
		h.announced(notice, kind, object, name, account)
	}
	for _, kind := range []string{"payout.created", "payout.updated", "payout.paid", "payout.failed", "payout.canceled", "payout.reconciliation_completed", "payout.frozen_by_the_moon"} {
		tell(kind, "payout", p.Outgoing, "acct_x", noticeLooked)
		tell(kind, "payout", "po_nobody", "", noticeNobodys)
	}
	for _, kind := range []string{"transfer.created", "transfer.updated", "transfer.reversed", "transfer.paid", "transfer.failed", "transfer.frozen"} {
		tell(kind, "transfer", p.Transfer, "", noticeLooked)
		tell(kind, "transfer", "tr_nobody", "", noticeNobodys)
	}
	for _, kind := range []string{"account.updated", "account.external_account.created", "account.external_account.updated", "account.external_account.deleted", "account.application.deauthorized"} {
		tell(kind, "account", "acct_x", "acct_x", noticeRead)
		tell(kind, "account", "acct_nobody", "acct_nobody", noticeNobodys)
	}
	for _, kind := range []string{"topup.created", "topup.failed", "balance.available", "quantum.leaped"} {
		tell(kind, "quantum", "q_1", "", noticeNobodys)
	}
	for _, kind := range []string{"charge.succeeded", "charge.dispute.created", "payment_intent.succeeded", "refund.updated"} {
		tell(kind, "quantum", "q_1", "", noticeBuyers)
	}
	h.work(h.ReadNotices)
	rows, err := h.db.Pool.Query(t.Context(), `SELECT id, outcome, type FROM processor_notices`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	seen := 0
	for rows.Next() {
		var notice, outcome, kind string
		if err := rows.Scan(&notice, &outcome, &kind); err != nil {
			t.Fatal(err)
		}
		if seen++; outcome != want[notice] {
			t.Errorf("%s ended as %q instead of %q", kind, outcome, want[notice])
		}
	}
	if err := rows.Err(); err != nil || seen != len(want) {
		t.Errorf("%d notices instead of %d, %v", seen, len(want), err)
	}
	h.want(id, Submitted, "")
}

// TestBug45EveryStateOfAPayoutHasAnEffect: failed and cancelled ones bring the money back, whatever was believed before; a state
// that nobody has heard of changes nothing and is told (TestUnknownWords).
func TestBug45EveryStateOfAPayoutHasAnEffect(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]string{processor.PayoutPending: Submitted, processor.PayoutInTransit: Submitted, processor.PayoutPaid: Paid, processor.PayoutFailed: Failed, processor.PayoutCancelled: Failed} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			h, id := one(t, "manual")
			if state == processor.PayoutFailed {
				if err := h.sim.FailPayouts("acct_x", "account_closed", time.Hour); err != nil {
					t.Fatal(err)
				}
			}
			h.submit()
			switch out := h.read(id).Outgoing; state {
			case processor.PayoutInTransit:
				h.clock.Advance(25 * time.Hour)
			case processor.PayoutPaid:
				h.clock.Advance(49 * time.Hour)
			case processor.PayoutFailed: // long before it would arrive
				h.clock.Advance(7 * time.Hour)
			case processor.PayoutCancelled:
				o, err := processor.NewCancel(h.key("desk", 1), "acct_x", out)
				if err != nil {
					t.Fatal(err)
				}
				if done := h.rails["connected"].Driver.CancelPayout(t.Context(), o); done.Verdict != processor.Done {
					t.Fatal(done.Code)
				}
				h.clock.Advance(7 * time.Hour)
			}
			h.followUp()
			h.followUp()
			if p := h.read(id); p.State != want {
				t.Errorf("%s became %s:\n%s\n%s", state, p.State, h.steps(id), h.logged)
			}
		})
	}
}
