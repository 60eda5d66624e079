package questions

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
	"mizan/ledger/vault"
	"mizan/payouts"
	"mizan/payouts/statements"
)

// Asking, answering, closing and reading. Each act leaves a row in the audit trail in its own transaction, without what was written.

// Options describe a Service. All but Statements are needed.
type Options struct {
	Pool    *postgres.Pool
	Vault   *vault.Vault
	Trail   *guard.Trail
	Payouts *payouts.Service
	// Statements are what can be asked about too; nil if there are none.
	Statements *statements.Service
	Now        func() time.Time
}

// Service keeps questions. It is safe for concurrent use, in one process or many.
type Service struct {
	pool       *postgres.Pool
	vault      *vault.Vault
	trail      *guard.Trail
	payouts    *payouts.Service
	statements *statements.Service
	clock      func() time.Time
}

// New returns the service in the database.
func New(o Options) *Service {
	return &Service{pool: o.Pool, vault: o.Vault, trail: o.Trail, payouts: o.Payouts, statements: o.Statements, clock: o.Now}
}

func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

const (
	questionColumns = `q.id, q.payee, q.kind, q.reference, q.about, q.about_id, q.line, q.code, q.currency, q.amount, q.question, q.asked_by, q.asked_at, q.state, q.answer,
       coalesce(q.answered_by, ''), q.answered_at, q.closed_at`
	sqlQuestion     = `SELECT ` + questionColumns + ` FROM payee_questions q WHERE q.book_id = $1 AND q.id = $2`
	sqlLockQuestion = sqlQuestion + ` FOR NO KEY UPDATE`
	// As a range in its order, only the unique key can answer it. As an equation, fresh statistics lead through all questions of the payee.
	sqlReferenced = `SELECT ` + questionColumns + ` FROM payee_questions q
 WHERE q.book_id = $1 AND q.payee = $2 AND q.reference >= $3 AND q.reference <= $3 ORDER BY q.reference LIMIT 1`

	// The bounds are read under the lock on the payee's row of the vault, one after the other. The last ones are taken in the order of their index,
	// for the same reason; those of the payee beside it, where its own end, are dropped.
	sqlAskedOften = `
SELECT (SELECT count(*) FROM (SELECT q.payee, q.asked_at FROM payee_questions q WHERE q.book_id = $1 AND (q.payee, q.asked_at) <= ($2, timestamptz 'infinity')
                              ORDER BY q.payee DESC, q.asked_at DESC LIMIT $4) x WHERE x.payee = $2 AND x.asked_at > $3) >= $4
    OR (SELECT count(*) FROM (SELECT FROM payee_questions q WHERE q.book_id = $1 AND q.payee = $2 AND q.state = 'open' LIMIT $5) x) >= $5`
	sqlAsk = `
INSERT INTO payee_questions (book_id, id, payee, kind, reference, about, about_id, line, code, currency, amount, question, asked_by, asked_at, state)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'open')`
	sqlAnswer = `UPDATE payee_questions SET state = 'answered', answer = $3, answered_by = $4, answered_at = $5 WHERE book_id = $1 AND id = $2`
	sqlClose  = `UPDATE payee_questions SET state = 'closed', closed_at = $3 WHERE book_id = $1 AND id = $2`

	sqlOfPayee = `
SELECT ` + questionColumns + ` FROM payee_questions q
 WHERE q.book_id = $1 AND q.payee = $2 AND (q.asked_at, q.id) < ($3, $4)
 ORDER BY q.asked_at DESC, q.id DESC LIMIT $5`
	sqlInState = `
SELECT ` + questionColumns + ` FROM payee_questions q
 WHERE q.book_id = $1 AND q.state = $2 AND (q.asked_at, q.id) > ($3, $4)
 ORDER BY q.asked_at, q.id LIMIT $5`
	sqlAnswered = `SELECT count(*) FROM (SELECT FROM payee_questions q WHERE q.book_id = $1 AND q.payee = $2 AND q.state = 'answered' LIMIT 100) x`
)

// Ask asks a question, which the payee or somebody in its name writes. The same under the same reference is answered as the first time.
// It returns ErrText, ErrAbout, ErrMany, ErrReused, and what the vault refuses.
func (s *Service) Ask(ctx context.Context, by guard.Actor, book ledger.Book, a Asking) (Question, error) {
	a, err := a.check()
	if err != nil {
		return Question{}, err
	}
	if known, err := s.asked(ctx, book, a); err != nil || known.ID != "" {
		return known, err
	}
	about, err := s.About(ctx, book, a.Payee, a.About)
	if err != nil {
		return Question{}, err
	}
	q := Question{ID: "qu_" + strings.ToLower(rand.Text()[:16]), Payee: a.Payee, About: about, State: Open, AskedBy: by.Kind + ":" + by.ID, Text: a.Text, reference: a.Reference}
	var once Question // asked by the same sending meanwhile
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		q.AskedAt = s.now()
		var err error
		if q.sealed, err = s.vault.SealTx(ctx, tx, ownerOf(book), subjectOf(a.Payee.ID), placeOf(q.ID, "question"), a.Text); err != nil {
			return err
		}
		if once, err = s.referenced(ctx, tx, book, a); err != nil || once.ID != "" {
			return err
		}
		often := false
		if err := tx.QueryRow(ctx, sqlAskedOften, book.ID, a.Payee.ID, q.AskedAt.Add(-24*time.Hour), mostADay, mostOpen).Scan(&often); err != nil {
			return err
		}
		if often {
			return ErrMany
		}
		if _, err := tx.Exec(ctx, sqlAsk, book.ID, q.ID, a.Payee.ID, a.Payee.Kind, a.Reference, about.Kind, about.ID, about.Line, about.Code, string(about.Currency), int64(about.Amount), q.sealed,
			q.AskedBy, q.AskedAt); err != nil {
			return err
		}
		return s.record(ctx, tx, by, book, "payee_question.asked", &q)
	})
	if err == nil && once.ID != "" {
		return once, nil
	}
	return q, err
}

// asked returns what was asked under the reference before, the zero question for nothing.
func (s *Service) asked(ctx context.Context, book ledger.Book, a Asking) (q Question, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		q, err = s.referenced(ctx, tx, book, a)
		return err
	})
	return q, err
}

// referenced is asked within a transaction.
func (s *Service) referenced(ctx context.Context, tx pgx.Tx, book ledger.Book, a Asking) (Question, error) {
	q, err := one(tx.Query(ctx, sqlReferenced, book.ID, a.Payee.ID, a.Reference))
	if errors.Is(err, ErrUnknown) {
		return Question{}, nil
	}
	if err == nil {
		err = s.openTx(ctx, tx, book, &q)
	}
	if err == nil && q.Erased { // nobody can tell any more whether it is the same
		err = vault.ErrErased
	}
	if err == nil && (q.Text != a.Text || q.Payee != a.Payee || q.Kind != a.About.Kind || q.About.ID != a.About.ID || q.Line != a.About.Line) {
		err = ErrReused
	}
	return q, err
}

// Answer answers an open question. The same answer of the same person again changes nothing, and is a reading. It returns ErrUnknown, ErrText, ErrState, and what the vault refuses.
func (s *Service) Answer(ctx context.Context, by guard.Actor, book ledger.Book, id, text string) (q Question, err error) {
	if text, err = plain(text); err != nil {
		return q, err
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		// The payee's row of the vault is locked before its question, by everybody.
		seen, err := one(tx.Query(ctx, sqlQuestion, book.ID, id))
		if err != nil {
			return err
		}
		sealed, err := s.vault.SealTx(ctx, tx, ownerOf(book), subjectOf(seen.Payee.ID), placeOf(id, "answer"), text)
		if err != nil {
			return err
		}
		if q, err = one(tx.Query(ctx, sqlLockQuestion, book.ID, id)); err != nil {
			return err
		}
		who := by.Kind + ":" + by.ID
		if q.State != Open {
			if q.AnsweredBy != who {
				return ErrState
			}
			if err := s.openTx(ctx, tx, book, &q); err != nil {
				return err
			}
			if q.Answer != text {
				return ErrState
			}
			return s.record(ctx, tx, by, book, "payee_question.read", &q)
		}
		q.State, q.reply, q.AnsweredBy, q.AnsweredAt = Answered, sealed, who, s.after(q.AskedAt)
		if _, err := tx.Exec(ctx, sqlAnswer, book.ID, id, q.reply, q.AnsweredBy, q.AnsweredAt); err != nil {
			return err
		}
		if err := s.openTx(ctx, tx, book, &q); err != nil {
			return err
		}
		return s.record(ctx, tx, by, book, "payee_question.answered", &q)
	})
	return q, err
}

// Close closes a question of the payee, answered or not. A closed one stays as it is. It returns ErrUnknown.
func (s *Service) Close(ctx context.Context, by guard.Actor, book ledger.Book, payee, id string) (q Question, err error) {
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		if q, err = one(tx.Query(ctx, sqlLockQuestion, book.ID, id)); err != nil {
			return err
		}
		if q.Payee.ID != payee {
			return ErrUnknown
		}
		if q.State != Closed {
			q.State, q.ClosedAt = Closed, s.after(q.AskedAt)
			if _, err := tx.Exec(ctx, sqlClose, book.ID, id, q.ClosedAt); err != nil {
				return err
			}
			if err := s.record(ctx, tx, by, book, "payee_question.closed", &q); err != nil {
				return err
			}
		}
		return s.openTx(ctx, tx, book, &q)
	})
	return q, err
}

// after is now, or the moment given if a clock runs behind the one that set it.
func (s *Service) after(at time.Time) time.Time {
	if now := s.now(); now.After(at) {
		return now
	}
	return at
}

// Own returns a question of the payee with what was written, or ErrUnknown.
func (s *Service) Own(ctx context.Context, book ledger.Book, payee, id string) (q Question, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		if q, err = one(tx.Query(ctx, sqlQuestion, book.ID, id)); err != nil {
			return err
		}
		if q.Payee.ID != payee {
			return ErrUnknown
		}
		return s.openTx(ctx, tx, book, &q)
	})
	return q, err
}

// Read returns a question with what was written, for the staff, and leaves a row in the audit trail. It returns ErrUnknown.
func (s *Service) Read(ctx context.Context, by guard.Actor, book ledger.Book, id string) (q Question, err error) {
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		if q, err = one(tx.Query(ctx, sqlQuestion, book.ID, id)); err != nil {
			return err
		}
		if err := s.openTx(ctx, tx, book, &q); err != nil {
			return err
		}
		return s.record(ctx, tx, by, book, "payee_question.read", &q)
	})
	return q, err
}

// Of lists a payee's questions without what was written, the newest first, before one of them; the zero question for the newest.
func (s *Service) Of(ctx context.Context, book ledger.Book, payee string, before Question, limit int) ([]Question, error) {
	at, id := before.AskedAt, before.ID
	if id == "" {
		at, id = s.now().AddDate(1000, 0, 0), "~"
	}
	return s.list(ctx, sqlOfPayee, book.ID, payee, at, id, min(max(limit, 1), MaxPage+1))
}

// In lists the questions of a book that stand in a state, without what was written, the oldest first, after one of them.
func (s *Service) In(ctx context.Context, book ledger.Book, state string, after Question, limit int) ([]Question, error) {
	return s.list(ctx, sqlInState, book.ID, state, after.AskedAt, after.ID, min(max(limit, 1), MaxPage+1))
}

// News counts the payee's questions that were answered and that it has not closed, up to 100.
func (s *Service) News(ctx context.Context, book ledger.Book, payee string) (n int, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error { return tx.QueryRow(ctx, sqlAnswered, book.ID, payee).Scan(&n) })
	return n, err
}

func (s *Service) list(ctx context.Context, sql string, args ...any) (list []Question, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, scan)
		return err
	})
	return list, err
}

func one(rows pgx.Rows, err error) (Question, error) {
	if err != nil {
		return Question{}, err
	}
	q, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrUnknown
	}
	return q, err
}

func scan(row pgx.CollectableRow) (q Question, err error) {
	var answered, closed *time.Time
	var currency string
	var amount int64
	err = row.Scan(&q.ID, &q.Payee.ID, &q.Payee.Kind, &q.reference, &q.Kind, &q.About.ID, &q.Line, &q.Code, &currency, &amount, &q.sealed, &q.AskedBy, &q.AskedAt, &q.State, &q.reply,
		&q.AnsweredBy, &answered, &closed)
	q.Currency, q.Amount, q.AskedAt = money.Currency(currency), money.Minor(amount), q.AskedAt.UTC()
	if answered != nil {
		q.AnsweredAt = answered.UTC()
	}
	if closed != nil {
		q.ClosedAt = closed.UTC()
	}
	return q, err
}

// openTx opens what was written; of a payee that was erased nothing can be read any more.
func (s *Service) openTx(ctx context.Context, tx pgx.Tx, book ledger.Book, q *Question) error {
	question, answer := placeOf(q.ID, "question"), placeOf(q.ID, "answer")
	sealed := map[string][]byte{question: q.sealed}
	if q.reply != nil {
		sealed[answer] = q.reply
	}
	texts, err := s.vault.OpenTx(ctx, tx, ownerOf(book), subjectOf(q.Payee.ID), sealed)
	if errors.Is(err, vault.ErrErased) {
		q.Erased = true
		return nil
	}
	q.Text, q.Answer = texts[question], texts[answer]
	return err
}

// record tells the trail what was done, and to what, without what was written.
func (s *Service) record(ctx context.Context, tx pgx.Tx, by guard.Actor, book ledger.Book, act string, q *Question) error {
	after, err := json.Marshal(map[string]string{"payee": q.Payee.ID, "about": q.Kind + ":" + q.About.ID, "line": q.Line, "state": q.State})
	if err != nil {
		return err
	}
	_, err = s.trail.RecordTx(ctx, tx, guard.Deed{Actor: by, Book: guard.Book{ID: int32(book.ID), Code: book.Code}, Act: act, Object: "question:" + q.ID, After: after})
	return err
}

func ownerOf(book ledger.Book) vault.Owner {
	return vault.Owner{Book: int32(book.ID), Region: book.Region}
}

func subjectOf(payee string) string { return "payee:" + payee }

// placeOf is where a text is kept, which its seal is bound to.
func placeOf(id, part string) string { return "payee_questions/" + id + "/" + part }
