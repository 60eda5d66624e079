package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/commerce/receipts"
	"mizan/ledger/fault"
)

// Receipts: making the public id of a donation, a gift or an order, and what the public reads without a key.

// NewReceipt asks for the receipt of a subject.
type NewReceipt struct {
	Subject string `json:"subject" maxLength:"128" doc:"What it is of: donation, gift or order, a colon, and the id" example:"donation:D3"`
}

func receiptOperations() []Operation {
	one := reflect.TypeFor[receipts.PublicID]()
	unchanged := Answer{Status: http.StatusNotModified, Meaning: "It is as it was when its ETag was sent.", Media: "text/plain"}
	return []Operation{
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/receipts", ID: "make-receipt", Group: "Receipts", Summary: "Make a public receipt",
			Description: "A random id of a donation, a gift or an order, by which whoever was given it sees where the money went, at /r/ and the id. There is one for each: asked for again, it is the same. Donations get theirs within a minute without being asked for.",
			Scope:       access.EventsWrite, Body: reflect.TypeFor[NewReceipt](), BodyLimit: bodyLimit, Example: map[string]any{"subject": "donation:D3"},
			Answers: []Answer{{Status: 201, Meaning: "Made.", Body: one}, {Status: 200, Meaning: "It had been made before.", Body: one, Replayed: true}},
			Errors: []*fault.Error{receipts.ErrSubject, commerce.ErrDonationUnknown, commerce.ErrGiftUnknown, commerce.ErrOrderUnknown, commerce.ErrStoryTooLong,
				commerce.ErrOrderEdited, ErrNotReady},
			handle: makeReceipt,
		},
		{
			Method: http.MethodGet, Path: "/r/{receipt}.json", ID: "get-public-receipt", Group: "Receipts", Summary: "Read a public receipt",
			Description: "What the page at /r/ and the id shows, as data. No key is asked for: the id is what its holder knows. It names no donor, no buyer and no payee, only charities. It may be kept for a minute.",
			Answers:     []Answer{{Status: 200, Meaning: "The receipt as it stands.", Body: reflect.TypeFor[receipts.PublicReceipt]()}, unchanged},
			Errors:      []*fault.Error{receipts.ErrUnknown, receipts.ErrBusy, commerce.ErrStoryTooLong, commerce.ErrOrderEdited, ErrNotReady}, handle: getPublicReceipt,
		},
		{
			Method: http.MethodGet, Path: "/c/{public_campaign}/data.json", ID: "get-public-campaign", Group: "Receipts", Summary: "Read a campaign's public page",
			Description: "What the page at /c/ and the campaign's public id shows, as data: given, fees, matched, disbursed, held with the reason, and refunds. The public id is the book's code, a hyphen, and the campaign's id. No key is asked for. It may be kept for a minute.",
			Answers:     []Answer{{Status: 200, Meaning: "The campaign as it stands.", Body: reflect.TypeFor[receipts.PublicCampaign]()}, unchanged},
			Errors:      []*fault.Error{commerce.ErrCampaignUnknown, receipts.ErrBusy, commerce.ErrStoryTooLong, commerce.ErrOrderEdited, ErrNotReady}, handle: getPublicCampaign,
		},
	}
}

// public returns what knows receipts.
func (c *call) public() (*receipts.Service, error) {
	if c.service.receipts == nil {
		return nil, ErrNotReady
	}
	return c.service.receipts, nil
}

func makeReceipt(c *call) (reply, error) {
	all, err := c.public()
	if err != nil {
		return reply{}, err
	}
	body, err := decodeWith(c, func(d *decoder, n int32) (r NewReceipt) {
		d.object(n, &r)
		return r
	})
	if err != nil {
		return reply{}, err
	}
	made, fresh, err := all.Make(c.ctx, c.book, body.Subject)
	if err != nil {
		return reply{}, err
	}
	status := http.StatusCreated
	if !fresh {
		status = http.StatusOK
	}
	out, err := document(status, made)
	out.replayed = !fresh
	return out, err
}

func getPublicReceipt(c *call) (reply, error) {
	all, err := c.public()
	if err != nil {
		return reply{}, err
	}
	out, err := all.Find(c.ctx, c.param("receipt"))
	if err != nil {
		return reply{}, err
	}
	return c.shared(out, out.Sequence)
}

func getPublicCampaign(c *call) (reply, error) {
	all, err := c.public()
	if err != nil {
		return reply{}, err
	}
	out, err := all.Campaign(c.ctx, c.param("public_campaign"))
	if err != nil {
		return reply{}, err
	}
	return c.shared(out, out.Sequence)
}

// publicFor is how long anybody may keep what is public.
const publicFor = "public, max-age=60"

// shared builds an answer that anybody may keep for a while, and says only that nothing has changed to whoever has it.
func (c *call) shared(v any, sequence int64) (reply, error) {
	out, err := document(http.StatusOK, v)
	if err != nil {
		return reply{}, err
	}
	sum := sha256.Sum256(out.body)
	tag := `"` + strconv.FormatInt(sequence, 10) + "-" + hex.EncodeToString(sum[:8]) + `"`
	h := c.w.Header()
	h.Set("ETag", tag)
	h.Set("Cache-Control", publicFor)
	for _, known := range strings.Split(c.r.Header.Get("If-None-Match"), ",") {
		if strings.TrimPrefix(strings.TrimSpace(known), "W/") == tag {
			return reply{status: http.StatusNotModified, media: "text/plain"}, nil
		}
	}
	return out, nil
}

// receiptOf is the id of a subject's receipt, empty if it has none.
func (c *call) receiptOf(kind, id string) (string, error) {
	if c.service.receipts == nil || !ledger.IsSegment(id) {
		return "", nil
	}
	r, err := c.service.receipts.Of(c.ctx, c.book, kind+":"+id)
	return r.ID, err
}
