package client

// Evidence: what processors, banks and channels say of the money.

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// EvidenceSettings say how a source of evidence is read.
type EvidenceSettings struct {
	Accounts       []string          `json:"accounts,omitempty"`
	Currency       string            `json:"currency,omitempty"`
	Format         string            `json:"format,omitempty"`
	Identification string            `json:"identification,omitempty"`
	Profile        json.RawMessage   `json:"profile,omitempty"`
	Batches        bool              `json:"batches,omitempty"`
	Shared         bool              `json:"shared,omitempty"`
	Opening        map[string]string `json:"opening,omitempty"`
}

// EvidenceSource is a source in its newest settings. Of an account's number only the end is told.
type EvidenceSource struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Version int    `json:"version"`
	EvidenceSettings
	Since time.Time `json:"since"`
}

// EvidenceGap is something that a source shows to be missing.
type EvidenceGap struct {
	Kind     string `json:"kind"`
	Currency string `json:"currency"`
	Amount   string `json:"amount"`
	Detail   string `json:"detail"`
}

// EvidenceStanding is a source with how far it is known and what is missing.
type EvidenceStanding struct {
	Source      EvidenceSource `json:"source"`
	LastReceipt int64          `json:"last_receipt"`
	LastLine    int64          `json:"last_line"`
	PulledUntil *time.Time     `json:"pulled_until"`
	Gaps        []EvidenceGap  `json:"gaps"`
}

// EvidenceChange is what a source said later of a line that was known.
type EvidenceChange struct {
	Receipt int64  `json:"receipt"`
	Line    int64  `json:"line"`
	LineID  string `json:"line_id"`
	Field   string `json:"field"`
	Was     string `json:"was"`
	Became  string `json:"became"`
}

// Receipt is a taking of evidence.
type Receipt struct {
	Number     int64            `json:"number"`
	Kind       string           `json:"kind"`
	Format     string           `json:"format"`
	Settings   int              `json:"settings"`
	SHA256     string           `json:"sha256"`
	Bytes      int64            `json:"bytes"`
	From       *time.Time       `json:"from"`
	Until      *time.Time       `json:"until"`
	FirstLine  int64            `json:"first_line"`
	NewLines   int64            `json:"new_lines"`
	KnownLines int64            `json:"known_lines"`
	Changes    int              `json:"changes"`
	TakenBy    string           `json:"taken_by"`
	RecordedAt time.Time        `json:"recorded_at"`
	Conflicts  []EvidenceChange `json:"conflicts"`
	// Replayed says that this very file was taken before, and that nothing happened now.
	Replayed bool `json:"-"`
}

// Pulled is what a reading of a processor brought. More says that there is more to read: pull again.
type Pulled struct {
	Lines       int64         `json:"lines"`
	Changed     int64         `json:"changed"`
	Receipts    int64         `json:"receipts"`
	LastReceipt *int64        `json:"last_receipt"`
	More        bool          `json:"more"`
	Gaps        []EvidenceGap `json:"gaps"`
}

// EvidenceLine is a line of a source. Gross less fee is net.
type EvidenceLine struct {
	Number    int64     `json:"number"`
	Receipt   int64     `json:"receipt"`
	LineID    string    `json:"line_id"`
	Key       string    `json:"key"`
	Currency  string    `json:"currency"`
	Gross     string    `json:"gross"`
	Fee       string    `json:"fee"`
	Net       string    `json:"net"`
	Category  string    `json:"category"`
	Type      string    `json:"type"`
	SourceRef string    `json:"source_ref"`
	Batch     string    `json:"batch"`
	Trace     string    `json:"trace"`
	Note      string    `json:"note"`
	Rate      string    `json:"rate"`
	MovedAt   time.Time `json:"moved_at"`
	// Day is the day on which it moved in the time zone of the book; of a bank's line the day that the bank wrote.
	Day         string     `json:"day"`
	AvailableAt *time.Time `json:"available_at"`
	Status      string     `json:"status"`
}

// EvidenceLineDetail is a line with what a processor wrote of it and what was said differently later.
type EvidenceLineDetail struct {
	Line    EvidenceLine     `json:"line"`
	Raw     json.RawMessage  `json:"raw"`
	Changes []EvidenceChange `json:"changes"`
}

// EvidenceLineQuery chooses lines: by one of key, id, receipt, and days. Its zero value chooses all.
type EvidenceLineQuery struct {
	Key, LineID string
	Receipt     int64
	From, Until time.Time
}

// Statement is one statement of a bank's file.
type Statement struct {
	Receipt  int64   `json:"receipt"`
	Ordinal  int     `json:"ordinal"`
	ID       string  `json:"id"`
	Sequence string  `json:"sequence"`
	Currency string  `json:"currency"`
	From     *string `json:"from"`
	Until    *string `json:"until"`
	Opening  string  `json:"opening"`
	Closing  string  `json:"closing"`
	Lines    int64   `json:"lines"`
	Proved   bool    `json:"proved"`
}

func sourceUnder(book, kind, name string, rest ...string) string {
	return under(book, append([]string{"evidence", "sources", kind, name}, rest...)...)
}

// EvidenceSources lists the sources of evidence of a book.
func (c *Client) EvidenceSources(ctx context.Context, book string) iter.Seq2[EvidenceSource, error] {
	return walkWhole[EvidenceSource](ctx, c, under(book, "evidence", "sources"))
}

// GetEvidenceSource returns a source and how far it is known. The kind is processor, bank or channel.
func (c *Client) GetEvidenceSource(ctx context.Context, book, kind, name string) (EvidenceStanding, error) {
	var s EvidenceStanding
	err := c.get(ctx, sourceUnder(book, kind, name), nil, &s)
	return s, err
}

// SetEvidenceSource says how a source is read. The same settings again change nothing.
func (c *Client) SetEvidenceSource(ctx context.Context, book, kind, name string, settings EvidenceSettings) (EvidenceSource, error) {
	var s EvidenceSource
	body, err := encode(settings)
	if err == nil {
		_, err = c.do(ctx, call{method: http.MethodPut, path: sourceUnder(book, kind, name), body: body}, &s)
	}
	return s, err
}

// TakeStatement brings a bank's statement, of so many bytes. The same again is answered as the first time and changes nothing.
func (c *Client) TakeStatement(ctx context.Context, book, name string, file io.ReaderAt, size int64) (Receipt, error) {
	if file == nil {
		return Receipt{}, errors.New("client: there is no statement")
	}
	var r Receipt
	header, err := c.do(ctx, call{method: http.MethodPost, path: sourceUnder(book, "bank", name, "statements"), file: file, size: size}, &r)
	r.Replayed = header.Get("Idempotent-Replayed") == "true"
	return r, err
}

// PullProcessor reads what is new at a processor, now.
func (c *Client) PullProcessor(ctx context.Context, book, name string) (Pulled, error) {
	var p Pulled
	body, err := encode(struct{}{})
	if err == nil {
		_, err = c.do(ctx, call{method: http.MethodPost, path: sourceUnder(book, "processor", name, "pulls"), body: body, slow: true}, &p)
	}
	return p, err
}

// Receipts lists what was taken of a source, the latest first.
func (c *Client) Receipts(ctx context.Context, book, kind, name string) iter.Seq2[Receipt, error] {
	return walk[Receipt](ctx, c, sourceUnder(book, kind, name, "receipts"), nil)
}

// GetReceipt returns one receipt.
func (c *Client) GetReceipt(ctx context.Context, book, kind, name string, number int64) (Receipt, error) {
	var r Receipt
	err := c.get(ctx, sourceUnder(book, kind, name, "receipts", strconv.FormatInt(number, 10)), nil, &r)
	return r, err
}

// ReceiptContent writes the bytes of a receipt as they came to w. On an error w has got no whole file.
func (c *Client) ReceiptContent(ctx context.Context, book, kind, name string, number int64, w io.Writer) error {
	_, err := c.download(ctx, sourceUnder(book, kind, name, "receipts", strconv.FormatInt(number, 10), "content"), w)
	return err
}

// EvidenceLines lists lines of a source.
func (c *Client) EvidenceLines(ctx context.Context, book, kind, name string, q EvidenceLineQuery) iter.Seq2[EvidenceLine, error] {
	query := url.Values{}
	set(query, "key", q.Key)
	set(query, "line_id", q.LineID)
	if q.Receipt > 0 {
		query.Set("receipt", strconv.FormatInt(q.Receipt, 10))
	}
	for at, t := range map[string]time.Time{"from": q.From, "until": q.Until} {
		if !t.IsZero() {
			query.Set(at, t.Format(time.RFC3339Nano))
		}
	}
	return walk[EvidenceLine](ctx, c, sourceUnder(book, kind, name, "lines"), query)
}

// GetEvidenceLine returns one line and what was said of it later.
func (c *Client) GetEvidenceLine(ctx context.Context, book, kind, name string, number int64) (EvidenceLineDetail, error) {
	var d EvidenceLineDetail
	err := c.get(ctx, sourceUnder(book, kind, name, "lines", strconv.FormatInt(number, 10)), nil, &d)
	return d, err
}

// Statements lists a bank's statements, in the order in which they came.
func (c *Client) Statements(ctx context.Context, book, name string) iter.Seq2[Statement, error] {
	return walk[Statement](ctx, c, sourceUnder(book, "bank", name, "statements"), nil)
}
