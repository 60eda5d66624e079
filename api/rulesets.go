package api

import (
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"mizan/api/access"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
)

// Rule sets: giving a book rules of its own, and reading by which rules its orders are computed.

// ruleSetLimit bounds the document of a rule set.
const ruleSetLimit = 256 << 10

// NewRuleSet documents the body that adds a rule set. The document is kept byte for byte, so it is not decoded here.
type NewRuleSet struct{}

// Schema describes the parts of a rule set. It implements huma.SchemaProvider.
func (NewRuleSet) Schema(huma.Registry) *huma.Schema { return ruleSetSchema() }

// ruleSetDocument is a rule set in an answer.
type ruleSetDocument struct{ *commerce.RuleSet }

// Schema describes the parts of a rule set. It implements huma.SchemaProvider.
func (ruleSetDocument) Schema(huma.Registry) *huma.Schema { return ruleSetSchema() }

// MarshalJSON writes the rule set alone.
func (d ruleSetDocument) MarshalJSON() ([]byte, error) { return json.Marshal(d.RuleSet) }

// ruleSetSchema names the parts of a rule set; what stands in each depends on the kind of the rule, and the handbook's
// page on rules says it.
func ruleSetSchema() *huma.Schema {
	least := 1.0
	text := func(says string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: says} }
	objects := func(says string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeObject}, Description: says, Nullable: true}
	}
	s := &huma.Schema{
		Type: huma.TypeObject, Description: "One version of a market's rules, in the format of the handbook's page on rules",
		Required: []string{"set", "version", "market", "valid_from", "title", "researched", "rules", "policies"},
		Properties: map[string]*huma.Schema{
			"set":        {Type: huma.TypeString, Pattern: `^[a-z][a-z0-9_]{0,31}$`, Description: "Its name, for ever"},
			"version":    {Type: huma.TypeInteger, Minimum: &least, Description: "Counts from 1"},
			"market":     {Type: huma.TypeString, Pattern: `^[A-Z]{2}$`, Description: "The market of the book"},
			"valid_from": {Type: huma.TypeString, Format: "date-time", Description: "The first instant at which it is in force"},
			"title":      text("For people"),
			"researched": {Type: huma.TypeBoolean, Description: "Whether its values come from the sources named"},
			"signature":  {Type: huma.TypeObject, Description: "Who answers for the values; a book's own set is not used without it"},
			"sources":    objects("Where the values come from"),
			"rules":      objects("The rules"),
			"policies":   {Type: huma.TypeObject, Description: "Settlement, disputes and failed payments"},
		},
	}
	s.PrecomputeMessages()
	return s
}

// RuleSetJSON is a rule set in brief. It is exported because huma documents embedded structs only then.
type RuleSetJSON struct {
	ID         string   `json:"id" doc:"Its name and version" example:"uk-1"`
	Set        string   `json:"set" example:"uk"`
	Version    int      `json:"version" minimum:"1" example:"1"`
	Market     string   `json:"market" example:"UK"`
	Title      string   `json:"title" example:"United Kingdom"`
	ValidFrom  string   `json:"valid_from" format:"date-time" doc:"The first instant at which it is in force" example:"2026-12-01T00:00:00.000000Z"`
	Researched bool     `json:"researched" doc:"Whether its values come from the sources it names"`
	SignedBy   string   `json:"signed_by,omitempty" doc:"Who answers for its values"`
	Origin     string   `json:"origin" enum:"shipped,book" doc:"Whether it came with the service, or was given to the book"`
	State      string   `json:"state" enum:"in_force,next,past,unsigned" doc:"in_force: orders placed now are computed by it"`
	Warnings   []string `json:"warnings" nullable:"false" doc:"What deserves a second look"`
}

type ruleSetListJSON struct {
	Data       []RuleSetJSON `json:"data" nullable:"false" doc:"The shipped sets of the book's market and the book's own, oldest first"`
	NextCursor *string       `json:"next_cursor" doc:"Always null"`
}

type ruleSentenceJSON struct {
	Rule     string `json:"rule" doc:"The rule's id" example:"commission"`
	Sentence string `json:"sentence" doc:"The rule in words"`
	Source   string `json:"source" doc:"The id of its source in the document"`
}

type ruleSetFullJSON struct {
	RuleSetJSON
	Sentences []ruleSentenceJSON `json:"sentences" nullable:"false" doc:"Each rule as one sentence"`
	Document  ruleSetDocument    `json:"document" doc:"The rule set"`
}

func ruleSetOperations() []Operation {
	full := reflect.TypeFor[ruleSetFullJSON]()
	return []Operation{
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/rule_sets", ID: "add-rule-set", Group: "Rules", Summary: "Give a book a rule set",
			Description: "The document is kept byte for byte and never changes; it takes effect at its valid_from, at least ten minutes from now. " +
				"Sending the same bytes again answers with 200. A correction is the next version.",
			Scope: access.RulesWrite, SecondPerson: "rules.activate", Body: reflect.TypeFor[NewRuleSet](), BodyLimit: ruleSetLimit, Example: ruleSetExample(),
			Answers: []Answer{{Status: 201, Meaning: "Added.", Body: full}, {Status: 200, Meaning: "The book had it already, byte for byte.", Body: full, Replayed: true}},
			Errors: []*fault.Error{
				commerce.ErrRuleSetInvalid, commerce.ErrRuleSetPast, commerce.ErrRuleSetMarket, commerce.ErrRuleSetExists, commerce.ErrRuleSetsFull,
			},
			handle: addRuleSet,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/rule_sets", ID: "list-rule-sets", Group: "Rules", Summary: "List the rule sets of a book",
			Scope:   access.RulesRead,
			Answers: []Answer{{Status: 200, Meaning: "Every rule set, and where it stands now.", Body: reflect.TypeFor[ruleSetListJSON]()}},
			handle:  listRuleSets,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/rule_sets/{set}", ID: "get-rule-set", Group: "Rules", Summary: "Read a rule set",
			Description: "The document, and each of its rules as a sentence.", Scope: access.RulesRead,
			Answers: []Answer{{Status: 200, Meaning: "The rule set.", Body: full}}, Errors: []*fault.Error{commerce.ErrRuleSetUnknown}, handle: getRuleSet,
		},
	}
}

// ruleSetExample is a small document that works.
func ruleSetExample() any {
	return map[string]any{
		"set": "contract", "version": 1, "market": "UK", "valid_from": "2030-01-01T00:00:00Z", "title": "Our own terms", "researched": true,
		"signature": map[string]any{"by": "Example Person, CFO", "at": "2029-12-01T09:00:00Z", "document": "DOC-7"},
		"sources":   []any{map[string]any{"id": "terms", "trust": "O", "text": "Terms of service of January 2030"}},
		"rules": []any{map[string]any{
			"id": "commission", "kind": "fee", "title": "Commission", "to": "revenue:referral_fee", "rate": "0.08", "rounding": "half_even", "source": "terms",
			"base": map[string]any{"components": []string{"goods_list", "-seller_discount"}, "tax": "include"},
			"tax":  map[string]any{"mode": "inclusive", "rate": "0.20", "to": "liabilities:tax:vat:UK:on-fees", "rounding": "half_even"},
		}},
		"policies": map[string]any{
			"settlement":      map[string]any{"tiers": map[string]int{"standard": 7}, "tier": "standard", "reserve_rate": "0", "reserve_days": 0},
			"dispute":         map[string]any{"platform_reasons": []string{"fraudulent"}, "no_tax_relief": false, "fee_recovery": "net", "hold_creators": false, "double_payment": "platform"},
			"payment_failure": map[string]any{"liability": "platform"},
		},
	}
}

func ruleSetOf(s commerce.Standing) RuleSetJSON {
	out := RuleSetJSON{
		ID: s.ID(), Set: s.Set, Version: s.Version, Market: s.Market, Title: s.Title, ValidFrom: s.ValidFrom.UTC().Format(instantFormat),
		Researched: s.Researched, Origin: s.Origin, State: s.State, Warnings: append([]string{}, s.Warnings()...),
	}
	if s.Signature != nil {
		out.SignedBy = s.Signature.By
	}
	return out
}

func addRuleSet(c *call) (reply, error) {
	body, err := c.readDocument()
	if err != nil {
		return reply{}, err
	}
	c.startClock()
	set, created, err := c.service.rules.Add(c.ctx, c.actor(), c.book, []byte(body))
	if err != nil {
		return reply{}, err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	out, err := c.ruleSet(status, set.ID())
	out.replayed = !created
	return out, err
}

func listRuleSets(c *call) (reply, error) {
	list, err := c.service.rules.Standings(c.ctx, c.book, c.service.now())
	if err != nil {
		return reply{}, err
	}
	out := ruleSetListJSON{Data: make([]RuleSetJSON, len(list))}
	for i, s := range list {
		out.Data[i] = ruleSetOf(s)
	}
	return document(http.StatusOK, out)
}

func getRuleSet(c *call) (reply, error) { return c.ruleSet(http.StatusOK, c.param("set")) }

// ruleSet answers with one of the book's rule sets.
func (c *call) ruleSet(status int, id string) (reply, error) {
	list, err := c.service.rules.Standings(c.ctx, c.book, c.service.now())
	if err != nil {
		return reply{}, err
	}
	for _, s := range list {
		if s.ID() != id {
			continue
		}
		out := ruleSetFullJSON{RuleSetJSON: ruleSetOf(s), Sentences: ruleSentencesOf(s.RuleSet), Document: ruleSetDocument{s.RuleSet}}
		return document(status, out)
	}
	return reply{}, commerce.ErrRuleSetUnknown
}
