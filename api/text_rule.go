package api

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
)

// A text rule is what the pattern or the list of values in a struct's tag asks of a text. The patterns that requests use
// are checked by hand, because a sale holds fifty such texts; a test holds each check to its pattern. Any other pattern is
// compiled once.

// The patterns that are checked by hand.
const (
	segmentPattern   = `^[A-Za-z0-9_.-]{1,64}$`
	channelPattern   = `^[A-Za-z0-9_.-]{1,64}(:[A-Za-z0-9_.-]{1,64})?$`
	amountPattern    = `^(0|[1-9][0-9]{0,14})(\.[0-9]{1,3})?$`
	signedPattern    = `^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,3})?$`
	ratePattern      = `^(0|[1-9][0-9]*)(\.[0-9]{1,12})?$`
	currencyPattern  = `^[A-Z]{3}$`
	documentPattern  = `^[!-~]([ -~]{0,126}[!-~])?$`
	referencePattern = `^[!-~]([ -~]{0,253}[!-~])?$`
)

type textRule struct {
	fits          func(string) bool
	code, message string
	// number is what to say of a JSON number; empty if there is nothing particular to say.
	number string
}

const noNumber = "This must be a string such as \"12.50\": JSON numbers lose digits."

var patternRules = map[string]textRule{
	segmentPattern: {fits: ledger.IsSegment, code: "id", message: "This is 1 to 64 of A-Z a-z 0-9 _ . -"},
	channelPattern: {fits: isChannel, code: "channel", message: "This is a word such as app, or a word and an id such as embed:partner-1."},
	amountPattern: {fits: func(s string) bool { return isDecimal(s, 15, 3) }, code: money.ErrAmountFormat.Code,
		message: money.ErrAmountFormat.Message, number: noNumber},
	signedPattern: {fits: func(s string) bool { return isDecimal(strings.TrimPrefix(s, "-"), 15, 3) }, code: money.ErrAmountFormat.Code,
		message: money.ErrAmountFormat.Message, number: noNumber},
	ratePattern: {fits: func(s string) bool { return isDecimal(s, len(s), 12) }, code: money.ErrRateFormat.Code,
		message: money.ErrRateFormat.Message, number: noNumber},
	currencyPattern: {fits: isCurrencyCode, code: money.ErrCurrency.Code, message: money.ErrCurrency.Message},
	documentPattern: {fits: func(s string) bool { return isLabel(s, 128) }, code: "text",
		message: "This is 1 to 128 printable ASCII characters, without a space at either end."},
	referencePattern: {fits: func(s string) bool { return isLabel(s, ledger.MaxReferenceBytes) }, code: "reference",
		message: "A reference is 1 to 255 printable ASCII characters, without a space at either end."},
}

// textRuleOf returns the rule of a field's tag. A text without a rule must not be empty: absence is said by leaving it out.
func textRuleOf(tag reflect.StructTag) textRule {
	if values := tag.Get("enum"); values != "" {
		list := strings.Split(values, ",")
		return textRule{fits: func(s string) bool { return slices.Contains(list, s) }, code: "choice", message: "This must be " + strings.Join(list, " or ") + "."}
	}
	pattern := tag.Get("pattern")
	if pattern == "" {
		return textRule{fits: func(s string) bool { return s != "" }, code: "empty", message: "This must not be empty. Give it a value, or leave it out."}
	}
	if rule, ok := patternRules[pattern]; ok {
		return rule
	}
	return textRule{fits: regexp.MustCompile(pattern).MatchString, code: "format", message: "This is not written as it must be. The API reference has its pattern."}
}

// isChannel accepts a segment, or two joined by a colon.
func isChannel(s string) bool {
	word, id, both := strings.Cut(s, ":")
	return ledger.IsSegment(word) && (!both || ledger.IsSegment(id))
}

// isDecimal accepts digits, at most whole of them and without a needless zero, and then a point and at most decimals more.
func isDecimal(s string, whole, decimals int) bool {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	if i == 0 || i > whole || s[0] == '0' && i > 1 {
		return false
	}
	if i == len(s) {
		return true
	}
	rest := s[i+1:]
	if s[i] != '.' || rest == "" || len(rest) > decimals {
		return false
	}
	for j := range len(rest) {
		if rest[j] < '0' || rest[j] > '9' {
			return false
		}
	}
	return true
}

// isCurrencyCode accepts three capital letters.
func isCurrencyCode(s string) bool {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return len(s) == 3
}

// isLabel accepts 1 to most printable ASCII characters without a space at either end.
func isLabel(s string, most int) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= most && s[0] != ' ' && s[len(s)-1] != ' '
}
