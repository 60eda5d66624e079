package console

import (
	"context"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/payouts"
	"mizan/payouts/questions"
)

// One order as a payee sees it: where the buyer's money went, what of it is the payee's, how each line was computed, and what
// happens next. An order in which the payee has no part looks like one that does not exist.

type ownOrderPage struct {
	Order, Payee, All string
	Currency, RuleSet string
	Stands            ownStands
	Net               string
	Unearned          string
	Buckets           []ownAmount
	Next              []ownNext
	Sides             []ownSide
	// Zero is what the sides sum to.
	Zero     string
	Happened []ownMove
	// Earlier says that not all that happened is told.
	Earlier string
	Ask     *ownWhatIf
	Placed  string
	// Month leads to the statement of the month in which the order was placed.
	Month string
	// About leads to the form that asks about the order; empty without questions.
	About string
}

// ownStands is where a share stands, and the kind of its colour.
type ownStands struct{ Word, Look string }

type ownAmount struct{ Word, Amount string }

// ownNext is something that is going to happen, or what keeps it from happening.
type ownNext struct{ Text, Link, LinkText string }

// ownSide is a row of the picture: Start and Width are thousandths of the largest sum, exact to the one that is cut off.
type ownSide struct {
	Side         string
	Label        string
	Amount       string
	Gives        bool
	Start, Width int64
	amount       money.Minor
}

// ownMove is what one transaction did.
type ownMove struct {
	Word, Day, Amount string
	Look              string
	Minus             bool
	Told              []string
	Lines             []ownLine
}

// ownLine is one line of a share, with how it was computed.
type ownLine struct {
	Label, Amount string
	Minus         bool
	How           []ownHow
	// Before and After are what the line stood at; empty for what no rule computed.
	Before, After string
	// About leads to the form that asks about the line; empty for none.
	About string
}

// ownHow is one step of a computation: what goes in, by name.
type ownHow struct {
	Label  string
	Inputs []ownAmount
	Result string
	Notes  []string
}

// ownWhatIf asks what a return would change.
type ownWhatIf struct {
	At, Of  string
	Goods   []ownGoods
	Refused bool
	Says    []string
	Lines   []ownLine
}

// ownGoods is a line of the order of which something can come back; Choices are how many units.
type ownGoods struct {
	Line    int
	SKU     string
	Choices []ownUnits
}

type ownUnits struct {
	N    int
	Here bool
}

// orderPages are the pages of payees about their orders.
func (c *console) orderPages(mux *http.ServeMux) {
	mux.HandleFunc("GET /portal/orders", c.page("portal-orders", c.ownOrders))
	mux.HandleFunc("GET /portal/orders/{order}", c.page("portal-order", c.ownOrder))
}

// orderOwner is who looks at orders: the payee that signed in, or a minor that it acts for.
func (c *console) orderOwner(ctx context.Context, r *http.Request) (o owner, who payouts.PayeeKey, at url.Values, err error) {
	v, err := member(ctx, access.Payee)
	if err != nil {
		return o, who, nil, err
	}
	at = url.Values{}
	asked := r.URL.Query().Get("payee")
	if asked == "" {
		asked = v.principal().ID
	} else {
		at.Set("payee", asked)
	}
	o, err = c.ownerOf(ctx, asked)
	return o, payouts.PayeeKey{Kind: o.kind, ID: asked}, at, err
}

// ownAddress is what addresses about a payee have beside their path: nothing of whoever signed in, the id of whom it acts for.
func ownAddress(o owner, payee string) url.Values {
	if payee == o.principal().ID {
		return url.Values{}
	}
	return url.Values{"payee": {payee}}
}

func (c *console) ownOrder(ctx context.Context, r *http.Request) (answer, error) {
	o, who, at, err := c.orderOwner(ctx, r)
	if err != nil {
		return answer{}, err
	}
	id := r.PathValue("order")
	share, err := c.Payouts.Share(ctx, o.book, who, id)
	if err != nil {
		return answer{}, err
	}
	w := orderWords{tellerOf(ctx).Language, share.Currency, o.book.Location(), who.Kind}
	p := ownOrderPage{Order: id, Payee: who.ID, All: address("/portal/orders", at), Currency: string(share.Currency), RuleSet: share.RuleSet}
	w.fill(&p, share, c.Now())
	p.About = c.askLink(questions.AboutOrder, id, "", at)
	for i := range p.Happened {
		for j := range p.Happened[i].Lines {
			line := ledger.TransactionID(o.book.Code, share.Moves[i].Sequence) + "/" + strconv.Itoa(j+1)
			p.Happened[i].Lines[j].About = c.askLink(questions.AboutOrder, id, line, at)
		}
	}
	if err := c.debtOfOrder(ctx, o, who, share, w, &p, at); err != nil {
		return answer{}, err
	}
	if c.Statements != nil && share.Currency.Known() {
		p.Month = monthAddress(at.Get("payee"), share.Currency, share.PlacedAt, o.book.Location())
	}
	if p.Ask, err = c.whatIf(ctx, o, who, share, w, r.URL.Query(), at); err != nil {
		return answer{}, err
	}
	return answer{Title: w.say("order.title", "order", id), Active: "orders", Data: &p}, nil
}

// whatIf answers what a return of a line would change, and leaves nothing behind.
func (c *console) whatIf(ctx context.Context, o owner, who payouts.PayeeKey, share payouts.Share, w orderWords, q, at url.Values) (*ownWhatIf, error) {
	ask := &ownWhatIf{At: "/portal/orders/" + share.Order, Of: at.Get("payee")}
	chosen, units, asked := q.Get("return"), q.Get("units"), q.Has("return")
	back := payouts.Return{All: chosen == "all"}
	for _, g := range share.Goods {
		left := g.Quantity - g.Back
		if left <= 0 || len(ask.Goods) == goodsShown {
			continue
		}
		wanted := left
		if n, err := strconv.Atoi(units); err == nil && n > 0 && n <= left {
			wanted = n
		}
		if chosen == strconv.Itoa(g.Line) {
			back.Line, back.Units = g.Line, wanted
		}
		line := ownGoods{Line: g.Line, SKU: g.SKU}
		for n := 1; n <= min(left, unitsShown); n++ {
			line.Choices = append(line.Choices, ownUnits{n, n == wanted && chosen == strconv.Itoa(g.Line)})
		}
		ask.Goods = append(ask.Goods, line)
	}
	if len(ask.Goods) == 0 || share.Earlier > 0 || share.Net <= 0 && !asked { // of an order that is long nobody can ask
		return nil, nil
	}
	if !asked {
		return ask, nil
	}
	after, err := c.Payouts.AfterReturn(ctx, o.book, share, who, back)
	switch {
	case errors.Is(err, payouts.ErrReturnLine):
		return nil, errQuery
	case errors.Is(err, payouts.ErrReturnRefused):
		ask.Refused = true
		return ask, nil
	case err != nil:
		return nil, err
	}
	ask.Lines = w.lines(after.Lines)
	switch {
	case after.Change < 0:
		ask.Says = append(ask.Says, w.say("order.whatif.gives", "amount", w.amount(-after.Change)))
	case after.Change > 0:
		ask.Says = append(ask.Says, w.say("order.whatif.gets", "amount", w.amount(after.Change)))
	default:
		ask.Says = append(ask.Says, w.say("order.whatif.nothing"))
	}
	ask.Says = append(ask.Says, w.say("order.whatif.keeps", "amount", w.amount(after.Net)))
	return ask, nil
}

// goodsShown and unitsShown bound the lines that can be asked about, and how many units of one.
const (
	goodsShown = 50
	unitsShown = 20
)

// fill puts a share into words.
func (w orderWords) fill(p *ownOrderPage, s payouts.Share, now time.Time) {
	p.Net, p.Placed = w.amount(s.Net), w.day(s.PlacedAt)
	p.Stands = w.stands(s.Stand())
	if s.Unearned != "" {
		p.Unearned = w.say("order.unearned." + s.Unearned)
	}
	for _, b := range s.Held {
		p.Buckets = append(p.Buckets, ownAmount{w.say("order.bucket." + b.Bucket), w.amount(b.Amount)})
	}
	for _, step := range s.Next(now) {
		p.Next = append(p.Next, w.next(step))
	}
	p.Sides, p.Zero = w.sides(s.OwnOrder), w.figure(0)
	if s.Earlier > 0 {
		p.Earlier = w.say("order.earlier", "count", s.Earlier)
	}
	for i := range s.Moves {
		p.Happened = append(p.Happened, w.move(&s.Moves[i]))
	}
}

// next says what is going to happen with a share, or what keeps it from happening.
func (w orderWords) next(s payouts.ShareStep) ownNext {
	switch s.What {
	case payouts.NextGate:
		return ownNext{Text: w.say("order.gate." + s.Gate)}
	case payouts.NextPaid:
		return ownNext{w.say("order.next.paid", "day", w.day(s.At)), "/portal/payouts/" + s.Payout, w.say("order.next.payout")}
	case payouts.NextSent:
		return ownNext{w.say("order.next.sent", "state", w.say("pay.state."+s.State)), "/portal/payouts/" + s.Payout, w.say("order.next.payout")}
	case payouts.NextUndelivered:
		return ownNext{Text: w.say("order.next.undelivered", "count", s.Days)}
	case payouts.NextDue:
		return ownNext{Text: w.say("order.next.due", "day", w.day(s.At), "arrived", w.day(s.Arrived), "count", s.Days)}
	case payouts.NextPresumed:
		return ownNext{Text: w.say("order.next.presumed", "day", w.day(s.At))}
	case payouts.NextReserve:
		return ownNext{Text: w.say("order.next.reserve", "amount", w.amount(s.Amount), "day", w.day(s.At))}
	}
	return ownNext{Text: w.say("order.next." + s.What)}
}

// sides are the rows of the picture.
func (w orderWords) sides(s *commerce.OwnOrder) []ownSide {
	rows := pouredSides(s.Sides)
	for i := range rows {
		rows[i].Label, rows[i].Amount = w.say("order.side."+rows[i].Side), w.figure(rows[i].amount)
	}
	return rows
}

// pouredSides lays sides out as a picture: what was given fills the width, and what each got is cut off it one after the other, so
// the last cut ends at nothing.
func pouredSides(sides []commerce.OwnSide) (rows []ownSide) {
	given, at := big.NewInt(0), big.NewInt(0)
	for _, x := range sides {
		if x.Amount < 0 {
			given.Sub(given, big.NewInt(int64(x.Amount)))
		}
	}
	thousandths := func(of *big.Int) int64 {
		if given.Sign() == 0 {
			return 0
		}
		n := new(big.Int).Mul(of, big.NewInt(1000))
		return n.Quo(n, given).Int64()
	}
	row := func(x commerce.OwnSide) {
		r := ownSide{Side: x.Side, amount: x.Amount, Gives: x.Amount < 0}
		from := thousandths(at)
		if at.Sub(at, big.NewInt(int64(x.Amount))); r.Gives {
			r.Start, r.Width = from, thousandths(at)-from
		} else {
			r.Start = thousandths(at)
			r.Width = from - r.Start
		}
		if x.Amount != 0 {
			r.Width = max(r.Width, 2) // what is there is seen
		}
		rows = append(rows, r)
	}
	for _, gives := range []bool{true, false} {
		for _, x := range sides {
			if x.Amount < 0 == gives {
				row(x)
			}
		}
	}
	return rows
}

// move puts what a transaction did into words.
func (w orderWords) move(m *commerce.OwnMove) ownMove {
	out := ownMove{Word: w.say("order.event." + eventWord(m.Event)), Day: w.day(m.OccurredAt), Minus: m.Net < 0, Lines: w.lines(m.Lines)}
	switch {
	case m.Net < 0:
		out.Look = "failed"
	case m.Freed > 0:
		out.Look = "done"
	case m.Frozen > 0:
		out.Look = "open"
	}
	if m.Net != 0 {
		out.Amount = w.amount(m.Net)
	}
	for _, told := range []struct {
		key    string
		amount money.Minor
	}{{"order.freed", m.Freed}, {"order.reserved", m.Reserved}, {"order.frozen", m.Frozen}} {
		if told.amount > 0 {
			out.Told = append(out.Told, w.say(told.key, "amount", w.amount(told.amount)))
		}
	}
	return out
}

// eventWord is the word of the page for an event of an order.
func eventWord(event string) string {
	if word, ok := orderEvents[event]; ok {
		return word
	}
	switch family, _, _ := strings.Cut(event, "."); {
	case strings.HasSuffix(event, "_charged"), family == "charge", family == "shipping", family == "fulfilment":
		return "charged"
	case family == "refund":
		return "refunded"
	case family == "exchange":
		return "exchanged"
	}
	return "other"
}

// orderEvents are the events of orders by the words of the page.
var orderEvents = map[string]string{
	"order.captured": "captured", "order.cod_delivered": "captured", "order.delivered": "delivered", "order.shipped": "shipped", "after_sales.opened": "case_opened",
	"after_sales.closed": "case_closed", "order.cancelled": "cancelled", "order.line_cancelled": "line_cancelled", "order.cod_refused": "refused", "order.settled": "settled",
	"dispute.opened": "disputed", "dispute.held": "dispute_held", "dispute.won": "dispute_won", "dispute.reopened_won": "dispute_won", "dispute.lost": "dispute_lost",
	"reserve.released": "reserve_released", "reserve.applied": "reserve_applied", "creator.bonus": "bonus", "commission.tier_adjusted": "rate_changed",
	"commission.deposit_released": "rate_changed", "attribution.moved": "moved", "payment.failed": "pay_failed",
}
