package commerce

import (
	"encoding/json"
	"sync"
	"testing"
)

// openings are the latest documents of the books of worked examples.
var openings sync.Map // from ledger.BookID to []byte

var openingActs = map[string]lifeAct{
	"opening": func(t testing.TB, w *workbench, _ string, data json.RawMessage) Result {
		results, err := w.Open(t.Context(), w.book, openingOf(t, data), false)
		if err != nil {
			return Result{Err: err}
		}
		openings.Store(w.book.ID, []byte(data))
		return results[0]
	},
	// The document again is answered with what each order recorded.
	"opened-order": func(t testing.TB, w *workbench, _ string, data json.RawMessage) Result {
		var ask struct{ Order string }
		if err := json.Unmarshal(data, &ask); err != nil {
			t.Fatal(err)
		}
		document, _ := openings.Load(w.book.ID)
		results, err := w.Open(t.Context(), w.book, openingOf(t, document.([]byte)), false)
		if err != nil {
			return Result{Err: err}
		}
		for _, r := range results {
			if r.Event.Data.subject() == "order:"+ask.Order {
				return r
			}
		}
		t.Fatalf("no order %s", ask.Order)
		return Result{}
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
