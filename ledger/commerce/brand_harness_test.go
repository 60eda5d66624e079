package commerce

import (
	"encoding/json"
	"os"
	"testing"
)

func brandBench(t *testing.T) *workbench {
	t.Helper()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	content, err := os.ReadFile("testdata/lives/simulcast.json")
	if err != nil {
		t.Fatal(err)
	}
	var l life
	if err := json.Unmarshal(content, &l); err != nil {
		t.Fatal(err)
	}
	w.useRules(t, l.Rules)
	return w
}
