// Package receipts is what the public may look at: where a donation, a gift or the money of an order went, by a random id,
// and what a published campaign has come to. It shows amounts, roles, charities and dates, never who gave or bought, and no
// id of a person. What it shows is read from the books, a bounded part of them however large they are, and kept for some seconds.
package receipts
