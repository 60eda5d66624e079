package tabular

import (
	"bytes"
	"errors"
	"testing"
)

// A file that was cut anywhere is known: JSON lines and XLSX, and CSV with a trailer, from the file alone; every file by its
// manifest.
func TestCutFiles(t *testing.T) {
	t.Parallel()
	h := sampleHeader()
	h.CSV.Trailer = true
	rows := randomRows(seeded(t), h, 20)
	for _, f := range Formats() {
		file, m := write(t, f, h, rows)
		step := 1
		if f == XLSX {
			step = 23
		}
		if slow {
			step *= 29
		}
		for n := 0; n < len(file); n += step {
			if _, _, err := read(f, h, file[:n]); !errors.Is(err, ErrCut) {
				t.Fatalf("%s cut to %d of %d bytes: %v", f, n, len(file), err)
			}
			if err := Check(bytes.NewReader(file[:n]), m); !errors.Is(err, ErrCut) {
				t.Fatalf("%s cut to %d of %d bytes: Check: %v", f, n, len(file), err)
			}
		}
	}
}

// Without a trailer CSV that is cut between two rows is a good file of fewer rows; the manifest tells.
func TestCutCSVWithoutTrailer(t *testing.T) {
	t.Parallel()
	h := Header{Report: "r", Schema: 1, Book: "b", Columns: []Column{{Name: "n", Kind: KindNumber}, {Name: "note", Kind: KindText}}}
	file, m := write(t, CSV, h, []Row{{Int(1), Text("a")}, {Int(2), Text("b\r\nc")}, {Int(3), Empty()}})
	whole := 0
	for n := range file {
		_, again, err := read(CSV, h, file[:n])
		if err == nil {
			whole++
			if again.Rows == m.Rows || again.SHA256 == m.SHA256 {
				t.Errorf("cut to %d bytes it has the manifest of the whole", n)
			}
		} else if !errors.Is(err, ErrCut) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
		wantError(t, "Check", Check(bytes.NewReader(file[:n]), m), ErrCut)
	}
	if whole != 3 {
		t.Errorf("%d beginnings are whole files, want those of 0, 1 and 2 rows", whole)
	}
}

// Any byte that is changed, added or doubled is noticed by Check, and by Read unless the new file is one we could have written.
func TestChangedFiles(t *testing.T) {
	t.Parallel()
	h := sampleHeader()
	h.CSV.Trailer = true
	r := seeded(t)
	rows := randomRows(r, h, 20)
	for _, f := range Formats() {
		file, m := write(t, f, h, rows)
		for range share(300) {
			changed := bytes.Clone(file)
			changed[r.IntN(len(file))] ^= byte(1 + r.IntN(255))
			wantError(t, string(f)+" changed: Check", Check(bytes.NewReader(changed), m), ErrChanged)
			got, again, err := read(f, h, changed)
			switch {
			case err != nil || again.SHA256 == m.SHA256:
				if err == nil {
					t.Fatalf("%s: a changed file has the manifest of the good one", f)
				}
			case f != XLSX:
				t.Fatalf("%s: a changed file was read", f)
			case difference(got, rows) != "":
				t.Fatalf("xlsx: a changed file was read with other rows")
			}
		}
		wantError(t, "added", Check(bytes.NewReader(append(bytes.Clone(file), '\n')), m), ErrChanged)
		if _, _, err := read(f, h, append(bytes.Clone(file), file...)); err == nil {
			t.Errorf("%s: a file twice was read", f)
		}
	}
}

// A row taken out, put in twice or exchanged with another one does not come to the trailer.
func TestExchangedRows(t *testing.T) {
	t.Parallel()
	h := sampleHeader()
	h.CSV.Trailer = true
	rows := []Row{row("a", 1, "USD"), row("b", 2, "USD"), row("c", 3, "USD")}
	for _, f := range []Format{CSV, JSONLines} {
		file, _ := write(t, f, h, rows)
		lines := bytes.SplitAfter(file, []byte("\n"))
		for what, order := range map[string][]int{"whole": {0, 1, 2, 3, 4}, "out": {0, 1, 3, 4}, "twice": {0, 1, 2, 2, 3, 4}, "exchanged": {0, 2, 1, 3, 4},
			"two trailers": {0, 1, 2, 3, 4, 4}, "a row after the trailer": {0, 1, 2, 4, 3}} {
			var changed []byte
			for _, i := range order {
				changed = append(changed, lines[i]...)
			}
			_, _, err := read(f, h, changed)
			if what == "whole" && err != nil {
				t.Errorf("%s: %v", f, err)
			} else if what != "whole" {
				wantError(t, string(f)+" "+what, err, ErrChanged)
			}
		}
	}
}

// Another table is not read as the one expected.
func TestOtherTables(t *testing.T) {
	t.Parallel()
	h := sampleHeader()
	rows := []Row{row("a", 1, "USD")}
	changes := map[string]func(h *Header){
		"report":  func(h *Header) { h.Report = "other" },
		"schema":  func(h *Header) { h.Schema++ },
		"book":    func(h *Header) { h.Book = "fr" },
		"kind":    func(h *Header) { h.Columns[8].Kind = KindNumber },
		"sum":     func(h *Header) { h.Columns[3].Sum = true },
		"name":    func(h *Header) { h.Columns[8].Name = "other" },
		"columns": func(h *Header) { h.Columns = h.Columns[:8] },
	}
	for _, f := range Formats() {
		file, _ := write(t, f, h, rows)
		for what, change := range changes {
			other := sampleHeader()
			change(&other)
			_, _, err := read(f, other, file)
			if inFile := what == "name" || what == "columns"; f != CSV || inFile {
				wantError(t, string(f)+" "+what, err, ErrOther)
			}
		}
		for _, g := range Formats() {
			if _, _, err := read(g, h, file); g != f && err == nil {
				t.Errorf("%s was read as %s", f, g)
			}
		}
	}
}

func TestManifests(t *testing.T) {
	t.Parallel()
	for _, f := range Formats() {
		_, m := write(t, f, sampleHeader(), []Row{row("a", 1, "USD")})
		text := m.JSON()
		again, err := ReadManifest(bytes.NewReader(text))
		if err != nil || !bytes.Equal(again.JSON(), text) {
			t.Fatalf("%s: %v\n%s", f, err, text)
		}
		for n := range len(text) - 2 {
			if _, err := ReadManifest(bytes.NewReader(text[:n])); !errors.Is(err, ErrManifest) {
				t.Fatalf("cut to %d bytes: %v", n, err)
			}
		}
		for _, change := range [][2]string{{`"rows"`, `"rowz"`}, {`"mizan_manifest": 1`, `"mizan_manifest": 2`}, {`"rows": 1`, `"rows": -1`},
			{`"format": "`, `"format": "x`}, {`"rows": 1`, `"rows": 1, "rows": 2`}, {`"kind": "text"`, `"kind": "texts"`}} {
			_, err := ReadManifest(bytes.NewReader(bytes.Replace(text, []byte(change[0]), []byte(change[1]), 1)))
			wantError(t, change[1], err, ErrManifest)
		}
	}
}
