package payouts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Recovering takes what a payee owes from what else the payee has here, in the order of W-22. The reserve of the same order
// and the next credits pay by themselves, in the books. Here follow the reserves of other orders, the deposit, and other
// shops of the same owner; a card is charged and a debt is written off by people only. Donations, trusts and blocked money
// are never touched, and nothing but the shop's own reserves without a document in which the owner agreed (C-14).

const (
	debtPage = 500
	// reservesAtOnce and shopsAtOnce bound what one debt takes in one day; the next day goes on.
	reservesAtOnce = 200
	shopsAtOnce    = 50
)

// debtTerms are the terms of debts in a book; in a book without a policy, the usual order and no threshold.
func (s *Service) debtTerms(ctx context.Context, book ledger.Book) (Debts, error) {
	p, err := s.PolicyAt(ctx, book, s.now())
	if errors.Is(err, ErrPolicyMissing) {
		return Debts{RecoveryOrder: slices.Clone(recoveryWays), WriteOffDays: 180}, nil
	}
	if err != nil {
		return Debts{}, err
	}
	return p.Debt, nil
}

// recovery is one turn of recovering.
type recovery struct {
	*Service
	turn  Turn
	terms Debts
	// began is when the walk began: a debt that was looked at before is paid.
	began                      time.Time
	found, tried, failed, paid int64
	// stuck are the payees of whom nothing could be found out, because of a defect.
	stuck int64
}

// Recover finds the debts of a book, recovers what it may, and notes the rest.
func (s *Service) Recover(ctx context.Context, t Turn) (Report, error) {
	terms, err := s.debtTerms(ctx, t.Book)
	if err != nil {
		return Report{}, err
	}
	r := &recovery{Service: s, turn: t, began: s.now(), terms: terms}
	for _, kind := range earningKinds {
		if err := r.walk(ctx, kind); err != nil {
			return Report{}, err
		}
	}
	if r.stuck > 0 {
		return Report{}, errPanicked
	}
	return Report{Text: fmt.Sprintf("%d payees owe; %d recoveries were made, %d failed, %d debts are gone.", r.found, r.tried, r.failed, r.paid), Items: r.found}, nil
}

// walk goes through what is available to the payees of a kind, in pages.
func (r *recovery) walk(ctx context.Context, kind string) error {
	prefix := string(Holder{PayeeKey: PayeeKey{Kind: kind}}.available())
	for after := (accountNow{}); ; {
		page, err := r.accountsPage(ctx, r.turn.Book, prefix, after, debtPage)
		if err != nil {
			return err
		}
		from, _ := holderOf(after.address, after.currency)
		to := Holder{}
		if len(page) == debtPage {
			after = page[len(page)-1]
			to, _ = holderOf(after.address, after.currency)
		}
		known, err := r.debtsIn(ctx, r.turn.Book, kind, from, to)
		if err != nil {
			return err
		}
		if err := r.page(ctx, page, known); err != nil {
			return err
		}
		if len(page) < debtPage {
			return nil
		}
	}
}

// page deals with those of a page who owe, and with those who owed before.
func (r *recovery) page(ctx context.Context, page []accountNow, known []Debt) error {
	var debts []Debt
	var wanted []Proposal
	var objects []string
	for _, a := range page {
		h, ok := holderOf(a.address, a.currency)
		if !ok || a.amount >= 0 {
			continue
		}
		n := slices.IndexFunc(known, func(d Debt) bool { return d.Holder == h })
		var before Debt
		if n >= 0 {
			before = known[n]
		}
		var d Debt
		var w []Proposal
		err := r.safely(func() (err error) {
			d, w, err = r.one(ctx, h, before)
			return err
		}, "book", r.turn.Book.Code, "kind", h.Kind, "payee", h.ID, "currency", string(h.Currency))
		if errors.Is(err, errPanicked) { // what is known of the debt stays
			r.stuck++
			known = slices.DeleteFunc(known, func(k Debt) bool { return k.Holder == h })
			continue
		}
		if err != nil {
			return err
		}
		if d.Amount > 0 {
			debts, wanted = append(debts, d), append(wanted, w...)
		}
	}
	known = slices.DeleteFunc(known, func(k Debt) bool {
		return slices.ContainsFunc(debts, func(d Debt) bool { return d.Holder == k.Holder })
	})
	for _, d := range slices.Concat(debts, known) {
		objects = append(objects, d.Kind+":"+d.ID+" "+string(d.Currency))
	}
	if len(objects) == 0 {
		return nil
	}
	r.found, r.paid = r.found+int64(len(debts)), r.paid+int64(len(known))
	return r.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		if err := r.turn.check(ctx, tx); err != nil {
			return err
		}
		for _, d := range known {
			if err := r.paidTx(ctx, tx, r.turn.Book, d.Holder); err != nil {
				return err
			}
		}
		for _, d := range debts {
			if err := r.keepDebtTx(ctx, tx, r.turn.Book, d); err != nil {
				return err
			}
		}
		return r.proposeTx(ctx, tx, r.turn.Book, []string{ProposeCard, ProposeWriteOff}, objects, wanted, r.now())
	})
}

// one recovers what it may of one payee in one currency, of whose debt something may be known from before, and says what is left and what people could do about it.
func (r *recovery) one(ctx context.Context, h Holder, before Debt) (d Debt, wanted []Proposal, err error) {
	looked := r.now()
	o, err := r.owingNow(ctx, r.turn.Book, h)
	if err != nil || o.available >= 0 {
		return d, nil, err
	}
	owner, err := r.ownerOf(ctx, r.turn.Book, h.ID)
	if err != nil {
		return d, nil, err
	}
	if frozen, err := r.frozen(ctx, r.turn.Book, h.PayeeKey); err != nil {
		return d, nil, err
	} else if !frozen {
		for _, way := range r.terms.RecoveryOrder {
			var gone bool
			if o, gone, err = r.way(ctx, way, o, owner); err != nil {
				return d, nil, err
			}
			if gone {
				d.Tried, d.TriedAt = append(d.Tried, way), looked
			}
			if o.missing() == 0 {
				break
			}
		}
	}
	d.Holder, d.Amount, d.LookedAt = h, o.debt(), looked
	if d.Amount == 0 {
		return d, nil, nil
	}
	d.Stage = stageOf(r.terms, d.Amount, h.Currency)
	if d.Since, err = r.owingSince(ctx, r.turn.Book, o, before.Since, before.LookedAt); err != nil {
		return d, nil, err
	}
	return d, r.wanted(d, o, owner), nil
}

// way tries one way of recovery and reads again what the payee has. It says whether something was taken.
func (r *recovery) way(ctx context.Context, way string, o owing, owner ownedBy) (owing, bool, error) {
	var gone bool
	var err error
	consent := owner.setOff != ""
	switch {
	case way == RecoverOtherReserve && o.Kind == KindSeller && o.reserve > 0:
		gone, err = r.fromReserves(ctx, &o)
	case way == RecoverDeposit && o.Kind == KindSeller && o.deposit > 0 && consent:
		gone, err = r.fromDeposit(ctx, &o)
	case way == RecoverOtherShops && o.Kind == KindSeller && consent && owner.owner != "":
		gone, err = r.fromShops(ctx, &o, owner)
	}
	return o, gone, err
}

func (r *recovery) fromReserves(ctx context.Context, o *owing) (gone bool, err error) {
	list, err := r.ordersWithReserve(ctx, r.turn.Book, o.Holder, reservesAtOnce)
	if err != nil {
		return false, err
	}
	for _, w := range list {
		if o.missing() == 0 || o.reserve <= 0 {
			break
		}
		_, order, _ := strings.Cut(w.Subject, ":")
		amount := min(w.Amount, o.missing(), o.reserve)
		done, err := r.take(ctx, o, commerce.Own(&commerce.ReserveApplied{Order: order, Recovery: recoveryID(*o, w.Subject), Amount: amount.Format(o.Currency)}, time.Time{}))
		if err != nil {
			return gone, err
		}
		gone = gone || done
	}
	return gone, nil
}

func (r *recovery) fromDeposit(ctx context.Context, o *owing) (bool, error) {
	id := recoveryID(*o, "deposit")
	return r.take(ctx, o, commerce.Event{Type: "seller_deposit.applied", Reference: "seller_deposit.applied:" + id, Data: &commerce.DepositApplied{
		Application: id, Seller: o.ID, Currency: string(o.Currency), Amount: min(o.deposit, o.missing()).Format(o.Currency), Reason: "debt"}})
}

func (r *recovery) fromShops(ctx context.Context, o *owing, owner ownedBy) (gone bool, err error) {
	shops, err := r.shopsOf(ctx, r.turn.Book, owner.owner, o.ID, shopsAtOnce)
	if err != nil {
		return false, err
	}
	for _, shop := range shops {
		if o.missing() == 0 {
			break
		}
		other, err := r.owingNow(ctx, r.turn.Book, Holder{PayeeKey{KindSeller, shop.payee}, o.Currency})
		if err != nil {
			return gone, err
		}
		if other.available <= 0 {
			continue
		}
		id := recoveryID(*o, shop.payee+"@"+strconv.FormatInt(other.sequence, 10))
		done, err := r.take(ctx, o, commerce.Event{Type: "debt.recovered_from_other_shop", Reference: "debt.recovered_from_other_shop:" + id,
			Data: &commerce.DebtRecoveredElsewhere{Recovery: id, From: shop.payee, To: o.ID, Currency: string(o.Currency),
				Amount: min(other.available, o.missing()).Format(o.Currency), Consent: shop.setOff}})
		if err != nil {
			return gone, err
		}
		gone = gone || done
	}
	return gone, nil
}

// take posts a recovery and reads again what the payee has. What the books refuse is skipped: the payee has moved meanwhile,
// and the next day looks again.
func (r *recovery) take(ctx context.Context, o *owing, e commerce.Event) (bool, error) {
	// The turn is asked first: the event is posted in a transaction of the books' own.
	if err := r.pool.TxRetry(ctx, func(tx pgx.Tx) error { return r.turn.check(ctx, tx) }); err != nil {
		return false, err
	}
	result := r.events.Post(ctx, r.turn.Book, e)
	if result.Err != nil {
		if ctx.Err() != nil || fault.KindOf(result.Err) == fault.Unavailable {
			return false, errors.Join(result.Err, context.Cause(ctx))
		}
		r.failed++
		r.log.Warn("A debt could not be recovered this way.", "book", r.turn.Book.Code, "event", e.Type, "kind", o.Kind, "payee", o.ID, "code", fault.CodeOf(result.Err))
		return false, nil
	}
	r.tried++
	fresh, err := r.owingNow(ctx, r.turn.Book, o.Holder)
	*o = fresh
	return true, err
}

// recoveryID names a recovery by what it rests on: the same debt at the same place in the books is taken from a source once.
func recoveryID(o owing, from string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{o.Kind, o.ID, string(o.Currency), strconv.FormatInt(o.sequence, 10), from}, "\n")))
	return "rec_" + hex.EncodeToString(sum[:12])
}

// wanted are the proposals about what is left of a debt: to charge the card of an owner who agreed, and to write off what is
// old and has nothing left to pay it.
func (r *recovery) wanted(d Debt, o owing, owner ownedBy) (list []Proposal) {
	object := d.Kind + ":" + d.ID
	for _, way := range r.terms.RecoveryOrder {
		switch {
		case way == RecoverCard && owner.setOff != "":
			list = append(list, Proposal{Kind: ProposeCard, Currency: d.Currency, Amount: d.Amount, Object: object,
				Reason: "Charge the payee's card: nothing else here can pay the debt."})
		case way == RecoverWriteOff && r.oldEnough(d) && nothingLeft(o):
			list = append(list, Proposal{Kind: ProposeWriteOff, Currency: d.Currency, Amount: d.Amount, Object: object,
				Reason: "Two people may write the debt off: it stands for " + strconv.Itoa(r.terms.WriteOffDays) + " days or more, and nothing is left to pay it."})
		}
	}
	return list
}

// oldEnough reports whether a debt may be written off by its age, in days of the book.
func (r *recovery) oldEnough(d Debt) bool {
	y, m, day := d.Since.In(r.turn.Book.Location()).Date()
	return !r.began.Before(r.turn.Book.DayBegins(y, m, day+r.terms.WriteOffDays))
}

func nothingLeft(o owing) bool {
	return max(o.pending, o.reserve, o.dispute, o.deposit) <= money.Minor(0)
}
