package api

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mizan/ledger"
	"mizan/ledger/money"
)

// documented returns the transaction as the struct that documents it.
func documented(t ledger.Transaction) transactionJSON {
	d := transactionJSON{
		ID: t.ID(), Book: t.Book, Sequence: t.Sequence, Reference: t.Reference, Event: t.Event,
		OccurredAt: t.OccurredAt.UTC().Format(instantFormat), RecordedAt: t.RecordedAt.UTC().Format(instantFormat),
		Period: t.Period.String(), EffectivePeriod: t.Effective.String(), OriginalPeriod: t.Original.String(), Subject: t.Subject,
		LiveSession: t.LiveSession, Channel: t.Channel, Campaign: t.Campaign, Memo: t.Memo, Metadata: t.Metadata,
		ContentHash: hex.EncodeToString(t.ContentHash[:]), Entries: make([]EntryJSON, len(t.Entries)),
	}
	if t.Reverses != 0 {
		d.Reverses = ledger.TransactionID(t.Book, t.Reverses)
	}
	if t.Reposts != 0 {
		d.Reposts = ledger.TransactionID(t.Book, t.Reposts)
	}
	for i, e := range t.Entries {
		d.Entries[i] = entryOf(e)
	}
	return d
}

// reference encodes by reflection, as the append-style encoder must.
func reference(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// anyTransaction draws transactions, also such as no ledger would record.
func anyTransaction(r *rapid.T) ledger.Transaction {
	text := rapid.OneOf(rapid.Just(""), rapid.String(), rapid.SampledFrom([]string{"a\x00b", "\"\\/\b\f\n\r\t", "\u2028\u2029", "\xff\xc0\xaf", "<script>&", "ví dụ 😀"}))
	instant := rapid.Custom(func(r *rapid.T) time.Time {
		zone := time.FixedZone("", rapid.IntRange(-50400, 50400).Draw(r, "offset"))
		return time.UnixMicro(rapid.Int64Range(0, 1<<51).Draw(r, "micros")).In(zone)
	})
	period := rapid.Custom(func(r *rapid.T) ledger.Period {
		return ledger.Period(rapid.IntRange(2000, 2999).Draw(r, "year")*100 + rapid.IntRange(1, 12).Draw(r, "month"))
	})
	entry := rapid.Custom(func(r *rapid.T) ledger.Entry {
		return ledger.Entry{
			Line: rapid.IntRange(1, 500).Draw(r, "line"), Account: ledger.Address(text.Draw(r, "account")),
			Currency: rapid.SampledFrom([]money.Currency{"GBP", "JPY", "KWD"}).Draw(r, "currency"),
			Normal:   rapid.SampledFrom([]ledger.Side{ledger.Debit, ledger.Credit}).Draw(r, "normal"),
			Amount:   money.Minor(rapid.Int64Range(-int64(money.Max), int64(money.Max)).Draw(r, "amount")),
			Version:  rapid.Int64Min(1).Draw(r, "version"), BalanceAfter: money.Minor(rapid.Int64Min(-1<<62).Draw(r, "balance")),
			ExternalRef: text.Draw(r, "external"),
		}
	})
	t := ledger.Transaction{
		Book: "uk", Sequence: rapid.Int64Min(1).Draw(r, "sequence"), Reference: text.Draw(r, "reference"), Event: text.Draw(r, "event"),
		OccurredAt: instant.Draw(r, "occurred"), RecordedAt: instant.Draw(r, "recorded"), Period: period.Draw(r, "period"), Effective: period.Draw(r, "effective"),
		Subject: text.Draw(r, "subject"), LiveSession: text.Draw(r, "live"), Channel: text.Draw(r, "channel"), Campaign: text.Draw(r, "campaign"), Memo: text.Draw(r, "memo"),
		Metadata: rapid.MapOf(text, text).Draw(r, "metadata"), Reverses: rapid.Int64Range(0, 3).Draw(r, "reverses"), Reposts: rapid.Int64Range(0, 3).Draw(r, "reposts"),
		Entries: rapid.SliceOfN(entry, 0, 4).Draw(r, "entries"),
	}
	if rapid.Bool().Draw(r, "corrected") {
		t.Original = period.Draw(r, "original")
	}
	copy(t.ContentHash[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(r, "hash"))
	return t
}

func TestAppendedEqualsDocumented(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		tr := anyTransaction(r)
		if !uniqueWhenRepaired(tr.Metadata) {
			return // encoding/json sorts before it repairs broken text, and so does ours, but equal keys have no order
		}
		want, got := reference(t, documented(tr)), string(appendTransaction(nil, &tr))
		if want != got {
			r.Fatalf("want %s\ngot  %s", want, got)
		}
	})
}

func uniqueWhenRepaired(m map[string]string) bool {
	seen := map[string]bool{}
	for k := range m {
		k = strings.ToValidUTF8(k, "\ufffd")
		if seen[k] {
			return false
		}
		seen[k] = true
	}
	return true
}

// saleTransaction is a sale of six lines as the benchmark of the project posts it.
func saleTransaction() ledger.Transaction {
	t := ledger.Transaction{
		Book: "uk", Sequence: 123456, Reference: "order-UK-000123456-captured", Event: "order.captured", OccurredAt: start, RecordedAt: start,
		Period: 202611, Effective: 202611, Subject: "order:UK-000123456", Channel: "app", LiveSession: "ls_7",
	}
	for i, a := range []ledger.Address{clearing, seller, creator, "revenue:referral_fee", "revenue:transaction_fee", "liabilities:tax:vat:uk:fee"} {
		amount := money.Minor(-1000)
		if i == 0 {
			amount = 5000
		}
		t.Entries = append(t.Entries, ledger.Entry{
			Line: i + 1, Account: a, Currency: "GBP", Normal: ledger.Credit, Amount: amount, Version: 12345, BalanceAfter: -123456789,
		})
	}
	return t
}

func BenchmarkEncodeSale(b *testing.B) {
	t := saleTransaction()
	buffer := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buffer = appendTransaction(buffer[:0], &t)
	}
	b.SetBytes(int64(len(buffer)))
}

func BenchmarkEncodeSaleByReflection(b *testing.B) {
	t := saleTransaction()
	b.ReportAllocs()
	for b.Loop() {
		reference(b, documented(t))
	}
}
