package api

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/pan"
)

// Decoding: from a parsed document to a request, naming every field that is wrong (up to maxFields) by its RFC 6901
// pointer. A decoder judges shape and type; what a value means is for the ledger to judge.

// maxFields bounds how many offending fields one answer names.
const maxFields = 20

// maxPointerKey is the longest key of the caller's that a pointer repeats.
const maxPointerKey = 64

// repeatable reports whether the name that a caller gave a member or a parameter may stand in an answer: it is short and
// plain, and nothing that somebody put there by mistake and must not be shown.
func repeatable(name string) bool {
	return len(name) <= maxPointerKey && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '@' }) &&
		!access.LooksSecret(name) && !pan.Found(name) && !pan.Account(name)
}

// pointer returns the RFC 6901 pointer of a node, seen from root. A member whose name must not be repeated is named like what
// holds it.
func (t *tree) pointer(root, n int32) string {
	if n == root {
		return ""
	}
	nd := &t.nodes[n]
	above := t.pointer(root, nd.parent)
	if !repeatable(nd.key) {
		return above
	}
	if t.nodes[nd.parent].kind == jsonArray {
		index := 0
		for i := t.nodes[nd.parent].child; i != n; i = t.nodes[i].next {
			index++
		}
		return above + "/" + strconv.Itoa(index)
	}
	return above + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(nd.key)
}

// decoder collects what is wrong with one document.
type decoder struct {
	*tree
	root  int32 // where pointers begin: the document, or one item of a batch
	wrong []fault.Field
	// refusal is why nothing of the document can be judged, such as a type of event that does not exist.
	refusal error
}

// bad reports a wrong node.
func (d *decoder) bad(n int32, code, message string) {
	if len(d.wrong) < maxFields {
		d.wrong = append(d.wrong, fault.Field{Pointer: d.pointer(d.root, n), Code: code, Message: message})
	}
}

// unknown reports a member that no request has.
func (d *decoder) unknown(n int32) {
	const code, message = "unknown-field", "There is no such field here. Remove it, or correct its name."
	d.bad(n, code, message)
}

// missing reports a member that an object lacks.
func (d *decoder) missing(object int32, name string) {
	if len(d.wrong) < maxFields {
		d.wrong = append(d.wrong, fault.Field{Pointer: d.pointer(d.root, object) + "/" + name, Code: "required", Message: "This field is required."})
	}
}

// err returns the refusal, ledger.ErrInvalid with all that is wrong, or nil.
func (d *decoder) err() error {
	if d.cards > 0 {
		if err := d.cardNumbers(); err != nil {
			return err
		}
	}
	if d.refusal != nil {
		return d.refusal
	}
	if len(d.wrong) == 0 {
		return nil
	}
	return ledger.ErrInvalid.WithFields(d.wrong...)
}

// refuse refuses the whole document because of one node.
func (d *decoder) refuse(n int32, err error) {
	var e *fault.Error
	if d.refusal = err; errors.As(err, &e) {
		d.refusal = e.At(d.pointer(d.root, n), e.Code, e.Message)
	}
}

// is reports whether a node has the kind, and reports it as wrong if not.
func (d *decoder) is(n int32, kind jsonKind) bool {
	nd := &d.nodes[n]
	if nd.kind == kind {
		return true
	}
	if nd.kind == jsonNull {
		d.bad(n, "null", "This must not be null. Give it a value, or leave it out if it is optional.")
		return false
	}
	d.bad(n, "type", "This must be "+[...]string{
		jsonNull: "null", jsonBool: "true or false", jsonNumber: "a number", jsonString: "a string", jsonArray: "a list", jsonObject: "an object",
	}[kind]+".")
	return false
}

// text returns a required string.
func (d *decoder) text(n int32) string {
	if !d.is(n, jsonString) {
		return ""
	}
	return d.nodes[n].text
}

// filled returns the string of an optional member, which must not be empty: absence is said by leaving it out.
func (d *decoder) filled(n int32) string {
	if !d.is(n, jsonString) {
		return ""
	}
	if d.nodes[n].text == "" {
		d.bad(n, "empty", "This must not be empty. Give it a value, or leave it out.")
	}
	return d.nodes[n].text
}

// boolean returns true or false.
func (d *decoder) boolean(n int32) bool {
	return d.is(n, jsonBool) && d.nodes[n].text == "true"
}

// instant returns a time.
func (d *decoder) instant(n int32) time.Time {
	if !d.is(n, jsonString) {
		return time.Time{}
	}
	at, ok := parseInstant(d.nodes[n].text)
	switch {
	case !ok:
		d.bad(n, "date-time", instantMessage)
	case at.Before(earliest): // among them the zero time, which would mean that it was left out
		d.bad(n, "date-range", "A business time lies after 2000-01-01.")
	}
	return at
}

// texts returns an object of strings. Values may be empty.
func (d *decoder) texts(n int32) map[string]string {
	if !d.is(n, jsonObject) || d.nodes[n].count == 0 {
		return nil
	}
	m := make(map[string]string, d.nodes[n].count)
	for i := d.nodes[n].child; i != 0; i = d.nodes[i].next {
		if !ledger.IsSegment(d.nodes[i].key) {
			d.bad(n, "metadata-key", "A key is 1 to 64 of A-Z a-z 0-9 _ . -")
			return nil
		}
		m[d.nodes[i].key] = d.text(i)
	}
	return m
}
