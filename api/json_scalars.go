package api

import (
	"strings"
	"unicode"
	"unicode/utf16"
)

// Numbers and strings of strict JSON, as RFC 8259 writes them.

// number reads a number by the grammar of RFC 8259 and returns it as written.
func (p *parser) number() (string, error) {
	start := p.pos
	digits := func() bool {
		from := p.pos
		for p.pos < len(p.src) && p.src[p.pos] >= '0' && p.src[p.pos] <= '9' {
			p.pos++
		}
		return p.pos > from
	}
	at := func(c byte) bool { return p.pos < len(p.src) && p.src[p.pos] == c }
	if at('-') {
		p.pos++
	}
	if at('0') {
		p.pos++
	} else if !digits() {
		return "", p.broken("a number is not written as JSON asks")
	}
	if at('.') {
		p.pos++
		if !digits() {
			return "", p.broken("a number is not written as JSON asks")
		}
	}
	if at('e') || at('E') {
		p.pos++
		if at('+') || at('-') {
			p.pos++
		}
		if !digits() {
			return "", p.broken("a number is not written as JSON asks")
		}
	}
	return p.src[start:p.pos], nil
}

// text reads a string whose opening quote was consumed. Without escapes it is a part of the source.
func (p *parser) text() (string, error) {
	start := p.pos
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; {
		case c == '"':
			p.pos++
			return p.src[start : p.pos-1], nil
		case c == '\\':
			return p.escaped(start)
		case c < ' ':
			return "", p.broken("a control character stands in a string")
		}
		p.pos++
	}
	return "", p.broken("a string does not end")
}

// escaped continues text at the first escape.
func (p *parser) escaped(start int) (string, error) {
	var b strings.Builder
	b.WriteString(p.src[start:p.pos])
	for p.pos < len(p.src) {
		c := p.src[p.pos]
		switch {
		case c == '"':
			p.pos++
			return b.String(), nil
		case c < ' ':
			return "", p.broken("a control character stands in a string")
		case c != '\\':
			b.WriteByte(c)
			p.pos++
			continue
		}
		r, err := p.escape()
		if err != nil {
			return "", err
		}
		b.WriteRune(r)
	}
	return "", p.broken("a string does not end")
}

// escape reads one escape sequence, or the two that make a surrogate pair.
func (p *parser) escape() (rune, error) {
	if p.pos+1 >= len(p.src) {
		return 0, p.broken("a string does not end")
	}
	c := p.src[p.pos+1]
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		p.pos += 2
		return rune("\"\\/\b\f\n\r\t"[i]), nil
	}
	r, ok := p.hex4()
	if !ok {
		return 0, p.broken("an escape sequence is not one of JSON's")
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	low, ok := p.hex4()
	if pair := utf16.DecodeRune(r, low); ok && pair != unicode.ReplacementChar {
		return pair, nil
	}
	return 0, p.broken("half a surrogate pair stands alone")
}

// hex4 consumes \uXXXX.
func (p *parser) hex4() (rune, bool) {
	if len(p.src)-p.pos < 6 || p.src[p.pos] != '\\' || p.src[p.pos+1] != 'u' {
		return 0, false
	}
	var r rune
	for i := p.pos + 2; i < p.pos+6; i++ {
		c := p.src[i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	p.pos += 6
	return r, true
}
