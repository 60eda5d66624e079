package payouts

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
)

// version is the shipped US policy as another version, changed.
func version(t *testing.T, number int, from time.Time, change func(*Policy)) string {
	t.Helper()
	p, err := PolicyAt(ShippedPolicies(), "US", houseStart)
	if err != nil {
		t.Fatal(err)
	}
	next := *p
	next.Version, next.ValidFrom = number, from
	if change != nil {
		change(&next)
	}
	return string(next.Canonical())
}

func TestAPolicyIsActivatedByTwoPeople(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	shipped, err := h.PolicyAt(t.Context(), h.book, houseStart)
	h.ok(err)
	from := houseStart.Add(24 * time.Hour)
	document := version(t, 90, from, func(p *Policy) { p.CoolingOffHours = 96 })
	done := h.agreed(ActPolicy, wanted{"document": document})
	if e := mustJSON(done.Effect); !strings.Contains(e, "/cooling_off_hours: 72 becomes 96") || !strings.Contains(e, "Compared with "+shipped.Name()) {
		t.Errorf("the effect: %s", e)
	}
	for _, x := range []struct {
		at   time.Time
		want string
	}{{houseStart, shipped.Name()}, {from.Add(-time.Microsecond), shipped.Name()}, {from, "us-90"}, {from.AddDate(3, 0, 0), "us-90"}} {
		p, err := h.PolicyAt(t.Context(), h.book, x.at)
		h.ok(err)
		if p.Name() != x.want {
			t.Errorf("at %v: %s, want %s", x.at, p.Name(), x.want)
		}
	}
	h.clock.Advance(25 * time.Hour)
	h.payee("sel_a", "seller")
	h.agreed(ActDestination, to("sel_a", h.account("acct_a", "Ann Bee")))
	if d := h.standing("sel_a", RailConnected); !d.CoolingUntil.Equal(h.clock.Now().Add(96 * time.Hour)) {
		t.Errorf("it cools off until %v", d.CoolingUntil)
	}
	list, more, err := h.Policies(t.Context(), h.book, time.Time{}, 10)
	h.ok(err)
	if more || len(list) != 2 || list[0].Version != "us-90" || list[0].Approval != done.ID || string(list[0].Document) != document || !list[1].Shipped {
		t.Errorf("listed: %+v", list)
	}
	_, err = h.Policy(t.Context(), h.book, "us-91")
	h.wants(err, ErrPolicyUnknown, "")
}

func TestAPolicyThatCannotHold(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	later := houseStart.Add(time.Hour)
	h.agreed(ActPolicy, wanted{"document": version(t, 90, later, nil)})
	for name, x := range map[string]struct {
		document string
		want     *fault.Error
		pointer  string
	}{
		"of another market":   {version(t, 91, later.Add(time.Minute), func(p *Policy) { p.Market = "UK" }), ErrPolicyInvalid, "/market"},
		"somebody's":          {version(t, 91, later.Add(time.Minute), func(p *Policy) { p.Override = "sel_a-1" }), ErrPolicyInvalid, ""},
		"of another zone":     {version(t, 91, later.Add(time.Minute), func(p *Policy) { p.TimeZone = "America/Chicago" }), ErrPolicyClock, "/time_zone"},
		"of another hour":     {version(t, 91, later.Add(time.Minute), func(p *Policy) { p.Run = "03:00" }), ErrPolicyClock, "/run"},
		"from now":            {version(t, 91, houseStart, nil), ErrPolicyInvalid, "/valid_from"},
		"from before":         {version(t, 91, houseStart.AddDate(-1, 0, 0), nil), ErrPolicyInvalid, "/valid_from"},
		"of a version before": {version(t, 90, later.Add(time.Hour), nil), ErrPolicyExists, ""},
		"a shipped version":   {version(t, 1, later.Add(time.Hour), nil), ErrPolicyExists, ""},
		"no document":         {"", ErrPolicyInvalid, ""},
		"not JSON":            {"{", ErrPolicyInvalid, ""},
		"too deep":            {strings.Repeat("[", 10_000), ErrPolicyInvalid, ""},
		"a member too many":   {strings.Replace(version(t, 91, later, nil), "{", `{"approved_by":"me",`, 1), ErrPolicyInvalid, ""},
	} {
		_, err := h.ask(ann, ActPolicy, wanted{"document": x.document})
		if fault.CodeOf(err) != x.want.Code {
			t.Errorf("%s: %v, want %s", name, err, x.want.Code)
			continue
		}
		h.wants(err, x.want, x.pointer)
	}
	// Of the same moment there is one.
	_, err := h.ActivatePolicy(t.Context(), ann, h.book, version(t, 92, later, nil), "")
	h.wants(err, ErrPolicyExists, "")
}

// TestShippedPoliciesKeepTheRuns: each shipped policy could be activated by a book of its market and zone, and its runs start when
// the book's do.
func TestShippedPoliciesKeepTheRuns(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	for _, p := range ShippedPolicies() {
		book, _, err := h.ledger.CreateBook(t.Context(), ledger.NewBook{Code: "of_" + strings.ToLower(p.Market), Name: p.Title, Currencies: p.Currencies, TimeZone: p.TimeZone, Market: p.Market})
		h.ok(err)
		next := *p
		next.Version, next.ValidFrom = 90, houseStart.Add(time.Hour)
		_, err = h.ActivatePolicy(t.Context(), ann, book, string(next.Canonical()), "")
		h.ok(err)
		next.Version, next.Run, next.ValidFrom = 91, "02:01", houseStart.Add(2*time.Hour)
		_, err = h.ActivatePolicy(t.Context(), ann, book, string(next.Canonical()), "")
		h.wants(err, ErrPolicyClock, "/run")
	}
}

func TestABookWithoutAPolicySaysSo(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	for market, code := range map[string]string{"": "bare", "XX": "strange"} {
		book, _, err := h.ledger.CreateBook(t.Context(), ledger.NewBook{Code: code, Name: code, Currencies: []money.Currency{"USD"}, TimeZone: "UTC", Market: market})
		if err != nil && market != "" {
			continue // no such market can be
		}
		h.ok(err)
		_, err = h.PolicyAt(t.Context(), book, houseStart)
		h.wants(err, ErrPolicyMissing, "")
	}
	_, err := h.PolicyAt(t.Context(), h.book, time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC))
	h.wants(err, ErrPolicyMissing, "")
}

func TestTermsAreAgreedWithOnePayee(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	h.payee("sel_a", "seller")
	h.payee("sel_b", "seller")
	from := houseStart.Add(time.Hour)
	longer := wanted{"payee": "sel_a", "after": 0, "valid_from": from, "document": `{"id":"sel_a-1","kind":"seller","cooling_off_hours":120}`}
	done := h.agreed(ActOverride, longer)
	if e := mustJSON(done.Effect); !strings.Contains(e, "/cooling_off_hours: 72 becomes 120") {
		t.Errorf("the effect: %s", e)
	}
	h.clock.Advance(2 * time.Hour)
	for id, want := range map[string]string{"sel_a": "+sel_a-1", "sel_b": ""} {
		p, err := h.PolicyFor(t.Context(), h.book, id, h.clock.Now())
		h.ok(err)
		if general, err := h.PolicyAt(t.Context(), h.book, h.clock.Now()); err != nil || p.Name() != general.Name()+want {
			t.Errorf("%s: %s %v", id, p.Name(), err)
		}
	}
	if p, err := h.PolicyFor(t.Context(), h.book, "sel_a", from.Add(-1)); err != nil || p.Override != "" {
		t.Errorf("before it began: %v %v", p.Override, err)
	}
	h.agreed(ActDestination, to("sel_a", h.account("acct_a", "Ann Bee")))
	if d := h.standing("sel_a", RailConnected); !d.CoolingUntil.Equal(h.clock.Now().Add(120 * time.Hour)) {
		t.Errorf("it cools off until %v", d.CoolingUntil)
	}
	f, err := h.factsOf(t.Context(), h.book, []PayeeKey{{"seller", "sel_a"}}, h.clock.Now())
	h.ok(err)
	if got := f[PayeeKey{"seller", "sel_a"}]; got.OverrideVersion != 1 || !strings.Contains(string(got.Override), "120") {
		t.Errorf("facts: %s %d", got.Override, got.OverrideVersion)
	}
	next := h.clock.Now().Add(time.Hour)
	for name, x := range map[string]struct {
		payload wanted
		want    *fault.Error
		pointer string
	}{
		"a shorter cooling-off": {wanted{"payee": "sel_a", "after": 1, "valid_from": next, "document": `{"id":"x-1","kind":"seller","cooling_off_hours":1}`}, ErrPolicyInvalid, ""},
		"of another kind":       {wanted{"payee": "sel_a", "after": 1, "valid_from": next, "document": `{"id":"x-1","kind":"creator","cooling_off_hours":99}`}, ErrPolicyInvalid, "/kind"},
		"from before":           {wanted{"payee": "sel_a", "after": 1, "valid_from": houseStart, "document": `{}`}, ErrPolicyInvalid, "/valid_from"},
		"an old version":        {wanted{"payee": "sel_a", "after": 0, "valid_from": next, "document": `{}`}, ErrOverrideVersion, ""},
		"nobody's":              {wanted{"payee": "sel_x", "after": 0, "valid_from": next, "document": `{}`}, commerce.ErrPayeeUnknown, ""},
		"not JSON":              {wanted{"payee": "sel_a", "after": 1, "valid_from": next, "document": `{`}, ErrPolicyInvalid, ""},
		"a member too many":     {wanted{"payee": "sel_a", "after": 1, "valid_from": next, "document": `{}`, "approved_by": "me"}, guard.ErrApprovalInvalid, "/payload"},
	} {
		_, err := h.ask(ann, ActOverride, x.payload)
		if fault.CodeOf(err) != x.want.Code {
			t.Errorf("%s: %v, want %s", name, err, x.want.Code)
			continue
		}
		h.wants(err, x.want, x.pointer)
	}
	h.agreed(ActOverride, wanted{"payee": "sel_a", "after": 1, "valid_from": next, "document": `{}`})
	if p, err := h.PolicyFor(t.Context(), h.book, "sel_a", next); err != nil || p.Override != "" {
		t.Errorf("after it ended: %v %v", p, err)
	}
	h.agreed(ActOverride, wanted{"payee": "sel_b", "after": 0, "valid_from": next, "document": `{"id":"sel_b-1","kind":"seller","minimum":{"USD":"5.00"},"cadence":{"every":"daily"}}`})
	if list, more, err := h.Exceptions(t.Context(), h.book, "", 1); err != nil || !more || len(list) != 1 || list[0].Payee != "sel_a" || list[0].Version != 2 || !list[0].ends() {
		t.Errorf("of the first payee: %v %t %v", list, more, err)
	}
	if list, more, err := h.Exceptions(t.Context(), h.book, "sel_a", 1); err != nil || more || len(list) != 1 || list[0].Payee != "sel_b" || fmt.Sprint(list[0].Parts()) != "[cadence minimum]" {
		t.Errorf("of the next payee: %v %t %v", list, more, err)
	}
	if list, err := h.Overrides(t.Context(), h.book, "sel_a"); err != nil || len(list) != 2 || !list[0].ends() || list[1].ends() {
		t.Errorf("agreed: %v %v", list, err)
	}
}

func TestOfTermsAgreedAtOnceOneHolds(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	h.payee("sel_a", "seller")
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for i := range 20 {
		wg.Go(func() {
			payload, _ := json.Marshal(wanted{"payee": "sel_a", "after": 0, "valid_from": houseStart.Add(time.Hour), "document": fmt.Sprintf(`{"id":"sel_a-%d","kind":"seller","cooling_off_hours":%d}`, i+1, 80+i)})
			_, err := h.SetOverride(t.Context(), ann, h.book, payload, "")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				done++
			} else {
				h.wants(err, ErrOverrideVersion, "")
			}
		})
	}
	wg.Wait()
	if done != 1 {
		t.Errorf("%d hold", done)
	}
}

func TestDifferencesAreShortAndComplete(t *testing.T) {
	t.Parallel()
	got := differences([]byte(`{"a":1,"b":{"c":"x","d":[1,2]},"gone":true}`), []byte(`{"a":1,"b":{"c":"y","d":[2,1]},"new":{"z":null}}`))
	want := []string{`/b/c: x becomes y`, `/b/d: [1,2] becomes [2,1]`, `/gone goes: true`, `/new/z comes: <nil>`}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q", got)
	}
	long := map[string]string{}
	for i := range 500 {
		long[fmt.Sprint("k", i)] = strings.Repeat("ä", 1000)
	}
	got = differences([]byte(`{}`), []byte(mustJSON(long)))
	if len(got) != maxDifferences+1 || len(got[0]) > maxDifference+len("…") {
		t.Errorf("%d lines, the first of %d bytes", len(got), len(got[0]))
	}
}
