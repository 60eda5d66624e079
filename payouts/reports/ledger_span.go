package reports

import (
	"math"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// ErrUneven means that entries do not come to the totals that the book keeps of them.
var ErrUneven = fault.New(fault.Conflict, "report-uneven",
	"The entries do not come to the totals that the book keeps. Do not use this report: run mizan verify on the book.")

// span says which entries a report of the ledger shows, and which come before: by months that they count in, or by transactions.
// The two are different cuts, since a late fact counts in a month that is still open.
type span struct {
	// from and to are months; both are 0 in a span by transactions.
	from, to ledger.Period
	// first and last are transactions, both included. In a span by months last is the last that counts, and nothing of the span
	// is before first, which is found when it is needed.
	first, last int64
}

var (
	rangeParameters = []Parameter{
		{Name: "from", Kind: OfPeriod, Meaning: "the first month; what counts in months before is the opening balance"},
		{Name: "to", Kind: OfPeriod, Meaning: "the last month, at most 13 months in all"},
		{Name: "from_sequence", Kind: OfNumber, Meaning: "the first transaction; what is before is the opening balance. Not together with months"},
		{Name: "to_sequence", Kind: OfNumber, Meaning: "the last transaction"},
	}
	accountParameter = Parameter{Name: "account", Kind: OfAccount, Meaning: "one account, or all below a path of the chart, such as liabilities:seller; without it all accounts"}
)

func checkRange(v Values) error {
	if (v.Given("from") || v.Given("to")) && (v.Given("from_sequence") || v.Given("to_sequence")) {
		return ErrParameters.WithFields(fieldOf("from_sequence", "A range is of months or of transactions, not of both."))
	}
	if v.Given("to_sequence") {
		if err := ordered(v.Number("from_sequence"), v.Number("to_sequence"), "to_sequence"); err != nil {
			return err
		}
	}
	return periodRange(v, "from", "to")
}

// span is the range that was asked for. Without one, everything up to the place is in it.
func (q *Query) span() span {
	if q.Given("from") {
		return span{from: q.Period("from"), to: q.Period("to"), first: 1, last: q.AtSequence}
	}
	s := span{first: max(q.Number("from_sequence"), 1), last: q.AtSequence}
	if q.Given("to_sequence") {
		s.last = min(s.last, q.Number("to_sequence"))
	}
	s.first = min(s.first, s.last+1)
	return s
}

// byMonths reports whether the span is one of months.
func (s span) byMonths() bool { return s.from != 0 }

// bounds are the months as the database compares them.
func (s span) bounds() (from, to ledger.Period) {
	if s.byMonths() {
		return s.from, s.to
	}
	return 0, math.MaxInt32
}

// holds reports whether the span shows what counts in the month.
func (s span) holds(p ledger.Period) bool { return !s.byMonths() || p >= s.from && p <= s.to }

// paths returns the addresses at and below which the report's accounts are, in order, none below another; one empty path is all.
func (q *Query) paths() []string { return []string{q.Text("account")} }

// below reports whether the address is the path or lies below it.
func below(a ledger.Address, path string) bool {
	return path == "" || string(a) == path || strings.HasPrefix(string(a), path) && a[len(path)] == ':'
}

// ownerKinds names the kinds of owners that complete the addresses of the chart, as parameters write them.
func ownerKinds() []string {
	var kinds []string
	for _, row := range ledger.StandardChart().Rows() {
		kinds = append(kinds, kindsOf(row)...)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// payees are the kinds of owners that are paid: what is on its way to them stands in one row for all kinds.
var payees = []string{"agency", "beneficiary", "creator", "minor", "partner", "seller"}

// kindsOf are the kinds of owners of a row: "jurisdiction:kind" is of jurisdictions, "processor or bank account" of both.
func kindsOf(row ledger.ChartRow) (kinds []string) {
	owner, _, _ := strings.Cut(row.Owner, ":")
	owner, _, _ = strings.Cut(owner, "[")
	switch owner {
	case "":
		return nil
	case "payee":
		return payees
	}
	for kind := range strings.SplitSeq(owner, " or ") {
		if kind == "processor" {
			kind = "processor account"
		}
		kinds = append(kinds, strings.ReplaceAll(kind, " ", "_"))
	}
	return kinds
}

// pathsOf returns the paths of the chart that owners of a kind complete, in order.
func pathsOf(kind string) (paths []string) {
	for _, row := range ledger.StandardChart().Rows() {
		if slices.Contains(kindsOf(row), kind) {
			paths = append(paths, row.Path)
		}
	}
	slices.Sort(paths)
	return paths
}
