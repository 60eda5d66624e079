package tabular

// XLSX: sheets with the rows, and a sheet "manifest" at the end that says what they hold. The library writes each sheet through a
// file on disk, so memory does not grow with the rows.
//
// The library orders the sheets of a workbook by chance and puts the whole of it together in memory. So every sheet is made in
// a workbook of its own and goes straight into our file; the workbook around them is made at the end, when their number is known.

import (
	"archive/zip"
	"encoding/xml"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"mizan/ledger/money"
)

// sheetLimits are those of a spreadsheet: 1,048,576 rows with the heading. A sheet of more than 4 GiB would need a form of ZIP
// that not every program reads, so it ends before.
var sheetLimits = limits{rows: 1_048_575, bytes: 3 << 30, sheets: 100}

// maxCell is how many UTF-16 units a cell takes.
const maxCell = 32_767

// manifestSheet is the name of the last sheet. The others are "data", "data 2" and so on.
const manifestSheet = "manifest"

// onlySheet is the name of the one sheet of a workbook that is made for it, and where the library keeps it.
const (
	onlySheet = "Sheet1"
	onlyPart  = "xl/worksheets/sheet1.xml"
)

// partTime stands at every part of the file, so that the same rows give the same bytes.
var partTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// workbook is the sink.
type workbook struct {
	plan   *plan
	limits limits
	zip    *zip.Writer

	file   *excelize.File
	stream *excelize.StreamWriter
	styles styles
	cells  []any
	text   []byte
	rows   int
	bytes  int64
	sheets []int
}

// styles are the styles of cells by their numbers, which are the same in every workbook that is made here.
type styles struct {
	heading, text, number, date int
	// amount is by the digits of the currency.
	amount [5]int
}

func newWorkbook(p *plan, out io.Writer, l limits) *workbook {
	return &workbook{plan: p, limits: l, zip: zip.NewWriter(out), cells: make([]any, len(p.Columns))}
}

// newStyles defines the styles, always in the same order.
func newStyles(f *excelize.File) (s styles, err error) {
	define := func(style excelize.Style) (id int) {
		if err == nil {
			id, err = f.NewStyle(&style)
		}
		return id
	}
	format := func(code string) int { return define(excelize.Style{CustomNumFmt: &code}) }
	s.heading = define(excelize.Style{Font: &excelize.Font{Bold: true}, NumFmt: 49})
	s.text = define(excelize.Style{NumFmt: 49})
	s.number = define(excelize.Style{NumFmt: 1})
	s.date = format("yyyy-mm-dd")
	for i, code := range [...]string{"#,##0", "#,##0.0", "#,##0.00", "#,##0.000", "#,##0.0000"} {
		s.amount[i] = format(code)
	}
	return s, err
}

func (w *workbook) begin() error { return w.open(w.plan.titles, w.plan.widthOf) }

// open begins a sheet with a heading.
func (w *workbook) open(titles []string, width func(i int) int) (err error) {
	w.rows, w.bytes, w.file = 0, 0, excelize.NewFile()
	if w.styles, err = newStyles(w.file); err != nil {
		return err
	}
	if w.plan.RightToLeft {
		yes := true
		if err := w.file.SetSheetView(onlySheet, 0, &excelize.ViewOptions{RightToLeft: &yes}); err != nil {
			return err
		}
	}
	if w.stream, err = w.file.NewStreamWriter(onlySheet); err != nil {
		return err
	}
	if err := w.stream.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	heading := make([]any, len(titles))
	for i, title := range titles {
		if err := w.setWidth(i+1, width(i)); err != nil {
			return err
		}
		heading[i] = excelize.Cell{StyleID: w.styles.heading, Value: sheetText(title)}
	}
	return w.stream.SetRow("A1", heading)
}

// Widths of columns, in characters.
const (
	narrow = iota
	middle
	wide
)

func (p *plan) widthOf(i int) int {
	switch p.Columns[i].Kind {
	case KindBool:
		return narrow
	case KindText, KindTime:
		return wide
	}
	return middle
}

func (w *workbook) setWidth(column, width int) error {
	switch width {
	case narrow:
		return w.stream.SetColWidth(column, column, 10)
	case middle:
		return w.stream.SetColWidth(column, column, 18)
	}
	return w.stream.SetColWidth(column, column, 28)
}

func (w *workbook) row(r Row) error {
	size := int64(32)
	for i := range r {
		if r[i].kind == KindText && len(r[i].s) > maxCell && units(r[i].s) > maxCell {
			return ErrCellLong
		}
		cell, err := w.cell(r[i])
		if err != nil {
			return err
		}
		// A character is escaped with no more than six.
		w.cells[i], size = cell, size+80+6*int64(len(r[i].s))
	}
	if w.rows == w.limits.rows || w.bytes+size > w.limits.bytes {
		if err := w.next(); err != nil {
			return err
		}
	}
	w.rows, w.bytes = w.rows+1, w.bytes+size
	return w.stream.SetRow("A"+strconv.Itoa(w.rows+1), w.cells)
}

// units is the length of a text as spreadsheets count it.
func units(s string) int {
	n := utf8.RuneCountInString(s)
	for _, r := range s {
		if r > 0xffff {
			n++
		}
	}
	return n
}

// numeric reports whether the value is a number in a sheet and not text: amounts and numbers up to 15 digits, and days from March
// 1900 on, before which spreadsheets count a day that never was.
func numeric(v Value) bool {
	switch v.kind {
	case KindNumber, KindAmount:
		return exact(v.n)
	case KindDate:
		return v.n+firstSheetDay > 60
	}
	return false
}

// firstSheetDay is the number of 1970-01-01 in a sheet.
const firstSheetDay = 25569

// cell returns what the library takes for a value.
func (w *workbook) cell(v Value) (any, error) {
	switch {
	case v.kind == 0:
		return nil, nil
	case v.kind == KindText:
		return excelize.Cell{StyleID: w.styles.text, Value: sheetText(v.s)}, nil
	case v.kind == KindBool:
		return excelize.Cell{Value: v.n == 1}, nil
	case !numeric(v):
		return excelize.Cell{StyleID: w.styles.text, Value: string(appendCell(nil, v))}, nil
	case v.kind == KindNumber:
		return excelize.Cell{StyleID: w.styles.number, Value: v.n}, nil
	case v.kind == KindDate:
		return excelize.Cell{StyleID: w.styles.date, Value: v.n + firstSheetDay}, nil
	}
	w.text = appendCell(w.text[:0], v)
	number, err := sheetNumber(w.text)
	return excelize.Cell{StyleID: w.styles.amount[money.Currency(v.s).Digits()], Value: number}, err
}

// halves are texts that would stand for half a character if an underscore before an escape were not escaped.
var halves = regexp.MustCompile(`_x[Dd][89A-Fa-f][0-9A-Fa-f]{2}_`)

// sheetText returns what the library takes for a text. It escapes what looks like an escape, but loses halves; so each of those is
// divided among two runs of the text, where it does not look like one any more.
func sheetText(s string) any {
	if !strings.Contains(s, "_x") || !halves.MatchString(s) {
		return s
	}
	var runs []excelize.RichTextRun
	for {
		at := halves.FindStringIndex(s)
		if at == nil {
			return append(runs, excelize.RichTextRun{Text: s})
		}
		runs = append(runs, excelize.RichTextRun{Text: s[:at[1]-1]})
		s = s[at[1]-1:]
	}
}

// next ends the sheet and begins another one.
func (w *workbook) next() error {
	if err := w.finish(len(w.plan.Columns)); err != nil {
		return err
	}
	if len(w.sheets) == w.limits.sheets {
		return ErrLarge
	}
	return w.begin()
}

// finish ends the sheet and puts it into the file.
func (w *workbook) finish(columns int) error {
	area, err := filtered(columns, w.rows)
	if err == nil {
		err = w.file.AutoFilter(onlySheet, area, nil)
	}
	if err == nil {
		err = w.stream.Flush()
	}
	if err != nil {
		return err
	}
	w.sheets = append(w.sheets, w.rows)
	number := len(w.sheets)
	err = w.copy(w.file, func(part string) string {
		if part != onlyPart {
			return ""
		}
		return sheetPart(number)
	})
	if err != nil {
		return err
	}
	return w.shut()
}

func sheetPart(number int) string { return fmt.Sprintf("xl/worksheets/sheet%d.xml", number) }

// filtered is the area of a sheet that its filter covers: everything.
func filtered(columns, rows int) (string, error) {
	last, err := excelize.CoordinatesToCellName(columns, rows+1)
	return "A1:" + last, err
}

func (w *workbook) shut() error {
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	w.file = nil
	return err
}

// end writes the last sheet, the manifest, and the workbook around all.
func (w *workbook) end(t *tally) error {
	if err := w.finish(len(w.plan.Columns)); err != nil {
		return err
	}
	lines := manifestRows(t, w.sheets)
	if err := w.open(lines[0], func(int) int { return wide }); err != nil {
		return err
	}
	for _, line := range lines[1:] {
		cells := make([]any, len(line))
		for i, s := range line {
			if s != "" {
				cells[i] = excelize.Cell{StyleID: w.styles.text, Value: sheetText(s)}
			}
		}
		w.rows++
		if err := w.stream.SetRow("A"+strconv.Itoa(w.rows+1), cells); err != nil {
			return err
		}
	}
	if err := w.finish(len(lines[0])); err != nil {
		return err
	}
	if err := w.surround(); err != nil {
		return err
	}
	return w.zip.Close()
}

// surround writes everything of a workbook but its sheets.
func (w *workbook) surround() (err error) {
	w.file = excelize.NewFile()
	if w.styles, err = newStyles(w.file); err != nil {
		return err
	}
	for i, rows := range w.sheets {
		name, columns := sheetName(i+1), len(w.plan.Columns)
		if i == len(w.sheets)-1 {
			name, columns = manifestSheet, manifestColumns
		}
		if i == 0 {
			err = w.file.SetSheetName(onlySheet, name)
		} else {
			_, err = w.file.NewSheet(name)
		}
		if err != nil {
			return err
		}
		area, err := filtered(columns, rows)
		if err == nil {
			err = w.file.AutoFilter(name, area, nil)
		}
		if err != nil {
			return err
		}
	}
	if err := w.file.SetAppProps(&excelize.AppProperties{Application: "Mizan"}); err != nil {
		return err
	}
	ours := map[string]bool{}
	for i := range w.sheets {
		ours[sheetPart(i+1)] = true
	}
	ours[propertiesPart] = true
	err = w.copy(w.file, func(part string) string {
		if ours[part] {
			return ""
		}
		return part
	})
	if err == nil {
		err = w.properties()
	}
	if err != nil {
		return err
	}
	return w.shut()
}

const propertiesPart = "docProps/core.xml"

// properties writes what the file says about itself. The library leaves a name of its own there, and with a title an element
// that not every program takes.
func (w *workbook) properties() error {
	part, err := w.zip.CreateHeader(&zip.FileHeader{Name: propertiesPart, Method: zip.Deflate, Modified: partTime})
	if err != nil {
		return err
	}
	var title strings.Builder
	if err := xml.EscapeText(&title, []byte(w.plan.Title)); err != nil {
		return err
	}
	made := partTime.Format(time.RFC3339)
	_, err = fmt.Fprintf(part, xml.Header+`<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" `+
		`xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">`+
		`<dc:title>%s</dc:title><dc:creator>Mizan</dc:creator><dcterms:created xsi:type="dcterms:W3CDTF">%s</dcterms:created>`+
		`<dcterms:modified xsi:type="dcterms:W3CDTF">%s</dcterms:modified></cp:coreProperties>`, title.String(), made, made)
	return err
}

func sheetName(number int) string {
	if number == 1 {
		return "data"
	}
	return fmt.Sprintf("data %d", number)
}

func (w *workbook) abandon() { _ = w.shut() }

// copy puts the parts of a workbook into the file, each under the name that as gives it, and leaves out those without one.
func (w *workbook) copy(f *excelize.File, as func(part string) string) error {
	f.SetZipWriter(func(io.Writer) excelize.ZipWriter { return parts{w.zip, as} })
	return f.Write(io.Discard)
}

// parts is where the library puts the parts of a workbook.
type parts struct {
	zip *zip.Writer
	as  func(part string) string
}

func (p parts) Create(part string) (io.Writer, error) {
	name := p.as(part)
	if name == "" {
		return io.Discard, nil
	}
	return p.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: partTime})
}

func (p parts) AddFS(fs.FS) error { return defect("a workbook has no files") }
func (p parts) Close() error      { return nil }

// manifestColumns is the width of the manifest's sheet.
const manifestColumns = 6

// manifestRows are the rows of the manifest's sheet; the last one says that it is whole.
func manifestRows(t *tally, sheets []int) (rows [][]string) {
	p := t.plan
	add := func(cells ...string) {
		rows = append(rows, append(cells, make([]string, manifestColumns-len(cells))...))
	}
	add("manifest", "name", "value", "kind", "currency", "sum")
	add("version", "", strconv.Itoa(manifestVersion))
	add("report", "", p.Report)
	add("schema", "", strconv.Itoa(p.Schema))
	add("book", "", p.Book)
	add("title", "", p.Title)
	add("right_to_left", "", strconv.FormatBool(p.RightToLeft))
	for i := range p.Columns {
		c := &p.Columns[i]
		add("column", c.Name, c.Title, c.Kind.String(), c.Currency, strconv.FormatBool(c.Sum))
	}
	for _, q := range p.Parameters {
		add("parameter", q.Name, q.Value)
	}
	for i, rows := range sheets {
		add("sheet", sheetName(i+1), strconv.Itoa(rows))
	}
	for _, total := range t.totals() {
		add("total", total.Column, total.Amount, "", string(total.Currency))
	}
	add("rows", "", strconv.FormatInt(t.rows, 10))
	add("end")
	return rows
}
