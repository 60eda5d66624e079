package pan

import (
	"bytes"
	"encoding/json"
)

// Message reports whether a text, key or number of a JSON document of somebody else holds a card number by the rule of
// Certain. What is no JSON is looked at as it stands.
func Message(body []byte) bool { return document(body, Certain) }

// Document is Message by the rule of Given.
func Document(body []byte) bool { return document(body, Given) }

func document(body []byte, holds func(string) bool) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return holds(string(body[d.InputOffset():])) // nothing, at the end of a document
		}
		switch t := token.(type) {
		case string:
			if holds(t) {
				return true
			}
		case json.Number:
			if Number(t.String()) {
				return true
			}
		}
	}
}
