package locale

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"mizan/ledger/money"
)

// TestIntl holds every format against another implementation of CLDR, whose answers stand in testdata (intl.mjs).
func TestIntl(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/intl.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	cases := 0
	for _, l := range Languages {
		var o struct {
			Amounts, Counts, Percents [][]string
			Days, Moments, Months     [][]any
		}
		if err := json.Unmarshal(all[string(l)], &o); err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		check := func(what any, got, want string) {
			t.Helper()
			if cases++; got != want {
				t.Errorf("%s: %v is written %q, and Intl writes %q", l, what, got, want)
			}
		}
		for _, x := range o.Amounts {
			got, want := l.Amount(money.Minor(integer(t, x[1])), money.Currency(x[0])), x[2]
			if l.RightToLeft() { // our marks of direction are others: Intl's are drawn in a wrong order
				got, want = withoutMarks(got), withoutMarks(want)
			}
			check(x, got, want)
		}
		for _, x := range o.Counts {
			check(x, l.Count(integer(t, x[0])), x[1])
		}
		for _, x := range o.Percents {
			check(x, l.Percent(x[0]), x[1])
		}
		for i, x := range o.Days {
			at := time.Unix(int64(x[0].(float64)), 0)
			zone, err := time.LoadLocation(x[1].(string))
			if err != nil {
				t.Fatal(err)
			}
			check(x, l.Day(at.In(zone)), x[2].(string))
			check(o.Moments[i], l.Moment(at, zone), o.Moments[i][2].(string))
		}
		for _, x := range o.Months {
			check(x, l.Month(int(x[0].(float64)), time.Month(x[1].(float64))), x[2].(string))
		}
	}
	if cases < 3000 {
		t.Errorf("only %d cases were compared", cases)
	}
}

func integer(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// withoutMarks is a text without marks of direction.
func withoutMarks(s string) string {
	return strings.NewReplacer(leftToRightMark, "", rightToLeftMark, "").Replace(s)
}
