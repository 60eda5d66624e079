// Package bankfile pays by files that a bank takes: pain.001 or NACHA out, pain.002 or NACHA returns in. It is a rail for
// markets that no processor serves, and a driver like any other: what was ordered stands in its own tables, each order once
// for its key, with its own journal of entries, and what the bank says of it moves it on.
//
// A transfer sets money aside for a payee. A payout of it waits for the next file. A file is made once, has the next number of
// its bank account, and its bytes follow from the database and the vault alone: they are never stored, since they hold the
// bank data of many people, and only their digest is kept. A report of the bank is taken once and as a whole, or not at all.
package bankfile
