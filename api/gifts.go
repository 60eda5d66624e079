package api

import (
	"net/http"
	"reflect"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/commerce/receipts"
	"mizan/ledger/fault"
)

// Gifts: reading where a gift went.

func giftOperations() []Operation {
	return []Operation{{
		Method: http.MethodGet, Path: "/v1/books/{book}/gifts/{gift}", ID: "get-gift", Group: "Events", Summary: "Read a gift's chain",
		Description: "Who has what of a gift, from what the viewer paid to the last receiver: the store, the platform, the creator, the agency, and those that a split with this source passed it on to.",
		Scope:       access.TransactionsRead, Answers: []Answer{{Status: 200, Meaning: "The gift and its legs, which add up to it.", Body: reflect.TypeFor[commerce.Gift]()}},
		Errors: []*fault.Error{commerce.ErrGiftUnknown, commerce.ErrStoryTooLong, commerce.ErrOrderEdited, ledger.ErrInvalid}, handle: getGift,
	}}
}

func getGift(c *call) (reply, error) {
	id, err := c.segment("gift")
	if err != nil {
		return reply{}, err
	}
	out, err := c.service.commerce.Gift(c.ctx, c.book, id)
	if err != nil {
		return reply{}, err
	}
	if out.Receipt, err = c.receiptOf(receipts.Gift, id); err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, out)
}
