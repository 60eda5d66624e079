// Package tabular writes tables that leave the house, as CSV, XLSX and JSON lines, and reads them again.
//
// A table is a Header and a stream of typed rows. The package knows nothing of the business: whoever has rows hands them to a
// Writer one by one and gets a Manifest, which says how many rows there were, what the amounts come to per currency, and the
// size and SHA-256 of the file. The same rows always give the same bytes. Memory does not grow with the rows.
//
// Read takes such a file back, strictly: it accepts what Write writes and nothing else, so what it accepts has the same rows
// and the same totals. Check compares a file with its manifest without looking inside.
//
// Nothing that a spreadsheet would run leaves the house. In CSV, text that begins like a formula gets an apostrophe, which
// Read takes off again; in XLSX text is text, and there are no formulas.
package tabular
