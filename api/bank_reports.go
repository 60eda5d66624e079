package api

import (
	"net/http"
	"reflect"
	"regexp"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/payouts/processor/bankfile"
)

// Bank reports: what a bank says of files and their payments. One is taken whole or not at all, and once.

// bankReportBody documents a body that is a bank's report.
type bankReportBody struct{}

// Schema says that the body is a file. It implements huma.SchemaProvider.
func (bankReportBody) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "The report, at most 16 MiB, as the bank wrote it"}
}

// bankReportMedia are the content types of reports. What a report is, its bank account's format says.
var bankReportMedia = []string{"text/xml", "application/xml", "text/plain", "application/octet-stream"}

var (
	errReportMedia = ErrMedia.With("The body must be the bank's report itself, uncompressed. Send Content-Type: text/xml or text/plain, and no Content-Encoding.")
	errNoCurrency  = ledger.ErrInvalid.With("Say which bank account the report is about.").At("query:currency", "required", "This parameter is required.")
)

type bankReportQuery struct {
	Currency string `json:"currency" pattern:"^[A-Z]{3}$" doc:"The bank account that the report is about" example:"GBP"`
}

type bankReportCountsJSON struct {
	Accepted  int `json:"accepted" doc:"The bank has them now"`
	Settled   int `json:"settled" doc:"Paid now"`
	Failed    int `json:"failed" doc:"Ended now: the money comes back"`
	Unchanged int `json:"unchanged" doc:"Known before"`
	Strange   int `json:"strange" doc:"They contradict what is known; nothing was changed, and a person has to look at them"`
}

// BankReportJSON is a bank's report that was taken.
type BankReportJSON struct {
	SHA256     string               `json:"sha256" doc:"Of its bytes, by which it is known here" example:"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`
	Currency   string               `json:"currency" example:"GBP"`
	Format     string               `json:"format" example:"pain.002.001.10"`
	MessageID  string               `json:"message_id" doc:"How the bank names it" example:"R-1"`
	File       *int64               `json:"file" doc:"The number of the file that it is about; null if it is about several" example:"1"`
	Counts     bankReportCountsJSON `json:"counts" doc:"Payments by what the report made of them"`
	ReceivedAt string               `json:"received_at" format:"date-time"`
	ReceivedBy string               `json:"received_by"`
}

type bankReportListJSON struct {
	Data       []BankReportJSON `json:"data" nullable:"false" doc:"The latest first"`
	NextCursor *string          `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last"`
}

// BankReportItemJSON is what a report said of one payment.
type BankReportItemJSON struct {
	Number     int    `json:"number" doc:"Its place in the report" example:"1"`
	Payment    string `json:"payment" example:"po_0123456789abcdefghijklmn"`
	Said       string `json:"said" doc:"The bank's word" enum:"accepted,settled,rejected,returned,partial,other"`
	Code       string `json:"code" doc:"The bank's reason" example:"AC04"`
	Meaning    string `json:"meaning" doc:"The reason in words, where they are published"`
	Outcome    string `json:"outcome" enum:"accepted,settled,failed,unchanged,strange" doc:"What was made of it"`
	Correction bool   `json:"correction" doc:"It was paid, and the bank data have to be mended"`
}

type bankReportItemListJSON struct {
	Data       []BankReportItemJSON `json:"data" nullable:"false" doc:"In the order of the report"`
	NextCursor *string              `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last"`
}

func bankReportOperations() []Operation {
	const base = "/v1/books/{book}/bank-reports"
	one := reflect.TypeFor[BankReportJSON]()
	unknown := []*fault.Error{bankfile.ErrReportUnknown, ErrNotReady}
	list := []Operation{
		{
			Method: http.MethodPost, Path: base, ID: "take-bank-report", Summary: "Take a report of the bank",
			Description: "The body is the report as the bank wrote it: pain.002, or NACHA returns. It is taken whole or not at all. The same bytes again are answered as the first time, and change nothing.",
			Scope:       access.PayoutsWrite, Query: reflect.TypeFor[bankReportQuery](), Body: reflect.TypeFor[bankReportBody](), BodyLimit: bankfile.ReportBytes, BodyMedia: bankReportMedia,
			Answers: []Answer{{Status: 200, Meaning: "It was taken, now or before.", Body: one}},
			Errors: []*fault.Error{bankfile.ErrReport, bankfile.ErrReportSize, bankfile.ErrReportTaken, bankfile.ErrReportFile, bankfile.ErrReportItem, bankfile.ErrReportTotals, bankfile.ErrReportOwn,
				bankfile.ErrAccountMissing, bankfile.ErrFileState, ErrOverloaded, ErrNotReady}, handle: takeBankReport,
		},
		{
			Method: http.MethodGet, Path: base, ID: "list-bank-reports", Summary: "List the bank's reports", Scope: access.PayoutsRead, Query: reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of reports.", Body: reflect.TypeFor[bankReportListJSON]()}}, Errors: []*fault.Error{ErrCursor, ErrNotReady}, handle: listBankReports,
		},
		{
			Method: http.MethodGet, Path: base + "/{digest}", ID: "get-bank-report", Summary: "Read what became of a report", Scope: access.PayoutsRead,
			Answers: []Answer{{Status: 200, Meaning: "The report.", Body: one}}, Errors: unknown, handle: getBankReport,
		},
		{
			Method: http.MethodGet, Path: base + "/{digest}/items", ID: "list-bank-report-items", Summary: "List what a report said of single payments", Scope: access.PayoutsRead,
			Query:   reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of what it said.", Body: reflect.TypeFor[bankReportItemListJSON]()}}, Errors: append([]*fault.Error{ErrCursor}, unknown...), handle: listBankReportItems,
		},
	}
	for i := range list {
		list[i].Group = "Bank files"
	}
	return list
}

func bankReportOf(r bankfile.ReportRecord) BankReportJSON {
	out := BankReportJSON{SHA256: r.Digest, Currency: string(r.Currency), Format: r.Format, MessageID: r.MessageID, ReceivedAt: r.ReceivedAt.UTC().Format(instantFormat), ReceivedBy: r.ReceivedBy,
		Counts: bankReportCountsJSON{Accepted: r.Accepted, Settled: r.Settled, Failed: r.Failed, Unchanged: r.Unchanged, Strange: r.Strange}}
	if r.File > 0 {
		out.File = &r.File
	}
	return out
}

func takeBankReport(c *call) (reply, error) {
	s, err := c.bank()
	if err != nil {
		return reply{}, err
	}
	currency := c.query.currency()
	switch {
	case c.query.wrong != nil:
		return reply{}, c.query.wrong
	case currency == "":
		return reply{}, errNoCurrency
	}
	from, err := c.file(bankReportMedia, errReportMedia, bankfile.ErrReportSize)
	if err != nil {
		return reply{}, err
	}
	r, err := s.TakeReport(c.ctx, c.book, currency, &weighed{c: c, from: from}, c.actor())
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, bankReportOf(r))
}

func listBankReports(c *call) (reply, error) {
	s, err := c.bank()
	if err != nil {
		return reply{}, err
	}
	limit, after := c.query.limit(), c.afterName()
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, more, err := oneMore(limit, func(limit int) ([]bankfile.ReportRecord, error) { return s.Reports(c.ctx, c.book, after, limit) })
	if err != nil {
		return reply{}, err
	}
	out := bankReportListJSON{Data: make([]BankReportJSON, len(list))}
	for i, r := range list {
		out.Data[i] = bankReportOf(r)
	}
	if more {
		next := c.nextCursor(list[len(list)-1].Digest)
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}

var digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// bankReport returns the bank rail and the report that the path names.
func (c *call) bankReport() (*bankfile.Service, bankfile.ReportRecord, error) {
	s, err := c.bank()
	if err != nil {
		return nil, bankfile.ReportRecord{}, err
	}
	digest := c.param("digest")
	if !digestForm.MatchString(digest) {
		return nil, bankfile.ReportRecord{}, bankfile.ErrReportUnknown
	}
	r, err := s.Report(c.ctx, c.book, digest)
	return s, r, err
}

func getBankReport(c *call) (reply, error) {
	_, r, err := c.bankReport()
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, bankReportOf(r))
}

func listBankReportItems(c *call) (reply, error) {
	limit, after := c.query.limit(), int(c.afterNumber())
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	s, r, err := c.bankReport()
	if err != nil {
		return reply{}, err
	}
	list, more, err := oneMore(limit, func(limit int) ([]bankfile.ReportItem, error) {
		return s.ReportItems(c.ctx, c.book, r.Digest, after, limit)
	})
	if err != nil {
		return reply{}, err
	}
	out := bankReportItemListJSON{Data: make([]BankReportItemJSON, len(list))}
	for i, item := range list {
		out.Data[i] = BankReportItemJSON{Number: item.Number, Payment: item.Payment, Said: item.Said, Code: item.Code, Meaning: bankfile.ReasonWord(item.Code), Outcome: item.Outcome, Correction: item.Correction}
	}
	if more {
		next := c.nextCursor(strconv.Itoa(list[len(list)-1].Number))
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}
