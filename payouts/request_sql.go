package payouts

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
)

// Asking for a payout now: by a payee for itself, or by finance, which is by hand and waits for a second person where the policy
// says so. It is a run of its own with one decision, under a reference
// that makes it happen once, whoever asks how often.

var (
	// ErrRequest means that a payout cannot be asked for as described; its fields name what is wrong.
	ErrRequest = fault.New(fault.Invalid, "payout-request-invalid", "A payout cannot be asked for as described. Correct the fields named; nothing was recorded.")
	// ErrRequestReused means that the reference was used for another request.
	ErrRequestReused = fault.New(fault.Conflict, "payout-request-reused", "This reference was used for another payout request. Give the new request a reference of its own.")
	// ErrRetried means that the payout which should be paid again has a payout after it.
	ErrRetried = fault.New(fault.Conflict, "payout-retried", "This payout was paid again already, or cannot be. Look at the payouts that name it.")
	// ErrAskedOften means that a payee has asked as often within a day as it may.
	ErrAskedOften = fault.New(fault.Limited, "payout-asked-often", "As many payouts as can be asked for within a day were asked for. Ask again tomorrow; scheduled payouts go on.")
)

// maxAskedADay bounds what a payee may ask for by itself within a day: each answer is a decision that is kept for ever, and
// is made while nobody else can post to the book.
const maxAskedADay = 100

const (
	sqlRetriesOf    = `SELECT ` + payoutColumns + ` FROM payouts p WHERE p.book_id = $1 AND p.retry_of = $2 AND p.retry_of <> '' ORDER BY p.created_at LIMIT 1000`
	sqlDecidedSince = `
SELECT count(*) FROM (SELECT FROM payout_decisions d WHERE d.book_id = $1 AND d.payee = $2 AND d.decided_at > $3 LIMIT $4) x`
)

// check judges a request by itself.
func (r *Request) check(book ledger.Book) error {
	var fields []fault.Field
	wrong := func(pointer, code, text string) {
		fields = append(fields, fault.Field{Pointer: pointer, Code: code, Message: text})
	}
	if r.Reference == "" || len(r.Reference) > 200 || !printable(r.Reference) {
		wrong("/reference", "reference", "Give a reference of 1 to 200 printable characters.")
	}
	if !slices.Contains(holderKinds, r.Holder.Kind) {
		wrong("/kind", "enum", "A payee is a seller, creator, agency or partner.")
	}
	if !ledger.IsSegment(r.Holder.ID) {
		wrong("/payee", "id", "Give the payee's id.")
	}
	if !book.Uses(r.Holder.Currency) {
		wrong("/currency", "currency-unknown", "Give a currency of the book.")
	}
	if r.Amount < 0 || r.Amount > money.Max {
		wrong("/amount", "amount", "Give an amount above zero, or none for everything.")
	}
	if r.Method == "" {
		r.Method = MethodStandard
	}
	if r.Method != MethodStandard && r.Method != MethodInstant {
		wrong("/method", "enum", "A payout is standard or instant.")
	}
	if len(fields) > 0 {
		return ErrRequest.WithFields(fields...)
	}
	return nil
}

// printable reports whether a text has only characters that every reference may have.
func printable(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// document is what is kept of a request under its reference.
func (r *Request) document() string {
	content, err := json.Marshal(struct {
		Kind     string `json:"kind"`
		Payee    string `json:"payee"`
		Currency string `json:"currency"`
		Amount   int64  `json:"amount,omitempty"`
		Method   string `json:"method"`
		Retry    string `json:"retry,omitempty"`
	}{r.Holder.Kind, r.Holder.ID, string(r.Holder.Currency), int64(r.Amount), r.Method, r.Retry})
	if err != nil {
		panic("payouts: a request of words and a number cannot be written: " + err.Error())
	}
	return string(content)
}

// RequestPayout decides about one payee now, and creates the payout if the decision says so. A decision not to pay is an
// answer, no error. The same request under the same reference is answered as the first time. It returns ErrRequest, of anybody
// but the service itself ErrReferenceReserved, ErrBalance for more than is available, ErrRequestReused, of a retry ErrPayoutUnknown or ErrRetried, and of a payee that asks
// too often ErrAskedOften; nothing is recorded then.
func (s *Service) RequestPayout(ctx context.Context, by guard.Actor, book ledger.Book, r Request) (d Decided, list []Payout, err error) {
	if err := r.check(book); err != nil {
		return Decided{}, nil, err
	}
	if by.Kind != guard.System {
		if err := CheckReference(r.Reference); err != nil {
			return Decided{}, nil, err
		}
	}
	now := s.now()
	policy, err := s.PolicyAt(ctx, book, now)
	if err != nil {
		return Decided{}, nil, err
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		d, list, err = s.requestTx(ctx, tx, by, book, r, policy)
		return err
	})
	if err != nil {
		return Decided{}, nil, err
	}
	return d, list, nil
}

// requestTx is RequestPayout inside a transaction.
func (s *Service) requestTx(ctx context.Context, tx pgx.Tx, by guard.Actor, book ledger.Book, r Request, policy *Policy) (Decided, []Payout, error) {
	d, list, err := s.requestedTx(ctx, tx, book, r)
	if !errors.Is(err, ErrRunUnknown) {
		return d, list, err
	}
	if by.Kind == guard.Payee {
		var asked int
		if err := tx.QueryRow(ctx, sqlDecidedSince, book.ID, r.Holder.ID, s.now().AddDate(0, 0, -1), maxAskedADay).Scan(&asked); err != nil {
			return Decided{}, nil, err
		}
		if asked == maxAskedADay {
			return Decided{}, nil, ErrAskedOften
		}
	}
	// Whatever was posted before the book was locked counts, and of several that ask at once the others find the run.
	if err := s.ledger.LockTx(ctx, tx, book); err != nil {
		return Decided{}, nil, err
	}
	now := s.now()
	run := Run{ID: newID("run"), Trigger: TriggerOnDemand, CutOff: now, State: RunPlanning, StartedBy: actorName(by), CreatedAt: now, reference: r.Reference, request: r.document()}
	if r.Retry != "" {
		run.Trigger = TriggerRetry
	}
	if run.AtSequence, err = headTx(ctx, tx, book); err != nil {
		return Decided{}, nil, err
	}
	added, err := addRunTx(ctx, tx, book, run)
	if err != nil {
		return Decided{}, nil, err
	}
	if !added {
		return s.requestedTx(ctx, tx, book, r)
	}
	o := occasionOf(run, policy)
	o.method, o.wanted, o.byHand = r.Method, r.Amount, by.Kind == guard.Person
	var before *Payout
	if r.Retry != "" {
		if before, err = s.retriedTx(ctx, tx, book, r); err != nil {
			return Decided{}, nil, err
		}
	}
	return s.decideOneTx(ctx, tx, by, book, o, r.Holder, before)
}

// decideOneTx decides about one holder in a run of its own, pays, and ends the run.
func (s *Service) decideOneTx(ctx context.Context, tx pgx.Tx, by guard.Actor, book ledger.Book, o occasion, h Holder, before *Payout) (Decided, []Payout, error) {
	run := o.run
	if before != nil {
		facts, err := s.retryFacts(ctx, tx, book, h, before)
		if err != nil {
			return Decided{}, nil, err
		}
		o.retryOf = facts
	}
	decided, created, err := s.payTx(ctx, tx, book, o, []candidate{{holding: holding{Holder: h}}}, before)
	if err != nil {
		return Decided{}, nil, err
	}
	c := &decided[0]
	for _, reason := range c.decision.Reasons {
		if c.decision.Verdict == VerdictSkip && reason.Code == ReasonOverAvailable {
			return Decided{}, nil, ErrBalance
		}
	}
	paid := countPaid(decided)
	if err := countTx(ctx, tx, book, run.ID, paid, 1-paid, h.place(), created); err != nil {
		return Decided{}, nil, err
	}
	if err := s.endPlanningTx(ctx, tx, book, &run, o.policy); err != nil {
		return Decided{}, nil, err
	}
	after := map[string]any{"run": run.ID, "holder": h.place(), "verdict": c.decision.Verdict, "amount": c.decision.Amount.Format(h.Currency), "fee": c.decision.Fee.Format(h.Currency)}
	if err := s.tellTx(ctx, tx, guard.Deed{Actor: by}, book, "payout.requested", "run:"+run.ID, nil, after); err != nil {
		return Decided{}, nil, err
	}
	d, err := decisionTx(ctx, tx, book, run.ID, h)
	return d, created, err
}

// requestedTx answers a request as the first time; ErrRunUnknown if it is the first.
func (s *Service) requestedTx(ctx context.Context, tx pgx.Tx, book ledger.Book, r Request) (Decided, []Payout, error) {
	run, err := oneRun(ctx, tx, sqlRunOfName, book.ID, r.Reference)
	if err != nil {
		return Decided{}, nil, err
	}
	if run.request != r.document() {
		return Decided{}, nil, ErrRequestReused
	}
	d, err := decisionTx(ctx, tx, book, run.ID, r.Holder)
	if err != nil {
		return Decided{}, nil, err
	}
	list, err := manyPayouts(ctx, tx, sqlOfHolder, book.ID, run.ID, r.Holder.Kind, r.Holder.ID, string(r.Holder.Currency))
	return d, list, err
}

// retriedTx finds the payout that is paid again. It must have failed or come back, and nothing may have been paid after it
// that can still arrive: a payout that failed is never used again, and it has one payout after it at a time.
func (s *Service) retriedTx(ctx context.Context, tx pgx.Tx, book ledger.Book, r Request) (*Payout, error) {
	p, err := onePayout(ctx, tx, sqlLockPayout, book.ID, r.Retry)
	if err != nil {
		return nil, err
	}
	// What came back to a deposit or a trust is not what the payee may be paid.
	if p.Holder != r.Holder || p.Source != commerce.SourceAvailable || p.State != Failed && p.ReturnedAt.IsZero() {
		return nil, ErrRetried
	}
	later, err := manyPayouts(ctx, tx, sqlRetriesOf, book.ID, p.ID)
	if err != nil {
		return nil, err
	}
	for _, l := range later {
		if l.State != Cancelled {
			return nil, ErrRetried
		}
	}
	return &p, nil
}

// retryFacts is what a decision must know of the payout that is paid again.
func (s *Service) retryFacts(ctx context.Context, tx pgx.Tx, book ledger.Book, h Holder, p *Payout) (*RetryFacts, error) {
	facts, err := s.factsNowTx(ctx, tx, book, h.PayeeKey)
	if err != nil {
		return nil, err
	}
	failed := p.EndedAt
	if !p.ReturnedAt.IsZero() {
		failed = p.ReturnedAt
	}
	if failed.IsZero() {
		failed = p.ChangedAt
	}
	to := facts.destinationIn(string(h.Currency))
	return &RetryFacts{Payout: p.ID, Tries: p.Retries, Code: p.Code, FailedAt: failed, NewDestination: to.ID != "" && (to.ID != p.Destination || to.ActiveSince.After(failed))}, nil
}

// Quote says what RequestPayout would decide now, with the fee. Nothing is recorded. It returns ErrRequest.
func (s *Service) Quote(ctx context.Context, book ledger.Book, r Request) (Decision, error) {
	if r.Reference == "" {
		r.Reference = "quote"
	}
	if err := r.check(book); err != nil {
		return Decision{}, err
	}
	now := s.now()
	policy, err := s.PolicyAt(ctx, book, now)
	if err != nil {
		return Decision{}, err
	}
	head, err := s.ledger.Head(ctx, book)
	if err != nil {
		return Decision{}, err
	}
	o := occasionOf(Run{ID: "quote", Trigger: TriggerOnDemand, CutOff: now, CreatedAt: now, AtSequence: head.LastSequence}, policy)
	o.method, o.wanted, o.byHand = r.Method, r.Amount, r.ByHand
	held, err := s.holdingsOf(ctx, book, []Holder{r.Holder}, head.LastSequence)
	if err != nil {
		return Decision{}, err
	}
	decided, err := s.consider(ctx, book, o, held)
	if err != nil {
		return Decision{}, err
	}
	return decided[0].decision, nil
}
