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

// Control answers the paths below /simulator/. The clock is the one the simulator was made with; client sends notices.
//
//	GET  clock     shows the time
//	POST clock     seconds=3600 moves it on
//	POST accounts  id, country, currencies (usd,eur)
//	POST banks     account, code, seconds: payouts fail with the code after so long; without a code they arrive again
//	POST charges   amount, fee, currency, seconds until it is available
//	POST faults    kind, method, path, times
//	POST notices   sends what is due
//	GET  transfers counts the transfers of each instruction
func (s *Simulator) Control(clock *Clock, client *http.Client) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, act func(form func(string) string, number func(string) int64, r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if subtle.ConstantTimeCompare([]byte(token), []byte(s.o.Key)) != 1 {
				write(w, "", answer{status: http.StatusUnauthorized, body: []byte("{}")})
				return
			}
			wrong := false
			number := func(name string) int64 {
				text := r.PostFormValue(name)
				n, err := strconv.ParseInt(text, 10, 64)
				wrong = wrong || err != nil && text != "" || n < 0 || n > 1<<53
				return n
			}
			made, err := act(r.PostFormValue, number, r)
			if err != nil || wrong {
				write(w, "", answer{status: http.StatusBadRequest, body: render(map[string]string{"error": "The request cannot be carried out."})})
				return
			}
			write(w, "", answer{status: http.StatusOK, body: render(made)})
		})
	}
	showTime := func() any { return map[string]string{"now": clock.Now().UTC().Format(time.RFC3339)} }
	handle("GET /simulator/clock", func(func(string) string, func(string) int64, *http.Request) (any, error) { return showTime(), nil })
	handle("POST /simulator/clock", func(_ func(string) string, number func(string) int64, _ *http.Request) (any, error) {
		n := number("seconds")
		if n < 1 || n > int64(maxMove.Seconds()) {
			return nil, errSeed
		}
		clock.Advance(time.Duration(n) * time.Second)
		return showTime(), nil
	})
	handle("POST /simulator/accounts", func(form func(string) string, _ func(string) int64, _ *http.Request) (any, error) {
		return ok(s.AddAccount(form("id"), form("country"), strings.Split(form("currencies"), ",")...))
	})
	handle("POST /simulator/banks", func(form func(string) string, number func(string) int64, _ *http.Request) (any, error) {
		return ok(s.FailPayouts(form("account"), form("code"), seconds(number("seconds"))))
	})
	handle("POST /simulator/charges", func(form func(string) string, number func(string) int64, _ *http.Request) (any, error) {
		id, err := s.AddCharge(number("amount"), number("fee"), form("currency"), seconds(number("seconds")), nil)
		return map[string]string{"id": id}, err
	})
	handle("POST /simulator/faults", func(form func(string) string, number func(string) int64, _ *http.Request) (any, error) {
		f := Fault{Kind: Kind(form("kind")), Method: form("method"), Path: form("path"), Times: int(min(number("times"), 1000))}
		if !slices.Contains(byChance, f.Kind) && f.Kind != Refuse403 && f.Kind != Redirect {
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

func ok(err error) (any, error) { return map[string]bool{"ok": true}, err }

// seconds is a wait of at most a year.
func seconds(n int64) time.Duration {
	return time.Duration(min(n, int64(maxMove.Seconds()))) * time.Second
}
