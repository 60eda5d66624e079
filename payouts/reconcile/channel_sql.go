package reconcile

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce/intake"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts"
)

// What R4 reads: files and rows as they stand, and the channel's transactions at one place of the book.

const (
	sqlImportColumns = `
SELECT i.id, i.state, i.reason, i.currency, i.rows, i.said, i.stated_total, i.our_total, i.recorded_at, i.options, i.options::jsonb ->> 'role',
       coalesce(i.options::jsonb ->> 'seller', ''), coalesce(i.sha256, ''), i.tries
  FROM imports i`
	sqlImportsOf = sqlImportColumns + `
 WHERE i.book_id = $1 AND i.id > $2 AND i.id <= $3 AND (i.id > $5 OR i.recorded_at >= $6) AND i.options::jsonb ->> 'channel' = $4 ORDER BY i.id LIMIT $7`
	sqlImportsAgain = sqlImportColumns + ` WHERE i.book_id = $1 AND i.id = ANY ($2::bigint[]) ORDER BY i.id`
	// Channels of which there are files and no source.
	sqlNewChannels = `
SELECT DISTINCT i.options::jsonb ->> 'channel' AS name FROM imports i
 WHERE i.book_id = $1 AND i.state <> 'receiving'
   AND NOT EXISTS (SELECT FROM evidence_sources s WHERE s.book_id = $1 AND s.kind = 'channel' AND s.name = i.options::jsonb ->> 'channel')
 ORDER BY name LIMIT 100`
	sqlLastImport = `SELECT coalesce(max(i.id), 0) FROM imports i WHERE i.book_id = $1`
	sqlImportPart = `SELECT x.content FROM import_parts x WHERE x.book_id = $1 AND x.import_id = $2 AND x.part = $3`
	// Which transactions of a channel are in the books by files of one role and seller, and how many of them came with a later file than
	// one; if that one says what it comes to, with a later one that says the same.
	sqlBrought = `
SELECT count(*), count(*) FILTER (WHERE o.import_id > $4 AND ($7::bigint IS NULL OR i.said AND i.stated_total = $7 AND i.currency = $8))
  FROM unnest($3::text[]) u (identity)
  JOIN LATERAL (SELECT x.import_id FROM import_identities x WHERE x.book_id = $1 AND x.channel = $2 AND x.identity = u.identity LIMIT 1) o ON true
  JOIN LATERAL (SELECT x.said, x.stated_total, x.currency, x.options FROM imports x WHERE x.book_id = $1 AND x.id = o.import_id LIMIT 1) i ON true
 WHERE i.options::jsonb ->> 'role' = $5 AND coalesce(i.options::jsonb ->> 'seller', '') = $6`
	sqlRowsNotIn = `
SELECT r.row, r.identity, r.state, r.reason, r.amount, coalesce(w.amount, 0), coalesce(w.reference, '')
  FROM import_rows r
  LEFT JOIN LATERAL (SELECT x.import_id, x.row FROM import_identities x WHERE x.book_id = $1 AND x.channel = $5 AND x.identity = r.identity LIMIT 1) o ON true
  LEFT JOIN LATERAL (SELECT x.amount, x.reference FROM import_rows x WHERE x.book_id = $1 AND x.import_id = o.import_id AND x.row = o.row LIMIT 1) w ON true
 WHERE r.book_id = $1 AND r.import_id = $2 AND r.state IN ('parked', 'changed') AND r.row > $3 ORDER BY r.row LIMIT $4`
	// A row against what was posted for it: as the owner's bookkeeper what the channel owes, as the platform what its seller got.
	sqlRowsAgainst = `
SELECT r.row, r.identity, r.amount, t.sequence IS NOT NULL, coalesce(e.amount, 0), r.reference, coalesce(e.sequences, '{}'), coalesce(e.lines, '{}')
  FROM (`
	sqlRowsPosted = `) r
  LEFT JOIN LATERAL (SELECT x.first_sequence AS sequence, x.count FROM transaction_references x WHERE x.book_id = $1 AND x.reference = r.reference LIMIT 1) t ON true
  LEFT JOIN LATERAL (
       SELECT sum(CASE WHEN $5 = 'bookkeeper' THEN y.amount ELSE -y.amount END)::bigint AS amount,
              array_agg(y.sequence ORDER BY y.sequence, y.line) AS sequences, array_agg(y.line ORDER BY y.sequence, y.line) AS lines
         FROM transactions x
        CROSS JOIN LATERAL unnest(x.account_ids) i(id)
         JOIN accounts a ON a.book_id = $1 AND a.id = i.id AND (
              $5 = 'bookkeeper' AND a.address = 'assets:receivable:channel:' || $6
           OR $5 = 'platform' AND (a.address = 'liabilities:seller:available:' || $7 OR a.address = 'liabilities:seller:reserve:' || $7))
         JOIN entries y ON y.book_id = $1 AND y.account_id = a.id AND y.sequence = x.sequence
        WHERE x.book_id = $1 AND x.sequence >= t.sequence AND x.sequence < t.sequence + t.count) e ON true
 ORDER BY r.row`
	sqlRowsIn = sqlRowsAgainst + `SELECT x.row, x.identity, x.amount, x.reference FROM import_rows x
         WHERE x.book_id = $1 AND x.import_id = $2 AND x.state = 'applied' AND x.row > $3 ORDER BY x.row LIMIT $4` + sqlRowsPosted
	// Of a file that was read before: rows that were something else then, as they were named, and those that were tried again.
	sqlRowsNamed = sqlRowsAgainst + `SELECT y.row, y.identity, y.amount, y.reference FROM unnest($8::int[]) u (row)
          JOIN LATERAL (SELECT x.row, x.identity, x.amount, x.reference, x.state FROM import_rows x
                         WHERE x.book_id = $1 AND x.import_id = $2 AND x.row = u.row LIMIT 1) y ON y.state = 'applied'
         WHERE u.row > $3 ORDER BY u.row LIMIT $4` + sqlRowsPosted
	sqlRowsRetried = sqlRowsAgainst + `SELECT x.row, x.identity, x.amount, x.reference FROM import_rows x
         WHERE x.book_id = $1 AND x.import_id = $2 AND x.state = 'applied' AND x.tried > 1 AND x.row > $3 ORDER BY x.row LIMIT $4` + sqlRowsPosted
	// Transactions of the channel of which no file has a row.
	sqlPostedOf = `
SELECT t.sequence, t.subject, t.occurred_at, t.reference, k.identity IS NOT NULL
  FROM (SELECT x.sequence, x.subject, x.occurred_at, x.reference FROM transactions x
         WHERE x.book_id = $1 AND x.event = 'import.settlement_line' AND x.sequence > $2 AND x.sequence <= $3 ORDER BY x.sequence LIMIT $4) t
  LEFT JOIN LATERAL (SELECT x.identity FROM import_identities x
                      WHERE x.book_id = $1 AND x.channel = $5 AND x.identity = substr(t.subject, length('settled:' || $5 || '.') + 1) LIMIT 1) k ON true
 ORDER BY t.sequence`
	sqlIdentityKnown = `SELECT EXISTS (SELECT FROM import_identities x WHERE x.book_id = $1 AND x.channel = $2 AND x.identity = $3)`
	sqlOwedAt        = `
SELECT a.id, a.address, a.currency, a.opened_at, coalesce(e.balance_after, 0), coalesce(e.account_version, 0) - coalesce(b.account_version, 0),
       coalesce(e.debits_after, 0) - coalesce(b.debits_after, 0)
  FROM accounts a
  LEFT JOIN LATERAL (SELECT y.balance_after, y.debits_after, y.account_version FROM entries y
                      WHERE y.book_id = $1 AND y.account_id = a.id AND y.sequence <= $3 ORDER BY y.sequence DESC, y.line DESC LIMIT 1) e ON true
  LEFT JOIN LATERAL (SELECT y.debits_after, y.account_version FROM entries y
                      WHERE y.book_id = $1 AND y.account_id = a.id AND y.sequence <= $4 ORDER BY y.sequence DESC, y.line DESC LIMIT 1) b ON true
 WHERE a.book_id = $1 AND a.address = 'assets:receivable:channel:' || $2 ORDER BY a.currency`
)

// settledFile is an import as R4 sees it.
type settledFile struct {
	id           int64
	state        string
	reason       string
	currency     money.Currency
	rows         int
	said         bool
	stated, ours money.Minor
	at           time.Time
	options      string
	role, seller string
	sha256       string
	// tries is how often its rows were to be judged; above 1 some were tried again.
	tries int
}

func scanSettledFile(row pgx.CollectableRow) (x settledFile, err error) {
	var sum []byte
	err = row.Scan(&x.id, &x.state, &x.reason, &x.currency, &x.rows, &x.said, &x.stated, &x.ours, &x.at, &x.options, &x.role, &x.seller, &sum, &x.tries)
	x.sha256 = hex.EncodeToString(sum)
	return x, err
}

// planChannel fixes which files the run takes, and returns the inputs of the run before.
func (s *Service) planChannel(ctx context.Context, book ledger.Book, in *inputs) (before inputs, err error) {
	if err := s.pool.QueryRow(ctx, sqlLastImport, book.ID).Scan(&in.Lines.To); err != nil {
		return before, err
	}
	before, err = s.inputsBefore(ctx, book, *in)
	in.Lines.From = before.Lines.To
	in.Lines.To = max(in.Lines.To, in.Lines.From)
	return before, err
}

// setUpChannels sets up the sources of channels whose settlements are imported, so that none is left out for want of one.
func (s *Service) setUpChannels(ctx context.Context, t payouts.Turn) error {
	rows, err := s.pool.Query(ctx, sqlNewChannels, t.Book.ID)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	by := t.Actor
	if by.ID == "" {
		by = guard.Actor{Kind: guard.System, ID: "reconcile"}
	}
	for _, name := range names {
		if err := s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
			if err := checkTurn(ctx, tx, t); err != nil {
				return err
			}
			if err := s.ledger.LockTx(ctx, tx, t.Book); err != nil {
				return err
			}
			if _, err := s.source(ctx, tx, t.Book, KindChannel, name); !errors.Is(err, ErrSourceUnknown) {
				return err // somebody set it up meanwhile
			}
			_, err := s.SetSourceTx(ctx, tx, by, t.Book, KindChannel, name, Settings{})
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

const (
	// lateFiles and lateFilesTime bound which files of the run before are looked at once more: one that was being begun then may have
	// got its number and not been there yet.
	lateFiles     = 1_000
	lateFilesTime = 15 * time.Minute
	// filesPage is how many files one statement reads.
	filesPage = 500
)

// fileAgain is how a file is read: whole, or, if a run read it before, only what may be otherwise since.
type fileAgain struct {
	whole bool
	// rows are those that were seen.
	rows []int32
}

// filesSeen are the files of what the run before listed. Of what it could not list, the files are all from the first of it on: whole says
// from which file on each is read whole, since rows of it were not read or have another amount, and again from which on it is read again.
func filesSeen(from int64, before []fact) (list map[int64]fileAgain, whole, again int64) {
	list, whole, again = map[int64]fileAgain{}, from, from
	for _, x := range before {
		switch {
		case x.More == 0 || x.From == 0 || x.Check == checkNotSettled:
		case x.Check == checkFileOpen || x.Check == checkRowPosted || x.Check == checkRowAmount:
			whole = min(whole, x.From-1)
		default:
			again = min(again, x.From-1)
		}
	}
	again = min(again, whole)
	for _, x := range before {
		of := strings.SplitN(x.Of, ":", 3)
		id, err := strconv.ParseInt(of[0], 10, 64)
		if err != nil || x.Check == checkNotSettled || x.Check == checkUnpaid || id > whole {
			continue
		}
		y := list[id]
		y.whole = y.whole || x.Check == checkFileOpen
		if len(of) > 1 {
			if row, err := strconv.ParseInt(of[1], 10, 32); err == nil {
				y.rows = append(y.rows, int32(row))
			}
		}
		list[id] = y
	}
	return list, whole, again
}

// readChannel sees files and rows. Of what the run before saw, it looks at each again; if that was more than it could list, at all from
// the first that it did not. What it found in order then it does not read again: a row that was applied stays as it is.
func (s *Service) readChannel(ctx context.Context, book ledger.Book, in *inputs, before inputs, f *facts) error {
	entries := in.Entries.From
	for _, x := range before.Facts {
		if x.More > 0 && x.From > 0 && x.Check == checkNotSettled {
			entries = min(entries, x.From-1)
		}
	}
	listed, whole, from := filesSeen(in.Lines.From, before.Facts)
	ended := map[int64]int{}
	again := slices.Collect(maps.Keys(listed))
	for _, x := range before.Ended {
		if _, is := listed[x.ID]; !is {
			ended[x.ID], again = x.Tries, append(again, x.ID)
		}
	}
	rows, err := s.pool.Query(ctx, sqlImportsAgain, book.ID, again)
	if err != nil {
		return err
	}
	files, err := pgx.CollectRows(rows, scanSettledFile)
	if err != nil {
		return err
	}
	in.tries = map[int64]int{}
	seen := map[int64]bool{}
	for _, x := range files {
		if tries, is := ended[x.id]; is && tries == x.tries {
			in.Ended = append(in.Ended, endedFile{x.id, tries})
			continue
		}
		seen[x.id] = true
		if err := s.readFile(ctx, book, in, x, listed[x.id], f); err != nil {
			return err
		}
	}
	since := before.CutOff.Add(-lateFilesTime)
	for after := max(from-lateFiles, 0); ; {
		rows, err := s.pool.Query(ctx, sqlImportsOf, book.ID, after, in.Lines.To, in.Source.Name, from, since, filesPage)
		if err != nil {
			return err
		}
		page, err := pgx.CollectRows(rows, scanSettledFile)
		if err != nil {
			return err
		}
		for _, x := range page {
			after = x.id
			if seen[x.id] {
				continue
			}
			if err := s.readFile(ctx, book, in, x, fileAgain{whole: x.id > whole || !x.at.Before(since)}, f); err != nil {
				return err
			}
		}
		if len(page) < filesPage {
			break
		}
	}
	return s.readPosted(ctx, book, *in, entries, before.Facts, f)
}

func (s *Service) readFile(ctx context.Context, book ledger.Book, in *inputs, x settledFile, again fileAgain, f *facts) error {
	if len(in.Files) < listedReceipts && x.sha256 != "" {
		in.Files = append(in.Files, receiptInput{x.id, x.sha256})
	}
	in.tries[x.id] = x.tries
	id := strconv.FormatInt(x.id, 10)
	if x.currency == "" {
		x.currency = book.Currencies[0]
	}
	see := func(c check, of string, there, here money.Minor) *fact {
		y := f.see(c, id+of, x.currency, there, here, x.at, true)
		y.Left, y.Right, y.From = clipText("import "+id+of, mostBreakRef), "", x.id
		return y
	}
	switch x.state {
	case "done":
		return s.readFileRows(ctx, book, in, x, again, func(c check, of string, there, here money.Minor) *fact {
			y := see(c, of, there, here)
			y.Falls = fallsOn(x.role, in.Source.Name, x.seller)
			return y
		})
	case "refused":
		made, err := s.madeUp(ctx, book, *in, x)
		switch {
		case err != nil || made:
			return err
		case x.reason == intake.ReasonTotal:
			see(checkFileTotal, "", x.stated, x.ours)
		default:
			see(checkFileRefuse, "", x.stated, 0).Right = x.reason
		}
		return nil
	default:
		see(checkFileOpen, "", x.ours, 0)
		return nil
	}
}

// readFileRows sees the rows of a file that was applied: those that are not in the books, and those that the books have otherwise. Files
// of the role attribution post nothing.
func (s *Service) readFileRows(ctx context.Context, book ledger.Book, in *inputs, x settledFile, again fileAgain, row func(c check, of string, there, here money.Minor) *fact) error {
	if err := s.readRows(ctx, sqlRowsNotIn, []any{book.ID, x.id}, []any{in.Source.Name}, func(r pgx.CollectableRow) (n int, err error) {
		var identity, state, reason, reference string
		var there, here money.Minor
		if err := r.Scan(&n, &identity, &state, &reason, &there, &here, &reference); err != nil {
			return n, err
		}
		which, right := checkRowParked, reason
		switch {
		case state == "changed":
			which, right = checkRowChanged, reference
		case reason == intake.ReasonUnknownField:
			which, here = checkRowField, 0
		default:
			here = 0
		}
		row(which, fmt.Sprintf(":%d:%s", n, identity), there, here).Right = right
		return n, nil
	}); err != nil || x.role == "attribution" {
		return err
	}
	rest := []any{x.role, in.Source.Name, x.seller}
	seen := map[int]bool{}
	posted := func(r pgx.CollectableRow) (n int, err error) {
		var identity, reference string
		var there, here money.Minor
		var is bool
		var sequences []int64
		var lines []int16
		if err := r.Scan(&n, &identity, &there, &is, &here, &reference, &sequences, &lines); err != nil || seen[n] {
			return n, err
		}
		of := fmt.Sprintf(":%d:%s", n, identity)
		switch {
		case !is:
			row(checkRowPosted, of, there, 0).Right = reference
		case here != there:
			y := row(checkRowAmount, of, there, here)
			y.Right = reference
			for i := range sequences {
				y.Entries = append(y.Entries, EntryID{sequences[i], int(lines[i])})
			}
		}
		return n, nil
	}
	if again.whole {
		return s.readRows(ctx, sqlRowsIn, []any{book.ID, x.id}, rest, posted)
	}
	if err := s.readRows(ctx, sqlRowsNamed, []any{book.ID, x.id}, append(slices.Clone(rest), again.rows), posted); err != nil {
		return err
	}
	if x.tries < 2 { // rows that were not in order then may be now, also those of which people ended the difference
		return nil
	}
	for _, n := range again.rows {
		seen[int(n)] = true
	}
	return s.readRows(ctx, sqlRowsRetried, []any{book.ID, x.id}, rest, posted)
}

// madeUp says whether another file made up for one that was refused: it can be read to its end, all its transactions are in the books by
// files of its role and seller, and one of them at least came with a later file. A file may also have been cut off between two rows. If it
// says what it comes to, the later one must say the same; if it does not, its last row is the last one that anybody knows of. Of a file
// that breaks off, or was damaged after it came, nobody knows what else it had: it is left to people.
func (s *Service) madeUp(ctx context.Context, book ledger.Book, in inputs, x settledFile) (bool, error) {
	if x.reason == intake.ReasonDamaged {
		return false, nil
	}
	var total *money.Minor
	if x.said {
		total = &x.stated
	}
	var later int64
	var batch []string
	ask := func() error {
		var n, after int64
		if err := s.pool.QueryRow(ctx, sqlBrought, book.ID, in.Source.Name, batch, x.id, x.role, x.seller, total, string(x.currency)).Scan(&n, &after); err != nil {
			return err
		}
		if n < int64(len(batch)) {
			return errNotBrought
		}
		later, batch = later+after, batch[:0]
		return nil
	}
	part := func(ctx context.Context, part int) (content []byte, err error) {
		err = s.pool.QueryRow(ctx, sqlImportPart, book.ID, x.id, part).Scan(&content)
		if errors.Is(err, pgx.ErrNoRows) {
			err = io.EOF
		}
		return content, err
	}
	whole, err := intake.Transactions(ctx, in.CutOff, x.options, part, func(id string) error {
		if batch = append(batch, strings.Clone(id)); len(batch) < insidePage {
			return nil
		}
		return ask()
	})
	if err == nil && whole {
		err = ask()
	}
	if errors.Is(err, errNotBrought) {
		return false, nil
	}
	return err == nil && whole && later > 0, err
}

// errNotBrought ends the reading of a file of which a transaction is missing.
var errNotBrought = errors.New("reconcile: a transaction of the file is not in the books")

// readRows reads rows of a file in pages, by their number.
func (s *Service) readRows(ctx context.Context, sql string, first, rest []any, take func(pgx.CollectableRow) (int, error)) error {
	for after := 0; ; {
		args := append(append(slices.Clone(first), after, insidePage), rest...)
		rows, err := s.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		page, err := pgx.CollectRows(rows, take)
		if err != nil || len(page) < insidePage {
			return err
		}
		after = page[len(page)-1]
	}
}

// readPosted sees settlements in the books that are in no file: new ones, and those that were so in the run before.
func (s *Service) readPosted(ctx context.Context, book ledger.Book, in inputs, from int64, before []fact, f *facts) error {
	prefix := "settled:" + in.Source.Name + "."
	for _, x := range before {
		if x.Check != checkNotSettled || x.More > 0 || x.From > from {
			continue
		}
		known := false
		if err := s.pool.QueryRow(ctx, sqlIdentityKnown, book.ID, in.Source.Name, strings.TrimPrefix(x.Of, prefix)).Scan(&known); err != nil {
			return err
		}
		if !known {
			f.list = append(f.list, x)
		}
	}
	for {
		n := 0
		rows, err := s.pool.Query(ctx, sqlPostedOf, book.ID, from, in.Entries.To, insidePage, in.Source.Name)
		if err != nil {
			return err
		}
		var subject, reference string
		var at time.Time
		var known bool
		type posted struct {
			sequence           int64
			subject, reference string
			at                 time.Time
		}
		var list []posted
		if _, err := pgx.ForEachRow(rows, []any{&from, &subject, &at, &reference, &known}, func() error {
			n++
			if !known && strings.HasPrefix(subject, prefix) {
				list = append(list, posted{from, subject, reference, at})
			}
			return nil
		}); err != nil {
			return err
		}
		for _, p := range list {
			t, err := s.ledger.Transaction(ctx, book, p.sequence)
			if err != nil {
				return err
			}
			c, amount, on, entries := settledBy(t, in.Source.Name)
			y := f.see(checkNotSettled, p.subject, c, 0, amount, p.at, true)
			y.Left, y.Right, y.Falls, y.Entries, y.From = "", p.reference, on, entries, p.sequence
		}
		if n < insidePage {
			return nil
		}
	}
}

// settledBy is what a transaction of a channel settled: what the channel owes by it, or else what its sellers got; with the accounts and
// the entries.
func settledBy(t ledger.Transaction, channel string) (c money.Currency, amount money.Minor, on string, entries []EntryID) {
	var owed, got, with []string
	var sum money.Minor
	var here, there []EntryID
	for _, e := range t.Entries {
		c = e.Currency
		switch {
		case e.Account == ledger.Address("assets:receivable:channel:"+channel):
			amount += e.Amount
			owed, here = append(owed, string(e.Account)), append(here, EntryID{t.Sequence, e.Line})
		case strings.HasPrefix(string(e.Account), "liabilities:seller:"):
			sum -= e.Amount
			got, there = append(got, string(e.Account)), append(there, EntryID{t.Sequence, e.Line})
		}
	}
	if with, entries = owed, here; amount == 0 {
		amount, with, entries = sum, got, there
	}
	slices.Sort(with)
	return c, amount, strings.Join(slices.Compact(with), ", "), entries[:min(len(entries), mostBreakMembers)]
}

// readChannelBooks sums what the channel owes at the run's place, and sees what it owes for too long.
func (s *Service) readChannelBooks(ctx context.Context, book ledger.Book, in inputs, f *facts) ([]channelLine, error) {
	rows, err := s.pool.Query(ctx, sqlOwedAt, book.ID, in.Source.Name, in.Entries.To, in.Entries.From)
	if err != nil {
		return nil, err
	}
	type owed struct {
		accountAt
		count   int64
		settled money.Minor
	}
	accounts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a owed, err error) {
		err = row.Scan(&a.id, &a.address, &a.currency, &a.opened, &a.balance, &a.count, &a.settled)
		return a, err
	})
	if err != nil {
		return nil, err
	}
	list := []channelLine{}
	for _, a := range accounts {
		list = append(list, channelLine{a.currency, a.count, amountOf(a.settled, a.currency), amountOf(a.balance, a.currency)})
		if a.balance == 0 {
			continue
		}
		since, reference, err := s.openSince(ctx, book, a.accountAt, in.Entries.To)
		if err != nil {
			return nil, err
		}
		f.see(checkUnpaid, a.address, a.currency, 0, a.balance, since, false).Left = reference
	}
	return list, nil
}

// filesAgain reads the hashes of a run's files again.
func (s *Service) filesAgain(ctx context.Context, book ledger.Book, in *inputs) error {
	ids := make([]int64, len(in.Files))
	for i, x := range in.Files {
		ids[i] = x.Number
	}
	rows, err := s.pool.Query(ctx, `SELECT i.id, coalesce(i.sha256, '') FROM imports i WHERE i.book_id = $1 AND i.id = ANY ($2) ORDER BY i.id`, book.ID, ids)
	if err != nil {
		return err
	}
	in.Files, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (x receiptInput, err error) {
		var sum []byte
		err = row.Scan(&x.Number, &sum)
		x.SHA256 = hex.EncodeToString(sum)
		return x, err
	})
	return err
}
