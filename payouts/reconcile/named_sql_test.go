package reconcile

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// byHand posts an entry of somebody's, cash first, and returns its id.
func (h *breakHouse) byHand(reference, cash, key string, c money.Currency, amount money.Minor) string {
	h.Helper()
	out := h.books.Post(h.Context(), h.book, ledger.Submission{Reference: reference, Drafts: []ledger.Draft{{Event: "manual.adjusted", Lines: []ledger.Line{
		{Account: ledger.Address(cash), Amount: amount, Currency: c, ExternalRef: key}, {Account: "expenses:processor_fee", Amount: -amount, Currency: c}}}}})
	h.ok(out.Err)
	return out.Transactions[0].ID()
}

// misfits reports an act that was not refused for the reason.
func (h *breakHouse) misfits(what string, err error, code string) {
	h.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Code != ErrBreakInvalid.Code || len(e.Fields) != 1 || e.Fields[0].Code != code || e.Fields[0].Pointer != "/payload/transaction" {
		h.Errorf("%s: %v instead of %q", what, err, code)
	} else if !strings.Contains(e.Fields[0].Message, "us-") {
		h.Errorf("%s: %s", what, e.Fields[0].Message)
	}
}

// A transaction that is named as a fix is the break's own: on the accounts of its source, of its amount, its direction and its currency,
// newer than the run that found it, and nothing else's. It is looked at when it is asked, and once more when it is decided.
func TestNamedTransactionFits(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	const cash, reserved = "assets:processor:available:main", "assets:processor:reserved:main"
	early := h.byHand("early", cash, "", "USD", -1000)
	var list []Finding
	for i, net := range []money.Minor{-1000, -1000, -1000} {
		key := fmt.Sprintf("txn_n%d", i)
		f := h.missing(h.line(1, key, "USD", net), key, "USD", net)
		f.Suspend = false
		list = append(list, f)
	}
	h.run(h.source, list...)
	first, second := h.of("txn_n0:USD"), h.of("txn_n1:USD")
	named := func(b Break, transaction string) error {
		_, err := h.ask(ActFix, fixPayload{Break: b.ID, Transaction: transaction})
		return err
	}
	reversed := h.byHand("reversed", cash, "", "USD", -1000)
	sequence, err := ledger.ParseTransactionID("us", reversed)
	h.ok(err)
	h.ok(h.books.Reverse(t.Context(), h.book, sequence, ledger.Correction{Reference: "undone"}).Err)
	for what, c := range map[string]struct{ transaction, code string }{
		"another account":       {h.byHand("bank", "assets:bank:operating:main", "", "USD", -1000), "account"},
		"another processor":     {h.byHand("other", "assets:processor:available:other", "", "USD", -1000), "account"},
		"another currency":      {h.byHand("euro", cash, "", "EUR", -1000), "account"},
		"another amount":        {h.byHand("more", cash, "", "USD", -1001), "amount"},
		"the other way":         {h.byHand("back", cash, "", "USD", 1000), "direction"},
		"another line":          {h.byHand("line", cash, "txn_n2", "USD", -1000), "reference"},
		"before the run":        {early, "seen"},
		"reversed":              {reversed, "reversed"},
		"moves between buckets": {h.byHand("none", reserved, "", "USD", 5), "amount"},
	} {
		h.misfits(what, named(first, c.transaction), c.code)
	}
	if err := named(first, "eu-1"); err == nil {
		t.Error("another book's transaction was taken")
	}
	// Two breaks ask for the same transaction; the first that is decided has it.
	good := h.byHand("good", reserved, "txn_n0", "USD", -1000)
	one, err := h.ask(ActFix, fixPayload{Break: first.ID, Transaction: good})
	h.ok(err)
	if e := one.Effect; len(e.Totals) != 1 || e.Totals[0].Amount != "10.00" {
		t.Errorf("%+v", e)
	}
	free := h.byHand("free", cash, "", "USD", -1000)
	two, err := h.ask(ActFix, fixPayload{Break: second.ID, Transaction: free})
	h.ok(err)
	three, err := h.ask(ActFix, fixPayload{Break: h.of("txn_n2:USD").ID, Transaction: free})
	h.ok(err)
	_, err = h.approve(breaksBen, one)
	h.ok(err)
	h.wantState(h.of("txn_n0:USD"), Fixed)
	_, err = h.approve(breaksBen, three)
	h.ok(err)
	if _, err = h.approve(breaksBen, two); err == nil {
		t.Error("one transaction puts two breaks right")
	}
	h.wantState(h.of("txn_n1:USD"), Open)
	h.misfits("used", named(second, free), "used")
	// A run that has it in its books, and finds the difference all the same, comes between asking and deciding.
	late := h.byHand("late", cash, "", "USD", -1000)
	four, err := h.ask(ActFix, fixPayload{Break: second.ID, Transaction: late})
	h.ok(err)
	h.run(h.source, list[1])
	if _, err = h.approve(breaksBen, four); err == nil {
		t.Error("a run saw it, and the difference was there")
	}
	h.wantState(h.of("txn_n1:USD"), Open)
}

// A transfer puts a difference right on either side. What was reversed puts nothing right, and what took its place is named.
func TestNamedTransfer(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	key, other := h.missing(h.line(1, "txn_t", "USD", -700), "txn_t", "USD", -700), h.missing(h.line(1, "txn_u", "USD", -700), "txn_u", "USD", -700)
	at := Finding{Class: UnknownReceipt, Identity: "bank_t:USD", Currency: "USD", Amount: 700, Left: "bank_t", HappenedAt: h.now(), External: []int64{h.line(2, "bank_t", "USD", 700)}}
	h.run(h.source, key, other)
	h.run(h.bank, at)
	moved := h.booked("treasury.moved", "", "USD", "assets:bank:operating:main", 700, "assets:processor:available:main", -700).Transactions[0].ID()
	h.agreed(ActFix, fixPayload{Break: h.of("txn_t:USD").ID, Transaction: moved})
	h.agreed(ActFix, fixPayload{Break: h.of("bank_t:USD").ID, Transaction: moved})
	_, err := h.ask(ActFix, fixPayload{Break: h.of("txn_u:USD").ID, Transaction: moved})
	h.misfits("once more at the processor", err, "used")

	wrong := h.booked("treasury.moved", "", "USD", "expenses:processor_fee", 700, "assets:processor:available:main", -700).Transactions[0]
	h.ok(h.books.Reverse(t.Context(), h.book, wrong.Sequence, ledger.Correction{Reference: "undone"}).Err)
	right := h.books.Post(t.Context(), h.book, ledger.Submission{Reference: "again", Drafts: []ledger.Draft{{Event: "treasury.moved", Reposts: wrong.Sequence, OccurredAt: h.now(), Lines: []ledger.Line{
		{Account: "expenses:processor_fee", Amount: 701, Currency: "USD"}, {Account: "assets:processor:available:main", Amount: -701, Currency: "USD"}}}}})
	h.ok(right.Err)
	_, err = h.ask(ActFix, fixPayload{Break: h.of("txn_u:USD").ID, Transaction: wrong.ID()})
	h.misfits("reversed and posted again", err, "reversed")
	if err == nil || !strings.Contains(fmt.Sprint(err), right.Transactions[0].ID()) {
		t.Errorf("it does not name %s: %v", right.Transactions[0].ID(), err)
	}
}
