package client

// Import: files of marketplaces, and what became of them and of each of their rows.

import (
	"context"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// uploadTimeout bounds one attempt to send a file.
const uploadTimeout = 6 * time.Minute

// NewImport says what a file does not. Format is tiktok, amazon-v2 or csv; Role is platform, bookkeeper or attribution.
type NewImport struct {
	Format, Role, Seller string
	// Channel is the marketplace; the format's name if empty.
	Channel string
	// Processor, Carrier, Creator and Agency are the parties of an import as platform.
	Processor, Carrier, Creator, Agency string
	Jurisdiction                        string
	// DryRun asks what would become of the file and stores nothing.
	DryRun bool
}

// Import is a file and what became of it.
type Import struct {
	ID         string    `json:"id"`
	Format     string    `json:"format"`
	Role       string    `json:"role"`
	Channel    string    `json:"channel"`
	Seller     string    `json:"seller"`
	SHA256     string    `json:"sha256"`
	Bytes      int64     `json:"bytes"`
	ReceivedAt time.Time `json:"received_at"`
	// State is received, checking, applying, done or refused; Reason and Detail say why it was refused.
	State    string `json:"state"`
	Reason   string `json:"reason"`
	Detail   string `json:"detail"`
	Currency string `json:"currency"`
	// Rows counts its transactions, Counts what became of them.
	Rows   int          `json:"rows"`
	Counts ImportCounts `json:"counts"`
	// Totals are what its fields come to.
	Totals []ImportTotal `json:"totals"`
	// StatedTotal is the total that the file states, nil if it states none; FileTotal what its rows come to, BookedTotal
	// what of it is in the book, and Difference what is missing there. All are nil until the file was checked.
	StatedTotal *string `json:"stated_total"`
	FileTotal   *string `json:"file_total"`
	BookedTotal *string `json:"booked_total"`
	Difference  *string `json:"difference"`
	// Breaks are the first rows that a dry run would not apply.
	Breaks []ImportRow `json:"breaks"`
	// Replayed says that the same file was received before.
	Replayed bool `json:"-"`
}

// ImportCounts are the rows of an import by what became of them.
type ImportCounts struct {
	Applied  int `json:"applied"`
	Repeated int `json:"repeated"`
	Ignored  int `json:"ignored"`
	Parked   int `json:"parked"`
	Changed  int `json:"changed"`
}

// ImportTotal is what one field of a file comes to.
type ImportTotal struct {
	Field  string `json:"field"`
	Count  int    `json:"count"`
	Amount string `json:"amount"`
}

// ImportRow is a transaction of a file and what became of it.
type ImportRow struct {
	// Row is the line on which it begins.
	Row      int    `json:"row"`
	Identity string `json:"identity"`
	// State is applied, repeated, ignored, parked or changed; Reason and Detail say why.
	State     string `json:"state"`
	Reason    string `json:"reason"`
	Detail    string `json:"detail"`
	Reference string `json:"reference"`
	Amount    string `json:"amount"`
}

// ImportFile sends a file of so many bytes. It is applied after the answer: ask for it with GetImport. The same file again changes nothing
// and is answered as it stands, with Replayed set.
func (c *Client) ImportFile(ctx context.Context, book string, n NewImport, file io.ReaderAt, size int64) (Import, error) {
	query := url.Values{}
	for name, value := range map[string]string{"format": n.Format, "role": n.Role, "seller": n.Seller, "channel": n.Channel, "processor": n.Processor,
		"carrier": n.Carrier, "creator": n.Creator, "agency": n.Agency, "jurisdiction": n.Jurisdiction} {
		set(query, name, value)
	}
	if n.DryRun {
		query.Set("dry_run", "true")
	}
	var i Import
	header, err := c.do(ctx, call{method: http.MethodPost, path: place("v1", "books", book, "imports"), query: query, file: file, size: size}, &i)
	i.Replayed = header.Get("Idempotent-Replayed") == "true"
	return i, err
}

// GetImport returns an import as it stands.
func (c *Client) GetImport(ctx context.Context, book, id string) (Import, error) {
	var i Import
	err := c.get(ctx, place("v1", "books", book, "imports", id), nil, &i)
	return i, err
}

// Imports lists the imports of a book, oldest first.
func (c *Client) Imports(ctx context.Context, book string) iter.Seq2[Import, error] {
	return walk[Import](ctx, c, place("v1", "books", book, "imports"), nil)
}

// LatestImports lists the imports of a book, newest first.
func (c *Client) LatestImports(ctx context.Context, book string) iter.Seq2[Import, error] {
	return walk[Import](ctx, c, place("v1", "books", book, "imports"), newestFirst())
}

// ImportRows lists the rows of an import that have a state, or all if it is empty, in order of their lines.
func (c *Client) ImportRows(ctx context.Context, book, id, state string) iter.Seq2[ImportRow, error] {
	query := url.Values{}
	set(query, "state", state)
	return walk[ImportRow](ctx, c, place("v1", "books", book, "imports", id, "rows"), query)
}

// RetryImport has the parked rows of an import tried again at once. The reason, which may be empty, is kept in the audit trail.
func (c *Client) RetryImport(ctx context.Context, book, id, why string) (Import, error) {
	var i Import
	_, err := c.post(ctx, place("v1", "books", book, "imports", id, "retry"), nil, reason{why}, &i)
	return i, err
}
