package api

import (
	"net/http"
	"reflect"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/payouts"
)

// Coming: money on its way to a payee, what the next payout is expected to pay and when, and if it is expected to pay nothing, why.

type comingStageJSON struct {
	Stage  string `json:"stage" enum:"pending,available,paying,reserve,dispute_hold,blocked,deposit,commission_deposit,minor_trust" doc:"paying: sent, and not confirmed yet"`
	Amount string `json:"amount" doc:"Of what is available, below zero it is owed" example:"4.41"`
}

type comingDayJSON struct {
	Day    *string `json:"day" format:"date" doc:"In the zone of the book; null for what has no day yet, because it is not delivered or something keeps it"`
	Count  int     `json:"count" doc:"How many sales and others" example:"1"`
	Amount string  `json:"amount" example:"4.41"`
}

type comingNextJSON struct {
	Expect  string  `json:"expect" enum:",expected,upto,many,below,nothing,paused,none" doc:"expected: this, if nothing changes; upto: before what is kept in reserve or in trust; many: only the first sales are added up; below: less than the minimum, which is carried forward; nothing: nothing will be available; paused: a hold stops it; none: nothing is paid for the reasons told; empty: no run is scheduled"`
	RunsAt  *string `json:"runs_at" format:"date-time" doc:"When the run starts; null if none is scheduled"`
	Amount  string  `json:"amount" doc:"What arrives after the fee; where nothing or no certain amount does, what is available and what comes before the cut-off of the run" example:"91.64"`
	Minimum string  `json:"minimum" doc:"Less is not paid" example:"10.00"`
	// Reasons are those of the decision that is expected.
	Reasons []payoutReasonJSON `json:"reasons" nullable:"false" doc:"Where nothing is paid all that stands in the way, most important first; of a payment why something stays"`
}

type comingDebtJSON struct {
	Amount string `json:"amount" example:"3.20"`
	Since  string `json:"since" format:"date-time"`
}

type comingLastJSON struct {
	DecidedAt string  `json:"decided_at" format:"date-time"`
	Verdict   string  `json:"verdict" example:"skip"`
	Amount    string  `json:"amount" example:"0.00"`
	LookAt    *string `json:"looked_at_again" format:"date-time" doc:"Null if nobody knows"`
}

type comingInJSON struct {
	Currency string            `json:"currency" example:"GBP"`
	Stages   []comingStageJSON `json:"stages" nullable:"false" doc:"Where the payee's money is now"`
	Next     comingNextJSON    `json:"next_payout"`
	Coming   []comingDayJSON   `json:"coming" nullable:"false" doc:"What becomes available by day"`
	Gross    bool              `json:"kept_back" doc:"A part of what is coming may be kept in reserve or in trust when it comes"`
	Reserves []comingDayJSON   `json:"reserves" nullable:"false" doc:"The reserves by the day they end"`
	More     bool              `json:"more" doc:"Only the earliest 500 are counted by day"`
	Debts    []comingDebtJSON  `json:"debts" nullable:"false" doc:"What is taken from what is earned next, before anything is paid"`
	Last     *comingLastJSON   `json:"last_decision,omitempty" doc:"What was decided last; left out if nothing was"`
}

type comingJSON struct {
	Kind       string         `json:"kind" enum:"seller,creator,agency,partner,charity,guardian"`
	Payee      string         `json:"payee" example:"cre_amy"`
	Currencies []comingInJSON `json:"currencies" nullable:"false" doc:"Those in which the payee has an account, in the order of the book"`
}

// comingStages are the stages in their order.
var comingStages = []string{"pending", "available", "paying", "reserve", "dispute_hold", "blocked", "deposit", "commission_deposit", "minor_trust"}

func comingOperations() []Operation {
	return []Operation{{
		Method: http.MethodGet, Path: "/v1/books/{book}/payees/{payee}/coming", ID: "get-coming", Group: "Payees", Summary: "Read what money is on its way to a payee",
		Description: "What waits and becomes available on which day, and what the next payout is expected to pay, or why it is expected to pay nothing.",
		Scope:       access.BalancesRead, Own: "payee", Query: reflect.TypeFor[payeeKindQuery](),
		Answers: []Answer{{Status: 200, Meaning: "The way of the payee's money.", Body: reflect.TypeFor[comingJSON]()}},
		Errors:  []*fault.Error{commerce.ErrPayeeUnknown, ledger.ErrInvalid, ErrNotReady}, handle: getComing,
	}}
}

func getComing(c *call) (reply, error) {
	who, err := c.earner()
	if err != nil {
		return reply{}, err
	}
	way, err := c.service.payouts.Way(c.ctx, c.book, who)
	if err != nil {
		return reply{}, err
	}
	out := comingJSON{Kind: who.Kind, Payee: who.ID, Currencies: []comingInJSON{}}
	for i := range way.Currencies {
		out.Currencies = append(out.Currencies, comingInOf(&way.Currencies[i]))
	}
	return document(http.StatusOK, out)
}

// comingInOf is the way of the money in a currency as callers read it.
func comingInOf(in *payouts.WayIn) comingInJSON {
	m := func(a money.Minor) string { return a.Format(in.Currency) }
	days := func(list []payouts.WayDay) []comingDayJSON {
		out := make([]comingDayJSON, len(list))
		for i, d := range list {
			out[i] = comingDayJSON{Count: d.Count, Amount: m(d.Amount)}
			if !d.At.IsZero() {
				day := d.At.Format("2006-01-02")
				out[i].Day = &day
			}
		}
		return out
	}
	out := comingInJSON{Currency: string(in.Currency), Stages: []comingStageJSON{}, Coming: days(in.Coming), Gross: in.Gross, Reserves: days(in.Kept), More: in.More, Debts: []comingDebtJSON{},
		Next: comingNextJSON{Expect: in.Next.Expect, RunsAt: shownOrNull(in.Next.At), Amount: m(in.Next.Amount), Minimum: m(in.Next.Minimum), Reasons: payoutReasons(in.Next.Decision, in.Currency)}}
	for _, stage := range comingStages {
		if amount, has := in.Held[stage]; has {
			out.Stages = append(out.Stages, comingStageJSON{stage, m(amount)})
		}
	}
	for _, d := range in.Debts {
		out.Debts = append(out.Debts, comingDebtJSON{m(d.Amount), d.Since.Format(instantFormat)})
	}
	if d := in.Last; d != nil {
		out.Last = &comingLastJSON{d.At.Format(instantFormat), d.Verdict, m(d.Amount), shownOrNull(d.LookAt)}
	}
	return out
}
