package console

import (
	"context"
	"encoding/hex"
	"net/http"
	"strconv"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/payouts/reconcile"
)

// A line of a processor or a bank: what it says, the receipt that it came in, and the way back to the entries, orders and payouts of
// which it is evidence.

// lineAt is where a line of a source stands.
func (who cashier) lineAt(s reconcile.Source, number int64) string {
	return who.sourceAt(s.Kind, s.Name) + "/lines/" + strconv.FormatInt(number, 10)
}

// backLine is an entry that a line is evidence of.
type backLine struct {
	transactionLine
	Account ledger.Address
	Entry   amount
	// About leads to the page of the order, donation or payout.
	About string
}

type evidenceLinePage struct {
	payHead
	Source          link
	Line            reconcile.Said
	Gross, Fee, Net amount
	Day             string
	Standing        stateWord
	Basis           string
	Breaks          []breakLink
	Entries         []backLine
	Receipt         reconcile.Receipt
	Digest          string
	Previous, Next  string
	Said            string
}

func (c *console) evidenceLine(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	s, err := c.sourceOf(ctx, who, r)
	if err != nil {
		return answer{}, err
	}
	number, err := positive(r.PathValue("line"))
	if err != nil {
		return answer{}, errNoPage
	}
	said, err := c.Reconcile.Said(ctx, who.book, s, number)
	if err != nil {
		return answer{}, err
	}
	p := evidenceLinePage{payHead: c.reconHead(who.o.teller, who, reconPath), Source: link{who.o.teller.sourceWord(s.Kind, s.Name), who.sourceAt(s.Kind, s.Name)}, Line: said,
		Gross: minor(said.Gross, said.Currency), Fee: minor(said.Fee, said.Currency), Net: minor(said.Net, said.Currency), Day: reconcile.Day(who.book, said.MovedAt),
		Standing: who.o.teller.standing(said.Standing), Basis: who.o.teller.named("trace.basis", said.Basis), Breaks: who.breakLinks(who.o.teller, said.Breaks)}
	if p.Receipt, err = c.Reconcile.Receipt(ctx, who.book, s, said.Receipt); err != nil {
		return answer{}, err
	}
	p.Digest = hex.EncodeToString(p.Receipt.SHA256)
	if said.Previous > 0 {
		p.Previous = who.lineAt(s, said.Previous)
	}
	if said.Next > 0 {
		p.Next = who.lineAt(s, said.Next)
	}
	if said.Note != "" && mayAll(who.principal(), who.o.Code, access.PersonalRead) {
		// What a bank wrote may name people, so the look is remembered before it is shown.
		if err := c.Reconcile.Looked(ctx, who.actor(), who.book, s, "lines", number); err != nil {
			return answer{}, err
		}
		p.Said = said.Note
	}
	var sequences []int64
	for _, e := range said.Entries {
		sequences = append(sequences, e.Sequence)
	}
	found, err := c.Ledger.BySequence(ctx, who.book, sequences)
	if err != nil {
		return answer{}, err
	}
	for _, at := range said.Entries {
		t := found[at.Sequence]
		l := backLine{transactionLine: lineOf(who.book, t), About: c.subjectPage(ctx, who.book, t.Subject)}
		for _, e := range t.Entries {
			if e.Line == at.Line {
				l.Account, l.Entry = e.Account, minor(e.Amount, e.Currency)
			}
		}
		p.Entries = append(p.Entries, l)
	}
	return who.reconciled(who.o.teller, who.o.teller.say("trace.line_n", "n", strconv.FormatInt(number, 10)), &p, p.Source), nil
}
