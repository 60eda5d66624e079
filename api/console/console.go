// Package console is what people see in a browser: the books with their trial balances, transactions and accounts, as
// server-rendered pages. It only reads.
//
// Pages need no script and nothing from other servers. Each shows a bounded number of rows, every amount exactly, and
// every text as text, whatever it contains. They work in both directions of writing: amounts and addresses stay
// left-to-right inside a page that runs from right to left.
//
// An open console has no sign-in and is for development: it answers only requests for a loopback name. A closed one
// shows a welcome and no data.
package console

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"mizan/ledger"
)

// Config is what a console needs.
type Config struct {
	// Ledger is where everything shown comes from. A closed console does not use it, and it may be nil then.
	Ledger *ledger.Ledger
	// Now is the clock, for the note of when a page was read.
	Now func() time.Time
	// Version is the program's version, shown at the foot of an open console's pages; empty for none.
	Version string
	// Open shows the books to everyone who can reach a loopback address. Without it the console shows no data.
	Open bool
	// Log receives failures, which pages do not explain; nil discards them.
	Log *slog.Logger
}

// Bounds of what one page shows.
const (
	booksPerPage        = 25
	transactionsPerPage = 50
	entriesPerPage      = 100
	latestPerBook       = 6
	latestShown         = 12
)

// pageTimeout bounds the reading for one page.
const pageTimeout = 10 * time.Second

// policy lets a page use its own stylesheet and image and send its own forms, and nothing else.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

type console struct {
	Config
}

// New returns a handler for /, /books and below, and /assets. It answers GET and HEAD; anything else it has no page for
// is answered 404 or 405. It panics if an open console lacks its ledger or its clock.
func New(config Config) http.Handler {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	c := &console{config}
	mux := http.NewServeMux()
	for path, a := range assets {
		mux.Handle("GET "+path, a)
	}
	mux.HandleFunc("GET /", c.missing)
	if !config.Open {
		mux.HandleFunc("GET /{$}", c.welcome)
		return secured(mux)
	}
	if config.Ledger == nil || config.Now == nil {
		panic("console: an open console needs a ledger and a clock")
	}
	mux.HandleFunc("GET /{$}", c.page("books", c.books))
	mux.HandleFunc("GET /books/{book}", c.page("book", c.book))
	mux.HandleFunc("GET /books/{book}/transactions", c.page("transactions", c.transactions))
	mux.HandleFunc("GET /books/{book}/transactions/{id}", c.page("transaction", c.transaction))
	mux.HandleFunc("GET /books/{book}/accounts", c.page("accounts", c.accounts))
	mux.HandleFunc("GET /books/{book}/accounts/{address}", c.page("account", c.account))
	return secured(c.localOnly(mux))
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
		if !isLoopback(r.Host) {
			c.fail(w, r, errForeignHost)
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
}

// link is a place to go.
type link struct{ Text, Address string }

// page makes a handler of a function that reads what a page shows.
func (c *console) page(name string, read func(context.Context, *http.Request) (answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
		defer cancel()
		a, err := read(ctx, r)
		if err != nil {
			c.fail(w, r, err)
			return
		}
		c.render(w, r, http.StatusOK, name, a)
	}
}

func (c *console) missing(w http.ResponseWriter, r *http.Request) { c.fail(w, r, errNoPage) }

func (c *console) welcome(w http.ResponseWriter, r *http.Request) {
	c.render(w, r, http.StatusOK, "welcome", answer{Title: "Mizan"})
}
