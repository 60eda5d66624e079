package commerce

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
)

// A version of a campaign that a second person agrees to: donors rely on what is promised for good.

// ActPublishCampaign is the act that publishes a version of a campaign.
const ActPublishCampaign = "campaign.publish"

// campaignPayload is a version of a campaign, by its number.
type campaignPayload struct {
	Version  int               `json:"version"`
	Campaign CampaignPublished `json:"campaign"`
}

func (p *campaignPayload) event() Event {
	return Event{Type: eventPublished, Reference: eventPublished + ":" + p.Campaign.ID + ":" + strconv.Itoa(p.Version), Data: &publishing{p.Campaign, p.Version}}
}

func readCampaign(payload json.RawMessage) (p campaignPayload, err error) {
	if err = decodePayload(payload, &p); err == nil && p.Version < 1 {
		err = payloadWrong("/version", "minimum", "Versions count from 1. Send the number of the campaign's next version.")
	}
	return p, err
}

// recorded are the terms that the event recorded, which must have the number that people are told. A version that a program posted as
// an event took a number and not the reference that belongs to it, so the number that comes next may be a later one.
func (p *campaignPayload) recorded(r *Result) (*campaignTerms, error) {
	terms, err := termsOf(&r.Transactions[0])
	if err == nil && terms.Version != p.Version {
		err = ErrCampaignVersion.Withf("It would be version %d of the campaign, and not %d. Look at the versions that there are, and publish the next one.", terms.Version, p.Version)
	}
	return terms, err
}

func (x *approved) campaignEffect(ctx context.Context, b guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
	book, err := x.book(ctx, b)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	p, err := readCampaign(payload)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	results, err := x.service.DryRun(ctx, book, []Event{p.event()}, true)
	switch {
	case err != nil:
		return nil, guard.Effect{}, err
	case results[0].Replayed:
		return nil, guard.Effect{}, errNothingToApprove
	case fault.CodeOf(results[0].Err) == ledger.ErrReferenceReused.Code:
		return nil, guard.Effect{}, ErrCampaignVersion.Withf("Version %d of the campaign is recorded with other content. Publish the next one.", p.Version)
	case results[0].Err != nil:
		return nil, guard.Effect{}, payloadFaults(results[0].Err)
	}
	e := guard.Effect{Summary: fmt.Sprintf("Publishes version %d of the campaign %s in the book %s, for the donations given from then on.", p.Version, p.Campaign.ID, book.Code), Count: len(p.Campaign.Beneficiaries)}
	terms, err := p.recorded(&results[0])
	if err != nil {
		return nil, guard.Effect{}, err
	}
	for _, said := range terms.promise() {
		e.Difference = appendShown(e.Difference, said)
	}
	return keepPayload(p, e, nil)
}

func (x *approved) publishCampaign(ctx context.Context, tx pgx.Tx, a guard.Approval) (json.RawMessage, error) {
	book, err := x.book(postgres.Within(ctx, tx), a.Book)
	if err != nil {
		return nil, err
	}
	p, err := readCampaign(a.Payload)
	if err != nil {
		return nil, err
	}
	results, err := x.service.PostTx(ctx, tx, book, []Event{p.event()})
	if err != nil {
		return nil, payloadFaults(err)
	}
	if _, err := p.recorded(&results[0]); err != nil {
		return nil, err
	}
	out := recordedResult{Object: "campaign:" + p.Campaign.ID, Replayed: results[0].Replayed, Transactions: []string{}}
	for i := range results[0].Transactions {
		out.Transactions = append(out.Transactions, results[0].Transactions[i].ID())
	}
	return json.Marshal(out)
}
