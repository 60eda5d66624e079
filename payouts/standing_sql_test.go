package payouts

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

func ptr(s string) *string { return &s }

func TestAStandingIsSaidInVersions(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	h.payee("sel_a", "seller")
	first, err := h.Standing(t.Context(), h.book, "sel_a")
	h.ok(err)
	if first != (Standing{Payee: "sel_a", Verification: IdentityUnverified, Business: PayeeOpen}) {
		t.Errorf("at first: %+v", first)
	}
	verified := StandingChange{Verification: ptr(IdentityVerified), Owner: ptr("own_1"), SetOff: ptr("consent-7"), Document: "kyc-1", Why: "Checked."}
	s, err := h.ChangeStanding(t.Context(), ann, h.book, "sel_a", verified)
	h.ok(err)
	if s.Version != 1 || s.Verification != IdentityVerified || s.Owner != "own_1" || s.SetOff != "consent-7" || s.Document != "kyc-1" || !s.RecordedAt.Equal(houseStart) {
		t.Errorf("verified: %+v", s)
	}
	if again, err := h.ChangeStanding(t.Context(), ann, h.book, "sel_a", verified); err != nil || again != s {
		t.Errorf("the same again: %+v %v", again, err)
	}
	if same, err := h.ChangeStanding(t.Context(), ann, h.book, "sel_a", StandingChange{Version: 1}); err != nil || same != s {
		t.Errorf("no change: %+v %v", same, err)
	}
	_, err = h.ChangeStanding(t.Context(), ann, h.book, "sel_a", StandingChange{Version: 0, Business: ptr(PayeeClosing)})
	h.wants(err, ErrStandingVersion, "")
	_, err = h.ChangeStanding(t.Context(), ann, h.book, "sel_a", StandingChange{Version: 9, Business: ptr(PayeeClosing)})
	h.wants(err, ErrStandingVersion, "")
	rejected, err := h.ChangeStanding(t.Context(), ann, h.book, "sel_a", StandingChange{Version: 1, Verification: ptr(IdentityRejected), Category: ptr("document_expired")})
	h.ok(err)
	if rejected.Category != "document_expired" || rejected.Document != "kyc-1" {
		t.Errorf("rejected: %+v", rejected)
	}
	back, err := h.ChangeStanding(t.Context(), ann, h.book, "sel_a", StandingChange{Version: 2, Verification: ptr(IdentityVerified), Document: "kyc-2"})
	h.ok(err)
	if back.Category != "" || back.Version != 3 {
		t.Errorf("verified again: %+v", back)
	}
	if told := h.told("payee.standing"); len(told) != 3 {
		t.Errorf("the trail was told %v", told)
	}
	_, err = h.ChangeStanding(t.Context(), ann, h.book, "sel_nobody", StandingChange{Business: ptr(PayeeClosing)})
	h.wants(err, commerce.ErrPayeeUnknown, "")
}

func TestAStandingThatCannotBe(t *testing.T) {
	t.Parallel()
	const canary = "CANARY Jane Doe"
	long := strings.Repeat("x", 256)
	for pointer, changes := range map[string][]StandingChange{
		"/verification": {{Verification: ptr("sure")}, {Verification: ptr("")}},
		"/business":     {{Business: ptr("shut")}},
		"/category":     {{Category: ptr(canary)}, {Verification: ptr(IdentityRejected)}, {Verification: ptr(IdentityVerified), Category: ptr("why"), Document: "d"}, {Category: ptr("_a")}, {Category: ptr(strings.Repeat("a", 65))}},
		"/document":     {{Verification: ptr(IdentityVerified)}, {Document: "a\nb"}, {Document: long}, {Document: "\xff"}, {Document: "a\u202eb"}},
		"/owner":        {{Owner: ptr("own 1")}, {Owner: ptr(strings.Repeat("a", 65))}},
		"/set_off":      {{SetOff: ptr("consent")}, {Owner: ptr("o"), SetOff: ptr("a\x00b")}, {Owner: ptr("o"), SetOff: ptr(long)}},
	} {
		for _, change := range changes {
			_, err := firstStanding("sel_a").next(change)
			(&payeeHouse{T: t}).wants(err, ErrStandingInvalid, pointer)
			if err != nil && strings.Contains(mustJSON(err)+err.Error(), canary) {
				t.Errorf("%s: the answer repeats what was sent", pointer)
			}
		}
	}
}

// Bad input N16: a payee is not closed as long as anything of it is open.
func TestAPayeeWithAnythingLeftIsNotClosed(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	h.payee("pay_a", "seller")
	h.payee("pay_ab", "seller")
	closing, err := h.ChangeStanding(t.Context(), ann, h.book, "pay_a", StandingChange{Business: ptr(PayeeClosing)})
	h.ok(err)
	closed := StandingChange{Version: closing.Version, Business: ptr(PayeeClosed)}
	h.money("liabilities:seller:available:pay_ab", 500, "USD", "another")
	for i, bucket := range bucketsOfPayees {
		h.money(bucket+"pay_a", money2(i), "EUR", fmt.Sprint("in", i))
		_, err := h.ChangeStanding(t.Context(), ann, h.book, "pay_a", closed)
		h.wants(err, ErrPayeeBusy, "/business")
		h.money("liabilities:seller:available:pay_ab", 1, "EUR", fmt.Sprint("x", i))
		out := h.ledger.Post(t.Context(), h.book, ledger.Submission{Reference: fmt.Sprint("out", i), Drafts: []ledger.Draft{{Event: "manual.adjusted", Lines: []ledger.Line{
			{Account: ledger.Address(bucket + "pay_a"), Amount: money2(i), Currency: "EUR"}, {Account: "assets:processor:available:main", Amount: -money2(i), Currency: "EUR"}}}}})
		h.ok(out.Err)
	}
	hold := `INSERT INTO payout_holds (book_id, id, kind, payee, currency, effect, category, case_id, placed_at) VALUES ($1, 'hold_1', 'seller', 'pay_a', '', 'pause', 'review', 'c1', $2)`
	if _, err := h.db.Pool.Exec(t.Context(), hold, h.book.ID, h.clock.Now()); err != nil {
		t.Fatal(err)
	}
	_, err = h.ChangeStanding(t.Context(), ann, h.book, "pay_a", closed)
	h.wants(err, ErrPayeeBusy, "/business")
	if _, err := h.db.Pool.Exec(t.Context(), `UPDATE payout_holds SET released_at = placed_at, document = 'd' WHERE book_id = $1 AND id = 'hold_1'`, h.book.ID); err != nil {
		t.Fatal(err)
	}
	done, err := h.ChangeStanding(t.Context(), ann, h.book, "pay_a", closed)
	h.ok(err)
	if done.Business != PayeeClosed || done.Version != 2 {
		t.Errorf("closed: %+v", done)
	}
}

func money2(i int) money.Minor { return money.Minor(100 + i) }

// The chart's rows of payees are those that are looked at when one is closed.
func TestEveryAccountOfAPayeeIsLookedAt(t *testing.T) {
	t.Parallel()
	var rows []string
	for _, r := range ledger.StandardChart().Rows() {
		if slices.Contains([]string{"seller", "creator", "agency", "partner", "minor", "payee"}, r.Owner) && strings.HasPrefix(r.Path, "liabilities:") {
			rows = append(rows, r.Path+":")
		}
	}
	if !slices.Equal(rows, bucketsOfPayees) {
		t.Errorf("the chart has\n%v\nlooked at are\n%v", rows, bucketsOfPayees)
	}
}

func TestFiftyChangesOfOneVersionMakeOne(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	h.payee("sel_a", "seller")
	other := New(Options{Pool: h.db.Pool, Ledger: h.ledger, Events: h.events, Trail: h.trail, Now: h.clock.Now})
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for i := range 50 {
		wg.Go(func() {
			s := []*Service{h.Service, other}[i%2]
			_, err := s.ChangeStanding(t.Context(), ann, h.book, "sel_a", StandingChange{Owner: ptr(fmt.Sprint("own_", i))})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made++
			} else {
				h.wants(err, ErrStandingVersion, "")
			}
		})
	}
	wg.Wait()
	if told := h.told("payee.standing"); made != 1 || len(told) != 1 {
		t.Errorf("%d changes were made, the trail tells of %d", made, len(told))
	}
}

func TestStandingsAreListedOnceEach(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	for i := range 7 {
		id := h.payee(fmt.Sprint("sel_", i), "seller")
		for v := range i%3 + 1 {
			_, err := h.ChangeStanding(t.Context(), ann, h.book, id, StandingChange{Version: v, Owner: ptr(fmt.Sprint("own_", v))})
			h.ok(err)
		}
	}
	var got []string
	for after, more := "", true; more; {
		var page []Standing
		var err error
		page, more, err = h.Standings(t.Context(), h.book, after, 3)
		h.ok(err)
		for _, s := range page {
			got, after = append(got, fmt.Sprint(s.Payee, " ", s.Version)), s.Payee
		}
	}
	if want := "[sel_0 1 sel_1 2 sel_2 3 sel_3 1 sel_4 2 sel_5 3 sel_6 1]"; fmt.Sprint(got) != want {
		t.Errorf("listed %v, want %s", got, want)
	}
}

// What was said stays, whoever writes to the database.
func TestRowsOfPayeesKeepBehindTheService(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	h.payee("sel_a", "seller")
	_, err := h.ChangeStanding(t.Context(), ann, h.book, "sel_a", StandingChange{Owner: ptr("own_1")})
	h.ok(err)
	h.account("acct_a", "Ann Bee")
	h.agreed(ActDestination, to("sel_a", "acct_a"))
	h.agreed(ActDestination, to("sel_a", h.account("acct_b", "Ann Bee")))
	hold := `INSERT INTO payout_holds (book_id, id, kind, payee, currency, effect, category, case_id, wanted, placed_at) VALUES ($BOOK, 'h', 'seller', 'sel_a', `
	for name, sql := range map[string]string{
		"a standing rewritten":         `UPDATE payout_standings SET owner = 'own_2'`,
		"a standing deleted":           `DELETE FROM payout_standings`,
		"a destination moved":          `UPDATE payout_destinations SET account = 'acct_thief'`,
		"a destination deleted":        `DELETE FROM payout_destinations`,
		"a retired one raised":         `UPDATE payout_destinations SET state = 'disabled', disabled_code = 'x' WHERE book_id = $BOOK AND state = 'retired'`,
		"a cooling-off cut":            `UPDATE payout_destinations SET cooling_until = created_at WHERE book_id = $BOOK AND state = 'active'`,
		"a cooling-off dropped":        `UPDATE payout_destinations SET cooling_until = NULL WHERE book_id = $BOOK AND state = 'active'`,
		"an active one made pending":   `UPDATE payout_destinations SET state = 'pending' WHERE book_id = $BOOK AND state = 'active'`,
		"active since another time":    `UPDATE payout_destinations SET active_since = created_at + interval '1 hour' WHERE book_id = $BOOK AND state = 'active'`,
		"disabled for nothing":         `UPDATE payout_destinations SET state = 'disabled', disabled_code = '' WHERE book_id = $BOOK AND state = 'active'`,
		"a second one of the rail":     `INSERT INTO payout_destinations (book_id, id, payee, rail, account, currencies, mode, state, created_at, active_since, changed_at) SELECT $BOOK, 'dst_aaaaaaaaaaaaaaaa', 'sel_a', 'connected', 'acct_z', '{USD}', 'manual', 'active', now(), now(), now()`,
		"a hold of no amount":          hold + `'USD', 'amount', 'kyc', 'c', NULL, now())`,
		"a hold of no currency":        hold + `'', 'everything', 'kyc', 'c', NULL, now())`,
		"a hold of an unknown reason":  hold + `'', 'pause', 'spite', 'c', NULL, now())`,
		"a policy rewritten":           `UPDATE payout_policies SET valid_from = now()`,
		"an exception rewritten":       `UPDATE payout_overrides SET document = '{}'`,
		"a policy's text rewritten":    `UPDATE payout_policy_texts SET document = '{}'`,
		"a standing of nobody's words": `INSERT INTO payout_standings (book_id, payee, version, verification, business, recorded_at) VALUES ($BOOK, 'sel_a', 2, 'sure', 'open', now())`,
	} {
		if _, err := h.db.Pool.Exec(t.Context(), strings.ReplaceAll(sql, "$BOOK", fmt.Sprint(h.book.ID))); postgres.SQLState(err) == "" {
			t.Errorf("%s: the database takes it (%v)", name, err)
		}
	}
	if _, err := h.ChangeStanding(t.Context(), guard.Actor{}, h.book, "sel_a", StandingChange{Version: 1, Owner: ptr("own_3")}); err == nil {
		t.Error("nobody changed a standing")
	}
	if s, err := h.Standing(t.Context(), h.book, "sel_a"); err != nil || s.Owner != "own_1" {
		t.Errorf("a change that could not be told stayed: %+v %v", s, err)
	}
}
