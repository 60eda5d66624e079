package console

import (
	"context"
	"io"
	"net/http"
	"slices"

	"mizan/api/access"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
	"mizan/payouts/reports"
)

// Exports: reports that leave the house as files, each with a manifest by which a reader knows that it is whole.

const (
	exportsPerPage = 50
	// manifestTotals bounds the totals of a manifest that a page shows.
	manifestTotals = 100
)

var exportWords = map[reports.State]stateWord{reports.Asked: {"being made", "running"}, reports.Made: {"made", "done"}, reports.Failed: {"failed", "failed"}}

var exportFormats = []choice{{Value: string(tabular.XLSX), Text: "Excel (xlsx)"}, {Value: string(tabular.CSV), Text: "CSV"}, {Value: string(tabular.JSONLines), Text: "JSON lines"}}

// exportPages are the pages about exports and their forms.
func (c *console) exportPages(mux *http.ServeMux) {
	const at = "/console/books/{book}" + exportsPath
	mux.HandleFunc("GET "+at, c.readBy(access.ReportsRead, "exports", c.exports))
	mux.HandleFunc("GET "+at+"/new", c.readBy(access.ReportsRead, "export-ask", c.exportAsk))
	mux.HandleFunc("GET "+at+"/{export}", c.readBy(access.ReportsRead, "export", c.export))
	mux.HandleFunc("GET "+at+"/{export}/manifest", c.exportManifest)
	mux.HandleFunc("POST "+at+"/{export}/content", c.form(c.exportContent))
	mux.HandleFunc("POST "+at, c.formBy(access.ReportsRead, "export-ask", []access.Scope{access.ReportsRead}, c.askExport, c.exportAsk))
}

// reportCard is a report to choose.
type reportCard struct {
	reports.Report
	Link string
}

// exportLine is an export in a list.
type exportLine struct {
	reports.Export
	Title, Link string
	State       stateWord
	By          who
	Rows, Bytes int64
	Given       []tabular.Parameter
}

func (c *console) exportLine(who cashier, e reports.Export) exportLine {
	l := exportLine{Export: e, Title: e.Report, Link: who.o.At + exportsPath + "/" + e.ID, State: exportWords[e.State]}
	if r, ok := reportNamed(e.Report); ok {
		l.Title = r.Title
		for _, p := range r.Parameters {
			if v := e.Parameters.Text(p.Name); v != "" {
				l.Given = append(l.Given, tabular.Parameter{Name: words(p.Name), Value: v})
			}
		}
	}
	if e.Manifest != nil {
		l.Rows, l.Bytes = e.Manifest.Rows, e.Manifest.Bytes
	}
	return l
}

func reportNamed(name string) (reports.Report, bool) {
	all := reports.Reports()
	i := slices.IndexFunc(all, func(r reports.Report) bool { return r.Name == name })
	if i < 0 {
		return reports.Report{}, false
	}
	return all[i], true
}

type exportsPage struct {
	payHead
	Reports     []reportCard
	Lines       []exportLine
	Next, First string
}

func (c *console) exports(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	p, at := exportsPage{payHead: c.reconHead(who, "Exports")}, who.o.At+exportsPath
	after := r.URL.Query().Get("after")
	if unusable(after) {
		return answer{}, errQuery
	}
	if after == "" {
		for _, x := range reports.Reports() {
			p.Reports = append(p.Reports, reportCard{x, narrowedTo(at+"/new", "report", x.Name)})
		}
	} else {
		p.First = at
	}
	list, err := c.Reports.Exports(ctx, who.book, reports.ExportQuery{After: after, Limit: exportsPerPage + 1})
	if err != nil {
		return answer{}, err
	}
	if len(list) > exportsPerPage {
		list = list[:exportsPerPage]
		p.Next = narrowedTo(at, "after", list[exportsPerPage-1].ID)
	}
	var ids []string
	for _, e := range list {
		ids = append(ids, e.AskedBy)
	}
	name := c.names(ctx, who.visit, ids)
	for _, e := range list {
		l := c.exportLine(who, e)
		l.By = name(e.AskedBy)
		p.Lines = append(p.Lines, l)
	}
	return who.reconciled("Exports", &p), nil
}

// exportField is a parameter as a field of a form.
type exportField struct {
	reports.Parameter
	ID, Word, Value, Hint string
	Options               []choice
	Date                  bool
}

type exportAskPage struct {
	payHead
	Report    reports.Report
	Fields    []exportField
	Formats   []choice
	Languages []choice
}

var parameterHints = map[reports.ParameterKind]string{reports.OfPeriod: "2026-11", reports.OfNumber: "a whole number", reports.OfAccount: "liabilities:seller", reports.OfCode: "an id"}

func (c *console) exportAsk(_ context.Context, who cashier, r *http.Request) (answer, error) {
	name := r.URL.Query().Get("report")
	if r.Method == http.MethodPost {
		name = r.PostForm.Get("report")
	}
	report, ok := reportNamed(name)
	if !ok {
		return answer{}, errQuery
	}
	p := exportAskPage{payHead: c.reconHead(who, "Exports"), Report: report, Languages: []choice{{Value: "en", Text: "left to right"}, {Value: "ar", Text: "right to left"}}}
	given := func(name string) string {
		if r.Method == http.MethodPost {
			return r.PostForm.Get(name)
		}
		if v := r.URL.Query().Get(name); !unusable(v) { // a page that leads here says what it is narrowed to
			return v
		}
		return ""
	}
	for _, x := range report.Parameters {
		f := exportField{Parameter: x, ID: "p-" + x.Name, Word: words(x.Name), Value: given("p-" + x.Name), Hint: parameterHints[x.Kind], Date: x.Kind == reports.OfDate}
		if x.Kind == reports.OfPeriod && x.Needed && f.Value == "" && r.Method != http.MethodPost {
			f.Value = c.monthOf(who.book).String()
		}
		f.Options = optionsOf(x, who.book.Currencies, f.Value)
		p.Fields = append(p.Fields, f)
	}
	for _, f := range exportFormats {
		f.Chosen = f.Value == given("format")
		p.Formats = append(p.Formats, f)
	}
	return who.reconciled(report.Title, &p, link{"Exports", who.o.At + exportsPath}), nil
}

// optionsOf are what a parameter may be where that is a short list. None is first where it may be left out.
func optionsOf(x reports.Parameter, currencies []money.Currency, value string) (options []choice) {
	values := x.Choices
	if x.Kind == reports.OfCurrency {
		for _, c := range currencies {
			values = append(slices.Clip(values), string(c))
		}
	}
	if len(values) > 0 && !x.Needed {
		options = append(options, choice{"", "any", value == ""})
	}
	for _, v := range values {
		options = append(options, choice{v, v, v == value})
	}
	return options
}

// askExport asks for a report as a file.
func (c *console) askExport(ctx context.Context, who cashier, r *http.Request) (string, error) {
	report, ok := reportNamed(r.PostForm.Get("report"))
	if !ok {
		return "", errNoPage
	}
	q := reports.Request{Report: report.Name, Format: tabular.Format(r.PostForm.Get("format")), Language: r.PostForm.Get("language"), Parameters: reports.Values{}}
	for _, x := range report.Parameters {
		if v := r.PostForm.Get("p-" + x.Name); v != "" {
			q.Parameters[x.Name] = v
		}
	}
	e, err := c.Reports.Ask(ctx, who.actor(), who.book, q)
	return who.o.At + exportsPath + "/" + e.ID, err
}

// totalLine is a total of a manifest.
type totalLine struct{ Column, Currency, Amount string }

type exportPage struct {
	payHead
	Export     exportLine
	Report     reports.Report
	Totals     []totalLine
	MoreTotals bool
	FileName   string
	Reason     string
}

// exportOf is the export that the address names.
func (c *console) exportOf(ctx context.Context, who cashier, r *http.Request) (reports.Export, error) {
	id := r.PathValue("export")
	if unusable(id) {
		return reports.Export{}, errNoPage
	}
	return c.Reports.Export(ctx, who.book, id)
}

func (c *console) export(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	e, err := c.exportOf(ctx, who, r)
	if err != nil {
		return answer{}, err
	}
	p := exportPage{payHead: c.reconHead(who, "Exports"), Export: c.exportLine(who, e), Reason: e.Reason}
	p.Export.By = c.names(ctx, who.visit, []string{e.AskedBy})(e.AskedBy)
	p.Report, _ = reportNamed(e.Report)
	if h, err := e.Header(); err == nil {
		p.FileName = h.FileName(e.Format)
	}
	if e.Manifest != nil {
		for _, t := range e.Manifest.Totals {
			if p.MoreTotals = len(p.Totals) == manifestTotals; p.MoreTotals {
				break
			}
			p.Totals = append(p.Totals, totalLine{columnTitle(e.Manifest.Columns, t.Column), string(t.Currency), grouped(t.Amount)})
		}
	}
	return who.reconciled(p.Export.Title, &p, link{"Exports", who.o.At + exportsPath}), nil
}

// columnTitle is a column's name for people.
func columnTitle(columns []tabular.Column, name string) string {
	for _, c := range columns {
		if c.Name == name && c.Title != "" {
			return c.Title
		}
	}
	return name
}

// exportContent hands a file out. It is made again, held against its manifest, and the fetching stands in the trail.
func (c *console) exportContent(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), fileTime)
	defer cancel()
	who, err := c.readerOf(ctx, r, access.ReportsRead)
	if err != nil {
		return err
	}
	e, err := c.exportOf(ctx, who, r)
	if err != nil {
		return err
	}
	if e.State != reports.Made {
		return c.again(ctx, w, r, who, "export", reports.ErrExportWaiting, c.export)
	}
	h, err := e.Header()
	if err != nil {
		return err
	}
	if err := c.Reports.Fetched(ctx, who.actor(), e); err != nil {
		return err
	}
	c.attach(ctx, w, r, e.Format.MediaType(), h.FileName(e.Format), func(w io.Writer) error { return c.Reports.Content(ctx, who.book, e.ID, w) })
	return nil
}

// exportManifest hands out what the file comes to, to be kept beside it.
func (c *console) exportManifest(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
	defer cancel()
	who, err := c.readerOf(ctx, r, access.ReportsRead)
	var e reports.Export
	if err == nil {
		e, err = c.exportOf(ctx, who, r)
	}
	if err == nil && e.Manifest == nil {
		err = errNoPage
	}
	if err != nil {
		c.fail(w, r, err)
		return
	}
	h, err := e.Header()
	if err != nil {
		c.fail(w, r, err)
		return
	}
	content := e.Manifest.JSON()
	c.attach(ctx, w, r, "application/json", h.FileName(e.Format)+".manifest.json", func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}
