package payouts

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
)

// Attaching a payout to money that an event has put in transit: a seller's deposit that is given back (M-28), or a minor's
// trust that goes to its custodian (W-10). The event says whose money it is, who gets it and how much; two people agree where
// it is sent.

// ActAttached is the act by which money that waits in transit gets its payout.
const ActAttached = "payout.attached"

var (
	// ErrAttachEvent means that the transaction has put no money in transit that waits for a payout.
	ErrAttachEvent = fault.New(fault.Invalid, "payout-attach-event", "Only a deposit that is given back, or a trust that is disbursed, waits for its payout, and only as long as it is not reversed. Name the transaction of such an event.")
	// ErrAttached means that the money has its payout.
	ErrAttached = fault.New(fault.Conflict, "payout-attached", "This transaction has its payout already. Look at the payouts of the payee; if the money came back, record the event anew.")
	// ErrAttachOrder means that the money of the same account is attached in another order than it was put in transit.
	ErrAttachOrder = fault.New(fault.Conflict, "payout-attach-order", "Other money of the same account was put in transit earlier and waits for its payout. Attach that first, or reverse it.")
	// ErrAttachDestination means that the receiver has no place where the money may be sent now.
	ErrAttachDestination = fault.New(fault.Conflict, "payout-attach-destination", "The receiver has no active destination for this currency whose name matches and whose cooling-off is over. Give it one, or wait, and ask again.")
)

// attachable are the events that put money in transit without a payout, and the sources that they take it from.
var attachable = map[string]string{
	"seller_deposit.refunded": commerce.SourceDeposit,
	"minor_trust.disbursed":   commerce.SourceTrust,
}

const (
	// The payouts of an account follow each other in the order of the ledger (see the lines), so what was put in transit
	// earlier is attached earlier. What lies before the last payout is over.
	sqlAttachFirst = `
SELECT coalesce(last.at, 0),
       coalesce((SELECT min(e.sequence) FROM entries e
                  WHERE e.book_id = $1 AND e.account_id = a.id AND e.sequence > coalesce(last.at, 0) AND e.sequence < $4 AND e.amount > 0
                    AND EXISTS (SELECT FROM transactions t WHERE t.book_id = $1 AND t.sequence = e.sequence AND t.event = $5)
                    AND NOT EXISTS (SELECT FROM transaction_links l WHERE l.book_id = $1 AND l.kind = 'reverses' AND l.target = e.sequence)), 0)
  FROM accounts a
 CROSS JOIN LATERAL (SELECT max(p.created_sequence) AS at FROM payouts p WHERE p.book_id = $1 AND p.account_id = a.id) last
 WHERE a.book_id = $1 AND a.address = $2 AND a.currency = $3 LIMIT 1`

	sqlAttachedTo = `SELECT ` + payoutColumns + ` FROM payouts p WHERE p.book_id = $1 AND p.created_sequence = $2`
)

// attachPayload is what is asked for. Destination is ours, so that both people agree to the same; what a caller writes there
// is replaced.
type attachPayload struct {
	Transaction string `json:"transaction"`
	Destination string `json:"destination"`
}

// attachActs are the acts of this file.
func (s *Service) attachActs() []guard.Act {
	return []guard.Act{{Name: ActAttached, Meaning: "A deposit that is given back, or a trust that goes to its custodian, is sent by a payout.", OfBook: true,
		Effect: effectOf(s, s.attachAct), Run: runOf(s, s.runAttach)}}
}

// waitingOf reads off a recorded transaction what waits in transit, without where it is sent. It returns ErrAttachEvent.
func waitingOf(t ledger.Transaction) (Special, error) {
	source := attachable[t.Event]
	if source == "" || t.Reverses != 0 || len(t.Entries) != 2 {
		return Special{}, ErrAttachEvent
	}
	from, to := t.Entries[0], t.Entries[1]
	if from.Amount < 0 {
		from, to = to, from
	}
	kind := "seller"
	if source == commerce.SourceTrust {
		kind = "creator"
	}
	x := Special{Holder: Holder{PayeeKey{Kind: kind}, from.Currency}, Source: source, Sequence: t.Sequence, Amount: from.Amount,
		Reference: referenceAttached + t.ID(), Reason: "The transaction " + t.ID() + " put it in transit."}
	var has, goes bool
	x.Holder.ID, has = strings.CutPrefix(string(from.Account), string(sourceAddress(x.Holder, source)))
	x.Receiver, goes = strings.CutPrefix(string(to.Account), string(inTransit("")))
	if !has || !goes || x.Holder.ID == "" || x.Receiver == "" || to.Amount != -from.Amount || to.Currency != from.Currency {
		return Special{}, ErrAttachEvent
	}
	return x, nil
}

// waiting finds what a transaction put in transit, and that its payout is the next one of its account.
func (s *Service) waiting(ctx context.Context, book ledger.Book, sequence int64) (Special, error) {
	t, err := s.ledger.Transaction(ctx, book, sequence)
	if err != nil {
		return Special{}, err
	}
	x, err := waitingOf(t)
	if err != nil {
		return Special{}, err
	}
	links, err := s.ledger.LinksTo(ctx, book, sequence)
	if err != nil {
		return Special{}, err
	}
	if links.ReversedBy != 0 {
		return Special{}, ErrAttachEvent
	}
	var last, earlier int64
	if err := s.pool.QueryRow(ctx, sqlAttachFirst, book.ID, sourceAddress(x.Holder, x.Source), x.Holder.Currency, sequence, t.Event).Scan(&last, &earlier); err != nil {
		return Special{}, err
	}
	switch {
	case last == sequence: // since it was looked for
		return Special{}, ErrAttached
	case last > sequence || earlier != 0:
		return Special{}, ErrAttachOrder
	}
	return x, nil
}

// placeFor is where the receiver takes the currency now: a destination of its own that is active, with a name that is good
// enough for the policy, and with its cooling-off over. It returns ErrAttachDestination.
func (s *Service) placeFor(ctx context.Context, book ledger.Book, receiver string, c money.Currency) (Destination, error) {
	now := s.now()
	policy, err := s.PolicyFor(ctx, book, receiver, now)
	if err != nil {
		return Destination{}, err
	}
	key := PayeeKey{ID: receiver}
	known, err := s.factsOf(ctx, book, []PayeeKey{key}, now)
	if err != nil {
		return Destination{}, err
	}
	names := matter{p: policy}
	for _, d := range known[key].Destinations {
		// A minor's facts hold the destinations of its guardian, who is not its custodian.
		if d.Payee == receiver && d.State == DestinationActive && slices.Contains(d.Currencies, c) && names.nameStands(d.NameMatch) &&
			!d.CoolingUntil.After(now) && !d.ActiveSince.After(now) {
			return d, nil
		}
	}
	return Destination{}, ErrAttachDestination
}

// judgeAttach says what attaching does. It returns ErrAttached if it is done.
func (s *Service) judgeAttach(ctx context.Context, book ledger.Book, p *attachPayload) (Special, guard.Effect, error) {
	none := func(err error) (Special, guard.Effect, error) { return Special{}, guard.Effect{}, err }
	sequence, err := ledger.ParseTransactionID(book.Code, p.Transaction)
	if err != nil {
		return none(err)
	}
	if _, has, err := s.attachedTo(ctx, book, sequence); err != nil {
		return none(err)
	} else if has {
		return none(ErrAttached)
	}
	x, err := s.waiting(ctx, book, sequence)
	if err != nil {
		return none(err)
	}
	if x.To, err = s.placeFor(ctx, book, x.Receiver, x.Holder.Currency); err != nil {
		return none(err)
	}
	p.Destination = x.To.ID
	what := "the deposit"
	if x.Source == commerce.SourceTrust {
		what = "the trust"
	}
	total := guard.Amount{Currency: string(x.Holder.Currency), Amount: x.Amount.Format(x.Holder.Currency)}
	e := guard.Effect{Count: 1, Summary: fmt.Sprintf("Pays %s %s of %s of the %s %s, which %s put in transit, to %s.", total.Amount, total.Currency, what, x.Holder.Kind, x.Holder.ID, p.Transaction, x.Receiver),
		Totals: []guard.Amount{total}, Largest: []guard.Movement{{Object: x.Holder.Kind + ":" + x.Holder.ID, Direction: "debit", Amount: total}}}
	if x.To.FirstPaidAt.IsZero() {
		e.Warnings = append(e.Warnings, "Nothing has arrived at this destination yet.")
	}
	return x, e, nil
}

// attachedTo returns the payout that rests on a transaction.
func (s *Service) attachedTo(ctx context.Context, book ledger.Book, sequence int64) (paid Payout, has bool, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		paid, err = onePayout(ctx, tx, sqlAttachedTo, book.ID, sequence)
		return err
	})
	if fault.CodeOf(err) == ErrPayoutUnknown.Code {
		return Payout{}, false, nil
	}
	return paid, err == nil, err
}

func (s *Service) attachAct(ctx context.Context, book ledger.Book, p *attachPayload) (guard.Effect, error) {
	_, effect, err := s.judgeAttach(ctx, book, p)
	return effect, err
}

func (s *Service) runAttach(ctx context.Context, tx pgx.Tx, a guard.Approval, book ledger.Book, p attachPayload) (map[string]any, error) {
	paid, err := s.attachTx(ctx, tx, deedBy(a), book, p)
	if err != nil {
		return nil, err
	}
	return map[string]any{"object": payeeSubject(paid.Holder.ID), "transaction": p.Transaction, "payout": paid.ID, "amount": paid.Amount.Format(paid.Holder.Currency)}, nil
}

// attachTx creates the payout in the caller's transaction; a transaction that has its payout keeps it. It returns
// guard.ErrApprovalChanged if the money would be sent elsewhere than was agreed to.
func (s *Service) attachTx(ctx context.Context, tx pgx.Tx, by guard.Deed, book ledger.Book, p attachPayload) (Payout, error) {
	if err := s.ledger.LockTx(ctx, tx, book); err != nil {
		return Payout{}, err
	}
	sequence, err := ledger.ParseTransactionID(book.Code, p.Transaction)
	if err != nil {
		return Payout{}, err
	}
	if paid, has, err := s.attachedTo(within(ctx, tx), book, sequence); err != nil || has {
		return paid, err
	}
	now := p
	x, _, err := s.judgeAttach(within(ctx, tx), book, &now)
	switch {
	case err != nil:
		return Payout{}, err
	case now != p:
		return Payout{}, guard.ErrApprovalChanged
	}
	return s.PaySpecialTx(ctx, tx, by, book, x)
}
