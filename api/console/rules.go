package console

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"mizan/api/access"
	"mizan/ledger/commerce"
)

// Rules on pages: by which sets a book computes its orders, what each says, and what one changes of another.

var ruleStates = map[string]string{"in_force": "done", "next": "open", "past": "", "unsigned": "failed"}

// rulePages are the pages about rules and their forms.
func (c *console) rulePages(mux *http.ServeMux, at string) {
	mux.HandleFunc("GET "+at, c.readBy(access.RulesRead, "rules", c.ruleSets))
	mux.HandleFunc("GET "+at+"/sets/{set}", c.readBy(access.RulesRead, "rule-set", c.ruleSet))
	mux.HandleFunc("GET "+at+"/changes", c.readBy(access.RulesRead, "rule-changes", c.ruleChanges))
	mux.HandleFunc("GET "+at+"/draft", c.readBy(access.RulesRead, "rule-draft", c.ruleDraft))
	mux.HandleFunc("POST "+at+"/draft", c.judgeDraft)
}

// ruleSetLine is a rule set in a list.
type ruleSetLine struct {
	commerce.Standing
	ID, Link, SignedBy string
	StateWord          stateWord
	Warned             []string
}

func ruleSetLineOf(t teller, who cashier, s commerce.Standing) ruleSetLine {
	l := ruleSetLine{Standing: s, ID: s.ID(), Link: who.ruleSetAt(s.ID()), StateWord: stateWord{t.say("rules.state." + s.State), ruleStates[s.State]}, Warned: s.Warnings()}
	if s.Signature != nil {
		l.SignedBy = s.Signature.By
	}
	return l
}

func (who cashier) ruleSetAt(id string) string {
	return who.o.At + rulesPath + "/sets/" + url.PathEscape(id)
}

// standings are the rule sets of the book, those that begin last first.
func (c *console) standings(ctx context.Context, who cashier) ([]commerce.Standing, error) {
	list, err := c.Rules.Standings(ctx, who.book, c.Now())
	if err != nil {
		return nil, err
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b commerce.Standing) int { return b.ValidFrom.Compare(a.ValidFrom) })
	return list, nil
}

type ruleSetsPage struct {
	payHead
	Lines       []ruleSetLine
	Next, First string
	// Draft is where a new set is checked; Changes compares two of the sets in Choices.
	Draft, Changes string
	Choices        []string
	MayDraft       bool
}

func (c *console) ruleSets(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	t, at := tellerOf(ctx), who.o.At+rulesPath
	after := r.URL.Query().Get("after")
	list, err := c.standings(ctx, who)
	if err != nil {
		return answer{}, err
	}
	p := ruleSetsPage{payHead: c.adminHead(who, "Rules"), Draft: at + "/draft", Changes: at + "/changes", MayDraft: mayAny(who, drafters)}
	for _, s := range list {
		p.Choices = append(p.Choices, s.ID())
	}
	if after != "" {
		begin := slices.Index(p.Choices, after)
		if begin < 0 {
			return answer{}, errQuery
		}
		list, p.First = list[begin+1:], at
	}
	if len(list) > ruleSetsPerPage {
		list = list[:ruleSetsPerPage]
		p.Next = narrowedTo(at, "after", list[ruleSetsPerPage-1].ID())
	}
	p.Choices = p.Choices[:min(len(p.Choices), ruleSetsPerPage)]
	for _, s := range list {
		p.Lines = append(p.Lines, ruleSetLineOf(t, who, s))
	}
	return who.administered(t.say("rules.title"), &p), nil
}

// ruleLine is a rule of a set, for people.
type ruleLine struct {
	*commerce.Rule
	Says, Amount, Source, Trust string
	// Since is the set since which the rule has been as it is; SinceLink leads there.
	Since, SinceLink string
}

type ruleSetPage struct {
	payHead
	Set      ruleSetLine
	Rules    []ruleLine
	Facts    []commerce.RuleFact
	Sources  []sourceLine
	Document document
	// Before is the set that was there before this one, with what is different.
	Before      *ruleSetLine
	ChangesLink string
}

// setNamed is the rule set of the id, and those that begin before it, oldest first.
func (c *console) setNamed(ctx context.Context, who cashier, id string) (found commerce.Standing, earlier []commerce.Standing, err error) {
	list, err := c.standings(ctx, who)
	if err != nil {
		return found, nil, err
	}
	i := slices.IndexFunc(list, func(s commerce.Standing) bool { return s.ID() == id })
	if i < 0 {
		return found, nil, errNoPage
	}
	for _, s := range slices.Backward(list[i+1:]) {
		if s.State != "unsigned" {
			earlier = append(earlier, s)
		}
	}
	return list[i], earlier, nil
}

func (c *console) ruleSet(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	t := tellerOf(ctx)
	s, earlier, err := c.setNamed(ctx, who, r.PathValue("set"))
	if err != nil {
		return answer{}, err
	}
	p := ruleSetPage{payHead: c.adminHead(who, "Rules"), Set: ruleSetLineOf(t, who, s), Facts: s.Policies.Facts()}
	sets := make([]*commerce.RuleSet, len(earlier))
	for i := range earlier {
		sets[i] = earlier[i].RuleSet
	}
	p.Rules = ruleLines(who, s.RuleSet, s.Since(sets))
	if len(earlier) > 0 {
		before := ruleSetLineOf(t, who, earlier[len(earlier)-1])
		p.Before, p.ChangesLink = &before, narrowedTo(who.o.At+rulesPath+"/changes", "from", before.ID, "to", s.ID())
	}
	for _, source := range s.Sources {
		p.Sources = append(p.Sources, sourceLine{source.ID, source.Text, trustKey(source)})
	}
	content, err := json.Marshal(s.RuleSet)
	if err != nil {
		return answer{}, err
	}
	p.Document = documentUpTo(content, longDocumentLines)
	return who.administered(s.ID(), &p, link{t.say("rules.title"), who.o.At + rulesPath}), nil
}

// trustKey is the key of the words for how far a source can be trusted.
func trustKey(s commerce.Source) string { return "rules.trust." + strings.ToLower(s.Trust) }

// sourceLine is a source of a set.
type sourceLine struct{ ID, Text, Trust string }

func ruleLines(who cashier, s *commerce.RuleSet, since map[string]*commerce.RuleSet) (lines []ruleLine) {
	for i := range s.Rules {
		rule := &s.Rules[i]
		l := ruleLine{Rule: rule, Says: rule.Sentence(), Amount: rule.Value(), Source: rule.Source}
		for _, source := range s.Sources {
			if source.ID == rule.Source {
				l.Source, l.Trust = source.Text, trustKey(source)
			}
		}
		if from := since[rule.ID]; from != nil && from != s {
			l.Since, l.SinceLink = from.ID(), who.ruleSetAt(from.ID())
		}
		lines = append(lines, l)
	}
	return lines
}

// changeGroup is what changes of one subject: a rule, a policy, a source or the set itself.
type changeGroup struct {
	Subject string
	Changes []commerce.RuleChange
}

// changeGroups puts changes of one subject together, in their order, and counts those that are not shown.
func changeGroups(list []commerce.RuleChange) (groups []changeGroup, more int) {
	more = max(0, len(list)-changesShown)
	for _, change := range list[:len(list)-more] {
		if n := len(groups); n == 0 || groups[n-1].Subject != change.Subject {
			groups = append(groups, changeGroup{Subject: change.Subject})
		}
		g := &groups[len(groups)-1]
		g.Changes = append(g.Changes, change)
	}
	return groups, more
}

type ruleChangesPage struct {
	payHead
	From, To ruleSetLine
	Groups   []changeGroup
	More     int
}

func (c *console) ruleChanges(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	t, q, at := tellerOf(ctx), r.URL.Query(), who.o.At+rulesPath
	from, _, err := c.setNamed(ctx, who, q.Get("from"))
	if err != nil {
		return answer{}, err
	}
	to, _, err := c.setNamed(ctx, who, q.Get("to"))
	if err != nil {
		return answer{}, err
	}
	p := ruleChangesPage{payHead: c.adminHead(who, "Rules"), From: ruleSetLineOf(t, who, from), To: ruleSetLineOf(t, who, to)}
	p.Groups, p.More = changeGroups(commerce.DiffRuleSets(from.RuleSet, to.RuleSet))
	return who.administered(t.say("rules.changes"), &p, link{t.say("rules.title"), at}), nil
}
