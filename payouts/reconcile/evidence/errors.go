package evidence

import (
	"fmt"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

var (
	// ErrUnreadable means that a statement does not have the form of its format; the message names the place.
	ErrUnreadable = fault.New(fault.Invalid, "statement-unreadable",
		"The bank statement cannot be read. Ask the bank for a correct file, or choose the right format; nothing was stored.")
	// ErrUnbalanced means that balances and lines of a statement do not agree; the message says where and by how much.
	ErrUnbalanced = fault.New(fault.Invalid, "statement-unbalanced",
		"The opening balance and the lines of the bank statement do not make its closing balance. Ask the bank for a complete file; nothing was stored.")
	// ErrTooLarge means that a statement has more bytes, lines or statements than are read from one file.
	ErrTooLarge = fault.New(fault.TooLarge, "statement-too-large",
		"The bank statement has more than 16 MiB, 100,000 lines or 10,000 statements. Ask the bank for one file for each day; nothing was stored.")
	// ErrCurrency means that a currency of a statement is unknown, or that lines are not in the currency of their account.
	ErrCurrency = fault.New(fault.Invalid, "statement-currency",
		"The bank statement has a currency that is unknown, or that is not the one of its account. Ask the bank for a correct file; nothing was stored.")
	// ErrProfile means that the profile of a CSV file is missing, contradicts itself or does not fit the file.
	ErrProfile = fault.New(fault.Invalid, "statement-profile",
		"The profile does not describe a CSV file that can be read. Correct it, then try the file again; nothing was stored.")
)

// unreadable says what is wrong at a place, such as "Line 12" or "Entry 3 of statement 1". What never repeats the file.
func unreadable(where, what string) error {
	return ErrUnreadable.Withf("%s: %s. Ask the bank for a correct file, or choose the right format; nothing was stored.", where, what)
}

// unbalanced says which sum is wrong at a place, and by how much.
func unbalanced(where, what string) error {
	return ErrUnbalanced.Withf("%s: %s. Ask the bank for a complete file; nothing was stored.", where, what)
}

// wrongCurrency says what is wrong with a currency at a place.
func wrongCurrency(where, what string) error {
	return ErrCurrency.Withf("%s: %s. Ask the bank for a correct file; nothing was stored.", where, what)
}

// wrongProfile says what is wrong with the profile, or where the file does not fit it.
func wrongProfile(format string, args ...any) error {
	return ErrProfile.Withf("%s. Correct the profile, then try the file again; nothing was stored.", fmt.Sprintf(format, args...))
}

// tooMany says that a bound was passed and which.
func tooMany(what string) error {
	return ErrTooLarge.Withf("The bank statement has more than %s. Ask the bank for one file for each day; nothing was stored.", what)
}

// byHowMuch writes a difference for people: "EUR 0.01 too much".
func byHowMuch(difference money.Minor, c money.Currency) string {
	if difference < 0 {
		return string(c) + " " + difference.Format(c)[1:] + " too little"
	}
	return string(c) + " " + difference.Format(c) + " too much"
}
