// The control is how people move a simulator that runs alone: its clock, its accounts, its money and its faults. It is no
// part of what is imitated, and wants the same key.

package simulator

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxMove is the furthest the clock moves at once.
const maxMove = 366 * 24 * time.Hour

// Control answers the paths below /simulator/. The clock is the one the simulator was made with, or nil if it is not to be moved
// from outside; client sends notices, and may be nil too.
//
//	GET  clock           shows the time
//	POST clock           seconds=3600 moves it on
//	POST accounts        id, country, currencies (usd,eur)
//	POST account_states  account, reason: it can neither receive nor pay out; without a reason it can again
//	POST banks           account, code, seconds: payouts fail with the code after so long; without a code they arrive again
//	POST bank_changes    account, currency: payouts go to a new bank, of which nothing bad is known
//	POST debits          account, amount, currency: money is taken from it, below zero if need be
//	POST charges         amount, fee, currency, seconds until it is available
//	POST refunds         charge, amount
//	POST disputes        charge, fee
//	POST topups          code: top-ups made from now on fail with it; without a code they arrive again
//	POST faults          kind, method, path, times
//	POST notices         sends what is due
//	GET  transfers       counts the transfers of each instruction
//	GET  check           says whether all balances are the sums of their entries
func (s *Simulator) Control(clock *Clock, client *http.Client) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, act control) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if subtle.ConstantTimeCompare([]byte(token), []byte(s.o.Key)) != 1 {
				write(w, "", answer{status: http.StatusUnauthorized, body: []byte("{}")})
				return
			}
			refuse := func() {
				write(w, "", answer{status: http.StatusBadRequest, body: render(map[string]string{"error": "The request cannot be carried out."})})
			}
			if !numbers(r) {
				refuse()
				return
			}
			number := func(name string) int64 {
				n, _ := strconv.ParseInt(r.PostFormValue(name), 10, 64) // zero where nothing is said
				return n
			}
			made, err := act(r.PostFormValue, number, r)
			if err != nil {
				refuse()
				return
			}
			write(w, "", answer{status: http.StatusOK, body: render(made)})
		})
	}
	if clock != nil {
		s.controlClock(clock, handle)
	}
	handle("POST /simulator/accounts", func(form func(string) string, _ func(string) int64, _ *http.Request) (any, error) {
		return ok(s.AddAccount(form("id"), form("country"), strings.Split(form("currencies"), ",")...))
	})
	handle("POST /simulator/banks", func(form func(string) string, number func(string) int64, _ *http.Request) (any, error) {
		return ok(s.FailPayouts(form("account"), form("code"), seconds(number("seconds"))))
	})
	s.controlMisfortunes(handle)
	handle("POST /simulator/charges", func(form func(string) string, number func(string) int64, _ *http.Request) (any, error) {
		id, err := s.AddCharge(number("amount"), number("fee"), form("currency"), seconds(number("seconds")), nil)
		return map[string]string{"id": id}, err
	})
	handle("POST /simulator/faults", func(form func(string) string, number func(string) int64, _ *http.Request) (any, error) {
		f := Fault{Kind: Kind(form("kind")), Method: form("method"), Path: form("path"), Times: int(min(number("times"), 1000))}
		if !slices.Contains(byChance, f.Kind) && f.Kind != Refuse403 && f.Kind != Redirect && f.Kind != LateRow {
			return nil, errSeed
		}
		s.Script(f)
		return ok(nil)
	})
	handle("POST /simulator/notices", func(_ func(string) string, _ func(string) int64, r *http.Request) (any, error) {
		if client == nil {
			return nil, errors.New("simulator: nothing to send notices with")
		}
		taken, err := s.Deliver(r.Context(), client)
		return map[string]int{"taken": taken}, err
	})
	handle("GET /simulator/transfers", func(func(string) string, func(string) int64, *http.Request) (any, error) { return s.Transfers(), nil })
	return mux
}

// numbers reports whether everything that must be a number is one, or is not said. It is asked before anything is done.
func numbers(r *http.Request) bool {
	for _, name := range []string{"amount", "fee", "seconds", "times"} {
		text := r.PostFormValue(name)
		if n, err := strconv.ParseInt(text, 10, 64); text != "" && (err != nil || n < 0 || n > 1<<53) {
			return false
		}
	}
	return true
}

// control carries out one request of the control.
type control func(form func(string) string, number func(string) int64, r *http.Request) (any, error)

// controlClock adds the clock.
func (s *Simulator) controlClock(clock *Clock, handle func(string, control)) {
	showTime := func() any { return map[string]string{"now": clock.Now().UTC().Format(time.RFC3339)} }
	handle("GET /simulator/clock", func(func(string) string, func(string) int64, *http.Request) (any, error) { return showTime(), nil })
	handle("POST /simulator/clock", func(_ func(string) string, number func(string) int64, _ *http.Request) (any, error) {
		n := number("seconds")
		if n < 1 || n > int64(maxMove.Seconds()) {
			return nil, errSeed
		}
		clock.Advance(time.Duration(n) * time.Second)
		return showTime(), s.Settle()
	})
}

// controlMisfortunes adds what happens to accounts and charges without anybody of the platform having asked for it.
func (s *Simulator) controlMisfortunes(handle func(string, control)) {
	made := func(id string, err error) (any, error) { return map[string]string{"id": id}, err }
	handle("POST /simulator/bank_changes", func(form func(string) string, _ func(string) int64, _ *http.Request) (any, error) {
		return made(s.ReplaceBank(form("account"), form("currency")))
	})
	handle("POST /simulator/account_states", func(form func(string) string, _ func(string) int64, _ *http.Request) (any, error) {
		return ok(s.DisableAccount(form("account"), form("reason")))
	})
	handle("POST /simulator/debits", func(form func(string) string, number func(string) int64, _ *http.Request) (any, error) {
		return made(s.AddDebit(form("account"), number("amount"), form("currency")))
	})
	handle("POST /simulator/topups", func(form func(string) string, _ func(string) int64, _ *http.Request) (any, error) {
		return ok(s.FailTopups(form("code")))
	})
	handle("POST /simulator/refunds", func(form func(string) string, number func(string) int64, _ *http.Request) (any, error) {
		return made(s.AddRefund(form("charge"), number("amount")))
	})
	handle("POST /simulator/disputes", func(form func(string) string, number func(string) int64, _ *http.Request) (any, error) {
		return made(s.AddDispute(form("charge"), number("fee")))
	})
	handle("GET /simulator/check", func(func(string) string, func(string) int64, *http.Request) (any, error) { return ok(s.Check()) })
}

func ok(err error) (any, error) { return map[string]bool{"ok": true}, err }

// seconds is a wait of at most a year.
func seconds(n int64) time.Duration {
	return time.Duration(min(n, int64(maxMove.Seconds()))) * time.Second
}
