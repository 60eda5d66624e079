package receipts

import (
	"context"
	"strings"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// An order's receipt for its buyer: where the buyer's money is, by role. Payees of a role are added up, so that nobody reads
// who they are or what one of them has.

// orderRoles are the roles in the order in which a reader looks for them.
var orderRoles = []string{"seller", "creator", "agency", "partner", "platform", "processor", "round_up", "carrier", "tax", "deposit", "other"}

func (s *Service) order(ctx context.Context, book ledger.Book, id string) (*PublicReceipt, []string, error) {
	o, err := s.events.Order(ctx, book, id)
	if err != nil {
		return nil, nil, err
	}
	if o.Currency == "" { // nothing of it was paid, or that was undone
		return nil, nil, commerce.ErrOrderUnknown
	}
	c := money.Currency(o.Currency)
	out := &PublicReceipt{Currency: o.Currency, At: o.PlacedAt, Given: o.Paid, State: o.State}
	var parts []part
	whole := money.Minor(0)
	for _, r := range o.Waterfall {
		net, err := signed(r.Net, c)
		if err != nil {
			return nil, nil, err
		}
		role := roleOf(r.Who)
		if role == "buyer" {
			whole -= net
			continue
		}
		parts = append(parts, part{role, net})
	}
	out.Divided, out.Layers = whole.Format(c), layersOf(merged(parts, orderRoles), whole, c)
	returned, err := signed(o.Returned, c)
	if err != nil {
		return nil, nil, err
	}
	if returned > 0 {
		out.Returned = &ReceiptReturn{How: "refunded", Amount: o.Returned}
		for i := range o.Disputes {
			if o.Disputes[i].State == "lost" {
				out.Returned.How = "disputed"
			}
		}
	}
	var ids []string
	for _, t := range o.Transactions {
		ids = append(ids, t.ID)
	}
	if len(o.Transactions) > 0 && out.At.IsZero() {
		out.At = o.Transactions[0].OccurredAt
	}
	return out, ids, nil
}

// roleOf is the role of a receiver of the waterfall, without its id.
func roleOf(who string) string {
	kind, _, _ := strings.Cut(who, ":")
	switch kind {
	case "buyer", "platform", "processor", "seller", "creator", "agency", "partner", "carrier", "tax", "deposit":
		return kind
	case "beneficiary":
		return "round_up"
	}
	return "other"
}
