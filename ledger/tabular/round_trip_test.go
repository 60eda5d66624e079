package tabular

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"mizan/ledger/money"
)

// dialects are all ways to write CSV.
var dialects = []Dialect{{}, {Separator: ";"}, {Separator: "\t", Trailer: true}, {Mark: true}, {Separator: ",", Mark: true, Trailer: true}}

// independentTotals adds up without the code under test.
func independentTotals(h Header, rows []Row) map[string]*big.Int {
	sums := map[string]*big.Int{}
	for _, row := range rows {
		for i, c := range h.Columns {
			if m, currency := row[i].Money(); c.Sum && currency != "" {
				key := c.Name + " " + string(currency)
				if sums[key] == nil {
					sums[key] = new(big.Int)
				}
				sums[key].Add(sums[key], big.NewInt(int64(m)))
			}
		}
	}
	return sums
}

// checkTotals compares a manifest with independentTotals.
func checkTotals(t testing.TB, h Header, rows []Row, m Manifest) {
	t.Helper()
	want := independentTotals(h, rows)
	if len(want) != len(m.Totals) || m.Rows != int64(len(rows)) {
		t.Fatalf("%d totals and %d rows, want %d and %d", len(m.Totals), m.Rows, len(want), len(rows))
	}
	for _, total := range m.Totals {
		digits := strings.Replace(total.Amount, ".", "", 1)
		_, fraction, _ := strings.Cut(total.Amount, ".")
		got, ok := new(big.Int).SetString(digits, 10)
		if sum := want[total.Column+" "+string(total.Currency)]; !ok || sum == nil || got.Cmp(sum) != 0 || len(fraction) != total.Currency.Digits() {
			t.Fatalf("total %+v, want %v units", total, sum)
		}
	}
}

// roundTrip writes rows in every format and dialect and reads them back.
func roundTrip(t testing.TB, h Header, rows []Row) {
	t.Helper()
	for _, f := range Formats() {
		for i, dialect := range dialects {
			if f != CSV && i > 0 {
				break
			}
			h.CSV = dialect
			file, m := write(t, f, h, rows)
			checkTotals(t, h, rows, m)
			if err := Check(bytes.NewReader(file), m); err != nil {
				t.Fatalf("%s: %v", f, err)
			}
			got, again, err := read(f, h, file)
			if err != nil {
				t.Fatalf("%s %d: %v\n%.2000q", f, i, err, file)
			}
			if d := difference(got, rows); d != "" {
				t.Fatalf("%s %d: %s", f, i, d)
			}
			if !reflect.DeepEqual(m, again) {
				t.Fatalf("%s %d: the manifest read is\n%+v, written was\n%+v", f, i, again, m)
			}
		}
	}
}

func TestRandomTablesComeBack(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	h := sampleHeader()
	for range share(12) {
		roundTrip(t, h, randomRows(r, h, r.IntN(130)))
	}
}

// A table of one text column is where empty lines and trailers would be mistaken.
func TestHostileTextsComeBack(t *testing.T) {
	t.Parallel()
	h := Header{Report: "texts", Schema: 1, Book: "b", Columns: []Column{{Name: "text", Kind: KindText}}}
	var rows []Row
	for _, a := range append([]string{""}, hostile...) {
		rows = append(rows, Row{Text(a)})
		for _, b := range hostile {
			rows = append(rows, Row{Text(a + b)})
		}
	}
	for part := range slices.Chunk(rows[:share(len(rows))], 1500) {
		roundTrip(t, h, part)
	}
}

func TestEmptyTable(t *testing.T) {
	t.Parallel()
	roundTrip(t, sampleHeader(), nil)
	roundTrip(t, journalOf("uk"), nil)
}

func journalOf(book string) Header {
	h := GeneralJournal()
	h.Book = book
	return h
}

// The same rows give the same bytes: again, later, and however many threads there are.
func TestSameRowsSameBytes(t *testing.T) {
	h := sampleHeader()
	rows := randomRows(rand.New(rand.NewPCG(1, 2)), h, 150)
	for _, f := range Formats() {
		first, m := write(t, f, h, rows)
		for _, threads := range []int{1, 2, 4, 8} {
			before := runtime.GOMAXPROCS(threads)
			again, n := write(t, f, h, rows)
			runtime.GOMAXPROCS(before)
			if !bytes.Equal(first, again) || !reflect.DeepEqual(m, n) {
				t.Errorf("%s: other bytes with %d threads", f, threads)
			}
		}
	}
}

// Sums are exact beyond what an amount can be.
func TestTotalsDoNotOverflow(t *testing.T) {
	t.Parallel()
	h := sampleHeader()
	var rows []Row
	for range 50 {
		rows = append(rows, row("", 1<<63-1, "KWD"), row("", -1<<63, "USD"))
	}
	for _, f := range Formats() {
		_, m := write(t, f, h, rows)
		want := []Total{{"amount", "KWD", "461168601842738790.350"}, {"amount", "USD", "-4611686018427387904.00"}}
		if !reflect.DeepEqual(m.Totals, want) {
			t.Errorf("%s: %+v", f, m.Totals)
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	for i, s := range hostile[:share(len(hostile))] {
		f.Add(s, "x", int64(i)-5, uint64(i))
	}
	f.Add("\xff\x00", "a\x1fb", int64(-1<<63), uint64(7))
	h := sampleHeader()
	f.Fuzz(func(t *testing.T, a, b string, n int64, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		rows := randomRows(r, h, r.IntN(4))
		rows = append(rows, row(clean(a), money.Minor(n), "USD"), row(clean(b), money.Minor(-n), "JPY"))
		roundTrip(t, h, rows)
	})
}
