// Package journal writes a book's journal in forms that others can read without us: for hledger and beancount, which add up
// the books by themselves, and as CSV and JSON lines.
//
// A Writer is given the accounts with their turnover, then every transaction from the first, and renders them to an
// io.Writer. It holds one transaction in memory, never the book. It refuses a sequence with a gap and entries that do not
// come to the accounts' turnover, so that a finished file ties to the trial balance. The last line of every file is its
// Trailer, with counts, sums and the SHA-256 of all before it; a file without one was cut off.
//
// What is written depends on the book and the sequence it goes up to, and on nothing else: the same export made again has
// the same bytes.
//
// The package is pure: no I/O but the writer it is given, no clock, no database, no network.
package journal
