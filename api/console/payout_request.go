package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts"
)

// Asking for a payout now, by the staff or by a payee for itself: first the fee is shown, then the payout is confirmed.
// What is confirmed is what was shown, to the digit, under a name that was drawn with the page: pressing twice, or sending
// the form again, comes out once.

var errQuoteOld = fault.New(fault.Conflict, "payout-quote-old", "What the payout costs has changed since it was shown to you. Nothing was paid. Look at the figures below, and confirm them if you agree.")

// ask is a payout that somebody asks for.
type ask struct {
	payouts.Holder
	Amount money.Minor
	Method string
	Retry  string
	// ByHand says that the staff asks.
	ByHand bool
}

func (a ask) request(reference string) payouts.Request {
	return payouts.Request{Reference: reference, Holder: a.Holder, Amount: a.Amount, Method: a.Method, Retry: a.Retry, ByHand: a.ByHand}
}

// askOf reads what is asked for from an address or a form.
func askOf(q url.Values, kind, payee string) (a ask, err error) {
	a = ask{Holder: payouts.Holder{PayeeKey: payouts.PayeeKey{Kind: kind, ID: payee}, Currency: money.Currency(q.Get("currency"))}, Method: q.Get("method"), Retry: q.Get("retry")}
	if a.Method == "" {
		a.Method = payouts.MethodStandard
	}
	if unusable(a.Retry) || unusable(a.Method) || unusable(string(a.Currency)) {
		return a, errQuery
	}
	if a.Amount, err = typed(q.Get("amount"), a.Currency); err != nil {
		err = payouts.ErrRequest.At("/amount", "amount", "Write the amount as digits with the currency's own decimals, such as 120.00, or leave it empty for everything.")
	}
	return a, err
}

// quote is what a payout would come to.
type quote struct {
	Pays                bool
	Amount, Fee, Gross  amount
	Left                amount
	Parts               int
	Reasons             []toldReason
	SecondPerson        []string
	NextDay             string
	Exact, ExactFee     string
	Reference, Currency string
}

// quoted asks what would be decided now.
func (c *console) quoted(ctx context.Context, book ledger.Book, a ask) (q quote, err error) {
	d, err := c.Payouts.Quote(ctx, book, a.request(""))
	if err != nil {
		return q, err
	}
	cur, t := a.Currency, tellerOf(ctx)
	q = quote{Pays: d.Verdict == payouts.VerdictPay, Amount: sumOf(d.Amount, cur), Fee: sumOf(d.Fee, cur), Gross: sumOf(d.Gross, cur), Left: sumOf(d.Left, cur), Parts: len(d.Parts),
		NextDay: t.day(d.LookedAtAgain, book.Location()), Exact: d.Amount.Format(cur), ExactFee: d.Fee.Format(cur), Reference: newToken(), Currency: string(cur)}
	if q.SecondPerson = t.secondPerson(d.SecondPerson); a.ByHand {
		q.Reasons = t.staffReasons(d)
	} else {
		q.Reasons = t.reasons(d, book.Location())
	}
	return q, nil
}

// confirmed pays what was shown, or finds what was paid for the same form before.
func (c *console) confirmed(ctx context.Context, by guard.Actor, book ledger.Book, a ask, form url.Values, prefix string) (payouts.Decided, []payouts.Payout, error) {
	name := form.Get("reference")
	if len(name) < 16 || len(name) > 40 || strings.ContainsFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '2' || r > '7') }) || a.Amount == 0 {
		return payouts.Decided{}, nil, errFormRead
	}
	// A second press finds nothing left to pay, which is no difference to what was shown.
	if now, err := c.Payouts.Quote(ctx, book, a.request("")); err == nil && now.Verdict == payouts.VerdictPay && now.Fee.Format(a.Currency) != form.Get("fee") {
		return payouts.Decided{}, nil, errQuoteOld
	}
	return c.Payouts.RequestPayout(ctx, by, book, a.request(prefix+":"+name))
}

// nextRun is the day of the payee's next scheduled run; empty if its kind has none.
func (c *console) nextRun(ctx context.Context, book ledger.Book, payee, kind string) (string, error) {
	if !isEarner(kind) {
		return "", nil
	}
	now := c.Now()
	policy, err := c.Payouts.PolicyFor(ctx, book, payee, now)
	if err != nil {
		if isRefusal(err) {
			return "", nil // a book without a policy pays nobody
		}
		return "", err
	}
	return tellerOf(ctx).day(policy.NextRun(kind, now), book.Location()), nil
}

type payoutRequestPage struct {
	payHead
	ID, Kind  string
	Currency  string
	Typed     string
	Method    string
	Retry     string
	RetryLink string
	Available amount
	NextRun   string
	Quote     *quote
}

// payoutRequest shows what paying a payee now would come to.
func (c *console) payoutRequest(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	id, q := r.PathValue("payee"), r.URL.Query()
	if r.Method == http.MethodPost {
		q = r.PostForm
	}
	if unusable(id) || !ledger.IsSegment(id) {
		return answer{}, errNoPage
	}
	kind := q.Get("kind")
	if registered, err := c.Commerce.Payee(ctx, who.book, id); err == nil {
		kind = registered.Kind
	} else if !isMissing(err) {
		return answer{}, err
	}
	p := payoutRequestPage{payHead: c.payHead(who, "payees"), ID: id, Kind: kind, Typed: strings.TrimSpace(q.Get("amount")), Currency: q.Get("currency")}
	if !who.book.Uses(money.Currency(p.Currency)) || !isEarner(kind) {
		return answer{}, errQuery
	}
	a, wrong := askOf(q, kind, id)
	p.Method, p.Retry, a.ByHand = a.Method, a.Retry, true
	if p.Retry != "" {
		p.RetryLink = who.o.At + "/payouts/" + p.Retry
	}
	var err error
	if p.Available, err = c.availableNow(ctx, who.book, a.Holder); err != nil {
		return answer{}, err
	}
	if p.NextRun, err = c.nextRun(ctx, who.book, id, kind); err != nil {
		return answer{}, err
	}
	out := who.answered(who.t.say("paying.request"), &p, link{who.t.say("payees.title"), who.o.At + "/payees"}, link{id, who.o.At + "/payees/" + id})
	if wrong == nil {
		var quote quote
		if quote, wrong = c.quoted(ctx, who.book, a); wrong == nil {
			p.Quote = &quote
		}
	}
	var known *fault.Error
	if wrong != nil && (!errors.As(wrong, &known) || known.Kind == fault.Internal || known.Kind == fault.Unavailable) {
		return answer{}, wrong
	}
	if known != nil {
		out.Notice, out.Status = who.t.undone(known), statusOf(known.Kind)
	}
	return out, nil
}

// availableNow is what a holder has available.
func (c *console) availableNow(ctx context.Context, book ledger.Book, h payouts.Holder) (amount, error) {
	account := ledger.Address("liabilities:" + h.Kind + ":available:" + h.ID)
	page, err := c.Ledger.Balances(ctx, book, ledger.BalanceQuery{Prefix: string(account), Currency: h.Currency, Limit: 1})
	if err != nil {
		return amount{}, err
	}
	for _, b := range page.Balances {
		if b.Account == account {
			return minor(b.Net(), h.Currency), nil
		}
	}
	return minor(0, h.Currency), nil
}

// requestPayout pays a payee now. A decision not to pay leads to the decision.
func (c *console) requestPayout(ctx context.Context, who cashier, r *http.Request) (string, error) {
	id := r.PathValue("payee")
	kind := r.PostForm.Get("kind")
	if !isEarner(kind) || !ledger.IsSegment(id) {
		return "", errFormRead
	}
	a, err := askOf(r.PostForm, kind, id)
	if err != nil {
		return "", err
	}
	d, list, err := c.confirmed(ctx, who.actor(), who.book, a, r.PostForm, "console:"+who.principal().ID)
	switch {
	case err != nil:
		return "", err
	case len(list) == 1:
		return who.o.At + "/payouts/" + list[0].ID, nil
	}
	return who.o.At + "/payout-runs/" + d.Run + "/decisions/" + url.PathEscape(holderMark(d.Holder)), nil
}

// decidedAbout is a page of the decisions about a payee, the latest first, with the mark of the next page. With a kind, only
// those about what it has as that.
func (c *console) decidedAbout(ctx context.Context, book ledger.Book, payee payouts.PayeeKey, after string, most int) ([]payouts.Decided, string, error) {
	q := payouts.DecisionQuery{Payee: payee.ID, Kind: payee.Kind, Limit: most}
	if after != "" {
		parts := strings.Split(after, ",")
		if len(parts) != 3 || unusable(after) {
			return nil, "", errQuery
		}
		at, err := time.Parse(time.RFC3339Nano, parts[0])
		holder, wrong := holderAt(parts[2])
		if err != nil || wrong != nil {
			return nil, "", errQuery
		}
		q.After = &payouts.Decided{Run: parts[1], Holder: holder, At: at}
	}
	page, err := c.Payouts.Decisions(ctx, book, q)
	if err != nil || page.Next == nil {
		return page.Decisions, "", err
	}
	return page.Decisions, mark(page.Next.At, page.Next.Run) + "," + holderMark(page.Next.Holder), nil
}

// ownHolder is what of a payee a signed-in payee may ask about: its own, or a minor's that it acts for.
func ownHolder(p access.Principal, payee string) bool {
	for _, id := range p.Payees {
		if id == payee {
			return true
		}
	}
	return p.ID == payee
}
