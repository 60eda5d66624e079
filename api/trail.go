package api

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// The audit trail: reading it, taking it elsewhere, and having it verified.

// auditRowJSON is a row of the trail.
type auditRowJSON struct {
	Sequence   int64           `json:"sequence" doc:"Counts the rows of the book's trail, without gaps" example:"42"`
	RecordedAt string          `json:"recorded_at" format:"date-time" example:"2026-11-20T10:00:00.000000Z"`
	Actor      auditActorJSON  `json:"actor" doc:"Who did it"`
	Book       string          `json:"book" doc:"The code of the book; empty for the installation" example:"uk"`
	Act        string          `json:"act" doc:"What was done" example:"key.revoked"`
	Object     string          `json:"object" doc:"What it was done to, as kind:id" example:"key:abcdefghijkl"`
	Before     json.RawMessage `json:"before,omitempty" doc:"How it stood; absent if nothing stood there"`
	After      json.RawMessage `json:"after,omitempty" doc:"How it stands since"`
	Why        string          `json:"why" doc:"The reason that the actor gave"`
	Approval   string          `json:"approval" doc:"The approval by which it was allowed; empty for none"`
	Previous   string          `json:"previous" doc:"The hash of the row before"`
	Hash       string          `json:"hash" doc:"Covers everything else of the row"`
}

type auditActorJSON struct {
	Kind      string `json:"kind" enum:"program,person,payee,operator,system"`
	ID        string `json:"id" doc:"Of the key, the person or the payee; or the name of an operator's account on the machine"`
	Person    string `json:"person" doc:"The person behind it; empty if nobody is known"`
	Address   string `json:"address" doc:"Where the request came from; empty for what came otherwise"`
	RequestID string `json:"request_id" doc:"The request's id; empty for what came otherwise"`
}

type auditListJSON struct {
	Data       []auditRowJSON `json:"data" nullable:"false" doc:"In the order in which it was done, unless order asks for the newest first"`
	NextCursor *string        `json:"next_cursor" doc:"Send it as cursor for the next page, with the same filters; null on the last one"`
}

type auditQuery struct {
	Act    string `json:"act,omitempty" maxLength:"64" doc:"Only this act; one that ends in a dot stands for all that begin with it" example:"key."`
	Actor  string `json:"actor,omitempty" maxLength:"128" doc:"Only what the key, person or payee of this id did"`
	Object string `json:"object,omitempty" maxLength:"255" doc:"Only what was done to this" example:"key:abcdefghijkl"`
	From   string `json:"from,omitempty" format:"date-time" doc:"Only what was recorded from this moment on" example:"2026-11-01T00:00:00Z"`
	Until  string `json:"until,omitempty" format:"date-time" doc:"and before this one" example:"2026-12-01T00:00:00Z"`
	Order  string `json:"order,omitempty" enum:"asc,desc" default:"asc" doc:"asc: the oldest first; desc: the newest first"`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

type auditExportQuery struct {
	Act    string `json:"act,omitempty" maxLength:"64" doc:"Only this act; one that ends in a dot stands for all that begin with it" example:"key."`
	Actor  string `json:"actor,omitempty" maxLength:"128" doc:"Only what the key, person or payee of this id did"`
	Object string `json:"object,omitempty" maxLength:"255" doc:"Only what was done to this" example:"key:abcdefghijkl"`
	From   string `json:"from,omitempty" format:"date-time" doc:"Only what was recorded from this moment on" example:"2026-11-01T00:00:00Z"`
	Until  string `json:"until,omitempty" format:"date-time" doc:"and before this one" example:"2026-12-01T00:00:00Z"`
	After  int64  `json:"after,omitempty" minimum:"0" default:"0" doc:"Begin after the row of this sequence"`
}

type auditVerificationJSON struct {
	Rows int64  `json:"rows" doc:"How many rows the trail has" example:"42"`
	Head string `json:"head" pattern:"^[0-9a-f]{64}$" doc:"The hash of the last one: keep it elsewhere, and compare it with an export later"`
}

const (
	// exportPage is how many rows are read at once, exportRows how many one answer has at most.
	exportPage = 1000
	exportRows = 50_000
	// trailTime bounds the verification of a trail.
	trailTime = 30 * time.Second
	// ndjson is JSON, one value a line.
	ndjson = "application/x-ndjson"
)

func auditOperations() []Operation {
	return append(auditUnder("/v1/books/{book}/audit", "", " of a book"), auditUnder("/v1/audit", "installation-", " of the installation")...)
}

// auditUnder makes the operations under a path; infix keeps their names apart, and of says whose trail it is.
func auditUnder(path, infix, of string) []Operation {
	list := []Operation{
		{
			Method: http.MethodGet, Path: path, ID: "list-" + infix + "audit", Summary: "Read the audit trail" + of,
			Description: "Every privileged act and every look at personal data: who, what, before, after, why, and from where.",
			Query:       reflect.TypeFor[auditQuery](),
			Answers:     []Answer{{Status: 200, Meaning: "A page of the trail.", Body: reflect.TypeFor[auditListJSON]()}},
			Errors:      []*fault.Error{ErrCursor, ledger.ErrInvalid, ErrNotReady}, handle: listAudit,
		},
		{
			Method: http.MethodGet, Path: path + "/export", ID: "export-" + infix + "audit", Summary: "Export the audit trail" + of,
			Description: "The export is recorded in the trail it is of. One row a line, at most 50,000 in an answer. Ask again with after set to the last sequence and the same filters, until an answer is empty. An answer that breaks off has no orderly end of its HTTP body.",
			Query:       reflect.TypeFor[auditExportQuery](),
			Answers:     []Answer{{Status: 200, Meaning: "The rows.", Media: ndjson}}, Errors: []*fault.Error{ErrNotReady}, handle: exportAudit,
		},
		{
			Method: http.MethodGet, Path: path + "/verification", ID: "verify-" + infix + "audit", Summary: "Verify the audit trail" + of,
			Description: "Reads the whole trail and computes every hash again.",
			Answers:     []Answer{{Status: 200, Meaning: "Every row is as it was recorded, and none is missing.", Body: reflect.TypeFor[auditVerificationJSON]()}},
			Errors:      []*fault.Error{guard.ErrTrailBroken, ErrOverloaded, ErrNotReady}, handle: verifyAudit,
		},
	}
	for i := range list {
		list[i].Group, list[i].Scope, list[i].Installation = "Audit", access.AuditRead, infix != ""
	}
	return list
}

// trail is where the acts are recorded.
func (c *call) trail() (*guard.Trail, error) {
	if c.service.trail == nil {
		return nil, ErrNotReady
	}
	return c.service.trail, nil
}

// auditFilter is what the query narrows the trail to.
func (c *call) auditFilter() guard.Filter {
	for name, most := range map[string]int{"act": 64, "actor": 128, "object": 255} {
		if len(c.query.text(name)) > most {
			c.query.invalid(name, "text", "This is longer than any that is recorded.")
		}
	}
	return guard.Filter{Act: c.query.text("act"), Actor: c.query.text("actor"), Object: c.query.text("object"),
		From: c.query.moment("from", time.Time{}), Until: c.query.moment("until", time.Time{})}
}

func listAudit(c *call) (reply, error) {
	trail, err := c.trail()
	if err != nil {
		return reply{}, err
	}
	limit, after, filter := c.query.limit(), int64(0), c.auditFilter()
	newest := c.query.descending()
	if at := c.position(1); at != nil {
		if after, err = strconv.ParseInt(at[0], 10, 64); err != nil {
			return reply{}, ErrCursor
		}
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	rows, more, err := oneMore(limit, func(limit int) ([]guard.Row, error) {
		if newest {
			rows, err := trail.Latest(c.ctx, c.guarded(), filter, after, limit)
			slices.Reverse(rows)
			return rows, err
		}
		return trail.Rows(c.ctx, c.guarded(), filter, after, limit)
	})
	if err != nil {
		return reply{}, err
	}
	out := auditListJSON{Data: make([]auditRowJSON, len(rows))}
	for i, r := range rows {
		out.Data[i] = auditRowOf(r)
	}
	if more {
		cursor := c.nextCursor(strconv.FormatInt(rows[len(rows)-1].Sequence, 10))
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}

// exportAudit writes page after page, each read by itself, so that a slow reader holds nothing of the database. What goes
// wrong before the first line is a problem; later the connection ends in the middle, which no reader takes for the end.
func exportAudit(c *call) (reply, error) {
	trail, err := c.trail()
	if err != nil {
		return reply{}, err
	}
	after, filter := c.query.integer("after", 0, 1<<62, 0), c.auditFilter()
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	end, err := c.service.files.Begin(c.principal)
	if err != nil {
		return reply{}, err
	}
	defer end()
	if any, err := trail.Taken(c.ctx, c.actor(), c.guarded(), filter, after); err != nil {
		return reply{}, err
	} else if !any {
		return reply{status: http.StatusOK, media: ndjson}, nil
	}
	for written := 0; written < exportRows; {
		c.startClock()
		rows, err := trail.Rows(c.ctx, c.guarded(), filter, after, exportPage)
		if err == nil && len(rows) > 0 {
			after = rows[len(rows)-1].Sequence
			err = c.writeRows(rows)
		}
		if err != nil && written == 0 && c.w.status == 0 {
			return reply{}, err
		}
		if err != nil {
			c.w.failure = err
			panic(http.ErrAbortHandler)
		}
		written += len(rows)
		if len(rows) < exportPage {
			break
		}
	}
	return reply{sent: true}, nil
}

// writeRows sends rows, one a line.
func (c *call) writeRows(rows []guard.Row) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	for _, r := range rows {
		if err := encoder.Encode(auditRowOf(r)); err != nil {
			return err
		}
	}
	if c.w.status == 0 {
		c.w.Header().Set("Content-Type", ndjson)
	}
	_, err := c.w.Write(b.Bytes())
	return err
}

func verifyAudit(c *call) (reply, error) {
	trail, err := c.trail()
	if err != nil {
		return reply{}, err
	}
	select {
	case c.service.verifying <- struct{}{}:
		defer func() { <-c.service.verifying }()
	default:
		return reply{}, ErrOverloaded.With("Another verification is under way. Ask again in a moment.")
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), trailTime)
	defer cancel()
	found, err := trail.Verify(ctx, c.guarded())
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, auditVerificationJSON{Rows: found.Rows, Head: hex.EncodeToString(found.Head[:])})
}

func auditRowOf(r guard.Row) auditRowJSON {
	return auditRowJSON{
		Sequence: r.Sequence, RecordedAt: r.RecordedAt.UTC().Format(instantFormat), Book: r.Book.Code, Act: r.Act, Object: r.Object, Before: r.Before, After: r.After,
		Actor: auditActorJSON{Kind: r.Actor.Kind, ID: r.Actor.ID, Person: r.Actor.Person, Address: r.Actor.Address, RequestID: r.Actor.RequestID},
		Why:   r.Why, Approval: r.Approval, Previous: hex.EncodeToString(r.Previous[:]), Hash: hex.EncodeToString(r.Hash[:]),
	}
}
