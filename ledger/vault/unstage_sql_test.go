package vault_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mizan/ledger/guard"
	"mizan/ledger/vault"
)

// TestUnstage takes back what was staged: its approval runs no more, what is in force stays, and once is enough.
func TestUnstage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rows := func() int { return h.count(t, `SELECT count(*) FROM audit_rows WHERE act = 'personal.unstaged'`) }
	if _, err := h.Unstage(t.Context(), ann, owner, book, amy, "Nobody asked for it."); err != nil || h.count(t, `SELECT count(*) FROM vault_subjects`) != 0 || rows() != 0 {
		t.Errorf("nothing was staged: %v", err)
	}
	old := map[string]string{"bank_account": "11110000"}
	h.put(t, amy, old)
	kept := h.stage(t, amy, map[string]string{"bank_account": "22220000", "bank_holder": "Somebody Else"})
	if _, err := h.Unstage(t.Context(), ann, owner, book, amy, " "); !errors.Is(err, vault.ErrInvalid) {
		t.Errorf("without a reason: %v", err)
	}
	for range 2 {
		if p, err := h.Unstage(t.Context(), ann, owner, book, amy, "Nobody asked for it."); err != nil || cmp.Diff([]string{"bank_account"}, p.Fields) != "" {
			t.Errorf("%+v %v", p, err)
		}
	}
	if n := h.count(t, `SELECT count(*) FROM vault_values WHERE field LIKE 'next%'`); n != 0 || rows() != 1 {
		t.Errorf("%d staged values are left, %d rows", n, rows())
	}
	if _, err := h.destination(t, amy, kept); !errors.Is(err, guard.ErrApprovalChanged) {
		t.Errorf("it ran all the same: %v", err)
	}
	if got := h.get(t, amy); cmp.Diff(old, got) != "" {
		t.Error(cmp.Diff(old, got))
	}
	// Whoever comes first, it either counts or is gone.
	for range 5 {
		kept = h.stage(t, amy, map[string]string{"bank_account": "33330000"})
		var ran atomic.Int32
		var group sync.WaitGroup
		for i := range 20 {
			group.Go(func() {
				if i%2 == 0 {
					if _, err := h.Unstage(t.Context(), ann, owner, book, amy, "Nobody asked for it."); err != nil {
						t.Error(err)
					}
				} else if _, err := h.destination(t, amy, kept); err == nil {
					ran.Add(1)
				} else if !errors.Is(err, guard.ErrApprovalChanged) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if got := h.get(t, amy)["bank_account"]; (got == "33330000") != (ran.Load() == 1) || ran.Load() > 1 {
			t.Errorf("it ran %d times", ran.Load())
		}
		h.put(t, amy, old)
	}
	if err := h.erase(t.Context(), amy); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Unstage(t.Context(), ann, owner, book, amy, "Nobody asked for it."); !errors.Is(err, vault.ErrErased) {
		t.Error(err)
	}
}

// TestReasonsInOtherWords writes values in reasons as people do, who part digits and capitals as they like.
func TestReasonsInOtherWords(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for value, why := range map[string]string{
		"GB82 WEST 1234 5698 7654 32": "New account gb82west12345698765432.",
		"GB82WEST12345698765432":      "New account GB82 WEST 1234-5698-7654-32.",
		"12345678":                    "Now 12 34 56 78",
	} {
		_, err := h.Stage(t.Context(), ann, owner, book, amy, map[string]string{"bank_account": value}, why)
		wantCode(t, err, "/reason", "reason-personal")
	}
	_, _, err := h.Write(t.Context(), ann, owner, book, amy, map[string]string{"phone": "+44 20 7946 0000"}, "She rang from 4420 79460000.")
	wantCode(t, err, "/reason", "reason-personal")
	if _, _, err := h.Write(t.Context(), ann, owner, book, amy, map[string]string{"name": "Amy Zed", "phone": "110"}, "Ticket 110 of payee cre_amy."); err != nil {
		t.Error(err)
	}
}

// TestCopiesKeepTheCase exports to the person and to staff: why the data are held is for staff only.
func TestCopiesKeepTheCase(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.put(t, amy, map[string]string{"name": "Amy"})
	if _, err := h.Hold(t.Context(), ann, owner, book, amy, start.AddDate(1, 0, 0), "Fraud case 17"); err != nil {
		t.Fatal(err)
	}
	herself := guard.Actor{Kind: guard.Payee, ID: "cre_amy"}
	for _, c := range []struct {
		by    guard.Actor
		shown bool
	}{{ann, true}, {herself, false}} {
		var got json.RawMessage
		got, err := h.Export(t.Context(), c.by, owner, book, amy, "A copy.")
		if err != nil || strings.Contains(string(got), "Fraud case 17") != c.shown || !strings.Contains(string(got), "held_until") {
			t.Errorf("to a %s: %v", c.by.Kind, err)
		}
	}
}

// TestIdsInReasonsPass names orders of shops in reasons, and papers by their numbers: both are written every day, and a tenth
// of such numbers fit the last digit of a card by accident.
func TestIdsInReasonsPass(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const seed = 20261124
	dice := rand.New(rand.NewPCG(seed, 6))
	digits := func(prefix string, length int) string {
		for len(prefix) < length {
			prefix += string(rune('0' + dice.IntN(10)))
		}
		return prefix
	}
	for range 40 {
		for _, why := range []string{
			"Refund of order " + digits("4", 13) + ".", "Order " + digits("62", 13) + " 2026", "Order " + digits("57", 18), "order:" + digits("39", 14), "Call " + digits("+4915", 14),
		} {
			if _, _, err := h.Write(t.Context(), ann, owner, book, amy, map[string]string{"name": "Amy Zed"}, why); err != nil {
				t.Fatalf("seed %d: %q: %v", seed, why, err)
			}
		}
		for _, paper := range []string{"ID card " + digits("4", 13) + ", TH", "Resident card " + digits("62", 18) + ", CN", "Passport " + digits("4", 9)} {
			if _, _, err := h.Write(t.Context(), ann, owner, book, amy, map[string]string{"document": paper}, "Checked."); err != nil {
				t.Fatalf("seed %d: %q: %v", seed, paper, err)
			}
		}
	}
	for _, why := range []string{"Paid with 4111 1111 1111 1111.", "Card 4111111111111111", "4111.1111.1111.1111", "3782 822463 10005", "Diners 30569309025904 it was"} {
		_, _, err := h.Write(t.Context(), ann, owner, book, amy, map[string]string{"name": "Amy Zed"}, why)
		wantCode(t, err, "/reason", "card-number")
		_, err = h.Hold(t.Context(), ann, owner, book, amy, start.AddDate(1, 0, 0), why)
		wantCode(t, err, "/reason", "card-number")
	}
	_, _, err := h.Write(t.Context(), ann, owner, book, amy, map[string]string{"document": "card 4111 1111 1111 1111"}, "Checked.")
	wantCode(t, err, "/fields/document", "card-number")
}
