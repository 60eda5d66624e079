package commerce

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPartsThatComeBackLate follows a part whose disbursement comes back after the next one has gone out: it is ready again until
// it is sent with a third, and arrives with that. One that was redirected instead is the alternate's, also when its number is
// passed later, and one that had arrived before stays where it is.
func TestPartsThatComeBackLate(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	w.campaignOf(t, `,"alternates":["c"]`)
	day := 0
	act := func(kind, data string) {
		t.Helper()
		day++
		e := event(t, kind, fmt.Sprintf("step-%d", day), data)
		e.OccurredAt = time.Date(2026, 10, day, 12, 0, 0, 0, time.UTC)
		if r := w.Post(t.Context(), w.book, e); r.Err != nil {
			t.Fatalf("%s: %v", kind, r.Err)
		}
	}
	give := func(id string) {
		t.Helper()
		act("donation.received", donationOf(id, 50_00, ""))
		act("donation.safeguarded", fmt.Sprintf(`{"movement":"S%s","campaign":"c1","amount":"49.10"}`, id))
		act("donation.safeguard_landed", fmt.Sprintf(`{"movement":"S%s"}`, id))
		act("donation.released", `{"campaign":"c1"}`)
	}
	send := func(id, payee string) {
		t.Helper()
		act("donation.disbursed", fmt.Sprintf(`{"disbursement":%q,"campaign":"c1","beneficiary":%q}`, id, payee))
		act("donation.disbursement_submitted", fmt.Sprintf(`{"disbursement":%q}`, id))
	}
	arrives := func(id string) { t.Helper(); act("donation.disbursement_paid", fmt.Sprintf(`{"disbursement":%q}`, id)) }
	comes := func(id string) {
		t.Helper()
		act("donation.disbursement_returned", fmt.Sprintf(`{"disbursement":%q,"reason":"closed"}`, id))
	}
	is := func(id, payee, want string) {
		t.Helper()
		d, err := w.Donation(t.Context(), w.book, id)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range d.Shares {
			got := s.State
			if s.PaidAt != nil {
				got += s.PaidAt.Format(" 2")
			}
			if s.Payee == payee && got != want {
				t.Errorf("on day %d %s's part of %s is %q, want %q", day, payee, id, got, want)
			}
		}
	}
	give("D1")
	send("A1", "a")
	arrives("A1")
	send("B1", "b")
	arrives("B1")
	give("D2")
	send("A2", "a")
	comes("A1")
	is("D1", "a", "available")
	is("D2", "a", "submitted")
	send("A3", "a")
	is("D1", "a", "submitted")
	arrives("A3")
	is("D1", "a", fmt.Sprint("disbursed ", day))
	is("D2", "a", "submitted")
	first := fmt.Sprint("disbursed ", 10)
	is("D1", "b", first)
	act("donation.redirected", `{"redirection":"R1","campaign":"c1","from":"b","to":"c","reason":"closed","document":"DOC-1"}`)
	is("D1", "b", first)
	is("D2", "b", "redirected")
	give("D3")
	send("B3", "b")
	arrives("B3")
	is("D2", "b", "redirected")
	is("D3", "b", fmt.Sprint("disbursed ", day))
	is("D1", "b", first)
	// What cannot be read together is read one by one.
	ids := []string{"A1", "A2", "A3", "B1", "B3", "none"}
	together, err := w.Disbursements(t.Context(), w.book, ids, math.MaxInt64)
	if err != nil || len(together) != 5 || together["A1"].State != "returned" || together["A3"].State != "paid" {
		t.Fatalf("%+v, %v", together, err)
	}
	w.headsBehind(t)
	if alone, err := w.Disbursements(t.Context(), w.book, ids, math.MaxInt64); err != nil || !cmp.Equal(together, alone) {
		t.Errorf("one by one: %v %s", err, cmp.Diff(together, alone))
	}
}

// TestPartsThatComeBack follows three donations whose disbursements fail, come back, and arrive in the end: each part has the
// days of the release and of the payment that arrived, whatever lies in between.
func TestPartsThatComeBack(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	w.campaignOf(t, "")
	day := 0
	act := func(kind, data string) time.Time {
		t.Helper()
		day++
		at := time.Date(2026, 11, day, 12, 0, 0, 0, time.UTC)
		e := event(t, kind, fmt.Sprintf("step-%d", day), data)
		e.OccurredAt = at
		if r := w.Post(t.Context(), w.book, e); r.Err != nil {
			t.Fatalf("%s: %v", kind, r.Err)
		}
		return at
	}
	safe := func(movement, amount string) {
		act("donation.safeguarded", fmt.Sprintf(`{"movement":%q,"campaign":"c1","amount":%q}`, movement, amount))
		act("donation.safeguard_landed", fmt.Sprintf(`{"movement":%q}`, movement))
	}
	send := func(id, payee, end string) (at time.Time) {
		act("donation.disbursed", fmt.Sprintf(`{"disbursement":%q,"campaign":"c1","beneficiary":%q}`, id, payee))
		act("donation.disbursement_submitted", fmt.Sprintf(`{"disbursement":%q}`, id))
		if end == "failed" {
			return act("donation.disbursement_failed", fmt.Sprintf(`{"disbursement":%q,"reason":"closed"}`, id))
		}
		at = act("donation.disbursement_paid", fmt.Sprintf(`{"disbursement":%q}`, id))
		if end == "returned" {
			act("donation.disbursement_returned", fmt.Sprintf(`{"disbursement":%q,"reason":"closed"}`, id))
		}
		return at
	}
	act("donation.received", donationOf("D1", 50_00, ""))
	safe("SG-1", "49.10")
	first := act("donation.released", `{"campaign":"c1"}`)
	send("DB-1", "a", "failed")
	send("DB-2", "a", "returned")
	b1 := send("DB-3", "b", "paid")
	act("donation.received", donationOf("D2", 50_00, ""))
	safe("SG-2", "49.10")
	second := act("donation.released", `{"campaign":"c1"}`)
	a12 := send("DB-4", "a", "paid")
	act("donation.received", donationOf("D3", 50_00, ""))
	for id, want := range map[string]string{
		"D1": fmt.Sprintf("a disbursed %s %s; b disbursed %s %s; ", first.Format("2"), a12.Format("2"), first.Format("2"), b1.Format("2")),
		"D2": fmt.Sprintf("a disbursed %s %s; b available %s -; ", second.Format("2"), a12.Format("2"), second.Format("2")),
		"D3": "a pending - -; b pending - -; ",
	} {
		d, err := w.Donation(t.Context(), w.book, id)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		on := func(at *time.Time) string {
			if at == nil {
				return "-"
			}
			return at.Format("2")
		}
		for _, s := range d.Shares {
			got += fmt.Sprintf("%s %s %s %s; ", s.Payee, s.State, on(s.ReleasedAt), on(s.PaidAt))
		}
		if got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}
