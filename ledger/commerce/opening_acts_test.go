package commerce

import (
	"encoding/json"
	"sync"
	"testing"

	"mizan/ledger"
)

// openingDocument names a document of a worked example's book.
type openingDocument struct {
	book  ledger.BookID
	batch string
}

// openings are the documents that worked examples posted.
var openings sync.Map // from openingDocument to []byte

var openingActs = map[string]lifeAct{
	"opening": func(t testing.TB, w *workbench, _ string, data json.RawMessage) Result {
		d := openingOf(t, data)
		results, err := w.Open(t.Context(), w.book, d, false)
		if err != nil {
			return Result{Err: err}
		}
		openings.Store(openingDocument{w.book.ID, d.Batch}, []byte(data))
		return results[0]
	},
	// The document again is answered with what each order recorded.
	"opened-order": func(t testing.TB, w *workbench, _ string, data json.RawMessage) Result {
		var ask struct{ Batch, Order string }
		if err := json.Unmarshal(data, &ask); err != nil {
			t.Fatal(err)
		}
		document, ok := openings.Load(openingDocument{w.book.ID, ask.Batch})
		if !ok {
			return Result{Err: ErrOrderUnknown}
		}
		results, err := w.Open(t.Context(), w.book, openingOf(t, document.([]byte)), false)
		if err != nil {
			return Result{Err: err}
		}
		for _, r := range results {
			if r.Event.Data.subject() == "order:"+ask.Order {
				return r
			}
		}
		return Result{Err: ErrOrderUnknown}
	},
}

// openingOf reads a document.
func openingOf(t testing.TB, data []byte) *OpeningBatch {
	t.Helper()
	d := &OpeningBatch{}
	if err := json.Unmarshal(data, d); err != nil {
		t.Fatal(err)
	}
	return d
}
