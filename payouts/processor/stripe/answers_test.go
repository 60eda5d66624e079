// The simulator is held to the description too, so that no test of Mizan rests on a processor that does not exist.

package stripe_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
)

// ask sends one request by hand, with headers as "Name: value" and parameters as "name=value".
func (l *line) ask(method, path string, parts ...string) exchange {
	l.t.Helper()
	form, header := url.Values{}, http.Header{"Authorization": {"Bearer " + apiKey}}
	for _, part := range parts {
		if name, value, ok := strings.Cut(part, ": "); ok {
			header.Set(name, value)
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		form.Add(name, value)
	}
	address, body := l.url+path, io.Reader(nil)
	if method == http.MethodGet {
		address += "?" + form.Encode()
	} else {
		body = strings.NewReader(form.Encode())
	}
	q := must(http.NewRequestWithContext(l.t.Context(), method, address, body))(l.t)
	q.Header = header
	answer := must(http.DefaultClient.Do(q))(l.t)
	l.ok(answer.Body.Close())
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said[len(l.said)-1]
}

// id is the id of an object that was answered.
func (x exchange) id() string {
	var object struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(x.answer, &object) // an error has no id
	return object.ID
}

// rest has the simulator show what the driver does not ask for.
func (l *line) rest() {
	l.t.Helper()
	charge := must(l.sim.AddCharge(5_000, 100, "usd", time.Hour, nil))(l.t)
	refund := must(l.sim.AddRefund(charge, 5_000))(l.t)
	sent := must(l.sim.AddRefund(must(l.sim.AddCharge(500, 0, "usd", 0, nil))(l.t), 100))(l.t)
	l.ok(l.sim.FailRefund(sent))
	disputed := must(l.sim.AddCharge(700, 0, "usd", 0, nil))(l.t)
	won, lost := must(l.sim.AddDispute(disputed, 15))(l.t), must(l.sim.AddDispute(charge, 0))(l.t)
	l.ok(l.sim.CloseDispute(won, true))
	l.ok(l.sim.CloseDispute(lost, false))
	must(l.sim.AddDebit(payee, 300_000_000, "usd"))(l.t) // below zero: the platform reserves it, and pays it one day
	l.clock.Advance(181 * 24 * time.Hour)
	l.ok(l.sim.Settle())
	for _, id := range []string{charge, disputed} {
		l.ask("GET", "/v1/charges/"+id)
	}
	for _, id := range []string{refund, sent} {
		l.ask("GET", "/v1/refunds/"+id)
	}
	for _, id := range []string{won, lost} {
		l.ask("GET", "/v1/disputes/"+id)
	}
	arrived := l.ask("POST", "/v1/topups", "amount=5000", "currency=usd", "transfer_group=g", "metadata[a]=b").id()
	stopped := l.ask("POST", "/v1/topups", "amount=5000", "currency=usd").id()
	l.ask("POST", "/v1/topups/"+stopped+"/cancel")
	l.ok(l.sim.FailTopups("insufficient_funds"))
	l.ask("POST", "/v1/topups", "amount=5000", "currency=usd")
	l.clock.Advance(4 * 24 * time.Hour)
	l.ask("GET", "/v1/topups/"+arrived)
	l.ok(l.sim.ReverseTopup(arrived))
	l.ask("GET", "/v1/topups")
	l.ok(l.sim.DisableAccount(payee, "requirements.past_due"))
	l.ask("GET", "/v1/accounts/"+payee)
	l.ok(l.sim.DisableAccount(payee, ""))
	l.failures()
	for _, account := range []string{simulator.Platform, payee} {
		for _, path := range []string{"/v1/events", "/v1/balance_transactions", "/v1/payouts", "/v1/balance"} {
			parts := []string{"Stripe-Account: " + account}
			if path != "/v1/balance" {
				parts = append(parts, "limit=100")
			}
			l.ask("GET", path, parts...)
		}
	}
	l.ask("GET", "/v1/events/"+l.firstEvent())
}

// failures has payouts fail for each reason that is named anywhere, and a bank be replaced.
func (l *line) failures() {
	l.t.Helper()
	must(l.sim.AddCharge(1_000_000_000, 0, "usd", 0, nil))(l.t)
	l.ask("POST", "/v1/transfers", "amount=500000000", "currency=usd", "destination="+payee)
	for _, code := range []string{"account_closed", "no_account", "could_not_process", "insufficient_funds", "account_frozen"} {
		must(l.sim.ReplaceBank(payee, "usd"))(l.t)
		l.ok(l.sim.FailPayouts(payee, code, time.Hour))
		id := l.ask("POST", "/v1/payouts", "Stripe-Account: "+payee, "amount=100", "currency=usd").id()
		l.clock.Advance(2 * time.Hour)
		l.ask("GET", "/v1/payouts/"+id, "Stripe-Account: "+payee)
		l.ask("GET", "/v1/accounts/"+payee)
		l.ok(l.sim.FailPayouts(payee, "", 0))
	}
}

func (l *line) firstEvent() string {
	l.t.Helper()
	var events struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	l.ok(json.Unmarshal(l.ask("GET", "/v1/events").answer, &events))
	return events.Data[0].ID
}

// refusals has the simulator refuse in every way it has.
func (l *line) refusals() {
	l.t.Helper()
	transfer := []string{"amount=100", "currency=usd", "destination=" + payee}
	id := l.ask("POST", "/v1/transfers", append(transfer, "Idempotency-Key: k")...).id()
	l.ask("POST", "/v1/transfers", "amount=101", "currency=usd", "destination="+payee, "Idempotency-Key: k")
	for _, kind := range []simulator.Kind{simulator.Fail500, simulator.ExecuteThen500, simulator.Limit429, simulator.LockTimeout, simulator.Conflict409, simulator.Refuse403} {
		l.sim.Script(simulator.Fault{Kind: kind})
		if x := l.ask("POST", "/v1/transfers", transfer...); x.status == http.StatusOK {
			l.t.Errorf("%s was not refused", kind)
		}
	}
	refused := [][]string{
		{"POST", "/v1/transfers", "amount=0", "currency=usd", "destination=" + payee},
		{"POST", "/v1/transfers", "amount=x", "currency=usd", "destination=" + payee},
		{"POST", "/v1/transfers", "amount=1", "currency=xxx", "destination=" + payee},
		{"POST", "/v1/transfers", "amount=1", "currency=usd", "destination=acct_nobody"},
		{"POST", "/v1/transfers", "amount=1", "currency=usd"},
		{"POST", "/v1/transfers", "amount=1", "currency=usd", "destination=" + payee, "color=blue"},
		{"POST", "/v1/transfers", "amount=9000000000000", "currency=usd", "destination=" + payee},
		{"POST", "/v1/transfers", "amount=1", "currency=usd", "destination=" + payee, "Stripe-Account: " + payee},
		{"POST", "/v1/transfers/" + id + "/reversals", "amount=200"}, {"POST", "/v1/transfers/" + id + "/reversals", "amount=-1"},
		{"POST", "/v1/transfers/tr_nobody/reversals"}, {"GET", "/v1/transfers/tr_nobody"}, {"GET", "/v1/transfers/tr_nobody/reversals"},
		{"POST", "/v1/payouts", "amount=100000000", "currency=usd", "Stripe-Account: " + payee},
		{"POST", "/v1/payouts", "amount=1", "currency=jpy", "Stripe-Account: " + payee},
		{"POST", "/v1/payouts", "amount=1", "currency=usd", "method=pigeon", "Stripe-Account: " + payee},
		{"POST", "/v1/payouts/po_nobody/cancel", "Stripe-Account: " + payee}, {"GET", "/v1/payouts/po_nobody"},
		{"GET", "/v1/payouts", "Stripe-Account: acct_nobody"}, {"GET", "/v1/accounts/acct_nobody"},
		{"GET", "/v1/balance_transactions", "payout=po_nobody"}, {"GET", "/v1/balance_transactions", "limit=0"},
		{"GET", "/v1/balance_transactions", "starting_after=txn_nobody"}, {"GET", "/v1/balance_transactions", "created[gte]=x"},
		{"GET", "/v1/balance_transactions", "created[near]=1"}, {"GET", "/v1/balance_transactions", "starting_after=a", "ending_before=b"},
		{"GET", "/v1/balance_transactions/txn_nobody"}, {"GET", "/v1/events/evt_nobody"}, {"GET", "/v1/charges/ch_nobody"},
		{"GET", "/v1/refunds/re_nobody"}, {"GET", "/v1/disputes/dp_nobody"}, {"GET", "/v1/topups/tu_nobody"},
		{"GET", "/v1/balance", "Authorization: Bearer sk_test_of_somebody_else"}, {"GET", "/v1/nowhere"},
		{"POST", "/v1/topups", "amount=1", "currency=usd", "Stripe-Account: " + payee},
	}
	for _, q := range refused {
		if x := l.ask(q[0], q[1], q[2:]...); x.status < 400 || x.status > 499 {
			l.t.Errorf("%v was answered with %d", q, x.status)
		}
	}
	l.ok(l.sim.DisableAccount(payee, "rejected.fraud"))
	for _, q := range [][]string{append([]string{"POST", "/v1/transfers"}, transfer...), {"POST", "/v1/payouts", "amount=1", "currency=usd", "Stripe-Account: " + payee}} {
		if x := l.ask(q[0], q[1], q[2:]...); x.status != http.StatusBadRequest {
			l.t.Errorf("%v was answered with %d", q, x.status)
		}
	}
}

// answered holds everything the simulator says to the description: objects, pages, errors and notices.
func (l *line) answered(t *testing.T, h *holder) {
	l.t = t
	l.rest()
	asked, codes := map[string]bool{}, map[string]bool{}
	alone := newLine(t)
	alone.refusals()
	for _, x := range slices.Concat(l.said, alone.said) {
		h.answer(x)
		_, name, _ := h.d.operation(x.method, x.path)
		asked[name] = asked[name] || x.status == http.StatusOK
		var said struct {
			Error struct {
				Code string `json:"code"`
			} `json:"error"`
		}
		l.ok(json.Unmarshal(x.answer, &said))
		codes[said.Error.Code] = true
	}
	for _, waiting := range []bool{true, false} {
		if x := l.ask("GET", "/v1/events", "limit=1"); strings.Contains(string(x.answer), `"pending_webhooks":0`) == waiting {
			t.Errorf("the latest event says wrongly whether notices of it wait: %s", x.answer)
		}
		_, err := l.sim.Deliver(t.Context(), http.DefaultClient)
		l.ok(err)
	}
	event := h.d.kind("event")
	for _, n := range l.posted {
		var body any
		l.ok(decodeExact([]byte(n[0]), &body))
		h.value("notice", event, library["event"], "event", body)
	}
	report(t, h)
	for _, name := range spoken {
		if !asked[name] && name != endpointOperation {
			t.Errorf("%s was not answered", name)
		}
	}
	if len(codes) < 12 {
		t.Errorf("only the codes %v were given", slices.Sorted(maps.Keys(codes)))
	}
	t.Logf("%d answers, %d notices, codes %v", len(l.said)+len(alone.said), len(l.posted), slices.Sorted(maps.Keys(codes)))
}

// TestParametersOfTheSimulator offers every parameter of every operation to every other: the simulator may refuse what Stripe
// takes, and takes nothing that Stripe refuses.
func TestParametersOfTheSimulator(t *testing.T) {
	t.Parallel()
	l, h := newLine(t), newHolder(t)
	declared, all := map[string]map[string]bool{}, map[string]bool{"of_nobody": true}
	for _, name := range spoken {
		method, path, _ := strings.Cut(name, " ")
		o, _, _ := h.d.operation(method, path)
		declared[name] = map[string]bool{}
		for _, p := range o.Parameters {
			declared[name][p.Name] = p.In == "query"
		}
		if o.Body != nil {
			for parameter := range h.d.open(o.Body.Content["application/x-www-form-urlencoded"].Schema).Properties {
				declared[name][parameter] = true
			}
		}
		for parameter := range declared[name] {
			all[parameter] = true
		}
	}
	taken := 0
	for _, name := range spoken {
		if name == endpointOperation {
			continue
		}
		method, path, _ := strings.Cut(name, " ")
		for _, parameter := range slices.Sorted(maps.Keys(all)) {
			x := l.ask(method, path, parameter+"=1")
			unknown := strings.Contains(string(x.answer), "parameter_unknown")
			if !unknown {
				taken++
			}
			if !unknown && !declared[name][parameter] {
				t.Errorf("%s takes %s, which is not described", name, parameter)
			}
		}
	}
	if taken < 40 {
		t.Errorf("only %d parameters were taken", taken)
	}
}

// TestTheDriverDoesWithout takes away from answers, one by one, what the description does not promise, and sets to null what may be
// null: the driver reads the rest as before.
func TestTheDriverDoesWithout(t *testing.T) {
	t.Parallel()
	l, h := newLine(t), newHolder(t)
	transfer := done(t, l.driver.SendTransfer(t.Context(), must(processor.NewTransfer(l.key("a", 1), payee, 10_000, "USD", nil))(t)))
	done(t, l.driver.ReverseTransfer(t.Context(), must(processor.NewReversal(l.key("b", 1), transfer.ID, 1, "USD", nil))(t)))
	payout := done(t, l.driver.CreatePayout(t.Context(), must(processor.NewPayout(l.key("c", 1), payee, processor.Standard, 100, "USD", nil))(t)))
	l.clock.Advance(72 * time.Hour) // it is paid, and has a trace
	kinds := []struct {
		kind, path, account string
		list                bool
		read                func(*doctored) (any, error)
	}{
		{"transfer", "/v1/transfers/" + transfer.ID, "", false, func(d *doctored) (any, error) { return d.ReadTransfer(t.Context(), transfer.ID) }},
		{"payout", "/v1/payouts/" + payout.ID, payee, false, func(d *doctored) (any, error) { return d.ReadPayout(t.Context(), payee, payout.ID) }},
		{"balance_transaction", "/v1/balance_transactions/" + payout.Entry, payee, false, func(d *doctored) (any, error) { return d.ReadEntry(t.Context(), payee, payout.Entry) }},
		{"account", "/v1/accounts/" + payee, "", false, func(d *doctored) (any, error) { return d.ReadAccount(t.Context(), payee) }},
		{"balance", "/v1/balance", "", false, func(d *doctored) (any, error) { return d.ReadBalance(t.Context(), "") }},
		{"event", "/v1/events", "", true, func(d *doctored) (any, error) { return d.ListNotices(t.Context(), "", whole) }},
		{"transfer_reversal", "/v1/transfers/" + transfer.ID + "/reversals", "", true, func(d *doctored) (any, error) { return d.FindReversals(t.Context(), transfer.ID, "b") }},
	}
	for _, k := range kinds {
		t.Run(k.kind, func(t *testing.T) {
			whole := l.ask("GET", k.path, "Stripe-Account: "+orPlatform(k.account)).answer
			d := newDoctored(t, l.clock.Now)
			d.answer = whole
			before := must(k.read(d))(t)
			tried := 0
			for _, change := range h.promises(k.kind) {
				answer, had := change.make(t, whole, k.list)
				if !had && !change.null {
					continue
				}
				tried++
				d.answer = answer
				after, err := k.read(d)
				reason := needed[k.kind+"."+change.path]
				switch {
				case err != nil && reason == "":
					t.Errorf("%s: it cannot be read: %v", change, err)
				case err == nil && reason != "":
					t.Errorf("%s: it is an exception, and can be done without", change)
				case younger[k.kind+"."+change.path] != "" && (reflect.DeepEqual(before, after) || !reflect.DeepEqual(without(before), without(after))):
					t.Errorf("%s: %+v was read before, and %+v now", change, before, after)
				}
			}
			if tried == 0 {
				t.Error("nothing was changed")
			}
			t.Logf("%d changes", tried)
		})
	}
}

// without is what was read without the fields that only later versions have.
func without(read any) any {
	switch v := read.(type) {
	case processor.Payout:
		v.Trace = ""
		return v
	case processor.Entry:
		v.Part, v.Raw = "", nil
		return v
	}
	return read
}

func orPlatform(account string) string {
	if account == "" {
		return simulator.Platform
	}
	return account
}
