package api

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mizan/api/access"
)

// The access matrix: every operation of the table with every kind of caller, on own, other and missing books and objects.
// What it may answer follows from the table; an operation that cannot be tried fails.

// lacking is of how many operations whose scope a key of one other scope lacks it tries one. They are refused by one comparison of scopes;
// each run begins elsewhere, and with -matrix.whole all are tried.
const lacking = 3

var wholeMatrix = flag.Bool("matrix.whole", false, "have keys of one scope try every operation of others")

// caller is somebody who tries every operation.
type caller struct {
	name string
	key  string // a bearer key, or
	as   string // a session
	bad  bool   // nobody knows them
	// scopes are a program's, roles a person's by book, "" for every book; payees those whom a payee may see.
	scopes []access.Scope
	roles  map[access.Role]string
	payees []string
	books  []string // nil for every book
	alone  bool
}

// outcome is what the table says of a caller and an operation.
type outcome string

const (
	unknown   outcome = "unauthenticated"
	forbidden outcome = "forbidden"
	hidden    outcome = "book-unknown"
	stranger  outcome = "payee-unknown"
	together  outcome = "approval-required"
	allowed   outcome = "allowed"
)

// has reports whether a scope is among those of a key.
func has(scopes []access.Scope, s access.Scope) bool {
	return s == access.SignedIn || slices.Contains(scopes, s) || slices.Contains(scopes, access.Everything)
}

// holds reports whether one of a person's roles gives the scope in the book; any book will do if any is set.
func (c *caller) holds(s access.Scope, book string, any bool) bool {
	for role, in := range c.roles {
		if (in == "" || in == book && book != "" || any) && (s == access.SignedIn || slices.Contains(role.Scopes(), s)) {
			return true
		}
	}
	return s == access.SignedIn
}

// expect says what the table promises for an operation on a book, which is empty if the operation is about none, and of a
// payee. It is written apart from the service, from the documentation of Operation.
func (c *caller) expect(op *Operation, book, payee string) outcome {
	ask := []access.Scope{op.Scope}
	if op.Also != "" {
		ask = append(ask, op.Also)
	}
	sees := c.books == nil || slices.Contains(c.books, book)
	switch {
	case c.bad:
		return unknown
	case c.payees != nil && op.Scope != access.SignedIn:
		switch {
		case op.Own == "":
			return forbidden
		case !sees:
			return hidden
		case !slices.Contains(c.payees, payee):
			return stranger
		}
		return allowed
	}
	for i, s := range ask {
		switch {
		case c.roles == nil && !has(c.scopes, s), c.roles != nil && !op.Owned && !c.holds(s, "", true):
			return forbidden
		case book != "" && !sees:
			return hidden
		case c.roles != nil && !op.Each && !c.holds(s, book, book == "" && s == access.BooksRead):
			return forbidden
		case i == 0 && op.Installation && c.books != nil:
			return forbidden
		}
	}
	if op.SecondPerson != "" && !c.alone {
		return together
	}
	return allowed
}

// request sends what the caller would.
func (h *house) request(c *caller, method, path, body string) answer {
	var header []string
	if strings.HasPrefix(body, statementHead) || strings.HasPrefix(body, "<?xml") {
		header = []string{"Content-Type", "application/octet-stream"}
	}
	if c.as != "" {
		header = append(header, "Cookie", access.CookiePlain+"="+c.as)
	}
	return h.as(c.key, method, path, body, header...)
}

// strangers are callers whom nobody knows.
func (h *house) strangers() []*caller {
	all := access.NewKey{Scopes: []access.Scope{access.Everything}}
	ends := all
	ends.ExpiresAt = h.clock.now().Add(time.Minute)
	_, expired := h.key(ends)
	gone, revoked := h.key(all)
	_, good := h.key(all)
	_, session := h.staff("finance")
	if err := h.access.SignOut(h.t.Context(), session, "", ""); err != nil {
		h.t.Fatal(err)
	}
	if err := h.access.Revoke(h.t.Context(), operator, gone.ID, "Its time has come."); err != nil {
		h.t.Fatal(err)
	}
	h.clock.forward(2 * time.Minute)
	list := []*caller{{name: "a session that ended", as: session}, {name: "a session that never was", as: "ms_" + strings.Repeat("A", 43)}}
	for name, key := range map[string]string{
		"no key": "", "malformed": "mk_short", "static, wrong": testKey + "x", "expired": expired, "revoked": revoked, "right id, wrong secret": good[:len(good)-43] + strings.Repeat("A", 43),
		"unknown id": "mk_aaaaaaaaaaaa_" + good[len(good)-43:], "a link's token": "ml_" + strings.Repeat("A", 43), "a session as a key": session,
	} {
		list = append(list, &caller{name: name, key: key})
	}
	for _, c := range list {
		c.bad = true
	}
	return list
}

// programs are keys with each scope, and with every scope in some books.
func (h *house) programs() []*caller {
	list := []*caller{{name: "the development key", key: testKey, scopes: []access.Scope{access.Everything}, alone: true}}
	for _, s := range access.Scopes() {
		_, key := h.key(access.NewKey{Scopes: []access.Scope{s}})
		list = append(list, &caller{name: "key " + string(s), key: key, scopes: []access.Scope{s}})
	}
	for _, book := range []string{"uk", "vn"} {
		_, key := h.key(access.NewKey{Scopes: []access.Scope{access.Everything}, Books: []string{book}})
		list = append(list, &caller{name: "key * in " + book, key: key, scopes: []access.Scope{access.Everything}, books: []string{book}})
	}
	return list
}

// people are somebody with each role in the book, in another one and in every book, with none, and with two.
func (h *house) people() []*caller {
	_, nobody := h.staff()
	_, both := h.staff("finance@uk", "admin@vn")
	list := []*caller{{name: "nobody's role", as: nobody, roles: map[access.Role]string{}, books: []string{}},
		{name: "finance in uk and admin in vn", as: both, roles: map[access.Role]string{access.Finance: "uk", access.Admin: "vn"}, books: []string{"uk", "vn"}}}
	for _, role := range access.Roles() {
		for _, book := range []string{"", "uk", "vn"} {
			_, session := h.staff(strings.TrimSuffix(string(role)+"@"+book, "@"))
			c := &caller{name: fmt.Sprintf("%s in %q", role, book), as: session, roles: map[access.Role]string{role: book}}
			if book != "" {
				c.books = []string{book}
			}
			list = append(list, c)
		}
	}
	return list
}

// payees are a payee of the book, one of the same name in another book, another one, and a guardian of a minor.
func (h *house) payees() []*caller {
	return []*caller{
		{name: "cre_amy of uk", as: h.signedIn("uk", "cre_amy"), payees: []string{"cre_amy"}, books: []string{"uk"}},
		{name: "cre_amy of vn", as: h.signedIn("vn", "cre_amy"), payees: []string{"cre_amy"}, books: []string{"vn"}},
		{name: "cre_bob of uk", as: h.signedIn("uk", "cre_bob"), payees: []string{"cre_bob"}, books: []string{"uk"}},
		{name: "guardian in uk", as: h.signedIn("uk", "gua_pat"), payees: []string{"gua_pat", "cre_minor"}, books: []string{"uk"}},
	}
}

// fixture is what the matrix acts on: an object for each parameter of a path, and one that does not exist.
type fixture struct {
	own, missing map[string]string
	bodies       map[string]string // by operation, where the example will not do
	holds        int               // how many were placed, one for each try
}

// matrixFixture makes an object of every kind in the book uk, and the book vn beside it.
func (h *house) matrixFixture() fixture {
	h.t.Helper()
	h.must(201, "POST", "/v1/books", `{"code":"vn","name":"Example VN","currencies":["VND"],"time_zone":"Asia/Ho_Chi_Minh"}`)
	h.must(201, "POST", posting, sale("r-1", "1.00"))
	h.must(201, "POST", "/v1/books/uk/events", releasableTip)
	explained := h.event("order.captured", "an-event") // the other one has no explanation
	campaign, err := json.Marshal(campaignExample())
	if err != nil {
		h.t.Fatal(err)
	}
	h.must(201, "POST", "/v1/books/uk/campaigns", string(campaign))
	h.event("donation.received", "a-donation")
	for _, e := range chainEvents {
		h.must(201, "POST", "/v1/books/uk/events", e)
	}
	h.imported()
	h.must(201, "POST", "/v1/books/uk/events", `{"type":"simulcast.reported","reference":"sale-B","data":{"sale":"B","brand":"b","currency":"GBP","amount":"10.00"}}`)
	for _, p := range []string{`"cre_amy","kind":"creator"`, `"cre_bob","kind":"creator"`, `"gua_pat","kind":"guardian"`, `"cre_minor","kind":"creator","minor":true,"guardian":"gua_pat"`} {
		h.must(201, "POST", "/v1/books/uk/payees", `{"id":`+p+`,"country":"UK","currency":"GBP"}`)
	}
	h.must(201, "POST", "/v1/books/vn/payees", `{"id":"cre_vy","kind":"creator","country":"VN","currency":"VND"}`)
	key, _ := h.key(access.NewKey{Scopes: []access.Scope{access.KeysWrite}, Books: []string{"uk"}})
	f := fixture{own: map[string]string{}, missing: map[string]string{
		"approval": "ap_zzzzzzzzzzzzzzzz", "key": "zzzzzzzzzzzz", "person": "per_zzzzzzzzzzzzzzzz", "grant": "gr_zzzzzzzzzzzzzzzz", "subject": "payee:zz", "id": "uk-99", "set": "zz-9",
		"address": "liabilities:seller:available:zz", "currency": "JPY", "number": "99", "digest": strings.Repeat("0", 64), "message": "99", "import": "99", "source": "shopify", "job": "test_count", "period": "2026-11-19T00:00:00Z",
	}, bodies: map[string]string{}}
	for _, name := range parameterNames(reflect.TypeFor[pathFields]()) {
		f.own[name] = examplePath("{" + name + "}")
		if f.missing[name] == "" {
			f.missing[name] = "zz"
		}
	}
	maps.Copy(f.own, map[string]string{"key": key.ID, "explained": explained})
	destination := h.must(201, "POST", "/v1/books/uk/payees/cre_bob/destinations", `{"rail":"connected","account":"`+secondAccount+`","currencies":["GBP"],"reason":"For the tests."}`).json(h.t)
	h.payable("cre_amy", 1)
	h.must(200, "PATCH", "/v1/books/uk/data_subjects/payee:cre_amy", `{"fields":{"bank_account":"GB33BUKB20201555555555"},"reason":"For the tests."}`)
	f.own["receipt"] = h.receiptFor("donation:D3")
	f.own["destination"], f.missing["destination"] = destination["id"].(string), "dst_zzzzzzzzzzzzzzzz"
	h.ranOnce()
	h.reconciled(&f)
	book, err := h.ledger.Book(h.t.Context(), "uk")
	if err != nil {
		h.t.Fatal(err)
	}
	st, err := h.later.Issue(h.t.Context(), book, "cre_amy", "GBP")
	if err != nil || st == nil {
		h.t.Fatalf("no statement is issued: %v", err)
	}
	f.own["statement"] = st.ID
	why, ask := `{"reason":"For the tests."}`, `{"act":%q,"payload":%s,"reason":"For the tests."}`
	for _, op := range Operations() {
		if op.Body == reflect.TypeFor[NewReason]() {
			f.bodies[op.ID] = why
		}
	}
	maps.Copy(f.bodies, map[string]string{
		"ask-approval": fmt.Sprintf(ask, "sample.counted", samplePayload), "ask-installation-approval": fmt.Sprintf(ask, "sample.installed", samplePayload),
		"edit-approval":              `{"version":1,` + fmt.Sprintf(ask, "sample.counted", samplePayload)[1:],
		"edit-installation-approval": `{"version":1,` + fmt.Sprintf(ask, "sample.installed", samplePayload)[1:],
		"create-book":                `{"code":"uk2","name":"Another","currencies":["GBP"],"time_zone":"UTC"}`,
		"post-event":                 `{"type":"tip.sent","reference":"tip-2","data":{"tip":"T-2","creator":"cre_amy","currency":"GBP","amount":"5.00","processor":"main","payment_id":"pi_t2"}}`,
		"import-file":                statementHead + "T-9,ST-9,GBP,10.00,,-1.00,9.00,\n",
		"run-book-job":               `{"period":"2026-11-20T10:00:00Z","reason":"For the tests."}`,
		"rotate-key":                 `{"overlap_seconds":60}`, "grant-role": `{"role":"support","book":"vn"}`, "make-sign-in-link": `{}`,
		"change-standing":     `{"version":1,"owner":"own_1","reason":"For the tests."}`,
		"set-destination":     `{"rail":"bank","currencies":["JPY"],"reason":"For the tests."}`, // another than its payouts go to
		"propose-destination": `{"fields":{"bank_account":"GB33BUKB20201555555555","bank_holder":"Amy Example"},"reason":"New bank.","document":"DOC-1"}`,
		"hold-personal-data":  `{"until":"2026-11-19T00:00:00Z","reason":"It has ended."}`, "close-data-subject": `{"reason":"It goes on."}`,
	})
	return f
}

// path fills an operation's path for a book with the objects given.
func (f *fixture) path(op *Operation, book string, objects map[string]string) string {
	path := strings.Replace(op.Path, "{book}", book, 1)
	if op.ID == "take-bank-report" {
		path += "?currency=GBP"
	}
	if op.ID == "import-file" {
		path += "?format=tiktok&role=bookkeeper&seller=sel_uk"
	}
	switch op.ID {
	case "search-book":
		path += "?q=UK-1001"
	case "replay-payout-decision":
		path += "?kind=creator&payee=cre_amy&currency=GBP"
	case "get-days-manifest": // of days that are over
		day := start.AddDate(0, 0, -1).Format(time.DateOnly)
		path += "?from=" + day + "&to=" + day
	case "quote-payout":
		path += "?kind=creator&currency=GBP"
	case "compare-rule-sets":
		path += "?from=uk-1"
	}
	for name, value := range objects {
		if op.ID == "explain-transaction" && value == f.own["id"] {
			value = f.own["explained"]
		}
		path = strings.Replace(path, "{"+name+"}", value, 1)
	}
	return path
}

// renew makes what an operation uses up: a person with a role, or an approval that the development key has asked for.
func (f *fixture) renew(h *house, op *Operation) {
	if f.own["job"] = "vault_sweep"; op.ofBook() {
		f.own["job"] = "test_count"
	}
	if strings.Contains(op.Path, "{run}") || strings.Contains(op.Path, "{payout}") {
		f.own["run"], f.own["payout"] = h.askedFor()
	}
	if strings.Contains(op.Path, "/bank-") {
		f.renewBank(h, op)
	}
	f.renewReconciled(h, op)
	if strings.Contains(op.Path, "{person}") {
		f.own["person"], _ = h.staff("support@uk")
		p, err := h.access.Person(h.t.Context(), f.own["person"])
		if err != nil {
			h.t.Fatal(err)
		}
		f.own["grant"] = p.Grants[0].ID
	}
	if strings.Contains(op.Path, "{question}") {
		a := h.must(200, "POST", "/v1/books/uk/payees/cre_amy/questions", `{"reference":"`+op.ID+`","about":"order","id":"UK-1001","text":"Why?"}`)
		f.own["question"] = a.json(h.t)["id"].(string)
	}
	if strings.Contains(op.Path, "{hold}") {
		f.holds++
		f.own["hold"] = fmt.Sprint("hold_", f.holds)
		h.must(200, "POST", "/v1/books/uk/holds", `{"id":"`+f.own["hold"]+`","kind":"creator","payee":"cre_bob","effect":"pause","category":"kyc","case":"c","reason":"For the tests."}`)
	}
	if !strings.Contains(op.Path, "{approval}") {
		return
	}
	under, act := "/v1/books/uk", "sample.counted"
	if op.Installation {
		under, act = "/v1", "sample.installed"
	}
	a := h.must(201, "POST", under+"/approvals", fmt.Sprintf(`{"act":%q,"payload":%s,"reason":"For the tests."}`, act, samplePayload)).json(h.t)
	f.own["approval"] = a["id"].(string)
	f.bodies["approve-approval"] = fmt.Sprintf(`{"hash":%q}`, a["hash"])
	f.bodies["approve-installation-approval"] = f.bodies["approve-approval"]
}

// body is what is sent to an operation.
func (f *fixture) body(t *testing.T, op *Operation) string {
	if op.Body == nil {
		return ""
	}
	if body := f.bodies[op.ID]; body != "" {
		return body
	}
	if op.Example == nil {
		t.Errorf("%s cannot be tried: it has no example, and the fixture has no body for it", op.ID)
	}
	b, err := json.Marshal(op.Example)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestAccessMatrix tries every operation with every caller, on the book and objects of the fixture, on another book and on a
// missing one.
func TestAccessMatrix(t *testing.T) {
	t.Parallel()
	h := open(t)
	f := h.matrixFixture()
	bad := h.strangers()
	good := slices.Concat(h.programs(), h.people(), h.payees())
	tried := map[outcome]int{}
	turn := rand.IntN(lacking)
	t.Logf("keys of one scope try every third operation of others, counted from %d", turn)
	for at, op := range Operations() {
		f.renew(h, &op)
		body := f.body(t, &op)
		own := f.path(&op, "uk", f.own)
		if strings.Contains(own, "{") {
			t.Errorf("%s cannot be tried: the fixture lacks an object of %s", op.ID, own)
			continue
		}
		if op.Signed { // a key does not stand for a signature
			for _, key := range []string{"", testKey} {
				if a := h.as(key, op.Method, own, body); a.StatusCode != 401 && a.StatusCode != 400 {
					t.Errorf("%s without a signature: %d", op.ID, a.StatusCode)
				}
			}
			continue
		}
		if op.Scope == "" {
			if a := h.as("", op.Method, own, body); a.StatusCode != 200 {
				t.Errorf("%s asks for a key: %d", op.ID, a.StatusCode)
			}
			continue
		}
		h.clock.forward(time.Minute + time.Second) // or there would be too many wrong keys in a minute
		var refusal string
		// Each is tried on many routes; who calls is found out before the route is looked at.
		for i := range 3 {
			c := bad[(3*at+i)%len(bad)]
			a := h.request(c, op.Method, own, body)
			if refusal == "" {
				refusal = withoutID(a)
			}
			if a.StatusCode != 401 || a.code() != string(unknown) || withoutID(a) != refusal {
				t.Errorf("%s by %s: %d %s", op.ID, c.name, a.StatusCode, a.body)
			}
			tried[unknown]++
		}
		worked := false
		for i, c := range good {
			if !*wholeMatrix && (at+i+turn)%lacking != 0 && len(c.scopes) == 1 && !has(c.scopes, op.Scope) {
				continue
			}
			worked = h.tryAll(c, &op, &f, body, tried) || worked
		}
		if !worked {
			t.Errorf("%s worked for nobody, so nothing is known of who may do it", op.ID)
		}
	}
	for _, o := range []outcome{unknown, forbidden, hidden, stranger, together, allowed} {
		if tried[o] == 0 {
			t.Errorf("nothing was answered with %s", o)
		}
	}
	t.Logf("tried %v", tried)
}

// tryAll has a caller try an operation on each book and payee, and reports whether it worked on the fixture's.
func (h *house) tryAll(c *caller, op *Operation, f *fixture, body string, tried map[outcome]int) (worked bool) {
	h.t.Helper()
	books := []string{""}
	if op.ofBook() {
		books = []string{"zz", "uk", "vn"}
	}
	everywhere := c.books == nil && !slices.ContainsFunc(slices.Collect(maps.Values(c.roles)), func(book string) bool { return book != "" })
	missing := map[string]answer{} // by the payee asked for, of the book zz
	payees := []string{""}
	if op.Own != "" && c.payees != nil {
		payees = []string{"cre_amy", "cre_bob", "cre_minor", "gua_pat", "zz"}
	}
	for _, book := range books {
		for _, payee := range payees {
			objects := maps.Clone(f.own)
			if payee != "" {
				objects[op.Own] = strings.TrimSuffix(f.own[op.Own], strings.TrimPrefix(f.own[op.Own], payeePrefix)) + payee
			}
			want := c.expect(op, book, payee)
			if want == forbidden && book != "" && book != "uk" && everywhere {
				continue // which depends on no book
			}
			if op.ID == "create-book" && c.books != nil && c.roles == nil {
				body = strings.Replace(body, `"uk2"`, strconv.Quote(c.books[0]), 1) // which is the one that it may create
			}
			a := h.request(c, op.Method, f.path(op, book, objects), body)
			if book == "zz" {
				missing[payee] = a
			}
			tried[want]++
			switch want {
			case allowed:
				h.checkAllowed(c, op, f, book, body, a)
				worked = worked || a.StatusCode < 300 && (book == "uk" || book == "")
			case hidden:
				if a.StatusCode != 404 || a.code() != string(hidden) || withoutID(a) != withoutID(missing[payee]) {
					h.t.Errorf("%s of the hidden book %s by %s: %s, of a missing one: %s", op.ID, book, c.name, a.body, missing[payee].body)
				}
			case stranger:
				objects[op.Own] = strings.Replace(objects[op.Own], payee, "nobody", 1)
				missing := h.request(c, op.Method, f.path(op, book, objects), body)
				if a.StatusCode != 404 || a.code() != string(stranger) || withoutID(a) != withoutID(missing) {
					h.t.Errorf("%s of %s by %s: %s, of nobody: %s", op.ID, payee, c.name, a.body, missing.body)
				}
			default:
				if a.StatusCode != 403 || a.code() != string(want) {
					h.t.Errorf("%s of %q by %s: %d %s, want %s", op.ID, book, c.name, a.StatusCode, a.code(), want)
				}
			}
		}
	}
	return worked
}

// checkAllowed judges the answer to a caller whom the table allows the operation: it may be refused for what it asks, and
// for nothing that has to do with who asks.
func (h *house) checkAllowed(c *caller, op *Operation, f *fixture, book, body string, a answer) {
	h.t.Helper()
	code := a.code()
	if strings.Contains(op.Path, "{key}") && !c.covers("uk") { // a key of a book that the caller does not look after
		missing := h.request(c, op.Method, f.path(op, book, f.missing), body)
		if c.roles != nil && c.holds(access.KeysRead, "uk", false) { // who sees it is told that they may not
			if a.StatusCode != 403 || missing.StatusCode != 404 {
				h.t.Errorf("%s by %s, who may only look: %d, %d", op.ID, c.name, a.StatusCode, missing.StatusCode)
			}
			return
		}
		if a.StatusCode != 404 || withoutID(a) != withoutID(missing) {
			h.t.Errorf("%s of a hidden key by %s: %s, of a missing one: %s", op.ID, c.name, a.body, missing.body)
		}
		return
	}
	switch {
	case book == "zz":
		if code != string(hidden) {
			h.t.Errorf("%s of a missing book by %s: %d %s", op.ID, c.name, a.StatusCode, a.body)
		}
	case a.StatusCode == 401, a.StatusCode >= 500, code == string(forbidden), code == string(hidden), code == string(together),
		a.StatusCode == 404 && book != "vn" && (code == string(stranger) || c.payees == nil):
		h.t.Errorf("%s of %q by %s: %d %s", op.ID, book, c.name, a.StatusCode, a.body)
	}
}

// covers reports whether the caller looks after the keys of the book.
func (c *caller) covers(book string) bool {
	if c.roles != nil {
		return c.holds(access.KeysWrite, book, false)
	}
	return c.books == nil || slices.Contains(c.books, book)
}

// drawn is what is drawn at random, or computed from what is.
var drawn = regexp.MustCompile(`[0-9a-f]{64}|ap_[a-z0-9]{16}`)

// TestForeignObjectsLookMissing asks one book for the objects of another, with a key that may do everything in both: what
// belongs to the other book is answered like what does not exist.
func TestForeignObjectsLookMissing(t *testing.T) {
	t.Parallel()
	h := open(t)
	f := h.matrixFixture()
	compared := 0
	for _, op := range Operations() {
		if !op.ofBook() || op.Signed || strings.Count(op.Path, "{") < 2 || op.Method == http.MethodPut { // which puts what is not there
			continue
		}
		f.renew(h, &op)
		body := f.body(t, &op)
		plain := func(objects map[string]string) string {
			sent := body
			for name, value := range objects {
				if strings.Contains(op.Path, "{"+name+"}") && f.own[name] != "" {
					sent = strings.ReplaceAll(sent, strconv.Quote(f.own[name]), strconv.Quote(value)) // or body and path would differ
				}
			}
			a := h.request(&caller{key: testKey}, op.Method, f.path(&op, "vn", objects), sent)
			text := fmt.Sprint(a.StatusCode, withoutID(a))
			for name, value := range objects {
				if name != "book" && name != "number" && strings.Contains(op.Path, "{"+name+"}") { // a number is part of others
					text = strings.ReplaceAll(text, value, "OBJECT")
				}
			}
			return drawn.ReplaceAllString(text, "DRAWN")
		}
		if foreign, missing := plain(f.own), plain(f.missing); foreign != missing {
			t.Errorf("%s\n of another book's: %s\n of a missing one: %s", op.ID, foreign, missing)
		}
		compared++
	}
	if compared < 30 {
		t.Errorf("only %d operations were compared", compared)
	}
}

// withoutID is a problem's body without what differs between any two requests.
func withoutID(a answer) string {
	return strings.ReplaceAll(a.body, a.Header.Get("X-Request-Id"), "")
}

func TestAuthenticationFailuresAreIdentical(t *testing.T) {
	t.Parallel()
	h := open(t)
	var bodies []string
	for _, authorization := range []string{
		"", "Bearer", "Bearer ", "Basic " + testKey, testKey, "Bearer  " + testKey, "Bearer " + testKey + " ", "Bearer mk_aaaaaaaaaaaa_" + strings.Repeat("A", 43),
		"Bearer " + strings.Repeat("x", 10_000), "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer mk_'; DROP TABLE_" + strings.Repeat("A", 39),
	} {
		a := h.as("", "GET", "/v1/books?api_key="+testKey, "", "Authorization", authorization)
		if a.StatusCode != 401 || a.Header.Get("WWW-Authenticate") != "Bearer" {
			// net/http trims the space after a header's value, so that one is the right key.
			if authorization == "Bearer "+testKey+" " && a.StatusCode == 400 {
				continue
			}
			t.Errorf("%q: %d", authorization, a.StatusCode)
		}
		bodies = append(bodies, withoutID(a))
	}
	if slices.Sort(bodies); bodies[0] != bodies[len(bodies)-1] {
		t.Errorf("answers differ: %s, %s", bodies[0], bodies[len(bodies)-1])
	}
	if strings.Contains(h.log.String(), testKey) {
		t.Error("a key stands in the log")
	}
	two := h.raw("GET /v1/books HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + testKey + "\r\nAuthorization: Bearer " + testKey + "\r\nConnection: close\r\n\r\n")
	if two.StatusCode != http.StatusUnauthorized {
		t.Errorf("two keys: %d", two.StatusCode)
	}
	if a := h.as("", "GET", "/v1/books", "", "Authorization", "bEARER "+testKey); a.StatusCode != 200 {
		t.Errorf("the scheme in other letters: %d", a.StatusCode)
	}
}

func TestBooksOfALimitedKey(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, code := range []string{"aa", "bb", "cc", "dd"} {
		h.must(201, "POST", "/v1/books", `{"code":"`+code+`","name":"N","currencies":["GBP"],"time_zone":"UTC"}`)
	}
	_, key := h.key(access.NewKey{Scopes: []access.Scope{access.BooksRead, access.BooksWrite}, Books: []string{"dd", "bb", "missing", "cc"}})
	var seen []string
	path := "/v1/books?limit=2"
	for path != "" {
		page := h.as(key, "GET", path, "").json(t)
		for _, b := range page["data"].([]any) {
			seen = append(seen, b.(map[string]any)["code"].(string))
		}
		path = ""
		if next, ok := page["next_cursor"].(string); ok {
			path = "/v1/books?limit=2&cursor=" + next
		}
	}
	if !slices.Equal(seen, []string{"bb", "cc", "dd"}) {
		t.Errorf("the key sees %v", seen)
	}
	if a := h.as(key, "POST", "/v1/books", `{"code":"ee","name":"N","currencies":["GBP"],"time_zone":"UTC"}`); a.StatusCode != 403 {
		t.Errorf("it creates another book: %d", a.StatusCode)
	}
	if a := h.as(key, "POST", "/v1/books", `{"code":"missing","name":"N","currencies":["GBP"],"time_zone":"UTC"}`); a.StatusCode != 201 {
		t.Errorf("it cannot create its own: %d %s", a.StatusCode, a.body)
	}
}
