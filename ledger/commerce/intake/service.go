package intake

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/pan"
	"mizan/ledger/postgres"
)

// Service stores inbound messages and files, and applies them. It is safe for concurrent use, in one process or many: two replicas
// may take up the same message, and the reference of its event makes it happen once.
type Service struct {
	store    store
	ledger   *ledger.Ledger
	commerce *commerce.Service
	secrets  Secrets
	trail    *guard.Trail
	now      func() time.Time
	log      *slog.Logger
	nudged   chan struct{}
	// nudgedImports is nudged for files, which are applied beside messages.
	nudgedImports chan struct{}
}

// Options are what a service is made of besides its parts. Now is required.
type Options struct {
	Secrets Secrets
	Now     func() time.Time
	// Log receives conflicts and what cannot be applied; nil discards it.
	Log *slog.Logger
}

// New returns a service on the database of the ledger.
func New(pool *postgres.Pool, books *ledger.Ledger, events *commerce.Service, o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{store: store{pool}, ledger: books, commerce: events, secrets: o.Secrets, trail: guard.NewTrail(pool, o.Now), now: o.Now, log: o.Log, nudged: make(chan struct{}, 1), nudgedImports: make(chan struct{}, 1)}
}

// Secrets are the secrets that messages are signed with.
func (s *Service) Secrets() Secrets { return s.secrets }

// Now is the service's clock.
func (s *Service) Now() time.Time { return s.now() }

// MaxBody bounds the bytes of a message.
const MaxBody = 1 << 20

// Receive stores a message whose signature was verified. When it returns without an error the message is durable. A message
// that was stored before is answered with fresh false; ErrMessageConflict means that another body came under its id.
func (s *Service) Receive(ctx context.Context, book ledger.Book, m Message) (id int64, fresh bool, err error) {
	if !label(m.MessageID, 128) || !label(m.Topic, 128) || m.Origin != "" && !label(m.Origin, 255) || len(m.Body) > MaxBody {
		return 0, false, ErrMessage
	}
	if pan.Certain(m.MessageID) || pan.Certain(m.Topic) || pan.Certain(m.Origin) || pan.Message(m.Body) {
		return 0, false, ErrCardNumber
	}
	m.SHA256, m.ReceivedAt = digest(m.Body), s.now().UTC().Truncate(time.Microsecond)
	m.About = aboutOf(m.Source, m.Topic, m.Body)
	fresh, same, err := s.store.insert(ctx, book.ID, &m)
	switch {
	case err != nil:
		return 0, false, err
	case !same:
		s.log.Error("an inbound message came again with another body", "book", book.Code, "source", m.Source, "message", m.MessageID)
		return 0, false, ErrMessageConflict
	case fresh:
		s.nudge()
	}
	return m.ID, fresh, nil
}

// label reports whether a text is printable ASCII of bounded length.
func label(text string, most int) bool {
	return text != "" && len(text) <= most && !bytes.ContainsFunc([]byte(text), func(r rune) bool { return r < ' ' || r > '~' })
}

// nudge lets the worker look at once.
func (s *Service) nudge() {
	select {
	case s.nudged <- struct{}{}:
	default: // it will look anyway
	}
}

const (
	batchSize = 50
	// lease is how long a message stays with whoever took it up.
	lease = time.Minute
	// pollEvery bounds how long a message waits that was stored by another replica.
	pollEvery = 2 * time.Second
	// firstRetry doubles with each attempt, up to lastRetry.
	firstRetry = time.Second
	lastRetry  = 15 * time.Minute
	// lastLook is lastRetry of what waits for its order: the order wakes it, and of many it never comes.
	lastLook = 24 * time.Hour
)

// Run applies messages and files until ctx ends.
func (s *Service) Run(ctx context.Context) {
	var files sync.WaitGroup
	defer files.Wait()
	files.Go(func() { s.runImports(ctx) })
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		n, err := s.Work(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("inbound messages could not be applied", "error", err)
		}
		if n == batchSize && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-s.nudged:
		case <-tick.C:
		}
	}
}

// Work applies one batch of the messages that are due and returns how many it took up.
func (s *Service) Work(ctx context.Context) (int, error) {
	now := s.now().UTC().Truncate(time.Microsecond)
	list, err := s.store.claim(ctx, now, now.Add(lease), batchSize)
	var failed error
	for i := range list {
		if err := s.apply(ctx, &list[i]); err != nil {
			failed = errors.Join(failed, err) // its lease runs out, and it is tried again
		}
	}
	return len(list), errors.Join(err, failed)
}

// apply judges one message, records its event, and only then notes that it was applied.
func (s *Service) apply(ctx context.Context, c *claimed) error {
	book, err := s.ledger.Book(ctx, c.book)
	if err != nil {
		return err
	}
	m := &c.Message
	v, err := s.judge(ctx, book, m)
	if err != nil {
		return err
	}
	m.NextAttempt = time.Time{}
	if v.event != nil {
		m.Reference = v.event.Reference
		v = s.record(ctx, book, m, *v.event)
	}
	m.State, m.Reason, m.Detail = v.state, v.reason, clip(v.detail)
	if m.State == Received || m.Reason == ReasonPredecessor {
		m.NextAttempt = s.now().UTC().Truncate(time.Microsecond).Add(backoff(m.Attempts, m.Reason))
	}
	if err := s.store.settle(ctx, book.ID, m); err != nil {
		return err
	}
	if m.Topic == topicPaid && m.About != "" && (m.State == Applied || m.State == Ignored) {
		err = s.store.wake(ctx, book.ID, m, s.now().UTC().Truncate(time.Microsecond))
		s.nudge()
	}
	return err
}

func clip(text string) string { return strings.ToValidUTF8(text[:min(len(text), 1000)], "") }

// backoff is how long to wait after so many attempts that ended for a reason.
func backoff(attempts int, reason string) time.Duration {
	last := lastRetry
	if reason == ReasonPredecessor {
		last = lastLook
	}
	return min(firstRetry<<min(max(attempts-1, 0), 20), last)
}

// judge says what a message comes to.
func (s *Service) judge(ctx context.Context, book ledger.Book, m *Message) (verdict, error) {
	if m.Source == SourceStripe {
		return readStripe(m), nil
	}
	content, _, err := s.store.source(ctx, book.ID, m.Source)
	if fault.CodeOf(err) == ErrSourceUnknown.Code {
		return parked(ReasonNoSource, "Nobody has said how the orders of this source are read. Describe the source and try the message again."), nil
	}
	if err != nil {
		return verdict{}, err
	}
	source, err := ParseSource(content)
	if err != nil {
		return parked(ReasonNoSource, "The description of the source cannot be read."), nil
	}
	return readShopify(book, m, &source), nil
}

// record records the event of a message and says what became of it.
func (s *Service) record(ctx context.Context, book ledger.Book, m *Message, e commerce.Event) verdict {
	r := s.commerce.Post(ctx, book, e)
	var known *fault.Error
	switch code := fault.CodeOf(r.Err); {
	case r.Err == nil:
		return verdict{state: Applied}
	case code == commerce.ErrImportUnknown.Code:
		if yes, err := s.store.orderIgnored(ctx, book.ID, m); err == nil && yes {
			return ignored(ReasonOrderIgnored, "The order of this refund was ignored.")
		}
		return parked(ReasonPredecessor, "The order of this refund was not applied yet. It is tried again as soon as it is.")
	case errors.As(r.Err, &known) && known.Kind != fault.Internal && known.Kind != fault.Unavailable && code != ledger.ErrStale.Code:
		return parked(code, known.Message)
	}
	s.log.Error("an inbound message could not be applied", "book", book.Code, "message", m.ID, "error", r.Err)
	return verdict{state: Received, reason: "not-applied", detail: "It could not be applied now and is tried again."}
}

// Message returns one message with its body, or ErrMessageUnknown. For people there is Read.
func (s *Service) Message(ctx context.Context, book ledger.Book, id int64) (Message, error) {
	return s.store.message(ctx, book.ID, id)
}

// Query chooses messages. The zero value of a field does not choose; Limit is required.
type Query struct {
	State  State
	Source string
	// After is the id after which the list goes on.
	After int64
	Limit int
}

// Messages lists messages without their bodies, oldest first.
func (s *Service) Messages(ctx context.Context, book ledger.Book, q Query) ([]Message, error) {
	return s.store.messages(ctx, book.ID, q)
}

// Source returns the latest description of a source and its version, or ErrSourceUnknown.
func (s *Service) Source(ctx context.Context, book ledger.Book, name string) (Source, int, error) {
	content, version, err := s.store.source(ctx, book.ID, name)
	if err != nil {
		return Source{}, 0, err
	}
	source, err := ParseSource(content)
	return source, version, err
}
