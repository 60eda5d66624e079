package api

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/api/console"
	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts"
)

var (
	pageTags   = regexp.MustCompile(`<[^>]*>`)
	pageSpaces = regexp.MustCompile(`\s+`)
	linesHere  = regexp.MustCompile(`data-label="Here"><span><bdi dir="ltr"[^>]*>([^<]*)</bdi>`)
	ownLines   = regexp.MustCompile(`</span></span><span class="money"><bdi dir="ltr"[^>]*>([^<]*)</bdi></span></li>`)
	rowsOfRun  = regexp.MustCompile(`(?s)class="payee first"><a href="[^"]*/payees/([a-z_0-9]+)">.*?</tr>`)
	arrives    = regexp.MustCompile(`data-label="Arrives"><span><bdi dir="ltr">([^<]*)</bdi>`)
	firstWhy   = regexp.MustCompile(`(?s)<ul class="reasons"><li><span dir="auto">([^<]*)</span>`)
)

// pageText is what a page says, with single spaces and without the commas of thousands.
func pageText(a answer) string {
	return strings.ReplaceAll(pageSpaces.ReplaceAllString(pageTags.ReplaceAllString(a.body, " "), " "), ",", "")
}

// shows fails unless a page says everything.
func (h *house) shows(session, path string, wanted ...string) answer {
	h.t.Helper()
	a := h.by(session, http.MethodGet, path, "")
	if a.StatusCode != http.StatusOK {
		h.t.Fatalf("%s: %d", path, a.StatusCode)
	}
	text := pageText(a)
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			h.t.Errorf("%s does not show %q:\n%s", path, want, text)
		}
	}
	return a
}

// found are the first groups of all matches.
func found(pattern *regexp.Regexp, body string) (list []string) {
	for _, m := range pattern.FindAllStringSubmatch(body, -1) {
		list = append(list, strings.ReplaceAll(m[1], ",", ""))
	}
	return list
}

// rowsOf are the rows of a listing.
func (h *house) rowsOf(path string) (rows []map[string]any) {
	h.t.Helper()
	var page struct{ Data []map[string]any }
	if err := json.Unmarshal([]byte(h.must(200, "GET", path, "").body), &page); err != nil {
		h.t.Fatal(err)
	}
	return page.Data
}

// Every figure that pages about payouts show is the API's, for the staff and for the payee, over random histories.
func TestPayoutPagesShowWhatTheAPIAnswers(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 7))
	h := open(t, func(c *Config) {
		c.Console = console.New(console.Config{Ledger: c.Ledger, Access: c.Access, Desk: c.Desk, Trail: c.Trail, Commerce: c.Commerce, Vault: c.Vault, Payouts: c.Payouts, Reconcile: c.Reconcile, Reports: c.Reports, Jobs: c.Jobs, Operations: ConsoleOperations(), Now: c.Now,
			Rules: c.Rules, Intake: c.Intake, Health: c.health(), Questions: c.Questions, Bank: c.Bank,
			Search: c.search()})
	})
	book, err := h.ledger.Book(t.Context(), "uk")
	if err != nil {
		t.Fatal(err)
	}
	h.ranOnce()
	h.clock.forward(72 * time.Hour) // a Monday, when creators are paid
	const creators = 9
	for i := range creators {
		id := fmt.Sprintf("cre_%c%s", 'a'+i, strings.Repeat("x", i))
		h.must(201, "POST", "/v1/books/uk/payees", fmt.Sprintf(`{"id":%q,"kind":"creator","country":"UK","currency":"GBP"}`, id))
		if i%3 != 0 {
			h.payable(id, money.Minor(1+random.IntN(400_000)))
		}
		for range random.IntN(6) {
			h.money(book, id, money.Minor(random.IntN(3_000_000)-200_000)|1)
		}
		h.money(book, id, money.Minor(1+random.IntN(5000)))
		if i == 1 || i == 4 { // a part of what there is, so that lines are paid in part
			h.money(book, id, 2_000_000)
			h.must(200, "POST", "/v1/books/uk/payees/"+id+"/payouts", fmt.Sprintf(`{"reference":"part-%d","kind":"creator","currency":"GBP","amount":"%d.%02d"}`, i, 10+random.IntN(5000), random.IntN(100)))
		}
	}
	policy, err := h.payouts.PolicyAt(t.Context(), book, h.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	h.clock.forward(policy.NextRun(payouts.KindCreator, h.clock.now()).Sub(h.clock.now()))
	if _, err := h.payouts.Plan(t.Context(), payouts.Turn{Book: book, Start: h.clock.now(), End: h.clock.now().Add(24 * time.Hour), Actor: guard.Actor{Kind: guard.System, ID: "jobs"}}); err != nil {
		t.Fatal(err)
	}
	_, staff := h.staff("auditor")
	const at = "/console/books/uk"
	run := h.rowsOf("/v1/books/uk/payout-runs")[0]
	id := run["id"].(string)
	full := h.must(200, "GET", "/v1/books/uk/payout-runs/"+id, "").json(t)
	page := h.shows(staff, at+"/payout-runs/"+id, fmt.Sprintf("Decided %v", full["decided"]), fmt.Sprintf("Paid %v", full["paid"]), fmt.Sprintf("Not paid with a reason %v", full["skipped"]))
	for _, total := range full["totals"].([]any) {
		h.shows(staff, at+"/payout-runs/"+id, fmt.Sprintf("%v %v", total.(map[string]any)["amount"], total.(map[string]any)["currency"]))
	}
	h.sameComparison(staff, book, id)
	if len(full["reasons"].([]any)) == 0 {
		t.Fatal("everybody was paid: the reasons prove nothing")
	}
	for _, r := range full["reasons"].([]any) {
		one := r.(map[string]any)
		h.shows(staff, at+"/payout-runs/"+id, fmt.Sprintf("%s %v %v GBP", strings.ReplaceAll(one["reason"].(string), "-", " "), one["payees"], one["amount"]))
	}
	reached := h.must(200, "GET", "/v1/books/uk/payout-runs/"+id+"/progress", "").json(t)
	h.shows(staff, at+"/payout-runs/"+id, fmt.Sprintf("of %v payout", reached["payouts"]))
	h.sameDecisions(page, h.rowsOf("/v1/books/uk/payout-runs/"+id+"/decisions?limit=1000"))
	list := h.rowsOf("/v1/books/uk/payouts?limit=1000")
	if len(list) == 0 {
		t.Fatal("nobody was paid")
	}
	for _, p := range list {
		h.samePayout(staff, at, p)
	}
	h.must(201, "POST", "/v1/books/uk/approvals", `{"act":"sample.counted","payload":`+samplePayload+`,"reason":"=HYPERLINK(\"https://evil.example\")"}`)
	h.must(201, "POST", "/v1/books/uk/reconciliations", `{"match":"R3"}`)
	h.attention()
	first := list[0]["payee"].(string)
	h.sameTrialBalance(staff, at)
	h.sameHealth(staff, at)
	h.sameOfTraces(staff, at)
	h.sameOfIntake(staff, at)
	h.sameOfMonths(staff, at)
	lists := h.callsOfPages(staff, "/books/uk", "/books/uk?period=2026-11", "/books/uk/transactions", "/books/uk/transactions/uk-1", "/books/uk/accounts?currency=GBP", "/books/uk/accounts/liabilities:creator:available:"+first+"?currency=GBP", "/books/uk/accounts/liabilities:creator:available:"+first+"?currency=GBP&period=2026-11",
		"/console", at+"/approvals", at+"/audit", "/console/audit", at+"/jobs", at+"/adjustments", at+"/payout-health", at+"/payout-runs", at+"/payout-runs/"+id, at+"/payouts?state=created", at+"/payouts/"+list[0]["id"].(string),
		at+"/payees", at+"/payees/cre_held", at+"/payees/"+first, at+"/payees/"+first+"/waits", at+"/payees/"+first+"/decisions", at+"/payout-policies", at+"/payout-debts", at+"/treasury-proposals", at+"/reconciliation", at+"/reconciliation/runs", at+"/breaks",
		at+"/breaks?state=all&match=1&age=2", at+"/pairings", at+"/periods", at+"/periods/2026-11", at+"/exports", at+"/exports/new?report=trial_balance",
		at, at+"/search?q=GBP", at+"/trial-balance?period=2026-11", at+"/payout-runs/"+id+"/decisions/creator:"+first+":GBP", at+"/payees/"+first+"/payout?currency=GBP&kind=creator", at+"/questions", at+"/bank-files",
		at+"/rules", at+"/rules/sets/uk-1", at+"/rules/changes?from=uk-1&to=uk-1", at+"/imports", at+"/inbound", at+"/campaigns", "/console/approvals", "/console/jobs",
		at+"/reconciliation/sources/bank/main", at+"/reconciliation/sources/bank/main/lines/1", at+"/imports/1", at+"/imports/1?state=parked", "/console/people", "/console/keys",
		at+"/jobs/test_count/periods/2026-11-20T10:00:00Z", "/console/jobs/vault_sweep/periods/2026-11-20T10:00:00Z")
	if len(lists) < 40 {
		t.Errorf("only %d lists are files: %q", len(lists), lists)
	}
	for list := range shownBy {
		if !slices.Contains(lists, list) {
			t.Errorf("no page hands out %s", list)
		}
	}
	if taken := h.walk("/v1/books/uk/audit?act=list.exported", field("object")); len(taken) < 30 || !slices.Contains(taken, "list:approvals") {
		t.Errorf("the trail tells that these were taken: %q", taken)
	}
	h.listsAreForReaders(staff, at)

	// The next run has one before it to be compared with.
	for i := range creators {
		h.money(book, fmt.Sprintf("cre_%c%s", 'a'+i, strings.Repeat("x", i)), money.Minor(20_000_000+random.IntN(1_000_000)))
	}
	h.clock.forward(policy.NextRun(payouts.KindCreator, h.clock.now()).Sub(h.clock.now()))
	if _, err := h.payouts.Plan(t.Context(), payouts.Turn{Book: book, Start: h.clock.now(), End: h.clock.now().Add(24 * time.Hour), Actor: guard.Actor{Kind: guard.System, ID: "jobs"}}); err != nil {
		t.Fatal(err)
	}
	var next string
	for _, r := range h.rowsOf("/v1/books/uk/payout-runs") {
		if r["trigger"] == payouts.TriggerScheduled && r["id"] != id {
			next = r["id"].(string)
		}
	}
	_, staff = h.staff("finance") // the session before is over
	found := h.sameComparison(staff, book, next)
	if len(found.Totals[0].Earlier) == 0 || found.Totals[0].Tenths == 0 {
		t.Errorf("nothing usual is known: %+v", found)
	}
}

// sameComparison compares a run's comparison as the API tells it, and the outliers of its page, with what Compare finds.
func (h *house) sameComparison(staff string, book ledger.Book, run string) payouts.Comparison {
	h.t.Helper()
	found, err := h.payouts.Compare(h.t.Context(), book, run)
	if err != nil {
		h.t.Fatal(err)
	}
	if len(found.Totals) == 0 || len(found.Outliers) == 0 {
		h.t.Fatalf("there is nothing to compare: %+v", found)
	}
	times := func(tenths int64) string {
		if tenths == 0 {
			return ""
		}
		return fmt.Sprintf("%d.%d", tenths/10, tenths%10)
	}
	figures := func(f payouts.RunFigures, more map[string]any) map[string]any {
		is := map[string]any{"payouts": f.Payouts, "sum": f.Sum.Format("GBP"), "mean": f.Mean.Format("GBP"), "largest": f.Largest.Format("GBP")}
		maps.Copy(is, more)
		return is
	}
	totals, outliers := []any{}, []any{}
	for _, x := range found.Totals {
		earlier := []any{}
		for _, e := range x.Earlier {
			earlier = append(earlier, figures(e.RunFigures, map[string]any{"run": e.ID, "planned_at": e.Planned.UTC().Format(instantFormat)}))
		}
		total := figures(x.RunFigures, map[string]any{"currency": x.Currency, "times": times(x.Tenths), "earlier": earlier})
		if len(earlier) > 0 {
			total["usual"] = figures(x.Usual, nil)
		}
		totals = append(totals, total)
	}
	for _, o := range found.Outliers {
		one := map[string]any{"kind": o.Holder.Kind, "payee": o.Holder.ID, "currency": o.Holder.Currency, "amount": o.Amount.Format("GBP"), "usual": "", "runs": o.Runs, "times": times(o.Tenths), "why": o.Why,
			"destination_changed": instantOf(o.Changed), "destination_in_effect": instantOf(o.InEffect)}
		if o.Runs > 0 {
			one["usual"] = o.Usual.Format("GBP")
		}
		outliers = append(outliers, one)
		h.shows(staff, "/console/books/uk/payout-runs/"+run, fmt.Sprintf("%v %v", o.Holder.ID, o.Holder.Kind), o.Amount.Format("GBP")+" GBP")
	}
	want, err := json.Marshal(map[string]any{"totals": totals, "outliers": outliers, "looked": found.Looked, "more": found.More})
	if err != nil {
		h.t.Fatal(err)
	}
	got, err := json.Marshal(h.must(200, "GET", "/v1/books/uk/payout-runs/"+run+"/comparison", "").json(h.t))
	if err != nil {
		h.t.Fatal(err)
	}
	if string(got) != string(want) {
		h.t.Errorf("the API compares\n%s, want\n%s", got, want)
	}
	return found
}

var (
	rowsOfTrial  = regexp.MustCompile(`(?s)<tr[^>]*>\s*<td class="code">(\d+)</td>.*?</tr>`)
	cellsOfTrial = regexp.MustCompile(`(?s)<td class="end money">(.*?)</td>`)
)

// sameTrialBalance compares the rows of a month's page with the API's. The page has an amount on the side of its root, the API on that of
// its row.
func (h *house) sameTrialBalance(staff, at string) {
	h.t.Helper()
	shown := map[string][]string{}
	for _, m := range rowsOfTrial.FindAllStringSubmatch(h.shows(staff, at+"/trial-balance?period=2026-11").body, -1) {
		for _, cell := range cellsOfTrial.FindAllStringSubmatch(m[0], -1) {
			shown[m[1]] = append(shown[m[1]], strings.ReplaceAll(strings.TrimSpace(pageTags.ReplaceAllString(cell[1], "")), ",", ""))
		}
	}
	rows := h.rowsOf("/v1/books/uk/trial-balance?period=2026-11")
	for _, row := range rows {
		code := fmt.Sprint(row["code"])
		var want []string
		for _, name := range []string{"opening_balance", "debits", "credits", "balance"} {
			amount := row[name].(string)
			owns := strings.HasPrefix(row["account"].(string), "assets") || strings.HasPrefix(row["account"].(string), "expenses")
			if turned := owns != (row["normal_side"] == "debit") && strings.HasSuffix(name, "balance"); turned && amount != "0.00" {
				amount = strings.TrimPrefix("-"+amount, "--")
			}
			want = append(want, amount)
		}
		got := shown[code]
		for i, text := range got {
			if text == "" || text == "–" {
				got[i] = "0.00"
			}
		}
		if len(got) != 6 || !slices.Equal(got[:4], want) {
			h.t.Errorf("row %s is %v on the page and %v by the API", code, got, want)
		}
	}
	if len(rows) == 0 || len(rows) != len(shown) {
		h.t.Errorf("the API has %d rows, the page %d", len(rows), len(shown))
	}
}

// sameHealth compares what a book's page says of its health with the API.
func (h *house) sameHealth(staff, at string) {
	h.t.Helper()
	figures := h.must(200, "GET", "/v1/books/uk/health", "").json(h.t)["figures"].([]any)
	var wanted []string
	for _, x := range figures {
		figure := x.(map[string]any)
		if figure["state"] == "unread" {
			continue
		}
		wanted = append(wanted, figure["name"].(string))
		for _, sum := range figure["amounts"].([]any) {
			of := sum.(map[string]any)
			wanted = append(wanted, fmt.Sprintf("%v %v", of["amount"], of["currency"]))
		}
	}
	h.shows(staff, at, wanted...)
	if len(wanted) < 10 {
		h.t.Errorf("only %d figures are compared", len(wanted))
	}
}

var commandsOfPage = regexp.MustCompile(`<pre dir="ltr"[^>]*>curl -H "Authorization: Bearer \$MIZAN_KEY" "\$MIZAN_URL"'([^']*)'</pre>`)

// chosen is where a page is narrowed to a state, and addresses are those of links.
var (
	chosen    = regexp.MustCompile(`(?s)<p class="chooser">.*?</p>`)
	addresses = regexp.MustCompile(`<a href="([^"]+)"`)
)

// callsOfPages sends the reading calls that pages name: each is answered, and what it lists stands on the page, and whole in the page's file.
// It returns which lists were files.
// The files of each state that a page can be narrowed to hold what that shows.
func (h *house) callsOfPages(staff string, paths ...string) (lists []string) {
	h.t.Helper()
	for _, path := range paths {
		page := h.shows(staff, path)
		lists = append(lists, h.filesOf(staff, page)...)
		for _, states := range chosen.FindAllString(html.UnescapeString(page.body), -1) {
			for _, m := range addresses.FindAllStringSubmatch(states, -1) {
				h.filesOf(staff, h.shows(staff, m[1]))
			}
		}
		commands := commandsOfPage.FindAllStringSubmatch(html.UnescapeString(page.body), -1)
		if len(commands) == 0 {
			h.t.Errorf("%s names no call", path)
		}
		text := pageText(page)
		for i, command := range commands {
			a := h.do("GET", command[1], "")
			if a.StatusCode != http.StatusOK {
				h.t.Errorf("%s: %s is answered with %d: %.300s", path, command[1], a.StatusCode, a.body)
				continue
			}
			if a.Header.Get("Content-Type") != "application/json" { // a file
				continue
			}
			rows, _ := a.json(h.t)["data"].([]any)
			for _, row := range rows[:min(len(rows), 10)] {
				of, _ := row.(map[string]any)
				if amount, ok := of["amount"].(string); ok && i == 0 && !strings.Contains(text, amount) {
					h.t.Errorf("%s does not show the amount %s of %s", path, amount, command[1])
				}
				if id, ok := of["id"].(string); ok && i == 0 && !strings.Contains(page.body, id) {
					h.t.Errorf("%s does not show %s of %s", path, id, command[1])
				}
			}
		}
	}
	return lists
}

// sameDecisions compares the rows of a run's page with the API's decisions.
func (h *house) sameDecisions(page answer, decisions []map[string]any) {
	h.t.Helper()
	rows := rowsOfRun.FindAllStringSubmatch(page.body, -1)
	if len(rows) != len(decisions) {
		h.t.Fatalf("the page has %d decisions, the API %d", len(rows), len(decisions))
	}
	for i, d := range decisions {
		if rows[i][1] != d["payee"] {
			h.t.Fatalf("row %d is about %s instead of %s", i, rows[i][1], d["payee"])
		}
		reasons := d["reasons"].([]any)
		switch amount := found(arrives, rows[i][0]); {
		case d["verdict"] == "pay" && (len(amount) != 1 || amount[0] != d["amount"]):
			h.t.Errorf("%s is paid %v on the page and %v by the API", d["payee"], amount, d["amount"])
		case d["verdict"] != "pay" && len(amount) != 0:
			h.t.Errorf("%s is paid %v on the page and nothing by the API", d["payee"], amount)
		}
		if len(reasons) > 0 {
			if said, want := found(firstWhy, rows[i][0]), strings.ReplaceAll(reasons[0].(map[string]any)["text"].(string), ",", ""); len(said) != 1 || said[0] != want {
				h.t.Errorf("%s: the page says %q and the API %q", d["payee"], said, want)
			}
		}
	}
}

// samePayout compares a payout and its lines on the staff's page, on the payee's, and by the API.
func (h *house) samePayout(staff, at string, p map[string]any) {
	h.t.Helper()
	id, payee := p["id"].(string), p["payee"].(string)
	var amounts []string
	for _, l := range h.rowsOf("/v1/books/uk/payouts/" + id + "/lines?limit=1000") {
		amounts = append(amounts, l["amount"].(string))
	}
	page := h.shows(staff, at+"/payouts/"+id, fmt.Sprintf("Arrives %v GBP", p["amount"]), fmt.Sprintf("Fee %v GBP", p["fee"]), fmt.Sprintf("Stayed available %v GBP", p["left_after"]))
	if got := found(linesHere, page.body); !slices.Equal(got, amounts) {
		h.t.Errorf("%s: lines %v on the page and %v by the API", id, got, amounts)
	}
	own := h.signedIn("uk", payee)
	mine := h.shows(own, "/portal/payouts/"+id, fmt.Sprintf("You get %v GBP", p["amount"]), fmt.Sprintf("Fee %v GBP", p["fee"]))
	if got := found(ownLines, mine.body); !slices.Equal(got, amounts) {
		h.t.Errorf("%s: lines %v in the portal and %v by the API", id, got, amounts)
	}
	h.shows(own, "/portal", fmt.Sprintf("%v GBP", p["amount"]))
	quote := h.must(200, "GET", "/v1/books/uk/payees/"+payee+"/payout-quote?kind=creator&currency=GBP&method=instant&amount=1.00", "").json(h.t)
	if quote["verdict"] == "pay" {
		h.shows(own, "/portal/payees/"+payee+"/payout?currency=GBP&method=instant&amount=1.00", fmt.Sprintf("Arrives %v GBP", quote["amount"]), fmt.Sprintf("Fee %v GBP", quote["fee"]))
	}
}
