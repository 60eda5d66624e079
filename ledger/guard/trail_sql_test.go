package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"
)

var (
	uk     = guard.Book{ID: 7, Code: "uk"}
	us     = guard.Book{ID: 8, Code: "us"}
	global = guard.Book{}
)

// deed is one that is told well.
func deed(book guard.Book, act, object string) guard.Deed {
	return guard.Deed{
		Actor: guard.Actor{Kind: guard.Program, ID: "key_1", Person: "per_1", Address: "192.0.2.1", RequestID: "req_1"},
		Book:  book, Act: act, Object: object, Before: json.RawMessage(`{"a":1}`), After: json.RawMessage(`{"a":2}`), Why: "because", Approval: "ap_0123456789abcdef",
	}
}

func record(t *testing.T, trail *guard.Trail, d guard.Deed) guard.Row {
	t.Helper()
	r, err := trail.Record(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sequences(rows []guard.Row) (list []int64) {
	for _, r := range rows {
		list = append(list, r.Sequence)
	}
	return list
}

func TestTrailChains(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	c := &clock{at: start.Add(1500 * time.Nanosecond)}
	trail := guard.NewTrail(db.Pool, c.now)
	d := deed(uk, "key.revoked", "key:1")
	d.Before = json.RawMessage(" { \"a\" : [ 1 , \"x y\" ] }\n")
	one := record(t, trail, d)
	if string(one.Before) != `{"a":[1,"x y"]}` || one.Sequence != 1 || !one.RecordedAt.Equal(start.Add(time.Microsecond)) {
		t.Errorf("recorded %+v", one)
	}
	c.move(-time.Hour)
	two := record(t, trail, deed(uk, "key.revoked", "key:2"))
	if two.Sequence != 2 || two.Previous != one.Hash || two.RecordedAt != one.RecordedAt {
		t.Errorf("after a clock that went back: %+v", two)
	}
	if other := record(t, trail, deed(us, "key.revoked", "key:1")); other.Sequence != 1 || other.Previous == one.Previous {
		t.Errorf("the other book's first row: %+v", other)
	}
	rows, err := trail.Rows(t.Context(), uk, guard.Filter{}, 0, 10)
	if err != nil || len(rows) != 2 || fmt.Sprint(rows[0]) != fmt.Sprint(one) || fmt.Sprint(rows[1]) != fmt.Sprint(two) {
		t.Errorf("read %+v, %v", rows, err)
	}
	v, err := trail.Verify(t.Context(), uk)
	if err != nil || v.Rows != 2 || v.Head != two.Hash {
		t.Errorf("verified %+v, %v", v, err)
	}
	if v, err := trail.Verify(t.Context(), guard.Book{ID: 99}); err != nil || v.Rows != 0 || v.Head == ([32]byte{}) {
		t.Errorf("an empty trail: %+v, %v", v, err)
	}
}

// TestTrailRefuses gives deeds that are told badly: none is recorded, and none is repeated.
func TestTrailRefuses(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	trail := guard.NewTrail(db.Pool, func() time.Time { return start })
	long := func(n int) string { return strings.Repeat("z", n) }
	const canary = "canary4711"
	for name, c := range map[string]struct {
		pointer string
		change  func(d *guard.Deed)
	}{
		"no kind":            {"/actor/kind", func(d *guard.Deed) { d.Actor.Kind = "" }},
		"unknown kind":       {"/actor/kind", func(d *guard.Deed) { d.Actor.Kind = canary }},
		"no actor":           {"/actor/id", func(d *guard.Deed) { d.Actor.ID = "" }},
		"long actor":         {"/actor/id", func(d *guard.Deed) { d.Actor.ID = long(129) }},
		"actor of two lines": {"/actor/id", func(d *guard.Deed) { d.Actor.ID = canary + "\n" }},
		"long person":        {"/actor/person", func(d *guard.Deed) { d.Actor.Person = long(65) }},
		"person with NUL":    {"/actor/person", func(d *guard.Deed) { d.Actor.Person = canary + "\x00" }},
		"long address":       {"/actor/address", func(d *guard.Deed) { d.Actor.Address = long(65) }},
		"long request":       {"/actor/request_id", func(d *guard.Deed) { d.Actor.RequestID = long(65) }},
		"negative book":      {"/book", func(d *guard.Deed) { d.Book.ID = -1 }},
		"no act":             {"/act", func(d *guard.Deed) { d.Act = "" }},
		"one word":           {"/act", func(d *guard.Deed) { d.Act = "revoked" }},
		"capitals":           {"/act", func(d *guard.Deed) { d.Act = "key.Revoked" }},
		"trailing newline":   {"/act", func(d *guard.Deed) { d.Act = "key.revoked\n" }},
		"long act":           {"/act", func(d *guard.Deed) { d.Act = "a." + long(63) }},
		"no object":          {"/object", func(d *guard.Deed) { d.Object = "" }},
		"object of no kind":  {"/object", func(d *guard.Deed) { d.Object = canary }},
		"object of no id":    {"/object", func(d *guard.Deed) { d.Object = "key:" }},
		"long object":        {"/object", func(d *guard.Deed) { d.Object = "key:" + long(252) }},
		"object, not UTF-8":  {"/object", func(d *guard.Deed) { d.Object = "key:" + canary + "\xff" }},
		"broken before":      {"/before", func(d *guard.Deed) { d.Before = json.RawMessage(`{"` + canary) }},
		"two documents":      {"/after", func(d *guard.Deed) { d.After = json.RawMessage(`{} {}`) }},
		"after, not UTF-8":   {"/after", func(d *guard.Deed) { d.After = json.RawMessage("\"" + canary + "\xff\"") }},
		"after, only spaces": {"/after", func(d *guard.Deed) { d.After = json.RawMessage("  ") }},
		"long after":         {"/after", func(d *guard.Deed) { d.After = json.RawMessage(`"` + long(65535) + `"`) }},
		"huge after":         {"/after", func(d *guard.Deed) { d.After = json.RawMessage(`"` + long(2<<20) + `"`) }},
		"deep after": {"/after", func(d *guard.Deed) {
			d.After = json.RawMessage(strings.Repeat("[", 20000) + strings.Repeat("]", 20000))
		}},
		"long why":         {"/why", func(d *guard.Deed) { d.Why = long(2001) }},
		"why with NUL":     {"/why", func(d *guard.Deed) { d.Why = canary + "\x00" }},
		"why, not UTF-8":   {"/why", func(d *guard.Deed) { d.Why = canary + "\xc3" }},
		"no approval's id": {"/approval", func(d *guard.Deed) { d.Approval = canary }},
	} {
		d := deed(uk, "key.revoked", "key:1")
		c.change(&d)
		_, err := trail.Record(t.Context(), d)
		var f *fault.Error
		if !errors.Is(err, guard.ErrDeedInvalid) || !errors.As(err, &f) || len(f.Fields) != 1 || f.Fields[0].Pointer != c.pointer {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(fmt.Sprint(err), canary) {
			t.Errorf("%s: the error repeats what was sent", name)
		}
	}
	if v, err := trail.Verify(t.Context(), uk); err != nil || v.Rows != 0 {
		t.Errorf("afterwards %+v, %v", v, err)
	}
	widest := guard.Deed{
		Actor: guard.Actor{Kind: guard.Operator, ID: long(128), Person: long(64), Address: long(64), RequestID: long(64)},
		Book:  uk, Act: "a." + long(62), Object: "key:" + long(251), Before: json.RawMessage(`"` + long(65534) + `"`), After: json.RawMessage(`"` + long(65534) + `"`),
		Why: "line\r\n\tline " + long(1988), Approval: "ap_0123456789abcdef",
	}
	record(t, trail, widest)
	record(t, trail, guard.Deed{Actor: guard.Actor{Kind: guard.System, ID: "é"}, Book: uk, Act: "a.b", Object: "x:'; DROP TABLE audit_rows; --"})
	if v, err := trail.Verify(t.Context(), uk); err != nil || v.Rows != 2 {
		t.Errorf("the widest and the narrowest: %+v, %v", v, err)
	}
}

// TestTrailRollsBack shows that there is no row without its act.
func TestTrailRollsBack(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	trail := guard.NewTrail(db.Pool, func() time.Time { return start })
	back := errors.New("roll back")
	for range 3 {
		err := db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
			for range 2 {
				if _, err := trail.RecordTx(t.Context(), tx, deed(uk, "a.b", "c:d")); err != nil {
					return err
				}
			}
			return back
		})
		if !errors.Is(err, back) {
			t.Fatal(err)
		}
		if v, err := trail.Verify(t.Context(), uk); err != nil || v.Rows != 0 {
			t.Fatalf("%+v, %v", v, err)
		}
	}
	if r := record(t, trail, deed(uk, "a.b", "c:d")); r.Sequence != 1 {
		t.Errorf("the first row is %d", r.Sequence)
	}
}

// TestTrailUnderLoad records from two services on one database at once, some of it rolled back: no gaps, no forks.
func TestTrailUnderLoad(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	other, err := postgres.Open(t.Context(), db.AppURL, postgres.Options{MaxConns: 10, Undurable: true})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	pools := []*postgres.Pool{db.Pool, other}
	back := errors.New("roll back")
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			pool := pools[i%2]
			trail := guard.NewTrail(pool, func() time.Time { return start.Add(-time.Duration(i) * time.Second) })
			for j := range 4 {
				err := pool.Tx(t.Context(), func(tx pgx.Tx) error {
					if _, err := trail.RecordTx(t.Context(), tx, deed(uk, "a.b", fmt.Sprintf("c:%d-%d", i, j))); err != nil || j != 3 {
						return err
					}
					return back
				})
				if err != nil && !errors.Is(err, back) {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	trail := guard.NewTrail(db.Pool, time.Now)
	if v, err := trail.Verify(t.Context(), uk); err != nil || v.Rows != 150 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestTrailRows(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	c := &clock{at: start}
	trail := guard.NewTrail(db.Pool, c.now)
	acts := []string{"key.granted", "key.revoked", "key2.granted", "keys.granted", "key.owner.changed"}
	var all []guard.Row
	for i := range 60 {
		d := deed(uk, acts[i%5], fmt.Sprintf("key:%d", i%4))
		d.Actor.ID = fmt.Sprintf("key_%d", i%3)
		all = append(all, record(t, trail, d))
		record(t, trail, deed(us, acts[i%5], "key:0"))
		if i%2 == 1 {
			c.move(time.Minute)
		}
	}
	minute := func(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }
	for name, f := range map[string]guard.Filter{
		"all": {}, "act": {Act: "key.granted"}, "acts": {Act: "key."}, "deeper": {Act: "key.owner."}, "no such acts": {Act: "kez."}, "no such act": {Act: "key"},
		"object": {Object: "key:1"}, "actor": {Actor: "key_1"}, "object and actor": {Object: "key:1", Actor: "key_1"},
		"object and acts": {Object: "key:1", Act: "key."}, "actor and act": {Actor: "key_2", Act: "keys.granted"}, "actor and acts": {Actor: "key_2", Act: "key."},
		"everything": {Object: "key:1", Actor: "key_1", Act: "key.", From: minute(1), Until: minute(29)},
		"from":       {From: minute(3)}, "until": {Until: minute(3)}, "between": {From: minute(3), Until: minute(5)}, "from within": {From: minute(3).Add(1)},
		"none": {From: minute(5), Until: minute(3)}, "later": {From: minute(100)}, "earlier": {Until: minute(-1)}, "acts between": {Act: "key.", From: minute(3), Until: minute(9)},
		"hostile": {Object: "' OR 1=1 --", Actor: "%", Act: "%."}, "far": {From: time.Unix(-1<<40, 0), Until: time.Unix(1<<50, 0)}, "prefix of all": {Act: "."},
		"NUL": {Object: "key:\x00"}, "not UTF-8": {Actor: "\xff"}, "a megabyte": {Act: strings.Repeat("a", 1<<20)},
	} {
		var want []int64
		for _, r := range all {
			acts := f.Act == "" || r.Act == f.Act || strings.HasSuffix(f.Act, ".") && strings.HasPrefix(r.Act, f.Act)
			if acts && (f.Object == "" || f.Object == r.Object) && (f.Actor == "" || f.Actor == r.Actor.ID) &&
				!r.RecordedAt.Before(f.From) && (f.Until.IsZero() || r.RecordedAt.Before(f.Until)) {
				want = append(want, r.Sequence)
			}
		}
		var got []int64
		for after := int64(0); ; {
			rows, err := trail.Rows(t.Context(), uk, f, after, 7)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got = append(got, sequences(rows)...)
			if len(rows) < 7 {
				break
			}
			after = rows[6].Sequence
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	for _, limit := range []int{-1, 0, 1} {
		if rows, err := trail.Rows(t.Context(), uk, guard.Filter{}, 58, limit); err != nil || len(rows) != 1 {
			t.Errorf("limit %d: %d rows, %v", limit, len(rows), err)
		}
	}
}

// TestTrailIsKept tries to change the trail with the application's own rights.
func TestTrailIsKept(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	trail := guard.NewTrail(db.Pool, func() time.Time { return start })
	for range 3 {
		record(t, trail, deed(uk, "a.b", "c:d"))
	}
	for _, sql := range []string{
		`UPDATE audit_rows SET why = 'x'`, `UPDATE audit_rows SET hash = hash`, `DELETE FROM audit_rows`, `TRUNCATE audit_rows`,
		`DELETE FROM audit_heads`, `TRUNCATE audit_heads`, `UPDATE audit_heads SET book_id = 9`,
		`UPDATE audit_heads SET last_sequence = last_sequence - 1`, `UPDATE audit_heads SET last_sequence = last_sequence + 1`,
		`UPDATE audit_heads SET last_hash = sha256('x')`, `UPDATE audit_heads SET last_sequence = 0, last_hash = sha256('x')`,
		`ALTER TABLE audit_rows DISABLE TRIGGER ALL`, `DROP TABLE audit_rows`,
	} {
		if _, err := db.Pool.Exec(t.Context(), sql); postgres.SQLState(err) != "42501" {
			t.Errorf("the application may %s: %v", sql, err)
		}
	}
	owner, err := pgx.Connect(t.Context(), db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = owner.Close(context.Background()) }()
	for _, sql := range []string{`UPDATE audit_rows SET why = 'x'`, `DELETE FROM audit_rows`, `TRUNCATE audit_rows`, `DELETE FROM audit_heads`, `TRUNCATE audit_heads`} {
		if _, err := owner.Exec(t.Context(), sql); postgres.SQLState(err) != "42501" {
			t.Errorf("the owner may %s by mistake: %v", sql, err)
		}
	}
	if v, err := trail.Verify(t.Context(), uk); err != nil || v.Rows != 3 {
		t.Errorf("afterwards %+v, %v", v, err)
	}
}

// TestTrailByIndex asks how the statements find their rows: a trail is long, and nobody waits for all of it.
func TestTrailByIndex(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	trail := guard.NewTrail(db.Pool, func() time.Time { return start })
	for i := range 300 {
		d := deed(uk, fmt.Sprintf("act.n%d", i%20), fmt.Sprintf("c:%d", i%50))
		d.Actor.ID = fmt.Sprint("key_", i%10)
		record(t, trail, d)
	}
	for name, c := range map[string]struct {
		f     guard.Filter
		index string
	}{
		"all": {guard.Filter{}, "audit_rows_pkey"}, "object": {guard.Filter{Object: "c:1", Act: "act."}, "audit_rows_object"},
		"actor": {guard.Filter{Actor: "key_1", Act: "act."}, "audit_rows_actor"}, "act": {guard.Filter{Act: "act.n1"}, "audit_rows_act"},
		"acts": {guard.Filter{Act: "act."}, "audit_rows_act"},
	} {
		sql, args := c.f.Query(uk, 0, 1000, 10)
		rows, err := db.Pool.Query(t.Context(), `EXPLAIN `+sql, append([]any{pgx.QueryExecModeExec}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		text := strings.Join(plan, "\n")
		if err != nil || !strings.Contains(text, c.index) || strings.Contains(text, "Seq Scan") || strings.Count(text, "audit_rows_") != strings.Count(text, c.index) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}
