package console

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/payouts"
)

// Policies: by which terms a book pays, since when, and what was different before.

type policyLine struct {
	payouts.Activated
	Link, ApprovalLink string
	InForce, Future    bool
}

type payoutPoliciesPage struct {
	payHead
	Lines       []policyLine
	Next, First string
	// Exceptions are what was agreed last with single payees, and MoreExceptions leads to those after them.
	Exceptions     []exceptionLine
	MoreExceptions string
}

// exceptionLine is what was agreed last with a payee.
type exceptionLine struct {
	payouts.Agreed
	PayeeLink, ApprovalLink string
	Future, Ends            bool
}

// exceptionsOf adds a page of what was agreed with single payees.
func (c *console) exceptionsOf(ctx context.Context, who cashier, after string, p *payoutPoliciesPage) error {
	if unusable(after) {
		return errQuery
	}
	list, more, err := c.Payouts.Exceptions(ctx, who.book, after, exceptionsPerPage)
	for _, a := range list {
		l := exceptionLine{Agreed: a, PayeeLink: who.o.At + "/payees/" + a.Payee, Future: a.ValidFrom.After(c.Now()), Ends: string(a.Document) == "{}"}
		if a.Approval != "" {
			l.ApprovalLink = who.o.At + "/approvals/" + a.Approval
		}
		p.Exceptions = append(p.Exceptions, l)
	}
	if more {
		p.MoreExceptions = narrowedTo(who.o.At+"/payout-policies", "payees-after", list[len(list)-1].Payee) + "#exceptions"
	}
	return err
}

func (c *console) policyLine(who cashier, a payouts.Activated, inForce string) policyLine {
	l := policyLine{Activated: a, Link: who.o.At + "/payout-policies/" + a.Version, InForce: a.Version == inForce, Future: a.ValidFrom.After(c.Now())}
	if a.Approval != "" {
		l.ApprovalLink = who.o.At + "/approvals/" + a.Approval
	}
	return l
}

// policyInForce names the policy that the book pays by now; empty for none.
func (c *console) policyInForce(ctx context.Context, who cashier) (string, error) {
	p, err := c.Payouts.PolicyAt(ctx, who.book, c.Now())
	if err != nil {
		if isRefusal(err) {
			return "", nil
		}
		return "", err
	}
	return p.Name(), nil
}

func (c *console) payoutPolicies(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	at := who.o.At + "/payout-policies"
	var before time.Time
	if text := r.URL.Query().Get("after"); text != "" {
		var err error
		if before, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return answer{}, errQuery
		}
	}
	inForce, err := c.policyInForce(ctx, who)
	if err != nil {
		return answer{}, err
	}
	list, more, err := c.Payouts.Policies(ctx, who.book, before, policiesPerPage)
	if err != nil {
		return answer{}, err
	}
	p := payoutPoliciesPage{payHead: c.payHead(who, "policies")}
	if !before.IsZero() {
		p.First = at
	}
	if more && len(list) > 0 {
		p.Next = narrowedTo(at, "after", list[len(list)-1].ValidFrom.UTC().Format(time.RFC3339Nano))
	}
	for _, a := range list {
		p.Lines = append(p.Lines, c.policyLine(who, a, inForce))
	}
	if err := c.exceptionsOf(ctx, who, r.URL.Query().Get("payees-after"), &p); err != nil {
		return answer{}, err
	}
	return who.answered(who.t.say("paying.policies"), &p), nil
}

type payoutPolicyPage struct {
	payHead
	Policy   policyLine
	Document document
	// Before is the policy that held before, with what is different.
	Before      *policyLine
	Differences []string
	// Others are policies that it can be compared with.
	Others []versionChoice
	// Facts are what holds for everybody, in words: a name and its value.
	Facts []link
	Terms []termLine
	// Draft is the policy as its own next version, to be changed and proposed; empty for whoever may not ask.
	Draft string
}

// nextPolicy is a policy as its own next version, which begins with the first of the next month.
func (c *console) nextPolicy(book ledger.Book, p *payouts.Policy, taken []payouts.Activated) string {
	next := *p
	for next.Version++; slices.ContainsFunc(taken, func(a payouts.Activated) bool { return a.Version == next.Name() }); {
		next.Version++
	}
	now := c.Now().In(book.Location())
	next.ValidFrom = time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, book.Location()).UTC()
	var text bytes.Buffer
	if json.Indent(&text, next.Canonical(), "", "  ") != nil {
		return ""
	}
	return text.String()
}

// askPolicy asks a second person for another policy, or shows what it would change.
func (c *console) askPolicy(ctx context.Context, who cashier, r *http.Request) (string, error) {
	return c.asked(ctx, who, payouts.ActPolicy, map[string]any{"document": r.PostForm.Get("policy")}, r.PostForm)
}

// changes say what of two policies is not the same.
func (t teller) changes(list []payouts.Change) (lines []string) {
	for _, c := range list {
		c.Place, c.Was, c.Is = plain(c.Place), plain(c.Was), plain(c.Is)
		switch {
		case c.Place == "":
			lines = append(lines, t.say("paying.change.more"))
		case c.Was == "":
			lines = append(lines, t.say("paying.change.comes", "place", c.Place, "is", c.Is))
		case c.Is == "":
			lines = append(lines, t.say("paying.change.goes", "place", c.Place, "was", c.Was))
		default:
			lines = append(lines, t.say("paying.change", "place", c.Place, "was", c.Was, "is", c.Is))
		}
	}
	return lines
}

// versionChoice is a version to choose, and whether it is chosen.
type versionChoice struct {
	Value string
	Here  bool
}

// policyAgainst is the policy that another one is compared with: the one that is asked for, else the one before it. Its version is
// empty if there is none.
func (c *console) policyAgainst(ctx context.Context, who cashier, a payouts.Activated, asked string) (payouts.Activated, error) {
	if asked != "" {
		if unusable(asked) {
			return payouts.Activated{}, errQuery
		}
		return c.Payouts.Policy(ctx, who.book, asked)
	}
	earlier, _, err := c.Payouts.Policies(ctx, who.book, a.ValidFrom, 1)
	if err != nil || len(earlier) == 0 || earlier[0].Version == a.Version {
		return payouts.Activated{}, err
	}
	return earlier[0], nil
}

// termLine is what holds for one kind of payee, in words.
type termLine struct{ Kind, When, Demand, Minimum string }

func (c *console) payoutPolicy(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	version := r.PathValue("version")
	if unusable(version) {
		return answer{}, errNoPage
	}
	a, err := c.Payouts.Policy(ctx, who.book, version)
	if err != nil {
		return answer{}, err
	}
	inForce, err := c.policyInForce(ctx, who)
	if err != nil {
		return answer{}, err
	}
	p := payoutPolicyPage{payHead: c.payHead(who, "policies"), Policy: c.policyLine(who, a, inForce), Document: documentUpTo(a.Document, longDocumentLines)}
	if parsed, err := payouts.ParsePolicy(a.Document); err == nil {
		p.Terms, p.Facts = who.t.terms(parsed), who.t.policyFacts(parsed)
	}
	against, err := c.policyAgainst(ctx, who, a, r.URL.Query().Get("against"))
	if err != nil {
		return answer{}, err
	}
	if against.Version != "" {
		l := c.policyLine(who, against, inForce)
		p.Before, p.Differences = &l, who.t.changes(payouts.PolicyChanges(against, a))
	}
	list, _, err := c.Payouts.Policies(ctx, who.book, time.Time{}, policiesPerPage)
	if err != nil {
		return answer{}, err
	}
	if parsed, err := payouts.ParsePolicy(a.Document); err == nil && p.MayAsk {
		p.Draft = c.nextPolicy(who.book, parsed, list)
	}
	for _, one := range list {
		if one.Version != a.Version {
			p.Others = append(p.Others, versionChoice{one.Version, one.Version == against.Version})
		}
	}
	return who.answered(version, &p, link{who.t.say("paying.policies"), who.o.At + "/payout-policies"}), nil
}
