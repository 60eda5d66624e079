package commerce

import (
	"encoding/json"
	"slices"

	"mizan/ledger"
	"mizan/ledger/money"
)

// The tally of a campaign is what it has come to so far: each record of the campaign carries it on, so that neither a
// donation nor the campaign's page reads more than the last one. Whoever carries it on rests on the one before, so that
// donations are counted, matched and released in the order of the ledger.

// tally is a campaign's numbers after a transaction, in minor units.
type tally struct {
	Currency string `json:"c"`
	// Number counts the donations, Step the records of the tally.
	Number int64 `json:"n,omitempty"`
	Step   int64 `json:"s,omitempty"`
	// WindowEnds is when the last refund window of a donation so far is over, in seconds since 1970.
	WindowEnds int64 `json:"w,omitempty"`
	// Of donations that stand: the gifts, the card fees they bore, those that donors covered, the platform's fee, tips.
	Given       int64 `json:"g,omitempty"`
	CardFees    int64 `json:"cf,omitempty"`
	Covered     int64 `json:"cv,omitempty"`
	PlatformFee int64 `json:"pf,omitempty"`
	Tips        int64 `json:"tp,omitempty"`
	// Refunds counts the donations that went back, Refunded is what was given with them.
	Refunds  int64 `json:"rn,omitempty"`
	Refunded int64 `json:"rf,omitempty"`
	// Borne is what beneficiaries keep of donations that went back after disbursement, at the platform's cost.
	Borne int64 `json:"bo,omitempty"`
	// Cash is donation cash at processors, Moving on its way to or from the safeguarded account, Safe in it.
	Cash   int64        `json:"ca,omitempty"`
	Moving int64        `json:"mo,omitempty"`
	Safe   int64        `json:"sa,omitempty"`
	Match  matchTally   `json:"m,omitzero"`
	Of     []shareTally `json:"of,omitempty"`
}

// shareTally is one beneficiary's part of a tally.
type shareTally struct {
	Payee   string `json:"p"`
	Donated int64  `json:"d,omitempty"`
	Matched int64  `json:"m,omitempty"`
	Surplus int64  `json:"su,omitempty"`
	// What went back of donations and matches, and the card fees that its donations bore, with those of donations that went back.
	BackDonated int64 `json:"bd,omitempty"`
	BackMatched int64 `json:"bm,omitempty"`
	Fees        int64 `json:"f,omitempty"`
	BackFees    int64 `json:"bf,omitempty"`
	// Ours is the platform's published fee on its shares of donations that stand.
	Ours int64 `json:"o,omitempty"`
	// Redirected to it (In) and away from it (Out).
	In  int64 `json:"in,omitempty"`
	Out int64 `json:"out,omitempty"`
	// Paid is what arrived, Sending what is on its way.
	Paid    int64 `json:"pd,omitempty"`
	Sending int64 `json:"se,omitempty"`
	// The donations up to these numbers are released and disbursed; the steps are when that was last done.
	Released      int64  `json:"r,omitempty"`
	Disbursed     int64  `json:"ds,omitempty"`
	ReleasedStep  int64  `json:"rs,omitempty"`
	DisbursedStep int64  `json:"dt,omitempty"`
	Held          string `json:"h,omitempty"`
	// Redirected says who got what it had of the donations up to RedirectedThrough, of which those up to RedirectedReleased
	// had been released, and at which step.
	Redirected         string `json:"x,omitempty"`
	RedirectedThrough  int64  `json:"xt,omitempty"`
	RedirectedReleased int64  `json:"xr,omitempty"`
	RedirectedStep     int64  `json:"xs,omitempty"`
}

// tallied is a record that carries a tally on.
type tallied struct {
	Tally   *tally        `json:"tally,omitempty"`
	Promise *matchPromise `json:"promise,omitempty"`
	Back    *tallyBack    `json:"back,omitempty"`
}

// tallyBack is a donation that went back, with the number it had.
type tallyBack struct {
	Number int64      `json:"n"`
	Shares []backPart `json:"of"`
}

func tallySubject(campaign string) string { return "tally:" + campaign }

// tally reads a campaign's tally, to be carried on.
func (p *planner) tally(c *campaignTerms) (*tally, error) {
	t, err := p.lastOf(tallySubject(c.ID))
	if err != nil {
		return nil, err
	}
	out := &tally{Currency: c.Currency}
	if t != nil {
		if out, err = tallyOf(t); err != nil {
			return nil, err
		}
	}
	out.Step++
	return out, nil
}

func tallyOf(t *ledger.Transaction) (*tally, error) {
	stored, err := storedAs[tallied](t)
	if err != nil {
		return nil, err
	}
	if stored.Tally == nil {
		return nil, ErrOrderEdited.Withf("Transaction %s carries no numbers of its campaign.", t.ID())
	}
	return stored.Tally, nil
}

// of is a beneficiary's part, added if it is new.
func (t *tally) of(payee string) *shareTally {
	i := slices.IndexFunc(t.Of, func(s shareTally) bool { return s.Payee == payee })
	if i < 0 {
		t.Of = append(t.Of, shareTally{Payee: payee})
		i = len(t.Of) - 1
	}
	return &t.Of[i]
}

// has reports whether a payee is a beneficiary, or became one.
func (t *tally) has(payee string) bool {
	return slices.ContainsFunc(t.Of, func(s shareTally) bool { return s.Payee == payee })
}

// credited is what a beneficiary was ever given, without what went back.
func (s *shareTally) credited() int64 { return s.Donated + s.Matched + s.Surplus }

// kept is what a beneficiary has got, or is to get.
func (s *shareTally) kept() int64 {
	return s.credited() + s.In - s.Out - s.BackDonated - s.BackMatched
}

// counted carries the tally on with a fact of its own, beside an event whose subject is something else.
func (p *planner) counted(c *campaignTerms, t *tally, part int) error {
	data, err := keep(tallied{Tally: t})
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: eventCounted, kind: p.event.Type, part: part, subject: tallySubject(c.ID), campaign: c.ID, data: data})
}

func keep(v any) (json.RawMessage, error) { return json.Marshal(v) }

func donationPending(payee, campaign string) ledger.Address {
	return ledger.Address("liabilities:donation:pending:" + payee + ":" + campaign)
}

func donationAvailable(payee, campaign string) ledger.Address {
	return ledger.Address("liabilities:donation:available:" + payee + ":" + campaign)
}

func passthrough(campaign string) ledger.Address {
	return ledger.Address("liabilities:processor_fee_passthrough:" + campaign)
}

func matchFund(campaign string) ledger.Address {
	return ledger.Address("liabilities:match_fund:" + campaign)
}

func safeguarded(bank string) ledger.Address {
	return ledger.Address("assets:bank:safeguarded:" + bank)
}

const (
	accountDonationFee = "revenue:donation_fee"
	accountDonorTip    = "revenue:donor_tip"
	accountMatch       = "expenses:match"
	mainAccount        = "main"
)

// transfer is lines of one currency in the making; amounts of zero are left out.
type transfer struct {
	currency money.Currency
	lines    []ledger.Line
}

func (t *transfer) debit(a ledger.Address, amount money.Minor)  { t.add(a, amount, "") }
func (t *transfer) credit(a ledger.Address, amount money.Minor) { t.add(a, -amount, "") }

func (t *transfer) add(a ledger.Address, amount money.Minor, ref string) {
	if amount != 0 {
		t.lines = append(t.lines, ledger.Line{Account: a, Amount: amount, Currency: t.currency, ExternalRef: ref})
	}
}
