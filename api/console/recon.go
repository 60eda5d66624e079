package console

import (
	"net/http"
	"net/url"

	"mizan/api/access"
	"mizan/ledger/money"
	"mizan/payouts"
	"mizan/payouts/reconcile"
)

// Pages about reconciliation of a book, for finance: what others say of the same money, where it differs from the books, what was
// done about it, and which months are closed upon it. They do what the API does, by the same services.

const (
	reconPath    = "/reconciliation"
	breaksPath   = "/breaks"
	pairingsPath = "/pairings"
	periodsPath  = "/periods"
	exportsPath  = "/exports"
)

// Bounds of what one page about reconciliation shows.
const (
	breaksPerPage   = 50
	pairingsPerPage = 15
	receiptsShown   = 25
	statementsShown = 25
	gapsShown       = 25
	// runBreaksLooked bounds the breaks of a source among which those of one run are looked for.
	runBreaksLooked = 1000
	// pairingsLooked bounds the suggestions among which those about one break are looked for.
	pairingsLooked = 1000
	closingsShown  = 100
)

// runsPath is where the runs of reconciliation stand.
const runsPath = reconPath + "/runs"

// reconTabs are the pages about reconciliation with the keys of their words, in the order in which people need them.
var reconTabs = []link{{"recon.tab.overview", reconPath}, {"recon.tab.breaks", breaksPath}, {"recon.tab.pairings", pairingsPath}, {"recon.tab.runs", runsPath},
	{"recon.tab.periods", periodsPath}, {"recon.tab.exports", exportsPath}}

// reconHead begins a page about reconciliation; active is the address of its tab.
func (c *console) reconHead(t teller, who cashier, active string) payHead {
	h := c.payHead(who, "")
	h.MayWrite = mayAll(who.principal(), who.o.Code, access.ReconciliationWrite)
	h.Tabs, h.Pages = who.o.tabs(who.principal(), "Reconciliation"), nil
	for _, x := range reconTabs {
		if x.Address == exportsPath && (c.Reports == nil || !mayAll(who.principal(), who.o.Code, access.ReportsRead)) {
			continue
		}
		h.Pages = append(h.Pages, tab{link{t.say(x.Text), who.o.At + x.Address}, x.Address == active})
	}
	return h
}

// reconciled is the answer with a page about reconciliation.
func (who cashier) reconciled(t teller, title string, data headed, more ...link) answer {
	return answer{Title: title, Trail: who.o.trail(append([]link{{t.say("recon.title"), who.o.At + reconPath}}, more...)...), Active: "desk", Data: data}
}

// reconPages are the pages about reconciliation and their forms.
func (c *console) reconPages(mux *http.ServeMux) {
	const at = "/console/books/{book}"
	for path, p := range map[string]struct {
		name string
		read payPage
	}{
		reconPath: {"recon", c.recon}, runsPath: {"recon-runs", c.reconRuns}, runsPath + "/{run}": {"recon-run", c.reconRun},
		reconPath + "/sources/{kind}/{name}": {"recon-source", c.reconSource}, breaksPath: {"breaks", c.breaks}, breaksPath + "/{break}": {"break", c.oneBreak},
		pairingsPath: {"pairings", c.pairings}, periodsPath: {"periods", c.periods}, periodsPath + "/{period}": {"period", c.period},
	} {
		mux.HandleFunc("GET "+at+path, c.readBy(access.ReconciliationRead, p.name, p.read))
	}
	write, ask := []access.Scope{access.ReconciliationWrite}, []access.Scope{access.ApprovalsWrite}
	for path, f := range map[string]struct {
		name   string
		scopes []access.Scope
		do     payDeed
		again  payPage
	}{
		reconPath + "/inside":                      {"recon", write, c.compareInside, c.recon},
		reconPath + "/sources":                     {"recon", write, c.setBankSource, c.recon},
		reconPath + "/sources/{kind}/{name}/runs":  {"recon-source", write, c.compareSource, c.reconSource},
		reconPath + "/sources/{kind}/{name}/pulls": {"recon-source", write, c.pullSource, c.reconSource},
		breaksPath + "/{break}/assign":             {"break", write, c.assignBreak, c.oneBreak},
		breaksPath + "/{break}/explain":            {"break", write, c.explainBreak, c.oneBreak},
		breaksPath + "/{break}/note":               {"break", write, c.noteBreak, c.oneBreak},
		breaksPath + "/{break}/reopen":             {"break", write, c.reopenBreak, c.oneBreak},
		breaksPath + "/{break}/fix":                {"break", ask, c.askFix, c.oneBreak},
		breaksPath + "/{break}/fix-by-transaction": {"break", ask, c.askFixByTransaction, c.oneBreak},
		breaksPath + "/{break}/fix-by-return":      {"break", ask, c.askReturn, c.oneBreak},
		breaksPath + "/{break}/fix-by-accepting":   {"break", ask, c.askAccept, c.oneBreak},
		breaksPath + "/{break}/write-off":          {"break", ask, c.askWriteOff, c.oneBreak},
		pairingsPath + "/confirm":                  {"pairings", write, c.confirmPairings, c.pairings},
		pairingsPath + "/{pairing}/confirm":        {"pairings", write, c.confirmPairing, c.pairings},
		pairingsPath + "/{pairing}/refuse":         {"pairings", write, c.refusePairing, c.pairings},
		periodsPath + "/{period}/close":            {"period", ask, c.askClose, c.period},
		periodsPath + "/{period}/reopen":           {"period", ask, c.askReopen, c.period},
	} {
		mux.HandleFunc("POST "+at+path, c.formBy(access.ReconciliationRead, f.name, f.scopes, f.do, f.again))
	}
	mux.HandleFunc("GET "+at+runsPath+"/{run}/document", c.reconDocument)
	mux.HandleFunc("POST "+at+runsPath+"/{run}/replays", c.form(c.replayRun))
	mux.HandleFunc("POST "+at+reconPath+"/sources/{kind}/{name}/statements", c.takeStatement)
}

// turnOf is work that the visitor asks for by hand.
func (c *console) turnOf(who cashier) payouts.Turn {
	now := c.Now()
	return payouts.Turn{Book: who.book, Start: now, End: now, Extra: true, Actor: who.actor()}
}

// Where things of reconciliation stand.
func (who cashier) breakAt(id string) string { return who.o.At + breaksPath + "/" + url.PathEscape(id) }

func (who cashier) runAt(id string) string {
	return who.o.At + runsPath + "/" + url.PathEscape(id)
}

func (who cashier) sourceAt(kind reconcile.Kind, name string) string {
	return who.o.At + reconPath + "/sources/" + string(kind) + "/" + url.PathEscape(name)
}

// signedText reads an amount of a document, which may be below zero; nothing if it is none.
func signedText(a reconcile.Amount, c money.Currency) amount {
	text, negative := string(a), false
	if text != "" && text[0] == '-' {
		text, negative = text[1:], true
	}
	m, err := money.ParseAmount(text, c)
	if err != nil {
		return amount{}
	}
	if negative {
		m = -m
	}
	return minor(m, c)
}

// less is the difference of two amounts of a currency.
func less(a, b amount) amount {
	if a.Value == nil || b.Value == nil {
		return amount{}
	}
	d := minor(0, a.Currency)
	d.Value.Sub(a.Value, b.Value)
	return d
}

// actorID is the id of who did something, as runs and steps keep it; all of it if it names no kind.
func actorID(actor string) string {
	if _, id, ok := cutActor(actor); ok {
		return id
	}
	return actor
}
