package payouts

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Tests of policies: what is shipped says what the specification says, what is wrong is named by its place, and what was
// agreed with a payee changes that and nothing else.

func TestShippedPolicies(t *testing.T) {
	t.Parallel()
	want := map[string]struct {
		market, zone string
		currency     money.Currency
		minimum      string
	}{
		"us-1": {"US", "America/New_York", "USD", "1.00"}, "uk-1": {"UK", "Europe/London", "GBP", "10.00"}, "id-1": {"ID", "Asia/Jakarta", "IDR", "50000.00"},
		"vn-1": {"VN", "Asia/Ho_Chi_Minh", "VND", "50000"}, "th-1": {"TH", "Asia/Bangkok", "THB", "100.00"}, "my-1": {"MY", "Asia/Kuala_Lumpur", "MYR", "10.00"},
		"sg-1": {"SG", "Asia/Singapore", "SGD", "5.00"}, "ph-1": {"PH", "Asia/Manila", "PHP", "100.00"},
	}
	policies := ShippedPolicies()
	if len(policies) != len(want) {
		t.Fatalf("%d policies are shipped", len(policies))
	}
	for _, p := range policies {
		w := want[p.Name()]
		if p.Market != w.market || p.TimeZone != w.zone || p.Currencies[0] != w.currency || p.Cutoff != "00:00" || p.Run != "02:00" {
			t.Errorf("%s is of %s in %s and %v", p.Name(), p.Market, p.TimeZone, p.Currencies)
		}
		if got := p.Kinds[KindSeller].Minimum[w.currency].Format(w.currency); got != w.minimum {
			t.Errorf("%s: the minimum of sellers is %s", p.Name(), got)
		}
		for kind, every := range map[string]string{KindSeller: CadenceDaily, KindCreator: CadenceWeekly, KindCharity: CadenceWeekly, KindAgency: CadenceMonthly} {
			if p.Kinds[kind].Cadence.Every != every {
				t.Errorf("%s: %s are paid %s", p.Name(), kind, p.Kinds[kind].Cadence.Every)
			}
		}
		if p.Maximum["USD"] != 25_000_000 || p.FourEyesAbove["USD"] != 5_000_000 || p.CoolingOffHours != 72 || p.NameMatch != NameStrict || p.FeeOnReturn != FeeKeep ||
			!slices.Equal(p.Retry.AfterDays, []int{1, 2, 4}) || p.Debt.WriteOffDays != 180 || p.RunTotal != (RunTotal{3, 5}) || !slices.Equal(p.Debt.RecoveryOrder, recoveryWays) ||
			p.Debt.StopPerksAbove["USD"] != 10000 || p.Debt.FreezeAbove["USD"] != 25000 || p.Debt.CloseAbove["USD"] != 50000 {
			t.Errorf("%s: a parameter is not the specification's", p.Name())
		}
		fees := 0
		for _, terms := range p.Kinds {
			for _, m := range terms.Methods {
				if m.Method == MethodStandard && (len(m.Flat) > 0 || !m.Rate.IsZero()) {
					fees++
				}
			}
		}
		if (fees > 0) != (p.Market == "US") {
			t.Errorf("%s: %d standard methods have a fee (errata W-09: US creators only)", p.Name(), fees)
		}
		again, err := ParsePolicy(p.Canonical())
		if err != nil || !bytes.Equal(again.Canonical(), p.Canonical()) || again.Digest() != p.Digest() {
			t.Errorf("%s does not survive its own bytes: %v", p.Name(), err)
		}
	}
	if us := named(t, "us-1"); us.Kinds[KindCreator].Minimum["USD"] != 200 || us.Withholding[0].NoForm != NoFormPay || us.Withholding[0].Rate.Percentage() != money.MustPercent("24").Percentage() {
		t.Error("us-1: creators' minimum or the backup withholding is not the specification's")
	}
}

// edited is a shipped policy with one value replaced, by its path; a nil value takes the field away.
func edited(t *testing.T, path string, value any) []byte {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(named(t, "uk-1").Canonical(), &doc); err != nil {
		t.Fatal(err)
	}
	var at any = doc
	keys := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, key := range keys {
		if list, ok := at.([]any); ok {
			if i == len(keys)-1 {
				list[int(key[0]-'0')] = value
			} else {
				at = list[int(key[0]-'0')]
			}
			continue
		}
		object := at.(map[string]any)
		switch {
		case i < len(keys)-1:
			at = object[key]
		case value == nil:
			delete(object, key)
		default:
			object[key] = value
		}
	}
	content, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestPolicyMistakes(t *testing.T) {
	t.Parallel()
	amounts := func(gbp, usd string) map[string]any { return map[string]any{"GBP": gbp, "USD": usd} }
	for _, c := range []struct {
		path  string
		value any
		where string // of a finding; empty if it cannot be read at all
	}{
		{"/policy", "UK", "/policy"}, {"/policy", strings.Repeat("a", 33), "/policy"}, {"/version", 0, "/version"}, {"/override", "x", "/override"}, {"/market", "uk", "/market"},
		{"/valid_from", "2020-01-01T00:00:00+01:00", "/valid_from"}, {"/valid_from", nil, "/valid_from"}, {"/title", "", "/title"},
		{"/time_zone", "Local", "/time_zone"}, {"/time_zone", "", "/time_zone"}, {"/time_zone", "../../etc/passwd", "/time_zone"}, {"/time_zone", "Europe/Lodnon", "/time_zone"},
		{"/cutoff", "24:00", "/cutoff"}, {"/cutoff", "0:00", "/cutoff"}, {"/cutoff", "03:00", "/run"}, {"/run", "02:60", "/run"},
		{"/currencies", []any{}, "/currencies"}, {"/currencies", []any{"GBP", "USD", "GBP"}, "/currencies/2"}, {"/currencies", []any{"GBP", "USD", "XXX"}, "/currencies/2"},
		{"/currencies", []any{"GBP", "USD", "EUR"}, "/maximum"}, {"/currencies", []any{"GBP"}, "/maximum"},
		{"/maximum", amounts("1.001", "1.00"), "/maximum/GBP"}, {"/maximum", amounts("0.00", "1.00"), "/maximum/GBP"}, {"/maximum", amounts("-1.00", "1.00"), "/maximum/GBP"},
		{"/maximum", amounts("1,000.00", "1.00"), "/maximum/GBP"}, {"/maximum", amounts("1e3", "1.00"), "/maximum/GBP"}, {"/maximum", amounts("１２.00", "1.00"), "/maximum/GBP"},
		{"/maximum", amounts("99999999999999999999.00", "1.00"), "/maximum/GBP"}, {"/maximum", amounts("9.99", "250000.00"), "/kinds/agency/minimum/GBP"},
		{"/maximum", map[string]any{"GBP": "200000.00", "USD": "250000.00", "zzz": "1.00"}, "/maximum"}, {"/maximum", map[string]any{"GBP": "200000.00"}, "/maximum"},
		{"/maximum", nil, "/maximum"}, {"/maximum", amounts("1.00", "1.00")["GBP"], ""}, {"/maximum/GBP", 5, ""}, {"/four_eyes_above", nil, "/four_eyes_above"},
		{"/kinds/seller", nil, "/kinds"}, {"/kinds/buyer", map[string]any{}, "/kinds"}, {"/kinds/seller/cadence/every", "hourly", "/kinds/seller/cadence/every"},
		{"/kinds/seller/cadence/day", 1, "/kinds/seller/cadence"}, {"/kinds/agency/cadence/day", 32, "/kinds/agency/cadence"}, {"/kinds/creator/cadence/weekday", 8, "/kinds/creator/cadence"},
		{"/kinds/seller/minimum", map[string]any{}, "/kinds/seller/minimum"}, {"/kinds/seller/methods", []any{}, "/kinds/seller/methods"},
		{"/kinds/seller/methods/0/method", "fast", "/kinds/seller/methods/0/method"}, {"/kinds/seller/methods/0/rail", "pigeon", "/kinds/seller/methods/0/rail"},
		{"/kinds/seller/methods/1/rail", "connected", "/kinds/seller/methods/1"}, {"/kinds/seller/methods/2/rate", "0.51", "/kinds/seller/methods/2/rate"},
		{"/kinds/seller/methods/2/rate", nil, "/kinds/seller/methods/2"}, {"/kinds/seller/methods/2/rate", "1,5", ""}, {"/kinds/seller/methods/2/cap", amounts("0.39", "0.50"), "/kinds/seller/methods/2/cap/GBP"},
		{"/kinds/seller/methods/2/flat", amounts("200000.01", "0.50"), "/kinds/seller/methods/2/GBP"},
		{"/cooling_off_hours", -1, "/cooling_off_hours"}, {"/cooling_off_hours", 2161, "/cooling_off_hours"}, {"/name_match", "", "/name_match"}, {"/fee_on_return", "", "/fee_on_return"},
		{"/retry/transient", []any{"a", "a"}, "/retry/transient/1"}, {"/retry/transient", []any{"A b"}, "/retry/transient/0"}, {"/retry/after_days", []any{1, 2, 3, 4}, "/retry/after_days"},
		{"/retry/after_days", []any{0}, "/retry/after_days/0"}, {"/debt/freeze_above", amounts("79.99", "250.00"), "/debt/freeze_above/GBP"}, {"/debt/close_above", amounts("400.00", "249.99"), "/debt/close_above/USD"},
		{"/debt/recovery_order", []any{"card"}, "/debt/recovery_order"}, {"/debt/recovery_order", []any{"card", "card", "write-off"}, "/debt/recovery_order/1"}, {"/debt/recovery_order", []any{"donations", "write-off"}, "/debt/recovery_order/0"},
		{"/debt/write_off_days", 0, "/debt/write_off_days"}, {"/run_total/factor", 0, "/run_total/factor"}, {"/run_total/runs", 101, "/run_total/runs"},
		{"/withholding", []any{map[string]any{"tax": "US:backup", "country": "US", "rate": "1", "no_form": "pay"}}, "/withholding/0/rate"},
		{"/withholding", []any{map[string]any{"tax": "x", "country": "US", "rate": "0.24", "no_form": "pay"}}, "/withholding/0/tax"},
		{"/withholding", []any{map[string]any{"tax": "US:backup", "country": "us", "rate": "0.24", "no_form": "no"}}, "/withholding/0/no_form"},
		{"/sources/retry", nil, "/sources"}, {"/sources/odd", map[string]any{"id": "A", "trust": "A", "text": "x"}, "/sources"}, {"/sources/retry/trust", "X", "/sources/retry/trust"}, {"/sources/retry/text", "", "/sources/retry"},
		{"/odd", 1, ""}, {"/version", "1", ""}, {"/version", 1.5, ""}, {"/kinds/seller/odd", 1, ""}, {"/name_match", []any{}, ""},
	} {
		_, err := ParsePolicy(edited(t, c.path, c.value))
		var e *fault.Error
		if !errors.Is(err, ErrPolicyInvalid) || !errors.As(err, &e) {
			t.Errorf("%s = %v: %v", c.path, c.value, err)
			continue
		}
		if found := slices.ContainsFunc(e.Fields, func(f fault.Field) bool { return f.Pointer == c.where }); found == (c.where == "") {
			t.Errorf("%s = %v: the findings are %+v", c.path, c.value, e.Fields)
		}
	}
}

func TestPolicyOddities(t *testing.T) {
	t.Parallel()
	good := string(named(t, "uk-1").Canonical())
	for name, content := range map[string]string{
		"empty": "", "null": "null", "a list": "[]", "a number": "1", "cut off": good[:len(good)-1], "followed": good + "{}", "a null": strings.Replace(good, `"version":1`, `"version":null`, 1),
		"twice": strings.Replace(good, `"version":1`, `"version":1,"version":2`, 1), "twice folded": strings.Replace(good, `"version":1`, `"version":1,"Version":2`, 1),
		"a Kelvin sign": strings.Replace(good, `"kinds"`, "\"\u212ainds\"", 1), "not UTF-8": strings.Replace(good, "United", "\xff", 1),
		"deep": strings.Repeat("[", 20) + strings.Repeat("]", 20), "long": good + strings.Repeat(" ", maxPolicyBytes), "canary": `{"policy":"canary-4711","odd":"canary-4711"}`,
	} {
		_, err := ParsePolicy([]byte(content))
		if !errors.Is(err, ErrPolicyInvalid) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error repeats the document: %v", name, err)
		}
	}
}

func TestOverride(t *testing.T) {
	t.Parallel()
	p := named(t, "uk-1")
	before := p.Canonical()
	yes := true
	o := Override{ID: "ngo_a-2", Kind: KindCharity, Cadence: &Cadence{Every: CadenceMonthly, Day: 15}, OnDemand: &yes, Minimum: Amounts{"GBP": 500},
		Maximum: Amounts{"GBP": 1_000_000}, Methods: []Method{{Method: MethodStandard, Rail: RailBank}}, CoolingOffHours: 96}
	q, err := p.With(o)
	if err != nil {
		t.Fatal(err)
	}
	terms := q.Kinds[KindCharity]
	if q.Name() != "uk-1+ngo_a-2" || terms.Cadence.Day != 15 || !terms.OnDemand || terms.Minimum["GBP"] != 500 || terms.Minimum["USD"] != 100 || q.Maximum["GBP"] != 1_000_000 ||
		q.Maximum["USD"] != p.Maximum["USD"] || len(terms.Methods) != 1 || q.CoolingOffHours != 96 || q.Kinds[KindSeller].Cadence.Every != CadenceDaily {
		t.Errorf("the policy of the payee is %s", q.Canonical())
	}
	if again, err := ParsePolicy(q.Canonical()); err != nil || again.Digest() != q.Digest() || q.Digest() == p.Digest() {
		t.Errorf("the policy of the payee does not survive its bytes: %v", err)
	}
	if !bytes.Equal(before, p.Canonical()) {
		t.Error("the market's policy was changed")
	}
	for name, c := range map[string]struct {
		on     *Policy
		change func(*Override)
		where  string
	}{
		"a second one":        {q, func(*Override) {}, "none"},
		"without a name":      {p, func(o *Override) { o.ID = "" }, "/id"},
		"of nobody":           {p, func(o *Override) { o.Kind = "buyer" }, "/kind"},
		"shorter cooling-off": {p, func(o *Override) { o.CoolingOffHours = 71 }, "/cooling_off_hours"},
		"endless cooling-off": {p, func(o *Override) { o.CoolingOffHours = 1 << 40 }, "/cooling_off_hours"},
		"nothing":             {p, func(o *Override) { *o = Override{ID: "x-1", Kind: KindSeller} }, ""},
		"another currency":    {p, func(o *Override) { o.Minimum = Amounts{"EUR": 5} }, "/minimum"},
		"no amount":           {p, func(o *Override) { o.Maximum = Amounts{"GBP": 0} }, "/maximum/GBP"},
		"minimum too large":   {p, func(o *Override) { o.Minimum = Amounts{"GBP": 1_000_001} }, "/kinds/charity/minimum/GBP"},
		"an odd cadence":      {p, func(o *Override) { o.Cadence = &Cadence{Every: "never"} }, "/cadence/every"},
		"an odd method":       {p, func(o *Override) { o.Methods = []Method{{Method: "x", Rail: RailBank}} }, "/methods/0/method"},
	} {
		next := o
		c.change(&next)
		_, err := c.on.With(next)
		var e *fault.Error
		if !errors.Is(err, ErrPolicyInvalid) || !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
		} else if c.where != "none" && !slices.ContainsFunc(e.Fields, func(f fault.Field) bool { return f.Pointer == c.where }) {
			t.Errorf("%s: %+v", name, e.Fields)
		}
	}
	if o, err := ParseOverride([]byte(`{"id":"sel_x-2","kind":"seller","minimum":{"GBP":"20.00"}}`)); err != nil || o.Minimum["GBP"] != 2000 {
		t.Errorf("read as %+v: %v", o, err)
	}
	if _, err := ParseOverride([]byte(`{"id":"sel_x-2","kind":"seller","name_match":"off"}`)); !errors.Is(err, ErrPolicyInvalid) {
		t.Errorf("what cannot be agreed with a payee: %v", err)
	}
}

func TestPolicyAt(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	next := changed(t, named(t, "us-1"), func(p *Policy) { p.Version, p.ValidFrom = 2, begin })
	same := changed(t, next, func(p *Policy) { p.Version = 3 })
	policies := append(ShippedPolicies(), same, next)
	for _, c := range []struct {
		market string
		at     time.Time
		want   string
	}{
		{"US", begin.Add(-1), "us-1"}, {"US", begin, "us-3"}, {"US", begin.AddDate(9, 0, 0), "us-3"}, {"UK", begin, "uk-1"}, {"DE", begin, ""},
		{"US", time.Date(2019, 12, 31, 23, 59, 59, 999_999_999, time.UTC), ""},
	} {
		for range 2 {
			slices.Reverse(policies)
			p, err := PolicyAt(policies, c.market, c.at)
			switch {
			case c.want == "" && !errors.Is(err, ErrPolicyMissing):
				t.Errorf("%s at %v: %v %v", c.market, c.at, p, err)
			case c.want != "" && (err != nil || p.Name() != c.want):
				t.Errorf("%s at %v: %v, wanted %s", c.market, c.at, err, c.want)
			}
		}
	}
}
