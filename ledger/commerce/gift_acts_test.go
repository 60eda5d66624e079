package commerce

import (
	"encoding/json"
	"testing"
)

var giftActs = map[string]lifeAct{
	"release": func(t testing.TB, w *workbench, reference string, data json.RawMessage) Result {
		var ask struct {
			Source string
			IfDue  bool   `json:"if_due"`
			When   string `json:"release_when"`
		}
		if err := json.Unmarshal(data, &ask); err != nil {
			t.Fatal(err)
		}
		return w.Release(t.Context(), w.book, Release{Reference: reference, Source: ask.Source, IfDue: ask.IfDue, When: ask.When})
	},
	"split": func(t testing.TB, w *workbench, reference string, data json.RawMessage) Result {
		var ask Split
		if err := json.Unmarshal(data, &ask); err != nil {
			t.Fatal(err)
		}
		return w.Split(t.Context(), w.book, reference, ask)
	},
}
