package journal

// JSON lines: one transaction on each line, in the very bytes of the API's answer. The trailer is the one line that is no
// transaction; its first member says so.

import (
	"bytes"
	"encoding/json"
)

// jsonLines renders.
type jsonLines struct{}

func (jsonLines) head(b []byte, _ *Head) []byte                { return b }
func (jsonLines) account(b []byte, _ *Head, _ *Account) []byte { return b }
func (jsonLines) opened(b []byte, _ *Head) []byte              { return b }

func (jsonLines) transaction(b []byte, t *Transaction) []byte {
	line := t.JSON
	// The API answers on one line. A proxy that lays JSON out anew must not break the lines.
	if bytes.ContainsAny(line, "\r\n") {
		var compact bytes.Buffer
		if err := json.Compact(&compact, line); err == nil {
			line = compact.Bytes()
		}
	}
	return append(append(b, line...), '\n')
}

func (jsonLines) trailer(b []byte, text string) []byte { return append(append(b, text...), '\n') }
