package main

// Table: rows for the terminal, text to the left and amounts to the right.

import (
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"
)

// table collects rows before it knows how wide they are.
type table struct {
	right map[int]bool
	rows  [][]string
}

// newTable starts a table with a heading. A column whose heading begins with ">" stands to the right.
func newTable(heading ...string) *table {
	t := &table{right: map[int]bool{}}
	row := make([]string, len(heading))
	for i, h := range heading {
		row[i], t.right[i] = strings.CutPrefix(h, ">")
	}
	t.add(row...)
	return t
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write prints the table with two blanks between columns.
func (t *table) write(w io.Writer, indent string) error {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range t.rows {
		line := indent
		for i, cell := range row {
			gap := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if t.right[i] {
				line += gap + cell + "  "
			} else {
				line += cell + gap + "  "
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeJSON prints v for programs.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
