package console

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"

	"mizan/api/access"
	"mizan/api/traffic"
	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/locale"
)

// A visit is who looks at a page. What somebody may not see is answered like what does not exist.

type visit struct {
	// bearer is the token of the session; empty for a visitor whom we do not know.
	bearer  string
	session access.Session
	// secret is what forms are bound to: the session's token, or that of the visitor's own cookie.
	secret string
	// failed is why the session could not be looked up.
	failed error
	// address and request are where the visit comes from, for the trail.
	address, request string
}

type visitKey struct{}

// visitOf returns who looks; a visitor whom we do not know if there is no sign-in.
func visitOf(ctx context.Context) *visit {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

func (v *visit) principal() access.Principal { return v.session.Principal }

// actor is the visitor as the trail remembers them.
func (v *visit) actor() guard.Actor {
	actor := v.principal().Actor()
	actor.Address, actor.RequestID = v.address, v.request
	return actor
}

// home is where the visitor belongs; empty for one whom we do not know.
func (v *visit) home() string {
	switch v.principal().Kind {
	case access.Person:
		return "/console"
	case access.Payee:
		return "/portal"
	default:
		return ""
	}
}

// recognised finds out who looks.
func (c *console) recognised(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/assets/") {
			next.ServeHTTP(w, r)
			return
		}
		v := &visit{address: c.address(r), request: w.Header().Get("X-Request-Id")}
		if err := traffic.Refusal(r.Context()); err != nil {
			c.fail(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, v)), err)
			return
		}
		if sent := r.CookiesNamed(access.CookieName(c.Secure)); len(sent) == 1 { // two mean that somebody else set one
			ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
			session, err := c.Access.Session(ctx, sent[0].Value)
			cancel()
			switch {
			case err == nil && (session.Principal.Kind == access.Person || session.Principal.Kind == access.Payee):
				v.bearer, v.secret, v.session = sent[0].Value, sent[0].Value, session
				traffic.Known(r.Context(), session.Principal)
			case errors.Is(err, access.ErrUnauthenticated):
				traffic.Unknown(r.Context())
			case err != nil:
				v.failed = err
			}
		}
		if v.secret == "" {
			if sent := r.CookiesNamed(c.formCookie()); len(sent) == 1 && len(sent[0].Value) == formSecretLength {
				v.secret = sent[0].Value
			}
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, v)))
	})
}

// address is the network address a request comes from, without its port.
func (c *console) address(r *http.Request) string {
	if c.Address != nil {
		return c.Address(r)
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// signInFirst is the answer to somebody whom we do not know yet, on a page for people who have signed in.
type signInFirst struct{}

func (signInFirst) Error() string { return "the visitor has not signed in" }

// member returns the visitor if they are of the kind: a person of the staff or a payee.
func member(ctx context.Context, kind access.Kind) (*visit, error) {
	v := visitOf(ctx)
	switch {
	case v.failed != nil:
		return v, v.failed
	case v.principal().Kind == access.Nobody:
		return v, signInFirst{}
	case v.principal().Kind != kind:
		return v, errNoPage
	}
	return v, nil
}

// shown lets a page of a book be read by whom it concerns: a person who has the scopes there, or anybody on an open
// console.
func (c *console) shown(scopes []access.Scope, read func(context.Context, *http.Request) (answer, error)) func(context.Context, *http.Request) (answer, error) {
	return func(ctx context.Context, r *http.Request) (answer, error) {
		if v := visitOf(ctx); !c.Open {
			if v.failed != nil {
				return answer{}, v.failed
			}
			if !mayAll(v.principal(), r.PathValue("book"), scopes...) {
				return answer{}, errNoPage
			}
		}
		return read(ctx, r)
	}
}

func mayAll(p access.Principal, book string, scopes ...access.Scope) bool {
	return p.Kind == access.Person && !slices.ContainsFunc(scopes, func(s access.Scope) bool { return p.Allow(s, book) != nil })
}

// whose is whose approvals or trail a page shows: a book's, or those of the installation.
type whose struct {
	guard.Book
	// Name is for people; At is the address that the pages begin with.
	Name, At string
	// Front is the first page of the book.
	Front string
	// Jobs, Payouts and Reconciles say that there are pages about them.
	Jobs, Payouts, Reconciles bool
	// Rules and Intake say the same of administration.
	Rules, Intake bool
	// teller speaks to the visitor.
	teller teller
}

// staffOf returns the visitor and what the page is about, if the visitor has the scope there.
func (c *console) staffOf(ctx context.Context, r *http.Request, scope access.Scope) (*visit, whose, error) {
	v, err := member(ctx, access.Person)
	if err != nil {
		return v, whose{}, err
	}
	code := r.PathValue("book")
	if !mayAll(v.principal(), code, scope) {
		return v, whose{}, errNoPage
	}
	if code == "" {
		return v, c.installation(ctx), nil
	}
	book, err := c.Ledger.Book(ctx, code)
	if err != nil {
		return v, whose{}, err
	}
	return v, c.whoseBook(ctx, book), nil
}

// installation is what concerns no book.
func (c *console) installation(ctx context.Context) whose {
	t := tellerOf(ctx)
	return whose{Name: t.say("shared.installation"), At: "/console", Jobs: c.Jobs != nil, teller: t}
}

func (c *console) whoseBook(ctx context.Context, book ledger.Book) whose {
	o := whose{Book: guard.Book{ID: int32(book.ID), Code: book.Code}, Name: book.Name, At: "/console" + bookAddress(book), Jobs: c.Jobs != nil, Payouts: c.Payouts != nil, Reconciles: c.Reconcile != nil,
		Rules: c.Rules != nil, Intake: c.Intake != nil, teller: tellerOf(ctx)}
	if o.Front = o.At; c.Health == nil {
		o.Front += "/approvals"
	}
	return o
}

// Lang is what the visitor reads, for parts of pages that are given no more than this.
func (o whose) Lang() locale.Language { return o.teller.Language }

// trail leads back from a page of the staff to where it belongs.
func (o whose) trail(more ...link) []link {
	if o.Code == "" {
		return more
	}
	return append([]link{{o.Name, o.Front}}, more...)
}

// tabs are the other pages of the same book or of the installation that the visitor may see. Pages are known by their English names.
func (o whose) tabs(p access.Principal, active string) (tabs []tab) {
	add := func(text, address string, scopes ...access.Scope) {
		if mayAll(p, o.Code, scopes...) {
			said := o.teller.say("shared.tab." + strings.ReplaceAll(strings.ToLower(text), " ", "_"))
			tabs = append(tabs, tab{link{said, address}, text == active})
		}
	}
	add("Approvals", o.At+"/approvals", access.ApprovalsRead)
	add("Audit trail", o.At+"/audit", access.AuditRead)
	if o.Payouts {
		add("Payouts", o.At+"/payout-health", access.PayoutsRead)
	}
	if o.Reconciles {
		add("Reconciliation", o.At+reconPath, access.ReconciliationRead)
	}
	if o.Jobs {
		add("Jobs", o.At+"/jobs", access.JobsRead)
	}
	o.adminTabs(add)
	if o.Code != "" {
		add("Adjustments", o.At+adjustmentsPath, access.ApprovalsRead, access.TransactionsRead)
		add("Trial balance", o.At+trialBalancePath, access.BooksRead, access.BalancesRead, access.TransactionsRead)
		add("Book", "/books/"+o.Code, access.BooksRead, access.BalancesRead, access.TransactionsRead)
		add("Transactions", "/books/"+o.Code+"/transactions", access.TransactionsRead)
	}
	return tabs
}

// bookTabs are the other pages of a book that a visitor of the staff may see, beside the book's own pages; nobody else has any.
func (c *console) bookTabs(ctx context.Context, book ledger.Book, active string) []tab {
	return c.whoseBook(ctx, book).tabs(visitOf(ctx).principal(), active)
}

// tab is a link to a neighbouring page; Here marks the page itself.
type tab struct {
	link
	Here bool
}

// menu is what the visitor finds at the top of every page.
func (v *visit) menu(active string, t teller) (menu []tab) {
	p := v.principal()
	switch p.Kind {
	case access.Person:
		menu = []tab{{link{t.say("shared.menu.desk"), "/console"}, active == "desk"}}
		if mayAll(p, "", access.PeopleRead) {
			menu = append(menu, tab{link{t.say("shared.menu.people"), "/console/people"}, active == "people"})
		}
		if p.Has(access.KeysRead) {
			menu = append(menu, tab{link{t.say("shared.menu.keys"), "/console/keys"}, active == "keys"})
		}
	case access.Payee:
		menu = []tab{{link{t.say("portal.title"), "/portal"}, active == "portal"}, {link{t.say("orders.title"), "/portal/orders"}, active == "orders"},
			{link{t.say("money.menu"), "/portal/money"}, active == "money"}}
	}
	return menu
}
