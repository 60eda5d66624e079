package journal

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"slices"
	"strings"
	"testing"

	"mizan/ledger/money"

	"github.com/google/go-cmp/cmp"
)

func TestTrailer(t *testing.T) {
	t.Parallel()
	accounts, transactions := sample()
	for _, f := range Formats() {
		text, returned, err := write(t, f, sampleHead, accounts, transactions)
		if err != nil {
			t.Fatal(err)
		}
		written, before := readTrailer(t, f, text)
		want := Trailer{Version: 1, Format: f, Book: "uk", Transactions: 4, Entries: 11, SHA256: hexOf(before),
			Debits: map[money.Currency]string{"GBP": "100.00", "JPY": "999999999999999", "KWD": "0.001"}}
		if diff := cmp.Diff(want, written); diff != "" {
			t.Errorf("%s: the trailer (-want +written):\n%s", f, diff)
		}
		if diff := cmp.Diff(written, returned); diff != "" {
			t.Errorf("%s: the trailer (-written +returned):\n%s", f, diff)
		}
	}
}

// readTrailer returns the trailer of a file, and the hash of the lines before it.
func readTrailer(t *testing.T, f Format, text string) (trailer Trailer, before []byte) {
	t.Helper()
	at := strings.LastIndexByte(strings.TrimRight(text, "\r\n"), '\n') + 1
	line := strings.TrimPrefix(text[at:], "; ")
	if f == CSV {
		cells, err := csv.NewReader(strings.NewReader(line)).Read()
		if err != nil {
			t.Fatal(err)
		}
		line = cells[len(cells)-1]
	}
	if err := json.Unmarshal([]byte(line), &trailer); err != nil {
		t.Fatalf("%s: %q is no trailer: %v", f, line, err)
	}
	sum := sha256.Sum256([]byte(text[:at]))
	return trailer, sum[:]
}

// A journal with a gap, in disorder, or with entries that do not come to the accounts' turnover has no trailer.
func TestBrokenJournals(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(h *Head, a *[]Account, ts *[]Transaction)
		want   error
	}{
		"the first is missing":       {func(_ *Head, _ *[]Account, ts *[]Transaction) { *ts = (*ts)[1:] }, ErrBroken},
		"one is missing":             {func(_ *Head, _ *[]Account, ts *[]Transaction) { *ts = slices.Delete(*ts, 1, 2) }, ErrBroken},
		"the last is missing":        {func(_ *Head, _ *[]Account, ts *[]Transaction) { *ts = (*ts)[:3] }, ErrBroken},
		"all are missing":            {func(_ *Head, _ *[]Account, ts *[]Transaction) { *ts = nil }, ErrBroken},
		"one comes twice":            {func(_ *Head, _ *[]Account, ts *[]Transaction) { *ts = slices.Insert(*ts, 1, (*ts)[0]) }, ErrBroken},
		"one too many":               {func(h *Head, _ *[]Account, _ *[]Transaction) { h.UpTo = 3 }, ErrBroken},
		"recorded before the last":   {func(_ *Head, _ *[]Account, ts *[]Transaction) { (*ts)[2].RecordedAt = at(19, 1) }, ErrBroken},
		"a currency not of the book": {func(h *Head, _ *[]Account, _ *[]Transaction) { h.Currencies = h.Currencies[:2] }, ErrBroken},
		"an entry's currency":        {func(_ *Head, _ *[]Account, ts *[]Transaction) { (*ts)[0].Entries[0].Currency = "USD" }, ErrBroken},
		"an entry of zero":           {func(_ *Head, _ *[]Account, ts *[]Transaction) { (*ts)[0].Entries[0].Amount = 0 }, ErrBroken},
		"a cent more":                {func(_ *Head, _ *[]Account, ts *[]Transaction) { (*ts)[0].Entries[0].Amount++ }, ErrUntied},
		"a cent more on both sides": {func(_ *Head, _ *[]Account, ts *[]Transaction) {
			(*ts)[0].Entries[0].Amount++
			(*ts)[0].Entries[1].Amount--
		}, ErrUntied},
		"an account left out":           {func(_ *Head, a *[]Account, _ *[]Transaction) { *a = (*a)[1:] }, ErrUntied},
		"an account's turnover":         {func(_ *Head, a *[]Account, _ *[]Transaction) { (*a)[0].Credits = big.NewInt(5001) }, ErrUntied},
		"accounts in disorder":          {func(_ *Head, a *[]Account, _ *[]Transaction) { slices.Reverse(*a) }, ErrBroken},
		"an account twice":              {func(_ *Head, a *[]Account, _ *[]Transaction) { *a = slices.Insert(*a, 1, (*a)[0]) }, ErrBroken},
		"an account's unknown currency": {func(_ *Head, a *[]Account, _ *[]Transaction) { (*a)[0].Currency = "USD" }, ErrBroken},
	}
	for name, c := range cases {
		for _, f := range Formats() {
			head := sampleHead
			accounts, transactions := sample()
			c.change(&head, &accounts, &transactions)
			text, _, err := write(t, f, head, accounts, transactions)
			if !errors.Is(err, c.want) {
				t.Errorf("%s, %s: got %v, want %v", name, f, err, c.want)
			}
			if strings.Contains(text, "mizan_journal_trailer") {
				t.Errorf("%s, %s: there is a trailer", name, f)
			}
		}
	}
}

// An error stays, and what comes too late is refused.
func TestWriterStates(t *testing.T) {
	t.Parallel()
	if _, err := NewWriter(io.Discard, "qif", sampleHead); !errors.Is(err, ErrFormat) {
		t.Errorf("an unknown format: %v", err)
	}
	if _, err := ParseFormat("qif"); !errors.Is(err, ErrFormat) {
		t.Errorf("an unknown format: %v", err)
	}
	if f, err := ParseFormat("csv"); f != CSV || err != nil {
		t.Errorf("got %s, %v", f, err)
	}
	if _, err := NewWriter(io.Discard, CSV, Head{Currencies: []money.Currency{"XXX"}}); !errors.Is(err, ErrBroken) {
		t.Errorf("a currency without digits: %v", err)
	}
	accounts, transactions := sample()
	w, err := NewWriter(io.Discard, JSONL, sampleHead)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Transaction(&transactions[0]); err != nil {
		t.Fatal(err)
	}
	if err := w.Account(accounts[0]); !errors.Is(err, ErrBroken) {
		t.Errorf("an account after a transaction: %v", err)
	}
	if err := w.Transaction(&transactions[1]); !errors.Is(err, ErrBroken) {
		t.Errorf("after an error: %v", err)
	}
	transactions[0].JSON = nil
	if _, _, err := write(t, JSONL, sampleHead, accounts, transactions); !errors.Is(err, ErrBroken) {
		t.Errorf("a transaction without its JSON: %v", err)
	}
	empty := Head{Book: "uk", Currencies: []money.Currency{"GBP"}}
	for _, f := range Formats() {
		w, err := NewWriter(io.Discard, f, empty)
		if err != nil {
			t.Fatal(err)
		}
		if done, err := w.Close(); err != nil || done.Transactions != 0 {
			t.Errorf("%s of an empty book: %+v, %v", f, done, err)
		}
		if _, err := w.Close(); !errors.Is(err, ErrBroken) {
			t.Errorf("%s closed twice: %v", f, err)
		}
	}
}

// full is a disk that takes some bytes and no more.
type full struct{ room int }

var errFull = errors.New("no space left")

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}

// A disk that is full is told, wherever it happens.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	accounts, transactions := sample()
	for _, f := range Formats() {
		length := len(writeSample(t, f))
		for room := 0; room < length; room += length/10 + 1 {
			w, err := NewWriter(&full{room}, f, sampleHead)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range accounts {
				err = errors.Join(err, w.Account(a))
			}
			for i := range transactions {
				err = errors.Join(err, w.Transaction(&transactions[i]))
			}
			if _, closed := w.Close(); !errors.Is(closed, errFull) {
				t.Errorf("%s with room for %d of %d bytes: %v, %v", f, room, length, err, closed)
			}
		}
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text     string
		currency money.Currency
	}{{"0.00", "GBP"}, {"-12.34", "GBP"}, {"0.001", "KWD"}, {"-5", "JPY"}, {"99999999999999999999.99", "GBP"}, {"-99999999999999999999", "JPY"},
		{"92233720368547758.07", "GBP"}, {"-92233720368547758.09", "GBP"}, {"123456789012345678901234567890.001", "KWD"}} {
		units, err := ParseUnits(c.text, c.currency)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := formatUnits(units, c.currency); got != c.text {
			t.Errorf("%s comes back as %s", c.text, got)
		}
	}
	for _, bad := range []string{"", "-", ".", "1", "1.2", "1.234", ".12", "+1.00", "1,00", "1e2.00", " 1.00", "--1.00", "-.00", "1.0-", strings.Repeat("9", 65) + ".00"} {
		if units, err := ParseUnits(bad, "GBP"); !errors.Is(err, ErrBroken) {
			t.Errorf("%q is %v, %v", bad, units, err)
		}
	}
	for _, bad := range []struct {
		text     string
		currency money.Currency
	}{{"1.", "JPY"}, {"1.0", "JPY"}, {"1.00", "XXX"}, {"1.00", ""}} {
		if units, err := ParseUnits(bad.text, bad.currency); !errors.Is(err, ErrBroken) {
			t.Errorf("%q %s is %v, %v", bad.text, bad.currency, units, err)
		}
	}
}

// JSON that somebody laid out anew is still one line.
func TestJSONLinesAreLines(t *testing.T) {
	t.Parallel()
	got := jsonLines{}.transaction(nil, &Transaction{JSON: []byte("{\n\t\"id\": \"uk-1\"\r\n}\n")})
	if string(got) != "{\"id\":\"uk-1\"}\n" {
		t.Errorf("got %q", got)
	}
}
