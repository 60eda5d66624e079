package tabular

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"mizan/ledger/money"
)

// partsOf unpacks a file.
func partsOf(t testing.TB, file []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for _, part := range z.File {
		from, err := part.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(from)
		if err != nil {
			t.Fatal(err)
		}
		if !part.Modified.Equal(partTime) {
			t.Errorf("%s is of %s", part.Name, part.Modified)
		}
		parts[part.Name] = string(text)
	}
	return parts
}

// pack makes a file of parts again, in the order of their names but the sheets first.
func pack(t testing.TB, parts map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	var names []string
	for name := range parts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, parts[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// open reads a file with the library, which shares no code with our reader.
func open(t testing.TB, file []byte) *excelize.File {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestWorkbookForm(t *testing.T) {
	t.Parallel()
	h := sampleHeader()
	h.RightToLeft = true
	rows := []Row{row("=1+1", -1234, "USD"), row("@x", 1234, "JPY"), row("x", 1234, "KWD"), row("x", 999_999_999_999_999, "USD"), row("x", 1_000_000_000_000_000, "USD")}
	file, _ := write(t, XLSX, h, rows)
	f := open(t, file)
	if got := f.GetSheetList(); !slices.Equal(got, []string{"data", "manifest"}) {
		t.Fatalf("sheets %q", got)
	}
	raw := excelize.Options{RawCellValue: true}
	for cell, want := range map[string][3]string{ // raw, shown, the kind of cell
		"A1": {"Note", "Note", "text"}, "B1": {"ترتيب", "ترتيب", "text"}, "E1": {"currency", "currency", "text"},
		"A2": {"=1+1", "=1+1", "text"}, "A3": {"@x", "@x", "text"}, "B2": {"7", "7", "number"},
		"C2": {"-12.34", "-12.34", "number"}, "C3": {"1234", "1,234", "number"}, "C4": {"1.234", "1.234", "number"},
		"C5": {"9999999999999.99", "9,999,999,999,999.99", "number"}, "C6": {"10000000000000.00", "10000000000000.00", "text"},
		"D2": {"", "", "number"}, "F2": {"46346", "2026-11-20", "number"}, "G2": {"2026-11-20T09:30:00.123456Z", "2026-11-20T09:30:00.123456Z", "text"},
		"H2": {"1", "TRUE", "bool"},
	} {
		value, err := f.GetCellValue("data", cell, raw)
		shown, err2 := f.GetCellValue("data", cell)
		kind, err3 := f.GetCellType("data", cell)
		formula, err4 := f.GetCellFormula("data", cell)
		if err != nil || err2 != nil || err3 != nil || err4 != nil {
			t.Fatal(cell, err, err2, err3, err4)
		}
		is := map[excelize.CellType]string{excelize.CellTypeInlineString: "text", excelize.CellTypeUnset: "number", excelize.CellTypeNumber: "number", excelize.CellTypeBool: "bool"}[kind]
		if got := [3]string{value, shown, is}; got != want || formula != "" {
			t.Errorf("%s: %q, want %q; formula %q", cell, got, want, formula)
		}
	}
	checkSheetViews(t, f)
	if p, err := f.GetDocProps(); err != nil || p.Creator != "Mizan" || p.Title != h.Title || p.Created != "2000-01-01T00:00:00Z" || p.Modified != p.Created {
		t.Errorf("properties %+v, %v", p, err)
	}
	manifest, err := f.GetRows("manifest")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{{"report", "", "sample"}, {"schema", "", "3"}, {"parameter", "asked", `=1+1; "x"`}, {"sheet", "data", "5"},
		{"total", "amount", "1.234", "", "KWD"}, {"total", "amount", "19999999999987.65", "", "USD"}, {"rows", "", "5"}, {"end"}} {
		if !slices.ContainsFunc(manifest, func(row []string) bool { return slices.Equal(row, want) }) {
			t.Errorf("the manifest has no row %q: %q", want, manifest)
		}
	}
}

// checkSheetViews wants every sheet right to left, with a heading that stays and filters.
func checkSheetViews(t *testing.T, f *excelize.File) {
	t.Helper()
	for _, sheet := range f.GetSheetList() {
		panes, err := f.GetPanes(sheet)
		if err != nil || !panes.Freeze || panes.YSplit != 1 || panes.TopLeftCell != "A2" {
			t.Errorf("%s: panes %+v, %v", sheet, panes, err)
		}
		view, err := f.GetSheetView(sheet, 0)
		if err != nil || view.RightToLeft == nil || !*view.RightToLeft {
			t.Errorf("%s: view %+v, %v", sheet, view, err)
		}
		if width, err := f.GetColWidth(sheet, "A"); err != nil || width != 28 {
			t.Errorf("%s: width %v, %v", sheet, width, err)
		}
	}
	var names []string
	for _, name := range f.GetDefinedName() {
		names = append(names, name.RefersTo)
	}
	if want := []string{"'data'!$A$1:$I$6", "'manifest'!$A$1:$F$24"}; !slices.Equal(names, want) {
		t.Errorf("filters %q, want %q", names, want)
	}
}

// The library reads the same texts and numbers as we do, however hostile.
func TestLibraryReadsTheSame(t *testing.T) {
	t.Parallel()
	h := Header{Report: "r", Schema: 1, Book: "b", Columns: []Column{{Name: "text", Kind: KindText}, {Name: "amount", Kind: KindAmount, Currency: "currency"},
		{Name: "currency", Kind: KindText}}}
	r := seeded(t)
	var rows []Row
	for _, text := range hostile {
		c := someCurrencies[r.IntN(len(someCurrencies))]
		rows = append(rows, Row{Text(text), Money(money.Minor(r.Int64N(2*largestExact)-largestExact), c), Text(string(c))})
	}
	file, _, err := tryWrite(XLSX, h, rows, sheetLimits)
	if err != nil {
		t.Fatal(err)
	}
	f := open(t, file)
	for i, row := range rows {
		m, c := row[1].Money()
		text, err := f.GetCellValue("data", "A"+strconv.Itoa(i+2))
		amount, err2 := f.GetCellValue("data", "B"+strconv.Itoa(i+2), excelize.Options{RawCellValue: true})
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		// What looks like half a character is the one text that the library does not read back as others do.
		if text != row[0].Text() && !strings.Contains(row[0].Text(), "_xD8") {
			t.Errorf("%q was read as %q", row[0].Text(), text)
		}
		if got, ok := parseAmount(amount, c); !ok || got != m {
			t.Errorf("%s was read as %s", m.Format(c), amount)
		}
	}
}

// A decimal of 15 digits survives being a number of a sheet.
func TestSheetNumbersAreExact(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	for i := range share(200_000) {
		m := money.Minor(r.Int64N(2*largestExact-1) - largestExact + 1)
		if i < 2 {
			m = money.Minor(1-2*i) * (largestExact - 1)
		}
		c := someCurrencies[i%len(someCurrencies)]
		number, err := sheetNumber(m.AppendFormat(nil, c))
		if err != nil {
			t.Fatal(err)
		}
		if got := strconv.FormatFloat(number.(float64), 'f', c.Digits(), 64); got != m.Format(c) {
			t.Fatalf("%s became %s", m.Format(c), got)
		}
		if got, ok := parseAmount(strconv.FormatFloat(number.(float64), 'f', -1, 64), c); !ok || got != m {
			t.Fatalf("%s was read as %d", m.Format(c), got)
		}
	}
	if exact(math.MinInt64) || exact(largestExact) || !exact(largestExact-1) || !exact(1-largestExact) {
		t.Error("the bound is not at 15 digits")
	}
}

// Rows go on in another sheet when one is full, and the bounds are those of spreadsheets.
func TestSheetsAreSplit(t *testing.T) {
	t.Parallel()
	if sheetLimits.rows+1 != excelize.TotalRows || maxCell != excelize.TotalCellChars {
		t.Error("the bounds are not those of a sheet")
	}
	h := sampleHeader()
	rows := randomRows(rand.New(rand.NewPCG(3, 4)), h, 101)
	for n, want := range map[int][]string{0: {"data", "manifest"}, 40: {"data", "manifest"}, 41: {"data", "data 2", "manifest"}, 101: {"data", "data 2", "data 3", "manifest"}} {
		file, _ := write(t, XLSX, h, rows[:n])
		f := open(t, file)
		if got := f.GetSheetList(); !slices.Equal(got, want) {
			t.Errorf("%d rows: sheets %q", n, got)
		}
		for _, sheet := range want[:len(want)-1] {
			if title, err := f.GetCellValue(sheet, "A1"); err != nil || title != "Note" {
				t.Errorf("%d rows, %s: heading %q, %v", n, sheet, title, err)
			}
		}
		got, _, err := read(XLSX, h, file)
		if err != nil || difference(got, rows[:n]) != "" {
			t.Errorf("%d rows: %v %s", n, err, difference(got, rows[:n]))
		}
	}
	_, _, err := tryWrite(XLSX, h, rows, limits{rows: 40, bytes: 3 << 30, sheets: 2})
	wantError(t, "too many sheets", err, ErrLarge)
	file, _, err := tryWrite(XLSX, h, rows, limits{rows: 1000, bytes: 40_000, sheets: 100})
	if err != nil {
		t.Fatal(err)
	}
	if sheets := open(t, file).GetSheetList(); len(sheets) < 3 {
		t.Errorf("sheets that are large in bytes are not split: %q", sheets)
	}
}

// What somebody did to a sheet is noticed when it is read: formulas above all.
func TestChangedSheets(t *testing.T) {
	t.Parallel()
	h := sampleHeader()
	file, _ := write(t, XLSX, h, []Row{row("abc", 1250, "USD"), row("x", 77, "USD")})
	const sheet, manifest, last = "xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml", "</row></sheetData>"
	if rows, _, err := read(XLSX, h, pack(t, partsOf(t, file))); err != nil || len(rows) != 2 {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		part, from, to string
		want           error
	}{
		"a formula":          {sheet, "<v>12.5</v>", "<f>1+1</f><v>12.5</v>", ErrUnreadable},
		"another amount":     {sheet, "<v>12.5</v>", "<v>12.6</v>", ErrChanged},
		"a padded amount":    {sheet, "<v>12.5</v>", "<v>12.50</v>", ErrUnreadable},
		"an exponent":        {sheet, "<v>12.5</v>", "<v>1.25E1</v>", ErrUnreadable},
		"too many digits":    {sheet, "<v>12.5</v>", "<v>12.500000000000001</v>", ErrUnreadable},
		"text for a number":  {sheet, `<v>7</v>`, `<is><t>7</t></is>`, ErrUnreadable},
		"an empty text":      {sheet, "<t>abc</t>", "<t></t>", ErrUnreadable},
		"another heading":    {sheet, "<t>Note</t>", "<t>Nota</t>", ErrUnreadable},
		"a row out of order": {sheet, `<row r="3"`, `<row r="4"`, ErrUnreadable},
		"a cell elsewhere":   {sheet, `r="C3"`, `r="C2"`, ErrUnreadable},
		"a cell beyond":      {sheet, last, `<c r="K3"><v>1</v></c>` + last, ErrUnreadable},
		"another row":        {sheet, last, `</row><row r="4"><c r="A4" t="inlineStr"><is><t>x</t></is></c>` + last, ErrChanged},
		"an end":             {manifest, "<t>end</t>", "<t>x</t>", ErrCut},
		"another total":      {manifest, "<t>13.27</t>", "<t>13.28</t>", ErrChanged},
		"another book":       {manifest, "<t>uk</t>", "<t>fr</t>", ErrOther},
		"a shared text":      {sheet, `t="inlineStr"`, `t="s"`, ErrUnreadable},
	} {
		parts := partsOf(t, file)
		if !strings.Contains(parts[c.part], c.from) {
			t.Fatalf("%s: %s does not occur", what, c.from)
		}
		parts[c.part] = strings.Replace(parts[c.part], c.from, c.to, 1)
		_, _, err := read(XLSX, h, pack(t, parts))
		wantError(t, what, err, c.want)
	}
	for _, extra := range []string{"xl/vbaProject.bin", "xl/externalLinks/externalLink1.xml", "xl/worksheets/sheet9.xml"} {
		parts := partsOf(t, file)
		parts[extra] = "x"
		_, _, err := read(XLSX, h, pack(t, parts))
		wantError(t, extra, err, ErrUnreadable)
	}
	_, _, err := read(XLSX, h, append([]byte("MZ"), file...))
	wantError(t, "something before", err, ErrUnreadable)
}

// A text that no sheet could show is not gathered in memory.
func TestEndlessText(t *testing.T) {
	t.Parallel()
	for n, fits := range map[int]bool{0: true, 90: true, 101: false, 100_000: false} {
		text := "<a>" + strings.Repeat("<b/>", 100) + strings.Repeat("x", n) + "</a>"
		d := xml.NewDecoder(&fence{from: bufio.NewReader(strings.NewReader(text)), most: 100})
		var err error
		for err == nil {
			_, err = d.Token()
		}
		if want := map[bool]error{true: io.EOF, false: ErrUnreadable}[fits]; !errors.Is(err, want) {
			t.Errorf("%d characters: %v, want %v", n, err, want)
		}
	}
}

// What a sheet does not take is refused and not cut, and CSV and JSON lines take it.
func TestLongCells(t *testing.T) {
	t.Parallel()
	h := sampleHeader()
	for text, fits := range map[string]bool{
		strings.Repeat("x", maxCell): true, strings.Repeat("x", maxCell+1): false, strings.Repeat("x", 40_000): false,
		strings.Repeat("é", maxCell): true, strings.Repeat("😀", maxCell/2) + "x": true, strings.Repeat("😀", maxCell/2+1): false,
	} {
		rows := []Row{row(text, 1, "USD")}
		_, _, err := tryWrite(XLSX, h, rows, sheetLimits)
		if !fits {
			wantError(t, "too long", err, ErrCellLong)
		}
		formats := []Format{CSV, JSONLines}
		if fits {
			formats = Formats()
		}
		for _, f := range formats {
			file, _ := write(t, f, h, rows)
			if got, _, err := read(f, h, file); err != nil || difference(got, rows) != "" {
				t.Errorf("%s: %v", f, err)
			}
		}
	}
	for _, f := range Formats() {
		_, _, err := tryWrite(f, h, []Row{row(strings.Repeat("x", maxRow+1), 1, "USD")}, sheetLimits)
		wantError(t, string(f), err, ErrCellLong)
	}
	// The longest row there is, each character of it escaped, still comes back.
	rows := []Row{row(strings.Repeat(`"`, maxRow-3), 1, "USD")}
	for _, f := range []Format{CSV, JSONLines} {
		file, _ := write(t, f, h, rows)
		if got, _, err := read(f, h, file); err != nil || difference(got, rows) != "" {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// Days before spreadsheets count rightly are text, so that none is shown a day off.
func TestEarlyDays(t *testing.T) {
	t.Parallel()
	h := Header{Report: "r", Schema: 1, Book: "b", Columns: []Column{{Name: "day", Kind: KindDate}}}
	var rows []Row
	days := map[string]string{"0001-01-01": "0001-01-01", "1899-12-31": "1899-12-31", "1900-02-28": "1900-02-28", "1900-03-01": "61", "1970-01-01": "25569",
		"2026-11-20": "46346", "9999-12-31": "2958465"}
	for day := range days {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, Row{Day(at)})
	}
	file, _ := write(t, XLSX, h, rows)
	f := open(t, file)
	for i, row := range rows {
		got, err := f.GetCellValue("data", "A"+strconv.Itoa(i+2), excelize.Options{RawCellValue: true})
		if want := days[row[0].Day().Format(time.DateOnly)]; err != nil || got != want {
			t.Errorf("%s: %s, want %s", row[0].Day(), got, want)
		}
	}
}

// Nothing stays on disk: not after the end, not after an error, not after somebody gave up, and not after reading.
func TestNoFilesAreLeft(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	h := sampleHeader()
	text := Text(strings.Repeat("=", 30_000))
	large := func(w *Writer) {
		for range 700 { // more than the library keeps in memory
			r := row("x", 1, "USD")
			r[8] = text
			if err := w.Write(r); err != nil {
				t.Fatal(err)
			}
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) == 0 {
			t.Fatalf("the rows are not on disk, so the test shows nothing: %v", err)
		}
	}
	for what, end := range map[string]func(w *Writer){
		"close":   func(w *Writer) { _, _ = w.Close() },
		"abandon": func(w *Writer) { w.Abandon(); w.Abandon() },
		"error":   func(w *Writer) { _ = w.Write(nil) },
	} {
		w, err := NewWriter(io.Discard, XLSX, h)
		if err != nil {
			t.Fatal(err)
		}
		large(w)
		end(w)
		if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
			t.Errorf("%s: %v %v", what, files, err)
		}
	}
	file, _ := write(t, XLSX, h, []Row{row("x", 1, "USD")})
	for _, content := range [][]byte{file, file[:len(file)/2]} {
		_, _, _ = read(XLSX, h, content)
		if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
			t.Errorf("reading: %v %v", files, err)
		}
	}
}
