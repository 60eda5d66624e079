package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/payouts"
	"mizan/payouts/questions"
)

// What payees see of their payouts: when the next one is, what becomes available when, what was paid with which lines, and
// why something was not paid. Days are those of the book's clocks. Of a hold its category is told, and no more.

// payeePay is what a payee's card says about payouts.
type payeePay struct {
	NextDay string
	Holds   []string
	Waits   []waitLine
	// MoreWaits and the others lead to the pages with all of them; empty if this is all.
	MoreWaits, MorePayouts, MoreDecisions string
	Payouts                               []ownPayout
	Decisions                             []ownDecision
}

// ownPayout is a payout as its payee sees it.
type ownPayout struct {
	Link                   string
	Amount, Fee, Gross     amount
	Currency, Day, Said    string
	State                  stateWord
	Failed                 bool
	Method, Expected, Code string
}

// ownDecision is a decision as its payee sees it.
type ownDecision struct {
	Day, Again string
	Pays       bool
	Amount     amount
	Currency   string
	Reasons    []toldReason
}

// ownStates are the states that payees are told of, with the kind of their colour. The word files say what they are.
var ownStates = map[string]string{
	payouts.Created: "", payouts.Sending: "", payouts.Unknown: "", payouts.Refused: "open", payouts.Submitted: "", payouts.AtAccount: "open", payouts.Paid: "done",
	payouts.Failed: "failed", payouts.Cancelled: "", returned: "failed",
}

// returned is what payees are told of a payout that came back after it had arrived.
const returned = payouts.StateReturned

func (t teller) ownPayout(book ledger.Book, p payouts.Payout) ownPayout {
	cur, zone := p.Holder.Currency, book.Location()
	o := ownPayout{Link: "/portal/payouts/" + p.ID, Amount: sumOf(p.Amount, cur), Fee: sumOf(p.Fee, cur), Gross: sumOf(p.Gross(), cur), Currency: string(cur), State: t.payoutState(p.State),
		Day: t.day(p.CreatedAt, zone), Method: t.word("method", p.Method)}
	switch {
	case !p.ReturnedAt.IsZero():
		o.State, o.Failed = t.payoutState(returned), true
		o.Said = t.say("pay.said.returned", "day", t.day(p.ReturnedAt, zone))
	case p.State == payouts.Failed:
		o.Failed, o.Said = true, t.say("pay.said.failed")
	case p.State == payouts.Cancelled:
		o.Said = t.say("pay.said.cancelled")
	case p.State == payouts.Paid:
		o.Said = t.say("pay.said.paid", "day", t.day(p.PaidAt, zone))
	case p.State == payouts.Created && p.NeedsPerson && p.ReleasedAt.IsZero():
		o.Said = t.say("pay.said.second")
	case !p.ExpectedOn.IsZero():
		o.Said = t.say("pay.said.expected", "day", t.day(p.ExpectedOn, zone))
	default:
		o.Said = t.say("pay.said.sent")
	}
	return o
}

func (t teller) ownDecision(book ledger.Book, d payouts.Decided) (o ownDecision, err error) {
	var decision payouts.Decision
	if err := json.Unmarshal(d.Decision, &decision); err != nil {
		return o, err
	}
	zone := book.Location()
	return ownDecision{Day: t.day(d.At, zone), Again: t.day(d.LookAt, zone), Pays: d.Verdict == payouts.VerdictPay, Amount: sumOf(d.Amount, d.Holder.Currency),
		Currency: string(d.Holder.Currency), Reasons: t.reasons(decision, zone)}, nil
}

// payOf reads what the card of a payee says about payouts, a few of each kind.
func (c *console) payOf(ctx context.Context, book ledger.Book, card *payeeCard, most int) error {
	if c.Payouts == nil {
		return nil
	}
	say, p, at := tellerOf(ctx), &payeePay{}, "/portal/payees/"+card.ID
	var err error
	if p.NextDay, err = c.nextRun(ctx, book, card.ID, card.Kind); err != nil {
		return err
	}
	holds, _, err := c.Payouts.HoldsOf(ctx, book, card.ID, payouts.HoldPlace{}, holdsSummed)
	if err != nil {
		return err
	}
	for _, h := range holds {
		if word := say.holdCategory(h.Category); h.ReleasedAt.IsZero() && word != "" && !slices.Contains(p.Holds, word) {
			p.Holds = append(p.Holds, word)
		}
	}
	waits, err := c.Payouts.Waits(ctx, book, card.ID, payouts.Wait{}, most+1)
	if err != nil {
		return err
	}
	if len(waits) > most {
		waits, p.MoreWaits = waits[:most], at+"/waits"
	}
	p.Waits = say.ownWaits(book, card.Kind, waits)
	list, err := c.Payouts.Payouts(ctx, book, payouts.PayoutQuery{Payee: card.ID, Kind: card.Kind, Limit: most})
	if err != nil {
		return err
	}
	if len(list) > most {
		list, p.MorePayouts = list[:most], at+"/payouts"
	}
	for _, one := range list {
		p.Payouts = append(p.Payouts, say.ownPayout(book, one))
	}
	decided, last, err := c.decidedAbout(ctx, book, payouts.PayeeKey{Kind: card.Kind, ID: card.ID}, "", most)
	if err != nil {
		return err
	}
	if last != "" {
		p.MoreDecisions = at + "/decisions"
	}
	for _, d := range decided {
		o, err := say.ownDecision(book, d)
		if err != nil {
			return err
		}
		p.Decisions = append(p.Decisions, o)
	}
	card.Pay = p
	for i := range card.Currencies {
		cur := &card.Currencies[i]
		if cur.Owes || cur.Available.Zero() || !isEarner(card.Kind) {
			continue
		}
		holder := payouts.Holder{PayeeKey: payouts.PayeeKey{Kind: card.Kind, ID: card.ID}, Currency: money.Currency(cur.Currency)}
		if why, err := c.neverNow(ctx, book, holder); err == nil && why == nil {
			cur.Ask = narrowedTo(at+"/payout", "currency", cur.Currency)
		} else if err != nil && !isRefusal(err) {
			return err
		}
	}
	return nil
}

// neverNow are the reasons why a holder is paid nothing now, whatever it asks for; nil if something it may ask for can be paid.
func (c *console) neverNow(ctx context.Context, book ledger.Book, h payouts.Holder) ([]toldReason, error) {
	d, err := c.Payouts.Quote(ctx, book, ask{Holder: h, Method: payouts.MethodStandard}.request(""))
	if err != nil || d.Verdict == payouts.VerdictPay || !slices.ContainsFunc(d.Reasons, beyondAsking) {
		return nil, err
	}
	return tellerOf(ctx).reasons(d, book.Location()), nil
}

// beyondAsking reports whether a reason stays, whatever is asked for.
func beyondAsking(r payouts.Reason) bool {
	switch r.Change {
	case payouts.ChangeMethod, payouts.ChangeAskLess, payouts.ChangeAskWhole, payouts.ChangeAskParts:
		return false
	}
	return true
}

// ownWaits are the waits as the payee sees them: what others with the same id but of another kind wait for is not its own.
func (t teller) ownWaits(book ledger.Book, kind string, list []payouts.Wait) (lines []waitLine) {
	for _, w := range list {
		if w.Kind != kind && (kind != payouts.KindCharity || isEarner(w.Kind)) {
			continue
		}
		lines = append(lines, waitLine{Wait: w, Amount: sumOf(w.Amount, w.Currency), What: t.when(w.Act), Day: t.day(w.DueAt, book.Location())})
	}
	return lines
}

// shownToPayee are how many of each a card shows; of a minor fewer, because a guardian has many.
const (
	ownShown  = 5
	wardShown = 3
)

// owner is a signed-in payee on a page about one payee: itself, or a minor it acts for.
type owner struct {
	*visit
	book  ledger.Book
	payee string
	kind  string
}

// ownerOf returns who looks, if the payee is theirs.
func (c *console) ownerOf(ctx context.Context, payee string) (o owner, err error) {
	v, err := member(ctx, access.Payee)
	if err != nil {
		return o, err
	}
	p := v.principal()
	if len(p.Books) != 1 || payee != "" && !ownHolder(p, payee) {
		return o, errNoPage
	}
	o = owner{visit: v, payee: payee}
	if o.book, err = c.Ledger.Book(ctx, p.Books[0]); err != nil || payee == "" {
		return o, err
	}
	registered, err := c.Commerce.Payee(ctx, o.book, payee)
	if err != nil && !isMissing(err) {
		return o, err
	}
	o.kind = registered.Kind
	return o, nil
}

// answered is the answer with a page of a payee.
func (o owner) answered(title string, data any) answer {
	return answer{Title: title, Active: "portal", Data: data}
}

// portalPages are the pages of payees about payouts.
func (c *console) portalPages(mux *http.ServeMux) {
	mux.HandleFunc("GET /portal/payouts/{payout}", c.page("portal-payout", c.ownPayout))
	mux.HandleFunc("GET /portal/payees/{payee}/payouts", c.page("portal-payouts", c.ownPayouts))
	mux.HandleFunc("GET /portal/payees/{payee}/waits", c.page("portal-waits", c.ownWaits))
	mux.HandleFunc("GET /portal/payees/{payee}/decisions", c.page("portal-decisions", c.ownDecisions))
	mux.HandleFunc("GET /portal/payees/{payee}/payout", c.page("portal-request", c.ownRequest))
	mux.HandleFunc("POST /portal/payees/{payee}/payouts", c.form(c.requestOwn))
}

type ownPayoutPage struct {
	ownPayout
	Payee  string
	Lines  []paidLine
	Whole  bool
	Sum    amount
	Before string
	After  string
	// Trace is what the banks know the payment by; empty until they say.
	Trace string
	// About leads to the form that asks about the payout; empty without questions.
	About       string
	Next, First string
	Happened    []ownStep
	// Statement leads to the statement of the payout, Month to that of its month.
	Statement, Month string
}

// ownStep is what happened to a payout, for its payee.
type ownStep struct {
	Word, Look string
	Day        string
	At         time.Time
}

func (c *console) ownPayout(ctx context.Context, r *http.Request) (answer, error) {
	id := r.PathValue("payout")
	o, err := c.ownerOf(ctx, "")
	if err != nil {
		return answer{}, err
	}
	if unusable(id) {
		return answer{}, errNoPage
	}
	one, err := c.Payouts.Payout(ctx, o.book, id)
	if err != nil {
		return answer{}, err
	}
	if mine, err := c.ownerOf(ctx, one.Holder.ID); err != nil || mine.kind != one.Holder.Kind {
		return answer{}, cmp.Or(err, error(errNoPage))
	}
	sequence, line, err := place(r.URL.Query().Get("after"))
	if err != nil {
		return answer{}, err
	}
	page, err := c.Payouts.Lines(ctx, o.book, id, sequence, line, linesPerPage)
	if err != nil {
		return answer{}, err
	}
	p := ownPayoutPage{ownPayout: tellerOf(ctx).ownPayout(o.book, one), Trace: one.Trace, About: c.askLink(questions.AboutPayout, one.ID, "", ownAddress(o, one.Holder.ID)), Payee: one.Holder.ID, Lines: paidLinesOf(o.book, "/portal", one.Holder, page.Lines), Whole: sequence == 0 && !page.More}
	for i := range p.Lines {
		p.Lines[i].Event, p.Lines[i].Day = tellerOf(ctx).word("event", page.Lines[i].Event), tellerOf(ctx).day(page.Lines[i].OccurredAt, o.book.Location())
	}
	var sum money.Minor
	for _, l := range page.Lines {
		sum += l.Amount
	}
	p.Sum = sumOf(sum, one.Holder.Currency)
	if sequence > 0 {
		p.First = p.Link
	}
	if page.More {
		p.Next = narrowedTo(p.Link, "after", placeMark(page.AfterSequence, page.AfterLine))
	}
	if one.RetryOf != "" {
		p.Before = "/portal/payouts/" + one.RetryOf
	}
	later, err := c.Payouts.RetriesOf(ctx, o.book, id)
	if err != nil {
		return answer{}, err
	}
	if n := len(later); n > 0 {
		p.After = "/portal/payouts/" + later[n-1].ID
	}
	if p.Happened, err = c.ownSteps(ctx, o, one); err != nil {
		return answer{}, err
	}
	if c.Statements != nil {
		whose := ownAddress(o, one.Holder.ID)
		p.Statement, p.Month = address(p.Link+"/statement", whose), monthAddress(whose.Get("payee"), one.Holder.Currency, one.CreatedAt, o.book.Location())
	}
	return o.answered(tellerOf(ctx).say("payout.title"), &p), nil
}

// ownSteps are what happened to a payout, each state once after another.
func (c *console) ownSteps(ctx context.Context, o owner, one payouts.Payout) (happened []ownStep, err error) {
	t := tellerOf(ctx)
	steps, err := c.Payouts.Steps(ctx, o.book, one.ID, 0, stepsShown)
	for _, s := range steps {
		word := t.payoutState(s.State)
		if cameBack(s) {
			word = t.payoutState(returned)
		}
		if n := len(happened); word.Word == "" || n > 0 && happened[n-1].Word == word.Word {
			continue
		}
		happened = append(happened, ownStep{word.Word, word.Look, t.day(s.At, o.book.Location()), s.At})
	}
	return happened, err
}

type ownListPage struct {
	Payee       string
	Payouts     []ownPayout
	Waits       []waitLine
	Decisions   []ownDecision
	Next, First string
}

func (c *console) ownPayouts(ctx context.Context, r *http.Request) (answer, error) {
	o, err := c.ownerOf(ctx, r.PathValue("payee"))
	if err != nil {
		return answer{}, err
	}
	before, id, err := momentAndID(r.URL.Query().Get("after"))
	if err != nil {
		return answer{}, err
	}
	list, err := c.Payouts.Payouts(ctx, o.book, payouts.PayoutQuery{Payee: o.payee, Kind: o.kind, Before: before, BeforeID: id, Limit: payoutsPerPage})
	if err != nil {
		return answer{}, err
	}
	at := "/portal/payees/" + o.payee + "/payouts"
	p := ownListPage{Payee: o.payee}
	if id != "" {
		p.First = at
	}
	if len(list) > payoutsPerPage {
		list = list[:payoutsPerPage]
		last := list[payoutsPerPage-1]
		p.Next = narrowedTo(at, "after", mark(last.CreatedAt, last.ID))
	}
	for _, one := range list {
		p.Payouts = append(p.Payouts, tellerOf(ctx).ownPayout(o.book, one))
	}
	return o.answered(tellerOf(ctx).say("pay.payouts"), &p), nil
}

func (c *console) ownWaits(ctx context.Context, r *http.Request) (answer, error) {
	o, err := c.ownerOf(ctx, r.PathValue("payee"))
	if err != nil {
		return answer{}, err
	}
	after, err := waitAt(r.URL.Query().Get("after"))
	if err != nil {
		return answer{}, err
	}
	list, err := c.Payouts.Waits(ctx, o.book, o.payee, after, waitsPerPage+1)
	if err != nil {
		return answer{}, err
	}
	at := "/portal/payees/" + o.payee + "/waits"
	p := ownListPage{Payee: o.payee}
	if after.Subject != "" {
		p.First = at
	}
	if len(list) > waitsPerPage {
		list = list[:waitsPerPage]
		p.Next = narrowedTo(at, "after", waitMark(list[waitsPerPage-1]))
	}
	p.Waits = tellerOf(ctx).ownWaits(o.book, o.kind, list)
	return o.answered(tellerOf(ctx).say("pay.on_its_way"), &p), nil
}

func (c *console) ownDecisions(ctx context.Context, r *http.Request) (answer, error) {
	o, err := c.ownerOf(ctx, r.PathValue("payee"))
	if err != nil {
		return answer{}, err
	}
	after := r.URL.Query().Get("after")
	list, last, err := c.decidedAbout(ctx, o.book, payouts.PayeeKey{Kind: o.kind, ID: o.payee}, after, decisionsPerPage)
	if err != nil {
		return answer{}, err
	}
	at := "/portal/payees/" + o.payee + "/decisions"
	p := ownListPage{Payee: o.payee}
	if after != "" {
		p.First = at
	}
	if last != "" {
		p.Next = narrowedTo(at, "after", last)
	}
	for _, d := range list {
		one, err := tellerOf(ctx).ownDecision(o.book, d)
		if err != nil {
			return answer{}, err
		}
		p.Decisions = append(p.Decisions, one)
	}
	return o.answered(tellerOf(ctx).say("pay.decisions"), &p), nil
}

type ownRequestPage struct {
	Payee, Currency string
	At, Form        string
	Typed, Method   string
	Available       amount
	NextDay         string
	Quote           *quote
	// Never are the reasons why nothing is paid now, whatever is asked for; with them there is no form. Settings and Way lead to what can be done instead.
	Never         []toldReason
	Settings, Way string
}

// ownRequest shows a payee what a payout now would come to.
func (c *console) ownRequest(ctx context.Context, r *http.Request) (answer, error) {
	o, err := c.ownerOf(ctx, r.PathValue("payee"))
	if err != nil {
		return answer{}, err
	}
	q := r.URL.Query()
	typed := q.Get("amount")
	if strings.TrimSpace(typed) != "" {
		// What cannot be read in the reader's own way of writing numbers is not read in another.
		decimal, _ := tellerOf(ctx).Read(typed)
		q.Set("amount", cmp.Or(decimal, "?"))
	}
	out, err := c.ownRequestOf(ctx, o, q)
	if p, ok := out.Data.(*ownRequestPage); ok {
		p.Typed = strings.TrimSpace(typed)
	}
	return out, err
}

func (c *console) ownRequestOf(ctx context.Context, o owner, q url.Values) (answer, error) {
	p := ownRequestPage{Payee: o.payee, Currency: q.Get("currency"), At: "/portal/payees/" + o.payee + "/payout", Form: c.formToken(o.visit), Typed: strings.TrimSpace(q.Get("amount"))}
	if !o.book.Uses(money.Currency(p.Currency)) || !isEarner(o.kind) {
		return answer{}, errNoPage
	}
	q = url.Values{"currency": q["currency"], "amount": q["amount"], "method": q["method"]} // a payee pays nothing again
	a, wrong := askOf(q, o.kind, o.payee)
	p.Method = a.Method
	var err error
	if p.Available, err = c.availableNow(ctx, o.book, a.Holder); err != nil {
		return answer{}, err
	}
	if p.NextDay, err = c.nextRun(ctx, o.book, o.payee, o.kind); err != nil {
		return answer{}, err
	}
	out := o.answered(tellerOf(ctx).say("request.title"), &p)
	if p.Never, err = c.neverNow(ctx, o.book, a.Holder); err != nil && !isRefusal(err) {
		return answer{}, err
	}
	if p.Never != nil {
		of := url.Values{}
		if o.payee != o.principal().ID {
			of.Set("payee", o.payee)
		}
		p.Settings, p.Way = address("/portal/settings", of), address("/portal/money", of)
	}
	if wrong == nil && p.Never != nil {
		return out, nil
	}
	if wrong == nil {
		var quote quote
		if quote, wrong = c.quoted(ctx, o.book, a); wrong == nil {
			p.Quote = &quote
			return out, nil
		}
	}
	var known *fault.Error
	if !isRefusal(wrong) || !errors.As(wrong, &known) {
		return answer{}, wrong
	}
	out.Notice, out.Status = tellerOf(ctx).undone(known), statusOf(known.Kind)
	return out, nil
}

// requestOwn pays a payee that asked for it.
func (c *console) requestOwn(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), decisionTimeout)
	defer cancel()
	o, err := c.ownerOf(ctx, r.PathValue("payee"))
	if err != nil {
		return err
	}
	if !isEarner(o.kind) {
		return errNoPage
	}
	form := url.Values{"currency": r.PostForm["currency"], "amount": r.PostForm["amount"], "method": r.PostForm["method"], "fee": r.PostForm["fee"], "reference": r.PostForm["reference"]}
	a, err := askOf(form, o.kind, o.payee)
	if err == nil {
		var list []payouts.Payout
		if _, list, err = c.confirmed(ctx, o.actor(), o.book, a, form, "portal:"+o.principal().ID); err == nil {
			leadOn(w, r, o, list)
			return nil
		}
	}
	var known *fault.Error
	if !isRefusal(err) || !errors.As(err, &known) || known.Kind == fault.NotFound {
		return err
	}
	page, failed := c.ownRequestOf(ctx, o, form)
	if failed != nil {
		return failed
	}
	page.Status, page.Notice = statusOf(known.Kind), tellerOf(ctx).undone(known)
	c.render(w, r, page.Status, "portal-request", page)
	return nil
}

// leadOn ends on the payout, or on the payee's decisions if nothing was paid.
func leadOn(w http.ResponseWriter, r *http.Request, o owner, list []payouts.Payout) {
	to := "/portal/payees/" + o.payee + "/decisions"
	switch len(list) {
	case 0:
	case 1:
		to = "/portal/payouts/" + list[0].ID
	default:
		to = "/portal/payees/" + o.payee + "/payouts"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}
