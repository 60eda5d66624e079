package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/payouts"
	"mizan/payouts/reconcile"
)

// One order or donation as the staff see it: where the buyer's money went, receiver by receiver, what happened to it in time, which
// payouts paid its parts, and what the processor and the bank say of each of its transactions.

// waterLine is a receiver of the waterfall, with the accounts that it is made of.
type waterLine struct {
	Who    string
	Bar    ownSide
	Amount amount
	Parts  []waterPart
}

type waterPart struct {
	Account ledger.Address
	Link    string
	Amount  amount
}

// happenedLine is a transaction of the order.
type happenedLine struct {
	ID, Link, Event, Summary string
	At                       time.Time
	Posted                   bool
}

// partLine is a part of the order that became available to a payee, and the payout that it went out with.
type partLine struct {
	Payee, PayeeLink   string
	Amount             amount
	From               link
	Payout, PayoutLink string
	State              stateWord
	PaidAt             time.Time
}

// evidenceLine is an entry on an account of a source, and what the source says of it.
type evidenceLine struct {
	Transaction link
	Source      link
	Account     ledger.Address
	Amount      amount
	Standing    stateWord
	Basis       string
	Lines       []saidLine
	Breaks      []breakLink
}

// saidLine is a line of a source.
type saidLine struct {
	Key, Link string
	Number    int64
	Net       amount
	Day       string
}

type breakLink struct {
	Link, Class string
	State       stateWord
}

// disputeLine is a dispute of the order: how it stands, and who bears it once it was lost.
type disputeLine struct {
	Dispute string
	Amount  amount
	Said    []string
}

// shareLine is a part of a donation, and the disbursements that it went out with.
type shareLine struct {
	Who, State    string
	Amount        amount
	Disbursements []link
}

type orderPage struct {
	// NoWhy says that how it came about cannot be explained.
	NoWhy    bool
	Tabs     []tab
	Order    *commerce.Order
	Donation *commerce.Donation
	ID       string
	Kind     string
	// State is the order's in words, and Gates what it waits for.
	State                  string
	Gates                  []string
	Disputes               []disputeLine
	Shares, Layers         []shareLine
	Paid, Returned, Refund amount
	Currency               money.Currency
	Waterfall              []waterLine
	Zero                   amount
	Happened               []happenedLine
	Parts                  []partLine
	Evidence               []evidenceLine
	// SeesPayouts and SeesEvidence say that the visitor may read of them.
	SeesPayouts, SeesEvidence bool
	All                       string
	Export                    string
}

// Where orders and donations of a book stand.
const (
	ordersPath    = "/orders"
	donationsPath = "/donations"
)

// mostTraced bounds the transactions of an order that a page follows to payouts and evidence.
const mostTraced = 200

// mostDisbursed bounds the disbursements of a part of a donation, and the transactions of each.
const mostDisbursed = 20

func (c *console) orderOfBook(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	id := r.PathValue("order")
	if !ledger.IsSegment(id) {
		return answer{}, errNoPage
	}
	o, err := c.Commerce.Order(ctx, who.book, id)
	if err != nil {
		return answer{}, err
	}
	p := orderPage{ID: id, Kind: "order", Order: o, State: who.o.teller.named("trace.order", o.State), Currency: money.Currency(o.Currency)}
	p.Paid, p.Returned, p.Refund = decimal(o.Paid, p.Currency), decimal(o.Returned, p.Currency), decimal(o.Refundable, p.Currency)
	for _, g := range o.Gates {
		p.Gates = append(p.Gates, who.o.teller.gate(g))
	}
	for _, d := range o.Disputes {
		said := []string{who.o.teller.named("trace.dispute", d.State)}
		if d.Liable != "" {
			said = append(said, who.o.teller.party(d.Liable))
		}
		p.Disputes = append(p.Disputes, disputeLine{Dispute: d.Dispute, Amount: decimal(d.Amount, p.Currency), Said: said})
	}
	p.pour(who, o.Waterfall)
	var sequences []int64
	for _, t := range o.Transactions {
		p.Happened = append(p.Happened, happenedLine{ID: t.ID, Link: bookAddress(who.book) + "/transactions/" + t.ID, Event: t.Event, At: t.OccurredAt, Posted: t.Posted})
		if n, err := ledger.ParseTransactionID(who.book.Code, t.ID); err == nil {
			sequences = append(sequences, n)
		}
	}
	return c.traced(ctx, who, &p, sequences)
}

func (c *console) donationOfBook(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	id := r.PathValue("donation")
	if !ledger.IsSegment(id) {
		return answer{}, errNoPage
	}
	d, err := c.Commerce.Donation(ctx, who.book, id)
	if err != nil {
		return answer{}, err
	}
	p := orderPage{ID: id, Kind: "donation", Donation: d, Currency: money.Currency(d.Currency)}
	p.Paid = decimal(d.Charged, p.Currency)
	for _, x := range d.Shares {
		p.Shares = append(p.Shares, shareLine{Who: x.Payee, State: who.o.teller.named("trace.share", x.State), Amount: decimal(x.Amount, p.Currency)})
	}
	for _, x := range d.Layers {
		p.Layers = append(p.Layers, shareLine{Who: who.o.teller.named("trace.layer", x.Layer), Amount: decimal(x.Amount, p.Currency)})
	}
	var sequences []int64
	for _, t := range d.Record {
		p.Happened = append(p.Happened, happenedLine{ID: t.ID, Link: bookAddress(who.book) + "/transactions/" + t.ID, Event: t.Event, At: t.At, Posted: true})
		if n, err := ledger.ParseTransactionID(who.book.Code, t.ID); err == nil {
			sequences = append(sequences, n)
		}
	}
	passed, err := c.disbursed(ctx, who, &p)
	if err != nil {
		return answer{}, err
	}
	return c.traced(ctx, who, &p, sequences, passed...)
}

// disbursed tells which disbursements the parts of a donation went out with, and returns the transactions of these.
func (c *console) disbursed(ctx context.Context, who cashier, p *orderPage) (passed []ledger.Transaction, err error) {
	seen := map[string]bool{}
	for i, share := range p.Donation.Shares {
		for _, id := range share.Disbursements[:min(len(share.Disbursements), mostDisbursed)] {
			subject := "disbursement:" + id
			p.Shares[i].Disbursements = append(p.Shares[i].Disbursements, link{id, listAddress(who.book, url.Values{"subject": {subject}})})
			if seen[subject] {
				continue
			}
			seen[subject] = true
			page, err := c.Ledger.Transactions(ctx, who.book, ledger.TransactionQuery{Subject: subject, Limit: mostDisbursed})
			if err != nil {
				return nil, err
			}
			passed = append(passed, page.Transactions...)
		}
	}
	return passed, nil
}

// traced completes the page with what became of the transactions.
func (c *console) traced(ctx context.Context, who cashier, p *orderPage, sequences []int64, passed ...ledger.Transaction) (answer, error) {
	t := who.o.teller
	p.Tabs, p.All = who.o.tabs(who.principal(), ""), listAddress(who.book, url.Values{"subject": {p.Kind + ":" + p.ID}})
	sequences = sequences[:min(len(sequences), mostTraced)]
	why, err := c.Commerce.ExplainAll(ctx, who.book, sequences)
	switch {
	case err == nil:
		for i, n := range sequences {
			if why[n] != nil {
				p.Happened[i].Summary = why[n].Summary
			}
		}
	case c.unexplained(ctx, err, p.Kind+":"+p.ID):
		return answer{}, err
	default:
		p.NoWhy = true
	}
	found, err := c.Ledger.BySequence(ctx, who.book, sequences)
	if err != nil {
		return answer{}, err
	}
	var list []ledger.Transaction
	for _, n := range slices.Sorted(slices.Values(sequences)) {
		list = append(list, found[n])
	}
	if p.SeesPayouts = p.Order != nil && c.Payouts != nil && mayAll(who.principal(), who.o.Code, access.PayoutsRead); p.SeesPayouts {
		if p.Parts, err = c.partsOf(ctx, who, list); err != nil {
			return answer{}, err
		}
	}
	if p.SeesEvidence = c.seesEvidence(who); p.SeesEvidence {
		if p.Evidence, err = c.evidenceBehind(ctx, who, append(list, passed...)); err != nil {
			return answer{}, err
		}
	}
	if c.Reports != nil && mayAll(who.principal(), who.o.Code, access.ReportsRead) {
		p.Export = narrowedTo(who.o.At+exportsPath+"/new", "report", "trail", "p-kind", p.Kind, "p-id", p.ID)
	}
	return answer{Title: t.say("trace.kind."+p.Kind) + " " + p.ID, Trail: []link{{who.o.Name, bookAddress(who.book)}, {t.say("shared.transactions"), listAddress(who.book, nil)}}, Active: "desk", Data: p}, nil
}

// seesEvidence reports whether the visitor may read what sources say.
func (c *console) seesEvidence(who cashier) bool {
	return c.Reconcile != nil && mayAll(who.principal(), who.o.Code, access.ReconciliationRead)
}

// decimal reads an amount that a service wrote, which may be below zero; nothing if it is none.
func decimal(text string, c money.Currency) amount { return signedText(reconcile.Amount(text), c) }

// pour lays the waterfall out: what was given fills the width, and what each got is cut off it, as payees see it.
func (p *orderPage) pour(who cashier, receivers []commerce.Receiver) {
	own := commerce.OwnOrder{}
	p.Zero = minor(0, p.Currency)
	for _, r := range receivers {
		net := decimal(r.Net, p.Currency)
		if net.Value == nil {
			continue
		}
		p.Zero.Value.Add(p.Zero.Value, net.Value)
		own.Sides = append(own.Sides, commerce.OwnSide{Side: r.Who, Amount: money.Minor(net.Value.Int64())})
	}
	for _, row := range pouredSides(own.Sides) {
		i := slices.IndexFunc(receivers, func(r commerce.Receiver) bool { return r.Who == row.Side })
		l := waterLine{Who: who.o.teller.party(row.Side), Bar: row, Amount: decimal(receivers[i].Net, p.Currency)}
		for _, x := range receivers[i].Parts {
			l.Parts = append(l.Parts, waterPart{ledger.Address(x.Account), accountAddress(who.book, ledger.Address(x.Account), p.Currency), decimal(x.Amount, p.Currency)})
		}
		p.Waterfall = append(p.Waterfall, l)
	}
}

// partsOf are the parts that transactions made available, and what paid them.
func (c *console) partsOf(ctx context.Context, who cashier, list []ledger.Transaction) (lines []partLine, err error) {
	parts, err := c.Payouts.PaidParts(ctx, who.book, list)
	for _, x := range parts {
		l := partLine{Payee: x.Holder.ID, PayeeLink: who.o.At + "/payees/" + url.PathEscape(x.Holder.ID), Amount: minor(x.Amount, x.Holder.Currency),
			From: link{ledger.TransactionID(who.book.Code, x.Sequence), transactionAddress(who.book, x.Sequence)}}
		if x.Paid.Payout != "" {
			l.Payout, l.PayoutLink, l.PaidAt = x.Paid.Payout, who.o.At+"/payouts/"+x.Paid.Payout, x.Paid.PaidAt
			l.State = who.t.payout(payouts.Payout{State: x.Paid.State, ReturnedAt: x.Paid.ReturnedAt})
		}
		lines = append(lines, l)
	}
	return lines, err
}

var standingLooks = map[string]string{reconcile.StandingAgrees: "done", reconcile.StandingOpen: "failed", reconcile.StandingWaits: "open"}

// standing says how a line or an entry stands against the other side.
func (t teller) standing(code string) stateWord {
	return stateWord{t.named("trace.standing", code), standingLooks[code]}
}

// party names whom money came from or went to. One of many keeps its id, such as creator:cre_amy.
func (t teller) party(who string) string {
	if strings.Contains(who, ":") {
		return who
	}
	return t.named("trace.party", who)
}

// gate says what an order waits for; what nobody wrote down stays a code.
func (t teller) gate(gate string) string {
	kind, id, _ := strings.Cut(gate, ":")
	if key := "trace.gate." + kind; phrases().Has(key) {
		return t.say(key, "id", id)
	}
	return gate
}

// evidenceBehind are what sources say of the entries of transactions.
func (c *console) evidenceBehind(ctx context.Context, who cashier, list []ledger.Transaction) (lines []evidenceLine, err error) {
	t := tellerOf(ctx)
	behind, err := c.Reconcile.Behind(ctx, who.book, list)
	for _, b := range behind {
		l := evidenceLine{Transaction: link{ledger.TransactionID(who.book.Code, b.Sequence), transactionAddress(who.book, b.Sequence)}, Account: b.Entry.Account,
			Source: link{t.sourceWord(b.Source.Kind, b.Source.Name), who.sourceAt(b.Source.Kind, b.Source.Name)}, Amount: minor(b.Entry.Amount, b.Entry.Currency),
			Standing: who.o.teller.standing(b.Standing), Basis: who.o.teller.named("trace.basis", b.Basis), Breaks: who.breakLinks(t, b.Breaks)}
		for _, x := range b.Lines {
			l.Lines = append(l.Lines, saidLine{Key: x.Key, Number: x.Number, Link: who.lineAt(b.Source, x.Number), Net: minor(x.Net, x.Currency), Day: reconcile.Day(who.book, x.MovedAt)})
		}
		lines = append(lines, l)
	}
	return lines, err
}

func (who cashier) breakLinks(t teller, list []reconcile.BreakName) (links []breakLink) {
	for _, b := range list {
		links = append(links, breakLink{who.breakAt(b.ID), t.classWord(b.Class).Name, t.breakState(b.State)})
	}
	return links
}

// subjectPage leads to the page of what a transaction is about: an order, a donation or a payout; empty where there is none.
func (c *console) subjectPage(ctx context.Context, book ledger.Book, subject string) string {
	kind, id, ok := strings.Cut(subject, ":")
	p, at := visitOf(ctx).principal(), "/console"+bookAddress(book)
	switch {
	case !ok || c.Access == nil:
		return ""
	case (kind == "order" || kind == "donation") && mayAll(p, book.Code, access.TransactionsRead):
		return at + "/" + kind + "s/" + url.PathEscape(id)
	case kind == "payout" && c.Payouts != nil && mayAll(p, book.Code, access.PayoutsRead):
		return at + "/payouts/" + url.PathEscape(id)
	}
	return ""
}
