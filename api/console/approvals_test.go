package console

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/ledger/guard"
	"mizan/ledger/vault"
)

func TestApprovalPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	asker := h.in("Fatima Finance", access.Grant{Role: access.Finance, Book: "uk"})
	b := h.in("Adam Approver", access.Grant{Role: access.Approver, Book: "uk"})
	a := h.ask(uk, guard.Actor{Kind: guard.Person, ID: asker.id, Person: asker.id}, `{"reference":"adj-1","lines":[{"amount":"12.50"},{}],"flag":true,"none":null}`, "counted twice")
	b.get("/console", 200).has(t, "Waits for a second person", "Souk UK", "test.run", "Moves 12.50 GBP to sel_uk.", "asked by Fatima Finance", "24 hours left")
	b.get("/console/books/uk/approvals", 200).has(t, "Moves 12.50 GBP to sel_uk.", "Waiting", "Expired")
	at := "/console/books/uk/approvals/" + a.ID
	p := b.get(at, 200)
	p.has(t, "test.run", "Does what tests need.", a.ID, "version 1", "24 hours left", "Moves 12.50 GBP to sel_uk.", "Touches a payee.", "Moves in GBP 1,234,567.80",
		"2 items", "before 1, after 2", "liabilities:seller:available:sel_uk", "credit", "12.50 GBP", "counted twice", "ticket-4711.pdf", "Fatima Finance "+asker.id,
		"2026-11-22 09:30:00 UTC", hex.EncodeToString(a.Hash[:]), "Approve "+hex.EncodeToString(a.Hash[:])[:12], "Refuse",
		"reference adj-1", "amount 12.50", "flag yes", "none nothing", "It happens at once")
	p.hasNot(t, "Withdraw")
	own := asker.get(at, 200)
	own.has(t, "You wrote or edited this", "Withdraw")
	own.hasNot(t, at+"/approve", at+"/refuse")
	reader := h.in("Reader", access.Grant{Role: access.Support, Book: "uk"}).get(at, 200)
	reader.has(t, "Somebody with the role approver decides this")
	reader.hasNot(t, at+"/")
	reader.hasNot(t, "Fatima")

	done := b.press(p, at+"/approve", url.Values{"reason": {"fits the ticket"}}, http.StatusSeeOther)
	if done.header.Get("Location") != at || h.runs() != 1 {
		t.Fatalf("approved: %v, %d runs", done.header, h.runs())
	}
	p = b.get(at, 200)
	p.has(t, "approved", "What became of it", "Decided by you", "2026-11-21 09:30:00 UTC", "fits the ticket", "Posted as uk-7", "What ran")
	if !slices.Contains(p.Links, "/books/uk/transactions/uk-7") {
		t.Error("the page does not lead to what was posted")
	}
	p.hasNot(t, at+"/approve")
	b.get("/console", 200).has(t, "Nothing waits")
	b.get("/console/books/uk/approvals?state=done", 200).has(t, "Moves 12.50 GBP to sel_uk.")
	rows, err := h.trail.Rows(t.Context(), a.Book, guard.Filter{Object: "approval:" + a.ID}, 0, 100)
	if err != nil || len(rows) == 0 || rows[len(rows)-1].Actor.Person != b.id {
		t.Errorf("the trail: %+v %v", rows, err)
	}
}

func TestRefuseAndWithdraw(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	asker := h.in("Fatima", access.Grant{Role: access.Finance})
	b := h.in("Adam", access.Grant{Role: access.Approver})
	by := guard.Actor{Kind: guard.Person, ID: asker.id, Person: asker.id}
	refused, withdrawn := h.ask(uk, by, `{"a":1}`, "r"), h.ask(uk, by, `{"a":2}`, "r")
	at := "/console/books/uk/approvals/" + refused.ID
	p := b.press(b.get(at, 200), at+"/refuse", nil, http.StatusBadRequest)
	p.has(t, "Nothing was decided")
	p = b.press(p, at+"/refuse", url.Values{"reason": {strings.Repeat("x", 2001)}}, http.StatusBadRequest)
	if !strings.Contains(p.source, strings.Repeat("x", 2001)+"</textarea>") {
		t.Error("what was typed is lost")
	}
	b.press(p, at+"/refuse", url.Values{"reason": {"not the right account"}}, http.StatusSeeOther)
	b.get(at, 200).has(t, "refused", "not the right account")
	mine := asker.get("/console/books/uk/approvals", 200)
	own := "/console/books/uk/approvals?" + url.Values{"author": {asker.id}, "state": {"all"}}.Encode()
	if !slices.Contains(mine.Links, own) {
		t.Errorf("the list does not lead to one's own requests: %v", mine.Links)
	}
	asker.get(own, 200).has(t, "refused", "not the right account", "waiting")
	asker.get("/console/books/uk/approvals?state=refused&author="+asker.id, 200).has(t, "refused")
	// Whoever asked reads who refused it, and why, in any language.
	asker.get(at, 200).has(t, "Decided by Adam", "Reason of the decision not the right account")
	asker.get(at+"?lang=ar", 200).has(t, "مرفوض", "سبب القرار", "not the right account")
	at = "/console/books/uk/approvals/" + withdrawn.ID
	form := b.get(at, 200).forms()[at+"/approve"]
	asker.press(asker.get(at, 200), at+"/withdraw", url.Values{"reason": {"a mistake"}}, http.StatusSeeOther)
	b.post(at+"/approve", form, http.StatusConflict).has(t, "Nothing was decided", "not open any more", "withdrawn", "a mistake")
	if h.runs() != 0 {
		t.Error("what was withdrawn ran")
	}
}

// Whoever lost the right between looking and pressing decides nothing; nor does who never had it.
func TestWhoMayDecide(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	h.book("vn", "Souk VN", "VND")
	b := h.in("Adam", access.Grant{Role: access.Approver, Book: "uk"}, access.Grant{Role: access.Finance, Book: "vn"})
	a := h.ask(uk, program, `{"a":1}`, "r")
	at := "/console/books/uk/approvals/" + a.ID
	form := b.get(at, 200).forms()[at+"/approve"]
	for _, x := range []struct {
		who    *browser
		status int
	}{{h.in("Fatima", access.Grant{Role: access.Finance}), 403}, {h.in("Audit", access.Grant{Role: access.Auditor, Book: "uk"}), 403},
		{h.in("Else", access.Grant{Role: access.Approver, Book: "vn"}), 404}, {h.in("None"), 404}} {
		own := x.who.get("/console", 200).forms()["/sign-out"]
		own.Set("hash", form.Get("hash"))
		for decision := range decisions {
			if decision == "withdraw" && x.status == 403 {
				continue // a form of those who ask; TestOthersWithdraw
			}
			x.who.post(at+"/"+decision, own, x.status)
		}
	}
	b.post("/console/books/vn/approvals/"+a.ID+"/approve", form, 403) // finance there
	wrong := url.Values{tokenField: form[tokenField], "hash": {"00"}}
	b.post(at+"/approve", wrong, http.StatusBadRequest)
	wrong.Set("hash", strings.Repeat("0", 64))
	b.post(at+"/approve", wrong, http.StatusConflict).has(t, "has changed since")
	person, err := h.access.Person(t.Context(), b.id)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range person.Grants {
		if g.Role == access.Approver {
			if err := h.access.RevokeGrant(t.Context(), operator, b.id, g.ID, "left"); err != nil {
				t.Fatal(err)
			}
		}
	}
	h.forward(time.Second)
	b.post(at+"/approve", form, http.StatusNotFound)
	if now := h.approval(uk, a.ID); now.State != guard.StateOpen || h.runs() != 0 {
		t.Errorf("it was decided: %s", now.State)
	}
}

// Whoever both asks and decides in general does not decide on what they wrote, with the buttons or without.
func TestOwnRequest(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	both := h.in("Both", access.Grant{Role: access.Finance}, access.Grant{Role: access.Approver})
	for _, by := range []guard.Actor{{Kind: guard.Person, ID: both.id, Person: both.id}, {Kind: guard.Program, ID: "theirkey0001", Person: both.id}} {
		a := h.ask(uk, by, `{"a":1}`, "r")
		at := "/console/books/uk/approvals/" + a.ID
		p := both.get(at, 200)
		p.has(t, "You wrote or edited this")
		p.hasNot(t, at+"/approve", at+"/refuse")
		form := p.forms()[at+"/withdraw"]
		form.Set("reason", "because")
		both.post(at+"/approve", form, http.StatusForbidden).has(t, "Whoever wrote or edited this cannot approve it")
		both.post(at+"/refuse", form, http.StatusForbidden).has(t, "Nothing was decided")
		if now := h.approval(uk, a.ID); now.State != guard.StateOpen || h.runs() != 0 {
			t.Errorf("it was decided: %s", now.State)
		}
	}
}

// Somebody else's request cannot be taken back.
func TestOthersWithdraw(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	a := h.ask(uk, program, `{"a":1}`, "r")
	b := h.in("Fatima", access.Grant{Role: access.Finance})
	at := "/console/books/uk/approvals/" + a.ID
	form := b.get(at, 200).forms()["/sign-out"]
	form.Set("hash", hex.EncodeToString(a.Hash[:]))
	form.Set("reason", "because")
	b.post(at+"/withdraw", form, http.StatusForbidden).has(t, "Nothing was decided")
	if now := h.approval(uk, a.ID); now.State != guard.StateOpen {
		t.Errorf("it was withdrawn: %s", now.State)
	}
}

// What changed since it was looked at is shown again and does not run.
func TestStale(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	b := h.in("Adam", access.Grant{Role: access.Approver})
	a := h.ask(uk, program, `{"a":1}`, "r")
	at := "/console/books/uk/approvals/" + a.ID
	looked := b.get(at, 200)
	if _, err := h.desk.Edit(t.Context(), program, a.Book, a.ID, 1, guard.Request{Act: "test.run", Payload: json.RawMessage(`{"a":"edited"}`), Reason: "r2"}); err != nil {
		t.Fatal(err)
	}
	again := b.press(looked, at+"/approve", nil, http.StatusConflict)
	again.has(t, "Nothing was decided", "has changed since", "version 2", "edited")
	h.changeEffect("Moves 99.00 GBP now.")
	third := b.press(again, at+"/approve", nil, http.StatusConflict)
	third.has(t, "has changed since", "Moves 99.00 GBP now.", "version 3")
	if h.runs() != 0 {
		t.Fatal("it ran")
	}
	b.press(third, at+"/approve", nil, http.StatusSeeOther)
	b.press(third, at+"/approve", nil, http.StatusSeeOther) // the button pressed twice
	if h.runs() != 1 {
		t.Errorf("it ran %d times", h.runs())
	}
	late := h.ask(uk, program, `{"a":3}`, "r")
	at = "/console/books/uk/approvals/" + late.ID
	looked = b.get(at, 200)
	h.forward(guard.Lifetime)
	b = h.in("Second", access.Grant{Role: access.Approver})
	form := looked.forms()[at+"/approve"]
	form.Set(tokenField, b.get("/console", 200).forms()["/sign-out"].Get(tokenField))
	b.get(at, 200).has(t, "expired")
	b.post(at+"/approve", form, http.StatusConflict).has(t, "expired", "Nothing was decided")
	b.get("/console/books/uk/approvals?state=expired", 200).has(t, "test.run")
	refused := h.ask(uk, program, `{"refuse":1}`, "r")
	at = "/console/books/uk/approvals/" + refused.ID
	b.press(b.get(at, 200), at+"/approve", nil, http.StatusConflict).has(t, "The act cannot run right now.", "waiting")
}

// Many press at once; it runs once.
func TestManyApprove(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	a := h.ask(uk, program, `{"a":1}`, "r")
	at := "/console/books/uk/approvals/" + a.ID
	const n = 10
	people := make([]*browser, n)
	forms := make([]url.Values, n)
	for i := range people {
		people[i] = h.in(fmt.Sprintf("Adam%d", i), access.Grant{Role: access.Approver})
		forms[i] = people[i].get(at, 200).forms()[at+"/approve"]
	}
	statuses := make([]int, n)
	var all sync.WaitGroup
	for i := range people {
		all.Go(func() { statuses[i], _ = people[i].send(http.MethodPost, at+"/approve", forms[i]) })
	}
	all.Wait()
	counts := map[int]int{}
	for _, s := range statuses {
		counts[s]++
	}
	if counts[http.StatusSeeOther] != 1 || counts[http.StatusConflict] != n-1 || h.runs() != 1 {
		t.Errorf("the answers are %v, and it ran %d times", counts, h.runs())
	}
}

// What concerns the installation is decided by people who hold the role in every book.
func TestInstallationApprovals(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.book("uk", "Souk UK", "GBP")
	a, err := h.desk.Ask(t.Context(), program, guard.Book{}, guard.Request{Act: "test.whole", Payload: json.RawMessage(`{"x":1}`), Reason: "r"})
	if err != nil {
		t.Fatal(err)
	}
	at := "/console/approvals/" + a.ID
	everywhere := h.in("Adam", access.Grant{Role: access.Approver})
	everywhere.get("/console", 200).has(t, "The installation", "test.whole")
	local := h.in("Local", access.Grant{Role: access.Approver, Book: "uk"})
	local.get("/console", 200).hasNot(t, "test.whole")
	local.get(at, 404)
	local.get("/console/approvals", 404)
	everywhere.get("/console/books/uk/approvals/"+a.ID, 404)
	everywhere.press(everywhere.get(at, 200), at+"/approve", nil, http.StatusSeeOther)
	everywhere.get(at, 200).has(t, "approved")
}

func TestApprovalLists(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	const n = approvalsPerPage*2 + 3
	var a guard.Approval
	for i := range n {
		a = h.ask(uk, program, fmt.Sprintf(`{"i":%d}`, i), "r")
		h.forward(time.Second)
	}
	b := h.in("Adam", access.Grant{Role: access.Approver})
	desk := b.get("/console", 200)
	if strings.Count(desk.source, `class="card"`) != waitingPerBook {
		t.Error("the desk shows too much of one book")
	}
	desk.has(t, "All that wait here")
	seen := map[string]bool{}
	p := b.get("/console/books/uk/approvals", 200)
	for pages := 1; ; pages++ {
		count := 0
		for _, link := range p.Links {
			if id, ok := strings.CutPrefix(link, "/console/books/uk/approvals/"); ok {
				if seen[id] {
					t.Errorf("%s occurs twice", id)
				}
				seen[id] = true
				count++
			}
		}
		if count > approvalsPerPage {
			t.Errorf("%d on one page", count)
		}
		next := p.next(t)
		if next == "" {
			break
		}
		p = b.get(next, 200)
		p.has(t, "To the beginning")
	}
	if len(seen) != n {
		t.Errorf("%d of %d were shown", len(seen), n)
	}
	// The newest stand first, and the list narrows to an act and to who asked.
	newest := b.get("/console/books/uk/approvals", 200)
	newest.has(t, "newest first", "Asked or edited by me")
	if first := strings.Index(newest.source, `class="card"`); !strings.Contains(newest.source[first:first+200], a.ID) {
		t.Errorf("the newest, %s, does not stand first", a.ID)
	}
	for query, found := range map[string]bool{"act=test.run": true, "act=test.else": false, "author=" + program.ID: true, "author=" + b.id: false, "act=test.run&state=done": false} {
		if p := b.get("/console/books/uk/approvals?"+query, 200); strings.Contains(p.source, `class="card"`) != found {
			t.Errorf("%s: found is not %t", query, found)
		}
	}
	b.get("/console/books/uk/approvals?author="+b.id, 200).has(t, "There are none of these.", "Show all")
	for _, bad := range []string{"act=%00", "author=" + strings.Repeat("a", 300), "state=x", "after=x", "after=2026-01-01T00:00:00Z", "after=2026-01-01T00:00:00Z,", "after=x,y", "after=2026-01-01T00:00:00Z,%00", "state=%00"} {
		b.get("/console/books/uk/approvals?"+bad, 400)
	}
	for _, id := range []string{"x", "ap_0000000000000000", "%00", "ap_'--", strings.Repeat("a", 200)} {
		b.get("/console/books/uk/approvals/"+id, 404)
	}
}

// Texts of people are text, and cannot turn the direction of what stands around them.
func TestHostileApproval(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const hostile = `"><script>alert(1)</script><img src=x onerror='alert(2)'> ]]> {{.}} &lt; <!--`
	uk := h.book("uk", hostile, "GBP")
	h.changeEffect(hostile)
	payload, err := json.Marshal(map[string]any{"note\u202e<script>": hostile + "\u202e\u200b", "deep": []any{[]any{[]any{hostile}}}})
	if err != nil {
		t.Fatal(err)
	}
	asker := h.in("Fatima "+hostile[:60], access.Grant{Role: access.Finance})
	a := h.ask(uk, guard.Actor{Kind: guard.Person, ID: asker.id, Person: asker.id}, string(payload), hostile)
	b := h.in("Adam", access.Grant{Role: access.Approver}, access.Grant{Role: access.Admin})
	at := "/console/books/uk/approvals/" + a.ID
	for _, path := range []string{"/console", "/console/books/uk/approvals", at, "/console/books/uk/audit", "/console/audit", "/console/people", "/console/keys",
		"/console/books/uk/audit?act=%22%3E%3Cscript%3E&actor=%3Cscript%3E&object=javascript:alert(1)"} {
		b.get(path, 200).hasNot(t, "<script", "<img src=x", "<!--", "\u202e", "\u2066", "\u200b", `href="javascript`)
	}
	p := b.press(b.get(at, 200), at+"/refuse", url.Values{"reason": {hostile + strings.Repeat("x", 2000)}}, 400)
	p.hasNot(t, "<script", "<img src=x")
	b.get(at, 200).has(t, hostile, "⟨U+202E⟩")
}

func TestErasedPeople(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	asker := h.in("Fatima Canary", access.Grant{Role: access.Finance})
	h.ask(uk, guard.Actor{Kind: guard.Person, ID: asker.id, Person: asker.id}, `{"a":1}`, "r")
	b := h.in("Adam", access.Grant{Role: access.Approver}, access.Grant{Role: access.Admin})
	b.get("/console", 200).has(t, "Fatima Canary")
	b.get("/console/people", 200).has(t, "Fatima Canary")
	h.eraseSubject(vault.Owner{}, "person:"+asker.id)
	for _, path := range []string{"/console", "/console/people", "/console/books/uk/approvals"} {
		p := b.get(path, 200)
		p.has(t, "erased", asker.id)
		p.hasNot(t, "Canary", "canary")
	}
}
