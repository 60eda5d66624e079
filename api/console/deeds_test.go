package console

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"mizan/api/access"
	"mizan/ledger/guard"
)

// deedOf is what a form of the staff leaves in the trail: the row of an act, or of one that begins so if it ends in a dot. A form that changes and shows nothing that is kept from
// others leaves none, and says why.
type deedOf struct{ act, none string }

// staffForms are all forms of the staff. What a form asks a second person for is told when it is asked, and again when it is done.
var staffForms = map[string]deedOf{
	"/console/approvals/{id}/approve": {act: "approval.approved"}, "/console/approvals/{id}/refuse": {act: "approval.refused"}, "/console/approvals/{id}/withdraw": {act: "approval.withdrawn"},
	"/console/jobs/{job}/runs": {act: "job."}, "/console/people": {act: "person.added"}, "/console/people/{person}/grants": {act: "approval.asked"},
	"/console/people/{person}/revocations": {act: "role.revoked"}, "/console/people/{person}/session-ends": {act: "sessions.ended"}, "/console/people/{person}/deactivation": {act: "person.deactivated"},
	"/console/keys": {act: "approval.asked"}, "/console/keys/{key}/revocation": {act: "key.revoked"}, "/console/keys/{key}/rotation": {act: "key.rotated"},
	"/adjustments": {act: "approval.asked"}, "/approvals/{id}/approve": {act: "approval.approved"}, "/approvals/{id}/refuse": {act: "approval.refused"},
	"/approvals/{id}/withdraw": {act: "approval.withdrawn"}, "/jobs/{job}/runs": {act: "job."},
	"/bank-files": {act: "bank_file.made"}, "/bank-files/{currency}/{number}/content": {act: "bank_file.fetched"}, "/bank-files/{currency}/{number}/sent": {act: "bank_file.sent"},
	"/bank-files/{currency}/{number}/void": {act: "bank_file.withdrawn"}, "/bank-files/{currency}/{number}/approvals": {act: "approval.asked"}, "/bank-reports": {act: "bank_report.taken"},
	"/campaigns": {act: "approval.asked"}, "/campaigns/{campaign}/versions": {act: "approval.asked"}, "/exports": {act: "export.asked"}, "/exports/{export}/content": {act: "export.fetched"},
	"/imports": {act: "import.taken"}, "/imports/{import}/retries": {act: "import.retried"}, "/inbound/{message}/retries": {act: "inbound.retried"}, "/inbound/{message}/body": {act: "inbound.read"},
	"/payout-runs": {act: "payout_run.started"}, "/payout-runs/{run}/approvals": {act: "approval.asked"}, "/payout-runs/{run}/refusal": {act: "payout_run.refused"},
	"/payouts/{payout}/cancel": {act: "payout.cancelled"}, "/payees/{payee}/payouts": {act: "payout.requested"}, "/payees/{payee}/standing": {act: "payee.standing_changed"},
	"/payees/{payee}/holds": {act: "payout_hold.placed"}, "/payees/{payee}/hold-ends": {act: "approval.asked"}, "/payees/{payee}/destinations": {act: "approval.asked"},
	"/payees/{payee}/checks": {act: "payout_destination."}, "/payees/{payee}/overrides": {act: "approval.asked"}, "/payout-clocks/looks": {act: "payout_clock.looked_again"}, "/payout-policies/{version}/next": {act: "approval.asked"},
	"/questions/{question}/answer":                     {act: "payee_question.answered"},
	"/reconciliation/inside":                           {act: "reconciliation.run"},
	"/reconciliation/sources":                          {act: "evidence.source_set"},
	"/reconciliation/sources/{kind}/{name}/runs":       {act: "reconciliation.run"},
	"/reconciliation/sources/{kind}/{name}/pulls":      {act: "evidence.pulled"},
	"/reconciliation/sources/{kind}/{name}/statements": {act: "evidence.statement_taken"},
	"/reconciliation/runs/{run}/replays":               {none: "a run is made again and compared, and nothing is kept of it"},
	"/breaks/{break}/assign":                           {act: "break.assigned"}, "/breaks/{break}/explain": {act: "break.explained"}, "/breaks/{break}/note": {act: "break.noted"}, "/breaks/{break}/reopen": {act: "break.reopened"},
	"/breaks/{break}/fix": {act: "approval.asked"}, "/breaks/{break}/fix-by-transaction": {act: "approval.asked"}, "/breaks/{break}/fix-by-return": {act: "approval.asked"},
	"/breaks/{break}/fix-by-accepting": {act: "approval.asked"}, "/breaks/{break}/write-off": {act: "approval.asked"},
	"/pairings/confirm": {act: "pairing.confirmed"}, "/pairings/{pairing}/confirm": {act: "pairing.confirmed"}, "/pairings/{pairing}/refuse": {act: "pairing.refused"},
	"/periods/{period}/close": {act: "approval.asked"}, "/periods/{period}/reopen": {act: "approval.asked"}, "/rules/draft": {act: "approval.asked"},
}

// formsOfStaff finds the form that a request sends.
var formsOfStaff = sync.OnceValue(func() *http.ServeMux {
	mux := http.NewServeMux()
	for path := range staffForms {
		mux.HandleFunc("POST "+wholeForm(path), http.NotFound)
	}
	return mux
})

// wholeForm is the address of a form as the console has it; most are those of a book.
func wholeForm(path string) string {
	if strings.HasPrefix(path, "/console/") {
		return path
	}
	return "/console/books/{book}" + path
}

// deedFor is what the form at an address leaves, and whether there is such a form.
func deedFor(path string) (d deedOf, known bool) {
	_, pattern := formsOfStaff().Handler(httptest.NewRequest(http.MethodPost, path, nil))
	pattern = strings.TrimPrefix(pattern, "POST ")
	d, known = staffForms[pattern]
	if !known {
		d, known = staffForms[strings.TrimPrefix(pattern, "/console/books/{book}")]
	}
	return d, known
}

// watched serves the console, and holds every form of the staff that did something against the trail, in whatever test it is sent.
type watched struct {
	http.Handler
	h *house
	// mu guards sent, the forms that did something before: the same one once more is answered as it was, and may leave no second row.
	mu   sync.Mutex
	sent map[string]bool
}

func (h *house) watch(console http.Handler) http.Handler {
	return &watched{Handler: console, h: h, sent: map[string]bool{}}
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is the writer of the server, of which a file asks more time.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (x *watched) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/console/") {
		x.Handler.ServeHTTP(w, r)
		return
	}
	d, known := deedFor(r.URL.Path)
	form := x.formOf(r)
	before := x.rows(r, d.act)
	answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	x.Handler.ServeHTTP(answer, r)
	if !known {
		if answer.status != http.StatusNotFound && answer.status != http.StatusMethodNotAllowed {
			x.h.t.Errorf("the form %s is in no table of what forms leave in the trail", r.URL.Path)
		}
		return
	}
	// A page that is shown again says what would be, or why not; a file and a secret are shown in the answer to the form itself.
	shows := d.act == "export.fetched" || d.act == "bank_file.fetched" || d.act == "inbound.read" || d.act == "key.rotated"
	if d.act == "" || answer.status != http.StatusSeeOther && (answer.status != http.StatusOK || !shows) {
		return
	}
	x.mu.Lock()
	again := x.sent[form]
	x.sent[form] = true
	x.mu.Unlock()
	if after := x.rows(r, d.act); after == 0 || after == before && !again {
		x.h.t.Errorf("the form %s did something and left no row %s in the trail", r.URL.Path, d.act)
	}
}

// formOf is a form as it is sent, by its hash. What parts a form with a file is made up for each sending, so that its parts are what counts.
func (x *watched) formOf(r *http.Request) string {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		x.h.t.Errorf("the form %s cannot be read: %v", r.URL.Path, err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	said := sha256.New()
	if kind, of, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		for parts := multipart.NewReader(bytes.NewReader(body), of["boundary"]); ; {
			part, err := parts.NextPart()
			if err != nil {
				break
			}
			content, _ := io.ReadAll(part)
			if part.FormName() == tokenField { // each session has its own
				continue
			}
			fmt.Fprintf(said, "%q %q %x\n", part.FormName(), part.FileName(), sha256.Sum256(content))
		}
	} else {
		_, _ = said.Write(body)
	}
	return r.URL.Path + "\x00" + string(said.Sum(nil))
}

// rows counts the rows of an act in the trail of the book that a form is about, or of the installation.
func (x *watched) rows(r *http.Request, act string) int {
	if act == "" {
		return 0
	}
	var of guard.Book
	if rest, ok := strings.CutPrefix(r.URL.Path, "/console/books/"); ok {
		code, _, _ := strings.Cut(rest, "/")
		book, err := x.h.ledger.Book(r.Context(), code)
		if err != nil {
			return 0
		}
		of = guard.Book{ID: int32(book.ID), Code: book.Code}
	}
	rows, err := x.h.trail.Rows(r.Context(), of, guard.Filter{Act: act}, 0, 1000)
	if err != nil {
		return 0
	}
	return len(rows)
}

// Every form in the table is one of the console, and refuses whoever sends it from elsewhere.
func TestStaffFormsAreThere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.book("uk", "Souk UK", "GBP")
	b := h.in("Ada", access.Grant{Role: access.Admin}, access.Grant{Role: finance}, access.Grant{Role: access.Approver})
	for path := range staffForms {
		var at []string
		for _, part := range strings.Split(wholeForm(path), "/") {
			if strings.HasPrefix(part, "{") {
				part = map[string]string{"{book}": "uk", "{number}": "1", "{period}": "2026-11", "{kind}": "bank"}[part]
				if part == "" {
					part = "x"
				}
			}
			at = append(at, part)
		}
		if status, _ := b.send(http.MethodPost, strings.Join(at, "/"), url.Values{}); status != http.StatusForbidden && status != http.StatusBadRequest {
			t.Errorf("%s without a token is answered with %d", path, status)
		}
	}
}
