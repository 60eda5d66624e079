package journal

// A trailer is the last line of a file. It says what the file holds, so that one that was cut off or changed is recognised.

import (
	"encoding/hex"
	"encoding/json"

	"mizan/ledger/money"
)

// trailerVersion is the version of the trailer's form.
const trailerVersion = 1

// Trailer says what a file holds.
type Trailer struct {
	// Version is the version of this form, 1. Its name marks the line.
	Version int    `json:"mizan_journal_trailer"`
	Format  Format `json:"format"`
	Book    string `json:"book"`
	// Transactions is how many there are, which is also the sequence of the last one; Entries is how many lines they have.
	Transactions int64 `json:"transactions"`
	Entries      int64 `json:"entries"`
	// Debits is the sum of all debits per currency, which is also that of all credits.
	Debits map[money.Currency]string `json:"debits"`
	// SHA256 is the hash of every byte before the trailer's line, in hexadecimal.
	SHA256 string `json:"sha256"`
}

// text is the trailer on one line, its currencies in order.
func (t Trailer) text() string {
	b, err := json.Marshal(t)
	if err != nil {
		panic(err) // strings, integers and a map of strings always marshal
	}
	return string(b)
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }
