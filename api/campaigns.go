package api

import (
	"net/http"
	"reflect"
	"strconv"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/commerce/receipts"
	"mizan/ledger/fault"
)

// Campaigns and donations: publishing what a campaign promises, what was given and where it is, a donation's receipt, and
// whether donations are covered.

type campaignListJSON struct {
	Data       []commerce.CampaignVersion `json:"data" nullable:"false" doc:"Each campaign's first version, in the order they were published"`
	NextCursor *string                    `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last"`
}

type safeguardingListJSON struct {
	Data []commerce.Safeguarding `json:"data" nullable:"false" doc:"For each currency in which there are donations"`
}

func campaignOperations() []Operation {
	one := reflect.TypeFor[eventJSON]()
	body := reflect.TypeFor[commerce.CampaignPublished]()
	published := []Answer{{Status: 201, Meaning: "Published.", Body: one}, {Status: 200, Meaning: "Published before with this content.", Body: one, Replayed: true}}
	unknown := []*fault.Error{commerce.ErrCampaignUnknown, ledger.ErrInvalid}
	return []Operation{
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/campaigns", ID: "publish-campaign", Group: "Campaigns", Summary: "Publish a campaign",
			Description: "What it promises is recorded in the books: the split, the fees, the refund window. A humanitarian campaign carries no platform fee. Postings that would break the promise are refused from then on.",
			Scope:       access.EventsWrite, Body: body, BodyLimit: bodyLimit, Example: campaignExample(), Answers: published,
			Errors: append([]*fault.Error{commerce.ErrCampaignExists, commerce.ErrPromise}, postingErrors...), handle: publishCampaign,
		},
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/campaigns/{campaign}/versions", ID: "publish-campaign-version", Group: "Campaigns", Summary: "Publish the next version of a campaign",
			Description: "It holds for later donations; each donation keeps the version it was given under. Kind and currency cannot change.",
			Scope:       access.EventsWrite, Body: body, BodyLimit: bodyLimit, Example: campaignExample(), Answers: published,
			Errors: append([]*fault.Error{commerce.ErrCampaignUnknown, commerce.ErrCampaignExists, commerce.ErrCampaignVersion, commerce.ErrPromise}, postingErrors...), handle: publishVersion,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/campaigns", ID: "list-campaigns", Group: "Campaigns", Summary: "List campaigns",
			Scope: access.TransactionsRead, Query: reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of campaigns.", Body: reflect.TypeFor[campaignListJSON]()}},
			Errors:  []*fault.Error{ledger.ErrInvalid, ErrCursor}, handle: listCampaigns,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/campaigns/{campaign}", ID: "get-campaign", Group: "Campaigns", Summary: "Read a campaign",
			Description: "All versions of its promise, and its numbers now: given, fees, matched, refunded, what each beneficiary has got and is to get.",
			Scope:       access.TransactionsRead, Answers: []Answer{{Status: 200, Meaning: "The campaign as it stands.", Body: reflect.TypeFor[commerce.Campaign]()}},
			Errors: unknown, handle: getCampaign,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/campaigns/{campaign}/beneficiaries/{beneficiary}", ID: "get-campaign-beneficiary", Group: "Campaigns", Summary: "Read a beneficiary's statement of a campaign",
			Scope: access.TransactionsRead, Own: "beneficiary", Answers: []Answer{{Status: 200, Meaning: "What it was given, what went back, what it has got.", Body: reflect.TypeFor[commerce.CampaignShare]()}},
			Errors: append([]*fault.Error{commerce.ErrBeneficiaryUnknown}, unknown...), handle: getCampaignBeneficiary,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/donations/{donation}", ID: "get-donation", Group: "Campaigns", Summary: "Read a donation's receipt",
			Description: "Where the gift goes to the smallest unit, the tip apart, the match, and how far each part is. Nothing about the donor.",
			Scope:       access.TransactionsRead, Answers: []Answer{{Status: 200, Meaning: "The receipt.", Body: reflect.TypeFor[commerce.Donation]()}},
			Errors: []*fault.Error{commerce.ErrDonationUnknown, ledger.ErrInvalid}, handle: getDonation,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/safeguarding", ID: "get-safeguarding", Group: "Campaigns", Summary: "Read how donations are covered",
			Description: "For each currency what is owed to beneficiaries, where the cash is, what is missing, and what must be moved to the safeguarded account.",
			Scope:       access.BalancesRead, Answers: []Answer{{Status: 200, Meaning: "How donations are covered now.", Body: reflect.TypeFor[safeguardingListJSON]()}},
			handle: getSafeguarding,
		},
	}
}

// campaignExample is a campaign that works.
func campaignExample() any {
	return map[string]any{
		"id": "winter24", "kind": "humanitarian", "currency": "GBP", "platform_fee": "0", "refund_window_days": 14,
		"beneficiaries": []any{map[string]any{"payee": "ngo_a", "weight": "60"}, map[string]any{"payee": "ngo_b", "weight": "25"}, map[string]any{"payee": "local_c", "weight": "15"}},
		"fee_quote":     map[string]any{"rate": "0.014", "flat": "0.20"},
	}
}

// segment returns an id from the path.
func (c *call) segment(name string) (string, error) {
	id := c.param(name)
	if !ledger.IsSegment(id) {
		rule := patternRules[segmentPattern]
		return "", ledger.ErrInvalid.With("There can be nothing of this id. Correct the id.").At("path:"+name, rule.code, rule.message)
	}
	return id, nil
}

func campaignBody(c *call) (commerce.CampaignPublished, error) {
	if err := c.service.ledger.Congested(c.book); err != nil {
		return commerce.CampaignPublished{}, err
	}
	return decodeWith(c, func(d *decoder, n int32) (body commerce.CampaignPublished) {
		d.object(n, &body)
		return body
	})
}

func publishCampaign(c *call) (reply, error) {
	body, err := campaignBody(c)
	if err != nil {
		return reply{}, err
	}
	return recordedOf(c.service.commerce.Publish(c.ctx, c.book, body), http.StatusCreated)
}

func publishVersion(c *call) (reply, error) {
	id, err := c.segment("campaign")
	if err != nil {
		return reply{}, err
	}
	body, err := campaignBody(c)
	if err != nil {
		return reply{}, err
	}
	if body.ID != id {
		return reply{}, ledger.ErrInvalid.At("/id", "id", "The id is another than the path's. Send the version to its campaign.")
	}
	return recordedOf(c.service.commerce.PublishNext(c.ctx, c.book, body), http.StatusCreated)
}

func listCampaigns(c *call) (reply, error) {
	limit, after := c.query.limit(), c.afterNumber()
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, next, err := c.service.commerce.Campaigns(c.ctx, c.book, after, limit)
	if err != nil {
		return reply{}, err
	}
	out := campaignListJSON{Data: list}
	if list == nil {
		out.Data = []commerce.CampaignVersion{}
	}
	if next != 0 {
		cursor := c.nextCursor(strconv.FormatInt(next, 10))
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}

func getCampaign(c *call) (reply, error) {
	id, err := c.segment("campaign")
	if err != nil {
		return reply{}, err
	}
	out, err := c.service.commerce.Campaign(c.ctx, c.book, id)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, out)
}

func getCampaignBeneficiary(c *call) (reply, error) {
	id, err := c.segment("campaign")
	if err != nil {
		return reply{}, err
	}
	payee, err := c.segment("beneficiary")
	if err != nil {
		return reply{}, err
	}
	out, err := c.service.commerce.CampaignBeneficiary(c.ctx, c.book, id, payee)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, out)
}

func getDonation(c *call) (reply, error) {
	id, err := c.segment("donation")
	if err != nil {
		return reply{}, err
	}
	out, err := c.service.commerce.Donation(c.ctx, c.book, id)
	if err != nil {
		return reply{}, err
	}
	if out.Receipt, err = c.receiptOf(receipts.Donation, id); err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, out)
}

func getSafeguarding(c *call) (reply, error) {
	list, err := c.service.commerce.Safeguarding(c.ctx, c.book)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, safeguardingListJSON{list})
}
