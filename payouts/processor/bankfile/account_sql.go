package bankfile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

const (
	sqlAccounts = `
SELECT h.currency, a.version, a.document, a.recorded_at, a.approval
  FROM bank_account_heads h
 CROSS JOIN LATERAL (SELECT x.version, x.document, x.recorded_at, x.approval FROM bank_accounts x
        WHERE x.book_id = h.book_id AND x.currency = h.currency ORDER BY x.version DESC LIMIT 1) a
 WHERE h.book_id = $1 ORDER BY h.currency`
	sqlAccount = `
SELECT currency, version, document, recorded_at, approval FROM bank_accounts
 WHERE book_id = $1 AND currency = $2 AND ($3 = 0 OR version = $3) ORDER BY version DESC LIMIT 1`
	// What an account was over all its versions, of which each took two people.
	sqlAccountForms = `
SELECT DISTINCT document::jsonb #>> '{debtor,format}', coalesce(document::jsonb #>> '{debtor,originator}', '') FROM bank_accounts
 WHERE book_id = $1 AND currency = $2 ORDER BY 1, 2 LIMIT 1000`
	sqlMakeHead      = `INSERT INTO bank_account_heads (book_id, currency) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	sqlLockHead      = `SELECT files FROM bank_account_heads WHERE book_id = $1 AND currency = $2 FOR NO KEY UPDATE`
	sqlMoveHead      = `UPDATE bank_account_heads SET files = $3 WHERE book_id = $1 AND currency = $2`
	sqlInsertAccount = `INSERT INTO bank_accounts (book_id, currency, version, document, recorded_at, approval) VALUES ($1, $2, $3, $4, $5, $6)`
)

// Accounts returns the bank accounts of a book in their newest versions, by currency.
func (s *Service) Accounts(ctx context.Context, book ledger.Book) ([]Account, error) {
	rows, err := s.pool.Query(ctx, sqlAccounts, book.ID)
	if err != nil {
		return nil, fmt.Errorf("read bank accounts: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Account, error) { return scanAccount(row) })
}

func scanAccount(row pgx.Row) (a Account, err error) {
	var document string
	if err := row.Scan(&a.Currency, &a.Version, &document, &a.RecordedAt, &a.Approval); err != nil {
		return Account{}, err
	}
	var kept accountDocument
	if err := json.Unmarshal([]byte(document), &kept); err != nil {
		return Account{}, fmt.Errorf("read a bank account: %w", err)
	}
	a.Debtor, a.PaidAfter, a.RecordedAt = kept.Debtor.debtor(a.Currency), kept.PaidAfter, a.RecordedAt.UTC()
	return a, nil
}

// rows is what one row is read from: a pool or a transaction.
type rows interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// account returns a version of the account of a currency, the newest for 0. It returns ErrAccountMissing.
func (s *Service) account(ctx context.Context, from rows, book ledger.Book, c money.Currency, version int) (Account, error) {
	a, err := scanAccount(from.QueryRow(ctx, sqlAccount, book.ID, c, version))
	if errors.Is(err, pgx.ErrNoRows) {
		return Account{}, ErrAccountMissing
	}
	if err != nil {
		return Account{}, fmt.Errorf("read a bank account: %w", err)
	}
	return a, nil
}

// form is how a bank knew an account in some version of it: the format of its files, and the id that the company had there.
type form struct {
	format     Format
	originator string
}

// forms returns what an account was in all its versions. It returns ErrAccountMissing if there is none.
func (s *Service) forms(ctx context.Context, book ledger.Book, c money.Currency) ([]form, error) {
	found, err := s.pool.Query(ctx, sqlAccountForms, book.ID, c)
	if err != nil {
		return nil, fmt.Errorf("read a bank account: %w", err)
	}
	all, err := pgx.CollectRows(found, func(row pgx.CollectableRow) (f form, err error) { return f, row.Scan(&f.format, &f.originator) })
	if err == nil && len(all) == 0 {
		err = ErrAccountMissing
	}
	return all, err
}

// Acts returns what of this package waits for a second person. bookOf finds the book that an approval is about; with a context
// of postgres.Within it reads in that transaction.
func (s *Service) Acts(bookOf func(ctx context.Context, book guard.Book) (ledger.Book, error)) []guard.Act {
	return []guard.Act{
		{Name: ActAccount, Meaning: "A book pays by bank files from another own bank account from now on.", OfBook: true, Evidence: true,
			Effect: func(ctx context.Context, b guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
				book, err := bookOf(ctx, b)
				if err != nil {
					return nil, guard.Effect{}, err
				}
				return s.accountAct(ctx, book, payload)
			},
			Run: func(ctx context.Context, tx pgx.Tx, a guard.Approval) (json.RawMessage, error) {
				book, err := bookOf(postgres.Within(ctx, tx), a.Book)
				if err != nil {
					return nil, err
				}
				return s.runAccount(ctx, tx, book, a)
			}},
		{Name: ActVoid, Meaning: "A bank file that somebody has seen is not carried out; the money of its payments comes back.", OfBook: true, Evidence: true,
			Effect: func(ctx context.Context, b guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
				book, err := bookOf(ctx, b)
				if err != nil {
					return nil, guard.Effect{}, err
				}
				return s.voidAct(ctx, book, payload)
			},
			Run: func(ctx context.Context, tx pgx.Tx, a guard.Approval) (json.RawMessage, error) {
				book, err := bookOf(postgres.Within(ctx, tx), a.Book)
				if err != nil {
					return nil, err
				}
				return s.runVoid(ctx, tx, book, a)
			}},
	}
}

// judgeAccount says what setting an account would change.
func (s *Service) judgeAccount(ctx context.Context, book ledger.Book, payload json.RawMessage) (p accountPayload, e guard.Effect, err error) {
	if err := guard.ReadPayload(payload, &p); err != nil {
		return p, e, err
	}
	if err := p.judge(book); err != nil {
		return p, e, err
	}
	if _, err := p.kept(); err != nil {
		return p, e, err
	}
	old, err := s.account(ctx, s.pool, book, p.Currency, 0)
	if err != nil && fault.CodeOf(err) != ErrAccountMissing.Code {
		return p, e, err
	}
	next := p.Debtor.debtor(p.Currency)
	e.Count = 1
	e.Summary = fmt.Sprintf("The first bank account of the book %s in %s: its payouts by bank file leave from there.", book.Code, p.Currency)
	if old.Version > 0 {
		e.Summary = fmt.Sprintf("Another bank account of the book %s in %s: its payouts by bank file leave from there from the next file on.", book.Code, p.Currency)
		e.Difference = append(e.Difference, fmt.Sprintf("The account until now is version %d, set on %s.", old.Version, old.RecordedAt.Format(time.DateOnly)))
	}
	for _, field := range []struct{ name, was, is string }{{"Format", string(old.Debtor.Format), string(next.Format)}, {"Name", old.Debtor.Name, next.Name},
		{"Account", old.Debtor.Account, next.Account}, {"Bank", old.Debtor.Bank, next.Bank}, {"Name of the bank", old.Debtor.BankName, next.BankName},
		{"Id at the bank", old.Debtor.Originator, next.Originator}, {"Country", old.Debtor.Country, next.Country},
		{"Urgent", yes(old.Debtor.Urgent), yes(next.Urgent)}, {"Business days until silence counts as paid", days(old.PaidAfter), days(p.PaidAfter)}} {
		switch {
		case old.Version > 0 && field.was == field.is:
		case field.name == "Account":
			e.Difference = append(e.Difference, "The account ends in "+hint(field.is)+".")
		case field.is != "":
			e.Difference = append(e.Difference, field.name+": "+field.is+".")
		default:
			e.Difference = append(e.Difference, field.name+" goes.")
		}
	}
	if p.PaidAfter == 0 {
		e.Warnings = append(e.Warnings, "Payments count as paid only when the bank says so: see that it reports each of them.")
	}
	return p, e, nil
}

func yes(v bool) string {
	if v {
		return "yes"
	}
	return "no"
}

func days(n int) string {
	if n == 0 {
		return "never, only the bank's word counts"
	}
	return fmt.Sprint(n)
}

func (s *Service) accountAct(ctx context.Context, book ledger.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
	p, effect, err := s.judgeAccount(ctx, book, payload)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	kept, err := json.Marshal(p)
	return kept, effect, err
}

func (s *Service) runAccount(ctx context.Context, tx pgx.Tx, book ledger.Book, a guard.Approval) (json.RawMessage, error) {
	var p accountPayload
	if err := guard.ReadPayload(a.Payload, &p); err != nil {
		return nil, err
	}
	set, err := s.setAccountTx(ctx, tx, book, p, a.ID)
	if err != nil {
		return nil, err
	}
	// The trail's row of an act that runs by an approval is written by the desk.
	return json.Marshal(map[string]any{"object": "bank_account:" + string(set.Currency), "after": set.mark()})
}

// mark is what the trail keeps of an account.
func (a Account) mark() map[string]any {
	return map[string]any{"currency": a.Currency, "version": a.Version, "format": a.Debtor.Format, "account": hint(a.Debtor.Account), "bank": a.Debtor.Bank, "paid_after": a.PaidAfter}
}

func (s *Service) setAccountTx(ctx context.Context, tx pgx.Tx, book ledger.Book, p accountPayload, approval string) (Account, error) {
	if err := p.judge(book); err != nil {
		return Account{}, err
	}
	document, err := p.kept()
	if err != nil {
		return Account{}, err
	}
	if _, err := tx.Exec(ctx, sqlMakeHead, book.ID, p.Currency); err != nil {
		return Account{}, fmt.Errorf("set a bank account: %w", err)
	}
	if _, err := lockHead(ctx, tx, book, p.Currency); err != nil {
		return Account{}, err
	}
	old, err := s.account(ctx, tx, book, p.Currency, 0)
	if err != nil && fault.CodeOf(err) != ErrAccountMissing.Code {
		return Account{}, err
	}
	if _, err := tx.Exec(ctx, sqlInsertAccount, book.ID, p.Currency, old.Version+1, document, s.now(), approval); err != nil {
		return Account{}, fmt.Errorf("set a bank account: %w", err)
	}
	return s.account(ctx, tx, book, p.Currency, 0)
}

// lockHead makes others wait who would make files of the account or take reports for it, and returns the newest file's number.
// It returns ErrAccountMissing.
func lockHead(ctx context.Context, tx pgx.Tx, book ledger.Book, c money.Currency) (files int64, err error) {
	err = tx.QueryRow(ctx, sqlLockHead, book.ID, c).Scan(&files)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, ErrAccountMissing
	}
	if err != nil {
		return 0, fmt.Errorf("lock a bank account: %w", err)
	}
	return files, nil
}

// SetAccount sets a bank account without a second person, which is for development on one machine.
func (s *Service) SetAccount(ctx context.Context, by guard.Actor, book ledger.Book, payload json.RawMessage, why string) (a Account, err error) {
	if err := reasoned(why); err != nil {
		return Account{}, err
	}
	p, _, err := s.judgeAccount(ctx, book, payload)
	if err != nil {
		return Account{}, err
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		if a, err = s.setAccountTx(ctx, tx, book, p, ""); err != nil {
			return err
		}
		return s.tell(ctx, tx, book, guard.Deed{Actor: by, Why: why, Act: ActAccount, Object: "bank_account:" + string(a.Currency)}, a.mark())
	})
	return a, err
}

// tell writes a row of the book's trail. Whoever locks other things locks them first.
func (s *Service) tell(ctx context.Context, tx pgx.Tx, book ledger.Book, deed guard.Deed, after any) error {
	document, err := json.Marshal(after)
	if err != nil {
		return err
	}
	deed.Book, deed.After = guard.Book{ID: int32(book.ID), Code: book.Code}, document
	_, err = s.trail.RecordTx(ctx, tx, deed)
	return err
}

// who is the name under which somebody's doing is kept beside its object.
func who(by guard.Actor) string {
	if by.Person != "" {
		return by.Person
	}
	return by.ID
}
