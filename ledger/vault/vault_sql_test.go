package vault_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"mizan/ledger/fault"
	"mizan/ledger/postgres/pgtest"
	"mizan/ledger/vault"
)

func TestPutAndGet(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	all := canaries()
	var order []string
	for _, f := range vault.Fields() {
		order = append(order, f.Name)
	}
	p, changed, err := put(t.Context(), h, h.Vault, owner, amy, all)
	want := vault.Person{Subject: amy, Fields: order, CreatedAt: start}
	if err != nil || cmp.Diff(want, p) != "" || cmp.Diff(order, changed) != "" {
		t.Fatalf("%v %v %s", err, changed, cmp.Diff(want, p))
	}
	if got := h.get(t, amy); cmp.Diff(all, got) != "" {
		t.Error(cmp.Diff(all, got))
	}
	if got := h.get(t, amy, "email", "tax_id"); cmp.Diff(map[string]string{"email": all["email"], "tax_id": all["tax_id"]}, got) != "" {
		t.Error(got)
	}
	if got := h.get(t, amy, []string{}...); len(got) != 0 {
		t.Error(got)
	}
	// The same again, one more, one less.
	h.clock.move(time.Hour)
	all["name"], all["phone"] = "Canary New", ""
	p, changed, err = put(t.Context(), h, h.Vault, owner, amy, all)
	if err != nil || cmp.Diff([]string{"name", "phone"}, changed) != "" || len(p.Fields) != len(order)-1 || p.CreatedAt != start {
		t.Errorf("%v %v %+v", err, changed, p)
	}
	delete(all, "phone")
	if got := h.get(t, amy); cmp.Diff(all, got) != "" {
		t.Error(cmp.Diff(all, got))
	}
	if _, changed, err := put(t.Context(), h, h.Vault, owner, amy, all); err != nil || changed != nil {
		t.Errorf("the same again: %v %v", changed, err)
	}
	// Somebody else is somebody else, in this book and in others.
	for _, o := range []vault.Owner{owner, {Book: 8}, {}} {
		subject := "payee:cre_bob"
		if o != owner {
			subject = amy
		}
		if got, err := get(t.Context(), h, h.Vault, o, subject); err != nil || len(got) != 0 {
			t.Errorf("%+v: %v, %v", o, got, err)
		}
		if p, err := h.Person(t.Context(), o, subject); err != nil || p.Subject != "" {
			t.Errorf("%+v: %+v, %v", o, p, err)
		}
	}
}

// TestNothingMakesNobody stores nothing of a person who is not known.
func TestNothingMakesNobody(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, fields := range []map[string]string{nil, {"name": ""}} {
		if p, changed, err := put(t.Context(), h, h.Vault, owner, amy, fields); err != nil || p.Subject != "" || changed != nil {
			t.Errorf("%v: %+v %v %v", fields, p, changed, err)
		}
	}
	if got := h.count(t, `SELECT count(*) FROM vault_subjects`); got != 0 {
		t.Errorf("%d persons", got)
	}
}

func (h house) count(t testing.TB, sql string, args ...any) (n int) {
	t.Helper()
	if err := h.db.Pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRollbackLeavesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	back := errors.New("roll back")
	err := h.tx(t, func(tx pgx.Tx) error {
		if _, _, err := h.PutTx(t.Context(), tx, owner, amy, canaries()); err != nil {
			return err
		}
		if err := h.BindTx(t.Context(), tx, owner, "email", "a@b", amy); err != nil {
			return err
		}
		if _, err := h.HoldTx(t.Context(), tx, owner, "payee:x", start.Add(time.Hour), "court"); err != nil {
			return err
		}
		if _, err := h.EraseTx(t.Context(), tx, owner, "payee:y"); err != nil {
			return err
		}
		if err := h.SetRetentionTx(t.Context(), tx, owner, 10); err != nil {
			return err
		}
		return back
	})
	if !errors.Is(err, back) {
		t.Fatal(err)
	}
	for _, table := range []string{"vault_subjects", "vault_values", "vault_lookups", "vault_index_key", "vault_retention"} {
		if n := h.count(t, `SELECT count(*) FROM `+table); n != 0 {
			t.Errorf("%s has %d rows", table, n)
		}
	}
	// The key of the digests that was rolled back is used by nobody.
	h.bind(t, "a@b", amy)
	if got := h.find(t, "a@b"); got != amy {
		t.Errorf("found %q", got)
	}
}

// TestNoValueShows plants values in every field, and looks for them in every table and every error.
func TestNoValueShows(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	planted := canaries()
	h.put(t, amy, planted)
	h.bind(t, planted["email"], amy)
	if _, err := h.Stage(t.Context(), ann, owner, book, amy, map[string]string{"bank_account": "GB82 WEST 1234 5698 7654 32", "bank_holder": "Canary Second"}, "moved"); err != nil {
		t.Fatal(err)
	}
	planted["staged account"], planted["staged holder"] = "GB82 WEST 1234 5698 7654 32", "Canary Second"
	if _, _, err := h.Read(t.Context(), ann, owner, book, amy, nil, "a look"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Export(t.Context(), ann, owner, book, amy, "their right"); err != nil {
		t.Fatal(err)
	}
	stored := h.everything(t)
	wantHidden(t, "the tables", stored, planted)
	if n := h.count(t, `SELECT count(*) FROM vault_values`); n != len(vault.Fields())+2 {
		t.Errorf("%d values", n)
	}
	// Each kind of failure, on each field.
	closed, stranger, wrong := h.with(vault.Keys{}, ""), h.with(keys(t, keyLine("m2", 2)), ""), h.with(keys(t, keyLine("m1", 3)), "")
	for name, value := range canaries() {
		for where, v := range map[string]*vault.Vault{"closed": closed, "stranger": stranger, "wrong": wrong} {
			_, _, err := put(t.Context(), h, v, owner, amy, map[string]string{name: value})
			wantHidden(t, where, fmt.Sprint(err), planted)
		}
		_, _, err := put(t.Context(), h, h.Vault, owner, amy, map[string]string{name: value + "\x00"})
		wantHidden(t, "refused", fmt.Sprint(err), planted)
		_, _, err = h.Write(t.Context(), ann, owner, book, amy, map[string]string{name: value}, "because "+value)
		wantCode(t, err, "/reason", "reason-personal")
		wantHidden(t, "refused", fmt.Sprint(err), planted)
	}
	wantHidden(t, "the tables afterwards", h.everything(t), planted)
}

func TestClosedAndStrange(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.put(t, amy, canaries())
	h.bind(t, "a@b", amy)
	for name, c := range map[string]struct {
		v    *vault.Vault
		want error
	}{
		"closed":           {h.with(vault.Keys{}, ""), vault.ErrClosed},
		"another name":     {h.with(keys(t, keyLine("m2", 1)), ""), vault.ErrMaster},
		"another key":      {h.with(keys(t, keyLine("m1", 2)), ""), vault.ErrMaster},
		"another and more": {h.with(keys(t, keyLine("m2", 2), keyLine("m1", 3)), ""), vault.ErrMaster},
	} {
		if _, _, err := put(t.Context(), h, c.v, owner, amy, map[string]string{"name": "x"}); !errors.Is(err, c.want) {
			t.Errorf("%s: put: %v", name, err)
		}
		if _, err := get(t.Context(), h, c.v, owner, amy); !errors.Is(err, c.want) {
			t.Errorf("%s: get: %v", name, err)
		}
		if _, err := c.v.Names(t.Context(), owner, []string{amy}); !errors.Is(err, c.want) {
			t.Errorf("%s: names: %v", name, err)
		}
		err := h.tx(t, func(tx pgx.Tx) error { return c.v.BindTx(t.Context(), tx, owner, "email", "c@d", amy) })
		if !errors.Is(err, c.want) {
			t.Errorf("%s: bind: %v", name, err)
		}
		err = h.tx(t, func(tx pgx.Tx) error { _, err := c.v.FindTx(t.Context(), tx, owner, "email", "a@b"); return err })
		if !errors.Is(err, c.want) {
			t.Errorf("%s: find: %v", name, err)
		}
		if _, err := c.v.Stage(t.Context(), ann, owner, book, amy, map[string]string{"bank_account": "12345678"}, "why"); !errors.Is(err, c.want) {
			t.Errorf("%s: stage: %v", name, err)
		}
		if _, err := c.v.Export(t.Context(), ann, owner, book, amy, "why"); !errors.Is(err, c.want) {
			t.Errorf("%s: export: %v", name, err)
		}
		if p, err := c.v.Person(t.Context(), owner, amy); err != nil || len(p.Fields) != len(vault.Fields()) {
			t.Errorf("%s: person: %+v, %v", name, p, err)
		}
		// Of those of whom nothing is stored, nothing has to be opened.
		if names, err := c.v.Names(t.Context(), owner, []string{"payee:none"}); err != nil || names["payee:none"] != "" {
			t.Errorf("%s: names of nobody: %v, %v", name, names, err)
		}
	}
	// A closed vault can still hold, close and erase.
	closed := h.with(vault.Keys{}, "")
	err := h.tx(t, func(tx pgx.Tx) error {
		if _, err := closed.HoldTx(t.Context(), tx, owner, "payee:new", start.Add(time.Hour), "court"); err != nil {
			return err
		}
		if _, err := closed.CloseTx(t.Context(), tx, owner, "payee:other", start); err != nil {
			return err
		}
		_, err := closed.EraseTx(t.Context(), tx, owner, amy)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := get(t.Context(), h, h.Vault, owner, amy); !errors.Is(err, vault.ErrErased) {
		t.Error(err)
	}
	// Those who were noted without a key get one with their first value.
	h.put(t, "payee:new", map[string]string{"name": "New"})
	if got := h.get(t, "payee:new")["name"]; got != "New" {
		t.Error(got)
	}
}

// TestRegions tries everything in a book of another region.
func TestRegions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	eu := h.with(keys(t, keyLine("m1", 1)), "eu")
	for region, allowed := range map[string]bool{"": true, "eu": true, "ae": false, "EU": false} {
		o, subject := vault.Owner{Book: 7, Region: region}, "payee:x"+region
		regionOK := func(what string, err error) {
			t.Helper()
			if errors.Is(err, vault.ErrRegion) == allowed || allowed && err != nil {
				t.Errorf("%s in region %q: %v", what, region, err)
			}
		}
		do := func(what string, act func(tx pgx.Tx) error) { t.Helper(); regionOK(what, h.tx(t, act)) }
		ctx := t.Context()
		do("put", func(tx pgx.Tx) error {
			_, _, err := eu.PutTx(ctx, tx, o, subject, map[string]string{"name": "x"})
			return err
		})
		do("get", func(tx pgx.Tx) error { _, err := eu.GetTx(ctx, tx, o, subject, nil); return err })
		do("bind", func(tx pgx.Tx) error { return eu.BindTx(ctx, tx, o, "email", region+"@x", subject) })
		do("find", func(tx pgx.Tx) error { _, err := eu.FindTx(ctx, tx, o, "email", "a@x"); return err })
		do("hold", func(tx pgx.Tx) error { _, err := eu.HoldTx(ctx, tx, o, subject, start, ""); return err })
		do("close", func(tx pgx.Tx) error { _, err := eu.CloseTx(ctx, tx, o, subject, start); return err })
		do("retention", func(tx pgx.Tx) error { return eu.SetRetentionTx(ctx, tx, o, 30) })
		_, err := eu.Person(ctx, o, subject)
		regionOK("person", err)
		_, err = eu.Names(ctx, o, []string{subject})
		regionOK("names", err)
		_, err = eu.Retention(ctx, o)
		regionOK("read the retention", err)
		_, err = eu.Due(ctx, o, 10)
		regionOK("due", err)
		_, _, err = eu.Read(ctx, ann, o, book, subject, nil, "why")
		regionOK("read", err)
		_, _, err = eu.Write(ctx, ann, o, book, subject, map[string]string{"name": "y"}, "why")
		regionOK("write", err)
		_, err = eu.Stage(ctx, ann, o, book, subject, map[string]string{"bank_account": "12345678"}, "why")
		regionOK("stage", err)
		_, err = eu.Export(ctx, ann, o, book, subject, "why")
		regionOK("export", err)
		_, err = eu.Hold(ctx, ann, o, book, subject, start, "why")
		regionOK("recorded hold", err)
		_, err = eu.Close(ctx, ann, o, book, subject, start, "why")
		regionOK("recorded close", err)
		regionOK("recorded retention", eu.SetRetention(ctx, ann, o, book, 31, "why"))
		_, err = eu.Sweep(ctx, o, book, ann, 10)
		regionOK("sweep", err)
		_, err = eu.Erase(ctx, ann, o, book, subject, "why")
		regionOK("recorded erase", err)
		do("erase", func(tx pgx.Tx) error { _, err := eu.EraseTx(ctx, tx, o, subject); return err })
		if n := h.count(t, `SELECT count(*) FROM vault_subjects WHERE subject = $1`, subject); (n == 1) != allowed {
			t.Errorf("region %q stored %d persons", region, n)
		}
	}
	// An installation without a region holds every book's people.
	if _, _, err := put(t.Context(), h, h.Vault, vault.Owner{Book: 9, Region: "ae"}, amy, map[string]string{"name": "x"}); err != nil {
		t.Error(err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var subjects []string
	want := map[string]string{}
	for i := range 1000 {
		subject := fmt.Sprintf("payee:cre_%d", i)
		subjects = append(subjects, subject)
		want[subject] = ""
	}
	for i := range 40 {
		want[subjects[i]] = fmt.Sprintf("Name %d", i)
		h.put(t, subjects[i], map[string]string{"name": want[subjects[i]], "email": "a@b", "phone": "110"})
	}
	h.put(t, subjects[100], map[string]string{"phone": "110"})
	for _, i := range []int{3, 999} {
		want[subjects[i]] = vault.Erased
		if err := h.erase(t.Context(), subjects[i]); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := put(t.Context(), h, h.Vault, vault.Owner{Book: 8}, subjects[500], map[string]string{"name": "Of another book"}); err != nil {
		t.Fatal(err)
	}
	got, err := h.Names(t.Context(), owner, subjects)
	if err != nil || cmp.Diff(want, got) != "" {
		t.Error(err, cmp.Diff(want, got))
	}
	if got, err := h.Names(t.Context(), owner, nil); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	if got, err := h.Names(t.Context(), owner, []string{subjects[1], subjects[1]}); err != nil || len(got) != 1 {
		t.Error(got, err)
	}
	_, err = h.Names(t.Context(), owner, append(subjects, amy))
	wantCode(t, err, "/subjects", "too-many")
}

// TestFirstWritersRace lets many be the first to write the same persons, over two services: all their fields are there.
func TestFirstWritersRace(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	second := h.with(keys(t, keyLine("m2", 2), keyLine("m1", 1)), "")
	h.Vault = h.with(keys(t, keyLine("m1", 1), keyLine("m2", 2)), "")
	fields := vault.Fields()
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			v := h.Vault
			if i%2 == 1 {
				v = second
			}
			name := fields[i%len(fields)].Name
			for s := range 5 {
				if _, _, err := put(t.Context(), h, v, owner, fmt.Sprintf("payee:p%d", s), map[string]string{name: canaries()[name]}); err != nil {
					t.Errorf("put: %v", err)
				}
			}
		})
	}
	group.Wait()
	for s := range 5 {
		if got := h.get(t, fmt.Sprintf("payee:p%d", s)); cmp.Diff(canaries(), got) != "" {
			t.Error(cmp.Diff(canaries(), got))
		}
	}
}

// TestErasureRacesWriting erases people while others write, read, bind, hold and stage: nothing is readable afterwards and
// nothing is stored, whoever came first.
func TestErasureRacesWriting(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(8))
	for round := range 30 {
		subject := fmt.Sprintf("payee:r%d", round)
		if round%3 > 0 {
			h.put(t, subject, canaries())
		}
		var group sync.WaitGroup
		var erased atomic.Bool
		allow := func(err error) {
			if err != nil && !errors.Is(err, vault.ErrErased) {
				t.Errorf("round %d: %v", round, err)
			}
		}
		for i := range 6 {
			group.Go(func() {
				after := erased.Load()
				_, _, err := put(t.Context(), h, h.Vault, owner, subject, map[string]string{"name": fmt.Sprintf("Name %d", i)})
				if allow(err); after && err == nil {
					t.Error("stored after the erasure")
				}
				_, err = get(t.Context(), h, h.Vault, owner, subject)
				allow(err)
				allow(h.tx(t, func(tx pgx.Tx) error {
					return h.BindTx(t.Context(), tx, owner, "email", fmt.Sprintf("%d@%d", i, round), subject)
				}))
			})
		}
		group.Go(func() {
			if err := h.erase(t.Context(), subject); err != nil {
				t.Errorf("erase: %v", err)
			}
			erased.Store(true)
		})
		group.Wait()
		if _, err := get(t.Context(), h, h.Vault, owner, subject); !errors.Is(err, vault.ErrErased) {
			t.Errorf("round %d: %v", round, err)
		}
	}
	left := h.count(t, `SELECT (SELECT count(*) FROM vault_values) + (SELECT count(*) FROM vault_lookups) + (SELECT count(*) FROM vault_subjects WHERE wrapped IS NOT NULL OR master IS NOT NULL OR manifest IS NOT NULL)`)
	if left != 0 {
		t.Errorf("%d things are left", left)
	}
}

// TestErrorsHaveTheirKinds keeps the promise that clients rely on.
func TestErrorsHaveTheirKinds(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		err  error
		kind fault.Kind
	}{
		"personal-data-invalid": {vault.ErrInvalid, fault.Invalid},
		"personal-data-erased":  {vault.ErrErased, fault.Conflict},
		"personal-data-held":    {vault.ErrHeld, fault.Conflict},
		"personal-data-broken":  {vault.ErrBroken, fault.Conflict},
		"vault-closed":          {vault.ErrClosed, fault.Unavailable},
		"vault-key-missing":     {vault.ErrMaster, fault.Unavailable},
		"vault-region":          {vault.ErrRegion, fault.Forbidden},
		"vault-keys":            {vault.ErrKeys, fault.Invalid},
	} {
		if fault.CodeOf(c.err) != code || fault.KindOf(c.err) != c.kind {
			t.Errorf("%s: %v", code, c.err)
		}
	}
}

// TestConnectionsAreNotNested does all that runs in a caller's transaction with a single connection.
func TestConnectionsAreNotNested(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(1))
	h.put(t, amy, canaries())
	h.bind(t, "a@b", amy)
	kept, err := h.Stage(t.Context(), ann, owner, book, amy, map[string]string{"bank_account": "12345678"}, "moved")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.destination(t, amy, kept); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Read(t.Context(), ann, owner, book, amy, nil, "why"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.with(keys(t, keyLine("m2", 2), keyLine("m1", 1)), "").Rotate(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
}
