package journal

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"mizan/ledger/money"
)

// at is a recorded time of the samples: their days differ, and the last one begins in UTC before it does in Cairo.
func at(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 30, 0, 123456000, time.UTC) }

// sampleHead is the head of sample.
var sampleHead = Head{Book: "uk", Name: `The "first" shop`, TimeZone: "Europe/London", Currencies: []money.Currency{"GBP", "JPY", "KWD"},
	Functional: "GBP", UpTo: 4, LastRecordedAt: at(21, 23)}

// sample is a small book: a sale with everything that can be said about it, a fact, a reversal, and large and small units.
func sample() ([]Account, []Transaction) {
	sale := Transaction{ID: "uk-1", Sequence: 1, Reference: "order-1, =captured", Event: "order.captured", Subject: "order:UK-1", OccurredAt: at(19, 9),
		RecordedAt: at(20, 10), Period: "2026-11", EffectivePeriod: "2026-11", LiveSession: "ls_7", Channel: "app", Campaign: "winter24",
		Memo: "=1+1; ميزان", Metadata: map[string]string{"basket": "b-77", "a.b": `"x"`}, ContentHash: strings.Repeat("ab", 32), Entries: []Entry{
			{Line: 1, Account: "assets:processor:pending:main", Currency: "GBP", Amount: 5000, BalanceAfter: 5000, AccountVersion: 1, ExternalRef: "txn_1"},
			{Line: 2, Account: "liabilities:seller:pending:sel_a", Currency: "GBP", Amount: -4750, BalanceAfter: -4750, AccountVersion: 1},
			{Line: 3, Account: "revenue:referral_fee", Currency: "GBP", Amount: -250, BalanceAfter: -250, AccountVersion: 1}}}
	fact := Transaction{ID: "uk-2", Sequence: 2, Reference: "delivered-1", Event: "order.delivered", Subject: "order:UK-1", OccurredAt: at(20, 12),
		RecordedAt: at(20, 12), Period: "2026-11", EffectivePeriod: "2026-10", ContentHash: strings.Repeat("cd", 32)}
	undo := Transaction{ID: "uk-3", Sequence: 3, Reference: "undo-1", Event: "transaction.reversed", OccurredAt: at(21, 1), RecordedAt: at(21, 1),
		Period: "2026-11", EffectivePeriod: "2026-11", OriginalPeriod: "2026-11", Reverses: "uk-1", ContentHash: strings.Repeat("ef", 32), Entries: []Entry{
			{Line: 1, Account: "assets:processor:pending:main", Currency: "GBP", Amount: -5000, BalanceAfter: 0, AccountVersion: 2},
			{Line: 2, Account: "liabilities:seller:pending:sel_a", Currency: "GBP", Amount: 4750, BalanceAfter: 0, AccountVersion: 2},
			{Line: 3, Account: "revenue:referral_fee", Currency: "GBP", Amount: 250, BalanceAfter: 0, AccountVersion: 2}}}
	large := Transaction{ID: "uk-4", Sequence: 4, Reference: "large-1", Event: "order.captured", Subject: "order:UK-2", OccurredAt: at(21, 23),
		RecordedAt: at(21, 23), Period: "2026-11", EffectivePeriod: "2026-11", ContentHash: strings.Repeat("01", 32), Entries: []Entry{
			{Line: 1, Account: "assets:processor:pending:main", Currency: "JPY", Amount: 999_999_999_999_999, BalanceAfter: 999_999_999_999_999, AccountVersion: 1},
			{Line: 2, Account: "revenue:service_fee", Currency: "JPY", Amount: -999_999_999_999_998, BalanceAfter: -999_999_999_999_998, AccountVersion: 1},
			{Line: 3, Account: "revenue:service_fee:Pick.up", Currency: "JPY", Amount: -1, BalanceAfter: -1, AccountVersion: 1},
			{Line: 4, Account: "assets:processor:pending:main", Currency: "KWD", Amount: 1, BalanceAfter: 1, AccountVersion: 1},
			{Line: 5, Account: "revenue:service_fee:Pick.up", Currency: "KWD", Amount: -1, BalanceAfter: -1, AccountVersion: 1}}}
	transactions := []Transaction{sale, fact, undo, large}
	for i := range transactions {
		transactions[i].JSON, _ = json.Marshal(map[string]any{"id": transactions[i].ID})
	}
	account := func(address string, c money.Currency, debits, credits int64) Account {
		return Account{address, c, big.NewInt(debits), big.NewInt(credits)}
	}
	return []Account{
		account("assets:processor:pending:main", "GBP", 5000, 5000), account("assets:processor:pending:main", "JPY", 999_999_999_999_999, 0),
		account("assets:processor:pending:main", "KWD", 1, 0), account("liabilities:seller:pending:sel_a", "GBP", 4750, 4750),
		account("revenue:referral_fee", "GBP", 250, 250), account("revenue:service_fee", "JPY", 0, 999_999_999_999_998),
		account("revenue:service_fee:Pick.up", "JPY", 0, 1), account("revenue:service_fee:Pick.up", "KWD", 0, 1),
	}, transactions
}

// write renders a journal to the end.
func write(t testing.TB, f Format, h Head, accounts []Account, transactions []Transaction) (string, Trailer, error) {
	t.Helper()
	var out strings.Builder
	w, err := NewWriter(&out, f, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		if err := w.Account(a); err != nil {
			return out.String(), Trailer{}, err
		}
	}
	for i := range transactions {
		if err := w.Transaction(&transactions[i]); err != nil {
			return out.String(), Trailer{}, err
		}
	}
	trailer, err := w.Close()
	return out.String(), trailer, err
}

// writeSample renders the sample.
func writeSample(t testing.TB, f Format) string {
	t.Helper()
	accounts, transactions := sample()
	text, _, err := write(t, f, sampleHead, accounts, transactions)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
