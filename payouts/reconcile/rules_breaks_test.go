package reconcile

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
)

// What is shipped can be written and read, and means the same.
func TestShippedRulesReadBack(t *testing.T) {
	t.Parallel()
	r, err := ParseRules(Shipped().Canonical())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(r.Canonical(), Shipped().Canonical()) || r.Digest() != Shipped().Digest() || r.owner(Timing) != "finance" || r.owner(FeeDiffers) != "payments" {
		t.Errorf("%s", r.Canonical())
	}
	for c, want := range map[string]int{"USD": 2, "JPY": 2} {
		if got := limit(r.FeeTrueUp, money.Currency(c)); int(got) != want {
			t.Errorf("%s %d", c, got)
		}
	}
}

// What does not hold together is refused by its place, and never repeated.
func TestRulesRefused(t *testing.T) {
	t.Parallel()
	good := string(Shipped().Canonical())
	for name, c := range map[string]struct{ old, new, pointer string }{
		"no object":         {good, `[]`, ""},
		"broken":            {good, good[:40], ""},
		"two":               {good, good + `{}`, ""},
		"unknown":           {`"suspend":true`, `"suspend":true,"canary":1`, ""},
		"twice":             {`"suspend":true`, `"suspend":true,"suspend":false`, ""},
		"twice within":      {`"fee_true_up":{"":2}`, `"fee_true_up":{"":2,"":3}`, ""},
		"left out":          {`"suspend":true,`, ``, "/suspend"},
		"null":              {`"window_days":3`, `"window_days":null`, "/window_days"},
		"fraction":          {`"window_days":3`, `"window_days":3.5`, ""},
		"wide":              {`"window_days":3`, `"window_days":32`, "/window_days"},
		"negative":          {`"bank_days":3`, `"bank_days":-1`, "/bank_days"},
		"parts":             {`"most_parts":8`, `"most_parts":1`, "/most_parts"},
		"tolerance":         {`"fx_tolerance":1`, `"fx_tolerance":1001`, "/fx_tolerance"},
		"no others":         {`"fee_true_up":{"":2}`, `"fee_true_up":{"USD":2}`, "/fee_true_up"},
		"currency":          {`"fee_true_up":{"":2}`, `"fee_true_up":{"":2,"canary":2}`, "/fee_true_up"},
		"above":             {`"fee_true_up":{"":2}`, `"fee_true_up":{"":100001}`, "/fee_true_up"},
		"below":             {`"true_up_limit":{"":10000}`, `"true_up_limit":{"":-1}`, "/true_up_limit"},
		"ageing down":       {`"ageing":[1,7,30]`, `"ageing":[1,30,7]`, "/ageing"},
		"ageing same":       {`"ageing":[1,7,30]`, `"ageing":[1,1]`, "/ageing"},
		"no ageing":         {`"ageing":[1,7,30]`, `"ageing":[]`, "/ageing"},
		"class":             {`"owners":{`, `"owners":{"canary":"x",`, "/owners"},
		"team":              {`"":"finance"`, `"":"canary me"`, "/owners"},
		"no team":           {`"":"finance",`, ``, "/owners"},
		"too large to read": {good, strings.Repeat(" ", MaxRules) + good, ""},
	} {
		document := strings.Replace(good, c.old, c.new, 1)
		if document == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		_, err := ParseRules([]byte(document))
		if fault.CodeOf(err) != ErrRulesInvalid.Code || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if f := err.(*fault.Error).Fields; c.pointer != "" && (len(f) != 1 || f[0].Pointer != c.pointer) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// Rules are activated by two people, in the future and in order; what was in force stays what it was.
func TestRulesByTwo(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	r := Shipped()
	r.LedgerDays = 2
	payload := func(at time.Time, r Rules) map[string]any {
		return map[string]any{"valid_from": at, "rules": json.RawMessage(r.Canonical())}
	}
	_, err := h.ask(ActActivateRules, payload(h.now(), r))
	h.wants(err, ErrRulesInvalid)
	from := h.now().Add(time.Hour)
	a, err := h.ask(ActActivateRules, payload(from, r))
	h.ok(err)
	if e, _ := json.Marshal(a.Effect); !strings.Contains(string(e), "ledger_days: 0 becomes 2") || a.Effect.Count != 1 {
		t.Errorf("%s", e)
	}
	_, err = h.approve(breaksAnn, a)
	h.wants(err, guard.ErrSelfApproval)
	_, err = h.approve(breaksBen, a)
	h.ok(err)
	before, err := h.RulesAt(t.Context(), h.book, h.now())
	h.ok(err)
	then, err := h.RulesAt(t.Context(), h.book, from)
	h.ok(err)
	if before.Version != 0 || then.Version != 1 || then.LedgerDays != 2 || then.Digest() != r.Digest() {
		t.Errorf("%+v %+v", before, then)
	}
	_, err = h.ask(ActActivateRules, payload(from, r))
	h.wants(err, ErrRulesInvalid)
	_, err = h.RulesVersion(t.Context(), h.book, 2)
	h.wants(err, ErrRulesUnknown)
	list, err := h.RulesVersions(t.Context(), h.book, 0, 10)
	h.ok(err)
	if len(list) != 1 || list[0].Approval != a.ID {
		t.Errorf("%+v", list)
	}
	// The books have two days to know of it.
	h.clock.advance(2 * time.Hour)
	h.run(h.source, h.missing(h.line(1, "txn_r", "USD", -5), "txn_r", "USD", -5))
	out, err := h.Settle(t.Context(), breaksTurn, h.book, h.source)
	h.ok(err)
	h.clock.advance(48 * time.Hour)
	later, err := h.Settle(t.Context(), breaksTurn, h.book, h.source)
	h.ok(err)
	if out.Suspended != 0 || later.Suspended != 1 {
		t.Errorf("%+v %+v", out, later)
	}
}
