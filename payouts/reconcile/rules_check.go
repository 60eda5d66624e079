package reconcile

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Rules as people write them: one JSON object that says everything, so that nothing is meant by leaving it out. Amounts are whole
// minor units, because the currency "" stands for all that are not named.

// MaxRules is the size of the largest document of rules, in bytes.
const MaxRules = 16 << 10

// The bounds of rules. They are wide: they keep a slip of the hand out, and leave the judgement to two people.
const (
	mostTrueUp   = 100_000
	mostLimit    = 1_000_000_000_00
	mostRuleDays = 366
	mostAgeing   = 8
	mostWindow   = 31
	mostMostPart = 12
)

// rulesForm is the form of the rules' document. Pointers tell what is left out.
type rulesForm struct {
	FeeTrueUp           map[string]int64 `json:"fee_true_up"`
	TrueUpLimit         map[string]int64 `json:"true_up_limit"`
	FxTolerance         *int64           `json:"fx_tolerance"`
	Suspend             *bool            `json:"suspend"`
	SuspendLimit        map[string]int64 `json:"suspend_limit"`
	Land                *bool            `json:"land"`
	WindowDays          *int             `json:"window_days"`
	MostParts           *int             `json:"most_parts"`
	ProcessorDays       *int             `json:"processor_days"`
	BankDays            *int             `json:"bank_days"`
	ChannelDays         *int             `json:"channel_days"`
	LedgerDays          *int             `json:"ledger_days"`
	TransitDays         *int             `json:"transit_days"`
	Ageing              []int            `json:"ageing"`
	SuspenseBlocksAfter *int             `json:"suspense_blocks_after"`
	Owners              map[Class]string `json:"owners"`
}

// classes are all classes of breaks.
var classes = []Class{MissingInLedger, MissingAtProcessor, MissingAtBank, AmountDiffers, FeeDiffers, CurrencyDiffers, FxDiffers, SignDiffers, Duplicate, Timing,
	PeriodCut, Split, Merged, Ambiguous, UnknownReceipt, StaleInTransit, PayoutReturned, PayoutLinesDiffer, MatchNotFunded, Unclassified, EvidenceChanged, EvidenceIncomplete,
	BalanceDiffers, UnknownField}

var ownerForm = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// ParseRules reads a document of rules and checks it. What is wrong is named by its place; what was given is never repeated. It
// returns ErrRulesInvalid.
func ParseRules(document []byte) (Rules, error) {
	if len(document) > MaxRules {
		return Rules{}, ErrRulesInvalid.At("", "size", "The rules are at most 16 KiB.")
	}
	if repeatedMember(document) {
		return Rules{}, ErrRulesInvalid.At("", "repeated", "A member stands in it twice. Keep one of them.")
	}
	var d rulesForm
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return Rules{}, ErrRulesInvalid.At("", "form", "The rules are one JSON object with the members that the handbook names, whole numbers for amounts and days.")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Rules{}, ErrRulesInvalid.At("", "form", "The rules are one JSON object, and nothing after it.")
	}
	c := rulesCheck{}
	r := Rules{
		FeeTrueUp: c.amounts("/fee_true_up", d.FeeTrueUp, mostTrueUp), TrueUpLimit: c.amounts("/true_up_limit", d.TrueUpLimit, mostLimit),
		SuspendLimit: c.amounts("/suspend_limit", d.SuspendLimit, mostLimit),
		WindowDays:   c.number("/window_days", d.WindowDays, 0, mostWindow), MostParts: c.number("/most_parts", d.MostParts, 2, mostMostPart),
		ProcessorDays: c.number("/processor_days", d.ProcessorDays, 0, mostRuleDays), BankDays: c.number("/bank_days", d.BankDays, 0, mostRuleDays),
		ChannelDays: c.number("/channel_days", d.ChannelDays, 0, mostRuleDays), LedgerDays: c.number("/ledger_days", d.LedgerDays, 0, mostRuleDays),
		TransitDays: c.number("/transit_days", d.TransitDays, 1, mostRuleDays), Ageing: c.ageing(d.Ageing),
		SuspenseBlocksAfter: c.number("/suspense_blocks_after", d.SuspenseBlocksAfter, 0, mostRuleDays), Owners: c.owners(d.Owners),
		Suspend: c.flag("/suspend", d.Suspend), Land: c.flag("/land", d.Land),
	}
	switch {
	case d.FxTolerance == nil:
		c.bad("/fx_tolerance", "required", "Say it, even if it is 0.")
	case *d.FxTolerance < 0 || *d.FxTolerance > 1000:
		c.bad("/fx_tolerance", "range", "The rounding of a rate is 0 to 1000 minor units.")
	default:
		r.FxTolerance = money.Minor(*d.FxTolerance)
	}
	if len(c.fields) > 0 {
		return Rules{}, ErrRulesInvalid.WithFields(c.fields...)
	}
	return r, nil
}

// rulesCheck collects what is wrong with rules.
type rulesCheck struct{ fields []fault.Field }

func (c *rulesCheck) bad(pointer, code, message string) {
	c.fields = append(c.fields, fault.Field{Pointer: pointer, Code: code, Message: message})
}

func (c *rulesCheck) number(pointer string, n *int, least, most int) int {
	switch {
	case n == nil:
		c.bad(pointer, "required", "Say it, even if it is 0.")
		return 0
	case *n < least || *n > most:
		c.bad(pointer, "range", "This number is outside of what it can be. The handbook's page on reconciliation names the bounds.")
	}
	return *n
}

func (c *rulesCheck) flag(pointer string, v *bool) bool {
	if v == nil {
		c.bad(pointer, "required", "Say true or false.")
		return false
	}
	return *v
}

func (c *rulesCheck) amounts(pointer string, m map[string]int64, most int64) map[money.Currency]money.Minor {
	if _, ok := m[""]; !ok {
		c.bad(pointer, "required", "Name the amount of the currency \"\", which stands for all that are not named.")
	}
	out := make(map[money.Currency]money.Minor, len(m))
	for name, n := range m {
		if name != "" {
			if _, err := money.ParseCurrency(name); err != nil {
				c.bad(pointer, "currency", "One of these is no currency.")
				break
			}
		}
		if n < 0 || n > most {
			c.bad(pointer, "range", "One of these amounts is below zero or above what rules may allow.")
			break
		}
		out[money.Currency(name)] = money.Minor(n)
	}
	return out
}

func (c *rulesCheck) ageing(ends []int) []int {
	if len(ends) == 0 || len(ends) > mostAgeing {
		c.bad("/ageing", "count", "Give 1 to 8 ends of age classes.")
		return nil
	}
	for i, end := range ends {
		if end < 0 || end > 3660 || i > 0 && end <= ends[i-1] {
			c.bad("/ageing", "ascending", "The ends of age classes are days that go up, 0 to 3660.")
			return nil
		}
	}
	return slices.Clone(ends)
}

func (c *rulesCheck) owners(m map[Class]string) map[Class]string {
	if m[""] == "" {
		c.bad("/owners", "required", "Name the team of the class \"\", which stands for all that are not named.")
	}
	for class, owner := range m {
		if class != "" && !slices.Contains(classes, class) {
			c.bad("/owners", "class", "One of these is no class of breaks. The handbook's page on reconciliation lists them.")
			break
		}
		if !ownerForm.MatchString(owner) {
			c.bad("/owners", "owner", "A team is 1 to 64 letters, digits, dots, dashes and underscores.")
			break
		}
	}
	return maps.Clone(m)
}

// Canonical is the document of the rules, the same bytes for the same rules.
func (r Rules) Canonical() []byte {
	plain := func(m map[money.Currency]money.Minor) map[string]int64 {
		out := make(map[string]int64, len(m))
		for c, n := range m {
			out[string(c)] = int64(n)
		}
		return out
	}
	fx := int64(r.FxTolerance)
	document, err := compactJSON(rulesForm{FeeTrueUp: plain(r.FeeTrueUp), TrueUpLimit: plain(r.TrueUpLimit), FxTolerance: &fx, Suspend: &r.Suspend,
		SuspendLimit: plain(r.SuspendLimit), Land: &r.Land, WindowDays: &r.WindowDays, MostParts: &r.MostParts, ProcessorDays: &r.ProcessorDays, BankDays: &r.BankDays,
		ChannelDays: &r.ChannelDays, LedgerDays: &r.LedgerDays, TransitDays: &r.TransitDays, Ageing: r.Ageing, SuspenseBlocksAfter: &r.SuspenseBlocksAfter, Owners: r.Owners})
	if err != nil {
		panic(err) // strings and numbers can be written
	}
	return document
}

// Digest is the SHA-256 of the canonical document.
func (r Rules) Digest() [32]byte { return sha256.Sum256(r.Canonical()) }

// limit is the amount of a currency in a map whose currency "" stands for all others.
func limit(m map[money.Currency]money.Minor, c money.Currency) money.Minor {
	if n, ok := m[c]; ok {
		return n
	}
	return m[""]
}

// due reports whether what a source shows has waited for the books long enough to be put into suspense.
func (r Rules) due(happened, at time.Time) bool {
	return !at.Before(happened.Add(time.Duration(r.LedgerDays) * 24 * time.Hour))
}

// repeatedMember reports whether a member stands twice in an object of the document. Broken documents are judged elsewhere.
func repeatedMember(document []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	type level struct {
		object bool
		key    bool
		seen   map[string]bool
	}
	var open []level
	for {
		token, err := decoder.Token()
		if err != nil {
			return false
		}
		top := len(open) - 1
		if name, ok := token.(string); ok && top >= 0 && open[top].object && open[top].key {
			if open[top].seen[name] {
				return true
			}
			open[top].seen[name], open[top].key = true, false
			continue
		}
		if d, ok := token.(json.Delim); ok {
			if d == '}' || d == ']' {
				if open = open[:top]; len(open) > 0 {
					open[len(open)-1].key = true
				}
				continue
			}
			open = append(open, level{object: d == '{', key: true, seen: map[string]bool{}})
			continue
		}
		if top >= 0 {
			open[top].key = true
		}
	}
}
