package journal

// CSV by RFC 4180: a heading, a row per entry, and a row without entry for each fact that posts nothing, so that no
// sequence is missing. The first column says what a row is, and its heading is the version of the form.

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// csvHeading names the columns. A change of the columns is a new version.
var csvHeading = []string{"mizan_journal_csv_1", "id", "sequence", "recorded_at", "occurred_at", "period", "effective_period",
	"original_period", "event", "subject", "reference", "line", "account", "amount", "currency", "balance_after",
	"account_version", "external_ref", "live_session", "channel", "campaign", "memo", "metadata", "reverses", "reposts",
	"content_hash", "trailer"}

// Kinds of rows.
const (
	csvEntry   = "entry"
	csvFact    = "fact"
	csvTrailer = "trailer"
)

// csvRows renders. The row is used again for each.
type csvRows struct {
	buffer bytes.Buffer
	rows   *csv.Writer
	row    []string
}

func newCSV() *csvRows {
	c := &csvRows{row: make([]string, len(csvHeading))}
	c.rows = csv.NewWriter(&c.buffer)
	c.rows.UseCRLF = true
	return c
}

// write appends a row.
func (c *csvRows) write(b []byte, row []string) []byte {
	c.buffer.Reset()
	_ = c.rows.Write(row) // into memory, with a comma for a comma: neither fails
	c.rows.Flush()
	return append(b, c.buffer.Bytes()...)
}

func (c *csvRows) head(b []byte, _ *Head) []byte                { return c.write(b, csvHeading) }
func (c *csvRows) account(b []byte, _ *Head, _ *Account) []byte { return b }
func (c *csvRows) opened(b []byte, _ *Head) []byte              { return b }

func (c *csvRows) transaction(b []byte, t *Transaction) []byte {
	clear(c.row)
	row := append(c.row[:0], csvFact, t.ID, strconv.FormatInt(t.Sequence, 10), instant(t.RecordedAt), instant(t.OccurredAt),
		t.Period, t.EffectivePeriod, t.OriginalPeriod, harmless(t.Event), harmless(t.Subject), harmless(t.Reference),
		"", "", "", "", "", "", "", harmless(t.LiveSession), harmless(t.Channel), harmless(t.Campaign), harmless(t.Memo),
		metadataCell(t.Metadata), t.Reverses, t.Reposts, t.ContentHash, "")
	if len(t.Entries) == 0 {
		return c.write(b, row)
	}
	row[0] = csvEntry
	for i := range t.Entries {
		e := &t.Entries[i]
		copy(row[11:], []string{strconv.Itoa(e.Line), harmless(e.Account), e.Amount.Format(e.Currency), string(e.Currency),
			e.BalanceAfter.Format(e.Currency), strconv.FormatInt(e.AccountVersion, 10), harmless(e.ExternalRef)})
		b = c.write(b, row)
	}
	return b
}

// trailer is a row as wide as all others, so that every reader takes it. It stands in a column of its own and leaves those
// of numbers empty, so that no sum is wrong by it.
func (c *csvRows) trailer(b []byte, text string) []byte {
	clear(c.row)
	c.row[0], c.row[len(c.row)-1] = csvTrailer, text
	return c.write(b, c.row)
}

// metadataCell is the metadata as JSON with its keys in order. It begins with a brace and so needs no apostrophe.
func metadataCell(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		panic(err) // a map of strings always marshals
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// formulaMarks are what a spreadsheet takes for the beginning of a formula, in their full-width forms too, and the
// characters that it leaves out before it looks.
const formulaMarks = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"

// harmless puts an apostrophe before text that a spreadsheet would run. Text that begins with an apostrophe gets a second
// one, so that taking one away always gives back what it was. Amounts are never treated so: their minus is one.
func harmless(s string) string {
	first, _ := utf8.DecodeRuneInString(s)
	if s != "" && (first == '\'' || strings.ContainsRune(formulaMarks, first)) {
		return "'" + s
	}
	return s
}
