// A request is read strictly: the key, the account, the path, and parameters that the endpoint knows.

package simulator

import (
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"mizan/ledger/money"
)

// request is one that was understood.
type request struct {
	method, path string
	route        *route
	ids          []string
	form         url.Values
	account      string
	key          string
	digest       string
	// late says that a list leaves its newest row out.
	late bool
}

// refusal is an error in the processor's words.
type refusal struct {
	status int
	kind   string
	code   string
	param  string
	text   string
}

func (e *refusal) answer() answer {
	body := map[string]any{"type": e.kind, "message": e.text}
	if e.code != "" {
		body["code"] = e.code
	}
	if e.param != "" {
		body["param"] = e.param
	}
	return answer{status: e.status, body: render(map[string]any{"error": body})}
}

func invalid(code, param, text string) *refusal {
	return &refusal{status: http.StatusBadRequest, kind: "invalid_request_error", code: code, param: param, text: text}
}

func missing(what string) *refusal {
	return &refusal{status: http.StatusNotFound, kind: "invalid_request_error", code: "resource_missing", param: "id", text: "No such " + what}
}

func failed() *refusal {
	return &refusal{status: http.StatusInternalServerError, kind: "api_error", text: "An unknown error occurred"}
}

func render(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("simulator: an object cannot be written: " + err.Error())
	}
	return text
}

// understand reads a request. What it refuses is refused before the store of keys, so that it is not kept.
func (s *Simulator) understand(w http.ResponseWriter, r *http.Request) (*request, *refusal) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, invalid("", "", "The request is too large or broken")
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if subtle.ConstantTimeCompare([]byte(token), []byte(s.o.Key)) != 1 {
		return nil, &refusal{status: http.StatusUnauthorized, kind: "invalid_request_error", text: "Invalid API Key provided"}
	}
	q := &request{method: r.Method, path: r.URL.Path, account: r.Header.Get("Stripe-Account"), key: r.Header.Get("Idempotency-Key")}
	if q.route, q.ids = find(r.Method, r.URL.Path); q.route == nil {
		return nil, &refusal{status: http.StatusNotFound, kind: "invalid_request_error", text: "Unrecognized request URL"}
	}
	source := string(body)
	if r.Method == http.MethodGet {
		source = r.URL.RawQuery
	}
	if q.form, err = url.ParseQuery(source); err != nil {
		return nil, invalid("", "", "The parameters cannot be read")
	}
	if len(q.key) > 255 {
		return nil, invalid("", "", "Idempotency-Key is too long")
	}
	if q.account == Platform {
		q.account = ""
	}
	s.mu.Lock()
	known := q.account == "" || s.state.Accounts[q.account] != nil
	s.mu.Unlock()
	if !known {
		return nil, &refusal{status: http.StatusForbidden, kind: "invalid_request_error", code: "account_invalid", text: "No access to the account"}
	}
	if q.account == "" {
		q.account = Platform
	}
	q.digest = q.method + " " + q.path + "?" + q.form.Encode()
	return q, q.check()
}

// check compares the parameters with what the endpoint knows.
func (q *request) check() *refusal {
	for name, values := range q.form {
		base, _, nested := strings.Cut(name, "[")
		known := slices.Contains(q.route.allowed, base)
		if !known || nested && base != "metadata" && base != "created" || len(values) != 1 {
			return invalid("parameter_unknown", name, "Received unknown parameter")
		}
	}
	for _, name := range q.route.required {
		if q.form.Get(name) == "" {
			return invalid("parameter_missing", name, "Missing required param")
		}
	}
	return nil
}

// metadata returns the entries given as metadata[name].
func (q *request) metadata() map[string]string {
	found := map[string]string{}
	for name, values := range q.form {
		if inner, ok := strings.CutPrefix(name, "metadata["); ok {
			found[strings.TrimSuffix(inner, "]")] = values[0]
		}
	}
	return found
}

// says reports whether a parameter has the value.
func (q *request) says(value string) bool {
	for _, values := range q.form {
		if slices.Contains(values, value) {
			return true
		}
	}
	return false
}

// amount reads the amount and the currency of a request by the processor's rules for the currency.
func (q *request) amount(payout bool) (int64, string, *refusal) {
	n, err := strconv.ParseInt(q.form.Get("amount"), 10, 64)
	if err != nil || n < 1 {
		return 0, "", invalid("parameter_invalid_integer", "amount", "Invalid positive integer")
	}
	code := q.form.Get("currency")
	if !spoken(code) {
		return 0, "", invalid("", "currency", "Invalid currency")
	}
	return n, code, stepped(n, money.Currency(strings.ToUpper(code)), payout)
}

// spoken reports whether a currency is known, and written as the processor writes it: "usd".
func spoken(code string) bool {
	return money.Currency(strings.ToUpper(code)).Known() && code == strings.ToLower(code)
}

// stepped refuses amounts between the processor's steps. It is written from the processor's own list, and not by the driver's
// functions, so that each checks the other.
func stepped(n int64, c money.Currency, payout bool) *refusal {
	step := int64(1)
	switch c {
	case "BHD", "JOD", "KWD", "OMR", "TND", "IQD", "LYD":
		step = 10
	case "ISK", "UGX":
		step = 100
	case "HUF", "TWD":
		if payout {
			step = 100
		}
	}
	if n%step != 0 {
		return invalid("parameter_invalid_integer", "amount", "The amount must be a multiple of the currency's step")
	}
	return nil
}
