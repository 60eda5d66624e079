// Package statements tells a payee what came to an account of theirs, what left it, and why.
//
// A statement is of one payee in one currency of one book, over all accounts that are the payee's. It covers the transactions
// with a sequence above one and up to another, so one statement begins where the one before ended: nothing is left out and
// nothing is told twice, and what happened in a month that is told already is a line of a later one, which says so.
//
// Each entry of the ledger becomes one or more lines, as its explanation says: a creator's 4.41 is a commission of 6.30 less an
// agency's share of 1.89. The lines of an entry sum to the entry, and opening and lines come to the closing, or there is no
// statement.
//
// A statement of a month is issued once: it gets a number and a hash, and its row never changes. Its lines are not kept; they are
// made again from the ledger each time, and the hash says whether they are the same bytes.
//
// No other payee is named in a statement, nor what the platform earned.
package statements
