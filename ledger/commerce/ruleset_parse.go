package commerce

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Reading rule sets: a strict document of a bounded size, then every rule by itself and the rules together.

// maxRuleSetBytes bounds the document of a rule set.
const maxRuleSetBytes = 256 << 10

var (
	// ErrRuleSetInvalid means that a rule set breaks a rule; its fields name which.
	ErrRuleSetInvalid = fault.New(fault.Invalid, "rule-set-invalid", "The rule set cannot be used. Correct the fields named.")
	// ErrRuleCurrency means that a rule has an amount, and none in the order's currency.
	ErrRuleCurrency = fault.New(fault.Conflict, "rule-currency",
		"A rule of the set in force has a flat amount, a minimum or a cap, and none in this currency. Add a rule set that has it.")
)

// ID names the version of the set: "uk-1".
func (s *RuleSet) ID() string { return s.Set + "-" + strconv.Itoa(s.Version) }

// ParseRuleSet reads the document of a rule set and checks it. It returns ErrRuleSetInvalid with every field found wrong.
func ParseRuleSet(content []byte) (*RuleSet, error) {
	s, err := decodeRuleSet(content)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(content) {
		return nil, ErrRuleSetInvalid.With("The rule set cannot be read: it is not UTF-8.")
	}
	if hasNull(content) {
		return nil, ErrRuleSetInvalid.With("The rule set cannot be read: a value is null, and nobody can tell what it was meant to be. Leave the field out, or write its value.")
	}
	if fields := s.Check(); len(fields) > 0 {
		return nil, ErrRuleSetInvalid.WithFields(fields...)
	}
	return s, nil
}

// decodeRuleSet reads the document without judging what it says.
func decodeRuleSet(content []byte) (*RuleSet, error) {
	if len(content) > maxRuleSetBytes {
		return nil, ErrRuleSetInvalid.Withf("A rule set has at most %d bytes.", maxRuleSetBytes)
	}
	if err := refuseDuplicates(content); err != nil {
		return nil, ErrRuleSetInvalid.Withf("The rule set cannot be read: %s.", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	var s RuleSet
	if err := decoder.Decode(&s); err != nil {
		return nil, ErrRuleSetInvalid.Withf("The rule set cannot be read: %s.", readable(err)).Because(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, ErrRuleSetInvalid.With("The rule set cannot be read: something follows it.")
	}
	if s.Rules == nil { // so that a set without them is not written as null
		s.Rules = []Rule{}
	}
	if s.Policies.Dispute.PlatformReasons == nil {
		s.Policies.Dispute.PlatformReasons = []string{}
	}
	return &s, nil
}

// hasNull reports whether a readable document has a null. The decoder would read one as goods_list in a base, as a rate of
// nothing, or as no cap. It is asked of new documents only: those that books have stay readable.
func hasNull(content []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if err != nil {
			return false
		}
		if token == nil {
			return true
		}
	}
}

// readable says what is wrong with a document without repeating it.
func readable(err error) string {
	var e *fault.Error
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &e):
		return strings.TrimSuffix(e.Message, ".")
	case errors.As(err, &kind):
		return "the field " + strconv.Quote(kind.Field) + " has the wrong type"
	case errors.As(err, &syntax):
		return "it is no JSON at byte " + strconv.FormatInt(syntax.Offset, 10)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends too early"
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		return "it has an unknown field"
	}
	return "it does not have the form of a rule set"
}

// maxRuleSetDepth bounds the nesting of a rule set's document; a good one has six levels.
const maxRuleSetDepth = 16

// refuseDuplicates refuses a document with a key that occurs twice in one object: readers would disagree about it.
func refuseDuplicates(content []byte) error {
	type frame struct {
		keys map[string]bool // nil in a list
		key  bool            // a key comes next
	}
	var stack []frame
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errors.New(readable(err))
		}
		top := len(stack) - 1
		if text, ok := token.(string); ok && top >= 0 && stack[top].key {
			if strings.ContainsFunc(text, func(r rune) bool { return r > '~' }) { // readers fold such letters differently
				return errors.New("a key has letters that no field has")
			}
			folded := strings.ToLower(text)
			if stack[top].keys[folded] {
				return errors.New("a key occurs twice in one object")
			}
			stack[top].keys[folded], stack[top].key = true, false
			continue
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			if len(stack) == maxRuleSetDepth {
				return errors.New("it is nested too deeply")
			}
			f := frame{}
			if token == json.Delim('{') {
				f = frame{keys: map[string]bool{}, key: true}
			}
			if top >= 0 && stack[top].keys != nil {
				stack[top].key = true
			}
			stack = append(stack, f)
			continue
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:top]
			continue
		}
		if top >= 0 && stack[top].keys != nil {
			stack[top].key = true
		}
	}
}

var errComponent = fault.New(fault.Invalid, "base-component",
	"A base is made of goods_list, seller_discount, platform_discount, shipping, gift_wrap, tax_added and tax_included, each with a minus sign in front if it is taken off.")

// MarshalText writes a term as it stands in rules: "-seller_discount".
func (t Term) MarshalText() ([]byte, error) {
	if t.Component >= components {
		return nil, errComponent
	}
	if t.Negative {
		return []byte("-" + componentNames[t.Component]), nil
	}
	return []byte(componentNames[t.Component]), nil
}

// UnmarshalText reads a term.
func (t *Term) UnmarshalText(text []byte) error {
	name, negative := strings.CutPrefix(string(text), "-")
	for i, known := range componentNames {
		if name == known {
			*t = Term{Component(i), negative}
			return nil
		}
	}
	return errComponent
}

// MarshalJSON writes amounts as decimal strings.
func (a Amounts) MarshalJSON() ([]byte, error) {
	texts := make(map[money.Currency]string, len(a))
	for c, m := range a {
		texts[c] = m.Format(c)
	}
	return json.Marshal(texts)
}

// UnmarshalJSON reads amounts of active currencies, each more than zero.
func (a *Amounts) UnmarshalJSON(content []byte) error {
	var texts map[string]string
	if err := json.Unmarshal(content, &texts); err != nil {
		return err
	}
	*a = make(Amounts, len(texts))
	for code, text := range texts {
		c, err := money.ParseCurrency(code)
		if err != nil {
			return err
		}
		m, err := money.ParsePositive(text, c)
		if err != nil {
			return err
		}
		if m > maxEventAmount || m%c.PostingUnit() != 0 {
			return money.ErrUnit
		}
		(*a)[c] = m
	}
	return nil
}

// usableIn returns ErrRuleCurrency if the rule has amounts and none in the currency.
func (r *Rule) usableIn(c money.Currency) error {
	for _, a := range []Amounts{r.Flat, r.Min, r.Cap} {
		if _, ok := a[c]; len(a) > 0 && !ok {
			return ErrRuleCurrency.Withf("The rule %s of the set in force has amounts, and none in %s. Add a rule set that has it.", r.ID, c)
		}
	}
	return nil
}
