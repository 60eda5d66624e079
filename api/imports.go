package api

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"mizan/api/access"
	"mizan/ledger/commerce/intake"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
)

// Imports: files of marketplaces. A file is written to the database part by part while it comes in, answered once it is
// durable, and applied afterwards; what became of it and of each of its rows can be asked for.

const (
	// importHolds is what a file holds of the room for bodies while it is received, however large it is.
	importHolds = 2 << 20
	// uploadTimeout bounds the whole time of an upload; each MiB of it has readWindow.
	uploadTimeout = 5 * time.Minute
	readWindow    = 20 * time.Second
	uploadStride  = 1 << 20
)

// importFile documents a body that is a file.
type importFile struct{}

// Schema says that the body is a file. It implements huma.SchemaProvider.
func (importFile) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "The file, at most 64 MiB, as the marketplace wrote it"}
}

// importMedia are the content types of files. What a file is, the parameter format says.
var importMedia = []string{"application/octet-stream", "text/csv", "text/tab-separated-values", "text/plain"}

// importQuery says what a file does not. It is documented as required where it is.
type importQuery struct {
	Format       string `json:"format" enum:"tiktok,amazon-v2,csv" doc:"How the file is written"`
	Role         string `json:"role" enum:"platform,bookkeeper,attribution" doc:"Whose book this is"`
	Seller       string `json:"seller" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The seller whose statement it is" example:"sel_toys"`
	Channel      string `json:"channel,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The marketplace; left out, the format's name" example:"tiktok"`
	Processor    string `json:"processor,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"As platform: the account at the processor that collected the sales" example:"main"`
	Carrier      string `json:"carrier,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"As platform: who carried the goods" example:"usps"`
	Creator      string `json:"creator,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"As platform: who earned the affiliate commission" example:"cre_amy"`
	Agency       string `json:"agency,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"As platform: who earned the partner commission" example:"mcn_ldn"`
	Jurisdiction string `json:"jurisdiction,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Whose taxes they are; left out, the book's market" example:"US"`
	DryRun       string `json:"dry_run,omitempty" enum:"true,false" default:"false" doc:"true: say what would become of the file and store nothing"`
}

type importsQuery struct {
	Order  string `json:"order,omitempty" enum:"asc,desc" default:"asc" doc:"asc: the oldest first; desc: the newest first"`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

type importRowsQuery struct {
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
	State  string `json:"state,omitempty" enum:"applied,repeated,ignored,parked,changed" doc:"Only rows of this state"`
}

// ImportJSON is an import as callers read it. It is exported because huma documents embedded structs only then.
type ImportJSON struct {
	ID           string           `json:"id" doc:"Empty in a dry run" example:"3"`
	Format       string           `json:"format" example:"tiktok"`
	Role         string           `json:"role" example:"bookkeeper"`
	Channel      string           `json:"channel" example:"tiktok"`
	Seller       string           `json:"seller" example:"sel_toys"`
	Processor    string           `json:"processor,omitempty"`
	Carrier      string           `json:"carrier,omitempty"`
	Creator      string           `json:"creator,omitempty"`
	Agency       string           `json:"agency,omitempty"`
	Jurisdiction string           `json:"jurisdiction,omitempty"`
	SHA256       string           `json:"sha256" doc:"Of the file"`
	Bytes        int64            `json:"bytes" doc:"Of the file"`
	ReceivedAt   string           `json:"received_at" format:"date-time" example:"2026-11-20T10:00:00.000000Z"`
	State        string           `json:"state" enum:"received,checking,applying,done,refused" doc:"done: each row has a state; refused: nothing of it was applied"`
	Reason       string           `json:"reason" doc:"Why it was refused, for programs" example:"total-differs"`
	Detail       string           `json:"detail" doc:"The reason, for people"`
	Currency     string           `json:"currency" doc:"Empty until the file was checked" example:"USD"`
	Rows         int              `json:"rows" doc:"Transactions in the file"`
	Counts       importCountsJSON `json:"counts" doc:"Its rows by what became of them, as far as it has come"`
	Totals       []importSumJSON  `json:"totals" nullable:"false" doc:"What its fields come to"`
	StatedTotal  *string          `json:"stated_total" doc:"The total that the file states; null if it states none" example:"186.42"`
	FileTotal    *string          `json:"file_total" doc:"What its rows come to; null until it was checked" example:"186.42"`
	BookedTotal  *string          `json:"booked_total" doc:"What of it is in the book, from this file or from earlier" example:"186.42"`
	Difference   *string          `json:"difference" doc:"The stated total, or else that of its rows, less what is in the book" example:"0.00"`
}

type importCountsJSON struct {
	Applied  int `json:"applied" doc:"Recorded from this file"`
	Repeated int `json:"repeated" doc:"In the book before, just the same"`
	Ignored  int `json:"ignored" doc:"Without money"`
	Parked   int `json:"parked" doc:"Not applied; the row says why"`
	Changed  int `json:"changed" doc:"In the book before with another content; not applied"`
}

type importSumJSON struct {
	Field  string `json:"field" example:"platform_commission"`
	Count  int    `json:"count" example:"12"`
	Amount string `json:"amount" example:"-72.00"`
}

type importRowJSON struct {
	Row       int    `json:"row" doc:"The line on which it begins" example:"2"`
	Identity  string `json:"identity" doc:"The marketplace's id of the transaction" example:"T-1"`
	State     string `json:"state" enum:"applied,repeated,ignored,parked,changed"`
	Reason    string `json:"reason" doc:"Why it is not applied, for programs" example:"unknown-field"`
	Detail    string `json:"detail" doc:"The reason, for people"`
	Reference string `json:"reference" doc:"The reference of its event, once it is in the book" example:"import:tiktok:T-1"`
	Amount    string `json:"amount" doc:"What it adds to the file's total" example:"94.00"`
}

// importReportJSON is what a dry run answers.
type importReportJSON struct {
	ImportJSON
	Breaks []importRowJSON `json:"breaks" nullable:"false" doc:"In a dry run, the first hundred rows that would be parked or are changed"`
}

type importListJSON struct {
	Data       []ImportJSON `json:"data" nullable:"false"`
	NextCursor *string      `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last one"`
}

type importRowListJSON struct {
	Data       []importRowJSON `json:"data" nullable:"false"`
	NextCursor *string         `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last one"`
}

func importOperations() []Operation {
	const one = "/v1/books/{book}/imports/{import}"
	report, full := reflect.TypeFor[importReportJSON](), reflect.TypeFor[ImportJSON]()
	return []Operation{
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/imports", ID: "import-file", Group: "Imports", Summary: "Import a file",
			Description: "The body is the file as the marketplace wrote it. It is answered once it is durable, and applied afterwards; ask for it until its state is done or refused. " +
				"The same file with the same parameters is answered as it stands and changes nothing.",
			Scope: access.InboundWrite, Query: reflect.TypeFor[importQuery](), Body: reflect.TypeFor[importFile](), BodyLimit: intake.MaxFileBytes, BodyMedia: importMedia, BodyHolds: importHolds,
			Answers: []Answer{
				{Status: 201, Meaning: "The file is durable.", Body: report},
				{Status: 200, Meaning: "It was received before, or this is a dry run.", Body: report, Replayed: true},
			},
			Errors: []*fault.Error{intake.ErrImportOptions, intake.ErrFile, intake.ErrCardNumber, ErrOverloaded}, handle: importUpload,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/imports", ID: "list-imports", Group: "Imports", Summary: "List imported files",
			Description: "Oldest first, unless order asks for the newest.", Scope: access.InboundRead, Query: reflect.TypeFor[importsQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of imports.", Body: reflect.TypeFor[importListJSON]()}},
			Errors:  []*fault.Error{ErrCursor}, handle: listImports,
		},
		{
			Method: http.MethodGet, Path: one, ID: "get-import", Group: "Imports", Summary: "Read what became of a file", Scope: access.InboundRead,
			Description: "Its totals by field, the total that it states beside what is in the book, and how many of its rows were applied, parked or changed.",
			Answers:     []Answer{{Status: 200, Meaning: "The report.", Body: full}}, Errors: []*fault.Error{intake.ErrImportUnknown}, handle: getImport,
		},
		{
			Method: http.MethodGet, Path: one + "/rows", ID: "list-import-rows", Group: "Imports", Summary: "List what became of a file's rows", Scope: access.InboundRead,
			Description: "In order of their lines.", Query: reflect.TypeFor[importRowsQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of rows.", Body: reflect.TypeFor[importRowListJSON]()}},
			Errors:  []*fault.Error{ErrCursor, intake.ErrImportUnknown}, handle: listImportRows,
		},
		{
			Method: http.MethodPost, Path: one + "/retry", ID: "retry-import", Group: "Imports", Summary: "Try a file's parked rows again", Scope: access.InboundWrite,
			Description: "They are taken up at once. Do it after correcting why they were parked. Changed rows stay as they are.",
			Body:        reflect.TypeFor[NewRetry](), BodyLimit: bodyLimit, Example: map[string]any{},
			Answers: []Answer{{Status: 200, Meaning: "They are tried again.", Body: full}},
			Errors:  []*fault.Error{intake.ErrImportUnknown, intake.ErrNothingParked, guard.ErrDeedInvalid}, handle: retryImport,
		},
	}
}

func importUpload(c *call) (reply, error) {
	in, err := c.imports()
	if err != nil {
		return reply{}, err
	}
	o := intake.ImportOptions{
		Format: intake.Format(c.query.text("format")), Role: c.query.text("role"), Channel: c.query.text("channel"), Seller: c.query.text("seller"),
		Processor: c.query.text("processor"), Carrier: c.query.text("carrier"), Creator: c.query.text("creator"), Agency: c.query.text("agency"), Jurisdiction: c.query.text("jurisdiction"),
	}
	dry := c.query.boolean("dry_run")
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	body, err := c.upload(dry)
	if err != nil {
		return reply{}, err
	}
	var i intake.Import
	var breaks []intake.ImportRow
	fresh := false
	if dry {
		i, breaks, err = in.DryRunImport(c.ctx, c.book, o, body)
	} else {
		i, fresh, err = in.ImportBy(c.ctx, c.actor(), c.book, o, body)
	}
	if err != nil {
		return reply{}, err
	}
	out := importReportJSON{ImportJSON: importOf(&i), Breaks: rowsOf(breaks, i.Currency)}
	if fresh {
		return document(http.StatusCreated, out)
	}
	r, err := document(http.StatusOK, out)
	r.replayed = !dry
	return r, err
}

// upload returns the body as a file that is read while it comes in, and gives the call the time for it.
func (c *call) upload(dry bool) (io.Reader, error) {
	u, err := c.file(importMedia, errFileMedia, errFileSize)
	if err == nil && dry {
		u.stride = 1 // the rows are judged between one read and the next
	}
	return u, err
}

// file returns a body that is a file of one of the content types. It returns wrong for another type, and large, also while
// the body is read, for one that passes the operation's bound.
func (c *call) file(media []string, wrong, large *fault.Error) (*uploaded, error) {
	for _, encoding := range c.r.Header["Content-Encoding"] {
		if !strings.EqualFold(strings.TrimSpace(encoding), "identity") {
			return nil, wrong
		}
	}
	given, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(media, given) {
		return nil, wrong
	}
	if c.r.ContentLength > c.op.BodyLimit {
		return nil, large
	}
	c.cancel()
	c.ctx, c.cancel = context.WithTimeout(c.r.Context(), uploadTimeout)
	return &uploaded{c: c, from: http.MaxBytesReader(c.w, c.r.Body, c.op.BodyLimit), control: http.NewResponseController(c.w), stride: uploadStride, large: large}, nil
}

var (
	errFileMedia = ErrMedia.With("The body must be the file itself, uncompressed. Send Content-Type: application/octet-stream or text/csv, and no Content-Encoding.")
	errFileSize  = ErrBodySize.With("The file has more than 64 MiB. Split it; nothing was imported.")
)

// uploaded is a file that comes in. Each MiB of it has its time, so that a long upload is not a slow one.
type uploaded struct {
	c       *call
	from    io.Reader
	control *http.ResponseController
	stride  int
	left    int // bytes until the time is given anew
	large   *fault.Error
}

// Read returns what was set for a file that is too large, ErrBodyTime or ErrBodyCut.
func (u *uploaded) Read(b []byte) (int, error) {
	if u.left <= 0 {
		u.left = u.stride
		window, cancel := context.WithTimeout(u.c.ctx, readWindow)
		at, _ := window.Deadline()
		cancel()
		// The answer comes after the last byte, and takes what any answer takes.
		if err := errors.Join(u.control.SetReadDeadline(at), u.control.SetWriteDeadline(at.Add(time.Minute))); err != nil {
			return 0, err
		}
	}
	n, err := u.from.Read(b)
	u.left -= n
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case errors.As(err, &tooLarge):
		return n, u.large
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, ErrBodyTime
	}
	return n, ErrBodyCut.Because(err)
}

func importOf(i *intake.Import) ImportJSON {
	o := &i.Options
	out := ImportJSON{ID: strconv.FormatInt(i.ID, 10), Format: string(o.Format), Role: o.Role, Channel: o.Channel, Seller: o.Seller, Processor: o.Processor, Carrier: o.Carrier,
		Creator: o.Creator, Agency: o.Agency, Jurisdiction: o.Jurisdiction, SHA256: hex.EncodeToString(i.SHA256[:]), Bytes: i.Bytes,
		ReceivedAt: i.RecordedAt.UTC().Format(instantFormat), State: string(i.State), Reason: i.Reason, Detail: i.Detail, Currency: string(i.Currency), Rows: i.Rows,
		Counts: importCountsJSON{Applied: i.Counts[intake.RowApplied], Repeated: i.Counts[intake.RowRepeated], Ignored: i.Counts[intake.RowIgnored],
			Parked: i.Counts[intake.RowParked], Changed: i.Counts[intake.RowChanged]},
		Totals: make([]importSumJSON, len(i.Fields))}
	if i.ID == 0 {
		out.ID = ""
	}
	for n, f := range i.Fields {
		out.Totals[n] = importSumJSON{f.Field, f.Count, f.Amount.Format(i.Currency)}
	}
	if i.Currency == "" {
		return out
	}
	text := func(m money.Minor) *string {
		s := m.Format(i.Currency)
		return &s
	}
	said := i.Ours
	if i.Said {
		said, out.StatedTotal = i.Stated, text(i.Stated)
	}
	out.FileTotal, out.BookedTotal, out.Difference = text(i.Ours), text(i.Booked), text(said-i.Booked)
	return out
}

func rowsOf(list []intake.ImportRow, c money.Currency) []importRowJSON {
	out := make([]importRowJSON, len(list))
	for n, r := range list {
		out[n] = importRowJSON{Row: r.Row, Identity: r.Identity, State: string(r.State), Reason: r.Reason, Detail: r.Detail, Reference: r.Reference, Amount: r.Amount.Format(c)}
	}
	return out
}

func listImports(c *call) (reply, error) {
	in, err := c.imports()
	if err != nil {
		return reply{}, err
	}
	limit, after := c.query.limit(), c.afterNumber()
	read := in.Imports
	if c.query.descending() {
		read = in.LatestImports
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, more, err := oneMore(limit, func(limit int) ([]intake.Import, error) { return read(c.ctx, c.book, after, limit) })
	if err != nil {
		return reply{}, err
	}
	out := importListJSON{Data: make([]ImportJSON, len(list))}
	for n := range list {
		out.Data[n] = importOf(&list[n])
	}
	if more {
		next := c.nextCursor(out.Data[len(list)-1].ID)
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}

// imported returns the intake and the import of the path.
func (c *call) imported() (*intake.Service, intake.Import, error) {
	in, err := c.imports()
	if err != nil {
		return nil, intake.Import{}, err
	}
	id, err := strconv.ParseInt(c.param("import"), 10, 64)
	if err != nil || id < 1 {
		return nil, intake.Import{}, intake.ErrImportUnknown
	}
	i, err := in.ImportByID(c.ctx, c.book, id)
	return in, i, err
}

func getImport(c *call) (reply, error) {
	_, i, err := c.imported()
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, importOf(&i))
}

func listImportRows(c *call) (reply, error) {
	limit, after := c.query.limit(), int(c.afterNumber())
	state := intake.RowState(c.query.choice("state", "", "applied", "repeated", "ignored", "parked", "changed"))
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	in, i, err := c.imported()
	if err != nil {
		return reply{}, err
	}
	list, more, err := oneMore(limit, func(limit int) ([]intake.ImportRow, error) {
		return in.ImportRows(c.ctx, c.book, i.ID, state, after, limit)
	})
	if err != nil {
		return reply{}, err
	}
	out := importRowListJSON{Data: rowsOf(list, i.Currency)}
	if more {
		next := c.nextCursor(strconv.Itoa(list[len(list)-1].Row))
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}

func retryImport(c *call) (reply, error) {
	in, i, err := c.imported()
	if err != nil {
		return reply{}, err
	}
	body, err := decodeWith(c, func(d *decoder, n int32) (r NewRetry) {
		d.object(n, &r)
		return r
	})
	if err != nil {
		return reply{}, err
	}
	if i, err = in.RetryImportBy(c.ctx, c.actor(), c.book, i.ID, body.Reason); err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, importOf(&i))
}
