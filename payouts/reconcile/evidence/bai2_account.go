// An account of BAI2 has a record of balances and totals, a record for each movement, and a trailer.

package evidence

import (
	"strings"

	"mizan/ledger/money"
)

// The types of the summary that are read. Others, such as what is available, are counted in the control total only.
const (
	baiOpening = "010"
	baiClosing = "015"
	baiCredits = "100"
	baiDebits  = "400"
)

// baiSummary is one amount in the record of an account.
type baiSummary struct {
	amount money.Minor
	count  string
}

// baiAccount is an account while it is read.
type baiAccount struct {
	draft
	summaries map[string]baiSummary
}

// openAccount reads "03,account,currency,{type,amount,count,funds}".
func (r *baiReader) openAccount(record *baiRecord) error {
	where := rowName(record.row)
	fields := record.fields
	if len(fields) < 2 {
		return unreadable(where, "the account has too few fields")
	}
	written := firstOf(strings.TrimSpace(fields[1]), r.header.currency)
	c, err := money.ParseCurrency(written)
	if err != nil {
		return wrongCurrency(where, "the currency of the account is not known")
	}
	a := baiAccount{summaries: map[string]baiSummary{}}
	a.Account, a.Currency = spaceless(fields[0]), c
	a.From, a.Until = r.header.asOf, r.header.asOf
	a.ID = oneLine(maxID+1, r.header.originator, a.From.Format("2006-01-02"))
	a.noun, a.Proved = "line", true
	fields = fields[2:]
	for len(fields) > 0 {
		code := strings.TrimSpace(fields[0])
		if code == "" {
			fields = fields[1:] // an account without amounts has empty fields
			continue
		}
		s, rest, err := r.summary(fields)
		if err != nil {
			return unreadable(where, err.Error())
		}
		fields = rest
		if s == nil {
			continue
		}
		if _, twice := a.summaries[code]; twice {
			return unreadable(where, "an amount of the account stands twice")
		}
		a.summaries[code] = *s
	}
	opening, hasOpening := a.summaries[baiOpening]
	closing, hasClosing := a.summaries[baiClosing]
	if !hasOpening || !hasClosing {
		return unreadable(where, "the account has no opening ledger balance (010) or no closing one (015)")
	}
	a.Opening, a.Closing = opening.amount, closing.amount
	r.current = a
	return nil
}

// summary reads one type with its amount, count and funds type, and returns the fields behind it; nil if there is no amount.
func (r *baiReader) summary(fields []string) (*baiSummary, []string, error) {
	code := strings.TrimSpace(fields[0])
	if len(code) != 3 || !isDigits(code) || len(fields) < 2 {
		return nil, nil, errNoNumber
	}
	amount := strings.TrimSpace(fields[1])
	var s *baiSummary
	if amount != "" {
		n, err := baiSigned(amount)
		if err != nil {
			return nil, nil, err
		}
		s = &baiSummary{amount: n}
		if len(fields) > 2 {
			s.count = strings.TrimSpace(fields[2])
		}
		if r.account.sum, err = money.Add(r.account.sum, n); err != nil {
			return nil, nil, errSum
		}
	}
	if len(fields) <= 3 {
		return s, nil, nil
	}
	rest, err := baiFunds(fields[3:], nil, nil)
	return s, rest, err
}

// baiFunds reads the funds type, which says when the money can be used, and returns the fields behind it. The amounts that it
// gives must make the whole amount, if that is given; line takes the value date, if there is one.
func baiFunds(fields []string, whole *money.Minor, line *Line) ([]string, error) {
	kind, rest := strings.TrimSpace(fields[0]), fields[1:]
	var pieces []string
	switch kind {
	case "", "0", "1", "2", "Z":
		return rest, nil
	case "V":
		if len(rest) < 2 {
			return nil, errNoDate
		}
		t, err := shortDay(strings.TrimSpace(rest[0]))
		if err == nil && line != nil {
			line.Value = t
		}
		return rest[2:], err
	case "S":
		if len(rest) < 3 {
			return nil, errNoNumber
		}
		pieces, rest = rest[:3], rest[3:]
	case "D":
		if len(rest) < 1 {
			return nil, errNoNumber
		}
		n, err := implied(strings.TrimSpace(rest[0]), "JPY")
		if err != nil || n > maxFields || len(rest) < 1+2*int(n) {
			return nil, errNoNumber
		}
		for i := range int(n) {
			pieces = append(pieces, rest[2+2*i])
		}
		rest = rest[1+2*int(n):]
	default:
		return nil, errFunds
	}
	return rest, baiDistributed(pieces, whole)
}

// baiDistributed compares the amounts of a funds type with the whole.
func baiDistributed(pieces []string, whole *money.Minor) error {
	var sum money.Minor
	for _, p := range pieces {
		if p = strings.TrimSpace(p); p == "" {
			continue
		}
		n, err := baiSigned(p)
		if err != nil {
			return err
		}
		if sum, err = money.Add(sum, n); err != nil {
			return errSum
		}
	}
	if whole != nil && sum != *whole {
		return errDistributed
	}
	return nil
}

// detail reads "16,type,amount,funds,bank's reference,customer's reference,text".
func (r *baiReader) detail(record *baiRecord) error {
	where := rowName(record.row)
	if r.lines++; r.lines > MaxLines {
		return tooMany("100,000 lines")
	}
	if len(record.fields) < 2 {
		return unreadable(where, "the movement has too few fields")
	}
	code, written := strings.TrimSpace(record.fields[0]), strings.TrimSpace(record.fields[1])
	if code == "890" && strings.Trim(written, "0") == "" {
		return nil // a message that moves no money
	}
	negative, known := baiDirection(code)
	if !known {
		return unreadable(where, "the type of the movement is not known, so neither is its direction")
	}
	amount, err := implied(written, r.current.Currency)
	if err != nil {
		return unreadable(where, err.Error())
	}
	if r.account.sum, err = money.Add(r.account.sum, amount); err != nil {
		return unreadable(where, errSum.Error())
	}
	line := Line{Row: record.row, Code: strings.Clone(code), Amount: amount, Booked: r.header.asOf, Value: r.header.asOf}
	if negative {
		line.Amount = -amount
	}
	rest := record.fields[2:]
	if len(rest) > 0 {
		if rest, err = baiFunds(rest, &amount, &line); err != nil {
			return unreadable(where, err.Error())
		}
	}
	if len(rest) > 0 {
		line.ID = reference(rest[0])
		line.Trace = line.ID
	}
	if len(rest) > 1 {
		line.EndToEnd = reference(rest[1])
	}
	if len(rest) > 2 {
		line.Text = record.text(len(record.fields) - len(rest) + 2)
	}
	r.current.Lines = append(r.current.Lines, line)
	return nil
}

// text puts the free text together that begins at a field: its commas were its own, and its continuations go on with a space.
func (record *baiRecord) text(from int) string {
	var pieces []string
	start := 0
	for _, n := range record.cuts {
		end := start + n
		if end > from {
			pieces = append(pieces, strings.Join(record.fields[max(start, from):end], ","))
		}
		start = end
	}
	return text(pieces...)
}

// baiDirection says whether a type is a debit. Types of whole hundreds are totals and no movements.
func baiDirection(code string) (negative, known bool) {
	if len(code) != 3 || !isDigits(code) || code == baiCredits || code == baiDebits {
		return false, false
	}
	switch {
	case code >= "101" && code <= "399", code >= "920" && code <= "959":
		return false, true
	case code >= "401" && code <= "699", code >= "960" && code <= "999":
		return true, true
	}
	return false, false
}

// closeAccount compares the account with its trailer and its own totals.
func (r *baiReader) closeAccount(record *baiRecord) error {
	if err := r.account.compare(record, false); err != nil {
		return err
	}
	for _, code := range []string{baiCredits, baiDebits} {
		if s, said := r.current.summaries[code]; said {
			if err := r.current.compareTotal(s, code == baiDebits, rowName(record.row)); err != nil {
				return err
			}
		}
	}
	if len(r.drafts) == MaxStatements {
		return tooMany("10,000 statements")
	}
	r.drafts = append(r.drafts, r.current.draft)
	r.level = 2
	return r.group.include(r.account, record)
}

// compareTotal compares the total of credits or debits, and their number if it is said, with the movements.
func (a *baiAccount) compareTotal(s baiSummary, debits bool, where string) error {
	count := 0
	var amounts []money.Minor
	for i := range a.Lines {
		if negative, _ := baiDirection(a.Lines[i].Code); negative == debits {
			count++
			amounts = append(amounts, max(a.Lines[i].Amount, -a.Lines[i].Amount))
		}
	}
	sum, err := money.Sum(amounts...)
	if err != nil || sum != max(s.amount, -s.amount) {
		return unbalanced(where, "the total of credits (100) or of debits (400) is not the sum of the movements of the account")
	}
	if n, err := implied(s.count, "JPY"); s.count != "" && (err != nil || n != money.Minor(count)) {
		return unbalanced(where, "the account says another number of credits or debits than it has")
	}
	return nil
}
