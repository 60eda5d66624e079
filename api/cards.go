package api

import (
	"net/url"
	"strings"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/pan"
)

// Card numbers are refused wherever a request can hold one: in texts and keys of its body, in its path and in its query.
// The refusal says where it stood and never repeats it, and nothing of the request is stored.

// cardPlace says where in a value a card number stands.
type cardPlace uint8

const (
	inText cardPlace = 1 << iota
	inKey
	told // in an answer
)

// shortestCard is how few bytes hold a card number.
const shortestCard = 14

const panDetected, panMessage = "pan-detected", "This holds a card number, which is never stored here. Leave it out, or send only its last four digits."

// cardNumberAt refuses a request for the card number at the pointer.
func cardNumberAt(pointer string) error {
	return ledger.ErrInvalid.At(pointer, panDetected, panMessage)
}

// cardNumbers names the card numbers under the decoder's root of which no other decoder has told, nil if there are none. It
// comes before all else that is wrong, so that nothing repeats them.
func (d *decoder) cardNumbers() error {
	end := len(d.nodes)
	if next := d.nodes[d.root].next; next != 0 {
		end = int(next) // what lies under a node stands between it and the next one
	}
	var fields []fault.Field
	for n := d.root; int(n) < end; n++ {
		nd := &d.nodes[n]
		if nd.card == 0 || nd.card&told != 0 || !d.below(n) {
			continue
		}
		nd.card |= told
		d.cards--
		if len(fields) < maxFields {
			fields = append(fields, fault.Field{Pointer: d.pointer(d.root, d.nameable(n)), Code: panDetected, Message: panMessage})
		}
	}
	if fields == nil {
		return nil
	}
	return ledger.ErrInvalid.WithFields(fields...)
}

// nameable returns the lowest node above n, or n itself, that a pointer can name without a key that holds a card number.
func (d *decoder) nameable(n int32) int32 {
	named := n
	for ; n != d.root; n = d.nodes[n].parent {
		if d.nodes[n].card&inKey != 0 {
			named = d.nodes[n].parent
		}
	}
	return named
}

// below reports whether a node lies under the decoder's root, or is it.
func (d *decoder) below(n int32) bool {
	for n != d.root && n != 0 {
		n = d.nodes[n].parent
	}
	return n == d.root
}

// readDocument is readBody for a document that is read elsewhere. It also returns the refusal of card numbers.
func (c *call) readDocument() (string, error) {
	text, err := c.readBody()
	if err != nil {
		return "", err
	}
	if between(text) > maxNodes { // these are read value by value, which costs far more than they weigh
		return "", errValues
	}
	if !pan.Document([]byte(text)) {
		return text, nil
	}
	t, err := parseJSON(text, maxBatchNodes)
	if err != nil {
		return "", cardNumberAt("")
	}
	defer t.release()
	d := decoder{tree: t}
	if err := d.cardNumbers(); err != nil {
		return "", err
	}
	return "", cardNumberAt("")
}

// withoutCards refuses a card number in the path.
func (c *call) withoutCards() error {
	if !pan.Given(c.r.URL.Path) {
		return nil
	}
	for rest := c.op.Path; ; {
		_, after, more := strings.Cut(rest, "{")
		if !more {
			return cardNumberAt("path:")
		}
		name, next, _ := strings.Cut(after, "}")
		if value, err := url.PathUnescape(c.param(name)); err == nil && pan.Given(value) {
			return cardNumberAt("path:" + name)
		}
		rest = next
	}
}
