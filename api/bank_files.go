package api

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts/processor/bankfile"
)

// Bank files: what is paid by files that a bank takes. Only one operation hands out the bank data of payees, and it asks for
// the right to see them, for a reason, and leaves a row in the trail.

// fileBytes is the content type under which a file is handed out: nobody shall open it by mistake.
const fileBytes = "application/octet-stream"

type bankPaymentCountsJSON struct {
	Filed     int `json:"filed" doc:"The bank has not spoken of them"`
	Accepted  int `json:"accepted" doc:"The bank has them"`
	Settled   int `json:"settled" doc:"Paid"`
	Failed    int `json:"failed" doc:"Rejected or returned, and the destination is disabled"`
	Cancelled int `json:"cancelled" doc:"Not paid for a reason that passes"`
}

// BankFileJSON is a bank file as callers read it: all but its bytes.
type BankFileJSON struct {
	Currency   string                `json:"currency" example:"GBP"`
	Number     int64                 `json:"number" doc:"Counts the files of the bank account, without gaps" example:"1"`
	Name       string                `json:"name" doc:"What it is called when it is handed out" example:"uk-GBP-000001.xml"`
	MessageID  string                `json:"message_id" doc:"By which the bank's reports name it" example:"MZ-GBP-1-ABCDEFGHIJKL"`
	Format     string                `json:"format" enum:"pain.001.001.09,nacha"`
	State      string                `json:"state" enum:"made,fetched,sent,answered,closed,void" doc:"made: nobody has seen it; fetched: somebody has; sent: the bank has it; answered: the bank has reported; closed: no payment of it is open; void: it is not carried out"`
	SHA256     string                `json:"sha256" doc:"Of its bytes; compare it with what you hand to the bank" example:"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`
	Payments   int                   `json:"payments" doc:"Its first control total" example:"12"`
	Amount     string                `json:"amount" doc:"Its second control total: the sum" example:"1200.00"`
	EntryHash  int64                 `json:"entry_hash" doc:"The third one of NACHA; 0 for others"`
	Counts     bankPaymentCountsJSON `json:"counts" doc:"Its payments by state"`
	ExecuteOn  string                `json:"execute_on" format:"date" doc:"When the bank is asked to pay" example:"2026-11-23"`
	PaidOn     *string               `json:"paid_on" format:"date" doc:"When its payments count as paid if the bank has said nothing; null if only the bank's word counts"`
	MadeAt     string                `json:"made_at" format:"date-time"`
	FetchedAt  *string               `json:"fetched_at" format:"date-time"`
	FetchedBy  string                `json:"fetched_by"`
	SentAt     *string               `json:"sent_at" format:"date-time"`
	SentBy     string                `json:"sent_by"`
	ClosedAt   *string               `json:"closed_at" format:"date-time"`
	VoidAt     *string               `json:"void_at" format:"date-time"`
	VoidBy     string                `json:"void_by"`
	VoidReason string                `json:"void_reason"`
	Approval   string                `json:"approval" doc:"By which it was declared void; empty for one that nobody had seen"`
}

type bankFileListJSON struct {
	Data       []BankFileJSON `json:"data" nullable:"false" doc:"The latest first"`
	NextCursor *string        `json:"next_cursor" doc:"Send it as cursor for the next page, with the same filters; null on the last"`
}

type madeBankFilesJSON struct {
	Data []BankFileJSON `json:"data" nullable:"false" doc:"Those that were made now; none if nothing waits"`
}

// BankPaymentJSON is a line of a bank file. It has no bank data.
type BankPaymentJSON struct {
	ID        string `json:"id" example:"po_0123456789abcdefghijklmn"`
	Line      int    `json:"line" example:"1"`
	Payout    string `json:"payout" doc:"What is paid" example:"po_0123456789abcdef"`
	Payee     string `json:"payee" example:"cre_amy"`
	Currency  string `json:"currency" example:"GBP"`
	Amount    string `json:"amount" example:"100.00"`
	State     string `json:"state" enum:"queued,filed,accepted,settled,failed,cancelled"`
	Code      string `json:"code" doc:"The bank's reason, or ours; also what the bank corrected of a payment that was settled" example:"AC04"`
	Meaning   string `json:"meaning" doc:"The bank's reason in words, where they are published" example:"The account is closed."`
	Trace     string `json:"trace" doc:"How the bank names the payment"`
	CreatedAt string `json:"created_at" format:"date-time"`
	ChangedAt string `json:"changed_at" format:"date-time"`
}

type bankPaymentListJSON struct {
	Data       []BankPaymentJSON `json:"data" nullable:"false" doc:"In order of the lines"`
	NextCursor *string           `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last"`
}

type bankFileQuery struct {
	Currency string `json:"currency,omitempty" pattern:"^[A-Z]{3}$" doc:"Only files in this currency" example:"GBP"`
	State    string `json:"state,omitempty" enum:"made,fetched,sent,answered,closed,void" doc:"Only files in this state"`
	Limit    int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100" doc:"A page has at most 100"`
	Cursor   string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

func bankFileOperations() []Operation {
	file := reflect.TypeFor[BankFileJSON]()
	const base, one = "/v1/books/{book}/bank-files", "/v1/books/{book}/bank-files/{currency}/{number}"
	unknown, why := []*fault.Error{bankfile.ErrFileUnknown, ErrNotReady}, reflect.TypeFor[NewReason]()
	list := []Operation{
		{
			Method: http.MethodGet, Path: base, ID: "list-bank-files", Summary: "List bank files", Scope: access.PayoutsRead, Query: reflect.TypeFor[bankFileQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of files.", Body: reflect.TypeFor[bankFileListJSON]()}}, Errors: []*fault.Error{ErrCursor, ErrNotReady}, handle: listBankFiles,
		},
		{
			Method: http.MethodPost, Path: base, ID: "make-bank-files", Summary: "Make bank files of what waits, now",
			Description: "The job payout_files does it every hour. Nothing waits, and no file is made. A payment whose payee has no usable bank data ends and holds nobody up.",
			Scope:       access.PayoutsWrite, Body: reflect.TypeFor[NewRetry](), BodyLimit: bodyLimit, Example: map[string]any{},
			Answers: []Answer{{Status: 201, Meaning: "Files were made.", Body: reflect.TypeFor[madeBankFilesJSON]()}, {Status: 200, Meaning: "Nothing waited.", Body: reflect.TypeFor[madeBankFilesJSON]()}},
			Errors:  append([]*fault.Error{ErrNotReady}, vaultErrors...), handle: makeBankFiles,
		},
		{
			Method: http.MethodGet, Path: one, ID: "get-bank-file", Summary: "Read a bank file's totals and state", Scope: access.PayoutsRead,
			Answers: []Answer{{Status: 200, Meaning: "The file as it stands.", Body: file}}, Errors: unknown, handle: getBankFile,
		},
		{
			Method: http.MethodGet, Path: one + "/payments", ID: "list-bank-payments", Summary: "List the payments of a bank file", Scope: access.PayoutsRead, Query: reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of payments.", Body: reflect.TypeFor[bankPaymentListJSON]()}}, Errors: append([]*fault.Error{ErrCursor}, unknown...), handle: listBankPayments,
		},
		{
			Method: http.MethodPost, Path: one + "/content", ID: "fetch-bank-file", Summary: "Fetch a bank file's bytes",
			Description: "It holds the bank data of payees: the scope personal:sensitive is needed too, and the look is recorded with its reason before the bytes are handed out. " +
				"They are made again each time and compared with the digest; if bank data changed since, nothing is handed out. Repr-Digest is their SHA-256.",
			Scope: access.PayoutsWrite, Also: access.PersonalSensitive, Body: why, BodyLimit: bodyLimit,
			Answers: []Answer{{Status: 200, Meaning: "The file, byte for byte the same each time.", Media: fileBytes}},
			Errors:  append(append([]*fault.Error{bankfile.ErrFileState, bankfile.ErrFileChanged, guard.ErrDeedInvalid}, unknown...), vaultErrors...), handle: fetchBankFile,
		},
		{
			Method: http.MethodPost, Path: one + "/sent", ID: "send-bank-file", Summary: "Say that the bank has a file",
			Description: "Said again it changes nothing.", Scope: access.PayoutsWrite, Body: why, BodyLimit: bodyLimit,
			Answers: []Answer{{Status: 200, Meaning: "The bank has it.", Body: file}}, Errors: append([]*fault.Error{bankfile.ErrFileState, guard.ErrDeedInvalid}, unknown...), handle: sendBankFile,
		},
		{
			Method: http.MethodPost, Path: one + "/void", ID: "void-bank-file", Summary: "Say that a file is not carried out",
			Description: "One person does it to a file that nobody has seen: its payments wait for the next one. Of a file that was fetched the bank may have a copy: ask for an approval of the act bank_file.void.",
			Scope:       access.PayoutsWrite, Body: why, BodyLimit: bodyLimit,
			Answers: []Answer{{Status: 200, Meaning: "It is void.", Body: file}},
			Errors:  append([]*fault.Error{bankfile.ErrFileState, bankfile.ErrFileReported, guard.ErrApprovalRequired, guard.ErrDeedInvalid}, unknown...), handle: voidBankFile,
		},
	}
	for i := range list {
		list[i].Group = "Bank files"
	}
	return list
}

// bank returns the bank rail, or ErrNotReady.
func (c *call) bank() (*bankfile.Service, error) {
	if c.service.bank == nil {
		return nil, ErrNotReady
	}
	return c.service.bank, nil
}

// bankFile returns the bank rail, and the currency and number of the path.
func (c *call) bankFile() (*bankfile.Service, money.Currency, int64, error) {
	s, err := c.bank()
	if err != nil {
		return nil, "", 0, err
	}
	currency := money.Currency(c.param("currency"))
	number, err := strconv.ParseInt(c.param("number"), 10, 64)
	if err != nil || number < 1 || !currency.Known() {
		return nil, "", 0, bankfile.ErrFileUnknown
	}
	return s, currency, number, nil
}

// dateOf is a day as callers read it, nil for none.
func dateOf(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.Format(time.DateOnly)
	return &s
}

func bankFileOf(book ledger.Book, f bankfile.FileRecord) BankFileJSON {
	return BankFileJSON{Currency: string(f.Currency), Number: f.Number, Name: f.FileName(book), MessageID: f.MessageID, Format: string(f.Format), State: f.State, SHA256: f.Digest,
		Payments: f.Lines, Amount: f.Sum.Format(f.Currency), EntryHash: f.EntryHash,
		Counts: bankPaymentCountsJSON{Filed: f.Counts[bankfile.PaymentFiled], Accepted: f.Counts[bankfile.PaymentAccepted], Settled: f.Counts[bankfile.PaymentSettled],
			Failed: f.Counts[bankfile.PaymentFailed], Cancelled: f.Counts[bankfile.PaymentCancelled]},
		ExecuteOn: f.ExecuteOn.Format(time.DateOnly), PaidOn: dateOf(f.PaidOn), MadeAt: f.MadeAt.Format(instantFormat), FetchedAt: optionalInstant(f.FetchedAt), FetchedBy: f.FetchedBy,
		SentAt: optionalInstant(f.SentAt), SentBy: f.SentBy, ClosedAt: optionalInstant(f.ClosedAt), VoidAt: optionalInstant(f.VoidAt), VoidBy: f.VoidBy, VoidReason: f.VoidReason, Approval: f.Approval}
}

// oneBankFile answers with a file, or with what was said against it.
func (c *call) oneBankFile(f bankfile.FileRecord, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, bankFileOf(c.book, f))
}

// maxBankFiles bounds a page of files, since each counts its payments.
const maxBankFiles = 100

func listBankFiles(c *call) (reply, error) {
	s, err := c.bank()
	if err != nil {
		return reply{}, err
	}
	limit := min(c.query.limit(), maxBankFiles-1)
	q := bankfile.FileQuery{Currency: c.query.currency(), Limit: limit + 1}
	if c.query.text("state") != "" {
		q.State = c.query.choice("state", bankfile.FileMade, bankfile.FileFetched, bankfile.FileSent, bankfile.FileAnswered, bankfile.FileClosed, bankfile.FileVoid)
	}
	if at := c.position(3); at != nil {
		micros, err := strconv.ParseInt(at[0], 10, 64)
		number, err2 := strconv.ParseInt(at[2], 10, 64)
		if err != nil || err2 != nil {
			return reply{}, ErrCursor
		}
		q.After = &bankfile.FilePlace{MadeAt: time.UnixMicro(micros).UTC(), Currency: money.Currency(at[1]), Number: number}
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	files, err := s.QueryFiles(c.ctx, c.book, q)
	if err != nil {
		return reply{}, err
	}
	out := bankFileListJSON{Data: []BankFileJSON{}}
	for _, f := range files[:min(len(files), limit)] {
		out.Data = append(out.Data, bankFileOf(c.book, f))
	}
	if len(files) > limit {
		at := files[limit-1].Place()
		next := c.nextCursor(strconv.FormatInt(at.MadeAt.UnixMicro(), 10), string(at.Currency), strconv.FormatInt(at.Number, 10))
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}

func makeBankFiles(c *call) (reply, error) {
	s, err := c.bank()
	if err != nil {
		return reply{}, err
	}
	if _, err := decodeWith(c, func(d *decoder, n int32) (r NewRetry) {
		d.object(n, &r)
		return r
	}); err != nil {
		return reply{}, err
	}
	files, err := s.MakeFiles(c.ctx, c.book, c.actor())
	if err != nil && len(files) == 0 {
		return reply{}, err
	}
	if err != nil { // what was made stands, and the job says what is wrong with the rest
		c.service.log.Error("bank files could not be made in every currency", "book", c.book.Code, "err", err)
	}
	out, status := madeBankFilesJSON{Data: []BankFileJSON{}}, http.StatusOK
	for _, f := range files {
		out.Data, status = append(out.Data, bankFileOf(c.book, f)), http.StatusCreated
	}
	return document(status, out)
}

func getBankFile(c *call) (reply, error) {
	s, currency, number, err := c.bankFile()
	if err != nil {
		return reply{}, err
	}
	return c.oneBankFile(s.File(c.ctx, c.book, currency, number))
}

func listBankPayments(c *call) (reply, error) {
	s, currency, number, err := c.bankFile()
	if err != nil {
		return reply{}, err
	}
	limit, after := c.query.limit(), int(c.afterNumber())
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	if _, err := s.File(c.ctx, c.book, currency, number); err != nil {
		return reply{}, err
	}
	list, more, err := oneMore(limit, func(limit int) ([]bankfile.Payment, error) {
		return s.Payments(c.ctx, c.book, currency, number, after, limit)
	})
	if err != nil {
		return reply{}, err
	}
	out := bankPaymentListJSON{Data: make([]BankPaymentJSON, len(list))}
	for i, p := range list {
		out.Data[i] = BankPaymentJSON{ID: p.ID, Line: p.Line, Payout: p.Instruction, Payee: strings.TrimPrefix(p.Account, payeePrefix), Currency: string(p.Currency), Amount: p.Amount.Format(p.Currency), State: p.State,
			Code: p.Code, Meaning: bankfile.ReasonWord(p.Code), Trace: p.Trace, CreatedAt: p.CreatedAt.UTC().Format(instantFormat), ChangedAt: p.ChangedAt.UTC().Format(instantFormat)}
	}
	if more {
		next := c.nextCursor(strconv.Itoa(list[len(list)-1].Line))
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}

func fetchBankFile(c *call) (reply, error) {
	s, currency, number, err := c.bankFile()
	if err != nil {
		return reply{}, err
	}
	why, err := c.reason()
	if err != nil {
		return reply{}, err
	}
	content, f, err := s.Content(c.ctx, c.book, currency, number, c.actor(), why)
	if err != nil {
		return reply{}, err
	}
	digest := sha256.Sum256(content)
	h := c.w.Header()
	h.Set("Content-Disposition", `attachment; filename="`+f.FileName(c.book)+`"`)
	h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(digest[:])+":")
	return reply{status: http.StatusOK, body: content, media: fileBytes}, nil
}

func sendBankFile(c *call) (reply, error) {
	s, currency, number, err := c.bankFile()
	if err != nil {
		return reply{}, err
	}
	why, err := c.reason()
	if err != nil {
		return reply{}, err
	}
	return c.oneBankFile(s.Sent(c.ctx, c.book, currency, number, c.actor(), why))
}

func voidBankFile(c *call) (reply, error) {
	s, currency, number, err := c.bankFile()
	if err != nil {
		return reply{}, err
	}
	why, err := c.reason()
	if err != nil {
		return reply{}, err
	}
	f, err := s.Void(c.ctx, c.book, currency, number, c.actor(), why)
	if errors.Is(err, guard.ErrApprovalRequired) {
		err = guard.ErrApprovalRequired.With("Somebody has fetched this file, so the bank may have it. Ask for an approval of the act bank_file.void, with the bank's word that it does not pay.")
	}
	return c.oneBankFile(f, err)
}
