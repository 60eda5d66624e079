package console

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/ledger/commerce"
	"mizan/ledger/commerce/intake"
	"mizan/ledger/guard"
	"mizan/ledger/locale"
	"mizan/ledger/money"
)

// uploads sends a form with a file, the fields before it, and demands a status.
func (b *browser) uploads(p page, path string, fields map[string]string, file string, status int) page {
	b.h.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, name := range append([]string{tokenField}, slices.Sorted(maps.Keys(fields))...) {
		value := fields[name]
		if name == tokenField {
			value = p.forms()[path].Get(tokenField)
		}
		b.h.must(w.WriteField(name, value))
	}
	part, err := w.CreateFormFile("file", "file")
	b.h.must(err)
	_, err = part.Write([]byte(file))
	b.h.must(err)
	b.h.must(w.Close())
	r := httptest.NewRequest(http.MethodPost, path, &body)
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("Origin", "https://"+testHost)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Host = testHost
	for _, c := range b.cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	answer := httptest.NewRecorder()
	b.h.ServeHTTP(answer, r)
	got := page{source: answer.Body.String(), header: answer.Header()}
	if strings.HasPrefix(answer.Header().Get("Content-Type"), "text/html") && answer.Code != http.StatusSeeOther {
		b.h.must(got.read())
	}
	if answer.Code != status {
		b.h.t.Fatalf("%s: %d, want %d\n%s", path, answer.Code, status, got.Text)
	}
	return got
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// ownRules is the shipped set of the market as the book's own, with another commission.
func ownRules(t *testing.T, rate string, from time.Time) string {
	t.Helper()
	i := slices.IndexFunc(commerce.ShippedRuleSets(), func(s *commerce.RuleSet) bool { return s.ID() == "uk-1" })
	set := *commerce.ShippedRuleSets()[i]
	set.Set, set.ValidFrom, set.Title = "contract", from, "Our own terms"
	set.Signature = &commerce.Signature{By: "Carla Example, CFO", At: today, Document: "DOC-7"}
	set.Rules = slices.Clone(set.Rules)
	var err error
	if set.Rules[0].Rate, err = money.ParseRate(rate); err != nil {
		t.Fatal(err)
	}
	content, err := json.MarshalIndent(&set, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Somebody in finance checks a draft of rules, sees who wins and who loses, and asks; an approver activates it; only then is it a set of
// the book.
func TestRulesAreDraftedRehearsedAndActivated(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	// Every act has a name in words, and means on pages what it means over the API.
	for _, act := range m.desk.Acts() {
		if english := (teller{locale.English}); !strings.HasPrefix(act.Name, "test.") && (actName(english, act.Name) == "" || actSays(english, "approvals.meaning.", act.Name) != act.Meaning) {
			t.Errorf("%s is called %q and means %q, not %q", act.Name, actName(english, act.Name), actSays(english, "approvals.meaning.", act.Name), act.Meaning)
		}
	}
	for _, p := range []commerce.Payee{{ID: "cre_amy", Kind: "creator"}, {ID: "sel_uk", Kind: "seller"}, {ID: "mcn_ldn", Kind: "agency"}} {
		m.register(m.book, p)
	}
	m.happened(m.book, "order.captured", "uk-sale", ukSale)
	fatima := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	fatima.get(at+"/rules", 200).has(t, "Rules Souk UK", "uk-1 shipped", "in force", "Check a draft")
	p := fatima.get(at+"/rules/sets/uk-1", 200)
	p.has(t, "Commission", "9 %", "Settlement", "topeuropenews.com", "this set", "tiers")
	fatima.get(at+"/rules/changes?from=uk-1&to=uk-1", 200).has(t, "Nothing that decides an amount is different.")
	fatima.get(at+"/rules/changes?from=uk-1&to=nope-1", 404)
	fatima.get(at+"/rules/sets/nope-1", 404)
	fatima.get(at+"/rules?after=nope-1", 400)

	const draft = at + "/rules/draft"
	p = fatima.get(draft+"?like=uk-1", 200)
	if !strings.Contains(p.source, "&#34;id&#34;: &#34;commission&#34;") {
		t.Error("a draft does not begin with the set it is like")
	}
	good := ownRules(t, "0.12", today.Add(48*time.Hour))
	wrong := strings.Replace(good, `"rate": "0.12"`, `"rate": "1.5"`, 1)
	bad := fatima.uploads(p, draft, map[string]string{"do": "check"}, wrong, 400)
	line := 1 + strings.Count(wrong[:strings.Index(wrong, `"rate": "1.5"`)], "\n")
	bad.has(t, "What is wrong", "/rules/0/rate "+thousands(int64(line)))
	for name, content := range map[string]string{"no JSON": "{", "another market": strings.Replace(good, `"market": "UK"`, `"market": "VN"`, 1), "the past": ownRules(t, "0.12", today)} {
		if p := fatima.uploads(p, draft, map[string]string{"do": "ask", "reason": "r"}, content, 400); p.header.Get("Location") != "" {
			t.Errorf("%s was asked for", name)
		}
	}
	fatima.uploads(p, draft, map[string]string{"do": "check"}, strings.Repeat(" ", draftBytes+1), 413)
	fatima.uploads(page{}, draft, map[string]string{"do": "check"}, good, 403)

	checked := fatima.uploads(p, draft, map[string]string{"do": "check", "draft": strings.ReplaceAll(good, "\n", "\r\n")}, "", 200)
	checked.has(t, "The draft contract-1 can be asked for.", "Compared with uk-1", "rule commission", "rate 9 % 12 %", "Ask a second person")
	days := map[string]string{"do": "rehearse", "draft": good, "from": "2026-11-01", "to": "2026-11-30"}
	if placed := m.now().Format(time.DateOnly); placed < days["from"] || placed > days["to"] {
		days["from"], days["to"] = placed, placed
	}
	played := fatima.uploads(p, draft, days, "", 200)
	played.has(t, "Orders 1", "Who gets less", "seller:sel_uk 1", "Nobody gets more.", "UK-1 seller:sel_uk")
	api, err := m.events.Rehearse(t.Context(), m.book, mustRules(t, good), commerce.RehearsalQuery{From: today.AddDate(0, -2, 0), To: today.AddDate(0, 2, 0)})
	m.must(err)
	for _, s := range api.Payees {
		if s.Difference != "0.00" {
			played.has(t, s.Who+" 1 "+s.Now+" "+string(s.Currency)+" "+s.Proposed+" "+string(s.Currency)+" "+s.Difference+" "+string(s.Currency))
		}
	}
	days["from"] = "2026-12-31"
	fatima.uploads(p, draft, days, "", 400).has(t, "Write both as 2026-11-01")
	fatima.uploads(p, draft, map[string]string{"do": "ask", "draft": good}, "", 400).has(t, "Nothing was asked for")
	asked := fatima.uploads(p, draft, map[string]string{"do": "ask", "draft": good, "reason": "The new contract.", "document": "DOC-7"}, "", 303).header.Get("Location")

	support := m.in("Sue", access.Grant{Role: access.Support, Book: "uk"})
	support.get(at+"/rules", 200).hasNot(t, "/rules/draft")
	support.get(draft, 404)
	support.uploads(p, draft, map[string]string{"do": "check"}, good, 403)

	omar := m.in("Omar", access.Grant{Role: access.Approver, Book: "uk"})
	omar.uploads(omar.get(draft, 200), draft, map[string]string{"do": "ask", "draft": good, "reason": "r"}, "", 403)
	a := omar.get(asked, 200)
	a.has(t, "rules.activate", "rule commission")
	omar.press(a, asked+"/approve", nil, 303)
	fatima.get(at+"/rules", 200).has(t, "contract-1", "to come", "Carla Example, CFO")
	fatima.get(at+"/rules/sets/contract-1", 200).has(t, "12 %", "What it changes of uk-1", "DOC-7", "uk-1")
	fatima.get(at+"/rules/changes?from=uk-1&to=contract-1", 200).has(t, "rule commission changed rate 9 % 12 %")
}

func mustRules(t *testing.T, content string) *commerce.RuleSet {
	t.Helper()
	s, err := commerce.ParseRuleSet([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A place in a document is on its line, also where the value is missing, and where the document is none.
func TestLineOfAPointer(t *testing.T) {
	t.Parallel()
	const text = "{\n \"a\": [\n  1,\n  {\"b\":\n   2}\n ],\n \"c\": {}\n}\n"
	for pointer, want := range map[string]int{"/a": 2, "/a/0": 3, "/a/1": 4, "/a/1/b": 5, "/a/1/none": 4, "/c/d/e": 7, "/none": 1, "": 0} {
		if got := lineOfPointer(text, pointer); got != want {
			t.Errorf("%s is on line %d, want %d", pointer, got, want)
		}
	}
	for name, x := range map[string]struct {
		text, pointer string
		want          int
	}{
		"broken":              {"\n{", "/a", 2},
		"broken in its value": {"{\n\"a\":\n[\n", "/a/0", 3},
		"none":                {"", "/a", 0},
		"deep":                {strings.Repeat("[\n", 100_000), "/0/0", 3},
		"deeper than is read": {strings.Repeat("[\n", 100_000), strings.Repeat("/0", 90), 65},
	} {
		if got := lineOfPointer(x.text, x.pointer); got != x.want {
			t.Errorf("%s: line %d, want %d", name, got, x.want)
		}
	}
}

// An administrator adds somebody, asks for a role and a key, which somebody else approves, and ends them again; every act is in the trail.
func TestPeopleAndKeysAreLookedAfter(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.book("uk", "Souk UK", "GBP")
	ada, omar := h.in("Ada", access.Grant{Role: access.Admin}), h.in("Omar", access.Grant{Role: access.Approver})
	p := ada.get("/console/people", 200)
	ada.press(p, "/console/people", url.Values{"name": {""}}, 400).has(t, "Nothing was done")
	nia := ada.press(p, "/console/people", url.Values{"name": {"Nia New"}, "email": {"nia@example.com"}}, 303).header.Get("Location")
	p = ada.get(nia, 200)
	p.has(t, "Nia New", "The person holds no role", "mizan people link per_")
	ada.press(p, nia+"/grants", url.Values{"role": {"finance"}, "book": {"nope"}, "reason": {"r"}}, 404)
	ada.press(p, nia+"/grants", url.Values{"role": {"king"}, "reason": {"r"}}, 400).has(t, "Nothing was done", "A role is finance")
	ada.press(p, nia+"/grants", url.Values{"role": {"finance"}, "until": {"soon"}, "reason": {"r"}}, 400).has(t, "Write it as 2027-11-20")
	asked := ada.press(p, nia+"/grants", url.Values{"role": {"finance"}, "book": {"uk"}, "until": {"2026-12-31"}, "reason": {"She joins."}}, 303).header.Get("Location")
	ada.get(asked, 200).hasNot(t, asked+"/approve")
	omar.press(omar.get(asked, 200), asked+"/approve", nil, 303)
	p = ada.get(nia, 200)
	p.has(t, "finance", "uk", "2027-01-01 00:00:00")
	person, err := h.access.Person(t.Context(), strings.TrimPrefix(nia, "/console/people/"))
	h.must(err)

	keys := ada.get("/console/keys", 200)
	ada.press(keys, "/console/keys", url.Values{"name": {"shop"}, "scope": {"events:write"}, "reason": {"r"}}, 400).has(t, "Name the codes of the books")
	ada.press(keys, "/console/keys", url.Values{"name": {"shop"}, "scope": {"*"}, "books": {"uk"}, "reason": {"r"}}, 400).has(t, "Nothing was done")
	key := ada.press(keys, "/console/keys", url.Values{"name": {"shop"}, "scope": {"events:write", "books:read"}, "books": {"uk"}, "reason": {"The shop opens."}}, 303).header.Get("Location")
	omar.press(omar.get(key, 200), key+"/approve", nil, 303)
	list, err := h.access.List(t.Context())
	h.must(err)
	at := "/console/keys/" + list[len(list)-1].ID
	p = ada.get(at, 200)
	p.has(t, "shop", "events:write", "uk", "Rotate", "Revoke")
	h.forward(time.Second)
	shown := ada.press(p, at+"/rotation", url.Values{"overlap": {"0"}}, 200)
	shown.has(t, "The new key", "mk_")
	list, err = h.access.List(t.Context())
	h.must(err)
	next := "/console/keys/" + list[len(list)-1].ID
	ada.get(next, 200).hasNot(t, "mk_")
	ada.press(p, at+"/rotation", url.Values{"overlap": {"0"}}, 409).has(t, "Nothing was done")
	ada.press(p, at+"/rotation", url.Values{"overlap": {"721"}}, 400)
	ada.press(ada.get(next, 200), next+"/revocation", nil, 400).has(t, "Say why")
	ada.press(ada.get(next, 200), next+"/revocation", url.Values{"reason": {"The shop closes."}}, 303)
	ada.get(next, 200).has(t, "revoked")
	if p := ada.get(next, 200); p.forms()[next+"/revocation"] != nil {
		t.Error("a revoked key can be revoked")
	}

	p = ada.get(nia, 200)
	ada.press(p, nia+"/revocations", url.Values{"grant": {person.Grants[0].ID}}, 400).has(t, "Say why")
	ada.press(p, nia+"/revocations", url.Values{"grant": {person.Grants[0].ID}, "reason": {"She moves on."}}, 303)
	ada.press(p, nia+"/session-ends", url.Values{"reason": {"A lost phone."}}, 303)
	ada.press(p, nia+"/deactivation", url.Values{"reason": {"She left."}}, 303)
	p = ada.get(nia, 200)
	p.has(t, "deactivated", "over")
	p.hasNot(t, nia+"/grants")

	auditor := h.in("Otto", access.Grant{Role: access.Auditor})
	q := auditor.get(nia, 200)
	q.hasNot(t, "Nia", "nia@example.com", "<textarea")
	token := auditor.get("/console/people", 200).forms()["/sign-out"]
	token.Set("reason", "r")
	for _, path := range []string{"/console/people", nia + "/grants", nia + "/revocations", nia + "/session-ends", nia + "/deactivation", next + "/revocation"} {
		auditor.post(path, token, 403)
	}
	local := h.in("Lea", access.Grant{Role: access.Admin, Book: "uk"})
	token = local.get("/console/keys", 200).forms()["/sign-out"]
	token.Set("reason", "r")
	local.get(nia, 404)
	local.post(nia+"/deactivation", token, 404)
	local.post("/console/people", token, 404)
	local.post("/console/keys", token, 403)
	support := h.in("Sue", access.Grant{Role: access.Support})
	token = support.get("/console", 200).forms()["/sign-out"]
	for _, path := range []string{at, "/console/keys/none"} {
		support.get(path, 404)
		support.post(path+"/rotation", token, 404)
	}
	rows, err := h.trail.Rows(t.Context(), guard.Book{}, guard.Filter{}, 0, 1000)
	h.must(err)
	told := map[string]string{}
	for _, row := range rows {
		if row.Actor.Person == ada.id {
			told[row.Act] = row.Why
		}
	}
	for act, why := range map[string]string{"person.added": "", "role.granted": "", "key.granted": "", "key.rotated": "", "key.revoked": "The shop closes.", "role.revoked": "She moves on.", "person.deactivated": "She left.", "sessions.ended": "A lost phone."} {
		if got, ok := told[act]; !ok || got != why {
			t.Errorf("the trail says of %s %q, %v; it has %v", act, got, ok, told)
		}
	}
}

// A file of a marketplace is uploaded, tried, applied, and what waits of it is tried again for a reason; a parked message is found, read
// and tried again, and the trail says who did.
func TestWhatComesIn(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.register(m.book, commerce.Payee{ID: "sel_uk", Kind: "seller"})
	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	const head = "transaction_id,statement_id,currency,subtotal_before_discount,platform_commission,moon_fee,settlement_amount,statement_time\n"
	file := head + "T-1,ST-1,GBP,100.00,-6.00,,94.00,2026-11-01\nT-2,ST-1,GBP,10.00,-0.60,-0.40,9.00,\n"
	const files = at + "/imports"
	p := b.get(files, 200)
	p.has(t, "No file came in yet.")
	what := map[string]string{"format": "tiktok", "role": "bookkeeper", "seller": "sel_uk"}
	b.uploads(p, files, map[string]string{"format": "tiktok", "role": "king", "seller": "sel_uk"}, file, 400).has(t, "Nothing was done", "The role is platform")
	b.uploads(page{}, files, what, file, 403)
	b.uploads(p, files, map[string]string{"format": "tiktok", "role": "bookkeeper", "seller": "sel_uk", "dry": "yes"}, file, 200).has(t, "What would become of the file", "1 waits for a person", "T-2")
	b.get(files, 200).has(t, "No file came in yet.")
	one := b.uploads(p, files, what, file, 303).header.Get("Location")
	b.get(one, 200).has(t, "File 1 received")
	for n, err := 1, error(nil); n > 0; {
		n, err = m.intake.WorkImports(t.Context())
		m.must(err)
	}
	p = b.get(one, 200)
	p.has(t, "File 1 done", "1 recorded", "1 waits for a person", "Its rows come to 103.00", "In the book 94.00", "Not in the book 9.00 GBP", "moon_fee")
	b.get(one+"?state=parked", 200).hasNot(t, ">T-1<")
	b.get(one+"?state=nope", 400)
	b.get(files+"/99", 404)
	b.get(files, 200).has(t, "done", "9.00")
	b.press(p, one+"/retries", nil, 400).has(t, "Say why")
	b.press(p, one+"/retries", url.Values{"reason": {"The moon fee is known."}}, 303)

	for _, id := range []string{"m-1", "m-2"} {
		_, _, err := m.intake.Receive(t.Context(), m.book, intake.Message{Source: intake.SourceShopify, MessageID: id, Topic: "orders/paid", Origin: "toys.example", Body: []byte(`{"id":1001,"canary":"` + jobCanary + `"}`)})
		m.must(err)
	}
	for n, err := 1, error(nil); n > 0; {
		n, err = m.intake.Work(t.Context())
		m.must(err)
	}
	p = b.get(at+"/inbound?state=parked", 200)
	p.has(t, "orders/paid", "toys.example", "waits", "within the hour")
	if strings.Index(p.source, "/inbound/2") > strings.Index(p.source, "/inbound/1") {
		t.Error("the newest message does not come first")
	}
	b.get(at+"/inbound?state=applied", 200).has(t, "There are none of these.")
	b.get(at+"/inbound?state=nope", 400)
	b.get(at+"/inbound/99", 404)
	const message = at + "/inbound/1"
	p = b.get(message, 200)
	p.hasNot(t, jobCanary)
	b.press(p, message+"/body", nil, 200).has(t, "The message as it came", jobCanary)
	b.press(p, message+"/retries", nil, 400).has(t, "Say why")
	b.press(p, message+"/retries", url.Values{"reason": {"The shop is described."}}, 303)
	otto := m.in("Otto", access.Grant{Role: access.Auditor, Book: "uk"})
	otto.get(message, 200).hasNot(t, message+"/retries", message+"/body")
	token := otto.get(message, 200).forms()["/sign-out"]
	token.Set("reason", "r")
	otto.post(message+"/retries", token, 403)
	otto.post(message+"/body", token, 403).hasNot(t, jobCanary)
	otto.post(one+"/retries", token, 403)
	rows, err := m.trail.Rows(t.Context(), guard.Book{ID: int32(m.book.ID), Code: "uk"}, guard.Filter{Actor: b.id}, 0, 100)
	m.must(err)
	told := map[string]string{}
	for _, row := range rows {
		told[row.Act+" "+row.Object] = row.Why
	}
	for deed, why := range map[string]string{"import.retried import:1": "The moon fee is known.", "inbound.retried inbound:1": "The shop is described.", "inbound.read inbound:1": ""} {
		if got, ok := told[deed]; !ok || got != why {
			t.Errorf("the trail says of %s %q, %v", deed, got, ok)
		}
	}
}

// A campaign is published, and its next version, once a second person agrees; its page says what stands.
func TestCampaignsArePublished(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	b, omar := m.in("Fatima", access.Grant{Role: finance, Book: "uk"}), m.in("Omar", access.Grant{Role: access.Approver, Book: "uk"})
	const list = at + "/campaigns"
	p := b.get(list, 200)
	p.has(t, "No campaign was published yet.")
	form := url.Values{"id": {"kits"}, "name": {"Winter kits"}, "kind": {"humanitarian"}, "currency": {"GBP"}, "beneficiaries": {"ngo_a 60 Shelter Now\r\nngo_b 40"}, "window": {"14"}, "fee": {"0"}, "rate": {"0.014"}, "flat": {"0.20"}, "reason": {"For the winter."}}
	broken := maps.Clone(form)
	broken.Set("beneficiaries", "ngo_a")
	b.press(p, list, broken, 400).has(t, "one a line")
	broken.Set("beneficiaries", "ngo_a 1")
	broken.Set("fee", "0.05")
	b.press(p, list, broken, 400).has(t, "Nothing was done", "0.00")
	asked := b.press(p, list, form, 303).header.Get("Location")
	b.get(list, 200).has(t, "No campaign was published yet.")
	omar.press(omar.get(asked, 200), asked+"/approve", nil, 303)
	b.get(list, 200).has(t, "kits Winter kits", "humanitarian")
	m.happened(m.book, "donation.received", "gave", `{"donation":"D1","campaign":"kits","currency":"GBP","amount":"100.00","payments":[{"processor":"main","payment_id":"pi_D1","amount":"100.00"}]}`)
	b.get(at+donationsPath+"/D1", 200).has(t, "Donation D1", "kits", "ngo_a pending", "card processing", "donation.received")
	if _, found := b.send(http.MethodGet, at+"/search?q=D1", nil); found.header.Get("Location") != at+donationsPath+"/D1" {
		t.Errorf("a donation that is searched for leads to %q", found.header.Get("Location"))
	}
	one := list + "/kits"
	p = b.get(one, 200)
	now, err := m.events.Campaign(t.Context(), m.book, "kits")
	m.must(err)
	p.has(t, "Given "+now.Totals.Given+" GBP", "Held "+now.Totals.Held+" GBP", "ngo_a 60.00 %", "Its public page", "Donations: 1")
	asked = b.press(p, one+"/versions", url.Values{"name": {"Winter kits"}, "beneficiaries": {"ngo_b 1"}, "window": {"14"}, "fee": {"0"}, "rate": {"0"}, "reason": {"One is left."}}, 303).header.Get("Location")
	omar.press(omar.get(asked, 200), asked+"/approve", nil, 303)
	now, err = m.events.Campaign(t.Context(), m.book, "kits")
	m.must(err)
	// A form that was begun before would take back what the campaign promises since.
	p = b.press(p, one+"/versions", url.Values{"name": {"Winter kits"}, "beneficiaries": {"ngo_a 1"}, "window": {"14"}, "fee": {"0"}, "rate": {"0"}, "reason": {"Late."}}, 409)
	p.has(t, "Nothing was done", "promises something newer")
	b.post(one+"/versions", p.served(one+"/versions"), 409)
	if len(now.Versions) != 2 || now.Versions[1].Beneficiaries[0].Payee != "ngo_b" {
		t.Errorf("the versions are %+v", now.Versions)
	}
	b.get(list+"/none", 404)
	token := omar.get(one, 200).forms()["/sign-out"]
	omar.post(one+"/versions", token, 403)
}

// unread is a body that tells that somebody reads it.
type unread struct{ read bool }

func (u *unread) Read([]byte) (int, error) {
	u.read = true
	return 0, io.ErrUnexpectedEOF
}

// Of a file that somebody sends who may not nothing is read, so that nobody waits for it.
func TestUploadsOfStrangers(t *testing.T) {
	t.Parallel()
	h := newMarket(t)
	stranger, sam := h.browser(), h.in("Sam", access.Grant{Role: access.Support, Book: "uk"})
	stranger.get("/sign-in", 200)
	for _, path := range []string{at + importsPath, at + "/bank-reports", at + rulesPath + "/draft", at + reconPath + "/sources/bank/main/statements"} {
		for name, b := range map[string]*browser{"a stranger": stranger, "support": sam} {
			body := &unread{}
			r := httptest.NewRequest(http.MethodPost, path, body)
			r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
			r.Header.Set("Origin", "https://"+testHost)
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.Host = testHost
			for _, c := range b.cookies {
				r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
			}
			answer := httptest.NewRecorder()
			h.Handler.(*watched).Handler.ServeHTTP(answer, r) // who watches forms reads them
			if strangers := name == "a stranger"; answer.Code != 403 && (strangers || answer.Code != 404) || body.read {
				t.Errorf("%s at %s: %d, read %v", name, path, answer.Code, body.read)
			}
		}
	}
}
