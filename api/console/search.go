package console

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"mizan/api/access"
	"mizan/payouts/reconcile"
	"mizan/payouts/search"
)

// Searching a book: what is the only thing of its name is shown at once, and what is not stands in a list with what tells it apart.

const searchPath = "/search"

type searchLine struct {
	search.Hit
	Word, Link string
	Amount     amount
	HasAmount  bool
}

type searchPage struct {
	Whose whose
	Tabs  []tab
	At    string
	Query string
	Asked bool
	Found search.Found
	Lines []searchLine
	// Hidden and Unread are the parts that were not asked, and those that did not answer, in words.
	Hidden, Unread string
}

func (c *console) searchPages(mux *http.ServeMux) {
	if c.Search == nil {
		return
	}
	mux.HandleFunc("GET /console/books/{book}"+searchPath, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
		defer cancel()
		who, failed := c.readerOf(ctx, r, access.BooksRead)
		var found search.Found
		var asked bool
		if failed == nil {
			if found, asked, failed = c.find(ctx, who, r); failed == nil && asked && len(found.Unread) == 0 {
				if only := found.Only(); only != nil {
					if to := searchLink(who, *only); to != "" {
						http.Redirect(w, r, to, http.StatusSeeOther)
						return
					}
				}
			}
		}
		c.page("search", func(ctx context.Context, _ *http.Request) (answer, error) {
			if failed != nil {
				return answer{}, failed
			}
			return c.search(ctx, who, found, asked), nil
		})(w, r)
	})
}

// find asks what the page was asked for.
func (c *console) find(ctx context.Context, who cashier, r *http.Request) (found search.Found, asked bool, err error) {
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	if q == "" {
		return found, false, nil
	}
	found, err = c.Search.Find(ctx, who.book, q, who.mayRead)
	return found, true, err
}

// mayRead reports whether the visitor may read a part of the book that is named as its scope is.
func (who cashier) mayRead(part string) bool {
	return mayAll(who.principal(), who.o.Code, access.Scope(part+":read"))
}

// search shows what was found.
func (c *console) search(ctx context.Context, who cashier, found search.Found, asked bool) answer {
	t := tellerOf(ctx)
	p := searchPage{Whose: who.o, Tabs: who.o.tabs(who.principal(), ""), At: who.o.At + searchPath, Query: found.Query, Asked: asked, Found: found}
	for _, h := range found.Hits {
		l := searchLine{Hit: h, Word: t.say("glance.found." + h.Kind), Link: searchLink(who, h), HasAmount: h.Sum != nil}
		if h.Sum != nil {
			l.Amount = minor(h.Sum.Amount, h.Sum.Currency)
		}
		p.Lines = append(p.Lines, l)
	}
	p.Hidden, p.Unread = partWords(t, found.NotShown), partWords(t, found.Unread)
	return answer{Title: t.say("glance.search"), Active: "desk", Trail: who.o.trail(), Data: &p}
}

// partWords names parts of a book.
func partWords(t teller, parts []string) string {
	words := make([]string, len(parts))
	for i, part := range parts {
		words[i] = t.say("glance.part." + part)
	}
	return strings.Join(words, ", ")
}

// searchLink leads to the page of what was found; empty where there is none for the visitor.
func searchLink(who cashier, h search.Hit) string {
	id, books := url.PathEscape(h.ID), "/books/"+url.PathEscape(who.o.Code)
	switch h.Kind {
	case search.Order:
		return who.o.At + ordersPath + "/" + id
	case search.Subject:
		if gift, ok := strings.CutPrefix(h.ID, "donation:"); ok {
			return who.o.At + donationsPath + "/" + url.PathEscape(gift)
		}
		return narrowedTo(books+"/transactions", "subject", h.ID)
	case search.Transaction:
		return books + "/transactions/" + id
	case search.Payee:
		if !who.mayRead("payouts") {
			return ""
		}
		return who.o.At + "/payees/" + id
	case search.Payout:
		return who.o.At + "/payouts/" + id
	case search.PayoutRun:
		return who.o.At + "/payout-runs/" + id
	case search.EvidenceLine:
		kind, name, _ := strings.Cut(h.Source, "/")
		return who.lineAt(reconcile.Source{Kind: reconcile.Kind(kind), Name: name}, h.Line)
	case search.Break:
		return who.o.At + breaksPath + "/" + id
	case search.Comparison:
		return who.runAt(h.ID)
	case search.Approval:
		return who.o.At + "/approvals/" + id
	case search.Export:
		return who.o.At + exportsPath + "/" + id
	}
	return ""
}

// searchBox is where the box in the bar of a book's page leads; empty where the visitor cannot search the book.
func (c *console) searchBox(r *http.Request, v *visit, page string) string {
	code := r.PathValue("book")
	if c.Search == nil || code == "" || page == "failure" || page == "search" || !mayAll(v.principal(), code, access.BooksRead) {
		return ""
	}
	return "/console/books/" + url.PathEscape(code) + searchPath
}
