package payouts

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
)

// Ending holds: releasing one, and paying what it holds to a court. Both take two people and a document (C-13).

// The acts on holds.
const (
	ActHoldReleased = "payout.hold_released"
	ActHoldExecuted = "payout.hold_executed"
)

// maxExecutions bounds how often a hold is paid out; each that came back is one.
const maxExecutions = 20

// releasePayload is what is asked for. Amount is ours: what the hold holds, so that both people agree to the same.
type holdReleasePayload struct {
	Hold   string `json:"hold"`
	Amount string `json:"amount"`
	// ToWrittenOff is the part that pays a debt of the payee which was written off before.
	ToWrittenOff string `json:"to_written_off,omitempty"`
}

// executionPayload pays a part of a hold, or all of it, to whoever a court names.
type holdExecutionPayload struct {
	Hold   string `json:"hold"`
	Amount string `json:"amount"`
	// Receiver is the payee under whose id the court or the authority is registered.
	Receiver string `json:"receiver"`
	// Destination and Number are ours: where it goes, and the how manieth payment of the hold it is.
	Destination string `json:"destination"`
	Number      int    `json:"number"`
}

func (s *Service) holdActs() []guard.Act {
	return []guard.Act{
		{Name: ActHoldReleased, Meaning: "A hold on a payee ends, and what it holds is the payee's again.", OfBook: true, Evidence: true, Effect: effectOf(s, s.releaseHoldAct), Run: runOf(s, s.runReleaseHold)},
		{Name: ActHoldExecuted, Meaning: "What a hold by a court or an authority holds is paid to whom it names.", OfBook: true, Evidence: true, Effect: effectOf(s, s.executeHoldAct), Run: runOf(s, s.runExecuteHold)},
	}
}

// references are the names of the runs that pay a hold out.
func (h Hold) references() []string {
	list := make([]string, maxExecutions)
	for i := range list {
		list[i] = referenceHold + h.ID + ":" + strconv.Itoa(i+1)
	}
	return list
}

// Holding returns what a hold holds now: what was blocked when it was placed and what was caught since, without what was paid
// to a court. Of a pause, and of a hold that was released, nothing.
func (s *Service) Holding(ctx context.Context, book ledger.Book, h Hold) (money.Minor, error) {
	if h.Effect == EffectPause || !h.ReleasedAt.IsZero() {
		return 0, nil
	}
	caught, err := s.events.Caught(ctx, book, h.ID)
	if err != nil {
		return 0, err
	}
	var executed money.Minor
	if err := s.pool.QueryRow(ctx, sqlExecuted, book.ID, h.references()).Scan(&executed, nil); err != nil {
		return 0, err
	}
	return h.Blocked + caught[h.Currency] - executed, nil
}

// standingHoldOf returns a hold that was not released, with what it holds.
func (s *Service) standingHoldOf(ctx context.Context, book ledger.Book, id string) (h Hold, holds money.Minor, err error) {
	if h, err = s.Hold(ctx, book, id); err == nil && !h.ReleasedAt.IsZero() {
		err = ErrHoldOver
	}
	if err == nil {
		holds, err = s.Holding(ctx, book, h)
	}
	return h, holds, err
}

// judgeRelease says what releasing a hold does.
func (s *Service) judgeRelease(ctx context.Context, book ledger.Book, p *holdReleasePayload) (Hold, guard.Effect, error) {
	h, holds, err := s.standingHoldOf(ctx, book, p.Hold)
	if err != nil {
		return h, guard.Effect{}, err
	}
	e := guard.Effect{Count: 1, Summary: fmt.Sprintf("Ends the hold %s (%s) on the %s %s.", h.ID, h.Category, h.Kind, h.PayeeKey.ID)}
	p.Amount = ""
	if h.Effect == EffectPause {
		if p.ToWrittenOff != "" {
			return h, e, ErrHoldInvalid.At("/to_written_off", "unexpected", "A pause holds no money. Leave it out.")
		}
		return h, e, nil
	}
	p.Amount = holds.Format(h.Currency)
	e.Totals = []guard.Amount{{Currency: string(h.Currency), Amount: p.Amount}}
	e.Largest = []guard.Movement{{Object: h.Kind + ":" + h.PayeeKey.ID, Direction: "credit", Amount: e.Totals[0]}}
	if p.ToWrittenOff != "" {
		part, err := money.ParseAmount(p.ToWrittenOff, h.Currency)
		if err != nil || part <= 0 || part > holds {
			return h, e, ErrHoldInvalid.At("/to_written_off", "range", "This is a part of what the hold holds, an amount above zero.")
		}
		e.Difference = append(e.Difference, p.ToWrittenOff+" "+string(h.Currency)+" of it pays a debt that was written off.")
	}
	if h.Category == CategoryLegal || h.Category == CategorySanctions {
		e.Warnings = append(e.Warnings, "A court or an authority is behind this hold. The document must show that it is lifted.")
	}
	return h, e, nil
}

func (s *Service) releaseHoldAct(ctx context.Context, book ledger.Book, p *holdReleasePayload) (guard.Effect, error) {
	_, effect, err := s.judgeRelease(ctx, book, p)
	return effect, err
}

func (s *Service) runReleaseHold(ctx context.Context, tx pgx.Tx, a guard.Approval, book ledger.Book, p holdReleasePayload) (map[string]any, error) {
	h, err := s.releaseHoldTx(ctx, tx, deedBy(a), book, p, a.Document)
	if err != nil {
		return nil, err
	}
	return map[string]any{"object": payeeSubject(h.PayeeKey.ID), "hold": h.ID, "released_at": h.ReleasedAt, "amount": p.Amount}, nil
}

// ReleaseHold releases a hold without a second person, which is for development on one machine. The document is needed all
// the same.
func (s *Service) ReleaseHold(ctx context.Context, by guard.Actor, book ledger.Book, payload json.RawMessage, document, why string) (h Hold, err error) {
	var p holdReleasePayload
	if err := guard.ReadPayload(payload, &p); err != nil {
		return Hold{}, err
	}
	if document == "" || !isLine(document, 255) {
		return Hold{}, ErrHoldInvalid.At("/document", "required", "Name the document that shows that the hold is over.")
	}
	if _, _, err := s.judgeRelease(ctx, book, &p); err != nil {
		return Hold{}, err
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		h, err = s.releaseHoldTx(ctx, tx, guard.Deed{Actor: by, Why: why}, book, p, document)
		return err
	})
	if err != nil {
		return Hold{}, err
	}
	return h, nil
}

// releaseHoldTx ends a hold: its flag comes down, what it holds is given back, and it says by which document. It returns
// guard.ErrApprovalChanged if it holds something else than was agreed to.
func (s *Service) releaseHoldTx(ctx context.Context, tx pgx.Tx, by guard.Deed, book ledger.Book, p holdReleasePayload, document string) (Hold, error) {
	if err := s.ledger.LockTx(ctx, tx, book); err != nil {
		return Hold{}, err
	}
	h, err := holdOf(tx.QueryRow(ctx, sqlLockHold, book.ID, p.Hold))
	switch {
	case err != nil:
		return Hold{}, err
	case !h.ReleasedAt.IsZero():
		return Hold{}, ErrHoldOver
	}
	now := p
	if _, _, err := s.judgeRelease(within(ctx, tx), book, &now); err != nil {
		return Hold{}, err
	}
	if now != p {
		return Hold{}, guard.ErrApprovalChanged
	}
	h.ReleasedAt, h.Approval, h.Document = s.now(), by.Approval, document
	if _, err := tx.Exec(ctx, sqlEndHold, book.ID, h.ID, h.ReleasedAt, h.Approval, h.Document); err != nil {
		return Hold{}, err
	}
	if h.Effect != EffectPause {
		if err := s.giveBackTx(ctx, tx, book, h, p); err != nil {
			return Hold{}, err
		}
	}
	mark := h.mark()
	mark.Given = p.Amount
	return h, s.tellTx(ctx, tx, by, book, "payout_hold.released", payeeSubject(h.PayeeKey.ID), nil, mark)
}

// giveBackTx takes the hold's flag down, and posts what it gives back.
func (s *Service) giveBackTx(ctx context.Context, tx pgx.Tx, book ledger.Book, h Hold, p holdReleasePayload) error {
	if err := s.events.ReleaseBlockTx(ctx, tx, book, h.ID); err != nil && fault.CodeOf(err) != commerce.ErrBlockUnknown.Code {
		return err
	}
	amount, err := money.ParseAmount(p.Amount, h.Currency)
	if err != nil || amount == 0 {
		return err
	}
	_, err = s.events.PostTx(ctx, tx, book, []commerce.Event{commerce.Own(&commerce.HoldReleased{HoldTerms: h.terms(amount), WrittenOff: p.ToWrittenOff}, h.ReleasedAt)})
	return err
}

// judgeExecution says what paying a hold out does.
func (s *Service) judgeExecution(ctx context.Context, book ledger.Book, p *holdExecutionPayload) (Hold, Destination, money.Minor, guard.Effect, error) {
	none := func(h Hold, err error) (Hold, Destination, money.Minor, guard.Effect, error) {
		return h, Destination{}, 0, guard.Effect{}, err
	}
	h, holds, err := s.standingHoldOf(ctx, book, p.Hold)
	if err != nil {
		return none(h, err)
	}
	if h.Category != CategoryLegal || h.Effect == EffectPause {
		return none(h, ErrHoldInvalid.At("/hold", "hold-category", "Only what a court or an authority has blocked (category legal) is paid to somebody else."))
	}
	amount, err := money.ParseAmount(p.Amount, h.Currency)
	if err != nil || amount <= 0 || amount > holds {
		return none(h, ErrHoldInvalid.At("/amount", "range", "The amount is above zero and at most what the hold holds."))
	}
	if p.Receiver == h.PayeeKey.ID {
		return none(h, ErrHoldInvalid.At("/receiver", "unexpected", "The payee itself gets its money by releasing the hold."))
	}
	known, err := s.factsOf(ctx, book, []PayeeKey{{ID: p.Receiver}}, s.now())
	if err != nil {
		return none(h, err)
	}
	to := known[PayeeKey{ID: p.Receiver}].destinationIn(string(h.Currency))
	if to.State != DestinationActive || to.CoolingUntil.After(s.now()) {
		return none(h, ErrHoldInvalid.At("/receiver", "hold-destination", "The receiver has no active destination whose cooling-off is over. Register the court as a payee, and give it one."))
	}
	if err := s.pool.QueryRow(ctx, sqlExecutions, book.ID, h.references()).Scan(&p.Number); err != nil {
		return none(h, err)
	}
	if p.Number++; p.Number > maxExecutions {
		return none(h, ErrHoldInvalid.At("/hold", "range", "A hold is paid out 20 times at most. Release it, and place another."))
	}
	p.Destination = to.ID
	total := guard.Amount{Currency: string(h.Currency), Amount: amount.Format(h.Currency)}
	e := guard.Effect{Count: 1, Summary: fmt.Sprintf("Pays %s %s of the hold %s on the %s %s to %s.", total.Amount, total.Currency, h.ID, h.Kind, h.PayeeKey.ID, p.Receiver),
		Totals: []guard.Amount{total}, Largest: []guard.Movement{{Object: h.Kind + ":" + h.PayeeKey.ID, Direction: "debit", Amount: total}},
		Warnings: []string{"The payee loses this money. The document must show who orders it, and how much."}}
	return h, to, amount, e, nil
}

func (s *Service) executeHoldAct(ctx context.Context, book ledger.Book, p *holdExecutionPayload) (guard.Effect, error) {
	_, _, _, effect, err := s.judgeExecution(ctx, book, p)
	return effect, err
}

func (s *Service) runExecuteHold(ctx context.Context, tx pgx.Tx, a guard.Approval, book ledger.Book, p holdExecutionPayload) (map[string]any, error) {
	if err := s.ledger.LockTx(ctx, tx, book); err != nil {
		return nil, err
	}
	now := p
	h, to, amount, _, err := s.judgeExecution(within(ctx, tx), book, &now)
	switch {
	case err != nil:
		return nil, err
	case now != p:
		return nil, guard.ErrApprovalChanged
	}
	paid, err := s.PaySpecialTx(ctx, tx, deedBy(a), book, Special{Holder: h.holder(), Receiver: p.Receiver, Source: commerce.SourceBlocked, Amount: amount, To: to,
		Reference: h.references()[p.Number-1], Reason: "The hold " + h.ID + " is carried out."})
	if err != nil {
		return nil, err
	}
	return map[string]any{"object": payeeSubject(h.PayeeKey.ID), "hold": h.ID, "payout": paid.ID, "amount": p.Amount}, nil
}
