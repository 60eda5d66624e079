package ledger

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// The end of a verification: what is stored per account, per period and for the book as a whole, compared with where the
// replay has got to, in snapshots whose head the replay has reached. Meanwhile postings go on.

const (
	// A page is a range of ids and not a number of rows, so that rows without an account are met too. Its bounds are wider
	// than an id, because a forged one may be the largest there is.
	sqlVerifyNextAccount = `
SELECT least((SELECT min(a.id) FROM accounts a WHERE a.book_id = $1 AND a.id >= $2::bigint),
             (SELECT min(b.account_id) FROM balances b WHERE b.book_id = $1 AND b.account_id >= $2::bigint),
             (SELECT min(p.account_id) FROM period_totals p WHERE p.book_id = $1 AND p.account_id >= $2::bigint))`

	// Besides the rows themselves, the database's own answer: is the balance where the last entry left it, and do the
	// periods add up to it?
	sqlVerifyAccountPage = `
SELECT coalesce(a.id, b.account_id, p.account_id), a.address, a.currency, coalesce(a.chart_code, 0), a.opened_at,
       b.account_id IS NOT NULL, coalesce(b.debits, 0), coalesce(b.credits, 0), coalesce(b.version, 0), coalesce(b.last_sequence, 0),
       b.version IS NOT DISTINCT FROM z.account_version AND b.last_sequence IS NOT DISTINCT FROM z.sequence
   AND b.debits IS NOT DISTINCT FROM z.debits_after AND b.debits::numeric - b.credits IS NOT DISTINCT FROM z.balance_after::numeric,
       p.debits IS NOT DISTINCT FROM b.debits AND p.credits IS NOT DISTINCT FROM b.credits, f.recorded_at
  FROM (SELECT x.id, x.address, x.currency, x.chart_code, x.opened_at FROM accounts x
         WHERE x.book_id = $1 AND x.id >= $2::bigint AND x.id < $3::bigint) a
  FULL JOIN (SELECT x.account_id, x.debits, x.credits, x.version, x.last_sequence FROM balances x
              WHERE x.book_id = $1 AND x.account_id >= $2::bigint AND x.account_id < $3::bigint) b ON b.account_id = a.id
  FULL JOIN (SELECT x.account_id, sum(x.debits) AS debits, sum(x.credits) AS credits FROM period_totals x
              WHERE x.book_id = $1 AND x.account_id >= $2::bigint AND x.account_id < $3::bigint
              GROUP BY x.account_id) p ON p.account_id = coalesce(a.id, b.account_id)
  LEFT JOIN LATERAL (SELECT x.account_version, x.sequence, x.debits_after, x.balance_after FROM entries x
                      WHERE x.book_id = $1 AND x.account_id = coalesce(a.id, b.account_id, p.account_id) AND x.sequence <= $4
                      ORDER BY x.sequence DESC, x.line DESC LIMIT 1) z ON true
  LEFT JOIN LATERAL (SELECT x.sequence FROM entries x
                      WHERE x.book_id = $1 AND x.account_id = coalesce(a.id, b.account_id, p.account_id)
                      ORDER BY x.sequence, x.line LIMIT 1) y ON true
  LEFT JOIN LATERAL (SELECT x.recorded_at FROM transactions x WHERE x.book_id = $1 AND x.sequence = y.sequence LIMIT 1) f ON true
 ORDER BY 1`

	sqlVerifyPeriodTotals = `
SELECT t.account_id, t.period, t.debits, t.credits FROM period_totals t
 WHERE t.book_id = $1 AND t.account_id >= $2::bigint AND t.account_id < $3::bigint`

	sqlVerifyChartTotals = `
SELECT t.period, t.chart_code, t.currency, t.debits::text, t.credits::text FROM chart_totals t WHERE t.book_id = $1`

	// The head as the book's row has it and as the rows have it, in one snapshot.
	sqlVerifyHead = `
SELECT b.last_sequence, b.last_account_id, b.last_recorded_at, b.created_at,
       coalesce((SELECT max(t.sequence) FROM transactions t WHERE t.book_id = $1), 0),
       coalesce((SELECT max(a.id) FROM accounts a WHERE a.book_id = $1), 0),
       (SELECT t.recorded_at FROM transactions t WHERE t.book_id = $1 ORDER BY t.sequence DESC LIMIT 1),
       coalesce((SELECT max(l.sequence) FROM transaction_links l WHERE l.book_id = $1 AND l.kind = 'reverses'), 0),
       coalesce((SELECT max(l.sequence) FROM transaction_links l WHERE l.book_id = $1 AND l.kind = 'reposts'), 0)
  FROM books b WHERE b.id = $1`
)

// verifyHead is a book's head in one snapshot: as its row says, and as the last rows say.
type verifyHead struct {
	sequence, lastSequence         int64
	account, lastAccount           int32
	recorded, created              time.Time
	lastRecorded                   *time.Time
	lastReversalLink, lastRelinked int64
}

func readVerifyHead(ctx context.Context, tx pgx.Tx, book Book) (h verifyHead, err error) {
	err = tx.QueryRow(ctx, sqlVerifyHead, book.ID).Scan(&h.sequence, &h.account, &h.recorded, &h.created, &h.lastSequence, &h.lastAccount,
		&h.lastRecorded, &h.lastReversalLink, &h.lastRelinked)
	if err == pgx.ErrNoRows {
		err = ErrBookUnknown
	}
	return h, err
}

// verifyAccount is everything stored about one account.
type verifyAccount struct {
	id                     int32
	address, currency      *string
	code                   int
	opened, first          *time.Time
	held                   bool // there is a balance
	debits, credits        int64
	version, last          int64
	asLastEntry, asPeriods bool
	turnover               fingerprint
	empty                  bool // a period without turnover has a row
}

// A page of accounts shrinks where it takes too long: an account that is rarely used is looked for in many partitions.
const (
	accountsPerPage = 2048
	leastAccounts   = 8
)

// accountPage reads what is stored about the accounts from the id low up to high, exclusive, in a book whose last
// transaction is through.
func (v *verifier) accountPage(ctx context.Context, tx pgx.Tx, low, high, through int64) ([]verifyAccount, error) {
	rows, err := tx.Query(ctx, sqlVerifyAccountPage, v.book.ID, low, high, through)
	if err != nil {
		return nil, err
	}
	accounts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a verifyAccount, err error) {
		return a, row.Scan(&a.id, &a.address, &a.currency, &a.code, &a.opened, &a.held, &a.debits, &a.credits, &a.version, &a.last,
			&a.asLastEntry, &a.asPeriods, &a.first)
	})
	if err != nil {
		return nil, err
	}
	if rows, err = tx.Query(ctx, sqlVerifyPeriodTotals, v.book.ID, low, high); err != nil {
		return nil, err
	}
	var id int32
	var period Period
	var debits, credits int64
	_, err = pgx.ForEachRow(rows, []any{&id, &period, &debits, &credits}, func() error {
		i, _ := slices.BinarySearchFunc(accounts, id, func(a verifyAccount, id int32) int { return int(a.id) - int(id) })
		accounts[i].turnover.add(v.factors.of(id, period, Debit), uint64(debits))
		accounts[i].turnover.add(v.factors.of(id, period, Credit), uint64(credits))
		accounts[i].empty = accounts[i].empty || debits == 0 && credits == 0
		return nil
	})
	return accounts, err
}

// verifyAccounts compares page after page, each in a snapshot whose head the replay has reached.
func (v *verifier) verifyAccounts(ctx context.Context, total int64) error {
	expected := int32(1)
	step := int64(accountsPerPage)
	for low := int64(math.MinInt32); ; {
		var next *int64
		var accounts []verifyAccount
		err := v.atHead(ctx, func(tx pgx.Tx, head verifyHead) error {
			next, accounts = nil, nil
			if err := tx.QueryRow(ctx, sqlVerifyNextAccount, v.book.ID, low).Scan(&next); err != nil || next == nil {
				return err
			}
			low = *next
			var err error
			accounts, err = v.accountPage(ctx, tx, low, low+step, head.lastSequence)
			return err
		})
		if errors.Is(err, postgres.ErrReadTooLong) && step > leastAccounts {
			step /= 4
			continue
		}
		if err != nil || next == nil {
			return err
		}
		for i := range accounts {
			v.compareAccount(&accounts[i], &expected)
		}
		low += step
		v.tell("accounts", v.report.Accounts, total)
	}
}

// atHead runs fn on a snapshot, once the replay has reached that snapshot's head. fn runs again if the replay was behind.
func (v *verifier) atHead(ctx context.Context, fn func(tx pgx.Tx, head verifyHead) error) error {
	for range maxRounds {
		behind := int64(0)
		var pages []replayedRange
		err := v.ledger.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			head, err := readVerifyHead(ctx, tx, v.book)
			if err != nil {
				return err
			}
			if v.replay != nil && head.lastSequence-v.through > maxTail {
				behind = head.lastSequence
				return nil
			}
			if pages, err = v.replayOn(ctx, tx, head.lastSequence); err != nil {
				return err
			}
			return fn(tx, head)
		})
		if e := v.compareRanges(ctx, pages); e != nil {
			return e
		}
		if err != nil || behind == 0 {
			return err
		}
		if err := v.advance(ctx, behind); err != nil {
			return err
		}
	}
	return ErrVerifyBehind
}

// replayOn lets the replay go on to a sequence on the given snapshot.
func (v *verifier) replayOn(ctx context.Context, tx pgx.Tx, upper int64) (pages []replayedRange, err error) {
	for v.replay != nil && v.through < upper {
		page, err := v.replay.readPage(ctx, tx, v.through+1, upper, verifyLimits{maxTail, maxTail * MaxLines})
		if err != nil {
			return pages, err
		}
		pages = append(pages, replayedRange{page.low, page.high, v.replay.replayPage(page)})
		v.through = page.high - 1
	}
	return pages, nil
}

// compareAccount holds what is stored about an account against the replay and against the chart.
func (v *verifier) compareAccount(a *verifyAccount, expected *int32) {
	bad := func(invariant Invariant, what string) {
		f := VerifyFinding{Invariant: invariant, What: what}
		if a.address != nil {
			f.Account, f.Currency = Address(*a.address), money.Currency(*a.currency)
		} else {
			f.What = "Account number " + formatInt(int64(a.id)) + ": " + what
		}
		v.found.add(f)
	}
	if a.address == nil {
		bad(InvariantAccount, "There is a balance or turnover of an account that does not exist.")
		return
	}
	v.report.Accounts++
	if a.id != *expected {
		bad(InvariantAccount, "The accounts are not numbered without gaps up to this one.")
	}
	*expected = a.id + 1
	v.checkAccountRow(a, bad)
	disagree := false
	if !a.asLastEntry {
		bad(InvariantBalance, "The stored balance is not where the account's last entry left it.")
	}
	if !a.asPeriods {
		bad(InvariantTotals, "The turnover of its periods does not add up to its balance.")
	}
	if a.empty {
		bad(InvariantTotals, "A period without turnover has a row.")
	}
	if v.replay == nil {
		return
	}
	if s := v.replay.states.of(a.id); s.known {
		same := a.held == (s.version > 0) && a.version == s.version && a.last == s.last && a.debits == s.debits && a.debits-a.credits == s.balance
		if !same {
			bad(InvariantBalance, "The stored balance is not the sum of the account's entries.")
		}
		// The entries of a transaction that is missing are nobody's to the replay.
		disagree = same != a.asLastEntry && !v.replay.missed
		if v.replay.totals != nil && s.turnover != a.turnover {
			bad(InvariantTotals, "The turnover of its periods is not the sum of its entries.")
		}
	}
	if disagree && v.checking() {
		bad(InvariantAgreement, "The database and the replay disagree about the balance.")
	}
}

func (v *verifier) checkAccountRow(a *verifyAccount, bad func(Invariant, string)) {
	if !v.book.Uses(money.Currency(*a.currency)) {
		bad(InvariantAccount, "The book does not post in the account's currency.")
	}
	switch row, err := v.ledger.chart.Resolve(Address(*a.address)); {
	case err == nil && row.Code != a.code, err != nil && v.ledger.chart.Row(a.code) != nil:
		bad(InvariantAccount, "The chart puts the address in another row.")
	}
	if a.first == nil || !a.first.Equal(*a.opened) {
		bad(InvariantAccount, "It was not opened by its first entry.")
	}
}

// verifyBook compares the book's row and the turnover by chart row.
func (v *verifier) verifyBook(ctx context.Context) error {
	return v.atHead(ctx, func(tx pgx.Tx, head verifyHead) error {
		bad := func(invariant Invariant, sequence int64, what string) {
			v.found.add(VerifyFinding{Invariant: invariant, Sequence: sequence, What: what})
		}
		v.checkHead(head, bad)
		rows, err := tx.Query(ctx, sqlVerifyChartTotals, v.book.ID)
		if err != nil || v.replay == nil || v.replay.totals == nil {
			rows.Close()
			return err
		}
		stored := map[chartTotalKey]wideTurnover{}
		var key chartTotalKey
		var debits, credits string
		_, err = pgx.ForEachRow(rows, []any{&key.period, &key.code, &key.currency, &debits, &credits}, func() error {
			stored[key] = wideTurnover{wideOf(bigOf(debits)), wideOf(bigOf(credits))}
			return nil
		})
		if err == nil {
			v.replay.compareTotals(stored, bad)
		}
		return err
	})
}

func (v *verifier) checkHead(head verifyHead, bad func(Invariant, int64, string)) {
	switch {
	case head.sequence > head.lastSequence:
		bad(InvariantOrder, head.lastSequence+1, "The transaction is missing: the book's head is beyond it.")
	case head.sequence < head.lastSequence:
		bad(InvariantOrder, head.sequence+1, "The transaction lies beyond the book's head.")
	}
	if last := max(head.lastReversalLink, head.lastRelinked); last > head.lastSequence {
		bad(InvariantLinks, last, "A link names a transaction beyond the book's head.")
	}
	if head.account != head.lastAccount {
		bad(InvariantAccount, 0, "The number of the book's last account is not that of its last account.")
	}
	if head.lastRecorded == nil && !head.recorded.Equal(head.created) || head.lastRecorded != nil && !head.recorded.Equal(*head.lastRecorded) {
		bad(InvariantOrder, 0, "The book's last recorded time is not that of its last transaction.")
	}
	if !v.book.Uses(v.book.Functional) {
		bad(InvariantAccount, 0, "The book does not post in its functional currency.")
	}
}
