package main

// Events and orders at the command line and through the Go client, against a real service.

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"mizan/api/client"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
	"mizan/ledger/vault"
)

// capture is the sale of an order, as one line of JSON.
func capture(order string) string {
	return fmt.Sprintf(`{"type":"order.captured","reference":"%s-captured","data":{"order":"%[1]s","currency":"GBP","placed_at":"2026-11-20T09:00:00Z","seller":"sel_uk",`+
		`"lines":[{"line":1,"sku":"SKU-9","quantity":2,"unit_price":"24.99","discounts":[{"funder":"seller","amount":"5.00"},{"funder":"platform","amount":"3.00"}]}],`+
		`"shipping":{"amount":"2.99"},"creators":[{"creator":"cre_amy"}],"commission_rate":"0.15","payments":[{"processor":"main","payment_id":"pi_%[1]s","amount":"44.97"}]}}`, order)
}

func delivery(order string) string {
	return fmt.Sprintf(`{"type":"order.delivered","reference":"%s-delivered","data":{"order":"%[1]s","delivered_at":"2026-11-20T10:00:00Z","last_parcel":true}}`, order)
}

// market starts a service with a book whose market has rules, and returns the variables that reach it.
func market(t *testing.T) (map[string]string, *client.Client) {
	t.Helper()
	return marketWith(t, serviceConfig{staticKey: testKey, open: true, log: slog.New(slog.DiscardHandler)})
}

// marketWith is market with a service of a configuration.
func marketWith(t *testing.T, config serviceConfig) (map[string]string, *client.Client) {
	t.Helper()
	address, remote := serveOn(t, pgtest.New(t), config)
	if _, err := remote.CreateBook(t.Context(), client.NewBook{Code: "uk", Name: "Example UK", Currencies: []money.Currency{"GBP"}, TimeZone: "Europe/London", Market: "UK"}); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"MIZAN_SERVER": address, "MIZAN_API_KEY": testKey}, remote
}

func TestEventSession(t *testing.T) {
	t.Parallel()
	keys, err := vault.ParseKeys("tests=VEVTVC1PTkxZLU5PVC1BLVNFQ1JFVC1LRVktMDAwMDE=")
	if err != nil {
		t.Fatal(err)
	}
	env, remote := marketWith(t, serviceConfig{staticKey: testKey, open: true, log: slog.New(slog.DiscardHandler), vaultKeys: keys})
	mizan(t, env, capture("UK-1"), "event", "post", "uk", "--dry-run").want(t, exitDone, "UK-1-captured  order.captured  would be recorded", "DEBIT", "REASON", "44.97  ")
	mizan(t, env, "", "order", "show", "uk", "UK-1").want(t, exitRefused, "404")
	mizan(t, env, capture("UK-1"), "event", "post", "uk").want(t, exitDone, "UK-1-captured  order.captured  recorded", "uk-1", "assets:processor:pending:main", "44.97")
	mizan(t, env, capture("UK-1"), "event", "post", "uk").want(t, exitDone, "was recorded before")
	mizan(t, env, delivery("UK-1"), "event", "post", "uk").want(t, exitDone, "a fact: no money moved")

	file := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.WriteFile(file, []byte(capture("UK-2")+"\n"+delivery("UK-2")+"\n\n"+capture("UK-3")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mizan(t, env, "", "event", "post", "uk", file, "--dry-run").want(t, exitDone, "UK-2-captured  order.captured  would be recorded", "UK-3-captured")
	mizan(t, env, "", "event", "post", "uk", file).want(t, exitDone, "UK-2-captured  order.captured  recorded", "UK-2-delivered", "UK-3-captured")
	list := "[" + capture("UK-3") + "," + strings.Replace(capture("UK-4"), `"24.99"`, `24.99`, 1) + "," + capture("UK-5") + "]"
	mizan(t, env, list, "event", "post", "uk").want(t, exitRefused, "UK-3-captured  order.captured  was recorded before", "item 1: validation-failed",
		"/events/1/data/lines/0/unit_price", "UK-5-captured  order.captured  recorded", "1 of 3 events were refused")
	atomic := `{"atomic":true,"events":[` + capture("UK-6") + `,{"type":"nonsense","reference":"x","data":{}}]}`
	mizan(t, env, atomic, "event", "post", "uk").want(t, exitRefused, "batch-refused", "/events/1/type")

	for _, c := range []struct {
		stdin, want string
		code        int
	}{
		{"", "the input is empty", exitUsage}, {"{", "malformed-json", exitRefused}, {"[]", "validation-failed", exitRefused}, {"nonsense", "malformed-json", exitRefused},
		{`{"type":"payout.paid","reference":"x","data":{}}`, "event-reserved", exitRefused},
	} {
		mizan(t, env, c.stdin, "event", "post", "uk").want(t, c.code, c.want)
	}
	mizan(t, env, "", "event", "post", "uk", "/does/not/exist").want(t, exitRefused, "no such file")
	testEventReading(t, env)
	testPayeeReading(t, env, remote)
}

// testEventReading reads back what was posted.
func testEventReading(t *testing.T, env map[string]string) {
	mizan(t, env, "", "event", "explain", "uk-1").want(t, exitDone, "uk-1  order.captured", "STEP", "ENTRY", "assets:processor:pending:main", "44.97")
	mizan(t, env, "", "event", "explain", "uk-99").want(t, exitRefused, "transaction-unknown")
	mizan(t, env, "", "event", "explain", "uk").want(t, exitUsage, "such as uk-42")
	mizan(t, env, "", "order", "show", "uk", "UK-1").want(t, exitDone, "state", "paid", "44.97 GBP", "WHO", "buyer", "order.delivered", "no money moved")
	mizan(t, env, "", "event", "types").want(t, exitDone, "order.captured", "refund.made")
	for _, c := range []struct {
		into any
		args []string
	}{
		{&[]struct{ Type, Meaning string }{}, []string{"event", "types", "--json"}},
		{&client.Explanation{}, []string{"event", "explain", "uk-1", "--json"}},
		{&client.Order{}, []string{"order", "show", "uk", "UK-1", "--json"}},
	} {
		if err := json.Unmarshal([]byte(mizan(t, env, "", c.args...).want(t, exitDone).stdout), c.into); err != nil {
			t.Errorf("%v: %v", c.args, err)
		}
	}
	var event client.Event
	if err := json.Unmarshal([]byte(mizan(t, env, capture("UK-1"), "event", "post", "uk", "--json").want(t, exitDone).stdout), &event); err != nil || event.Transactions[0].ID != "uk-1" {
		t.Errorf("%+v, %v", event, err)
	}
	var results []client.EventResult
	said := mizan(t, env, capture("UK-1")+capture("UK-2"), "event", "post", "uk", "--json").want(t, exitDone).stdout
	if err := json.Unmarshal([]byte(said), &results); err != nil || len(results) != 2 || results[1].Status != 200 {
		t.Errorf("%+v, %v", results, err)
	}
}

// testPayeeReading reads what a creator is told, and has somebody answer what she asks.
func testPayeeReading(t *testing.T, env map[string]string, remote *client.Client) {
	if _, err := remote.RegisterPayee(t.Context(), "uk", client.Payee{ID: "cre_amy", Kind: "creator", Country: "UK", Currency: "GBP"}); err != nil {
		t.Fatal(err)
	}
	mizan(t, env, "", "order", "list", "uk", "cre_amy").want(t, exitDone, "UK-1", "estimated", "6.30")
	mizan(t, env, "", "order", "list", "uk", "nobody").want(t, exitRefused, "payee-unknown")
	mizan(t, env, "", "order", "show", "uk", "UK-1", "--payee", "cre_amy").want(t, exitDone, "stands", "estimated", "commission", "6.30", "buyer", "you")
	mizan(t, env, "", "order", "show", "uk", "UK-9", "--payee", "cre_amy").want(t, exitRefused, "404")
	mizan(t, env, "", "order", "return", "uk", "UK-1", "--payee", "cre_amy", "--line", "1").want(t, exitDone, "change", "-3.15", "left", "3.15")
	mizan(t, env, "", "payees", "coming", "uk", "cre_amy").want(t, exitDone, "pending", "25.20")
	asked, err := remote.AskQuestion(t.Context(), "uk", "cre_amy", client.NewQuestion{Reference: "q-1", About: "order", ID: "UK-1", Line: "uk-1/1", Text: "Why only this?"})
	if err != nil {
		t.Fatal(err)
	}
	mizan(t, env, "", "questions", "list", "uk").want(t, exitDone, asked.ID, "order UK-1", "commission", "6.30")
	mizan(t, env, "", "questions", "show", "uk", "cre_amy", asked.ID).want(t, exitDone, "open", "Why only this?")
	mizan(t, env, "Two were sold.\n", "questions", "answer", "uk", asked.ID).want(t, exitDone, "answered", "Two were sold.")
	mizan(t, env, "Again.", "questions", "answer", "uk", asked.ID).want(t, exitRefused, "question-state")
	mizan(t, env, "", "questions", "list", "uk", "--payee", "cre_amy", "--json").want(t, exitDone, `"state": "answered"`)
}

// TestManyEventsAtTheCommandLine posts more than fit one batch.
func TestManyEventsAtTheCommandLine(t *testing.T) {
	t.Parallel()
	env, remote := market(t)
	var lines strings.Builder
	const sales = 1203
	for i := range sales {
		lines.WriteString(capture(fmt.Sprint("UK-", i)) + "\n")
	}
	mizan(t, env, lines.String(), "event", "post", "uk").want(t, exitDone, "UK-1202-captured")
	if book := must[client.Book](t)(remote.Book(t.Context(), "uk")); book.LastSequence != sales {
		t.Errorf("%d transactions, want %d", book.LastSequence, sales)
	}
}

func TestClientPostsEvents(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	_, remote := market(t)
	event := func(line string) (e client.NewEvent) {
		var data json.RawMessage
		e.Data = &data
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		return e
	}
	one := must[client.Event](t)
	forecast := one(remote.DryRunEvent(ctx, "uk", event(capture("UK-1"))))
	posted := one(remote.PostEvent(ctx, "uk", event(capture("UK-1"))))
	again := one(remote.PostEvent(ctx, "uk", event(capture("UK-1"))))
	if forecast.Replayed || posted.Replayed || !again.Replayed || len(posted.Transactions) != 1 || len(forecast.Transactions) != 1 || posted.Explanation == nil || len(posted.Explanation.Entries) == 0 {
		t.Errorf("forecast %+v, posted %+v, again %+v", forecast, posted, again)
	}
	bad := event(capture("UK-3"))
	bad.Type = "order.vanished"
	results := must[[]client.EventResult](t)(remote.PostEvents(ctx, "uk", []client.NewEvent{event(capture("UK-1")), event(delivery("UK-1")), bad}))
	if !results[0].Event.Replayed || results[1].Event.Replayed || len(results[1].Event.Transactions) != 0 || results[2].Problem == nil || results[2].Problem.Code != "event-type" {
		t.Errorf("results %+v", results)
	}
	_, err := remote.PostEventsAtomic(ctx, "uk", []client.NewEvent{event(capture("UK-4")), bad})
	var p *client.Problem
	if !errors.As(err, &p) || p.Index == nil || *p.Index != 1 || p.Code != "batch-refused" {
		t.Errorf("an atomic batch: %v", err)
	}
	why := must[client.Explanation](t)(remote.Explanation(ctx, "uk", posted.Transactions[0].ID))
	order := must[client.Order](t)(remote.Order(ctx, "uk", "UK-1"))
	if why.Event != "order.captured" || order.Order != "UK-1" || len(order.Transactions) != 2 || len(order.Waterfall) == 0 {
		t.Errorf("explanation %+v, order %+v", why, order)
	}
	days := 30
	settled := one(remote.SettleOrder(ctx, "uk", "UK-1", client.Settlement{Reserve: &client.Reserve{Rate: "0.10", Days: &days}}))
	later := one(remote.SettleOrder(ctx, "uk", "UK-1", client.Settlement{Reserve: &client.Reserve{Rate: "0.10", Days: &days}}))
	if settled.Type != "order.settled" || settled.Replayed || !later.Replayed {
		t.Errorf("settled %+v, later %+v", settled, later)
	}
}

// The client must not import what the service computes with, so it repeats the shapes of answers. This holds them together.
func TestClientKnowsOrdersAndReasons(t *testing.T) {
	t.Parallel()
	var compare func(at string, ours, theirs reflect.Type)
	compare = func(at string, ours, theirs reflect.Type) {
		for ours.Kind() == reflect.Pointer || ours.Kind() == reflect.Slice {
			if ours.Kind() != theirs.Kind() {
				t.Errorf("%s is %s and %s", at, ours, theirs)
				return
			}
			ours, theirs = ours.Elem(), theirs.Elem()
		}
		if ours.Kind() != reflect.Struct || ours == theirs {
			if ours.Kind() != theirs.Kind() {
				t.Errorf("%s is %s and %s", at, ours, theirs)
			}
			return
		}
		tags := map[string]reflect.Type{}
		for i := range theirs.NumField() {
			tags[theirs.Field(i).Tag.Get("json")] = theirs.Field(i).Type
		}
		for i := range ours.NumField() {
			tag := ours.Field(i).Tag.Get("json")
			if tags[tag] == nil {
				t.Errorf("%s: the client does not know %s", at, tag)
				continue
			}
			compare(at+"/"+tag, ours.Field(i).Type, tags[tag])
			delete(tags, tag)
		}
		for tag := range tags {
			t.Errorf("%s: only the client knows %s", at, tag)
		}
	}
	compare("explanation", reflect.TypeFor[commerce.Explanation](), reflect.TypeFor[client.Explanation]())
	compare("order", reflect.TypeFor[commerce.Order](), reflect.TypeFor[client.Order]())
}
