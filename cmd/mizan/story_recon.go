package main

// Reconciliation in a story: what happens at the processor and in the bank account without the books, that it is held against them,
// and what people do about it.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/payouts"
	"mizan/payouts/reconcile"
	"mizan/payouts/reconcile/evidence"
)

// storyRecon is what is done; exactly one of it is given.
type storyRecon struct {
	// Charge is a sale at the processor, and Refund takes one back there, in its dashboard.
	Charge *storyCharge `json:"charge,omitempty"`
	Refund *storyRefund `json:"refund,omitempty"`
	// Statement is what the bank says of days.
	Statement *storyStatement `json:"statement,omitempty"`
	// Against holds the books against the processor, the bank, or themselves (inside).
	Against string `json:"against,omitempty"`
	// Fix has two people put the one open break of a class right.
	Fix *storyFix `json:"fix,omitempty"`
}

// storyCharge is a sale: its name, what was paid and what the processor keeps of it. Its id is then known as {charge:name}.
type storyCharge struct {
	Name     string         `json:"name"`
	Amount   string         `json:"amount"`
	Fee      string         `json:"fee"`
	Currency money.Currency `json:"currency"`
	// Hours is after how long the money is available.
	Hours int `json:"hours"`
}

// storyRefund takes an amount of a charge back. Its id is then known as {refund:name}.
type storyRefund struct {
	Charge   string         `json:"charge"`
	Amount   string         `json:"amount"`
	Currency money.Currency `json:"currency"`
}

// storyStatement is a statement of the operating account.
type storyStatement struct {
	Currency money.Currency   `json:"currency"`
	Day      string           `json:"day"`
	Opening  string           `json:"opening"`
	Lines    []storyStateLine `json:"lines"`
}

// storyStateLine is a line of it; what went is below zero.
type storyStateLine struct {
	ID       string `json:"id"`
	Amount   string `json:"amount"`
	EndToEnd string `json:"end_to_end,omitempty"`
	Text     string `json:"text,omitempty"`
}

// storyFix says which break, and where it belongs.
type storyFix struct {
	Class    reconcile.Class `json:"class"`
	Act      string          `json:"act"`
	Terms    map[string]any  `json:"terms"`
	Reason   string          `json:"reason"`
	Document string          `json:"document"`
}

// storyBankAccount is the number of the operating account of demo books.
const storyBankAccount = "GB33BUKB20201555555555"

// chargeName is the metadata of a charge by which it is found again.
const chargeName = "story"

// account is the book's account at the processor.
func (g *story) account(code string) *simulated {
	if own := g.simulator.own[code]; own != nil {
		return own
	}
	return g.simulator
}

// reconcileIn does one of it in the book.
func (g *story) reconcileIn(ctx context.Context, book ledger.Book, r storyRecon) error {
	switch {
	case r.Charge != nil:
		return g.charge(book, *r.Charge)
	case r.Refund != nil:
		return g.refund(book, *r.Refund)
	case r.Statement != nil:
		return g.statement(ctx, book, *r.Statement)
	case r.Against != "":
		return g.holdAgainst(ctx, book, r.Against)
	case r.Fix != nil:
		return g.fix(ctx, book, *r.Fix)
	}
	return errors.New("a step of reconciliation says nothing that is to be done")
}

func (g *story) charge(book ledger.Book, c storyCharge) error {
	amount, err := money.ParseAmount(c.Amount, c.Currency)
	if err != nil {
		return err
	}
	fee, err := money.ParseAmount(c.Fee, c.Currency)
	if err != nil {
		return err
	}
	p := g.account(book.Code)
	if id, _ := p.ChargeOf(chargeName, c.Name); id != "" {
		return nil
	}
	_, err = p.AddCharge(int64(amount), int64(fee), strings.ToLower(string(c.Currency)), time.Duration(c.Hours)*time.Hour, map[string]string{chargeName: c.Name})
	return err
}

func (g *story) refund(book ledger.Book, r storyRefund) error {
	amount, err := money.ParseAmount(r.Amount, r.Currency)
	if err != nil {
		return err
	}
	p := g.account(book.Code)
	charge, refund := p.ChargeOf(chargeName, r.Charge)
	if charge == "" || refund != "" {
		return err
	}
	_, err = p.AddRefund(charge, int64(amount))
	return err
}

// filled puts the ids of charges and refunds into the data of an event, where they stand by their names.
func (g *story) filled(code string, data json.RawMessage) json.RawMessage {
	for _, kind := range []string{"{charge:", "{refund:"} {
		for {
			at := bytes.Index(data, []byte(kind))
			if at < 0 {
				break
			}
			name, rest, _ := bytes.Cut(data[at+len(kind):], []byte("}"))
			charge, refund := g.account(code).ChargeOf(chargeName, string(name))
			id := map[string]string{"{charge:": charge, "{refund:": refund}[kind]
			data = bytes.Join([][]byte{data[:at], []byte(id), rest}, nil)
		}
	}
	return data
}

// statement has the bank write a statement and the books take it.
func (g *story) statement(ctx context.Context, book ledger.Book, x storyStatement) error {
	day, err := time.Parse(time.DateOnly, x.Day)
	if err != nil {
		return err
	}
	s := evidence.Statement{ID: "S-" + x.Day, Account: storyBankAccount, Currency: x.Currency, From: day, Until: day, Proved: true}
	if s.Opening, err = signedAmount(x.Opening, x.Currency); err != nil {
		return err
	}
	s.Closing = s.Opening
	for _, l := range x.Lines {
		amount, err := signedAmount(l.Amount, x.Currency)
		if err != nil {
			return err
		}
		s.Closing += amount
		s.Lines = append(s.Lines, evidence.Line{ID: l.ID, Amount: amount, Booked: day, Value: day, EndToEnd: l.EndToEnd, Code: "PMNT/RCDT/ESCT", Text: l.Text})
	}
	if _, err := g.reconcile.SetSource(ctx, storyClerk, book, reconcile.KindBank, mainProcessor, reconcile.Settings{
		Accounts: []ledger.Address{"assets:bank:operating:main"}, Currency: x.Currency, Format: string(evidence.CAMT053), Identification: storyBankAccount}); err != nil {
		return err
	}
	file, err := evidence.Render(evidence.CAMT053, []evidence.Statement{s})
	if err != nil {
		return err
	}
	_, err = g.reconcile.TakeStatement(ctx, storyClerk, book, mainProcessor, file)
	return err
}

// storyPulls bounds how often a story asks a processor that has more.
const storyPulls = 50

// holdAgainst brings what is new of a source, compares, and has posted what the differences ask for.
func (g *story) holdAgainst(ctx context.Context, book ledger.Book, against string) error {
	turn := payouts.Turn{Book: book, Actor: storyClerk}
	kind, match := reconcile.KindProcessor, reconcile.R1
	switch against {
	case "inside":
		_, err := g.reconcile.CompareInside(ctx, turn, book)
		return err
	case "bank":
		kind, match = reconcile.KindBank, reconcile.R2
	default:
		more := true
		for n := 0; more && n < storyPulls; n++ {
			pulled, err := g.reconcile.Pull(ctx, turn, mainProcessor)
			if err != nil {
				return fmt.Errorf("pull: %w", err)
			}
			more = pulled.More
		}
	}
	source, err := g.reconcile.Source(ctx, book, kind, mainProcessor)
	if err != nil {
		return err
	}
	if _, err := g.reconcile.Compare(ctx, turn, reconcile.Asked{Match: match, Source: source.ID}); err != nil {
		return fmt.Errorf("compare with the %s: %w", against, err)
	}
	if _, err := g.reconcile.FollowUp(ctx, turn, source); err != nil {
		return fmt.Errorf("post what the %s shows: %w", against, err)
	}
	return nil
}

// fix has two people put a break right. One that has ended is left as it is.
func (g *story) fix(ctx context.Context, book ledger.Book, f storyFix) error {
	list, err := g.reconcile.Breaks(ctx, book, reconcile.BreakQuery{Open: true, Class: f.Class, Limit: 2})
	if err != nil || len(list) == 0 {
		return err
	}
	terms := map[string]any{"break": list[0].ID}
	for name, value := range f.Terms {
		terms[name] = value
	}
	payload, err := json.Marshal(terms)
	if err != nil {
		return err
	}
	err = g.ask(ctx, book, storyAsk{Act: f.Act, Payload: payload, Reason: f.Reason, Document: f.Document})
	if fault.CodeOf(err) == reconcile.ErrBreakState.Code {
		return nil
	}
	return err
}
