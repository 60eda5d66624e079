package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/payouts"
)

// Asking for a payout now, what it would cost, and what was decided about a payee.

// NewPayout is the body that asks for a payout.
type NewPayout struct {
	Reference string `json:"reference" minLength:"1" maxLength:"120" pattern:"^[ -~]+$" doc:"Your own name for it; the same again is answered as the first time" example:"click-1"`
	Kind      string `json:"kind" enum:"seller,creator,agency,partner" doc:"What the payee is"`
	Currency  string `json:"currency" pattern:"^[A-Z]{3}$" doc:"One of the book's" example:"GBP"`
	Amount    string `json:"amount,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]+)?$" doc:"What shall arrive, without the fee; left out, everything that can" example:"80.00"`
	Method    string `json:"method,omitempty" enum:"standard,instant" default:"standard" doc:"Instant costs more"`
}

type payoutReasonJSON struct {
	Code     string `json:"code" example:"below-minimum"`
	Detail   string `json:"detail" doc:"What exactly, as a code; empty for nothing more"`
	Text     string `json:"text" doc:"In words" example:"GBP 1.50 is below the minimum of GBP 10.00. It is carried forward."`
	ToChange string `json:"to_change" doc:"What would change it, in words" example:"New earnings are added to it."`
}

type payoutDecisionJSON struct {
	Run          string             `json:"run" example:"run_0123456789abcdef"`
	Kind         string             `json:"kind" enum:"seller,creator,agency,partner"`
	Payee        string             `json:"payee" example:"cre_amy"`
	Currency     string             `json:"currency" example:"GBP"`
	Verdict      string             `json:"verdict" enum:"pay,skip"`
	Amount       string             `json:"amount" doc:"What arrives" example:"80.00"`
	Fee          string             `json:"fee" doc:"What it costs the payee" example:"0.00"`
	Reasons      []payoutReasonJSON `json:"reasons" nullable:"false" doc:"Of a skip all that stands in the way, most important first; of a payment why something stays"`
	SecondPerson []string           `json:"second_person" nullable:"false" doc:"Why a second person must agree, in words"`
	LookedAt     *string            `json:"looked_at_again" format:"date-time" doc:"When the payee is decided about again; null if nobody knows"`
	Policy       string             `json:"policy" doc:"The policy that it rests on, with the payee's exception" example:"uk-1"`
	DecidedAt    *string            `json:"decided_at" format:"date-time" doc:"Null for what would be decided"`
}

type payoutDecisionListJSON struct {
	Data       []payoutDecisionJSON `json:"data" nullable:"false" doc:"Of a run in order of kind, payee and currency; of a payee the latest first. With a filter a page can have fewer than its limit while others follow"`
	NextCursor *string              `json:"next_cursor" doc:"Send it as cursor for the next page, with the same filters; null on the last"`
}

// PayoutAnswerJSON is what was decided on a request, with the payouts.
type PayoutAnswerJSON struct {
	Decision payoutDecisionJSON `json:"decision"`
	Payouts  []PayoutJSON       `json:"payouts" nullable:"false" doc:"Nothing if the decision is to skip; several above the maximum"`
}

type payoutQuoteQuery struct {
	Kind     string `json:"kind" enum:"seller,creator,agency,partner" doc:"What the payee is"`
	Currency string `json:"currency" pattern:"^[A-Z]{3}$" example:"GBP"`
	Amount   string `json:"amount,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]+)?$" doc:"What shall arrive; left out, everything that can" example:"80.00"`
	Method   string `json:"method,omitempty" enum:"standard,instant" default:"standard"`
}

func payoutRequestOperations() []Operation {
	list := []Operation{
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/payees/{payee}/payouts", ID: "request-payout", Summary: "Ask for a payout now",
			Description: "Decides about the payee now and creates the payout if the decision says so. A decision not to pay is an answer with its reasons; more than is available is refused. Ask for a quote first to see the fee.",
			Scope:       access.PayoutsWrite, Own: "payee", Body: reflect.TypeFor[NewPayout](), BodyLimit: bodyLimit,
			Example: map[string]any{"reference": "click-1", "kind": "creator", "currency": "GBP"},
			Answers: []Answer{{Status: 200, Meaning: "Decided, now or under this reference before.", Body: reflect.TypeFor[PayoutAnswerJSON]()}},
			Errors:  []*fault.Error{payouts.ErrBalance, payouts.ErrRequest, payouts.ErrRequestReused, payouts.ErrReferenceReserved, payouts.ErrAskedOften, payouts.ErrPolicyMissing, commerce.ErrPayeeUnknown, ledger.ErrInvalid, ErrNotReady}, handle: requestPayout,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/payees/{payee}/payout-quote", ID: "quote-payout", Summary: "Read what a payout would cost",
			Description: "What would be decided now, with the fee. Nothing is recorded.", Scope: access.PayoutsRead, Own: "payee", Query: reflect.TypeFor[payoutQuoteQuery](),
			Answers: []Answer{{Status: 200, Meaning: "What would be decided.", Body: reflect.TypeFor[payoutDecisionJSON]()}},
			Errors:  []*fault.Error{payouts.ErrRequest, payouts.ErrPolicyMissing, commerce.ErrPayeeUnknown, ledger.ErrInvalid, ErrNotReady}, handle: quotePayout,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/payees/{payee}/payout-decisions", ID: "list-payee-payout-decisions", Summary: "List the decisions about a payee",
			Description: "In every run there is one for each currency in which the payee has a balance: paid how much, or why not, and when it is looked at again.",
			Scope:       access.PayoutsRead, Own: "payee", Query: reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of decisions.", Body: reflect.TypeFor[payoutDecisionListJSON]()}},
			Errors:  []*fault.Error{ErrCursor, commerce.ErrPayeeUnknown, ledger.ErrInvalid, ErrNotReady}, handle: listPayeeDecisions,
		},
	}
	for i := range list {
		list[i].Group = "Payouts"
	}
	return list
}

// decidedOf is a stored decision as callers read it.
func decidedOf(d payouts.Decided) (payoutDecisionJSON, error) {
	var decision payouts.Decision
	if err := json.Unmarshal(d.Decision, &decision); err != nil {
		return payoutDecisionJSON{}, err
	}
	out := decisionOf(d.Holder.Kind, decision)
	out.DecidedAt = optionalInstant(d.At)
	return out, nil
}

// decisionOf is a decision as callers read it, in words.
func decisionOf(kind string, d payouts.Decision) payoutDecisionJSON {
	c := d.Currency
	out := payoutDecisionJSON{Run: d.Run, Kind: kind, Payee: d.Payee, Currency: string(c), Verdict: d.Verdict, Amount: d.Amount.Format(c), Fee: d.Fee.Format(c),
		Reasons: payoutReasons(d, c), SecondPerson: []string{}, LookedAt: optionalInstant(d.LookedAtAgain), Policy: d.Policy}
	for _, code := range d.SecondPerson {
		out.SecondPerson = append(out.SecondPerson, payouts.SecondPersonText(code))
	}
	return out
}

// requestOf is what is asked for. An amount is read in its currency.
func requestOf(payee, kind, currency, amount, method, reference, pointer string) (payouts.Request, error) {
	r := payouts.Request{Reference: reference, Holder: payouts.Holder{PayeeKey: payouts.PayeeKey{Kind: kind, ID: payee}, Currency: money.Currency(currency)}, Method: method}
	if amount == "" {
		return r, nil
	}
	if !r.Holder.Currency.Known() {
		return r, payouts.ErrRequest.At(pointer+"currency", money.ErrCurrency.Code, money.ErrCurrency.Message)
	}
	read, err := money.ParsePositive(amount, r.Holder.Currency)
	if err != nil {
		return r, payouts.ErrRequest.At(pointer+"amount", fault.CodeOf(err), "Give an amount above zero with the decimals of its currency, or none for everything.")
	}
	r.Amount = read
	return r, nil
}

func requestPayout(c *call) (reply, error) {
	s, err := c.payouts()
	if err != nil {
		return reply{}, err
	}
	payee, err := c.segment("payee")
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewPayout) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	if n.Kind, err = c.ownKind(payee, n.Kind); err != nil {
		return reply{}, err
	}
	ask, err := requestOf(payee, n.Kind, n.Currency, n.Amount, n.Method, n.Reference, "/")
	if err != nil {
		return reply{}, err
	}
	if err := payouts.CheckReference(n.Reference); err != nil {
		return reply{}, err
	}
	// References of payees are their own: nobody can take one away from another.
	ask.Reference = "payee:" + payee + ":" + ask.Reference
	d, list, err := s.RequestPayout(c.ctx, c.actor(), c.book, ask)
	if err != nil {
		return reply{}, err
	}
	decision, err := decidedOf(d)
	if err != nil {
		return reply{}, err
	}
	out := PayoutAnswerJSON{Decision: decision, Payouts: []PayoutJSON{}}
	for _, p := range list {
		out.Payouts = append(out.Payouts, payoutOf(c.book, p))
	}
	return document(http.StatusOK, out)
}

func quotePayout(c *call) (reply, error) {
	s, err := c.payouts()
	if err != nil {
		return reply{}, err
	}
	payee, err := c.segment("payee")
	if err != nil {
		return reply{}, err
	}
	kind, method := c.query.choice("kind", append([]string{""}, payoutKinds...)...), c.query.choice("method", payouts.MethodStandard, payouts.MethodInstant)
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	if kind, err = c.ownKind(payee, kind); err != nil {
		return reply{}, err
	}
	ask, err := requestOf(payee, kind, c.query.text("currency"), c.query.text("amount"), method, "", "query:")
	if err != nil {
		return reply{}, err
	}
	ask.ByHand = c.principal.Kind == access.Person
	d, err := s.Quote(c.ctx, c.book, ask)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, decisionOf(kind, d))
}

func listPayeeDecisions(c *call) (reply, error) {
	s, err := c.payouts()
	if err != nil {
		return reply{}, err
	}
	payee, err := c.segment("payee")
	if err != nil {
		return reply{}, err
	}
	limit := c.query.limit()
	q := payouts.DecisionQuery{Payee: payee, Limit: limit}
	if q.Kind, err = c.ownKind(payee, ""); err != nil {
		return reply{}, err
	}
	if at := c.position(4); at != nil {
		micros, err := strconv.ParseInt(at[0], 10, 64)
		if err != nil {
			return reply{}, ErrCursor
		}
		q.After = &payouts.Decided{At: time.UnixMicro(micros).UTC(), Run: at[1], Holder: payouts.Holder{PayeeKey: payouts.PayeeKey{Kind: at[2], ID: payee}, Currency: money.Currency(at[3])}}
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	page, err := s.Decisions(c.ctx, c.book, q)
	if err != nil {
		return reply{}, err
	}
	return c.decisionPage(page, func(d payouts.Decided) string {
		return c.nextCursor(strconv.FormatInt(d.At.UnixMicro(), 10), d.Run, d.Holder.Kind, string(d.Holder.Currency))
	})
}

// decisionPage answers with a page of decisions.
func (c *call) decisionPage(page payouts.DecisionPage, next func(payouts.Decided) string) (reply, error) {
	out := payoutDecisionListJSON{Data: make([]payoutDecisionJSON, 0, len(page.Decisions))}
	for _, d := range page.Decisions {
		decision, err := decidedOf(d)
		if err != nil {
			return reply{}, err
		}
		out.Data = append(out.Data, decision)
	}
	if page.Next != nil {
		cursor := next(*page.Next)
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}
