package tabular

// CSV by RFC 4180, in UTF-8: a record with the names of the columns, a record per row, each ended by CR LF. Line breaks inside a
// cell stay what they are, so that what is read is what was written.

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"
)

const byteOrderMark = "\ufeff"

// csvEnd begins the trailer. Text that begins so is guarded, so no row is taken for a trailer.
const csvEnd = "#end "

// formulaMarks are what a spreadsheet takes for the beginning of a formula, in their full-width forms too, and the characters
// that it leaves out before it looks.
const formulaMarks = "=+-@\t\r\n\x00\uff1d\uff0b\uff0d\uff20"

// guarded reports whether text gets an apostrophe in front: because a spreadsheet would run it, because it begins with an
// apostrophe itself, or because it looks like the trailer. So one apostrophe is always taken off again if there is one.
func guarded(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	return s != "" && (first == '\'' || strings.ContainsRune(formulaMarks, first)) || strings.HasPrefix(s, csvEnd)
}

// csvForm writes and reads records.
type csvForm struct{ *plan }

func (f csvForm) heading(b []byte) []byte {
	if f.CSV.Mark {
		b = append(b, byteOrderMark...)
	}
	for i := range f.Columns {
		b = append(f.separate(b, i), f.Columns[i].Name...)
	}
	return append(b, "\r\n"...)
}

func (f csvForm) separate(b []byte, i int) []byte {
	if i == 0 {
		return b
	}
	return append(b, f.CSV.Separator...)
}

func (f csvForm) row(b []byte, r Row) []byte {
	for i := range r {
		b = f.separate(b, i)
		if r[i].kind == KindText {
			b = appendText(b, r[i].s)
		} else if b = appendCell(b, r[i]); r[i].kind == 0 && len(r) == 1 {
			b = append(b, `""`...) // an empty line would be no record to most readers
		}
	}
	return append(b, "\r\n"...)
}

// appendText appends a text, guarded and quoted where needed. Quotes stand around everything that any dialect separates by, and
// around blanks at the ends, which some readers take away.
func appendText(b []byte, s string) []byte {
	quote := strings.ContainsAny(s, "\",;\t\r\n") || s[0] == ' ' || s[len(s)-1] == ' '
	if quote {
		b = append(b, '"')
	}
	if guarded(s) {
		b = append(b, '\'')
	}
	if !quote {
		return append(b, s...)
	}
	for i := range len(s) {
		if s[i] == '"' {
			b = append(b, '"')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

// trailer is a record as wide as all others, so that every reader takes it. Only its first cell is filled, so that no sum is
// wrong by it.
func (f csvForm) trailer(b []byte, t *tally, digest []byte) []byte {
	if !f.CSV.Trailer {
		return b
	}
	b = append(b, csvEnd+"rows="...)
	b = strconv.AppendInt(b, t.rows, 10)
	b = hex.AppendEncode(append(b, " sha256="...), digest)
	for range len(f.Columns) - 1 {
		b = append(b, f.CSV.Separator...)
	}
	return append(b, "\r\n"...)
}

func (f csvForm) isTrailer(line []byte) bool { return bytes.HasPrefix(line, []byte(csvEnd)) }

// parse reads what row writes. It is lenient where the comparison with the row written again is not.
func (f csvForm) parse(line []byte, r Row) bool {
	rest, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return false
	}
	var cells [maxColumns]string
	for i := range r {
		if i > 0 {
			if rest, ok = bytes.CutPrefix(rest, []byte(f.CSV.Separator)); !ok {
				return false
			}
		}
		if cells[i], rest, ok = f.cell(rest); !ok {
			return false
		}
	}
	for i := range r {
		if f.Columns[i].Kind == KindText {
			cells[i] = strings.TrimPrefix(cells[i], "'")
		}
	}
	return len(rest) == 0 && f.values(cells[:len(r)], r)
}

// cell takes one cell from the front of a record.
func (f csvForm) cell(b []byte) (s string, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		end := bytes.IndexByte(b, f.CSV.Separator[0])
		if end < 0 {
			end = len(b)
		}
		return string(b[:end]), b[end:], true
	}
	b = b[1:]
	end := bytes.IndexByte(b, '"')
	if end >= 0 && (end+1 == len(b) || b[end+1] != '"') {
		return string(b[:end]), b[end+1:], true
	}
	text := make([]byte, 0, len(b))
	for {
		end := bytes.IndexByte(b, '"')
		if end < 0 {
			return "", nil, false
		}
		text = append(text, b[:end]...)
		if b = b[end+1:]; len(b) == 0 || b[0] != '"' {
			return string(text), b, true
		}
		text, b = append(text, '"'), b[1:]
	}
}
