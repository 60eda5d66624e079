package commerce

import (
	"encoding/json"
	"testing"
)

// donationActs are the operations of campaigns that a worked example can name: a campaign is published, not sent as an
// event.
var donationActs = map[string]lifeAct{
	"publish campaign": func(t testing.TB, w *workbench, _ string, data json.RawMessage) Result {
		t.Helper()
		var c CampaignPublished
		if err := json.Unmarshal(data, &c); err != nil {
			t.Fatal(err)
		}
		return w.Publish(t.Context(), w.book, c)
	},
	"publish version": func(t testing.TB, w *workbench, _ string, data json.RawMessage) Result {
		t.Helper()
		var c struct {
			CampaignPublished
			Version int `json:"version"`
		}
		if err := json.Unmarshal(data, &c); err != nil {
			t.Fatal(err)
		}
		return w.PublishVersion(t.Context(), w.book, c.CampaignPublished, c.Version)
	},
}
