// A fault is what goes wrong with one request. Faults are scripted, or drawn by the seed.

package simulator

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is a way to go wrong.
type Kind string

// The kinds of fault.
const (
	// DropBefore breaks the connection and does nothing.
	DropBefore Kind = "drop-before"
	// ExecuteThenDrop does what was asked and breaks the connection without an answer.
	ExecuteThenDrop Kind = "execute-then-drop"
	// Truncate does what was asked and breaks the connection in the middle of the answer.
	Truncate Kind = "truncate"
	// HTML502 does nothing and answers as a proxy does.
	HTML502 Kind = "html-502"
	// ExecuteThenHTML502 does what was asked and answers as a proxy does.
	ExecuteThenHTML502 Kind = "execute-then-html-502"
	// HTML200 does what was asked and answers 200 with a page.
	HTML200 Kind = "html-200"
	// Empty200 does what was asked and answers 200 with an empty object.
	Empty200 Kind = "empty-200"
	// Fail500 does nothing, answers 500, and keeps the 500 for the key.
	Fail500 Kind = "500"
	// ExecuteThen500 does what was asked, answers 500, and keeps the 500 for the key.
	ExecuteThen500 Kind = "execute-then-500"
	// Limit429 does nothing and says that there were too many requests.
	Limit429 Kind = "429"
	// LockTimeout does nothing and says that the object is being worked on.
	LockTimeout Kind = "lock-timeout"
	// Conflict409 does nothing and says that the key is being worked on.
	Conflict409 Kind = "409"
	// Refuse403 does nothing, and says before it asks for the key that the account is not ours.
	Refuse403 Kind = "403"
	// Redirect does nothing and sends the request elsewhere.
	Redirect Kind = "redirect"
	// Slow does what was asked only after whoever asked has gone.
	Slow Kind = "slow"
	// Hold waits until Release is closed, and then does what was asked.
	Hold Kind = "hold"
	// LateRow leaves the newest row out of a list, as if it appeared there only later. Other requests it lets pass.
	LateRow Kind = "late-row"
)

// Kinds are all of them.
func Kinds() []Kind { return append(slices.Clone(byChance), Refuse403, Redirect, Slow, Hold, LateRow) }

// byChance is the order in which kinds are drawn: the order of a map is not the seed's.
var byChance = []Kind{DropBefore, ExecuteThenDrop, Truncate, HTML502, ExecuteThenHTML502, HTML200, Empty200, Fail500, ExecuteThen500,
	Limit429, LockTimeout, Conflict409}

// Fault is one thing that will go wrong.
type Fault struct {
	Kind Kind
	// Method and Path say with which requests: the path's beginning. Empty is every request.
	Method, Path string
	// Value says that only requests are meant that have a parameter of this value; empty is every request.
	Value string
	// LaterPage says that only requests for the second and later pages of a list are meant.
	LaterPage bool
	// Times is how often, and once if zero.
	Times int
	// Entered is closed when a Hold or Slow has begun to wait, if it is not nil. Such a fault happens once.
	Entered chan struct{}
	// Release ends a Hold.
	Release chan struct{}
}

// Script adds faults. The first that fits a request and is not used up happens.
func (s *Simulator) Script(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		f.Times = max(f.Times, 1)
		s.script = append(s.script, &f)
	}
}

// draw returns the fault of a request, or nil.
func (s *Simulator) draw(q *request) *Fault {
	for i, f := range s.script {
		if f.Method != "" && f.Method != q.method || !strings.HasPrefix(q.path, f.Path) || f.LaterPage && q.form.Get("starting_after") == "" ||
			f.Value != "" && !q.says(f.Value) {
			continue
		}
		if f.Times--; f.Times == 0 {
			s.script = slices.Delete(s.script, i, i+1)
		}
		return f
	}
	if len(s.o.Chances) == 0 {
		return nil
	}
	n := s.random.IntN(1000)
	for _, kind := range byChance {
		if n -= s.o.Chances[kind]; n < 0 {
			return &Fault{Kind: kind}
		}
	}
	return nil
}

func (f *Fault) is(kind Kind) bool { return f != nil && f.Kind == kind }

func (f *Fault) waits() bool { return f.is(Slow) || f.is(Hold) }

// wait ends when the fault says so, and in any case after half a minute.
func (f *Fault) wait(r *http.Request) {
	if f.Entered != nil {
		close(f.Entered)
	}
	var over <-chan struct{} = f.Release
	if f.Kind == Slow {
		over = r.Context().Done()
	}
	select {
	case <-over:
	case <-time.After(slowestWait):
	}
}

// instead returns the answer of a fault that keeps the request from being carried out.
func (f *Fault) instead() (answer, bool) {
	if f == nil {
		return answer{}, false
	}
	refused := refusal{kind: "invalid_request_error"}
	switch f.Kind {
	case DropBefore, HTML502, Redirect:
		return answer{}, true
	case Limit429:
		refused.status, refused.code = http.StatusTooManyRequests, "rate_limit"
	case LockTimeout:
		refused.status, refused.code = http.StatusTooManyRequests, "lock_timeout"
	case Refuse403:
		refused.status, refused.code = http.StatusForbidden, "account_invalid"
	case Conflict409:
		refused.status, refused.code = http.StatusConflict, "idempotency_key_in_use"
	default:
		return answer{}, false
	}
	return refused.answer(), true
}

const page502 = "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"

// spoil writes the answer as the fault lets it through.
func spoil(w http.ResponseWriter, id string, a answer, f *Fault) {
	if f == nil {
		write(w, id, a)
		return
	}
	switch f.Kind {
	case DropBefore, ExecuteThenDrop:
		panic(http.ErrAbortHandler)
	case Truncate:
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body[:len(a.body)/2])
		panic(http.ErrAbortHandler)
	case HTML502, ExecuteThenHTML502, HTML200:
		w.Header().Set("Content-Type", "text/html")
		if f.Kind == HTML200 {
			w.WriteHeader(http.StatusOK)
		} else {
			w.WriteHeader(http.StatusBadGateway)
		}
		_, _ = w.Write([]byte(page502))
	case Empty200:
		write(w, id, answer{status: http.StatusOK, body: []byte("{}")})
	case Redirect:
		w.Header().Set("Location", "/v1/elsewhere")
		w.WriteHeader(http.StatusTemporaryRedirect)
	default:
		write(w, id, a)
	}
}
