package payouts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
)

// attachHouse is a house with a rail where two people agree.
type attachHouse struct {
	*railHouse
	desk *guard.Desk
}

func newAttachHouse(t *testing.T) *attachHouse {
	t.Helper()
	h := &attachHouse{railHouse: newRailHouse(t)}
	h.desk = guard.NewDesk(h.db.Pool, h.option.Trail, h.clock.Now, h.Acts())
	return h
}

// kept gives an account of the ledger money, and us the same at the processor.
func (h *attachHouse) kept(address string, cents money.Minor) {
	h.t.Helper()
	out := h.ledger.Post(h.t.Context(), h.book, ledger.Submission{Reference: newID("open"), Drafts: []ledger.Draft{{Event: "opening.balance", Lines: []ledger.Line{
		{Account: "assets:processor:available:main", Amount: cents, Currency: "USD"}, {Account: ledger.Address(address), Amount: -cents, Currency: "USD"}}}}})
	if out.Err != nil {
		h.t.Fatal(out.Err)
	}
	h.charge(int64(cents))
}

// recorded posts an event and returns the id of its transaction.
func (h *attachHouse) recorded(kind, reference string, data commerce.EventData) string {
	h.t.Helper()
	r := h.events.Post(h.t.Context(), h.book, commerce.Event{Type: kind, Reference: reference, Data: data})
	if r.Err != nil {
		h.t.Fatal(r.Err)
	}
	return r.Transactions[0].ID()
}

func (h *attachHouse) refunded(id, seller, amount string) string {
	h.t.Helper()
	return h.recorded("seller_deposit.refunded", id, &commerce.DepositRefunded{Payout: id, Seller: seller, Currency: "USD", Amount: amount})
}

func (h *attachHouse) ask(transaction string) (guard.Approval, error) {
	payload, err := json.Marshal(map[string]string{"transaction": transaction, "destination": "dst_made_up_by_a_caller"})
	if err != nil {
		h.t.Fatal(err)
	}
	return h.desk.Ask(h.t.Context(), ann, guardBook(h.book), guard.Request{Act: ActAttached, Payload: payload, Reason: "The shop closed."})
}

func (h *attachHouse) agree(a guard.Approval) (payout string, err error) {
	done, err := h.desk.Approve(h.t.Context(), ben, guardBook(h.book), a.ID, a.Hash, "Looked at.")
	if err != nil {
		return "", err
	}
	var result struct{ Payout string }
	if err := json.Unmarshal(done.Result, &result); err != nil {
		h.t.Fatal(err)
	}
	return result.Payout, nil
}

// attached has two people attach a payout.
func (h *attachHouse) attached(transaction string) string {
	h.t.Helper()
	a, err := h.ask(transaction)
	if err != nil {
		h.t.Fatal(err)
	}
	id, err := h.agree(a)
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// refuses fails unless asking is refused with this.
func (h *attachHouse) refuses(transaction string, want error) {
	h.t.Helper()
	if _, err := h.ask(transaction); !errors.Is(err, want) {
		h.t.Errorf("%s: %v, want %v", transaction, err, want)
	}
}

// proves fails unless payouts prove and so many accounts in transit wait for a payout.
func (h *attachHouse) proves(unattached int64) {
	h.t.Helper()
	proof, err := h.Verify(h.t.Context(), h.book)
	if err != nil || !proof.Sound() || proof.Unattached != unattached {
		h.t.Errorf("%+v: %v", proof, err)
	}
}

// A deposit that is given back (M-28) and a trust that goes to its custodian (W-10) are attached, sent and paid; nothing of
// them stays in transit.
func TestAttachedIsPaid(t *testing.T) {
	t.Parallel()
	h := newAttachHouse(t)
	h.kept("liabilities:seller_deposit:sel_x", 50000)
	h.kept("liabilities:creator:minor_trust:kid", 5000)
	h.account("sel_x", "acct_one", "manual")
	h.account("bank_t", "acct_two", "manual")
	deposit := h.refunded("P-9", "sel_x", "420.00")
	trust := h.recorded("minor_trust.disbursed", "TP-1", &commerce.TrustDisbursed{Disbursement: "TP-1", Creator: "kid", Custodian: "bank_t", Currency: "USD", Amount: "50.00"})
	h.proves(2)
	a, err := h.ask(deposit)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(a.Payload), "made_up") || a.Effect.Totals[0].Amount != "420.00" || !strings.Contains(a.Effect.Summary, "the deposit of the seller sel_x") {
		t.Errorf("%s: %+v", a.Payload, a.Effect)
	}
	if _, err := h.desk.Approve(t.Context(), ann, guardBook(h.book), a.ID, a.Hash, "Mine."); !errors.Is(err, guard.ErrSelfApproval) {
		t.Errorf("alone: %v", err)
	}
	first, err := h.agree(a)
	if err != nil {
		t.Fatal(err)
	}
	second := h.attached(trust)
	h.proves(0)
	if p := h.read(second); p.Receiver != "bank_t" || p.Holder != (Holder{PayeeKey{"creator", "kid"}, "USD"}) || p.Source != commerce.SourceTrust || p.Amount != 5000 {
		t.Errorf("%+v", p)
	}
	h.submit()
	h.want(first, Submitted, "")
	h.want(second, Submitted, "")
	h.clock.Advance(49 * time.Hour)
	h.followUp()
	h.want(first, Paid, "")
	h.want(second, Paid, "")
	h.proves(0)
	for account, amount := range h.balances() {
		if strings.Contains(account, "in_transit") || account == "liabilities:seller_deposit:sel_x" && amount != 8000 {
			t.Errorf("%s holds %s", account, amount.Format("USD"))
		}
	}
}

// Attached twice, by many at once at two replicas, it is one payout, which each of them gets. Who asks again, or agrees to
// what was asked before, is told that it is done.
func TestAttachedOnce(t *testing.T) {
	t.Parallel()
	h := newAttachHouse(t)
	h.kept("liabilities:seller_deposit:sel_x", 50000)
	place := h.account("sel_x", "acct_one", "manual")
	id := h.refunded("P-9", "sel_x", "420.00")
	late, err := h.ask(id)
	if err != nil {
		t.Fatal(err)
	}
	attach := func(s *Service) (p Payout, err error) {
		err = h.db.Pool.TxRetry(context.Background(), func(tx pgx.Tx) error {
			p, err = s.attachTx(context.Background(), tx, guard.Deed{Actor: ann}, h.book, attachPayload{Transaction: id, Destination: place})
			return err
		})
		return p, err
	}
	boom := errors.New("boom")
	if err := h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		if _, err := h.attachTx(t.Context(), tx, guard.Deed{Actor: ann}, h.book, attachPayload{Transaction: id, Destination: place}); err != nil {
			return err
		}
		return boom
	}); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	h.proves(1) // what was rolled back left nothing
	services := []*Service{h.Service, h.another()}
	made := make([]string, 50)
	var wg sync.WaitGroup
	for i := range made {
		wg.Go(func() {
			p, err := attach(services[i%2])
			if err != nil {
				t.Error(err)
			}
			made[i] = p.ID
		})
	}
	wg.Wait()
	if len(slices.Compact(slices.Clone(made))) != 1 || made[0] == "" {
		t.Errorf("made %v", made)
	}
	h.refuses(id, ErrAttached)
	if _, err := h.agree(late); !errors.Is(err, ErrAttached) {
		t.Errorf("agreed to late: %v", err)
	}
	if all, err := h.Payouts(t.Context(), h.book, PayoutQuery{Limit: 10}); err != nil || len(all) != 1 {
		t.Errorf("%d payouts: %v", len(all), err)
	}
	h.proves(0)
}

// What put nothing in transit, was reversed, or does not come next in its account is refused; so is a receiver without a
// place for the money.
func TestAttachRefused(t *testing.T) {
	t.Parallel()
	h := newAttachHouse(t)
	h.kept("liabilities:seller_deposit:sel_x", 50000)
	h.fund("sel_x", 1000)
	opening, err := h.ledger.Transactions(t.Context(), h.book, ledger.TransactionQuery{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	h.refuses(opening.Transactions[0].ID(), ErrAttachEvent)
	for _, id := range []string{"us-999", "uk-1", "us-01", "", "us--1", "us-1;", "us-" + strings.Repeat("9", 40)} {
		h.refuses(id, ledger.ErrTransactionUnknown)
	}
	first := h.refunded("P-1", "sel_x", "10.00")
	second := h.refunded("P-2", "sel_x", "20.00")
	third := h.refunded("P-3", "sel_x", "30.00")
	h.refuses(first, ErrAttachDestination)
	place := h.account("sel_x", "acct_one", "manual")
	for _, x := range []struct{ name, change, back string }{
		{"another name", `name_match = 'mismatch'`, `name_match = 'match'`},
		{"disabled", `state = 'disabled', disabled_code = 'x'`, `state = 'active', disabled_code = ''`},
		{"another currency", `currencies = '{EUR}'`, `currencies = '{USD}'`},
	} {
		h.owner(`UPDATE payout_destinations SET `+x.change+` WHERE book_id = $1 AND id = $2`, h.book.ID, place)
		h.refuses(first, ErrAttachDestination)
		h.owner(`UPDATE payout_destinations SET `+x.back+` WHERE book_id = $1 AND id = $2`, h.book.ID, place)
	}
	h.exec(`UPDATE payout_destinations SET cooling_until = $3 WHERE book_id = $1 AND id = $2`, h.book.ID, place, h.clock.Now().Add(time.Hour))
	h.refuses(first, ErrAttachDestination)
	h.clock.Advance(time.Hour)

	h.refuses(second, ErrAttachOrder)
	sequence, err := ledger.ParseTransactionID(h.book.Code, first)
	if err != nil {
		t.Fatal(err)
	}
	late, err := h.ask(first)
	if err != nil {
		t.Fatal(err)
	}
	if out := h.ledger.Reverse(t.Context(), h.book, sequence, ledger.Correction{Reference: "undo"}); out.Err != nil {
		t.Fatal(out.Err)
	}
	h.refuses(first, ErrAttachEvent)
	h.refuses(fmt.Sprintf("us-%d", sequence+3), ErrAttachEvent) // the reversal itself
	if _, err := h.agree(late); err == nil {
		t.Error("a transaction that was reversed meanwhile is attached")
	}
	h.refuses(third, ErrAttachOrder)
	// Another account since it was asked: people look again.
	moved, err := h.ask(second)
	if err != nil {
		t.Fatal(err)
	}
	h.account("sel_x", "acct_two", "manual")
	if _, err := h.agree(moved); !errors.Is(err, guard.ErrApprovalChanged) {
		t.Errorf("the money goes elsewhere: %v", err)
	}
	h.attached(second)
	h.attached(third)
	h.proves(0)
}

// A payout of a deposit that fails gives the money back to the deposit. It is not paid again from what the seller may be
// paid; given back anew, it is attached anew.
func TestAttachedFails(t *testing.T) {
	t.Parallel()
	h := newAttachHouse(t)
	h.kept("liabilities:seller_deposit:sel_x", 42000)
	h.fund("sel_x", 60000)
	h.account("sel_x", "acct_one", "manual")
	if err := h.sim.FailPayouts("acct_one", "account_closed", 0); err != nil {
		t.Fatal(err)
	}
	id := h.attached(h.refunded("P-9", "sel_x", "420.00"))
	h.submit()
	h.clock.Advance(49 * time.Hour)
	h.followUp()
	h.followUp()
	h.want(id, Failed, "account_closed")
	want := []string{"Dr liabilities:payout_in_transit:sel_x 420.00", "Cr liabilities:seller_deposit:sel_x 420.00", "Dr assets:processor:available:main 420.00", "Cr assets:cash_in_transit:main 420.00"}
	slices.Sort(want)
	if got := h.posted(id, Failed); !slices.Equal(got, want) {
		t.Errorf("failed: %v", got)
	}
	if got := h.balances(); got["liabilities:seller_deposit:sel_x"] != 42000 {
		t.Errorf("%v", got)
	}
	h.proves(0)
	h.account("sel_x", "acct_two", "manual")
	list, err := h.cameBackSince(t.Context(), h.book, []string{"account_closed"}, time.Time{}, "")
	if err != nil || len(list) != 0 {
		t.Errorf("it would be paid again: %+v %v", list, err)
	}
	if _, _, err := h.RequestPayout(t.Context(), ann, h.book, Request{Reference: "again", Holder: usd("seller", "sel_x"), Retry: id}); !errors.Is(err, ErrRetried) {
		t.Errorf("paid again by hand: %v", err)
	}
	again := h.attached(h.refunded("P-10", "sel_x", "400.00"))
	h.submit()
	h.clock.Advance(49 * time.Hour)
	h.followUp()
	if p := h.want(again, Paid, ""); p.Number != 2 {
		t.Errorf("%+v", p)
	}
	h.proves(0)
}

// An event that is reversed after its payout was attached takes the money back: nothing is sent, and the proof names it.
func TestAttachedIsReversed(t *testing.T) {
	t.Parallel()
	h := newAttachHouse(t)
	h.kept("liabilities:seller_deposit:sel_x", 42000)
	h.account("sel_x", "acct_one", "manual")
	transaction := h.refunded("P-9", "sel_x", "420.00")
	id := h.attached(transaction)
	sequence, err := ledger.ParseTransactionID(h.book.Code, transaction)
	if err != nil {
		t.Fatal(err)
	}
	if out := h.ledger.Reverse(t.Context(), h.book, sequence, ledger.Correction{Reference: "undo"}); out.Err != nil {
		t.Fatal(out.Err)
	}
	h.submit()
	h.want(id, Created, "")
	if n := h.sim.Transfers()[id]; n.Count != 0 {
		t.Errorf("%+v", n)
	}
	if proof, err := h.Verify(t.Context(), h.book); err != nil || proof.Sound() {
		t.Errorf("nothing found: %+v %v", proof, err)
	}
}
