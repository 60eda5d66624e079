package reconcile

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

func bankSettings(change ...func(*Settings)) Settings {
	x := Settings{Accounts: []ledger.Address{"assets:bank:operating:main", "assets:bank:client:main"}, Currency: "EUR", Format: "camt.053", Identification: "de02 1203 0000 0000 2020 51"}
	for _, f := range change {
		f(&x)
	}
	return x
}

// TestSetSource: settings are versions; the same again changes nothing; each change is in the trail, without the account's number.
func TestSetSource(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	x, err := h.SetSource(t.Context(), evidenceAnn, h.book, KindBank, "main", bankSettings())
	h.ok(err)
	if x.ID != 1 || x.Version != 1 || x.Settings.Identification != evidenceIDs || x.Settings.Accounts[0] != "assets:bank:client:main" {
		t.Errorf("%+v", x)
	}
	if again, err := h.SetSource(t.Context(), evidenceAnn, h.book, KindBank, "main", bankSettings()); err != nil || again.Version != 1 {
		t.Errorf("%+v, %v", again, err)
	}
	next, err := h.SetSource(t.Context(), evidenceAnn, h.book, KindBank, "main", bankSettings(func(x *Settings) { x.Batches = true }))
	if err != nil || next.ID != 1 || next.Version != 2 || !next.Settings.Batches {
		t.Errorf("%+v, %v", next, err)
	}
	p, err := h.SetSource(t.Context(), evidenceAnn, h.book, KindProcessor, "main", Settings{})
	if err != nil || p.ID != 2 || len(p.Settings.Accounts) != 3 {
		t.Errorf("%+v, %v", p, err)
	}
	if again, err := h.SetSource(t.Context(), evidenceAnn, h.book, KindProcessor, "main", Settings{Accounts: processorAccounts("main")}); err != nil || again.Version != 1 {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := h.SetSource(t.Context(), evidenceAnn, h.book, KindChannel, "tiktok", Settings{}); err != nil {
		t.Error(err)
	}
	list, err := h.Sources(t.Context(), h.book)
	if err != nil || len(list) != 3 || list[0].Version != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	if n := h.count(`SELECT count(*) FROM audit_rows WHERE book_id = $1 AND act = 'evidence.source_set'`, h.book.ID); n != 4 {
		t.Errorf("%d deeds", n)
	}
	if n := h.count(`SELECT count(*) FROM audit_rows x WHERE book_id = $1 AND x::text LIKE '%' || $2 || '%'`, h.book.ID, evidenceIDs); n != 0 {
		t.Error("the number of the account stands in the trail")
	}
	_, err = h.Source(t.Context(), h.book, KindBank, "other")
	h.wantCode("another name", err, ErrSourceUnknown)
	_, err = h.Source(t.Context(), h.book, "", "")
	h.wantCode("no kind", err, ErrSourceUnknown)
	away := errors.New("away")
	err = h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		_, err := h.SetSourceTx(t.Context(), tx, evidenceAnn, h.book, KindChannel, "other", Settings{})
		return errors.Join(err, away)
	})
	if !errors.Is(err, away) || h.count(`SELECT count(*) FROM evidence_sources WHERE book_id = $1`, h.book.ID) != 3 {
		t.Errorf("%v, or it is left", err)
	}
}

// TestSettingsRefused: what does not hold together names its field and repeats nothing.
func TestSettingsRefused(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	const canary = "KANARI"
	for name, c := range map[string]struct {
		kind   Kind
		name   string
		change func(*Settings)
	}{
		"kind":                     {"cash", "main", func(*Settings) {}},
		"name":                     {KindBank, "ma in", func(*Settings) {}},
		"long name":                {KindBank, strings.Repeat("a", 65), func(*Settings) {}},
		"no accounts":              {KindBank, "main", func(x *Settings) { x.Accounts = nil }},
		"accounts of another name": {KindBank, "other", func(*Settings) {}},
		"an account twice":         {KindBank, "main", func(x *Settings) { x.Accounts[1] = x.Accounts[0] }},
		"another account":          {KindBank, "main", func(x *Settings) { x.Accounts[1] = "assets:processor:available:main" }},
		"currency":                 {KindBank, "main", func(x *Settings) { x.Currency = "CHF" }},
		"no currency":              {KindBank, "main", func(x *Settings) { x.Currency = "" }},
		"format":                   {KindBank, "main", func(x *Settings) { x.Format = "pdf" }},
		"identification":           {KindBank, "main", func(x *Settings) { x.Identification = canary + "<script>" }},
		"long identification":      {KindBank, "main", func(x *Settings) { x.Identification = strings.Repeat(canary, 20) }},
		"profile of camt":          {KindBank, "main", func(x *Settings) { x.Profile = []byte(`{}`) }},
		"csv without profile":      {KindBank, "main", func(x *Settings) { x.Format = "csv" }},
		"a null profile":           {KindBank, "main", func(x *Settings) { x.Format, x.Profile = "csv", []byte(`null`) }},
		"a broken profile":         {KindBank, "main", func(x *Settings) { x.Format, x.Profile = "csv", []byte(`{"`+canary+`"`) }},
		"an unknown profile":       {KindBank, "main", func(x *Settings) { x.Format, x.Profile = "csv", []byte(`{"`+canary+`":1}`) }},
		"shared bank":              {KindBank, "main", func(x *Settings) { x.Shared = true }},
		"opening of a bank":        {KindBank, "main", func(x *Settings) { x.Opening = map[money.Currency]string{"EUR": "1"} }},
		"processor with accounts":  {KindProcessor, "main", func(x *Settings) { *x = Settings{Accounts: []ledger.Address{"assets:processor:pending:main"}} }},
		"processor with currency":  {KindProcessor, "main", func(x *Settings) { *x = Settings{Currency: "EUR"} }},
		"processor with format":    {KindProcessor, "main", func(x *Settings) { *x = Settings{Format: "csv"} }},
		"opening amount":           {KindProcessor, "main", func(x *Settings) { *x = Settings{Opening: map[money.Currency]string{"EUR": canary}} }},
		"opening currency":         {KindProcessor, "main", func(x *Settings) { *x = Settings{Opening: map[money.Currency]string{canary: "1"}} }},
		"channel with format":      {KindChannel, "main", func(x *Settings) { *x = Settings{Format: "csv"} }},
		"channel with account":     {KindChannel, "main", func(x *Settings) { *x = Settings{Accounts: []ledger.Address{"assets:moon"}} }},
	} {
		x := bankSettings()
		c.change(&x)
		_, err := h.SetSource(t.Context(), evidenceAnn, h.book, c.kind, c.name, x)
		var e *fault.Error
		if !errors.As(err, &e) || e.Kind != fault.Invalid || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if h.count(`SELECT count(*) FROM evidence_sources WHERE book_id = $1`, h.book.ID) != 0 {
		t.Error("something was stored")
	}
}

// TestSourcesAtOnce: 50 at two services set sources up at once; each has its own number and there is one of each name.
func TestSourcesAtOnce(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	other := h.another(h.db.Pool)
	names := []string{"a", "b", "c", "d", "e"}
	var group sync.WaitGroup
	for i := range 50 {
		s := h.Service
		if i%2 == 1 {
			s = other
		}
		group.Go(func() {
			if _, err := s.SetSource(t.Context(), evidenceAnn, h.book, KindProcessor, names[i%5], Settings{}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	list, err := h.Sources(t.Context(), h.book)
	if err != nil || len(list) != 5 {
		t.Fatalf("%d sources, %v", len(list), err)
	}
	for i, x := range list {
		if int(x.ID) != i+1 || x.Version != 1 {
			t.Errorf("%+v", x)
		}
	}
}
