package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"mizan/api/access"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
	"mizan/payouts"
	"mizan/payouts/statements"
)

// Payees, for the staff: how they stand, where they are paid, what holds their money back, and what was decided about them.

// payeeLine is a payee in the list.
type payeeLine struct {
	commerce.Payee
	Link     string
	Standing payouts.Standing
}

type payeesPage struct {
	payHead
	Here, Next, First string
	Lines             []payeeLine
	// Unknown is an id that was asked for and is not registered.
	Unknown string
}

// payees lists the register. An id to go to leads to its page by the form of the list.
func (c *console) payees(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	q := r.URL.Query()
	at, after, from := who.o.At+"/payees", q.Get("after"), q.Get("from")
	if unusable(after) || unusable(from) {
		return answer{}, errQuery
	}
	p := payeesPage{payHead: c.payHead(who, "payees"), Here: at}
	if from != "" {
		switch one, err := c.Commerce.Payee(ctx, who.book, from); {
		case err == nil:
			p.Lines, p.First = []payeeLine{{Payee: one}}, at
			after = from
		case errors.Is(err, commerce.ErrPayeeUnknown):
			p.Unknown, after = from, from
		default:
			return answer{}, err
		}
	}
	if after != "" {
		p.First = at
	}
	list, more, err := c.Commerce.Payees(ctx, who.book, after, payeesPerPage)
	if err != nil {
		return answer{}, err
	}
	for _, one := range list {
		p.Lines = append(p.Lines, payeeLine{Payee: one})
	}
	if more && len(list) > 0 {
		p.Next = narrowedTo(at, "after", list[len(list)-1].ID)
	}
	// Of the payees on the page, those that have a standing are among as many standings from the same place on.
	standings, _, err := c.Payouts.Standings(ctx, who.book, after, payeesPerPage)
	if err != nil {
		return answer{}, err
	}
	if from != "" && p.Unknown == "" {
		s, err := c.Payouts.Standing(ctx, who.book, from)
		if err != nil {
			return answer{}, err
		}
		standings = append(standings, s)
	}
	known := map[string]payouts.Standing{}
	for _, s := range standings {
		known[s.Payee] = s
	}
	for i := range p.Lines {
		l := &p.Lines[i]
		l.Link, l.Standing = at+"/"+l.ID, known[l.ID]
		if l.Standing.Version == 0 {
			l.Standing.Verification, l.Standing.Business = payouts.IdentityUnverified, payouts.PayeeOpen
		}
	}
	return who.answered(who.t.say("payees.title"), &p), nil
}

// holdLine is a hold that stands, with what it holds now.
type holdLine struct {
	payouts.Hold
	Holds amount
	// Money says that it holds money, and Wants that it wants more than was there.
	Money, Wants bool
	WantsAmount  amount
}

// payeeSums are what a payee has in one currency, as pages of the staff show it.
type payeeSums struct {
	payeeCurrency
	// Pay leads to the form that pays it now, empty for none.
	Pay string
}

type waitLine struct {
	payouts.Wait
	Amount amount
	What   string
	// Link leads to the transactions of the subject.
	Link string
	Day  string
}

// overrideLine is one version of what was agreed with a payee.
type overrideLine struct {
	payouts.Agreed
	ApprovalLink  string
	InForce, Ends bool
}

type debtLine struct {
	payouts.Debt
	Amount    amount
	PayeeLink string
	For       string
}

// steps lead through a list that does not fit on a page.
type steps struct{ First, Next string }

type payeePage struct {
	payHead
	ID           string
	Registered   bool
	Payee        commerce.Payee
	Guardian     string
	Standing     payouts.Standing
	Sums         []payeeSums
	Destinations []payouts.Destination
	Holds        []holdLine
	// HoldsAfter is the place among the holds from which the page shows them, and HoldSteps leads to others.
	HoldsAfter payouts.HoldPlace
	HoldSteps  steps
	Waits      []waitLine
	MoreWaits  string
	Debts      []debtLine
	Override   payouts.Agreed
	Exception  document
	// Overrides are all versions of what was agreed with the payee, the latest first.
	Overrides   []overrideLine
	NextRun     string
	Decisions   []decisionLine
	MoreDecided string
	Payouts     []payoutLine
	MorePayouts string
	Currencies  []money.Currency
	// Answers are what support is asked about the payee, by currency; Asked what the payee asked last.
	Answers []payeeAnswer
	Asked   []inboxLine
	MayRead bool
	// Agreed is the version of what was agreed last, which a proposal follows.
	Agreed int
	// NewHold is an id for the hold that the form places, so that it is placed once however often it is sent.
	NewHold   string
	MayRetire bool
	// Statements are the latest that were issued, for those who may read balances; SeesStatements says so.
	Statements     []issuedLine
	SeesStatements bool
}

// issuedLine is a statement of a payee with the files that it can be had as.
type issuedLine struct {
	Period, Currency string
	Closing          amount
	Formats          []link
}

// statedOf adds the latest statements of the payee. Their files are those of the API, which knows the visitor by the same session.
func (c *console) statedOf(ctx context.Context, who cashier, p *payeePage) error {
	if p.SeesStatements = c.Statements != nil && p.Registered && mayAll(who.principal(), who.o.Code, access.BalancesRead); !p.SeesStatements {
		return nil
	}
	list, err := c.Statements.Statements(ctx, who.book, statements.Query{Payee: p.ID, Limit: issuedShown})
	for _, s := range list[:min(len(list), issuedShown)] {
		at := "/v1/books/" + who.o.Code + "/payees/" + p.ID + "/statements/" + s.ID
		l := issuedLine{Period: s.Period.String(), Currency: string(s.Currency), Closing: sumOf(s.Closing(), s.Currency)}
		for _, f := range []tabular.Format{tabular.CSV, tabular.XLSX, statements.JSON} {
			l.Formats = append(l.Formats, link{strings.ToUpper(string(f)), narrowedTo(at+"/content", "format", string(f))})
		}
		p.Statements = append(p.Statements, l)
	}
	return err
}

func (c *console) payee(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	id := r.PathValue("payee")
	if unusable(id) {
		return answer{}, errNoPage
	}
	p := payeePage{payHead: c.payHead(who, "payees"), ID: id, Currencies: who.book.Currencies, NewHold: "hold-" + newToken(),
		MayRead: mayAll(who.principal(), who.o.Code, access.PersonalRead)}
	var err error
	if p.HoldsAfter, err = holdPlaceAt(r.URL.Query().Get("holds-after")); err != nil {
		return answer{}, err
	}
	registered, err := c.Commerce.Payee(ctx, who.book, id)
	switch {
	case err == nil:
		p.Payee, p.Registered = registered, true
	case !errors.Is(err, commerce.ErrPayeeUnknown):
		return answer{}, err
	}
	if p.Payee.Guardian != "" {
		p.Guardian = who.o.At + "/payees/" + p.Payee.Guardian
	}
	if p.Standing, err = c.Payouts.Standing(ctx, who.book, id); err != nil && !isMissing(err) {
		return answer{}, err
	}
	for _, read := range []func(context.Context, cashier, *payeePage) error{c.moneyOf, c.waysOf, c.heldOf, c.waitsOf, c.termsOf, c.pastOf, c.answersOf, c.askedBy, c.statedOf} {
		if err := read(ctx, who, &p); err != nil {
			return answer{}, err
		}
	}
	if !p.Registered && len(p.Decisions) == 0 && len(p.Payouts) == 0 {
		return answer{}, errNoPage
	}
	return who.answered(id, &p, link{who.t.say("payees.title"), who.o.At + "/payees"}), nil
}

// moneyOf adds what the payee has and owes.
func (c *console) moneyOf(ctx context.Context, who cashier, p *payeePage) error {
	card := payeeCard{ID: p.ID, Kind: p.Payee.Kind}
	if err := c.holdingsOf(ctx, who.book, &card); err != nil {
		return err
	}
	for _, sum := range card.Currencies {
		s := payeeSums{payeeCurrency: sum}
		if p.MayWrite && !sum.Owes && !sum.Available.Zero() && isEarner(p.Payee.Kind) {
			s.Pay = narrowedTo(who.o.At+"/payees/"+p.ID+"/payout", "currency", sum.Currency)
		}
		p.Sums = append(p.Sums, s)
	}
	debts, err := c.Payouts.DebtsOf(ctx, who.book, payouts.PayeeKey{Kind: p.Payee.Kind, ID: p.ID})
	for _, d := range debts {
		p.Debts = append(p.Debts, c.debtLine(who, d))
	}
	return err
}

// isEarner reports whether payouts know the kind of payee.
func isEarner(kind string) bool {
	switch kind {
	case payouts.KindSeller, payouts.KindCreator, payouts.KindAgency, payouts.KindPartner:
		return true
	}
	return false
}

func (c *console) debtLine(who cashier, d payouts.Debt) debtLine {
	return debtLine{Debt: d, Amount: sumOf(d.Amount, d.Currency), PayeeLink: who.o.At + "/payees/" + d.ID, For: who.t.since(c.Now(), d.Since)}
}

// waysOf adds where the payee is paid.
func (c *console) waysOf(ctx context.Context, who cashier, p *payeePage) (err error) {
	p.Destinations, err = c.Payouts.Destinations(ctx, who.book, p.ID)
	p.Destinations = p.Destinations[:min(len(p.Destinations), versionsShown)]
	return err
}

// heldOf adds the holds that stand, with what each of them holds.
func (c *console) heldOf(ctx context.Context, who cashier, p *payeePage) error {
	list, next, err := c.Payouts.HoldsOf(ctx, who.book, p.ID, p.HoldsAfter, versionsShown)
	if err != nil {
		return err
	}
	at := who.o.At + "/payees/" + p.ID
	if p.HoldsAfter != (payouts.HoldPlace{}) {
		p.HoldSteps.First = at + "#holds"
	}
	if next != nil {
		p.HoldSteps.Next = narrowedTo(at, "holds-after", mark(next.PlacedAt, strconv.Itoa(next.Nth))) + "#holds"
	}
	for _, h := range list {
		l := holdLine{Hold: h, Money: h.Effect != payouts.EffectPause}
		if l.Money {
			m, err := c.Payouts.Holding(ctx, who.book, h)
			if err != nil {
				return err
			}
			l.Holds, l.WantsAmount, l.Wants = sumOf(m, h.Currency), sumOf(h.Wanted, h.Currency), h.Wanted > m
		}
		p.Holds = append(p.Holds, l)
	}
	return nil
}

// holdPlaceAt reads a place among the holds of a payee from an address.
func holdPlaceAt(s string) (payouts.HoldPlace, error) {
	at, text, err := momentAndID(s)
	if err != nil || text == "" {
		return payouts.HoldPlace{}, err
	}
	nth, err := strconv.Atoi(text)
	if err != nil || nth < 1 || at.UTC().Year() < 1 || at.UTC().Year() > 9999 {
		return payouts.HoldPlace{}, errQuery
	}
	return payouts.HoldPlace{PlacedAt: at, Nth: nth}, nil
}

// waitsOf adds what becomes available next.
func (c *console) waitsOf(ctx context.Context, who cashier, p *payeePage) error {
	list, err := c.Payouts.Waits(ctx, who.book, p.ID, payouts.Wait{}, latestOfPayee+1)
	if len(list) > latestOfPayee {
		list, p.MoreWaits = list[:latestOfPayee], who.o.At+"/payees/"+p.ID+"/waits"
	}
	p.Waits = waitLinesOf(who, list)
	return err
}

func waitLinesOf(who cashier, list []payouts.Wait) (lines []waitLine) {
	for _, w := range list {
		lines = append(lines, waitLine{Wait: w, Amount: sumOf(w.Amount, w.Currency), What: who.t.coded("paying.act", w.Act), Link: listAddress(who.book, url.Values{"subject": {w.Subject}})})
	}
	return lines
}

// termsOf adds by which terms the payee is paid, and when next.
func (c *console) termsOf(ctx context.Context, who cashier, p *payeePage) error {
	now := c.Now()
	var err error
	if p.Override, err = c.Payouts.OverrideAt(ctx, who.book, p.ID, now); err != nil {
		return err
	}
	if p.Override.Version > 0 {
		p.Exception = documentOf(p.Override.Document)
	}
	versions, err := c.Payouts.Overrides(ctx, who.book, p.ID)
	if err != nil {
		return err
	}
	if len(versions) > 0 {
		p.Agreed = versions[0].Version
	}
	for _, a := range versions[:min(len(versions), versionsShown)] {
		l := overrideLine{Agreed: a, Ends: string(a.Document) == "{}", InForce: a.Version == p.Override.Version}
		if a.Approval != "" {
			l.ApprovalLink = who.o.At + "/approvals/" + a.Approval
		}
		p.Overrides = append(p.Overrides, l)
	}
	p.NextRun, err = c.nextRun(ctx, who.book, p.ID, p.Payee.Kind)
	return err
}

// pastOf adds what was decided and paid last.
func (c *console) pastOf(ctx context.Context, who cashier, p *payeePage) error {
	at := who.o.At + "/payees/" + p.ID
	decided, err := c.Payouts.Decisions(ctx, who.book, payouts.DecisionQuery{Payee: p.ID, Limit: latestOfPayee})
	if err != nil {
		return err
	}
	if decided.Next != nil {
		p.MoreDecided = at + "/decisions"
	}
	if p.Decisions, err = c.decisionLines(who, decided.Decisions, true); err != nil {
		return err
	}
	list, err := c.Payouts.Payouts(ctx, who.book, payouts.PayoutQuery{Payee: p.ID, Limit: latestOfPayee})
	if len(list) > latestOfPayee {
		list, p.MorePayouts = list[:latestOfPayee], narrowedTo(who.o.At+"/payouts", "payee", p.ID)
	}
	for _, one := range list {
		p.Payouts = append(p.Payouts, who.payoutLine(one))
	}
	return err
}

type payoutWaitsPage struct {
	payHead
	ID          string
	Lines       []waitLine
	Next, First string
}

func (c *console) payoutWaits(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	id := r.PathValue("payee")
	after, err := waitAt(r.URL.Query().Get("after"))
	if err != nil || unusable(id) {
		return answer{}, errQuery
	}
	list, err := c.Payouts.Waits(ctx, who.book, id, after, waitsPerPage+1)
	if err != nil {
		return answer{}, err
	}
	at := who.o.At + "/payees/" + id
	p := payoutWaitsPage{payHead: c.payHead(who, "payees"), ID: id}
	if after.Subject != "" {
		p.First = at + "/waits"
	}
	if len(list) > waitsPerPage {
		list = list[:waitsPerPage]
		p.Next = narrowedTo(at+"/waits", "after", waitMark(list[waitsPerPage-1]))
	}
	p.Lines = waitLinesOf(who, list)
	return who.answered(who.t.say("paying.waits"), &p, link{who.t.say("payees.title"), who.o.At + "/payees"}, link{id, at}), nil
}

type payeeDecisionsPage struct {
	payHead
	ID          string
	Decisions   []decisionLine
	Next, First string
}

func (c *console) payeeDecisions(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	id, after := r.PathValue("payee"), r.URL.Query().Get("after")
	if unusable(id) {
		return answer{}, errNoPage
	}
	list, last, err := c.decidedAbout(ctx, who.book, payouts.PayeeKey{ID: id}, after, decisionsPerPage)
	if err != nil {
		return answer{}, err
	}
	at := who.o.At + "/payees/" + id
	p := payeeDecisionsPage{payHead: c.payHead(who, "payees"), ID: id}
	if after != "" {
		p.First = at + "/decisions"
	}
	if last != "" {
		p.Next = narrowedTo(at+"/decisions", "after", last)
	}
	p.Decisions, err = c.decisionLines(who, list, true)
	return who.answered(who.t.say("paying.decisions"), &p, link{who.t.say("payees.title"), who.o.At + "/payees"}, link{id, at}), err
}
