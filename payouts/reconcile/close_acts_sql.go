package reconcile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// Closing and reopening a month take two people: whoever asks prepares it, and whoever decides has seen its control totals and how
// the checklist stands. What runs is what was seen: the checklist is judged and the control totals are made again while nobody else can post.

// closePayload is what is asked for.
type closePayload struct {
	Period string `json:"period"`
	// Accept names items of the checklist that are accepted as they stand; only those that may be.
	Accept []string `json:"accept,omitempty"`
}

type reopenPayload struct {
	Period string `json:"period"`
}

// maxEffectLines bounds what an effect lists.
const maxEffectLines = 150

// CloseActs returns the acts on months that wait for a second person.
func (s *Service) CloseActs() []guard.Act {
	return []guard.Act{
		{Name: "period.close", Meaning: "A month of the books is closed, with its control totals.", OfBook: true, Effect: s.closeEffect, Run: s.closePeriod},
		{Name: "period.reopen", Meaning: "A closed month of the books is opened again, and every month after it.", OfBook: true, Effect: s.reopenEffect, Run: s.reopenPeriod},
	}
}

func closeWrong(pointer, code, message string) error {
	return guard.ErrApprovalInvalid.At("/payload"+pointer, code, message)
}

func closeMonth(text string) (ledger.Period, error) {
	p, err := ledger.ParsePeriod(text)
	if err != nil {
		return 0, closeWrong("/period", ledger.ErrPeriod.Code, ledger.ErrPeriod.Message)
	}
	return p, nil
}

// toClose is the month of a payload and what is accepted, in order and once each.
func (s *Service) toClose(ctx context.Context, b guard.Book, payload json.RawMessage) (book ledger.Book, p closePayload, period ledger.Period, err error) {
	if book, err = s.guardedBook(ctx, b); err != nil {
		return book, p, 0, err
	}
	if err = guard.ReadPayload(payload, &p); err != nil {
		return book, p, 0, err
	}
	slices.Sort(p.Accept)
	p.Accept = slices.Compact(p.Accept)
	for _, code := range p.Accept {
		if !slices.Contains(mayAccept, code) {
			return book, p, 0, closeWrong("/accept", "enum", "Two people may accept these items of the checklist as they stand: "+strings.Join(mayAccept, ", ")+".")
		}
	}
	period, err = closeMonth(p.Period)
	return book, p, period, err
}

// closeEffect computes the checklist, refuses what blocks, and tells the control totals.
func (s *Service) closeEffect(ctx context.Context, b guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
	book, p, period, err := s.toClose(ctx, b, payload)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	plan, err := s.planClose(ctx, book, p, period, nil)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	kept, err := json.Marshal(p)
	return kept, plan.effect, err
}

// closePlan is a close that nothing keeps from happening.
type closePlan struct {
	judged
	effect guard.Effect
	// all are the control totals of the months that close, in their order; accepted are the items that are accepted as they stand.
	all      []*ControlTotals
	accepted []acceptedItem
}

// planClose judges the checklist, refuses what blocks, and says what closing does. before is what was judged a moment ago.
func (s *Service) planClose(ctx context.Context, book ledger.Book, p closePayload, period ledger.Period, before *seenBefore) (plan closePlan, err error) {
	if plan.judged, err = s.judge(ctx, book, period, before); err != nil {
		return plan, err
	}
	if plan.Closed {
		return plan, ledger.ErrPeriodOrder.With("This month is closed already.")
	}
	if blockers := plan.Blockers(p.Accept); len(blockers) > 0 {
		return plan, blockedBy(blockers)
	}
	effect := &plan.effect
	effect.Seen = plan.seen
	effect.Summary = fmt.Sprintf("Closes %s in the book %s.", period, book.Code)
	if len(plan.Months) > 1 {
		effect.Summary = fmt.Sprintf("Closes %s and the %d months before it that hold postings in the book %s.", period, len(plan.Months)-1, book.Code)
	}
	if err := turnoverOf(book, plan.totals, effect); err != nil {
		return plan, err
	}
	plan.accepted = []acceptedItem{}
	for _, i := range plan.Items {
		switch {
		case i.State == ItemBlocked:
			effect.Warnings = append(effect.Warnings, "Accepted as it stands: "+i.words())
			plan.accepted = append(plan.accepted, acceptedItem{i.Code, clipText(i.words(), mostAccepted)})
		case i.State == ItemWaiting:
			effect.Warnings = append(effect.Warnings, i.words())
		}
	}
	effect.Difference = []string{""} // the hash of all months comes first
	all := sha256.New()
	for _, month := range plan.Months {
		t := plan.totals
		if month != period {
			if t, err = s.totalsAtOnce(ctx, book, month); err != nil {
				return plan, err
			}
		}
		plan.all = append(plan.all, t)
		sum := sha256.Sum256(t.render())
		all.Write(sum[:])
		if len(plan.Months) > 1 && len(effect.Difference) < maxEffectLines {
			effect.Difference = append(effect.Difference, month.String()+": control totals "+hex.EncodeToString(sum[:]))
		}
		if err := s.tellDifference(ctx, book, month, t, effect); err != nil {
			return plan, err
		}
	}
	effect.Difference[0] = totalsLine(all)
	return plan, nil
}

// totalsLine names the control totals of all months that close: what runs must come to the same.
func totalsLine(all hash.Hash) string { return "Control totals " + hex.EncodeToString(all.Sum(nil)) }

// tellDifference tells how a month differs from its last close, if it was closed before.
func (s *Service) tellDifference(ctx context.Context, book ledger.Book, month ledger.Period, t *ControlTotals, effect *guard.Effect) error {
	last, err := s.lastClose(ctx, book, month)
	if err != nil || last == nil {
		return err
	}
	was, err := totalsOf(last.Document)
	if err != nil {
		return err
	}
	lines := compareTotals(was, t.render())
	if len(lines) == 0 {
		lines = []string{"the same as when it was closed before"}
	}
	for _, line := range lines {
		if len(effect.Difference) < maxEffectLines {
			effect.Difference = append(effect.Difference, month.String()+": "+line)
		}
	}
	return nil
}

// words tells an item to whoever approves. It says no amounts: some move with every sale, and what is approved must stay what was
// seen.
func (i *ChecklistItem) words() string {
	text := i.Title + ": " + i.Detail
	if len(i.Names) > 0 {
		text += " (" + strings.Join(i.Names, "; ")
		if i.More {
			text += "; and more"
		}
		text += ")"
	}
	return text
}

// blockedBy names what keeps a month from closing.
func blockedBy(items []ChecklistItem) error {
	fields := make([]fault.Field, 0, len(items))
	for _, i := range items {
		text := i.words()
		if i.Acceptable {
			text += " Two people may accept it as it stands: name " + i.Code + " in accept."
		}
		fields = append(fields, fault.Field{Pointer: "/payload/period", Code: i.Code, Message: text})
	}
	return ErrPeriodBlocked.WithFields(fields...)
}

// turnoverOf is what was debited in a month by currency, and how many rows of the chart moved.
func turnoverOf(book ledger.Book, t *ControlTotals, effect *guard.Effect) error {
	for _, c := range book.Currencies {
		sum := units("0")
		for _, r := range t.Rows {
			if r.Currency != c || units(r.Debits).Sign() == 0 && units(r.Credits).Sign() == 0 {
				continue
			}
			effect.Count++
			sum.Add(sum, units(r.Debits))
		}
		if !sum.IsInt64() {
			return money.ErrOverflow
		}
		if sum.Sign() != 0 {
			effect.Totals = append(effect.Totals, guard.Amount{Currency: string(c), Amount: money.Minor(sum.Int64()).Format(c)})
		}
	}
	return nil
}

// sameEffect reports whether an act does what its approval says.
func sameEffect(a guard.Approval, now guard.Effect) bool {
	was, errWas := json.Marshal(a.Effect)
	is, errIs := json.Marshal(now)
	return errWas == nil && errIs == nil && bytes.Equal(was, is)
}

// closePeriod closes the month, and adds a row to the chain for each month that closes. Differences cannot change and nobody can
// post from its locks on; then the checklist is judged again, and must be what was approved.
func (s *Service) closePeriod(ctx context.Context, tx pgx.Tx, a guard.Approval) (json.RawMessage, error) {
	ctx = postgres.Within(ctx, tx)
	book, p, period, err := s.toClose(ctx, a.Book, a.Payload)
	if err != nil {
		return nil, err
	}
	if _, err := lockSteps(ctx, tx, book); err != nil {
		return nil, err
	}
	if err := s.ledger.LockTx(ctx, tx, book); err != nil {
		return nil, err
	}
	before, _ := a.Effect.Seen.(*seenBefore)
	if before != nil {
		evidence, err := s.evidenceState(ctx, book)
		if err != nil {
			return nil, err
		}
		if evidence != before.evidence {
			return nil, guard.ErrApprovalChanged
		}
	}
	plan, err := s.planClose(ctx, book, p, period, before)
	switch {
	case err != nil:
		return nil, err
	case !sameEffect(a, plan.effect):
		return nil, guard.ErrApprovalChanged
	}
	head, err := s.ledger.Head(ctx, book)
	if err != nil {
		return nil, err
	}
	if err := s.ledger.ClosePeriodTx(ctx, tx, book, period); err != nil {
		return nil, err
	}
	var last Closing
	for i, month := range plan.Months {
		basis, err := s.basis(ctx, book, month, &plan)
		if err != nil {
			return nil, err
		}
		last = closingBy(a, actClose, month, head.LastSequence)
		if err := s.appendClosing(ctx, tx, book, &last, closingDocument{Totals: plan.all[i].render(), Basis: basis}); err != nil {
			return nil, err
		}
	}
	return closeResult(&last, "period.closed", len(plan.Months), plan.accepted)
}

// closingBy is a row of the chain as an approval makes it.
func closingBy(a guard.Approval, act string, period ledger.Period, at int64) Closing {
	preparer := a.Author.Person
	if preparer == "" {
		preparer = a.Author.ID
	}
	return Closing{Act: act, Period: period, AtSequence: at, Preparer: preparer, Approver: a.DecidedBy, Approval: a.ID, Reason: a.Reason}
}

// closeResult is what the trail says of it: the row of the chain, and by name what was accepted as it stood.
func closeResult(c *Closing, state string, months int, accepted []acceptedItem) (json.RawMessage, error) {
	told := map[string]any{"object": "period:" + c.Period.String(), "state": state, "closing": c.Number, "months": months,
		"totals": hex.EncodeToString(c.Totals[:]), "hash": hex.EncodeToString(c.Hash[:])}
	if len(accepted) > 0 {
		told["accepted"] = accepted
	}
	return json.Marshal(told)
}

// toReopen is the month of a payload, and the months that open with it, the newest first.
func (s *Service) toReopen(ctx context.Context, b guard.Book, payload json.RawMessage) (book ledger.Book, p reopenPayload, months []ledger.Period, err error) {
	if book, err = s.guardedBook(ctx, b); err != nil {
		return book, p, nil, err
	}
	if err = guard.ReadPayload(payload, &p); err != nil {
		return book, p, nil, err
	}
	period, err := closeMonth(p.Period)
	if err != nil {
		return book, p, nil, err
	}
	head, err := s.ledger.Head(ctx, book)
	switch {
	case err != nil:
		return book, p, nil, err
	case period >= head.FirstOpenPeriod:
		return book, p, nil, ledger.ErrPeriodOrder.With("This month is open already.")
	}
	closed, err := s.closedMonths(ctx, book)
	months = slices.DeleteFunc(closed, func(m ledger.Period) bool { return m <= period })
	months = append([]ledger.Period{period}, months...) // the month itself, also where it holds nothing
	slices.Reverse(months)
	return book, p, months, err
}

func (s *Service) reopenEffect(ctx context.Context, b guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
	book, p, months, err := s.toReopen(ctx, b, payload)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	period := months[len(months)-1]
	effect := guard.Effect{Summary: fmt.Sprintf("Opens %s and every month after it again in the book %s.", period, book.Code),
		Warnings: []string{"Reports and statements of these months may have been sent. What is posted into them from now on is in none of those."}}
	totals, err := s.totalsAtOnce(ctx, book, period)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	if err := turnoverOf(book, totals, &effect); err != nil {
		return nil, guard.Effect{}, err
	}
	effect.Difference = tellReopened(months)
	if period%100 == 12 {
		effect.Warnings = append(effect.Warnings, "The result of the year was carried over. What is posted into the year now needs year.closed again.")
	}
	kept, err := json.Marshal(p)
	return kept, effect, err
}

// tellReopened lists the months that open.
func tellReopened(months []ledger.Period) (lines []string) {
	for _, month := range months[:min(len(months), maxEffectLines)] {
		lines = append(lines, month.String()+" opens, and has to be closed again")
	}
	return lines
}

// reopenPeriod opens the months, and adds a row to the chain for each, the newest first.
func (s *Service) reopenPeriod(ctx context.Context, tx pgx.Tx, a guard.Approval) (json.RawMessage, error) {
	ctx = postgres.Within(ctx, tx)
	book, err := s.guardedBook(ctx, a.Book)
	if err != nil {
		return nil, err
	}
	if err := s.ledger.LockTx(ctx, tx, book); err != nil {
		return nil, err
	}
	book, _, months, err := s.toReopen(ctx, a.Book, a.Payload)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(a.Effect.Difference, tellReopened(months)) {
		return nil, guard.ErrApprovalChanged
	}
	head, err := s.ledger.Head(ctx, book)
	if err != nil {
		return nil, err
	}
	if err := s.ledger.ReopenPeriodTx(ctx, tx, book, months[len(months)-1]); err != nil {
		return nil, err
	}
	var last Closing
	for _, month := range months {
		t, err := s.controlTotals(ctx, book, month)
		if err != nil {
			return nil, err
		}
		last = closingBy(a, actReopen, month, head.LastSequence)
		if err := s.appendClosing(ctx, tx, book, &last, closingDocument{Totals: t.render()}); err != nil {
			return nil, err
		}
	}
	return closeResult(&last, "period.reopened", len(months), nil)
}
