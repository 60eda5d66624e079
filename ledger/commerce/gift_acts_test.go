package commerce

import (
	"encoding/json"
	"testing"
)

var giftActs = map[string]lifeAct{
	"release": func(t testing.TB, w *workbench, reference string, data json.RawMessage) Result {
		var ask struct{ Source string }
		if err := json.Unmarshal(data, &ask); err != nil {
			t.Fatal(err)
		}
		return w.Release(t.Context(), w.book, Release{Reference: reference, Source: ask.Source})
	},
	"split": func(t testing.TB, w *workbench, reference string, data json.RawMessage) Result {
		var ask Split
		if err := json.Unmarshal(data, &ask); err != nil {
			t.Fatal(err)
		}
		return w.Split(t.Context(), w.book, reference, ask)
	},
}
