//go:build !race

package payouts

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"mizan/ledger/commerce"
)

func TestFactsOfManyAreThoseOfEach(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	h := newPayeeHouse(t)
	h.payee("gua_1", "guardian")
	var keys []PayeeKey
	for i := range 30 {
		id := fmt.Sprint("pay_", i)
		kind := []string{"seller", "creator"}[dice.IntN(2)]
		switch dice.IntN(6) {
		case 0: // nobody registered it
		case 1:
			kind = "creator"
			_, _, err := h.events.RegisterPayee(t.Context(), ann, h.book, commerce.Payee{ID: id, Kind: kind, Country: "US", Currency: "USD", Minor: true, Guardian: "gua_1"})
			h.ok(err)
		default:
			h.payee(id, kind)
		}
		keys = append(keys, PayeeKey{kind, id})
	}
	for range 200 {
		k := keys[dice.IntN(len(keys))]
		h.clock.Advance(time.Duration(dice.IntN(50)) * time.Minute)
		h.happen(dice, k)
	}
	h.happen(dice, PayeeKey{"guardian", "gua_1"})
	at := h.clock.Now().Add(-time.Duration(dice.IntN(48)) * time.Hour)
	twice := append(slices.Clone(keys), keys[:5]...)
	got, err := h.factsOf(t.Context(), h.book, twice, at)
	h.ok(err)
	if len(got) != len(keys) {
		t.Fatalf("facts of %d of %d", len(got), len(keys))
	}
	for _, k := range keys {
		if want := h.oneByOne(t.Context(), k, at); !reflect.DeepEqual(got[k], want) {
			t.Errorf("%v: together\n%+v, alone\n%+v", k, got[k], want)
		}
	}
	if none, err := h.factsOf(t.Context(), h.book, nil, at); err != nil || len(none) != 0 {
		t.Errorf("of nobody: %v %v", none, err)
	}
}
