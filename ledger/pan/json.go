package pan

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
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

// Number is Certain for a JSON number, which can hide its digits behind a sign, a point and an exponent.
func Number(s string) bool {
	s = strings.TrimPrefix(s, "-")
	if len(s) < shortest {
		return false // without enough digits, whatever the exponent
	}
	return Certain(s) || strings.ContainsAny(s, ".eE") && Certain(whole(s))
}

// whole writes a number of the size of a card without point and exponent, and returns nothing for others.
func whole(s string) string {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	before, after, _ := strings.Cut(mantissa, ".")
	shift := 0
	if exponent != "" {
		var err error
		if shift, err = strconv.Atoi(exponent); err != nil {
			return ""
		}
	}
	digits, size := before+after, len(before)+shift
	if size < shortest || size > len(s)+longest || size > len(digits)+longest {
		return ""
	}
	if size < len(digits) {
		return strings.TrimLeft(digits[:size], "0")
	}
	return strings.TrimLeft(digits+strings.Repeat("0", size-len(digits)), "0")
}
