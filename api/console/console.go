// Package console is what people see in a browser: the books with their trial balances, transactions and accounts, what
// waits for a second person, the trail of privileged acts, and for payees what is theirs. Pages are rendered here and need
// no script and nothing from other servers. Each shows a bounded number of rows, every amount exactly, and every text as
// text, whatever it contains. They work in both directions of writing: amounts and addresses stay left-to-right inside a
// page that runs from right to left.
//
// The staff and payees sign in by a link or at an issuer, and carry a session in a cookie. What somebody may not see looks
// like what does not exist. Whatever changes something is a form with a token of its session, and is refused from other
// sites.
//
// An open console shows the books without sign-in and is for development: it answers only requests for a loopback name.
package console

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/api/console/pdf"
	"mizan/api/traffic"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/commerce/intake"
	"mizan/ledger/commerce/receipts"
	"mizan/ledger/guard"
	"mizan/ledger/vault"
	"mizan/payouts"
	"mizan/payouts/earnings"
	"mizan/payouts/health"
	"mizan/payouts/jobs"
	"mizan/payouts/processor/bankfile"
	"mizan/payouts/questions"
	"mizan/payouts/reconcile"
	"mizan/payouts/reports"
	"mizan/payouts/search"
	"mizan/payouts/statements"
)

// Config is what a console needs. Without Access nobody can sign in, and a closed console shows a welcome only.
type Config struct {
	// Ledger is where everything shown comes from. A closed console without Access does not use it, and it may be nil then.
	Ledger *ledger.Ledger
	// Access knows who signs in; nil for no sign-in. With it, the fields down to Vault are required.
	Access *access.Service
	// Desk keeps what waits for a second person, Trail what was done with privilege.
	Desk  *guard.Desk
	Trail *guard.Trail
	// Commerce knows the payees.
	Commerce *commerce.Service
	// Rules are the rule sets of the books; nil for no pages about them.
	Rules *commerce.RuleSets
	// Intake keeps what comes in from marketplaces, shops and processors; nil for no pages about it.
	Intake *intake.Service
	// Vault knows what is stored of people; it may be closed.
	Vault *vault.Vault
	// Jobs knows what runs by itself; nil for no pages about it.
	Jobs *jobs.Service
	// Payouts knows what is paid to whom; nil for no pages about it.
	Payouts *payouts.Service
	// Bank keeps what is paid by bank files; nil for no pages about them.
	Bank *bankfile.Service
	// Reconcile holds the books against evidence and closes months; nil for no pages about it.
	Reconcile *reconcile.Service
	// Earnings tells what payees earned over time; nil for no page about it.
	Earnings *earnings.Service
	// Reports answers reports and keeps exports; nil for no pages about them.
	Reports *reports.Service
	// Receipts knows what is public; nil for no public pages.
	Receipts *receipts.Service
	// Statements tell payees what came to their accounts and why; nil for no pages about them. They need Payouts.
	Statements *statements.Service
	// Printer makes PDFs of statements; nil for none.
	Printer *pdf.Printer
	// Questions are what payees ask about what they are told; nil for no pages about them. They need Payouts.
	Questions *questions.Service
	// Operations are those of the API, of which pages say which they do; none for pages that say nothing of it.
	Operations []Operation
	// Health reads how books stand; nil for no figures of it.
	Health *health.Service
	// Search finds what in a book is called so; nil for no search.
	Search *search.Service
	// Issuer is where the staff can sign in; nil for by links only.
	Issuer Issuer
	// FormKey authenticates forms, 32 random bytes that replicas share; empty draws one for this process.
	FormKey []byte
	// Secure says that pages come over TLS, so that cookies travel nowhere else.
	Secure bool
	// Address tells the network address that a request comes from; nil takes that of the connection.
	Address func(*http.Request) string
	// Now is the clock.
	Now func() time.Time
	// Version is the program's version, shown at the foot of an open console's pages; empty for none.
	Version string
	// Open shows the books to everyone who can reach a loopback address. Without it they are shown to whom they concern.
	Open bool
	// Files count the files that are on their way to each visitor, together with those of other doors that are given the same; nil counts
	// those of the pages alone.
	Files *traffic.Files
	// Patience is how long the reader of a file may take for one part of it; ten minutes if it is zero.
	Patience time.Duration
	// Log receives failures, which pages do not explain; nil discards them.
	Log *slog.Logger
}

// Issuer is where people prove who they are.
type Issuer interface {
	// Begin returns where to send the browser, and what its cookie must bring back.
	Begin(ctx context.Context) (redirectURL, cookie string, err error)
	// Finish returns who came back with the query and the cookie.
	Finish(ctx context.Context, cookie string, query url.Values) (access.Identity, error)
}

// Bounds of what one page shows.
const (
	booksPerPage        = 25
	transactionsPerPage = 50
	entriesPerPage      = 100
	latestPerBook       = 6
	latestShown         = 12
	approvalsPerPage    = 25
	waitingPerBook      = 5
	auditPerPage        = 50
	peoplePerPage       = 50
	keysShown           = 200
	jobsShown           = 200
	parkedShown         = 20
	jobPeriodsPerPage   = 50
)

// pageTimeout bounds the reading for one page, and what a form does.
const pageTimeout = 10 * time.Second

// policy lets a page use its own stylesheet and image and send its own forms, and nothing else.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

type console struct {
	Config
	crossOrigin *http.CrossOriginProtection
	// uploading holds a place for each file that is being taken, drafting one for each draft of rules that is being judged, listing one for
	// each list that is handed out as a file.
	uploading, drafting, listing chan struct{}
}

// New returns a handler for /, /books, /console, /portal, /sign-in, /sign-out and below, /r, /c, /language, and /assets. It panics if what an
// open console or one with sign-in needs is missing, or if a page names an operation that Operations lack: that is a defect of the program.
func New(config Config) http.Handler {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if len(config.FormKey) == 0 {
		config.FormKey = make([]byte, 32)
		rand.Read(config.FormKey) // never fails: the program ends instead
	}
	if config.Files == nil {
		config.Files = new(traffic.Files)
	}
	c := &console{Config: config, crossOrigin: http.NewCrossOriginProtection(), uploading: make(chan struct{}, uploadsAtOnce), drafting: make(chan struct{}, uploadsAtOnce), listing: make(chan struct{}, listsAtOnce)}
	if len(config.Operations) > 0 {
		c.knowsCalls()
	}
	mux := http.NewServeMux()
	for path, a := range assets {
		mux.Handle("GET "+path, a)
	}
	mux.HandleFunc("GET /", c.missing)
	mux.HandleFunc("POST /language", c.chooseLanguage)
	if !config.Open && config.Access == nil {
		mux.HandleFunc("GET /{$}", c.welcome)
		return secured(c.publicly(c.spoken(mux)))
	}
	if config.Ledger == nil || config.Now == nil {
		panic("console: a console that shows books needs a ledger and a clock")
	}
	c.bookPages(mux)
	if config.Access == nil {
		return secured(c.publicly(c.spoken(c.localOnly(c.readable(mux)))))
	}
	if config.Desk == nil || config.Trail == nil || config.Commerce == nil || config.Vault == nil {
		panic("console: a console with sign-in needs a desk, a trail, payees and a vault")
	}
	c.signInPages(mux)
	c.staffPages(mux)
	c.adminPages(mux)
	c.tracePages(mux)
	c.glancePages(mux)
	c.searchPages(mux)
	mux.HandleFunc("GET /portal", c.page("portal", c.portal))
	if c.Payouts != nil {
		c.orderPages(mux)
		c.payoutPages(mux)
		c.portalPages(mux)
		c.moneyPages(mux)
		if c.Questions != nil {
			c.questionPages(mux)
		}
		if c.Statements != nil {
			c.statementPages(mux)
		}
	}
	if c.Earnings != nil {
		c.earningsPages(mux)
	}
	if c.Reconcile != nil {
		c.reconPages(mux)
	}
	if c.Reports != nil {
		c.exportPages(mux)
	}
	return secured(c.publicly(c.spoken(c.localOnly(c.fromHere(c.recognised(c.readable(mux)))))))
}

// bookPages are the pages of the books, for everybody if the console is open and for whom they concern otherwise.
func (c *console) bookPages(mux *http.ServeMux) {
	if c.Open {
		mux.HandleFunc("GET /{$}", c.page("books", c.books))
	} else {
		mux.HandleFunc("GET /{$}", c.welcome)
	}
	moves := []access.Scope{access.TransactionsRead}
	holds := []access.Scope{access.BalancesRead, access.TransactionsRead}
	all := []access.Scope{access.BooksRead, access.BalancesRead, access.TransactionsRead}
	mux.HandleFunc("GET /books/{book}", c.page("book", c.shown(all, c.book)))
	mux.HandleFunc("GET /books/{book}/transactions", c.page("transactions", c.shown(moves, c.transactions)))
	mux.HandleFunc("GET /books/{book}/transactions/{id}", c.page("transaction", c.shown(moves, c.transaction)))
	mux.HandleFunc("GET /books/{book}/accounts", c.page("accounts", c.shown(holds, c.accounts)))
	mux.HandleFunc("GET /books/{book}/accounts/{address}", c.page("account", c.shown(holds, c.account)))
}

// staffPages are the pages of the staff. Those of a book and those of the installation are the same.
func (c *console) staffPages(mux *http.ServeMux) {
	mux.HandleFunc("GET /console", c.page("desk", c.desk))
	c.adjustmentPages(mux)
	for _, at := range []string{"/console", "/console/books/{book}"} {
		mux.HandleFunc("GET "+at+"/audit", c.page("audit", c.audit))
		mux.HandleFunc("GET "+at+"/approvals", c.page("approvals", c.approvals))
		mux.HandleFunc("GET "+at+"/approvals/{id}", c.page("approval", c.approval))
		if c.Jobs != nil {
			mux.HandleFunc("GET "+at+"/jobs", c.page("jobs", c.jobs))
			mux.HandleFunc("GET "+at+"/jobs/{job}/periods/{period}", c.page("job", c.jobPeriod))
			mux.HandleFunc("POST "+at+"/jobs/{job}/runs", c.form(c.jobRun))
		}
		for decision, decide := range decisions {
			mux.HandleFunc("POST "+at+"/approvals/{id}/"+decision, c.decided(decide))
		}
	}
}

// secured sets what holds for every answer. Pages of books are never kept by a browser or a proxy.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// localOnly refuses requests for any name but a loopback one. A page of another site can make a browser send requests
// here under its own name (DNS rebinding); it cannot change the name.
func (c *console) localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.Open && !isLoopback(r.Host) {
			c.fail(w, r, errForeignHost)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// readable refuses addresses whose query cannot be read. What of it cannot be would otherwise be dropped, and of a payee that was asked for
// another one be shown, or of some all.
func (c *console) readable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
			c.fail(w, r, errQuery.Because(err))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isLoopback(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// answer is what a page shows: its title, where it stands, and the data of its template.
type answer struct {
	Title  string
	Trail  []link
	Active string
	Data   any
	// Notice is what the reader must know before anything else; Status is 200 unless it is set.
	Notice *notice
	// Forecast is what a form would do, for a reader who asked to see it first.
	Forecast *forecastView
	Status   int
	// Onward is where the page goes by itself.
	Onward string
	// Refresh is after how many seconds the reader asked the browser to read the page again; 0 for never.
	Refresh int
	// Sheet is a stylesheet of the page's own beside that of all; empty for none.
	Sheet string
	// Back is where choosing a language leads from a page that a browser does not name to others; empty for all others.
	Back string
}

// notice says what became of what the reader did.
type notice struct {
	Heading, Message string
	Fields           []string
	// Good says that it went well.
	Good bool
}

// link is a place to go.
type link struct{ Text, Address string }

// page makes a handler of a function that reads what a page shows. Whoever sees the page may have its lists as files, at the same address.
func (c *console) page(name string, read func(context.Context, *http.Request) (answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
		defer cancel()
		a, err := read(ctx, r)
		if err != nil {
			c.fail(w, r, err)
			return
		}
		if id := asksForList(name, r); id != "" {
			if err := c.listFile(w, r, name, id); err != nil {
				c.fail(w, r, err)
			}
			return
		}
		c.render(w, r, max(a.Status, http.StatusOK), name, a)
	}
}

func (c *console) missing(w http.ResponseWriter, r *http.Request) { c.fail(w, r, errNoPage) }

// welcomePage is the first page of a closed console.
type welcomePage struct {
	// SignIn says that people can sign in; Continue is where somebody who has goes.
	SignIn   bool
	Continue string
}

func (c *console) welcome(w http.ResponseWriter, r *http.Request) {
	p := welcomePage{SignIn: c.Access != nil, Continue: visitOf(r.Context()).home()}
	c.render(w, r, http.StatusOK, "welcome", answer{Title: "Mizan", Data: p})
}
