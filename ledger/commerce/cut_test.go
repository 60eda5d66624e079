package commerce

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Statements, the roll-up of earnings and the order's own page are cut out of one sheet. These checks hold all three against each
// other, line by line, for every payee: what one of them calls a fee is a fee to all.

// namedLines are the amounts of one payee's lines by what they are.
type namedLines map[string]money.Minor

func (n namedLines) add(name string, amount money.Minor) {
	if n[name] += amount; n[name] == 0 {
		delete(n, name)
	}
}

// shareName is what a share is; sales are told by article in statements and as one on the order's page.
func shareName(s *Share) string {
	switch s.Kind {
	case ShareFee, ShareFeeTax:
		return "fee " + s.Code
	case ShareTaxWithheld:
		return "withheld " + s.Code
	case ShareAgency:
		return "agency"
	case SharePartner:
		return "partner"
	case ShareCommissionDeposit:
		return "deposit"
	case ShareGiven:
		return "pledge"
	case ShareBeside:
		return "beside"
	}
	return string(s.Kind)
}

// ownName is what a line of the order's page is.
func ownName(l *OwnLine) string {
	switch l.Key {
	case "platform_discount", "tax":
		return "sale"
	case "fee", "refund_fee":
		return "fee " + l.Rule
	case "withheld":
		return "withheld " + l.Rule
	}
	return l.Key
}

// taken adds named lines up as the roll-up of earnings does.
func (n namedLines) taken(kind string) (t takings) {
	for name, amount := range n {
		switch word, _, _ := strings.Cut(name, " "); {
		case word == "fee":
			t.fees += amount
		case word == "withheld":
			t.withheld += amount
		case kind == "seller" && (word == "commission" || word == "agency" || word == "partner" || word == "bonus"), kind == "creator" && (word == "agency" || word == "pledge"):
			t.shared += amount
		}
	}
	return t
}

// checkAgree compares what a sheet gives each payee as a statement, the order's page and the roll-up tell it.
func checkAgree(s *sheet) error {
	shares := map[string]namedLines{}
	for _, p := range s.shares() {
		if shares[p.Payee] == nil {
			shares[p.Payee] = namedLines{}
		}
		shares[p.Payee].add(shareName(&p.Share), p.amount)
	}
	taken := s.takings()
	for who, told := range shares {
		kind, id, _ := strings.Cut(who, ":")
		own := namedLines{}
		for _, l := range s.linesOf(who) {
			own.add(ownName(&l), l.After)
		}
		if !maps.Equal(told, own) {
			return fmt.Errorf("%s is told %v in statements and %v on the order's page", who, told, own)
		}
		if kind != "seller" && kind != "creator" {
			continue
		}
		if got, want := taken[payeeAccount(kind, bucketPending, id)], told.taken(kind); got != want {
			return fmt.Errorf("of %s the roll-up takes %+v, and the statement %+v", who, got, want)
		}
	}
	for at := range taken {
		if kind, _, id, _ := splitPayee(at); taken[at] != (takings{}) && shares[kind+":"+id] == nil {
			return fmt.Errorf("the roll-up takes %+v of %s, and no statement does", taken[at], at)
		}
	}
	return nil
}

// checkThreeAgree compares what a statement, the order's page and the roll-up tell each payee of every transaction of a book's orders.
func (w *workbench) checkThreeAgree(t testing.TB) {
	t.Helper()
	page, err := w.ledger.Transactions(t.Context(), w.book, ledger.TransactionQuery{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var list []ledger.Transaction
	parts := map[string]map[PayeeRef]bool{}
	bySequence, corrected := map[int64]*ledger.Transaction{}, map[string]bool{}
	for i := range page.Transactions {
		x := &page.Transactions[i]
		id, isOrder := orderID(x.Subject)
		if !isOrder {
			continue
		}
		list, bySequence[x.Sequence] = append(list, *x), x
		corrected[id] = corrected[id] || x.Reverses != 0
		for _, e := range x.Entries {
			if kind, _, who, ok := splitPayee(e.Account); ok && slices.Contains([]string{"seller", "creator", "agency", "partner"}, kind) {
				if parts[id] == nil {
					parts[id] = map[PayeeRef]bool{}
				}
				parts[id][PayeeRef{kind, who}] = true
			}
		}
	}
	_, shares, err := w.ExplainShares(t.Context(), w.book, list)
	if err != nil {
		t.Fatal(err)
	}
	earned, _, err := w.EarnedIn(t.Context(), w.book, page.Transactions)
	if err != nil {
		t.Fatal(err)
	}
	for id, payees := range parts {
		for who := range payees {
			if corrected[id] { // its page tells only what moved: a sheet that was undone says nothing of what stands
				continue
			}
			o, err := w.OwnOrder(t.Context(), w.book, who, id)
			if err != nil {
				t.Fatal(err)
			}
			for i := range o.Moves {
				m := &o.Moves[i]
				if m.Event == eventOpenedOrder {
					continue // to a statement it is a balance that was taken over, and no sale of the time
				}
				w.checkMove(t, bySequence[m.Sequence], who, m, shares[m.Sequence], earned[m.Sequence])
			}
		}
	}
}

// checkMove compares what one transaction did to one payee.
func (w *workbench) checkMove(t testing.TB, x *ledger.Transaction, who PayeeRef, m *OwnMove, shares []Share, earned []Earned) {
	t.Helper()
	name := fmt.Sprintf("%s, %s of %s:%s", x.ID(), x.Event, who.Kind, who.ID)
	own, told, net := namedLines{}, namedLines{}, money.Minor(0)
	for i := range m.Lines {
		if l := &m.Lines[i]; l.Key != "other" {
			own.add(ownName(l), l.Amount)
		}
	}
	for i := range shares {
		if s := &shares[i]; s.Payee == who.Kind+":"+who.ID {
			told.add(shareName(s), s.Change())
			net += s.Change()
		}
	}
	if !maps.Equal(own, told) {
		t.Errorf("%s: statements tell %v, the order's page %v", name, told, own)
	}
	if net != m.Net || x.Reverses != 0 || strings.HasPrefix(x.Event, "dispute.") {
		return // the rest is told by the event
	}
	var sum EarnedParts
	for _, e := range earned {
		if e.Kind == who.Kind && e.ID == who.ID {
			sum = sum.Plus(e.EarnedParts)
		}
	}
	if got, want := (takings{sum.Fees, sum.Shared, sum.Withheld}), told.taken(who.Kind); cmp.Or(sum.Earned, sum.GivenBack) != 0 && got != want {
		t.Errorf("%s: the roll-up takes %+v, the statement %+v", name, got, want)
	}
}
