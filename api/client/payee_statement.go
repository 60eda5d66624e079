package client

// Statements of payees: what came to their accounts and why, for months that were issued and for any days.

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/url"
	"time"
)

// PayeeStatement is a statement without its lines. Of days on demand the id is empty and the number 0; PayeeDaysSums adds them up.
type PayeeStatement struct {
	ID       string `json:"id"`
	Number   int64  `json:"number"`
	Payee    string `json:"payee"`
	Currency string `json:"currency"`
	Kind     string `json:"kind"`
	// Payout is the payout that it is of; empty of the other kinds.
	Payout string `json:"payout_id"`
	// PayoutState is how that payout stands at the moment; empty of the other kinds.
	PayoutState string             `json:"payout_state"`
	Period      string             `json:"period"`
	FirstDay    string             `json:"first_day"`
	LastDay     string             `json:"last_day"`
	From        int64              `json:"from_sequence"`
	To          int64              `json:"to_sequence"`
	Opening     string             `json:"opening"`
	Closing     string             `json:"closing"`
	Headlines   StatementHeadlines `json:"headlines"`
	Buckets     []StatementBucket  `json:"buckets"`
	Accounts    []StatementAccount `json:"accounts"`
	Lines       int64              `json:"line_count"`
	Totals      []StatementTotal   `json:"totals"`
	// Nothing are orders of which nothing is left for the payee, NothingCount how many there are.
	Nothing      []StatementNothing `json:"nothing_left"`
	NothingCount int64              `json:"nothing_left_count"`
	Tax          []StatementTax     `json:"tax_memo"`
	Previous     string             `json:"previous_id"`
	SHA256       string             `json:"sha256"`
	IssuedAt     time.Time          `json:"issued_at"`
}

// StatementHeadlines are the figures above a statement. Paid is nil where it was not added up.
type StatementHeadlines struct {
	Estimated string  `json:"estimated"`
	Settled   string  `json:"settled"`
	OnHold    string  `json:"on_hold"`
	InTransit string  `json:"in_transit"`
	Paid      *string `json:"paid"`
}

// StatementBucket is what money that does the same came to before and after.
type StatementBucket struct {
	Bucket  string `json:"bucket"`
	Opening string `json:"opening"`
	Closing string `json:"closing"`
}

// StatementAccount is an account that a statement was made from, with the numbers of its entries.
type StatementAccount struct {
	Account     string `json:"account"`
	FromVersion int64  `json:"from_version"`
	ToVersion   int64  `json:"to_version"`
	Opening     string `json:"opening"`
	Closing     string `json:"closing"`
}

// StatementTotal is the sum of lines of one type, code and bucket.
type StatementTotal struct {
	Type   string `json:"type"`
	Code   string `json:"code"`
	Bucket string `json:"bucket"`
	Lines  int64  `json:"lines"`
	Amount string `json:"amount"`
}

// StatementNothing is an order of which nothing is left for the payee.
type StatementNothing struct {
	Order      string    `json:"order_id"`
	Type       string    `json:"type"`
	OccurredAt time.Time `json:"occurred_at"`
}

// StatementTax is tax of buyers that the platform pays to the tax office.
type StatementTax struct {
	Jurisdiction string `json:"jurisdiction"`
	Collected    string `json:"collected"`
	Returned     string `json:"returned"`
}

// PayeeStatementLine is one amount and its reason.
type PayeeStatementLine struct {
	Number         int64     `json:"line_no"`
	PostedAt       time.Time `json:"posted_at"`
	OccurredAt     time.Time `json:"occurred_at"`
	Type           string    `json:"type"`
	Code           string    `json:"code"`
	Order          string    `json:"order_id"`
	SKU            string    `json:"sku"`
	LiveSession    string    `json:"live_session_id"`
	Channel        string    `json:"channel"`
	Basis          string    `json:"basis"`
	Rate           string    `json:"rate"`
	Amount         string    `json:"amount"`
	Currency       string    `json:"currency"`
	Rule           string    `json:"rule_id"`
	RuleVersion    string    `json:"rule_version"`
	Entry          string    `json:"entry_id"`
	OriginalPeriod string    `json:"original_period"`
	Note           string    `json:"note"`
	Bucket         string    `json:"bucket"`
	Balance        string    `json:"balance"`
}

// Days are some days of a payee. What is empty is the book's first currency, the first of this month, and today.
type Days struct{ Currency, From, To string }

func (d Days) query() url.Values {
	q := url.Values{}
	set(q, "currency", d.Currency)
	set(q, "from", d.From)
	set(q, "to", d.To)
	return q
}

// PayeeStatements lists the statements that were issued to a payee, by currency, the last one first; of one currency if it is not empty.
func (c *Client) PayeeStatements(ctx context.Context, book, payee, currency string) iter.Seq2[PayeeStatement, error] {
	q := url.Values{}
	set(q, "currency", currency)
	return walk[PayeeStatement](ctx, c, under(book, "payees", payee, "statements"), q)
}

// PayeeStatement returns a statement.
func (c *Client) PayeeStatement(ctx context.Context, book, payee, id string) (PayeeStatement, error) {
	var st PayeeStatement
	err := c.get(ctx, under(book, "payees", payee, "statements", id), nil, &st)
	return st, err
}

// PayeeStatementLines lists the lines of a statement.
func (c *Client) PayeeStatementLines(ctx context.Context, book, payee, id string) iter.Seq2[PayeeStatementLine, error] {
	return walk[PayeeStatementLine](ctx, c, under(book, "payees", payee, "statements", id, "lines"), nil)
}

// PayeeStatementContent writes a statement's file to w, in the format json, csv, xlsx or jsonl. On an error w has got no whole file, and
// what it has must not be used.
func (c *Client) PayeeStatementContent(ctx context.Context, book, payee, id, format string, w io.Writer) error {
	_, err := c.download(ctx, under(book, "payees", payee, "statements", id, "content")+"?"+url.Values{"format": {format}}.Encode(), w)
	return err
}

// PayeeDays returns any days of a payee in the form of a statement.
func (c *Client) PayeeDays(ctx context.Context, book, payee string, d Days) (PayeeStatement, error) {
	var st PayeeStatement
	err := c.get(ctx, under(book, "payees", payee, "days"), d.query(), &st)
	return st, err
}

// PayeeDaysSums is PayeeDays with what an issued statement has besides: the lines added up, what was paid, the orders of which nothing is left,
// and the tax memo. Days with more than 5,000 transactions are refused with the code statement-sums-long.
func (c *Client) PayeeDaysSums(ctx context.Context, book, payee string, d Days) (PayeeStatement, error) {
	var st PayeeStatement
	err := c.get(ctx, under(book, "payees", payee, "days", "sums"), d.query(), &st)
	return st, err
}

// PayeeDaysLines lists the lines of any days of a payee.
func (c *Client) PayeeDaysLines(ctx context.Context, book, payee string, d Days) iter.Seq2[PayeeStatementLine, error] {
	return walk[PayeeStatementLine](ctx, c, under(book, "payees", payee, "days", "lines"), d.query())
}

// PayeeDaysContent writes the file of any days of a payee to w, as PayeeStatementContent does.
func (c *Client) PayeeDaysContent(ctx context.Context, book, payee string, d Days, format string, w io.Writer) error {
	q := d.query()
	q.Set("format", format)
	_, err := c.download(ctx, under(book, "payees", payee, "days", "content")+"?"+q.Encode(), w)
	return err
}

// StatementHeld is one reason for which money stays back.
type StatementHeld struct {
	Reason     string     `json:"reason"`
	WaitsFor   string     `json:"waits_for"`
	Bucket     string     `json:"bucket"`
	Amount     string     `json:"amount"`
	Order      string     `json:"order_id"`
	Campaign   string     `json:"campaign"`
	Since      *time.Time `json:"since"`
	Until      *time.Time `json:"until"`
	Categories []string   `json:"categories"`
}

// StatementOthers is what those that are not listed keep.
type StatementOthers struct {
	Bucket string `json:"bucket"`
	Amount string `json:"amount"`
}

// StatementPayout is a payout below a statement: State at its end, StateNow as it stands.
type StatementPayout struct {
	ID         string     `json:"id"`
	Amount     string     `json:"amount"`
	Fee        string     `json:"fee"`
	Method     string     `json:"method"`
	State      string     `json:"state"`
	StateNow   string     `json:"state_now"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpectedAt *time.Time `json:"expected_at"`
	ArrivedAt  *time.Time `json:"arrived_at"`
	ReturnedAt *time.Time `json:"returned_at"`
	Trace      string     `json:"trace"`
	Reference  string     `json:"reference"`
	RetryOf    string     `json:"retry_of"`
}

// StatementNext is what the next run is expected to pay. UpTo says that less may be paid.
type StatementNext struct {
	At         time.Time      `json:"at"`
	CutOff     time.Time      `json:"cut_off"`
	Verdict    string         `json:"verdict"`
	Amount     string         `json:"amount"`
	Fee        string         `json:"fee"`
	UpTo       bool           `json:"up_to"`
	Coming     string         `json:"coming"`
	ComingMore bool           `json:"coming_more"`
	Reasons    []PayoutReason `json:"reasons"`
}

// StatementCardFees is what card fees took of gifts before they came to a charity, and of it of gifts that went back.
type StatementCardFees struct {
	Borne string `json:"borne"`
	Back  string `json:"of_returned"`
}

// StatementBelow is what stands below the line of a statement. CardFees is nil where there were none. Next is nil where the statement does not reach the present.
type StatementBelow struct {
	At          time.Time          `json:"at"`
	Held        []StatementHeld    `json:"held"`
	Others      []StatementOthers  `json:"others"`
	Payouts     []StatementPayout  `json:"payouts"`
	MorePayouts bool               `json:"more_payouts"`
	CardFees    *StatementCardFees `json:"card_fees"`
	Next        *StatementNext     `json:"next"`
}

// StatementManifest is what a statement's file comes to; Text is the same as a file for beside it.
type StatementManifest struct {
	Manifest json.RawMessage `json:"manifest"`
	Text     string          `json:"manifest_text"`
}

// PayeeStatementBelow returns what stands below a statement.
func (c *Client) PayeeStatementBelow(ctx context.Context, book, payee, id string) (StatementBelow, error) {
	var b StatementBelow
	err := c.get(ctx, under(book, "payees", payee, "statements", id, "below"), nil, &b)
	return b, err
}

// PayeeDaysBelow returns what stands below any days of a payee.
func (c *Client) PayeeDaysBelow(ctx context.Context, book, payee string, d Days) (StatementBelow, error) {
	var b StatementBelow
	err := c.get(ctx, under(book, "payees", payee, "days", "below"), d.query(), &b)
	return b, err
}

// PayeeStatementManifest returns what a statement's file comes to.
func (c *Client) PayeeStatementManifest(ctx context.Context, book, payee, id, format string) (StatementManifest, error) {
	return c.statementManifest(ctx, url.Values{"format": {format}}, book, "payees", payee, "statements", id)
}

// PayeeDaysManifest returns what the file of any days comes to.
func (c *Client) PayeeDaysManifest(ctx context.Context, book, payee string, d Days, format string) (StatementManifest, error) {
	q := d.query()
	q.Set("format", format)
	return c.statementManifest(ctx, q, book, "payees", payee, "days")
}

func (c *Client) statementManifest(ctx context.Context, q url.Values, book string, path ...string) (StatementManifest, error) {
	var m StatementManifest
	err := c.get(ctx, under(book, append(path, "manifest")...), q, &m)
	return m, err
}

// PayoutStatement returns the statement of one payout of a payee.
func (c *Client) PayoutStatement(ctx context.Context, book, payee, payout string) (PayeeStatement, error) {
	var st PayeeStatement
	err := c.get(ctx, under(book, "payees", payee, "payouts", payout, "statement"), nil, &st)
	return st, err
}

// PayoutStatementLines lists what a payout paid, as lines of a statement.
func (c *Client) PayoutStatementLines(ctx context.Context, book, payee, payout string) iter.Seq2[PayeeStatementLine, error] {
	return walk[PayeeStatementLine](ctx, c, under(book, "payees", payee, "payouts", payout, "statement", "lines"), nil)
}

// PayoutStatementContent writes the file of a payout's statement to w, as PayeeStatementContent does.
func (c *Client) PayoutStatementContent(ctx context.Context, book, payee, payout, format string, w io.Writer) error {
	_, err := c.download(ctx, under(book, "payees", payee, "payouts", payout, "statement", "content")+"?"+url.Values{"format": {format}}.Encode(), w)
	return err
}

// PayoutStatementManifest returns what the file of a payout's statement comes to.
func (c *Client) PayoutStatementManifest(ctx context.Context, book, payee, payout, format string) (StatementManifest, error) {
	return c.statementManifest(ctx, url.Values{"format": {format}}, book, "payees", payee, "payouts", payout, "statement")
}
