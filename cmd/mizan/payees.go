package main

// Payees: whom the house pays, where, and under which terms. Destinations, releases and terms take two people: see approvals.

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"

	"mizan/api/client"
)

type payeesCmd struct {
	Standings    payeesStandingsCmd    `cmd:"" help:"List the standings of payees."`
	Standing     payeesStandingCmd     `cmd:"" help:"Print a payee's standing."`
	Change       payeesChangeCmd       `cmd:"" help:"Change a payee's standing: verify it, close it, say whose it is."`
	Destinations payeesDestinationsCmd `cmd:"" help:"List where a payee is paid."`
	Refresh      payeesRefreshCmd      `cmd:"" help:"Have a destination's account read again at its processor."`
	Hold         payeesHoldCmd         `cmd:"" help:"Place a hold on a payee."`
	Holds        payeesHoldsCmd        `cmd:"" help:"List holds."`
	Policies     payeesPoliciesCmd     `cmd:"" help:"List the payout policies of a book."`
	Policy       payeesPolicyCmd       `cmd:"" help:"Print a payout policy: the one in force, or a version."`
	Coming       payeesComingCmd       `cmd:"" help:"Print where a payee's money is, what becomes available when, and the next payout."`
	Overrides    payeesOverridesCmd    `cmd:"" help:"List what was agreed with one payee."`
}

// maxListedPayees bounds what one listing prints.
const maxListedPayees = 10_000

// payeeFlags say which book is meant.
type payeeFlags struct {
	remoteFlags
	Book string `arg:"" help:"Code of the book."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// listPayees prints what a listing answers, as JSON or as a table.
func listPayees[T any](s *surroundings, c *payeeFlags, from func(*client.Client) iter.Seq2[T, error], t *table, row func(T) []string) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	all := []T{}
	for one, err := range from(remote) {
		if err != nil {
			return err
		}
		if all = append(all, one); len(all) == maxListedPayees {
			break
		}
	}
	if c.JSON {
		return writeJSON(s.stdout, all)
	}
	for _, one := range all {
		t.add(row(one)...)
	}
	return t.write(s.stdout, "")
}

// each walks through a list that came whole.
func each[T any](list []T, err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if err != nil {
			var none T
			yield(none, err)
			return
		}
		for _, one := range list {
			if !yield(one, nil) {
				return
			}
		}
	}
}

// one prints what a single call answers.
func one[T any](s *surroundings, c *payeeFlags, from func(*client.Client) (T, error), show func(io.Writer, T) error) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	answer, err := from(remote)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, answer)
	}
	return show(s.stdout, answer)
}

func showStanding(w io.Writer, s client.Standing) error {
	t := newTable("PAYEE", s.Payee)
	t.add("version", fmt.Sprint(s.Version))
	t.add("verification", s.Verification)
	t.add("category", s.Category)
	t.add("business", s.Business)
	t.add("owner", s.Owner)
	t.add("set-off", s.SetOff)
	t.add("document", s.Document)
	t.add("recorded", moment(s.RecordedAt))
	return t.write(w, "")
}

type payeesStandingsCmd struct{ payeeFlags }

// Run prints one line per payee.
func (c *payeesStandingsCmd) Run(ctx context.Context, s *surroundings) error {
	return listPayees(s, &c.payeeFlags, func(r *client.Client) iter.Seq2[client.Standing, error] { return r.Standings(ctx, c.Book) },
		newTable("PAYEE", ">VERSION", "VERIFICATION", "CATEGORY", "BUSINESS", "OWNER", "RECORDED"),
		func(x client.Standing) []string {
			return []string{x.Payee, fmt.Sprint(x.Version), x.Verification, x.Category, x.Business, x.Owner, moment(x.RecordedAt)}
		})
}

type payeesStandingCmd struct {
	payeeFlags
	Payee string `arg:"" help:"The payee's id."`
}

// Run prints the standing.
func (c *payeesStandingCmd) Run(ctx context.Context, s *surroundings) error {
	return one(s, &c.payeeFlags, func(r *client.Client) (client.Standing, error) { return r.Standing(ctx, c.Book, c.Payee) }, showStanding)
}

type payeesChangeCmd struct {
	payeeFlags
	Payee        string  `arg:"" help:"The payee's id."`
	Version      *int    `help:"The version that you have read; left out, the present one is read first." placeholder:"N"`
	Verification *string `help:"unverified, pending, verified (with --document) or rejected (with --category)." placeholder:"STATE"`
	Category     *string `help:"Why it is not verified, in a word." placeholder:"WORD"`
	Business     *string `help:"open, closing or closed." placeholder:"STATE"`
	Owner        *string `help:"The legal owner's id." placeholder:"ID"`
	SetOff       *string `name:"set-off" help:"The owner's consent that one shop pays another's debt: a document's id." placeholder:"DOCUMENT"`
	Document     string  `help:"The evidence, by its id."`
	Reason       string  `required:"" help:"Why; it stands in the audit trail."`
}

// Run changes the standing, and prints it.
func (c *payeesChangeCmd) Run(ctx context.Context, s *surroundings) error {
	return one(s, &c.payeeFlags, func(r *client.Client) (client.Standing, error) {
		change := client.StandingChange{Verification: c.Verification, Category: c.Category, Business: c.Business, Owner: c.Owner, SetOff: c.SetOff, Document: c.Document, Reason: c.Reason}
		if c.Version != nil {
			change.Version = *c.Version
		} else {
			now, err := r.Standing(ctx, c.Book, c.Payee)
			if err != nil {
				return now, err
			}
			change.Version = now.Version
		}
		return r.ChangeStanding(ctx, c.Book, c.Payee, change)
	}, showStanding)
}

type payeesDestinationsCmd struct {
	payeeFlags
	Payee string `arg:"" help:"The payee's id."`
}

// destinationHeading and destinationRow show a destination in one line.
func destinationHeading() *table {
	return newTable("ID", "RAIL", "ACCOUNT", "CURRENCIES", "MODE", "STATE", "WHY", "NAME", "COOLS OFF UNTIL")
}

func destinationRow(d client.Destination) []string {
	return []string{d.ID, d.Rail, d.Account, strings.Join(d.Currencies, " "), d.Mode, d.State, d.DisabledCode, d.NameMatch, moment(d.CoolingUntil)}
}

// Run prints one line per destination.
func (c *payeesDestinationsCmd) Run(ctx context.Context, s *surroundings) error {
	return listPayees(s, &c.payeeFlags, func(r *client.Client) iter.Seq2[client.Destination, error] {
		return each(r.Destinations(ctx, c.Book, c.Payee))
	}, destinationHeading(), destinationRow)
}

type payeesRefreshCmd struct {
	payeeFlags
	Destination string `arg:"" help:"The destination's id."`
	Reason      string `required:"" help:"Why; it stands in the audit trail if something has changed."`
}

// Run has the account read, and prints the destination.
func (c *payeesRefreshCmd) Run(ctx context.Context, s *surroundings) error {
	return one(s, &c.payeeFlags, func(r *client.Client) (client.Destination, error) {
		return r.RefreshDestination(ctx, c.Book, c.Destination, c.Reason)
	},
		func(w io.Writer, d client.Destination) error {
			t := destinationHeading()
			t.add(destinationRow(d)...)
			return t.write(w, "")
		})
}

func holdHeading() *table {
	return newTable("ID", "KIND", "PAYEE", "EFFECT", "CATEGORY", "CASE", "CUR", ">HOLDS", "PLACED", "RELEASED")
}

func holdRow(h client.Hold) []string {
	return []string{h.ID, h.Kind, h.Payee, h.Effect, h.Category, h.Case, h.Currency, h.Holding, moment(&h.PlacedAt), moment(h.ReleasedAt)}
}

type payeesHoldCmd struct {
	payeeFlags
	ID       string `arg:"" help:"Your own id of the hold."`
	Kind     string `arg:"" help:"As whom the payee has the money: seller, creator, agency or partner."`
	Payee    string `arg:"" help:"The payee's id."`
	Effect   string `required:"" help:"pause, amount or everything." enum:"pause,amount,everything"`
	Category string `required:"" help:"kyc, sanctions, legal, fraud or review." enum:"kyc,sanctions,legal,fraud,review"`
	Case     string `required:"" help:"The case by its id."`
	Currency string `help:"The currency; only a pause may leave it out." placeholder:"CUR"`
	Amount   string `help:"How much, for the effect amount." placeholder:"AMOUNT"`
	Reason   string `required:"" help:"Why; it stands in the audit trail."`
}

// Run places the hold, and prints it.
func (c *payeesHoldCmd) Run(ctx context.Context, s *surroundings) error {
	return one(s, &c.payeeFlags, func(r *client.Client) (client.Hold, error) {
		return r.PlaceHold(ctx, c.Book, client.NewHold{ID: c.ID, Kind: c.Kind, Payee: c.Payee, Currency: c.Currency, Effect: c.Effect, Amount: c.Amount, Category: c.Category, Case: c.Case, Reason: c.Reason})
	}, func(w io.Writer, h client.Hold) error {
		t := holdHeading()
		t.add(holdRow(h)...)
		return t.write(w, "")
	})
}

type payeesHoldsCmd struct {
	payeeFlags
	Payee string `arg:"" optional:"" help:"A payee's id: those that stand on it; left out, all holds."`
}

// Run prints one line per hold.
func (c *payeesHoldsCmd) Run(ctx context.Context, s *surroundings) error {
	return listPayees(s, &c.payeeFlags, func(r *client.Client) iter.Seq2[client.Hold, error] {
		if c.Payee != "" {
			return r.PayeeHolds(ctx, c.Book, c.Payee)
		}
		return r.Holds(ctx, c.Book)
	}, holdHeading(), holdRow)
}

type payeesPoliciesCmd struct{ payeeFlags }

// Run prints one line per policy.
func (c *payeesPoliciesCmd) Run(ctx context.Context, s *surroundings) error {
	return listPayees(s, &c.payeeFlags, func(r *client.Client) iter.Seq2[client.PayoutPolicy, error] { return r.PayoutPolicies(ctx, c.Book) },
		newTable("VERSION", "FROM", "ORIGIN", "ACTIVATED", "APPROVAL"),
		func(p client.PayoutPolicy) []string {
			return []string{p.Version, moment(&p.ValidFrom), p.Origin, moment(p.RecordedAt), p.Approval}
		})
}

type payeesPolicyCmd struct {
	payeeFlags
	Version string `arg:"" optional:"" help:"A version such as uk-1; left out, the policy in force."`
	Payee   string `help:"What holds for this payee, with what was agreed with it." placeholder:"ID"`
}

// Run prints the policy's document.
func (c *payeesPolicyCmd) Run(ctx context.Context, s *surroundings) error {
	if c.Version != "" && c.Payee != "" {
		return usageError("Name a version or a payee, not both.")
	}
	return one(s, &c.payeeFlags, func(r *client.Client) (client.PayoutPolicy, error) {
		if c.Version != "" {
			return r.PayoutPolicy(ctx, c.Book, c.Version)
		}
		return r.PayoutPolicyInForce(ctx, c.Book, c.Payee)
	}, func(w io.Writer, p client.PayoutPolicy) error { return writeJSON(w, p.Document) })
}

type payeesOverridesCmd struct {
	payeeFlags
	Payee string `arg:"" help:"The payee's id."`
}

// Run prints one line per agreement.
func (c *payeesOverridesCmd) Run(ctx context.Context, s *surroundings) error {
	return listPayees(s, &c.payeeFlags, func(r *client.Client) iter.Seq2[client.PayoutOverride, error] {
		return each(r.PayoutOverrides(ctx, c.Book, c.Payee))
	},
		newTable(">VERSION", "FROM", "RECORDED", "APPROVAL", "DOCUMENT"),
		func(o client.PayoutOverride) []string {
			return []string{fmt.Sprint(o.Version), moment(&o.ValidFrom), moment(&o.RecordedAt), o.Approval, string(o.Document)}
		})
}
