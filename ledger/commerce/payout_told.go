package commerce

import (
	"encoding/json"

	"mizan/ledger/money"
)

// What the record of a payout's step says beside its entries, for lists of payouts.

// PayoutTold is what one step of a payout told; what a step does not tell is empty.
type PayoutTold struct {
	Processor, Bank string
	// Entry is the processor's balance transaction, Trace the bank's reference, Reason why it did not arrive.
	Entry, Trace, Reason string
	// Pulled is what was taken back.
	Pulled money.Minor
}

// PayoutToldBy reads it from the explanation of the step's transaction. What cannot be read is empty.
func PayoutToldBy(explanation []byte) (told PayoutTold) {
	var r record
	var d struct {
		Processor string `json:"processor"`
		Bank      string `json:"bank"`
		Entry     string `json:"entry"`
		Trace     string `json:"trace"`
		Reason    string `json:"reason"`
		Currency  string `json:"currency"`
		Pulled    string `json:"pulled"`
	}
	if json.Unmarshal(explanation, &r) != nil || json.Unmarshal(r.Data, &d) != nil {
		return told
	}
	told = PayoutTold{Processor: d.Processor, Bank: d.Bank, Entry: d.Entry, Trace: d.Trace, Reason: d.Reason}
	if d.Pulled != "" {
		told.Pulled, _ = money.ParseAmount(d.Pulled, money.Currency(d.Currency))
	}
	return told
}
