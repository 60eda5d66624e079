// A CSV file is what a bank's web page exports. It has no statements, only rows; a Profile says what they mean. Rows of
// several accounts or currencies become one statement each.

package evidence

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"mizan/ledger/money"
)

// maxCells is how many cells a line of the file may have.
const maxCells = 500

// csvRow is a row with its line in the file.
type csvRow struct {
	number int
	cells  []string
}

// csvReader reads one file with one profile.
type csvReader struct {
	profile *Profile
	comma   string
	at      map[string]int // the place of each column that is named
	opening *csvRow
	closing *csvRow
	rows    []csvRow
	groups  []*csvGroup
}

// csvGroup is the rows of one account in one currency.
type csvGroup struct {
	draft
	balances []money.Minor // after each line, if there is a column for it
	ids      map[string]bool
}

// readCSV reads all rows of a file.
func readCSV(p *Profile, content []byte) ([]draft, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	file, err := decode(content, firstOf(p.Encoding, "utf-8"))
	if err != nil {
		return nil, wrongProfile("The file is no text in the encoding of the profile")
	}
	r := &csvReader{profile: p, comma: firstOf(p.Delimiter, ","), at: map[string]int{}}
	if err := r.readRows(file); err != nil {
		return nil, err
	}
	if len(r.rows) == 0 {
		return nil, unreadable("The file", "it has no rows")
	}
	if p.NewestFirst {
		slices.Reverse(r.rows)
	}
	for _, row := range r.rows {
		if err := r.take(row); err != nil {
			return nil, err
		}
	}
	if p.Proof == ProofLabels && len(r.groups) != 1 {
		return nil, wrongProfile("The file has several accounts or currencies, and one opening balance")
	}
	drafts := make([]draft, 0, len(r.groups))
	for _, g := range r.groups {
		if err := r.conclude(g); err != nil {
			return nil, err
		}
		drafts = append(drafts, g.draft)
	}
	return drafts, nil
}

// readRows cuts the file into the lines to skip, the header and the rows.
func (r *csvReader) readRows(file string) error {
	p := r.profile
	var lines []string
	for line := range strings.Lines(file) {
		if strings.Count(line, r.comma) >= maxCells {
			return unreadable(rowName(len(lines)+1), "it has more than 500 cells")
		}
		if len(lines) == 2*(MaxLines+maxSkipped) {
			return tooMany("100,000 lines")
		}
		lines = append(lines, line)
	}
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) < p.SkipFirst+p.SkipLast {
		return unreadable("The file", "it has fewer lines than the profile skips")
	}
	end := len(lines) - p.SkipLast
	for i, line := range lines {
		if i < p.SkipFirst || i >= end {
			r.outside(i+1, line)
		}
	}
	d := r.decoder(strings.Join(lines[p.SkipFirst:end], ""))
	header := !p.NoHeader
	for {
		cells, err := d.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var broken *csv.ParseError
			if errors.As(err, &broken) {
				return unreadable(rowName(broken.Line+p.SkipFirst), "its quotes do not match")
			}
			return unreadable("The file", "its quotes do not match")
		}
		number, _ := d.FieldPos(0)
		if err := r.row(csvRow{number + p.SkipFirst, cells}, &header); err != nil {
			return err
		}
	}
	if header {
		return unreadable("The file", "it has no header")
	}
	if p.NoHeader {
		return r.numberColumns()
	}
	return nil
}

// decoder reads cells from a text.
func (r *csvReader) decoder(s string) *csv.Reader {
	d := csv.NewReader(strings.NewReader(s))
	d.Comma = rune(r.comma[0])
	d.FieldsPerRecord = -1
	return d
}

// outside looks for the balances in a line that is no row.
func (r *csvReader) outside(number int, line string) {
	if cells, err := r.decoder(line).Read(); err == nil {
		r.label(csvRow{number, cells})
	}
}

// label keeps a row that has a balance, and reports whether it is one.
func (r *csvReader) label(row csvRow) bool {
	if r.profile.Proof != ProofLabels {
		return false
	}
	switch strings.TrimSpace(row.cells[0]) {
	case r.profile.OpeningLabel:
		if r.opening == nil {
			r.opening = &row
			return true
		}
	case r.profile.ClosingLabel:
		if r.closing == nil {
			r.closing = &row
			return true
		}
	}
	return false
}

// row takes the header, a balance, or a row.
func (r *csvReader) row(row csvRow, header *bool) error {
	empty := !slices.ContainsFunc(row.cells, func(s string) bool { return strings.TrimSpace(s) != "" })
	switch {
	case empty:
		return nil
	case *header:
		*header = false
		return r.readHeader(row)
	case r.label(row):
		return nil
	case len(r.rows) == MaxLines:
		return tooMany("100,000 lines")
	}
	r.rows = append(r.rows, row)
	return nil
}

// readHeader finds the columns that the profile names.
func (r *csvReader) readHeader(row csvRow) error {
	for _, column := range r.profile.Columns.named() {
		found := -1
		for place, cell := range row.cells {
			if strings.TrimSpace(cell) != column.name {
				continue
			}
			if found >= 0 {
				return wrongProfile("%s: the header has the column of columns.%s twice", rowName(row.number), column.field)
			}
			found = place
		}
		if found < 0 {
			return wrongProfile("%s: the header does not have the column of columns.%s", rowName(row.number), column.field)
		}
		r.at[column.name] = found
	}
	return nil
}

// numberColumns finds the columns of a file without a header.
func (r *csvReader) numberColumns() error {
	for _, column := range r.profile.Columns.named() {
		n, err := strconv.Atoi(column.name)
		if err != nil {
			return wrongProfile("columns.%s is a number, since there is no header", column.field)
		}
		r.at[column.name] = n - 1
	}
	return nil
}

// cell returns what a row has in a column, "" if the profile does not name one.
func (r *csvReader) cell(row csvRow, column string) string {
	if column == "" {
		return ""
	}
	return strings.TrimSpace(row.cells[r.at[column]])
}

// take makes a line of a row, in the group of its account and currency.
func (r *csvReader) take(row csvRow) error {
	where, c := rowName(row.number), &r.profile.Columns
	for _, place := range r.at {
		if place >= len(row.cells) {
			return unreadable(where, "it has fewer cells than the profile names")
		}
	}
	g, err := r.group(row, where)
	if err != nil {
		return err
	}
	line := Line{Row: row.number, ID: reference(r.cell(row, c.ID)), EndToEnd: reference(r.cell(row, c.EndToEnd)),
		Mandate: reference(r.cell(row, c.Mandate)), Batch: reference(r.cell(row, c.Batch)), Trace: reference(r.cell(row, c.Trace)),
		Code: oneLine(maxReference, r.cell(row, c.Code))}
	if g.ids[line.ID] && line.ID != "" && g.disputed == nil {
		// In an export of other days it could stand once, and the same row would have another id there.
		g.disputed = wrongProfile("%s: the column of columns.id has the same twice, so it is no id; name it in columns.trace", where)
	}
	g.ids[line.ID] = true
	words := make([]string, len(c.Text))
	for i, column := range c.Text {
		words[i] = r.cell(row, column)
	}
	line.Text = text(words...)
	layout := dateForms[r.profile.Dates]
	if line.Booked, err = day(r.cell(row, c.Booked), layout); err != nil {
		return unreadable(where, err.Error())
	}
	line.Booked = line.Booked.Truncate(dayLength)
	line.Value = line.Booked
	if written := r.cell(row, c.Value); written != "" {
		if line.Value, err = day(written, layout); err != nil {
			return unreadable(where, err.Error())
		}
		line.Value = line.Value.Truncate(dayLength)
	}
	if line.Amount, err = r.amount(row, g.Currency); err != nil {
		return unreadable(where, err.Error())
	}
	content := []string{line.Booked.Format("2006-01-02"), line.Amount.Format(g.Currency), line.ID, line.EndToEnd, line.Mandate, line.Batch,
		line.Trace, line.Code, line.Text}
	if c.Balance != "" {
		after, err := r.number(r.cell(row, c.Balance), g.Currency)
		if err != nil {
			return unreadable(where, err.Error())
		}
		g.balances = append(g.balances, after)
		content = append(content, after.Format(g.Currency))
	}
	g.contents = append(g.contents, digest(content))
	g.Lines = append(g.Lines, line)
	return nil
}

// group finds the statement to which a row belongs.
func (r *csvReader) group(row csvRow, where string) (*csvGroup, error) {
	p := r.profile
	account := spaceless(firstOf(r.cell(row, p.Columns.Account), p.Account))
	written := firstOf(r.cell(row, p.Columns.Currency), p.Currency)
	if p.Currency != "" && written != p.Currency {
		return nil, wrongCurrency(where, "the row is not in the currency of the profile")
	}
	c, err := money.ParseCurrency(written)
	if err != nil {
		return nil, wrongCurrency(where, "the currency is not known")
	}
	for _, g := range r.groups {
		if g.Account == account && g.Currency == c {
			return g, nil
		}
	}
	if len(r.groups) == maxGroups {
		return nil, tooMany("1,000 accounts and currencies")
	}
	g := &csvGroup{ids: map[string]bool{}}
	g.Account, g.Currency, g.noun = account, c, "line"
	r.groups = append(r.groups, g)
	return g, nil
}

// maxGroups is how many accounts and currencies a file may have.
const maxGroups = 1_000

// conclude finds the balances and the days of a statement.
func (r *csvReader) conclude(g *csvGroup) error {
	p := r.profile
	g.From, g.Until = g.Lines[0].Booked, g.Lines[0].Booked
	for i := range g.Lines {
		if booked := g.Lines[i].Booked; booked.Before(g.From) {
			g.From = booked
		} else if booked.After(g.Until) {
			g.Until = booked
		}
	}
	g.ID = p.Name + "/" + g.From.Format("2006-01-02") + "/" + g.Until.Format("2006-01-02")
	g.Proved = p.Proof != ProofNone
	var err error
	switch p.Proof {
	case ProofRunning:
		if g.Opening, err = money.Sub(g.balances[0], g.Lines[0].Amount); err != nil {
			return unreadable(rowName(g.Lines[0].Row), errSum.Error())
		}
		g.Closing = g.balances[len(g.balances)-1]
	case ProofLabels:
		if g.Opening, err = r.labelled(r.opening, g.Currency); err != nil {
			return err
		}
		if g.Closing, err = r.labelled(r.closing, g.Currency); err != nil {
			return err
		}
	}
	balance := g.Opening
	for i := range g.balances {
		if balance, err = money.Add(balance, g.Lines[i].Amount); err != nil {
			return unreadable(rowName(g.Lines[i].Row), errSum.Error())
		}
		if balance == g.balances[i] {
			continue
		}
		difference, err := money.Sub(balance, g.balances[i])
		if err != nil {
			return unreadable(rowName(g.Lines[i].Row), errSum.Error())
		}
		return unbalanced(rowName(g.Lines[i].Row), "the balance before and the amount make "+byHowMuch(difference, g.Currency)+
			" for the balance after it, if the order of the rows is that of the profile")
	}
	return nil
}

// labelled reads the balance of a labelled row: the first cell behind the label that is not empty.
func (r *csvReader) labelled(row *csvRow, c money.Currency) (money.Minor, error) {
	if row == nil {
		return 0, unreadable("The file", "a row with the opening or the closing balance is missing")
	}
	for _, cell := range row.cells[1:] {
		if cell = strings.TrimSpace(cell); cell != "" {
			amount, err := r.number(cell, c)
			if err != nil {
				return 0, unreadable(rowName(row.number), err.Error())
			}
			return amount, nil
		}
	}
	return 0, unreadable(rowName(row.number), errNoNumber.Error())
}
