// A profile says what the columns of one bank's CSV file mean. It is written once for each bank, by whoever sees the file; the
// program guesses neither the order of day and month nor which sign means money in.

package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"mizan/ledger/money"
)

const (
	maxProfileBytes = 64 << 10
	maxProfileWords = 50
	maxSkipped      = 1_000
)

// How a CSV file proves that it is whole.
const (
	// ProofRunning means that each row has the balance after it. The balance before the first row follows from that row.
	ProofRunning = "running"
	// ProofLabels means that the file has a row with the opening and a row with the closing balance. A running balance is
	// compared too, if there is a column for it.
	ProofLabels = "labels"
	// ProofNone means that the file has no balances. Its statements are not proved.
	ProofNone = "none"
)

// Profile describes a CSV file. The zero value of an optional field is what its comment calls the default.
type Profile struct {
	// Name is 1 to 40 small letters, digits and hyphens. It becomes part of the ids of statements.
	Name string `json:"name"`
	// Account is the number of the account, if no column has it.
	Account string `json:"account,omitempty"`
	// Currency is the currency of all rows. If a column has it too, the rows must agree.
	Currency string `json:"currency,omitempty"`
	// Encoding is "utf-8" (the default), "windows-1252" or "iso-8859-1".
	Encoding string `json:"encoding,omitempty"`
	// Delimiter is "," (the default), ";", "|" or a tab.
	Delimiter string `json:"delimiter,omitempty"`
	// SkipFirst and SkipLast are how many lines of the file stand before the header and behind the rows.
	SkipFirst int `json:"skip_first,omitempty"`
	SkipLast  int `json:"skip_last,omitempty"`
	// NoHeader says that the first line is a row. Columns are named by their number from 1 then.
	NoHeader bool `json:"no_header,omitempty"`
	// Dates is the form of dates, one of DateForms.
	Dates string `json:"dates"`
	// Decimal is "." (the default) or ",".
	Decimal string `json:"decimal,omitempty"`
	// Grouping is what stands between groups of three digits: "" (the default, nothing), ",", ".", "'" or a space.
	Grouping string `json:"grouping,omitempty"`
	// CreditWords and DebitWords are what the column of signs says.
	CreditWords []string `json:"credit_words,omitempty"`
	DebitWords  []string `json:"debit_words,omitempty"`
	// DebitNegative says that the column of debits has a minus in each row. By default it has none.
	DebitNegative bool `json:"debit_negative,omitempty"`
	// Proof is ProofRunning, ProofLabels or ProofNone.
	Proof string `json:"proof"`
	// OpeningLabel and ClosingLabel are what the first cell of the rows with the balances says, for ProofLabels.
	OpeningLabel string `json:"opening_label,omitempty"`
	ClosingLabel string `json:"closing_label,omitempty"`
	// NewestFirst says that the last row is the oldest.
	NewestFirst bool `json:"newest_first,omitempty"`
	// Columns say where everything is.
	Columns Columns `json:"columns"`
}

// Columns are names of columns as the header has them, or numbers. Booked is needed, and either Amount or both Debit and Credit.
type Columns struct {
	Booked string `json:"booked"`
	Value  string `json:"value,omitempty"`
	// Amount has its own sign unless Sign is a column of CreditWords and DebitWords.
	Amount string `json:"amount,omitempty"`
	Sign   string `json:"sign,omitempty"`
	// Debit and Credit are two columns of which each row fills one.
	Debit    string `json:"debit,omitempty"`
	Credit   string `json:"credit,omitempty"`
	Currency string `json:"currency,omitempty"`
	Account  string `json:"account,omitempty"`
	// Balance is the balance after the row.
	Balance string `json:"balance,omitempty"`
	// ID is a reference that no other row ever has. Rows without one are told apart by what they say.
	ID       string `json:"id,omitempty"`
	EndToEnd string `json:"end_to_end,omitempty"`
	Mandate  string `json:"mandate,omitempty"`
	Batch    string `json:"batch,omitempty"`
	Trace    string `json:"trace,omitempty"`
	Code     string `json:"code,omitempty"`
	// Text are the columns that make the text, in order.
	Text []string `json:"text,omitempty"`
}

// dateForms are the forms of dates and their layouts.
var dateForms = map[string]string{
	"YYYY-MM-DD": "2006-01-02", "YYYY/MM/DD": "2006/01/02", "YYYY.MM.DD": "2006.01.02", "YYYYMMDD": "20060102",
	"DD/MM/YYYY": "02/01/2006", "DD.MM.YYYY": "02.01.2006", "DD-MM-YYYY": "02-01-2006", "DDMMYYYY": "02012006",
	"MM/DD/YYYY": "01/02/2006", "MM-DD-YYYY": "01-02-2006", "DD.MM.YY": "02.01.06", "DD/MM/YY": "02/01/06", "MM/DD/YY": "01/02/06",
	"DD MMM YYYY": "02 Jan 2006", "DD-MMM-YYYY": "02-Jan-2006", "YYYY-MM-DD hh:mm:ss": "2006-01-02 15:04:05",
	"DD/MM/YYYY hh:mm:ss": "02/01/2006 15:04:05", "MM/DD/YYYY hh:mm:ss": "01/02/2006 15:04:05",
}

// DateForms returns the forms of dates that a profile may name, in order.
func DateForms() []string {
	forms := make([]string, 0, len(dateForms))
	for form := range dateForms {
		forms = append(forms, form)
	}
	slices.Sort(forms)
	return forms
}

// ParseProfile reads the JSON document of a profile and checks it. Nothing in it may be unknown, and nothing may follow it.
//
// Errors: ErrProfile.
func ParseProfile(content []byte) (*Profile, error) {
	if len(content) > maxProfileBytes || !utf8.Valid(content) {
		return nil, wrongProfile("The profile is longer than 64 KiB, or no UTF-8")
	}
	if namesTwice(content) {
		return nil, wrongProfile("The profile is no complete JSON, or says something twice")
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	var p Profile
	if err := decoder.Decode(&p); err != nil {
		return nil, wrongProfile("The profile is no complete JSON, has a field that is not known, or a field of the wrong type")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, wrongProfile("Something follows the profile")
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	return &p, nil
}

// namesTwice reports whether an object of the document has a name twice, in whatever case, or cannot be read.
func namesTwice(content []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(content))
	var open []map[string]bool // nil for an array
	isName := false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return len(open) > 0
		}
		if err != nil || len(open) > 8 {
			return true
		}
		switch t := token.(type) {
		case json.Delim:
			switch t {
			case '{':
				open = append(open, map[string]bool{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
			isName = len(open) > 0 && open[len(open)-1] != nil
			continue
		case string:
			if isName {
				names, name := open[len(open)-1], strings.ToLower(t)
				if names[name] {
					return true
				}
				names[name] = true
				isName = false
				continue
			}
		}
		isName = len(open) > 0 && open[len(open)-1] != nil
	}
}

// Check returns ErrProfile with the first thing that is wrong, nil if a file can be read with the profile.
func (p *Profile) Check() error {
	switch {
	case !isName(p.Name):
		return wrongProfile("name has 1 to 40 small letters, digits and hyphens")
	case !slices.Contains([]string{"", "utf-8", "windows-1252", "iso-8859-1"}, p.Encoding):
		return wrongProfile("encoding is utf-8, windows-1252 or iso-8859-1")
	case !slices.Contains([]string{"", ",", ";", "|", "\t"}, p.Delimiter):
		return wrongProfile("delimiter is a comma, a semicolon, a bar or a tab")
	case p.SkipFirst < 0 || p.SkipFirst > maxSkipped || p.SkipLast < 0 || p.SkipLast > maxSkipped:
		return wrongProfile("skip_first and skip_last are 0 to 1000")
	case dateForms[p.Dates] == "":
		return wrongProfile("dates is one of the forms %s", strings.Join(DateForms(), ", "))
	case !slices.Contains([]string{"", ".", ","}, p.Decimal):
		return wrongProfile("decimal is a point or a comma")
	case !slices.Contains([]string{"", ",", ".", "'", " "}, p.Grouping) || p.Grouping == p.mark():
		return wrongProfile("grouping is empty, a comma, a point, an apostrophe or a space, and not what decimal is")
	case p.Account == "" && p.Columns.Account == "" || len(p.Account) > maxID:
		return wrongProfile("account, or a column for it, is needed")
	case p.Currency == "" && p.Columns.Currency == "":
		return wrongProfile("currency, or a column for it, is needed")
	}
	if p.Currency != "" {
		if _, err := money.ParseCurrency(p.Currency); err != nil {
			return wrongProfile("currency is the code of a currency in capital letters")
		}
	}
	if err := p.checkAmounts(); err != nil {
		return err
	}
	return p.checkProof()
}

// checkAmounts checks how amounts and their signs are written.
func (p *Profile) checkAmounts() error {
	c := &p.Columns
	words := append(slices.Clone(p.CreditWords), p.DebitWords...)
	slices.Sort(words)
	switch {
	case c.Booked == "":
		return wrongProfile("columns.booked is needed")
	case (c.Amount != "") == (c.Debit != "" || c.Credit != "") || (c.Debit == "") != (c.Credit == ""):
		return wrongProfile("either columns.amount, or both columns.debit and columns.credit are needed")
	case c.Sign != "" && c.Amount == "":
		return wrongProfile("columns.sign is for columns.amount")
	case (c.Sign != "") != (len(p.CreditWords) > 0 && len(p.DebitWords) > 0) || c.Sign == "" && len(words) > 0:
		return wrongProfile("columns.sign, credit_words and debit_words go together")
	case len(words) > maxProfileWords || len(slices.Compact(words)) != len(p.CreditWords)+len(p.DebitWords):
		return wrongProfile("credit_words and debit_words are at most fifty, each once")
	case p.DebitNegative && c.Debit == "":
		return wrongProfile("debit_negative is for columns.debit")
	case len(c.Text) > maxProfileWords:
		return wrongProfile("columns.text has at most fifty columns")
	}
	if p.NoHeader {
		for _, column := range c.named() {
			if n, err := strconv.Atoi(column.name); err != nil || n < 1 || n > maxCells {
				return wrongProfile("without a header, columns.%s is a number from 1 to %d", column.field, maxCells)
			}
		}
	}
	return nil
}

// checkProof checks how the file proves that it is whole.
func (p *Profile) checkProof() error {
	labels := p.OpeningLabel != "" && p.ClosingLabel != "" && p.OpeningLabel != p.ClosingLabel
	switch p.Proof {
	case ProofRunning:
		if p.Columns.Balance == "" || p.OpeningLabel != "" || p.ClosingLabel != "" {
			return wrongProfile("the proof running needs columns.balance, and no labels")
		}
	case ProofLabels:
		if !labels {
			return wrongProfile("the proof labels needs opening_label and closing_label")
		}
	case ProofNone:
		if p.Columns.Balance != "" || p.OpeningLabel != "" || p.ClosingLabel != "" {
			return wrongProfile("the proof none has no columns.balance and no labels: what the file proves is not left out")
		}
	default:
		return wrongProfile("proof is running, labels or none")
	}
	return nil
}

// mark is what stands before decimals.
func (p *Profile) mark() string { return firstOf(p.Decimal, ".") }

// column is a field of Columns and the column that it names.
type column struct{ field, name string }

// named returns all columns that are named.
func (c *Columns) named() []column {
	all := []column{{"booked", c.Booked}, {"value", c.Value}, {"amount", c.Amount}, {"sign", c.Sign}, {"debit", c.Debit}, {"credit", c.Credit},
		{"currency", c.Currency}, {"account", c.Account}, {"balance", c.Balance}, {"id", c.ID}, {"end_to_end", c.EndToEnd},
		{"mandate", c.Mandate}, {"batch", c.Batch}, {"trace", c.Trace}, {"code", c.Code}}
	for _, name := range c.Text {
		all = append(all, column{"text", name})
	}
	return slices.DeleteFunc(all, func(c column) bool { return c.name == "" })
}

// isName reports whether s is 1 to 40 small letters, digits and hyphens.
func isName(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 40
}
