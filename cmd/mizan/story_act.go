package main

// Acts of stories: what people, payees and the processor do in a story of payouts, beside the events of a checkout service.
// Each may be done again: it then finds what was done.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts"
	"mizan/payouts/processor/simulator"
)

// storyAct is one of them.
type storyAct struct {
	// At moves the clock to the moment, with the jobs on the way and then; Until with the jobs on the way only; Leap without any.
	At    time.Time `json:"at,omitzero"`
	Until time.Time `json:"until,omitzero"`
	Leap  time.Time `json:"leap,omitzero"`
	// Account is a payee's account at the processor, which becomes its destination.
	Account *storyAccount `json:"account,omitempty"`
	// Verified is a payee whose identity was shown.
	Verified string `json:"verified,omitempty"`
	// Agreed is an exception for a payee, and Terms its document.
	Agreed string          `json:"agreed,omitempty"`
	Terms  json.RawMessage `json:"terms,omitempty"`
	// Hold is placed.
	Hold *storyHold `json:"hold,omitempty"`
	// Pay is a payout that somebody asks for now.
	Pay *storyPay `json:"pay,omitempty"`
	// Bank is what becomes of payouts to an account.
	Bank *storyBank `json:"bank,omitempty"`
	// Fund is money of ours at the processor, as an amount and its currency.
	Fund string `json:"fund,omitempty"`
	// Ask is an act that needs two people, who both agree.
	Ask *storyAsk `json:"ask,omitempty"`
	// Release has two people agree to every run that waits.
	Release bool `json:"release_runs,omitempty"`
	// Now has everything done that is due without moving the clock by more than minutes.
	Minutes int `json:"minutes,omitempty"`
	// Recon is a step of reconciliation.
	Recon *storyRecon `json:"recon,omitempty"`
}

type storyAccount struct {
	ID         string           `json:"id"`
	Payee      string           `json:"payee"`
	Country    string           `json:"country"`
	Currencies []money.Currency `json:"currencies"`
	// Daily has the processor pay out by itself.
	Daily bool `json:"daily,omitempty"`
}

type storyHold struct {
	ID       string         `json:"id"`
	Kind     string         `json:"kind"`
	Payee    string         `json:"payee"`
	Currency money.Currency `json:"currency"`
	Effect   string         `json:"effect"`
	Category string         `json:"category"`
	Case     string         `json:"case"`
	Amount   string         `json:"amount,omitempty"`
}

type storyPay struct {
	Reference string         `json:"reference"`
	Kind      string         `json:"kind"`
	Payee     string         `json:"payee"`
	Currency  money.Currency `json:"currency"`
	Amount    string         `json:"amount,omitempty"`
	Method    string         `json:"method,omitempty"`
	// Retry is the reference of the payout that is paid again.
	Retry string `json:"retry,omitempty"`
}

type storyBank struct {
	Account string `json:"account"`
	Fails   string `json:"fails,omitempty"`
	After   string `json:"after,omitempty"`
}

type storyAsk struct {
	Act      string          `json:"act"`
	Payload  json.RawMessage `json:"payload"`
	Reason   string          `json:"reason"`
	Document string          `json:"document,omitempty"`
}

// says reports whether there is anything to do.
func (a storyAct) says() bool {
	return !a.At.IsZero() || !a.Until.IsZero() || !a.Leap.IsZero() || a.Minutes > 0 || a.Account != nil || a.Verified != "" || a.Agreed != "" || a.Hold != nil || a.Pay != nil ||
		a.Bank != nil || a.Fund != "" || a.Ask != nil || a.Release || a.Recon != nil
}

// tellIn does one act in the book of the code.
func (g *story) tellIn(ctx context.Context, code string, a storyAct) error {
	book, err := g.books.Book(ctx, code)
	if err != nil {
		return err
	}
	return g.do(ctx, book, a)
}

// do does one act in the book.
func (g *story) do(ctx context.Context, book ledger.Book, a storyAct) error {
	switch {
	case !a.At.IsZero():
		return g.advance(ctx, book, a.At, false)
	case !a.Until.IsZero():
		return g.advance(ctx, book, a.Until, true)
	case !a.Leap.IsZero():
		return g.leap(ctx, book, a.Leap)
	case a.Minutes > 0:
		return g.wait(ctx, book, a.Minutes)
	case a.Account != nil:
		return g.giveAccount(ctx, book, *a.Account)
	case a.Verified != "":
		return g.verify(ctx, book, a.Verified)
	case a.Agreed != "":
		return g.agree(ctx, book, a.Agreed, a.Terms)
	case a.Hold != nil:
		return g.hold(ctx, book, *a.Hold)
	case a.Pay != nil:
		return g.pay(ctx, book, *a.Pay)
	case a.Bank != nil:
		return g.breakBank(*a.Bank)
	case a.Fund != "":
		return g.fund(a.Fund)
	case a.Ask != nil:
		return g.ask(ctx, book, *a.Ask)
	case a.Release:
		return g.releaseRuns(ctx, book)
	case a.Recon != nil:
		return g.reconcileIn(ctx, book, *a.Recon)
	}
	return errors.New("an act of a story says nothing that is to be done")
}

// wait has everything done that is due now and in the minutes after, so that what was announced is also read.
func (g *story) wait(ctx context.Context, book ledger.Book, minutes int) error {
	if !g.clock.stands() {
		return nil
	}
	for range minutes {
		if err := g.stop(ctx, book, g.clock.now().Truncate(time.Minute).Add(time.Minute)); err != nil {
			return err
		}
	}
	return nil
}

// giveAccount opens an account at the processor and has two people make it the payee's destination.
func (g *story) giveAccount(ctx context.Context, book ledger.Book, a storyAccount) error {
	list, err := g.payouts.Destinations(ctx, book, a.Payee)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list, func(d payouts.Destination) bool { return d.Account == a.ID }) {
		return nil
	}
	var currencies []string
	for _, c := range a.Currencies {
		currencies = append(currencies, strings.ToLower(string(c)))
	}
	// An account that is there already is one of a story that was interrupted.
	_ = g.simulator.AddAccount(a.ID, a.Country, currencies...)
	if err := g.simulator.ChangeAccount(a.ID, func(x *simulator.Account) {
		x.PlatformPays, x.NamesCosts = true, true
		if a.Daily {
			x.Interval = "daily"
		}
	}); err != nil {
		return err
	}
	payload, err := json.Marshal(map[string]any{"payee": a.Payee, "rail": payouts.RailConnected, "account": a.ID, "currencies": a.Currencies, "mode": "", "holder_confirmed": true})
	if err != nil {
		return err
	}
	return g.ask(ctx, book, storyAsk{Act: payouts.ActDestination, Payload: payload, Reason: "The payee has shown that the account is its own.", Document: "DEST-" + a.ID})
}

// verify notes that the payee has shown who it is.
func (g *story) verify(ctx context.Context, book ledger.Book, payee string) error {
	s, err := g.payouts.Standing(ctx, book, payee)
	if err != nil || s.Verification == payouts.IdentityVerified {
		return err
	}
	verified := payouts.IdentityVerified
	_, err = g.payouts.ChangeStanding(ctx, storyClerk, book, payee, payouts.StandingChange{Version: s.Version, Verification: &verified, Document: "KYC-" + payee, Why: "The provider has checked the documents."})
	return err
}

// agree has two people agree to an exception for a payee from the next minute on.
func (g *story) agree(ctx context.Context, book ledger.Book, payee string, terms json.RawMessage) error {
	before, err := g.payouts.Overrides(ctx, book, payee)
	if err != nil || len(before) > 0 {
		return err
	}
	payload, err := json.Marshal(map[string]any{"payee": payee, "after": 0, "valid_from": g.clock.now().UTC().Truncate(time.Second).Add(time.Minute), "document": string(terms)})
	if err != nil {
		return err
	}
	return g.ask(ctx, book, storyAsk{Act: payouts.ActOverride, Payload: payload, Reason: "Agreed with the payee in its contract.", Document: "CONTRACT-" + payee})
}

func (g *story) hold(ctx context.Context, book ledger.Book, h storyHold) error {
	hold := payouts.Hold{ID: h.ID, PayeeKey: payouts.PayeeKey{Kind: h.Kind, ID: h.Payee}, Currency: h.Currency, Effect: h.Effect, Category: h.Category, Case: h.Case}
	var err error
	if h.Amount != "" {
		if hold.Wanted, err = money.ParseAmount(h.Amount, h.Currency); err != nil {
			return err
		}
	}
	_, err = g.payouts.PlaceHold(ctx, storyClerk, book, hold, "The papers of "+h.Case+" ask for it.")
	return err
}

// pay asks for a payout now, releases it, and sends it.
func (g *story) pay(ctx context.Context, book ledger.Book, p storyPay) error {
	r := payouts.Request{Reference: p.Reference, Holder: payouts.Holder{PayeeKey: payouts.PayeeKey{Kind: p.Kind, ID: p.Payee}, Currency: p.Currency}, Method: p.Method}
	var err error
	if p.Amount != "" {
		if r.Amount, err = money.ParseAmount(p.Amount, p.Currency); err != nil {
			return err
		}
	}
	if p.Retry != "" {
		if r.Retry = g.paid[p.Retry]; r.Retry == "" {
			return fmt.Errorf("no payout was asked for as %s", p.Retry)
		}
	}
	decided, list, err := g.payouts.RequestPayout(ctx, storyClerk, book, r)
	if err != nil {
		return fmt.Errorf("ask for the payout %s: %w", p.Reference, err)
	}
	if len(list) == 0 {
		return fmt.Errorf("the payout %s is not paid: %s", p.Reference, strings.Join(decided.Reasons, ", "))
	}
	g.paid[p.Reference] = list[0].ID
	if err := g.releaseRuns(ctx, book); err != nil {
		return err
	}
	return g.wait(ctx, book, 1)
}

// breakBank makes payouts to an account fail, or arrive again.
func (g *story) breakBank(b storyBank) error {
	after := time.Duration(0)
	if b.After != "" {
		var err error
		if after, err = time.ParseDuration(b.After); err != nil {
			return err
		}
	}
	return g.simulator.FailPayouts(b.Account, b.Fails, after)
}

// fund gives us money at the processor, such as 500.00 USD. It is there at once.
func (g *story) fund(text string) error {
	number, currency, _ := strings.Cut(text, " ")
	amount, err := money.ParseAmount(number, money.Currency(currency))
	if err != nil {
		return err
	}
	_, err = g.simulator.AddCharge(int64(amount), 0, strings.ToLower(currency), 0, nil)
	return err
}

// storyMost bounds the approvals of a story's book: far more than there are.
const storyMost = 1000

// ask has one person ask for an act and another agree to it. What was agreed to before is found by its document.
func (g *story) ask(ctx context.Context, book ledger.Book, a storyAsk) error {
	in := guard.Book{ID: int32(book.ID), Code: book.Code}
	if a.Document != "" {
		before, err := g.desk.Approvals(ctx, in, guard.StateDone, time.Time{}, "", storyMost)
		if err != nil || slices.ContainsFunc(before, func(x guard.Approval) bool { return x.Act == a.Act && x.Document == a.Document }) {
			return err
		}
	}
	asked, err := g.desk.Ask(ctx, storyClerk, in, guard.Request{Act: a.Act, Payload: a.Payload, Reason: a.Reason, Document: a.Document})
	if err != nil {
		return fmt.Errorf("ask for %s: %w", a.Act, err)
	}
	if _, err = g.desk.Approve(ctx, storyBoss, in, asked.ID, asked.Hash, "I have looked at the document."); err != nil {
		return fmt.Errorf("agree to %s: %w", a.Act, err)
	}
	return nil
}

// releaseRuns has two people agree to every run that waits, and sends what was released.
func (g *story) releaseRuns(ctx context.Context, book ledger.Book) error {
	runs, err := g.payouts.Runs(ctx, book, payouts.RunQuery{State: payouts.RunWaiting, Limit: 100})
	if err != nil {
		return err
	}
	for _, run := range runs {
		payload, err := json.Marshal(map[string]string{"run": run.ID})
		if err != nil {
			return err
		}
		err = g.ask(ctx, book, storyAsk{Act: payouts.ReleaseAct, Payload: payload, Reason: "The payees and the sums are as expected."})
		if err != nil && fault.CodeOf(err) != payouts.ErrRunState.Code {
			return err
		}
	}
	if len(runs) == 0 {
		return nil
	}
	return g.wait(ctx, book, 1)
}
