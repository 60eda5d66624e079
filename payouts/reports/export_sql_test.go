package reports_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger/guard"
	"mizan/ledger/tabular"
	"mizan/payouts/reports"
)

// exportCanary is written where it is refused: it must not come back.
const exportCanary = "kanari-secret"

func TestAskRefuses(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	good := reports.Request{Report: "general_ledger", Format: tabular.CSV}
	for name, c := range map[string]struct {
		change func(r *reports.Request)
		code   string
	}{
		"no report":         {func(r *reports.Request) { r.Report = exportCanary }, "report-unknown"},
		"no format":         {func(r *reports.Request) { r.Format = exportCanary }, "table-format"},
		"unknown parameter": {func(r *reports.Request) { r.Parameters = reports.Values{exportCanary: "1"} }, "report-parameters"},
		"no such month":     {func(r *reports.Request) { r.Parameters = reports.Values{"from": "2026-13", "to": "2026-13"} }, "report-parameters"},
		"half a range":      {func(r *reports.Request) { r.Parameters = reports.Values{"from": "2026-01"} }, "report-parameters"},
		"backwards":         {func(r *reports.Request) { r.Parameters = reports.Values{"from": "2026-02", "to": "2026-01"} }, "report-parameters"},
		"fourteen months":   {func(r *reports.Request) { r.Parameters = reports.Values{"from": "2025-01", "to": "2026-02"} }, "report-parameters"},
		"months and numbers": {func(r *reports.Request) {
			r.Parameters = reports.Values{"from": "2025-01", "to": "2025-02", "to_sequence": "3"}
		}, "report-parameters"},
		"numbers backwards":  {func(r *reports.Request) { r.Parameters = reports.Values{"from_sequence": "3", "to_sequence": "2"} }, "report-parameters"},
		"number with a zero": {func(r *reports.Request) { r.Parameters = reports.Values{"to_sequence": "02"} }, "report-parameters"},
		"number below zero":  {func(r *reports.Request) { r.Parameters = reports.Values{"to_sequence": "-2"} }, "report-parameters"},
		"empty parameter":    {func(r *reports.Request) { r.Parameters = reports.Values{"account": ""} }, "report-parameters"},
		"no address":         {func(r *reports.Request) { r.Parameters = reports.Values{"account": "' OR true --" + exportCanary} }, "report-parameters"},
		"needed parameter":   {func(r *reports.Request) { r.Report = "subledger" }, "report-parameters"},
		"no such choice": {func(r *reports.Request) {
			r.Report, r.Parameters = "owner_balances", reports.Values{"kind": exportCanary}
		}, "report-parameters"},
		"ahead":               {func(r *reports.Request) { r.AtSequence = 1_000 }, "sequence-ahead"},
		"below the beginning": {func(r *reports.Request) { r.AtSequence = -1 }, "sequence-ahead"},
		"range ahead":         {func(r *reports.Request) { r.Parameters = reports.Values{"to_sequence": "1000"} }, "sequence-ahead"},
		"language":            {func(r *reports.Request) { r.Language = exportCanary }, "export-language"},
		"separator":           {func(r *reports.Request) { r.CSV.Separator = "|" }, "report-parameters"},
	} {
		r := good
		c.change(&r)
		_, err := o.Ask(t.Context(), ann, o.book, r)
		if o.want(err, c.code); err != nil && strings.Contains(err.Error(), exportCanary) {
			t.Errorf("%s: the answer repeats what was asked: %v", name, err)
		}
	}
	list, err := o.Exports(t.Context(), o.book, reports.ExportQuery{Limit: 10})
	o.ok(err)
	rows, err := o.trail.Rows(t.Context(), guard.Book{ID: int32(o.book.ID), Code: o.book.Code}, guard.Filter{}, 0, 10)
	o.ok(err)
	if len(list)+len(rows) > 0 {
		t.Errorf("what was refused left %d exports and %d rows of the trail", len(list), len(rows))
	}
}

// Asking leaves one row of the trail in the same transaction; rolled back, it leaves nothing.
func TestAskLeavesARow(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	book := guard.Book{ID: int32(o.book.ID), Code: o.book.Code}
	ask := reports.Request{Report: "owner_balances", Format: tabular.XLSX, Parameters: reports.Values{"kind": "seller"}, Language: "ar"}
	gone := errors.New("gone")
	if err := inTx(o, func(tx txRunner) error {
		if _, err := o.AskTx(t.Context(), tx, ann, o.book, ask); err != nil {
			t.Error(err)
		}
		return gone
	}); !errors.Is(err, gone) {
		t.Fatal(err)
	}
	e, _ := o.export(ask)
	o.ok(o.Fetched(t.Context(), ann, e))
	rows, err := o.trail.Rows(t.Context(), book, guard.Filter{}, 0, 10)
	o.ok(err)
	if len(rows) != 2 || rows[0].Act != "export.asked" || rows[1].Act != "export.fetched" || rows[0].Object != "export:"+e.ID || rows[0].Actor != ann {
		t.Errorf("the trail holds %+v", rows)
	}
	list, err := o.Exports(t.Context(), o.book, reports.ExportQuery{AskedBy: "per_ann", Limit: 10})
	if o.ok(err); len(list) != 1 || list[0].Language != "ar" || list[0].Parameters.Text("kind") != "seller" || list[0].State != reports.Made {
		t.Errorf("the list is %+v", list)
	}
	var want []string
	o.ok(inTx(o, func(tx txRunner) error {
		for _, of := range []struct {
			report string
			given  reports.Values
			is     bool
		}{
			{"trial_balance", reports.Values{"from": "2026-03", "to": "2026-03"}, true}, {"trial_balance", reports.Values{"from": "2026-03", "to": "2026-04"}, false}, {"trial_balance", nil, false},
			{"payout_register", reports.Values{"from": "2026-03-02", "to": "2026-03-31"}, true}, {"payout_register", reports.Values{"from": "2026-02-28", "to": "2026-03-31"}, false},
			{"breaks", reports.Values{"on": "2026-03-31"}, true}, {"breaks", reports.Values{"on": "2026-04-01"}, false},
		} {
			x, err := o.AskTx(t.Context(), tx, ann, o.book, reports.Request{Report: of.report, Format: tabular.CSV, Parameters: of.given})
			if err != nil {
				return err
			}
			if of.is {
				want = append(want, x.ID)
			}
		}
		return nil
	}))
	list, err = o.ExportsOfMonth(t.Context(), o.book, 202603, 25)
	o.ok(err)
	var got []string
	for _, x := range list {
		got = append(got, x.ID)
	}
	slices.Sort(want) // they were asked for at once
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("of the month are %v, want %v", got, want)
	}
}

// Many exports wait; many look for work in two processes: each export is made by one, and all are made.
func TestOneMakesEachExport(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var ids []string
	for range 30 {
		o.ok(inTx(o, func(tx txRunner) error {
			e, err := o.AskTx(t.Context(), tx, ann, o.book, reports.Request{Report: "trial_balance", Format: tabular.CSV})
			ids = append(ids, e.ID)
			return err
		}))
	}
	o.want(o.Content(t.Context(), o.book, ids[0], &bytes.Buffer{}), "export-waiting")
	o.want(o.Content(t.Context(), o.book, "exp_0000000000000000", &bytes.Buffer{}), "export-unknown")
	services := []*reports.Service{o.Service, o.another()}
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			if _, err := services[i%2].MakeDue(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for after, more := "", true; more; {
		list, err := o.Exports(t.Context(), o.book, reports.ExportQuery{After: after, Limit: 7})
		o.ok(err)
		for _, e := range list {
			if after = e.ID; e.State != reports.Made || e.Tries != 1 || seen[e.ID] {
				t.Errorf("%s is %s after %d tries, seen before: %v", e.ID, e.State, e.Tries, seen[e.ID])
			}
			seen[e.ID] = true
		}
		more = len(list) == 7
	}
	if len(seen) != len(ids) {
		t.Errorf("%d of %d exports are listed", len(seen), len(ids))
	}
}

// Whoever held an export and ended without a word is followed by the next when the lease is over; after five tries it has failed.
func TestMakersThatEnd(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var id string
	o.ok(inTx(o, func(tx txRunner) error {
		e, err := o.AskTx(t.Context(), tx, ann, o.book, reports.Request{Report: "trial_balance", Format: tabular.CSV})
		id = e.ID
		return err
	}))
	hold := func(tries int) {
		o.sql("UPDATE exports SET tries = $3, held_until = $4 WHERE book_id = $1 AND id = $2", o.book.ID, id, tries, o.clock.Now().Add(time.Minute))
	}
	made := func(want int, state reports.State) reports.Export {
		t.Helper()
		n, err := o.MakeDue(t.Context())
		o.ok(err)
		e, err := o.Export(t.Context(), o.book, id)
		if o.ok(err); n != want || e.State != state {
			t.Errorf("%d were tried and the export is %s, want %d and %s", n, e.State, want, state)
		}
		return e
	}
	hold(5)
	made(0, reports.Asked)
	o.clock.set(o.clock.Now().Add(2 * time.Minute))
	if e := made(1, reports.Failed); e.Reason != "tried-out" {
		t.Errorf("the reason is %q", e.Reason)
	}
	o.want(o.Content(t.Context(), o.book, id, &bytes.Buffer{}), "export-failed")
	made(0, reports.Failed)
	e, _ := o.export(reports.Request{Report: "trial_balance", Format: tabular.CSV})
	id = e.ID
	o.refusedSQL("UPDATE exports SET state = 'asked', manifest = '', made_at = NULL WHERE book_id = $1 AND id = $2", o.book.ID, id)
	o.refusedSQL("UPDATE exports SET manifest = '{}' WHERE book_id = $1 AND id = $2", o.book.ID, id)
	o.refusedSQL("UPDATE exports SET at_sequence = 0 WHERE book_id = $1 AND id = $2", o.book.ID, id)
	o.refusedSQL("DELETE FROM exports WHERE book_id = $1 AND id = $2", o.book.ID, id)
}

// What cannot come out right fails at once and says why; what only could not be read in time is tried again later.
func TestMakersThatFail(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	month := reports.Values{"from": "2026-08", "to": "2026-08"}
	o.sql("UPDATE period_totals SET debits = debits + 1 WHERE book_id = $1 AND account_id = 1", o.book.ID)
	e := o.ask(reports.Request{Report: "general_ledger", Format: tabular.CSV, Parameters: month})
	if e.State != reports.Failed || e.Reason != "report-uneven" {
		t.Errorf("a ledger that does not add up is %s: %s", e.State, e.Reason)
	}
	o.sql("UPDATE period_totals SET debits = debits - 1 WHERE book_id = $1 AND account_id = 1", o.book.ID)
	release := o.lockEntries()
	e = o.ask(reports.Request{Report: "general_ledger", Format: tabular.CSV, Parameters: month})
	if e.State != reports.Asked || e.Reason == "" {
		t.Errorf("a ledger that cannot be read is %s: %s", e.State, e.Reason)
	}
	release()
	if n, err := o.MakeDue(t.Context()); n != 0 || err != nil {
		t.Errorf("%d exports were tried again at once: %v", n, err)
	}
	o.clock.set(o.clock.Now().Add(time.Minute))
	if n, err := o.MakeDue(t.Context()); n != 1 || err != nil {
		t.Errorf("%d exports were tried again: %v", n, err)
	}
	e, err := o.Export(t.Context(), o.book, e.ID)
	if o.ok(err); e.State != reports.Made || e.Tries != 2 || e.Reason != "" {
		t.Errorf("the export is %s after %d tries: %s", e.State, e.Tries, e.Reason)
	}
}

// A canceled maker gives the export back, and the next makes it.
func TestMakerIsStopped(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	stopped, stop := context.WithCancel(t.Context())
	o.ok(inTx(o, func(tx txRunner) error {
		_, err := o.AskTx(t.Context(), tx, ann, o.book, reports.Request{Report: "trial_balance", Format: tabular.CSV})
		return err
	}))
	stop()
	if _, err := o.MakeDue(stopped); err == nil {
		t.Error("a stopped maker ended well")
	}
	n, err := o.MakeDue(t.Context())
	list, _ := o.Exports(t.Context(), o.book, reports.ExportQuery{Limit: 1})
	if o.ok(err); n != 1 || list[0].State != reports.Made {
		t.Errorf("%d made; the export is %s", n, list[0].State)
	}
}

// A file that is no longer what it was breaks off: whoever fetches it gets no whole file, in no format.
func TestChangedBooksBreakTheFile(t *testing.T) {
	t.Parallel()
	o, r := newOffice(t), seed(t)
	o.trade(r, 120)
	number := 0
	for _, f := range tabular.Formats() {
		for _, change := range []struct {
			what  string
			code  string
			alter func(m *tabular.Manifest)
		}{
			{"other bytes", "export-changed", func(m *tabular.Manifest) { m.SHA256 = strings.Repeat("0", 64) }},
			{"fewer bytes", "export-changed", func(m *tabular.Manifest) { m.Bytes-- }},
			{"other columns", "export-old", func(m *tabular.Manifest) { m.Schema++ }},
			{"more rows", "export-changed", func(m *tabular.Manifest) { m.Rows++ }},
		} {
			e, whole := o.export(reports.Request{Report: "general_journal", Format: f})
			m := *e.Manifest
			change.alter(&m)
			number++
			id := fmt.Sprintf("exp_%016d", number)
			o.sql(`INSERT INTO exports (book_id, id, report, format, parameters, at_sequence, at_step, state, manifest, asked_by, asked_at, made_at)
			       SELECT book_id, $3, report, format, parameters, at_sequence, at_step, state, $4, asked_by, asked_at, made_at FROM exports WHERE book_id = $1 AND id = $2`, o.book.ID, e.ID, id, string(m.JSON()))
			var got bytes.Buffer
			o.want(o.Content(t.Context(), o.book, id, &got), change.code)
			if got.Len() >= len(whole) || !bytes.HasPrefix(whole, got.Bytes()) {
				t.Errorf("%s, %s: %d of %d bytes left", f, change.what, got.Len(), len(whole))
			}
		}
	}
}

// heap looks at what is reachable every few megabytes that are written to it.
type heap struct {
	bytes, next int64
	first, most uint64
}

func (h *heap) Write(b []byte) (int, error) {
	if h.bytes += int64(len(b)); h.bytes >= h.next {
		h.next += 8 << 20
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if h.first == 0 {
			h.first = m.HeapAlloc
		}
		h.most = max(h.most, m.HeapAlloc)
	}
	return len(b), nil
}
