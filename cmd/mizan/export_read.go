package main

// What the service answers, as the journal wants it: amounts in signed minor units, debit positive.

import (
	"context"
	"fmt"
	"strings"

	"mizan/api/client"
	"mizan/ledger"
	"mizan/ledger/journal"
	"mizan/ledger/money"
)

// readJournalHead describes the journal of the book up to a sequence; 0 is the last one now.
func readJournalHead(ctx context.Context, remote *client.Client, code string, upTo int64) (journal.Head, error) {
	book, err := remote.Book(ctx, code)
	if err != nil {
		return journal.Head{}, err
	}
	head := journal.Head{Book: book.Code, Name: book.Name, TimeZone: book.TimeZone, Currencies: book.Currencies,
		Functional: book.FunctionalCurrency, UpTo: book.LastSequence, LastRecordedAt: book.LastRecordedAt}
	switch {
	case upTo > book.LastSequence:
		return head, ledger.ErrSequenceAhead.Withf("The book has not come to this sequence. Choose an earlier one, or leave --up-to out.")
	case upTo == 0 || upTo == book.LastSequence:
		return head, nil
	}
	last, err := remote.Transaction(ctx, code, fmt.Sprintf("%s-%d", code, upTo))
	head.UpTo, head.LastRecordedAt = upTo, last.RecordedAt
	return head, err
}

// writeAccounts gives the writer every account that has entries in the journal, and returns the accounts' normal sides. An
// account that was opened later has no turnover yet and is left out, so that the same journal never changes.
func writeAccounts(ctx context.Context, remote *client.Client, w *journal.Writer, head journal.Head) (normalSides, error) {
	sides := normalSides{}
	if head.UpTo == 0 {
		return sides, nil
	}
	for b, err := range remote.Balances(ctx, head.Book, client.BalanceQuery{AtSequence: head.UpTo}) {
		if err != nil {
			return nil, err
		}
		debits, err := journal.ParseUnits(b.Debits, b.Currency)
		if err != nil {
			return nil, err
		}
		credits, err := journal.ParseUnits(b.Credits, b.Currency)
		if err != nil {
			return nil, err
		}
		sides.note(b.Account, b.NormalSide)
		if debits.Sign() == 0 && credits.Sign() == 0 {
			continue
		}
		if err := w.Account(journal.Account{Address: b.Account, Currency: b.Currency, Debits: debits, Credits: credits}); err != nil {
			return nil, err
		}
	}
	return sides, nil
}

// normalSides knows on which side an account's balance is shown positive. The feed does not say it with each entry, and
// remembering it for every account would take memory with their number: so it holds only the accounts whose side does not
// follow from the address, of which the standard chart has none.
type normalSides map[string]string

// byAddress is the side that accountants expect.
func byAddress(address string) string {
	root, rest, _ := strings.Cut(address, ":")
	if root == "assets" || root == "expenses" || root == "revenue" && strings.HasPrefix(rest+":", "contra:") {
		return "debit"
	}
	return "credit"
}

// note remembers a side that is not the expected one.
func (n normalSides) note(address, side string) {
	if side != byAddress(address) {
		n[address] = side
	}
}

// of returns the account's side.
func (n normalSides) of(address string) string {
	if side, ok := n[address]; ok {
		return side
	}
	return byAddress(address)
}

// journalTransaction converts a transaction of the feed.
func journalTransaction(f client.FeedItem, sides normalSides) (journal.Transaction, error) {
	t := journal.Transaction{ID: f.ID, Sequence: f.Sequence, Reference: f.Reference, Event: f.Event, Subject: f.Subject,
		OccurredAt: f.OccurredAt, RecordedAt: f.RecordedAt, Period: f.Period, EffectivePeriod: f.EffectivePeriod,
		OriginalPeriod: f.OriginalPeriod, LiveSession: f.LiveSession, Channel: f.Channel, Campaign: f.Campaign, Memo: f.Memo,
		Metadata: f.Metadata, Reverses: f.Reverses, Reposts: f.Reposts, ContentHash: f.ContentHash, JSON: f.JSON,
		Entries: make([]journal.Entry, len(f.Entries))}
	for i, e := range f.Entries {
		amount, err := money.ParsePositive(e.Amount, e.Currency)
		if err != nil {
			return t, err
		}
		if e.Direction == "credit" {
			amount = -amount
		}
		after, err := journal.ParseUnits(e.BalanceAfter, e.Currency)
		if err != nil {
			return t, err
		}
		if sides.of(e.Account) == "credit" {
			after.Neg(after)
		}
		if !after.IsInt64() {
			return t, journal.ErrBroken
		}
		t.Entries[i] = journal.Entry{Line: e.Line, Account: e.Account, Currency: e.Currency, Amount: amount,
			BalanceAfter: money.Minor(after.Int64()), AccountVersion: e.AccountVersion, ExternalRef: e.ExternalRef}
	}
	return t, nil
}
