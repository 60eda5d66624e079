package api

import (
	"mizan/ledger/commerce"
)

// An event as callers read it: what it posted, and why the amounts are what they are.

type eventJSON struct {
	Reference    string                `json:"reference" doc:"The caller's own name for it, for ever" example:"order-UK-1001-captured"`
	Type         string                `json:"type" example:"order.captured"`
	Transactions []transactionJSON     `json:"transactions" nullable:"false" doc:"What it posted; empty for a fact that moves no money"`
	Explanation  *commerce.Explanation `json:"explanation,omitempty" doc:"Why the amounts are what they are"`
}

// appendEvent appends an eventJSON. A transaction without entries is a fact's place in the book's order and nothing to
// show.
func appendEvent(b []byte, r *commerce.Result) []byte {
	b = appendText(append(b, `{"reference":`...), r.Event.Reference)
	b = appendField(b, "type", r.Event.Type)
	b = append(b, `,"transactions":[`...)
	first := true
	for i := range r.Transactions {
		if len(r.Transactions[i].Entries) == 0 {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendTransaction(b, &r.Transactions[i])
	}
	b = append(b, ']')
	if r.Explanation != nil {
		b = appendAnswer(append(b, `,"explanation":`...), r.Explanation)
	}
	return append(b, '}')
}
