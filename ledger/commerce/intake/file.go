package intake

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Files of marketplaces: statements read into one event for each settled transaction. A file is read by the names of its
// columns, in whatever order they stand. Money in a column that is not known is never dropped: its transaction is refused
// when it is posted, by the name of the column.

// Format is how a statement's file is written.
type Format string

// The formats. TikTok and CSV are comma separated, one transaction a row; AmazonV2 is tab separated, one amount a row.
const (
	TikTok   Format = "tiktok"
	AmazonV2 Format = "amazon-v2"
	CSV      Format = "csv"
)

// FileOptions say what a file does not: whose it is and how it is imported.
type FileOptions struct {
	Format Format
	// Settlement holds what every transaction of the file has in common: role, channel, seller and parties.
	Settlement commerce.ImportedSettlement
	// Now is when it is read: what is dated after it cannot be true.
	Now time.Time
	// Most bounds the transactions that are put together of several rows, all of which are held until the last row; zero does
	// not bound them.
	Most int
}

// Statement is what a file comes to.
type Statement struct {
	// Rows counts its transactions, with those that hold no money.
	Rows int
	// Total is what the file says it comes to, and Said whether it says it.
	Total money.Minor
	Said  bool
	// Sum is what its transactions come to, with reserves.
	Sum      money.Minor
	Currency money.Currency
	// Fields are the totals by field, in order of their names.
	Fields []FieldTotal

	whole bool // it was read to its end
}

// FieldTotal is what one field of a statement comes to.
type FieldTotal struct {
	Field  string
	Count  int
	Amount money.Minor
}

// Settled is a transaction of a file, with the line on which it begins.
type Settled struct {
	Line  int
	Event commerce.ImportedSettlement
	// Amount is what it adds to the statement's total: what it settles, and the movement of its reserve.
	Amount money.Minor
	// Empty says that it holds no money.
	Empty bool
	// Reason and Detail say why it must not be posted, for programs and for people; empty if nothing speaks against it.
	Reason, Detail string
}

// Reference is the name that a transaction is recorded under, which makes importing it again change nothing.
func (s *Settled) Reference() string { return "import:" + s.Event.Channel + ":" + s.Event.Transaction }

// ErrFile means that a file cannot be read. Nothing of it is imported.
var ErrFile = fault.New(fault.Invalid, "import-file-invalid", "The file cannot be read. Export it again; nothing was imported.")

func broken(line int, says string, args ...any) error {
	return ErrFile.Withf("Line %d: %s Nothing was imported.", line, fmt.Sprintf(says, args...))
}

const (
	// MaxFileBytes bounds a file.
	MaxFileBytes = 64 << 20
	// MaxFileRows bounds its rows.
	MaxFileRows = 500_000
	maxColumns  = 500
)

// scan reads a statement from its first line to its last and hands each transaction on, in order of their lines. It returns
// ErrFile, with the line, for a file that cannot be trusted, beside what was read of it until then.
func scan(from io.Reader, o FileOptions, each func(*Settled) error) (*Statement, error) {
	t, err := scanSheet(from, o, each, nil)
	return t.out, err
}

// scanSheet is scan. A row that cannot be read ends it, unless past says that it can be passed over.
func scanSheet(from io.Reader, o FileOptions, each func(*Settled) error, past func(t *sheet, record []string) error) (*sheet, error) {
	t := &sheet{options: o, out: &Statement{}, each: each, fields: map[string]*FieldTotal{}}
	limited := &io.LimitedReader{R: from, N: MaxFileBytes + 1}
	t.csv = csv.NewReader(limited)
	t.csv.ReuseRecord = true
	if o.Format == AmazonV2 {
		t.csv.Comma, t.csv.LazyQuotes = '\t', true
	}
	if err := t.header(); err != nil {
		return t, err
	}
	row := t.transaction
	if o.Format == AmazonV2 {
		row = t.amazonRow
	}
	for rows := 0; ; rows++ {
		record, err := t.csv.Read()
		if err == io.EOF {
			break
		}
		if err = t.judge(record, err); err != nil {
			return t, err
		}
		if limited.N <= 0 || rows >= MaxFileRows {
			return t, broken(t.line(), "the file has more than %d MiB or %d rows. Split it.", MaxFileBytes>>20, MaxFileRows)
		}
		err = row(record)
		if past != nil && fault.CodeOf(err) == ErrFile.Code {
			err = past(t, record)
		}
		if err != nil {
			return t, err
		}
	}
	return t, t.end()
}

// end hands on what could not be before the last line, and compares the sum with what the file says.
func (t *sheet) end() error {
	for _, s := range t.together {
		if err := t.hand(s); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.fields)) {
		t.out.Fields = append(t.out.Fields, *t.fields[name])
	}
	t.out.whole = true
	if t.out.Said && t.out.Sum != t.out.Total {
		c := t.out.Currency
		return ErrFile.Withf("The amounts come to %s and the file says %s, a difference of %s. It is cut off or was edited; nothing was imported.",
			t.out.Sum.Format(c), t.out.Total.Format(c), (t.out.Total - t.out.Sum).Format(c))
	}
	return nil
}

// hand hands a transaction on and adds it to the totals.
func (t *sheet) hand(s *Settled) (err error) {
	t.out.Rows++
	for _, a := range s.Event.Amounts {
		f := t.fields[a.Field]
		if f == nil {
			f = &FieldTotal{Field: strings.Clone(a.Field)}
			t.fields[f.Field] = f
		}
		m, err := t.amount(a.Field, a.Amount)
		if err != nil {
			return err
		}
		f.Count++
		if f.Amount, err = money.Add(f.Amount, m); err != nil {
			return broken(s.Line, "the sum of the file is too large.")
		}
	}
	if t.out.Sum, err = money.Add(t.out.Sum, s.Amount); err != nil {
		return broken(s.Line, "the sum of the file is too large.")
	}
	return t.each(s)
}

// sheet is a file being read.
type sheet struct {
	options FileOptions
	csv     *csv.Reader
	columns []string
	at      map[string]int
	out     *Statement
	each    func(*Settled) error
	fields  map[string]*FieldTotal
	seen    map[string]*Settled // by id; nil where one row is a whole transaction
	// together are transactions that are put together of several rows.
	together []*Settled
}

func (t *sheet) line() int {
	line, _ := t.csv.FieldPos(0)
	return line
}

// judge turns what the reader complains about into words.
func (t *sheet) judge(record []string, err error) error {
	var parse *csv.ParseError
	switch {
	case errors.As(err, &parse) && errors.Is(err, csv.ErrFieldCount):
		return broken(parse.Line, "it has another number of columns than the header.")
	case errors.As(err, &parse):
		return broken(parse.Line, "its quotes do not match.")
	case err != nil:
		return err // of whatever the file is read from
	}
	for _, cell := range record {
		if !utf8.ValidString(cell) || strings.ContainsRune(cell, 0) {
			return broken(t.line(), "it is not UTF-8 text.")
		}
	}
	return nil
}

// header reads the names of the columns.
func (t *sheet) header() error {
	record, err := t.csv.Read()
	if err == io.EOF {
		return ErrFile.With("The file is empty. Nothing was imported.")
	}
	if err := t.judge(record, err); err != nil {
		return err
	}
	if len(record) > maxColumns {
		return broken(1, "there are more than %d columns.", maxColumns)
	}
	t.at, t.seen = map[string]int{}, map[string]*Settled{}
	for i, name := range record {
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff")
		}
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := t.at[name]; twice || name == "" {
			return broken(1, "column %d has no name, or the name of another.", i+1)
		}
		t.at[name] = i
		t.columns = append(t.columns, name)
	}
	needs := []string{"transaction_id", "currency", "settlement_amount"}
	if t.options.Format == AmazonV2 {
		needs = []string{"settlement-id", "total-amount", "currency", "transaction-type", "order-id", "amount-type", "amount-description", "amount"}
	}
	for _, name := range needs {
		if _, ok := t.at[name]; !ok {
			return broken(1, "the column %s is missing.", name)
		}
	}
	return nil
}

// cell is a row's value in a column, "" if the file has no such column.
func (t *sheet) cell(record []string, name string) string {
	i, ok := t.at[name]
	if !ok {
		return ""
	}
	return strings.TrimSpace(record[i])
}

// useCurrency holds the file to one currency.
func (t *sheet) useCurrency(code string) error {
	c, err := money.ParseCurrency(code)
	if err != nil || t.out.Currency != "" && c != t.out.Currency {
		return broken(t.line(), "its currency is unknown, or another than that of the rows before.")
	}
	t.out.Currency = c
	return nil
}

// amount reads a signed amount in the file's currency; an empty one is zero.
func (t *sheet) amount(column, text string) (money.Minor, error) {
	digits, negative := strings.CutPrefix(text, "-")
	if digits == "" && !negative {
		return 0, nil
	}
	if whole, decimals, ok := strings.Cut(digits, "."); ok { // exports write 1.50 and 1.5000 alike
		digits = whole
		if decimals = strings.TrimRight(decimals, "0"); decimals != "" {
			digits += "." + decimals
		}
	}
	m, err := money.ParseAmount(digits, t.out.Currency)
	if err != nil {
		return 0, broken(t.line(), "the amount in %s is not a plain decimal of the currency, such as 1234.50.", column)
	}
	if negative {
		m = -m
	}
	return m, nil
}

// keptColumns describe a transaction and hold no money of their own.
var keptColumns = []string{"transaction_id", "statement_id", "order_id", "adjustment_id", "associated_order_id", "type", "currency", "settlement_amount", "quantity",
	"statement_time", "order_create_time", "payment_id", "payment_status", "sku_id", "sku_name", "product_name", "revenue_amount", "fee_amount", "tax_amount", "fee_tax_amount",
	"shipping_cost_amount", "net_sales_amount", "payable_amount", "total_reserve_amount"}

// transaction reads a row that is a whole transaction.
func (t *sheet) transaction(record []string) error {
	if err := t.useCurrency(t.cell(record, "currency")); err != nil {
		return err
	}
	s := &Settled{Line: t.line(), Event: t.options.Settlement}
	e := &s.Event
	e.Transaction, e.Statement, e.Order, e.Currency = t.cell(record, "transaction_id"), t.cell(record, "statement_id"), t.cell(record, "order_id"), string(t.out.Currency)
	if e.Statement == "" {
		e.Statement = "none"
	}
	for column, id := range map[string]string{"transaction_id": e.Transaction, "statement_id": e.Statement} {
		if !ledger.IsSegment(id) {
			return broken(s.Line, "the id in %s is missing, or has other characters than A-Z a-z 0-9 _ . -", column)
		}
	}
	if !ledger.IsSegment(e.Order) {
		e.Order = ""
	}
	if _, twice := t.seen[e.Transaction]; twice {
		return broken(s.Line, "the transaction stands in the file twice.")
	}
	t.seen[strings.Clone(e.Transaction)] = nil // a cell keeps its whole row in memory
	if err := t.amounts(s, record); err != nil {
		return err
	}
	t.checkDates(s, record)
	return t.hand(s)
}

// amounts reads the fields of a row that is a whole transaction.
func (t *sheet) amounts(s *Settled, record []string) (err error) {
	e := &s.Event
	settled, err := t.amount("settlement_amount", t.cell(record, "settlement_amount"))
	if err != nil {
		return err
	}
	s.Amount = settled
	for i, name := range t.columns {
		if slices.Contains(keptColumns, name) {
			continue
		}
		text := strings.TrimSpace(record[i])
		known, _ := commerce.StatementField(name)
		if !known && !looksLikeMoney(text) {
			continue
		}
		m, err := t.amount(name, text)
		if err != nil {
			return err
		}
		if m == 0 {
			continue
		}
		if name == "reserve_amount" {
			if s.Amount, err = money.Add(s.Amount, m); err != nil {
				return broken(s.Line, "the sum of the transaction is too large.")
			}
		}
		e.Amounts = append(e.Amounts, commerce.SettledAmount{Field: fieldName(name), Amount: m.Format(t.out.Currency)})
	}
	s.Empty = len(e.Amounts) == 0 && settled == 0
	e.Settlement = settled.Format(t.out.Currency)
	return nil
}

// looksLikeMoney reports whether a text of a column that is not known may be an amount.
func looksLikeMoney(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	return digits != "" && strings.Trim(digits, "0123456789.") == "" && strings.Contains(digits, ".")
}

// fieldName is a column's name as a field can be called.
func fieldName(column string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, column)
	return name[:min(len(name), 64)]
}

// shortHash names what has no id of its own by its content.
func shortHash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:12])
}
