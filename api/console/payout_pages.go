package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/payouts"
)

// Pages about payouts of a book, for the staff: what went out, what did not and why, and what somebody has to do about it.
// They do what the API does, by the same services, and show the same figures.

// Bounds of what one page about payouts shows.
const (
	payoutsPerPage   = 50
	runsPerPage      = 25
	decisionsPerPage = 50
	payeesPerPage    = 50
	linesPerPage     = 100
	stepsShown       = 200
	policiesPerPage  = 25
	// exceptionsPerPage bounds the payees with terms of their own that stand below the policies.
	exceptionsPerPage = 50
	// issuedShown bounds the statements of a payee that its page leads to.
	issuedShown   = 6
	debtsPerPage  = 50
	waitsPerPage  = 50
	latestOfPayee = 8
	// holdsSummed bounds the holds of which a payee is told the categories.
	holdsSummed = 1_000
	// versionsShown bounds destinations, holds and exceptions of one payee.
	versionsShown = 50
	// approvalsLooked bounds the open approvals among which a run's is looked for.
	approvalsLooked = 200
)

// payHead is what every page about payouts begins with.
type payHead struct {
	Whose whose
	Tabs  []tab
	// Pages are the other pages about payouts of the book; At is what their addresses begin with.
	Pages []tab
	// PagesName says what those are.
	PagesName string
	At        string
	Form      string
	// MayWrite, MayAsk and MayDecide say which forms the visitor finds.
	MayWrite, MayAsk, MayDecide bool
	given                       url.Values
	// from is the last part of the address that a form was sent to.
	from string
}

// lastOf is the last part of a path.
func lastOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// Typed is what was typed into a field of the form that is sent to the address ending so, and was not done.
func (h *payHead) Typed(form, field string) string {
	if h.from != form {
		return ""
	}
	return h.given.Get(field)
}

// Ticked reports whether a box of the form that is sent to the address ending so was ticked, and it was not done.
func (h *payHead) Ticked(form, field, value string) bool {
	return h.from == form && slices.Contains(h.given[field], value)
}

// From reports whether it is the form that is sent to the address ending so that was not done.
func (h *payHead) From(form string) bool { return h.from == form }

func (h *payHead) head() *payHead { return h }

// Given is what was typed into a field of a form that could not be done.
func (h *payHead) Given(field string) string { return h.given.Get(field) }

// headed is the data of a page about payouts.
type headed interface{ head() *payHead }

// cashier is a visitor of a page about payouts, with its book.
type cashier struct {
	*visit
	o    whose
	book ledger.Book
	// t speaks the visitor's language.
	t teller
}

// cashierOf returns the visitor if they may read payouts of the book.
func (c *console) cashierOf(ctx context.Context, r *http.Request) (cashier, error) {
	return c.readerOf(ctx, r, access.PayoutsRead)
}

// readerOf returns the visitor if they hold the scope in the book.
func (c *console) readerOf(ctx context.Context, r *http.Request, scope access.Scope) (cashier, error) {
	v, o, err := c.staffOf(ctx, r, scope)
	if err != nil {
		return cashier{}, err
	}
	book, err := c.Ledger.Book(ctx, o.Code)
	return cashier{v, o, book, tellerOf(ctx)}, err
}

// payoutTabs are the pages about payouts by the last part of their words' key, in the order in which people need them.
var payoutTabs = []link{{"overview", "/payout-health"}, {"runs", "/payout-runs"}, {"payouts", "/payouts"}, {"bank_files", bankFilesPath}, {"payees", "/payees"}, {"questions", questionsPath}, {"policies", "/payout-policies"},
	{"debts", "/payout-debts"}, {"proposals", "/treasury-proposals"}}

// payHead begins a page; active is the name of its tab.
func (c *console) payHead(who cashier, active string) payHead {
	p := who.principal()
	h := payHead{Whose: who.o, Tabs: who.o.tabs(p, "Payouts"), At: who.o.At, Form: c.formToken(who.visit), PagesName: who.t.say("paying.pages"), MayWrite: mayAll(p, who.o.Code, access.PayoutsWrite),
		MayAsk: mayAll(p, who.o.Code, access.ApprovalsWrite), MayDecide: mayAll(p, who.o.Code, access.ApprovalsDecide)}
	for _, t := range payoutTabs {
		if t.Address == bankFilesPath && c.Bank == nil || t.Address == questionsPath && c.Questions == nil {
			continue
		}
		h.Pages = append(h.Pages, tab{link{who.t.say("paying.tab." + t.Text), who.o.At + t.Address}, t.Text == active})
	}
	return h
}

// answered is the answer with a page about payouts.
func (who cashier) answered(title string, data headed, more ...link) answer {
	return answer{Title: title, Trail: who.o.trail(append([]link{{who.t.say("paying.payouts"), who.o.At + "/payout-health"}}, more...)...), Active: "desk", Data: data}
}

// payPage reads a page about payouts.
type payPage func(ctx context.Context, who cashier, r *http.Request) (answer, error)

func (c *console) paid(name string, read payPage) http.HandlerFunc {
	return c.readBy(access.PayoutsRead, name, read)
}

// readBy makes a handler of a page for those who hold the scope in the book.
func (c *console) readBy(scope access.Scope, name string, read payPage) http.HandlerFunc {
	return c.page(name, func(ctx context.Context, r *http.Request) (answer, error) {
		who, err := c.readerOf(ctx, r, scope)
		if err != nil {
			return answer{}, err
		}
		return read(ctx, who, r)
	})
}

// payDeed does what a form on a page about payouts asks for, and says where to go then.
type payDeed func(ctx context.Context, who cashier, r *http.Request) (string, error)

// payForm makes the handler of a form. Whoever holds one of the scopes may send it. It leads on, or shows the page that it
// stood on again with what was typed, and why nothing was done.
func (c *console) payForm(name string, scopes []access.Scope, do payDeed, again payPage) http.HandlerFunc {
	return c.formBy(access.PayoutsRead, name, scopes, do, again)
}

// formBy is payForm on a page for those who hold the scope in the book.
func (c *console) formBy(scope access.Scope, name string, scopes []access.Scope, do payDeed, again payPage) http.HandlerFunc {
	return c.form(func(w http.ResponseWriter, r *http.Request) error {
		return c.sent(w, r, scope, name, scopes, do, again)
	})
}

// sent does what a form asks for that was read, as formBy says.
func (c *console) sent(w http.ResponseWriter, r *http.Request, scope access.Scope, name string, scopes []access.Scope, do payDeed, again payPage) error {
	ctx, cancel := context.WithTimeout(r.Context(), decisionTimeout)
	defer cancel()
	who, err := c.readerOf(ctx, r, scope)
	if err != nil {
		return err
	}
	if !mayAny(who, scopes) {
		return access.ErrForbidden
	}
	to, err := do(ctx, who, r)
	if err == nil {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return nil
	}
	return c.again(ctx, w, r, who, name, err, again)
}

// again shows the page on which a form stood, with what was typed and why nothing was done.
func (c *console) again(ctx context.Context, w http.ResponseWriter, r *http.Request, who cashier, name string, err error, page payPage) error {
	var known *fault.Error
	var seen shown
	if errors.As(err, &seen) {
		a, err := page(ctx, who, r)
		if err != nil {
			return err
		}
		head := a.Data.(headed).head()
		head.given, head.from, a.Forecast = r.PostForm, lastOf(r.URL.Path), seen.view
		c.render(w, r, http.StatusOK, name, a)
		return nil
	}
	if !errors.As(err, &known) || known.Kind == fault.Internal || known.Kind == fault.NotFound {
		return err
	}
	a, failed := page(ctx, who, r)
	if failed != nil {
		return failed
	}
	head := a.Data.(headed).head()
	head.given, head.from = r.PostForm, lastOf(r.URL.Path)
	a.Status, a.Notice = statusOf(known.Kind), who.t.undone(known)
	c.render(w, r, a.Status, name, a)
	return nil
}

// mayAny reports whether the visitor holds one of the scopes in the book.
func mayAny(who cashier, scopes []access.Scope) bool {
	for _, s := range scopes {
		if mayAll(who.principal(), who.o.Code, s) {
			return true
		}
	}
	return false
}

// undone says why nothing was done.
func undone(known *fault.Error) *notice {
	n := &notice{Heading: "Nothing was done", Message: known.Message}
	for _, f := range known.Fields {
		n.Fields = append(n.Fields, f.Message)
	}
	return n
}

// payoutPages are the pages about payouts and their forms.
func (c *console) payoutPages(mux *http.ServeMux) {
	const at = "/console/books/{book}"
	for path, p := range map[string]struct {
		name string
		read payPage
	}{
		"/payout-health": {"payout-health", c.payoutHealth}, "/payout-runs": {"payout-runs", c.payoutRuns}, "/payout-runs/{run}": {"payout-run", c.payoutRun},
		"/payout-runs/{run}/decisions/{holder}": {"decision", c.payoutDecision}, "/payouts": {"payouts", c.payouts}, "/payouts/{payout}": {"payout", c.payout},
		"/payees/{payee}": {"payee", c.payee}, "/payees/{payee}/payout": {"payout-request", c.payoutRequest}, "/payees/{payee}/waits": {"payout-waits", c.payoutWaits},
		"/payees/{payee}/decisions": {"payee-decisions", c.payeeDecisions}, "/payees": {"payees", c.payees}, "/payout-policies": {"payout-policies", c.payoutPolicies},
		"/payout-policies/{version}": {"payout-policy", c.payoutPolicy}, "/payout-debts": {"payout-debts", c.payoutDebts},
		"/treasury-proposals": {"treasury-proposals", c.treasuryProposals},
	} {
		mux.HandleFunc("GET "+at+path, c.paid(p.name, p.read))
	}
	write, ask := []access.Scope{access.PayoutsWrite}, []access.Scope{access.ApprovalsWrite}
	for path, f := range map[string]struct {
		name   string
		scopes []access.Scope
		do     payDeed
		again  payPage
	}{
		"/payout-runs":                 {"payout-runs", write, c.startRun, c.payoutRuns},
		"/payout-runs/{run}/approvals": {"payout-run", ask, c.askRelease, c.payoutRun},
		"/payout-runs/{run}/refusal":   {"payout-run", []access.Scope{access.ApprovalsDecide}, c.refuseRun, c.payoutRun},
		"/payouts/{payout}/cancel":     {"payout", write, c.cancelPayout, c.payout},
		"/payees/{payee}/payouts":      {"payout-request", write, c.requestPayout, c.payoutRequest},
		"/payees/{payee}/standing":     {"payee", write, c.changeStanding, c.payee},
		"/payees/{payee}/holds":        {"payee", write, c.placeHold, c.payee},
		"/payees/{payee}/hold-ends":    {"payee", write, c.askHoldEnd, c.payee},
		"/payees/{payee}/destinations": {"payee", write, c.askDestination, c.payee},
		"/payees/{payee}/checks":       {"payee", write, c.checkDestination, c.payee},
		"/payees/{payee}/overrides":    {"payee", ask, c.askOverride, c.payee},
		policyForm:                     {"payout-policy", ask, c.askPolicy, c.payoutPolicy},
		"/payout-clocks/looks":         {"payout-health", write, c.lookAgain, c.payoutHealth},
	} {
		mux.HandleFunc("POST "+at+path, c.payForm(f.name, f.scopes, f.do, f.again))
	}
	if c.Bank != nil {
		c.bankPages(mux, at)
	}
}

// sumOf is an amount with its currency.
func sumOf(m money.Minor, currency money.Currency) amount { return minor(m, currency) }

// mark is the time and id of the last row of a page, as an address has it.
func mark(at time.Time, id string) string { return at.UTC().Format(time.RFC3339Nano) + "," + id }

// holderMark is a holder as addresses have it, and holderAt reads it.
func holderMark(h payouts.Holder) string { return h.Kind + ":" + h.ID + ":" + string(h.Currency) }

func holderAt(s string) (payouts.Holder, error) {
	parts := strings.Split(s, ":")
	if len(parts) != 3 || unusable(s) || !ledger.IsSegment(parts[1]) {
		return payouts.Holder{}, errQuery
	}
	return payouts.Holder{PayeeKey: payouts.PayeeKey{Kind: parts[0], ID: parts[1]}, Currency: money.Currency(parts[2])}, nil
}

// narrowedTo is the address with those parameters that are not empty.
func narrowedTo(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return address(path, q)
}

// placeMark is a place in the ledger as addresses have it.
func placeMark(sequence int64, line int) string {
	return strconv.FormatInt(sequence, 10) + "," + strconv.Itoa(line)
}

// cutActor splits who did something, as runs and steps keep it.
func cutActor(s string) (kind, id string, ok bool) { return strings.Cut(s, ":") }
