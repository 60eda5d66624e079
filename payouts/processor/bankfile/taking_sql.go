package bankfile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

const (
	reportColumns = `digest, format, message_id, coalesce(file, 0), currency, received_at, received_by, accepted, settled, failed, unchanged, strange`
	sqlReport     = `SELECT ` + reportColumns + ` FROM bank_reports WHERE book_id = $1 AND digest = $2`
	sqlReportName = `SELECT EXISTS (SELECT FROM bank_reports WHERE book_id = $1 AND format = $2 AND message_id = $3)`
	sqlReports    = `
SELECT ` + reportColumns + ` FROM bank_reports r
 WHERE r.book_id = $1 AND ($2 = '' OR (r.received_at, r.digest) < (SELECT x.received_at, x.digest FROM bank_reports x WHERE x.book_id = $1 AND x.digest = $2))
 ORDER BY r.received_at DESC, r.digest DESC LIMIT $3`
	sqlReportItems = `
SELECT number, payment, code, said, outcome, correction FROM bank_report_items WHERE book_id = $1 AND digest = $2 AND number > $3 ORDER BY number LIMIT $4`
	sqlInsertReport = `
INSERT INTO bank_reports (book_id, digest, format, message_id, currency, file, received_at, received_by, accepted, settled, failed, unchanged, strange)
VALUES ($1, $2, $3, $4, $5, nullif($6, 0), $7, $8, $9, $10, $11, $12, $13)`
	sqlInsertItems = `
INSERT INTO bank_report_items (book_id, digest, number, payment, said, code, outcome, correction)
SELECT $1, $2, w.number, w.payment, w.said, w.code, w.outcome, w.correction
  FROM unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[]) AS w (number, payment, said, code, outcome, correction)`

	sqlFileOfMessage = `SELECT number FROM bank_files WHERE book_id = $1 AND currency = $2 AND message_id = $3`
	// One row for each item, in their order: the payment's id, or nothing if there is none or it is not clear which. By its id
	// nothing else is asked, so that the primary key is the only way; the currency is compared afterwards.
	sqlPaymentsNamed = `
SELECT CASE
         WHEN w.file > 0 THEN (SELECT p.id FROM bank_payments p WHERE p.book_id = $1 AND p.currency = $2 AND p.file = w.file AND p.line = w.line)
         WHEN w.id <> '' THEN (SELECT p.id FROM bank_payments p WHERE p.book_id = $1 AND p.id = w.id)
         WHEN w.trace <> '' THEN (SELECT min(p.id) FROM bank_payments p
                                   WHERE p.book_id = $1 AND p.currency = $2 AND p.trace = w.trace AND p.trace <> '' AND ($7 = 0 OR p.file = $7) HAVING count(*) = 1) END
  FROM unnest($3::bigint[], $4::int[], $5::text[], $6::text[]) WITH ORDINALITY AS w (file, line, id, trace, place)
 ORDER BY w.place`
	sqlLockPayments = `
SELECT ` + paymentColumns + ` FROM bank_payments WHERE book_id = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE`
)

// TakeReport takes a report of the bank about files of a currency, whole or not at all. The same bytes again are answered as
// the first time. It returns ErrReport and ErrReportSize of what cannot be read, ErrReportTaken, ErrReportFile, ErrReportItem,
// ErrReportTotals, ErrReportOwn, ErrAccountMissing.
func (s *Service) TakeReport(ctx context.Context, book ledger.Book, c money.Currency, body io.Reader, by guard.Actor) (ReportRecord, error) {
	content, err := io.ReadAll(io.LimitReader(body, ReportBytes+1))
	if err != nil {
		return ReportRecord{}, fmt.Errorf("read a bank's report: %w", err)
	}
	if len(content) > ReportBytes {
		return ReportRecord{}, ErrReportSize
	}
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	if known, err := readReport(ctx, s.pool, book, digest); !errors.Is(err, ErrReportUnknown) {
		return known, err
	}
	forms, err := s.forms(ctx, book, c)
	if err != nil {
		return ReportRecord{}, err
	}
	report, format, err := readAs(content, forms)
	if err != nil {
		return ReportRecord{}, err
	}
	if err := foreign(report, func(_ int, company string) bool { return slices.Contains(forms, form{format, company}) }); err != nil {
		return ReportRecord{}, err
	}
	var record ReportRecord
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		record, err = s.takeTx(ctx, tx, book, c, format, report, digest, by)
		return err
	})
	if postgres.IsUnique(err, "bank_reports_pkey") || postgres.IsUnique(err, "bank_reports_message") {
		// Another currency's lock was held: somebody else was first.
		if known, err := readReport(ctx, s.pool, book, digest); !errors.Is(err, ErrReportUnknown) {
			return known, err
		}
		err = ErrReportTaken
	}
	if err != nil {
		return ReportRecord{}, err
	}
	if record.Strange > 0 {
		s.log.Error("a bank's report contradicts what is known of payments; nothing was changed for them, and a person has to look at it",
			"book", book.Code, "report", digest, "payments", record.Strange)
	}
	return record, nil
}

// taking is a report while it is taken.
type taking struct {
	book     ledger.Book
	currency money.Currency
	format   Format
	report   Report
	record   ReportRecord
	// file is the one the report is about, nil where it is about several.
	file *file
	// carriers are those who fetched the files or said that they were sent.
	carriers []string
	// of are the payments of the items, and lines all payments of the file where the bank speaks of it as a whole.
	of    []*Payment
	lines []Payment
	// contradicted are the payments of which no item speaks, and of which what is said of the whole file contradicts what is known.
	contradicted []Payment
}

func (s *Service) takeTx(ctx context.Context, tx pgx.Tx, book ledger.Book, c money.Currency, format Format, r Report, digest string, by guard.Actor) (ReportRecord, error) {
	if _, err := lockHead(ctx, tx, book, c); err != nil {
		return ReportRecord{}, err
	}
	if known, err := readReport(ctx, tx, book, digest); !errors.Is(err, ErrReportUnknown) {
		return known, err
	}
	var taken bool
	if err := tx.QueryRow(ctx, sqlReportName, book.ID, r.Format, r.MessageID).Scan(&taken); err != nil {
		return ReportRecord{}, fmt.Errorf("take a bank's report: %w", err)
	}
	if taken {
		return ReportRecord{}, ErrReportTaken
	}
	t := &taking{book: book, currency: c, format: format, report: r, record: ReportRecord{Digest: digest, Format: r.Format, MessageID: r.MessageID, Currency: c,
		ReceivedAt: s.now(), ReceivedBy: who(by)}}
	if err := t.find(ctx, tx, s); err != nil {
		return ReportRecord{}, err
	}
	moves, outcomes := t.judge()
	// Money that comes back is paid again. One person alone can forge a rejection of what the bank carries out.
	if t.record.Failed > 0 && by.Person != "" && slices.Contains(t.carriers, who(by)) {
		return ReportRecord{}, ErrReportOwn
	}
	if err := s.moveTx(ctx, tx, book, moves, evidence{report: digest}, t.record.ReceivedAt); err != nil {
		return ReportRecord{}, err
	}
	if err := s.answer(ctx, tx, t); err != nil {
		return ReportRecord{}, err
	}
	if err := t.write(ctx, tx, outcomes); err != nil {
		return ReportRecord{}, err
	}
	rec := t.record
	return rec, s.tell(ctx, tx, book, guard.Deed{Actor: by, Act: "bank_report.taken", Object: "bank_report:" + digest}, map[string]any{"currency": c, "file": rec.File,
		"accepted": rec.Accepted, "settled": rec.Settled, "failed": rec.Failed, "unchanged": rec.Unchanged, "strange": rec.Strange})
}

// find finds and locks what the report is about.
func (t *taking) find(ctx context.Context, tx pgx.Tx, s *Service) error {
	var numbers []int64
	if t.report.Original != "" {
		var number int64
		err := tx.QueryRow(ctx, sqlFileOfMessage, t.book.ID, t.currency, t.report.Original).Scan(&number)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrReportFile
		}
		if err != nil {
			return fmt.Errorf("find the file of a report: %w", err)
		}
		numbers = append(numbers, number)
	}
	ids, err := t.named(ctx, tx, numbers)
	if err != nil {
		return err
	}
	if err := t.findPayments(ctx, tx, ids, numbers); err != nil {
		return err
	}
	if err := fitting(t.report, t.of); err != nil {
		return err
	}
	for _, p := range t.of {
		numbers = append(numbers, p.File)
	}
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	companies := make(map[int64]string, len(numbers))
	for _, number := range numbers {
		f, err := lockFile(ctx, tx, t.book, t.currency, number)
		if err != nil {
			return err
		}
		if f.FetchedAt.IsZero() || f.Format != t.format {
			return ErrReportFile // nobody can have brought it to the bank, or none answers so
		}
		a, err := s.account(ctx, tx, t.book, t.currency, f.version)
		if err != nil {
			return err
		}
		companies[number] = a.Debtor.Originator
		t.carriers = append(t.carriers, f.FetchedBy, f.SentBy)
		if len(numbers) == 1 {
			t.file, t.record.File = &f, number
		}
	}
	if err := foreign(t.report, func(i int, company string) bool { return companies[t.of[i].File] == company }); err != nil {
		return err
	}
	if t.report.Original != "" && !t.report.Agrees(Totals{Lines: t.file.Lines, Sum: t.file.Sum}, t.currency) {
		return ErrReportTotals
	}
	return nil
}

// named returns the ids of the payments that the items name, nothing for an item that names none.
func (t *taking) named(ctx context.Context, tx pgx.Tx, numbers []int64) ([]*string, error) {
	var files []int64
	var lines []int
	var ids, traces []string
	for _, item := range t.report.Items {
		files, lines, ids, traces = append(files, item.File), append(lines, item.Line), append(ids, item.EndToEnd), append(traces, item.Trace)
	}
	in := int64(0)
	if len(numbers) > 0 {
		in = numbers[0]
	}
	found, err := tx.Query(ctx, sqlPaymentsNamed, t.book.ID, t.currency, files, lines, ids, traces, in)
	if err != nil {
		return nil, fmt.Errorf("find the payments of a report: %w", err)
	}
	named, err := pgx.CollectRows(found, pgx.RowTo[*string])
	if err != nil {
		return nil, fmt.Errorf("find the payments of a report: %w", err)
	}
	return named, nil
}

// findPayments locks the payments that items name, and all of the file where the bank speaks of it as a whole.
func (t *taking) findPayments(ctx context.Context, tx pgx.Tx, named []*string, numbers []int64) (err error) {
	if t.report.Group != "" && len(numbers) == 1 {
		t.lines, err = payments(ctx, tx, sqlLockLines, t.book.ID, t.currency, numbers[0])
	} else {
		var ids []string
		for _, id := range named {
			if id != nil {
				ids = append(ids, *id)
			}
		}
		t.lines, err = payments(ctx, tx, sqlLockPayments, t.book.ID, ids)
	}
	if err != nil {
		return err
	}
	byID := make(map[string]*Payment, len(t.lines))
	for i := range t.lines {
		byID[t.lines[i].ID] = &t.lines[i]
	}
	t.of = make([]*Payment, len(named))
	for i, id := range named {
		if id == nil {
			continue
		}
		// A payment that waits again since its file became void, or one of another file, is none of this one.
		if p := byID[*id]; p != nil && p.Currency == t.currency && p.File > 0 && (len(numbers) == 0 || p.File == numbers[0]) {
			t.of[i] = p
		}
	}
	return nil
}

// judge decides about each payment. An item counts more than what is said of the whole file. Of a payment that is spoken of more
// than once, each word is judged by what it has become through those before, and it moves to where the last leaves it.
func (t *taking) judge() (moves []movement, outcomes []string) {
	spoken := map[string]bool{}
	at := map[string]int{}
	take := func(p *Payment, v verdict) {
		t.record.count(v.outcome)
		if v.move.state == "" {
			return
		}
		if i, moved := at[p.ID]; moved {
			moves[i] = v.move
		} else {
			at[p.ID], moves = len(moves), append(moves, v.move)
		}
		p.State, p.Code = v.move.state, v.move.code
	}
	for i, item := range t.report.Items {
		p := t.of[i]
		spoken[p.ID] = true
		v := judgeItem(*p, item.Status, item.Code, item.Correction)
		if item.OfFile {
			v = judgeFile(*p, item.Status, item.Code)
		}
		outcomes = append(outcomes, v.outcome)
		take(p, v)
	}
	switch t.report.Group {
	case Accepted, Settled, Rejected:
		for i := range t.lines {
			p := &t.lines[i]
			if spoken[p.ID] {
				continue
			}
			v := judgeFile(*p, t.report.Group, t.report.GroupCode)
			if take(p, v); v.outcome == outcomeStrange { // a person has to know of which
				t.contradicted = append(t.contradicted, *p)
			}
		}
	case Other:
		t.record.count(outcomeStrange)
	case Partial:
		if t.file.State == FileVoid { // the bank carries out a part of what two people have said it would not
			t.record.count(outcomeStrange)
		}
	}
	return moves, outcomes
}

// answer notes with the files that the bank has answered.
func (s *Service) answer(ctx context.Context, tx pgx.Tx, t *taking) error {
	takes := map[int64]bool{}
	if t.file != nil {
		takes[t.file.Number] = takesUp(t.report.Group)
	}
	for i, p := range t.of {
		item := t.report.Items[i]
		takes[p.File] = takes[p.File] || item.Correction || takesUp(item.Status)
	}
	for _, number := range slices.Sorted(maps.Keys(takes)) {
		f, err := readFileRow(ctx, tx, t.book, t.currency, number)
		if err != nil {
			return err
		}
		var paidOn *time.Time
		if !f.PaidOn.IsZero() {
			if paidOn = &f.PaidOn; f.State == FileFetched { // nobody has said when it was sent, and it was at the latest now
				if paidOn, err = s.paidOn(ctx, tx, t.book, f, t.record.ReceivedAt); err != nil {
					return err
				}
			}
		}
		if _, err := tx.Exec(ctx, sqlAnswered, t.book.ID, t.currency, number, takes[number], paidOn); err != nil {
			return fmt.Errorf("note that a bank has answered: %w", err)
		}
		if err := s.closeTx(ctx, tx, t.book, t.currency, number); err != nil {
			return err
		}
	}
	return nil
}

// write writes the report down with its items.
func (t *taking) write(ctx context.Context, tx pgx.Tx, outcomes []string) error {
	r := t.record
	batch := &pgx.Batch{}
	batch.Queue(sqlInsertReport, t.book.ID, r.Digest, r.Format, r.MessageID, r.Currency, r.File, r.ReceivedAt, r.ReceivedBy, r.Accepted, r.Settled, r.Failed, r.Unchanged, r.Strange)
	var numbers []int
	var ids, said, codes []string
	var corrections []bool
	for i, item := range t.report.Items {
		numbers, ids, said = append(numbers, i+1), append(ids, t.of[i].ID), append(said, string(item.Status))
		codes, corrections = append(codes, item.Code), append(corrections, item.Correction)
	}
	for _, p := range t.contradicted {
		numbers, ids, said = append(numbers, len(numbers)+1), append(ids, p.ID), append(said, string(t.report.Group))
		codes, corrections, outcomes = append(codes, t.report.GroupCode), append(corrections, false), append(outcomes, outcomeStrange)
	}
	batch.Queue(sqlInsertItems, t.book.ID, r.Digest, numbers, ids, said, codes, outcomes, corrections)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write a bank's report down: %w", err)
	}
	return nil
}

func scanReport(row pgx.Row) (r ReportRecord, err error) {
	err = row.Scan(&r.Digest, &r.Format, &r.MessageID, &r.File, &r.Currency, &r.ReceivedAt, &r.ReceivedBy, &r.Accepted, &r.Settled, &r.Failed, &r.Unchanged, &r.Strange)
	r.ReceivedAt = r.ReceivedAt.In(time.UTC)
	return r, err
}

func readReport(ctx context.Context, from rows, book ledger.Book, digest string) (ReportRecord, error) {
	r, err := scanReport(from.QueryRow(ctx, sqlReport, book.ID, digest))
	if errors.Is(err, pgx.ErrNoRows) {
		return ReportRecord{}, ErrReportUnknown
	}
	if err != nil {
		return ReportRecord{}, fmt.Errorf("read a report: %w", err)
	}
	return r, nil
}

// Report returns one report by its digest. It returns ErrReportUnknown.
func (s *Service) Report(ctx context.Context, book ledger.Book, digest string) (ReportRecord, error) {
	return readReport(ctx, s.pool, book, digest)
}

// Reports returns the reports that were taken, the newest first: those before the one whose digest is given, the newest for an
// empty one, up to the limit and at most MaxPage.
func (s *Service) Reports(ctx context.Context, book ledger.Book, after string, limit int) ([]ReportRecord, error) {
	found, err := s.pool.Query(ctx, sqlReports, book.ID, after, page(limit))
	if err != nil {
		return nil, fmt.Errorf("list reports: %w", err)
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (ReportRecord, error) { return scanReport(row) })
}

// ReportItems returns what a report said of single payments, in its order: what comes after the item of the number given, up
// to the limit and at most MaxPage.
func (s *Service) ReportItems(ctx context.Context, book ledger.Book, digest string, after, limit int) ([]ReportItem, error) {
	found, err := s.pool.Query(ctx, sqlReportItems, book.ID, digest, after, page(limit))
	if err != nil {
		return nil, fmt.Errorf("list what a report said: %w", err)
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (i ReportItem, err error) {
		err = row.Scan(&i.Number, &i.Payment, &i.Code, &i.Said, &i.Outcome, &i.Correction)
		return i, err
	})
}
