package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/api/console"
	"mizan/ledger/guard"
	"mizan/ledger/vault"
)

// An approval from asking to done, with what the second person is shown, and the trail of it.
func TestApprovalRuns(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	id, hash := h.request(h.finance)
	path := "/v1/books/uk/approvals/" + id
	seen := h.by(h.approver, "GET", path, "").json(t)
	effect := seen["effect"].(map[string]any)
	if seen["hash"] != hash || seen["state"] != "open" || seen["author"].(map[string]any)["id"] != h.financeID || effect["summary"] != "Count once." ||
		fmt.Sprint(effect["totals"]) != "[map[amount:12.00 currency:GBP]]" || effect["largest"].([]any)[0].(map[string]any)["object"] != seller || seen["decided_by"] != nil {
		t.Errorf("the second person sees %v", seen)
	}
	for range 2 { // the same decision again is answered as the first time
		a := h.consent(h.approver, id, hash)
		v := a.json(t)
		if a.StatusCode != 200 || v["state"] != "done" || v["decided_by"] != h.approverID || v["result"].(map[string]any)["done"] != true {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
	}
	if a := h.consent(h.second, id, hash); a.code() != "state-conflict" {
		t.Errorf("another approves it: %s", a.body)
	}
	if n := h.counted.runs.Load(); n != 1 {
		t.Errorf("it ran %d times", n)
	}
	var acts []string
	for _, r := range h.must(200, "GET", "/v1/books/uk/audit?"+url.Values{"act": {"approval."}}.Encode(), "").json(t)["data"].([]any) {
		row := r.(map[string]any)
		acts = append(acts, row["act"].(string))
		if actor := row["actor"].(map[string]any); actor["kind"] != "person" || actor["request_id"] == "" || row["book"] != "uk" {
			t.Errorf("a row without its doer: %v", row)
		}
	}
	if got := strings.Join(acts, " "); got != "approval.asked approval.approved" {
		t.Errorf("the trail tells %s", got)
	}
	if list := h.must(200, "GET", "/v1/books/uk/audit?act=sample.counted", "").json(t)["data"].([]any); len(list) != 1 || list[0].(map[string]any)["approval"] != id {
		t.Errorf("the act itself: %v", list)
	}
}

// Of fifty who approve at the same moment one makes it happen.
func TestFiftyApprove(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	id, hash := h.request(h.finance)
	sessions := make([]string, 50)
	for i := range sessions {
		_, sessions[i] = h.staff("approver@uk")
	}
	var all sync.WaitGroup
	var lock sync.Mutex
	got := map[string]int{}
	for _, session := range sessions {
		all.Go(func() {
			a := h.consent(session, id, hash)
			lock.Lock()
			defer lock.Unlock()
			got[fmt.Sprint(a.StatusCode, a.code())]++
		})
	}
	all.Wait()
	if n := h.counted.runs.Load(); n != 1 || got["200"] != 1 || got["409state-conflict"] != 49 {
		t.Errorf("it ran %d times: %v", n, got)
	}
}

// Lists hold only what belongs to the book, in pages, by state; the installation's own are elsewhere.
func TestApprovalLists(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	var asked []string
	for range 5 {
		id, _ := h.request(h.finance)
		asked = append(asked, id)
		h.clock.forward(time.Second)
	}
	h.by(h.finance, "POST", "/v1/books/uk/approvals/"+asked[1]+"/withdrawal", `{"reason":"Not needed."}`)
	h.asked("/v1", "sample.installed")
	if got := h.walk("/v1/books/uk/approvals?limit=2", field("id")); strings.Join(got, " ") != strings.Join(asked, " ") {
		t.Errorf("%v, want %v", got, asked)
	}
	if got := h.walk("/v1/books/uk/approvals?limit=1&state=withdrawn", field("id")); len(got) != 1 || got[0] != asked[1] {
		t.Errorf("withdrawn: %v", got)
	}
	if got := h.walk("/v1/approvals?state=open", field("act")); len(got) != 1 || got[0] != "sample.installed" {
		t.Errorf("the installation's: %v", got)
	}
	if got := h.walk("/v1/books/uk/approvals?limit=2&order=desc", field("id")); len(got) != 5 || got[0] != asked[4] || got[4] != asked[0] {
		t.Errorf("the newest first: %v, want %v from its end", got, asked)
	}
	for query, want := range map[string]int{"act=sample.counted&state=open": 4, "act=no.act": 0, "author=" + h.financeID: 5, "author=per_nobody": 0, "author=" + h.financeID + "&state=withdrawn&order=desc": 1} {
		if got := h.walk("/v1/books/uk/approvals?limit=1&"+query, field("id")); len(got) != want {
			t.Errorf("%s: %v, want %d", query, got, want)
		}
	}
	for _, bad := range []string{"state=lost", "order=newest", "act=" + strings.Repeat("a", 65), "author=" + strings.Repeat("a", 129)} {
		h.refused(422, "validation-failed", "GET", "/v1/books/uk/approvals?"+bad, "")
	}
	h.clock.forward(25 * time.Hour)
	if got := h.walk("/v1/books/uk/approvals?state=expired", field("id")); len(got) != 4 {
		t.Errorf("expired: %v", got)
	}
	h.refused(422, "act-unknown", "POST", "/v1/books/uk/approvals", `{"act":"no.act","payload":{},"reason":"x"}`)
	h.refused(422, "validation-failed", "POST", "/v1/books/uk/approvals", `{"act":"sample.counted","payload":[],"reason":"x"}`)
	h.refused(422, "validation-failed", "POST", "/v1/books/uk/approvals", `{"act":"sample.counted","payload":{},"reason":"4111 1111 1111 1111"}`)
	h.refused(422, "validation-failed", "POST", "/v1/books/uk/approvals", `{"act":"sample.counted","payload":{"deep":{"card":"4111111111111111"}},"reason":"x"}`)
}

// The trail is read by its filters, exported whole and verified; what was changed behind the program's back shows.
func TestTrail(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	for range 7 {
		h.request(h.finance)
	}
	const trail = "/v1/books/uk/audit"
	all := h.walk(trail+"?limit=3", field("sequence"))
	back := h.walk(trail+"?limit=3&order=desc&act=approval.", field("sequence"))
	if slices.Reverse(back); !slices.Equal(back, h.walk(trail+"?limit=3&act=approval.", field("sequence"))) {
		t.Errorf("the end of the trail first: %v", back)
	}
	export := h.must(200, "GET", trail+"/export", "")
	if got := export.Header.Get("Content-Type"); got != ndjson {
		t.Errorf("an export is %s", got)
	}
	previous := ""
	lines := strings.Split(strings.TrimSuffix(export.body, "\n"), "\n")
	for i, line := range lines {
		var row auditRowJSON
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if row.Sequence != int64(i+1) || previous != "" && row.Previous != previous || len(row.Hash) != 64 {
			t.Errorf("row %d: %s", i+1, line)
		}
		previous = row.Hash
	}
	if len(lines) != len(all)+1 || len(lines) < 7 {
		t.Errorf("%d rows are listed and %d exported", len(all), len(lines))
	}
	verified := h.must(200, "GET", trail+"/verification", "").json(t)
	if verified["rows"] != float64(len(lines)) || verified["head"] != previous {
		t.Errorf("verified %v, the last row is %s", verified, previous)
	}
	if a := h.must(200, "GET", fmt.Sprint(trail, "/export?after=", len(lines)), ""); a.body != "" {
		t.Errorf("after the last row: %s", a.body)
	}
	// The last row of an export is that of the export itself.
	if a := h.must(200, "GET", fmt.Sprint(trail, "/export?after=", len(lines)-1), ""); strings.Count(a.body, "\n") != 2 || strings.Count(a.body, `"act":"audit.exported","object":"trail:uk"`) != 2 {
		t.Errorf("after the last but one: %s", a.body)
	}
	for query, want := range map[string]int{
		"act=approval.asked": 7, "act=approval.": 7, "act=approval": 0, "actor=" + h.financeID: 7, "actor=nobody": 0, "object=approval:none": 0,
		"from=2026-11-20T10:00:01Z": 0, "until=2026-11-20T10:00:00Z": 0, "act=approval.asked&actor=" + h.financeID + "&from=2026-11-20T10:00:00Z&until=2026-11-20T10:00:01Z": 7,
	} {
		if got := h.walk(trail+"?limit=2&"+query, field("act")); len(got) != want {
			t.Errorf("%s finds %d, want %d", query, len(got), want)
		}
	}
	narrow := h.must(200, "GET", trail+"/export?act=approval.&actor="+h.financeID, "")
	if n := strings.Count(narrow.body, "\n"); n != 7 || strings.Count(narrow.body, `"act":"approval.asked"`) != 7 {
		t.Errorf("an export that is narrowed has %d rows: %s", n, narrow.body)
	}
	if last := h.must(200, "GET", trail+"?order=desc&limit=1", ""); !strings.Contains(last.body, `"after":{"after":0,"act":"approval.","actor":"`+h.financeID+`"}`) {
		t.Errorf("the trail does not tell what was taken: %s", last.body)
	}
	if a := h.must(200, "GET", trail+"/export?act=no.act", ""); a.body != "" {
		t.Errorf("an export of nothing: %s", a.body)
	}
	for _, value := range injections {
		for _, name := range []string{"act", "actor", "object", "from", "until"} {
			if a := h.do("GET", trail+"?"+url.Values{name: {value}}.Encode(), ""); a.StatusCode >= 500 || a.StatusCode == 200 && strings.Contains(a.body, `"sequence"`) {
				t.Errorf("%s=%s: %d %.200s", name, value, a.StatusCode, a.body)
			}
		}
	}
	h.tamper(sqlDisarm, sqlFalsify)
	h.refused(409, "audit-broken", "GET", trail+"/verification", "")
	h.must(200, "GET", "/v1/audit/verification", "") // the installation's is another chain
}

// An export that fails on a later page is cut off, so that nobody takes what came for all there is. So is the list of a page as a file, which
// has all pages of the list.
func TestExportBreaksOff(t *testing.T) {
	t.Parallel()
	h := open(t, func(c *Config) {
		c.Console = console.New(console.Config{Ledger: c.Ledger, Access: c.Access, Desk: c.Desk, Trail: c.Trail, Commerce: c.Commerce, Vault: c.Vault, Operations: ConsoleOperations(), Now: c.Now})
	})
	for i := range 1500 {
		if _, err := h.service.trail.Record(t.Context(), guard.Deed{Actor: operator, Act: "sample.recorded", Object: fmt.Sprint("sample:", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if lines := strings.Count(h.must(200, "GET", "/v1/audit/export", "").body, "\n"); lines != 1501 {
		t.Errorf("%d lines", lines)
	}
	_, auditor := h.staff("auditor")
	const list = "/console/audit?csv=list-audit&order=oldest"
	if file, rows := h.by(auditor, http.MethodGet, list, "").body, len(h.walk("/v1/audit?limit=1000", field("sequence"))); strings.Count(file, "\r\n") != 1+rows || rows < 1500 || !strings.Contains(file, "sample:1499,") {
		t.Errorf("the list as a file has %d lines, and the trail %d rows", strings.Count(file, "\r\n"), rows)
	}
	h.tamper(sqlDisarm, sqlUnbound, sqlUnread)
	for path, who := range map[string][2]string{"/v1/audit/export": {"Authorization", "Bearer " + testKey}, list: {"Cookie", access.CookiePlain + "=" + auditor}} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(who[0], who[1])
		res, err := h.client.Do(r)
		if err != nil {
			t.Fatal(path, err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err == nil || len(body) == 0 {
			t.Errorf("%s is broken and ended in order after %d lines", path, strings.Count(string(body), "\n"))
		}
	}
	if a := h.do("GET", "/v1/audit/export?after=1000", ""); a.StatusCode != 500 {
		t.Errorf("one that fails at once: %d", a.StatusCode)
	}
	if got := h.must(200, "GET", "/metrics", "").body; !strings.Contains(got, "in_flight 1\n") {
		t.Error("the request that was cut off counts as being in flight")
	}
}

// Keys over HTTP: rotated with an overlap, revoked, and only by those who look after their books.
func TestKeysOverHTTP(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	made := h.must(201, "POST", "/v1/keys", `{"name":"checkout","scopes":["events:write"],"books":["uk"]}`).json(t)
	old := made["bearer"].(string)
	rotated := h.must(201, "POST", "/v1/keys/"+made["id"].(string)+"/rotation", `{"overlap_seconds":60}`).json(t)
	for _, bearer := range []string{old, rotated["bearer"].(string)} {
		if a := h.as(bearer, "GET", "/v1/me", ""); a.StatusCode != 200 {
			t.Errorf("within the overlap: %d", a.StatusCode)
		}
	}
	h.refused(409, "key-ended", "POST", "/v1/keys/"+made["id"].(string)+"/rotation", `{"overlap_seconds":60}`)
	h.clock.forward(time.Minute + revoked)
	if a := h.as(old, "GET", "/v1/me", ""); a.StatusCode != 401 {
		t.Errorf("after the overlap: %d", a.StatusCode)
	}
	if got := h.must(200, "POST", "/v1/keys/"+rotated["id"].(string)+"/revocation", `{"reason":"Leaked."}`).json(t); got["revoked_at"] == nil || got["rotated_from"] != made["id"] {
		t.Errorf("revoked: %v", got)
	}
	h.clock.forward(revoked)
	if a := h.as(rotated["bearer"].(string), "GET", "/v1/me", ""); a.StatusCode != 401 {
		t.Errorf("after the revocation: %d", a.StatusCode)
	}
	if strings.Contains(h.must(200, "GET", "/v1/keys", "").body+h.must(200, "GET", "/v1/audit", "").body+h.log.String(), strings.TrimPrefix(old, "mk_"+made["id"].(string)+"_")) {
		t.Error("a secret is shown again")
	}
	_, admin := h.staff("admin@vn")
	if a := h.by(admin, "GET", "/v1/keys", ""); a.StatusCode != 200 || strings.Contains(a.body, made["id"].(string)) {
		t.Errorf("an administrator of another book sees %s", a.body)
	}
	// A key that was granted by two people has no secret until its owner rotates it.
	owner, _ := h.staff("admin")
	_, asker := h.staff("admin")
	_, approver := h.staff("approver")
	a := h.by(asker, "POST", "/v1/approvals", `{"act":"key.grant","payload":{"name":"second","scopes":["balances:read"],"books":["uk"],"owner":"`+owner+`"},"reason":"For reports."}`)
	if a.StatusCode != 201 {
		t.Fatal(a.body)
	}
	v := a.json(t)
	if a = h.by(approver, "POST", "/v1/approvals/"+v["id"].(string)+"/approval", `{"hash":"`+v["hash"].(string)+`"}`); a.StatusCode != 200 {
		t.Fatal(a.body)
	}
}

// People over HTTP: added, granted, revoked and deactivated.
func TestPeopleOverHTTP(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	p := h.must(201, "POST", "/v1/people", `{"name":"Sam Canary","email":"sam.canary@example.com"}`).json(t)
	id := p["id"].(string)
	h.refused(409, "person-exists", "POST", "/v1/people", `{"name":"Other","email":"SAM.canary@example.com"}`)
	h.must(201, "POST", "/v1/people/"+id+"/grants", `{"role":"support","book":"uk"}`)
	grants := h.must(200, "GET", "/v1/people/"+id, "").json(t)["grants"].([]any)
	if len(grants) != 1 || grants[0].(map[string]any)["role"] != "support" {
		t.Fatalf("grants %v", grants)
	}
	h.refused(404, "grant-unknown", "POST", "/v1/people/"+id+"/grants/gr_zzzzzzzzzzzzzzzz/revocation", `{"reason":"x"}`)
	h.must(200, "POST", "/v1/people/"+id+"/grants/"+grants[0].(map[string]any)["id"].(string)+"/revocation", `{"reason":"Moved."}`)
	h.must(200, "POST", "/v1/people/"+id+"/sessions/end", `{"reason":"Lost a laptop."}`)
	if got := h.must(200, "POST", "/v1/people/"+id+"/deactivation", `{"reason":"Left."}`).json(t); got["deactivated_at"] == nil {
		t.Errorf("deactivated: %v", got)
	}
	if got := h.must(200, "POST", "/v1/people/"+id+"/personal_data/erasure", `{"reason":"Asked for."}`).json(t); got["name"] != vault.Erased || got["email"] != vault.Erased {
		t.Errorf("erased: %v", got)
	}
	h.must(201, "POST", "/v1/people", `{"name":"Somebody Else","email":"sam.canary@example.com"}`) // whose address it may be now
	for _, path := range []string{"/v1/people/per_zzzzzzzzzzzzzzzz", "/v1/people/x", "/v1/people/'"} {
		h.refused(404, "person-unknown", "GET", path, "")
	}
	if ids := h.walk("/v1/people?limit=2", field("id")); len(ids) < 5 {
		t.Errorf("only %d people", len(ids))
	}
	if trail := h.must(200, "GET", "/v1/audit", "").body + h.log.String(); strings.Contains(strings.ToLower(trail), "canary") {
		t.Error("a name stands in the trail or the log")
	}
	// A role by two people.
	other, _ := h.staff()
	_, admin := h.staff("admin")
	_, approver := h.staff("approver")
	v := h.by(admin, "POST", "/v1/approvals", `{"act":"people.grant","payload":{"person":"`+other+`","role":"finance","book":"uk"},"reason":"Begins in December."}`).json(t)
	if a := h.by(approver, "POST", "/v1/approvals/"+v["id"].(string)+"/approval", `{"hash":"`+v["hash"].(string)+`"}`); a.StatusCode != 200 {
		t.Fatal(a.body)
	}
	if got := h.must(200, "GET", "/v1/people/"+other, "").json(t)["grants"].([]any); len(got) != 1 || got[0].(map[string]any)["approval"] != v["id"] {
		t.Errorf("granted by approval: %v", got)
	}
}

// A link that the API makes signs the payee in once.
func TestSignInLinkOverHTTP(t *testing.T) {
	t.Parallel()
	h := open(t, func(c *Config) { c.PublicURL = "https://ledger.example.com" })
	h.must(201, "POST", "/v1/books/uk/payees", `{"id":"cre_amy","kind":"creator","country":"UK","currency":"GBP"}`)
	const links = "/v1/books/uk/payees/cre_amy/sign_in_links"
	link := h.must(201, "POST", links, `{}`).json(t)["link"].(string)
	token, ok := strings.CutPrefix(link, "https://ledger.example.com/sign-in/link?token=")
	if !ok {
		t.Fatalf("the link is %s", link)
	}
	session := h.redeem(token, nil)
	if me := h.by(session, "GET", "/v1/me", "").json(t); me["id"] != "cre_amy" {
		t.Errorf("signed in as %v", me)
	}
	if _, _, err := h.access.RedeemLink(t.Context(), token, "", ""); err == nil {
		t.Error("the link works twice")
	}
	h.refused(404, "payee-unknown", "POST", "/v1/books/uk/payees/nobody/sign_in_links", `{}`)
	if strings.Contains(h.log.String()+h.must(200, "GET", "/v1/books/uk/audit", "").body, token) {
		t.Error("the token stands in the log or the trail")
	}
}

// Personal data over HTTP, with canaries that must show nowhere but in the recorded readings.
func TestPersonalDataOverHTTP(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	const amy = "/v1/books/uk/data_subjects/payee:cre_amy"
	_, writer, err := h.access.Create(t.Context(), personActor(h.financeID), access.NewKey{Name: "writes", Scopes: []access.Scope{access.PersonalWrite, access.ApprovalsWrite}, Books: []string{"uk"}})
	if err != nil {
		t.Fatal(err)
	}
	_, reader := h.key(access.NewKey{Scopes: []access.Scope{access.PersonalRead}, Books: []string{"uk"}})
	expect := func(a answer, status int, code string) answer {
		t.Helper()
		if a.StatusCode != status || a.code() != code {
			t.Errorf("%d %s, want %d %s: %s", a.StatusCode, a.code(), status, code, a.body)
		}
		return a
	}
	expect(h.as(writer, "PATCH", amy, `{"fields":{"name":"Canary Name","email":"canary@example.com","tax_id":"CANARY-TAX-1"},"reason":"Registered."}`), 200, "")
	expect(h.as(writer, "PATCH", amy, `{"fields":{"name":"x","bank_account":"GB33BUKB20201555555555"},"reason":"Quick."}`), 403, "approval-required")
	expect(h.as(writer, "PATCH", amy, `{"fields":{"shoe_size":"Canary 42"},"reason":"x"}`), 422, "personal-data-invalid")
	expect(h.as(writer, "PATCH", amy, `{"fields":{},"reason":"x"}`), 422, "validation-failed")
	expect(h.as(reader, "POST", amy+"/reading", `{"fields":["tax_id"],"reason":"x"}`), 403, "forbidden")
	if a := expect(h.as(reader, "POST", amy+"/reading", `{"fields":["name","email"],"reason":"Ticket 17."}`), 200, ""); !strings.Contains(a.body, "Canary Name") {
		t.Errorf("read %s", a.body)
	}
	before := h.as(reader, "GET", amy, "").body
	if strings.Contains(before, "Canary") || !strings.Contains(before, `"name":"tax_id","class":"tax"`) {
		t.Errorf("what is stored: %s", before)
	}
	// Where money goes takes two.
	a := expect(h.as(writer, "POST", amy+"/destination", `{"fields":{"bank_account":"GB33BUKB20201555555555","bank_holder":"Canary Holder"},"reason":"New bank.","document":"DOC-1"}`), 201, "")
	if strings.Contains(a.body, "GB33BUKB") || strings.Contains(a.body, "Canary") {
		t.Errorf("the approval shows the account: %s", a.body)
	}
	v := a.json(t)
	expect(h.consent(h.approver, v["id"].(string), v["hash"].(string)), 200, "")
	if a := h.do("POST", amy+"/reading", `{"fields":["bank_account"],"reason":"Paying."}`); !strings.Contains(a.body, "GB33BUKB20201555555555") {
		t.Errorf("after the approval: %s", a.body)
	}
	// What was proposed can be taken back.
	expect(h.as(writer, "POST", amy+"/destination", `{"fields":{"bank_account":"GB82WEST12345698765432"},"reason":"New bank.","document":"GB82 WEST 1234 5698 7654 32"}`), 422, "personal-data-invalid")
	v = expect(h.as(writer, "POST", amy+"/destination", `{"fields":{"bank_account":"GB82WEST12345698765432"},"reason":"New bank.","document":"DOC-2"}`), 201, "").json(t)
	expect(h.as(reader, "POST", amy+"/destination/withdrawal", `{"reason":"Not asked for."}`), 403, "forbidden")
	expect(h.as(writer, "POST", amy+"/destination/withdrawal", `{"reason":"Not asked for."}`), 200, "")
	expect(h.consent(h.approver, v["id"].(string), v["hash"].(string)), 409, "approval-changed")
	expect(h.as(writer, "POST", amy+"/destination/withdrawal", `{"reason":"Not asked for."}`), 200, "")
	// A slip of the pen ends no id; a payee of whom nothing is stored can be erased.
	for _, nobody := range []string{"payee:cre_amyy", "buyer:cre_amy", "donor:d_1"} {
		expect(h.as(writer, "POST", "/v1/books/uk/data_subjects/"+nobody+"/erasure", `{"reason":"Asked for."}`), 404, "data-subject-unknown")
	}
	expect(h.as(writer, "PATCH", "/v1/books/uk/data_subjects/payee:cre_amyy", `{"fields":{"name":"Canary Other"},"reason":"New."}`), 200, "")
	h.must(201, "POST", "/v1/books/uk/payees", `{"id":"cre_bare","kind":"creator","country":"UK","currency":"GBP"}`)
	expect(h.as(writer, "POST", "/v1/books/uk/data_subjects/payee:cre_bare/erasure", `{"reason":"Asked for."}`), 200, "")
	expect(h.as(writer, "POST", amy+"/hold", `{"until":"2027-11-20T00:00:00Z","reason":"Inspection."}`), 200, "")
	expect(h.as(writer, "POST", amy+"/erasure", `{"reason":"Asked for."}`), 409, "personal-data-held")
	expect(h.as(writer, "POST", amy+"/hold", `{"until":"2026-11-19T00:00:00Z","reason":"It ended."}`), 200, "")
	if a := expect(h.as(writer, "POST", amy+"/closing", `{"at":"2026-11-20T09:00:00Z","reason":"Left."}`), 200, ""); a.json(t)["closed_at"] == nil {
		t.Errorf("closed: %s", a.body)
	}
	expect(h.as(writer, "POST", "/v1/books/uk/personal_data_retention", `{"days":400,"reason":"A law."}`), 200, "")
	if got := h.as(reader, "GET", "/v1/books/uk/personal_data_retention", "").json(t)["days"]; got != 400.0 {
		t.Errorf("retention %v", got)
	}
	expect(h.as(writer, "POST", amy+"/erasure", `{"reason":"Asked for."}`), 200, "")
	expect(h.as(reader, "POST", amy+"/reading", `{"fields":["name"],"reason":"Ticket 18."}`), 409, "personal-data-erased")
	trail := h.must(200, "GET", "/v1/books/uk/audit/export", "").body + h.log.String()
	for _, secret := range []string{"Canary", "canary@", "CANARY", "GB33BUKB"} {
		if strings.Contains(trail, secret) {
			t.Errorf("%s stands in the trail or the log", secret)
		}
	}
	for _, act := range []string{"personal.read", "personal.written", "personal.erased", "personal.held", "personal.closed", "personal.retention_set", "payee.destination", "personal.staged", "personal.unstaged"} {
		if !strings.Contains(trail, `"act":"`+act+`"`) {
			t.Errorf("the trail does not tell of %s", act)
		}
	}
}
