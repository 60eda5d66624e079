package tabular

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mizan/ledger/money"
)

var seedFlag = flag.Uint64("tabular.seed", 0, "play the random tables of this seed again")

// seeded returns random numbers whose seed is printed.
func seeded(t testing.TB) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed: -tabular.seed=%d", seed)
	return rand.New(rand.NewPCG(seed, 9))
}

// sampleHeader has a column of every kind, and two amounts in one currency.
func sampleHeader() Header {
	return Header{Report: "sample", Schema: 3, Book: "uk", Title: `The "first" sample, ميزان`, Columns: []Column{
		{Name: "note", Title: "Note", Kind: KindText},
		{Name: "sequence", Title: "ترتيب", Kind: KindNumber},
		{Name: "amount", Title: "Amount", Kind: KindAmount, Currency: "currency", Sum: true},
		{Name: "fee", Title: "Fee", Kind: KindAmount, Currency: "currency"},
		{Name: "currency", Kind: KindText},
		{Name: "day", Title: "Day", Kind: KindDate},
		{Name: "at", Title: "At", Kind: KindTime},
		{Name: "paid", Title: "Paid", Kind: KindBool},
		{Name: "memo", Title: "Memo", Kind: KindText},
	}, Parameters: []Parameter{{"up_to_sequence", "4711"}, {"asked", `=1+1; "x"`}}}
}

// share is how much of a campaign is played: all of it, or a twentieth under the race detector.
func share(n int) int {
	if slow {
		return 1 + n/20
	}
	return n
}

// hostile are texts that break something: spreadsheets, parsers, XML, or our own escapes.
var hostile = []string{`=cmd|'/c calc'!A1`, "+1+1", "-2+3", "@SUM(A1)", "\tx", "\rx", "\nx", `=HYPERLINK("http://x?"&A1)`, "＝1", "＋1", "－1", "＠x",
	"'", "''", "'=1", "#end rows=0", "#end ", "#endless", `"`, `""`, `a"b,c;d`, "a\r\nb", "a\nb", "a\rb", "\r\n", "\n", " ", "  x  ", "x\t", "x,", "x;",
	"_x000D_", "_x005F_", "_x005F_x000D_", "_x005f__x0041_", "_x", "_x00_x0041_", "_xD800_", "_xD800_x0041_", "_xzzzz_", "__x0041__", "&amp;", "<f>1</f>",
	"</t>", "]]>", `\`, `\u0041`, `\"`, "\u2028\u2029", "\u202egnp.exe", "null", "true", `{"end":1}`, "1e308", "0001", "ميزان", "👩‍💻", "\u0085", "\u007f",
	"\ufeff=1", "\ufffd", "'; DROP TABLE entry;--", "<script>alert(1)</script>", "${7*7}", "%00"}

var someCurrencies = []money.Currency{"USD", "JPY", "KWD", "IDR", "GBP"}

// randomText is often hostile.
func randomText(r *rand.Rand) string {
	switch r.IntN(5) {
	case 0:
		return ""
	case 1:
		return hostile[r.IntN(len(hostile))]
	case 2:
		return hostile[r.IntN(len(hostile))] + hostile[r.IntN(len(hostile))]
	}
	alphabet := []rune("ab =+-@'\"\t\r\n,;_x0D5F#é漢👩{}[]<>&\\/\u2028ا")
	text := make([]rune, r.IntN(20))
	for i := range text {
		text[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(text)
}

// randomInt is often at an edge.
func randomInt(r *rand.Rand) int64 {
	edges := []int64{0, 1, -1, 5, 99, -100, math.MaxInt64, math.MinInt64, largestExact, largestExact - 1, -largestExact, 1 - largestExact, 1 << 53}
	switch r.IntN(3) {
	case 0:
		return edges[r.IntN(len(edges))]
	case 1:
		return int64(r.Uint64()) >> r.IntN(64)
	}
	return r.Int64N(2_000_000) - 1_000_000
}

func randomValue(r *rand.Rand, k Kind, c money.Currency) Value {
	if k != KindText && r.IntN(6) == 0 {
		return Empty()
	}
	switch k {
	case KindText:
		return Text(randomText(r))
	case KindNumber:
		return Int(randomInt(r))
	case KindAmount:
		return Money(money.Minor(randomInt(r)), c)
	case KindDate:
		return Value{kind: KindDate, n: firstDay + r.Int64N(lastDay-firstDay+1)}
	case KindTime:
		return Value{kind: KindTime, n: firstMicro + r.Int64N(lastMicro-firstMicro+1)}
	}
	return Yes(r.IntN(2) == 0)
}

// randomRow fits the columns.
func randomRow(r *rand.Rand, h Header) Row {
	row := make(Row, len(h.Columns))
	c := someCurrencies[r.IntN(len(someCurrencies))]
	for i, column := range h.Columns {
		row[i] = randomValue(r, column.Kind, c)
		if column.Name == "currency" {
			row[i] = Text(string(c))
		}
	}
	return row
}

func randomRows(r *rand.Rand, h Header, n int) []Row {
	rows := make([]Row, n)
	for i := range rows {
		rows[i] = randomRow(r, h)
	}
	return rows
}

// smallSheets make several sheets of a few rows.
var smallSheets = limits{rows: 40, bytes: 3 << 30, sheets: 100}

// write writes a table and demands that it succeeds.
func write(t testing.TB, f Format, h Header, rows []Row) ([]byte, Manifest) {
	t.Helper()
	file, m, err := tryWrite(f, h, rows, smallSheets)
	if err != nil {
		t.Fatalf("%s: %v", f, err)
	}
	return file, m
}

func tryWrite(f Format, h Header, rows []Row, l limits) ([]byte, Manifest, error) {
	var out bytes.Buffer
	w, err := newWriter(&out, f, h, l)
	if err != nil {
		return nil, Manifest{}, err
	}
	defer w.Abandon()
	for _, row := range rows {
		if err := w.Write(row); err != nil {
			return out.Bytes(), Manifest{}, err
		}
	}
	m, err := w.Close()
	return out.Bytes(), m, err
}

// read reads a table.
func read(f Format, h Header, file []byte) (rows []Row, m Manifest, err error) {
	m, err = Read(bytes.NewReader(file), f, h, func(r Row) error {
		rows = append(rows, slices.Clone(r))
		return nil
	})
	return rows, m, err
}

// difference says where two tables differ, "" if they do not.
func difference(got, want []Row) string {
	if len(got) != len(want) {
		return fmt.Sprintf("%d rows, want %d", len(got), len(want))
	}
	for i := range got {
		for j := range got[i] {
			if got[i][j] != want[i][j] {
				return fmt.Sprintf("row %d, column %d: %+v, want %+v", i+1, j+1, got[i][j], want[i][j])
			}
		}
	}
	return ""
}

// row is a row of sampleHeader with a text, an amount and the rest fixed.
func row(note string, m money.Minor, c money.Currency) Row {
	at := time.Date(2026, 11, 20, 9, 30, 0, 123456789, time.UTC)
	return Row{Text(note), Int(7), Money(m, c), Empty(), Text(string(c)), Day(at), At(at), Yes(true), Empty()}
}

// wantError demands an error by errors.Is.
func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
