package client

// RuleSet: the dated rules by which a book computes what everybody gets.

import (
	"context"
	"encoding/json"
	"net/url"
	"time"
)

// RuleSet is a rule set of a book in brief.
type RuleSet struct {
	// ID is its name and version, such as "uk-1".
	ID      string `json:"id"`
	Set     string `json:"set"`
	Version int    `json:"version"`
	Market  string `json:"market"`
	Title   string `json:"title"`
	// ValidFrom is the first instant at which it is in force.
	ValidFrom time.Time `json:"valid_from"`
	// Researched says that its values come from the sources it names.
	Researched bool `json:"researched"`
	// SignedBy is who answers for its values, empty for nobody.
	SignedBy string `json:"signed_by,omitempty"`
	// Origin is shipped for a set that comes with the service, book for one that the book was given.
	Origin string `json:"origin"`
	// State is in_force for the set that orders placed now are computed by, next, past, or unsigned.
	State string `json:"state"`
	// Warnings are what deserves a second look.
	Warnings []string `json:"warnings"`
}

// FullRuleSet is a rule set with its document.
type FullRuleSet struct {
	RuleSet
	// Sentences are the rules in words.
	Sentences []RuleSentence `json:"sentences"`
	// Document is the rule set in the format of the handbook's page on rules.
	Document json.RawMessage `json:"document"`
	// Replayed says that the book had it already when it was to be added.
	Replayed bool `json:"-"`
}

// RuleSentence is a rule in words, with the id of its source in the document.
type RuleSentence struct {
	Rule     string `json:"rule"`
	Sentence string `json:"sentence"`
	Source   string `json:"source"`
}

// RuleSets returns the shipped rule sets of the book's market and the book's own, oldest first.
func (c *Client) RuleSets(ctx context.Context, book string) ([]RuleSet, error) {
	var list page[RuleSet]
	err := c.get(ctx, place("v1", "books", book, "rule_sets"), nil, &list)
	return list.Data, err
}

// RuleSet returns a rule set of the book by its id.
func (c *Client) RuleSet(ctx context.Context, book, id string) (FullRuleSet, error) {
	var set FullRuleSet
	err := c.get(ctx, place("v1", "books", book, "rule_sets", id), nil, &set)
	return set, err
}

// AddRuleSet gives a book a rule set, byte for byte. Sent again it returns the same, Replayed.
func (c *Client) AddRuleSet(ctx context.Context, book string, document []byte) (FullRuleSet, error) {
	var set FullRuleSet
	replayed, err := c.send(ctx, place("v1", "books", book, "rule_sets"), nil, document, &set)
	set.Replayed = replayed
	return set, err
}

// RuleChange is one thing in which rule sets differ.
type RuleChange struct {
	// Change is added, removed or changed.
	Change string `json:"change"`
	// Subject is rule, source or policy with its name, or set; Field what changed of it, empty for what was added or removed as a whole.
	Subject string `json:"subject"`
	Field   string `json:"field"`
	// Before and After are the values as text.
	Before string `json:"before"`
	After  string `json:"after"`
}

// RuleCheck is what giving a book a draft of rules would change.
type RuleCheck struct {
	// RuleSet is the id that it would have; Known says that the book has it already, byte for byte.
	RuleSet string `json:"rule_set"`
	Known   bool   `json:"known"`
	// Before is the set that holds at its valid_from so far, itself if it is known; empty if none does.
	Before   string       `json:"before"`
	Changes  []RuleChange `json:"changes"`
	Warnings []string     `json:"warnings"`
	// Sentences are the rules in words.
	Sentences []RuleSentence `json:"sentences"`
}

// CheckRules says what speaks against giving a book the document now, or what it would change. It stores nothing.
func (c *Client) CheckRules(ctx context.Context, book string, document []byte) (RuleCheck, error) {
	var check RuleCheck
	_, err := c.send(ctx, place("v1", "books", book, "rule_sets", "check"), nil, document, &check)
	return check, err
}

// RuleChanges returns what a rule set of the book changes of another.
func (c *Client) RuleChanges(ctx context.Context, book, from, to string) ([]RuleChange, error) {
	var list page[RuleChange]
	err := c.get(ctx, place("v1", "books", book, "rule_sets", to, "changes"), url.Values{"from": {from}}, &list)
	return list.Data, err
}
