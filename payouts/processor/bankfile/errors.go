package bankfile

import "mizan/ledger/fault"

var (
	// ErrAccountInvalid means that a bank account cannot be set as described; its fields name what is wrong.
	ErrAccountInvalid = fault.New(fault.Invalid, "bank-account-invalid", "The bank account cannot be set as described. Correct the fields named; nothing was recorded.")
	// ErrAccountMissing means that the book has no bank account for the currency.
	ErrAccountMissing = fault.New(fault.NotFound, "bank-account-missing", "The book has no bank account for this currency. Set one; a second person has to agree.")
	// ErrFileUnknown means that there is no such file.
	ErrFileUnknown = fault.New(fault.NotFound, "bank-file-unknown", "There is no such bank file. List the files of the currency to find its number.")
	// ErrFileState means that the file is not in a state in which this can be done.
	ErrFileState = fault.New(fault.Conflict, "bank-file-state", "The bank file is not in a state in which this can be done. Read it to see what became of it.")
	// ErrFileChanged means that the bytes of a file cannot be made again, because bank data of a payee changed, or that it was held.
	ErrFileChanged = fault.New(fault.Conflict, "bank-file-changed",
		"The file cannot be handed out as it was made: the bank data of a payee changed or were erased since, or a payee may not be paid any more. "+
			"Nothing was handed out. Void the file and make a new one.")
	// ErrFileReported means that the bank has taken payments of a file that shall be void.
	ErrFileReported = fault.New(fault.Conflict, "bank-file-reported",
		"The bank has taken payments of this file, so it cannot be void. Recall single payments at the bank; its report says what comes back.")
	// ErrReportTaken means that another report with this id was taken before.
	ErrReportTaken = fault.New(fault.Conflict, "bank-report-taken",
		"A report with this id was taken before, and it said something else. Ask the bank which of them holds; nothing was changed.")
	// ErrReportFile means that a report is about a file that was not made here, or that nobody was given.
	ErrReportFile = fault.New(fault.Conflict, "bank-report-file",
		"The report is about a file that was not made here, or not for this bank account. See that it is uploaded for the right currency; nothing was changed.")
	// ErrReportItem means that an item of a report fits no payment of the file; its fields name the items.
	ErrReportItem = fault.New(fault.Conflict, "bank-report-item",
		"The report contradicts the file that it is about in the items named. Ask the bank for a correct one; nothing was changed.")
	// ErrReportTotals means that a report repeats other totals than the file's.
	ErrReportTotals = fault.New(fault.Conflict, "bank-report-totals",
		"The report repeats other totals than those of the file it is about. Ask the bank for a correct one; nothing was changed.")
	// ErrReportOwn means that a report says of payments that they did not take place, and whoever brings it fetched or sent their file.
	ErrReportOwn = fault.New(fault.Forbidden, "bank-report-own",
		"The report brings money back, and you fetched or sent the file it is about. Have somebody else upload it; nothing was changed.")
	// ErrReportUnknown means that no such report was taken.
	ErrReportUnknown = fault.New(fault.NotFound, "bank-report-unknown", "No such report was taken. List the reports to find its digest.")
	// ErrPaymentUnknown means that there is no such payment.
	ErrPaymentUnknown = fault.New(fault.NotFound, "bank-payment-unknown", "There is no such payment. List the payments of the file to find its id.")
)
