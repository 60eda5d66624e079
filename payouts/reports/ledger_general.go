package reports

import (
	"context"
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
)

// The general ledger, account by account, and the same of one owner's accounts.

var generalColumns = []tabular.Column{
	textColumn("account_code", "Account code"), textColumn("account", "Account"), textColumn("currency", "Currency"), textColumn("row", "Row"),
	textColumn("transaction_id", "Transaction"), numberColumn("line", "Line"), dateColumn("date", "Date"), textColumn("period", "Period"),
	textColumn("event", "Event"), textColumn("reference", "Reference"), textColumn("subject", "Subject"), textColumn("external_ref", "External reference"),
	sumColumn("debit", "Debit"), sumColumn("credit", "Credit"), amountColumn("balance", "Balance"),
}

func generalReports() []Report {
	return []Report{
		{Name: "general_ledger", Title: "General ledger", Schema: 1,
			Meaning: "Each entry, account by account, with the balance after it, a debit positive. An account begins with a row opening, which has only a balance. " +
				"By months, the balance counts the months before and then the entries of the range in their order. The date is the day of recording.",
			Parameters: append([]Parameter{accountParameter}, rangeParameters...), Columns: generalColumns, check: checkRange,
			rows: func(ctx context.Context, q *Query, yield func(tabular.Row) error) error {
				return q.general(ctx, q.paths(), yield)
			}},
		{Name: "subledger", Title: "Sub-ledger", Schema: 1,
			Meaning: "The general ledger of all accounts of one owner.",
			Parameters: append([]Parameter{
				{Name: "kind", Kind: OfChoice, Choices: ownerKinds(), Needed: true, Meaning: "what the owner is"},
				{Name: "owner", Kind: OfCode, Needed: true, Meaning: "the owner's id, as it stands in addresses"},
			}, rangeParameters...), Columns: generalColumns, check: checkRange,
			rows: func(ctx context.Context, q *Query, yield func(tabular.Row) error) error {
				paths := pathsOf(q.Text("kind"))
				for i := range paths {
					paths[i] += ":" + q.Text("owner")
				}
				return q.general(ctx, paths, yield)
			}},
		{Name: "owner_balances", Title: "Balances by owner", Schema: 1,
			Meaning: "What each account of all owners of a kind turned over and holds at the last transaction that counts; the balance is debit positive. " +
				"Accounts that hold nothing and never moved have no row.",
			Parameters: []Parameter{{Name: "kind", Kind: OfChoice, Choices: ownerKinds(), Needed: true, Meaning: "what the owners are"}},
			Columns: []tabular.Column{textColumn("account_code", "Account code"), textColumn("path", "Path"), textColumn("owner", "Owner"), textColumn("part", "Part"),
				textColumn("currency", "Currency"), sumColumn("debits", "Debits"), sumColumn("credits", "Credits"), sumColumn("balance", "Balance")},
			rows: ownerBalances},
	}
}

// general tells the accounts at and below paths, and holds the entries against the accounts' totals.
func (q *Query) general(ctx context.Context, paths []string, yield func(tabular.Row) error) error {
	s := q.span()
	if err := q.begin(ctx, &s); err != nil {
		return err
	}
	return q.eachAccounts(ctx, s, paths, func(page []account) error {
		var walks []accountWalk
		for i := range page {
			if !page[i].still() {
				walks = append(walks, accountWalk{of: &page[i], after: s.first - 1, line: maxLine, until: s.last})
			}
		}
		t := telling{q: q, s: s, walks: walks, yield: yield}
		if err := q.walkAll(ctx, walks, t.entry); err != nil {
			return err
		}
		return t.upTo(nil)
	})
}

// telling is where the general ledger stands in a page of accounts.
type telling struct {
	q     *Query
	s     span
	walks []accountWalk
	yield func(tabular.Row) error
	// now is the account that is told, with what was told of it.
	now                      *account
	balance, debits, credits int64
}

// upTo ends the account that is told, and those after it that have no entries, and begins the account, or none.
func (t *telling) upTo(a *account) error {
	for t.now != a || a == nil {
		if t.now != nil && (t.debits != t.now.debits || t.credits != t.now.credits) {
			return ErrUneven
		}
		t.now = nil
		if len(t.walks) == 0 {
			if a != nil {
				return ErrUneven
			}
			return nil
		}
		t.now, t.walks = t.walks[0].of, t.walks[1:]
		t.balance, t.debits, t.credits = t.now.opening, 0, 0
		row := t.row()
		row[3], row[14] = tabular.Text("opening"), tabular.Money(money.Minor(t.balance), t.now.currency)
		if err := t.yield(row); err != nil {
			return err
		}
	}
	return nil
}

func (t *telling) row() tabular.Row {
	row := make(tabular.Row, len(generalColumns))
	row[0], row[1], row[2] = accountCode(t.now.code), tabular.Text(string(t.now.address)), tabular.Text(string(t.now.currency))
	return row
}

func (t *telling) entry(a *account, e entry) error {
	if err := t.upTo(a); err != nil {
		return err
	}
	if !t.s.holds(e.period) {
		return nil
	}
	t.balance += int64(e.amount)
	if e.amount > 0 {
		t.debits += int64(e.amount)
	} else {
		t.credits -= int64(e.amount)
	}
	row := t.row()
	row[3], row[4], row[5] = tabular.Text("entry"), t.q.transactionID(e.sequence), tabular.Int(int64(e.line))
	row[6], row[7] = t.q.day(e.recordedAt), periodValue(e.period)
	row[8], row[9], row[10], row[11] = tabular.Text(e.event), tabular.Text(e.reference), tabular.Text(e.subject), tabular.Text(e.externalRef)
	row[12], row[13] = sides(e.amount, a.currency)
	row[14] = tabular.Money(money.Minor(t.balance), a.currency)
	return t.yield(row)
}

func ownerBalances(ctx context.Context, q *Query, yield func(tabular.Row) error) error {
	for _, path := range pathsOf(q.Text("kind")) {
		err := q.eachAccounts(ctx, span{first: 1, last: q.AtSequence}, []string{path}, func(page []account) error {
			for _, a := range page {
				if a.still() {
					continue
				}
				owner, part, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(string(a.address), path), ":"), ":")
				err := yield(tabular.Row{accountCode(a.code), tabular.Text(path), tabular.Text(owner), tabular.Text(part), tabular.Text(string(a.currency)),
					tabular.Money(money.Minor(a.debits), a.currency), tabular.Money(money.Minor(a.credits), a.currency), tabular.Money(money.Minor(a.closing()), a.currency)})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// meaningOf is what the chart says of a row, or nothing of one that this version does not know.
func meaningOf(code int) string {
	if row := ledger.StandardChart().Row(code); row != nil {
		return row.Meaning
	}
	return ""
}
