package bankfile

import "mizan/ledger/money"

// Format is how a bank takes files.
type Format string

// Debtor is the company's own account and how the bank knows it.
type Debtor struct {
	Format   Format
	Currency money.Currency
}
