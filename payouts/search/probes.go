package search

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/payouts"
	"mizan/payouts/reconcile"
)

// Probes: who is asked for what. Each is a look-up by a key; what does not exist, or cannot be called so, is found nowhere.

// stories are the kinds of subjects that people know by their own id.
var stories = []string{"order", "gift", "donation", "payment", "campaign", "transfer", "simulcast", "import"}

// none forgets that there is no such thing.
func none(err error) error {
	switch fault.KindOf(err) {
	case fault.NotFound, fault.Invalid:
		return nil
	}
	return err
}

func (s *Service) transactions(ctx context.Context, a *asked) (hits []Hit, err error) {
	add := func(t ledger.Transaction) {
		hits = append(hits, Hit{Kind: Transaction, ID: t.ID(), State: t.Event, About: t.Reference, At: t.RecordedAt})
	}
	if sequence, err := ledger.ParseTransactionID(a.book.Code, a.query); err == nil {
		switch t, err := s.Ledger.Transaction(ctx, a.book, sequence); {
		case err == nil:
			add(t)
		case none(err) != nil:
			return hits, err
		}
	}
	named, err := s.Ledger.ByReference(ctx, a.book, a.query)
	if none(err) != nil {
		return hits, err
	}
	for _, t := range named {
		add(t)
	}
	subjects := []string{a.query}
	if !strings.Contains(a.query, ":") {
		subjects = subjects[:0]
		for _, kind := range stories {
			subjects = append(subjects, kind+":"+a.query)
		}
	}
	for _, subject := range subjects {
		page, err := s.Ledger.Transactions(ctx, a.book, ledger.TransactionQuery{Subject: subject, Limit: 1})
		if none(err) != nil {
			return hits, err
		}
		for _, t := range page.Transactions {
			h := Hit{Kind: Subject, ID: subject, State: t.Event, At: t.RecordedAt}
			if id, ok := strings.CutPrefix(subject, "order:"); ok {
				h.Kind, h.ID = Order, id
			}
			hits = append(hits, h)
		}
	}
	return hits, nil
}

func (s *Service) payees(ctx context.Context, a *asked) ([]Hit, error) {
	p, err := s.Events.Payee(ctx, a.book, a.query)
	if err != nil {
		return nil, none(err)
	}
	return []Hit{{Kind: Payee, ID: p.ID, About: p.Kind}}, nil
}

func (s *Service) payouts(ctx context.Context, a *asked) (hits []Hit, err error) {
	add := func(list ...payouts.Payout) {
		for _, p := range list {
			hits = with(hits, Hit{Kind: Payout, ID: p.ID, State: p.State, About: p.Holder.ID, At: p.CreatedAt, Sum: &payouts.Sum{Currency: p.Holder.Currency, Amount: p.Amount}})
		}
	}
	switch p, err := s.Payouts.Payout(ctx, a.book, a.query); {
	case err == nil:
		add(p)
	case none(err) != nil:
		return nil, err
	}
	switch r, err := s.Payouts.Run(ctx, a.book, a.query); {
	case err == nil:
		hits = append(hits, Hit{Kind: PayoutRun, ID: r.ID, State: r.State, About: r.Trigger, At: r.CreatedAt})
	case none(err) != nil:
		return hits, err
	}
	named, err := s.Payouts.Named(ctx, a.book, a.query, perKind+1)
	if none(err) != nil {
		return hits, err
	}
	add(named...)
	if len(a.sums) > 0 {
		of, err := s.Payouts.OfAmount(ctx, a.book, a.sums, a.since, perKind+1)
		if err != nil {
			return hits, err
		}
		add(of...)
	}
	return hits, nil
}

// with adds a hit that is not among them yet: one thing may be found by its name and by its amount.
func with(hits []Hit, h Hit) []Hit {
	if slices.ContainsFunc(hits, func(x Hit) bool {
		return x.Kind == h.Kind && x.ID == h.ID && x.Source == h.Source && x.Line == h.Line
	}) {
		return hits
	}
	return append(hits, h)
}

// reconciliation asks every source for names first: looking for amounts may take longer than there is time, and finds what is meant less
// surely.
func (s *Service) reconciliation(ctx context.Context, a *asked) (hits []Hit, err error) {
	switch b, err := s.Reconcile.Break(ctx, a.book, a.query); {
	case err == nil:
		hits = append(hits, Hit{Kind: Break, ID: b.ID, State: string(b.State), About: string(b.Class), At: b.FirstSeen, Sum: &payouts.Sum{Currency: b.Currency, Amount: b.Amount}})
	case none(err) != nil:
		return nil, err
	}
	switch r, err := s.Reconcile.Run(ctx, a.book, a.query); {
	case err == nil:
		hits = append(hits, Hit{Kind: Comparison, ID: r.ID, About: "R" + strconv.Itoa(int(r.Match)), At: r.RecordedAt})
	case none(err) != nil:
		return hits, err
	}
	sources, err := s.Reconcile.Sources(ctx, a.book)
	if err != nil {
		return hits, err
	}
	sources = sources[:min(len(sources), sourcesSearched)]
	add := func(source reconcile.Source, lines []reconcile.Line) {
		for _, l := range lines {
			hits = with(hits, Hit{Kind: EvidenceLine, ID: l.ID, Source: string(source.Kind) + "/" + source.Name, Line: l.Number, State: l.Category, About: l.Key, At: l.MovedAt.UTC(),
				Sum: &payouts.Sum{Currency: l.Currency, Amount: l.Net}})
		}
	}
	for _, source := range sources {
		lines, err := s.Reconcile.NamedLines(ctx, a.book, source, a.query, perKind+1)
		if none(err) != nil {
			return hits, err
		}
		add(source, lines)
	}
	if len(a.sums) == 0 {
		return hits, nil
	}
	sums := make([]reconcile.Sum, len(a.sums))
	for i, x := range a.sums {
		sums[i] = reconcile.Sum(x)
	}
	for _, source := range sources {
		lines, err := s.Reconcile.LinesOfAmount(ctx, a.book, source, sums, a.since, perKind+1)
		if err != nil {
			return hits, err
		}
		add(source, lines)
	}
	return hits, nil
}

func (s *Service) approvals(ctx context.Context, a *asked) ([]Hit, error) {
	if !strings.HasPrefix(a.query, "ap_") {
		return nil, nil
	}
	x, err := s.Desk.Approval(ctx, guard.Book{ID: int32(a.book.ID), Code: a.book.Code}, a.query)
	if err != nil {
		return nil, none(err)
	}
	return []Hit{{Kind: Approval, ID: x.ID, State: x.State, About: x.Act, At: x.CreatedAt}}, nil
}

func (s *Service) exports(ctx context.Context, a *asked) ([]Hit, error) {
	e, err := s.Reports.Export(ctx, a.book, a.query)
	if err != nil {
		return nil, none(err)
	}
	return []Hit{{Kind: Export, ID: e.ID, State: string(e.State), About: e.Report, At: e.AskedAt}}, nil
}
