package api

import (
	"net/http"
	"reflect"

	"mizan/api/access"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
)

// What one rule set changes of another, and the check of a draft: whether a book could be given it, and what it would change.

// ruleChangeJSON is one thing that differs.
type ruleChangeJSON struct {
	Change  string `json:"change" enum:"added,removed,changed"`
	Subject string `json:"subject" doc:"rule, source or policy with its name, or set" example:"rule commission"`
	Field   string `json:"field" doc:"The field that changed; empty for what was added or removed as a whole" example:"rate"`
	Before  string `json:"before" doc:"As text, a rule as its sentence; empty for what was not there" example:"9 %"`
	After   string `json:"after" doc:"As text, a rule as its sentence; empty for what is not there any more" example:"8 %"`
}

type ruleChangesQuery struct {
	From string `json:"from" maxLength:"64" doc:"The rule set to compare with" example:"uk-1"`
}

type ruleChangesJSON struct {
	From       string           `json:"from" doc:"The rule set that was compared with" example:"uk-1"`
	To         string           `json:"to" doc:"The rule set" example:"contract-1"`
	Data       []ruleChangeJSON `json:"data" nullable:"false" doc:"What the second changes of the first: the set itself, its policies, its sources, its rules. What is only written differently is no difference"`
	NextCursor *string          `json:"next_cursor" doc:"Always null"`
}

type ruleCheckJSON struct {
	RuleSet   string             `json:"rule_set" doc:"The id that it would have" example:"contract-1"`
	Known     bool               `json:"known" doc:"The book has it already, byte for byte"`
	Before    string             `json:"before" doc:"The set that holds at its valid_from so far, itself if it is known; empty if none does" example:"uk-1"`
	Changes   []ruleChangeJSON   `json:"changes" nullable:"false" doc:"What it would change of that"`
	Warnings  []string           `json:"warnings" nullable:"false" doc:"What deserves a second look"`
	Sentences []ruleSentenceJSON `json:"sentences" nullable:"false" doc:"Each rule as one sentence"`
}

func ruleChangeOperations() []Operation {
	return []Operation{
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/rule_sets/{set}/changes", ID: "compare-rule-sets", Group: "Rules", Summary: "Compare a rule set with another",
			Scope: access.RulesRead, Query: reflect.TypeFor[ruleChangesQuery](),
			Answers: []Answer{{Status: 200, Meaning: "What differs.", Body: reflect.TypeFor[ruleChangesJSON]()}}, Errors: []*fault.Error{commerce.ErrRuleSetUnknown}, handle: compareRuleSets,
		},
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/rule_sets/check", ID: "check-rules", Group: "Rules", Summary: "Check a draft of a rule set",
			Description: "Says what speaks against giving the book the document now, every mistake by its place, or else what it would change. Nothing is stored.",
			Scope:       access.RulesRead, Body: reflect.TypeFor[NewRuleSet](), BodyLimit: ruleSetLimit, Example: ruleSetExample(),
			Answers: []Answer{{Status: 200, Meaning: "It can be asked for.", Body: reflect.TypeFor[ruleCheckJSON]()}},
			Errors:  []*fault.Error{commerce.ErrRuleSetInvalid, commerce.ErrRuleSetPast, commerce.ErrRuleSetMarket, commerce.ErrRuleSetExists}, handle: checkRules,
		},
	}
}

func ruleChangesOf(list []commerce.RuleChange) []ruleChangeJSON {
	out := make([]ruleChangeJSON, len(list))
	for i, c := range list {
		out[i] = ruleChangeJSON(c)
	}
	return out
}

func ruleSentencesOf(s *commerce.RuleSet) []ruleSentenceJSON {
	out := make([]ruleSentenceJSON, len(s.Rules))
	for i := range s.Rules {
		r := &s.Rules[i]
		out[i] = ruleSentenceJSON{Rule: r.ID, Sentence: r.Sentence(), Source: r.Source}
	}
	return out
}

func compareRuleSets(c *call) (reply, error) {
	from, to := c.query.text("from"), c.param("set")
	if from == "" {
		c.query.invalid("from", "required", "Name the rule set to compare with.")
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, err := c.service.rules.Standings(c.ctx, c.book, c.service.now())
	if err != nil {
		return reply{}, err
	}
	sets := map[string]*commerce.RuleSet{}
	for _, s := range list {
		sets[s.ID()] = s.RuleSet
	}
	if sets[from] == nil || sets[to] == nil {
		return reply{}, commerce.ErrRuleSetUnknown
	}
	return document(http.StatusOK, ruleChangesJSON{From: from, To: to, Data: ruleChangesOf(commerce.DiffRuleSets(sets[from], sets[to]))})
}

func checkRules(c *call) (reply, error) {
	body, err := c.readDocument()
	if err != nil {
		return reply{}, err
	}
	c.startClock()
	d, err := c.service.rules.Judge(c.ctx, c.book, []byte(body))
	if err != nil {
		return reply{}, err
	}
	out := ruleCheckJSON{RuleSet: d.Set.ID(), Known: d.Known, Changes: ruleChangesOf(d.Changes), Warnings: append([]string{}, d.Set.Warnings()...), Sentences: ruleSentencesOf(d.Set)}
	if d.Before != nil {
		out.Before = d.Before.ID()
	}
	return document(http.StatusOK, out)
}
