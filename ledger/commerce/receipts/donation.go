package receipts

import (
	"context"
	"slices"

	"mizan/ledger"
	"mizan/ledger/commerce"
)

// A donation's receipt for its donor: the same numbers as commerce.Donation, with charities by their public names, and
// nothing that says which donor or which payment it was.

func (s *Service) donation(ctx context.Context, book ledger.Book, id string) (*PublicReceipt, []string, error) {
	d, err := s.events.Donation(ctx, book, id)
	if err != nil {
		return nil, nil, err
	}
	versions, err := s.events.CampaignVersions(ctx, book, d.Campaign)
	if err != nil {
		return nil, nil, err
	}
	names := namesOf(d.Campaign, versions)
	out := &PublicReceipt{Currency: d.Currency, At: d.GivenAt, LiveSession: d.LiveSession, Given: d.Given, Divided: d.Given, Sequence: d.Sequence, Layers: []ReceiptLayer{}}
	for _, l := range d.Layers {
		if l.Layer != "total" {
			out.Layers = append(out.Layers, ReceiptLayer{Role: l.Layer, Amount: l.Amount, Percentage: l.Percentage})
		}
	}
	out.Charity = &ReceiptCharity{Campaign: CampaignID(book, d.Campaign), CampaignName: names.campaign, Shares: []ReceiptShare{}, Covered: d.Covered, Tip: d.Tip, TipCardFee: d.TipCardFee,
		Charged: d.Charged, RefundUntil: d.RefundUntil, ExpectedBy: d.ExpectedBy}
	for _, x := range d.Shares {
		reason := heldReason(x.Reason)
		if x.State == "redirected" {
			reason = names.of(x.Reason)
		}
		out.Charity.Shares = append(out.Charity.Shares, ReceiptShare{Name: names.of(x.Payee), Percentage: x.Percentage, Amount: x.Amount, Matched: x.Matched, State: x.State, Reason: reason,
			ReleasedAt: x.ReleasedAt, PaidAt: x.PaidAt})
	}
	if m := d.Match; m != nil {
		out.Charity.Match = &ReceiptMatch{Matched: m.Matched, Promised: m.Promised, Of: m.Of, Funders: names.funders(m.Funders), Bound: m.Bound, Cap: m.Cap}
	}
	if r := d.Returned; r != nil {
		out.Returned = &ReceiptReturn{How: r.How, At: &r.At, Amount: r.Amount}
	}
	var ids []string
	for _, t := range d.Record {
		ids = append(ids, t.ID)
	}
	return out, ids, nil
}

// publicNames are what a campaign and its beneficiaries are called in public.
type publicNames struct {
	campaign string
	charity  map[string]string
}

// namesOf reads the names of the latest version that has one; what none names is called by its id.
func namesOf(campaign string, versions []commerce.CampaignVersion) publicNames {
	n := publicNames{campaign, map[string]string{}}
	for _, v := range versions {
		if v.Name != "" {
			n.campaign = v.Name
		}
		for _, b := range v.Beneficiaries {
			if b.Name != "" {
				n.charity[b.Payee] = b.Name
			}
		}
	}
	return n
}

// funders are who pays for matches: the platform, who has a published name, and sponsors, who may be persons.
func (n publicNames) funders(ids []string) []string {
	out := []string{}
	for _, id := range ids {
		name := "sponsor"
		if id == "platform" {
			name = id
		} else if known := n.charity[id]; known != "" {
			name = known
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func (n publicNames) of(payee string) string {
	if name := n.charity[payee]; name != "" {
		return name
	}
	return payee
}
