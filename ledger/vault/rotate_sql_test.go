package vault_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"mizan/ledger/vault"
)

// fill stores a name for each of n persons, over some books, in a few transactions.
func (h house) fill(t testing.TB, n int) {
	t.Helper()
	const page = 500
	for from := 0; from < n; from += page {
		err := h.tx(t, func(tx pgx.Tx) error {
			for i := from; i < min(from+page, n); i++ {
				if _, _, err := h.PutTx(t.Context(), tx, person(i), fmt.Sprintf("payee:p%d", i), map[string]string{"name": fmt.Sprintf("Name %d", i)}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func person(i int) vault.Owner { return vault.Owner{Book: int32(i % 3)} }

func masters(t testing.TB, v *vault.Vault) map[string]int64 {
	t.Helper()
	m, err := v.Masters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if used, err := v.MastersInUse(t.Context()); err != nil || !slices.Equal(used, slices.Sorted(maps.Keys(m))) {
		t.Errorf("the master keys in use are %q, and these are counted: %v (%v)", used, m, err)
	}
	return m
}

// TestRotationWhileTheServiceRuns rotates some thousand persons, in two processes at once, while others read and write:
// nobody sees an error, and all of it is there afterwards, under the new key alone.
func TestRotationWhileTheServiceRuns(t *testing.T) {
	t.Parallel()
	const n = 3000
	h := newHouse(t)
	h.fill(t, n)
	h.bind(t, "one@example.test", "payee:x")
	old, fresh := keyLine("m1", 1), keyLine("m2", 2)
	// A service that still seals with the old key knows the new one by now: that is the first step of a rotation.
	before, after := h.with(keys(t, old, fresh), ""), h.with(keys(t, fresh, old), "")
	if diff := cmp.Diff(map[string]int64{"m1": n + 1}, masters(t, after)); diff != "" {
		t.Fatal(diff)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var running, rotating sync.WaitGroup
	var reads, writes atomic.Int64
	// Each page of the rotation waits for some reads, so that there is always something beside it, however busy the machine.
	turn := make(chan struct{})
	wait := func() {
		for range 20 {
			select {
			case <-turn:
			case <-ctx.Done():
			}
		}
	}
	for worker, v := range []*vault.Vault{before, after, before, after} {
		running.Go(func() {
			defer stop() // whoever fails keeps nobody waiting
			for i := worker; ctx.Err() == nil; i = (i + 7) % n {
				subject := fmt.Sprintf("payee:p%d", i)
				got, err := get(t.Context(), h, v, person(i), subject, "name")
				if err != nil || got["name"] != fmt.Sprintf("Name %d", i) {
					t.Errorf("%s: %v, %v", subject, got, err)
					return
				}
				select {
				case turn <- struct{}{}:
				default:
				}
				if reads.Add(1)%5 != 0 {
					continue
				}
				if _, _, err := put(t.Context(), h, v, person(i), subject, map[string]string{"phone": fmt.Sprintf("110%d", i)}); err != nil {
					t.Errorf("%s: %v", subject, err)
					return
				}
				if _, _, err := put(t.Context(), h, v, person(i), fmt.Sprintf("payee:new%d", writes.Add(1)), map[string]string{"name": "New"}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 2 {
		rotating.Go(func() {
			for round := 0; ; round++ {
				wait()
				_, left, err := after.Rotate(t.Context(), 400)
				if err != nil {
					t.Errorf("rotate: %v", err)
					return
				}
				// What the service that still seals with the old key adds meanwhile is left.
				if left < 200 || round > 200 {
					return
				}
			}
		})
	}
	rotating.Wait()
	stop()
	running.Wait()
	for {
		done, left, err := after.Rotate(t.Context(), 1000)
		if err != nil || left > 0 && done == 0 {
			t.Fatalf("%d done, %d left, %v", done, left, err)
		}
		if left == 0 {
			break
		}
	}
	if m := masters(t, after); len(m) != 1 || m["m2"] != n+1+writes.Load() {
		t.Errorf("%v with %d new", m, writes.Load())
	}
	if reads.Load() < 100 || writes.Load() < 10 {
		t.Errorf("only %d reads and %d writes", reads.Load(), writes.Load())
	}
	// The old key is not needed any more, and does nothing any more.
	alone, gone := h.with(keys(t, fresh), ""), h.with(keys(t, old), "")
	for i := range n {
		if got, err := get(t.Context(), h, alone, person(i), fmt.Sprintf("payee:p%d", i), "name"); err != nil || got["name"] != fmt.Sprintf("Name %d", i) {
			t.Fatalf("%d: %v, %v", i, got, err)
		}
	}
	if _, err := get(t.Context(), h, gone, person(1), "payee:p1"); !errors.Is(err, vault.ErrMaster) {
		t.Error(err)
	}
	h.Vault = alone
	if got := h.find(t, "one@example.test"); got != "payee:x" {
		t.Errorf("found %q", got)
	}
}

func TestRotationStepsAndBounds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(t, 20)
	h.bind(t, "a@b", "payee:x")
	if err := h.erase(t.Context(), "payee:gone"); err != nil {
		t.Fatal(err)
	}
	after := h.with(keys(t, keyLine("m2", 2), keyLine("m0", 9), keyLine("m1", 1)), "")
	step := func(limit, wantDone int, wantLeft int64) {
		t.Helper()
		if done, left, err := after.Rotate(t.Context(), limit); err != nil || done != wantDone || left != wantLeft {
			t.Errorf("%d done, %d left, %v", done, left, err)
		}
	}
	// The key of the digests comes first.
	step(1, 1, 20)
	step(0, 0, 20)
	step(-5, 0, 20)
	step(7, 7, 13)
	// Whoever is being written is left for later.
	err := h.tx(t, func(tx pgx.Tx) error {
		if _, _, err := after.PutTx(t.Context(), tx, person(19), "payee:p19", map[string]string{"phone": "110"}); err != nil {
			return err
		}
		step(1000, 12, 1)
		step(1000, 0, 1)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	step(1000, 1, 0)
	step(1000, 0, 0)
	// Another master key, which was not given.
	third := h.with(keys(t, keyLine("m3", 3)), "")
	h.put(t, "payee:old", map[string]string{"name": "x"})
	if done, left, err := third.Rotate(t.Context(), 100); !errors.Is(err, vault.ErrMaster) || done != 0 || left != 22 {
		t.Errorf("%d done, %d left, %v", done, left, err)
	}
	// What can be done is done.
	some := h.with(keys(t, keyLine("m3", 3), keyLine("m1", 1)), "")
	if done, left, err := some.Rotate(t.Context(), 100); err != nil || done != 1 || left != 21 {
		t.Errorf("%d done, %d left, %v", done, left, err)
	}
	wrong := h.with(keys(t, keyLine("m4", 4), keyLine("m3", 5)), "")
	if done, _, err := wrong.Rotate(t.Context(), 100); !errors.Is(err, vault.ErrMaster) || done != 0 {
		t.Errorf("%d done with a wrong key, %v", done, err)
	}
	if _, _, err := h.with(vault.Keys{}, "").Rotate(t.Context(), 100); !errors.Is(err, vault.ErrClosed) {
		t.Error(err)
	}
	want := map[string]int64{"m2": 21, "m3": 1}
	if diff := cmp.Diff(want, masters(t, after)); diff != "" {
		t.Error(diff)
	}
}

// TestRotationUsesItsIndex looks at the plan: a page reads as many rows as it locks, however many persons there are.
func TestRotationUsesItsIndex(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(t, 2000)
	conn, err := pgx.Connect(t.Context(), h.db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), `ANALYZE vault_subjects`); err != nil {
		t.Fatal(err)
	}
	rows, err := h.db.Pool.Query(t.Context(), `EXPLAIN SELECT book_id, subject, wrapped FROM vault_subjects WHERE master = 'm1'
		ORDER BY book_id, subject LIMIT 250 FOR NO KEY UPDATE SKIP LOCKED`)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	plan := strings.Join(lines, "\n")
	if err != nil || !strings.Contains(plan, "vault_subjects_master") || strings.Contains(plan, "Sort") {
		t.Errorf("%v\n%s", err, plan)
	}
}

// BenchmarkRotate prints how many persons' keys are sealed anew in a second.
func BenchmarkRotate(b *testing.B) {
	const n = 5000
	h := newHouse(b)
	h.fill(b, n)
	lines := []string{keyLine("m1", 1), keyLine("m2", 2)}
	done := 0
	began := time.Now()
	for b.Loop() {
		lines[0], lines[1] = lines[1], lines[0]
		v := h.with(keys(b, lines...), "")
		for {
			d, left, err := v.Rotate(b.Context(), n)
			if err != nil {
				b.Fatal(err)
			}
			if done += d; left == 0 {
				break
			}
		}
	}
	b.ReportMetric(float64(done)/time.Since(began).Seconds(), "rewraps/s")
}

// BenchmarkNames opens a thousand display names.
func BenchmarkNames(b *testing.B) {
	h := newHouse(b)
	var subjects []string
	for i := range 1000 {
		subjects = append(subjects, fmt.Sprintf("payee:p%d", i))
		h.put(b, subjects[i], canaries())
	}
	for b.Loop() {
		if _, err := h.Names(b.Context(), owner, subjects); err != nil {
			b.Fatal(err)
		}
	}
}
