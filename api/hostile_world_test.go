package api

import (
	"encoding/json"
	"fmt"
	"html"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"mizan/api/access"
	"mizan/api/console"
	"mizan/api/docs"
	"mizan/payouts"
	"mizan/payouts/processor/stripe"
)

// The world that hostile requests meet: books with one of everything, every page, and callers who may do anything between nothing and
// everything. Each has secrets, and two books hold personal data, none of which may come to anybody else.

// hostileCaller is somebody who sends requests.
type hostileCaller struct {
	name, header string
	// sees says that they may read what is personal in the book uk, and everything says that they may in all.
	sees, everything bool
	secret           string
}

type hostileWorld struct {
	*house
	seed    uint64
	address string
	callers []hostileCaller
	targets []target
	posts   []*target      // the targets that change something
	trees   map[string]any // bodies as trees
	words   []string
	// messages are what is sent to the addresses of inbound messages, by their source.
	messages map[string][]string
	log      *watchedLog
}

// personal are values that stand in the data of people of the book uk, and in those of vn.
var personal = map[string][]string{
	"uk": {"Zebra Person-Canary", "zebra.canary@example.com", "DE89370400440532013000"},
	"vn": {"Quagga Person-Canary", "quagga.canary@example.com"},
}

// watchedLog is a log of which only what must not be there is kept.
type watchedLog struct {
	mu      sync.Mutex
	needles []string
	lines   int
	wrong   []string
}

func (l *watchedLog) Write(p []byte) (int, error) {
	line := string(p)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines++
	for _, needle := range l.needles {
		if strings.Contains(line, needle) {
			l.wrong = append(l.wrong, line)
		}
	}
	if strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, `"status":500`) {
		l.wrong = append(l.wrong, line)
	}
	l.wrong = l.wrong[:min(len(l.wrong), 30)]
	return len(p), nil
}

func newHostileWorld(t *testing.T, seed uint64) *hostileWorld {
	w := &hostileWorld{seed: seed, log: &watchedLog{}}
	kept := &keeper{}
	w.house = open(t, func(c *Config) {
		c.Notices = kept
		c.Log = slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Console = console.New(console.Config{Ledger: c.Ledger, Access: c.Access, Desk: c.Desk, Trail: c.Trail, Commerce: c.Commerce, Rules: c.Rules, Intake: c.Intake, Vault: c.Vault, Jobs: c.Jobs, Payouts: c.Payouts, Bank: c.Bank,
			Reconcile: c.Reconcile, Earnings: c.Earnings, Reports: c.Reports, Receipts: c.Receipts, Statements: c.Statements, Questions: c.Questions, Health: c.health(), Search: c.search(), Operations: ConsoleOperations(),
			Address: ClientAddress, Now: c.Now, Log: c.Log})
		c.Docs = docs.Handler(func() []byte { return []byte(`{"openapi":"3.1.0","info":{"title":"T","version":"1"},"paths":{}}`) })
	})
	driver, err := stripe.New(stripe.Options{Key: "sk_test_canary_of_the_key_1234567890", Now: w.clock.now, PlatformSecret: noticePlatform, ConnectSecret: noticeConnect})
	if err != nil {
		t.Fatal(err)
	}
	kept.Notices = payouts.NewNotices(w.db.Pool, w.clock.now, map[string]payouts.NoticeReader{"stripe": driver})
	f := w.matrixFixture()
	f.own["processor"] = "stripe"
	w.must(200, "PATCH", "/v1/books/uk/data_subjects/payee:cre_bob", fmt.Sprintf(`{"fields":{"name":%q,"email":%q,"bank_account":%q},"reason":"For the tests."}`, personal["uk"][0], personal["uk"][1], personal["uk"][2]))
	w.must(200, "PATCH", "/v1/books/vn/data_subjects/payee:cre_vy", fmt.Sprintf(`{"fields":{"name":%q,"email":%q},"reason":"For the tests."}`, personal["vn"][0], personal["vn"][1]))
	w.operations(&f)
	w.known(&f)
	w.pages()
	w.words = append(w.words, "zz", "vn", "uk", "cre_amy", "cre_bob", "cre_vy", "GBP", "JPY", "VND", "metadata", "reference", "entries", "amount", "1.00", "0.01")
	for _, name := range slices.Sorted(maps.Keys(f.own)) {
		w.words = append(w.words, f.own[name], f.missing[name])
	}
	w.words = slices.DeleteFunc(w.words, func(s string) bool { return s == "" })
	w.trees = map[string]any{}
	w.messages = map[string][]string{
		"shopify": {shopOrder(), fmt.Sprintf(shopRefund, gbp("31.50"), gbp("2.60")), `{"id":1}`},
		"stripe":  {noticeBody, `{"id":"evt_1","type":"payout.paid","livemode":true,"account":"acct_1","api_version":"2024-06-20","data":{"object":{"id":"po_1"}}}`, `{"id":"evt_2","type":"x"}`},
	}
	for i := range w.targets {
		target := &w.targets[i]
		if strings.HasPrefix(target.body, "{") {
			w.trees[target.body] = treeOf(t, target.body)
		}
		if target.method != http.MethodGet {
			w.posts = append(w.posts, target)
		}
	}
	for _, list := range w.messages {
		for _, body := range list {
			w.trees[body] = treeOf(t, body)
		}
	}
	return w
}

// operations makes a target of every operation and of each of its examples.
func (w *hostileWorld) operations(f *fixture) {
	w.t.Helper()
	for _, op := range Operations() {
		f.renew(w.house, &op)
		t := target{op: &op, method: op.Method, path: f.path(&op, "uk", f.own), foreign: f.path(&op, "uk", f.missing), body: f.body(w.t.(*testing.T), &op), media: "application/json"}
		if op.BodyMedia != nil {
			t.media = op.BodyMedia[0]
		}
		w.targets = append(w.targets, t)
		for _, name := range slices.Sorted(maps.Keys(op.Examples)) {
			example := t
			b, err := json.Marshal(op.Examples[name])
			if err != nil {
				w.t.Fatal(err)
			}
			example.body = string(b)
			w.targets = append(w.targets, example)
		}
	}
}

// known makes the callers. The last two may do everything.
func (w *hostileWorld) known(f *fixture) {
	key := func(n access.NewKey) string { _, k := w.key(n); return k }
	bearer := func(name, key string) hostileCaller {
		return hostileCaller{name: name, header: "Authorization: Bearer " + key, secret: key}
	}
	session := func(name, session string) hostileCaller {
		return hostileCaller{name: name, header: "Cookie: " + access.CookiePlain + "=" + session, secret: session}
	}
	_, support := w.staff("support@uk")
	_, finance := w.staff("finance@uk", "admin", "auditor")
	w.callers = []hostileCaller{
		{name: "nobody"}, bearer("a key without rights", key(access.NewKey{Scopes: []access.Scope{access.BooksRead}, Books: []string{"zz"}})),
		session("a payee", w.signedIn("uk", "cre_amy")), session("a payee of the other book", w.signedIn("vn", "cre_amy")),
		session("support", support), session("finance", finance),
		bearer("a key of the book", key(access.NewKey{Scopes: []access.Scope{access.Everything}, Books: []string{"uk"}})),
		bearer("a key with everything", key(access.NewKey{Scopes: []access.Scope{access.Everything}})), bearer("the development key", testKey),
	}
	for i := range w.callers {
		c := &w.callers[i]
		c.sees = i >= 4
		c.everything = c.name == "finance" || i >= len(w.callers)-2
		if c.secret != "" {
			w.log.needles = append(w.log.needles, c.secret)
		}
	}
	w.log.needles = append(w.log.needles, sentCanary)
	w.log.needles = append(w.log.needles, slices.Concat(personal["uk"], personal["vn"])...)
}

var (
	linked    = regexp.MustCompile(`(?:href|src)="(/[^"#]*)"`)
	forms     = regexp.MustCompile(`(?s)<form[^>]*?method="post"[^>]*?action="([^"]*)".*?</form>`)
	formField = regexp.MustCompile(`<(?:input|select|textarea|button)[^>]*?name="([^"]*)"(?:[^>]*?value="([^"]*)")?`)
)

// pages makes a target of every page that the staff, a payee and nobody find by following links, and of every form on them.
func (w *hostileWorld) pages() {
	w.t.Helper()
	seen := map[string]bool{}
	for _, viewer := range []hostileCaller{w.callers[5], w.callers[2], {}} {
		queue := []string{"/", "/console", "/console/books/uk", "/portal", "/docs", "/sign-in", "/c/uk-kits", "/openapi.json", "/livez", "/readyz", "/metrics", "/console/people", "/console/keys", "/books/uk/transactions"}
		kinds := map[string]int{}
		for n := 0; len(queue) > 0 && n < 90; n++ {
			path := queue[0]
			queue = queue[1:]
			name, value, _ := strings.Cut(viewer.header, ": ")
			header := []string{name, value}
			if name == "" {
				header = nil
			}
			a := w.as("", "GET", path, "", header...)
			if a.StatusCode >= 500 {
				w.t.Errorf("%s: %d", path, a.StatusCode)
			}
			if !seen[path] {
				seen[path] = true
				w.targets = append(w.targets, target{method: "GET", path: path})
			}
			for _, m := range linked.FindAllStringSubmatch(a.body, -1) {
				next := html.UnescapeString(m[1])
				kind := digits.ReplaceAllString(next, "0")
				if kinds[kind]++; kinds[kind] == 1 && !strings.HasPrefix(next, "/v1/") && !strings.HasPrefix(next, "/docs/") {
					queue = append(queue, next)
				}
			}
			for _, m := range forms.FindAllStringSubmatch(a.body, -1) {
				action := html.UnescapeString(m[1])
				if !strings.HasPrefix(action, "/") {
					at, _, _ := strings.Cut(path, "?")
					action = at + action
				}
				fields := url.Values{}
				for _, field := range formField.FindAllStringSubmatch(m[0], -1) {
					fields.Add(field[1], html.UnescapeString(field[2]))
				}
				if !seen["POST "+action] && action != "/sign-out" {
					seen["POST "+action] = true
					w.targets = append(w.targets, target{method: "POST", path: action, body: fields.Encode() + "&", media: "application/x-www-form-urlencoded"})
				}
			}
		}
	}
}

// digits are the numbers of an address, which make no other page of it.
var digits = regexp.MustCompile(`[0-9]+`)
