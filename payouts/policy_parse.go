package payouts

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"mizan/ledger/fault"
)

// Reading documents of this package: strict JSON of a bounded size, in which nothing is unknown, written twice or null.

const (
	maxPolicyBytes = 256 << 10
	maxInputsBytes = 64 << 10
	// maxPolicyFields bounds how many fields one refusal names.
	maxPolicyFields = 20
	// maxDepth bounds the nesting; a good document has six levels.
	maxDepth = 16
)

var (
	// ErrPolicyInvalid means that a policy or an override cannot be used; its fields name what is wrong.
	ErrPolicyInvalid = fault.New(fault.Invalid, "payout-policy-invalid", "The payout policy cannot be used. Correct the fields named.")
	// ErrPolicyMissing means that no policy of the market has begun.
	ErrPolicyMissing = fault.New(fault.Conflict, "payout-policy-missing", "No payout policy holds for this market at this time. Add one that begins earlier.")
)

// ParsePolicy reads the document of a policy and checks it. It returns ErrPolicyInvalid with every field found wrong.
func ParsePolicy(content []byte) (*Policy, error) {
	var p Policy
	if err := readStrict(content, maxPolicyBytes, &p); err != nil {
		return nil, ErrPolicyInvalid.Withf("The payout policy cannot be read: %s.", err)
	}
	if fields := p.Check(); len(fields) > 0 {
		return nil, ErrPolicyInvalid.WithFields(fields[:min(len(fields), maxPolicyFields)]...)
	}
	return &p, nil
}

// ParseOverride reads the document of an override. With checks it against its policy.
func ParseOverride(content []byte) (Override, error) {
	var o Override
	if err := readStrict(content, maxPolicyBytes, &o); err != nil {
		return Override{}, ErrPolicyInvalid.Withf("The override cannot be read: %s.", err)
	}
	return o, nil
}

// readStrict reads one document. Its error says what is wrong without repeating the document.
func readStrict(content []byte, limit int, into any) error {
	if len(content) > limit {
		return errors.New("it is too long")
	}
	if !utf8.Valid(content) {
		return errors.New("it is not UTF-8")
	}
	if err := refuseOddities(content); err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return errors.New(inPlainWords(err))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows it")
	}
	return nil
}

// inPlainWords says what is wrong with a document without repeating it.
func inPlainWords(err error) string {
	var known *fault.Error
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &known):
		return strings.TrimSuffix(known.Message, ".")
	case errors.As(err, &kind):
		return "a field has the wrong type"
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "it is no complete JSON"
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		return "it has an unknown field"
	}
	return "a value does not have the form of its field"
}

// level is an object or a list that is being read.
type level struct {
	keys map[string]bool // nil in a list
	key  bool            // a key comes next
}

// refuseOddities refuses what readers understand differently or what says nothing: a key that occurs twice in one object
// or in letters that fold, a null, and deep nesting.
func refuseOddities(content []byte) error {
	var stack []level
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errors.New(inPlainWords(err))
		}
		top := len(stack) - 1
		inObject := top >= 0 && stack[top].keys != nil
		if text, ok := token.(string); ok && inObject && stack[top].key {
			if strings.ContainsFunc(text, func(r rune) bool { return r > '~' }) {
				return errors.New("a key has letters that no field has")
			}
			if stack[top].keys[strings.ToLower(text)] {
				return errors.New("a key occurs twice in one object")
			}
			stack[top].keys[strings.ToLower(text)], stack[top].key = true, false
			continue
		}
		if closes := token == json.Delim('}') || token == json.Delim(']'); closes {
			stack = stack[:top]
			continue
		}
		if inObject {
			stack[top].key = true
		}
		switch token {
		case nil:
			return errors.New("a value is null; leave the field out, or write its value")
		case json.Delim('{'):
			stack = append(stack, level{keys: map[string]bool{}, key: true})
		case json.Delim('['):
			stack = append(stack, level{})
		}
		if len(stack) > maxDepth {
			return errors.New("it is nested too deeply")
		}
	}
}
