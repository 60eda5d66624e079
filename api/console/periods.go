package console

import (
	"context"
	"encoding/hex"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"mizan/ledger"
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

func closedWord(act string) stateWord {
	if act == "reopen" {
		return stateWord{"opened again", "open"}
	}
	return stateWord{"closed", "done"}
}

// closedLines lay out rows of the chain.
func (c *console) closedLines(ctx context.Context, who cashier, rows []reconcile.Closing) (lines []closedLine) {
	var ids []string
	for _, x := range rows {
		ids = append(ids, actorID(x.Preparer), actorID(x.Approver))
	}
	name := c.names(ctx, who.visit, ids)
	for _, x := range rows {
		lines = append(lines, closedLine{Closing: x, Link: who.o.At + periodsPath + "/" + x.Period.String(), ApprovalLink: who.o.At + "/approvals/" + url.PathEscape(x.Approval),
			Preparer: name(actorID(x.Preparer)), Approver: name(actorID(x.Approver)), Hash: hex.EncodeToString(x.Hash[:]), Previous: hex.EncodeToString(x.Previous[:]),
			Totals: hex.EncodeToString(x.Totals[:]), Word: closedWord(x.Act), First: x.Number == 1})
	}
	return lines
}

// monthOf is the month of now in the book's time zone.
func (c *console) monthOf(book ledger.Book) ledger.Period {
	now := c.Now().In(book.Location())
	return ledger.Period(now.Year()*100 + int(now.Month()))
}

func (c *console) periods(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	p := periodsPage{payHead: c.reconHead(who, "Periods")}
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
		l := periodLine{Period: m, Link: who.o.At + periodsPath + "/" + m.String(), State: stateWord{"open", "open"}, Current: m >= now}
		if m < head.FirstOpenPeriod {
			l.State = stateWord{"closed", "done"}
		}
		if i := slices.IndexFunc(last, func(x closedLine) bool { return x.Period == m }); i >= 0 {
			l.Last = &last[i]
		}
		p.Lines = append(p.Lines, l)
	}
	return who.reconciled("Periods", &p), nil
}

// itemLine is an item of a checklist.
type itemLine struct {
	reconcile.ChecklistItem
	State   stateWord
	Blocks  bool
	Amounts []itemSum
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
}

func (c *console) period(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	month, err := periodAt(r.PathValue("period"))
	if err != nil {
		return answer{}, err
	}
	p := periodPage{payHead: c.reconHead(who, "Periods"), Period: month}
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
		p.add(i)
	}
	p.MayClose, p.MayReopen = p.MayAsk && !p.Closed && !p.Hard, p.MayAsk && p.Closed
	return who.reconciled(month.String(), &p, link{"Periods", who.o.At + periodsPath}), nil
}

// add adds an item of the checklist.
func (p *periodPage) add(i reconcile.ChecklistItem) {
	l := itemLine{ChecklistItem: i, State: itemWords[i.State], Blocks: i.State == reconcile.ItemBlocked}
	for _, a := range i.Amounts {
		l.Amounts = append(l.Amounts, itemSum{a.Name, string(a.Currency), signedText(a.Amount, a.Currency)})
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
