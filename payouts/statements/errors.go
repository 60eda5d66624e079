package statements

import (
	"errors"

	"mizan/ledger/fault"
)

var (
	// ErrUnknown means that the payee has no such statement.
	ErrUnknown = fault.New(fault.NotFound, "statement-unknown", "There is no such statement. List the payee's statements to see their ids.")
	// ErrChanged means that the ledger does not say the same as when the statement was issued. A release that would write other bytes of the
	// same books must raise Schema, or every statement issued before it is refused as if somebody had changed the books.
	ErrChanged = fault.New(fault.Conflict, "statement-changed", "The statement made again is not the one that was issued, so it was not handed out. Tell finance: somebody changed the books by hand.")
	// ErrOld means that the statement was issued with columns that are not written any more.
	ErrOld = fault.New(fault.Conflict, "statement-old", "The statement was issued with other columns than are written here. Ask for the same days as a range.")
	// ErrRange means that the days asked for are no range.
	ErrRange = fault.New(fault.Invalid, "statement-range", "Ask for a first and a last day such as 2026-11-01 and 2026-11-30, the first one first, at most 400 days, none of them to come.")
	// ErrOpenDays means that a manifest of days is asked for that are not over: each file of them is another.
	ErrOpenDays = fault.New(fault.Conflict, "statement-days-open", "These days are not over, so their file changes. Ask for days that ended, or an issued statement.")
	// ErrLarge means that a payee has more accounts in a currency than one statement tells of, or than are looked through for them.
	ErrLarge = fault.New(fault.Conflict, "statement-large", "The payee has money of more campaigns than one statement can tell of. Ask for the entries of each account instead.")

	// errDefect means that lines do not come to what the ledger says. It is ours; nothing is handed out.
	errDefect = errors.New("statements: a statement does not add up")
)
