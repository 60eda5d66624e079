package tabular

// JSON lines: an object that is the header, an object per row with every column in order, and an object that is the trailer.
// Amounts, days and times are strings, whole numbers are numbers, and an empty cell is null.

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// jsonHead is the first line.
type jsonHead struct {
	Report      string      `json:"report"`
	Schema      int         `json:"schema"`
	Book        string      `json:"book"`
	Title       string      `json:"title"`
	Columns     []Column    `json:"columns"`
	Parameters  []Parameter `json:"parameters"`
	RightToLeft bool        `json:"right_to_left"`
}

// jsonEnd is the last line. Its digest is that of all bytes before the line.
type jsonEnd struct {
	End struct {
		Rows   int64   `json:"rows"`
		Totals []Total `json:"totals"`
		SHA256 string  `json:"sha256"`
	} `json:"end"`
}

var jsonEndMark = []byte(`{"end":`)

// jsonForm writes and reads lines.
type jsonForm struct{ *plan }

func appendJSON(b []byte, v any) []byte {
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // texts and numbers always marshal
	}
	return append(b, line.Bytes()...)
}

func (f jsonForm) heading(b []byte) []byte {
	return appendJSON(b, jsonHead{f.Report, f.Schema, f.Book, f.Title, f.Columns, append([]Parameter{}, f.Parameters...), f.RightToLeft})
}

func (f jsonForm) row(b []byte, r Row) []byte {
	for i := range r {
		b = append(b, "{\""...)
		if i > 0 {
			b[len(b)-2] = ','
		}
		b = append(append(b, f.Columns[i].Name...), '"', ':')
		switch r[i].kind {
		case 0:
			b = append(b, "null"...)
		case KindNumber, KindBool:
			b = appendCell(b, r[i])
		case KindText:
			b = appendJSONString(b, r[i].s)
		default:
			b = append(appendCell(append(b, '"'), r[i]), '"')
		}
	}
	return append(b, "}\n"...)
}

// appendJSONString appends clean text as a string of JSON. The two separators of lines that JavaScript knows are escaped, so
// that a line stays one for every reader.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	if plain(s) && !strings.ContainsAny(s, `"\`) {
		return append(append(b, s...), '"')
	}
	for _, r := range s {
		switch r {
		case '"', '\\':
			b = append(b, '\\', byte(r))
		case '\t':
			b = append(b, `\t`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\u2028':
			b = append(b, `\u2028`...)
		case '\u2029':
			b = append(b, `\u2029`...)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

func (f jsonForm) trailer(b []byte, t *tally, digest []byte) []byte {
	var e jsonEnd
	e.End.Rows, e.End.Totals, e.End.SHA256 = t.rows, t.totals(), hexOf(digest)
	return appendJSON(b, e)
}

func (f jsonForm) isTrailer(line []byte) bool { return bytes.HasPrefix(line, jsonEndMark) }

// parseHead reads what heading writes.
func (f jsonForm) parseHead(line []byte) (Header, bool) {
	var head jsonHead
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&head); err != nil {
		return Header{}, false
	}
	return Header{Report: head.Report, Schema: head.Schema, Book: head.Book, Title: head.Title, Columns: head.Columns,
		Parameters: head.Parameters, RightToLeft: head.RightToLeft}, true
}

// parse reads what row writes. It is lenient where the comparison with the row written again is not.
func (f jsonForm) parse(line []byte, r Row) bool {
	var cells [maxColumns]string
	rest := line
	for i := range r {
		var ok bool
		begin := "{\""
		if i > 0 {
			begin = ",\""
		}
		if rest, ok = bytes.CutPrefix(rest, []byte(begin)); !ok {
			return false
		}
		if rest, ok = bytes.CutPrefix(rest, []byte(f.Columns[i].Name)); !ok {
			return false
		}
		if rest, ok = bytes.CutPrefix(rest, []byte("\":")); !ok {
			return false
		}
		if cells[i], rest, ok = jsonCell(rest); !ok {
			return false
		}
	}
	if string(rest) != "}\n" {
		return false
	}
	return f.values(cells[:len(r)], r)
}

// jsonCell takes one value from the front: the text of a string, a number or a truth value, nothing for null.
func jsonCell(b []byte) (s string, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		end := bytes.IndexAny(b, ",}")
		if end < 0 {
			return "", nil, false
		}
		if s = string(b[:end]); s == "null" {
			s = ""
		}
		return s, b[end:], true
	}
	escaped := false
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			if !escaped {
				return string(b[1:i]), b[i+1:], true
			}
			return s, b[i+1:], json.Unmarshal(b[:i+1], &s) == nil
		}
	}
	return "", nil, false
}
