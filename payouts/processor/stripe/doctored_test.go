// Doctored answers lack what is not promised; doctored requests and answers show that every check can fail.

package stripe_test

import (
	"encoding/json"
	"go/ast"
	"go/token"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	stripelib "github.com/stripe/stripe-go/v79"

	"mizan/payouts/processor/stripe"
)

// needed are fields that are not promised, and without which the driver refuses to read the object, with the reason.
var needed = map[string]string{
	"account.payouts_enabled": "Stripe promises next to nothing of an account; one that does not say whether it can pay out is not taken for one that can",
}

// doctored is a driver to which one answer is given, whatever it asks.
type doctored struct {
	*stripe.Driver
	answer []byte
}

func newDoctored(t *testing.T, now func() time.Time) *doctored {
	t.Helper()
	d := &doctored{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Request-Id", "req_doctored")
		_, _ = w.Write(d.answer) // the driver may have gone
	}))
	t.Cleanup(server.Close)
	d.Driver = must(stripe.New(stripe.Options{Key: apiKey, BaseURL: server.URL, Now: now, PlatformSecret: platformSecret, ConnectSecret: connectSecret}))(t)
	return d
}

// change takes one field away, or sets it to null.
type change struct {
	path string
	null bool
}

func (c change) String() string {
	if c.null {
		return c.path + " is null"
	}
	return c.path + " is not there"
}

// promises returns the changes that the description of a kind of object allows, two levels deep.
func (h *holder) promises(kind string) (all []change) {
	var walk func(s *schema, prefix string)
	walk = func(s *schema, prefix string) {
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			field := h.d.open(s.Properties[name])
			if field.Nullable {
				all = append(all, change{prefix + name, true})
			}
			if !slices.Contains(s.Required, name) {
				all = append(all, change{prefix + name, false})
			}
			if len(field.AnyOf) == 1 {
				field = h.d.open(field.AnyOf[0])
			}
			if prefix == "" {
				walk(field, name+".")
			}
		}
	}
	walk(h.d.kind(kind), "")
	for name := range younger {
		if of, field, _ := strings.Cut(name, "."); of == kind {
			all = append(all, change{field, false}, change{field, true})
		}
	}
	return all
}

// make returns the changed answer, and whether the field was there. In a list the last object is changed.
func (c change) make(t *testing.T, whole []byte, list bool) ([]byte, bool) {
	t.Helper()
	var answer map[string]any
	if err := decodeExact(whole, &answer); err != nil {
		t.Fatal(err)
	}
	object := answer
	if list {
		data := answer["data"].([]any)
		object = data[len(data)-1].(map[string]any)
	}
	outer, inner, nested := strings.Cut(c.path, ".")
	name := outer
	if nested {
		var ok bool
		if object, ok = object[outer].(map[string]any); !ok {
			return whole, false
		}
		name = inner
	}
	_, had := object[name]
	delete(object, name)
	if c.null {
		object[name] = nil
	}
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return text, had
}

// TestRequestsThatAreWrong doctors a good request in every way that the check has to notice.
func TestRequestsThatAreWrong(t *testing.T) {
	t.Parallel()
	good := func() exchange {
		return exchange{method: "POST", path: "/v1/transfers", body: "amount=1&currency=usd&destination=acct_1&metadata[a]=b&expand[]=destination&source_type=card",
			header: http.Header{"Stripe-Version": {stripelib.APIVersion}, "Idempotency-Key": {"k"}, "Content-Type": {"application/x-www-form-urlencoded"}}}
	}
	list := func(query string) func(*exchange) {
		return func(x *exchange) { x.method, x.path, x.body, x.query = "GET", "/v1/payouts", "", query }
	}
	for _, c := range []struct {
		name, want string
		doctor     func(*exchange)
	}{
		{"nothing", "", func(*exchange) {}},
		{"a good list", "", list("limit=100&created[gte]=1&created[lt]=2&starting_after=po_1")},
		{"a day alone", "", list("created=1")},
		{"an invented parameter", "color: there is no such parameter", func(x *exchange) { x.body += "&color=blue" }},
		{"an invented parameter of a query", "color: there is no such parameter", list("color=blue")},
		{"an invented bound", "created[near]: there is no such parameter", list("created[near]=1")},
		{"a nested scalar", "amount[x]: there is no such parameter", func(x *exchange) { x.body += "&amount[x]=1" }},
		{"a missing parameter", "destination: it is required", func(x *exchange) { x.body = "amount=1&currency=usd" }},
		{"a word for a number", "amount: it is no integer", func(x *exchange) { x.body = strings.Replace(x.body, "amount=1", "amount=one", 1) }},
		{"a fraction", "amount: it is no integer", func(x *exchange) { x.body = strings.Replace(x.body, "amount=1", "amount=1.5", 1) }},
		{"a bound that is no number", "created[gte]: it is no integer", list("created[gte]=yesterday")},
		{"metadata without a name", "metadata: it is one value", func(x *exchange) { x.body += "&metadata=x" }},
		{"metadata two deep", "metadata[a][b]: there is no such parameter", func(x *exchange) { x.body += "&metadata[a][b]=x" }},
		{"a word that is not one of them", `"gold" is not a word`, func(x *exchange) { x.body = strings.Replace(x.body, "=card", "=gold", 1) }},
		{"too long", "description: it is longer", func(x *exchange) { x.body += "&description=" + strings.Repeat("x", 5001) }},
		{"twice", "currency: it is given twice", func(x *exchange) { x.body += "&currency=eur" }},
		{"in the query", "query amount: there is no such parameter", func(x *exchange) { x.query = "amount=1" }},
		{"a path that is not there", "there is no such operation", func(x *exchange) { x.path = "/v1/transferz" }},
		{"a method that is not there", "there is no such operation", func(x *exchange) { x.method = "DELETE" }},
		{"another version", "Stripe-Version", func(x *exchange) { x.header.Set("Stripe-Version", "2020-08-27") }},
		{"no key", "Idempotency-Key", func(x *exchange) { x.header.Del("Idempotency-Key") }},
		{"a key that is too long", "Idempotency-Key", func(x *exchange) { x.header.Set("Idempotency-Key", strings.Repeat("k", 256)) }},
		{"JSON", "the body is", func(x *exchange) { x.header.Set("Content-Type", "application/json") }},
	} {
		h, x := newHolder(t), good()
		c.doctor(&x)
		h.request(x)
		noticed(t, c.name, c.want, h.found)
	}
}

func noticed(t *testing.T, name, want string, found []string) {
	t.Helper()
	if want == "" && len(found) > 0 || want != "" && !slices.ContainsFunc(found, func(s string) bool { return strings.Contains(s, want) }) {
		t.Errorf("%s: the complaints are %q, and should say %q", name, found, want)
	}
}

// TestAnswersThatAreWrong doctors good answers.
func TestAnswersThatAreWrong(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.failures()
	payout := func() exchange {
		for _, x := range slices.Backward(l.said) {
			if x.method == "GET" && strings.HasPrefix(x.path, "/v1/payouts/") {
				return x
			}
		}
		t.Fatal("no payout was read")
		return exchange{}
	}
	refused := l.ask("GET", "/v1/transfers/tr_nobody")
	events := l.ask("GET", "/v1/events", "Stripe-Account: "+payee, "limit=1")
	entries := l.ask("GET", "/v1/balance_transactions", "limit=1")
	for _, c := range []struct {
		name, want string
		of         exchange
		old, new   string
	}{
		{"nothing", "", payout(), "", ""},
		{"an error", "", refused, "", ""},
		{"an unknown field", "color: there is no such field", payout(), `{"amount"`, `{"color":"blue","amount"`},
		{"a field of the simulator", "there is no such field", payout(), `{"amount"`, `{"sequence_of_simulator":1,"amount"`},
		{"a missing field", "automatic: it is required", payout(), `"automatic":false,`, ``},
		{"a text for a number", "should be of type integer", payout(), `"amount":100`, `"amount":"100"`},
		{"a fraction", "should be of type integer", payout(), `"amount":100`, `"amount":100.5`},
		{"null", "it may not be null", payout(), `"amount":100`, `"amount":null`},
		{"a word of nobody", "is not a word it may be", payout(), `"type":"bank_account"`, `"type":"mattress"`},
		{"a state of nobody", "not among the words of PayoutStatus", payout(), `"status":"failed"`, `"status":"lost"`},
		{"a code of nobody", "not among the words of PayoutFailureCode", payout(), `"failure_code":"account_frozen"`, `"failure_code":"account_asleep"`},
		{"another kind", "is not a word it may be", payout(), `"object":"payout"`, `"object":"payday"`},
		{"a page", "it is not JSON", payout(), `{"amount"`, `<html>`},
		{"an error's code of nobody", "not among the words of ErrorCode", refused, `resource_missing`, `resource_asleep`},
		{"an error's field of nobody", "there is no such field", refused, `"code"`, `"color":"blue","code"`},
		{"an error's type of nobody", "is not a word it may be", refused, `invalid_request_error`, `bad_mood_error`},
		{"an unknown field in a list", "data[0].color: there is no such field", entries, `{"amount"`, `{"color":"blue","amount"`},
		{"an unknown type of an entry", "is not a word it may be", entries, `"type":"transfer"`, `"type":"gift"`},
		{"an event of nobody", "is not a word it may be", events, `"type":"account.`, `"type":"account.happy.`},
		{"an event about something else", "is about a", events, `"type":"account.`, `"type":"topup.`},
		{"a field only later versions have", "has no such field", payout(), `{"amount"`, `{"payout_method":null,"amount"`},
	} {
		h := newHolder(t)
		if c.want == "has no such field" { // as if the description were of a later version
			h.d.kind("payout").Properties["payout_method"] = &schema{Type: "string", Nullable: true}
		}
		x := c.of
		if !strings.Contains(string(x.answer), c.old) {
			t.Errorf("%s: there is no %s in %s", c.name, c.old, x.answer)
		}
		x.answer = []byte(strings.Replace(string(x.answer), c.old, c.new, 1))
		h.answer(x)
		noticed(t, c.name, c.want, h.found)
	}
}

// TestFieldsThatAreWrong takes fields out of the description and out of the library's types, as if they had never been there.
func TestFieldsThatAreWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want   string
		doctor func(*reader)
	}{
		{"", func(*reader) {}},
		{"payout.failure_code: there is no such field", func(r *reader) { delete(r.d.kind("payout").Properties, "failure_code") }},
		{"account.requirements.past_due: there is no such field", func(r *reader) { delete(r.d.Components.Schemas["account_requirements"].Properties, "past_due") }},
		{"account.external_accounts.data.fingerprint: there is no such field", func(r *reader) { delete(r.d.kind("bank_account").Properties, "fingerprint") }},
		{"balance.pending.amount: there is no such field", func(r *reader) { delete(r.d.Components.Schemas["balance_amount"].Properties, "amount") }},
		{"event.id: there is no such field", func(r *reader) { delete(r.d.kind("event").Properties, "id") }},
		{"api_errors.code: there is no such field", func(r *reader) { delete(r.d.Components.Schemas["api_errors"].Properties, "code") }},
		{"payout.amount: it is read as *int64, and described as string", func(r *reader) { r.d.kind("payout").Properties["amount"] = &schema{Type: "string"} }},
		{"transfer.destination: it is read as", func(r *reader) { r.d.kind("transfer").Properties["destination"] = &schema{Type: "integer"} }},
		{"is not a word it may be", func(r *reader) { r.d.Components.Schemas["api_errors"].Properties["type"].Enum = []any{"api_error"} }},
		{"which is not described", func(r *reader) { delete(r.d.Components.Schemas, "payout") }},
		{"it was not found from what", func(r *reader) { r.forget("readBalance") }},
	} {
		r := &reader{holder: *newHolder(t), source: driverSource(t), seen: map[token.Pos]bool{}, fields: map[string]bool{}}
		c.doctor(r)
		r.readAll()
		noticed(t, c.want, c.want, r.found)
	}
	if _, ok := fieldsOf(reflect.TypeFor[stripelib.Payout]()); !ok {
		t.Error("the library's types are not known")
	}
}

// forget has the reader pass a function over.
func (r *reader) forget(name string) {
	r.passed = func(d *ast.FuncDecl) bool { return d.Name.Name == name }
}
