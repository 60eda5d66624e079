package main

// Rules: reading, checking and comparing rule sets in files, and giving them to books.

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"mizan/api/client"
	"mizan/ledger/commerce"
)

type rulesCmd struct {
	List     rulesListCmd     `cmd:"" help:"List the rule sets that come with Mizan, or those of a book."`
	Show     rulesShowCmd     `cmd:"" help:"Print a rule set, each rule as a sentence."`
	Diff     rulesDiffCmd     `cmd:"" help:"Say what one rule set changes of another."`
	Check    rulesCheckCmd    `cmd:"" help:"Say whether a file is a rule set that can be used."`
	Rehearse rulesRehearseCmd `cmd:"" help:"Say what a proposed rule set would have come to for orders that were placed. Nothing is posted."`
	Add      rulesAddCmd      `cmd:"" help:"Give a book a rule set. It never changes; a correction is the next version."`
}

// maxRuleSetFile bounds what is read of a file: more than a rule set may have, so that its own bound is what refuses it.
const maxRuleSetFile = 1 << 20

type rulesListCmd struct {
	remoteFlags
	Book string `arg:"" optional:"" help:"Code of the book; left out, the rule sets that come with this program are listed, and no service is asked."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run lists rule sets.
func (c *rulesListCmd) Run(ctx context.Context, s *surroundings) error {
	var list []client.RuleSet
	if c.Book == "" {
		for _, set := range commerce.ShippedRuleSets() {
			list = append(list, briefRuleSet(set))
		}
	} else {
		remote, err := c.connect(s)
		if err != nil {
			return err
		}
		defer remote.CloseIdleConnections()
		if list, err = remote.RuleSets(ctx, c.Book); err != nil {
			return err
		}
	}
	if c.JSON {
		return writeJSON(s.stdout, list)
	}
	t := newTable("ID", "MARKET", "FROM", "STATE", "ORIGIN", "SIGNED BY", "TITLE", ">WARNINGS")
	for _, set := range list {
		t.add(set.ID, set.Market, moment(&set.ValidFrom), set.State, set.Origin, set.SignedBy, set.Title, fmt.Sprint(len(set.Warnings)))
	}
	return t.write(s.stdout, "")
}

// briefRuleSet is a shipped set as the service would list it, except that no book says where it stands.
func briefRuleSet(set *commerce.RuleSet) client.RuleSet {
	brief := client.RuleSet{
		ID: set.ID(), Set: set.Set, Version: set.Version, Market: set.Market, Title: set.Title, ValidFrom: set.ValidFrom, Researched: set.Researched,
		Origin: "shipped", Warnings: set.Warnings(),
	}
	if set.Signature != nil {
		brief.SignedBy = set.Signature.By
	} else if !set.Researched {
		brief.State = "unsigned"
	}
	return brief
}

// ruleSetFlags find a rule set: in a file, among the shipped ones, or in a book.
type ruleSetFlags struct {
	remoteFlags
	Book string `help:"Code of the book to ask for rule sets that are neither files nor shipped." placeholder:"CODE"`
}

// find returns the rule set of a file, a shipped id, or an id of the book.
func (f *ruleSetFlags) find(ctx context.Context, s *surroundings, name string) (*commerce.RuleSet, error) {
	if name == "-" || strings.ContainsAny(name, "./") {
		return readRuleSet(name, s.stdin)
	}
	for _, set := range commerce.ShippedRuleSets() {
		if set.ID() == name {
			return set, nil
		}
	}
	if f.Book == "" {
		return nil, usageError("There is no shipped rule set with this id. Name a file (./rules.json), an id that mizan rules list prints, or the book with --book.")
	}
	remote, err := f.connect(s)
	if err != nil {
		return nil, err
	}
	defer remote.CloseIdleConnections()
	full, err := remote.RuleSet(ctx, f.Book, name)
	if err != nil {
		return nil, err
	}
	return commerce.ParseRuleSet(full.Document)
}

// readDocument returns the bytes of a file, or of standard input for -, as they are.
func readDocument(name string, stdin io.Reader) ([]byte, error) {
	from := stdin
	if name != "-" {
		file, err := os.Open(name) // #nosec G304 -- the operator names the file, and may read it
		if err != nil {
			return nil, err
		}
		defer file.Close()
		from = file
	}
	return io.ReadAll(io.LimitReader(from, maxRuleSetFile))
}

// readRuleSet reads a rule set from a file, or from standard input for -.
func readRuleSet(name string, stdin io.Reader) (*commerce.RuleSet, error) {
	content, err := readDocument(name, stdin)
	if err != nil {
		return nil, err
	}
	return commerce.ParseRuleSet(content)
}

type rulesShowCmd struct {
	ruleSetFlags
	Set  string `arg:"" help:"A file, - for standard input, or the id of a rule set such as uk-1."`
	JSON bool   `name:"json" help:"Print the document."`
}

// Run prints the set.
func (c *rulesShowCmd) Run(ctx context.Context, s *surroundings) error {
	set, err := c.find(ctx, s, c.Set)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, set)
	}
	return writeRuleSet(s.stdout, set)
}

func writeRuleSet(w io.Writer, set *commerce.RuleSet) error {
	facts := newTable("RULE SET", set.ID())
	facts.add("title", set.Title)
	facts.add("market", set.Market)
	facts.add("from", set.ValidFrom.UTC().Format(time.RFC3339Nano))
	facts.add("researched", fmt.Sprint(set.Researched))
	if g := set.Signature; g != nil {
		facts.add("signed", fmt.Sprintf("%s, %s, in %s", g.By, g.At.UTC().Format(time.DateOnly), g.Document))
	}
	p := &set.Policies
	facts.add("tier", fmt.Sprintf("%s, %d days", p.Settlement.Tier, p.Settlement.Tiers[p.Settlement.Tier]))
	if !p.Settlement.ReserveRate.IsZero() {
		facts.add("reserve", fmt.Sprintf("%s %% for %d days", p.Settlement.ReserveRate.Percentage(), p.Settlement.ReserveDays))
	}
	facts.add("failed payments", "borne by the "+p.PaymentFailure.Liability)
	for _, warning := range set.Warnings() {
		facts.add("warning", warning)
	}
	if err := facts.write(w, ""); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for i := range set.Rules {
		r := &set.Rules[i]
		fmt.Fprintf(w, "%s  (%s, source %s)\n  %s\n", r.ID, r.Kind, r.Source, r.Sentence())
	}
	if len(set.Sources) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	sources := newTable("SOURCE", "TRUST", "TEXT")
	for _, source := range set.Sources {
		sources.add(source.ID, source.Trust, source.Text)
	}
	return sources.write(w, "")
}

type rulesDiffCmd struct {
	ruleSetFlags
	Old  string `arg:"" help:"A file or the id of a rule set."`
	New  string `arg:"" help:"A file or the id of a rule set."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run prints what the new set changes of the old one.
func (c *rulesDiffCmd) Run(ctx context.Context, s *surroundings) error {
	before, err := c.find(ctx, s, c.Old)
	if err != nil {
		return err
	}
	after, err := c.find(ctx, s, c.New)
	if err != nil {
		return err
	}
	changes := commerce.DiffRuleSets(before, after)
	if c.JSON {
		return writeJSON(s.stdout, append([]commerce.RuleChange{}, changes...))
	}
	if len(changes) == 0 {
		_, err := fmt.Fprintf(s.stdout, "%s and %s say the same.\n", before.ID(), after.ID())
		return err
	}
	for _, change := range changes {
		text := "+ " + change.Subject + ": " + change.After
		switch change.Change {
		case "removed":
			text = "- " + change.Subject + ": " + change.Before
		case "changed":
			text = fmt.Sprintf("~ %s, %s: %s → %s", change.Subject, change.Field, orNothing(change.Before), orNothing(change.After))
		}
		if _, err := fmt.Fprintln(s.stdout, text); err != nil {
			return err
		}
	}
	return nil
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

type rulesCheckCmd struct {
	File string `arg:"" optional:"" default:"-" help:"File with the rule set; - is standard input."`
}

// Run checks a file without a service.
func (c *rulesCheckCmd) Run(s *surroundings) error {
	set, err := readRuleSet(c.File, s.stdin)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "%s is a rule set for %s with %d rules, in force from %s.\n", set.ID(), set.Market, len(set.Rules), set.ValidFrom.UTC().Format(time.RFC3339Nano))
	for _, warning := range set.Warnings() {
		fmt.Fprintln(s.stdout, "warning:", warning)
	}
	return nil
}

type rulesAddCmd struct {
	remoteFlags
	Book string `arg:"" help:"Code of the book."`
	File string `arg:"" help:"File with the rule set; - is standard input."`
	JSON bool   `name:"json" help:"Print what was added as JSON."`
}

// Run sends the file's bytes as they are: the book keeps them so.
func (c *rulesAddCmd) Run(ctx context.Context, s *surroundings) error {
	content, err := readDocument(c.File, s.stdin)
	if err != nil {
		return err
	}
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	set, err := remote.AddRuleSet(ctx, c.Book, content)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, set)
	}
	verb := "added"
	if set.Replayed {
		verb = "was added before"
	}
	fmt.Fprintf(s.stdout, "%s %s; it is in force for orders of %s placed from %s on.\n", set.ID, verb, c.Book, set.ValidFrom.UTC().Format(time.RFC3339Nano))
	for _, warning := range set.Warnings {
		fmt.Fprintln(s.stdout, "warning:", warning)
	}
	return nil
}
