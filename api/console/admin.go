package console

import (
	"net/http"
	"net/url"

	"mizan/api/access"
)

// Administration is what somebody looks after beside the money: by which rules a book computes, what comes in from shops and
// marketplaces, what campaigns promise, and who may do what.

const (
	rulesPath     = "/rules"
	importsPath   = "/imports"
	inboundPath   = "/inbound"
	campaignsPath = "/campaigns"
)

// Bounds of what one page of administration shows.
const (
	ruleSetsPerPage  = 50
	changesShown     = 500
	importsPerPage   = 50
	rowsPerPage      = 100
	inboundPerPage   = 50
	campaignsPerPage = 50
	versionsOfShown  = 50
	grantsShown      = 100
)

// adminPages are the pages of administration and their forms.
func (c *console) adminPages(mux *http.ServeMux) {
	const at = "/console/books/{book}"
	if c.Rules != nil {
		c.rulePages(mux, at+rulesPath)
	}
	if c.Intake != nil {
		c.intakePages(mux, at)
	}
	c.campaignPages(mux, at+campaignsPath)
	c.personPages(mux)
}

// adminTabs adds the pages of administration of a book that the visitor may see.
func (o whose) adminTabs(add func(text, address string, scopes ...access.Scope)) {
	if o.Code == "" {
		return
	}
	if o.Rules {
		add("Rules", o.At+rulesPath, access.RulesRead)
	}
	if o.Intake {
		add("Imports", o.At+importsPath, access.InboundRead)
	}
	add("Campaigns", o.At+campaignsPath, access.TransactionsRead)
}

// adminHead begins a page of administration; active is the text of its tab.
func (c *console) adminHead(who cashier, active string) payHead {
	p := who.principal()
	return payHead{Whose: who.o, Tabs: who.o.tabs(p, active), At: who.o.At, Form: c.formToken(who.visit),
		MayAsk: mayAll(p, who.o.Code, access.ApprovalsWrite), MayDecide: mayAll(p, who.o.Code, access.ApprovalsDecide)}
}

// administered is the answer with a page of administration.
func (who cashier) administered(title string, data headed, more ...link) answer {
	return answer{Title: title, Trail: who.o.trail(more...), Active: "desk", Data: data}
}

// subjectAt is where the transactions about something stand.
func (who cashier) subjectAt(subject string) string {
	return address("/books/"+who.o.Code+"/transactions", url.Values{"subject": {subject}})
}
