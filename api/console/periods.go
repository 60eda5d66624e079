package console

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/payouts/reconcile"
)

// Months: which are closed, what stands between a month and its close, and the chain of closings.

// periodLine is a month in a list.
type periodLine struct {
	ledger.Period
	Link  string
	State stateWord
	// Current says that the month is not over in the book's time zone.
	Current bool
	Last    *closedLine
}

// closedLine is a row of the chain of closings.
type closedLine struct {
	reconcile.Closing
	Link, ApprovalLink     string
	Preparer, Approver     who
	Hash, Previous, Totals string
	Word                   stateWord
	First                  bool
}

type periodsPage struct {
	payHead
	Lines       []periodLine
	OpenFrom    ledger.Period
	Chain       []closedLine
	Next, First string
}

func (t teller) closed(act string) stateWord {
	if act == "reopen" {
		return stateWord{t.say("close.state.reopened"), "open"}
	}
	return stateWord{t.say("close.state.closed"), "done"}
}

// closedLines lay out rows of the chain.
func (c *console) closedLines(ctx context.Context, who cashier, rows []reconcile.Closing) (lines []closedLine) {
	var ids []string
	for _, x := range rows {
		ids = append(ids, actorID(x.Preparer), actorID(x.Approver))
	}
	t, name := tellerOf(ctx), c.names(ctx, who.visit, ids)
	for _, x := range rows {
		lines = append(lines, closedLine{Closing: x, Link: who.o.At + periodsPath + "/" + x.Period.String(), ApprovalLink: who.o.At + "/approvals/" + url.PathEscape(x.Approval),
			Preparer: name(actorID(x.Preparer)), Approver: name(actorID(x.Approver)), Hash: hex.EncodeToString(x.Hash[:]), Previous: hex.EncodeToString(x.Previous[:]),
			Totals: hex.EncodeToString(x.Totals[:]), Word: t.closed(x.Act), First: x.Number == 1})
	}
	return lines
}

// monthOf is the month of now in the book's time zone.
func (c *console) monthOf(book ledger.Book) ledger.Period {
	now := c.Now().In(book.Location())
	return ledger.Period(now.Year()*100 + int(now.Month()))
}

func (c *console) periods(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	t := tellerOf(ctx)
	p := periodsPage{payHead: c.reconHead(t, who, periodsPath)}
	head, err := c.Ledger.Head(ctx, who.book)
	if err != nil {
		return answer{}, err
	}
	months, err := c.Ledger.Periods(ctx, who.book)
	if err != nil {
		return answer{}, err
	}
	before, err := positive(r.URL.Query().Get("before"))
	if err != nil {
		return answer{}, err
	}
	if before > 0 {
		p.First = who.o.At + periodsPath
	}
	chain, err := c.Reconcile.NewestClosings(ctx, who.book, int(min(before, math.MaxInt32)), closingsShown)
	if err != nil {
		return answer{}, err
	}
	p.Chain, p.OpenFrom = c.closedLines(ctx, who, chain), head.FirstOpenPeriod
	if len(chain) == closingsShown && chain[closingsShown-1].Number > 1 {
		p.Next = narrowedTo(who.o.At+periodsPath, "before", strconv.Itoa(chain[closingsShown-1].Number))
	}
	now := c.monthOf(who.book)
	if before > 0 { // older rows of the chain say nothing of how the months stand
		months = nil
	}
	months = months[:min(len(months), periodsOffered)]
	rows, err := c.Reconcile.LastClosings(ctx, who.book, months)
	if err != nil {
		return answer{}, err
	}
	last := c.closedLines(ctx, who, rows)
	for _, m := range months {
		l := periodLine{Period: m, Link: who.o.At + periodsPath + "/" + m.String(), State: stateWord{t.say("close.state.open"), "open"}, Current: m >= now}
		if m < head.FirstOpenPeriod {
			l.State = t.closed("close")
		}
		if i := slices.IndexFunc(last, func(x closedLine) bool { return x.Period == m }); i >= 0 {
			l.Last = &last[i]
		}
		p.Lines = append(p.Lines, l)
	}
	return who.reconciled(t, t.say("close.periods"), &p), nil
}

// itemLine is an item of a checklist.
type itemLine struct {
	reconcile.ChecklistItem
	State   stateWord
	Blocks  bool
	Amounts []itemSum
	// Named is what keeps it from being done, each with where it is looked at.
	Named []link
	// Fix leads to where it is settled; empty for what needs nothing.
	Fix string
}

// itemFixes are where blockers of a month are settled, by the code of the item; below the pages of the book.
var itemFixes = map[string]string{
	"earlier_months": periodsPath, "processors": reconPath, "banks": reconPath, "channels": reconPath, "sub_ledgers": reconPath, "evidence": reconPath, "completeness": reconPath,
	"breaks": breaksPath, "suspense": breaksPath, "payouts": "/payout-health", "estimates": adjustmentsPath, "accruals": adjustmentsPath, "clearing": breaksPath,
}

type itemSum struct {
	Name, Currency string
	Sum            amount
}

type periodPage struct {
	payHead
	Period              ledger.Period
	List                reconcile.Checklist
	Items               []itemLine
	Acceptable          []itemLine
	Blocks, Waits, Done int
	// Hard says that something blocks that nobody may accept.
	Hard                bool
	Closed              bool
	Rows                []closedLine
	Totals              document
	MayClose, MayReopen bool
	// Approval is where closing or reopening it waits for a second person.
	Approval string
	// Exports are those of the month, the latest first.
	Exports []exportLine
}

// monthExportsShown bounds the exports of a month that its page shows, of the latest of the book.
const monthExportsShown = 25

// ofMonth finds what is asked about a month, and its exports.
func (c *console) ofMonth(ctx context.Context, t teller, who cashier, p *periodPage) error {
	if mayAll(who.principal(), who.o.Code, access.ApprovalsRead) {
		var err error
		p.Approval, err = c.openAbout(ctx, who.o, func(a guard.Approval) bool {
			var about struct {
				Period string `json:"period"`
			}
			return json.Unmarshal(a.Payload, &about) == nil && about.Period == p.Period.String()
		}, "period.close", "period.reopen")
		if err != nil {
			return err
		}
	}
	if c.Reports == nil || !mayAll(who.principal(), who.o.Code, access.ReportsRead) {
		return nil
	}
	list, err := c.Reports.ExportsOfMonth(ctx, who.book, p.Period, monthExportsShown)
	for _, e := range list {
		p.Exports = append(p.Exports, c.exportLine(t, who, e))
	}
	return err
}

// openAbout leads to the open approval of one of the acts that is the one looked for; empty for none. As many are looked through as may be
// open at once.
func (c *console) openAbout(ctx context.Context, o whose, is func(guard.Approval) bool, acts ...string) (string, error) {
	for _, act := range acts {
		for from := (guard.Place{}); ; {
			open, next, err := c.Desk.Find(ctx, o.Book, guard.Search{State: guard.StateOpen, Act: act}, from, approvalsLooked)
			if err != nil {
				return "", err
			}
			if i := slices.IndexFunc(open, is); i >= 0 {
				return o.At + "/approvals/" + url.PathEscape(open[i].ID), nil
			}
			if next.ID == "" {
				break
			}
			from = next
		}
	}
	return "", nil
}

func (c *console) period(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	month, err := periodAt(r.PathValue("period"))
	if err != nil {
		return answer{}, err
	}
	t := tellerOf(ctx)
	p := periodPage{payHead: c.reconHead(t, who, periodsPath), Period: month}
	if p.List, err = c.Reconcile.Checklist(ctx, who.book, month); err != nil {
		return answer{}, err
	}
	rows, err := c.Reconcile.ClosingsOf(ctx, who.book, month)
	if err != nil {
		return answer{}, err
	}
	p.Rows, p.Closed = c.closedLines(ctx, who, rows), p.List.Closed
	if len(rows) > 0 && p.Closed {
		p.Totals = documentUpTo(rows[0].Document, longDocumentLines)
	}
	for _, i := range p.List.Items {
		p.add(t, i)
	}
	if err := c.ofMonth(ctx, t, who, &p); err != nil {
		return answer{}, err
	}
	ask := p.MayAsk && p.Approval == "" // who is asked already decides first
	p.MayClose, p.MayReopen = ask && !p.Closed && !p.Hard, ask && p.Closed
	return who.reconciled(t, month.String(), &p, link{t.say("close.periods"), who.o.At + periodsPath}), nil
}

// add adds an item of the checklist.
func (p *periodPage) add(t teller, i reconcile.ChecklistItem) {
	l := itemLine{Fix: p.fixOf(i), ChecklistItem: i, State: t.itemState(i.State), Blocks: i.State == reconcile.ItemBlocked}
	l.Title, l.Detail = t.itemTold(i)
	for _, name := range i.Names {
		l.Named = append(l.Named, p.named(t, i.Code, name))
	}
	for _, a := range i.Amounts {
		l.Amounts = append(l.Amounts, itemSum{t.itemAmount(i.Code, a.Name), string(a.Currency), signedText(a.Amount, a.Currency)})
	}
	switch i.State {
	case reconcile.ItemBlocked:
		p.Blocks++
		if i.Acceptable {
			p.Acceptable = append(p.Acceptable, l)
		} else {
			p.Hard = true
		}
	case reconcile.ItemWaiting:
		p.Waits++
	case reconcile.ItemDone:
		p.Done++
	}
	p.Items = append(p.Items, l)
}

// named is something that an item names, and where it is looked at; no address for what has no page.
func (p *periodPage) named(t teller, item, name string) link {
	switch item {
	case "earlier_months":
		return link{name, p.At + periodsPath + "/" + name}
	case "breaks", "suspense": // a match and a class of its breaks, or an account
		if match, class, ok := strings.Cut(name, " "); ok {
			return link{t.classWord(reconcile.Class(class)).Name, narrowedTo(p.At+breaksPath, "match", strings.TrimPrefix(match, "R"), "class", class)}
		}
	case "processors", "banks", "channels":
		return link{name, p.At + reconPath + "/sources/" + strings.TrimSuffix(item, "s") + "/" + url.PathEscape(name)}
	}
	if account, currency, _ := strings.Cut(name, " "); strings.Contains(account, ":") {
		return link{name, narrowedTo("/books/"+p.Whose.Code+"/accounts/"+account, "currency", currency)}
	}
	return link{Text: name}
}

// fixOf leads to where an item that is not done is settled.
func (p *periodPage) fixOf(i reconcile.ChecklistItem) string {
	to, ok := itemFixes[i.Code]
	if !ok || i.State != reconcile.ItemBlocked && i.State != reconcile.ItemWaiting {
		return ""
	}
	return p.At + to
}

// askClose asks a second person to close a month.
func (c *console) askClose(ctx context.Context, who cashier, r *http.Request) (string, error) {
	month, err := periodAt(r.PathValue("period"))
	if err != nil {
		return "", err
	}
	payload := map[string]any{"period": month.String()}
	if accept := r.PostForm["accept"]; len(accept) > 0 {
		payload["accept"] = accept
	}
	return c.asked(ctx, who, "period.close", payload, r.PostForm)
}

// askReopen asks a second person to open a month again.
func (c *console) askReopen(ctx context.Context, who cashier, r *http.Request) (string, error) {
	month, err := periodAt(r.PathValue("period"))
	if err != nil {
		return "", err
	}
	return c.asked(ctx, who, "period.reopen", map[string]any{"period": month.String()}, r.PostForm)
}
