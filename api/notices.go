package api

import (
	"context"
	"net/http"
	"reflect"

	"mizan/ledger/fault"
	"mizan/payouts"
)

// Notices: what payment processors announce by themselves. A notice carries a signature instead of a key, is about no book, and
// is answered once it is durable.

// Notices takes what processors announce.
type Notices interface {
	// Receive verifies a notice and stores it durably, once; it returns nil only then. Errors: payouts.ErrNoticesUnknown,
	// payouts.ErrNoticeSignature, payouts.ErrNoticeConflict.
	Receive(ctx context.Context, processor string, body []byte, signature string) error
}

type noticeAnswerJSON struct {
	Stored bool `json:"stored" doc:"Always true: it is kept, whether it is new or was received before"`
}

func noticeOperations() []Operation {
	return []Operation{{
		Method: http.MethodPost, Path: "/v1/processors/{processor}/notices", ID: "receive-notice", Group: "Payouts", Summary: "Take in a notice of a payment processor",
		Description: "The header Stripe-Signature signs its time and the body as it is, at most 300 seconds from now, with the secret of either webhook endpoint. " +
			"It is answered once it is durable, and only makes the object that it names be read again. The same notice again is answered with 200 and changes nothing.",
		Signed: true, Body: reflect.TypeFor[map[string]any](), BodyLimit: payouts.MaxNotice, Example: map[string]any{"id": "evt_1", "object": "event", "type": "payout.paid"},
		Answers: []Answer{{Status: 200, Meaning: "Stored.", Body: reflect.TypeFor[noticeAnswerJSON]()}},
		Errors:  []*fault.Error{payouts.ErrNoticesUnknown, payouts.ErrNoticeSignature, payouts.ErrNoticeConflict, ErrOverloaded},
		handle:  receiveNotice,
	}}
}

// receiveNotice stores a notice before it is answered.
func receiveNotice(c *call) (reply, error) {
	in, given := c.service.notices, c.r.Header.Values("Stripe-Signature")
	if len(given) != 1 {
		return reply{}, payouts.ErrNoticeSignature
	}
	if in == nil {
		return reply{}, payouts.ErrNoticesUnknown
	}
	text, err := c.readBody()
	if err != nil {
		return reply{}, err
	}
	c.startClock()
	if err := in.Receive(c.ctx, c.param("processor"), []byte(text), given[0]); err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, noticeAnswerJSON{Stored: true})
}
