package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// A document is JSON for people: one line a member, in the order it was written, every number as it was written. Nothing
// in it can change how the page around it reads.

type document struct {
	Lines []documentLine
	// Text is the whole document, indented; More says that it is longer than a page shows.
	Text string
	More bool
	// most bounds the lines.
	most int
}

// documentLine is a member. A line without a value heads the lines below it, which are one deeper.
type documentLine struct {
	Name, Value string
	// Word is the key of what stands for a value that is not written as it is, such as nothing.
	Word  string
	Head  bool
	Depth int
}

const (
	documentLines = 200
	documentBytes = 32 << 10
	documentDepth = 16
	// longDocumentLines is for documents that fill a page of their own, such as policies.
	longDocumentLines = 1000
	// indents is how deep the stylesheet shows lines apart.
	indents = 4
)

// documentOf reads a document. What is no JSON is shown as text.
func documentOf(raw json.RawMessage) document { return documentUpTo(raw, documentLines) }

func documentUpTo(raw json.RawMessage, most int) document {
	d := document{most: most}
	if len(raw) == 0 {
		return d
	}
	var indented bytes.Buffer
	if json.Indent(&indented, raw, "", "  ") != nil {
		indented.Reset()
		indented.Write(raw)
	}
	text := indented.Bytes()
	if len(text) > documentBytes {
		text, d.More = text[:documentBytes], true
	}
	d.Text = plain(string(bytes.ToValidUTF8(text, []byte("\ufffd"))))
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := d.value(decoder, "", -1); err != nil && !errors.Is(err, errDocumentLong) {
		d.Lines = nil
	}
	return d
}

var errDocumentLong = errors.New("the document is longer than a page shows")

// value adds the next value of the decoder under a name. The outermost has none.
func (d *document) value(from *json.Decoder, name string, depth int) error {
	if len(d.Lines) >= d.most || depth > documentDepth {
		d.More = true
		return errDocumentLong
	}
	token, err := from.Token()
	if err != nil {
		return err
	}
	begin, nested := token.(json.Delim)
	if !nested {
		value, word := scalar(token)
		d.line(documentLine{Name: name, Value: value, Word: word, Depth: max(depth, 0)})
		return nil
	}
	if !from.More() {
		d.line(documentLine{Name: name, Value: "nothing", Word: "shared.value.nothing", Depth: max(depth, 0)})
	} else if depth >= 0 {
		d.line(documentLine{Name: name, Head: true, Depth: depth})
	}
	for i := 1; from.More(); i++ {
		inner := strconv.Itoa(i)
		if begin == '{' {
			key, err := from.Token()
			if err != nil {
				return err
			}
			inner = words(fmt.Sprint(key))
		}
		if err := d.value(from, inner, depth+1); err != nil {
			return err
		}
	}
	_, err = from.Token()
	return err
}

func (d *document) line(l documentLine) {
	l.Depth = min(l.Depth, indents)
	d.Lines = append(d.Lines, l)
}

// words writes a member's name as words.
func words(name string) string { return strings.ReplaceAll(plain(name), "_", " ") }

// scalar writes a value, and names the words that say it where it is none that can be written as it is.
func scalar(token json.Token) (value, word string) {
	switch v := token.(type) {
	case nil:
		return "nothing", "shared.value.nothing"
	case bool:
		if v {
			return "yes", "shared.value.yes"
		}
		return "no", "shared.value.no"
	case string:
		if v == "" {
			return "empty", "shared.value.empty"
		}
		if len(v) > documentBytes/8 {
			return plain(strings.ToValidUTF8(v[:documentBytes/8], "")) + " …", ""
		}
		return plain(v), ""
	default:
		return fmt.Sprint(v), ""
	}
}

// plain makes characters visible that would change how text around them reads, such as those that turn its direction. Line
// breaks and tabs stay.
func plain(s string) string {
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func hidden(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) || unicode.Is(unicode.Co, r))
}
