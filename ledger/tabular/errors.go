package tabular

import (
	"errors"
	"fmt"

	"mizan/ledger/fault"
)

// Errors of tables and their files.
var (
	// ErrFormat means that a format is not one of Formats.
	ErrFormat = fault.New(fault.Invalid, "table-format", "The format is not known. Use csv, xlsx or jsonl.")
	// ErrCellLong means that a text does not fit a cell of the format. Nothing is ever cut to fit.
	ErrCellLong = fault.New(fault.TooLarge, "table-cell-long",
		"A text is too long for a cell. A sheet takes 32767 characters, a line of CSV or JSON 1 MiB: export as CSV or JSON lines, or correct the text.")
	// ErrLarge means that a table has more rows than a workbook can hold.
	ErrLarge = fault.New(fault.TooLarge, "table-large",
		"The table is too large for one file of this format. Export it as CSV or JSON lines, or ask for a shorter period.")
	// ErrCut means that the end of a file is missing.
	ErrCut = fault.New(fault.Invalid, "table-cut", "The end of the file is missing. Do not use it: fetch or export it again.")
	// ErrChanged means that a file is not the one of its manifest, or that its rows do not come to its own totals.
	ErrChanged = fault.New(fault.Invalid, "table-changed",
		"The file is not what was exported: something in it was changed. Do not use it: fetch or export it again.")
	// ErrUnreadable means that a file is not such a table at all, or was saved again by another program.
	ErrUnreadable = fault.New(fault.Invalid, "table-unreadable",
		"The file cannot be read as an export. Use the file as it was exported, not one that another program saved again.")
	// ErrOther means that a file is a good table, and not the one expected.
	ErrOther = fault.New(fault.Invalid, "table-other",
		"The file is another report, another version of its columns, or of another book. Use the file of the report you mean.")
	// ErrManifest means that a manifest cannot be read.
	ErrManifest = fault.New(fault.Invalid, "table-manifest", "The manifest cannot be read. Use the manifest that came with the file, unchanged.")
)

// ErrDefect means that a program describes a table that cannot be, hands over a row that does not fit its columns, or writes
// after the end. It is a mistake of the program and not of who asked for the table.
var ErrDefect = errors.New("tabular: the table is described or used wrongly")

func defect(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDefect, fmt.Sprintf(format, args...))
}
