package audit

import (
	"bytes"
	"encoding/base64"
)

// requestPrefix begins the explanation of a transaction that an event posted.
var requestPrefix = []byte(`{"h":"`)

// RequestHash returns the hash of what was asked for that an explanation begins with; ok is false if it begins otherwise.
// Amounts of an event follow from the order's state, so its submission is identified by what was asked for, not by its
// drafts; because the explanation is hashed with the transaction, that hash can be verified without knowing any rule.
func RequestHash(explanation []byte) (hash [32]byte, ok bool) {
	const encoded = 43 // 32 bytes in base64 without padding
	rest, ok := bytes.CutPrefix(explanation, requestPrefix)
	if !ok || len(rest) <= encoded || rest[encoded] != '"' {
		return hash, false
	}
	n, err := base64.RawURLEncoding.Decode(hash[:], rest[:encoded])
	return hash, err == nil && n == len(hash)
}
