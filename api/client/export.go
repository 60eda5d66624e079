package client

// Export: reports of a book at one place of it, as files.

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/url"
	"time"
)

// Report is a report that can be asked for.
type Report struct {
	Name       string            `json:"name"`
	Title      string            `json:"title"`
	Meaning    string            `json:"meaning"`
	Schema     int               `json:"schema"`
	Parameters []ReportParameter `json:"parameters"`
	Columns    []ReportColumn    `json:"columns"`
}

// ReportParameter is what a report may be asked for.
type ReportParameter struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"`
	Meaning string   `json:"meaning"`
	Needed  bool     `json:"needed"`
	Choices []string `json:"choices"`
}

// ReportColumn is a column of a report.
type ReportColumn struct {
	Name     string `json:"name"`
	Title    string `json:"title"`
	Kind     string `json:"kind"`
	Currency string `json:"currency"`
	Sum      bool   `json:"sum"`
}

// NewExport asks for a report as a file. Format is csv, xlsx or jsonl.
type NewExport struct {
	Report     string            `json:"report"`
	Format     string            `json:"format"`
	Parameters map[string]string `json:"parameters,omitempty"`
	AtSequence int64             `json:"at_sequence,omitempty"`
	Language   string            `json:"language,omitempty"`
}

// Export is an export. Its state is asked, made or failed.
type Export struct {
	ID         string            `json:"id"`
	Report     string            `json:"report"`
	Format     string            `json:"format"`
	Parameters map[string]string `json:"parameters"`
	Language   string            `json:"language"`
	AtSequence int64             `json:"at_sequence"`
	AtStep     int64             `json:"at_step"`
	State      string            `json:"state"`
	Reason     string            `json:"reason"`
	// Name is what the file is called.
	Name string `json:"name"`
	// Manifest is what the file came to; ManifestText is it as a file for beside it. Both are empty before the file is made, and lists
	// have no text.
	Manifest     json.RawMessage `json:"manifest"`
	ManifestText string          `json:"manifest_text"`
	AskedBy      string          `json:"asked_by"`
	AskedAt      time.Time       `json:"asked_at"`
	MadeAt       *time.Time      `json:"made_at"`
}

// Reports lists the reports that can be asked for.
func (c *Client) Reports(ctx context.Context, book string) iter.Seq2[Report, error] {
	return walkWhole[Report](ctx, c, under(book, "reports"))
}

// AskExport asks for a report as a file. One whose state is asked is made within some minutes: look at it with GetExport.
func (c *Client) AskExport(ctx context.Context, book string, n NewExport) (Export, error) {
	var e Export
	err := c.postOnce(ctx, under(book, "exports"), n, &e)
	return e, err
}

// Exports lists exports, the latest first; of one report if it is not empty.
func (c *Client) Exports(ctx context.Context, book, report string) iter.Seq2[Export, error] {
	query := url.Values{}
	set(query, "report", report)
	return walk[Export](ctx, c, under(book, "exports"), query)
}

// GetExport returns an export and its manifest.
func (c *Client) GetExport(ctx context.Context, book, id string) (Export, error) {
	var e Export
	err := c.get(ctx, under(book, "exports", id), nil, &e)
	return e, err
}

// ExportContent writes an export's file to w. On an error w has got no whole file, and what it has must not be used.
func (c *Client) ExportContent(ctx context.Context, book, id string, w io.Writer) error {
	_, err := c.download(ctx, under(book, "exports", id, "content"), w)
	return err
}
