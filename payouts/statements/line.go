package statements

import (
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
)

// A line is one amount and its reason. Columns are only ever added, at the end, and with another schema.

// Schema is the version of the data form and of the columns.
const Schema = 1

// Line is one line of a statement. What raises the payee's money is positive.
type Line struct {
	// Number counts the lines of the statement from 1.
	Number int64
	// PostedAt is when the book learned of it, OccurredAt when it happened.
	PostedAt, OccurredAt time.Time
	// Type is what happened, as the ledger names it, such as refund.partial; Code is what the amount is, such as commission.
	Type, Code  string
	Order, SKU  string
	LiveSession string
	Channel     string
	// Basis and Rate say what a rate was of; empty where there is no rate.
	Basis, Rate string
	Amount      money.Minor
	Currency    money.Currency
	// Rule is the rule that decided, RuleVersion the rule set that the order is frozen to.
	Rule, RuleVersion string
	// Entry is the ledger's entry, as transaction/line: the lines of one entry sum to it.
	Entry string
	// OriginalPeriod is the month that it belongs to, where that is before the month in which the book learned of it.
	OriginalPeriod string
	// Note says what the columns do not, in short fixed words.
	Note   string
	Bucket Bucket
	// Balance is what the payee's bucket holds after the line.
	Balance money.Minor

	sequence int64
	account  ledger.Address
}

// Codes of lines that no rule names.
const (
	// CodeMove is money that goes from one bucket of the payee to another; the two lines of a move sum to zero.
	CodeMove = "move"
	// CodePayout is money that left for where the payee is paid, or came back from there.
	CodePayout = "payout"
	// CodePayoutFee is what was kept for a payout, with the tax on it, or given back.
	CodePayoutFee = "payout_fee"
	// CodeOtherPayout is what of an order's settlement another payout pays, in the statement of a payout.
	CodeOtherPayout = "other_payout"
	// CodeTaxWithheld is tax withheld from the payee for the tax office.
	CodeTaxWithheld = "tax_withheld"
)

// Columns are the columns of a statement's file.
func Columns() []tabular.Column {
	text := func(name, title string) tabular.Column {
		return tabular.Column{Name: name, Title: title, Kind: tabular.KindText}
	}
	amount := func(name, title string, sum bool) tabular.Column {
		return tabular.Column{Name: name, Title: title, Kind: tabular.KindAmount, Currency: "currency", Sum: sum}
	}
	return []tabular.Column{
		text("statement_id", "Statement"), {Name: "line_no", Title: "Line", Kind: tabular.KindNumber}, {Name: "posted_at", Title: "Posted at", Kind: tabular.KindTime},
		{Name: "occurred_at", Title: "Occurred at", Kind: tabular.KindTime}, text("type", "Type"), text("code", "Code"), text("order_id", "Order"), text("sku", "SKU"),
		text("live_session_id", "Live session"), text("channel", "Channel"), text("basis", "Basis"), text("rate", "Rate"), amount("amount", "Amount", true),
		text("currency", "Currency"), text("rule_id", "Rule"), text("rule_version", "Rule version"), text("entry_id", "Entry"), text("original_period", "Original period"),
		text("note", "Note"), text("bucket", "Bucket"), amount("balance", "Balance", false),
	}
}

// row is the line as a row of the columns.
func (l *Line) row(statement string) tabular.Row {
	return tabular.Row{
		tabular.Text(statement), tabular.Int(l.Number), tabular.At(l.PostedAt), tabular.At(l.OccurredAt), tabular.Text(l.Type), tabular.Text(l.Code), tabular.Text(l.Order),
		tabular.Text(l.SKU), tabular.Text(l.LiveSession), tabular.Text(l.Channel), tabular.Text(l.Basis), tabular.Text(l.Rate), tabular.Money(l.Amount, l.Currency),
		tabular.Text(string(l.Currency)), tabular.Text(l.Rule), tabular.Text(l.RuleVersion), tabular.Text(l.Entry), tabular.Text(l.OriginalPeriod), tabular.Text(l.Note),
		tabular.Text(string(l.Bucket)), tabular.Money(l.Balance, l.Currency),
	}
}
