package reports

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
	"mizan/ledger/tabular"
	"mizan/payouts"
	"mizan/payouts/reconcile"
)

// businessHouse is a book whose business is reported, and a clock that tests move.
type businessHouse struct {
	*testing.T
	*Service
	db   *pgtest.DB
	book ledger.Book

	mu sync.Mutex
	at time.Time
	n  int
}

func newBusinessHouse(t *testing.T, market, zone string, currencies ...money.Currency) *businessHouse {
	t.Helper()
	h := &businessHouse{T: t, db: pgtest.New(t), at: time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)}
	l := ledger.New(h.db.Pool, ledger.Options{Now: h.clock})
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	var err error
	h.book, _, err = l.CreateBook(t.Context(), ledger.NewBook{Code: strings.ToLower(market), Name: market, Currencies: currencies, TimeZone: zone, Market: market})
	h.ok(err)
	h.set(2026, 11, 20)
	events := commerce.New(l, commerce.NewRuleSets(h.db.Pool, h.clock), h.clock)
	trail := guard.NewTrail(h.db.Pool, h.clock)
	pay := payouts.New(payouts.Options{Pool: h.db.Pool, Ledger: l, Events: events, Trail: trail, Now: h.clock})
	recon := reconcile.New(reconcile.Options{Pool: h.db.Pool, Ledger: l, Events: events, Payouts: pay, Trail: trail, Now: h.clock})
	h.Service = New(Options{Pool: h.db.Pool, Ledger: l, Events: events, Payouts: pay, Reconcile: recon, Trail: trail, Now: h.clock})
	return h
}

func (h *businessHouse) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *businessHouse) set(year int, month time.Month, day int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = time.Date(year, month, day, 12, 0, 0, 0, time.UTC)
}

func (h *businessHouse) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// post posts an event as a caller would send it.
func (h *businessHouse) post(kind, reference, data string) commerce.Result {
	h.Helper()
	known, err := commerce.TypeOf(kind)
	h.ok(err)
	d := known.New()
	decoder := json.NewDecoder(strings.NewReader(data))
	decoder.DisallowUnknownFields()
	h.ok(decoder.Decode(d))
	r := h.events.Post(h.Context(), h.book, commerce.Event{Type: kind, Reference: reference, Data: d})
	if r.Err != nil {
		h.Fatalf("%s %s: %v", kind, reference, r.Err)
	}
	return r
}

// raw posts a transaction by hand that happened at a time, or now: pairs of account and amount, a debit positive.
func (h *businessHouse) raw(event string, at time.Time, c money.Currency, lines ...any) ledger.Transaction {
	h.Helper()
	h.n++
	d := ledger.Draft{Event: event, OccurredAt: at}
	for i := 0; i < len(lines); i += 2 {
		d.Lines = append(d.Lines, ledger.Line{Account: ledger.Address(lines[i].(string)), Amount: money.Minor(lines[i+1].(int)), Currency: c})
	}
	out := h.ledger.Post(h.Context(), h.book, ledger.Submission{Reference: fmt.Sprintf("raw-%d", h.n), Drafts: []ledger.Draft{d}})
	h.ok(out.Err)
	return out.Transactions[0]
}

// undo reverses a transaction some days later.
func (h *businessHouse) undo(sequence int64, days int) {
	h.Helper()
	at := h.clock().AddDate(0, 0, days)
	h.set(at.Year(), at.Month(), at.Day())
	h.ok(h.ledger.Reverse(h.Context(), h.book, sequence, ledger.Correction{Reference: fmt.Sprint("undo-", sequence), Memo: "a mistake"}).Err)
}

// again posts a reversed transaction once more.
func (h *businessHouse) again(sequence int64) {
	h.Helper()
	h.ok(h.ledger.Repost(h.Context(), h.book, sequence, ledger.Correction{Reference: fmt.Sprint("again-", sequence), Memo: "no mistake"}).Err)
}

func (h *businessHouse) head() int64 {
	h.Helper()
	head, err := h.ledger.Head(h.Context(), h.book)
	h.ok(err)
	return head.LastSequence
}

// report returns the rows of a report at a sequence, each as its cells by the names of the columns.
func (h *businessHouse) report(name string, at int64, parameters ...string) []map[string]tabular.Value {
	h.Helper()
	rows, _ := h.reported(name, at, parameters...)
	return rows
}

// reported also returns the report as a file, whose bytes are the question's for ever.
func (h *businessHouse) reported(name string, at int64, parameters ...string) ([]map[string]tabular.Value, string) {
	h.Helper()
	r, err := find(name)
	h.ok(err)
	v := Values{}
	for i := 0; i < len(parameters); i += 2 {
		v[parameters[i]] = parameters[i+1]
	}
	h.ok(r.good(h.book, v))
	table := tabular.Header{Report: r.Name, Schema: r.Schema, Book: h.book.Code, Title: r.Title, Columns: r.Columns}
	rows := []map[string]tabular.Value{}
	var list []tabular.Row
	q := &Query{Book: h.book, AtSequence: at, AtStep: 1 << 40, AskedAt: h.clock(), Values: v, s: h.Service}
	h.ok(r.rows(h.Context(), q, func(row tabular.Row) error {
		if len(row) != len(r.Columns) {
			return fmt.Errorf("a row of %s has %d cells for %d columns", name, len(row), len(r.Columns))
		}
		cells := map[string]tabular.Value{}
		for i, c := range r.Columns {
			cells[c.Name] = row[i]
		}
		rows, list = append(rows, cells), append(list, slices.Clone(row))
		return nil
	}))
	var file string
	for _, format := range tabular.Formats() { // each format takes it, and gives it back with the same rows and totals
		var out bytes.Buffer
		w, err := tabular.NewWriter(&out, format, table)
		h.ok(err)
		for _, row := range list {
			h.ok(w.Write(row))
		}
		made, err := w.Close()
		h.ok(err)
		if format == tabular.CSV {
			file = out.String()
		}
		n := 0
		read, err := tabular.Read(&out, format, table, func(row tabular.Row) error {
			if !slices.Equal(row, list[n]) {
				return fmt.Errorf("row %d of %s as %s is read as another", n, name, format)
			}
			n++
			return nil
		})
		h.ok(err)
		if n != len(list) || !slices.Equal(read.Totals, made.Totals) {
			h.Errorf("%s as %s is read with other totals", name, format)
		}
	}
	return rows, file
}

// written is an amount as text, or a text, or a number.
func written(v tabular.Value) string {
	switch v.Kind() {
	case tabular.KindAmount:
		m, c := v.Money()
		return m.Format(c)
	case tabular.KindNumber:
		return fmt.Sprint(v.Int())
	case tabular.KindBool:
		return fmt.Sprint(v.Yes())
	case tabular.KindDate:
		return v.Day().Format(time.DateOnly)
	case tabular.KindTime:
		return v.At().Format(time.RFC3339)
	}
	return v.Text()
}

// told are the rows of a trail of one kind.
func told(rows []map[string]tabular.Value, kind string) []map[string]tabular.Value {
	return slices.DeleteFunc(slices.Clone(rows), func(row map[string]tabular.Value) bool { return row["row"].Text() != kind })
}

// cells are some columns of all rows, each row as one text.
func cells(rows []map[string]tabular.Value, names ...string) []string {
	out := []string{}
	for _, row := range rows {
		var words []string
		for _, name := range names {
			words = append(words, written(row[name]))
		}
		out = append(out, strings.Join(words, " | "))
	}
	return out
}

// total adds up an amount of all rows in a currency.
func total(rows []map[string]tabular.Value, name string, c money.Currency) (sum money.Minor) {
	for _, row := range rows {
		if m, of := row[name].Money(); of == c {
			sum += m
		}
	}
	return sum
}

// campaign publishes one with two beneficiaries and returns its sequence.
func (h *businessHouse) campaign(id string) int64 {
	h.Helper()
	var c commerce.CampaignPublished
	h.ok(json.Unmarshal([]byte(`{"id":"`+id+`","kind":"humanitarian","currency":"GBP","beneficiaries":[{"payee":"a","weight":"2"},{"payee":"b","weight":"1"}],"alternates":["c"],"fee_quote":{"rate":"0.014","flat":"0.20"},"refund_window_days":0}`), &c))
	r := h.events.Publish(h.Context(), h.book, c)
	h.ok(r.Err)
	return r.Transactions[0].Sequence
}
