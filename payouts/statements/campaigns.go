package statements

import (
	"context"
	"slices"
	"strings"

	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// What a charity's campaigns say below its statement: what card fees took of the gifts, and which campaign keeps its money back until the
// charity is checked. A gift comes to a charity net of card fees, and a hold of a campaign moves no money, so no line tells of either.

// mostCampaigns bounds the campaigns that are looked at. Above it neither is told, and each campaign's own page tells it.
const mostCampaigns = 50

// charityCampaign is a campaign that moved in the statement, or of which the charity has something at its end.
type charityCampaign struct {
	id string
	// waits is what the charity has of it and did not get yet.
	waits money.Minor
	moved bool
}

// campaignsOf are the campaigns of a statement, in the order of their accounts.
func (s *Statement) campaignsOf() (list []charityCampaign) {
	for _, a := range s.Accounts {
		kind, rest, _ := strings.Cut(strings.TrimPrefix(string(a.Account), "liabilities:donation:"), ":")
		campaign, own := strings.CutPrefix(rest, s.Payee+":")
		if !own || kind != "pending" && kind != "available" || a.FromVersion == a.ToVersion && a.Closing == 0 {
			continue
		}
		at := slices.IndexFunc(list, func(c charityCampaign) bool { return c.id == campaign })
		if at < 0 {
			at, list = len(list), append(list, charityCampaign{id: campaign})
		}
		list[at].waits += a.Closing
		list[at].moved = list[at].moved || a.FromVersion != a.ToVersion
	}
	return list
}

// campaigns tells what the campaigns of a charity say.
func (s *Service) campaigns(ctx context.Context, st *Statement, b *Below) error {
	list := st.campaignsOf()
	if len(list) > mostCampaigns {
		return nil
	}
	var fees commerce.CardFees
	for _, c := range list {
		then, err := s.events.CampaignShareAt(ctx, st.book, c.id, st.Payee, st.Currency, st.To)
		if err != nil {
			return err
		}
		if then.Held && c.waits > 0 {
			b.Held = append(b.Held, Held{Reason: HeldCampaign, WaitsFor: WaitsForPerson, Campaign: c.id, Amount: c.waits})
		}
		if !c.moved {
			continue
		}
		before, err := s.events.CampaignShareAt(ctx, st.book, c.id, st.Payee, st.Currency, st.From)
		if err != nil {
			return err
		}
		fees.Borne += then.Borne - before.Borne
		fees.Back += then.Back - before.Back
	}
	if fees != (commerce.CardFees{}) {
		b.CardFees = &fees
	}
	return nil
}
