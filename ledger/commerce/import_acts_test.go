package commerce

import (
	"encoding/json"
	"testing"
	"time"
)

var importActs = map[string]lifeAct{
	"release-imported": func(t testing.TB, w *workbench, reference string, data json.RawMessage) Result {
		var ask struct {
			Order string
			At    time.Time
		}
		if err := json.Unmarshal(data, &ask); err != nil {
			t.Fatal(err)
		}
		return w.ReleaseImported(t.Context(), w.book, ask.Order, reference, ask.At)
	},
}
