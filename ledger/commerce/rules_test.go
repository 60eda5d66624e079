package commerce

import (
	"encoding/json"
	"testing"
	"time"

	"mizan/ledger/postgres/pgtest"
)

func newTestRules(_ testing.TB, db *pgtest.DB, now func() time.Time) *RuleSets {
	return NewRuleSets(db.Pool, now)
}

// useRules gives the book a rule set that was added long ago.
func (w *workbench) useRules(t testing.TB, content []byte) {
	t.Helper()
	long := func() time.Time { return time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC) }
	var set RuleSet
	if err := json.Unmarshal(content, &set); err != nil {
		t.Fatal(err)
	}
	if _, _, err := NewRuleSets(w.db.Pool, long).Add(t.Context(), tester, w.book, content); err != nil {
		t.Fatal(err)
	}
	w.Service = New(w.ledger, NewRuleSets(w.db.Pool, w.now), w.now)
}
