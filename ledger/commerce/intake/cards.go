package intake

import (
	"io"

	"mizan/ledger/fault"
	"mizan/ledger/pan"
)

// Card numbers are never stored, whoever sends them: a message or file that holds one in clear is refused as a whole. Masked
// numbers pass, and so do ids of shops that only look like cards of 14 digits.

// ErrCardNumber means that what was sent holds a card number.
var ErrCardNumber = fault.New(fault.Invalid, "card-number",
	"What was sent holds a card number in clear, so nothing of it was stored. Send it without the number, or with all but its last four digits masked.")

// withoutCards reads a file and ends with ErrCardNumber where it holds a card number. The bytes that end the number are not
// handed on.
type withoutCards struct {
	from io.Reader
	seen pan.Stream
}

// Read implements io.Reader.
func (w *withoutCards) Read(b []byte) (int, error) {
	n, err := w.from.Read(b)
	if w.seen.Write(b[:n]) || err != nil && w.seen.End() {
		return 0, ErrCardNumber
	}
	return n, err
}
