package api

import (
	"fmt"
	"slices"
	"strings"
)

// numbered are texts under their numbers of the list.
type numbered []struct{ number, text string }

// invalid are inputs that are refused with 422 validation-failed at the pointer.
func invalid(pointer, part string, literals numbered) []badInput {
	all := make([]badInput, len(literals))
	for i, l := range literals {
		all[i] = badInput{name: fmt.Sprintf("%s %.40s", l.number, l.text), request: spoil(part, l.text), status: 422, code: "validation-failed", pointer: pointer}
	}
	return all
}

// malformed are bodies that are refused with 400 malformed-json.
func malformed(bodies numbered) []badInput {
	all := make([]badInput, len(bodies))
	for i, b := range bodies {
		all[i] = badInput{name: fmt.Sprintf("%s %.40q", b.number, b.text), request: b.text, status: 400, code: "malformed-json"}
	}
	return all
}

func badAmounts() []badInput {
	const amount = "/entries/0/amount"
	all := invalid(amount, `"12.34"`, numbered{
		{"A01", `"0"`}, {"A02", `"0.00"`}, {"A03", `"-0"`}, {"A04", `"-1.00"`}, {"A05", `"+1.00"`}, {"A06", `"1."`}, {"A07", `".5"`}, {"A08", `".-5"`}, {"A09", `"."`}, {"A10", `""`}, {"A11", `null`},
		{"A13", `true`}, {"A14", `[]`}, {"A15", `{}`}, {"A16", `12.34`}, {"A17", `1e400`}, {"A18", `"1e2147483647"`}, {"A19", `"1e400"`}, {"A20", `"1E5"`}, {"A21", `"1e-5"`}, {"A22", `"NaN"`},
		{"A24", `"Infinity"`}, {"A24", `"-Infinity"`}, {"A25", `"0x10"`}, {"A26", `"1_000"`}, {"A27", `"1,000.00"`}, {"A28", `"1.000,00"`}, {"A29", `"１２"`}, {"A30", `"٣"`}, {"A31", `" 1"`},
		{"A31", `"1 "`}, {"A31", `"1\n"`}, {"A32", `"01.00"`}, {"A33", `"1.001"`}, {"A37", `"1000000000000000.00"`}, {"A38", `"9223372036854775808"`}, {"A39", `"` + strings.Repeat("9", 10_000) + `"`},
		{"A40", `9007199254740993`}, {"amount with a zero byte", `"1\u0000"`}, {"amount with a space of no width", `"1.00\u200b"`},
	})
	all = append(all, invalid(amount, `"12.34","currency":"GBP"`, numbered{{"A34", `"1.5","currency":"JPY"`}, {"A35", `"1.2345","currency":"KWD"`}, {"A37", `"1000000000000000","currency":"JPY"`}})...)
	all = append(all, malformed(numbered{{"A23", spoil(`"12.34"`, `NaN`)}, {"A24", spoil(`"12.34"`, `Infinity`)}, {"A05", spoil(`"12.34"`, `+1`)}})...)
	all = append(all, badInput{name: "A12 absent", request: spoil(`"amount":"12.34",`, ``), status: 422, code: "validation-failed", pointer: "/entries/1/amount"})
	lines := make([]string, 20)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"account":%q,"direction":%q,"amount":"999999999999999.999","currency":"KWD"}`, clearing, []string{"debit", "credit"}[i/10])
	}
	return append(all,
		// Ours has a code of its own: the fields are right, their sum is not.
		badInput{name: "A41 past int64", request: `{"reference":"bad","event":"order.captured","entries":[` + strings.Join(lines, ",") + `]}`, status: 422, code: "balance-overflow"},
		badInput{name: "A42 off by one", request: strings.Replace(base, "12.34", "12.35", 1), status: 422, code: "unbalanced"},
		// A raw posting obeys the chart's floors: a deposit is never less than nothing.
		badInput{name: "A46 more than there is", request: strings.Replace(strings.Replace(base, clearing, deposit, 1), seller, clearing, 1), status: 422, code: "insufficient-funds"},
	)
}

func badCurrencies() []badInput {
	all := invalid("/entries/0/currency", `"GBP"`, numbered{
		{"B01", `"gbp"`}, {"B02", `"Gbp"`}, {"B03", `"GB"`}, {"B04", `"GBPP"`}, {"B05", `"XXX"`}, {"B06", `"XTS"`}, {"B07", `"BTC"`}, {"B08", `"DEM"`}, {"B09", `""`}, {"B10", `null`}, {"B11", `"ՍSD"`},
		{"B12", `"GBP "`}, {"B16", `"USD"`}, {"currency as a number", `826`}, {"currency with a zero byte", `"GBP\u0000"`},
	})
	return append(all, badInput{name: "B13 two currencies", request: strings.Replace(strings.ReplaceAll(base, "12.34", "12"), `"GBP"`, `"JPY"`, 1), status: 422, code: "unbalanced"})
}

func badTexts() []badInput {
	// C01 is 422 at the field: the escape is good JSON, and no text of ours holds the character.
	var all []badInput
	for pointer, part := range map[string]string{
		"/reference": `"bad"`, "/event": `"order.captured"`, "/subject": `"order:UK-9"`, "/memo": `"M"`, "/metadata/k": `"v"`,
		"/entries/0/account": `"` + clearing + `"`, "/entries/0/external_ref": `"x"`, "/entries/0/direction": `"debit"`,
	} {
		all = append(all, invalid(pointer, part, numbered{{"C01 " + pointer, `"a\u0000b"`}, {"C14 " + pointer, `"` + strings.Repeat("a", 600) + `"`}})...)
	}
	all = append(all, malformed(numbered{
		{"C02", spoil(`"M"`, "\"\xff\xfe\"")}, {"C03", spoil(`"M"`, `"\ud800"`)}, {"C03", spoil(`"M"`, `"\udc00\ud800"`)}, {"C04", spoil(`"M"`, "\"\xc0\xaf\"")}, {"C16 raw", spoil(`"M"`, "\"a\x1fb\"")},
		{"C18", "\ufeff" + base},
	})...)
	all = append(all, invalid("/memo", `"M"`, numbered{
		{"C06", "\"a\u202eb\""}, {"C06", `"a\u202eb"`}, {"C07", "\"a\u2066b\""}, {"C07", "\"a\u2069b\""}, {"C08", "\"a\u200bb\""}, {"C12", `"` + strings.Repeat("a\u0301", 5_000) + `"`},
		{"C14", `"` + strings.Repeat("é", 501) + `"`}, {"C15", `"` + strings.Repeat("a", 1_000_000) + `"`}, {"C16", "\"a\x7fb\""}, {"C18", "\"\ufeffx\""}, {"C19", `" \t "`}, {"C19", `"\u00a0"`}, {"C19", `""`},
	})...)
	for c := 1; c < 0x20; c++ {
		all = append(all, invalid("/memo", `"M"`, numbered{{"C16", fmt.Sprintf(`"a\u%04xb"`, c)}})...)
	}
	all = append(all, invalid("/subject", `"order:UK-9"`, numbered{
		{"C08", "\"order:UK\u200d9\""}, {"C08", "\"order:UK\u200b9\""}, {"C19", `"order:UK 9"`}, {"C19", `"order:"`}, {"subject without a kind", `"UK-9"`}, {"C11", `"order:\u0055K\u00e9"`}, {"C11", `"order:раураl"`},
	})...)
	all = append(all, invalid("/reference", `"bad"`, numbered{{"C08", "\"a\u200db\""}, {"C17", `"a\r\nb"`}, {"C19", `" "`}, {"C19", `" a"`}, {"C19", `"a "`}, {"C16", `"a\tb"`}})...)
	return append(all,
		badInput{name: "C15 larger", request: spoil(`"M"`, `"`+strings.Repeat("a", 1<<20)+`"`), status: 413, code: "body-too-large"},
	)
}

func badBodies() []badInput {
	nested := func(n int) string { return spoil(`{"k":"v"}`, strings.Repeat("[", n-1)+strings.Repeat("]", n-1)) }
	var keys strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&keys, `"%d":1,`, i)
	}
	all := malformed(numbered{
		{"D01", ""}, {"D01", " \n"}, {"D05", base + "x"}, {"D06", base + base}, {"D05", base + "]"}, {"D07", spoil(`"memo":"M"`, `"memo":"M","memo":"M"`)},
		{"D08", spoil(`"amount":"12.34"`, `"amount":"12.34","Amount":"12.34"`)}, {"D11", spoil(`"amount":"12.34"`, `"am\u006funt":"12.34","amount":"12.34"`)}, {"D12", nested(33)}, {"D13", nested(10_001)},
		{"D13", strings.Repeat("[", 500_000)}, {"D13", strings.Repeat(`{"a":`, 100_000)}, {"D23", "{\x00\"\x00r\x00"}, {"D23", "\xff\xfe{\x00}\x00"}, {"D24", spoil(`"memo":"M"`, `/* no */"memo":"M"`)},
		{"D24", spoil(`"memo":"M"`, `"memo":"M",`+"\n,")}, {"D24", strings.Replace(base, "]}", "],}", 1)}, {"D25", strings.ReplaceAll(base, `"`, `'`)}, {"D26", spoil(`"12.34"`, `01`)}, {"D26", spoil(`"12.34"`, `+1`)},
		{"D26", spoil(`"12.34"`, `.5`)}, {"D26", spoil(`"12.34"`, `1.`)}, {"body cut off", base[:len(base)-1]}, {"body cut off", base[:40]}, {"body cut off", `{"reference"`}, {"body cut off", `nul`}, {"body cut off", `tru`},
	})
	unknown := func(name, pointer, body string) badInput {
		return badInput{name: name, request: body, status: 422, code: "validation-failed", pointer: pointer}
	}
	all = append(all,
		unknown("D02", "", "null"), unknown("D03", "", "[]"), unknown("D03 string", "", `"x"`), unknown("D03 number", "", `1`), unknown("D04", "/reference", "{}"),
		unknown("D09", "/entries/0/AMOUNT", spoil(`"amount":"12.34"`, `"AMOUNT":"12.34"`)), unknown("D10", "/extra", spoil(`"memo":"M"`, `"extra":1`)),
		unknown("D10 long name", "", spoil(`"memo":"M"`, `"`+strings.Repeat("x", 1000)+`":1`)), unknown("J12", "/status", spoil(`"memo":"M"`, `"status":"posted"`)),
		unknown("D14", "", "{"+keys.String()[:keys.Len()-1]+"}"), unknown("D14 values", "", spoil(`{"k":"v"}`, "["+strings.Repeat("1,", 100_000)+"1]")),
		unknown("D28", "/__proto__", spoil(`"memo":"M"`, `"__proto__":{"a":1}`)), unknown("D28", "/constructor", spoil(`"memo":"M"`, `"constructor":1`)),
		unknown("M16", "/metadata", spoil(`{"k":"v"}`, manyKeys(51))), unknown("M16 values", "/metadata/k", spoil(`"v"`, `"`+strings.Repeat("v", 501)+`"`)),
		unknown("metadata of other types", "/metadata/k", spoil(`"v"`, `{"a":1}`)), unknown("metadata key", "/metadata", spoil(`"k"`, `"a b"`)),
		unknown("M17", "/entries", spoil(`"entries":[`, `"entries":[`+strings.Repeat(`{"account":"`+clearing+`","direction":"debit","amount":"1.00","currency":"GBP"},`, 501))),
		unknown("one line", "/entries", `{"reference":"bad","event":"order.captured","entries":[{"account":"`+clearing+`","direction":"debit","amount":"1.00","currency":"GBP"}]}`),
		unknown("no lines", "/entries", `{"reference":"bad","event":"order.captured","entries":[]}`),
		badInput{name: "D15 over", request: base + strings.Repeat(" ", bodyLimit+1-len(base)), status: 413, code: "body-too-large"},
		badInput{name: "D27 none", request: `{"transactions":[]}`, status: 422, code: "validation-failed", pointer: "/transactions", path: posting + "/batch"},
		badInput{name: "D27 over", request: `{"transactions":[` + strings.Repeat(`{},`, 1000) + `{}]}`, status: 422, code: "validation-failed", pointer: "/transactions", path: posting + "/batch"},
		badInput{name: "D27 no list", request: `{"atomic":"yes","transactions":{}}`, status: 422, code: "validation-failed", pointer: "/atomic", path: posting + "/batch"},
		badInput{name: "D27 one bad line", request: `{"atomic":true,"transactions":[` + base + `,` + strings.Replace(base, `"12.34"`, `"x"`, 1) + `]}`, status: 422, code: "batch-refused", pointer: "/transactions/1/entries/0/amount", path: posting + "/batch"},
		badInput{name: "D15 batch over", request: `{"transactions":[]}` + strings.Repeat(" ", batchBodyLimit), status: 413, code: "body-too-large", path: posting + "/batch"},
	)
	for name, header := range map[string]string{
		"D18": "Content-Type: application/json\r\nContent-Encoding: gzip", "D19": "Content-Type: application/json\r\nContent-Encoding: br", "D19b": "Content-Type: application/json\r\nContent-Encoding: identity, deflate",
		"D20": "Content-Type: text/plain", "D21": "X-None: 1", "D22": "Content-Type: application/json; charset=utf-16", "D22b": "Content-Type: application/json; v=1", "form": "Content-Type: application/x-www-form-urlencoded",
		"two types": "Content-Type: application/json\r\nContent-Type: application/json", "a list": "Content-Type: application/json, text/plain",
	} {
		all = append(all, badInput{name: name, request: base, status: 415, code: "unsupported-media-type", header: header})
	}
	return all
}

func manyKeys(n int) string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"k%d":"v"`, i)
	}
	return "{" + strings.Join(keys, ",") + "}"
}

func badReferences() []badInput {
	all := invalid("/reference", `"bad"`, numbered{{"E02", `""`}, {"E03", `"` + strings.Repeat("r", 256) + `"`}, {"E04", `"a\u0001b"`}, {"E04", `"é"`}, {"E04", `null`}, {"E04", `1`}})
	return append(all,
		badInput{name: "E01 none", request: spoil(`"reference":"bad",`, ``), status: 422, code: "validation-failed", pointer: "/reference"},
		badInput{name: "E07 another amount", request: strings.ReplaceAll(spoil(`"bad"`, `"seed"`), "12.34", "99.00"), status: 409, code: "reference-reused"},
		badInput{name: "E09 another operation", request: `{"reference":"seed"}`, status: 409, code: "reference-reused", path: posting + "/uk-1/reversal"},
		badInput{name: "E13 and the second try fails too", request: spoil(`"12.34","currency":"GBP"}]`, `"1.00","currency":"GBP"}]`), status: 422, code: "unbalanced"},
	)
}

func badDates() []badInput {
	all := invalid("/occurred_at", `"2026-11-20T09:00:00Z"`, numbered{
		{"P01", `"0000-01-01"`}, {"P01", `"0000-01-01T00:00:00Z"`}, {"P02", `"0001-01-01"`}, {"P02", `"0001-01-01T00:00:00Z"`}, {"P03", `"9999-12-31"`}, {"P03", `"9999-12-31T23:59:59Z"`},
		{"P04", `"294277-01-01"`}, {"P04", `"294277-01-01T00:00:00Z"`}, {"P05", `"infinity"`}, {"P06", `"-infinity"`}, {"P06", `"now"`}, {"P06", `"today"`}, {"P06", `"epoch"`}, {"P07", `"2026-11-20T09:00:00"`},
		{"P08", `"2025-02-30T00:00:00Z"`}, {"P09", `"2026-11-20T09:00:60Z"`}, {"P10", `"2026-11-20T09:00:00+25:00"`}, {"P11", `1763629200`}, {"P11", `"1763629200"`}, {"P12", `"2026-11-20T10:05:00.000001Z"`},
		{"P02", `"1999-12-31T23:59:59Z"`}, {"time that is empty", `""`}, {"time that is null", `null`}, {"time as an object", `{}`},
	})
	for i, b := range slices.Clone(all) {
		b.path = posting + "/uk-1/reversal"
		b.name += " of a reversal"
		_, literal, _ := strings.Cut(b.request, `"occurred_at":`)
		literal, _, _ = strings.Cut(literal, `,"subject"`)
		b.request = fmt.Sprintf(`{"reference":"bad-%d","occurred_at":%s}`, i, literal)
		all = append(all, b)
	}
	return all
}
