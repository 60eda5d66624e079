package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mizan/api/access"
	"mizan/ledger/commerce"
)

// Who may do what, case by case: group J of the bad inputs. Addresses of downloads hold no right (J07), nothing is sent to addresses that
// tenants name (J08), and no operation takes ids of several books (J23). J18 and J19 ask for row-level security, which there is none of:
// every statement carries its book instead, which the architecture tests hold, and J18 is tried here by swapping books on one pool.

// judged is one case: it returns what was answered, and the status and code wanted.
type judged struct {
	number string
	ask    func(h *judge) answer
	status int
	code   string
}

// judge is a service with two books, people and payees.
type judge struct {
	*house
	finance, approver, second, both    string // sessions
	financeID, approverID, bothID      string
	amy, auditor, checkout, other, own string
}

func newJudge(t *testing.T, change ...func(*Config)) *judge {
	h := &judge{house: open(t, change...)}
	h.must(201, "POST", "/v1/books", `{"code":"vn","name":"Hidden Name Ltd","currencies":["GBP"],"time_zone":"UTC"}`)
	for _, book := range []string{"uk", "vn"} {
		h.must(201, "POST", "/v1/books/"+book+"/transactions", sale("r-"+book, "12.34"))
	}
	for _, p := range []string{"cre_amy", "cre_bob"} {
		h.must(201, "POST", "/v1/books/uk/payees", `{"id":"`+p+`","kind":"creator","country":"UK","currency":"GBP"}`)
	}
	h.financeID, h.finance = h.staff("finance@uk")
	h.approverID, h.approver = h.staff("approver@uk")
	_, h.second = h.staff("approver@uk")
	h.bothID, h.both = h.staff("finance@uk", "approver@uk")
	_, h.auditor = h.staff("auditor@uk")
	h.amy = h.signedIn("uk", "cre_amy")
	_, h.checkout = h.key(access.NewKey{Scopes: []access.Scope{access.EventsWrite}, Books: []string{"uk"}})
	_, h.other = h.key(access.NewKey{Scopes: []access.Scope{access.Everything}, Books: []string{"vn"}})
	_, h.own = h.key(access.NewKey{Scopes: []access.Scope{access.Everything}, Books: []string{"uk"}})
	return h
}

// request asks for a second person with a session and returns the approval.
func (h *judge) request(session string) (id, hash string) {
	h.t.Helper()
	a := h.by(session, "POST", "/v1/books/uk/approvals", `{"act":"sample.counted","payload":`+samplePayload+`,"reason":"For the tests."}`)
	if a.StatusCode != 201 {
		h.t.Fatalf("ask: %d %s", a.StatusCode, a.body)
	}
	v := a.json(h.t)
	return v["id"].(string), v["hash"].(string)
}

// consent approves with a session.
func (h *judge) consent(session, id, hash string) answer {
	return h.by(session, "POST", "/v1/books/uk/approvals/"+id+"/approval", `{"hash":"`+hash+`"}`)
}

var groupJ = []judged{
	{"J01 another payee's data", func(h *judge) answer { return h.by(h.amy, "GET", "/v1/books/uk/payees/cre_bob", "") }, 404, "payee-unknown"},
	{"J01 a payee that is missing", func(h *judge) answer { return h.by(h.amy, "GET", "/v1/books/uk/payees/nobody", "") }, 404, "payee-unknown"},
	{"J02 a guessed approval", func(h *judge) answer {
		id, _ := h.request(h.finance)
		return h.as(h.other, "GET", "/v1/books/vn/approvals/"+id, "")
	}, 404, "approval-unknown"},
	{"J02 a guessed key", func(h *judge) answer {
		k, _ := h.key(access.NewKey{Scopes: []access.Scope{access.BooksRead}, Books: []string{"uk"}})
		return h.as(h.other, "POST", "/v1/keys/"+k.ID+"/revocation", `{"reason":"A guess."}`)
	}, 404, "key-unknown"},
	{"J03 a list of another's", func(h *judge) answer { return h.by(h.amy, "GET", "/v1/books/uk/payees", "") }, 403, "forbidden"},
	{"J03 a filter that does not exist", func(h *judge) answer { return h.do("GET", "/v1/books/uk/payees?creator_id=cre_bob", "") }, 400, "malformed-request"},
	{"J04 another tenant's book", func(h *judge) answer { return h.as(h.other, "GET", "/v1/books/uk", "") }, 404, "book-unknown"},
	{"J05 a tenant in the body", func(h *judge) answer {
		return h.as(h.other, "POST", "/v1/books/vn/transactions", `{"book":"uk",`+sale("r-9", "1.00")[1:])
	}, 422, "validation-failed"},
	{"J05 another book in the payload", func(h *judge) answer {
		_, key := h.key(access.NewKey{Scopes: []access.Scope{access.ApprovalsWrite}, Books: []string{"vn"}})
		return h.as(key, "POST", "/v1/approvals", `{"act":"people.grant","payload":{"person":"`+h.financeID+`","role":"finance","book":"uk"},"reason":"Mine."}`)
	}, 403, "forbidden"},
	{"J09 a payee asks for finance", func(h *judge) answer { return h.by(h.amy, "GET", "/v1/books/uk/trial-balance", "") }, 403, "forbidden"},
	{"J10 a checkout key asks for money to go elsewhere", func(h *judge) answer {
		return h.as(h.checkout, "POST", "/v1/books/uk/data_subjects/payee:cre_amy/destination", `{"fields":{"bank_account":"GB33BUKB20201555555555"},"reason":"x","document":"D"}`)
	}, 403, "forbidden"},
	{"J10 a checkout key writes off a debt", func(h *judge) answer {
		return h.as(h.checkout, "POST", "/v1/books/uk/events", exampleEvent(h.t, "debt.written_off"))
	}, 403, "approval-required"},
	{"J11 an auditor posts an adjustment", func(h *judge) answer { return h.by(h.auditor, "POST", posting, sale("r-2", "1.00")) }, 403, "forbidden"},
	{"J11 an auditor asks for one", func(h *judge) answer {
		return h.by(h.auditor, "POST", "/v1/books/uk/approvals", `{"act":"sample.counted","payload":`+samplePayload+`,"reason":"x"}`)
	}, 403, "forbidden"},
	{"J14 approving one's own", func(h *judge) answer {
		id, hash := h.request(h.both)
		return h.consent(h.both, id, hash)
	}, 403, "self-approval"},
	{"J14 refusing one's own", func(h *judge) answer {
		id, _ := h.request(h.both)
		return h.by(h.both, "POST", "/v1/books/uk/approvals/"+id+"/refusal", `{"reason":"x"}`)
	}, 403, "self-approval"},
	{"J14 a key approves", func(h *judge) answer {
		id, hash := h.request(h.finance)
		return h.do("POST", "/v1/books/uk/approvals/"+id+"/approval", `{"hash":"`+hash+`"}`)
	}, 403, "approver-person"},
	{"J15 approving what was edited", func(h *judge) answer {
		id, hash := h.request(h.finance)
		if a := h.by(h.finance, "PATCH", "/v1/books/uk/approvals/"+id, `{"version":1,"act":"sample.counted","payload":{"amount":"99.00"},"reason":"More."}`); a.StatusCode != 200 {
			h.t.Fatalf("edit: %s", a.body)
		}
		return h.consent(h.approver, id, hash)
	}, 409, "approval-changed"},
	{"J15 approving what has another effect by now", func(h *judge) answer {
		id, hash := h.request(h.finance)
		h.counted.state.Add(1)
		return h.consent(h.approver, id, hash)
	}, 409, "approval-changed"},
	{"J15 approving what was withdrawn", func(h *judge) answer {
		id, hash := h.request(h.finance)
		if a := h.by(h.finance, "POST", "/v1/books/uk/approvals/"+id+"/withdrawal", `{"reason":"Not needed."}`); a.StatusCode != 200 {
			h.t.Fatalf("withdraw: %s", a.body)
		}
		return h.consent(h.approver, id, hash)
	}, 409, "state-conflict"},
	{"J16 an approver who was deactivated", func(h *judge) answer {
		id, hash := h.request(h.finance)
		h.must(200, "POST", "/v1/people/"+h.approverID+"/deactivation", `{"reason":"Left."}`)
		h.clock.forward(revoked)
		return h.consent(h.approver, id, hash)
	}, 401, "unauthenticated"},
	{"J16 an approver whose role was taken away", func(h *judge) answer {
		id, hash := h.request(h.finance)
		grant := h.must(200, "GET", "/v1/people/"+h.approverID, "").json(h.t)["grants"].([]any)[0].(map[string]any)["id"].(string)
		h.must(200, "POST", "/v1/people/"+h.approverID+"/grants/"+grant+"/revocation", `{"reason":"Moved."}`)
		h.clock.forward(revoked)
		return h.consent(h.approver, id, hash)
	}, 403, "forbidden"},
	{"J17 one's own key asks, oneself approves", func(h *judge) answer {
		owner, session := h.staff("approver@uk")
		granted, _, err := h.access.Create(h.t.Context(), personActor(owner), access.NewKey{Name: "mine", Scopes: []access.Scope{access.ApprovalsWrite}})
		if err != nil {
			h.t.Fatal(err)
		}
		_, bearer, err := h.access.Rotate(h.t.Context(), operator, granted.ID, 0)
		if err != nil {
			h.t.Fatal(err)
		}
		v := h.as(bearer, "POST", "/v1/books/uk/approvals", `{"act":"sample.counted","payload":`+samplePayload+`,"reason":"x"}`).json(h.t)
		return h.consent(session, v["id"].(string), v["hash"].(string))
	}, 403, "self-approval"},
	{"J17 an editor approves", func(h *judge) answer {
		id, _ := h.request(h.finance)
		v := h.by(h.both, "PATCH", "/v1/books/uk/approvals/"+id, `{"version":1,"act":"sample.counted","payload":{"amount":"1.00"},"reason":"Less."}`).json(h.t)
		return h.consent(h.both, id, v["hash"].(string))
	}, 403, "self-approval"},
	{"J20 a code that another tenant has", func(h *judge) answer {
		_, key := h.key(access.NewKey{Scopes: []access.Scope{access.BooksWrite}, Books: []string{"uk"}})
		return h.as(key, "POST", "/v1/books", `{"code":"vn","name":"Mine","currencies":["GBP"],"time_zone":"UTC"}`)
	}, 403, "forbidden"},
	{"J22 a hidden book", func(h *judge) answer { return h.as(h.own, "GET", "/v1/books/vn/balances", "") }, 404, "book-unknown"},
	{"J22 a missing book", func(h *judge) answer { return h.as(h.own, "GET", "/v1/books/zz/balances", "") }, 404, "book-unknown"},
	{"J23 a batch to a book of another tenant", func(h *judge) answer {
		return h.as(h.other, "POST", posting+"/batch", `{"transactions":[`+sale("r-5", "1.00")+`]}`)
	}, 404, "book-unknown"},
	{"J24 a tenant in a header", func(h *judge) answer {
		return h.as(h.own, "GET", "/v1/books/vn", "", "X-Tenant", "vn", "X-Book", "vn")
	}, 404, "book-unknown"},
}

func TestAuthority(t *testing.T) {
	t.Parallel()
	for _, c := range groupJ {
		t.Run(c.number, func(t *testing.T) {
			t.Parallel()
			h := newJudge(t)
			a := c.ask(h)
			if a.StatusCode != c.status || a.code() != c.code {
				t.Errorf("%d %s, want %d %s: %s", a.StatusCode, a.code(), c.status, c.code, a.body)
			}
			if strings.Contains(a.body, "Hidden Name") || strings.Contains(a.body, "cre_bob") {
				t.Errorf("the answer tells of somebody else: %s", a.body)
			}
			if n := h.counted.runs.Load(); n != 0 {
				t.Errorf("the act ran %d times", n)
			}
		})
	}
}

// J12: what the service decides itself is no field of a request, on any operation that takes a JSON body.
func TestMassAssignment(t *testing.T) {
	t.Parallel()
	h := open(t)
	f := h.matrixFixture()
	tried := 0
	for _, op := range Operations() {
		if op.Body == nil || op.Signed || op.BodyMedia != nil || op.Scope == "" {
			continue
		}
		f.renew(h, &op)
		body := f.body(t, &op)
		for _, field := range []string{"status", "state", "approved_by", "decided_by", "tenant_id", "balance", "created_at", "authors", "owner", "alone"} {
			with := `{"` + field + `":"x",` + strings.TrimPrefix(body, "{")
			if body == "{}" {
				with = `{"` + field + `":"x"}`
			}
			var v map[string]json.RawMessage
			if json.Unmarshal([]byte(body), &v) == nil && v[field] != nil || op.ID == "describe-source" {
				continue // it is a field of this one
			}
			if a := h.do(op.Method, f.path(&op, "uk", f.own), with); a.StatusCode != 422 && a.StatusCode != 403 {
				t.Errorf("%s with %s: %d %.200s", op.ID, field, a.StatusCode, a.body)
			}
			tried++
		}
	}
	if tried < 200 {
		t.Errorf("only %d were tried", tried)
	}
}

// J13: what a payee reads of itself holds nothing of the platform's, of other payees, and no bank data.
func TestPayeesReadOnlyTheirOwn(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	h.must(200, "PATCH", "/v1/books/uk/data_subjects/payee:cre_amy", `{"fields":{"bank_account":"GB33BUKB20201555555555","name":"Amy Example"},"reason":"For the tests."}`)
	h.must(200, "PATCH", "/v1/books/uk/data_subjects/payee:cre_bob", `{"fields":{"name":"Bob Example"},"reason":"For the tests."}`)
	read := 0
	for _, op := range Operations() {
		if op.Own == "" || op.Method != "GET" {
			continue
		}
		path := strings.Replace(op.Path, "{book}", "uk", 1)
		path = strings.NewReplacer("{payee}", "cre_amy", "{seller}", "cre_amy", "{beneficiary}", "cre_amy", "{subject}", "payee:cre_amy", "{campaign}", "none").Replace(path)
		a := h.by(h.amy, "GET", path, "")
		for _, leak := range []string{"GB33BUKB", "Amy Example", "cre_bob", "Bob Example", "revenue:"} {
			if strings.Contains(a.body, leak) {
				t.Errorf("%s shows %s: %s", op.ID, leak, a.body)
			}
		}
		if a.StatusCode == 200 {
			read++
		}
	}
	if read < 2 {
		t.Errorf("a payee could read %d operations", read)
	}
	mine := h.by(h.amy, "POST", "/v1/books/uk/data_subjects/payee:cre_amy/export", `{"reason":"I want a copy."}`)
	if mine.StatusCode != 200 || !strings.Contains(mine.body, "Amy Example") || strings.Contains(mine.body, "Bob Example") {
		t.Errorf("a payee's own copy: %d %s", mine.StatusCode, mine.body)
	}
	me := h.by(h.amy, "GET", "/v1/me", "").json(t)
	if me["kind"] != "payee" || me["id"] != "cre_amy" || fmt.Sprint(me["books"]) != "[uk]" || fmt.Sprint(me["payees"]) != "[cre_amy]" {
		t.Errorf("a payee is %v", me)
	}
}

// J18, J21: two tenants take turns on one pool, and each finds its own.
func TestTenantsTakeTurns(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	for i := range 500 {
		book, key := "uk", h.own
		if i%2 == 1 {
			book, key = "vn", h.other
		}
		for _, path := range []string{"transactions", "payees", "approvals", "audit", "balances"} {
			a := h.as(key, "GET", "/v1/books/"+book+"/"+path, "")
			if a.StatusCode != 200 || strings.Contains(a.body, `"book":"`+map[string]string{"uk": "vn", "vn": "uk"}[book]+`"`) || book == "vn" && strings.Contains(a.body, "cre_amy") {
				t.Fatalf("J18, J21, turn %d of %s: %s %d %s", i, book, path, a.StatusCode, a.body)
			}
		}
		list := h.as(key, "GET", "/v1/books", "").json(t)["data"].([]any)
		if len(list) != 1 || list[0].(map[string]any)["code"] != book {
			t.Fatalf("turn %d: %s sees %v", i, book, list)
		}
	}
}

// TestWhatIsAnothersIsMissing asks for what is another tenant's and for what is nobody's: the answers are the same, twice, and nothing
// happens.
func TestWhatIsAnothersIsMissing(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	export, _ := h.exported("trial_balance", "")
	id := export["id"].(string)
	for _, key := range []string{h.other, h.own, h.checkout} {
		h.as(key, "GET", "/v1/me", "") // that a key was used is kept
	}
	h.access.Wait()
	before := h.state()
	for _, c := range []struct{ name, key, method, others, nobodys, body, code string }{
		{"J02 a transaction by its number", h.other, "GET", "/v1/books/uk/transactions/uk-1", "/v1/books/zz/transactions/zz-1", "", "book-unknown"},
		{"J02 it in one's own book", h.other, "GET", "/v1/books/vn/transactions/uk-1", "/v1/books/vn/transactions/uk-99", "", "transaction-unknown"},
		{"J04 a book", h.other, "GET", "/v1/books/uk/trial-balance", "/v1/books/zz/trial-balance", "", "book-unknown"},
		{"J06 an export", h.other, "GET", "/v1/books/uk/exports/" + id, "/v1/books/uk/exports/exp_zzzzzzzzzzzzzzzz", "", "book-unknown"},
		{"J06 an export in one's own book", h.other, "GET", "/v1/books/vn/exports/" + id, "/v1/books/vn/exports/exp_zzzzzzzzzzzzzzzz", "", "export-unknown"},
		{"J06 its file", h.other, "GET", "/v1/books/vn/exports/" + id + "/content", "/v1/books/vn/exports/exp_zzzzzzzzzzzzzzzz/content", "", "export-unknown"},
		{"J07 the address of a file, and no key", "", "GET", "/v1/books/uk/exports/" + id + "/content", "/v1/books/uk/exports/exp_zzzzzzzzzzzzzzzz/content", "", "unauthenticated"},
		{"J07 the address of a file, changed", h.own, "GET", "/v1/books/uk/exports/" + id + "x/content", "/v1/books/uk/exports/exp_zzzzzzzzzzzzzzzz/content", "", "export-unknown"},
		{"J10 a checkout begins a payout run", h.checkout, "POST", "/v1/books/uk/payout-runs", "/v1/books/uk/payout-runs", `{"reason":"Mine."}`, "forbidden"},
		{"J10 a checkout runs that of another", h.checkout, "POST", "/v1/books/vn/payout-runs", "/v1/books/zz/payout-runs", `{"reason":"Mine."}`, "forbidden"},
		{"J21 how a book stands", h.other, "GET", "/v1/books/uk/health", "/v1/books/zz/health", "", "book-unknown"},
		{"J21 a search", h.other, "GET", "/v1/books/uk/search?q=UK-1", "/v1/books/zz/search?q=UK-1", "", "book-unknown"},
		{"J22 what cannot be read", h.other, "POST", posting, "/v1/books/zz/transactions", `{`, "book-unknown"},
		{"J23 postings to a book of one's own and of another in one", h.other, "POST", posting + "/batch", "/v1/books/zz/transactions/batch", `{"transactions":[` + sale("r-5", "1.00") + `]}`, "book-unknown"},
	} {
		for range 2 {
			others, nobodys := h.as(c.key, c.method, c.others, c.body), h.as(c.key, c.method, c.nobodys, c.body)
			if others.code() != c.code || others.StatusCode != nobodys.StatusCode || withoutID(others) != withoutID(nobodys) {
				t.Errorf("%s: %d %s, nobody's %d %s", c.name, others.StatusCode, others.body, nobodys.StatusCode, nobodys.body)
			}
		}
	}
	for _, name := range []string{"book", "tenant", "tenant_id", "as", "user"} {
		if a := h.do("GET", "/v1/books/uk/approvals?"+url.Values{name: {"vn"}}.Encode(), ""); a.StatusCode != 400 || a.code() != "malformed-request" {
			t.Errorf("J05, J24: another than the path names the book by %s: %d %s", name, a.StatusCode, a.body)
		}
	}
	h.access.Wait()
	if diff := cmp.Diff(before, h.state()); diff != "" {
		t.Errorf("something changed: %s", diff)
	}
	// J20: an id that a payee of another tenant has is free.
	if a := h.as(h.other, "POST", "/v1/books/vn/payees", `{"id":"cre_amy","kind":"creator","country":"UK","currency":"GBP"}`); a.StatusCode != 201 {
		t.Errorf("J20 the id of another's payee: %d %s", a.StatusCode, a.body)
	}
}

// exampleEvent is the documented example of a type.
func exampleEvent(t testing.TB, name string) string {
	t.Helper()
	b, err := json.Marshal(eventExample(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Events that nobody posts alone are refused one by one in a batch, and as a whole in one that is all or nothing. Anybody may
// try them out.
func TestEventsNobodyPostsAlone(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	const events = "/v1/books/uk/events"
	alone := exampleEvent(t, "order.captured")
	refused := 0
	for _, et := range commerce.EventTypes() {
		if !commerce.NeedsSecondPerson(et.Name) {
			continue
		}
		refused++
		both := exampleEvent(t, et.Name)
		if a := h.as(h.checkout, "POST", events, both); a.code() != "approval-required" {
			t.Errorf("%s: %d %s", et.Name, a.StatusCode, a.body)
		}
		if a := h.as(h.checkout, "POST", events+"?dry_run=true", both); a.code() == "approval-required" {
			t.Errorf("%s cannot be tried out: %s", et.Name, a.body)
		}
		results := h.as(h.checkout, "POST", events+"/batch", `{"events":[`+alone+`,`+both+`]}`).json(t)["results"].([]any)
		first, second := results[0].(map[string]any), results[1].(map[string]any)
		if first["event"] == nil || second["status"] != 403.0 || second["problem"].(map[string]any)["code"] != "approval-required" {
			t.Errorf("%s in a batch: %v", et.Name, results)
		}
		if a := h.as(h.checkout, "POST", events+"/batch", `{"atomic":true,"events":[`+alone+`,`+both+`]}`); a.code() != "batch-refused" || !strings.Contains(a.body, "approval-required") {
			t.Errorf("%s in an atomic batch: %d %s", et.Name, a.StatusCode, a.body)
		}
	}
	if refused < 5 {
		t.Errorf("only %d types need a second person", refused)
	}
}
