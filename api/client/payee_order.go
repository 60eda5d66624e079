package client

// The orders of a payee and the way of its money, as the payee's own pages tell them.

import (
	"context"
	"iter"
	"net/url"
	"strconv"
	"time"
)

// PayeeOrder is what a payee has in an order. Amounts are decimal strings in its currency, in the payee's favour.
type PayeeOrder struct {
	Order string `json:"order"`
	// Readable is false for an order that cannot be told right now; then only its id is known.
	Readable bool   `json:"readable"`
	Currency string `json:"currency"`
	// Stands is estimated, held, settled, paid or unearned; Unearned says why nothing is left.
	Stands   string      `json:"stands"`
	Unearned string      `json:"unearned"`
	Amount   string      `json:"amount"`
	Held     []PayeeHeld `json:"held"`
	// Gates are what keeps the order from settling.
	Gates        []string      `json:"gates"`
	PlacedAt     *time.Time    `json:"placed_at"`
	DeliveredAt  *time.Time    `json:"delivered_at"`
	DueAt        *time.Time    `json:"due_at"`
	SettledAt    *time.Time    `json:"settled_at"`
	ReserveUntil *time.Time    `json:"reserve_until"`
	Payment      *PayeePayment `json:"payment"`
	// What follows is told of one order only, not in a list.
	RuleSet      string       `json:"rule_set,omitempty"`
	Waterfall    []PayeeSide  `json:"waterfall,omitempty"`
	Next         []PayeeNext  `json:"next,omitempty"`
	Moves        []PayeeMove  `json:"moves,omitempty"`
	EarlierMoves int          `json:"earlier_moves,omitempty"`
	Goods        []PayeeGoods `json:"goods,omitempty"`
}

// PayeeHeld is a part of an amount, and where it is.
type PayeeHeld struct {
	Bucket string `json:"bucket"`
	Amount string `json:"amount"`
}

// PayeePayment is the payout that a payee's part of an order went out with.
type PayeePayment struct {
	Payout string     `json:"payout"`
	State  string     `json:"state"`
	PaidAt *time.Time `json:"paid_at"`
}

// PayeeSide is what one side of an order, by role, got; below zero, what it gave. All sides sum to zero.
type PayeeSide struct {
	Side   string `json:"side"`
	Amount string `json:"amount"`
}

// PayeeNext is what happens next with a payee's part of an order, or what keeps it from happening.
type PayeeNext struct {
	What        string     `json:"what"`
	Gate        string     `json:"gate"`
	At          *time.Time `json:"at"`
	ArrivedAt   *time.Time `json:"arrived_at"`
	Days        int        `json:"days"`
	Amount      *string    `json:"amount"`
	Payout      string     `json:"payout"`
	PayoutState string     `json:"payout_state"`
}

// PayeeMove is what one transaction changed of a payee's part. Its lines sum to its amount.
type PayeeMove struct {
	Transaction string           `json:"transaction"`
	Event       string           `json:"event"`
	OccurredAt  time.Time        `json:"occurred_at"`
	Amount      string           `json:"amount"`
	Freed       string           `json:"freed"`
	Reserved    string           `json:"reserved"`
	Frozen      string           `json:"frozen"`
	Lines       []PayeeOrderLine `json:"lines"`
}

// PayeeOrderLine is what one rule changed, with how that was computed.
type PayeeOrderLine struct {
	Line   string      `json:"line"`
	Title  string      `json:"title"`
	Amount string      `json:"amount"`
	Before string      `json:"before"`
	After  string      `json:"after"`
	How    []PayeeStep `json:"how"`
}

// PayeeStep is one step of a computation.
type PayeeStep struct {
	What string `json:"what"`
	Base []struct {
		Component string `json:"component"`
		Amount    string `json:"amount"`
	} `json:"base"`
	BaseTotal string `json:"base_total"`
	Rate      string `json:"rate"`
	Exact     string `json:"exact"`
	Amount    string `json:"amount"`
	Flat      string `json:"flat"`
	Rounding  string `json:"rounding"`
	Bound     string `json:"bound"`
	Tax       string `json:"tax"`
	TaxMode   string `json:"tax_mode"`
	Remainder string `json:"remainder"`
	Parts     []struct {
		Line      int    `json:"line"`
		BaseTotal string `json:"base_total"`
		Rate      string `json:"rate"`
		Exact     string `json:"exact"`
		Bound     string `json:"bound"`
		Amount    string `json:"amount"`
	} `json:"parts"`
}

// PayeeGoods is a line of an order, and how many of its units came back.
type PayeeGoods struct {
	Line     int    `json:"line"`
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Back     int    `json:"back"`
}

// PayeeOrderQuery narrows orders. What is empty narrows nothing, or is chosen by the service.
type PayeeOrderQuery struct {
	// State is estimated, held, settled or unearned.
	State, Currency string
	// Kind is what the payee is.
	Kind string
}

// PayeeReturn is what a return would change of a payee's part.
type PayeeReturn struct {
	Order    string           `json:"order"`
	Currency string           `json:"currency"`
	Change   string           `json:"change"`
	Amount   string           `json:"amount"`
	Lines    []PayeeOrderLine `json:"lines"`
}

// payeeOrdersPage is how many orders are asked for at once; each is computed anew.
const payeeOrdersPage = "50"

// PayeeOrders lists the orders of a payee, the newest first.
func (c *Client) PayeeOrders(ctx context.Context, book, payee string, q PayeeOrderQuery) iter.Seq2[PayeeOrder, error] {
	query := url.Values{"limit": {payeeOrdersPage}}
	set(query, "state", q.State)
	set(query, "currency", q.Currency)
	set(query, "kind", q.Kind)
	return walk[PayeeOrder](ctx, c, under(book, "payees", payee, "orders"), query)
}

// PayeeOrder returns what a payee has in an order, how it came about, and what happens next. The kind may be empty.
func (c *Client) PayeeOrder(ctx context.Context, book, payee, kind, order string) (PayeeOrder, error) {
	query := url.Values{}
	set(query, "kind", kind)
	var o PayeeOrder
	err := c.get(ctx, under(book, "payees", payee, "orders", order), query, &o)
	return o, err
}

// PayeeReturn tells what a return of some units of a line would change, of everything if the line is 0. Nothing is left behind.
func (c *Client) PayeeReturn(ctx context.Context, book, payee, kind, order string, line, units int) (PayeeReturn, error) {
	query := url.Values{}
	set(query, "kind", kind)
	if line != 0 {
		query.Set("line", strconv.Itoa(line))
		query.Set("units", strconv.Itoa(units))
	}
	var r PayeeReturn
	err := c.get(ctx, under(book, "payees", payee, "orders", order, "return"), query, &r)
	return r, err
}

// Coming is the way of a payee's money.
type Coming struct {
	Kind       string     `json:"kind"`
	Payee      string     `json:"payee"`
	Currencies []ComingIn `json:"currencies"`
}

// ComingIn is the way of a payee's money in one currency.
type ComingIn struct {
	Currency string `json:"currency"`
	Stages   []struct {
		Stage  string `json:"stage"`
		Amount string `json:"amount"`
	} `json:"stages"`
	Next struct {
		// Expect is expected, upto, many, below, nothing, paused or none; empty if no run is scheduled.
		Expect  string     `json:"expect"`
		RunsAt  *time.Time `json:"runs_at"`
		Amount  string     `json:"amount"`
		Minimum string     `json:"minimum"`
		// Reasons are what stands in the way, or why something stays.
		Reasons []PayoutReason `json:"reasons"`
	} `json:"next_payout"`
	Coming []ComingDay `json:"coming"`
	// KeptBack says that a part of what is coming may be kept in reserve or in trust.
	KeptBack bool        `json:"kept_back"`
	Reserves []ComingDay `json:"reserves"`
	More     bool        `json:"more"`
	Debts    []struct {
		Amount string    `json:"amount"`
		Since  time.Time `json:"since"`
	} `json:"debts"`
	Last *struct {
		DecidedAt time.Time  `json:"decided_at"`
		Verdict   string     `json:"verdict"`
		Amount    string     `json:"amount"`
		LookAt    *time.Time `json:"looked_at_again"`
	} `json:"last_decision"`
}

// ComingDay is what a day brings; the day is nil for what has none yet.
type ComingDay struct {
	Day    *string `json:"day"`
	Count  int     `json:"count"`
	Amount string  `json:"amount"`
}

// Coming tells what money is on its way to a payee. The kind may be empty.
func (c *Client) Coming(ctx context.Context, book, payee, kind string) (Coming, error) {
	query := url.Values{}
	set(query, "kind", kind)
	var out Coming
	err := c.get(ctx, under(book, "payees", payee, "coming"), query, &out)
	return out, err
}
