package api

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/tabular"
	"mizan/payouts/reports"
)

// Exports: reports of a book at one place of it, as files with a manifest that says what is in them.

type reportParameterJSON struct {
	Name    string   `json:"name" example:"period"`
	Kind    string   `json:"kind" doc:"How it is written" enum:"period,date,number,currency,account,code,choice"`
	Meaning string   `json:"meaning"`
	Needed  bool     `json:"needed"`
	Choices []string `json:"choices" nullable:"false" doc:"What a choice may be"`
}

type reportColumnJSON struct {
	Name     string `json:"name" example:"amount"`
	Title    string `json:"title"`
	Kind     string `json:"kind" example:"amount"`
	Currency string `json:"currency" doc:"The column with the currency of an amount; empty for others"`
	Sum      bool   `json:"sum" doc:"Its totals per currency stand in the manifest"`
}

// ReportJSON is a report that can be asked for.
type ReportJSON struct {
	Name       string                `json:"name" example:"trial_balance"`
	Title      string                `json:"title"`
	Meaning    string                `json:"meaning"`
	Schema     int                   `json:"schema" doc:"The version of its columns" example:"1"`
	Parameters []reportParameterJSON `json:"parameters" nullable:"false"`
	Columns    []reportColumnJSON    `json:"columns" nullable:"false"`
}

type reportListJSON struct {
	Data       []ReportJSON `json:"data" nullable:"false"`
	NextCursor *string      `json:"next_cursor" doc:"Always null"`
}

// NewExport asks for a report as a file.
type NewExport struct {
	Report     string            `json:"report" pattern:"^[a-z][a-z0-9_]{0,62}$" example:"trial_balance"`
	Format     string            `json:"format" enum:"csv,xlsx,jsonl" example:"csv"`
	Parameters map[string]string `json:"parameters,omitempty" doc:"By name, each as text; the list of reports says which there are"`
	AtSequence int64             `json:"at_sequence,omitempty" minimum:"1" doc:"The last transaction that counts; left out, the last of the book"`
	Language   string            `json:"language,omitempty" pattern:"^[a-z]{2}$" doc:"Of the reader; sheets in a language that is written from right to left are turned round" example:"en"`
}

// ExportJSON is an export.
type ExportJSON struct {
	ID         string            `json:"id" example:"exp_0123456789abcdef"`
	Report     string            `json:"report" example:"trial_balance"`
	Format     string            `json:"format" enum:"csv,xlsx,jsonl"`
	Parameters map[string]string `json:"parameters" nullable:"false"`
	Language   string            `json:"language"`
	AtSequence int64             `json:"at_sequence" doc:"The last transaction that counts" example:"42"`
	AtStep     int64             `json:"at_step" doc:"The last step of breaks that counts"`
	State      string            `json:"state" enum:"asked,made,failed"`
	Reason     string            `json:"reason" doc:"The code of what failed"`
	Name       string            `json:"name" doc:"What the file is called" example:"trial_balance-uk-v1.csv"`
	Manifest   json.RawMessage   `json:"manifest,omitempty" doc:"What the file came to: rows, totals per currency, bytes, SHA-256. Absent before it is made. Its bytes for beside the file stand under manifest_text."`
	Text       string            `json:"manifest_text,omitempty" doc:"The manifest as a file"`
	AskedBy    string            `json:"asked_by"`
	AskedAt    string            `json:"asked_at" format:"date-time"`
	MadeAt     *string           `json:"made_at" format:"date-time"`
}

type exportListJSON struct {
	Data       []ExportJSON `json:"data" nullable:"false" doc:"The latest first"`
	NextCursor *string      `json:"next_cursor" doc:"Send it as cursor for the next page, with the same filters; null on the last"`
}

type exportQuery struct {
	Report string `json:"report,omitempty" maxLength:"64" doc:"Only exports of this report" example:"trial_balance"`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

func exportOperations() []Operation {
	const base, one = "/v1/books/{book}/exports", "/v1/books/{book}/exports/{export}"
	unknown := []*fault.Error{reports.ErrExportUnknown, ErrNotReady}
	list := []Operation{
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/reports", ID: "list-reports", Summary: "List reports with their parameters and columns", Scope: access.ReportsRead,
			Answers: []Answer{{Status: 200, Meaning: "The reports.", Body: reflect.TypeFor[reportListJSON]()}}, Errors: []*fault.Error{ErrNotReady}, handle: listReports,
		},
		{
			Method: http.MethodPost, Path: base, ID: "ask-export", Summary: "Ask for a report as a file",
			Description: "The file shows the book up to one transaction and stays the same for ever, whenever it is fetched. A small one is made at once; a large one is made within some minutes. It leaves a row in the audit trail.",
			Scope:       access.ReportsRead, Body: reflect.TypeFor[NewExport](), BodyLimit: bodyLimit, Example: map[string]any{"report": "trial_balance", "format": "csv", "parameters": map[string]any{"detail": "chart"}},
			Answers: []Answer{{Status: 201, Meaning: "It is made, or cannot be: the state says which.", Body: reflect.TypeFor[ExportJSON]()}, {Status: 202, Meaning: "It will be made.", Body: reflect.TypeFor[ExportJSON]()}},
			Errors:  []*fault.Error{reports.ErrReportUnknown, reports.ErrParameters, reports.ErrLanguage, reports.ErrExportsMany, tabular.ErrFormat, ledger.ErrSequenceAhead, ErrNotReady}, handle: askExport,
		},
		{
			Method: http.MethodGet, Path: base, ID: "list-exports", Summary: "List exports", Scope: access.ReportsRead, Query: reflect.TypeFor[exportQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of exports.", Body: reflect.TypeFor[exportListJSON]()}}, Errors: []*fault.Error{ErrCursor, ErrNotReady}, handle: listExports,
		},
		{
			Method: http.MethodGet, Path: one, ID: "get-export", Summary: "Read an export and its manifest", Scope: access.ReportsRead,
			Answers: []Answer{{Status: 200, Meaning: "The export.", Body: reflect.TypeFor[ExportJSON]()}}, Errors: unknown, handle: getExport,
		},
		{
			Method: http.MethodGet, Path: one + "/content", ID: "get-export-content", Summary: "Fetch an export's file",
			Description: "It is made again while it is sent, and held against the manifest: one that does not come to it breaks off before its end. Repr-Digest and Content-Length are the manifest's. The look is recorded.",
			Scope:       access.ReportsRead, Answers: []Answer{{Status: 200, Meaning: "The file.", Media: fileBytes}},
			Errors: append([]*fault.Error{reports.ErrExportWaiting, reports.ErrExportFailed, reports.ErrExportChanged}, unknown...), handle: getExportContent,
		},
	}
	for i := range list {
		list[i].Group = "Reports and exports"
	}
	return list
}

// reporting returns the reports, or ErrNotReady.
func (c *call) reporting() (*reports.Service, error) {
	if c.service.reports == nil {
		return nil, ErrNotReady
	}
	return c.service.reports, nil
}

func listReports(c *call) (reply, error) {
	if _, err := c.reporting(); err != nil {
		return reply{}, err
	}
	out := reportListJSON{Data: []ReportJSON{}}
	for _, r := range reports.Reports() {
		x := ReportJSON{Name: r.Name, Title: r.Title, Meaning: r.Meaning, Schema: r.Schema, Parameters: []reportParameterJSON{}, Columns: []reportColumnJSON{}}
		for _, p := range r.Parameters {
			x.Parameters = append(x.Parameters, reportParameterJSON{Name: p.Name, Kind: string(p.Kind), Meaning: p.Meaning, Needed: p.Needed, Choices: append([]string{}, p.Choices...)})
		}
		for _, col := range r.Columns {
			x.Columns = append(x.Columns, reportColumnJSON{Name: col.Name, Title: col.Title, Kind: string(col.Kind), Currency: col.Currency, Sum: col.Sum})
		}
		out.Data = append(out.Data, x)
	}
	return document(http.StatusOK, out)
}

// exportOf is an export as callers read it.
func exportOf(e reports.Export) (ExportJSON, error) {
	out := ExportJSON{ID: e.ID, Report: e.Report, Format: string(e.Format), Parameters: map[string]string{}, Language: e.Language, AtSequence: e.AtSequence, AtStep: e.AtStep, State: string(e.State), Reason: e.Reason,
		AskedBy: e.AskedBy, AskedAt: e.AskedAt.UTC().Format(instantFormat), MadeAt: optionalInstant(e.MadeAt)}
	for name, value := range e.Parameters {
		out.Parameters[name] = value
	}
	header, err := e.Header()
	if err != nil {
		return out, err
	}
	out.Name = header.FileName(e.Format)
	if e.Manifest != nil {
		out.Text = string(e.Manifest.JSON())
		out.Manifest = json.RawMessage(out.Text)
	}
	return out, nil
}

// oneExport answers with an export, or with what was said against it.
func (c *call) oneExport(status int, e reports.Export, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	out, err := exportOf(e)
	if err != nil {
		return reply{}, err
	}
	return document(status, out)
}

func askExport(c *call) (reply, error) {
	s, err := c.reporting()
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewExport) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	e, err := s.Ask(c.ctx, c.actor(), c.book, reports.Request{Report: n.Report, Format: tabular.Format(n.Format), Parameters: n.Parameters, AtSequence: n.AtSequence, Language: n.Language})
	status := http.StatusCreated
	if e.State == reports.Asked {
		status = http.StatusAccepted
	}
	return c.oneExport(status, e, err)
}

func listExports(c *call) (reply, error) {
	s, err := c.reporting()
	if err != nil {
		return reply{}, err
	}
	limit, q := c.query.limit(), reports.ExportQuery{Report: c.query.text("report")}
	if len(q.Report) > 64 {
		c.query.invalid("report", "text", "This is longer than any that is recorded.")
	}
	q.After = c.afterName()
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, more, err := oneMore(limit, func(limit int) ([]reports.Export, error) {
		q.Limit = limit
		return s.Exports(c.ctx, c.book, q)
	})
	if err != nil {
		return reply{}, err
	}
	out := exportListJSON{Data: make([]ExportJSON, len(list))}
	for i, e := range list {
		if out.Data[i], err = exportOf(e); err != nil {
			return reply{}, err
		}
		out.Data[i].Text = "" // a page need not say everything twice
	}
	if more {
		next := c.nextCursor(list[len(list)-1].ID)
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}

func getExport(c *call) (reply, error) {
	s, err := c.reporting()
	if err != nil {
		return reply{}, err
	}
	e, err := s.Export(c.ctx, c.book, c.param("export"))
	return c.oneExport(http.StatusOK, e, err)
}

func getExportContent(c *call) (reply, error) {
	s, err := c.reporting()
	if err != nil {
		return reply{}, err
	}
	e, err := s.Export(c.ctx, c.book, c.param("export"))
	switch {
	case err != nil:
		return reply{}, err
	case e.State == reports.Asked:
		return reply{}, reports.ErrExportWaiting
	case e.State == reports.Failed:
		return reply{}, reports.ErrExportFailed
	}
	header, err := e.Header()
	if err != nil {
		return reply{}, err
	}
	sum, err := hex.DecodeString(e.Manifest.SHA256)
	if err != nil {
		return reply{}, err
	}
	return c.stream(fileBytes, map[string]string{
		"Content-Disposition": `attachment; filename="` + header.FileName(e.Format) + `"`, "Repr-Digest": reprDigest(sum), "Content-Length": strconv.FormatInt(e.Manifest.Bytes, 10),
	}, func(to *bufio.Writer) error {
		if err := s.Fetched(c.ctx, c.actor(), e); err != nil {
			return err
		}
		return s.Content(c.ctx, c.book, e.ID, to)
	})
}
