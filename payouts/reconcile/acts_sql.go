package reconcile

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// What of breaks and rules waits for a second person.

// The acts of two people.
const (
	ActFix           = "break.fix"
	ActWriteOff      = "break.write_off"
	ActActivateRules = "recon_rules.activate"
)

// fixPayload says what a break turned out to be. Exactly one of Lines, Transaction, Returned and NothingToPost is given.
type fixPayload struct {
	Break string `json:"break"`
	// Lines are where it belongs; its difference passes through suspense to them. Amount is what of it, empty for all.
	Lines  []commerce.SuspenseLine `json:"lines,omitempty"`
	Amount string                  `json:"amount,omitempty"`
	// OriginalPeriod is the month of what it turned out to be, such as 2026-11.
	OriginalPeriod string `json:"original_period,omitempty"`
	// Transaction is an entry that is posted already and puts it right, such as uk-42.
	Transaction string `json:"transaction,omitempty"`
	// Returned says that the books had it already, so that what waits goes back to its cash account.
	Returned bool `json:"returned,omitempty"`
	// NothingToPost says that it is dealt with and that no posting puts it right.
	NothingToPost bool `json:"nothing_to_post,omitempty"`
}

// writeOffPayload gives up on a break.
type writeOffPayload struct {
	Break string `json:"break"`
	// To is where it goes; Amount is what of it, empty for all.
	To     string `json:"to"`
	Amount string `json:"amount,omitempty"`
}

// rulesPayload activates rules.
type rulesPayload struct {
	ValidFrom time.Time       `json:"valid_from"`
	Rules     json.RawMessage `json:"rules"`
}

// Acts are the acts of reconciliation that wait for a second person.
func (s *Service) Acts() []guard.Act {
	return []guard.Act{
		{Name: ActFix, Meaning: "A break is put right: what waits in suspense goes where it belongs, an entry is named that did it, or two people say that there is nothing to post.", OfBook: true, Evidence: true,
			Effect: breakEffect(s, s.judgeFix), Run: breakRun(s, s.runFix)},
		{Name: ActWriteOff, Meaning: "Nobody finds out what a break is: money that left becomes a cost, and money that came is kept for whom it belongs to.", OfBook: true,
			Evidence: true, Effect: breakEffect(s, s.judgeWriteOff), Run: breakRun(s, s.runWriteOff)},
		{Name: ActActivateRules, Meaning: "A book is reconciled by other tolerances, times and limits from a moment on.", OfBook: true,
			Effect: breakEffect(s, s.judgeRules), Run: breakRun(s, s.runRules)},
	}
}

// guardedBook is the book that an approval is about.
func (s *Service) guardedBook(ctx context.Context, b guard.Book) (ledger.Book, error) {
	book, err := s.ledger.Book(ctx, b.Code)
	if err == nil && int32(book.ID) != b.ID {
		err = ledger.ErrBookUnknown
	}
	return book, err
}

// breakEffect is how an act is judged: its payload is read, judged and completed, and kept as it then is.
func breakEffect[P any](s *Service, judge func(context.Context, ledger.Book, *P) (guard.Effect, error)) func(context.Context, guard.Book, json.RawMessage) (json.RawMessage, guard.Effect, error) {
	return func(ctx context.Context, b guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
		var p P
		book, err := s.guardedBook(ctx, b)
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

// breakRun is how an act is carried out: with the payload that was kept, in the transaction of the approval.
func breakRun[P any](s *Service, run func(context.Context, pgx.Tx, guard.Approval, ledger.Book, P) (map[string]any, error)) func(context.Context, pgx.Tx, guard.Approval) (json.RawMessage, error) {
	return func(ctx context.Context, tx pgx.Tx, a guard.Approval) (json.RawMessage, error) {
		var p P
		book, err := s.guardedBook(postgres.Within(ctx, tx), a.Book)
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

// outgoing is what an act makes of a break: how much of its difference leaves suspense, and whether it has to enter it first.
type outgoing struct {
	of     Break
	amount money.Minor // above zero
	// enters puts the difference into suspense before; nil if it waits there.
	enters *commerce.Event
}

// outgoingOf judges how much of a break can leave suspense. amount is a decimal, empty for all.
func (s *Service) outgoingOf(ctx context.Context, from asker, book ledger.Book, id, amount string) (out outgoing, err error) {
	if out.of, err = breakOf(ctx, from, book, id); err != nil {
		return out, err
	}
	b := &out.of
	if b.Ended() {
		return out, ErrBreakState
	}
	all := b.Suspense
	if all == 0 {
		if out.enters, err = s.entering(ctx, from, book, b); err != nil {
			return out, err
		}
		all = -b.Amount
	}
	all = max(all, -all)
	if out.amount = all; amount != "" {
		if out.amount, err = money.ParsePositive(amount, b.Currency); err != nil || out.amount > all {
			return out, ErrBreakInvalid.At("/payload/amount", "amount", "Give an amount above zero and at most what the break has left, or none for all.")
		}
	}
	return out, nil
}

// entering is the event that puts a break's difference into suspense, so that it leaves it at once. It must be a difference that the
// newest run found, of one thing under one key.
func (s *Service) entering(ctx context.Context, from asker, book ledger.Book, b *Break) (*commerce.Event, error) {
	if b.Amount == 0 || b.Kept || !slices.Contains(throughSuspense, b.Class) {
		return nil, ErrBreakState.With("Nothing of this break waits in suspense, and it is no difference that passes through suspense. Post what puts it right and name that transaction, or say that there is nothing to post.")
	}
	source, err := sourceOf(ctx, from, book, b.Source)
	if err != nil {
		return nil, err
	}
	keys, err := keysOf(ctx, from, book, source, []Break{*b})
	if err != nil {
		return nil, err
	}
	event, ok := b.suspenseEvent(source, keys[0], s.now())
	if !ok {
		return nil, ErrBreakState.With("The lines of this break have no one reference under which it could pass through suspense. Confirm what belongs together first, or name the transaction that puts it right.")
	}
	return &event, nil
}

// leaving is what an outgoing posts: into suspense if it has to, and out of it with the terms.
func (o *outgoing) leaving(build func(terms commerce.SuspenseTerms) commerce.OwnEvent, at time.Time) []commerce.Event {
	var events []commerce.Event
	b := o.of
	if o.enters != nil {
		in := o.enters.Data.(*commerce.SuspenseIn)
		b.Suspense, b.SuspenseRef = -b.Amount, in.Reference
		events = append(events, *o.enters)
	}
	return append(events, commerce.Own(build(b.waitingTerms(o.amount)), at))
}

// told is what a second person sees of what leaves suspense, apart from what it posts.
func (o *outgoing) told(does string) guard.Effect {
	c := o.of.Currency
	return guard.Effect{Summary: fmt.Sprintf("%s the break %s: %s %s leave suspense.", does, o.of.ID, o.amount.Format(c), c),
		Totals: []guard.Amount{{Currency: string(c), Amount: o.amount.Format(c)}}, Difference: []string{standsSo(&o.of)}}
}

// standsSo says how a break stands, so that nobody decides on it as it was.
func standsSo(b *Break) string {
	return fmt.Sprintf("The break is of the class %s, %s, and its amount is %s %s.", b.Class, b.State, b.Amount.Format(b.Currency), b.Currency)
}

// judgeOutgoing computes what the events would post, and describes it.
func (s *Service) judgeOutgoing(ctx context.Context, book ledger.Book, o *outgoing, events []commerce.Event, does string) (guard.Effect, error) {
	results, err := s.events.DryRun(ctx, book, events, true)
	if err != nil {
		return guard.Effect{}, err
	}
	c := o.of.Currency
	effect := o.told(does)
	if o.enters != nil {
		if effect.Seen, err = s.lookFor(ctx, book, &o.of); err != nil {
			return guard.Effect{}, err
		}
	}
	for _, r := range results {
		if r.Err != nil {
			return guard.Effect{}, r.Err
		}
		entries, err := s.events.ForecastEntries(r.Transactions)
		if err != nil {
			return guard.Effect{}, err
		}
		effect.Entries = append(effect.Entries, entries...)
		for _, t := range r.Transactions {
			for _, e := range t.Entries {
				effect.Count++
				direction := "debit"
				if e.Amount < 0 {
					direction = "credit"
				}
				effect.Largest = append(effect.Largest, guard.Movement{Object: string(e.Account), Direction: direction,
					Amount: guard.Amount{Currency: string(e.Currency), Amount: max(e.Amount, -e.Amount).Format(e.Currency)}})
			}
		}
	}
	slices.SortStableFunc(effect.Largest, func(a, b guard.Movement) int {
		x, _ := money.ParseAmount(a.Amount.Amount, c) // what was formatted can be read
		y, _ := money.ParseAmount(b.Amount.Amount, c)
		return cmp.Compare(y, x)
	})
	effect.Largest = effect.Largest[:min(len(effect.Largest), 10)]
	if o.enters != nil {
		effect.Warnings = append(effect.Warnings, "Nothing of it waits in suspense: its difference is put there first, in the same act.")
	}
	if o.of.Class == PayoutReturned {
		effect.Warnings = append(effect.Warnings, "The payout's own way books its return, under the rail's own reference. If it still comes, the cash is counted twice.")
	}
	if o.of.Suspend {
		effect.Warnings = append(effect.Warnings, "A business event that comes later with the same reference would move its cash once more.")
	}
	return effect, nil
}

// fixing is what a fix with lines posts.
func (p *fixPayload) fixing(decision string) func(terms commerce.SuspenseTerms) commerce.OwnEvent {
	return func(terms commerce.SuspenseTerms) commerce.OwnEvent {
		if p.Returned {
			return &commerce.SuspenseReturned{SuspenseTerms: terms, Decision: decision}
		}
		return &commerce.SuspenseOut{SuspenseTerms: terms, Decision: decision, Lines: p.Lines, OriginalPeriod: p.OriginalPeriod}
	}
}

// What acts do with a break, in words.
const (
	fixes     = "Fixes"
	writesOff = "Writes off"
)

// draftDecision stands for the id of the decision while its effect is computed.
const draftDecision = "draft"

func (s *Service) judgeFix(ctx context.Context, book ledger.Book, p *fixPayload) (guard.Effect, error) {
	given := 0
	for _, is := range []bool{len(p.Lines) > 0, p.Transaction != "", p.Returned, p.NothingToPost} {
		if is {
			given++
		}
	}
	if given != 1 {
		return guard.Effect{}, ErrBreakInvalid.At("/payload", "one", "Say one of: the lines where it belongs, the transaction that put it right, that it goes back to its cash account, or that there is nothing to post.")
	}
	switch {
	case p.Transaction != "":
		return s.judgeNamed(ctx, s.pool, book, p)
	case p.NothingToPost:
		return s.judgeAccepted(ctx, s.pool, book, p)
	}
	o, err := s.outgoingOf(ctx, s.pool, book, p.Break, p.Amount)
	if err != nil {
		return guard.Effect{}, err
	}
	if p.Returned && o.enters != nil {
		return guard.Effect{}, ErrBreakState.With("Nothing of this break waits in suspense that could go back.")
	}
	return s.judgeOutgoing(ctx, book, &o, o.leaving(p.fixing(draftDecision), s.now()), fixes)
}

func (s *Service) runFix(ctx context.Context, tx pgx.Tx, a guard.Approval, book ledger.Book, p fixPayload) (map[string]any, error) {
	judge := s.judgeNamed
	switch {
	case p.NothingToPost:
		judge = s.judgeAccepted
	case p.Transaction == "":
		return s.runOutgoing(ctx, tx, a, book, p.Break, p.Amount, fixes, p.fixing(a.ID), Fixed, StepFixed)
	}
	held, err := lockSteps(ctx, tx, book)
	if err != nil {
		return nil, err
	}
	effect, err := judge(postgres.Within(ctx, tx), tx, book, &p)
	switch {
	case err != nil:
		return nil, err
	case !sameEffect(a, effect):
		return nil, guard.ErrApprovalChanged
	}
	b, err := breakOf(ctx, tx, book, p.Break)
	if err != nil {
		return nil, err
	}
	now := s.now()
	c := changedBreak{Break: b, act: StepFixed, posted: p.Transaction}
	if p.NothingToPost {
		c.end(Fixed, "", now)
		c.Accepted, c.note = true, acceptedNote
	} else {
		c.end(Fixed, p.Transaction, now)
		c.Kept = false
	}
	c.ChangedAt = now
	return s.keepActed(ctx, tx, held, a, book, &b, []changedBreak{c})
}

// acceptedNote is what the step says by which people accept a difference.
const acceptedNote = "Nothing was posted. Two people say that it is dealt with."

// judgeAccepted judges a fix that posts nothing: two people say that a difference is dealt with as it stands.
func (s *Service) judgeAccepted(ctx context.Context, from asker, book ledger.Book, p *fixPayload) (guard.Effect, error) {
	if p.Amount != "" || p.OriginalPeriod != "" {
		return guard.Effect{}, ErrBreakInvalid.At("/payload/nothing_to_post", "one", "Where nothing is posted there is no amount and no month. Leave them out.")
	}
	b, err := breakOf(ctx, from, book, p.Break)
	if err != nil {
		return guard.Effect{}, err
	}
	if err := b.mayBeAccepted(); err != nil {
		return guard.Effect{}, err
	}
	effect := guard.Effect{Summary: fmt.Sprintf("Ends the break %s and posts nothing: two people say that it is dealt with.", b.ID), Difference: []string{standsSo(&b)}}
	if b.Match == R3 || b.Match == R4 { // what sources and banks write of people is in the others
		effect.Difference = append(effect.Difference, clipText(fmt.Sprintf("It is between %s and %s.", cmp.Or(b.Left, "nothing"), cmp.Or(b.Right, "nothing")), 600))
	}
	if b.Amount != 0 {
		effect.Warnings = append(effect.Warnings, fmt.Sprintf("Nothing is posted by this. %s %s stay a difference that people have accepted.", max(b.Amount, -b.Amount).Format(b.Currency), b.Currency))
	}
	again := "If the next run finds the difference, the break opens again."
	if m := b.meaning(); m.class != "" && m.staysAccepted(b.Amount == 0, b.Kept) {
		again = "It does not come again while it stays what it is."
	}
	effect.Warnings = append(effect.Warnings, again)
	return effect, nil
}

// runOutgoing posts what leaves suspense, and ends the break if nothing of it waits any more. The break must stand as it stood when it
// was decided on: a run may have changed it since.
func (s *Service) runOutgoing(ctx context.Context, tx pgx.Tx, a guard.Approval, book ledger.Book, id, amount, does string, build func(commerce.SuspenseTerms) commerce.OwnEvent,
	ends State, act string) (map[string]any, error) {
	held, err := lockSteps(ctx, tx, book)
	if err != nil {
		return nil, err
	}
	o, err := s.outgoingOf(ctx, tx, book, id, amount)
	if err != nil {
		return nil, err
	}
	if told := o.told(does); told.Summary != a.Effect.Summary || !slices.Equal(told.Difference, a.Effect.Difference) {
		return nil, guard.ErrApprovalChanged
	}
	now := s.now()
	results, err := s.postOnce(ctx, tx, book, o.leaving(build, now))
	if err != nil {
		return nil, err
	}
	before := o.of
	var changed []changedBreak
	if o.enters != nil {
		looked, _ := a.Effect.Seen.(*lookedFor)
		if err := s.stillMissing(ctx, tx, book, &before, looked); err != nil {
			return nil, err
		}
		in := changedBreak{Break: before, act: StepSuspended, posted: postedAs(results[0])}
		in.Suspense, in.SuspenseRef, in.ChangedAt = -before.Amount, o.enters.Data.(*commerce.SuspenseIn).Reference, now
		changed = append(changed, in)
		o.of = in.Break
	}
	c := changedBreak{Break: o.of, act: act, posted: postedAs(results[len(results)-1])}
	if c.Suspense, _, err = s.suspendedTx(ctx, tx, book, id); err != nil {
		return nil, err
	}
	c.ChangedAt, c.Held = now, ""
	if c.Suspense == 0 {
		c.end(ends, c.posted, now)
		c.Kept = false
	}
	return s.keepActed(ctx, tx, held, a, book, &before, append(changed, c))
}

// lookedFor is up to where the books were looked through for what they came to know of a break's lines since a run.
type lookedFor struct {
	run   reconHead
	names []string
	until int64
}

// lookFor looks through what was posted since the run for what the books came to know of a break's lines. That may be much, so it is
// done before the book is locked.
func (s *Service) lookFor(ctx context.Context, book ledger.Book, b *Break) (*lookedFor, error) {
	run, source, names, err := s.lookedAt(ctx, s.pool, book, b)
	if err != nil {
		return nil, err
	}
	known, until, err := s.lookThrough(ctx, book, source, run.sequence, names)
	if err == nil && len(known) > 0 {
		err = errOvertaken
	}
	return &lookedFor{run, names, until}, err
}

// lookedAt is where the newest run of a break's source stands, and under which names the books may come to know of the break's lines.
func (s *Service) lookedAt(ctx context.Context, from queryer, book ledger.Book, b *Break) (run reconHead, source Source, names []string, err error) {
	if err = from.QueryRow(ctx, sqlReconHead, book.ID, b.Match, b.Source).Scan(&run.run, &run.sequence); err != nil {
		return run, source, nil, err
	}
	if source, err = sourceOf(ctx, from, book, b.Source); err != nil {
		return run, source, nil, err
	}
	keys, err := keysOf(ctx, from, book, source, []Break{*b})
	if err != nil {
		return run, source, nil, err
	}
	return run, source, append(keys[0].names, keys[0].reference), nil
}

// stillMissing refuses to put into suspense what the books came to know of since the run, while nobody else can post. What was looked
// through before is not looked through again.
func (s *Service) stillMissing(ctx context.Context, tx pgx.Tx, book ledger.Book, b *Break, looked *lookedFor) error {
	run, source, names, err := s.lookedAt(ctx, tx, book, b)
	if err != nil {
		return err
	}
	since := run.sequence
	if looked != nil && looked.run == run && slices.Equal(looked.names, names) {
		since = looked.until
	}
	known, err := knownSince(ctx, tx, book, source, span{since, math.MaxInt64}, names)
	if err == nil && (len(known) > 0 || b.LastRun != run.run) {
		err = errOvertaken
	}
	return err
}

// keepActed keeps a break and its steps, the last of which is how it stands, and says what the trail tells of it.
func (s *Service) keepActed(ctx context.Context, tx pgx.Tx, held *steps, a guard.Approval, book ledger.Book, before *Break, changed []changedBreak) (map[string]any, error) {
	held.number(changed)
	if err := saveBreaks(ctx, tx, book, changed[len(changed)-1:]); err != nil {
		return nil, err
	}
	if err := held.add(ctx, tx, stepBy{by: clipText(guard.Person+":"+a.DecidedBy, 128), at: s.now(), approval: a.ID}, changed); err != nil {
		return nil, err
	}
	last := &changed[len(changed)-1]
	if last.Ended() {
		if err := voidSharing(ctx, tx, book, last.Match, last.Source, last.External, last.Entries, s.now(), "Its break "+last.ID+" was ended by two people."); err != nil {
			return nil, err
		}
	}
	return map[string]any{"object": "break:" + last.ID, "before": breakMark(before), "after": breakMark(&last.Break), "state": last.State, "transaction": last.posted}, nil
}

func (p *writeOffPayload) writing(decision string) func(terms commerce.SuspenseTerms) commerce.OwnEvent {
	return func(terms commerce.SuspenseTerms) commerce.OwnEvent {
		return &commerce.SuspenseWrittenOff{SuspenseTerms: terms, Decision: decision, To: p.To}
	}
}

func (s *Service) judgeWriteOff(ctx context.Context, book ledger.Book, p *writeOffPayload) (guard.Effect, error) {
	o, err := s.outgoingOf(ctx, s.pool, book, p.Break, p.Amount)
	if err != nil {
		return guard.Effect{}, err
	}
	return s.judgeOutgoing(ctx, book, &o, o.leaving(p.writing(draftDecision), s.now()), writesOff)
}

func (s *Service) runWriteOff(ctx context.Context, tx pgx.Tx, a guard.Approval, book ledger.Book, p writeOffPayload) (map[string]any, error) {
	return s.runOutgoing(ctx, tx, a, book, p.Break, p.Amount, writesOff, p.writing(a.ID), WrittenOff, StepWrittenOff)
}

// judgeRules judges rules, and says what they change of those that would hold then.
func (s *Service) judgeRules(ctx context.Context, book ledger.Book, p *rulesPayload) (guard.Effect, error) {
	r, err := ParseRules(p.Rules)
	if err != nil {
		return guard.Effect{}, err
	}
	p.ValidFrom, p.Rules = p.ValidFrom.UTC().Truncate(time.Microsecond), r.Canonical()
	if _, err := s.mayActivateRules(ctx, s.pool, book, p.ValidFrom); err != nil {
		return guard.Effect{}, err
	}
	before, err := s.RulesAt(ctx, book, p.ValidFrom)
	if err != nil {
		return guard.Effect{}, err
	}
	effect := guard.Effect{Summary: fmt.Sprintf("Reconciles the book %s by other rules from %s on.", book.Code, p.ValidFrom.Format(time.RFC3339)),
		Difference: []string{fmt.Sprintf("Compared with version %d, which would hold then:", before.Version)}}
	changes := rulesDifferences(before, r)
	effect.Difference, effect.Count = append(effect.Difference, changes...), len(changes)
	if before.Suspend && !r.Suspend {
		effect.Warnings = append(effect.Warnings, "What others show and the books do not have is not put into suspense any more.")
	}
	return effect, nil
}

// rulesDifferences lists the members of two rules that are not the same, in order of their names.
func rulesDifferences(before, after Rules) (out []string) {
	var old, next map[string]json.RawMessage
	_ = json.Unmarshal(before.Canonical(), &old) // what was written can be read
	_ = json.Unmarshal(after.Canonical(), &next)
	for name, is := range next {
		if was := old[name]; !bytes.Equal(was, is) {
			out = append(out, clipText(fmt.Sprintf("%s: %s becomes %s", name, was, is), 600))
		}
	}
	slices.SortFunc(out, strings.Compare)
	return out
}

func (s *Service) runRules(ctx context.Context, tx pgx.Tx, a guard.Approval, book ledger.Book, p rulesPayload) (map[string]any, error) {
	r, err := ParseRules(p.Rules)
	if err != nil {
		return nil, err
	}
	r.ValidFrom = p.ValidFrom
	if r, err = s.addRulesTx(ctx, tx, book, r, a.ID); err != nil {
		return nil, err
	}
	return map[string]any{"object": fmt.Sprintf("recon_rules:%d", r.Version), "version": r.Version, "valid_from": r.ValidFrom, "digest": fmt.Sprintf("%x", r.Digest())}, nil
}

const sqlSourceOf = `
SELECT x.id, x.kind, x.name, coalesce(v.version, 0), coalesce(v.document, '{}')::jsonb, coalesce(v.recorded_at, x.recorded_at)
  FROM evidence_sources x
  LEFT JOIN LATERAL (SELECT version, document, recorded_at FROM evidence_settings WHERE book_id = x.book_id AND source_id = x.id ORDER BY version DESC LIMIT 1) v ON true
 WHERE x.book_id = $1 AND x.id = $2`

// sourceOf is a source in its newest settings.
func sourceOf(ctx context.Context, from asker, book ledger.Book, id int16) (x Source, err error) {
	rows, err := from.Query(ctx, sqlSourceOf, book.ID, id)
	if err != nil {
		return x, err
	}
	_, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (bool, error) {
		return true, row.Scan(&x.ID, &x.Kind, &x.Name, &x.Version, &x.Settings, &x.Since)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrSourceUnknown
	}
	x.Since = x.Since.UTC()
	return x, err
}
