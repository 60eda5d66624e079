package client

// Bank files: what is paid by files that a bank takes, and what the bank reports.

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// BankAccount is a book's own bank account, from which bank files pay. Of its number only the end is told.
type BankAccount struct {
	Currency   string    `json:"currency"`
	Version    int       `json:"version"`
	Format     string    `json:"format"`
	Name       string    `json:"name"`
	Account    string    `json:"account"`
	Bank       string    `json:"bank"`
	Country    string    `json:"country"`
	PaidAfter  int       `json:"paid_after"`
	RecordedAt time.Time `json:"recorded_at"`
	Approval   string    `json:"approval"`
	// Waiting is what waits for the next file.
	Waiting BankWaiting `json:"waiting"`
}

// BankWaiting is what waits for the next file. Since is when the oldest was ordered, nil if nothing waits.
type BankWaiting struct {
	Payments int        `json:"payments"`
	Amount   string     `json:"amount"`
	Since    *time.Time `json:"since"`
}

// BankDebtor is a book's own bank account as its bank knows it. Format is pain.001.001.09 or nacha.
type BankDebtor struct {
	Format     string `json:"format"`
	Name       string `json:"name"`
	Account    string `json:"account,omitempty"`
	Bank       string `json:"bank,omitempty"`
	Originator string `json:"originator,omitempty"`
	BankName   string `json:"bank_name,omitempty"`
	Country    string `json:"country"`
	Urgent     bool   `json:"urgent,omitempty"`
}

// NewBankAccount gives a book a bank account. PaidAfter is in business days, 0 if only the bank's word counts.
type NewBankAccount struct {
	Currency  string     `json:"currency"`
	Debtor    BankDebtor `json:"debtor"`
	PaidAfter int        `json:"paid_after,omitempty"`
	Reason    string     `json:"reason"`
}

// BankFile is a file as it stands: all but its bytes.
type BankFile struct {
	Currency  string `json:"currency"`
	Number    int64  `json:"number"`
	Name      string `json:"name"`
	MessageID string `json:"message_id"`
	Format    string `json:"format"`
	// State is made, fetched, sent, answered, closed or void.
	State string `json:"state"`
	// SHA256 is its bytes', Payments and Amount are its control totals, EntryHash NACHA's.
	SHA256     string         `json:"sha256"`
	Payments   int            `json:"payments"`
	Amount     string         `json:"amount"`
	EntryHash  int64          `json:"entry_hash"`
	Counts     map[string]int `json:"counts"`
	ExecuteOn  string         `json:"execute_on"`
	PaidOn     *string        `json:"paid_on"`
	MadeAt     time.Time      `json:"made_at"`
	FetchedAt  *time.Time     `json:"fetched_at"`
	FetchedBy  string         `json:"fetched_by"`
	SentAt     *time.Time     `json:"sent_at"`
	SentBy     string         `json:"sent_by"`
	ClosedAt   *time.Time     `json:"closed_at"`
	VoidAt     *time.Time     `json:"void_at"`
	VoidBy     string         `json:"void_by"`
	VoidReason string         `json:"void_reason"`
	Approval   string         `json:"approval"`
}

// BankPayment is a line of a file.
type BankPayment struct {
	ID       string `json:"id"`
	Line     int    `json:"line"`
	Payout   string `json:"payout"`
	Payee    string `json:"payee"`
	Currency string `json:"currency"`
	Amount   string `json:"amount"`
	// State is filed, accepted, settled, failed or cancelled; Code and Meaning are the bank's reason.
	State     string    `json:"state"`
	Code      string    `json:"code"`
	Meaning   string    `json:"meaning"`
	Trace     string    `json:"trace"`
	ChangedAt time.Time `json:"changed_at"`
}

// BankReport is a bank's report that was taken.
type BankReport struct {
	SHA256    string `json:"sha256"`
	Currency  string `json:"currency"`
	Format    string `json:"format"`
	MessageID string `json:"message_id"`
	// File is the number of the file that it is about, nil if it is about several.
	File *int64 `json:"file"`
	// Counts are payments by what the report made of them: accepted, settled, failed, unchanged, strange.
	Counts     map[string]int `json:"counts"`
	ReceivedAt time.Time      `json:"received_at"`
	ReceivedBy string         `json:"received_by"`
}

// BankReportItem is what a report said of one payment.
type BankReportItem struct {
	Number     int    `json:"number"`
	Payment    string `json:"payment"`
	Said       string `json:"said"`
	Code       string `json:"code"`
	Meaning    string `json:"meaning"`
	Outcome    string `json:"outcome"`
	Correction bool   `json:"correction"`
}

// BankAccounts lists a book's own bank accounts, by currency.
func (c *Client) BankAccounts(ctx context.Context, book string) iter.Seq2[BankAccount, error] {
	return func(yield func(BankAccount, error) bool) {
		var list page[BankAccount]
		if err := c.get(ctx, under(book, "bank-accounts"), nil, &list); err != nil {
			yield(BankAccount{}, err)
			return
		}
		for _, a := range list.Data {
			if !yield(a, nil) {
				return
			}
		}
	}
}

// SetBankAccount gives a book a bank account. Where a second person is needed, ask for an approval of the act bank_account.set.
func (c *Client) SetBankAccount(ctx context.Context, book string, n NewBankAccount) (BankAccount, error) {
	var a BankAccount
	err := c.postOnce(ctx, under(book, "bank-accounts"), n, &a)
	return a, err
}

// BankFiles lists files, the latest first: those of a currency, and in a state, where these are not empty.
func (c *Client) BankFiles(ctx context.Context, book, currency, state string) iter.Seq2[BankFile, error] {
	query := url.Values{}
	set(query, "currency", currency)
	set(query, "state", state)
	return walk[BankFile](ctx, c, under(book, "bank-files"), query)
}

// MakeBankFiles makes files of what waits, and returns them; none if nothing waits.
func (c *Client) MakeBankFiles(ctx context.Context, book string) ([]BankFile, error) {
	var list page[BankFile]
	_, err := c.post(ctx, under(book, "bank-files"), nil, struct{}{}, &list)
	return list.Data, err
}

// GetBankFile returns a file as it stands.
func (c *Client) GetBankFile(ctx context.Context, book, currency string, number int64) (BankFile, error) {
	var f BankFile
	err := c.get(ctx, under(book, "bank-files", currency, strconv.FormatInt(number, 10)), nil, &f)
	return f, err
}

// BankPayments lists the payments of a file, in order of its lines.
func (c *Client) BankPayments(ctx context.Context, book, currency string, number int64) iter.Seq2[BankPayment, error] {
	return walk[BankPayment](ctx, c, under(book, "bank-files", currency, strconv.FormatInt(number, 10), "payments"), nil)
}

// FetchBankFile returns the bytes of a file. They hold bank data: the look is recorded with the reason.
func (c *Client) FetchBankFile(ctx context.Context, book, currency string, number int64, reason string) ([]byte, error) {
	body, err := encode(map[string]string{"reason": reason})
	if err != nil {
		return nil, err
	}
	var content []byte
	_, err = c.do(ctx, call{method: http.MethodPost, path: under(book, "bank-files", currency, strconv.FormatInt(number, 10), "content"), body: body}, &content)
	return content, err
}

// BankFileSent says that the bank has a file. Said again it changes nothing.
func (c *Client) BankFileSent(ctx context.Context, book, currency string, number int64, reason string) (BankFile, error) {
	var f BankFile
	_, err := c.post(ctx, under(book, "bank-files", currency, strconv.FormatInt(number, 10), "sent"), nil, map[string]string{"reason": reason}, &f)
	return f, err
}

// VoidBankFile says that a file that nobody has seen is not carried out. For one that was fetched, ask for an approval of the
// act bank_file.void.
func (c *Client) VoidBankFile(ctx context.Context, book, currency string, number int64, reason string) (BankFile, error) {
	var f BankFile
	err := c.postOnce(ctx, under(book, "bank-files", currency, strconv.FormatInt(number, 10), "void"), map[string]string{"reason": reason}, &f)
	return f, err
}

// TakeBankReport sends a bank's report, of so many bytes. The same again is answered as the first time and changes nothing.
func (c *Client) TakeBankReport(ctx context.Context, book, currency string, report io.ReaderAt, size int64) (BankReport, error) {
	if report == nil {
		return BankReport{}, errors.New("client: there is no report")
	}
	var r BankReport
	_, err := c.do(ctx, call{method: http.MethodPost, path: under(book, "bank-reports"), query: url.Values{"currency": {currency}}, file: report, size: size}, &r)
	return r, err
}

// BankReports lists the bank's reports, the latest first.
func (c *Client) BankReports(ctx context.Context, book string) iter.Seq2[BankReport, error] {
	return walk[BankReport](ctx, c, under(book, "bank-reports"), nil)
}

// BankReportItems lists what a report said of single payments, in its order.
func (c *Client) BankReportItems(ctx context.Context, book, digest string) iter.Seq2[BankReportItem, error] {
	return walk[BankReportItem](ctx, c, under(book, "bank-reports", digest, "items"), nil)
}
