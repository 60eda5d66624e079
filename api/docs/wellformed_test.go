package docs

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// What a page may consist of. Anything else came from somewhere it should not have come from.
var (
	allowedTags = strings.Fields("html head meta title link body a header img span main article nav div section h1 h2 h3 h4 p ul ol li " +
		"blockquote pre code hr table thead tbody tr th td strong em details summary")
	allowedAttributes = strings.Fields("lang dir charset name content rel type href src alt width height class id role aria-label " +
		"aria-current tabindex scope")
)

// markup is what a test wants to know of a page.
type markup struct {
	IDs, Links, Tags []string
	Text             string
}

// readMarkup parses HTML as XML, strictly, and refuses whatever a page may not consist of.
func readMarkup(page string) (m markup, err error) {
	d := xml.NewDecoder(strings.NewReader(page))
	d.Entity = xml.HTMLEntity
	var text strings.Builder
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			m.Text = text.String()
			return m, nil
		}
		if err != nil {
			return m, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if !slices.Contains(allowedTags, token.Name.Local) {
				return m, fmt.Errorf("element %s", token.Name.Local)
			}
			m.Tags = append(m.Tags, token.Name.Local)
			if err := m.attributes(token.Attr); err != nil {
				return m, err
			}
		case xml.CharData:
			text.Write(token)
		case xml.Comment, xml.ProcInst:
			return m, errors.New("a comment or an instruction")
		}
	}
}

func (m *markup) attributes(attributes []xml.Attr) error {
	seen := map[string]bool{}
	for _, a := range attributes {
		name := a.Name.Local
		switch {
		case seen[name] || !slices.Contains(allowedAttributes, name):
			return fmt.Errorf("attribute %s", name)
		case name == "id" && slices.Contains(m.IDs, a.Value):
			return fmt.Errorf("the id %q twice", a.Value)
		case name == "id":
			m.IDs = append(m.IDs, a.Value)
		case name == "href":
			if !safeAddress(a.Value) {
				return fmt.Errorf("the address %q", a.Value)
			}
			m.Links = append(m.Links, a.Value)
		}
		seen[name] = true
	}
	return nil
}
