package payouts

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"mizan/ledger/money"
)

// Tests of stored bytes: they never change, and whatever else is stored is refused and never paid on.

var update = flag.Bool("update", false, "write the files of testdata and the handbook's pages anew")

// golden are decisions whose bytes are kept.
func golden(t testing.TB) []struct {
	name, policy string
	in           Inputs
} {
	t.Helper()
	instant := payable()
	instant.Run.Method = MethodInstant
	large := payable()
	large.Balances, large.Destination.First, large.Run.Trigger = BalanceFacts{AvailableAtCutoff: 60_000_000, AvailableNow: 70_000_000, Pending: 5}, true, TriggerManual
	held := payable()
	held.Balances = BalanceFacts{AvailableNow: -6000, Pending: 100, Reserve: 890, Blocked: 12000}
	held.Holds, held.Debt = []HoldFacts{{HoldBlock, "legal", time.Time{}}, {HoldPause, "risk", now.Add(72 * time.Hour)}}, DebtFacts{6000, now.AddDate(0, -1, 0)}
	held.Next = NextFacts{now.Add(48 * time.Hour), now.AddDate(0, 1, 0)}
	minor := payable()
	minor.Payee = PayeeFacts{Kind: KindCreator, ID: "cre_minor", Currency: "USD", Country: "US", Registered: true, State: PayeeOpen, Minor: true}
	minor.Guardian = &GuardianFacts{"gua_pat", VerifiedFacts{State: IdentityVerified}, account()}
	minor.Balances = BalanceFacts{AvailableAtCutoff: 110_500, AvailableNow: 110_500, MinorTrust: 19_500}
	rupiah := payable()
	rupiah.Payee.Currency, rupiah.Destination.Currencies, rupiah.Unit = "IDR", []money.Currency{"IDR", "USD"}, 100
	rupiah.Balances = BalanceFacts{AvailableAtCutoff: 4_999_999, AvailableNow: 4_999_999}
	return []struct {
		name, policy string
		in           Inputs
	}{{"instant", "us-1", instant}, {"large", "us-1", large}, {"held", "us-1", held}, {"minor", "us-1", minor}, {"rupiah", "id-1", rupiah}}
}

func TestGoldenDecisions(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	for _, g := range golden(t) {
		decided, err := Replay(g.in.Canonical(), named(t, g.policy).Canonical())
		if err != nil {
			t.Fatalf("%s: %v", g.name, err)
		}
		if direct := Decide(named(t, g.policy), g.in).Canonical(); !bytes.Equal(direct, decided) {
			t.Errorf("%s: replayed as %s, decided as %s", g.name, decided, direct)
		}
		var d Decision
		if err := json.Unmarshal(decided, &d); err != nil || !bytes.Equal(d.Canonical(), decided) {
			t.Errorf("%s: a stored decision cannot be read: %v", g.name, err)
		}
		out.WriteString(g.name + "\n" + string(g.in.Canonical()) + "\n" + string(decided) + "\n")
	}
	const file = "testdata/decisions.txt"
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if known, err := os.ReadFile(file); err != nil || !bytes.Equal(known, out.Bytes()) {
		t.Errorf("the bytes of decisions changed (%v). Stored decisions would no longer replay:\n%s", err, out.Bytes())
	}
}

// The bytes of shipped policies never change: decisions name them.
func TestGoldenPolicies(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	for _, p := range ShippedPolicies() {
		digest := p.Digest()
		out.WriteString(p.Name() + " " + hexOf(digest[:]) + "\n")
	}
	const file = "testdata/policies.txt"
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if known, err := os.ReadFile(file); err != nil || !bytes.Equal(known, out.Bytes()) {
		t.Errorf("a shipped policy changed (%v); make a next version instead:\n%s", err, out.Bytes())
	}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, x := range b {
		s.WriteByte(digits[x>>4])
		s.WriteByte(digits[x&15])
	}
	return s.String()
}

func TestReplayRefuses(t *testing.T) {
	t.Parallel()
	policy := named(t, "us-1").Canonical()
	if _, err := Replay(payable().Canonical(), []byte("{}")); !errors.Is(err, ErrPolicyInvalid) {
		t.Errorf("no policy: %v", err)
	}
	good := string(payable().Canonical())
	for _, c := range [][2]string{
		{`"available_now":"80.10"`, `"available_now":80.10`}, {`"available_now":"80.10"`, `"available_now":"80.101"`}, {`"available_now":"80.10"`, `"available_now":"-0.00"`},
		{`"available_now":"80.10"`, `"available_now":"--1.00"`}, {`"available_now":"80.10"`, `"available_now":"80.10","available_now":"90.10"`},
		{`"available_now":"80.10"`, `"reserve":"-1.00"`}, {`"available_now":"80.10"`, `"available_now":"99999999999999999999.00"`}, {`"available_now":"80.10"`, `"canary":"1.00"`},
		{`"trigger":"scheduled"`, `"trigger":"retry"`}, {`"trigger":"scheduled"`, `"trigger":"canary"`}, {`"method":"standard"`, `"method":""`}, {`"kind":"seller"`, `"kind":"buyer"`},
		{`"state":"open"`, `"state":"canary"`}, {`"state":"active"`, `"state":""`}, {`"rail":"connected"`, `"rail":""`}, {`"name_match":"match"`, `"name_match":""`},
		{`"verification":{"state":"verified"}`, `"verification":{"state":"canary"}`}, {`"currency":"USD"`, `"currency":"XXX"`}, {`"currency":"USD"`, `"currency":"JPY"`},
		{`"unit":"0.01"`, `"unit":"0.00"`}, {`"unit":"0.01"`, `"unit":"-0.01"`}, {`"unit":"0.01"`, `"unit":null`}, {`"local_date":"2026-03-02"`, `"local_date":"canary"`},
		{`"decided_at":"2026-03-02T07:00:00Z"`, `"decided_at":"2026-03-02T08:00:00+01:00"`}, {`"decided_at":"2026-03-02T07:00:00Z"`, `"decided_at":"0001-01-01T00:00:00Z"`},
		{`"id":"sel_x"`, `"id":""`}, {`"id":"dst_1"`, `"id":""`}, {`"unit":"0.01"`, `"unit":"0.01","holds":[{"kind":"canary","category":"x"}]`},
	} {
		bad := strings.Replace(good, c[0], c[1], 1)
		if bad == good {
			t.Fatalf("%s is not in %s", c[0], good)
		}
		if got, err := Replay([]byte(bad), policy); !errors.Is(err, ErrInputs) {
			t.Errorf("%s: %s %v", c[1], got, err)
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error repeats the facts: %v", c[1], err)
		}
	}
}

func FuzzReplay(f *testing.F) {
	for _, g := range golden(f) {
		f.Add(g.in.Canonical(), named(f, g.policy).Canonical())
	}
	shipped := named(f, "us-1").Canonical()
	f.Fuzz(func(t *testing.T, inputs, policy []byte) {
		for _, with := range [][]byte{policy, shipped} {
			first, err := Replay(inputs, with)
			if err != nil {
				continue
			}
			var in Inputs
			var d Decision
			if err := json.Unmarshal(inputs, &in); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(first, &d); err != nil {
				t.Fatalf("%s: %v", first, err)
			}
			second, err := Replay(in.Canonical(), with)
			if err != nil || !bytes.Equal(first, second) {
				t.Fatalf("%s\n%s\n%v", first, second, err)
			}
			if d.Verdict == VerdictPay && (d.Gross > min(in.Balances.AvailableNow, in.Balances.AvailableAtCutoff) || d.Amount <= 0 || d.Amount%in.Unit != 0) {
				t.Fatalf("paid %s", first)
			}
		}
	})
}

func FuzzParsePolicy(f *testing.F) {
	for _, p := range ShippedPolicies() {
		f.Add(p.Canonical())
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		p, err := ParsePolicy(content)
		if err != nil {
			if !errors.Is(err, ErrPolicyInvalid) {
				t.Fatal(err)
			}
			return
		}
		again, err := ParsePolicy(p.Canonical())
		if err != nil || again.Digest() != p.Digest() {
			t.Fatalf("%s: %v", p.Canonical(), err)
		}
		for _, kind := range payeeKinds {
			if p.NextRun(kind, now).IsZero() {
				t.Fatalf("%s are never paid", kind)
			}
		}
	})
}
