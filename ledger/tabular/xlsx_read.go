package tabular

// Reading XLSX: by hand and not with the library that wrote it, so that one is a check of the other, and because the library takes
// more than we write: formulas, dates as text, cells in any order. All that is refused here.

import (
	"archive/zip"
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Bounds of what is read, in bytes: a file, and one part of it unpacked.
const (
	maxWorkbook = 16 << 30
	maxPart     = 4 << 30
)

// maxManifestRows bounds the sheet of the manifest: every column in every currency, and the rest.
const maxManifestRows = 100_000

// surroundings are the parts of a workbook besides its sheets. A file with any other part is not ours.
var surroundings = []string{"[Content_Types].xml", "_rels/.rels", "docProps/app.xml", "docProps/core.xml", "xl/_rels/workbook.xml.rels",
	"xl/styles.xml", "xl/theme/theme1.xml", "xl/workbook.xml"}

func readWorkbook(r io.Reader, p *plan, each func(Row) error) (m Manifest, err error) {
	file, err := os.CreateTemp("", "mizan-table-")
	if err != nil {
		return Manifest{}, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	out := &output{to: file, digest: sha256.New()}
	if _, err := io.Copy(out, io.LimitReader(r, maxWorkbook)); err != nil {
		return Manifest{}, err
	}
	sheets, err := sheetsOf(file, out.size)
	if err != nil {
		return Manifest{}, err
	}
	stated, err := readManifestSheet(sheets[len(sheets)-1])
	if err != nil {
		return Manifest{}, err
	}
	h, ok := headerOf(stated)
	if !ok {
		return Manifest{}, ErrUnreadable
	}
	if p, err = p.adopt(h); err != nil {
		return Manifest{}, err
	}
	t := newTally(p)
	var sizes []int
	for _, sheet := range sheets[:len(sheets)-1] {
		before := t.rows
		if err := readSheet(sheet, p.rowReader(t, each)); err != nil {
			return Manifest{}, err
		}
		sizes = append(sizes, int(t.rows-before))
	}
	if !slices.EqualFunc(stated, manifestRows(t, sizes), slices.Equal) {
		return Manifest{}, ErrChanged
	}
	return t.manifest(XLSX, out.size, out.digest.Sum(nil)), nil
}

// sheetsOf returns the sheets of a file in order; the last is the manifest.
func sheetsOf(file io.ReaderAt, size int64) ([]*zip.File, error) {
	z, err := zip.NewReader(file, size)
	if err != nil {
		begin := make([]byte, 4)
		if n, _ := file.ReadAt(begin, 0); size == 0 || n > 0 && strings.HasPrefix("PK\x03\x04", string(begin[:n])) {
			return nil, ErrCut
		}
		return nil, ErrUnreadable
	}
	if !filled(file, size) {
		return nil, ErrUnreadable
	}
	byName := map[string]*zip.File{}
	for _, part := range z.File {
		if byName[part.Name] != nil {
			return nil, ErrUnreadable
		}
		byName[part.Name] = part
	}
	for _, name := range surroundings {
		if byName[name] == nil {
			return nil, ErrUnreadable
		}
		delete(byName, name)
	}
	var sheets []*zip.File
	for number := range len(byName) {
		part := byName[sheetPart(number+1)]
		if part == nil {
			return nil, ErrUnreadable
		}
		sheets = append(sheets, part)
	}
	if len(sheets) < 2 {
		return nil, ErrUnreadable
	}
	return sheets, nil
}

// filled reports whether the parts and the directory fill the file. A ZIP may carry anything before and after it, such as another
// table, which some program would then read instead.
func filled(file io.ReaderAt, size int64) bool {
	const end, locator, end64 = 22, 20, 56
	var b [end]byte
	if _, err := file.ReadAt(b[:], size-end); err != nil || string(b[:4]) != "PK\x05\x06" {
		return false
	}
	length, offset := binary.LittleEndian.Uint32(b[12:]), binary.LittleEndian.Uint32(b[16:])
	if offset != math.MaxUint32 && length != math.MaxUint32 {
		return int64(length)+int64(offset)+end == size
	}
	var large [end64]byte
	at := size - end - locator - end64
	if _, err := file.ReadAt(large[:], at); err != nil || string(large[:4]) != "PK\x06\x06" {
		return false
	}
	length64, offset64 := binary.LittleEndian.Uint64(large[40:]), binary.LittleEndian.Uint64(large[48:])
	return length64 <= uint64(at) && offset64 <= uint64(at) && length64+offset64 == uint64(at)
}

// readManifestSheet returns the rows of the manifest. It returns ErrCut if the row at its end is missing.
func readManifestSheet(part *zip.File) (rows [][]string, err error) {
	err = readSheet(part, func(number int, cells []sheetCell) error {
		row := make([]string, manifestColumns)
		for i, c := range cells {
			if i >= len(row) || c.kind != cellText && c.kind != cellNone || number > maxManifestRows {
				return ErrUnreadable
			}
			row[i] = c.text
		}
		rows = append(rows, row)
		return nil
	})
	if err == nil && (len(rows) == 0 || rows[len(rows)-1][0] != "end") {
		err = ErrCut
	}
	return rows, err
}

// headerOf takes the header from the rows of the manifest. What else stands there is compared later.
func headerOf(rows [][]string) (h Header, ok bool) {
	for _, row := range rows {
		switch row[0] {
		case "report":
			h.Report = row[2]
		case "schema":
			n, err := strconv.Atoi(row[2])
			if err != nil {
				return Header{}, false
			}
			h.Schema = n
		case "book":
			h.Book = row[2]
		case "title":
			h.Title = row[2]
		case "right_to_left":
			h.RightToLeft = row[2] == "true"
		case "column":
			c := Column{Name: row[1], Title: row[2], Currency: row[4], Sum: row[5] == "true"}
			if c.Kind.UnmarshalText([]byte(row[3])) != nil {
				return Header{}, false
			}
			h.Columns = append(h.Columns, c)
		case "parameter":
			h.Parameters = append(h.Parameters, Parameter{row[1], row[2]})
		}
	}
	return h, true
}

// rowReader returns what takes the rows of one sheet of data.
func (p *plan) rowReader(t *tally, each func(Row) error) func(number int, cells []sheetCell) error {
	row := make(Row, len(p.Columns))
	return func(number int, cells []sheetCell) error {
		if len(cells) > len(row) {
			return ErrUnreadable
		}
		if number == 1 {
			return p.checkHeading(cells)
		}
		if !p.sheetValues(cells, row) || !row.wellFormed() {
			return inRow(ErrUnreadable, t.rows+1)
		}
		t.add(row)
		return each(row)
	}
}

func (p *plan) checkHeading(cells []sheetCell) error {
	for i, title := range p.titles {
		if i >= len(cells) || cells[i].kind != cellText || cells[i].text != title {
			return ErrUnreadable
		}
	}
	return nil
}

// sheetValues gives the cells of a row their kinds; amounts come after the texts that name their currencies.
func (p *plan) sheetValues(cells []sheetCell, r Row) bool {
	clear(r)
	for i, c := range cells {
		if c.kind == cellNone || p.Columns[i].Kind != KindText {
			continue
		}
		r[i] = Text(c.text)
		if c.kind != cellText || r[i].kind == 0 {
			return false
		}
	}
	for i, c := range cells {
		if c.kind == cellNone || p.Columns[i].Kind == KindText {
			continue
		}
		var ok bool
		if r[i], ok = p.sheetValue(i, c, r); !ok {
			return false
		}
	}
	return true
}

// sheetValue reads a value that is no text, and accepts the one form that the writer gives it.
func (p *plan) sheetValue(i int, c sheetCell, r Row) (Value, bool) {
	kind := p.Columns[i].Kind
	switch {
	case kind == KindBool:
		return Yes(c.text == "1"), c.kind == cellBool && (c.text == "1" || c.text == "0")
	case c.kind == cellText:
		v, ok := parseCell(kind, c.text, p.currencyOf(i, r))
		return v, ok && v.kind != 0 && v.possible() && !numeric(v) && string(appendCell(nil, v)) == c.text
	case c.kind != cellNumber:
		return Value{}, false
	case kind == KindDate:
		n, err := strconv.ParseInt(c.text, 10, 32)
		v := Value{kind: KindDate, n: n - firstSheetDay}
		return v, err == nil && numeric(v) && strconv.FormatInt(n, 10) == c.text
	}
	v, ok := parseCell(kind, c.text, p.currencyOf(i, r))
	if !ok || v.kind == 0 || !numeric(v) {
		return Value{}, false
	}
	form := string(appendCell(nil, v))
	if strings.Contains(form, ".") {
		form = strings.TrimSuffix(strings.TrimRight(form, "0"), ".")
	}
	return v, form == c.text
}

// Kinds of cells in a sheet.
const (
	cellNone = iota
	cellText
	cellNumber
	cellBool
)

// sheetCell is a cell as it stands in the file.
type sheetCell struct {
	kind int
	text string
}

var cellKinds = map[string]int{"inlineStr": cellText, "": cellNumber, "b": cellBool}

// readSheet calls each for every row of a sheet, in order and without gaps. A formula anywhere is refused.
func readSheet(part *zip.File, each func(number int, cells []sheetCell) error) error {
	from, err := part.Open()
	if err != nil {
		return ErrUnreadable
	}
	defer from.Close()
	s := &sheetReader{decoder: xml.NewDecoder(&fence{from: bufio.NewReaderSize(io.LimitReader(from, maxPart), flushAt), most: maxLine}), each: each}
	for {
		token, err := s.decoder.Token()
		switch {
		case errors.Is(err, io.EOF) && s.done:
			return nil
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return ErrCut
		case errors.Is(err, ErrUnreadable):
			return err
		case err != nil:
			return ErrChanged // what was packed does not come out: the checksum, or the packing itself, is not right any more
		}
		if err := s.take(token); err != nil {
			return err
		}
	}
}

// sheetReader follows a sheet from token to token.
type sheetReader struct {
	decoder *xml.Decoder
	each    func(number int, cells []sheetCell) error
	row     int
	cells   []sheetCell
	inRow   bool
	inCell  bool
	inText  bool
	done    bool
	kind    int
	text    []byte // of the cell so far
	part    []byte // of the element that holds it
}

func (s *sheetReader) take(token xml.Token) error {
	switch token := token.(type) {
	case xml.StartElement:
		return s.start(token)
	case xml.CharData:
		if s.inText {
			s.part = append(s.part, token...)
		}
	case xml.EndElement:
		return s.end(token.Name.Local)
	}
	return nil
}

func (s *sheetReader) start(e xml.StartElement) error {
	switch e.Name.Local {
	case "f":
		return ErrUnreadable
	case "row":
		s.row++
		if s.inRow || attribute(e, "r") != strconv.Itoa(s.row) || s.row > sheetLimits.rows+1 {
			return ErrUnreadable
		}
		s.inRow, s.cells = true, s.cells[:0]
	case "c":
		column, ok := columnOf(attribute(e, "r"), s.row)
		if !s.inRow || s.inCell || !ok || column < len(s.cells) {
			return ErrUnreadable
		}
		for len(s.cells) < column {
			s.cells = append(s.cells, sheetCell{})
		}
		if s.kind, ok = cellKinds[attribute(e, "t")]; !ok {
			return ErrUnreadable
		}
		s.inCell, s.text = true, s.text[:0]
	case "v", "t":
		if !s.inCell || s.inText || (e.Name.Local == "t") != (s.kind == cellText) {
			return ErrUnreadable
		}
		s.inText, s.part = true, s.part[:0]
	}
	return nil
}

func (s *sheetReader) end(name string) error {
	switch name {
	case "t":
		s.inText, s.text = false, append(s.text, unescape(string(s.part))...)
	case "v":
		s.inText, s.text = false, append(s.text, s.part...)
	case "c":
		s.inCell = false
		s.cells = append(s.cells, sheetCell{s.kind, string(s.text)})
	case "row":
		s.inRow = false
		return s.each(s.row, s.cells)
	case "worksheet":
		s.done = true
	}
	return nil
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// columnOf returns the place of a cell such as "AB12" in its row, from 0.
func columnOf(cell string, row int) (int, bool) {
	letters := strings.TrimRight(cell, "0123456789")
	n := 0
	for i := range len(letters) {
		if letters[i] < 'A' || letters[i] > 'Z' || i > 2 {
			return 0, false
		}
		n = n*26 + int(letters[i]-'A') + 1
	}
	return n - 1, n >= 1 && n <= maxColumns && cell[len(letters):] == strconv.Itoa(row)
}

// escapes are characters that stand as _xHHHH_ in the texts of a sheet, and underscores that would be taken for the begin of one.
var escapes = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)

func unescape(s string) string {
	if !strings.Contains(s, "_x") {
		return s
	}
	return escapes.ReplaceAllStringFunc(s, func(escape string) string {
		n, _ := strconv.ParseUint(escape[2:6], 16, 16) // four digits by the pattern
		return string(rune(n))
	})
}

// fence ends a stream that goes on without a tag for longer than any cell is, so that no reader gathers it in memory.
type fence struct {
	from  *bufio.Reader
	since int // bytes since the last tag began
	most  int
}

func (f *fence) Read(b []byte) (int, error) {
	n, err := f.from.Read(b)
	f.count(b[:n])
	if f.since > f.most {
		return 0, ErrUnreadable
	}
	return n, err
}

// ReadByte is what the reader of XML uses.
func (f *fence) ReadByte() (byte, error) {
	c, err := f.from.ReadByte()
	if f.since++; c == '<' {
		f.since = 0
	}
	if f.since > f.most {
		return 0, ErrUnreadable
	}
	return c, err
}

func (f *fence) count(b []byte) {
	for _, c := range b {
		if f.since++; c == '<' {
			f.since = 0
		}
	}
}
