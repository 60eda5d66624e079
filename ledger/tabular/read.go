package tabular

// Reading: an export comes back as the rows that were written, or not at all. Every line is read leniently, written again and
// compared, so what passes is byte for byte what the writer makes of these rows.

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"

	"mizan/ledger/money"
)

// maxLine bounds one line, in bytes: the text of a row, every character of it escaped, and its names and numbers.
const maxLine = 2*maxRow + 1<<20

// Read reads a table that a Writer wrote, and calls each for every row in order; the row is good until each returns. The header
// says which report, schema, book and columns are expected; title, titles of columns, parameters and the dialect of CSV are taken
// from the file where it has them. CSV has no book, title and parameters, so those are taken from the header.
//
// The manifest is the one the Writer returned. A file that was cut is known by its trailer in JSON lines and XLSX, and in CSV if
// h.CSV.Trailer says that one was asked for; else compare the manifests, or Check first. Rows were handed to each before
// the end was seen, so what each did counts only if Read succeeds.
//
// Errors: ErrFormat, ErrDefect for a header that cannot be, ErrCut, ErrChanged, ErrUnreadable, ErrOther, or what r or each returned.
func Read(r io.Reader, f Format, h Header, each func(Row) error) (Manifest, error) {
	p, err := newPlan(h)
	if err != nil {
		return Manifest{}, err
	}
	switch f {
	case CSV:
		return readLines(r, &csvReader{form: csvForm{p}}, each)
	case JSONLines:
		return readLines(r, &jsonReader{form: jsonForm{p}}, each)
	case XLSX:
		return readWorkbook(r, p, each)
	}
	return Manifest{}, ErrFormat
}

// values gives the cells of a row their kinds; amounts come after the texts that name their currencies.
func (p *plan) values(cells []string, r Row) (ok bool) {
	for i := range cells {
		if p.Columns[i].Kind == KindText {
			r[i] = Text(cells[i])
		}
	}
	for i := range cells {
		if p.Columns[i].Kind == KindText {
			continue
		}
		if r[i], ok = parseCell(p.Columns[i].Kind, cells[i], p.currencyOf(i, r)); !ok {
			return false
		}
	}
	return true
}

// currencyOf is the currency of an amount by its row.
func (p *plan) currencyOf(i int, r Row) money.Currency {
	if p.currency[i] < 0 {
		return ""
	}
	return money.Currency(r[p.currency[i]].Text())
}

// wellFormed reports whether the values that were read could have been written.
func (r Row) wellFormed() bool {
	for i := range r {
		if !r[i].possible() || r[i].kind == KindText && clean(r[i].s) != r[i].s {
			return false
		}
	}
	return true
}

// source is where lines come from: it counts the bytes and adds up their digest, line by line.
type source struct {
	from *bufio.Reader
	out  output
	// quoted says that a line ends only outside of double quotes.
	quoted bool
	line   []byte
}

// next returns the next line with its end. It returns io.EOF after the last, and ErrCut for a line without end.
func (s *source) next() ([]byte, error) {
	s.line = s.line[:0]
	quotes := 0
	for {
		part, err := s.from.ReadSlice('\n')
		s.line = append(s.line, part...)
		if s.quoted {
			quotes += bytes.Count(part, []byte{'"'})
		}
		switch {
		case len(s.line) > maxLine:
			return nil, ErrUnreadable
		case errors.Is(err, bufio.ErrBufferFull) || err == nil && quotes%2 != 0:
		case errors.Is(err, io.EOF) && len(s.line) > 0:
			return nil, ErrCut
		default:
			return s.line, err
		}
	}
}

// lineReader is a format of lines that is read.
type lineReader interface {
	// head reads the first line and returns the form that the others must have.
	head(line []byte) (parser, error)
	quoted() bool
	// whole reports whether a file may end without a trailer.
	whole() bool
	format() Format
}

// parser is a form that is read too.
type parser interface {
	form
	parse(line []byte, r Row) bool
	isTrailer(line []byte) bool
	header() *plan
}

func (p *plan) header() *plan { return p }

func readLines(r io.Reader, l lineReader, each func(Row) error) (Manifest, error) {
	s := &source{from: bufio.NewReaderSize(r, flushAt), out: output{to: io.Discard, digest: sha256.New()}, quoted: l.quoted()}
	first, err := s.next()
	if errors.Is(err, io.EOF) {
		return Manifest{}, ErrCut
	} else if err != nil {
		return Manifest{}, err
	}
	form, err := l.head(first)
	if err != nil {
		return Manifest{}, err
	}
	_, _ = s.out.Write(first) // nothing fails to be discarded
	t := newTally(form.header())
	for row, again := make(Row, len(t.plan.Columns)), []byte(nil); ; {
		line, err := s.next()
		if errors.Is(err, io.EOF) && l.whole() {
			return t.manifest(l.format(), s.out.size, s.out.digest.Sum(nil)), nil
		} else if errors.Is(err, io.EOF) {
			return Manifest{}, ErrCut
		} else if err != nil {
			return Manifest{}, err
		}
		if form.isTrailer(line) {
			return readTrailer(s, form, t, l.format())
		}
		if !form.parse(line, row) || !row.wellFormed() {
			return Manifest{}, inRow(ErrUnreadable, t.rows+1)
		}
		if again = form.row(again[:0], row); !bytes.Equal(again, line) {
			return Manifest{}, inRow(ErrUnreadable, t.rows+1)
		}
		_, _ = s.out.Write(line)
		t.add(row)
		if err := each(row); err != nil {
			return Manifest{}, err
		}
	}
}

// readTrailer compares the trailer with the one that these rows have.
func readTrailer(s *source, form parser, t *tally, f Format) (Manifest, error) {
	t.plan.CSV.Trailer = true
	if !bytes.Equal(s.line, form.trailer(nil, t, s.out.digest.Sum(nil))) {
		return Manifest{}, ErrChanged
	}
	_, _ = s.out.Write(s.line)
	if _, err := s.next(); !errors.Is(err, io.EOF) {
		return Manifest{}, ErrChanged
	}
	return t.manifest(f, s.out.size, s.out.digest.Sum(nil)), nil
}

// csvReader reads CSV.
type csvReader struct {
	form csvForm
}

// head finds the dialect by the first line, which is known but for it.
func (c *csvReader) head(line []byte) (parser, error) {
	p := c.form.plan
	for _, separator := range []string{p.CSV.Separator, ",", ";", "\t"} {
		for _, mark := range []bool{false, true} {
			p.CSV.Separator, p.CSV.Mark = separator, mark
			if bytes.Equal(line, c.form.heading(nil)) {
				return c.form, nil
			}
		}
	}
	return nil, ErrOther
}

func (c *csvReader) quoted() bool   { return true }
func (c *csvReader) whole() bool    { return !c.form.CSV.Trailer }
func (c *csvReader) format() Format { return CSV }

// jsonReader reads JSON lines.
type jsonReader struct {
	form jsonForm
}

func (j *jsonReader) head(line []byte) (parser, error) {
	h, ok := j.form.parseHead(line)
	if !ok {
		return nil, ErrUnreadable
	}
	p, err := j.form.adopt(h)
	if err != nil {
		return nil, err
	}
	if form := (jsonForm{p}); bytes.Equal(line, form.heading(nil)) {
		return form, nil
	}
	return nil, ErrUnreadable
}

func (j *jsonReader) quoted() bool   { return false }
func (j *jsonReader) whole() bool    { return false }
func (j *jsonReader) format() Format { return JSONLines }
