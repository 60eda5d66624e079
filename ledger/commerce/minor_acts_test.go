package commerce

import (
	"encoding/json"
	"testing"
)

// minorActs register payees and change them, as steps of worked examples.
var minorActs = map[string]lifeAct{
	"payee": func(t testing.TB, w *workbench, _ string, data json.RawMessage) Result {
		var ask Payee
		if err := json.Unmarshal(data, &ask); err != nil {
			t.Fatal(err)
		}
		_, _, err := w.RegisterPayee(t.Context(), tester, w.book, ask)
		return Result{Err: err}
	},
	"change payee": func(t testing.TB, w *workbench, _ string, data json.RawMessage) Result {
		var ask struct {
			ID      string
			Version int
			Minor   *bool
		}
		if err := json.Unmarshal(data, &ask); err != nil {
			t.Fatal(err)
		}
		_, err := w.ChangePayee(t.Context(), tester, w.book, ask.ID, PayeeChange{Version: ask.Version, Minor: ask.Minor})
		return Result{Err: err}
	},
}
