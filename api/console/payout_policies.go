package console

import (
	"context"
	"net/http"
	"time"

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
		p.Before, p.Differences = &l, payouts.PolicyDifferences(against, a)
	}
	list, _, err := c.Payouts.Policies(ctx, who.book, time.Time{}, policiesPerPage)
	if err != nil {
		return answer{}, err
	}
	for _, one := range list {
		if one.Version != a.Version {
			p.Others = append(p.Others, versionChoice{one.Version, one.Version == against.Version})
		}
	}
	return who.answered(version, &p, link{who.t.say("paying.policies"), who.o.At + "/payout-policies"}), nil
}
