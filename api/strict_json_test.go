package api

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mizan/ledger/fault"
)

func TestStrictJSONRefuses(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"k%d":1`, i)
		}
		return "{" + b.String()[1:] + "}"
	}
	for _, c := range []struct{ name, text, code string }{
		{"nothing", "", "malformed-json"},
		{"only space", " \n\t", "malformed-json"},
		{"mark", "\ufeff{}", "malformed-json"},
		{"mark in the middle of nothing", " \ufeff{}", "malformed-json"},
		{"not UTF-8", "{\"a\":\"\xff\xfe\"}", "malformed-json"},
		{"overlong", "{\"a\":\"\xc0\xaf\"}", "malformed-json"},
		{"encoded surrogate", "{\"a\":\"\xed\xa0\x80\"}", "malformed-json"},
		{"UTF-16", "{\x00}\x00", "malformed-json"},
		{"lone high", `{"a":"\ud800"}`, "malformed-json"},
		{"lone low", `{"a":"\udc00"}`, "malformed-json"},
		{"high and no low", `{"a":"\ud800\u0041"}`, "malformed-json"},
		{"high at the end", `{"a":"\ud800`, "malformed-json"},
		{"bad escape", `{"a":"\x41"}`, "malformed-json"},
		{"bad hex", `{"a":"\u00g0"}`, "malformed-json"},
		{"raw control", "{\"a\":\"\x01\"}", "malformed-json"},
		{"raw control after an escape", "{\"a\":\"\\n\x01\"}", "malformed-json"},
		{"raw NUL", "{\"a\":\"\x00\"}", "malformed-json"},
		{"open string", `{"a":"b`, "malformed-json"},
		{"open object", `{"a":1`, "malformed-json"},
		{"open list", `[1`, "malformed-json"},
		{"no value", `{"a":}`, "malformed-json"},
		{"no colon", `{"a" 1}`, "malformed-json"},
		{"no quotes", `{a:1}`, "malformed-json"},
		{"single quotes", `{'a':1}`, "malformed-json"},
		{"comment", `{"a":1/*x*/}`, "malformed-json"},
		{"trailing comma", `{"a":1,}`, "malformed-json"},
		{"trailing comma in list", `[1,]`, "malformed-json"},
		{"only a comma", `{,}`, "malformed-json"},
		{"garbage", `{}x`, "malformed-json"},
		{"second object", `{}{}`, "malformed-json"},
		{"NaN", `{"a":NaN}`, "malformed-json"},
		{"Infinity", `{"a":-Infinity}`, "malformed-json"},
		{"leading zero", `[01]`, "malformed-json"},
		{"plus", `[+1]`, "malformed-json"},
		{"no digit before the point", `[.5]`, "malformed-json"},
		{"no digit after the point", `[1.]`, "malformed-json"},
		{"no exponent", `[1e]`, "malformed-json"},
		{"only a sign", `[-]`, "malformed-json"},
		{"capital literal", `[True]`, "malformed-json"},
		{"duplicate", `{"a":1,"a":1}`, "malformed-json"},
		{"other case", `{"amount":1,"Amount":1}`, "malformed-json"},
		{"escaped duplicate", `{"amount":1,"am\u006funt":1}`, "malformed-json"},
		{"Kelvin", "{\"k\":1,\"\u212a\":1}", "malformed-json"},
		{"long s", "{\"S\":1,\"\u017f\":1}", "malformed-json"},
		{"Greek sigmas", `{"σ":1,"x":2,"ς":1}`, "malformed-json"},
		{"nested duplicate", `{"x":[{"b":{"a":1,"c":2,"a":1}}]}`, "malformed-json"},
		{"33 deep", deep(33), "malformed-json"},
		{"10,001 deep", strings.Repeat("[", 10_001), "malformed-json"},
		{"101 keys", many(101), "validation-failed"},
		{"100,000 keys", many(100_000), "validation-failed"},
		{"too many values", "[" + strings.Repeat("0,", 1000) + "0]", "validation-failed"},
	} {
		tree, err := parseJSON(c.text, 1000)
		if got := fault.CodeOf(err); got != c.code {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
		if tree != nil {
			t.Errorf("%s: a tree beside the error", c.name)
		}
	}
	for _, text := range []string{deep(32), many(100), `"\ud83d\ude00"`, "null", "-0.0e-7", `{"a":{"a":{}},"b":[{"a":1},{"a":2}]}`, ` [ ] `, `{"A":1,"b":2,"aa":3}`} {
		tree, err := parseJSON(text, 1000)
		if err != nil {
			t.Errorf("%.40s: %v", text, err)
			continue
		}
		tree.release()
	}
}

func TestPointers(t *testing.T) {
	t.Parallel()
	tree, err := parseJSON(`{"a":[0,{"b/c":1,"d~e":2}],"":[]}`, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.release()
	var got []string
	for i := range tree.nodes {
		got = append(got, tree.pointer(0, int32(i)))
	}
	if diff := cmp.Diff([]string{"", "/a", "/a/0", "/a/1", "/a/1/b~1c", "/a/1/d~0e", "/"}, got); diff != "" {
		t.Error(diff)
	}
}

// value turns a node into what encoding/json would make of it.
func (t *tree) value(n int32) any {
	nd := &t.nodes[n]
	switch nd.kind {
	case jsonNull:
		return nil
	case jsonBool:
		return nd.text == "true"
	case jsonNumber:
		return json.Number(nd.text)
	case jsonString:
		return nd.text
	case jsonArray:
		list := []any{}
		for i := nd.child; i != 0; i = t.nodes[i].next {
			list = append(list, t.value(i))
		}
		return list
	}
	object := map[string]any{}
	for i := nd.child; i != 0; i = t.nodes[i].next {
		object[t.nodes[i].key] = t.value(i)
	}
	return object
}

// FuzzStrictJSON holds the decoder against encoding/json: what it accepts, that one accepts too, with an equal value.
func FuzzStrictJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-0.5e+7,"x\u00e9\ud83d\ude00\n",true,false,null,{"b":{}}]}`, `{"k":1,"\u212a":2}`, "\ufeff{}", `[[[[]]]]`, `"\u0000"`, `{"a":1}x`, sale("r", "1.00"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tree, err := parseJSON(text, 10_000)
		if err != nil {
			if code := fault.CodeOf(err); code != "malformed-json" && code != "validation-failed" {
				t.Fatalf("an undeclared error: %v", err)
			}
			return
		}
		defer tree.release()
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		var want any
		if err := decoder.Decode(&want); err != nil {
			t.Fatalf("accepted, and encoding/json says %v", err)
		}
		if _, err := decoder.Token(); err != io.EOF {
			t.Fatal("accepted more than one value")
		}
		if got := tree.value(0); !reflect.DeepEqual(want, got) {
			t.Fatalf("want %#v, got %#v", want, got)
		}
		for i := range tree.nodes {
			tree.pointer(0, int32(i))
		}
	})
}

// saleBody is a sale of six lines as callers send it.
func saleBody(i int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"reference":"order-UK-%09d-captured","event":"order.captured","occurred_at":"2026-11-20T10:00:00Z","subject":"order:UK-%09d","channel":"app","live_session":"ls_7","entries":[`, i, i)
	for j, a := range []string{clearing, seller, creator, "revenue:referral_fee", "revenue:transaction_fee", "liabilities:tax:vat:uk:fee"} {
		side, amount := "credit", "10.00"
		if j == 0 {
			side, amount = "debit", "50.00"
		} else {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"account":%q,"direction":%q,"amount":%q,"currency":"GBP"}`, a, side, amount)
	}
	b.WriteString("]}")
	return b.String()
}

// batchBody is a batch of sales of about the given size.
func batchBody(size int) string {
	var b strings.Builder
	b.WriteString(`{"transactions":[` + saleBody(0))
	for i := 1; b.Len() < size && i < 1000; i++ {
		b.WriteString("," + saleBody(i))
	}
	b.WriteString("]}")
	return b.String()
}

func BenchmarkDecodeSale(b *testing.B) {
	body := saleBody(1)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		tree, err := parseJSON(body, maxNodes)
		if err != nil {
			b.Fatal(err)
		}
		d := decoder{tree: tree}
		d.transaction(0)
		if len(d.wrong) > 0 {
			b.Fatal(d.err())
		}
		tree.release()
	}
}

func BenchmarkDecodeBatch1MB(b *testing.B) {
	body := batchBody(1 << 20)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		tree, err := parseJSON(body, maxBatchNodes)
		if err != nil {
			b.Fatal(err)
		}
		d := decoder{tree: tree}
		if batch := decodeBatch(&d, 0, "transactions", (*decoder).transaction); len(batch.items) == 0 || len(d.wrong) > 0 {
			b.Fatal(d.err())
		}
		tree.release()
	}
}

func BenchmarkDecodeBatch1MBByReflection(b *testing.B) {
	body := batchBody(1 << 20)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var v NewBatch
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			b.Fatal(err)
		}
	}
}
