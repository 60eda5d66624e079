// Package client is the Go client of Mizan's HTTP interface, for checkout services and for the command line.
//
// A posting is named by its reference, for ever. That makes repeating safe: the client sends exactly the same bytes again
// when the connection fails or the service answers 503 or 429, a bounded number of times with random pauses that are no shorter than
// Retry-After asks, and the book counts the posting once. What the service refuses comes back as a *Problem with a stable code.
//
// The package brings no database driver and no router along: besides the standard library it needs the amounts of
// ledger/money and the field errors of ledger/fault.
package client
