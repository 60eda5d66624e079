package console

import (
	"encoding/xml"
	"net/url"
	"strings"
)

// served are the fields of the page's form for an address as a browser would send them, untouched.
func (p page) served(action string) url.Values {
	fields := url.Values{}
	d := xml.NewDecoder(strings.NewReader(p.source))
	d.Entity = xml.HTMLEntity
	in, list, area, chosen := false, "", "", false
	for {
		token, err := d.Token()
		if err != nil {
			return fields
		}
		switch token := token.(type) {
		case xml.CharData:
			if area != "" {
				fields.Set(area, fields.Get(area)+string(token))
			}
		case xml.StartElement:
			a := map[string]string{}
			for _, x := range token.Attr {
				a[x.Name.Local] = x.Value
			}
			_, ticked := a["checked"]
			_, selected := a["selected"]
			switch name := token.Name.Local; {
			case name == "form":
				in = a["action"] == action
			case !in:
			case name == "select":
				list, chosen = a["name"], false
			case name == "option" && list != "" && (selected || !chosen && !fields.Has(list)):
				fields.Set(list, a["value"])
				chosen = chosen || selected
			case name == "textarea":
				area = a["name"]
				fields.Set(area, "")
			case name == "input" && a["type"] != "file" && (a["type"] != "checkbox" || ticked):
				fields.Add(a["name"], a["value"])
			}
		case xml.EndElement:
			switch token.Name.Local {
			case "form":
				in = false
			case "select":
				list = ""
			case "textarea":
				area = ""
			}
		}
	}
}
