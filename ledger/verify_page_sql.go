package ledger

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/audit"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// Reading a page of the book for the replay: headers in order, and every entry that the page's accounts have in it. An
// account is probed once a page and not once a transaction, because a hot account stands in every one of them. Values
// are read as the server sends them; converting them row by row took longer than everything else.

const (
	sqlVerifyHeaders = `
SELECT t.sequence, t.line_count, t.period, t.effective_period, t.original_period, t.occurred_at, t.recorded_at, t.reverses, t.reposts,
       t.reference, t.event, t.subject, t.live_session, t.channel, t.campaign, t.memo, t.account_ids, t.content_hash,
       t.metadata::text, t.explanation
  FROM transactions t
 WHERE t.book_id = $1 AND t.sequence >= $2 AND t.sequence <= $3
 ORDER BY t.sequence
 LIMIT $4`

	sqlVerifyEntries = `
SELECT e.account_id, e.sequence, e.line, e.amount, e.account_version, e.balance_after, e.debits_after, e.external_ref
  FROM unnest($2::integer[]) AS k (id)
 CROSS JOIN LATERAL (SELECT x.* FROM entries x
                      WHERE x.book_id = $1 AND x.account_id = k.id AND x.sequence >= $3 AND x.sequence < $4) e`

	sqlVerifyAccounts = `
SELECT a.id, a.address, a.currency, a.chart_code
  FROM unnest($2::integer[]) AS k (id)
 CROSS JOIN LATERAL (SELECT x.* FROM accounts x WHERE x.book_id = $1 AND x.id = k.id LIMIT 1) a`

	sqlVerifyEarlier = `
SELECT e.account_id, e.sequence, e.account_version, e.balance_after, e.debits_after
  FROM unnest($2::integer[]) AS k (id)
 CROSS JOIN LATERAL (SELECT x.* FROM entries x WHERE x.book_id = $1 AND x.account_id = k.id AND x.sequence < $3
                      ORDER BY x.sequence DESC, x.line DESC LIMIT 1) e`

	sqlVerifyPageLinks = `
SELECT l.kind, l.target, l.sequence
  FROM transaction_links l
 WHERE l.book_id = $1 AND l.kind = ANY ('{reverses,reposts}') AND l.sequence >= $2 AND l.sequence < $3
 ORDER BY l.kind, l.sequence`
)

// verifyHeader is a header as it is stored. Its record lacks the entries.
type verifyHeader struct {
	record   audit.Transaction
	lines    int
	ids      []int32
	hash     []byte
	metadata []byte
	// odd says that an optional field is present and empty, which the ledger never writes.
	odd bool
}

// verifyEntry is an entry as it is stored.
type verifyEntry struct {
	account                         int32
	line                            int16
	placed                          bool
	sequence                        int64
	amount, version, balance, debit int64
	external                        string
}

type verifyLink struct {
	linkKey
	sequence int64
}

// verifyPage is everything the replay needs to judge the transactions from low up to high, exclusive. The headers also
// hold the neighbours on both sides, if there are any.
type verifyPage struct {
	low, high  int64
	headers    []verifyHeader
	entries    []verifyEntry
	references map[string]recordedReference
	links      []verifyLink
	ids        []int32
}

// verifyLimits bound one page.
type verifyLimits struct{ transactions, lines int }

// readPage reads the page that begins at low and ends at upper, inclusive, or at a limit.
func (r *replay) readPage(ctx context.Context, tx pgx.Tx, low, upper int64, limits verifyLimits) (*verifyPage, error) {
	p := &verifyPage{low: low, references: map[string]recordedReference{}}
	high := min(upper, low+int64(limits.transactions)-1) + 1
	if err := p.readVerifyHeaders(ctx, tx, r.book, high, limits); err != nil {
		return nil, err
	}
	if err := r.readAccounts(ctx, tx, p); err != nil {
		return nil, err
	}
	if err := p.readVerifyEntries(ctx, tx, r.book); err != nil {
		return nil, err
	}
	if err := p.readReferences(ctx, tx, r.book); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, sqlVerifyPageLinks, r.book.ID, p.low, p.high)
	if err != nil {
		return nil, err
	}
	p.links, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l verifyLink, err error) {
		return l, row.Scan(&l.kind, &l.target, &l.sequence)
	})
	return p, err
}

// queryWire runs a query and hands each row over in binary form. The values are only good until the next row.
func queryWire(ctx context.Context, tx pgx.Tx, sql string, args []any, each func(w wire)) error {
	rows, err := tx.Query(ctx, sql, append([]any{pgx.QueryExecModeCacheStatement, pgx.QueryResultFormats{pgx.BinaryFormatCode}}, args...)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		each(rows.RawValues())
	}
	return rows.Err()
}

// readVerifyHeaders reads one header more than the page on each side, and ends the page where its lines become too many.
func (p *verifyPage) readVerifyHeaders(ctx context.Context, tx pgx.Tx, book Book, high int64, limits verifyLimits) error {
	p.high = high
	lines := 0
	err := queryWire(ctx, tx, sqlVerifyHeaders, []any{book.ID, p.low - 1, high, limits.transactions + 2}, func(w wire) {
		sequence := w.int64(0)
		if sequence > p.high {
			return
		}
		if lines += w.int16(1); sequence > p.low && lines > limits.lines && sequence < p.high {
			p.high = sequence // this one is only a neighbour
		}
		p.headers = append(p.headers, decodeHeader(book, w))
	})
	return err
}

func decodeHeader(book Book, w wire) verifyHeader {
	h := verifyHeader{lines: w.int16(1), ids: w.ints(16), hash: w.bytes(17), metadata: w.bytes(18)}
	h.record = audit.Transaction{
		Book: book.Code, Sequence: w.int64(0), Reference: w.text(9), Event: w.text(10),
		OccurredAt: w.instant(5), RecordedAt: w.instant(6),
		Period: int64(w.int32(2)), EffectivePeriod: int64(w.int32(3)), OriginalPeriod: int64(w.int32(4)),
		Subject: w.text(11), LiveSession: w.text(12), Channel: w.text(13), Campaign: w.text(14), Memo: w.text(15),
		Reverses: w.int64(7), Reposts: w.int64(8), Explanation: w.bytes(19),
	}
	h.odd = w.present(7) && h.record.Reverses <= 0 || w.present(8) && h.record.Reposts <= 0 || w.present(4) && h.record.OriginalPeriod == 0 ||
		w.present(18) && len(h.metadata) <= len("{}")
	return h
}

// inside reports whether a header belongs to the page and is no neighbour.
func (p *verifyPage) inside(h *verifyHeader) bool {
	return h.record.Sequence >= p.low && h.record.Sequence < p.high
}

// readAccounts looks up the page's accounts that the replay does not remember.
func (r *replay) readAccounts(ctx context.Context, tx pgx.Tx, p *verifyPage) error {
	var unnamed, unknown []int32
	r.states.forget()
	r.states.visits++
	for i := range p.headers {
		if !p.inside(&p.headers[i]) {
			continue
		}
		for _, id := range p.headers[i].ids {
			s := r.states.of(id)
			if s.mark == r.states.visits {
				continue
			}
			s.mark = r.states.visits
			p.ids = append(p.ids, id)
			if s.info == nil {
				unnamed = append(unnamed, id)
			}
			if !s.known {
				unknown = append(unknown, id)
			}
		}
	}
	if len(unnamed) > 0 {
		for _, id := range unnamed {
			r.states.of(id).info = &accountInfo{}
		}
		r.states.infos += len(unnamed)
		err := queryWire(ctx, tx, sqlVerifyAccounts, []any{r.book.ID, unnamed}, func(w wire) {
			*r.states.of(w.int32(0)).info = r.newInfo(Address(w.text(1)), money.Currency(w.text(2)), int(w.int32(3)))
		})
		if err != nil {
			for _, id := range unnamed {
				r.states.of(id).info = nil
			}
			return err
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	found := map[int32]accountState{}
	err := queryWire(ctx, tx, sqlVerifyEarlier, []any{r.book.ID, unknown, p.low}, func(w wire) {
		found[w.int32(0)] = accountState{last: w.int64(1), version: w.int64(2), balance: w.int64(3), debits: w.int64(4)}
	})
	if err != nil {
		return err
	}
	for _, id := range unknown {
		s, was := r.states.of(id), found[id]
		s.known, s.last, s.version, s.balance, s.debits = true, was.last, was.version, was.balance, was.debits
	}
	return nil
}

func (p *verifyPage) readVerifyEntries(ctx context.Context, tx pgx.Tx, book Book) error {
	if len(p.ids) == 0 {
		return nil
	}
	lines := 0
	for i := range p.headers {
		lines += p.headers[i].lines
	}
	p.entries = make([]verifyEntry, 0, lines)
	return queryWire(ctx, tx, sqlVerifyEntries, []any{book.ID, p.ids, p.low, p.high}, func(w wire) {
		p.entries = append(p.entries, verifyEntry{account: w.int32(0), sequence: w.int64(1), line: int16(w.int16(2)), amount: w.int64(3),
			version: w.int64(4), balance: w.int64(5), debit: w.int64(6), external: w.text(7)})
	})
}

func (p *verifyPage) readReferences(ctx context.Context, tx pgx.Tx, book Book) error {
	names := make([]string, 0, len(p.headers))
	for i := range p.headers {
		name := p.headers[i].record.Reference
		if p.inside(&p.headers[i]) && (i == 0 || name != p.headers[i-1].record.Reference || !p.inside(&p.headers[i-1])) {
			names = append(names, name)
		}
	}
	return queryWire(ctx, tx, sqlFindReferences, []any{book.ID, names}, func(w wire) {
		known := recordedReference{first: w.int64(1), count: w.int16(2)}
		copy(known.hash[:], w.bytes(3))
		p.references[w.text(0)] = known
	})
}

func (v *verifier) readHead(ctx context.Context) (head verifyHead, err error) {
	err = v.ledger.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		head, err = readVerifyHead(ctx, tx, v.book)
		return err
	})
	return head, err
}

// advanceReplay reads a page and replays it, while the database still checks the one before.
func (v *verifier) advanceReplay(ctx context.Context, upper int64) error {
	var page *verifyPage
	for {
		err := v.ledger.pool.ReadTx(ctx, func(tx pgx.Tx) (err error) {
			page, err = v.replay.readPage(ctx, tx, v.through+1, upper, verifyLimits{maxPageOfHeads, v.lines})
			return err
		})
		if err == nil {
			break
		}
		if !errors.Is(err, postgres.ErrReadTooLong) || v.lines <= MaxLines {
			return err
		}
		v.lines = max(v.lines/4, MaxLines)
	}
	marks := v.replay.replayPage(page)
	if err := v.settlePending(); err != nil {
		return err
	}
	v.ask(ctx, replayedRange{page.low, page.high, marks})
	v.through = page.high - 1
	return nil
}

// pendingCheck is a range that the database is looking at while the replay reads and posts the next one.
type pendingCheck struct {
	replayed replayedRange
	asked    rangeCheck
	done     chan error
}

// ask has the database check a range. There is at most one such question at a time; settlePending waits for its answer.
func (v *verifier) ask(ctx context.Context, r replayedRange) {
	if !v.checking() {
		v.settle(r, &rangeCheck{})
		return
	}
	p := &pendingCheck{replayed: r, asked: rangeCheck{marks: map[mark]bool{}}, done: make(chan error, 1)}
	v.pending = p
	go func() { p.done <- v.checkRange(ctx, r.low, r.high, &p.asked) }()
}

func (v *verifier) settlePending() error {
	p := v.pending
	if p == nil {
		return nil
	}
	v.pending = nil
	if err := <-p.done; err != nil {
		return err
	}
	v.settle(p.replayed, &p.asked)
	return nil
}

// compareRanges asks the database about ranges that the replay has passed already, or that only the database looks at.
func (v *verifier) compareRanges(ctx context.Context, ranges []replayedRange) error {
	for _, r := range ranges {
		asked := rangeCheck{marks: map[mark]bool{}}
		if v.options.Method != VerifyReplay {
			if err := v.checkRange(ctx, r.low, r.high, &asked); err != nil {
				return err
			}
		}
		v.settle(r, &asked)
	}
	return nil
}

// settle compares what the two found in one range. What overflows in the database is found by the replay alone.
func (v *verifier) settle(r replayedRange, asked *rangeCheck) {
	v.checked.transactions += asked.transactions
	v.checked.entries += asked.entries
	for _, sequence := range asked.unsummed {
		v.found.add(VerifyFinding{Invariant: InvariantRunning, Sequence: sequence, What: "Its entries hold numbers beyond what can be added."})
		for m := range r.marks {
			if m.sequence == sequence {
				asked.marks[m] = true
			}
		}
	}
	switch v.options.Method {
	case VerifyTwice:
		v.found.compareMarks(r.marks, asked.marks)
	case VerifySQL:
		v.found.addMarks(asked.marks)
	}
}
