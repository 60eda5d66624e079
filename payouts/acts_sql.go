package payouts

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
)

// What of payees and terms waits for a second person.

// The acts by which terms change.
const (
	ActPolicy   = "payout_policy.activate"
	ActOverride = "payout_override.set"
)

var errPayeeUnknown = commerce.ErrPayeeUnknown.Code

// within is a context with which reads join the transaction.
func within(ctx context.Context, tx pgx.Tx) context.Context { return postgres.Within(ctx, tx) }

// payeeActs are the acts of this file.
func (s *Service) payeeActs() []guard.Act {
	return []guard.Act{
		{Name: ActDestination, Meaning: "A payee is paid to another place from now on: an account at a processor, or its bank.", OfBook: true, Evidence: true,
			Effect: effectOf(s, s.judgeDestination), Run: runOf(s, s.runDestination)},
		{Name: ActPolicy, Meaning: "A book pays by another payout policy from a moment on.", OfBook: true, Effect: effectOf(s, s.policyAct), Run: runOf(s, s.runPolicy)},
		{Name: ActOverride, Meaning: "Something else than the policy is agreed with one payee from a moment on.", OfBook: true, Evidence: true,
			Effect: effectOf(s, s.judgeOverride), Run: runOf(s, s.runOverride)},
	}
}

// bookOf is the book that an approval is about.
func (s *Service) bookOf(ctx context.Context, b guard.Book) (ledger.Book, error) {
	book, err := s.ledger.Book(ctx, b.Code)
	if err == nil && int32(book.ID) != b.ID {
		err = ledger.ErrBookUnknown
	}
	return book, err
}

// effectOf is how an act of a book is judged: its payload is read, judged and completed, and kept as it then is.
func effectOf[P any](s *Service, judge func(context.Context, ledger.Book, *P) (guard.Effect, error)) func(context.Context, guard.Book, json.RawMessage) (json.RawMessage, guard.Effect, error) {
	return func(ctx context.Context, b guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
		var p P
		book, err := s.bookOf(ctx, b)
		if err == nil {
			err = guard.ReadPayload(payload, &p)
		}
		if err != nil {
			return nil, guard.Effect{}, err
		}
		effect, err := judge(ctx, book, &p)
		if err != nil {
			return nil, guard.Effect{}, err
		}
		kept, err := json.Marshal(p)
		return kept, effect, err
	}
}

// runOf is how an act of a book is carried out: with the payload that was kept, in the transaction of the approval.
func runOf[P any](s *Service, run func(context.Context, pgx.Tx, guard.Approval, ledger.Book, P) (map[string]any, error)) func(context.Context, pgx.Tx, guard.Approval) (json.RawMessage, error) {
	return func(ctx context.Context, tx pgx.Tx, a guard.Approval) (json.RawMessage, error) {
		var p P
		book, err := s.bookOf(within(ctx, tx), a.Book)
		if err == nil {
			err = guard.ReadPayload(a.Payload, &p)
		}
		if err != nil {
			return nil, err
		}
		done, err := run(ctx, tx, a, book, p)
		if err != nil {
			return nil, err
		}
		return json.Marshal(done)
	}
}

func (s *Service) runDestination(ctx context.Context, tx pgx.Tx, a guard.Approval, book ledger.Book, p destinationPayload) (map[string]any, error) {
	d, err := s.setDestinationTx(ctx, tx, deedBy(a), book, p)
	if err != nil {
		return nil, err
	}
	return map[string]any{"object": "payee:" + d.Payee, "after": d.mark(), "destination": d.ID, "cooling_until": d.CoolingUntil}, nil
}

func (s *Service) policyAct(ctx context.Context, book ledger.Book, p *policyPayload) (guard.Effect, error) {
	effect, policy, err := s.judgePolicy(ctx, book, p.Document)
	if err == nil {
		p.Document = string(policy.Canonical())
	}
	return effect, err
}

// judgePolicy judges a policy for the book, and says what it changes.
func (s *Service) judgePolicy(ctx context.Context, book ledger.Book, document string) (guard.Effect, *Policy, error) {
	policy, err := ParsePolicy([]byte(document))
	if err == nil {
		err = s.mayActivate(ctx, book, policy)
	}
	if err != nil {
		return guard.Effect{}, nil, err
	}
	effect := guard.Effect{Summary: fmt.Sprintf("Pays the payees of the book %s by the policy %s from %s on.", book.Code, policy.Name(), policy.ValidFrom.UTC().Format(time.RFC3339))}
	before, err := s.PolicyAt(ctx, book, policy.ValidFrom)
	switch {
	case fault.CodeOf(err) == ErrPolicyMissing.Code:
		effect.Difference = []string{"No policy holds for that moment so far."}
	case err != nil:
		return guard.Effect{}, nil, err
	default:
		effect.Difference = append([]string{"Compared with " + before.Name() + ", which would hold then:"}, differences(before.Canonical(), policy.Canonical())...)
		effect.Count = len(effect.Difference) - 1
		if policy.CoolingOffHours < before.CoolingOffHours {
			effect.Warnings = append(effect.Warnings, "New destinations are paid sooner after they changed.")
		}
	}
	return effect, policy, nil
}

func (s *Service) runPolicy(ctx context.Context, tx pgx.Tx, a guard.Approval, book ledger.Book, p policyPayload) (map[string]any, error) {
	policy, err := ParsePolicy([]byte(p.Document))
	if err != nil {
		return nil, err
	}
	done, err := s.activateTx(ctx, tx, deedBy(a), book, policy)
	if err != nil {
		return nil, err
	}
	return map[string]any{"object": "payout_policy:" + done.Version, "policy": done.Version, "valid_from": done.ValidFrom}, nil
}

// ActivatePolicy activates a policy without a second person, which is for development on one machine.
func (s *Service) ActivatePolicy(ctx context.Context, by guard.Actor, book ledger.Book, document, why string) (done Activated, err error) {
	_, policy, err := s.judgePolicy(ctx, book, document)
	if err != nil {
		return Activated{}, err
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		done, err = s.activateTx(ctx, tx, guard.Deed{Actor: by, Why: why}, book, policy)
		return err
	})
	return done, err
}

// judgeOverride judges an exception for a payee, and says what it changes.
func (s *Service) judgeOverride(ctx context.Context, book ledger.Book, p *overridePayload) (guard.Effect, error) {
	payee, err := s.registered(ctx, book, p.Payee)
	if err != nil {
		return guard.Effect{}, err
	}
	if !p.ValidFrom.After(s.now()) {
		return guard.Effect{}, ErrPolicyInvalid.At("/valid_from", "payout-policy-past", "An exception begins in the future: what was decided before stays as it was decided. Give it a later moment.")
	}
	p.ValidFrom = p.ValidFrom.UTC().Truncate(time.Microsecond)
	if p.Document, err = canonicalOverride(p.Document); err != nil {
		return guard.Effect{}, err
	}
	last, err := agreedOf(s.pool.QueryRow(ctx, sqlLastOverride, book.ID, p.Payee))
	switch {
	case err != nil:
		return guard.Effect{}, err
	case last.Version != p.After:
		return guard.Effect{}, ErrOverrideVersion
	}
	general, err := s.PolicyAt(ctx, book, p.ValidFrom)
	if err != nil {
		return guard.Effect{}, err
	}
	next := general
	if p.Document != noOverride {
		o, err := ParseOverride([]byte(p.Document))
		if err != nil {
			return guard.Effect{}, err
		}
		if o.Kind != payee.Kind {
			return guard.Effect{}, ErrPolicyInvalid.At("/kind", "enum", "The exception is for another kind of payee than this one.")
		}
		if next, err = general.With(o); err != nil {
			return guard.Effect{}, err
		}
	}
	effect := guard.Effect{Summary: fmt.Sprintf("Agrees terms of its own with the payee %s from %s on.", p.Payee, p.ValidFrom.Format(time.RFC3339))}
	if p.Document == noOverride {
		effect.Summary = fmt.Sprintf("Ends the terms of its own of the payee %s from %s on.", p.Payee, p.ValidFrom.Format(time.RFC3339))
	}
	before := general
	if now, err := s.OverrideAt(ctx, book, p.Payee, p.ValidFrom); err != nil {
		return guard.Effect{}, err
	} else if !now.ends() {
		if before, err = general.withDocument(now.Document); err != nil {
			effect.Warnings = append(effect.Warnings, "What was agreed before does not fit the book's policy any more.")
			before = general
		}
	}
	effect.Difference = append([]string{"Compared with " + before.Name() + ", which would hold then:"}, differences(before.Canonical(), next.Canonical())...)
	effect.Count = len(effect.Difference) - 1
	return effect, nil
}

func (s *Service) runOverride(ctx context.Context, tx pgx.Tx, a guard.Approval, book ledger.Book, p overridePayload) (map[string]any, error) {
	done, err := s.agreeTx(ctx, tx, deedBy(a), book, p)
	if err != nil {
		return nil, err
	}
	return map[string]any{"object": "payee:" + done.Payee, "version": done.Version, "valid_from": done.ValidFrom}, nil
}

// SetOverride agrees an exception without a second person, which is for development on one machine.
func (s *Service) SetOverride(ctx context.Context, by guard.Actor, book ledger.Book, payload json.RawMessage, why string) (done Agreed, err error) {
	var p overridePayload
	if err := guard.ReadPayload(payload, &p); err != nil {
		return Agreed{}, err
	}
	if _, err := s.judgeOverride(ctx, book, &p); err != nil {
		return Agreed{}, err
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		done, err = s.agreeTx(ctx, tx, guard.Deed{Actor: by, Why: why}, book, p)
		return err
	})
	return done, err
}

// maxDifferences and maxDifference bound what a second person is shown of two documents.
const (
	maxDifferences = 200
	maxDifference  = 300
)

// Change is a value of a document that is not the same in another: Was is empty for one that comes, and Is for one that goes.
type Change struct {
	// Place is where it stands, such as /kinds/seller/minimum/USD.
	Place, Was, Is string
}

// differences lists what of two JSON documents is not the same, a line each, in order of the places.
func differences(before, after []byte) (lines []string) {
	for _, c := range changesOf(before, after) {
		line := ""
		switch {
		case c.Place == "":
			line = "and more, which is not listed"
		case c.Was == "":
			line = c.Place + " comes: " + c.Is
		case c.Is == "":
			line = c.Place + " goes: " + c.Was
		default:
			line = c.Place + ": " + c.Was + " becomes " + c.Is
		}
		lines = append(lines, cut(line))
	}
	return lines
}

// cut bounds a text that people read.
func cut(text string) string {
	if len(text) <= maxDifference {
		return text
	}
	return strings.ToValidUTF8(text[:maxDifference], "") + "…"
}

// changesOf lists what of two documents is not the same, in the order of the places.
func changesOf(before, after []byte) (out []Change) {
	old, next := map[string]string{}, map[string]string{}
	flatten(before, old)
	flatten(after, next)
	places := slices.Sorted(maps.Keys(old))
	for place := range next {
		if _, has := old[place]; !has {
			places = append(places, place)
		}
	}
	slices.Sort(places)
	for _, place := range places {
		was, is := old[place], next[place]
		if was == is {
			continue
		}
		if len(out) == maxDifferences {
			return append(out, Change{})
		}
		out = append(out, Change{place, cut(was), cut(is)})
	}
	return out
}

// flatten notes each value of a JSON document under its place. The document is bounded and was checked before.
func flatten(document []byte, into map[string]string) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var content any
	if decoder.Decode(&content) != nil {
		return
	}
	var walk func(place string, value any)
	walk = func(place string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for key, member := range v {
				walk(place+"/"+key, member)
			}
		case []any:
			text, _ := json.Marshal(v) // what was decoded can be written
			into[place] = string(text)
		default:
			if into[place] = fmt.Sprint(v); into[place] == "" {
				into[place] = `""` // nothing at all is a value that is not there
			}
		}
	}
	walk("", content)
}
