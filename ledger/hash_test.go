package ledger_test

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mizan/ledger"
	"mizan/ledger/audit"
)

// hostileText draws text out of what encoders stumble over: quotes, backslashes, escapes that are none, combining marks,
// characters outside the basic plane, right-to-left script (peers 49).
var hostileText = rapid.Custom(func(t *rapid.T) string {
	parts := rapid.SliceOfN(rapid.SampledFrom([]string{`"`, `\`, `\u0041`, `\n`, "'", "<", ">", "&", "é", "e\u0301", "😀", "👩\u200d👧", "تبرع", "ﬁ", "\u00a0.",
		"$1", "%s", "{}", "null", "0", "K", "ß", "İ"}), 0, 12).Draw(t, "parts")
	text := "m"
	for _, p := range parts {
		text += p
	}
	return text
})

// TestHashesMatchWhatIsReadBack posts drafts full of hostile text into two books and computes each content hash again
// from nothing but what is read back. The same content in two books has two hashes.
func TestHashesMatchWhatIsReadBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	books := []ledger.Book{b.book, makeBook(t, b.Ledger, "us")}
	accounts := []string{"revenue:referral_fee", "liabilities:seller:pending:z", "assets:processor:pending:main", "liabilities:seller:pending:a", "expenses:processor_fee"}
	for i, account := range accounts { // opened in another order than lines use them
		for _, book := range books {
			if out := b.Post(t.Context(), book, ledger.Submission{Reference: ref("open", i), Drafts: []ledger.Draft{{Event: "order.captured",
				Lines: []ledger.Line{line(account, 1, "GBP"), line("equity:opening", -1, "GBP")}}}}); out.Err != nil {
				t.Fatal(out.Err)
			}
		}
	}
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		d := ledger.Draft{Event: "order.captured", Memo: hostileText.Draw(t, "memo"), Campaign: "c", Explanation: []byte(hostileText.Draw(t, "explanation"))}
		for range rapid.IntRange(0, 3).Draw(t, "keys") {
			if d.Metadata == nil {
				d.Metadata = map[string]string{}
			}
			d.Metadata[rapid.StringMatching(`[A-Za-z0-9_.-]{1,6}`).Draw(t, "key")] = rapid.OneOf(hostileText, rapid.Just("")).Draw(t, "value")
		}
		for range rapid.IntRange(1, 4).Draw(t, "pairs") {
			amount := rapid.Int64Range(1, 1_000_000).Draw(t, "amount")
			debit := line(rapid.SampledFrom(accounts).Draw(t, "debit"), amount, "GBP")
			debit.ExternalRef = rapid.SampledFrom([]string{"", "ch_1", `a "b" \`}).Draw(t, "external")
			d.Lines = append(d.Lines, debit, line(rapid.SampledFrom(accounts).Draw(t, "credit"), -amount, "GBP"))
		}
		var hashes [2][32]byte
		for i, book := range books {
			out := b.Post(b.context(), book, ledger.Submission{Reference: fmt.Sprintf(`"r\%d`, n), Drafts: []ledger.Draft{d}})
			if out.Err != nil {
				t.Fatal(out.Err)
			}
			read, err := b.Transaction(b.context(), book, out.Transactions[0].Sequence)
			if err != nil {
				t.Fatal(err)
			}
			if hashes[i] = rehash(read); hashes[i] != read.ContentHash || hashes[i] != out.Transactions[0].ContentHash {
				t.Fatalf("%s: what is read back hashes to %x, recorded is %x: %+v", read.ID(), hashes[i], read.ContentHash, read)
			}
			if !maps.Equal(read.Metadata, d.Metadata) || read.Memo != d.Memo {
				t.Fatalf("%s: %q %q came back as %q %q", read.ID(), d.Memo, d.Metadata, read.Memo, read.Metadata)
			}
		}
		if hashes[0] == hashes[1] {
			t.Fatal("two books share a hash")
		}
	})
}

// rehash computes a content hash from a transaction as a reader sees it.
func rehash(t ledger.Transaction) [32]byte {
	r := audit.Transaction{Book: t.Book, Sequence: t.Sequence, Reference: t.Reference, Event: t.Event, OccurredAt: t.OccurredAt, RecordedAt: t.RecordedAt,
		Period: int64(t.Period), EffectivePeriod: int64(t.Effective), OriginalPeriod: int64(t.Original), Subject: t.Subject, LiveSession: t.LiveSession,
		Channel: t.Channel, Campaign: t.Campaign, Memo: t.Memo, Metadata: t.Metadata, Reverses: t.Reverses, Reposts: t.Reposts, Explanation: t.Explanation}
	for _, e := range t.Entries {
		r.Entries = append(r.Entries, audit.Entry{Account: string(e.Account), Currency: string(e.Currency), Amount: int64(e.Amount), ExternalRef: e.ExternalRef})
	}
	hash, _ := r.Hash(nil)
	return hash
}

// everyField is a submission in which nothing is left out but what corrections set.
func everyField() ledger.Submission {
	return ledger.Submission{Reference: "R", Drafts: []ledger.Draft{{
		Event: "order.captured", OccurredAt: at("2026-11-20T10:00:00.000001Z"), Subject: "order:1", LiveSession: "LS-1", Channel: "app", Campaign: "winter24",
		Memo: "memo", Metadata: map[string]string{"a": "1", "b": "2"}, Explanation: []byte("why"), OriginalPeriod: 202610,
		Lines: []ledger.Line{
			{Account: "assets:processor:pending:main", Amount: 100, Currency: "GBP", ExternalRef: "ch_1"},
			{Account: "revenue:referral_fee", Amount: -60, Currency: "GBP"}, {Account: "liabilities:seller:pending:a", Amount: -40, Currency: "GBP"}},
	}}}
}

// TestEveryFieldMakesAnotherRequest changes one field at a time of a request whose reference is taken. Each is another
// request and refused; the unchanged one is a replay.
func TestEveryFieldMakesAnotherRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mustPost(t, sale("first", "sel_a", 1000))
	b.mustPost(t, everyField())
	changes := map[string][]func(*ledger.Draft){
		"Event":          {func(d *ledger.Draft) { d.Event = "order.refunded" }},
		"OccurredAt":     {func(d *ledger.Draft) { d.OccurredAt = d.OccurredAt.Add(1000) }, func(d *ledger.Draft) { d.OccurredAt = at("0001-01-01T00:00:00Z") }},
		"Subject":        {func(d *ledger.Draft) { d.Subject = "order:2" }, func(d *ledger.Draft) { d.Subject = "" }},
		"LiveSession":    {func(d *ledger.Draft) { d.LiveSession = "LS-2" }, func(d *ledger.Draft) { d.LiveSession = "" }},
		"Channel":        {func(d *ledger.Draft) { d.Channel = "web" }},
		"Campaign":       {func(d *ledger.Draft) { d.Campaign = "winter25" }},
		"Memo":           {func(d *ledger.Draft) { d.Memo = "memo." }},
		"Metadata":       {func(d *ledger.Draft) { d.Metadata = map[string]string{"a": "1", "b": "3"} }, func(d *ledger.Draft) { d.Metadata = nil }, func(d *ledger.Draft) { d.Metadata = map[string]string{"a": "1", "c": "2"} }},
		"Explanation":    {func(d *ledger.Draft) { d.Explanation = []byte("why not") }},
		"OriginalPeriod": {func(d *ledger.Draft) { d.OriginalPeriod = 202609 }},
		"Reverses":       {func(d *ledger.Draft) { d.Reverses = 1 }},
		"Reposts":        {func(d *ledger.Draft) { d.Reposts = 1 }},
		"Lines": {
			func(d *ledger.Draft) { d.Lines[1].Amount, d.Lines[2].Amount = -59, -41 },
			func(d *ledger.Draft) { d.Lines[1].Account = "revenue:subscription" },
			func(d *ledger.Draft) { d.Lines[0].ExternalRef = "ch_2" },
			func(d *ledger.Draft) { slices.Reverse(d.Lines) },
			func(d *ledger.Draft) {
				for i := range d.Lines {
					d.Lines[i].Currency = "USD"
				}
			},
			func(d *ledger.Draft) {
				for i := range d.Lines {
					d.Lines[i].Amount = -d.Lines[i].Amount
				}
			},
		},
		// How it is judged is not what it says: a caller who repeats himself is answered, whatever happened since.
		"Authority": nil, "Expect": nil,
	}
	kind := reflect.TypeFor[ledger.Draft]()
	for i := range kind.NumField() {
		name := kind.Field(i).Name
		if _, ok := changes[name]; !ok {
			t.Errorf("the test does not change %s", name)
		}
		for n, change := range changes[name] {
			s := everyField()
			change(&s.Drafts[0])
			if out := b.Post(t.Context(), b.book, s); !errors.Is(out.Err, ledger.ErrReferenceReused) {
				t.Errorf("%s changed (%d): %+v", name, n, out)
			}
		}
	}
	if out := b.Post(t.Context(), b.book, everyField()); out.Err != nil || !out.Replayed || out.Transactions[0].Sequence != 2 {
		t.Errorf("unchanged: %+v", out)
	}
	again := everyField()
	again.Drafts = append(again.Drafts, again.Drafts[0])
	if out := b.Post(t.Context(), b.book, again); !errors.Is(out.Err, ledger.ErrReferenceReused) {
		t.Errorf("one transaction more: %+v", out)
	}
}
