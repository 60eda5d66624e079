// Package evidence reads the statements of banks: what a bank says has moved on an account, as plain values. It reads the
// bytes alone and asks neither a database nor a clock, so that a file can be judged before anything of it is stored.
//
// A statement is believed only if it adds up: the opening balance and the lines make the closing balance, to the last minor
// unit. What does not add up, or cannot be read with certainty, is refused with the place named, and nothing of the file is
// used: a guess about one line would be a guess about money.
//
// The parsers are Mizan's own, because each format is small and each of them is an open door: whoever can hand in a file may
// try to make the program slow, large or wrong. Everything that is read is bounded.
package evidence
