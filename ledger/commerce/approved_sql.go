package commerce

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
)

// What of the books waits for a second person. Each act says what it would do, from the same plans that post, and does it in
// the transaction that records the decision.

// approved makes the acts.
type approved struct {
	service *Service
	rules   *RuleSets
	books   *ledger.Ledger
}

// Acts returns the acts on books, rules and payees that wait for a second person.
func Acts(service *Service, rules *RuleSets, books *ledger.Ledger) []guard.Act {
	x := &approved{service: service, rules: rules, books: books}
	return []guard.Act{
		{Name: ActPublishCampaign, Meaning: "A campaign promises something to donors: its split, its fees, its refund window.", OfBook: true, Effect: x.campaignEffect, Run: x.publishCampaign},
		{Name: "event.post", Meaning: "An event is posted that nobody posts alone, such as the write-off of a debt.", OfBook: true, Effect: x.eventEffect, Run: x.postEvent},
		{Name: "opening.post", Meaning: "A book takes over balances and open orders from elsewhere.", OfBook: true, Effect: x.openingEffect, Run: x.open},
		{Name: "payee.change", Meaning: "What protects a minor is changed: who answers for it, or what is set aside.", OfBook: true, Effect: x.payeeEffect, Run: x.changePayee},
		{Name: "rules.activate", Meaning: "A book is given a rule set, by which its orders are computed from a moment on.", OfBook: true, Effect: x.rulesEffect, Run: x.activateRules},
		{Name: "transaction.post", Meaning: "The books are adjusted by hand, by entries.", OfBook: true, Evidence: true, Effect: x.manualEffect, Run: x.postManual},
		{Name: "transaction.reverse", Meaning: "A recorded transaction is mirrored.", OfBook: true, Effect: x.reversalEffect, Run: x.reverse},
	}
}

// book is the book that an approval is about.
func (x *approved) book(ctx context.Context, b guard.Book) (ledger.Book, error) {
	book, err := x.books.Book(ctx, b.Code)
	if err == nil && int32(book.ID) != b.ID {
		err = ledger.ErrBookUnknown
	}
	return book, err
}

// deedBy is how the trail tells what runs by an approval: by whoever decided, for the reason it was asked for.
func deedBy(a guard.Approval) guard.Deed {
	return guard.Deed{Actor: guard.Actor{Kind: guard.Person, ID: a.DecidedBy, Person: a.DecidedBy}, Why: a.Reason, Approval: a.ID}
}

// keepPayload renders a payload as it is kept.
func keepPayload(payload any, effect guard.Effect, err error) (json.RawMessage, guard.Effect, error) {
	if err != nil {
		return nil, guard.Effect{}, err
	}
	kept, err := json.Marshal(payload)
	return kept, effect, err
}

// errNothingToApprove means that what would be approved has happened already.
var errNothingToApprove = ledger.ErrReferenceReused.With("This reference was recorded before with the same content. There is nothing to approve.")

// forecast is the effect of a submission now. It returns ErrPeriodClosed if the submission names a time in a closed month.
func (x *approved) forecast(ctx context.Context, book ledger.Book, summary string, s ledger.Submission) (guard.Effect, error) {
	outcomes, err := x.books.DryRun(ctx, book, []ledger.Submission{s}, false)
	switch {
	case err != nil:
		return guard.Effect{}, err
	case outcomes[0].Err != nil:
		return guard.Effect{}, payloadFaults(outcomes[0].Err)
	case outcomes[0].Replayed:
		return guard.Effect{}, errNothingToApprove
	}
	for i := range outcomes[0].Transactions {
		if t := &outcomes[0].Transactions[i]; t.Effective != t.Period && !s.Drafts[0].OccurredAt.IsZero() {
			return guard.Effect{}, ErrPeriodClosed.At("/payload/occurred_at", ErrPeriodClosed.Code, "This lies in a month that is closed.")
		}
	}
	return x.service.effectOf(summary, outcomes[0].Transactions)
}

// recordedResult is what running an act that posts answers.
type recordedResult struct {
	Object       string   `json:"object"`
	Transactions []string `json:"transactions"`
	Replayed     bool     `json:"replayed"`
}

// confirm returns the result of what was posted, if it is what was agreed to: the book is locked now, so that what the
// entries came to is final. What was recorded before, by somebody who did not wait, is answered as it is.
func (x *approved) confirm(a guard.Approval, ts []ledger.Transaction, replayed bool, warnings ...string) (json.RawMessage, error) {
	out := recordedResult{Replayed: replayed, Transactions: []string{}}
	for i := range ts {
		out.Transactions = append(out.Transactions, ts[i].ID())
	}
	if len(ts) > 0 {
		out.Object = "transaction:" + ts[0].ID()
	}
	if !replayed {
		now, err := x.service.effectOf(a.Effect.Summary, ts)
		if err != nil {
			return nil, err
		}
		now.Warnings = append(now.Warnings, warnings...)
		was, err := json.Marshal(a.Effect)
		if err != nil {
			return nil, err
		}
		if is, err := json.Marshal(now); err != nil || string(is) != string(was) {
			return nil, guard.ErrApprovalChanged.Because(err)
		}
	}
	return json.Marshal(out)
}

func (x *approved) manual(ctx context.Context, b guard.Book, payload json.RawMessage) (book ledger.Book, p manualPayload, s ledger.Submission, err error) {
	if book, err = x.book(ctx, b); err == nil {
		if err = decodePayload(payload, &p); err == nil {
			s, err = p.submission()
		}
	}
	return book, p, s, err
}

func (x *approved) manualEffect(ctx context.Context, b guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
	book, p, s, err := x.manual(ctx, b, payload)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	effect, err := x.forecast(ctx, book, fmt.Sprintf("Posts %d entries by hand in the book %s.", len(p.Entries), book.Code), s)
	return keepPayload(p, effect, err)
}

func (x *approved) postManual(ctx context.Context, tx pgx.Tx, a guard.Approval) (json.RawMessage, error) {
	book, _, s, err := x.manual(postgres.Within(ctx, tx), a.Book, a.Payload)
	if err != nil {
		return nil, err
	}
	outcomes, err := x.books.PostTx(ctx, tx, book, []ledger.Submission{s})
	if err != nil {
		return nil, payloadFaults(err)
	}
	return x.confirm(a, outcomes[0].Transactions, outcomes[0].Replayed)
}

// reversal is what a payload reverses.
func (x *approved) reversal(ctx context.Context, b guard.Book, payload json.RawMessage) (book ledger.Book, p reversalPayload, sequence int64, c ledger.Correction, err error) {
	if book, err = x.book(ctx, b); err != nil {
		return book, p, 0, c, err
	}
	if err = decodePayload(payload, &p); err != nil {
		return book, p, 0, c, err
	}
	if p.Reason == "" {
		return book, p, 0, c, payloadWrong("/reason", "required", "Say why it is reversed.")
	}
	c = ledger.Correction{Reference: p.Reference, Memo: p.Reason}
	if c.OccurredAt, err = moment(p.OccurredAt); err != nil {
		return book, p, 0, c, err
	}
	sequence, err = ledger.ParseTransactionID(book.Code, p.Transaction)
	return book, p, sequence, c, err
}

// errSuspenseMirrored means that entries in suspense would be mirrored, and the breaks that they are about would not know.
var errSuspenseMirrored = ErrEventReserved.With("This transaction moved what waits in suspense, and a mirrored entry would leave its breaks wrong. Send the event entry.reversed for a business event, or fix the break.")

// reversalWarnings are what a careful person looks at before a transaction is reversed. It returns errSuspenseMirrored.
func (x *approved) reversalWarnings(ctx context.Context, book ledger.Book, sequence int64) (list []string, err error) {
	t, err := x.books.Transaction(ctx, book, sequence)
	if err != nil {
		return nil, err
	}
	if _, _, byEvent := recordOf(&t); byEvent {
		if touchesSuspense(&t) {
			return nil, errSuspenseMirrored
		}
		list = append(list, "An event recorded this. The event entry.reversed looks at what was computed from it since then; this does not, and its order or story may not be followed any more.")
	}
	return list, nil
}

func (x *approved) reversalEffect(ctx context.Context, b guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
	book, p, sequence, c, err := x.reversal(ctx, b, payload)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	warnings, err := x.reversalWarnings(ctx, book, sequence)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	s, err := x.books.Reversal(ctx, book, sequence, c)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	effect, err := x.forecast(ctx, book, fmt.Sprintf("Mirrors the %d entries of %s.", len(s.Drafts[0].Lines), p.Transaction), s)
	effect.Warnings = append(effect.Warnings, warnings...)
	return keepPayload(p, effect, err)
}

func (x *approved) reverse(ctx context.Context, tx pgx.Tx, a guard.Approval) (json.RawMessage, error) {
	ctx = postgres.Within(ctx, tx)
	book, _, sequence, c, err := x.reversal(ctx, a.Book, a.Payload)
	if err != nil {
		return nil, err
	}
	warnings, err := x.reversalWarnings(ctx, book, sequence)
	if err != nil {
		return nil, err
	}
	c.Metadata = map[string]string{approvalOf: a.ID}
	out, err := x.books.ReverseTx(ctx, tx, book, sequence, c)
	if err != nil {
		return nil, payloadFaults(err)
	}
	return x.confirm(a, out.Transactions, out.Replayed, warnings...)
}

func (x *approved) event(ctx context.Context, b guard.Book, payload json.RawMessage) (book ledger.Book, p eventPayload, e Event, err error) {
	if book, err = x.book(ctx, b); err == nil {
		if err = decodePayload(payload, &p); err == nil {
			e, err = p.event()
		}
	}
	return book, p, e, err
}

func (x *approved) eventEffect(ctx context.Context, b guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
	book, p, e, err := x.event(ctx, b, payload)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	results, err := x.service.DryRun(ctx, book, []Event{e}, true)
	switch {
	case err != nil:
		return nil, guard.Effect{}, err
	case results[0].Err != nil:
		return nil, guard.Effect{}, payloadFaults(results[0].Err)
	case results[0].Replayed:
		return nil, guard.Effect{}, errNothingToApprove
	}
	effect, err := x.service.effectOf(fmt.Sprintf("Posts the event %s in the book %s.", e.Type, book.Code), results[0].Transactions)
	return keepPayload(p, effect, err)
}

func (x *approved) postEvent(ctx context.Context, tx pgx.Tx, a guard.Approval) (json.RawMessage, error) {
	book, _, e, err := x.event(postgres.Within(ctx, tx), a.Book, a.Payload)
	if err != nil {
		return nil, err
	}
	results, err := x.service.PostTx(ctx, tx, book, []Event{e})
	if err != nil {
		return nil, payloadFaults(err)
	}
	return x.confirm(a, results[0].Transactions, results[0].Replayed)
}

func (x *approved) rulesEffect(ctx context.Context, b guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
	var p rulesPayload
	book, err := x.book(ctx, b)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	if err := decodePayload(payload, &p); err != nil {
		return nil, guard.Effect{}, err
	}
	draft, err := x.rules.Judge(ctx, book, []byte(p.Document))
	switch {
	case err != nil:
		return nil, guard.Effect{}, err
	case draft.Known:
		return nil, guard.Effect{}, ErrRuleSetExists.With("The book has this rule set already, byte for byte. There is nothing to approve.")
	}
	set, before := draft.Set, draft.Before
	effect := guard.Effect{Summary: fmt.Sprintf("Computes the orders of the book %s that are placed from %s on by the rule set %s.", book.Code, instantText(set.ValidFrom), set.ID())}
	if before == nil {
		effect.Count = len(set.Rules)
		effect.Difference = []string{"Nothing is computed for that moment so far: the book has no rules for it."}
	} else {
		effect.Count = len(draft.Changes)
		effect.Difference = []string{fmt.Sprintf("Compared with %s, which would hold then:", before.ID())}
		for _, c := range draft.Changes {
			effect.Difference = appendShown(effect.Difference, c.words())
		}
	}
	for _, w := range set.Warnings() {
		effect.Warnings = appendShown(effect.Warnings, w)
	}
	return keepPayload(p, effect, nil)
}

// words tells a difference in one line.
func (c RuleChange) words() string {
	switch c.Change {
	case "added":
		return c.Subject + " comes: " + c.After
	case "removed":
		return c.Subject + " goes: " + c.Before
	}
	return fmt.Sprintf("%s, %s: %q becomes %q", c.Subject, c.Field, c.Before, c.After)
}

func (x *approved) activateRules(ctx context.Context, tx pgx.Tx, a guard.Approval) (json.RawMessage, error) {
	var p rulesPayload
	book, err := x.book(postgres.Within(ctx, tx), a.Book)
	if err != nil {
		return nil, err
	}
	if err := decodePayload(a.Payload, &p); err != nil {
		return nil, err
	}
	set, created, err := x.rules.AddTx(ctx, tx, deedBy(a), book, []byte(p.Document))
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"object": "rule_set:" + set.ID(), "rule_set": set.ID(), "valid_from": set.ValidFrom.UTC(), "created": created})
}

func (x *approved) payee(ctx context.Context, b guard.Book, payload json.RawMessage) (book ledger.Book, p payeePayload, c PayeeChange, err error) {
	if book, err = x.book(ctx, b); err == nil {
		if err = decodePayload(payload, &p); err == nil {
			c, err = p.change()
		}
	}
	return book, p, c, err
}

func (x *approved) payeeEffect(ctx context.Context, b guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
	book, p, c, err := x.payee(ctx, b, payload)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	now, next, err := x.service.nextPayee(ctx, book, p.Payee, c)
	switch {
	case err != nil:
		return nil, guard.Effect{}, payloadFaults(err)
	case now.Version == next.Version:
		return nil, guard.Effect{}, ErrPayeeVersion.With("This change was made already. There is nothing to approve.")
	}
	effect := guard.Effect{Summary: fmt.Sprintf("Changes the payee %s of the book %s.", p.Payee, book.Code), Count: 1}
	for _, f := range []struct{ name, was, is string }{
		{"minor", fmt.Sprint(now.Minor), fmt.Sprint(next.Minor)}, {"guardian", now.Guardian, next.Guardian},
		{"trust_rate", now.TrustRate, next.TrustRate}, {"settlement_tier", now.SettlementTier, next.SettlementTier},
	} {
		if f.was != f.is {
			effect.Difference = append(effect.Difference, fmt.Sprintf("%s: %q becomes %q", f.name, f.was, f.is))
		}
	}
	if now.Minor && !next.Minor {
		effect.Warnings = append(effect.Warnings, "Nothing more is set aside for this creator, and nobody answers for it any more.")
	}
	return keepPayload(p, effect, nil)
}

func (x *approved) changePayee(ctx context.Context, tx pgx.Tx, a guard.Approval) (json.RawMessage, error) {
	book, p, c, err := x.payee(postgres.Within(ctx, tx), a.Book, a.Payload)
	if err != nil {
		return nil, err
	}
	next, err := x.service.ChangePayeeTx(ctx, tx, deedBy(a), book, p.Payee, c)
	if err != nil {
		return nil, payloadFaults(err)
	}
	return json.Marshal(map[string]any{"object": "payee:" + next.ID, "version": next.Version})
}
