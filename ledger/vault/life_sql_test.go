package vault_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"mizan/ledger/vault"
)

func (h house) hold(t testing.TB, subject string, until time.Time, reason string) (p vault.Person, err error) {
	t.Helper()
	err = h.tx(t, func(tx pgx.Tx) (err error) {
		p, err = h.HoldTx(t.Context(), tx, owner, subject, until, reason)
		return err
	})
	return p, err
}

func (h house) end(t testing.TB, subject string, at time.Time) (p vault.Person, err error) {
	t.Helper()
	err = h.tx(t, func(tx pgx.Tx) (err error) {
		p, err = h.CloseTx(t.Context(), tx, owner, subject, at)
		return err
	})
	return p, err
}

func (h house) keep(t testing.TB, days int) error {
	t.Helper()
	return h.tx(t, func(tx pgx.Tx) error { return h.SetRetentionTx(t.Context(), tx, owner, days) })
}

func TestErasure(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.put(t, amy, canaries())
	h.put(t, "payee:bob", canaries())
	h.clock.move(time.Hour)
	if err := h.erase(t.Context(), amy); err != nil {
		t.Fatal(err)
	}
	want := vault.Person{Subject: amy, CreatedAt: start, ErasedAt: start.Add(time.Hour)}
	h.clock.move(time.Hour)
	if err := h.erase(t.Context(), amy); err != nil {
		t.Errorf("again: %v", err)
	}
	if p, err := h.Person(t.Context(), owner, amy); err != nil || cmp.Diff(want, p) != "" {
		t.Error(err, cmp.Diff(want, p))
	}
	// Nothing brings them back.
	for what, err := range map[string]error{
		"put":   second(put(t.Context(), h, h.Vault, owner, amy, map[string]string{"name": "x"})),
		"none":  second(put(t.Context(), h, h.Vault, owner, amy, map[string]string{"name": ""})),
		"get":   first(get(t.Context(), h, h.Vault, owner, amy)),
		"hold":  first(h.hold(t, amy, start.AddDate(1, 0, 0), "court")),
		"close": first(h.end(t, amy, start)),
		"stage": first(h.Stage(t.Context(), ann, owner, book, amy, map[string]string{"bank_account": "12345678"}, "moved")),
	} {
		if !errors.Is(err, vault.ErrErased) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := h.get(t, "payee:bob"); cmp.Diff(canaries(), got) != "" {
		t.Error("somebody else was touched")
	}
	// Whoever is erased before anything was stored stays erased as well.
	if err := h.erase(t.Context(), "payee:early"); err != nil {
		t.Fatal(err)
	}
	if err := second(put(t.Context(), h, h.Vault, owner, "payee:early", map[string]string{"name": "x"})); !errors.Is(err, vault.ErrErased) {
		t.Error(err)
	}
}

func first[A any](_ A, err error) error          { return err }
func second[A, B any](_ A, _ B, err error) error { return err }

func TestHolds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.put(t, amy, canaries())
	until := start.AddDate(0, 1, 0)
	p, err := h.hold(t, amy, until, "Court file 12")
	if err != nil || p.HeldUntil != until || p.HeldFor != "Court file 12" || len(p.Fields) != len(vault.Fields()) {
		t.Errorf("%+v %v", p, err)
	}
	if err := h.erase(t.Context(), amy); !errors.Is(err, vault.ErrHeld) {
		t.Error(err)
	}
	h.clock.move(until.Sub(start) - time.Microsecond)
	if err := h.erase(t.Context(), amy); !errors.Is(err, vault.ErrHeld) {
		t.Errorf("on the last microsecond: %v", err)
	}
	// It can be ended early.
	if p, err := h.hold(t, amy, h.clock.now(), ""); err != nil || !p.HeldUntil.IsZero() || p.HeldFor != "" {
		t.Errorf("%+v %v", p, err)
	}
	if _, err := h.hold(t, amy, until, "Court file 13"); err != nil {
		t.Error(err)
	}
	h.clock.move(time.Microsecond)
	if err := h.erase(t.Context(), amy); err != nil {
		t.Errorf("after the hold: %v", err)
	}
	if strings.Contains(h.everything(t), "Court file") {
		t.Error("why somebody was held is kept after the erasure")
	}
	// Somebody unknown can be held, and a hold that is over makes nobody.
	if p, err := h.hold(t, "payee:x", h.clock.now().Add(time.Hour), "court"); err != nil || p.Subject != "payee:x" {
		t.Errorf("%+v %v", p, err)
	}
	if p, err := h.hold(t, "payee:y", h.clock.now(), "court"); err != nil || p.Subject != "" {
		t.Errorf("%+v %v", p, err)
	}
	later := h.clock.now().Add(time.Hour)
	for reason, code := range map[string]string{"": "spaces", strings.Repeat("x", 256): "too-long", "a\nb": "not-printable", "card 4111 1111 1111 1111": "card-number"} {
		_, err := h.hold(t, "payee:x", later, reason)
		wantCode(t, err, "/reason", code)
	}
	_, err = h.hold(t, "payee:x", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "court")
	wantCode(t, err, "/until", "date-future")
}

func TestClosing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.put(t, amy, canaries())
	if p, err := h.end(t, amy, start.Add(-time.Hour)); err != nil || p.ClosedAt != start.Add(-time.Hour) {
		t.Errorf("%+v %v", p, err)
	}
	if p, err := h.end(t, amy, time.Time{}); err != nil || !p.ClosedAt.IsZero() {
		t.Errorf("%+v %v", p, err)
	}
	_, err := h.end(t, amy, start.Add(time.Microsecond))
	wantCode(t, err, "/at", "date-future")
	_, err = h.end(t, amy, time.Date(1899, 1, 1, 0, 0, 0, 0, time.UTC))
	wantCode(t, err, "/at", "date-past")
	if p, err := h.end(t, "payee:none", time.Time{}); err != nil || p.Subject != "" {
		t.Errorf("%+v %v", p, err)
	}
	if p, err := h.end(t, "payee:early", start); err != nil || p.ClosedAt != start {
		t.Errorf("%+v %v", p, err)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	days := func(o vault.Owner) int {
		n, err := h.Retention(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if days(owner) != 3653 {
		t.Errorf("%d days", days(owner))
	}
	for _, n := range []int{30, 30, 60} {
		if err := h.keep(t, n); err != nil {
			t.Fatal(err)
		}
	}
	if days(owner) != 60 || days(vault.Owner{Book: 8}) != 3653 || days(vault.Owner{}) != 3653 {
		t.Error("the retention is wrong")
	}
	if n := h.count(t, `SELECT count(*) FROM vault_retention`); n != 2 {
		t.Errorf("%d versions", n)
	}
	for _, n := range []int{-1, 0, 36526, 1 << 40} {
		wantCode(t, h.keep(t, n), "/days", "integer")
	}
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			if err := h.keep(t, 100+i); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := h.count(t, `SELECT count(*) FROM vault_retention`); n != 52 || days(owner) < 100 {
		t.Errorf("%d versions, %d days", n, days(owner))
	}
}

func TestDueAndSweep(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if err := h.keep(t, 30); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		subject := fmt.Sprintf("payee:p%d", i)
		h.put(t, subject, canaries())
		if i < 5 {
			if _, err := h.end(t, subject, start.Add(-time.Duration(i)*time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := h.hold(t, "payee:p3", start.AddDate(0, 0, 40), "court"); err != nil {
		t.Fatal(err)
	}
	due := func(limit int, want ...string) {
		t.Helper()
		got, err := h.Due(t.Context(), owner, limit)
		if err != nil || cmp.Diff(want, got, cmp.Transformer("none", func(s []string) string { return strings.Join(s, " ") })) != "" {
			t.Errorf("due are %v, %v", got, err)
		}
	}
	due(10)
	h.clock.move(30*24*time.Hour - 4*time.Hour)
	due(10, "payee:p4")
	h.clock.move(4*time.Hour - time.Microsecond)
	due(10, "payee:p4", "payee:p2", "payee:p1")
	h.clock.move(time.Microsecond)
	due(10, "payee:p4", "payee:p2", "payee:p1", "payee:p0")
	due(2, "payee:p4", "payee:p2")
	due(0)
	due(-1)
	if got, err := h.Due(t.Context(), vault.Owner{Book: 8}, 10); err != nil || len(got) != 0 {
		t.Errorf("in another book: %v, %v", got, err)
	}
	if n, err := h.Sweep(t.Context(), owner, book, ann, 1); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	// Several at once erase each person once, with one row.
	var group sync.WaitGroup
	var mu sync.Mutex
	total := 1
	for range 8 {
		group.Go(func() {
			n, err := h.Sweep(t.Context(), owner, book, ann, 100)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			total += n
		})
	}
	group.Wait()
	rows, err := h.trail.Rows(t.Context(), book, guardFilter(vault.ActErased), 0, 100)
	if err != nil || len(rows) != 4 || total != 4 {
		t.Errorf("%d rows, %d erased, %v", len(rows), total, err)
	}
	h.clock.move(11 * 24 * time.Hour)
	due(10, "payee:p3")
	if got := h.get(t, "payee:p5"); len(got) != len(canaries()) {
		t.Error("somebody whose business goes on was erased")
	}
}
