package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"mizan/api/access"
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
	admin.get(at, http.StatusOK).has(t, "Not shown, because your roles do not include it: balances, payouts, reconciliation.", "Jobs that failed")
	admin.get(at, http.StatusOK).hasNot(t, "Coverage")
	finance.get("/console", http.StatusOK).has(t, "Souk UK", "nothing to do", "Approvals 1")
	// Others' money is missing once more is owed than is there, and a month that is over waits to be closed.
	h.post(uk, "b", sale(owed, pending, 300, "GBP"))
	h.post(uk, "c", sale("assets:bank:operating:main", owed, 5000, "GBP"))
	h.forward(45 * 24 * time.Hour)
	finance = h.in("Faridah", access.Grant{Role: access.Finance})
	page = finance.get(at, http.StatusOK)
	page.has(t, "Needs a person now", "Coverage 1 -50.00 GBP", "Months to close 1", "2026-11")
	finance.get("/console", http.StatusOK).has(t, "Coverage", "Months to close")
}
