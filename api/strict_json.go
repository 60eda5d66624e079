package api

import (
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/pan"
)

// Strict JSON: RFC 8259 without the freedoms that let two readers see two documents. One pass over the text builds a
// small tree; numbers keep their digits as written. Refused as malformed: text that is not UTF-8, a byte order mark, half
// a surrogate pair, a key that occurs twice in an object (also written with escapes, or in other letter case), nesting
// deeper than maxDepth, and anything after the value. It does no I/O.

// ErrJSON means that a body is not JSON as this service reads it.
var ErrJSON = fault.New(fault.Malformed, "malformed-json", "The body cannot be read as JSON. Send one JSON object in UTF-8, each key once.")

// errValues means that a body has more values than it may.
var errValues = ledger.ErrInvalid.At("", "too-many-values", "The body holds more values than any request needs. Split it.")

const (
	// maxDepth bounds nesting, and with it the parser's recursion.
	maxDepth = 32
	// maxMembers bounds the keys of one object. It also bounds the search for duplicates, which compares all pairs.
	maxMembers = 100
)

type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonBool
	jsonNumber
	jsonString
	jsonArray
	jsonObject
)

// node is one value of the tree. Children are a list: child is the first, next the following one; 0 ends the list,
// because node 0 is the root and nobody's child.
type node struct {
	kind                jsonKind
	card                cardPlace
	hash                uint32 // of the key, letter case aside
	parent, child, next int32
	count               int32 // of children
	key                 string
	text                string // a decoded string, or a number or literal as written
}

const (
	// bytesPerNode is about what a value of our requests takes in the text, with its key.
	bytesPerNode = 20
	// maxPooledNodes is the largest tree whose memory is kept: that of a batch of a thousand sales twice over.
	maxPooledNodes = 100_000
)

// tree is a parsed document. It refers to the text it was parsed from. Cards counts the values with card numbers of which
// nobody has been told.
type tree struct {
	nodes []node
	cards int
}

var trees = sync.Pool{New: func() any { return &tree{nodes: make([]node, 0, 128)} }}

// release gives the tree's memory back. Strings taken from it stay valid.
func (t *tree) release() {
	if cap(t.nodes) > maxPooledNodes {
		return
	}
	clear(t.nodes) // or the pool would keep whole bodies alive
	t.nodes, t.cards = t.nodes[:0], 0
	trees.Put(t)
}

// parseJSON reads one document of at most maxNodes values. It returns ErrJSON, or ledger.ErrInvalid for a document that
// holds more than any request of ours can mean.
func parseJSON(src string, maxNodes int) (*tree, error) {
	if !utf8.ValidString(src) {
		return nil, ErrJSON.With("The body is not valid UTF-8. Send it encoded in UTF-8.")
	}
	if strings.HasPrefix(src, "\ufeff") {
		return nil, ErrJSON.With("The body begins with a byte order mark. Send it without one.")
	}
	p := parser{src: src, tree: trees.Get().(*tree), max: maxNodes}
	p.tree.nodes = slices.Grow(p.tree.nodes, min(expected(src), maxNodes)+1)
	p.space()
	if p.pos == len(src) {
		p.tree.release()
		return nil, ErrJSON.With("The body is empty. Send one JSON object.")
	}
	err := p.value(0, "", 0)
	if err == nil {
		p.space()
		if p.pos < len(src) {
			err = p.broken("something follows the value")
		}
	}
	if err != nil {
		p.tree.release()
		return nil, err
	}
	return p.tree, nil
}

// expected is about how many values a text has. In a large one they are counted by what stands between them, because a text of nothing but
// small values would have the tree grow, and be copied, many times.
func expected(src string) int {
	if len(src) < 64<<10 {
		return len(src) / bytesPerNode
	}
	return between(src)
}

// between counts what stands before values, in texts too, so that a text has at most one value more.
func between(src string) int {
	return strings.Count(src, ",") + strings.Count(src, "[") + strings.Count(src, "{")
}

type parser struct {
	src   string
	pos   int
	depth int
	max   int
	tree  *tree
}

// broken says what is wrong and where, without repeating what was sent.
func (p *parser) broken(what string) error {
	return ErrJSON.Withf("The body is not JSON as it must be sent: %s at byte %d. Correct the request.", what, p.pos)
}

func (p *parser) space() {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// add appends a node and returns its index.
func (p *parser) add(kind jsonKind, parent int32, key string, hash uint32) int32 {
	p.tree.nodes = append(p.tree.nodes, node{kind: kind, parent: parent, key: key, hash: hash})
	n := int32(len(p.tree.nodes) - 1)
	p.judge(n, key, inKey)
	return n
}

// value reads the value that begins at the current position.
func (p *parser) value(parent int32, key string, hash uint32) error {
	if p.pos >= len(p.src) {
		return p.broken("it ends too early")
	}
	if len(p.tree.nodes) >= p.max {
		return errValues
	}
	switch c := p.src[p.pos]; {
	case c == '"':
		n := p.add(jsonString, parent, key, hash)
		p.pos++
		text, err := p.text()
		p.tree.nodes[n].text = text
		p.judge(n, text, inText)
		return err
	case c == '{':
		return p.object(p.add(jsonObject, parent, key, hash))
	case c == '[':
		return p.array(p.add(jsonArray, parent, key, hash))
	case c == '-' || c >= '0' && c <= '9':
		n := p.add(jsonNumber, parent, key, hash)
		text, err := p.number()
		p.tree.nodes[n].text = text
		if pan.Number(text) {
			p.mark(n, inText)
		}
		return err
	}
	for _, literal := range [...]struct {
		text string
		kind jsonKind
	}{{"null", jsonNull}, {"true", jsonBool}, {"false", jsonBool}} {
		if strings.HasPrefix(p.src[p.pos:], literal.text) {
			n := p.add(literal.kind, parent, key, hash)
			p.tree.nodes[n].text = literal.text
			p.pos += len(literal.text)
			return nil
		}
	}
	return p.broken("unexpected character")
}

// judge remembers a card number in the text of a node.
func (p *parser) judge(n int32, text string, place cardPlace) {
	if len(text) >= shortestCard && pan.Given(text) {
		p.mark(n, place)
	}
}

// mark remembers a card number.
func (p *parser) mark(n int32, place cardPlace) {
	if p.tree.nodes[n].card == 0 {
		p.tree.cards++
	}
	p.tree.nodes[n].card |= place
}

// descend enters an object or array and consumes its opening character.
func (p *parser) descend() error {
	if p.depth++; p.depth > maxDepth {
		return p.broken("it is nested more than 32 levels deep")
	}
	p.pos++
	p.space()
	return nil
}

// closes consumes the closing character, or the comma before another element. done says which it was.
func (p *parser) closes(closing byte) (done bool, err error) {
	p.space()
	if p.pos >= len(p.src) {
		return false, p.broken("it ends too early")
	}
	switch p.src[p.pos] {
	case closing:
		p.pos++
		p.depth--
		return true, nil
	case ',':
		p.pos++
		p.space()
		return false, nil
	}
	return false, p.broken("a comma or the end of the list is missing")
}

func (p *parser) array(self int32) error {
	if err := p.descend(); err != nil {
		return err
	}
	if p.pos < len(p.src) && p.src[p.pos] == ']' {
		p.pos++
		p.depth--
		return nil
	}
	last := int32(0)
	for {
		index := int32(len(p.tree.nodes))
		if err := p.value(self, "", 0); err != nil {
			return err
		}
		last = p.link(self, last, index)
		if done, err := p.closes(']'); done || err != nil {
			return err
		}
	}
}

// link appends the node at index to the children of self, after last, and returns it as the new last one.
func (p *parser) link(self, last, index int32) int32 {
	if last == 0 {
		p.tree.nodes[self].child = index
	} else {
		p.tree.nodes[last].next = index
	}
	p.tree.nodes[self].count++
	return index
}

func (p *parser) object(self int32) error {
	if err := p.descend(); err != nil {
		return err
	}
	if p.pos < len(p.src) && p.src[p.pos] == '}' {
		p.pos++
		p.depth--
		return nil
	}
	last := int32(0)
	for {
		if p.pos >= len(p.src) || p.src[p.pos] != '"' {
			return p.broken("a key in double quotes is missing")
		}
		p.pos++
		key, err := p.text()
		if err != nil {
			return err
		}
		hash := foldHash(key)
		if err := p.unique(self, key, hash); err != nil {
			return err
		}
		if p.space(); p.pos >= len(p.src) || p.src[p.pos] != ':' {
			return p.broken("a colon is missing")
		}
		p.pos++
		p.space()
		index := int32(len(p.tree.nodes))
		if err := p.value(self, key, hash); err != nil {
			return err
		}
		last = p.link(self, last, index)
		if done, err := p.closes('}'); done || err != nil {
			return err
		}
	}
}

// unique refuses a key that the object has already, letter case aside.
func (p *parser) unique(self int32, key string, hash uint32) error {
	if p.tree.nodes[self].count >= maxMembers {
		return ledger.ErrInvalid.At(p.tree.pointer(0, self), "too-many-members", "The object has more than 100 keys, which no request of this service needs.")
	}
	for i := p.tree.nodes[self].child; i != 0; i = p.tree.nodes[i].next {
		if p.tree.nodes[i].hash == hash && strings.EqualFold(p.tree.nodes[i].key, key) {
			return p.broken("a key occurs twice in one object, or differs from another only in letter case,")
		}
	}
	return nil
}

// foldHash hashes a key so that keys equal under strings.EqualFold have equal hashes.
func foldHash(s string) uint32 {
	const prime = 16777619
	h := uint32(2166136261)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf {
			return foldHashRunes(s)
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		h = (h ^ uint32(c)) * prime
	}
	return h
}

// foldHashRunes is foldHash for keys with letters beyond ASCII, some of which fold to ASCII: U+212A is a k.
func foldHashRunes(s string) uint32 {
	const prime = 16777619
	h := uint32(2166136261)
	for _, r := range s {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		if least >= 'A' && least <= 'Z' {
			least += 'a' - 'A'
		}
		h = (h ^ uint32(least)) * prime
	}
	return h
}
