package console

import (
	"context"
	"net/http"

	"mizan/ledger/money"
	"mizan/payouts"
)

// A payee's settings: its language, how and where it is paid, what is known of it, and who else may see its pages. Nothing is changed
// here that pays money elsewhere: a new account takes a second person of the staff.

type ownSettingsPage struct {
	Payee, At string
	Form      string
	Languages []tongue
	// Pays says that a policy pays the payee.
	Pays              bool
	Cadence, Next     string
	Minimum, Currency string
	OnDemand          string
	Agreed            bool
	Ways              []ownWay
	Of                payeeCard
	Guarded           bool
	Questions         string
}

// ownWay is where a payee is paid, without what only its bank need know.
type ownWay struct {
	Rail, Account string
	Currencies    string
	State         stateWord
	From          string
}

// wayStates are the states of a destination that payees are told, with the kinds of their colours.
var wayStates = map[string]string{"active": "done", "pending": "open", "disabled": "failed"}

func (c *console) ownSettings(ctx context.Context, r *http.Request) (answer, error) {
	o, who, at, err := c.orderOwner(ctx, r)
	if err != nil {
		return answer{}, err
	}
	t := tellerOf(ctx)
	p := ownSettingsPage{Payee: who.ID, At: address("/portal/settings", at), Form: c.formToken(o.visit), Languages: tongues(t.Language), Of: payeeCard{ID: who.ID, Kind: who.Kind}}
	if c.Questions != nil {
		p.Questions = address("/portal/questions", at)
	}
	if err := c.ownTerms(ctx, o, who, &p); err != nil {
		return answer{}, err
	}
	list, err := c.Payouts.Destinations(ctx, o.book, who.ID)
	if err != nil {
		return answer{}, err
	}
	for _, d := range list[:min(len(list), versionsShown)] {
		if d.State == payouts.DestinationRetired {
			continue
		}
		way := ownWay{Rail: t.say("settings.rail." + d.Rail), Account: lastFour(d.Account), State: stateWord{t.say("settings.to." + d.State), wayStates[d.State]}}
		for _, cur := range d.Currencies {
			if way.Currencies != "" {
				way.Currencies += ", "
			}
			way.Currencies += string(cur)
		}
		if d.CoolingUntil.After(c.Now()) {
			way.From = t.say("settings.to.from", "day", t.day(d.CoolingUntil, o.book.Location()))
		}
		p.Ways = append(p.Ways, way)
	}
	registered, err := c.Commerce.Payee(ctx, o.book, who.ID)
	if err != nil && !isMissing(err) {
		return answer{}, err
	}
	p.Guarded = registered.Guardian != ""
	if err := c.knownOf(ctx, o.book, &p.Of); err != nil {
		return answer{}, err
	}
	return answer{Title: t.say("settings.title"), Active: "settings", Data: &p}, nil
}

// ownTerms adds how the payee is paid, by the policy and what was agreed with it.
func (c *console) ownTerms(ctx context.Context, o owner, who payouts.PayeeKey, p *ownSettingsPage) error {
	t, now := tellerOf(ctx), c.Now()
	currency, err := c.Payouts.PaidIn(ctx, o.book, who.ID)
	if err != nil {
		return err
	}
	p.Currency = string(currency)
	policy, err := c.Payouts.PolicyFor(ctx, o.book, who.ID, now)
	if err != nil {
		if isRefusal(err) {
			return nil // a book without a policy pays nobody
		}
		return err
	}
	terms, ok := policy.Kinds[who.Kind]
	if !ok || !isEarner(who.Kind) {
		return nil
	}
	p.Pays, p.Agreed, p.Cadence = true, policy.Override != "", t.say("settings.cadence."+terms.Cadence.Every)
	p.Next = t.day(policy.NextRun(who.Kind, now), o.book.Location())
	p.OnDemand = t.say("settings.demand.no")
	if terms.OnDemand {
		p.OnDemand = t.say("settings.demand.yes")
	}
	if least := terms.Minimum[currency]; least > 0 {
		p.Minimum = t.Amount(money.Minor(least), currency)
	}
	return nil
}

// lastFour is an account's number as its owner knows it again and nobody else can use it.
func lastFour(account string) string {
	if len(account) < 8 {
		return ""
	}
	return "…" + account[len(account)-4:]
}
