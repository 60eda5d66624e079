package api

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// Bodies that grow from working ones: JSON is changed as a tree, so that what comes out is often still JSON and reaches beyond the reader,
// and as text, so that it is often none.

// literal is a piece of JSON as it is written, jsonMember one of an object, whose names may repeat.
type (
	literal    string
	jsonMember struct {
		name  literal
		value any
	}
	object []jsonMember
)

// treeOf reads JSON that is well-formed into literals, objects and []any.
func treeOf(t testing.TB, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var read func() any
	read = func() any {
		token, err := d.Token()
		if err != nil && err != io.EOF {
			t.Fatalf("%v: %.200s", err, text)
		}
		switch token {
		case json.Delim('{'):
			all := object{}
			for d.More() {
				name, _ := read().(literal)
				all = append(all, jsonMember{name, read()})
			}
			_, _ = d.Token()
			return all
		case json.Delim('['):
			all := []any{}
			for d.More() {
				all = append(all, read())
			}
			_, _ = d.Token()
			return all
		}
		b, _ := json.Marshal(token)
		return literal(b)
	}
	return read()
}

// appendTree writes a tree.
func appendTree(b []byte, v any) []byte {
	switch v := v.(type) {
	case literal:
		return append(b, v...)
	case []any:
		b = append(b, '[')
		for i, x := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendTree(b, x)
		}
		return append(b, ']')
	case object:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendTree(append(append(b, m.name...), ':'), m.value)
		}
		return append(b, '}')
	}
	return b
}

// nodes counts the values of a tree.
func nodes(v any) int {
	n := 1
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			n += nodes(x)
		}
	case object:
		for _, m := range v {
			n += nodes(m.value)
		}
	}
	return n
}

// altered is a tree in which the value number n, counted from the root, is another one.
func altered(v any, n *int, by func(any) any) any {
	if *n--; *n < 0 {
		return by(v)
	}
	switch v := v.(type) {
	case []any:
		all := slices.Clone(v)
		for i := range all {
			if all[i] = altered(all[i], n, by); *n < 0 {
				return all
			}
		}
		return all
	case object:
		all := slices.Clone(v)
		for i := range all {
			if all[i].value = altered(all[i].value, n, by); *n < 0 {
				return all
			}
		}
		return all
	}
	return v
}

// sentCanary is what somebody sends about a person, and must never be logged, nor repeated by a refusal.
const sentCanary = "Yvonne Sent-Canary"

// liveMarkup must never come out of a page as it went in.
const liveMarkup = "<script>x77</script>"

// hostileValues are values that some reader takes for something else, or for too much.
var hostileValues = []literal{
	`null`, `true`, `false`, `0`, `-0`, `-1`, `1.5`, `1e5`, `1E400`, `1e-400`, `0.1e1`, `9007199254740993`, `9223372036854775807`, `9223372036854775808`, `-9223372036854775809`, `18446744073709551616`,
	literal(strings.Repeat("9", 400)), `01`, `+1`, `.5`, `1.`, `0x10`, `NaN`, `Infinity`, `-Infinity`, `undefined`, `'x'`, `{}`, `[]`, `[[]]`, `{"a":{}}`, `[null]`, `[{}]`, `{"":0}`,
	`""`, `" "`, `"\u0000"`, `"\ud800"`, `"\udc00\ud800"`, `"\ud83d\ude00"`, `"` + "\xff\xfe" + `"`, `"` + "\xc0\xaf" + `"`, `"` + "\xed\xa0\x80" + `"`, `"\u202e\u2066"`, `"\u200b"`, `"e\u0301"`, `"\ufeff"`, `"ﬀ"`, `"İ"`, `"\u2028"`,
	`"\t\n\r"`, `"` + "\x01" + `"`, `"` + "\n" + `"`, `"\x41"`, `"\u00zz"`, `"-1.00"`, `"0.00"`, `"00.01"`, `"1e3"`, `"1,00"`, `"1.000"`, `"0.001"`, `"99999999999999999999999.99"`, `"922337203685477.58"`, `"92233720368547758.08"`, `"٣.00"`, `"1.00 "`, `"GBP"`, `"gbp"`, `"XXX"`,
	`"2026-02-30T00:00:00Z"`, `"0000-01-01T00:00:00Z"`, `"9999-12-31T23:59:60Z"`, `"2026-11-20T10:00:00+99:99"`, `"-292277022399-01-01T00:00:00Z"`, `"2026-11-20"`, `"2026-W01"`, `"debit"`, `"credit"`, `"'; DROP TABLE entries;--"`, `"$1"`, `"%00"`, `"../../etc/passwd"`,
	`"=cmd|' /C calc'!A1"`, `"{{.}}"`, `"` + liveMarkup + `"`, `"` + sentCanary + `"`, `"4242424242424242"`, `"javascript:alert(1)"`, `"http://169.254.169.254/"`, `"assets:processor:pending:stripe_uk"`, `"liabilities:seller:available:sel_uk"`, `"a:b:c:d:e:f:g:h:i:j"`,
	literal(`"` + strings.Repeat("a", 256) + `"`), literal(`"` + strings.Repeat("é", 3000) + `"`), literal(`"` + strings.Repeat("x", 70_000) + `"`), literal(strings.Repeat("[", 40) + strings.Repeat("]", 40)), literal(strings.Repeat("[", 9000) + strings.Repeat("]", 9000)),
	literal(strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70)), literal("[" + strings.Repeat("1,", 3000) + "1]"),
}

// alterTree makes one change to a tree. words are names and ids that there are.
func alterTree(r *rand.Rand, v any, words []string) any {
	at := r.IntN(nodes(v))
	return altered(v, &at, func(v any) any {
		word := literal(strconv.Quote(words[r.IntN(len(words))]))
		switch v := v.(type) {
		case object:
			if len(v) == 0 || r.IntN(4) == 0 {
				break
			}
			i, all := r.IntN(len(v)), slices.Clone(v)
			switch r.IntN(6) {
			case 0:
				return slices.Delete(all, i, i+1)
			case 1:
				return append(all, all[i])
			case 2:
				return append(all, jsonMember{word, all[i].value})
			case 3:
				all[i].name = literal(strings.ToUpper(string(all[i].name)))
			case 4:
				r.Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] })
			default:
				all[i].value = v[r.IntN(len(v))].value
			}
			return all
		case []any:
			if len(v) == 0 || r.IntN(4) == 0 {
				break
			}
			i := r.IntN(len(v))
			switch r.IntN(3) {
			case 0:
				return slices.Delete(slices.Clone(v), i, i+1)
			case 1:
				return append(slices.Clone(v), v[i])
			default:
				return slices.Repeat([]any{v[i]}, 1+r.IntN(300))
			}
		case literal:
			if len(v) < 4 || v[0] != '"' {
				break
			}
			i := 1 + r.IntN(len(v)-2)
			switch r.IntN(6) {
			case 0:
				return v[:i] + `"`
			case 1:
				return v[:i] + literal(rune(' '+r.IntN(95))) + v[i:]
			case 2:
				return word
			case 3:
				return `"` + v[1:len(v)-1] + v[1:]
			case 4:
				return literal(strings.ToUpper(string(v)))
			}
		}
		switch r.IntN(8) {
		case 0:
			return []any{v}
		case 1:
			return object{{word, v}}
		case 2:
			return word
		}
		return hostileValues[r.IntN(len(hostileValues))]
	})
}

// spoiledJSON makes something of JSON that no reader may accept.
func spoiledJSON(r *rand.Rand, text string) string {
	switch r.IntN(9) {
	case 0:
		return text[:1+r.IntN(len(text)-1)]
	case 1:
		return text + text
	case 2:
		return text[:len(text)-1] + ",}"
	case 3:
		return "\xef\xbb\xbf" + text
	case 4:
		var wide []byte
		for _, c := range utf16.Encode([]rune(text)) {
			wide = append(wide, byte(c), byte(c>>8))
		}
		return string(wide)
	case 5:
		return strings.Repeat("[", 100_000)
	case 6:
		return "/* */" + text
	case 7:
		return "'" + strings.ReplaceAll(text, `"`, `'`)
	default:
		return `{"a":1,"a":` + text + `}`
	}
}

// alterText changes a text in one place, as bytes or as lines.
func alterText(r *rand.Rand, text string) string {
	if text == "" {
		return strings.Repeat("\x00", r.IntN(9))
	}
	i := r.IntN(len(text))
	j := min(len(text), i+1+r.IntN(40))
	switch r.IntN(9) {
	case 0:
		return text[:i]
	case 1:
		return text[:i] + text[j:]
	case 2:
		return text[:i] + string([]byte{text[i] ^ 1<<r.IntN(8)}) + text[i+1:]
	case 3:
		return text[:j] + text[i:]
	case 4:
		value := string(hostileValues[r.IntN(len(hostileValues))])
		return text[:i] + strings.Trim(value, `"`) + text[j:]
	case 5:
		lines := strings.SplitAfter(text, "\n")
		k := r.IntN(len(lines))
		return strings.Join(slices.Insert(slices.Clone(lines), k, lines[r.IntN(len(lines))]), "")
	case 6:
		return strings.ReplaceAll(text, "\n", []string{"\r", "\r\n", "", "\n\n", "\x00"}[r.IntN(5)])
	case 7:
		return text[:i] + strings.Repeat(text[i:j], 1+r.IntN(400)) + text[j:]
	default:
		return []string{"\xef\xbb\xbf", "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>", "\"", ",,,,", "\x1f\x8b", "=1+1,", "PK\x03\x04"}[r.IntN(7)] + text
	}
}
