package commerce

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// told is what the trail of the book tells, as act, object and actor.
func (w *workbench) told(t testing.TB) (list []string) {
	t.Helper()
	trail := guard.NewTrail(w.db.Pool, w.now)
	rows, err := trail.Rows(t.Context(), guardBook(w.book), guard.Filter{}, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		list = append(list, strings.Join([]string{r.Act, r.Object, r.Actor.ID}, " "))
	}
	if _, err := trail.Verify(t.Context(), guardBook(w.book)); err != nil {
		t.Error(err)
	}
	return list
}

// TestActsAreTold: rules and payees leave one row each in the trail, a repeat none, and what is refused or rolled back none.
func TestActsAreTold(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	sets := w.rules
	content := ownRules(t, "mine", 1, "UK", testNow.Add(time.Hour))
	for range 2 {
		if _, _, err := sets.Add(t.Context(), tester, w.book, content); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := sets.Add(t.Context(), guard.Actor{}, w.book, ownRules(t, "nobody", 1, "UK", testNow.Add(time.Hour))); fault.CodeOf(err) != guard.ErrDeedInvalid.Code {
		t.Errorf("nobody added rules: %v", err)
	}
	amy := Payee{ID: "amy", Kind: "creator", Country: "UK", Currency: "GBP"}
	tier := "short"
	for range 2 {
		if _, _, err := w.RegisterPayee(t.Context(), tester, w.book, amy); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := w.ChangePayee(t.Context(), tester, w.book, "amy", PayeeChange{Version: 1, SettlementTier: &tier}); err != nil {
			t.Fatal(err)
		}
	}
	errMine := errors.New("mine")
	err := w.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		by := guard.Deed{Actor: tester, Why: "tried"}
		if _, _, err := sets.AddTx(t.Context(), tx, by, w.book, ownRules(t, "gone", 1, "UK", testNow.Add(time.Hour))); err != nil {
			return err
		}
		if _, _, err := w.RegisterPayeeTx(t.Context(), tx, by, w.book, Payee{ID: "gone", Kind: "seller", Country: "UK", Currency: "GBP"}); err != nil {
			return err
		}
		if p, err := w.ChangePayeeTx(t.Context(), tx, by, w.book, "gone", PayeeChange{Version: 1, SettlementTier: &tier}); err != nil || p.Version != 2 {
			return fmt.Errorf("version %d: %w", p.Version, err)
		}
		return errMine
	})
	if !errors.Is(err, errMine) {
		t.Fatal(err)
	}
	if _, err := sets.ByID(t.Context(), w.book, "gone-1"); fault.CodeOf(err) != ErrRuleSetUnknown.Code {
		t.Errorf("a set that was rolled back is found: %v", err)
	}
	if _, err := w.Payee(t.Context(), w.book, "gone"); fault.CodeOf(err) != ErrPayeeUnknown.Code {
		t.Errorf("a payee that was rolled back is found: %v", err)
	}
	want := "rules.added rule_set:mine-1 tester\npayee.registered payee:amy tester\npayee.changed payee:amy tester"
	if got := strings.Join(w.told(t), "\n"); got != want {
		t.Errorf("the trail tells:\n%s\nwant:\n%s", got, want)
	}
}

// TestChangedOnceToldOnce: fifty at once register a payee and change it, at two replicas: there is one row of each.
func TestChangedOnceToldOnce(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	both := []*workbench{w, w.another(t)}
	tier := "short"
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if _, _, err := both[i%2].RegisterPayee(t.Context(), tester, w.book, Payee{ID: "amy", Kind: "creator", Country: "UK", Currency: "GBP"}); err != nil {
				t.Error(err)
			}
			if _, err := both[i%2].ChangePayee(t.Context(), tester, w.book, "amy", PayeeChange{Version: 1, SettlementTier: &tier}); err != nil && fault.CodeOf(err) != ErrPayeeVersion.Code {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := w.told(t); len(got) != 2 {
		t.Errorf("the trail tells %q", got)
	}
}
