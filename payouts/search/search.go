// Package search finds what somebody has in hand a name of: an order from a buyer's mail, a reference, a payee, what a processor or a
// bank calls a payment, an approval, or an amount. It asks those who know, each by a key, and reads nothing else.
package search

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts"
	"mizan/payouts/reconcile"
	"mizan/payouts/reports"
)

// ErrQuery means that nothing can be searched for so.
var ErrQuery = fault.New(fault.Invalid, "search-query", "Search for 1 to 255 plain characters: an id, a reference, a payee, or an amount such as GBP 12.34.")

// Kinds of what is found, in the order in which hits are listed.
const (
	Order        = "order"
	Subject      = "subject"
	Transaction  = "transaction"
	Payee        = "payee"
	Payout       = "payout"
	PayoutRun    = "payout_run"
	EvidenceLine = "evidence_line"
	Break        = "break"
	Comparison   = "comparison"
	Approval     = "approval"
	Export       = "export"
)

var kindOrder = []string{Order, Subject, Transaction, Payee, Payout, PayoutRun, EvidenceLine, Break, Comparison, Approval, Export}

// Kinds returns every kind in order.
func Kinds() []string { return slices.Clone(kindOrder) }

// Hit is something that was found.
type Hit struct {
	// Kind says what it is, and ID names it in its book.
	Kind, ID string
	// Source is the source of a line, as kind/name, and Line its number there; empty otherwise.
	Source string
	Line   int64
	// Sum is what it is about, nil where it is about no one sum.
	Sum *payouts.Sum
	// State is how it stands and About what tells it apart, both empty where there is no such thing. At is when it happened.
	State, About string
	At           time.Time
}

// Found is the answer to a search.
type Found struct {
	// Query is what was searched for, without blanks around it; Amount says that it was read as one.
	Query  string
	Amount bool
	// Hits are in order of their kinds.
	Hits []Hit
	// More says that a kind has more than are listed.
	More bool
	// Searched are the parts that were asked, NotShown those that the reader may not see, and Unread those that did
	// not answer in time, or not to the end: what they found by then is among the hits.
	Searched, NotShown, Unread []string
	// Since is from when on amounts were looked for; zero if none was.
	Since time.Time
}

// Only returns the one thing that was found, nil if there is none or several.
func (f Found) Only() *Hit {
	if len(f.Hits) == 1 {
		return &f.Hits[0]
	}
	return nil
}

const (
	// maxQuery bounds what is searched for, in bytes, as that of a reference.
	maxQuery = 255
	// perKind bounds the hits of a kind.
	perKind = 20
	// amountDays is how far back amounts are looked for.
	amountDays = 90
	// sourcesSearched bounds the sources whose lines are asked.
	sourcesSearched = 50
	// usualPatience is how long one part may take where nobody says otherwise.
	usualPatience = 1500 * time.Millisecond
)

// Options are what a service asks. What is nil finds nothing.
type Options struct {
	Ledger    *ledger.Ledger
	Events    *commerce.Service
	Desk      *guard.Desk
	Payouts   *payouts.Service
	Reconcile *reconcile.Service
	Reports   *reports.Service
	// Now is the clock.
	Now func() time.Time
	// Patience is how long one part may take; a second and a half if it is zero.
	Patience time.Duration
	// Log receives why a part could not answer; nil discards it.
	Log *slog.Logger
}

// Service searches books.
type Service struct {
	Options
	probes []probe
}

// probe asks one part. What is found before an error counts: hits by a name come before those by an amount.
type probe struct {
	part string
	ask  func(ctx context.Context, a *asked) ([]Hit, error)
}

// asked is a search on its way.
type asked struct {
	book  ledger.Book
	query string
	// sums are what the query is as an amount, in each currency that it can be.
	sums  []payouts.Sum
	since time.Time
}

// New returns a service. Ledger, Events and Now are required.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Patience == 0 {
		o.Patience = usualPatience
	}
	s := &Service{Options: o}
	s.probes = []probe{{"transactions", s.transactions}, {"payees", s.payees}}
	add := func(known bool, p probe) {
		if known {
			s.probes = append(s.probes, p)
		}
	}
	add(o.Payouts != nil, probe{"payouts", s.payouts})
	add(o.Reconcile != nil, probe{"reconciliation", s.reconciliation})
	add(o.Desk != nil, probe{"approvals", s.approvals})
	add(o.Reports != nil, probe{"reports", s.exports})
	return s
}

// Find searches a book, as far as the reader may see its parts.
//
// Errors: ErrQuery.
func (s *Service) Find(ctx context.Context, book ledger.Book, query string, may func(part string) bool) (Found, error) {
	a := &asked{book: book, query: strings.TrimSpace(query), since: s.Now().UTC().AddDate(0, 0, -amountDays)}
	if a.query == "" || len(a.query) > maxQuery || strings.ContainsFunc(a.query, func(r rune) bool { return r < ' ' || r > '~' }) {
		return Found{}, ErrQuery
	}
	a.sums = sumsOf(book, a.query)
	out := Found{Query: a.query, Amount: len(a.sums) > 0}
	if out.Amount {
		out.Since = a.since
	}
	for _, p := range s.probes {
		if !may(p.part) {
			out.NotShown = append(out.NotShown, p.part)
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, s.Patience)
		hits, err := p.ask(bounded, a)
		cancel()
		if err != nil {
			s.Log.Warn("a part could not be searched", "book", book.Code, "part", p.part, "err", err)
			out.Unread = append(out.Unread, p.part)
		} else {
			out.Searched = append(out.Searched, p.part)
		}
		out.Hits = append(out.Hits, hits...)
	}
	slices.SortStableFunc(out.Hits, func(a, b Hit) int { return slices.Index(kindOrder, a.Kind) - slices.Index(kindOrder, b.Kind) })
	counts := map[string]int{}
	out.Hits = slices.DeleteFunc(out.Hits, func(h Hit) bool {
		counts[h.Kind]++
		out.More = out.More || counts[h.Kind] > perKind
		return counts[h.Kind] > perKind
	})
	return out, nil
}

// sumsOf reads a query as an amount: 12.34 in any currency of the book, or GBP 12.34 and 12.34 GBP in one.
func sumsOf(book ledger.Book, query string) (list []payouts.Sum) {
	words := strings.Fields(strings.ReplaceAll(query, ",", ""))
	var only money.Currency
	for i, w := range words {
		if c := money.Currency(strings.ToUpper(w)); book.Uses(c) && len(words) == 2 {
			only, words = c, slices.Delete(words, i, i+1)
			break
		}
	}
	if len(words) != 1 {
		return nil
	}
	for _, c := range book.Currencies {
		if only != "" && c != only {
			continue
		}
		if m, err := money.ParsePositive(words[0], c); err == nil {
			list = append(list, payouts.Sum{Currency: c, Amount: m})
		}
	}
	return list
}
