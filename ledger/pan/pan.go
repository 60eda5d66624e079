package pan

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Finding card numbers. Nearly all text holds none, and saying so must cost nothing: of a text without digits only every
// fourteenth byte is looked at, because no card number fits between two bytes that cannot be part of one.

const (
	shortest = 14
	longest  = 19
)

// Found reports whether the text holds a card number. Masked numbers are none.
func Found(s string) bool { return search(s, 0, true) }

// Certain is Found for what shops and marketplaces write, whose ids are often 14 digits without a gap: those pass here,
// because one in ten would be taken for a card of Diners Club by accident.
func Certain(s string) bool { return search(s, 0, false) }

// Given is the rule for what a caller writes: Certain for a single word, which is an id more often than not, and Found for
// all other text.
func Given(s string) bool { return search(s, 0, strings.ContainsFunc(s, unicode.IsSpace)) }

// search looks for a card number that ends after the first judged bytes. If there are any, the text was cut on its left, and
// nothing that begins there is whole. Bare says whether 14 digits without a gap count.
func search(s string, judged int, bare bool) bool {
	return pointedCard(s, judged) || parted(s, judged, bare)
}

// parted is search for digits with nothing, spaces or dashes between them.
func parted(s string, judged int, bare bool) bool {
	for i := shortest - 1; i < len(s); {
		if !within[s[i]] {
			i += shortest
			continue
		}
		at := i
		for at > 0 && i-at < utf8.UTFMax-1 && !utf8.RuneStart(s[at]) {
			at--
		}
		r, size := utf8.DecodeRuneInString(s[at:])
		if digit(r) < 0 && !gap(r) {
			i = max(at+size, i+1) + shortest - 1
			continue
		}
		low, high := at, at+size
		for low > 0 {
			r, size := utf8.DecodeLastRuneInString(s[:low])
			if digit(r) < 0 && !gap(r) {
				break
			}
			low -= size
		}
		for high < len(s) {
			r, size := utf8.DecodeRuneInString(s[high:])
			if digit(r) < 0 && !gap(r) {
				break
			}
			high += size
		}
		l := line{text: s, low: low, high: high, judged: judged, bare: bare}
		if l.holds() {
			return true
		}
		i = high + shortest
	}
	return false
}

// within says of each byte whether it may be part of a digit or of a gap.
var within = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	t[' '], t['-'] = true, true
	for c := utf8.RuneSelf; c < len(t); c++ {
		t[c] = true
	}
	return t
}()

// digit returns what a digit of any script stands for, -1 for anything else.
func digit(r rune) int {
	if r < utf8.RuneSelf {
		if r >= '0' && r <= '9' {
			return int(r - '0')
		}
		return -1
	}
	if !unicode.Is(unicode.Nd, r) {
		return -1
	}
	// The digits of a script follow one another from zero to nine.
	for _, t := range unicode.Nd.R16 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return int(r-rune(t.Lo)) % 10
		}
	}
	for _, t := range unicode.Nd.R32 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return int(r-rune(t.Lo)) % 10
		}
	}
	return -1
}

// gap reports whether a rune is a space or a dash as people and programs write them between digits, or cannot be seen.
func gap(r rune) bool {
	switch {
	case r == ' ' || r == '-':
		return true
	case r < utf8.RuneSelf:
		return false
	}
	return unicode.In(r, unicode.Zs, unicode.Pd, unicode.Cf) || r == '\u2212'
}

// group is digits without a gap. Of more than longest only their number is known.
type group struct {
	digits     [longest]byte
	count      int
	start, end int  // in the text
	touched    bool // by a letter, or by what was cut off
}

// shapes are the ways in which card numbers are printed; between other digits only these are taken for one.
var shapes = [...][]int{{4, 4, 4, 4}, {4, 6, 5}, {4, 6, 4}, {4, 4, 4, 2}, {4, 4, 4, 4, 3}, {6, 13}}

// most is how many groups the longest shape has.
const most = 5

// line is a part of a text that holds only digits and gaps.
type line struct {
	text      string
	low, high int
	judged    int
	bare      bool

	last  [most]group // the latest groups of the run, the newest at (count-1) % most
	count int
	all   group // the whole run, its gaps left out
}

// holds reports whether one of the line's runs is, or contains, a card number. Two gaps in a row end a run.
func (l *line) holds() bool {
	gaps := 2
	for at := l.low; at < l.high; {
		r, size := utf8.DecodeRuneInString(l.text[at:])
		d := digit(r)
		switch {
		case d >= 0 && gaps > 1:
			l.count, l.all = 0, group{start: at}
			l.open(at)
		case d >= 0 && gaps == 1:
			l.open(at)
		}
		if d >= 0 {
			gaps = 0
			g := l.newest()
			g.add(byte(d))
			l.all.add(byte(d))
			g.end, l.all.end = at+size, at+size
		} else if gaps++; gaps == 1 {
			if l.closed() {
				return true
			}
		} else if gaps == 2 && l.whole() {
			return true
		}
		at += size
	}
	if gaps == 0 && l.closed() {
		return true
	}
	return gaps < 2 && l.whole()
}

func (g *group) add(d byte) {
	if g.count < longest {
		g.digits[g.count] = d
	}
	g.count++
}

func (l *line) open(at int) {
	l.count++
	*l.newest() = group{start: at, touched: at == l.low && l.touchedBefore()}
}

func (l *line) newest() *group { return &l.last[(l.count-1)%most] }

// back returns one of the latest groups: 0 is the newest.
func (l *line) back(n int) *group { return &l.last[(l.count-1-n)%most] }

// touchedBefore reports whether a letter stands right before the line, or a decimal point that makes of it a fraction.
func (l *line) touchedBefore() bool {
	if l.low == 0 {
		return l.judged > 0
	}
	r, size := utf8.DecodeLastRuneInString(l.text[:l.low])
	if r == '.' || r == ',' {
		before, _ := utf8.DecodeLastRuneInString(l.text[:l.low-size])
		return r == '.' && digit(before) >= 0
	}
	return unicode.IsLetter(r)
}

func (l *line) touchedAfter() bool {
	r, _ := utf8.DecodeRuneInString(l.text[l.high:])
	return l.high < len(l.text) && unicode.IsLetter(r)
}

// closed judges the group that has just ended, by itself and as the end of each shape.
func (l *line) closed() bool {
	g := l.newest()
	g.touched = g.touched || g.end == l.high && l.touchedAfter()
	l.all.touched = l.all.touched || g.touched
	if g.count >= shortest && (g.count > shortest || l.bare) && l.card(g) {
		return true
	}
	for _, shape := range shapes {
		if l.ends(shape) {
			return true
		}
	}
	return false
}

// ends reports whether the latest groups are a card number of the shape.
func (l *line) ends(shape []int) bool {
	if l.count < len(shape) {
		return false
	}
	joined := group{start: l.back(len(shape) - 1).start, end: l.newest().end}
	for i, size := range shape {
		g := l.back(len(shape) - 1 - i)
		if g.count != size || g.touched {
			return false
		}
		for _, d := range g.digits[:size] {
			joined.add(d)
		}
	}
	return l.card(&joined)
}

// whole judges the run that has just ended, however its digits are grouped.
func (l *line) whole() bool { return l.count > 1 && l.card(&l.all) }

// card reports whether digits are a card number, and were not judged before.
func (l *line) card(g *group) bool {
	if g.touched || g.count > longest || g.end <= l.judged {
		return false
	}
	digits := g.digits[:g.count]
	return issued(digits) && luhn(digits) && !insideIBAN(l.text, g.start, g.end)
}

// issued reports whether an issuer we know gives out numbers of that beginning and length.
func issued(d []byte) bool {
	if len(d) < shortest {
		return false
	}
	two := int(d[0])*10 + int(d[1])
	four := two*100 + int(d[2])*10 + int(d[3])
	switch len(d) {
	case 14: // Diners Club
		return four >= 3000 && four <= 3059 || two == 36 || two == 38 || two == 39
	case 15: // American Express
		return two == 34 || two == 37
	case 16:
		return d[0] == 4 || // Visa
			two >= 51 && two <= 55 || four >= 2221 && four <= 2720 || // Mastercard
			four == 6011 || four >= 6440 && four <= 6499 || two == 65 || // Discover
			four >= 3528 && four <= 3589 || // JCB
			two == 62 // UnionPay
	case 19:
		return d[0] == 4 || two == 62
	}
	return false
}

// luhn reports whether the last digit checks the others.
func luhn(d []byte) bool {
	sum := 0
	for i, x := range d {
		n := int(x)
		if (len(d)-i)%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}
