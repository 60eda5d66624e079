package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"

	"mizan/api/access"
	"mizan/ledger/locale"
)

// Pages are templates around one layout. Everything they show is escaped by html/template; the functions below are the
// only ones that return markup, and they escape what they are given.

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed assets/console.css
var styleWritten []byte

//go:embed assets/statement.css
var statementCSS []byte

// styleCSS is the style as it is sent: without comments, and without spaces beside braces and semicolons, which no string in it has.
var styleCSS = spareCSS.ReplaceAll(commentCSS.ReplaceAll(styleWritten, nil), []byte("$1"))

var commentCSS, spareCSS = regexp.MustCompile(`(?s)/\*.*?\*/`), regexp.MustCompile(`\s*([{};])\s*`)

//go:embed assets/mark.svg
var markSVG []byte

// asset is a file that never changes under its address, because the address contains its hash.
type asset struct {
	contentType string
	content     []byte
}

// ServeHTTP implements http.Handler.
func (a asset) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(a.content)
}

var (
	stylePath = hashedPath("console", ".css", styleCSS)
	markPath  = hashedPath("mark", ".svg", markSVG)
	// statementSheetPath is the stylesheet of statements, which other pages need not load.
	statementSheetPath = hashedPath("statement", ".css", statementCSS)

	assets = map[string]asset{
		stylePath:          {"text/css; charset=utf-8", styleCSS},
		statementSheetPath: {"text/css; charset=utf-8", statementCSS},
		markPath:           {"image/svg+xml", markSVG},
		publicStylePath:    {"text/css; charset=utf-8", publicCSS},
	}
	// Pages are parsed when the first of them is asked for: the garbage collector of a service that only posts need not go
	// through them again and again, and commands start sooner.
	templates = sync.OnceValue(func() map[string]*template.Template {
		return parsePages("welcome", "failure", "books", "book", "transactions", "transaction", "accounts", "account",
			"sign-in", "link", "onward", "desk", "adjustments", "book-glance", "search", "approvals", "approval", "audit", "jobs", "job", "people", "keys", "portal",
			"payout-health", "payout-runs", "payout-run", "decision", "payouts", "payout", "payees", "payee", "payee-decisions", "payout-request", "payout-waits",
			"payout-policies", "payout-policy", "payout-debts", "treasury-proposals", "bank-files", "bank-file", "bank-report",
			"recon", "recon-runs", "recon-run", "recon-source", "breaks", "break", "pairings", "periods", "period", "exports", "export-ask", "export",
			"trial-balance", "order", "evidence-line",
			"portal-payout", "portal-payouts", "portal-waits", "portal-decisions", "portal-request", "portal-earnings", "portal-orders", "portal-order", "portal-money",
			"portal-statements", "portal-statement", "portal-downloads",
			"rules", "rule-set", "rule-changes", "rule-draft", "imports", "import", "inbound", "message", "campaigns", "campaign", "person", "key",
			"portal-questions", "portal-question", "portal-ask", "questions", "question", "portal-settings", "portal-debt")
	})
)

func hashedPath(name, extension string, content []byte) string {
	sum := sha256.Sum256(content)
	return "/assets/" + name + "-" + hex.EncodeToString(sum[:6]) + extension
}

func parsePages(names ...string) map[string]*template.Template {
	base := template.Must(template.New("layout.html").Funcs(template.FuncMap{
		"amount": amountHTML, "exact": exactHTML, "ltr": ltrHTML, "address": addressHTML, "named": nameHTML, "at": timeHTML, "day": func(t time.Time) string { return t.Format("2006-01-02") },
		"say": sayHTML, "sayto": toldHTML, "meaning": func(l locale.Language, code int, said string) string { return teller{l}.meaning(code, said) }, "ownsubject": ownSubjectHTML, "in": func(l locale.Language, of any) told { return told{l, of} }, "figure": figureHTML, "money": moneyHTML, "sum": func(l locale.Language, a amount) string { return teller{l}.sum(a) }, "count": func(l locale.Language, n int64) string { return l.Count(n) },
		"thousands": thousands, "plain": plain, "choices": func(words ...string) []string { return words },
	}).ParseFS(pageFiles, "pages/layout.html", "pages/parts.html", "pages/payout-parts.html", "pages/recon-parts.html", "pages/rule-parts.html", "pages/admin-parts.html", "pages/act-parts.html", "pages/statement-parts.html"))
	pages := map[string]*template.Template{}
	for _, name := range names {
		pages[name] = template.Must(template.Must(base.Clone()).ParseFS(pageFiles, "pages/"+name+".html"))
	}
	return pages
}

// view is what the layout is given.
type view struct {
	answer
	// Lang is what the page is written in; Tongues are the languages it can be read in.
	Lang                            locale.Language
	Tongues                         []tongue
	Direction, Style, Mark, Version string
	// Inline is the style of a page that is handed over whole, which links to nothing then.
	Inline template.CSS
	Open   bool
	ReadAt time.Time
	// Menu is what the visitor finds at the top; Form authenticates the forms of the page; SignedIn and MaySignIn say whether
	// the visitor has signed in, and whether anybody can.
	Menu []tab
	Form string
	// Find is where the box in the bar searches; empty for none.
	Find                string
	SignedIn, MaySignIn bool
	// Calls are the operations of the API behind the page.
	Calls []apiCall
	// Exports lead to the reports that have what the page shows, and to its lists as files.
	Exports []link
}

// Root is where the trail of a page begins.
func (v view) Root() link {
	t := teller{v.Lang}
	if v.SignedIn && (!v.Open || v.Active == "desk") {
		return link{t.say("shared.menu.desk"), "/console"}
	}
	return link{t.say("shared.menu.books"), "/"}
}

func (c *console) render(w http.ResponseWriter, r *http.Request, status int, name string, a answer) {
	body, err := c.written(r, name, a, "")
	if err != nil {
		c.Log.Error("a page could not be rendered", "page", name, "err", err)
		http.Error(w, "The page could not be shown.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Add("Vary", "Accept-Language, Cookie")
	if wait := waits[status]; wait != "" && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", wait)
	}
	if a.Refresh > 0 {
		w.Header().Set("Refresh", strconv.Itoa(a.Refresh))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // #nosec G705 -- html/template made the page and escaped what is in it
}

// written is a page as bytes; with a style inside, it is whole by itself.
func (c *console) written(r *http.Request, name string, a answer, inline template.CSS) ([]byte, error) {
	visitor := visitOf(r.Context())
	lang := tellerOf(r.Context()).Language
	v := view{answer: a, Lang: lang, Tongues: tongues(lang), Direction: direction(r, lang), Style: stylePath, Mark: markPath, Open: c.Open, Menu: visitor.menu(a.Active, tellerOf(r.Context())), Form: c.formToken(visitor),
		Find: c.searchBox(r, visitor, name), Inline: inline, SignedIn: visitor.home() != "", MaySignIn: c.Access != nil}
	if c.Earnings != nil && visitor.principal().Kind == access.Payee {
		v.Menu = append(v.Menu, tab{link{tellerOf(r.Context()).say("earnings.title"), "/portal/earnings"}, a.Active == "earnings"})
	}
	if c.Statements != nil && visitor.principal().Kind == access.Payee {
		t := tellerOf(r.Context())
		v.Menu = append(v.Menu, tab{link{t.say("statements.title"), statementsAt}, a.Active == "statements"}, tab{link{t.say("downloads.title"), downloadsAt}, a.Active == "downloads"})
	}
	if visitor.principal().Kind == access.Person || c.Open {
		v.Calls, v.Exports = c.callsOf(name, r), append(c.exportsOf(name, r), c.listsOf(name, a.Title, r)...)
	}
	if c.Open {
		v.Version, v.ReadAt = c.Version, c.Now().UTC()
	}
	var body bytes.Buffer
	err := templates()[name].Execute(&body, v)
	return body.Bytes(), err
}

// direction is the direction of the page: what ?dir= asks for, else that of its language.
func direction(r *http.Request, l locale.Language) string {
	if asked := r.URL.Query().Get("dir"); asked == "rtl" || asked == "ltr" {
		return asked
	}
	return l.Direction()
}
