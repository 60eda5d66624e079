package client

// Trail: who did what. The empty book stands for the installation: people, keys and what concerns every book.

import (
	"bytes"
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

// AuditRow is one privileged act, or one look at personal data.
type AuditRow struct {
	Sequence   int64      `json:"sequence"`
	RecordedAt time.Time  `json:"recorded_at"`
	Actor      AuditActor `json:"actor"`
	Book       string     `json:"book"`
	Act        string     `json:"act"`
	// Object is what it was done to, as kind:id.
	Object string          `json:"object"`
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
	Why    string          `json:"why"`
	// Approval is the id of the approval by which it was allowed.
	Approval string `json:"approval"`
	// Previous and Hash chain the rows, in hexadecimal.
	Previous string `json:"previous"`
	Hash     string `json:"hash"`
}

// AuditActor is who did it, and from where.
type AuditActor struct {
	Actor
	Person    string `json:"person"`
	Address   string `json:"address"`
	RequestID string `json:"request_id"`
}

// AuditQuery chooses rows; its zero value chooses all. An Act that ends in a dot stands for all that begin with it.
type AuditQuery struct {
	Act, Actor, Object string
	From, Until        time.Time
	// Newest lists from the end.
	Newest bool
}

// AuditVerification is the outcome of verifying a trail.
type AuditVerification struct {
	Rows int64  `json:"rows"`
	Head string `json:"head"`
}

// Audit lists the rows of a trail, in order, or from the end.
func (c *Client) Audit(ctx context.Context, book string, q AuditQuery) iter.Seq2[AuditRow, error] {
	query := url.Values{}
	if q.Newest {
		query = newestFirst()
	}
	set(query, "act", q.Act)
	set(query, "actor", q.Actor)
	set(query, "object", q.Object)
	if !q.From.IsZero() {
		query.Set("from", q.From.UTC().Format(time.RFC3339Nano))
	}
	if !q.Until.IsZero() {
		query.Set("until", q.Until.UTC().Format(time.RFC3339Nano))
	}
	return walk[AuditRow](ctx, c, under(book, "audit"), query)
}

// ExportAudit writes the rows after the sequence to w, one JSON document a line, and returns the last sequence written.
func (c *Client) ExportAudit(ctx context.Context, book string, after int64, w io.Writer) (last int64, err error) {
	for last = after; ; {
		lines, err := c.exportPart(ctx, book, last)
		if err != nil || len(lines) == 0 {
			return last, err
		}
		if _, err := w.Write(lines); err != nil {
			return last, err
		}
		var row AuditRow
		if begin := bytes.LastIndexByte(lines[:len(lines)-1], '\n') + 1; json.Unmarshal(lines[begin:], &row) != nil || row.Sequence <= last {
			return last, &Problem{Code: codeUnreadable, Title: "The export cannot be read", cause: errors.New("a line without a later sequence")}
		}
		last = row.Sequence
	}
}

// exportPart asks for one answer of an export.
func (c *Client) exportPart(ctx context.Context, book string, after int64) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		_, lines, err := c.attempt(ctx, call{method: http.MethodGet, path: under(book, "audit", "export"), query: url.Values{"after": {strconv.FormatInt(after, 10)}}})
		var p *Problem
		if err == nil || !errors.As(err, &p) || !p.passing() || attempt >= c.options.Attempts || !wait(ctx, p.pause(attempt)) {
			return lines, err
		}
	}
}

// VerifyAudit has the whole trail verified. A trail that is broken is a Problem with the code audit-broken.
func (c *Client) VerifyAudit(ctx context.Context, book string) (AuditVerification, error) {
	var v AuditVerification
	err := c.get(ctx, under(book, "audit", "verification"), nil, &v)
	return v, err
}
