package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/payouts"
	"mizan/payouts/reconcile"
)

// Everything that a page shows and does is an operation of the API. A page says which, as commands that can be copied: they read
// the service's address from MIZAN_URL and a key from MIZAN_KEY. They are made from the API's own table of operations.

// Operation is an operation of the API, as commands name it.
type Operation struct {
	ID, Method, Path string
	// Params are the names that may stand in its query; Body is a body that works, empty for none.
	Params []string
	Body   string
	// Needs are the scopes that it asks for, Columns what its rows hold if it is a list, and MostRows how many of them it gives at once.
	Needs    []access.Scope
	Columns  []ListColumn
	MostRows int
}

// pageCall is an operation behind a page.
type pageCall struct {
	// ID names the operation. Those of approvals and the trail have another name for the installation, those of jobs for a book.
	ID string
	// Path are parameters of the operation's path that have another name in the page's address, as pairs; Query are fixed parameters.
	Path, Query []string
	// Needs is a name in the page's address without which the operation is not told; empty for one that always is.
	Needs string
	// Body is what is sent instead of the operation's example; {break} and the like are filled from the page's address.
	Body string
}

const waitsForSecond = `,"reason":"Why, for the second person"`

// askedFor is the body that asks a second person to agree to an act.
func askedFor(act, payload string) string {
	return `{"act":"` + act + `","payload":` + payload + waitsForSecond
}

// parkedClocks and gatedClocks narrow clocks to those that a page lists under headings of their own.
var parkedClocks, gatedClocks = []string{"state", payouts.ClocksParked}, []string{"state", payouts.ClocksGated}

// pageCalls are the operations behind each page, what it reads before what its forms do.
var pageCalls = map[string][]pageCall{
	"books": {{ID: "list-books"}}, "book": {{ID: "get-trial-balance"}, {ID: "get-book"}}, "accounts": {{ID: "list-balances"}}, "account": {{ID: "list-entries"}},
	"transactions": {{ID: "list-transactions"}}, "transaction": {{ID: "get-transaction"}, {ID: "explain-transaction"}, {ID: "list-transaction-evidence"}},
	"desk": {{ID: "get-me"}}, "search": {{ID: "search-book"}},
	"book-glance":     {{ID: "get-health"}, {ID: "get-coverage"}, {ID: "get-safeguarding"}, {ID: "list-approvals", Query: []string{"state", "open"}}},
	"trial-balance":   {{ID: "get-trial-balance"}, {ID: "list-periods"}},
	"order":           {{ID: "get-order", Needs: "order"}, {ID: "list-order-payouts", Needs: "order"}, {ID: "get-donation", Needs: "donation"}},
	"evidence-line":   {{ID: "get-evidence-line", Path: []string{"number", "line"}}, {ID: "list-line-entries", Path: []string{"number", "line"}}},
	"adjustments":     {{ID: "list-transactions", Query: []string{"event", "manual.adjusted", "order", "desc"}}, {ID: "list-approvals", Query: []string{"state", "open"}}, {ID: "ask-adjustment"}},
	"approvals":       {{ID: "list-approvals"}},
	"approval":        {{ID: "get-approval", Path: []string{"approval", "id"}}, {ID: "approve-approval", Path: []string{"approval", "id"}, Body: `{"hash":"the hash that you have looked at"}`}, {ID: "refuse-approval", Path: []string{"approval", "id"}, Body: `{"reason":"Why not"}`}, {ID: "withdraw-approval", Path: []string{"approval", "id"}, Body: `{"reason":"Why not"}`}},
	"audit":           {{ID: "list-audit"}, {ID: "export-audit"}},
	"jobs":            {{ID: "list-jobs"}, {ID: "list-job-periods"}},
	"job":             {{ID: "list-job-attempts"}, {ID: "run-job", Body: `{"reason":"The bank was closed."}`}},
	"people":          {{ID: "list-people"}, {ID: "add-person"}},
	"person":          {{ID: "get-person"}, {ID: "ask-approval", Body: askedFor("people.grant", `{"person":"{person}","role":"support","book":"uk"}`) + `}`}, {ID: "revoke-role"}, {ID: "end-sessions"}, {ID: "deactivate-person"}},
	"keys":            {{ID: "list-keys"}, {ID: "ask-approval", Body: askedFor("key.grant", `{"name":"checkout","scopes":["events:write"],"books":["uk"],"owner":"the person who answers for it"}`) + `}`}},
	"key":             {{ID: "list-keys"}, {ID: "rotate-key"}, {ID: "revoke-key"}},
	"payout-health":   {{ID: "list-payout-clocks", Query: parkedClocks}, {ID: "list-payout-clocks", Query: gatedClocks}, {ID: "look-at-payout-clock"}},
	"payout-runs":     {{ID: "list-payout-runs"}, {ID: "start-payout-run"}},
	"payout-run":      {{ID: "get-payout-run"}, {ID: "compare-payout-run"}, {ID: "get-payout-run-progress"}, {ID: "list-payout-decisions"}, {ID: "ask-approval", Body: askedFor("payout_run.release", `{"run":"{run}"}`) + `}`}, {ID: "refuse-payout-run", Body: `{"reason":"Why not"}`}},
	"decision":        {{ID: "replay-payout-decision"}, {ID: "list-payout-decisions"}},
	"payouts":         {{ID: "list-payouts"}},
	"payout":          {{ID: "get-payout"}, {ID: "list-payout-lines"}, {ID: "cancel-payout", Body: `{"reason":"Why not"}`}},
	"payees":          {{ID: "list-payees"}, {ID: "list-standings"}},
	"payee":           {{ID: "get-payee"}, {ID: "get-standing"}, {ID: "list-destinations"}, {ID: "list-payee-holds"}, {ID: "list-payee-payouts"}, {ID: "list-payee-payout-decisions"}, {ID: "list-payout-overrides"}, {ID: "change-standing"}, {ID: "place-hold"}},
	"payee-decisions": {{ID: "list-payee-payout-decisions"}}, "payout-waits": {{ID: "list-payee-waits"}}, "payout-request": {{ID: "quote-payout"}, {ID: "request-payout"}},
	"payout-policies": {{ID: "list-payout-policies"}, {ID: "list-book-payout-overrides"}}, "payout-policy": {{ID: "get-payout-policy"}}, "payout-debts": {{ID: "list-payout-debts"}}, "treasury-proposals": {{ID: "list-treasury-proposals"}},
	"bank-files": {{ID: "list-bank-files"}, {ID: "list-bank-reports"}, {ID: "make-bank-files"}, {ID: "take-bank-report"}},
	"bank-file":  {{ID: "get-bank-file"}, {ID: "list-bank-payments"}, {ID: "fetch-bank-file"}, {ID: "send-bank-file"}, {ID: "void-bank-file"}}, "bank-report": {{ID: "get-bank-report"}, {ID: "list-bank-report-items"}},
	"recon":        {{ID: "list-evidence-sources"}, {ID: "read-break-ageing"}, {ID: "reconcile"}, {ID: "set-evidence-source"}},
	"recon-runs":   {{ID: "list-reconciliations"}},
	"recon-run":    {{ID: "get-reconciliation", Path: []string{"comparison", "run"}}, {ID: "get-reconciliation-document", Path: []string{"comparison", "run"}}, {ID: "replay-reconciliation", Path: []string{"comparison", "run"}}},
	"recon-source": {{ID: "get-evidence-source"}, {ID: "list-evidence-lines"}, {ID: "list-receipts"}, {ID: "list-statements"}, {ID: "take-statement"}, {ID: "pull-processor"}},
	"breaks":       {{ID: "list-breaks"}},
	"break": {{ID: "get-break"}, {ID: "explain-break"}, {ID: "assign-break"}, {ID: "reopen-break"},
		{ID: "ask-approval", Query: []string{"dry_run", "true"}, Body: askedFor("break.fix", `{"break":"{break}","lines":[{"account":"expenses:processor_fee","direction":"debit","amount":"1.00"}]}`) + `,"document":"DOC-1"}`},
		{ID: "ask-approval", Query: []string{"dry_run", "true"}, Body: askedFor("break.write_off", `{"break":"{break}","to":"expenses:bad_debt"}`) + `,"document":"DOC-1"}`}},
	"pairings": {{ID: "list-pairings"}, {ID: "confirm-pairing"}, {ID: "refuse-pairing"}},
	"periods":  {{ID: "list-chain-of-closings"}, {ID: "list-periods"}},
	"period": {{ID: "read-checklist", Path: []string{"month", "period"}}, {ID: "list-closings", Path: []string{"month", "period"}},
		{ID: "ask-approval", Body: askedFor("period.close", `{"period":"{period}"}`) + `}`}, {ID: "ask-approval", Body: askedFor("period.reopen", `{"period":"{period}"}`) + `}`}},
	"exports":    {{ID: "list-exports"}, {ID: "list-reports"}, {ID: "ask-export"}},
	"export-ask": {{ID: "list-reports"}, {ID: "ask-export"}},
	"export":     {{ID: "get-export"}, {ID: "get-export-content"}},
	"questions":  {{ID: "list-questions"}}, "question": {{ID: "list-questions"}, {ID: "answer-question"}},
	"rules": {{ID: "list-rule-sets"}}, "rule-set": {{ID: "get-rule-set"}},
	"rule-changes": {{ID: "get-rule-set", Path: []string{"set", "from"}}, {ID: "get-rule-set", Path: []string{"set", "to"}}},
	"rule-draft":   {{ID: "get-rule-set", Path: []string{"set", "like"}, Needs: "like"}, {ID: "rehearse-rules"}, {ID: "ask-approval", Body: askedFor("rules.activate", `{"document":"the rule set, as JSON in a string"}`) + `}`}},
	"imports":      {{ID: "list-imports"}, {ID: "import-file"}}, "import": {{ID: "get-import"}, {ID: "list-import-rows"}, {ID: "retry-import"}},
	"inbound": {{ID: "list-inbound"}}, "message": {{ID: "get-inbound"}, {ID: "retry-inbound"}},
	"campaigns": {{ID: "list-campaigns"}, {ID: "ask-approval", Body: askedFor("campaign.publish", `{"version":1,"campaign":{"id":"winter24","kind":"humanitarian","currency":"GBP","platform_fee":"0","fee_quote":{"rate":"0.014","flat":"0.20"},"refund_window_days":14,"beneficiaries":[{"payee":"ngo_a","weight":"1"}]}}`) + `}`}},
	"campaign":  {{ID: "get-campaign"}, {ID: "ask-approval", Body: askedFor("campaign.publish", `{"version":2,"campaign":{"id":"{campaign}","kind":"humanitarian","currency":"GBP","platform_fee":"0","fee_quote":{"rate":"0.014","flat":"0.20"},"refund_window_days":14,"beneficiaries":[{"payee":"ngo_a","weight":"1"}]}}`) + `}`}},
}

// apiCall is an operation behind a page, as a command.
type apiCall struct {
	Method, Path, Command string
}

// callsOf are the operations behind a page, as its address has it.
func (c *console) callsOf(name string, r *http.Request) (list []apiCall) {
	for _, p := range pageCalls[name] {
		if p.Needs != "" && givenIn(r, p.Needs) == "" {
			continue
		}
		if op, ok := c.operation(p.ID, r.PathValue("book") != ""); ok {
			list = append(list, commandOf(op, p, name, r))
		}
	}
	return list
}

// givenIn is what a page's address gives under a name, in its path or else in its query; empty for nothing.
func givenIn(r *http.Request, name string) string {
	return cmp.Or(r.PathValue(name), r.URL.Query().Get(name))
}

// knowsCalls panics if a page names an operation that does not exist: that is a defect of the program.
func (c *console) knowsCalls() {
	for page, calls := range pageCalls {
		for _, call := range calls {
			if _, ok := c.operation(call.ID, true); !ok {
				panic("console: the page " + page + " names the operation " + call.ID + ", which does not exist")
			}
		}
	}
}

// operation finds an operation by its name. Those that exist for a book and for the installation have the one or the other in their name.
func (c *console) operation(id string, ofBook bool) (Operation, bool) {
	named := func(id string) int {
		return slices.IndexFunc(c.Operations, func(op Operation) bool { return op.ID == id })
	}
	i := named(id)
	if i >= 0 && ofBook != strings.Contains(c.Operations[i].Path, "{book}") {
		verb, noun, _ := strings.Cut(id, "-")
		if !ofBook {
			i = named(verb + "-installation-" + noun)
		} else if own := named(verb + "-book-" + noun); own >= 0 {
			i = own
		}
	}
	if i < 0 {
		return Operation{}, false
	}
	return c.Operations[i], true
}

// whereOf is the address that an operation behind a page has, and what it is narrowed to.
func whereOf(op Operation, p pageCall, name string, r *http.Request) (path string, query url.Values) {
	path, query = op.Path, url.Values{}
	for param, v := range givenTo(op, p, r) {
		path = strings.Replace(path, "{"+param+"}", url.PathEscape(v), 1)
	}
	for i := 0; i+1 < len(p.Query); i += 2 {
		query.Set(p.Query[i], p.Query[i+1])
	}
	if op.Method == http.MethodGet && len(p.Query) == 0 {
		for param, v := range askedOf(name, r) {
			if slices.Contains(op.Params, param) && v != "" {
				query.Set(param, v)
			}
		}
	}
	return path, query
}

// givenTo are the parameters of an operation's path that a page's address gives.
func givenTo(op Operation, p pageCall, r *http.Request) map[string]string {
	given := map[string]string{}
	for _, part := range strings.Split(op.Path, "/") {
		if param, _, ok := strings.Cut(strings.TrimPrefix(part, "{"), "}"); ok {
			if v := givenIn(r, p.nameOf(param)); v != "" {
				given[param] = v
			}
		}
	}
	return given
}

// nameOf is what a parameter of the operation's path is called in the page's address.
func (p pageCall) nameOf(param string) string {
	if i := slices.Index(p.Path, param); i >= 0 {
		return p.Path[i+1]
	}
	return param
}

// commandOf is the command for an operation. What stands in single quotes holds none, and so can be pasted into a shell.
func commandOf(op Operation, p pageCall, name string, r *http.Request) apiCall {
	path, query := whereOf(op, p, name, r)
	body := cmp.Or(p.Body, op.Body)
	for param, v := range givenTo(op, p, r) {
		body = strings.ReplaceAll(body, "{"+p.nameOf(param)+"}", v)
	}
	for _, param := range []string{"break", "period", "run", "person", "campaign"} {
		body = strings.ReplaceAll(body, "{"+param+"}", r.PathValue(param))
	}
	command := `curl -H "Authorization: Bearer $MIZAN_KEY" `
	if op.Method != http.MethodGet {
		command = "curl -X " + op.Method + ` -H "Authorization: Bearer $MIZAN_KEY" `
		if body != "" {
			command += `-H "Content-Type: application/json" -d '` + strings.ReplaceAll(body, "'", `'\''`) + `' `
		}
	}
	return apiCall{op.Method, path, command + `"$MIZAN_URL"'` + strings.ReplaceAll(address(path, query), "'", "%27") + "'"}
}

// askedOf is what a page's address narrows it to, in the words of the API.
func askedOf(name string, r *http.Request) map[string]string {
	given, asked := r.URL.Query(), map[string]string{}
	for param := range given {
		if param != "cursor" && param != "limit" && param != "after" {
			asked[param] = given.Get(param)
		}
	}
	switch name {
	case "transactions":
		if asked["reference"] == "" {
			asked["order"] = "desc"
		}
	case "account":
		if asked["period"] == "" { // the entries of a month are listed the oldest first
			asked["order"] = "desc"
		}
	case "approvals":
		switch asked["state"] {
		case "":
			asked["state"] = "open"
		case stateAll:
			delete(asked, "state")
		}
		asked["order"] = "desc"
	case "treasury-proposals":
		switch asked["state"] {
		case "":
			asked["state"] = "open"
		case stateAll:
			delete(asked, "state")
		}
	case "audit", "jobs":
		if asked["order"] != "oldest" {
			asked["order"] = "desc"
		} else {
			delete(asked, "order")
		}
		for param, days := range map[string]int{"from": 0, "until": 1} {
			if day, err := dayOf(asked[param], days); err == nil && !day.IsZero() {
				asked[param] = day.Format(time.RFC3339)
			}
		}
	case "imports", "inbound", "recon-source", "periods":
		asked["order"] = "desc"
	case "decision":
		if h, err := holderAt(r.PathValue("holder")); err == nil {
			asked["kind"], asked["payee"], asked["currency"] = h.Kind, h.ID, string(h.Currency)
		}
	case "breaks":
		if asked["min_age_days"] = asked["age"]; asked["match"] != "" {
			asked["match"] = "R" + asked["match"]
		}
		switch asked["state"] {
		case stateOpen:
			asked["open"] = "true"
		case stateAll:
			delete(asked, "state")
		}
	}
	return asked
}

// pageExport is a report that has what a page shows; Given are its parameters, as pairs of a name and what it is: a name in the page's
// address, "month" for the month that the page is about or the present one, "today", "first" and "last" for days,
// and "standing" for whether a list has breaks that are open or that ended.
type pageExport struct {
	Report string
	Given  []string
}

// pageExports are the reports behind each page. What has no report is read over the API.
var pageExports = map[string][]pageExport{
	"book": {{"trial_balance", []string{"from", "month", "to", "month"}}}, "account": {{"general_ledger", []string{"account", "address"}}},
	"accounts": {{"trial_balance", []string{"from", "month", "to", "month"}}}, "book-glance": {{"coverage", nil}, {"safeguarding", nil}},
	"payout-runs": {{"payout_register", []string{"from", "first", "to", "last"}}}, "recon": {{"breaks", []string{"on", "today"}}}, "campaigns": {{"safeguarding", nil}}, "campaign": {{"safeguarding", nil}},
	"transactions": {{"general_journal", []string{"from", "month", "to", "month"}}}, "adjustments": {{"general_journal", []string{"from", "month", "to", "month"}}},
	"breaks": {{"breaks", []string{"on", "today", "standing", "standing"}}}, "payouts": {{"payout_register", []string{"from", "first", "to", "last"}}},
	"period": {{"trial_balance", []string{"from", "month", "to", "month"}}, {"general_journal", []string{"from", "month", "to", "month"}}, {"payout_register", []string{"from", "first", "to", "last"}},
		{"breaks", []string{"on", "last"}}, {"tax", []string{"from", "month", "to", "month"}}, {"fees", []string{"from", "month", "to", "month"}}},
}

// standingOf is how the breaks of a list stand, as the report of breaks has it; nothing for a list that has both.
func standingOf(state string) string {
	switch reconcile.State(state) {
	case stateOpen, reconcile.Open, reconcile.Explained:
		return "open"
	case reconcile.Fixed, reconcile.WrittenOff, reconcile.Cleared:
		return "ended"
	}
	return ""
}

// exportsOf lead to the reports behind a page, narrowed as the page is.
func (c *console) exportsOf(name string, r *http.Request) (list []link) {
	code := r.PathValue("book")
	if c.Reports == nil || code == "" || !mayAll(visitOf(r.Context()).principal(), code, access.ReportsRead) {
		return nil
	}
	if len(pageExports[name]) == 0 {
		return nil
	}
	book, err := c.Ledger.Book(r.Context(), code)
	if err != nil {
		return nil
	}
	now := c.Now().In(book.Location())
	month, err := ledger.ParsePeriod(cmp.Or(r.PathValue("period"), r.URL.Query().Get("period"), now.Format("2006-01")))
	if err != nil {
		return nil
	}
	first := time.Date(int(month)/100, time.Month(int(month)%100), 1, 0, 0, 0, 0, time.UTC)
	values := map[string]string{"month": month.String(), "today": now.Format(time.DateOnly), "first": first.Format(time.DateOnly), "last": first.AddDate(0, 1, -1).Format(time.DateOnly),
		"address": r.PathValue("address"), "standing": standingOf(r.URL.Query().Get("state"))}
	for _, p := range pageExports[name] {
		report, ok := reportNamed(p.Report)
		if !ok {
			continue
		}
		pairs := []string{"report", p.Report}
		for i := 0; i+1 < len(p.Given); i += 2 {
			pairs = append(pairs, "p-"+p.Given[i], values[p.Given[i+1]])
		}
		title, _ := tellerOf(r.Context()).report(report)
		list = append(list, link{title, narrowedTo("/console/books/"+url.PathEscape(code)+exportsPath+"/new", pairs...)})
	}
	return list
}
