package payouts

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// Reading facts: a few statements for a page of payees, each a probe of an index by payee.

const (
	sqlFactStandings = `
SELECT ` + standingColumns + `
  FROM unnest($2::text[]) AS wanted (payee)
 CROSS JOIN LATERAL (SELECT l.* FROM payout_standings l WHERE l.book_id = $1 AND l.payee = wanted.payee ORDER BY l.version DESC LIMIT 1) p`
	// Active ones come first, then the latest; a payee has at most one for each rail.
	sqlFactDestinations = `
SELECT ` + destinationColumns + `
  FROM unnest($2::text[]) AS wanted (payee)
 CROSS JOIN LATERAL (SELECT l.* FROM payout_destinations l
                      WHERE l.book_id = $1 AND l.payee = wanted.payee AND l.state IN ('pending', 'active', 'disabled')
                      ORDER BY (l.state <> 'active'), l.created_at DESC, l.id LIMIT 10) p`
	// Holds of one payee that differ in nothing that matters here count once; there are at most 15 categories and effects.
	sqlFactHolds = `
SELECT p.kind, p.payee, p.effect, p.category, p.currency
  FROM unnest($2::text[], $3::text[]) AS wanted (kind, payee)
 CROSS JOIN LATERAL (SELECT DISTINCT l.kind, l.payee, l.effect, l.category, l.currency FROM payout_holds l
                      WHERE l.book_id = $1 AND l.payee = wanted.payee AND l.kind = wanted.kind AND l.released_at IS NULL
                      ORDER BY l.effect, l.category, l.currency LIMIT 100) p`
	// Holds of an amount that did not find all of it when they were placed.
	sqlFactShort = `
SELECT p.kind, p.payee, p.category, p.currency, p.id, p.wanted - p.blocked
  FROM unnest($2::text[], $3::text[]) AS wanted (kind, payee)
 CROSS JOIN LATERAL (SELECT l.kind, l.payee, l.category, l.currency, l.id, l.wanted, l.blocked FROM payout_holds l
                      WHERE l.book_id = $1 AND l.payee = wanted.payee AND l.kind = wanted.kind AND l.released_at IS NULL
                        AND l.effect = 'amount' AND l.wanted > l.blocked
                      ORDER BY l.category, l.currency, l.id LIMIT 100) p`
	sqlFactOverrides = `
SELECT ` + overrideColumns + `
  FROM unnest($2::text[]) AS wanted (payee)
 CROSS JOIN LATERAL (SELECT l.* FROM payout_overrides l
                      WHERE l.book_id = $1 AND l.payee = wanted.payee AND l.valid_from <= $3 ORDER BY l.version DESC LIMIT 1) p`
)

// factsOf reads the facts of payees at a moment, all in a few statements. A payee of whom nothing is known has the zero
// facts, but for a standing that says so.
func (s *Service) factsOf(ctx context.Context, book ledger.Book, payees []PayeeKey, at time.Time) (map[PayeeKey]facts, error) {
	if len(payees) == 0 {
		return map[PayeeKey]facts{}, nil
	}
	var kinds, ids, names []string
	for _, p := range payees {
		kinds, ids, names = append(kinds, p.Kind), append(ids, p.ID), append(names, p.ID)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	register, err := s.events.PayeesOf(ctx, book, names)
	if err != nil {
		return nil, err
	}
	people := slices.Clone(names)
	for _, p := range register {
		if p.Minor {
			people = append(people, p.Guardian)
		}
	}
	slices.Sort(people)
	people = slices.Compact(people)
	of := gathered{register: register, standings: map[string]Standing{}, destinations: map[string][]Destination{}, holds: map[PayeeKey][]standingHold{}, short: map[PayeeKey][]standingHold{}, overrides: map[string]Agreed{}}
	if err := s.gather(ctx, book, &of, people, names, kinds, ids, at); err != nil {
		return nil, err
	}
	if err := s.gatherShort(ctx, book, &of, kinds, ids); err != nil {
		return nil, err
	}
	out := make(map[PayeeKey]facts, len(payees))
	for _, p := range payees {
		out[p] = of.facts(p)
	}
	return out, nil
}

// gathered is what was read, by payee.
type gathered struct {
	register     map[string]commerce.Payee
	standings    map[string]Standing
	destinations map[string][]Destination
	holds, short map[PayeeKey][]standingHold
	overrides    map[string]Agreed
}

// gather reads what this package keeps: of people standings and destinations, of payees exceptions, of keys holds.
func (s *Service) gather(ctx context.Context, book ledger.Book, of *gathered, people, names, kinds, ids []string, at time.Time) error {
	for _, part := range []struct {
		sql  string
		args []any
		take func(row pgx.CollectableRow) error
	}{
		{sqlFactStandings, []any{book.ID, people}, func(row pgx.CollectableRow) error {
			standing, err := standingOf(row, "")
			of.standings[standing.Payee] = standing
			return err
		}},
		{sqlFactDestinations, []any{book.ID, people}, func(row pgx.CollectableRow) error {
			d, err := destinationOf(row)
			of.destinations[d.Payee] = append(of.destinations[d.Payee], d)
			return err
		}},
		{sqlFactHolds, []any{book.ID, kinds, ids}, func(row pgx.CollectableRow) error {
			var p PayeeKey
			var h standingHold
			err := row.Scan(&p.Kind, &p.ID, &h.Effect, &h.Category, &h.Currency)
			if !slices.Contains(of.holds[p], h) { // a payee can be asked for twice
				of.holds[p] = append(of.holds[p], h)
			}
			return err
		}},
		{sqlFactOverrides, []any{book.ID, names, at}, func(row pgx.CollectableRow) error {
			a, err := agreedOf(row)
			of.overrides[a.Payee] = a
			return err
		}},
	} {
		rows, err := s.pool.Query(ctx, part.sql, part.args...)
		if err != nil {
			return err
		}
		if _, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) { return struct{}{}, part.take(row) }); err != nil {
			return err
		}
	}
	return nil
}

// gatherShort finds holds that lack a part of their amount. A flag catches for them what becomes available, so what is available
// all the same came past the flag, and belongs to the hold first.
func (s *Service) gatherShort(ctx context.Context, book ledger.Book, of *gathered, kinds, ids []string) error {
	rows, err := s.pool.Query(ctx, sqlFactShort, book.ID, kinds, ids)
	if err != nil {
		return err
	}
	type short struct {
		PayeeKey
		standingHold
		id    string
		lacks money.Minor
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (x short, err error) {
		x.Effect = EffectAmount
		err = row.Scan(&x.Kind, &x.ID, &x.Category, &x.Currency, &x.id, &x.lacks)
		return x, err
	})
	if err != nil {
		return err
	}
	for _, x := range list {
		if slices.Contains(of.short[x.PayeeKey], x.standingHold) {
			continue
		}
		caught, err := s.events.Caught(ctx, book, x.id)
		if err != nil {
			return err
		}
		if caught[money.Currency(x.Currency)] < x.lacks {
			of.short[x.PayeeKey] = append(of.short[x.PayeeKey], x.standingHold)
		}
	}
	return nil
}

// facts puts together what was read of one payee.
func (g *gathered) facts(p PayeeKey) facts {
	standing := func(id string) Standing {
		if s, has := g.standings[id]; has {
			return s
		}
		return firstStanding(id)
	}
	f := facts{Standing: standing(p.ID), Holds: g.holds[p], Short: g.short[p]}
	paid := p.ID
	if r, has := g.register[p.ID]; has {
		f.Registered, f.Country, f.Currency, f.Minor, f.Guardian = true, r.Country, r.Currency, r.Minor, r.Guardian
		if r.Minor {
			paid, f.GuardianStanding = r.Guardian, standing(r.Guardian)
		}
	}
	if f.Destinations = g.destinations[paid]; len(f.Destinations) > 0 {
		f.Destination = f.Destinations[0]
	}
	for _, h := range f.Holds {
		switch {
		case h.Effect == EffectEverything:
			f.Frozen = true
		case h.Effect == EffectPause && !slices.Contains(f.Pauses, h.Category):
			f.Pauses = append(f.Pauses, h.Category)
		}
	}
	if a := g.overrides[p.ID]; !a.ends() {
		f.Override, f.OverrideVersion = a.Document, a.Version
	}
	return f
}
