package api

import (
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

// The orders of a payee, as its pages in the portal tell them: what of each is the payee's, how that was computed, what happens next,
// and what a return would change. Nobody else is named, and nothing tells the platform's margin.

type payeePaymentJSON struct {
	Payout string  `json:"payout" example:"po_0123456789abcdef"`
	State  string  `json:"state" enum:"created,sending,unknown,refused,submitted,at_account,paid,failed,cancelled,returned" doc:"How the payout stands"`
	PaidAt *string `json:"paid_at" format:"date-time" doc:"When it arrived; null before"`
}

// PayeeOrderJSON is what a payee has in an order, without how it came about.
type PayeeOrderJSON struct {
	Order        string            `json:"order" example:"UK-1"`
	Readable     bool              `json:"readable" doc:"false: the order cannot be told right now, and only its id is known"`
	Currency     string            `json:"currency" doc:"Empty of an order of which nothing was captured" example:"GBP"`
	Stands       string            `json:"stands" enum:"estimated,held,settled,paid,unearned," doc:"estimated: a return can still change it; held: a case, a dispute or a hold keeps a part of it; paid: a payout paid it and arrived"`
	Unearned     string            `json:"unearned" enum:",sample,cancelled,refused,refunded,disputed,moved" doc:"Why nothing is left for the payee; empty if something is"`
	Amount       string            `json:"amount" doc:"What the payee has by it; below zero it owes it" example:"2.21"`
	Held         []payeeHeldJSON   `json:"held" nullable:"false" doc:"Where the parts of the amount went"`
	Gates        []string          `json:"gates" nullable:"false" doc:"What keeps the order from settling: case, dispute, exchange, cod, edited"`
	PlacedAt     *string           `json:"placed_at" format:"date-time"`
	DeliveredAt  *string           `json:"delivered_at" format:"date-time" doc:"Null while nobody reported it"`
	DueAt        *string           `json:"due_at" format:"date-time" doc:"When it may settle; null while nobody knows"`
	SettledAt    *string           `json:"settled_at" format:"date-time"`
	ReserveUntil *string           `json:"reserve_until" format:"date-time" doc:"When the seller's reserve of it ends; null without one"`
	Payment      *payeePaymentJSON `json:"payment,omitempty" doc:"The payout that it went out with; left out while it is in none"`
}

type payeeHeldJSON struct {
	Bucket string `json:"bucket" enum:"pending,available,reserve,dispute_hold,blocked,minor_trust"`
	Amount string `json:"amount" example:"2.21"`
}

type payeeOrderListJSON struct {
	Data       []PayeeOrderJSON `json:"data" nullable:"false" doc:"The newest first"`
	NextCursor *string          `json:"next_cursor" doc:"Send it as cursor for the next page, with the same filters; null on the last. A filter can leave a page short or empty while others follow."`
}

type payeeSideJSON struct {
	Side   string `json:"side" enum:"buyer,platform_in,you,seller,creators,agency,agencies,partners,fees,tax,rest,shipping,deposit,donation,other" doc:"Who, by role. rest is everybody else together, for whoever is not the seller"`
	Amount string `json:"amount" doc:"What it got; below zero, what it gave" example:"2.21"`
}

type payeeNextJSON struct {
	What      string  `json:"what" enum:"gate,undelivered,due,presumed,soon,then,reserve,paid,sent,available" doc:"gate: something keeps it; undelivered: it waits for the arrival; due, presumed: it may settle at a time; soon: the next run settles it; then: it settles once nothing keeps it; reserve: a part stays in reserve; sent, paid: a payout; available: with the next payout"`
	Gate      string  `json:"gate" enum:",case,dispute,exchange,cod,edited"`
	At        *string `json:"at" format:"date-time"`
	ArrivedAt *string `json:"arrived_at" format:"date-time"`
	Days      int     `json:"days" doc:"How many full days must pass after the arrival; 0 where that is not what it waits for"`
	Amount    *string `json:"amount"`
	Payout    string  `json:"payout"`
	State     string  `json:"payout_state" enum:",created,sending,unknown,refused,submitted,at_account,paid,failed,cancelled,returned"`
}

type payeeStepJSON struct {
	What      string                `json:"what" doc:"The line's own step, or split for one creator's part of a commission that has several" example:"commission"`
	Base      []commerce.BaseAmount `json:"base" nullable:"false" doc:"What the base is made of"`
	Total     string                `json:"base_total" example:"41.98"`
	Rate      string                `json:"rate" doc:"Frozen when the order was placed; of a split, the part of the base that it comes to; empty without one" example:"0.15"`
	Exact     string                `json:"exact" doc:"Before it was rounded" example:"6.297"`
	Amount    string                `json:"amount" doc:"What it came to" example:"6.30"`
	Flat      string                `json:"flat" doc:"A flat part of it"`
	Rounding  string                `json:"rounding" doc:"How it was rounded"`
	Bound     string                `json:"bound" doc:"The bound that decided: min, cap or base"`
	Tax       string                `json:"tax" doc:"Tax in the amount or on top of it"`
	TaxMode   string                `json:"tax_mode" doc:"inclusive: in the amount; exclusive: on top of it"`
	Remainder string                `json:"remainder" doc:"Who bears what rounding leaves"`
	Parts     []commerce.StepPart   `json:"parts" nullable:"false" doc:"What it was rounded in, such as line by line"`
}

type payeeOrderLineJSON struct {
	Line   string          `json:"line" doc:"What it is, such as commission, agency, sale, fee or tax; other for what no rule computed" example:"commission"`
	Title  string          `json:"title" doc:"The rule's own title, where rules name themselves"`
	Amount string          `json:"amount" doc:"What this event changed it by, in the payee's favour" example:"6.30"`
	Before string          `json:"before" doc:"What it stood at" example:"0.00"`
	After  string          `json:"after" doc:"What it stands at" example:"6.30"`
	How    []payeeStepJSON `json:"how" nullable:"false" doc:"How what it stands at was computed"`
}

type payeeMoveJSON struct {
	Transaction string               `json:"transaction" example:"uk-1"`
	Event       string               `json:"event" example:"order.captured"`
	OccurredAt  string               `json:"occurred_at" format:"date-time"`
	Amount      string               `json:"amount" doc:"What it changed the payee's part by; its lines sum to it" example:"4.41"`
	Freed       string               `json:"freed" doc:"What became available by it" example:"0.00"`
	Reserved    string               `json:"reserved" doc:"What went into the reserve" example:"0.00"`
	Frozen      string               `json:"frozen" doc:"What is held since" example:"0.00"`
	Lines       []payeeOrderLineJSON `json:"lines" nullable:"false"`
}

type payeeGoodsJSON struct {
	Line     int    `json:"line" example:"1"`
	SKU      string `json:"sku" example:"SKU-9"`
	Quantity int    `json:"quantity" example:"2"`
	Back     int    `json:"back" doc:"Of them, how many came back" example:"1"`
}

type payeeOrderWholeJSON struct {
	PayeeOrderJSON
	RuleSet      string           `json:"rule_set" doc:"The rules that it is frozen to" example:"uk-1"`
	Waterfall    []payeeSideJSON  `json:"waterfall" nullable:"false" doc:"From what the buyer paid to what each side has; it sums to zero"`
	Next         []payeeNextJSON  `json:"next" nullable:"false" doc:"What happens with it, and what keeps it from happening"`
	Moves        []payeeMoveJSON  `json:"moves" nullable:"false" doc:"What changed it, the oldest first; at most the newest 200"`
	EarlierMoves int              `json:"earlier_moves" doc:"How many came before these"`
	Goods        []payeeGoodsJSON `json:"goods" nullable:"false" doc:"The lines of the order, to ask what a return of them would change"`
}

type payeeReturnJSON struct {
	Order    string               `json:"order" example:"UK-1"`
	Currency string               `json:"currency" example:"GBP"`
	Change   string               `json:"change" doc:"What it would change the payee's part by; below zero the payee would give it back" example:"-2.20"`
	Amount   string               `json:"amount" doc:"What the payee would have then" example:"2.21"`
	Lines    []payeeOrderLineJSON `json:"lines" nullable:"false" doc:"They sum to the change"`
}

type payeeOrderQuery struct {
	State    string `json:"state,omitempty" enum:"estimated,held,settled,unearned" doc:"Only those that stand so; settled has those that were paid, too"`
	Currency string `json:"currency,omitempty" pattern:"^[A-Z]{3}$" doc:"Left out, the one that the payee is paid in" example:"GBP"`
	Kind     string `json:"kind,omitempty" enum:"seller,creator,agency,partner,charity" doc:"What the payee is; left out, what it is registered as"`
	Limit    int    `json:"limit,omitempty" minimum:"1" maximum:"100" doc:"The size of a page, 50 if left out"`
	Cursor   string `json:"cursor,omitempty" doc:"next_cursor of the page before"`
}

type payeeKindQuery struct {
	Kind string `json:"kind,omitempty" enum:"seller,creator,agency,partner,charity" doc:"What the payee is; left out, what it is registered as"`
}

type payeeReturnQuery struct {
	Line  int    `json:"line,omitempty" minimum:"1" maximum:"100000" doc:"The line that comes back; left out, everything does" example:"1"`
	Units int    `json:"units,omitempty" minimum:"1" maximum:"1000000000" doc:"How many units of it, 1 if left out" example:"1"`
	Kind  string `json:"kind,omitempty" enum:"seller,creator,agency,partner,charity" doc:"What the payee is; left out, what it is registered as"`
}

func payeeOrderOperations() []Operation {
	const path = "/v1/books/{book}/payees/{payee}/orders"
	refused := []*fault.Error{commerce.ErrOrderUnknown, commerce.ErrOrderState, commerce.ErrPayeeUnknown, ledger.ErrInvalid, ErrNotReady}
	return []Operation{
		{
			Method: http.MethodGet, Path: path, ID: "list-payee-orders", Group: "Payees", Summary: "List the orders of a payee",
			Description: "What the payee has in each, and where that stands. Found by the payee's own account, so a page costs a page whatever others sell. An order of value zero moves no account; read it by its id.",
			Scope:       access.BalancesRead, Own: "payee", Query: reflect.TypeFor[payeeOrderQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of orders.", Body: reflect.TypeFor[payeeOrderListJSON]()}},
			Errors:  []*fault.Error{ErrCursor, commerce.ErrPayeeUnknown, ledger.ErrInvalid, ErrNotReady}, handle: listPayeeOrders,
		},
		{
			Method: http.MethodGet, Path: path + "/{order}", ID: "get-payee-order", Group: "Payees", Summary: "Read what a payee has in an order",
			Description: "From what the buyer paid to what each side has, by role; every change of the payee's part with its lines and how each was computed; and what happens next. An order in which the payee has no part is answered as one that does not exist.",
			Scope:       access.BalancesRead, Own: "payee", Query: reflect.TypeFor[payeeKindQuery](),
			Answers: []Answer{{Status: 200, Meaning: "The payee's part.", Body: reflect.TypeFor[payeeOrderWholeJSON]()}}, Errors: refused, handle: getPayeeOrder,
		},
		{
			Method: http.MethodGet, Path: path + "/{order}/return", ID: "ask-payee-return", Group: "Payees", Summary: "Ask what a return would change for a payee",
			Description: "The rules are asked for a refund of everything, or of units of a line, as if it were made now. Nothing is left behind.",
			Scope:       access.BalancesRead, Own: "payee", Query: reflect.TypeFor[payeeReturnQuery](),
			Answers: []Answer{{Status: 200, Meaning: "What it would change.", Body: reflect.TypeFor[payeeReturnJSON]()}},
			Errors:  append([]*fault.Error{payouts.ErrReturnRefused, payouts.ErrReturnLine, commerce.ErrAskedOfLong}, refused...), handle: askPayeeReturn,
		},
	}
}

// earner is the payee of the path, as the kind that is asked for or that it is registered as.
func (c *call) earner() (payouts.PayeeKey, error) {
	id, err := c.segment("payee")
	if err != nil {
		return payouts.PayeeKey{}, err
	}
	kind := c.query.text("kind")
	if kind != "" {
		kind = c.query.choice("kind", payouts.KindSeller, payouts.KindCreator, payouts.KindAgency, payouts.KindPartner, payouts.KindCharity)
	}
	if c.query.wrong != nil || c.service.payouts == nil {
		if c.query.wrong == nil {
			return payouts.PayeeKey{}, ErrNotReady
		}
		return payouts.PayeeKey{}, c.query.wrong
	}
	if kind != "" && c.principal.Kind != access.Payee {
		return payouts.PayeeKey{Kind: kind, ID: id}, nil
	}
	registered, err := c.service.commerce.Payee(c.ctx, c.book, id)
	if err == nil && kind != "" && kind != registered.Kind {
		err = commerce.ErrPayeeUnknown
	}
	return payouts.PayeeKey{Kind: registered.Kind, ID: id}, err
}

// ownKind is the kind under which something of the payee of an id is looked for: the one that is asked for, empty for any. A payee that
// signed in is what it is registered as, and no other: what is kept under its id for another kind may be somebody else's.
func (c *call) ownKind(id, asked string) (string, error) {
	if c.principal.Kind != access.Payee {
		return asked, nil
	}
	registered, err := c.service.commerce.Payee(c.ctx, c.book, id)
	if err == nil && registered.Kind == "guardian" { // who is of no earning kind, and would be asked for one that it cannot be
		return asked, nil
	}
	if err == nil && asked != "" && asked != registered.Kind {
		err = commerce.ErrPayeeUnknown
	}
	return registered.Kind, err
}

// minorIn writes an amount in a currency; of an order of which nothing was captured no currency is known.
func minorIn(m money.Minor, c money.Currency) string {
	if !c.Known() {
		return strconv.FormatInt(int64(m), 10)
	}
	return m.Format(c)
}

// payeeOrderOf is a share as callers read it.
func payeeOrderOf(x payouts.Share) PayeeOrderJSON {
	out := PayeeOrderJSON{Order: x.Order, Held: []payeeHeldJSON{}, Gates: []string{}}
	if x.Err != nil {
		return out
	}
	out.Readable, out.Currency, out.Stands, out.Unearned, out.Amount = true, string(x.Currency), x.Stand(), x.Unearned, minorIn(x.Net, x.Currency)
	for _, b := range x.Held {
		out.Held = append(out.Held, payeeHeldJSON{b.Bucket, minorIn(b.Amount, x.Currency)})
	}
	out.Gates = append(out.Gates, x.Gates...)
	out.PlacedAt, out.DeliveredAt, out.DueAt, out.SettledAt, out.ReserveUntil = shownOrNull(x.PlacedAt), shownOrNull(x.DeliveredAt), shownOrNull(x.DueAt), shownOrNull(x.SettledAt), shownOrNull(x.ReserveUntil)
	if x.Paid.Payout != "" {
		state := x.Paid.State
		if !x.Paid.ReturnedAt.IsZero() {
			state = payouts.StateReturned
		}
		out.Payment = &payeePaymentJSON{x.Paid.Payout, state, shownOrNull(x.Paid.PaidAt)}
	}
	return out
}

// payeeLinesOf are lines as callers read them.
func payeeLinesOf(lines []commerce.OwnLine, cur money.Currency) []payeeOrderLineJSON {
	out := make([]payeeOrderLineJSON, len(lines))
	for i := range lines {
		l := &lines[i]
		one := payeeOrderLineJSON{Line: l.Key, Title: l.Title, Amount: minorIn(l.Amount, cur), Before: minorIn(l.Before, cur), After: minorIn(l.After, cur), How: make([]payeeStepJSON, len(l.How))}
		for j := range l.How {
			s := &l.How[j]
			one.How[j] = payeeStepJSON{What: s.What, Base: append([]commerce.BaseAmount{}, s.Base...), Total: s.Total, Rate: s.Rate, Exact: s.Exact, Amount: s.Amount, Flat: s.Flat,
				Rounding: s.Rounding, Bound: s.Bound, Tax: s.Tax, TaxMode: s.TaxMode, Remainder: s.Remainder, Parts: append([]commerce.StepPart{}, s.Parts...)}
		}
		out[i] = one
	}
	return out
}

func listPayeeOrders(c *call) (reply, error) {
	q := commerce.OwnOrderQuery{Currency: c.query.currency(), Limit: int(c.query.integer("limit", 1, 100, 50))}
	if c.query.text("state") != "" {
		q.Stands = c.query.choice("state", commerce.StandsEstimated, commerce.StandsHeld, commerce.StandsSettled, commerce.StandsUnearned)
	}
	if q.Currency != "" && !c.book.Uses(q.Currency) {
		c.query.invalid("currency", "currency-not-enabled", "The book does not post in this currency. Use one of the book's currencies.")
	}
	if at := c.position(2); at != nil {
		var wrong error
		if q.AfterSequence, wrong = strconv.ParseInt(at[0], 10, 64); wrong == nil {
			q.AfterLine, wrong = strconv.Atoi(at[1])
		}
		if wrong != nil {
			return reply{}, ErrCursor
		}
	}
	who, err := c.earner()
	if err != nil {
		return reply{}, err
	}
	q.Payee = commerce.PayeeRef{Kind: who.Kind, ID: who.ID}
	page, err := c.service.payouts.Shares(c.ctx, c.book, q)
	if err != nil {
		return reply{}, err
	}
	out := payeeOrderListJSON{Data: make([]PayeeOrderJSON, len(page.Shares))}
	for i, x := range page.Shares {
		out.Data[i] = payeeOrderOf(x)
	}
	if page.More {
		next := c.nextCursor(strconv.FormatInt(page.AfterSequence, 10), strconv.Itoa(page.AfterLine))
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}

// share reads the payee's part of the order of the path.
func (c *call) share() (payouts.PayeeKey, payouts.Share, error) {
	order, err := c.order()
	if err != nil {
		return payouts.PayeeKey{}, payouts.Share{}, err
	}
	who, err := c.earner()
	if err != nil {
		return who, payouts.Share{}, err
	}
	share, err := c.service.payouts.Share(c.ctx, c.book, who, order)
	return who, share, err
}

func getPayeeOrder(c *call) (reply, error) {
	_, x, err := c.share()
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, c.payeeOrderWhole(x, c.service.now()))
}

// payeeOrderWhole is a share with all that is told of it.
func (c *call) payeeOrderWhole(x payouts.Share, now time.Time) payeeOrderWholeJSON {
	cur := x.Currency
	out := payeeOrderWholeJSON{PayeeOrderJSON: payeeOrderOf(x), RuleSet: x.RuleSet, EarlierMoves: x.Earlier, Waterfall: []payeeSideJSON{}, Next: []payeeNextJSON{}, Moves: []payeeMoveJSON{}, Goods: []payeeGoodsJSON{}}
	for _, s := range x.Sides {
		out.Waterfall = append(out.Waterfall, payeeSideJSON{s.Side, minorIn(s.Amount, cur)})
	}
	for _, s := range x.Next(now) {
		n := payeeNextJSON{What: s.What, Gate: s.Gate, At: shownOrNull(s.At), ArrivedAt: shownOrNull(s.Arrived), Days: s.Days, Payout: s.Payout, State: s.State}
		if s.Amount != 0 {
			amount := minorIn(s.Amount, cur)
			n.Amount = &amount
		}
		out.Next = append(out.Next, n)
	}
	for i := range x.Moves {
		m := &x.Moves[i]
		out.Moves = append(out.Moves, payeeMoveJSON{Transaction: ledger.TransactionID(c.book.Code, m.Sequence), Event: m.Event, OccurredAt: m.OccurredAt.Format(instantFormat), Amount: minorIn(m.Net, cur),
			Freed: minorIn(m.Freed, cur), Reserved: minorIn(m.Reserved, cur), Frozen: minorIn(m.Frozen, cur), Lines: payeeLinesOf(m.Lines, cur)})
	}
	for _, g := range x.Goods {
		out.Goods = append(out.Goods, payeeGoodsJSON{g.Line, g.SKU, g.Quantity, g.Back})
	}
	return out
}

func askPayeeReturn(c *call) (reply, error) {
	back := payouts.Return{Line: int(c.query.integer("line", 1, 100_000, 0)), Units: int(c.query.integer("units", 1, 1_000_000_000, 1))}
	if back.All = back.Line == 0; back.All && c.query.text("units") != "" {
		c.query.invalid("units", "units", "Units are those of a line. Name the line, or leave them out for everything.")
	}
	who, x, err := c.share()
	if err != nil {
		return reply{}, err
	}
	after, err := c.service.payouts.AfterReturn(c.ctx, c.book, x, who, back)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, payeeReturnJSON{Order: x.Order, Currency: string(after.Currency), Change: minorIn(after.Change, after.Currency), Amount: minorIn(after.Net, after.Currency),
		Lines: payeeLinesOf(after.Lines, after.Currency)})
}
