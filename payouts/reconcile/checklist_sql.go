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

	// Each source with its newest run that reached the moment, or else its newest; and whether there is evidence beyond it.
	sqlMatches = `
SELECT s.id, s.kind, s.name, coalesce(d.document, '{}'), coalesce(r.number, 0), coalesce(r.id, ''), coalesce(r.cut_off, 'epoch'), r.digest,
       coalesce((SELECT h.pulled_until >= $2 FROM evidence_heads h WHERE h.book_id = $1 AND h.source_id = s.id), false)
       OR EXISTS (SELECT FROM evidence_statements t WHERE t.book_id = $1 AND t.source_id = s.id AND t.until_day >= $3::date)
       OR EXISTS (SELECT FROM (SELECT q.window_until, q.recorded_at FROM evidence_receipts q
                                WHERE q.book_id = $1 AND q.source_id = s.id ORDER BY q.number DESC LIMIT 50) q
                   WHERE q.window_until >= $2 OR s.kind = 'channel' AND q.recorded_at >= $2)
  FROM (SELECT x.id, x.kind, x.name FROM evidence_sources x WHERE x.book_id = $1 ORDER BY x.id LIMIT 1000) s
  LEFT JOIN LATERAL (SELECT x.document FROM evidence_settings x WHERE x.book_id = $1 AND x.source_id = s.id ORDER BY x.version DESC LIMIT 1) d ON true
  LEFT JOIN LATERAL (SELECT x.number, x.id, x.cut_off, x.digest FROM recon_runs x
                      WHERE x.book_id = $1 AND x.match = CASE s.kind WHEN 'processor' THEN 1 WHEN 'bank' THEN 2 ELSE 4 END AND x.source_id = s.id
                      ORDER BY (x.cut_off >= $2) DESC, x.number DESC LIMIT 1) r ON true
 ORDER BY s.kind DESC, s.name`

	sqlSubledgerRun = `
SELECT x.number, x.id, x.cut_off, x.digest FROM recon_runs x
 WHERE x.book_id = $1 AND x.match = 3 AND x.source_id = 0 ORDER BY (x.cut_off >= $2) DESC, x.number DESC LIMIT 1`

	sqlOpenBreaks = `
SELECT b.match, b.class, b.state, b.currency, coalesce(b.class = 'timing' AND b.expected_by > $3, false), count(*), count(*) FILTER (WHERE b.suspense = 0),
       sum(b.amount)::text, sum(b.suspense)::text, min(b.first_seen) FILTER (WHERE b.suspense <> 0)
  FROM recon_breaks b
 WHERE b.book_id = $1 AND b.ended_at IS NULL AND b.happened_at < $2
 GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5 LIMIT 2000`

	sqlSuspenseHeld = `
SELECT b.currency, sum(greatest(b.suspense, 0))::text, sum(greatest(-b.suspense, 0))::text
  FROM recon_breaks b WHERE b.book_id = $1 AND b.suspense <> 0 GROUP BY b.currency ORDER BY b.currency`

	// What a processor said last that it holds, and what its lines come to.
	sqlCompleteness = `
SELECT s.name, b.currency, b.available + b.pending, b.lines_net
  FROM (SELECT x.id, x.name FROM evidence_sources x WHERE x.book_id = $1 AND x.kind = 'processor' ORDER BY x.id LIMIT 1000) s
 CROSS JOIN LATERAL (SELECT DISTINCT ON (y.currency) y.currency, y.available, y.pending, y.lines_net
                       FROM (SELECT x.currency, x.receipt, x.available, x.pending, x.lines_net FROM evidence_balances x
                              WHERE x.book_id = $1 AND x.source_id = s.id ORDER BY x.receipt DESC LIMIT 400) y
                      ORDER BY y.currency, y.receipt DESC) b
 ORDER BY s.name, b.currency`

	sqlStalePayouts = `
SELECT p.currency, count(*), sum(p.amount)::text
  FROM (SELECT x.currency, x.amount FROM payouts x
         WHERE x.book_id = $1 AND x.state IN ('sending', 'unknown', 'submitted', 'at_account') AND x.created_at < $2
         ORDER BY x.created_at LIMIT 10000) p
 GROUP BY p.currency ORDER BY p.currency`
)

// matchState is a match of a source and how far it came.
type matchState struct {
	match    Match
	kind     Kind
	name     string
	accounts []ledger.Address
	run      string
	number   int64
	cutOff   time.Time
	digest   []byte
	// evidence says that there is evidence beyond the end of the month.
	evidence bool
}

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

// matchesOf returns the newest run of each match and source, the sub-ledgers' last.
func (s *Service) matchesOf(ctx context.Context, book ledger.Book) ([]matchState, error) {
	return s.matchesUntil(ctx, book, endOf(book, 299912))
}

func (s *Service) matchesUntil(ctx context.Context, book ledger.Book, end time.Time) (list []matchState, err error) {
	rows, err := s.pool.Query(ctx, sqlMatches, book.ID, end, end.AddDate(0, 0, -1).Format(time.DateOnly))
	if err != nil {
		return nil, err
	}
	list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (m matchState, err error) {
		var id int16
		var document string
		if err = row.Scan(&id, &m.kind, &m.name, &document, &m.number, &m.run, &m.cutOff, &m.digest, &m.evidence); err != nil {
			return m, err
		}
		m.match = map[Kind]Match{KindProcessor: R1, KindBank: R2, KindChannel: R4}[m.kind]
		var settings Settings
		err = json.Unmarshal([]byte(document), &settings)
		m.accounts = settings.Accounts
		return m, err
	})
	if err != nil {
		return nil, err
	}
	m := matchState{match: R3, name: "sub-ledgers", evidence: true}
	err = s.pool.QueryRow(ctx, sqlSubledgerRun, book.ID, end).Scan(&m.number, &m.run, &m.cutOff, &m.digest)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return append(list, m), err
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

// checkMatches judges the four matches.
func (s *Service) checkMatches(list []matchState, end time.Time) (items []*ChecklistItem) {
	for _, m := range []struct {
		match             Match
		title, none, what string
	}{
		{R1, "Processors are reconciled to the end of the month", "The book has no processor as a source of evidence.", "Take the evidence up to the end of the month and run R1"},
		{R2, "Banks are reconciled to the end of the month", "The book has no bank account as a source of evidence.", "Take the statements up to the end of the month and run R2"},
		{R3, "Sub-ledgers agree with the control totals", "", "Run R3 with a cut-off at the end of the month or later"},
		{R4, "Settlements of channels are reconciled to the end of the month", "The book has no channel as a source of evidence.", "Take the settlements up to the end of the month and run R4"},
	} {
		i := newItem(matchItems[m.match], m.title, "Done.")
		seen := 0
		for _, one := range list {
			if one.match != m.match {
				continue
			}
			seen++
			switch {
			case one.number == 0 || one.cutOff.Before(end):
				i.worse(ItemBlocked, m.what+".")
				i.name(one.name)
			case !one.evidence:
				i.worse(ItemBlocked, "There is no evidence after the end of the month. "+m.what+" again.")
				i.name(one.name)
			}
		}
		if seen == 0 {
			i.worse(ItemNotApplicable, m.none)
		}
		items = append(items, i)
	}
	return items
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

// checkCompleteness holds what processors say they hold against what their lines come to.
func (s *Service) checkCompleteness(ctx context.Context, book ledger.Book) (*ChecklistItem, error) {
	i := newItem(itemCompleteness, "The processors' lines come to their balances", "Done.")
	rows, err := s.pool.Query(ctx, sqlCompleteness, book.ID)
	if err != nil {
		return nil, err
	}
	seen := false
	var name string
	var c money.Currency
	var balance, lines money.Minor
	_, err = pgx.ForEachRow(rows, []any{&name, &c, &balance, &lines}, func() error {
		seen = true
		if balance != lines {
			i.worse(ItemBlocked, "Lines are missing, or known twice. Pull the processor's entries again from further back.")
			i.name(name)
			i.amount(name, c, Amount((balance - lines).Format(c)))
		}
		return nil
	})
	if !seen {
		i.worse(ItemNotApplicable, "No processor has said what it holds.")
	}
	return i, err
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
