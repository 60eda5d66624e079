//go:build !race

package reports_test

import (
	"testing"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
	"mizan/payouts/reports"
)

// A general ledger of two hundred thousand entries leaves without growing in memory. It runs apart from other tests, whose memory
// would be counted too.
func TestLargeExportStreams(t *testing.T) {
	o := newOffice(t)
	const lines, transactions = 500, 400
	var batch []ledger.Submission
	for n := range transactions {
		d := ledger.Draft{Event: "order.captured"}
		for i := range lines {
			amount := money.Minor(1 + i/2)
			if i%2 == 1 {
				amount = -amount
			}
			d.Lines = append(d.Lines, ledger.Line{Account: randomAccounts[i%2], Amount: amount, Currency: "GBP"})
		}
		if batch = append(batch, ledger.Submission{Reference: "large-" + string(rune('a'+n%26)) + string(rune('a'+n/26)), Drafts: []ledger.Draft{d}}); len(batch) == 20 {
			for _, out := range o.books.PostBatch(t.Context(), o.book, batch) {
				o.ok(out.Err)
			}
			batch = nil
		}
	}
	e := o.ask(reports.Request{Report: "general_ledger", Format: tabular.JSONLines})
	if e.State != reports.Made || e.Manifest.Rows < lines*transactions {
		t.Fatalf("the export is %s with %d rows", e.State, e.Manifest.Rows)
	}
	most := &heap{}
	o.ok(o.Content(t.Context(), o.book, e.ID, most))
	if grown := int64(most.most) - int64(most.first); grown > 32<<20 || most.bytes != e.Manifest.Bytes {
		t.Errorf("the heap grew by %d bytes while %d of %d left", grown, most.bytes, e.Manifest.Bytes)
	}
	t.Logf("%d rows, %d bytes, heap from %d to %d", e.Manifest.Rows, e.Manifest.Bytes, most.first, most.most)
}
