package api

import (
	"fmt"
	"strings"
	"testing"
)

// Bad inputs beyond the raw posting: events, names of people, ranges of days, pages of lists, and what nobody may decide.

// Where the inputs of this file are sent.
const (
	amysPayouts = "/v1/books/uk/payees/cre_amy/payouts"
	amysPerson  = "/v1/books/uk/data_subjects/payee:cre_amy"
	amysDays    = "/v1/books/uk/payees/cre_amy/days"
	campaigns   = "/v1/books/uk/campaigns"
)

// kits is a campaign that is good, but for what takes the place of its marks.
const kits = `{"id":"kits","name":"Kits","kind":"humanitarian","currency":"GBP","beneficiaries":[{"payee":"ngo_a","weight":"1"}],"platform_fee":"0","fee_quote":{"rate":"0.014"},"refund_window_days":14}`

// peopled gives the book what bad acts need to be about: an order, a payee with money and one that was never verified, a reversed
// transaction, a campaign, a closed October, and a payout run that is being planned. The transactions are uk-2 and its reversal uk-3, and others after them.
func (h *house) peopled() {
	h.t.Helper()
	h.must(201, "POST", posting, sale("reversed", "1.00"))
	h.must(201, "POST", posting+"/uk-2/reversal", `{"reference":"reversal"}`)
	for _, id := range []string{"cre_amy", "cre_bob"} {
		h.must(201, "POST", "/v1/books/uk/payees", `{"id":"`+id+`","kind":"creator","country":"UK","currency":"GBP"}`)
	}
	h.payable("cre_amy", 5000)
	book, err := h.ledger.Book(h.t.Context(), "uk")
	if err != nil {
		h.t.Fatal(err)
	}
	h.money(book, "cre_bob", 5000)
	h.must(201, "POST", events, capture(h.t, "UK-7"))
	h.must(201, "POST", campaigns, kits)
	if err := h.ledger.ClosePeriod(h.t.Context(), book, 202610); err != nil {
		h.t.Fatal(err)
	}
	h.must(202, "POST", "/v1/books/uk/payout-runs", `{"reason":"The bank was closed."}`)
}

// at are inputs of one operation, refused with 422 and a code at a pointer.
func at(path, code, pointer string, bodies numbered) []badInput {
	all := make([]badInput, len(bodies))
	for i, b := range bodies {
		all[i] = badInput{name: fmt.Sprintf("%s %.60s", b.number, b.text), request: b.text, status: 422, code: code, pointer: pointer, path: path}
	}
	return all
}

// asked are reads, refused with a status and a code.
func asked(status int, code string, paths numbered) []badInput {
	all := make([]badInput, len(paths))
	for i, p := range paths {
		all[i] = badInput{name: fmt.Sprintf("%s %.100s", p.number, p.text), status: status, code: code, path: p.text, method: "GET"}
	}
	return all
}

// badShares are splits, refunds, payouts and rates of exchange.
func badShares(t *testing.T) []badInput {
	t.Helper()
	order := func(part, by string) string {
		good := capture(t, "UK-2")
		if !strings.Contains(good, part) {
			t.Fatalf("the example lacks %s", part)
		}
		return strings.Replace(good, part, by, 1)
	}
	weight := func(w string) string { return order(`"weight":"1"`, `"weight":"`+w+`"`) }
	share := func(s string) string { return order(`"share":"0.30"`, `"share":"`+s+`"`) }
	refund := func(amount string) string {
		return `{"type":"refund.made","reference":"bad","data":{"order":"UK-7","refund":"RF-9","amount":"` + amount + `"}}`
	}
	payout := func(amount string) string {
		return `{"reference":"bad","kind":"creator","currency":"GBP","amount":"` + amount + `"}`
	}
	exchange := func(mid string) string {
		return `{"type":"fx.converted","reference":"bad","data":{"conversion":"FX-1","payee":{"kind":"creator","id":"cre_amy"},"from":{"currency":"GBP","amount":"5.00"},"to":"JPY","mid":"` + mid +
			`","margin":"0.01","source":"ecb","quoted_at":"2026-11-20T09:00:00Z"}}`
	}
	all := at(events, "validation-failed", "/data/creators/0/weight", numbered{{"A43", weight("-1")}, {"A43", weight("1e3")}, {"A43", weight("half")}, {"A43", weight("0." + strings.Repeat("3", 13))}})
	all = append(all, at(events, "validation-failed", "/data/creators/0/agency/share", numbered{{"A43", share("1.0001")}, {"A43", share("100.01")}, {"A43", share("-1")}})...)
	all = append(all, at(events, "validation-failed", "", numbered{{"A43", weight("0")}})...)
	all = append(all, at(events, "insufficient-funds", "", numbered{{"A44", refund("44.98")}, {"A44", refund("9999999999999.00")}})...)
	all = append(all, at(events, "validation-failed", "/data/amount", numbered{{"A45", refund("0")}, {"A45", refund("0.00")}})...)
	all = append(all, at(amysPayouts, "insufficient-funds", "", numbered{{"A46", payout("50.01")}, {"A46", payout("999999999999999.00")}})...)
	all = append(all, at(amysPayouts, "payout-request-invalid", "/amount", numbered{{"A46 nothing", payout("0.00")}, {"A46 too fine", payout("1.001")}, {"A46 too large", payout(strings.Repeat("9", 10_000))}})...)
	all = append(all, at(events, "validation-failed", "/data/mid", numbered{
		{"B15", exchange("0")}, {"B15", exchange("0.00")}, {"B15", exchange("-1.2")}, {"B15", exchange("1e-400")}, {"B15", exchange(strings.Repeat("9", 40))}, {"B15", exchange("1." + strings.Repeat("1", 40))},
		{"B15", exchange("NaN")},
	})...)
	all = append(all, at("/v1/books/uk/splits", "validation-failed", "/amount", numbered{{"A01 split", strings.Replace(chainSplit, "33.03", "0.00", 1)}, {"A33 split", strings.Replace(chainSplit, "33.03", "33.031", 1)}})...)
	return append(all, at(events, "validation-failed", "/data/currency", numbered{{"B16 event", order(`"currency":"GBP"`, `"currency":"USD"`)}})...)
}

// badNames are names of payees, and addresses of mail of people.
func badNames() []badInput {
	named := func(name string) string { return `{"fields":{"name":` + quoted(name) + `},"reason":"For the tests."}` }
	all := at(amysPerson, "personal-data-invalid", "/fields/name", numbered{
		{"C01 name", named("a\x00b")}, {"C06 name", named("a\u202eb")}, {"C07 name", named("a\u2066b\u2069")}, {"C08 name", named("a\u200bb")}, {"C12 name", named("a" + strings.Repeat("\u0301", 10_000))},
		{"C14 name", named(strings.Repeat("a", 201))}, {"C16 name", named("a\x01b")}, {"C17 name", named("a\r\nb")}, {"C19 name", named(" \t ")},
	})
	for i := range all {
		all[i].method = "PATCH"
	}
	// Whom an address of mail signs in is compared without case, so it has letters only that fold to themselves.
	return append(all, at("/v1/people", "person-invalid", "/email", numbered{
		{"C10", `{"name":"Ali","email":"alı@example.com"}`}, {"C10", `{"name":"Ali","email":"ALİ@example.com"}`}, {"C11 mail", `{"name":"Ali","email":"аli@example.com"}`}, {"C17 mail", `{"name":"Ali","email":"ali@example.com\r\nBcc: x@example.com"}`},
	})...)
}

// badRanges are days and months that are no range, or too many.
func badRanges() []badInput {
	const earned, bridge = "/v1/books/uk/payees/cre_amy/earnings", "/v1/books/uk/sellers/sel_uk/bridge"
	all := asked(422, "statement-range", numbered{
		{"P14", amysDays + "?from=2026-11-02&to=2026-11-01"}, {"P14", amysDays + "/content?format=csv&from=2026-11-02&to=2026-11-01"}, {"P14", amysDays + "/lines?from=2026-11-02&to=2026-11-01"},
		{"P15", amysDays + "?from=2025-10-01&to=2026-11-20"}, {"P15", amysDays + "/content?format=csv&from=2025-10-01&to=2026-11-20"}, {"P15", amysDays + "/lines?from=2025-10-01&to=2026-11-20"},
		{"P08 days", amysDays + "?from=2026-02-30"}, {"P05 days", amysDays + "?from=infinity"}, {"P06 days", amysDays + "?to=today"},
	})
	all = append(all, asked(422, "earnings-query-invalid", numbered{{"P14", earned + "?from=2026-11-02&to=2026-11-01"}, {"P15", earned + "?from=2023-11-01&to=2026-11-30"}, {"P08 earnings", earned + "?from=2026-02-30"}})...)
	all = append(all, asked(422, "bridge-range", numbered{{"P14", bridge + "?from=2026-11&to=2026-10"}, {"P15", bridge + "?from=2025-01&to=2026-11"}})...)
	return append(all, at(exportList, "report-parameters", "", numbered{
		{"P14", `{"report":"trial_balance","format":"csv","parameters":{"from":"2026-11","to":"2026-10"}}`}, {"P15", `{"report":"trial_balance","format":"csv","parameters":{"from":"2025-01","to":"2026-11"}}`},
	})...)
}

// badPages are pages of lists that nobody can turn to.
func badPages() []badInput {
	all := asked(400, "malformed-request", numbered{
		{"M01", posting + "?limit=0"}, {"M01", posting + "?limit=-1"}, {"M01", posting + "?limit=abc"}, {"M01", posting + "?limit=1e2"}, {"M01", "/v1/books/uk/feed?after=-1"}, {"M02", posting + "?limit=1000000000"},
		{"M02", "/v1/books/uk/balances?limit=9223372036854775808"}, {"M03", posting + "?offset=1000000"}, {"M03", posting + "?page=1000"}, {"M12", posting + "?" + strings.Repeat("subject=order:UK-1&", 100) + "event=a.b"},
		{"M13", posting + "?ids=" + strings.Repeat("1,", 3000)},
	})
	all = append(all, asked(414, "uri-too-long", numbered{{"M12", posting + "?" + strings.Repeat("subject=order:UK-1&", 1000)}, {"M13", posting + "?ids=" + strings.Repeat("1,", 10_000)}})...)
	all = append(all, asked(400, "cursor-invalid", numbered{
		{"M04", posting + "?cursor=AAAA"}, {"M04", "/v1/books/uk/payees?cursor=abc"}, {"M04", posting + "?cursor=" + strings.Repeat("A", 4000)}, {"M05", posting + "?cursor=" + sealCursor([]byte("cursor-key-of-others"), "list", "1")},
	})...)
	return append(all, asked(422, "search-query", numbered{{"M11", "/v1/books/uk/search?q=" + strings.Repeat("a", 256)}})...)
}

// badDecisions are acts that contradict what the books say.
func badDecisions(t *testing.T) []badInput {
	t.Helper()
	const adjustments = "/v1/books/uk/adjustments"
	adjustment := func(reason, document string) string {
		return `{"reference":"bad","reason_code":"goodwill",` + reason + document + `"entries":[{"account":"expenses:goodwill","direction":"debit","amount":"5.00","currency":"GBP"},` +
			`{"account":"` + seller + `","direction":"credit","amount":"5.00","currency":"GBP"}]}`
	}
	conflict := func(name, code, path, body string) badInput {
		return badInput{name: name, request: body, status: 409, code: code, path: path}
	}
	all := at(adjustments, "validation-failed", "/reason", numbered{{"N09", adjustment("", `"document":"T-1",`)}, {"N09", adjustment(`"reason":"",`, `"document":"T-1",`)}})
	all = append(all, at(adjustments, "validation-failed", "/document", numbered{{"N09", adjustment(`"reason":"Waived.",`, "")}, {"N09", adjustment(`"reason":"Waived.",`, `"document":"",`)}})...)
	all = append(all, at(adjustments, "period-closed", "/occurred_at", numbered{
		{"N15", adjustment(`"reason":"Waived.","occurred_at":"2026-10-31T23:59:59Z",`, `"document":"T-1",`)}, {"P13", adjustment(`"reason":"Waived.","occurred_at":"2025-01-01T00:00:00Z",`, `"document":"T-1",`)},
	})...)
	all = append(all, at("/v1/books/uk/approvals", "period-closed", "/payload/occurred_at", numbered{
		{"N15 reversal", `{"act":"transaction.reverse","payload":{"transaction":"uk-1","reference":"bad","occurred_at":"2026-10-31T23:59:59Z","reason":"mistake"},"reason":"It was a mistake."}`},
	})...)
	all = append(all, at(campaigns, "validation-failed", "/beneficiaries/0/payee", numbered{{"N18", strings.NewReplacer("ngo_a", "platform", "kits", "own").Replace(kits)}})...)
	all = append(all, at(campaigns, "validation-failed", "/platform_fee", numbered{{"N18", strings.NewReplacer(`"platform_fee":"0"`, `"platform_fee":"0.05"`, "kits", "own").Replace(kits)}})...)
	closed := badInput{name: "N16", request: `{"version":1,"business":"closed","reason":"Left."}`, status: 409, code: "payee-not-empty", path: "/v1/books/uk/payees/cre_amy/standing", method: "PATCH"}
	deleted := badInput{name: "N16 deleted", status: 405, code: "method-not-allowed", path: "/v1/books/uk/payees/cre_amy", method: "DELETE"}
	quote := badInput{name: "N05", status: 200, pointer: `"code":"no-destination"`, path: "/v1/books/uk/payees/cre_bob/payout-quote?kind=creator&currency=GBP&amount=10.00", method: "GET"}
	small := badInput{name: "N07", status: 200, pointer: `"code":"below-minimum"`, path: "/v1/books/uk/payees/cre_amy/payout-quote?kind=creator&currency=GBP&amount=0.01", method: "GET"}
	return append(all, closed, deleted, quote, small,
		conflict("N04", "payout-run-busy", "/v1/books/uk/payout-runs", `{"reason":"And again."}`),
		conflict("N12", "reversal-of-reversal", posting+"/uk-3/reversal", `{"reference":"bad"}`), conflict("N13", "already-reversed", posting+"/uk-2/reversal", `{"reference":"bad"}`),
		conflict("N12 event", "reversal-of-reversal", events, `{"type":"entry.reversed","reference":"bad","data":{"transaction":"uk-3","reason":"mistake"}}`),
		conflict("N13 event", "already-reversed", events, `{"type":"entry.reversed","reference":"bad","data":{"transaction":"uk-2","reason":"mistake"}}`),
		conflict("N17", "campaign-exists", campaigns, strings.Replace(kits, `"weight":"1"`, `"weight":"2"`, 1)),
		conflict("E15 a refund", "already-recorded", events, strings.Replace(capture(t, "UK-7"), `"reference":"order-captured-UK-7"`, `"reference":"bad"`, 1)),
	)
}
