package commerce

import (
	"fmt"
	"strings"
	"testing"

	"mizan/ledger/fault"
)

// TestPayees registers payees and changes them: the same again is found, another content is refused, and every version is
// kept.
func TestPayees(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	kid := Payee{ID: "kid", Kind: "creator", Country: "US", Currency: "USD", Minor: true, Guardian: "gua"}
	refused := func(code string, p Payee) {
		t.Helper()
		if _, _, err := w.RegisterPayee(t.Context(), tester, w.book, p); fault.CodeOf(err) != code {
			t.Errorf("%+v: %v, want %s", p, err, code)
		}
	}
	refused("guardian-missing", kid)
	refused("guardian-missing", Payee{ID: "kid", Kind: "creator", Country: "US", Currency: "USD", Minor: true})
	for _, p := range []Payee{{ID: "gua", Kind: payeeGuardian, Country: "US", Currency: "USD"}, {ID: "amy", Kind: "creator", Country: "US", Currency: "USD"}} {
		if _, created, err := w.RegisterPayee(t.Context(), tester, w.book, p); err != nil || !created {
			t.Fatal(created, err)
		}
	}
	first, created, err := w.RegisterPayee(t.Context(), tester, w.book, kid)
	if err != nil || !created || first.TrustRate != "0.15" || first.Version != 1 {
		t.Fatalf("%+v %t %v", first, created, err)
	}
	if again, created, err := w.RegisterPayee(t.Context(), tester, w.book, kid); err != nil || created || again != first {
		t.Errorf("again: %+v %t %v", again, created, err)
	}
	with := func(change func(*Payee)) Payee { p := kid; change(&p); return p }
	refused("payee-exists", with(func(p *Payee) { p.TrustRate = "0.65" }))
	refused("payee-exists", with(func(p *Payee) { p.Minor, p.Guardian = false, "" }))
	refused("guardian-missing", with(func(p *Payee) { p.Guardian = "amy" }))
	refused("guardian-missing", with(func(p *Payee) { p.Guardian = "kid" }))
	for _, change := range []func(*Payee){
		func(p *Payee) { p.ID = "" }, func(p *Payee) { p.ID = "a:b" }, func(p *Payee) { p.Kind = "buyer" }, func(p *Payee) { p.Currency = "GBP" }, func(p *Payee) { p.Country = "USA" },
		func(p *Payee) { p.TrustRate = "1.01" }, func(p *Payee) { p.TrustRate = "x" }, func(p *Payee) { p.Kind = "seller" }, func(p *Payee) { p.Minor = false },
		func(p *Payee) { p.Minor, p.Guardian, p.TrustRate = false, "", "0.15" }, func(p *Payee) { p.SettlementTier = strings.Repeat("t", 33) },
	} {
		refused("validation-failed", with(change))
	}

	no, rate := false, "0.65"
	raised := PayeeChange{Version: 1, TrustRate: &rate}
	for range 2 { // the second finds it made
		if p, err := w.ChangePayee(t.Context(), tester, w.book, "kid", raised); err != nil || p.Version != 2 || p.TrustRate != "0.65" || p.RecordedAt != first.RecordedAt {
			t.Fatalf("%+v %v", p, err)
		}
	}
	if _, err := w.ChangePayee(t.Context(), tester, w.book, "kid", PayeeChange{Version: 1, Minor: &no}); fault.CodeOf(err) != ErrPayeeVersion.Code {
		t.Errorf("an older version was changed: %v", err)
	}
	grown, err := w.ChangePayee(t.Context(), tester, w.book, "kid", PayeeChange{Version: 2, Minor: &no})
	if err != nil || grown.Minor || grown.Guardian != "" || grown.TrustRate != "" || grown.Version != 3 {
		t.Errorf("%+v %v", grown, err)
	}
	if now, created, err := w.RegisterPayee(t.Context(), tester, w.book, kid); err != nil || created || now != grown {
		t.Errorf("the first registration sent again after changes: %+v %v", now, err)
	}
	if _, err := w.ChangePayee(t.Context(), tester, w.book, "nobody", PayeeChange{Version: 1}); fault.CodeOf(err) != ErrPayeeUnknown.Code {
		t.Errorf("%v", err)
	}
	list, more, err := w.Payees(t.Context(), w.book, "", 2)
	if err != nil || !more || len(list) != 2 || list[0].ID != "amy" || list[1].ID != "gua" {
		t.Errorf("the first page: %+v %t %v", list, more, err)
	}
	if list, more, err = w.Payees(t.Context(), w.book, "gua", 2); err != nil || more || len(list) != 1 || list[0] != grown {
		t.Errorf("the second page: %+v %t %v", list, more, err)
	}
	for _, sql := range []string{`UPDATE payees SET minor = false`, `DELETE FROM payees`, `TRUNCATE payees`} {
		if _, err := w.db.Pool.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s is possible", sql)
		}
	}
}

// TestPayeeRaces registers and changes one payee from two services at once: one of each kind is kept.
func TestPayeeRaces(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	doors := []*workbench{w, w.another(t)}
	made, changed := make([]bool, 20), make([]error, 20)
	together(len(made), func(i int) {
		_, made[i], _ = doors[i%2].RegisterPayee(t.Context(), tester, w.book, Payee{ID: "amy", Kind: "creator", Country: "US", Currency: "USD", SettlementTier: fmt.Sprint("t", i)})
	})
	together(len(changed), func(i int) {
		tier := fmt.Sprint("u", i)
		_, changed[i] = doors[i%2].ChangePayee(t.Context(), tester, w.book, "amy", PayeeChange{Version: 1, SettlementTier: &tier})
	})
	created, won := 0, 0
	for i := range made {
		if made[i] {
			created++
		}
		if changed[i] == nil {
			won++
		} else if fault.CodeOf(changed[i]) != ErrPayeeVersion.Code {
			t.Error(changed[i])
		}
	}
	if created != 1 || won != 1 {
		t.Errorf("%d registered, %d changed", created, won)
	}
	if p, err := w.Payee(t.Context(), w.book, "amy"); err != nil || p.Version != 2 {
		t.Errorf("%+v %v", p, err)
	}
}
