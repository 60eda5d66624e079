// Package reports tells finance what others recorded, as tables that leave the house.
//
// A report is a list of rows with typed columns, computed from the ledger, from payouts and from reconciliation up to one place
// of the book: the last transaction that counts, and the last step of breaks that counts. The same question at the same place
// has the same rows for ever, whatever was posted since.
//
// An export is a report that somebody asked for. It keeps the question, the place, and what the file came to (its manifest), and
// not the file: that is made again each time it is fetched, and held against the manifest while it leaves.
//
// Reports read in pages, never for long, and hold no more of them in memory than a page. Which role may ask for which report is
// decided by the doors, not here.
package reports
