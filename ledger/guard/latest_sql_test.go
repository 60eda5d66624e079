package guard_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mizan/ledger/guard"
	"mizan/ledger/postgres/pgtest"
)

// TestLatest compares the end of a trail, by every filter, with the end of what reading it from its beginning gives.
func TestLatest(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	c := &clock{at: start}
	trail := guard.NewTrail(db.Pool, c.now)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	for range 120 {
		d := deed(uk, pick("key.revoked", "key.created", "book.made", "people.added"), pick("key:1", "key:2"))
		d.Actor.ID = pick("key_1", "key_2")
		record(t, trail, d)
		record(t, trail, deed(us, "key.revoked", "key:1"))
		c.move(time.Minute)
	}
	for range 200 {
		f := guard.Filter{Act: pick("", "key.", "key.revoked", "no.such", "book."), Actor: pick("", "key_1", "nobody"), Object: pick("", "key:2")}
		if rng.IntN(2) == 0 {
			f.From = start.Add(time.Duration(rng.IntN(130)) * time.Minute)
		}
		if rng.IntN(2) == 0 {
			f.Until = start.Add(time.Duration(rng.IntN(130)) * time.Minute)
		}
		before, limit := int64(rng.IntN(130)), 1+rng.IntN(30)
		all, err := trail.Rows(t.Context(), uk, f, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		want := sequences(all)
		if before > 0 {
			want = slices.DeleteFunc(want, func(n int64) bool { return n >= before })
		}
		want = want[max(0, len(want)-limit):]
		got, err := trail.Latest(t.Context(), uk, f, before, limit)
		if err != nil || !slices.Equal(sequences(got), want) {
			t.Fatalf("%+v before %d, %d rows: got %v, want %v (%v)", f, before, limit, sequences(got), want, err)
		}
	}
	if got, err := trail.Latest(t.Context(), uk, guard.Filter{Act: "key.\n"}, 0, 10); err != nil || got != nil {
		t.Errorf("what no row holds: %v, %v", got, err)
	}
}
