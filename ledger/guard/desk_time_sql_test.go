package guard_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// TestExpiry lets time pass: an approval shows as expired at once, and is stored so when somebody touches it.
func TestExpiry(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	touches := map[string]func(a guard.Approval) error{
		"approve":  func(a guard.Approval) error { _, err := o.Approve(t.Context(), bob, uk, a.ID, a.Hash, ""); return err },
		"refuse":   func(a guard.Approval) error { _, err := o.Refuse(t.Context(), bob, uk, a.ID, "No."); return err },
		"withdraw": func(a guard.Approval) error { _, err := o.Withdraw(t.Context(), key, uk, a.ID, ""); return err },
		"edit": func(a guard.Approval) error {
			_, err := o.Edit(t.Context(), key, uk, a.ID, 1, request("", 9))
			return err
		},
	}
	for name, touch := range touches {
		a := o.ask(key, 5)
		o.clock.move(guard.Lifetime - time.Microsecond)
		if got := o.state(a.ID); got.State != guard.StateOpen {
			t.Errorf("%s: a moment before: %s", name, got.State)
		}
		o.clock.move(time.Microsecond)
		before := int64(len(o.told(0)))
		if got := o.state(a.ID); got.State != guard.StateExpired {
			t.Errorf("%s: at the moment: %s", name, got.State)
		}
		stored := func() (state string) {
			if err := o.db.Pool.QueryRow(t.Context(), `SELECT state FROM approvals WHERE id = $1`, a.ID).Scan(&state); err != nil {
				t.Fatal(err)
			}
			return state
		}
		if stored() != guard.StateOpen || int64(len(o.told(0))) != before {
			t.Errorf("%s: reading has written", name)
		}
		for range 2 {
			o.expect(name, touch(a), guard.ErrApprovalState)
			if stored() != guard.StateExpired {
				t.Errorf("%s: stored as %s", name, stored())
			}
		}
		if got := fmt.Sprint(o.told(before)); got != "[approval.expired]" {
			t.Errorf("%s: told %s", name, got)
		}
	}
	// An edit begins the time anew.
	a := o.ask(key, 5)
	o.clock.move(guard.Lifetime - time.Minute)
	b, err := o.Edit(t.Context(), key, uk, a.ID, 1, request("", 6))
	if err != nil {
		t.Fatal(err)
	}
	o.clock.move(guard.Lifetime - time.Minute)
	if _, err := o.Approve(t.Context(), bob, uk, a.ID, b.Hash, ""); err != nil || o.ran() != 1 {
		t.Errorf("approved after an edit: %v", err)
	}
}

// TestApprovals lists every state in pages of every size.
func TestApprovals(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var want []guard.Approval
	for i := range 36 {
		a := o.ask(key, i)
		var err error
		switch i % 6 {
		case 0:
			_, err = o.Approve(t.Context(), bob, uk, a.ID, a.Hash, "")
		case 1:
			_, err = o.Refuse(t.Context(), bob, uk, a.ID, "No.")
		case 2:
			_, err = o.Withdraw(t.Context(), ada, uk, a.ID, "")
		case 3:
			_, err = o.Edit(t.Context(), cyd, uk, a.ID, 1, request("", 100+i))
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Ask(t.Context(), key, us, request("thing.moved", i)); err != nil {
			t.Fatal(err)
		}
		want = append(want, a)
		if i%3 == 2 { // three have the same time
			o.clock.move(2 * time.Hour)
		}
	}
	// The last were asked for two hours ago; of the first, those that are open have expired, and one is stored as such.
	o.clock.move(12 * time.Hour)
	_, err := o.Refuse(t.Context(), bob, uk, want[4].ID, "No.")
	o.expect("touch", err, guard.ErrApprovalState)
	for _, state := range []string{"", guard.StateOpen, guard.StateDone, guard.StateRefused, guard.StateWithdrawn, guard.StateExpired} {
		var expect []string
		counted := 0
		for i, a := range want {
			want[i] = o.state(a.ID)
			if state == "" || want[i].State == state {
				counted++
			}
		}
		for _, limit := range []int{1, 4, 36, 1000, 5000} {
			var got []guard.Approval
			var after time.Time
			afterID := ""
			for {
				page, err := o.Approvals(t.Context(), uk, state, after, afterID, limit)
				if err != nil {
					t.Fatalf("%q by %d: %v", state, limit, err)
				}
				got = append(got, page...)
				if len(page) < limit {
					break
				}
				after, afterID = page[limit-1].CreatedAt, page[limit-1].ID
			}
			var list []string
			for i, a := range got {
				list = append(list, a.ID)
				if fmt.Sprint(a) != fmt.Sprint(o.state(a.ID)) || state != "" && a.State != state {
					t.Errorf("%q: listed %+v", state, a)
				}
				if i > 0 && (a.CreatedAt.Before(got[i-1].CreatedAt) || a.CreatedAt.Equal(got[i-1].CreatedAt) && a.ID <= got[i-1].ID) {
					t.Errorf("%q: out of order", state)
				}
			}
			if expect == nil {
				expect = list
			}
			if fmt.Sprint(list) != fmt.Sprint(expect) || len(list) != counted || counted == 0 {
				t.Errorf("%q by %d: %d listed, %d expected", state, limit, len(list), counted)
			}
		}
	}
	o.finds(want)
	for _, state := range []string{"OPEN", "x", "open\x00"} {
		_, err := o.Approvals(t.Context(), uk, state, time.Time{}, "", 10)
		o.expect("state "+state, err, guard.ErrApprovalInvalid)
	}
	_, err = o.Approvals(t.Context(), uk, "", time.Time{}, "\x00", 10)
	o.expect("cursor", err, guard.ErrApprovalInvalid)
	for _, limit := range []int{-1, 0} {
		if page, err := o.Approvals(t.Context(), uk, "", time.Time{}, "", limit); err != nil || len(page) != 1 {
			t.Errorf("limit %d: %d, %v", limit, len(page), err)
		}
	}
}

// finds compares what searches find, from both ends and page by page, with what of the list fits. A page looks through so few that
// narrow searches have pages without any.
func (o *office) finds(of []guard.Approval) {
	o.t.Helper()
	desk, hits, empty := o.LookThrough(7), 0, 0
	for _, s := range []guard.Search{{}, {State: guard.StateDone}, {State: guard.StateExpired}, {Act: "thing.moved"}, {Act: "thing."}, {Author: of[0].Authors[0]}, {Author: "pe_nobody"},
		{State: guard.StateOpen, Act: "thing.moved", Author: of[len(of)-1].Authors[0]}, {Act: "x\x00"}} {
		var want []string
		for _, a := range of {
			if (s.State == "" || a.State == s.State) && (s.Act == "" || a.Act == s.Act) && (s.Author == "" || slices.Contains(a.Authors, s.Author)) {
				want = append(want, a.CreatedAt.Format(time.RFC3339Nano)+a.ID)
			}
		}
		slices.Sort(want)
		hits += len(want)
		for _, s.Newest = range []bool{false, true} {
			var got []string
			for place, pages := (guard.Place{}), 0; pages == 0 || place.ID != ""; pages++ {
				if pages > len(of) {
					o.t.Fatalf("%+v: its pages have no end", s)
				}
				list, next, err := desk.Find(o.t.Context(), uk, s, place, 5)
				if err != nil {
					o.t.Fatal(err)
				}
				for _, a := range list {
					got = append(got, a.CreatedAt.Format(time.RFC3339Nano)+a.ID)
				}
				if len(list) == 0 && next.ID != "" {
					empty++
				}
				place = next
			}
			if !slices.Equal(got, want) {
				o.t.Errorf("%+v: found %v, want %v", s, got, want)
			}
			slices.Reverse(want)
		}
	}
	if hits < 2*len(of) {
		o.t.Errorf("only %d fit: the searches prove nothing", hits)
	}
	if empty == 0 {
		o.t.Error("no page without any was followed by another")
	}
}

// TestBounds fills a book with open approvals, and an approval with versions.
func TestBounds(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.SetMost(3)
	first := o.ask(key, 1)
	o.ask(key, 2)
	o.clock.move(time.Hour)
	third := o.ask(key, 3)
	_, err := o.Ask(t.Context(), key, uk, request("thing.moved", 4))
	o.expect("a fourth", err, guard.ErrApprovalsFull)
	if len(o.told(0)) != 3 {
		t.Errorf("told %v", o.told(0))
	}
	if _, err := o.Ask(t.Context(), key, us, request("thing.moved", 4)); err != nil {
		t.Errorf("in another book: %v", err)
	}
	if _, err := o.Withdraw(t.Context(), key, uk, first.ID, ""); err != nil {
		t.Fatal(err)
	}
	o.ask(key, 4)
	_, err = o.Ask(t.Context(), key, uk, request("thing.moved", 5))
	o.expect("a fifth", err, guard.ErrApprovalsFull)
	// What has expired is not open, though nobody has touched it.
	o.clock.move(23 * time.Hour)
	o.ask(key, 5)

	for version := 1; version < 100; version++ {
		if third, err = o.Edit(t.Context(), key, uk, third.ID, version, request("", version)); err != nil {
			t.Fatal(err)
		}
	}
	_, err = o.Edit(t.Context(), key, uk, third.ID, 99, request("", 5))
	o.expect("an old version", err, guard.ErrApprovalChanged)
	_, err = o.Edit(t.Context(), key, uk, third.ID, 100, request("", 5))
	o.expect("one version more", err, guard.ErrApprovalVersions)
	o.level(2)
	_, err = o.Approve(t.Context(), bob, uk, third.ID, third.Hash, "")
	o.expect("an effect more", err, guard.ErrApprovalVersions)
	o.level(1)
	if done, err := o.Approve(t.Context(), bob, uk, third.ID, third.Hash, ""); err != nil || done.Version != 100 {
		t.Errorf("approved %+v, %v", done, err)
	}
}

// TestWaiting counts what waits for somebody: open, not expired, and not of their own hand.
func TestWaiting(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	waits := func(want int64, since time.Time, authors ...string) {
		t.Helper()
		if n, at, err := o.Waiting(t.Context(), uk, authors...); err != nil || n != want || !at.Equal(since) {
			t.Errorf("%d since %v wait for all but %q, %v; want %d since %v", n, at, authors, err, want, since)
		}
	}
	waits(0, time.Time{})
	first := o.ask(robot, 1)
	o.clock.move(time.Minute)
	second := o.ask(ada, 2)
	o.clock.move(time.Minute)
	if _, err := o.Edit(t.Context(), cyd, uk, second.ID, 1, request("", 3)); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Ask(t.Context(), key, us, request("thing.moved", 4)); err != nil {
		t.Fatal(err)
	}
	waits(2, first.CreatedAt)
	waits(1, first.CreatedAt, ada.ID)
	waits(1, first.CreatedAt, cyd.ID)
	waits(1, second.CreatedAt, robot.ID)
	waits(0, time.Time{}, cyd.ID, robot.ID)
	waits(2, first.CreatedAt, bob.ID, "")
	if _, err := o.Approve(t.Context(), bob, uk, first.ID, first.Hash, ""); err != nil {
		t.Fatal(err)
	}
	waits(1, second.CreatedAt)
	o.clock.move(400 * 24 * time.Hour)
	waits(0, time.Time{})
}

// TestApprovalsByIndex asks how the lists find their rows.
func TestApprovalsByIndex(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for i := range 50 {
		o.ask(key, i)
	}
	o.planned(guard.SQLWaiting, pgx.QueryExecModeExec, uk.ID, start, []string{"pe_alice"})
	for _, state := range []string{"", guard.StateOpen, guard.StateDone, guard.StateExpired} {
		for _, newest := range []bool{false, true} {
			found, last, given := guard.Search{State: state, Newest: newest}.Statements(start)
			from := []any{pgx.QueryExecModeExec, uk.ID, start.Add(-time.Hour), "", 2000}
			args := append(from[:5:5], "thing.moved", "pe_alice", 10)
			if given != nil {
				from, args = append(from, given), append(args, given)
			}
			o.planned(found, args...)
			o.planned(last, from...)
		}
	}
}

// planned fails unless the statement is planned without reading a table from end to end.
func (o *office) planned(sql string, args ...any) {
	o.t.Helper()
	rows, err := o.db.Pool.Query(o.t.Context(), `EXPLAIN `+sql, args...)
	if err != nil {
		o.t.Fatal(err)
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if text := strings.Join(plan, "\n"); err != nil || strings.Contains(text, "Seq Scan") || !strings.Contains(text, "Index") {
		o.t.Errorf("%v\n%s\n%s", err, sql, text)
	}
}

// TestNothingShows plants canaries in everything that people send, and looks for them in the errors and in the trail:
// payloads and effects are for those who may read approvals.
func TestNothingShows(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	const canary = "canary4711"
	r := guard.Request{Act: "thing.moved", Payload: []byte(`{"amount":5,"fail":true,"note":"` + canary + `"}`), Reason: "Because.", Document: canary}
	a, err := o.Ask(t.Context(), key, uk, r)
	if err != nil {
		t.Fatal(err)
	}
	var errs []error
	_, err = o.Approve(t.Context(), bob, uk, a.ID, a.Hash, "")
	errs = append(errs, err)
	_, err = o.Approve(t.Context(), person(canary), uk, a.ID, [32]byte{}, "")
	errs = append(errs, err)
	_, err = o.Withdraw(t.Context(), person(canary), uk, a.ID, canary)
	errs = append(errs, err)
	_, err = o.Edit(t.Context(), person(canary), uk, a.ID, 7, r)
	errs = append(errs, err)
	_, err = o.Refuse(t.Context(), person(canary), uk, "ap_"+canary, canary)
	errs = append(errs, err)
	for i, err := range errs {
		if err == nil || strings.Contains(err.Error(), canary) || i > 0 && fault.KindOf(err) == fault.Internal {
			t.Errorf("error %d: %v", i, err)
		}
	}
	if _, err := o.Withdraw(t.Context(), key, uk, a.ID, ""); err != nil {
		t.Fatal(err)
	}
	var shown int
	if err := o.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM audit_rows r WHERE strpos(r::text, $1) > 0`, canary).Scan(&shown); err != nil || shown != 0 {
		t.Errorf("%d rows of the trail show it, %v", shown, err)
	}
	if errors.Is(errs[0], guard.ErrApprovalState) {
		t.Error("the act's own error is hidden")
	}
}
