package console

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
)

// A transaction's own page: what the book knows about it, and its entries.

type transactionPage struct {
	Book        ledger.Book
	Tabs        []tab
	Transaction ledger.Transaction
	Hash        string
	Explanation string
	// OccurredLocal and RecordedLocal are in the book's time zone.
	OccurredLocal, RecordedLocal time.Time
	Totals                       []total
	Entries                      []entryLine
	Metadata                     []pair
	SubjectLink, EventLink       string
	// Links lead to the transactions this one corrects and is corrected by.
	Links       []relation
	Next, First string
	// Why is how it came to be; nil where nobody can compute it again. Reasons are those of the entries shown, by line.
	Why     *commerce.Explanation
	Reasons map[int]string
	// NoWhy says that it was asked for and cannot be given.
	NoWhy bool
	// About leads to the page of the order, donation or payout that it is about; empty without one.
	About string
	// Evidence is what the processor and the bank say of it, for those who may read that.
	Evidence     []evidenceLine
	SeesEvidence bool
}

type pair struct{ Key, Value string }

// relation is how another transaction relates to this one.
type relation struct {
	Name string
	link
}

// entryLine is an entry with its amount in the column of its side.
type entryLine struct {
	Line          int
	Account       ledger.Address
	Link          string
	Currency      string
	ExternalRef   string
	Debit, Credit amount
	// Row is the name of its row of the chart.
	Row string
	// Balance is the account's balance after the entry, positive on its normal side.
	Balance amount
	Normal  ledger.Side
}

func entryLineOf(book ledger.Book, e ledger.Entry) entryLine {
	l := entryLine{Line: e.Line, Account: e.Account, Link: accountAddress(book, e.Account, e.Currency), Currency: string(e.Currency),
		ExternalRef: e.ExternalRef, Normal: e.Normal, Balance: minor(e.BalanceAfter, e.Currency)}
	if e.Normal == ledger.Credit {
		l.Balance.Value.Neg(l.Balance.Value)
	}
	if e.Direction() == ledger.Debit {
		l.Debit = minor(e.Amount, e.Currency)
	} else {
		l.Credit = minor(e.Amount, e.Currency)
		l.Credit.Value.Neg(l.Credit.Value)
	}
	return l
}

func (c *console) transaction(ctx context.Context, r *http.Request) (answer, error) {
	book, err := c.Ledger.Book(ctx, r.PathValue("book"))
	if err != nil {
		return answer{}, err
	}
	sequence, err := ledger.ParseTransactionID(book.Code, r.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	from, err := positive(r.URL.Query().Get("from"))
	if err != nil || from > ledger.MaxLines {
		return answer{}, errQuery
	}
	t, err := c.Ledger.Transaction(ctx, book, sequence)
	if err != nil {
		return answer{}, err
	}
	p := transactionPage{Book: book, Tabs: c.bookTabs(ctx, book, "Transactions"), Transaction: t, Hash: hex.EncodeToString(t.ContentHash[:]), Explanation: string(t.Explanation),
		OccurredLocal: t.OccurredAt.In(book.Location()), RecordedLocal: t.RecordedAt.In(book.Location()),
		Totals: totalsOf(t.Entries), EventLink: listAddress(book, url.Values{"event": {t.Event}})}
	if t.Subject != "" {
		p.SubjectLink = listAddress(book, url.Values{"subject": {t.Subject}})
	}
	for k, v := range t.Metadata {
		p.Metadata = append(p.Metadata, pair{k, v})
	}
	sort.Slice(p.Metadata, func(i, j int) bool { return p.Metadata[i].Key < p.Metadata[j].Key })
	p.show(int(from))
	if p.Links, err = c.relations(ctx, book, t); err != nil {
		return answer{}, err
	}
	month, err := monthAsked(r)
	if err != nil {
		return answer{}, err
	}
	if err := c.explained(ctx, r, book, t, &p); err != nil {
		return answer{}, err
	}
	return answer{Title: t.ID(), Trail: trail(book, append(c.monthTrail(ctx, book, month), link{tellerOf(ctx).say("shared.transactions"), listAddress(book, nil)})...), Active: "transactions", Data: p}, nil
}

// explained adds why the entries are what they are, what the transaction is about, and what others say of it.
func (c *console) explained(ctx context.Context, r *http.Request, book ledger.Book, t ledger.Transaction, p *transactionPage) (err error) {
	for i := range p.Entries {
		if row, err := c.Ledger.Chart().Resolve(p.Entries[i].Account); err == nil {
			p.Entries[i].Row = tellerOf(ctx).meaning(row.Code, row.Meaning)
		}
	}
	if c.Commerce == nil {
		return nil
	}
	p.Why, err = c.Commerce.Explain(ctx, book, t.Sequence)
	if err != nil {
		if p.Why, p.NoWhy = nil, true; c.unexplained(ctx, err, t.ID()) {
			return err
		}
	} else {
		p.Reasons = make(map[int]string, len(p.Entries))
		for i, e := range p.Why.Entries {
			p.Reasons[t.Entries[i].Line] = e.Text
		}
	}
	p.About = c.subjectPage(ctx, book, t.Subject)
	if c.Access == nil || visitOf(ctx).principal().Kind != access.Person {
		return nil
	}
	who, err := c.readerOf(ctx, r, access.ReconciliationRead)
	if isMissing(err) || c.Reconcile == nil {
		return nil
	}
	if err != nil {
		return err
	}
	p.SeesEvidence = true
	p.Evidence, err = c.evidenceBehind(ctx, who, []ledger.Transaction{t})
	return err
}

// unexplained reports whether a page ends because something cannot be explained: where the book cannot be reached now. Else its entries
// stand, though nobody can compute them again; what is no refusal is logged.
func (c *console) unexplained(ctx context.Context, err error, what string) bool {
	if ctx.Err() != nil || fault.KindOf(err) == fault.Unavailable {
		return true
	}
	if !isRefusal(err) && c.Log != nil {
		c.Log.Error("something cannot be explained", "what", what, "err", err)
	}
	return false
}

// show takes one page of the entries.
func (p *transactionPage) show(from int) {
	entries := p.Transaction.Entries
	here := transactionAddress(p.Book, p.Transaction.Sequence)
	if from = min(from, len(entries)); from > 0 {
		p.First = here
	}
	entries = entries[from:]
	if len(entries) > entriesPerPage {
		entries = entries[:entriesPerPage]
		p.Next = here + "?from=" + strconv.Itoa(from+entriesPerPage)
	}
	for _, e := range entries {
		p.Entries = append(p.Entries, entryLineOf(p.Book, e))
	}
}

// relations names the transactions that this one corrects, and those that correct it.
func (c *console) relations(ctx context.Context, book ledger.Book, t ledger.Transaction) ([]relation, error) {
	links, err := c.Ledger.LinksTo(ctx, book, t.Sequence)
	if err != nil {
		return nil, err
	}
	var out []relation
	for _, x := range []struct {
		key      string
		sequence int64
	}{{"books.relation.reverses", t.Reverses}, {"books.relation.reposts", t.Reposts}, {"books.relation.reversed_by", links.ReversedBy}, {"books.relation.reposted_by", links.RepostedBy}} {
		if x.sequence != 0 {
			out = append(out, relation{tellerOf(ctx).say(x.key), link{ledger.TransactionID(book.Code, x.sequence), transactionAddress(book, x.sequence)}})
		}
	}
	return out, nil
}
