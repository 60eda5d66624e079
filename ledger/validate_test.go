package ledger_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// TestRefusalsNameTheField changes one thing of a lawful submission at a time. Every refusal names the field, and nothing
// is posted.
func TestRefusalsNameTheField(t *testing.T) {
	t.Parallel()
	b := setup(t)
	long := strings.Repeat("x", 65)
	cases := map[string]struct {
		change  func(s *ledger.Submission, d *ledger.Draft)
		pointer string
	}{
		"empty reference":           {func(s *ledger.Submission, _ *ledger.Draft) { s.Reference = "" }, "/reference"},
		"reference too long":        {func(s *ledger.Submission, _ *ledger.Draft) { s.Reference = strings.Repeat("r", 256) }, "/reference"},
		"reference with newline":    {func(s *ledger.Submission, _ *ledger.Draft) { s.Reference = "a\nb" }, "/reference"},
		"reference beyond ASCII":    {func(s *ledger.Submission, _ *ledger.Draft) { s.Reference = "é" }, "/reference"},
		"reference ends in space":   {func(s *ledger.Submission, _ *ledger.Draft) { s.Reference = "a " }, "/reference"},
		"event one word":            {func(_ *ledger.Submission, d *ledger.Draft) { d.Event = "captured" }, "/event"},
		"event upper case":          {func(_ *ledger.Submission, d *ledger.Draft) { d.Event = "Order.Captured" }, "/event"},
		"event too long":            {func(_ *ledger.Submission, d *ledger.Draft) { d.Event = "a." + strings.Repeat("b", 63) }, "/event"},
		"subject without kind":      {func(_ *ledger.Submission, d *ledger.Draft) { d.Subject = "UK-1" }, "/subject"},
		"subject with zero width":   {func(_ *ledger.Submission, d *ledger.Draft) { d.Subject = "order:a\u200bb" }, "/subject"},
		"live session too long":     {func(_ *ledger.Submission, d *ledger.Draft) { d.LiveSession = long }, "/live_session"},
		"campaign with a space":     {func(_ *ledger.Submission, d *ledger.Draft) { d.Campaign = "a b" }, "/campaign"},
		"channel with three parts":  {func(_ *ledger.Submission, d *ledger.Draft) { d.Channel = "a:b:c" }, "/channel"},
		"memo with NUL":             {func(_ *ledger.Submission, d *ledger.Draft) { d.Memo = "a\x00b" }, "/memo"},
		"memo with escape":          {func(_ *ledger.Submission, d *ledger.Draft) { d.Memo = "a\x1bb" }, "/memo"},
		"memo with bidi override":   {func(_ *ledger.Submission, d *ledger.Draft) { d.Memo = "a\u202eb" }, "/memo"},
		"memo with bidi isolate":    {func(_ *ledger.Submission, d *ledger.Draft) { d.Memo = "a\u2067b" }, "/memo"},
		"memo of spaces":            {func(_ *ledger.Submission, d *ledger.Draft) { d.Memo = "  \u00a0" }, "/memo"},
		"memo too long":             {func(_ *ledger.Submission, d *ledger.Draft) { d.Memo = strings.Repeat("é", 501) }, "/memo"},
		"memo invalid UTF-8":        {func(_ *ledger.Submission, d *ledger.Draft) { d.Memo = "a\xff" }, "/memo"},
		"memo of combining marks":   {func(_ *ledger.Submission, d *ledger.Draft) { d.Memo = "a" + strings.Repeat("\u0301", 10000) }, "/memo"},
		"metadata key":              {func(_ *ledger.Submission, d *ledger.Draft) { d.Metadata = map[string]string{"a b": "x"} }, "/metadata"},
		"metadata value":            {func(_ *ledger.Submission, d *ledger.Draft) { d.Metadata = map[string]string{"a": "x\x7f"} }, "/metadata/a"},
		"too many metadata":         {func(_ *ledger.Submission, d *ledger.Draft) { d.Metadata = manyKeys(51) }, "/metadata"},
		"year one":                  {func(_ *ledger.Submission, d *ledger.Draft) { d.OccurredAt = at("0001-01-01T00:00:00.5Z") }, "/occurred_at"},
		"year 9999":                 {func(_ *ledger.Submission, d *ledger.Draft) { d.OccurredAt = at("9999-12-31T00:00:00Z") }, "/occurred_at"},
		"no lines":                  {func(_ *ledger.Submission, d *ledger.Draft) { d.Lines = nil }, "/entries"},
		"one line":                  {func(_ *ledger.Submission, d *ledger.Draft) { d.Lines = d.Lines[:1] }, "/entries"},
		"501 lines":                 {func(_ *ledger.Submission, d *ledger.Draft) { d.Lines = make([]ledger.Line, 501) }, "/entries"},
		"unknown account":           {func(_ *ledger.Submission, d *ledger.Draft) { d.Lines[1].Account = "assets:nonsense" }, "/entries/1/account"},
		"owner missing":             {func(_ *ledger.Submission, d *ledger.Draft) { d.Lines[0].Account = "assets:processor:pending" }, "/entries/0/account"},
		"currency not of this book": {func(_ *ledger.Submission, d *ledger.Draft) { d.Lines[2].Currency = "EUR" }, "/entries/2/currency"},
		"zero amount":               {func(_ *ledger.Submission, d *ledger.Draft) { d.Lines[0].Amount = 0 }, "/entries/0/amount"},
		"amount beyond the largest": {func(_ *ledger.Submission, d *ledger.Draft) { d.Lines[0].Amount = money.Max + 1 }, "/entries/0/amount"},
		"external reference":        {func(_ *ledger.Submission, d *ledger.Draft) { d.Lines[0].ExternalRef = "\t" }, "/entries/0/external_ref"},
		"original period":           {func(_ *ledger.Submission, d *ledger.Draft) { d.OriginalPeriod = 202613 }, "/original_period"},
	}
	for name, c := range cases {
		s := sale("S", "sel_a", 1000)
		c.change(&s, &s.Drafts[0])
		out := b.Post(t.Context(), b.book, s)
		var f *fault.Error
		if !errors.As(out.Err, &f) || f.Kind != fault.Invalid || len(f.Fields) == 0 || f.Fields[0].Pointer != c.pointer {
			t.Errorf("%s: got %v, want a refusal at %s", name, out.Err, c.pointer)
		}
	}
	if head, _ := b.Head(t.Context(), b.book); head.LastSequence != 0 {
		t.Errorf("the book is at %d after refusals only", head.LastSequence)
	}
	b.mustPost(t, sale("S", "sel_a", 1000))
}

// compare treats an absent map and an empty one alike.
func compare(a, b ledger.Transaction) string { return cmp.Diff(a, b, cmpopts.EquateEmpty()) }

func manyKeys(n int) map[string]string {
	m := map[string]string{}
	for i := range n {
		m[ref("k", i)] = "v"
	}
	return m
}

// TestEveryFieldComesBack posts a transaction with every field at its edge and reads it back by id, reference and feed:
// the same values, the same hash.
func TestEveryFieldComesBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := sale("!ref ~", "sel_a", 1000)
	d := &s.Drafts[0]
	d.OccurredAt = at("2026-11-20T10:00:00.123456789+04:00")
	d.LiveSession, d.Channel, d.Campaign = "LS-1", "embed:partner-1", "winter24"
	d.Memo = "👩\u200d👩\u200d👧 تبرع ٣ — 'quoted' \"double\" \\ <script> ไทย 日本語 نمی\u200cخواهم"
	d.Metadata = map[string]string{"b": "", "a": "x\"y\\z", "Z.9": "é"}
	d.Explanation = []byte(`{"rule":"r1@3"}`)
	d.OriginalPeriod = 202610
	d.Lines[0].ExternalRef = "ch_1 2"
	posted := b.mustPost(t, s)
	if want := at("2026-11-20T06:00:00.123456Z"); !posted.OccurredAt.Equal(want) {
		t.Errorf("occurred_at %s, want %s", posted.OccurredAt, want)
	}
	byID, err := b.Transaction(t.Context(), b.book, 1)
	if err != nil {
		t.Fatal(err)
	}
	byReference, err := b.ByReference(t.Context(), b.book, s.Reference)
	if err != nil || len(byReference) != 1 {
		t.Fatalf("%v, %v", byReference, err)
	}
	feed, err := b.Transactions(t.Context(), b.book, ledger.TransactionQuery{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]ledger.Transaction{"id": byID, "reference": byReference[0], "feed": feed.Transactions[0]} {
		if diff := compare(posted, got); diff != "" {
			t.Errorf("by %s (-posted +read):\n%s", name, diff)
		}
	}
	again := b.Post(t.Context(), b.book, s)
	if !again.Replayed || compare(posted, again.Transactions[0]) != "" {
		t.Errorf("replay: %v", again.Err)
	}
	if got := posted.RecordedAt.Location(); got != time.UTC {
		t.Errorf("recorded_at is in %s", got)
	}
}
