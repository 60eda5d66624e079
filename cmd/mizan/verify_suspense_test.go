package main

import (
	"encoding/json"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// verifyUneven has somebody post to suspense by hand, which belongs to no difference: the book is sound, and the command says what is
// not.
func verifyUneven(t *testing.T, env map[string]string) {
	t.Helper()
	pool, err := postgres.Open(t.Context(), env["MIZAN_DATABASE_URL"], postgres.Options{MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	books := ledger.New(pool, ledger.Options{Now: time.Now})
	defer func() { _ = books.Close(t.Context()) }()
	book, _, err := books.CreateBook(t.Context(), ledger.NewBook{Code: "vn", Name: "VN", Currencies: []money.Currency{"VND", "GBP"}, TimeZone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	verify := func(code int) (v verification) {
		t.Helper()
		out := mizan(t, env, "", "verify", "--book", "vn", "--json").want(t, code)
		if err := json.Unmarshal([]byte(out.stdout), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := verify(exitDone); !v.Sound || !v.Suspense.Sound || v.Suspense.Waiting != 0 || v.Suspense.Findings == nil {
		t.Errorf("%+v", v.Suspense)
	}
	if out := books.Post(t.Context(), book, ledger.Submission{Reference: "by-hand", Drafts: []ledger.Draft{{Event: "test.moved", Lines: []ledger.Line{
		{Account: "assets:suspense", Amount: 1234, Currency: "GBP"}, {Account: "revenue:referral_fee", Amount: -1234, Currency: "GBP"}}}}}); out.Err != nil {
		t.Fatal(out.Err)
	}
	if v := verify(exitRefused); !v.Sound || v.Suspense.Sound || len(v.Suspense.Findings) != 1 || v.Suspense.Findings[0].Amount != "-12.34" || v.Suspense.Findings[0].Currency != "GBP" {
		t.Errorf("%+v", v.Suspense)
	}
	mizan(t, env, "", "verify", "--book", "vn").want(t, exitRefused, "vn: sound", "vn: SUSPENSE NOT SOUND: 1 findings", "-12.34 GBP", "suspense is not what waits")
	mizan(t, env, "", "verify", "--book", "us").want(t, exitDone, "us: suspense sound")
}
