// What was answered to a key is answered again, for a day of the clock.

package simulator

import "net/http"

// memory is what is known of one key.
type memory struct {
	Digest string `json:"digest"`
	Status int    `json:"status"`
	Body   []byte `json:"body"`
	Since  int64  `json:"since"`
	busy   bool
}

func (q *request) slot() string { return q.account + " " + q.key }

func (q *request) keyed() bool { return q.method == http.MethodPost && q.key != "" }

// recall answers a request whose key is known.
func (s *Simulator) recall(q *request) (bool, answer) {
	if !q.keyed() {
		return false, answer{}
	}
	m := s.state.Keys[q.slot()]
	switch {
	case m == nil:
		return false, answer{}
	case m.Digest != q.digest:
		return true, (&refusal{status: http.StatusBadRequest, kind: "idempotency_error",
			text: "Keys for idempotent requests can only be used with the same parameters they were first used with"}).answer()
	case m.busy:
		return true, (&refusal{status: http.StatusConflict, kind: "invalid_request_error", code: "idempotency_key_in_use",
			text: "There is another request in progress with this key"}).answer()
	}
	return true, answer{status: m.Status, body: m.Body, replayed: true}
}

func (s *Simulator) reserve(q *request) {
	if q.keyed() {
		s.state.Keys[q.slot()] = &memory{Digest: q.digest, Since: s.now(), busy: true}
	}
}

func (s *Simulator) remember(q *request, a answer) {
	if q.keyed() {
		s.state.Keys[q.slot()] = &memory{Digest: q.digest, Status: a.status, Body: a.body, Since: s.now()}
	}
}

// forget drops keys older than a day, after which the same key is executed again.
func (s *Simulator) forget() {
	limit := s.now() - int64(keyLifetime.Seconds())
	for slot, m := range s.state.Keys {
		if !m.busy && m.Since <= limit {
			delete(s.state.Keys, slot)
		}
	}
}
