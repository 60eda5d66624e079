// The XML of camt.053 comes from outside, so it is read through a guard: no document types, no entities, no nesting without
// end, no tag that would fill the memory, and not more records than a file may have.

package evidence

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

const (
	// maxDepth is how deep elements may stand; the schema's own depth is below it.
	maxDepth = 40
	// maxTag is how many bytes one tag may have: the decoder holds all its attributes in memory.
	maxTag = 16 << 10
	// maxChildren is how many elements may stand in one, besides those that a statement has one of for each line.
	maxChildren = 1_000
)

var (
	errForbiddenXML = errors.New("it has a document type or another declaration that statements do not have")
	errDepth        = errors.New("its elements stand too deep")
	errChildren     = errors.New("an element has more than a thousand others in it")
	errRecords      = errors.New("too many records")
)

// guarded is an XML decoder that refuses what statements do not have.
type guarded struct {
	inner *xml.Decoder
	// open has the number of children of each element that is open.
	open []int
	// records has the number of each element that stands once for each line.
	records map[string]int
}

// newGuarded returns a decoder of content. Names are those of the elements without their namespace, so that every version of
// the message reads the same.
func newGuarded(content []byte) (*xml.Decoder, error) {
	content = bytes.TrimPrefix(content, byteOrder)
	if !shortTags(content) {
		return nil, errForbiddenXML
	}
	inner := xml.NewDecoder(bytes.NewReader(content))
	inner.CharsetReader = func(label string, input io.Reader) (io.Reader, error) {
		encoding := strings.ToLower(label)
		switch encoding {
		case "us-ascii", "latin1":
			encoding = "iso-8859-1"
		case "windows-1252", "iso-8859-1", "iso-8859-15":
		default:
			return nil, errEncoding
		}
		raw, err := io.ReadAll(input)
		if err != nil {
			return nil, err
		}
		s, err := fromBytes(raw, encoding == "windows-1252")
		if encoding == "iso-8859-15" {
			s = latin9.Replace(s)
		}
		return strings.NewReader(s), err
	}
	return xml.NewTokenDecoder(&guarded{inner: inner, records: map[string]int{}}), nil
}

// shortTags reports whether every tag ends before the decoder would have to hold much of it.
func shortTags(content []byte) bool {
	for {
		start := bytes.IndexByte(content, '<')
		if start < 0 {
			return true
		}
		content = content[start+1:]
		end := bytes.IndexByte(content, '>')
		if end < 0 {
			return len(content) <= maxTag
		}
		if end > maxTag {
			return false
		}
		content = content[end+1:]
	}
}

// Token returns the next token that a statement may have.
func (g *guarded) Token() (xml.Token, error) {
	token, err := g.inner.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case xml.StartElement:
		if err := g.begin(t.Name.Local); err != nil {
			return nil, err
		}
	case xml.EndElement:
		g.open = g.open[:len(g.open)-1] // the decoder refuses an end without its start
	case xml.Directive:
		return nil, errForbiddenXML
	case xml.ProcInst:
		if t.Target != "xml" {
			return nil, errForbiddenXML
		}
	}
	return token, nil
}

// begin counts an element that begins.
func (g *guarded) begin(name string) error {
	switch name {
	case "Stmt", "Ntry", "NtryDtls", "TxDtls":
		if g.records[name]++; g.records[name] > MaxLines {
			return errRecords
		}
	default:
		if n := len(g.open); n > 0 {
			if g.open[n-1]++; g.open[n-1] > maxChildren {
				return errChildren
			}
		}
	}
	if len(g.open) == maxDepth {
		return errDepth
	}
	g.open = append(g.open, 0)
	return nil
}

// xmlTrouble says what is wrong with the XML, without repeating it.
func xmlTrouble(err error) error {
	switch {
	case errors.Is(err, errRecords):
		return tooMany("100,000 lines")
	case errors.Is(err, errEncoding), errors.Is(err, errForbiddenXML), errors.Is(err, errDepth), errors.Is(err, errChildren), errors.Is(err, errNotText):
		return unreadable("The file", err.Error())
	}
	return unreadable("The file", "it is no complete XML, or no text in its encoding")
}
