package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/payouts"
	"mizan/payouts/statements"
)

// What payees are told of a scenario: the lines of their statements come to what their accounts moved by, and an order's own page and the
// roll-up of earnings say the same of each transaction.

// accountOf are the statements of one payee in one currency over all of a book.
type accountOf struct {
	payee    string
	currency money.Currency
	// words are what the lines of a transaction come to, by what they are.
	words map[int64]map[string]money.Minor
}

// kindOfAccount is what a payee is on an account of a sale; empty on others.
func kindOfAccount(a ledger.Address) string {
	parts := strings.Split(string(a), ":")
	if len(parts) == 4 && slices.Contains([]string{"seller", "creator", "agency", "partner"}, parts[1]) {
		return parts[1]
	}
	return ""
}

// ownerOfAccount is whose account it is; empty where it is no payee's.
func ownerOfAccount(a ledger.Address) string {
	parts := strings.Split(string(a), ":")
	switch {
	case kindOfAccount(a) != "":
		return parts[3]
	case len(parts) == 5 && parts[1] == "donation":
		return parts[3]
	case len(parts) == 3 && slices.Contains([]string{"payout_in_transit", "seller_deposit", "commission_deposit"}, parts[1]):
		return parts[2]
	}
	return ""
}

// lineWord is what a line of a statement is to the order's own page.
func lineWord(l *statements.Line) string {
	switch code, _, _ := strings.Cut(l.Code, "_"); {
	case code == "sale" || code == "commission" && l.Code == "commission" || code == "bonus" || l.Code == "fee":
		return code
	case l.Code == "fee_tax":
		return "fee"
	case l.Code == "agency_share" || l.Code == "partner_share":
		return code
	case l.Code == "tax_withheld":
		return "withheld"
	case l.Code == "commission_deposit":
		return "deposit"
	case l.Code == "donation_given":
		return "pledge"
	}
	return "other"
}

// ownWord is what a line of an order's own page is to a statement.
func ownWord(l *commerce.OwnLine) string {
	switch l.Key {
	case "platform_discount", "tax", "duty", "donation", "exchange":
		return "sale"
	case "refund_fee":
		return "fee"
	case "beside":
		return "other"
	}
	return l.Key
}

// checkStatements holds what the payees of a book are told against the books, and against each other.
func (p *parts) checkStatements(t *testing.T, book ledger.Book, now time.Time) {
	t.Helper()
	page, err := p.books.Transactions(t.Context(), book, ledger.TransactionQuery{Limit: 1000})
	if err != nil || page.More || len(page.Transactions) == 0 {
		t.Fatalf("%d transactions, %v", len(page.Transactions), err)
	}
	earned, _, err := p.events.EarnedIn(t.Context(), book, page.Transactions)
	if err != nil {
		t.Fatal(err)
	}
	owners := map[string]bool{}
	for _, x := range page.Transactions {
		for _, e := range x.Entries {
			if id := ownerOfAccount(e.Account); id != "" {
				owners[id+" "+string(e.Currency)] = true
			}
		}
	}
	if len(owners) == 0 {
		t.Fatalf("book %s has no payees", book.Code)
	}
	for _, owner := range slices.Sorted(maps.Keys(owners)) {
		payee, c, _ := strings.Cut(owner, " ")
		x := p.toldOf(t, book, payee, money.Currency(c), page.Transactions[0].RecordedAt, now)
		for i := range page.Transactions {
			x.agrees(t, p, book, &page.Transactions[i], earned[page.Transactions[i].Sequence])
		}
	}
	list, err := p.payouts.Payouts(t.Context(), book, payouts.PayoutQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, paid := range list {
		st, err := p.statements.OfPayout(t.Context(), book, paid.Holder.ID, paid.ID)
		if err != nil {
			t.Fatal(err)
		}
		sum := money.Minor(0)
		for _, l := range p.linesOf(t, st) {
			sum += l.Amount
		}
		if sum != paid.Gross() {
			t.Errorf("the lines of payout %s come to %d, and it took %d", paid.ID, sum, paid.Gross())
		}
	}
}

// linesOf are all lines of a statement.
func (p *parts) linesOf(t *testing.T, st *statements.Statement) (lines []statements.Line) {
	t.Helper()
	for at := (&statements.Place{}); at != nil; {
		page, err := p.statements.Page(t.Context(), st, *at, statements.MaxPage)
		if err != nil {
			t.Fatalf("%s: %v", st.Payee, err)
		}
		lines, at = append(lines, page.Lines...), page.Next
	}
	return lines
}

// toldOf reads the statements of a payee, up to 400 days in each: one begins with what the one before ended with, and its lines come to the
// difference.
func (p *parts) toldOf(t *testing.T, book ledger.Book, payee string, c money.Currency, first, now time.Time) accountOf {
	t.Helper()
	x := accountOf{payee, c, map[int64]map[string]money.Minor{}}
	var held map[statements.Bucket]money.Minor
	today := now.In(book.Location()).Format(time.DateOnly)
	for day := first.In(book.Location()); day.Format(time.DateOnly) <= today; day = day.AddDate(0, 0, 400) {
		st, err := p.statements.Days(t.Context(), book, payee, c, day.Format(time.DateOnly), min(today, day.AddDate(0, 0, 399).Format(time.DateOnly)))
		if err != nil {
			t.Fatalf("%s: %v", payee, err)
		}
		moved := map[statements.Bucket]money.Minor{}
		for _, l := range p.linesOf(t, st) {
			moved[l.Bucket] += l.Amount
			transaction, _, _ := strings.Cut(l.Entry, "/")
			sequence, err := ledger.ParseTransactionID(book.Code, transaction)
			if err != nil {
				t.Fatal(err)
			}
			if l.Code == statements.CodeMove {
				continue
			}
			if x.words[sequence] == nil {
				x.words[sequence] = map[string]money.Minor{}
			}
			x.words[sequence][lineWord(&l)] += l.Amount
		}
		for _, b := range st.Buckets {
			if b.Opening != held[b.Bucket] || b.Closing-b.Opening != moved[b.Bucket] {
				t.Errorf("%s of %s: from %d to %d by lines of %d, after %d", b.Bucket, payee, b.Opening, b.Closing, moved[b.Bucket], held[b.Bucket])
			}
		}
		held = map[statements.Bucket]money.Minor{}
		for _, b := range st.Buckets {
			held[b.Bucket] = b.Closing
		}
	}
	return x
}

// agrees holds the lines of one transaction of an order against its own page and against what the roll-up takes from it.
func (x *accountOf) agrees(t *testing.T, p *parts, book ledger.Book, of *ledger.Transaction, earned []commerce.Earned) {
	t.Helper()
	order, isOrder := strings.CutPrefix(of.Subject, "order:")
	if !isOrder {
		return
	}
	kinds, moved := map[string]bool{}, money.Minor(0)
	for _, e := range of.Entries {
		if e.Currency == x.currency && ownerOfAccount(e.Account) == x.payee {
			moved -= e.Amount
			if kind := kindOfAccount(e.Account); kind != "" {
				kinds[kind] = true
			}
		}
	}
	told, rolled := money.Minor(0), money.Minor(0)
	for _, m := range x.words[of.Sequence] {
		told += m
	}
	for _, e := range earned {
		if e.ID == x.payee && e.Currency == x.currency {
			rolled += e.Moved()
		}
	}
	if told != moved || rolled != moved {
		t.Errorf("%s, %s of %s moved %d, the statement tells %d, and the roll-up %d", of.ID(), of.Event, x.payee, moved, told, rolled)
	}
	if len(kinds) != 1 {
		return
	}
	for kind := range kinds {
		own, err := p.events.OwnOrder(t.Context(), book, commerce.PayeeRef{Kind: kind, ID: x.payee}, order)
		if err != nil {
			t.Fatalf("%s of %s: %v", order, x.payee, err)
		}
		for i := range own.Moves {
			// To a statement an order that was taken over is a balance, and no sale of the time.
			if m := &own.Moves[i]; m.Sequence == of.Sequence && of.Event != "opening.order" {
				x.sameWords(t, of, m)
			}
		}
	}
}

// sameWords compares what the lines of a transaction are called. What no rule computed is told by what happened.
func (x *accountOf) sameWords(t *testing.T, of *ledger.Transaction, m *commerce.OwnMove) {
	t.Helper()
	page, statement := map[string]money.Minor{}, maps.Clone(x.words[of.Sequence])
	for i := range m.Lines {
		page[ownWord(&m.Lines[i])] += m.Lines[i].Amount
	}
	if _, other := page["other"]; other {
		sum := money.Minor(0)
		for _, amount := range statement {
			sum += amount
		}
		page, statement = map[string]money.Minor{"all": m.Net}, map[string]money.Minor{"all": sum}
	}
	zero := func(_ string, a money.Minor) bool { return a == 0 }
	maps.DeleteFunc(page, zero)
	maps.DeleteFunc(statement, zero)
	if !maps.Equal(page, statement) {
		t.Errorf("%s, %s of %s: the order's page tells %v, the statement %v", of.ID(), of.Event, x.payee, page, statement)
	}
}
