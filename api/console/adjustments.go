package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts/reconcile"
)

// Adjustments: entries that people post by hand, with a reason, a document and a second person. The page shows what they would do
// before anybody is asked, what waits, and what was posted.

const (
	adjustmentsPath = "/adjustments"
	// adjustmentLines is how many lines the form has. Longer ones are asked for over the API.
	adjustmentLines = 8
	// adjustmentsPerPage bounds those posted that a page shows.
	adjustmentsPerPage = 25
	// maxDocument bounds the file whose hash is taken, in bytes.
	maxDocument = 20 << 20
	// maxParts bounds the fields of a form with a file.
	maxParts = 64
)

var errDocumentLarge = fault.New(fault.TooLarge, "document-too-large", "The file is larger than 20 MiB. Name it and give its SHA-256 instead; nothing was recorded.")

// adjustmentPages are the page of adjustments and its form.
func (c *console) adjustmentPages(mux *http.ServeMux) {
	const at = "/console/books/{book}" + adjustmentsPath
	mux.HandleFunc("GET "+at, c.readBy(access.ApprovalsRead, "adjustments", c.adjustments))
	mux.HandleFunc("POST "+at, c.adjust)
}

// adjustmentLine is a line of the form with what was typed into it.
type adjustmentLine struct {
	N               int
	Account, Amount string
	Credit          bool
	Currencies      []choice
}

type adjustmentsPage struct {
	payHead
	Lines     []adjustmentLine
	Accounts  []choice
	Reasons   []choice
	Reference string
	// Document and SHA256 are those of the file that was sent before, so that it need not be sent again.
	Document, SHA256 string
	Waiting          []approvalLine
	MoreWaiting      bool
	Posted           []transactionLine
	// MayRead and MayPreview say whether the visitor sees what was posted, and what an adjustment would do.
	MayRead, MayPreview bool
	Next, First         string
}

func (c *console) adjustments(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	p := adjustmentsPage{payHead: c.payHead(who, ""), Reference: r.PostForm.Get("reference"), Document: strings.TrimSpace(r.PostForm.Get("document")), SHA256: r.PostForm.Get("sha256")}
	t := tellerOf(ctx)
	p.Tabs = who.o.tabs(who.principal(), "Adjustments")
	if p.Reference == "" {
		p.Reference = newReference(c.Now().In(who.book.Location()))
	}
	for _, x := range c.Ledger.Chart().Rows() {
		at := x.Path
		if x.OwnerRequired {
			at += ":"
		}
		p.Accounts = append(p.Accounts, choice{Value: at, Text: t.meaning(x.Code, x.Meaning)})
	}
	for _, x := range commerce.AdjustmentReasons() {
		p.Reasons = append(p.Reasons, choice{x.Code, t.say("acts.reason." + x.Code), x.Code == r.PostForm.Get("reason_code")})
	}
	for i := range adjustmentLines {
		n := strconv.Itoa(i + 1)
		l := adjustmentLine{N: i + 1, Account: r.PostForm.Get("account" + n), Amount: r.PostForm.Get("amount" + n), Credit: r.PostForm.Get("direction"+n) == "credit" || !r.PostForm.Has("direction"+n) && i == 1}
		for _, x := range who.book.Currencies {
			l.Currencies = append(l.Currencies, choice{string(x), string(x), string(x) == r.PostForm.Get("currency"+n)})
		}
		p.Lines = append(p.Lines, l)
	}
	open, next, err := c.Desk.Find(ctx, who.o.Book, guard.Search{State: guard.StateOpen, Act: commerce.ActAdjust}, guard.Place{}, approvalsPerPage)
	if err != nil {
		return answer{}, err
	}
	p.MoreWaiting = next.ID != ""
	if p.Waiting, err = c.approvalLines(ctx, who.visit, who.o, open); err != nil {
		return answer{}, err
	}
	p.MayPreview = mayAll(who.principal(), who.o.Code, access.BalancesRead)
	if p.MayRead = mayAll(who.principal(), who.o.Code, access.TransactionsRead); p.MayRead {
		err = c.adjusted(ctx, who, r, &p)
	}
	return answer{Title: t.say("acts.title"), Trail: who.o.trail(), Active: "desk", Data: &p}, err
}

// adjusted adds what was posted by hand, the newest first.
func (c *console) adjusted(ctx context.Context, who cashier, r *http.Request, p *adjustmentsPage) error {
	before, err := positive(r.URL.Query().Get("before"))
	if err != nil {
		return err
	}
	page, err := c.Ledger.Transactions(ctx, who.book, ledger.TransactionQuery{Event: commerce.EventAdjusted, After: before, Descending: true, Limit: adjustmentsPerPage})
	if err != nil {
		return err
	}
	for _, t := range page.Transactions {
		p.Posted = append(p.Posted, lineOf(who.book, t))
	}
	if before > 0 {
		p.First = who.o.At + adjustmentsPath
	}
	if page.More {
		p.Next = narrowedTo(who.o.At+adjustmentsPath, "before", strconv.FormatInt(page.Transactions[len(page.Transactions)-1].Sequence, 10))
	}
	return nil
}

// newReference is a name for an adjustment of the day, which its author may change.
func newReference(day time.Time) string {
	var raw [4]byte
	rand.Read(raw[:]) // never fails: the program ends instead
	return "adjustment-" + day.Format(time.DateOnly) + "-" + hex.EncodeToString(raw[:])
}

// adjust shows what an adjustment would do, or asks a second person for it.
func (c *console) adjust(w http.ResponseWriter, r *http.Request) {
	if err := c.readDocumentForm(w, r); err != nil {
		c.fail(w, r, err)
		return
	}
	if err := c.sent(w, r, access.ApprovalsRead, "adjustments", []access.Scope{access.ApprovalsWrite}, c.askAdjustment, c.adjustments); err != nil {
		c.fail(w, r, err)
	}
}

// readDocumentForm reads a form whose token comes first, and takes the name and the hash of a file in it. The file is not kept.
func (c *console) readDocumentForm(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r.Context())
	if v.failed != nil {
		return v.failed
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxDocument+maxForm)
	parts, err := r.MultipartReader()
	if err != nil {
		return unreadable(err)
	}
	given, sum, name := url.Values{}, "", ""
	for n := 0; ; n++ {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return unreadable(err)
		}
		if n == maxParts {
			return errFormRead
		}
		// Nothing else is read of a form that does not begin with its token.
		if part.FormName() != tokenField && !c.holdsToken(v, given.Get(tokenField)) {
			return errForm
		}
		if part.FormName() == "file" {
			if part.FileName() == "" {
				continue
			}
			digest := sha256.New()
			size, err := io.Copy(digest, io.LimitReader(part, maxDocument+1))
			switch {
			case err != nil:
				return unreadable(err)
			case size > maxDocument:
				return errDocumentLarge
			}
			sum, name = hex.EncodeToString(digest.Sum(nil)), path.Base(strings.ReplaceAll(part.FileName(), `\`, "/"))
			continue
		}
		text, err := io.ReadAll(io.LimitReader(part, maxForm+1))
		if err != nil || len(text) > maxForm {
			return unreadable(err)
		}
		given.Set(part.FormName(), string(text))
	}
	if !c.holdsToken(v, given.Get(tokenField)) {
		return errForm
	}
	settleDocument(given, sum, name)
	r.PostForm, r.Form = given, given
	return nil
}

// settleDocument settles which document a form names, whose hash is sum and whose name is name if a file came with it. The form says what its
// page held of the document that came before, so that the name of one never stands with the hash of another.
func settleDocument(given url.Values, sum, name string) {
	typed, hash := strings.TrimSpace(given.Get("document")), strings.TrimSpace(given.Get("sha256"))
	heldName, heldHash := strings.TrimSpace(given.Get("held_document")), given.Get("held_sha256")
	switch {
	case sum != "":
		given.Set("sha256", sum)
		if typed == "" || typed == heldName && sum != heldHash {
			given.Set("document", name)
		}
	case typed != heldName && hash == heldHash:
		given.Del("sha256")
	}
}

func (c *console) askAdjustment(ctx context.Context, who cashier, r *http.Request) (string, error) {
	f := r.PostForm
	a := commerce.Adjustment{Reference: strings.TrimSpace(f.Get("reference")), ReasonCode: f.Get("reason_code"), Reason: lined(f.Get("reason")), Document: strings.TrimSpace(f.Get("document")),
		SHA256: strings.TrimSpace(f.Get("sha256")), Subject: strings.TrimSpace(f.Get("subject"))}
	if text := f.Get("day"); text != "" {
		day, err := time.ParseInLocation(time.DateOnly, text, who.book.Location())
		if err != nil {
			return "", guard.ErrApprovalInvalid.At("/occurred_at", "day", "Say on which day it takes effect, as 2026-11-30, or leave it out.")
		}
		if day.Format(time.DateOnly) != c.Now().In(who.book.Location()).Format(time.DateOnly) { // that of today happens when it is recorded
			a.OccurredAt = day.Add(12 * time.Hour)
		}
	}
	for i := range adjustmentLines {
		n := strconv.Itoa(i + 1)
		e := commerce.AdjustmentEntry{Account: strings.TrimSpace(f.Get("account" + n)), Direction: f.Get("direction" + n), Amount: strings.TrimSpace(f.Get("amount" + n)), Currency: f.Get("currency" + n)}
		if e.Account != "" || e.Amount != "" {
			a.Entries = append(a.Entries, e)
		}
	}
	q, err := a.Request()
	if err != nil {
		return "", err
	}
	return c.asks(ctx, who, q, f)
}

// forecastView is what an act would do, before it is asked for.
type forecastView struct {
	Act, Summary         string
	Difference, Warnings []string
	Count                int
	Totals               []sum
	Entries              []forecastLine
}

// forecastLine is an entry that would be posted.
type forecastLine struct {
	Account, Link string
	Currency      string
	Debit, Credit amount
	Before, After amount
	// Floor is the key of what is said of an account that must or should not be below zero; Below that it would be.
	Floor string
	Below bool
}

// shown says that what an act would do is to be shown, and that nobody was asked.
type shown struct{ view *forecastView }

func (shown) Error() string { return "what it would do is shown" }

// asks asks a second person, or shows what it would do if the form says so.
func (c *console) asks(ctx context.Context, who cashier, q guard.Request, form url.Values) (string, error) {
	if !form.Has("preview") {
		a, err := c.Desk.Ask(ctx, who.actor(), who.o.Book, q)
		return who.o.At + "/approvals/" + url.PathEscape(a.ID), err
	}
	if err := who.principal().Allow(access.BalancesRead, who.o.Code); err != nil { // it shows balances, and leaves no trace
		return "", err
	}
	_, e, err := c.Desk.Preview(ctx, who.o.Book, q.Act, q.Payload)
	if err != nil {
		return "", err
	}
	v := &forecastView{Act: q.Act, Summary: e.Summary, Difference: e.Difference, Warnings: e.Warnings, Count: e.Count}
	for _, t := range e.Totals {
		v.Totals = append(v.Totals, sum{t.Currency, grouped(t.Amount)})
	}
	for _, x := range e.Entries {
		currency := money.Currency(x.Currency)
		l := forecastLine{Account: x.Object, Link: accountAddress(who.book, ledger.Address(x.Object), currency), Currency: x.Currency, Before: signedText(reconcile.Amount(x.Before), currency), After: signedText(reconcile.Amount(x.After), currency), Below: x.Below}
		if l.Debit = signedText(reconcile.Amount(x.Amount.Amount), currency); x.Direction == "credit" {
			l.Debit, l.Credit = amount{}, l.Debit
		}
		if x.Floor != "none" {
			l.Floor = "acts.floor." + x.Floor
		}
		v.Entries = append(v.Entries, l)
	}
	return "", shown{v}
}
