package commerce

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mizan/ledger/fault"
)

// Rule sets are read, judged and written here without a database.

// shippedSums pins the shipped files. A landed file never changes: orders rest on it. A correction is a new file.
var shippedSums = map[string]string{
	"id-1.json": "1d182d008ea5c95efd335eaad58e9bf7f6bcbd8365e9c8af3918a8e8673cb255",
	"my-1.json": "7acca77cd8be94078e5a0a47766acc483b18e6fee858ac5779de77cb35929405",
	"ph-1.json": "fb04e8cde2b83fe75f437c5fc6db22fe1e2e07efcab778f22af1633cbe541bd6",
	"sg-1.json": "27153af03566baa6d0aaf5c4fce07654252437aa9db78cd2e8b7ab5439ae1ce9",
	"th-1.json": "9d08df2662049a05ad7c2940b6f078d1f08a16ddc3958f6daedab3de3740b778",
	"uk-1.json": "0755b6d1b77886c4792153eab56d7b0a79e07c47a81ce8f0d5dd3a4ae6c121a0",
	"us-1.json": "7cfa10b12a5c8e8fb35049e7bbf28663c74b864cbe0c845d7d4fa02edf638dbc",
	"vn-1.json": "c2ed101af58e047b6a13ddad3a26d7e7c5b3c03a2a4e884d5fddc05d91013454",
}

func TestShippedRuleSetsNeverChange(t *testing.T) {
	t.Parallel()
	files, err := shippedFiles.ReadDir("rules")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		content, err := shippedFiles.ReadFile("rules/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		if got := hex.EncodeToString(sum[:]); got != shippedSums[f.Name()] {
			t.Errorf("%s has the SHA-256 %s; a landed file never changes, and a new one is pinned here", f.Name(), got)
		}
		set, err := ParseRuleSet(content)
		if err != nil {
			t.Errorf("%s: %v", f.Name(), err)
		} else if set.ID()+".json" != f.Name() {
			t.Errorf("%s holds the set %s", f.Name(), set.ID())
		}
	}
	if len(files) != len(shippedSums) {
		t.Errorf("%d files and %d sums", len(files), len(shippedSums))
	}
}

func TestShippedMarkets(t *testing.T) {
	t.Parallel()
	var researched, refused []string
	for _, s := range ShippedRuleSets() {
		if s.Researched {
			researched = append(researched, s.Market)
			if len(s.Rules) == 0 {
				t.Errorf("%s is researched and has no rules", s.ID())
			}
		} else {
			refused = append(refused, s.Market)
		}
	}
	slices.Sort(researched)
	if diff := cmp.Diff([]string{"ID", "MY", "SG", "UK", "US", "VN"}, researched); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"PH", "TH"}, refused); diff != "" {
		t.Error(diff)
	}
}

// sampleRules is a document with a rule of each kind, which the tests break in every way.
const sampleRules = `{
  "set": "mine", "version": 1, "market": "UK", "valid_from": "2030-01-01T00:00:00Z", "title": "Ours", "researched": true,
  "signature": {"by": "Example Person, CFO", "at": "2029-12-01T09:00:00Z", "document": "DOC-7"},
  "sources": [{"id": "c", "trust": "O", "text": "The contract"}],
  "rules": [
    {"id": "commission", "kind": "fee", "title": "Commission", "to": "revenue:referral_fee", "rounding": "half_even", "source": "c",
     "base": {"components": ["goods_list", "-seller_discount"], "tax": "exclude"}, "rate": "0.06",
     "rates": [{"category_set": "default", "category": "books", "rate": "0.04"}], "flat": {"GBP": "0.30"}, "min": {"GBP": "0.40"}, "cap": {"GBP": "50.00"},
     "granularity": "order", "on_refund": "recompute",
     "tax": {"mode": "inclusive", "rate": "0.20", "to": "liabilities:tax:vat:UK:on-fees", "rounding": "half_even", "reverse_charge_when": "deemed_supplier"}},
    {"id": "affiliate", "kind": "commission", "title": "Affiliate", "rounding": "half_even", "source": "c", "base": {"components": ["goods_list"]}, "rate": "0.10"},
    {"id": "agency", "kind": "agency", "title": "Agency", "rounding": "half_even", "source": "c", "max_share": "0.5"},
    {"id": "live_tech", "kind": "partner", "title": "Live technology", "role": "live_tech", "rounding": "half_even", "source": "c", "base": {"components": ["goods_list"]}, "rate": "0.03"},
    {"id": "pit_seller", "kind": "withholding", "title": "Seller's tax", "party": "seller", "to": "liabilities:tax:withholding:UK:pit", "rounding": "half_even", "source": "c",
     "base": {"components": ["goods_list"]}, "rate": "0.01", "moment": "capture"},
    {"id": "pit_creator", "kind": "withholding", "title": "Creator's tax", "party": "creator", "to": "liabilities:tax:withholding:UK:pit", "rounding": "half_even", "source": "c",
     "base": {"of": "after_agency"}, "rate": "0.07"},
    {"id": "refund_admin", "kind": "refund_fee", "title": "Refund administration", "to": "revenue:refund_admin_fee", "rounding": "half_even", "source": "c",
     "base": {"of": "commission"}, "rate": "0.20", "cap": {"GBP": "5.00"}, "granularity": "line", "on_refund": "charge"},
    {"id": "storage", "kind": "charge", "title": "Storage", "event": "warehouse.storage_charged", "rounding": "half_even", "source": "c",
     "tax": {"mode": "reverse_charge", "rate": "0", "rounding": "half_even"}}
  ],
  "policies": {
    "settlement": {"tiers": {"standard": 7, "express": 3}, "tier": "standard", "reserve_rate": "0.10", "reserve_days": 30},
    "dispute": {"platform_reasons": ["fraudulent"], "no_tax_relief": false, "fee_recovery": "net", "hold_creators": false, "double_payment": "platform"},
    "payment_failure": {"liability": "platform"}
  }
}`

// changed returns sampleRules with one text in place of another, which must be there.
func changed(t testing.TB, pairs ...string) []byte {
	t.Helper()
	text := sampleRules
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the sample has no %s", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return []byte(text)
}

// ruleWith returns sampleRules with another text in the rule of the id, from its id on.
func ruleWith(t testing.TB, id string, pairs ...string) []byte {
	t.Helper()
	head, tail, ok := strings.Cut(sampleRules, `{"id": "`+id+`"`)
	if !ok {
		t.Fatalf("the sample has no rule %s", id)
	}
	tail = `{"id": "` + id + `"` + tail
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(tail, pairs[i]) {
			t.Fatalf("after %s the sample has no %s", id, pairs[i])
		}
		tail = strings.Replace(tail, pairs[i], pairs[i+1], 1)
	}
	return []byte(head + tail)
}

func TestSampleRuleSetIsGood(t *testing.T) {
	t.Parallel()
	set, err := ParseRuleSet([]byte(sampleRules))
	if err != nil {
		t.Fatalf("%v %+v", err, fieldsOf(err))
	}
	if set.ID() != "mine-1" || len(set.Warnings()) != 0 {
		t.Errorf("%s %v", set.ID(), set.Warnings())
	}
}

// What lies just on the good side of a bound is accepted.
func TestBoundsOfRuleSets(t *testing.T) {
	t.Parallel()
	another := `{"id": "x", "kind": "withholding", "title": "X", "party": "creator", "to": "liabilities:tax:withholding:UK:pit", "rounding": "half_even", "source": "c", "base": {"of": "before_agency"}, "rate": "0.001"},`
	var many strings.Builder
	for i := range maxRules - 8 {
		many.WriteString(strings.Replace(another, `"x"`, fmt.Sprintf(`"x%d"`, i), 1))
	}
	for name, content := range map[string][]byte{
		"rates of 100 %":                ruleWith(t, "commission", `"rate": "0.06"`, `"rate": "1"`, `"rate": "0.04"`, `"rate": "1.000"`),
		"twelve decimals":               ruleWith(t, "commission", `"rate": "0.06"`, `"rate": "0.333333333333"`),
		"versions":                      changed(t, `"version": 1`, `"version": 1000000`),
		"a long name":                   changed(t, `"mine"`, `"`+strings.Repeat("a", 32)+`"`),
		"dates":                         changed(t, `2030-01-01T00:00:00Z`, `2999-12-31T23:59:59.999999Z`),
		"cap and minimum":               ruleWith(t, "commission", `"50.00"`, `"0.40"`),
		"tiers":                         changed(t, `"standard": 7, "express": 3`, `"standard": 0, "express": 365`),
		"a long reserve":                changed(t, `"reserve_days": 30`, `"reserve_days": 3650`, `"reserve_rate": "0.10"`, `"reserve_rate": "1"`),
		"no reserve":                    changed(t, `"reserve_days": 30`, `"reserve_days": 0`, `"reserve_rate": "0.10"`, `"reserve_rate": "0"`),
		"the most rules":                changed(t, `{"id": "agency"`, many.String()+`{"id": "agency"`),
		"the largest":                   append([]byte(sampleRules), bytes.Repeat([]byte(" "), maxRuleSetBytes-len(sampleRules))...),
		"a category twice, in two sets": ruleWith(t, "commission", `"rate": "0.04"}`, `"rate": "0.04"}, {"category": "books", "rate": "0.05"}`),
	} {
		if _, err := ParseRuleSet(content); err != nil {
			t.Errorf("%s: %v %+v", name, err, fieldsOf(err))
		}
	}
}

func fieldsOf(err error) []fault.Field {
	if e, ok := err.(*fault.Error); ok {
		return e.Fields
	}
	return nil
}

func TestBrokenRuleSets(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 501)
	for _, c := range []struct {
		name, pointer, code string
		content             []byte
	}{
		{"name", "/set", "set", changed(t, `"mine"`, `"Mine"`)},
		{"name too long", "/set", "set", changed(t, `"mine"`, `"`+strings.Repeat("a", 33)+`"`)},
		{"version 0", "/version", "range", changed(t, `"version": 1`, `"version": 0`)},
		{"version too large", "/version", "range", changed(t, `"version": 1`, `"version": 1000001`)},
		{"market in small letters", "/market", "market", changed(t, `"UK"`, `"uk"`)},
		{"market of digits", "/market", "market", changed(t, `"UK"`, `"12"`)},
		{"market of one letter in two bytes", "/market", "market", changed(t, `"UK"`, `"É"`)},
		{"too old", "/valid_from", "date-range", changed(t, `2030-01-01`, `1999-12-31`)},
		{"too far", "/valid_from", "date-range", changed(t, `2030-01-01`, `3000-01-01`)},
		{"finer than a microsecond", "/valid_from", "precision", changed(t, `2030-01-01T00:00:00Z`, `2030-01-01T00:00:00.0000001Z`)},
		{"no title", "/title", "text", changed(t, `"Ours"`, `""`)},
		{"long title", "/title", "text", changed(t, `"Ours"`, `"`+long+`"`)},
		{"title that clears the screen", "/title", "text", changed(t, `"Ours"`, `"\u001b[2JOurs"`)},
		{"title of two lines", "/title", "text", changed(t, `"Ours"`, `"Ours\nTheirs"`)},
		{"title that turns around", "/title", "text", changed(t, `"Ours"`, `"Ours \u202esruO"`)},
		{"title of blanks", "/title", "text", changed(t, `"Ours"`, `"  "`)},
		{"rule's title of two lines", "/rules/0/title", "text", ruleWith(t, "commission", `"Commission"`, `"Commission\r"`)},
		{"rule's long title", "/rules/0/title", "text", ruleWith(t, "commission", `"Commission"`, `"`+strings.Repeat("x", 201)+`"`)},
		{"remainder of two lines", "/rules/0/remainder", "text", ruleWith(t, "commission", `"granularity"`, `"remainder": "seller\n", "granularity"`)},
		{"source of two lines", "/sources/0", "source", changed(t, `"The contract"`, `"The\ncontract"`)},
		{"long source", "/sources/0", "source", changed(t, `"The contract"`, `"`+strings.Repeat("x", 2001)+`"`)},
		{"signed with an escape", "/signature", "signature", changed(t, `"Example Person, CFO"`, `"\u009b31mCFO"`)},
		{"nobody signs", "/signature", "signature", changed(t, `"Example Person, CFO"`, `""`)},
		{"signed in nothing", "/signature", "signature", changed(t, `"DOC-7"`, `""`)},
		{"signed never", "/signature", "signature", changed(t, `"at": "2029-12-01T09:00:00Z", `, ``)},
		{"source without id", "/sources/0", "source", changed(t, `"id": "c", "trust"`, `"id": "", "trust"`)},
		{"source without text", "/sources/0", "source", changed(t, `"The contract"`, `""`)},
		{"source of unknown trust", "/sources/0", "source", changed(t, `"trust": "O"`, `"trust": "X"`)},
		{"source twice", "/sources/1", "source", changed(t, `"text": "The contract"}`, `"text": "The contract"}, {"id": "c", "trust": "O", "text": "Another"}`)},

		{"rule's id", "/rules/0/id", "rule-id", ruleWith(t, "commission", `"commission"`, `"Commission"`)},
		{"rule's id twice", "/rules/1/id", "rule-id", ruleWith(t, "affiliate", `"affiliate"`, `"commission"`)},
		{"id of a step of the sheet", "/rules/1/id", "rule-id", ruleWith(t, "affiliate", `"affiliate"`, `"seller"`)},
		{"rule without title", "/rules/0/title", "text", ruleWith(t, "commission", `"Commission"`, `""`)},
		{"rule of an unknown source", "/rules/0/source", "source-unknown", ruleWith(t, "commission", `"source": "c"`, `"source": "d"`)},
		{"rule of no source", "/rules/0/source", "source-unknown", ruleWith(t, "commission", `, "source": "c"`, ``)},
		{"rate above one", "/rules/0/rate", "rate-range", ruleWith(t, "commission", `"rate": "0.06"`, `"rate": "1.000001"`)},
		{"a rate of 100.01 % (A43)", "/rules/0/rate", "rate-range", ruleWith(t, "commission", `"rate": "0.06"`, `"rate": "1.0001"`)},
		{"fee without a price", "/rules/0/rate", "required", ruleWith(t, "commission", `"rate": "0.06",`, ``, `"rates": [{"category_set": "default", "category": "books", "rate": "0.04"}], "flat": {"GBP": "0.30"}, `, ``)},
		{"cap of another currency", "/rules/0/cap", "currency-missing", ruleWith(t, "commission", `"cap": {"GBP": "50.00"}`, `"cap": {"EUR": "50.00"}`)},
		{"minimum of one currency", "/rules/0/min", "currency-missing", ruleWith(t, "commission", `"flat": {"GBP": "0.30"}`, `"flat": {"GBP": "0.30", "EUR": "0.30"}`)},
		{"cap of no currency", "/rules/0/cap", "required", ruleWith(t, "commission", `"cap": {"GBP": "50.00"}`, `"cap": {}`)},
		{"rate of tax that is out of scope", "/rules/0/tax/mode", "unexpected", ruleWith(t, "commission", `"mode": "inclusive"`, `"mode": "out_of_scope"`)},
		{"empty reason", "/policies/dispute/platform_reasons/0", "reason", changed(t, `["fraudulent"]`, `[""]`)},
		{"reason twice", "/policies/dispute/platform_reasons/1", "reason", changed(t, `["fraudulent"]`, `["fraudulent", "fraudulent"]`)},
		{"share above one", "/rules/2/max_share", "rate-range", ruleWith(t, "agency", `"max_share": "0.5"`, `"max_share": "1.5"`)},
		{"category's rate above one", "/rules/0/rates/0", "category-rate", ruleWith(t, "commission", `"rate": "0.04"`, `"rate": "1.04"`)},
		{"category without name", "/rules/0/rates/0", "category-rate", ruleWith(t, "commission", `"category": "books"`, `"category": ""`)},
		{"category of no set's name", "/rules/0/rates/0", "category-rate", ruleWith(t, "commission", `"category_set": "default"`, `"category_set": "a b"`)},
		{"category twice", "/rules/0/rates/1", "category-rate", ruleWith(t, "commission", `"rate": "0.04"}`, `"rate": "0.04"}, {"category_set": "default", "category": "books", "rate": "0.05"}`)},
		{"granularity", "/rules/0/granularity", "enum", ruleWith(t, "commission", `"granularity": "order"`, `"granularity": "unit"`)},
		{"on_refund", "/rules/0/on_refund", "enum", ruleWith(t, "commission", `"recompute"`, `"forget"`)},
		{"a fee that charges refunds", "/rules/0/on_refund", "enum", ruleWith(t, "commission", `"recompute"`, `"charge"`)},
		{"a refund fee that is kept", "/rules/6/on_refund", "enum", ruleWith(t, "refund_admin", `"on_refund": "charge"`, `"on_refund": "keep"`)},
		{"cap below minimum", "/rules/0/cap", "cap-below-min", ruleWith(t, "commission", `"50.00"`, `"0.39"`)},
		{"kind", "/rules/0/kind", "enum", ruleWith(t, "commission", `"kind": "fee"`, `"kind": "tip"`)},
		{"a fee without base", "/rules/0/base", "required", ruleWith(t, "commission", `"base": {"components": ["goods_list", "-seller_discount"], "tax": "exclude"}, `, ``, `"flat": {"GBP": "0.30"}, `, ``)},
		{"a fee whose rate has no base", "/rules/0/base", "required", ruleWith(t, "commission", `"base": {"components": ["goods_list", "-seller_discount"], "tax": "exclude"}, `, ``)},
		{"a commission without base", "/rules/1/base", "required", ruleWith(t, "affiliate", `"components": ["goods_list"]`, ``)},
		{"a fee of another rule", "/rules/0/base/of", "unexpected", ruleWith(t, "commission", `"tax": "exclude"}`, `"of": "affiliate"}`)},
		{"component twice", "/rules/0/base/components/1", "repeated", ruleWith(t, "commission", `"-seller_discount"`, `"-goods_list"`)},
		{"base's tax", "/rules/0/base/tax", "enum", ruleWith(t, "commission", `"exclude"`, `"maybe"`)},
		{"base's tax said twice", "/rules/0/base/tax", "ambiguous", ruleWith(t, "commission", `"-seller_discount"`, `"tax_added"`)},
		{"a discount without goods", "/rules/1/base/components/1", "base-side", ruleWith(t, "affiliate", `["goods_list"]`, `["shipping", "-platform_discount"]`)},
		{"another discount without goods", "/rules/1/base/components/0", "base-side", ruleWith(t, "affiliate", `["goods_list"]`, `["-seller_discount", "gift_wrap"]`)},
		{"goods taken off", "/rules/1/base/components/0", "base-side", ruleWith(t, "affiliate", `["goods_list"]`, `["-goods_list", "shipping"]`)},
		{"shipping taken off", "/rules/1/base/components/1", "base-side", ruleWith(t, "affiliate", `["goods_list"]`, `["goods_list", "-shipping"]`)},
		{"gift wrap taken off", "/rules/1/base/components/1", "base-side", ruleWith(t, "affiliate", `["goods_list"]`, `["goods_list", "-gift_wrap"]`)},
		{"a base of tax alone", "/rules/1/base/components", "base-side", ruleWith(t, "affiliate", `["goods_list"]`, `["tax_added"]`)},
		{"a base of less than nothing", "/rules/1/base/components", "base-side", ruleWith(t, "affiliate", `["goods_list"]`, `["-goods_list"]`)},
		{"a charge's reverse charge", "/rules/7/tax/reverse_charge_when", "unexpected", ruleWith(t, "storage", `"rate": "0"`, `"rate": "0", "reverse_charge_when": "deemed_supplier"`)},
		{"a fee to an asset", "/rules/0/to", "account-kind", ruleWith(t, "commission", `"revenue:referral_fee"`, `"assets:processor:pending:main"`)},
		{"a fee to contra revenue", "/rules/0/to", "account-kind", ruleWith(t, "commission", `"revenue:referral_fee"`, `"revenue:contra:platform_discount"`)},
		{"a fee to nowhere", "/rules/0/to", "account-unknown", ruleWith(t, "commission", `"revenue:referral_fee"`, `"revenue:no_such"`)},
		{"tax of a commission", "/rules/1/tax", "unexpected", ruleWith(t, "affiliate", `"rate": "0.10"`, `"rate": "0.10", "tax": {"mode": "out_of_scope", "rate": "0", "rounding": "half_even"}`)},
		{"tax's mode", "/rules/0/tax/mode", "enum", ruleWith(t, "commission", `"inclusive"`, `"both"`)},
		{"tax of no rate", "/rules/0/tax/rate", "rate-range", ruleWith(t, "commission", `"rate": "0.20"`, `"rate": "0"`)},
		{"tax above one", "/rules/0/tax/rate", "rate-range", ruleWith(t, "commission", `"rate": "0.20"`, `"rate": "20"`)},
		{"tax to revenue", "/rules/0/tax/to", "account-kind", ruleWith(t, "commission", `"liabilities:tax:vat:UK:on-fees"`, `"revenue:referral_fee"`)},
		{"tax to no account", "/rules/0/tax/to", "account-kind", ruleWith(t, "commission", `"to": "liabilities:tax:vat:UK:on-fees", `, ``)},
		{"reverse charge", "/rules/0/tax/reverse_charge_when", "enum", ruleWith(t, "commission", `"deemed_supplier"`, `"always"`)},
		{"partner without role", "/rules/3/role", "required", ruleWith(t, "live_tech", `"role": "live_tech", `, ``)},
		{"role twice", "/rules/3/role", "repeated", ruleWith(t, "affiliate", `"kind": "commission", "title": "Affiliate"`, `"kind": "partner", "title": "Affiliate", "role": "live_tech"`)},
		{"two commissions", "/rules", "repeated", ruleWith(t, "live_tech", `"kind": "partner", "title": "Live technology", "role": "live_tech"`, `"kind": "commission", "title": "Another"`)},
		{"withheld to a fee's tax account", "/rules/4/to", "account-kind", ruleWith(t, "pit_seller", `"liabilities:tax:withholding:UK:pit"`, `"liabilities:tax:vat:UK:on-fees"`)},
		{"withheld at payout", "/rules/4/moment", "enum", ruleWith(t, "pit_seller", `"moment": "capture"`, `"moment": "payout"`)},
		{"withheld from the buyer", "/rules/4/party", "enum", ruleWith(t, "pit_seller", `"seller"`, `"buyer"`)},
		{"withheld from a seller of nothing", "/rules/4/base", "required", ruleWith(t, "pit_seller", `"components": ["goods_list"]`, ``)},
		{"withheld from a creator of nothing", "/rules/5/base/of", "enum", ruleWith(t, "pit_creator", `"after_agency"`, `"commission"`)},
		{"withheld from a creator of components", "/rules/5/base/components", "unexpected", ruleWith(t, "pit_creator", `"of": "after_agency"`, `"of": "after_agency", "components": ["goods_list"]`)},
		{"refund fee of an unknown fee", "/rules/6/base/of", "rule-unknown", ruleWith(t, "refund_admin", `"of": "commission"`, `"of": "affiliate"`)},
		{"refund fee of components", "/rules/6/base/components", "unexpected", ruleWith(t, "refund_admin", `"of": "commission"`, `"of": "commission", "components": ["goods_list"]`)},
		{"refund fee to a liability", "/rules/6/to", "account-kind", ruleWith(t, "refund_admin", `"revenue:refund_admin_fee"`, `"liabilities:tax:withholding:UK:pit"`)},
		{"unknown charge", "/rules/7/event", "charge-kind", ruleWith(t, "storage", `"warehouse.storage_charged"`, `"warehouse.sunlight_charged"`)},
		{"charge twice", "/rules/8/event", "repeated", ruleWith(t, "storage", `"rounding": "half_even"}}`, `"rounding": "half_even"}},
		  {"id": "storage_again", "kind": "charge", "title": "Storage", "event": "warehouse.storage_charged", "rounding": "half_even", "source": "c"}`)},
		{"a charge with a rate, which nothing reads", "/rules/7/rate", "unexpected", ruleWith(t, "storage", `"source": "c",`, `"source": "c", "rate": "0.10",`)},
		{"an agency with a cap, which nothing reads", "/rules/2/cap", "unexpected", ruleWith(t, "agency", `"max_share"`, `"cap": {"GBP": "1.00"}, "max_share"`)},
		{"a creator's minimum, due on nothing", "/rules/5/min", "unexpected", ruleWith(t, "pit_creator", `"rate": "0.07"`, `"rate": "0.07", "min": {"GBP": "1.00"}`)},
		{"a creator's tax that is kept", "/rules/5/on_refund", "unexpected", ruleWith(t, "pit_creator", `"rate": "0.07"`, `"rate": "0.07", "on_refund": "keep"`)},
		{"a refund fee per order", "/rules/6/granularity", "unexpected", ruleWith(t, "refund_admin", `"granularity": "line"`, `"granularity": "order"`)},
		{"a refund fee's minimum, due on nothing", "/rules/6/min", "unexpected", ruleWith(t, "refund_admin", `"cap"`, `"min": {"GBP": "1.00"}, "cap"`)},
		{"a fee with a party, which nothing reads", "/rules/0/party", "unexpected", ruleWith(t, "commission", `"rate": "0.06"`, `"party": "creator", "rate": "0.06"`)},

		{"default tier", "/policies/settlement/tier", "tier-unknown", changed(t, `"tier": "standard"`, `"tier": "slow"`)},
		{"negative tier", "/policies/settlement/tiers", "range", changed(t, `"express": 3`, `"express": -1`)},
		{"tier of more than a year", "/policies/settlement/tiers", "range", changed(t, `"express": 3`, `"express": 366`)},
		{"tier's name", "/policies/settlement/tiers", "range", changed(t, `"express": 3`, `"ex press": 3`)},
		{"reserve above one", "/policies/settlement", "range", changed(t, `"reserve_rate": "0.10"`, `"reserve_rate": "1.10"`)},
		{"reserve for no day", "/policies/settlement", "range", changed(t, `"reserve_days": 30`, `"reserve_days": 0`)},
		{"reserve for too long", "/policies/settlement", "range", changed(t, `"reserve_days": 30`, `"reserve_days": 3651`)},
		{"fee recovery", "/policies/dispute/fee_recovery", "enum", changed(t, `"net"`, `"some"`)},
		{"double payment", "/policies/dispute/double_payment", "enum", changed(t, `"double_payment": "platform"`, `"double_payment": "buyer"`)},
		{"failed payment", "/policies/payment_failure/liability", "enum", changed(t, `"liability": "platform"`, `"liability": "buyer"`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseRuleSet(c.content)
			if fault.CodeOf(err) != ErrRuleSetInvalid.Code {
				t.Fatalf("got %v", err)
			}
			if !slices.ContainsFunc(fieldsOf(err), func(f fault.Field) bool { return f.Pointer == c.pointer && f.Code == c.code }) {
				t.Errorf("want %s %s, got %+v", c.pointer, c.code, fieldsOf(err))
			}
		})
	}
}

func TestTooManyRules(t *testing.T) {
	t.Parallel()
	one := `{"id": "agency", "kind": "agency", "title": "Agency", "rounding": "half_even", "source": "c", "max_share": "0.5"},`
	_, err := ParseRuleSet(changed(t, one, strings.Repeat(one, maxRules)))
	if f := fieldsOf(err); len(f) == 0 || f[len(f)-1].Code != "too-many" {
		t.Errorf("got %v %+v", err, f)
	}
	// Many wrong fields are named up to a bound.
	_, err = ParseRuleSet(changed(t, one, strings.Repeat(one, maxRules-10)))
	if f := fieldsOf(err); len(f) != maxFields {
		t.Errorf("%d fields", len(f))
	}
}

func TestUnreadableRuleSets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, says string
		content    []byte
	}{
		{"nothing", "rule set", nil},
		{"no JSON", "no JSON", []byte(`{"set",`)},
		{"a part", "too early", []byte(`{"set"`)},
		{"another type", "wrong type", changed(t, `"version": 1`, `"version": "1"`)},
		{"fraction of a version", "wrong type", changed(t, `"version": 1`, `"version": 1.5`)},
		{"a list", "wrong type", []byte(`[]`)},
		{"unknown field", "unknown field", changed(t, `"title": "Ours"`, `"title": "Ours", "secret_field": 1`)},
		{"unknown field of a rule", "unknown field", changed(t, `"role": "live_tech"`, `"role": "live_tech", "secret_field": 1`)},
		{"unknown field of a tax", "unknown field", changed(t, `"mode": "inclusive"`, `"mode": "inclusive", "secret_field": 1`)},
		{"key twice", "twice", changed(t, `"version": 1`, `"version": 1, "version": 2`)},
		{"key twice in another case", "twice", changed(t, `"version": 1`, `"version": 1, "Version": 2`)},
		{"key with a long s", "letters that no field has", changed(t, `"version": 1`, `"version": 1, "verſion": 2`)},
		{"key twice, escaped", "twice", changed(t, `"version": 1`, `"version": 1, "\u0076ersion": 2`)},
		{"not UTF-8", "UTF-8", changed(t, `"Ours"`, "\"Ours\xff\"")},
		{"key twice in a rule", "twice", changed(t, `"rate": "0.06"`, `"rate": "0.06", "rate": "0.07"`)},
		{"null component", "null", changed(t, `"components": ["goods_list", `, `"components": [null, `)},
		{"null rate", "null", changed(t, `"rate": "0.06"`, `"rate": null`)},
		{"null rounding", "null", changed(t, `"rounding": "half_even"`, `"rounding": null`)},
		{"null cap", "null", changed(t, `"cap": {"GBP": "50.00"}`, `"cap": null`)},
		{"null days", "null", changed(t, `"express": 3`, `"express": null`)},
		{"null policy", "null", changed(t, `"no_tax_relief": false`, `"no_tax_relief": null`)},
		{"null signature", "null", changed(t, `"signature": {"by": "Example Person, CFO", "at": "2029-12-01T09:00:00Z", "document": "DOC-7"}`, `"signature": null`)},
		{"currency twice", "twice", changed(t, `{"GBP": "0.30"}`, `{"GBP": "0.30", "GBP": "0.20"}`)},
		{"tier twice", "twice", changed(t, `"express": 3`, `"express": 3, "express": 4`)},
		{"something follows", "follows", []byte(sampleRules + "{}")},
		{"depth", "deeply", []byte(strings.Repeat(`[`, maxRuleSetDepth+1) + strings.Repeat(`]`, maxRuleSetDepth+1))},
		{"great depth", "deeply", bytes.Repeat([]byte(`{"a":`), 40_000)},
		{"size", "bytes", append([]byte(sampleRules), bytes.Repeat([]byte(" "), maxRuleSetBytes)...)},
		{"date", "form", changed(t, `2030-01-01T00:00:00Z`, `2030-01-01`)},
		{"component", "base is made of", changed(t, `"-seller_discount"`, `"tip"`)},
		{"two minus signs", "base is made of", changed(t, `"-seller_discount"`, `"--seller_discount"`)},
		{"rate as number", "wrong type", changed(t, `"rate": "0.06"`, `"rate": 0.06`)},
		{"rate below zero", "rate cannot be read", changed(t, `"rate": "0.06"`, `"rate": "-0.06"`)},
		{"rate of 13 decimals", "rate cannot be read", changed(t, `"rate": "0.06"`, `"rate": "0.0600000000001"`)},
		{"rate as percent", "rate cannot be read", changed(t, `"rate": "0.06"`, `"rate": "6 %"`)},
		{"rounding", "rounding mode", changed(t, `"rounding": "half_even"`, `"rounding": "banker"`)},
		{"currency", "currency", changed(t, `{"GBP": "0.30"}`, `{"XXX": "0.30"}`)},
		{"amount of zero", "more than zero", changed(t, `{"GBP": "0.30"}`, `{"GBP": "0.00"}`)},
		{"amount with decimals its currency lacks", "decimals", changed(t, `{"GBP": "0.30"}`, `{"JPY": "0.30"}`)},
		{"amount below the posting unit", "multiple", changed(t, `{"GBP": "0.30"}`, `{"IDR": "1250.50"}`)},
		{"amount as number", "wrong type", changed(t, `{"GBP": "0.30"}`, `{"GBP": 0.30}`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseRuleSet(c.content)
			e, ok := err.(*fault.Error)
			if !ok || e.Code != ErrRuleSetInvalid.Code || !strings.Contains(e.Message, c.says) {
				t.Errorf("got %v, want words about %q", err, c.says)
			} else if strings.Contains(e.Message, "secret_field") {
				t.Errorf("it repeats what was sent: %s", e.Message)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, want string
		content    []byte
	}{
		{"assumption", "commission rests on an assumption.", changed(t, `"trust": "O"`, `"trust": "A"`)},
		{"too much", "Together the rates take more than the whole price from the seller.", changed(t, `"rate": "0.06"`, `"rate": "0.9"`)},
		{"too much of a category", "Together the rates take more than the whole price from the seller.", changed(t, `"rate": "0.04"`, `"rate": "0.9"`)},
		{"unsigned", "Nobody has signed the set; it cannot be used without a signature.",
			changed(t, `"researched": true`, `"researched": false`, `"signature": {"by": "Example Person, CFO", "at": "2029-12-01T09:00:00Z", "document": "DOC-7"},`, ``)},
	} {
		set, err := ParseRuleSet(c.content)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if !slices.Contains(set.Warnings(), c.want) {
			t.Errorf("%s: %q", c.name, set.Warnings())
		}
	}
}

// FuzzParseRuleSet: no document makes it panic, no refusal repeats much of what was sent, and what was read is written and
// read again as the same.
func FuzzParseRuleSet(f *testing.F) {
	for _, seed := range []string{
		sampleRules, ``, `null`, `{}`, `[[[[]]]]`, `{"rules":[{"flat":null,"base":{"components":null},"tax":null}]}`, `{"rules":[{"flat":{"GBP":null}}]}`,
		`{"version":1e400}`, `{"valid_from":"2030-01-01T00:00:00+14:00"}`, `{"a":1,"A":2}`, "{\"title\":\"\xff\"}", `{"policies":{"settlement":{"tiers":null}}}`,
		strings.Replace(sampleRules, `"platform_reasons": ["fraudulent"], `, ``, 1),
	} {
		f.Add([]byte(seed))
	}
	files, err := shippedFiles.ReadDir("rules")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		content, err := shippedFiles.ReadFile("rules/" + file.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		set, err := ParseRuleSet(content)
		if err != nil {
			if fault.CodeOf(err) != ErrRuleSetInvalid.Code {
				t.Fatalf("an error that is no refusal: %v", err)
			}
			return
		}
		first, err := json.Marshal(set)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := ParseRuleSet(first)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, first)
		}
		second, err := json.Marshal(again)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("read again it is another: %v\n%s\n%s", err, first, second)
		}
		set.Warnings()
	})
}
