package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/ledger/guard"
	"mizan/ledger/locale"
	"mizan/payouts/health"
)

// The page of a book and the desk say what the service says: what needs a person leads to where it is put right, what is not for
// somebody is named and not counted, and English says the same on the page as over the API.
func TestGlance(t *testing.T) {
	t.Parallel()
	for _, k := range health.Kinds() {
		for key, want := range map[string]string{"glance.figure." + k.Code: k.Name, "glance.means." + k.Code: k.Meaning} {
			if got := phrases().Say(locale.English, key); got != want {
				t.Errorf("%s says %q on pages and %q over the API", key, got, want)
			}
		}
	}
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	h.post(uk, "a", sale(pending, owed, 1250, "GBP"))
	h.ask(uk, program, `{"a":1}`, "r")
	finance, admin := h.in("Fatima", access.Grant{Role: access.Finance}), h.in("Adam", access.Grant{Role: access.Admin})
	const at = "/console/books/uk"
	page := finance.get(at, http.StatusOK)
	page.has(t, "Souk UK", "Coverage", "0.00 GBP", "Approvals", "worth a look", "Nothing needs a person now.", "Trial balance")
	page.hasNot(t, "Not shown")
	if !strings.Contains(page.source, `<a href="`+at+`/approvals">Approvals</a>`) {
		t.Error("the approvals that wait lead nowhere")
	}
	admin.get(at, http.StatusOK).has(t, "Not shown, because your roles do not include it: balances, payouts, reconciliation, imports.", "Jobs that failed")
	admin.get(at, http.StatusOK).hasNot(t, "Coverage")
	finance.get("/console", http.StatusOK).has(t, "Souk UK", "nothing to do", "Approvals 1")
	omar := h.in("Omar", access.Grant{Role: access.Approver})
	omar.get(at, http.StatusOK).has(t, "Needs a person now For you to decide 1", "Approvals")
	omar.get("/console", http.StatusOK).has(t, "For you to decide 1")
	finance.get(at, http.StatusOK).hasNot(t, "For you to decide")
	for _, to := range []string{inboundPath + "?state=parked", importsPath} {
		if leads := `href="` + at + to + `"`; !strings.Contains(page.source, leads) || strings.Contains(admin.get(at, http.StatusOK).source, leads) {
			t.Errorf("%s is not for those alone who may read what comes in", to)
		}
	}
	h.searched(finance, admin)
	// Others' money is missing once more is owed than is there, and a month that is over waits to be closed.
	h.post(uk, "b", sale(owed, pending, 300, "GBP"))
	h.post(uk, "c", sale("assets:bank:operating:main", owed, 5000, "GBP"))
	h.forward(45 * 24 * time.Hour)
	finance = h.in("Faridah", access.Grant{Role: access.Finance})
	page = finance.get(at, http.StatusOK)
	page.has(t, "Needs a person now", "Coverage 1 -50.00 GBP", "Months to close 1", "2026-11")
	finance.get("/console", http.StatusOK).has(t, "Coverage", "Months to close")
}

// searched looks for what the book of TestGlance has: what is the only one of its name is shown at once, and nothing else is.
func (h *house) searched(finance, admin *browser) {
	t := h.t
	const at = "/console/books/uk/search?q="
	approvals, err := h.desk.Approvals(t.Context(), guard.Book{ID: int32(mustBook(t, h, "uk").ID), Code: "uk"}, guard.StateOpen, noTime, "", 1)
	if err != nil || len(approvals) != 1 {
		t.Fatal(approvals, err)
	}
	for q, want := range map[string]string{"a": "/books/uk/transactions/uk-1", approvals[0].ID: "/console/books/uk/approvals/" + approvals[0].ID} {
		status, got := finance.send(http.MethodGet, at+q, nil)
		if to := got.header.Get("Location"); status != http.StatusSeeOther || to != want {
			t.Errorf("%s leads to %q with %d", q, to, status)
		}
	}
	finance.get(at+"uk-1", http.StatusSeeOther)
	finance.get(at+"nothing", http.StatusOK).has(t, "Nothing in this book is called so.")
	finance.get(at+"GBP+12.50", http.StatusOK).has(t, "Nothing in this book is called so.", "in the last 90 days")
	finance.get("/console/books/uk/search", http.StatusOK).hasNot(t, "Nothing in this book")
	finance.get(at+"%00", http.StatusBadRequest)
	admin.get(at+"a", http.StatusOK).has(t, "Nothing in this book is called so.", "your roles do not include it: transactions, payees, payouts, reconciliation, exports.")
	if page := finance.get("/books/uk", http.StatusOK); !strings.Contains(page.source, `action="/console/books/uk/search"`) {
		t.Error("a page of the book has no box to search it")
	}
	if page := finance.get("/console", http.StatusOK); strings.Contains(page.source, `class="seekbox"`) {
		t.Error("the desk has a box without a book")
	}
}
