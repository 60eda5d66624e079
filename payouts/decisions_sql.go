package payouts

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// Where decisions are kept, with the documents that they name.

const (
	decisionColumns = `d.run_id, d.kind, d.payee, d.currency, d.verdict, d.amount, d.fee, d.reasons, d.look_at, d.policy, d.inputs, d.decision, d.decided_at`

	// A probe for each: a join is planned as a scan of the whole run while the table's statistics are those of a day without it.
	sqlDecidedAlready = `
SELECT w.kind, w.payee, w.currency FROM unnest($3::text[], $4::text[], $5::text[]) AS w (kind, payee, currency)
 CROSS JOIN LATERAL (SELECT FROM payout_decisions d
                      WHERE d.book_id = $1 AND d.run_id = $2 AND d.kind = w.kind AND d.payee = w.payee AND d.currency = w.currency LIMIT 1) x`
	sqlKeepPolicy = `INSERT INTO payout_policy_texts (book_id, policy, document) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	sqlDecision   = `SELECT ` + decisionColumns + ` FROM payout_decisions d WHERE d.book_id = $1 AND d.run_id = $2 AND d.kind = $3 AND d.payee = $4 AND d.currency = $5`
)

var decisionColumnsNew = []string{"book_id", "run_id", "kind", "payee", "currency", "verdict", "amount", "fee", "reasons", "look_at", "policy", "inputs", "decision", "decided_at"}

// errPolicyName means that two documents go by one name, so that decisions could not be decided again.
var errPolicyName = fault.New(fault.Internal, "payout-policy-name", "Two payout policies go by the same name, so decisions could not be proved. Give the newer one a version of its own.")

// keepDecisionsTx stores the decisions of a run and the policies that they name.
func keepDecisionsTx(ctx context.Context, tx pgx.Tx, book ledger.Book, run string, list []candidate) error {
	kept := map[*Policy]bool{}
	rows := make([][]any, 0, len(list))
	for i := range list {
		c := &list[i]
		if !kept[c.policy] {
			kept[c.policy] = true
			if err := keepPolicyTx(ctx, tx, book, c.policy); err != nil {
				return err
			}
		}
		reasons := make([]string, len(c.decision.Reasons))
		for j, r := range c.decision.Reasons {
			reasons[j] = r.Code
		}
		rows = append(rows, []any{book.ID, run, c.Kind, c.ID, c.Currency, c.decision.Verdict, c.decision.Amount, c.decision.Fee, reasons,
			unless(c.decision.LookedAtAgain), c.policy.Name(), string(c.inputs.Canonical()), string(c.decision.Canonical()), c.inputs.Run.DecidedAt})
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"payout_decisions"}, decisionColumnsNew, pgx.CopyFromRows(rows)); err != nil {
		return err
	}
	return countReasonsTx(ctx, tx, book, run, list)
}

// keepPolicyTx keeps the document of a policy under its name.
func keepPolicyTx(ctx context.Context, tx pgx.Tx, book ledger.Book, p *Policy) error {
	document := p.Canonical()
	tag, err := tx.Exec(ctx, sqlKeepPolicy, book.ID, p.Name(), string(document))
	if err != nil || tag.RowsAffected() == 1 {
		return err
	}
	var kept string
	if err := tx.QueryRow(ctx, sqlPolicyText, book.ID, p.Name()).Scan(&kept); err != nil {
		return err
	}
	if kept != string(document) {
		return errPolicyName
	}
	return nil
}

// undecidedTx leaves out those of whom the run has decided already.
func undecidedTx(ctx context.Context, tx pgx.Tx, book ledger.Book, run string, list []candidate) ([]candidate, error) {
	holders := make([]Holder, len(list))
	for i := range list {
		holders[i] = list[i].Holder
	}
	kinds, payees, currencies := columnsOf(holders)
	rows, err := tx.Query(ctx, sqlDecidedAlready, book.ID, run, kinds, payees, currencies)
	if err != nil {
		return nil, err
	}
	decided := map[Holder]bool{}
	if _, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (h Holder, err error) {
		err = r.Scan(&h.Kind, &h.ID, &h.Currency)
		decided[h] = true
		return h, err
	}); err != nil {
		return nil, err
	}
	var left []candidate
	for _, c := range list {
		if !decided[c.Holder] {
			left = append(left, c)
		}
	}
	return left, nil
}

// scanDecision reads a row of decisionColumns.
func scanDecision(r pgx.CollectableRow) (d Decided, err error) {
	err = d.scan(r)
	return d, err
}

// scanChosen reads a row of decisionColumns, and whether a filter chose it.
func scanChosen(r pgx.CollectableRow) (d Decided, chosen bool, err error) {
	err = d.scan(r, &chosen)
	return d, chosen, err
}

// scan reads a row of decisionColumns and what follows it.
func (d *Decided) scan(r pgx.CollectableRow, more ...any) error {
	var look *time.Time
	var inputs, decision string
	err := r.Scan(append([]any{&d.Run, &d.Holder.Kind, &d.Holder.ID, &d.Holder.Currency, &d.Verdict, &d.Amount, &d.Fee, &d.Reasons, &look, &d.Policy, &inputs, &decision, &d.At}, more...)...)
	d.LookAt, d.At, d.Inputs, d.Decision = whenOf(look), d.At.UTC(), []byte(inputs), []byte(decision)
	return err
}

// Decision returns what a run decided about a holder. It returns ErrDecisionUnknown.
func (s *Service) Decision(ctx context.Context, book ledger.Book, run string, h Holder) (d Decided, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		d, err = decisionTx(ctx, tx, book, run, h)
		return err
	})
	return d, err
}

func decisionTx(ctx context.Context, tx pgx.Tx, book ledger.Book, run string, h Holder) (Decided, error) {
	rows, err := tx.Query(ctx, sqlDecision, book.ID, run, h.Kind, h.ID, string(h.Currency))
	if err != nil {
		return Decided{}, err
	}
	d, err := pgx.CollectExactlyOneRow(rows, scanDecision)
	if errors.Is(err, pgx.ErrNoRows) {
		return Decided{}, ErrDecisionUnknown
	}
	return d, err
}

// ErrReplay means that a stored decision does not follow from its stored inputs: one of them was changed behind Mizan's back,
// or this program decides otherwise than the one that decided.
var ErrReplay = fault.New(fault.Conflict, "payout-decision-broken", "The stored decision does not follow from its stored inputs. Keep the database as it is, and tell whoever runs Mizan.")

// Replay decides again from the stored inputs and the stored policy, and returns the decision if it is the same, byte for
// byte. It returns ErrDecisionUnknown or ErrReplay.
func (s *Service) Replay(ctx context.Context, book ledger.Book, run string, h Holder) (d Decided, err error) {
	var policy string
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		if d, err = decisionTx(ctx, tx, book, run, h); err != nil {
			return err
		}
		return tx.QueryRow(ctx, sqlPolicyText, book.ID, d.Policy).Scan(&policy)
	})
	if err != nil {
		return Decided{}, err
	}
	again, err := Replay(d.Inputs, []byte(policy))
	if err != nil {
		return Decided{}, ErrReplay.Because(err)
	}
	if !bytes.Equal(again, d.Decision) {
		return Decided{}, ErrReplay
	}
	return d, nil
}

// noRows is the error unless it says that there is no row.
func noRows(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	return err
}
