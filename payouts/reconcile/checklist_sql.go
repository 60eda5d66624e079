package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Computing the checklist: evidence and breaks. Every item reads a bounded amount by an index, in short transactions of its own.

const (
	sqlClosingRules = `
SELECT r.version, r.valid_from, r.document FROM recon_rules r WHERE r.book_id = $1 AND r.valid_from <= $2 ORDER BY r.valid_from DESC LIMIT 1`

	sqlOpenBreaks = `
SELECT b.match, b.class, b.state, b.currency, coalesce(b.class = 'timing' AND b.expected_by > $3, false), count(*), count(*) FILTER (WHERE b.suspense = 0),
       sum(b.amount)::text, sum(b.suspense)::text, min(b.first_seen) FILTER (WHERE b.suspense <> 0)
  FROM recon_breaks b
 WHERE b.book_id = $1 AND b.ended_at IS NULL AND b.happened_at < $2
 GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5 LIMIT 2000`

	sqlSuspenseHeld = `
SELECT b.currency, sum(greatest(b.suspense, 0))::text, sum(greatest(-b.suspense, 0))::text
  FROM recon_breaks b WHERE b.book_id = $1 AND b.suspense <> 0 GROUP BY b.currency ORDER BY b.currency`

	sqlStalePayouts = `
SELECT p.currency, count(*), sum(p.amount)::text
  FROM (SELECT x.currency, x.amount FROM payouts x
         WHERE x.book_id = $1 AND x.state IN ('sending', 'unknown', 'submitted', 'at_account') AND x.created_at < $2
         ORDER BY x.created_at LIMIT 10000) p
 GROUP BY p.currency ORDER BY p.currency`
)

// breakGroup are open breaks of one kind.
type breakGroup struct {
	match            Match
	class            Class
	state            State
	currency         money.Currency
	waits            bool
	count, unheld    int64
	amount, suspense *big.Int
	oldest           time.Time
}

// closingRules are the rules of reconciliation in force now.
func (s *Service) closingRules(ctx context.Context, book ledger.Book) (Rules, error) {
	r := Shipped()
	var version int
	var from time.Time
	var document string
	err := s.pool.QueryRow(ctx, sqlClosingRules, book.ID, s.now()).Scan(&version, &from, &document)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(document), &r)
	}
	r.Version, r.ValidFrom = version, from.UTC()
	return r, err
}

// endOf is the first moment after a month, in the book's zone.
func endOf(book ledger.Book, p ledger.Period) time.Time {
	return time.Date(int(p/100), time.Month(p%100)+1, 1, 0, 0, 0, 0, book.Location())
}

// openBreaks are the open breaks of what happened before the end of the month.
func (s *Service) openBreaks(ctx context.Context, book ledger.Book, period ledger.Period) ([]breakGroup, error) {
	rows, err := s.pool.Query(ctx, sqlOpenBreaks, book.ID, endOf(book, period), s.now())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (g breakGroup, err error) {
		var sums [2]string
		var oldest *time.Time
		err = row.Scan(&g.match, &g.class, &g.state, &g.currency, &g.waits, &g.count, &g.unheld, &sums[0], &sums[1], &oldest)
		g.amount, g.suspense = bigText(sums[0]), bigText(sums[1])
		if oldest != nil {
			g.oldest = oldest.UTC()
		}
		return g, err
	})
}

// bigText reads a numeric's integer text.
func bigText(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		return new(big.Int)
	}
	return n
}

// cashPrefixes are where money at processors and banks stands, apart from minors' trusts.
var cashPrefixes = []string{"assets:bank:client:", "assets:bank:operating:", "assets:bank:safeguarded:", "assets:processor:"}

// checkEvidence looks for money at a processor or a bank that no source of evidence speaks of.
func (s *Service) checkEvidence(ctx context.Context, book ledger.Book, period ledger.Period, list []matchState) (*ChecklistItem, error) {
	i := newItem(itemEvidence, "All money at processors and banks is held against evidence", "Done.")
	covered := func(a ledger.Address) bool {
		parts := strings.Split(string(a), ":")
		return slices.ContainsFunc(list, func(m matchState) bool {
			return slices.Contains(m.accounts, a) || len(parts) > 3 && m.name == parts[3] &&
				(m.kind == KindProcessor && parts[1] == "processor" || m.kind == KindBank && parts[1] == "bank" && len(m.accounts) == 0)
		})
	}
	err := s.eachAccount(ctx, book, period, cashPrefixes, maxListedAccounts, func(r ledger.TrialRow) {
		if (r.Debits.Sign() != 0 || r.Credits.Sign() != 0 || r.Closing().Sign() != 0) && !covered(r.Account) {
			i.worse(ItemBlocked, "Set these accounts up as sources of evidence, so that what they hold is held against what the processor or the bank says.")
			i.name(string(r.Account))
			i.amount(string(r.Account), r.Currency, bigAmount(r.Closing(), r.Currency))
		}
	})
	return i, err
}

// maxListedAccounts bounds the accounts of kinds of which a book has few.
const maxListedAccounts = 50_000

// checkBreaks lists what is open by class. What waits within its time, is explained, or is held in suspense does not block here.
func (s *Service) checkBreaks(groups []breakGroup) *ChecklistItem {
	i := newItem(itemBreaks, "Differences are fixed or explained", "No difference of this month is open.")
	for _, g := range groups {
		if g.unheld > 0 {
			i.amount(fmt.Sprintf("R%d %s, %s", g.match, g.class, g.state), g.currency, bigAmount(g.amount, g.currency))
		}
		switch {
		case g.unheld == 0:
		case g.state == Explained || g.waits:
			i.worse(ItemWaiting, "Some differences are open: they are explained, or expected to end by themselves.")
		default:
			i.worse(ItemBlocked, "Fix, explain or write off the open differences of these classes.")
			i.name(fmt.Sprintf("R%d %s", g.match, g.class))
		}
	}
	return i
}

// checkSuspense judges what waits in suspense: how old it is, and that a break stands for all of it.
func (s *Service) checkSuspense(ctx context.Context, book ledger.Book, groups []breakGroup, rules Rules) (*ChecklistItem, error) {
	i := newItem(itemSuspense, "Suspense is reviewed", "Nothing waits in suspense.")
	limit := s.now().AddDate(0, 0, -rules.SuspenseBlocksAfter)
	for _, g := range groups {
		if g.suspense.Sign() == 0 && g.count == g.unheld {
			continue
		}
		name := fmt.Sprintf("R%d %s", g.match, g.class)
		i.amount(name, g.currency, bigAmount(g.suspense, g.currency))
		if g.oldest.Before(limit) {
			i.worse(ItemBlocked, fmt.Sprintf("Money has waited in suspense for more than %d days. Find out what it was, or have two people accept it.", rules.SuspenseBlocksAfter))
			i.name(name)
		} else {
			i.worse(ItemWaiting, "Money waits in suspense, none of it for too long.")
		}
	}
	held := map[money.Currency][2]*big.Int{}
	rows, err := s.pool.Query(ctx, sqlSuspenseHeld, book.ID)
	if err != nil {
		return nil, err
	}
	var c money.Currency
	var out, in string
	if _, err = pgx.ForEachRow(rows, []any{&c, &out, &in}, func() error {
		held[c] = [2]*big.Int{bigText(out), bigText(in)}
		return nil
	}); err != nil {
		return nil, err
	}
	tb, err := s.ledger.TrialBalance(ctx, book, 0)
	if err != nil {
		return nil, err
	}
	for _, r := range tb.Rows {
		side := slices.Index([]int{rowSuspenseOut, rowSuspenseIn}, r.Code)
		if side < 0 {
			continue
		}
		rest := r.Closing()
		if side == 1 {
			rest.Neg(rest)
		}
		if h := held[r.Currency]; h[side] != nil {
			rest.Sub(rest, h[side])
		}
		if rest.Sign() > 0 {
			i.worse(ItemBlocked, "There is money in suspense for which no open difference stands. Reconcile, or post it where it belongs.")
			i.name(string(r.Account))
			i.amount(string(r.Account), r.Currency, bigAmount(rest, r.Currency))
		}
	}
	return i, nil
}

// checkCompleteness asks whether something of the evidence can be missing: the lines come to what a processor or a bank says that it
// holds, and each of a bank's statements begins with what the one before ended with. What is missing after the month is not of it.
func (s *Service) checkCompleteness(ctx context.Context, book ledger.Book, end time.Time) (*ChecklistItem, error) {
	i := newItem(itemCompleteness, "The evidence comes to what processors and banks hold", "Done.")
	sources, err := s.Sources(ctx, book)
	if err != nil {
		return nil, err
	}
	seen := false
	for _, source := range sources {
		if source.Kind == KindChannel {
			continue
		}
		seen = true
		gaps, err := s.gapsOf(ctx, book, source)
		if err != nil {
			return nil, err
		}
		for _, g := range gaps {
			if !g.From.IsZero() && g.From.Format(time.DateOnly) >= end.Format(time.DateOnly) {
				continue
			}
			name := source.Name
			if source.Kind == KindBank {
				name = string(source.Kind) + "/" + source.Name
			}
			switch {
			case g.Kind != GapBalance:
				i.worse(ItemBlocked, "Statements are missing or contradict each other. Ask the bank for those of the days named.")
				name += " " + g.From.Format(time.DateOnly) + " to " + g.Until.Format(time.DateOnly)
			case source.Kind == KindBank:
				i.worse(ItemBlocked, "The lines of a bank do not come to its statements. Ask the bank for its statements again, and report it.")
			default:
				i.worse(ItemBlocked, "Lines are missing, or known twice. Pull the processor's entries again from further back.")
			}
			i.name(name)
			i.amount(name, g.Currency, Amount(g.Amount.Format(g.Currency)))
		}
	}
	if !seen {
		i.worse(ItemNotApplicable, "No processor or bank is a source of evidence.")
	}
	return i, nil
}

// gapsOf are all places where the evidence of a source is missing, or contradicts itself.
func (s *Service) gapsOf(ctx context.Context, book ledger.Book, source Source) ([]Gap, error) {
	gaps, err := s.Completeness(ctx, book, source)
	if err != nil || source.Kind != KindBank {
		return gaps, err
	}
	more, err := s.Continuity(ctx, book, source)
	return append(gaps, more...), err
}

// checkPayouts looks for payouts that left long ago and have not arrived.
func (s *Service) checkPayouts(ctx context.Context, book ledger.Book, t *ControlTotals, end time.Time, rules Rules) (*ChecklistItem, error) {
	i := newItem(itemPayouts, "Payouts on their way are not late", "Done.")
	for _, r := range t.Rows {
		if r.Account == "assets:cash_in_transit" && strings.HasPrefix(string(r.Balance), "-") {
			i.worse(ItemBlocked, "More payouts have arrived than ever left. Verify the books.")
			i.name(r.Account)
			i.amount(r.Account, r.Currency, r.Balance)
		}
	}
	limit := s.now().AddDate(0, 0, -calendarDays(rules.TransitDays))
	if end.Before(limit) {
		limit = end
	}
	rows, err := s.pool.Query(ctx, sqlStalePayouts, book.ID, limit)
	if err != nil {
		return nil, err
	}
	var c money.Currency
	var n int64
	var sum string
	_, err = pgx.ForEachRow(rows, []any{&c, &n, &sum}, func() error {
		i.worse(ItemBlocked, "Payouts of this month have been on their way for too long. Look up what became of them.")
		i.name(fmt.Sprintf("payouts in %s", c))
		i.amount("payouts", c, bigAmount(bigText(sum), c))
		return nil
	})
	return i, err
}

// calendarDays are at least as many days as the banking days take, without knowing holidays.
func calendarDays(banking int) int { return banking + 2*((banking+4)/5) }
