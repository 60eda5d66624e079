package api

import (
	"net/http"
	"reflect"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/failpoint"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// Business events: a caller says what happened in the market, and is told what that posted and why.

// maxEventNodes bounds the values of a body that holds one event: more than an order of 200 lines with every discount and
// tax that a line may have.
const maxEventNodes = 60_000

type postEventQuery struct {
	DryRun bool `json:"dry_run,omitempty" default:"false" doc:"true: answer what would be posted now, and leave no trace"`
}

// eventErrors are what an event may be refused for, besides what a posting may be refused for.
var eventErrors = append([]*fault.Error{
	commerce.ErrEventType, commerce.ErrEventReserved, commerce.ErrOrderUnknown, commerce.ErrOrderState, commerce.ErrOrderTerms, commerce.ErrOrderEdited,
	commerce.ErrRepeated, commerce.ErrRemitted, commerce.ErrDisputeUnknown, commerce.ErrChargeKind, commerce.ErrRuleMissing,
	commerce.ErrSweepTooLarge, commerce.ErrCashMissing, commerce.ErrTransferUnknown, commerce.ErrTransferDone, commerce.ErrOwedLess,
	commerce.ErrItemUnknown, commerce.ErrItemGone, commerce.ErrDebtSmaller, commerce.ErrInDebt, ledger.ErrHoldingTooLarge,
	commerce.ErrRateOld, commerce.ErrNothingToConvert, commerce.ErrPositionOpen, commerce.ErrTooEarly, commerce.ErrYearOpen, commerce.ErrYearLarge, commerce.ErrOpeningTotals,
	commerce.ErrSaleUnknown, commerce.ErrSaleState, commerce.ErrTooManySales, commerce.ErrNoCredit, commerce.ErrStoredValueSpent, commerce.ErrStoryTooLong, commerce.ErrSolicitedShare, commerce.ErrCoinHistory, commerce.ErrCoinGifts,
	commerce.ErrPromise, commerce.ErrCampaignUnknown, commerce.ErrCampaignMoney, commerce.ErrRefundWindow, commerce.ErrDonationUnknown, commerce.ErrDisbursementUnknown, commerce.ErrMovementUnknown,
	commerce.ErrImportUnknown, commerce.ErrFieldUnknown, commerce.ErrStatementSum, commerce.ErrStatementParty,
	guard.ErrApprovalRequired, commerce.ErrGiftToMinor, commerce.ErrTrustExceeded, commerce.ErrStillMinor, commerce.ErrNothingWaits,
}, postingErrors...)

func eventOperations() []Operation {
	one := reflect.TypeFor[eventJSON]()
	return []Operation{
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/events", ID: "post-event", Group: "Events", Summary: "Post a business event",
			Description: "Say what happened; the rules in force decide what it posts, and the answer holds the transactions and the reason of every amount. " +
				"Durable once answered. The same reference with the same content is answered as the first time, with 200 and Idempotent-Replayed: true; " +
				"with other content it is refused with reference-reused. An optional object of the data may also be sent as null, which is the same as leaving it out.",
			Scope: access.EventsWrite, Query: reflect.TypeFor[postEventQuery](),
			Body: reflect.TypeFor[NewEvent](), BodyLimit: bodyLimit, Example: eventExample("order.captured"), Examples: eventExamples(),
			Answers: []Answer{
				{Status: 201, Meaning: "Recorded.", Body: one},
				{Status: 200, Meaning: "Recorded before under this reference; or, for a dry run, what would be posted now.", Body: one, Replayed: true},
			},
			Errors: eventErrors, handle: postEvent,
		},
		eventBatchOperation(),
	}
}

func postEvent(c *call) (reply, error) {
	dry, err := c.readyToPost()
	if err != nil {
		return reply{}, err
	}
	event, err := decodeUpTo(c, maxEventNodes, (*decoder).event)
	if err != nil {
		return reply{}, err
	}
	if err := c.together(event, dry); err != nil {
		return reply{}, err
	}
	if dry {
		results, err := c.service.commerce.DryRun(c.ctx, c.book, []commerce.Event{event}, false)
		if err != nil {
			return reply{}, err
		}
		return recorded(results[0], http.StatusOK)
	}
	failpoint.Here(failpoint.Decoded)
	return recorded(c.service.commerce.Post(c.ctx, c.book, event), http.StatusCreated)
}

// together returns guard.ErrApprovalRequired for an event that this caller may not record alone. Anybody may try it out.
func (c *call) together(e commerce.Event, dry bool) error {
	if dry || c.principal.Alone {
		return nil
	}
	if commerce.NeedsSecondPerson(e.Type) {
		return guard.ErrApprovalRequired
	}
	if r, ok := e.Data.(*commerce.EntryReversed); ok {
		if sequence, err := ledger.ParseTransactionID(c.book.Code, r.Transaction); err == nil {
			return c.undoing(sequence)
		}
	}
	return nil
}

// undoing returns guard.ErrApprovalRequired if this caller may not reverse a transaction, or post it again, alone.
func (c *call) undoing(sequence int64) error {
	if c.principal.Alone {
		return nil
	}
	// What is not recorded yet is refused here: by the time it is looked for, it could be what two people agreed to.
	together, err := c.service.commerce.AgreedByTwo(c.ctx, c.book, sequence)
	if err == nil && together {
		err = guard.ErrApprovalRequired
	}
	return err
}

// entries returns guard.ErrApprovalRequired for entries under a name that says that two people agreed to them.
func (c *call) entries(s ledger.Submission, dry bool) error {
	if dry || c.principal.Alone {
		return nil
	}
	for i := range s.Drafts {
		if commerce.TakesTwo(s.Drafts[i].Event) {
			return guard.ErrApprovalRequired
		}
	}
	return nil
}

// recorded answers for one event.
func recorded(r commerce.Result, status int) (reply, error) {
	if r.Err != nil {
		return reply{}, r.Err
	}
	if r.Replayed {
		status = http.StatusOK
	}
	return encode(status, r.Replayed, func(b []byte) []byte { return appendEvent(b, &r) }), nil
}

// recordedOf is recorded for a body that is the data of an event itself, so its errors name fields without /data.
func recordedOf(r commerce.Result, status int) (reply, error) {
	r.Err = inBody(r.Err, "/data")
	return recorded(r, status)
}
