package console

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/locale"
	"mizan/ledger/money"
	"mizan/payouts/processor/bankfile"
)

// Bank files on pages: what waits, what somebody has to do with each file, and what the bank reported. Bank data stand on none of them.

const (
	bankFilesPerPage    = 50
	bankPaymentsPerPage = 100
	bankReportsShown    = 25
	// uploadsAtOnce bounds the reports that are taken at the same time, each of which is held whole.
	uploadsAtOnce = 2
	bankFilesPath = "/bank-files"
	// uploadTime bounds the time in which a report comes in and is taken.
	uploadTime = time.Minute
)

// bankFileStates are the states of a file in their order, with the colour of each, and next says whether somebody has to do something.
var bankFileStates = []struct {
	look
	next bool
}{{look{bankfile.FileMade, "open"}, true}, {look{bankfile.FileFetched, "open"}, true}, {look{bankfile.FileSent, "running"}, true}, {look{bankfile.FileAnswered, "running"}, true},
	{look{bankfile.FileClosed, "done"}, false}, {look{bankfile.FileVoid, "refused"}, false}}

var bankPaymentLooks = map[string]string{bankfile.PaymentAccepted: "running", bankfile.PaymentSettled: "done", bankfile.PaymentFailed: "failed", bankfile.PaymentCancelled: "refused"}

var bankOutcomeLooks = map[string]string{"accepted": "running", "settled": "done", "failed": "failed", "strange": "open"}

// bankFile, bankPayment and bankOutcome say how a file, a payment in it, and what a report said of a payment stand.
func (t teller) bankFile(state string) stateWord {
	for _, s := range bankFileStates {
		if s.state == state {
			return stateWord{t.say("bank.file_state." + state), s.look.look}
		}
	}
	return stateWord{state, ""}
}

func (t teller) bankPayment(state string) stateWord {
	return stateWord{t.coded("bank.payment", state), bankPaymentLooks[state]}
}

func (t teller) bankOutcome(outcome string) stateWord {
	return stateWord{t.coded("bank.outcome", outcome), bankOutcomeLooks[outcome]}
}

// bankCode says what a bank's code means. In English every published code has its own sentence; the others are told what to do.
func (t teller) bankCode(code string) string {
	text := bankfile.ReasonWord(code)
	switch {
	case text == "" || t.Language == locale.English:
		return text
	case bankfile.Permanent(code):
		return t.say("bank.code.destination")
	case strings.HasPrefix(code, "C") && len(code) == 3:
		return t.say("bank.code.correction")
	}
	return t.say("bank.code.other")
}

// bankPages are the pages about bank files and their forms.
func (c *console) bankPages(mux *http.ServeMux, at string) {
	const file = bankFilesPath + "/{currency}/{number}"
	mux.HandleFunc("GET "+at+bankFilesPath, c.paid("bank-files", c.bankFiles))
	mux.HandleFunc("GET "+at+file, c.paid("bank-file", c.bankFile))
	mux.HandleFunc("GET "+at+"/bank-reports/{digest}", c.paid("bank-report", c.bankReport))
	write, ask := []access.Scope{access.PayoutsWrite}, []access.Scope{access.ApprovalsWrite}
	mux.HandleFunc("POST "+at+bankFilesPath, c.payForm("bank-files", write, c.makeBankFiles, c.bankFiles))
	mux.HandleFunc("POST "+at+file+"/content", c.form(c.fetchBankFile))
	mux.HandleFunc("POST "+at+file+"/sent", c.payForm("bank-file", write, c.sendBankFile, c.bankFile))
	mux.HandleFunc("POST "+at+file+"/void", c.payForm("bank-file", write, c.voidBankFile, c.bankFile))
	mux.HandleFunc("POST "+at+file+"/approvals", c.payForm("bank-file", ask, c.askVoid, c.bankFile))
	mux.HandleFunc("POST "+at+"/bank-reports", c.takeBankReport)
}

// bankCount is how many payments of a file are in a state.
type bankCount struct {
	stateWord
	N int64
}

// bankFileLine is a file in a list.
type bankFileLine struct {
	bankfile.FileRecord
	Name, Link, Next string
	State            stateWord
	Payments         int64
	Total            amount
	Counts           []bankCount
}

func (who cashier) bankFileLine(f bankfile.FileRecord) bankFileLine {
	l := bankFileLine{FileRecord: f, Name: f.FileName(who.book), Link: who.o.At + "/bank-files/" + string(f.Currency) + "/" + strconv.FormatInt(f.Number, 10),
		Payments: int64(f.Lines), Total: sumOf(f.Sum, f.Currency)}
	for _, s := range bankFileStates {
		if s.state == f.State {
			l.State = who.t.bankFile(f.State)
			if s.next {
				l.Next = who.t.say("bank.next." + f.State)
			}
		}
	}
	for _, state := range []string{bankfile.PaymentFiled, bankfile.PaymentAccepted, bankfile.PaymentSettled, bankfile.PaymentFailed, bankfile.PaymentCancelled} {
		if n := f.Counts[state]; n > 0 {
			l.Counts = append(l.Counts, bankCount{who.t.bankPayment(state), int64(n)})
		}
	}
	return l
}

// bankAccountLine is an own bank account with what waits for its next file.
type bankAccountLine struct {
	bankfile.Account
	Waits int64
	Sum   amount
	Since time.Time
}

// bankReportLine is a report in a list.
type bankReportLine struct {
	bankfile.ReportRecord
	Link, FileLink string
	Outcomes       []bankCount
}

func (who cashier) bankReportLine(r bankfile.ReportRecord) bankReportLine {
	l := bankReportLine{ReportRecord: r, Link: who.o.At + "/bank-reports/" + r.Digest}
	if r.File > 0 {
		l.FileLink = who.o.At + "/bank-files/" + string(r.Currency) + "/" + strconv.FormatInt(r.File, 10)
	}
	for _, o := range []struct {
		name string
		n    int
	}{{"accepted", r.Accepted}, {"settled", r.Settled}, {"failed", r.Failed}, {"unchanged", r.Unchanged}, {"strange", r.Strange}} {
		if o.n > 0 {
			l.Outcomes = append(l.Outcomes, bankCount{who.t.bankOutcome(o.name), int64(o.n)})
		}
	}
	return l
}

type bankFilesPage struct {
	payHead
	States      []tab
	State       string
	Accounts    []bankAccountLine
	Lines       []bankFileLine
	Reports     []bankReportLine
	Next, First string
}

func (c *console) bankFiles(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	p := bankFilesPage{payHead: c.payHead(who, "bank_files"), State: r.URL.Query().Get("state")}
	at := who.o.At + "/bank-files"
	known := p.State == ""
	p.States = append(p.States, tab{link{who.t.say("bank.all"), at}, p.State == ""})
	for _, s := range bankFileStates {
		p.States = append(p.States, tab{link{who.t.bankFile(s.state).Word, at + "?state=" + s.state}, s.state == p.State})
		known = known || s.state == p.State
	}
	q := bankfile.FileQuery{State: p.State, Limit: bankFilesPerPage + 1}
	made, place, err := momentAndID(r.URL.Query().Get("after"))
	if err != nil || !known {
		return answer{}, errQuery
	}
	if place != "" {
		currency, number, err := bankFileAt(place)
		if err != nil {
			return answer{}, errQuery
		}
		q.After, p.First = &bankfile.FilePlace{MadeAt: made, Currency: currency, Number: number}, narrowedTo(at, "state", p.State)
	}
	files, err := c.Bank.QueryFiles(ctx, who.book, q)
	if err != nil {
		return answer{}, err
	}
	if len(files) > bankFilesPerPage {
		files = files[:bankFilesPerPage]
		last := files[bankFilesPerPage-1]
		p.Next = narrowedTo(at, "state", p.State, "after", mark(last.MadeAt, string(last.Currency)+"-"+strconv.FormatInt(last.Number, 10)))
	}
	for _, f := range files {
		p.Lines = append(p.Lines, who.bankFileLine(f))
	}
	if err := c.bankAround(ctx, who, &p); err != nil {
		return answer{}, err
	}
	return who.answered(who.t.say("bank.title"), &p), nil
}

// bankAround adds the accounts with what waits, and the latest reports.
func (c *console) bankAround(ctx context.Context, who cashier, p *bankFilesPage) error {
	accounts, err := c.Bank.Accounts(ctx, who.book)
	if err != nil {
		return err
	}
	waiting, err := c.Bank.Waiting(ctx, who.book)
	if err != nil {
		return err
	}
	for _, a := range accounts {
		l := bankAccountLine{Account: a, Sum: sumOf(0, a.Currency)}
		for _, w := range waiting {
			if w.Currency == a.Currency {
				l.Waits, l.Sum, l.Since = int64(w.Payments), sumOf(w.Sum, w.Currency), w.Since
			}
		}
		p.Accounts = append(p.Accounts, l)
	}
	reports, err := c.Bank.Reports(ctx, who.book, "", bankReportsShown)
	for _, r := range reports {
		p.Reports = append(p.Reports, who.bankReportLine(r))
	}
	return err
}

// lineAfter is the line of a file after which a page's address says that it begins, 0 if it says nothing. A line beyond those that any file
// can have is none.
func lineAfter(r *http.Request) (int, error) {
	q := r.URL.Query().Get("after")
	if q == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(q, 10, 32)
	if err != nil || n < 0 {
		return 0, errQuery
	}
	return int(n), nil
}

// bankFileAt reads a currency and a number from an address.
func bankFileAt(s string) (money.Currency, int64, error) {
	currency, number, _ := strings.Cut(s, "-")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || !money.Currency(currency).Known() {
		return "", 0, errNoPage
	}
	return money.Currency(currency), n, nil
}

// bankFileOf is the file that the address names.
func bankFileOf(r *http.Request) (money.Currency, int64, error) {
	return bankFileAt(r.PathValue("currency") + "-" + r.PathValue("number"))
}

// makeBankFiles makes files of what waits.
func (c *console) makeBankFiles(ctx context.Context, who cashier, _ *http.Request) (string, error) {
	_, err := c.Bank.MakeFiles(ctx, who.book, who.actor())
	return who.o.At + "/bank-files", err
}

// bankPaymentLine is a line of a file.
type bankPaymentLine struct {
	bankfile.Payment
	Payee, PayeeLink, PayoutLink, Meaning string
	State                                 stateWord
	Sum                                   amount
}

type bankFilePage struct {
	payHead
	File                  bankFileLine
	Fetched, Sent, Voided who
	Approval              string
	Lines                 []bankPaymentLine
	Next, First           string
	// MayFetch, MaySend, MayVoid and MayAskVoid say which forms stand on the page.
	MayFetch, MaySend, MayVoid, MayAskVoid bool
}

func (c *console) bankFile(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	currency, number, err := bankFileOf(r)
	if err != nil {
		return answer{}, err
	}
	f, err := c.Bank.File(ctx, who.book, currency, number)
	if err != nil {
		return answer{}, err
	}
	p := bankFilePage{payHead: c.payHead(who, "bank_files"), File: who.bankFileLine(f)}
	p.MayFetch = f.Fetchable() && mayAll(who.principal(), who.o.Code, access.PayoutsWrite, access.PersonalSensitive)
	p.MaySend = p.MayWrite && f.State == bankfile.FileFetched
	p.MayVoid = p.MayWrite && f.MayVoid(false) == nil
	p.MayAskVoid = p.MayAsk && f.MayVoid(false) != nil && f.MayVoid(true) == nil
	if f.Approval != "" {
		p.Approval = who.o.At + "/approvals/" + f.Approval
	}
	name := c.names(ctx, who.visit, []string{f.FetchedBy, f.SentBy, f.VoidBy})
	p.Fetched, p.Sent, p.Voided = name(f.FetchedBy), name(f.SentBy), name(f.VoidBy)
	after, err := lineAfter(r)
	if err != nil {
		return answer{}, err
	}
	if after > 0 {
		p.First = p.File.Link
	}
	lines, err := c.Bank.Payments(ctx, who.book, currency, number, after, bankPaymentsPerPage+1)
	if err != nil {
		return answer{}, err
	}
	if len(lines) > bankPaymentsPerPage {
		lines = lines[:bankPaymentsPerPage]
		p.Next = narrowedTo(p.File.Link, "after", strconv.Itoa(lines[bankPaymentsPerPage-1].Line))
	}
	for _, l := range lines {
		payee := strings.TrimPrefix(l.Account, "payee:")
		p.Lines = append(p.Lines, bankPaymentLine{Payment: l, Payee: payee, PayeeLink: who.o.At + "/payees/" + payee, PayoutLink: who.o.At + "/payouts/" + l.Instruction,
			Meaning: who.t.bankCode(l.Code), State: who.t.bankPayment(l.State), Sum: sumOf(l.Amount, l.Currency)})
	}
	return who.answered(who.t.say("bank.file.title"), &p, link{who.t.say("bank.title"), who.o.At + "/bank-files"}), nil
}

// fetchBankFile hands a file out to whoever may see bank data, for a reason.
func (c *console) fetchBankFile(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), decisionTimeout)
	defer cancel()
	who, err := c.cashierOf(ctx, r)
	if err != nil {
		return err
	}
	if !mayAll(who.principal(), who.o.Code, access.PayoutsWrite, access.PersonalSensitive) {
		return access.ErrForbidden
	}
	currency, number, err := bankFileOf(r)
	if err != nil {
		return err
	}
	content, f, err := c.Bank.Content(ctx, who.book, currency, number, who.actor(), r.PostForm.Get("reason"))
	if err != nil {
		return c.again(ctx, w, r, who, "bank-file", err, c.bankFile)
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="`+f.FileName(who.book)+`"`)
	h.Set("Content-Length", strconv.Itoa(len(content)))
	_, _ = w.Write(content) // #nosec G705 -- a file to keep: octet-stream, attachment, nosniff
	return nil
}

// sendBankFile says that the bank has a file, voidBankFile that one that nobody has seen is not carried out.
func (c *console) sendBankFile(ctx context.Context, who cashier, r *http.Request) (string, error) {
	return c.onBankFile(ctx, who, r, c.Bank.Sent)
}

func (c *console) voidBankFile(ctx context.Context, who cashier, r *http.Request) (string, error) {
	return c.onBankFile(ctx, who, r, c.Bank.Void)
}

// bankDeed does something to a file, for a reason.
type bankDeed func(ctx context.Context, book ledger.Book, currency money.Currency, number int64, by guard.Actor, why string) (bankfile.FileRecord, error)

func (c *console) onBankFile(ctx context.Context, who cashier, r *http.Request, do bankDeed) (string, error) {
	currency, number, err := bankFileOf(r)
	if err != nil {
		return "", err
	}
	f, err := do(ctx, who.book, currency, number, who.actor(), r.PostForm.Get("reason"))
	return who.bankFileLine(f).Link, err
}

// askVoid asks a second person to declare void a file that somebody has seen.
func (c *console) askVoid(ctx context.Context, who cashier, r *http.Request) (string, error) {
	currency, number, err := bankFileOf(r)
	if err != nil {
		return "", err
	}
	return c.asked(ctx, who, bankfile.ActVoid, map[string]any{"currency": currency, "number": number}, r.PostForm)
}

type bankReportPage struct {
	payHead
	Report      bankReportLine
	Received    who
	Items       []bankItemLine
	Next, First string
}

// bankItemLine is what a report said of one payment.
type bankItemLine struct {
	bankfile.ReportItem
	Meaning string
	Outcome stateWord
}

func (c *console) bankReport(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	digest := r.PathValue("digest")
	if len(digest) != 64 || strings.Trim(digest, "0123456789abcdef") != "" {
		return answer{}, errNoPage
	}
	report, err := c.Bank.Report(ctx, who.book, digest)
	if err != nil {
		return answer{}, err
	}
	p := bankReportPage{payHead: c.payHead(who, "bank_files"), Report: who.bankReportLine(report)}
	p.Received = c.names(ctx, who.visit, []string{report.ReceivedBy})(report.ReceivedBy)
	after, err := lineAfter(r)
	if err != nil {
		return answer{}, err
	}
	if after > 0 {
		p.First = p.Report.Link
	}
	items, err := c.Bank.ReportItems(ctx, who.book, digest, after, bankPaymentsPerPage+1)
	if err != nil {
		return answer{}, err
	}
	if len(items) > bankPaymentsPerPage {
		items = items[:bankPaymentsPerPage]
		p.Next = narrowedTo(p.Report.Link, "after", strconv.Itoa(items[bankPaymentsPerPage-1].Number))
	}
	for _, i := range items {
		p.Items = append(p.Items, bankItemLine{i, who.t.bankCode(i.Code), who.t.bankOutcome(i.Outcome)})
	}
	return who.answered(who.t.say("bank.report.title"), &p, link{who.t.say("bank.title"), who.o.At + "/bank-files"}), nil
}

// takeBankReport takes a report that is uploaded. The form's token comes before the file, and nothing is read of the file
// before it was judged.
func (c *console) takeBankReport(w http.ResponseWriter, r *http.Request) {
	if err := c.uploadBankReport(w, r); err != nil {
		c.fail(w, r, err)
	}
}

func (c *console) uploadBankReport(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), uploadTime)
	defer cancel()
	who, err := c.uploader(ctx, r, access.PayoutsRead, access.PayoutsWrite)
	if err != nil {
		return err
	}
	done, err := holding(ctx, c.uploading) // a report is held whole while it is taken
	if err != nil {
		return err
	}
	defer done()
	currency, file, err := c.readUpload(ctx, w, r)
	if err != nil {
		return err
	}
	report, err := c.Bank.TakeReport(ctx, who.book, currency, file, who.actor())
	if errors.As(err, new(*http.MaxBytesError)) {
		err = bankfile.ErrReportSize
	}
	if err != nil {
		if errors.Is(err, bankfile.ErrAccountMissing) {
			err = guard.ErrApprovalInvalid.With("The book has no bank account in this currency. Choose the one that the report is about.")
		}
		return c.again(ctx, w, r, who, "bank-files", err, c.bankFiles)
	}
	http.Redirect(w, r, who.bankReportLine(report).Link, http.StatusSeeOther)
	return nil
}

// readUpload reads an upload as far as the file, which the caller reads on. It returns errForm for one of no page of ours.
func (c *console) readUpload(ctx context.Context, w http.ResponseWriter, r *http.Request) (money.Currency, io.Reader, error) {
	v := visitOf(r.Context())
	if v.failed != nil {
		return "", nil, v.failed
	}
	at, _ := ctx.Deadline()
	_ = http.NewResponseController(w).SetReadDeadline(at) // where it cannot be moved, the server's own holds
	r.Body = http.MaxBytesReader(w, r.Body, bankfile.ReportBytes+maxForm)
	parts, err := r.MultipartReader()
	if err != nil {
		return "", nil, unreadable(err)
	}
	given := map[string]string{}
	for range 3 {
		part, err := parts.NextPart()
		if err != nil {
			return "", nil, unreadable(err)
		}
		name := part.FormName()
		if name == "file" {
			if !c.holdsToken(v, given[tokenField]) {
				return "", nil, errForm
			}
			return money.Currency(given["currency"]), part, nil
		}
		text, err := io.ReadAll(io.LimitReader(part, 256))
		if err != nil {
			return "", nil, unreadable(err)
		}
		given[name] = string(text)
	}
	return "", nil, errFormRead
}
