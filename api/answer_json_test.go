package api

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"mizan/ledger/commerce"
)

// fill sets every field of a value at random: lists are never nil, and times have microseconds, so that encoding/json
// writes the same.
func fill(r *rand.Rand, v reflect.Value) {
	texts := []string{"", "x", "44.97", "a\"b\\c\n", "\u2028 é 😀", "<&>", "liabilities:seller:available:sel_uk"}
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.UnixMicro(r.Int64N(1<<51)/10*10 + 1).UTC()))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i))
		}
	case v.Kind() == reflect.Pointer:
		if r.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(r, v.Elem())
		}
	case v.Kind() == reflect.Slice:
		n := r.IntN(4)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(r, v.Index(i))
		}
	case v.Kind() == reflect.String:
		v.SetString(texts[r.IntN(len(texts))])
	case v.Kind() == reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	default:
		v.SetInt(r.Int64N(1000) - 500)
	}
}

// TestAnswersByShape writes random answers both ways.
func TestAnswersByShape(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		for _, v := range []any{new(commerce.Explanation), new(commerce.Order)} {
			fill(r, reflect.ValueOf(v).Elem())
			if want, got := reference(t, v), string(appendAnswer(nil, v)); want != got {
				t.Fatalf("seed %d: want %s\ngot  %s", seed, want, got)
			}
		}
	}
}

// TestAnswersWithNothing writes answers that nothing was set in: lists are there, times have the house's form.
func TestAnswersWithNothing(t *testing.T) {
	t.Parallel()
	for v, want := range map[any]string{
		&commerce.Explanation{}:                  `{"event":"","summary":"","steps":[],"entries":[]}`,
		&commerce.OrderReserve{ReleaseAt: start}: `{"amount":"","rate":"","release_at":"2026-11-20T10:00:00.000000Z"}`,
		&commerce.OrderDispute{}:                 `{"dispute":"","state":"","amount":"","held":""}`,
	} {
		if got := string(appendAnswer(nil, v)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
