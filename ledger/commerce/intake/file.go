package intake

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
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
}

// Statement is what a file holds.
type Statement struct {
	Transactions []Settled
	// Total is what the file says it comes to, and Said whether it says it.
	Total money.Minor
	Said  bool
	// Sum is what its transactions come to, with reserves.
	Sum      money.Minor
	Currency money.Currency
	// Empty counts the rows that hold no money.
	Empty int
}

// Settled is a transaction of a file, with the line on which it begins.
type Settled struct {
	Line  int
	Event commerce.ImportedSettlement
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
	MaxFileBytes = 256 << 20
	// MaxFileRows bounds its rows.
	MaxFileRows = 500_000
	maxColumns  = 500
)

// ReadFile reads a whole statement. It returns ErrFile, with the line, for a file that cannot be trusted.
func ReadFile(from io.Reader, o FileOptions) (*Statement, error) {
	t := &sheet{options: o, out: &Statement{}}
	limited := &io.LimitedReader{R: from, N: MaxFileBytes + 1}
	t.csv = csv.NewReader(limited)
	t.csv.ReuseRecord = true
	if o.Format == AmazonV2 {
		t.csv.Comma, t.csv.LazyQuotes = '\t', true
	}
	if err := t.header(); err != nil {
		return nil, err
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
			return nil, err
		}
		if limited.N <= 0 || rows >= MaxFileRows {
			return nil, broken(t.line(), "the file has more than %d MiB or %d rows. Split it.", MaxFileBytes>>20, MaxFileRows)
		}
		if err := row(record); err != nil {
			return nil, err
		}
	}
	if t.out.Said && t.out.Sum != t.out.Total {
		return nil, ErrFile.Withf("The amounts come to %s and the file says %s. It is cut off or was edited; nothing was imported.", t.out.Sum.Format(t.out.Currency), t.out.Total.Format(t.out.Currency))
	}
	return t.out, nil
}

// sheet is a file being read.
type sheet struct {
	options FileOptions
	csv     *csv.Reader
	columns []string
	at      map[string]int
	out     *Statement
	seen    map[string]int // transactions by id, with their index
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
		return ErrFile.Because(err)
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
	t.at, t.seen = map[string]int{}, map[string]int{}
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
	s := Settled{Line: t.line(), Event: t.options.Settlement}
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
	settled, err := t.amount("settlement_amount", t.cell(record, "settlement_amount"))
	if err != nil {
		return err
	}
	sum := settled
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
			sum += m
		}
		e.Amounts = append(e.Amounts, commerce.SettledAmount{Field: fieldName(name), Amount: m.Format(t.out.Currency)})
	}
	if len(e.Amounts) == 0 && settled == 0 {
		t.out.Empty++
		return nil
	}
	e.Settlement = settled.Format(t.out.Currency)
	t.seen[e.Transaction] = len(t.out.Transactions)
	t.out.Transactions = append(t.out.Transactions, s)
	if t.out.Sum, err = money.Add(t.out.Sum, sum); err != nil {
		return broken(s.Line, "the sum of the file is too large.")
	}
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
