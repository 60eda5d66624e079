// Notices tell others what happened, signed as Stripe signs them. They wait in an outbox, and get lost, doubled, late and
// mixed up on the way, if that is asked for.

package simulator

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Endpoint is where notices go.
type Endpoint struct {
	URL    string
	Secret string
	// Connect endpoints get notices of connected accounts, the others those of the platform.
	Connect bool
}

// NoticeFaults says how many of a thousand notices go wrong, and how.
type NoticeFaults struct {
	Lost, Doubled, Late, Forged int
	// Mixed delivers what is due in an order of chance.
	Mixed bool
}

// Event is what happened.
type Event struct {
	ID       string          `json:"id"`
	Object   string          `json:"object"`
	Type     string          `json:"type"`
	Account  string          `json:"account,omitempty"`
	Version  string          `json:"api_version"`
	Created  int64           `json:"created"`
	Live     bool            `json:"livemode"`
	Data     json.RawMessage `json:"data"`
	Sequence int64           `json:"sequence_of_simulator"`
	// Waiting is how many notices of it have not been taken and will be tried again.
	Waiting int `json:"waiting_of_simulator"`
}

func (e *Event) identity() (string, int64, int64) { return e.ID, e.Created, e.Sequence }

func (e *Event) shown(*Simulator) any {
	made := map[string]any{"id": e.ID, "object": e.Object, "type": e.Type, "api_version": e.Version, "created": e.Created,
		"livemode": e.Live, "data": e.Data, "pending_webhooks": e.Waiting}
	if e.Account != "" {
		made["account"] = e.Account
	}
	return made
}

// message is one notice on its way to one endpoint.
type message struct {
	Event    string `json:"event"`
	Body     []byte `json:"body"`
	At       int64  `json:"at"`
	Since    int64  `json:"since"`
	Tries    int    `json:"tries"`
	Forged   bool   `json:"forged"`
	Endpoint int    `json:"endpoint"`
}

const (
	maxOutbox   = 100_000
	noticeTries = 12
	noticeLate  = 6 * time.Hour
)

// announce notes an event, and puts its notices in the outbox.
func (s *Simulator) announce(account, kind string, object any) {
	id, sequence := s.next("evt_")
	e := &Event{ID: id, Object: "event", Type: kind, Version: APIVersion, Created: s.now(), Sequence: sequence,
		Data: render(map[string]any{"object": object})}
	if account != Platform {
		e.Account = account
	}
	s.state.Events.add(e)
	for i, endpoint := range s.o.Endpoints {
		if endpoint.Connect != (account != Platform) || s.chance(s.o.Notices.Lost) || len(s.state.Outbox) >= maxOutbox {
			continue
		}
		e.Waiting++
		m := message{Event: id, Body: render(e.shown(s)), At: s.now(), Since: s.now(), Endpoint: i, Forged: s.chance(s.o.Notices.Forged)}
		if s.chance(s.o.Notices.Late) {
			m.At += int64(noticeLate.Seconds())
		}
		s.state.Outbox = append(s.state.Outbox, &m)
		if s.chance(s.o.Notices.Doubled) {
			again := m
			e.Waiting++
			s.state.Outbox = append(s.state.Outbox, &again)
		}
	}
}

func (s *Simulator) chance(perMille int) bool { return perMille > 0 && s.random.IntN(1000) < perMille }

// Sign returns the signature header of a body, as of the time.
func Sign(body []byte, secret string, at time.Time) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Deliver sends every notice that is due, once, and returns how many were taken. One that is not taken is tried again later,
// each time after twice as long, twelve times in all.
func (s *Simulator) Deliver(ctx context.Context, client *http.Client) (taken int, err error) {
	s.mu.Lock()
	s.tick()
	var out []*message
	now := s.now()
	s.state.Outbox = slices.DeleteFunc(s.state.Outbox, func(m *message) bool {
		if m.At <= now {
			out = append(out, m)
		}
		return m.At <= now
	})
	if s.o.Notices.Mixed {
		s.random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	}
	s.mu.Unlock()
	if len(out) == 0 {
		return 0, nil
	}
	for _, m := range out {
		took := s.deliver(ctx, client, m)
		m.Tries++
		m.At = now + int64(time.Hour.Seconds())<<min(m.Tries-1, 5)
		s.mu.Lock()
		if took {
			taken++
		}
		if !took && m.Tries < noticeTries {
			s.state.Outbox = append(s.state.Outbox, m)
		} else if e, ok := s.state.Events.get(m.Event); ok {
			e.Waiting = max(0, e.Waiting-1)
		}
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return taken, s.save()
}

func (s *Simulator) deliver(ctx context.Context, client *http.Client, m *message) bool {
	if m.Endpoint >= len(s.o.Endpoints) {
		return false
	}
	endpoint := s.o.Endpoints[m.Endpoint]
	secret := endpoint.Secret
	if m.Forged {
		secret = "whsec_of_somebody_else" // #nosec G101 -- a wrong secret on purpose: the message is to be refused
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint.URL, bytes.NewReader(m.Body))
	if err != nil {
		return false
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Stripe-Signature", Sign(m.Body, secret, s.o.Now()))
	answer, err := client.Do(r)
	if err != nil {
		return false
	}
	defer func() { _ = answer.Body.Close() }() // nothing is read of it
	return answer.StatusCode >= 200 && answer.StatusCode < 300
}

func (s *Simulator) listEvents(q *request) (any, *refusal) {
	return page(s, s.state.Events, q, func(e *Event) bool {
		return fits(q, "type", e.Type) && (e.Account == q.account || e.Account == "" && q.account == Platform)
	})
}

func (s *Simulator) getEvent(q *request) (any, *refusal) {
	if e, ok := s.state.Events.get(q.ids[0]); ok && (e.Account == q.account || e.Account == "" && q.account == Platform) {
		return e.shown(s), nil
	}
	return nil, missing("event")
}
