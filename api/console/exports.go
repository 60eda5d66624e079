package console

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"slices"

	"mizan/api/access"
	"mizan/ledger/locale"
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

// exportLooks are the states of exports with the kinds of their colours.
var exportLooks = map[reports.State]string{reports.Asked: "running", reports.Made: "done", reports.Failed: "failed"}

func (t teller) exportState(s reports.State) stateWord {
	return stateWord{t.say("export.state." + string(s)), exportLooks[s]}
}

// exportFormats are the formats that are offered.
var exportFormats = []tabular.Format{tabular.XLSX, tabular.CSV, tabular.JSONLines}

// report is a report's title and what it means. English has the words of the report itself.
func (t teller) report(r reports.Report) (title, means string) {
	key := "export.report." + r.Name
	if t.Language == locale.English || !phrases().Has(key) {
		return r.Title, r.Meaning
	}
	return t.say(key), t.say(key + ".means")
}

// parameter is what a report may be asked for, as a word and what it means.
func (t teller) parameter(p reports.Parameter) (word, means string) {
	key := "export.param." + p.Name
	if t.Language == locale.English || !phrases().Has(key) {
		return words(p.Name), p.Meaning
	}
	for _, own := range []string{key + "." + string(p.Kind), key + ".means"} {
		if phrases().Has(own) {
			return t.say(key), t.say(own)
		}
	}
	return t.say(key), ""
}

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
type reportCard struct{ Title, Meaning, Link string }

// exportLine is an export in a list.
type exportLine struct {
	reports.Export
	Title, Link string
	State       stateWord
	By          who
	Rows, Bytes int64
	Given       []tabular.Parameter
}

func (c *console) exportLine(t teller, who cashier, e reports.Export) exportLine {
	l := exportLine{Export: e, Title: e.Report, Link: who.o.At + exportsPath + "/" + e.ID, State: t.exportState(e.State)}
	if r, ok := reportNamed(e.Report); ok {
		l.Title, _ = t.report(r)
		for _, p := range r.Parameters {
			if v := e.Parameters.Text(p.Name); v != "" {
				word, _ := t.parameter(p)
				l.Given = append(l.Given, tabular.Parameter{Name: word, Value: v})
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
	t, at := tellerOf(ctx), who.o.At+exportsPath
	p := exportsPage{payHead: c.reconHead(t, who, exportsPath)}
	after := r.URL.Query().Get("after")
	if unusable(after) {
		return answer{}, errQuery
	}
	if after == "" {
		for _, x := range reports.Reports() {
			title, means := t.report(x)
			p.Reports = append(p.Reports, reportCard{title, means, narrowedTo(at+"/new", "report", x.Name)})
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
		l := c.exportLine(t, who, e)
		l.By = name(e.AskedBy)
		p.Lines = append(p.Lines, l)
	}
	return who.reconciled(t, t.say("export.title"), &p), nil
}

// exportField is a parameter as a field of a form.
type exportField struct {
	reports.Parameter
	ID, Word, Says, Value, Hint string
	Options                     []choice
	Date                        bool
}

type exportAskPage struct {
	payHead
	Report       reports.Report
	Title, Means string
	Columns      []exportColumn
	Fields       []exportField
	Formats      []choice
	Languages    []choice
}

// exportColumn is a column of a report. Its title is that of the file, which is the same in all languages.
type exportColumn struct{ Title, Name, Kind string }

// hint shows how a parameter is written.
func (t teller) hint(k reports.ParameterKind) string {
	switch k {
	case reports.OfPeriod:
		return "2026-11"
	case reports.OfAccount:
		return "liabilities:seller"
	case reports.OfNumber:
		return t.say("export.hint.number")
	case reports.OfCode:
		return t.say("export.hint.code")
	}
	return ""
}

func (c *console) exportAsk(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	name := r.URL.Query().Get("report")
	if r.Method == http.MethodPost {
		name = r.PostForm.Get("report")
	}
	report, ok := reportNamed(name)
	if !ok {
		return answer{}, errQuery
	}
	t := tellerOf(ctx)
	p := exportAskPage{payHead: c.reconHead(t, who, exportsPath), Report: report, Languages: []choice{{Value: "en", Text: t.say("export.sheets.ltr")}, {Value: "ar", Text: t.say("export.sheets.rtl")}}}
	p.Title, p.Means = t.report(report)
	for _, x := range report.Columns {
		p.Columns = append(p.Columns, exportColumn{cmp.Or(x.Title, x.Name), x.Name, t.say("export.kind." + x.Kind.String())})
	}
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
		f := exportField{Parameter: x, ID: "p-" + x.Name, Value: given("p-" + x.Name), Hint: t.hint(x.Kind), Date: x.Kind == reports.OfDate}
		f.Word, f.Says = t.parameter(x)
		if x.Kind == reports.OfPeriod && x.Needed && f.Value == "" && r.Method != http.MethodPost {
			f.Value = c.monthOf(who.book).String()
		}
		f.Options = t.optionsOf(x, who.book.Currencies, f.Value)
		p.Fields = append(p.Fields, f)
	}
	for _, f := range exportFormats {
		p.Formats = append(p.Formats, choice{string(f), t.say("export.format." + string(f)), string(f) == given("format")})
	}
	return who.reconciled(t, p.Title, &p, link{t.say("export.title"), who.o.At + exportsPath}), nil
}

// optionsOf are what a parameter may be where that is a short list. None is first where it may be left out.
func (t teller) optionsOf(x reports.Parameter, currencies []money.Currency, value string) (options []choice) {
	values := x.Choices
	if x.Kind == reports.OfCurrency {
		for _, c := range currencies {
			values = append(slices.Clip(values), string(c))
		}
	}
	if len(values) > 0 && !x.Needed {
		options = append(options, choice{"", t.say("export.any"), value == ""})
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
	t := tellerOf(ctx)
	p := exportPage{payHead: c.reconHead(t, who, exportsPath), Export: c.exportLine(t, who, e), Reason: e.Reason}
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
	return who.reconciled(t, p.Export.Title, &p, link{t.say("export.title"), who.o.At + exportsPath}), nil
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
	c.attach(ctx, w, r, e.Format.MediaType(), h.FileName(e.Format), func(w io.Writer) error {
		if err := c.Reports.Fetched(ctx, who.actor(), e); err != nil {
			return err
		}
		return c.Reports.Content(ctx, who.book, e.ID, w)
	})
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
