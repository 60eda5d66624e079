package api

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/commerce/intake"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// Inbound: messages that shops and processors send by themselves, what became of them, how a shop is read, and the release
// of imported orders. A message carries a signature instead of a key. It is answered once it is durable, and applied
// afterwards.

type inboundAnswerJSON struct {
	Stored bool `json:"stored" doc:"Whether it was new; false for one that was received before"`
}

// InboundJSON is an inbound message as callers read it. It is exported because huma documents embedded structs only then.
type InboundJSON struct {
	ID          string  `json:"id" example:"17"`
	Source      string  `json:"source" example:"shopify"`
	MessageID   string  `json:"message_id" doc:"The source's own id" example:"b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"`
	Topic       string  `json:"topic" example:"orders/paid"`
	Origin      string  `json:"origin" doc:"The shop or account that it names; empty if it names none" example:"toys.example"`
	SHA256      string  `json:"sha256" doc:"Of its body"`
	ReceivedAt  string  `json:"received_at" format:"date-time" example:"2026-11-20T10:00:00.000000Z"`
	State       string  `json:"state" enum:"received,applied,parked,ignored"`
	Reason      string  `json:"reason" doc:"Why it is parked or ignored, for programs" example:"predecessor-missing"`
	Detail      string  `json:"detail" doc:"The reason, for people"`
	About       string  `json:"about" doc:"The imported order that it concerns" example:"shopify.1001"`
	Reference   string  `json:"reference" doc:"The reference of its event" example:"shopify:paid:shopify.1001"`
	Attempts    int     `json:"attempts"`
	Conflicts   int     `json:"conflicts" doc:"How often another body came under the same id"`
	NextAttempt *string `json:"next_attempt" format:"date-time" doc:"When it is tried again; null if it waits for nothing, or for a person"`
}

type inboundFullJSON struct {
	InboundJSON
	Body string `json:"body" contentEncoding:"base64" doc:"As it came, in base64"`
}

type inboundListJSON struct {
	Data       []InboundJSON `json:"data" nullable:"false"`
	NextCursor *string       `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last one"`
}

type inboundQuery struct {
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
	State  string `json:"state,omitempty" enum:"received,applied,parked,ignored" doc:"Only messages of this state"`
	Source string `json:"source,omitempty" enum:"shopify,stripe" doc:"Only messages of this source"`
	Order  string `json:"order,omitempty" enum:"asc,desc" default:"asc" doc:"asc: the oldest first; desc: the newest first"`
}

type importSourceJSON struct {
	Source  string        `json:"source" example:"shopify"`
	Version int           `json:"version" doc:"How often it was described" example:"1"`
	Reads   intake.Source `json:"reads" doc:"How its orders are read"`
}

// NewRetry is the body that has something tried again.
type NewRetry struct {
	Reason string `json:"reason,omitempty" maxLength:"2000" doc:"Why; it is kept in the audit trail" example:"The shop is described."`
}

// NewImportRelease is the body that releases an imported order.
type NewImportRelease struct {
	Reference  string    `json:"reference,omitempty" minLength:"1" maxLength:"255" pattern:"^[!-~]([ -~]{0,253}[!-~])?$" doc:"Your own name for it; left out, import.released: and the order's id" example:"import-released-1001"`
	ReleasedAt time.Time `json:"released_at,omitempty" format:"date-time" doc:"When it is released, with its zone; left out, it is when it is recorded" example:"2026-11-29T09:00:00Z"`
}

func inboundOperations() []Operation {
	full := reflect.TypeFor[inboundFullJSON]()
	signed := func(source, id, says string, refusal *fault.Error) Operation {
		return Operation{
			Method: http.MethodPost, Path: "/v1/books/{book}/inbound/" + source, ID: id, Group: "Imports", Summary: "Take in a message of " + source,
			Description: says + " It is answered once it is durable, and applied afterwards. The same message again is answered with 200 and changes nothing.",
			Signed:      true, Body: reflect.TypeFor[map[string]any](), BodyLimit: bodyLimit, Example: map[string]any{"id": 1001},
			Answers: []Answer{{Status: 200, Meaning: "Stored.", Body: reflect.TypeFor[inboundAnswerJSON]()}},
			Errors:  []*fault.Error{refusal, intake.ErrMessage, intake.ErrCardNumber, intake.ErrMessageConflict, ErrOverloaded},
			handle:  func(c *call) (reply, error) { return receiveInbound(c, source) },
		}
	}
	return []Operation{
		signed(intake.SourceShopify, "receive-shopify", "The header X-Shopify-Hmac-Sha256 signs the body as it is.", intake.ErrSignature),
		signed(intake.SourceStripe, "receive-stripe", "The header Stripe-Signature signs its time and the body as it is, at most 300 seconds from now.", intake.ErrSignatureMalformed),
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/inbound", ID: "list-inbound", Group: "Imports", Summary: "List inbound messages",
			Description: "Oldest first, without their bodies. Look at those that are parked: they wait for something, or for a person.",
			Scope:       access.InboundRead, Query: reflect.TypeFor[inboundQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of messages.", Body: reflect.TypeFor[inboundListJSON]()}},
			Errors:  []*fault.Error{ErrCursor, ledger.ErrInvalid}, handle: listInbound,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/inbound/messages/{message}", ID: "get-inbound", Group: "Imports", Summary: "Read an inbound message",
			Description: "With its body as it came, which may hold personal data of buyers.", Scope: access.InboundRead, Also: access.PersonalRead,
			Answers: []Answer{{Status: 200, Meaning: "The message.", Body: full}}, Errors: []*fault.Error{intake.ErrMessageUnknown}, handle: getInbound,
		},
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/inbound/messages/{message}/retry", ID: "retry-inbound", Group: "Imports", Summary: "Try an inbound message again",
			Description: "It is taken up at once. Do it after correcting why it was parked. The answer holds the body.", Scope: access.InboundWrite, Also: access.PersonalRead,
			Body: reflect.TypeFor[NewRetry](), BodyLimit: bodyLimit, Example: map[string]any{},
			Answers: []Answer{{Status: 200, Meaning: "It is tried again.", Body: full}},
			Errors:  []*fault.Error{intake.ErrMessageUnknown, intake.ErrMessageDone, guard.ErrDeedInvalid}, handle: retryInbound,
		},
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/import_sources/{source}", ID: "describe-source", Group: "Imports", Summary: "Say how a shop's orders are read",
			Description: "Whose the shop is, the rates, and which codes stand for which creators. It holds for messages that are read from now on.",
			Scope:       access.InboundWrite, Body: reflect.TypeFor[intake.Source](), BodyLimit: ruleSetLimit, Example: sourceExample(),
			Answers: []Answer{{Status: 200, Meaning: "It is read like this from now on.", Body: reflect.TypeFor[importSourceJSON]()}},
			Errors:  []*fault.Error{intake.ErrSource, intake.ErrSourceUnknown}, handle: describeSource,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/import_sources/{source}", ID: "get-source", Group: "Imports", Summary: "Read how a shop's orders are read",
			Scope:   access.InboundRead,
			Answers: []Answer{{Status: 200, Meaning: "The description.", Body: reflect.TypeFor[importSourceJSON]()}}, Errors: []*fault.Error{intake.ErrSourceUnknown}, handle: getSource,
		},
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/imported_orders/{order}/release", ID: "release-imported-order", Group: "Imports", Summary: "Release an imported order",
			Description: "What its creators and agencies earned becomes available. Unless it was imported with release on_window, it is refused while the seller is below zero.",
			Scope:       access.SettlementsWrite, Body: reflect.TypeFor[NewImportRelease](), BodyLimit: bodyLimit, Example: map[string]any{},
			Answers: []Answer{
				{Status: 201, Meaning: "Released.", Body: reflect.TypeFor[eventJSON]()},
				{Status: 200, Meaning: "Released before under this reference.", Body: reflect.TypeFor[eventJSON](), Replayed: true},
			},
			Errors: append([]*fault.Error{commerce.ErrImportUnknown, commerce.ErrNotDue, commerce.ErrNotFunded, commerce.ErrOrderState, commerce.ErrOrderEdited, commerce.ErrStoryTooLong}, postingErrors...),
			handle: releaseImported,
		},
	}
}

func sourceExample() any {
	return map[string]any{"seller": "sel_shopify", "shop": "toys.example", "commission_rate": "0.08", "platform_rate": "0.02",
		"creators": []any{map[string]any{"code": "JO10", "creator": "cre_jo"}}}
}

// receiveInbound verifies a message before anything else is done with it, and answers once it is stored. A stranger learns
// nothing of which books there are.
func receiveInbound(c *call, source string) (reply, error) {
	in, book, refusal, header := c.service.intakes, c.param("book"), intake.ErrSignatureMalformed, "Stripe-Signature"
	if source == intake.SourceShopify {
		refusal, header = intake.ErrSignature, "X-Shopify-Hmac-Sha256"
	}
	given := c.r.Header.Values(header)
	if in == nil || len(given) != 1 {
		return reply{}, refusal
	}
	text, err := c.readBody()
	if err != nil {
		return reply{}, err
	}
	c.startClock()
	m := intake.Message{Source: source, MessageID: c.r.Header.Get("X-Shopify-Webhook-Id"), Topic: c.r.Header.Get("X-Shopify-Topic"),
		Origin: c.r.Header.Get("X-Shopify-Shop-Domain"), Body: []byte(text)}
	if source == intake.SourceShopify {
		err = in.Secrets().Shopify(book, given[0], m.Body)
	} else if err = in.Secrets().Stripe(book, given[0], m.Body, in.Now()); err == nil {
		m, err = intake.StripeMessage(m.Body)
	}
	if err != nil {
		return reply{}, err
	}
	if c.book, err = c.service.ledger.Book(c.ctx, book); err != nil {
		return reply{}, err
	}
	c.w.book = book
	_, fresh, err := in.Receive(c.ctx, c.book, m)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, inboundAnswerJSON{Stored: fresh})
}

func inboundOf(m *intake.Message) InboundJSON {
	out := InboundJSON{ID: strconv.FormatInt(m.ID, 10), Source: m.Source, MessageID: m.MessageID, Topic: m.Topic, Origin: m.Origin, SHA256: hex.EncodeToString(m.SHA256[:]),
		ReceivedAt: m.ReceivedAt.UTC().Format(instantFormat), State: string(m.State), Reason: m.Reason, Detail: m.Detail, About: m.About, Reference: m.Reference,
		Attempts: m.Attempts, Conflicts: m.Conflicts}
	if !m.NextAttempt.IsZero() {
		at := m.NextAttempt.UTC().Format(instantFormat)
		out.NextAttempt = &at
	}
	return out
}

func fullInbound(m *intake.Message) (reply, error) {
	return document(http.StatusOK, inboundFullJSON{InboundJSON: inboundOf(m), Body: base64.StdEncoding.EncodeToString(m.Body)})
}

// imports returns the intake, or ErrNoRoute where there is none.
func (c *call) imports() (*intake.Service, error) {
	if c.service.intakes == nil {
		return nil, ErrNoRoute
	}
	return c.service.intakes, nil
}

func listInbound(c *call) (reply, error) {
	in, err := c.imports()
	if err != nil {
		return reply{}, err
	}
	limit, after := c.query.limit(), c.afterNumber()
	q := intake.Query{State: intake.State(c.query.choice("state", "", "received", "applied", "parked", "ignored")), Source: c.query.choice("source", "", "shopify", "stripe"), After: after}
	read := in.Messages
	if c.query.descending() {
		read = in.LatestMessages
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, more, err := oneMore(limit, func(limit int) ([]intake.Message, error) {
		q.Limit = limit
		return read(c.ctx, c.book, q)
	})
	if err != nil {
		return reply{}, err
	}
	out := inboundListJSON{Data: make([]InboundJSON, len(list))}
	for i := range list {
		out.Data[i] = inboundOf(&list[i])
	}
	if more {
		next := c.nextCursor(out.Data[len(list)-1].ID)
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}

// message returns the intake and the message's id of the path.
func (c *call) message() (*intake.Service, int64, error) {
	in, err := c.imports()
	if err != nil {
		return nil, 0, err
	}
	id, err := strconv.ParseInt(c.param("message"), 10, 64)
	if err != nil || id < 1 {
		return nil, 0, intake.ErrMessageUnknown
	}
	return in, id, nil
}

func getInbound(c *call) (reply, error) {
	in, id, err := c.message()
	if err != nil {
		return reply{}, err
	}
	m, err := in.Read(c.ctx, c.actor(), c.book, id)
	if err != nil {
		return reply{}, err
	}
	return fullInbound(&m)
}

func retryInbound(c *call) (reply, error) {
	in, id, err := c.message()
	if err != nil {
		return reply{}, err
	}
	body, err := decodeWith(c, func(d *decoder, n int32) (r NewRetry) {
		d.object(n, &r)
		return r
	})
	if err != nil {
		return reply{}, err
	}
	if _, err := in.RetryBy(c.ctx, c.actor(), c.book, id, body.Reason); err != nil {
		return reply{}, err
	}
	m, err := in.Read(c.ctx, c.actor(), c.book, id)
	if err != nil {
		return reply{}, err
	}
	return fullInbound(&m)
}

func describeSource(c *call) (reply, error) {
	in, err := c.imports()
	if err != nil {
		return reply{}, err
	}
	text, err := c.readDocument()
	if err != nil {
		return reply{}, err
	}
	source, err := intake.ParseSource([]byte(text))
	if err != nil {
		return reply{}, err
	}
	version, err := in.Describe(c.ctx, c.actor(), c.book, c.param("source"), source)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, importSourceJSON{Source: c.param("source"), Version: version, Reads: source})
}

func getSource(c *call) (reply, error) {
	in, err := c.imports()
	if err != nil {
		return reply{}, err
	}
	source, version, err := in.Source(c.ctx, c.book, c.param("source"))
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, importSourceJSON{Source: c.param("source"), Version: version, Reads: source})
}

func releaseImported(c *call) (reply, error) {
	order, err := c.order()
	if err != nil {
		return reply{}, err
	}
	body, err := decodeWith(c, func(d *decoder, n int32) (r NewImportRelease) {
		d.object(n, &r)
		return r
	})
	if err != nil {
		return reply{}, err
	}
	return recorded(c.service.commerce.ReleaseImported(c.ctx, c.book, order, body.Reference, body.ReleasedAt), http.StatusCreated)
}
