package tabular

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestHeadersThatCannotBe(t *testing.T) {
	t.Parallel()
	many := func(n int) []Column {
		columns := make([]Column, n)
		for i := range columns {
			columns[i] = Column{Name: "c" + strconv.Itoa(i), Kind: KindText}
		}
		return columns
	}
	for what, change := range map[string]func(h *Header){
		"no report":              func(h *Header) { h.Report = "" },
		"a path":                 func(h *Header) { h.Report = "../x" },
		"a book in capitals":     func(h *Header) { h.Book = "UK" },
		"a book that is a flag":  func(h *Header) { h.Book = "-x" },
		"a long book":            func(h *Header) { h.Book = strings.Repeat("x", 64) },
		"no schema":              func(h *Header) { h.Schema = 0 },
		"no columns":             func(h *Header) { h.Columns = nil },
		"257 columns":            func(h *Header) { h.Columns = many(257) },
		"10,000 columns":         func(h *Header) { h.Columns = many(10_000) },
		"a name with a space":    func(h *Header) { h.Columns[0].Name = "a b" },
		"a name like a formula":  func(h *Header) { h.Columns[0].Name = "=1" },
		"a name with a capital":  func(h *Header) { h.Columns[0].Name = "aB" },
		"a name with a hyphen":   func(h *Header) { h.Columns[0].Name = "a-b" },
		"the name end":           func(h *Header) { h.Columns[0].Name = "end" },
		"a name twice":           func(h *Header) { h.Columns[0].Name = "memo" },
		"no kind":                func(h *Header) { h.Columns[0].Kind = 0 },
		"an unknown kind":        func(h *Header) { h.Columns[0].Kind = 99 },
		"no currency":            func(h *Header) { h.Columns[2].Currency = "" },
		"an unknown currency":    func(h *Header) { h.Columns[2].Currency = "none" },
		"a number as currency":   func(h *Header) { h.Columns[2].Currency = "sequence" },
		"a text with a currency": func(h *Header) { h.Columns[0].Currency = "currency" },
		"a sum of texts":         func(h *Header) { h.Columns[0].Sum = true },
		"a long title":           func(h *Header) { h.Title = strings.Repeat("x", 201) },
		"a long column title":    func(h *Header) { h.Columns[0].Title = strings.Repeat("x", 201) },
		"a long parameter":       func(h *Header) { h.Parameters[0].Value = strings.Repeat("x", 1001) },
		"a parameter twice":      func(h *Header) { h.Parameters[0].Name = "asked" },
		"many parameters":        func(h *Header) { h.Parameters = make([]Parameter, 65) },
		"another separator":      func(h *Header) { h.CSV.Separator = "|" },
		"a long separator":       func(h *Header) { h.CSV.Separator = ",," },
		"quotes as a separator":  func(h *Header) { h.CSV.Separator = `"` },
	} {
		for _, f := range Formats() {
			h := sampleHeader()
			change(&h)
			_, err := NewWriter(io.Discard, f, h)
			wantError(t, what, err, ErrDefect)
			_, _, err = read(f, h, nil)
			wantError(t, "reading with "+what, err, ErrDefect)
		}
	}
	h := Header{Report: "r", Schema: 1, Book: "b", Columns: many(256)}
	roundTrip(t, h, []Row{make(Row, 256)})
	for _, f := range []Format{"", "pdf", "CSV"} {
		_, err := NewWriter(io.Discard, f, h)
		wantError(t, "a format", err, ErrFormat)
		_, _, err = read(f, h, nil)
		wantError(t, "a format", err, ErrFormat)
		_, err = ParseFormat(string(f))
		wantError(t, "a format", err, ErrFormat)
	}
}

// Titles and parameters are as hostile as cells.
func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	for _, text := range hostile[:share(len(hostile))] {
		h := sampleHeader()
		h.Title, h.Columns[0].Title, h.Parameters[0].Value = text, text, text
		for _, f := range Formats() {
			file, m := write(t, f, h, []Row{row("a", 1, "USD")})
			_, again, err := read(f, h, file)
			if err != nil || m.Title != text || !bytes.Equal(m.JSON(), again.JSON()) {
				t.Errorf("%s: %q: %v", f, text, err)
			}
		}
	}
}

func TestRowsThatDoNotFit(t *testing.T) {
	t.Parallel()
	good := row("a", 1, "USD")
	change := func(i int, v Value) Row {
		r := append(Row{}, good...)
		r[i] = v
		return r
	}
	for what, r := range map[string]Row{
		"too short":                 good[:8],
		"too long":                  append(append(Row{}, good...), Empty()),
		"none":                      nil,
		"a number for a text":       change(0, Int(1)),
		"a text for an amount":      change(2, Text("1.00")),
		"a date for a time":         change(6, Day(time.Unix(0, 0))),
		"another currency":          change(2, Money(1, "EUR")),
		"an amount without":         change(4, Empty()),
		"no currency":               change(2, Money(1, "")),
		"an unknown currency":       change(2, Money(1, "XXX")),
		"a fee of another currency": change(3, Money(1, "JPY")),
		"a day before all":          change(5, Day(time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC))),
		"a day after all":           change(5, Day(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))),
		"a time before all":         change(6, At(time.Date(0, 12, 31, 23, 59, 59, 999_999_000, time.UTC))),
		"a time after all":          change(6, At(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))),
	} {
		for _, f := range Formats() {
			w, err := NewWriter(io.Discard, f, sampleHeader())
			if err != nil {
				t.Fatal(err)
			}
			wantError(t, what, w.Write(r), ErrDefect)
			wantError(t, what+", again", w.Write(good), ErrDefect)
			_, err = w.Close()
			wantError(t, what+", at the end", err, ErrDefect)
		}
	}
}

// Text that is none becomes what can be shown, the same in every format.
func TestImpossibleText(t *testing.T) {
	t.Parallel()
	h := sampleHeader()
	for text, want := range map[string]string{"a\x00b": "a\ufffdb", "\x1b[31m": "\ufffd[31m", "a\xffb": "a\ufffdb", "\xed\xa0\x80": "\ufffd\ufffd\ufffd",
		"\ufffe": "\ufffd", "\uffff": "\ufffd", "\x00": "\ufffd", "\xf0\x9f": "\ufffd\ufffd", "\b\v\f": "\ufffd\ufffd\ufffd", "a\tb\r\nc": "a\tb\r\nc"} {
		for _, f := range Formats() {
			file, _ := write(t, f, h, []Row{row(text, 1, "USD")})
			rows, _, err := read(f, h, file)
			if err != nil || rows[0][0].Text() != want {
				t.Errorf("%s: %q became %v, %v", f, text, rows, err)
			}
		}
	}
}

// A row that is written stays the caller's, and what the caller does to the header later changes nothing.
func TestNothingIsShared(t *testing.T) {
	t.Parallel()
	h := sampleHeader()
	want, _ := write(t, CSV, h, []Row{row("a\x00", 1, "USD"), row("b", 1, "USD")})
	var out bytes.Buffer
	w, err := NewWriter(&out, CSV, h)
	if err != nil {
		t.Fatal(err)
	}
	h.Columns[0].Kind, h.Parameters[0].Name = KindNumber, "other"
	r := row("a\x00", 1, "USD")
	if err := w.Write(r); err != nil || r[0].Text() != "a\x00" {
		t.Fatalf("%q, %v", r[0].Text(), err)
	}
	copy(r, row("b", 1, "USD"))
	if err := w.Write(r); err != nil {
		t.Fatal(err)
	}
	if m, err := w.Close(); err != nil || !bytes.Equal(out.Bytes(), want) || m.Parameters[0].Name != "up_to_sequence" {
		t.Errorf("%q, want %q; %v", out.Bytes(), want, err)
	}
	wantError(t, "after the end", w.Write(r), ErrDefect)
	w.Abandon()
}

var errFull = errors.New("the disk is full")

// full is a disk with so much room left.
type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	if len(b) > f.room {
		n := f.room
		f.room = 0
		return n, errFull
	}
	f.room -= len(b)
	return len(b), nil
}

// A disk that is full anywhere is an error of Write or Close, and never a manifest.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	h := sampleHeader()
	h.CSV.Trailer = true
	rows := randomRows(seeded(t), h, 50)
	for _, f := range Formats() {
		file, _ := write(t, f, h, rows)
		for room := 0; room < len(file); room += 1 + len(file)/share(40) {
			w, err := newWriter(&full{room}, f, h, smallSheets)
			for i := 0; i < len(rows) && err == nil; i++ {
				err = w.Write(rows[i])
			}
			if err == nil {
				_, err = w.Close()
			}
			wantError(t, string(f)+" with room for "+strconv.Itoa(room), err, errFull)
		}
		w, err := newWriter(&full{len(file)}, f, h, smallSheets)
		for i := 0; i < len(rows) && err == nil; i++ {
			err = w.Write(rows[i])
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Close(); err != nil {
			t.Errorf("%s with just enough room: %v", f, err)
		}
	}
}

// What the reader of rows says ends the reading.
func TestEachEndsReading(t *testing.T) {
	t.Parallel()
	h := sampleHeader()
	for _, f := range Formats() {
		file, _ := write(t, f, h, []Row{row("a", 1, "USD"), row("b", 1, "USD")})
		calls := 0
		_, err := Read(bytes.NewReader(file), f, h, func(Row) error { calls++; return errFull })
		wantError(t, string(f), err, errFull)
		if calls != 1 {
			t.Errorf("%s: %d calls", f, calls)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 23, 30, 0, 999_999_999, time.FixedZone("", -5*3600))
	if v := Day(at); v.Day().Format(time.DateOnly) != "2026-11-20" || v.Kind() != KindDate {
		t.Error(v.Day())
	}
	if v := At(at); !v.At().Equal(at.Truncate(time.Microsecond)) {
		t.Error(v.At())
	}
	if m, c := Money(-5, "USD").Money(); m != -5 || c != "USD" {
		t.Error(m, c)
	}
	if Text("") != Empty() || !Empty().IsEmpty() || Yes(false).IsEmpty() || Int(0).IsEmpty() || !Yes(true).Yes() || Int(3).Int() != 3 {
		t.Error("an empty value is not told from others")
	}
	for _, v := range []Value{Int(1), Money(1, "USD"), Text("x")} {
		if m, c := Empty().Money(); v.Yes() || !v.Day().IsZero() || !v.At().IsZero() || m != 0 || c != "" {
			t.Errorf("%+v answers as another kind", v)
		}
	}
	if Int(1).Text() != "" || Text("1").Int() != 0 {
		t.Error("a value answers as another kind")
	}
}

// Errors say where, and never what stood there.
func TestErrorsShowNothing(t *testing.T) {
	t.Parallel()
	const canary = "DE02120300000000202051"
	h := sampleHeader()
	long := row(canary, 1, "USD")
	long[8] = Text(strings.Repeat(canary, 3000))
	_, _, err := tryWrite(XLSX, h, []Row{row("a", 1, "USD"), long}, sheetLimits)
	wantError(t, "long", err, ErrCellLong)
	errs := []error{err}
	bad := row(canary, 1, "USD")
	bad[2] = Text(canary)
	_, _, err = tryWrite(CSV, h, []Row{bad}, sheetLimits)
	errs = append(errs, err)
	for _, f := range []Format{CSV, JSONLines} {
		file, _ := write(t, f, h, []Row{row(canary, 1, "USD")})
		_, _, err = read(f, h, bytes.Replace(file, []byte("0.01"), []byte(canary), 1))
		wantError(t, string(f), err, ErrUnreadable)
		errs = append(errs, err)
	}
	for _, err := range errs {
		if strings.Contains(err.Error(), canary) {
			t.Errorf("an error shows what it is about: %v", err)
		}
		if !strings.Contains(strings.ToLower(err.Error()), "row ") {
			t.Errorf("an error does not say where: %v", err)
		}
	}
}

// The general journal: columns as described, debits and credits apart, their totals equal.
func TestGeneralJournal(t *testing.T) {
	t.Parallel()
	h := journalOf("uk")
	line := func(n int64, debit, credit Value) Row {
		return Row{Day(time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)), Text("2026-11"), Text("uk"), Text("uk-1"), Int(n), Text("1010"),
			Text("assets:processor:pending:main"), Text("captured"), debit, credit, Text("GBP"), Text("order.captured"), Text("order-1"), Text("order:UK-1"),
			Text("winter24"), Text("ls_7"), Text("app")}
	}
	rows := []Row{line(1, Money(5000, "GBP"), Empty()), line(2, Empty(), Money(4750, "GBP")), line(3, Empty(), Money(250, "GBP"))}
	roundTrip(t, h, rows)
	file, m := write(t, CSV, h, rows)
	want := "date,period,journal,transaction_id,line,account_code,account_address,account_name,debit,credit,currency,description,reference,subject,campaign,live_session,channel\r\n" +
		"2026-11-20,2026-11,uk,uk-1,1,1010,assets:processor:pending:main,captured,50.00,,GBP,order.captured,order-1,order:UK-1,winter24,ls_7,app\r\n"
	if !strings.HasPrefix(string(file), want) || m.Totals[0].Amount != m.Totals[1].Amount {
		t.Errorf("%s\n%+v", file, m.Totals)
	}
}
