package health

import "slices"

// A kind of figure: its name, what it means, and what a count of it counts. Codes are stable.

// Parts are what figures are read from. Each is a right of its own to read.
const (
	Balances       = "balances"
	Payouts        = "payouts"
	Reconciliation = "reconciliation"
	Jobs           = "jobs"
	Inbound        = "inbound"
	Approvals      = "approvals"
)

// Groups are what figures are about, in the order in which people read them.
const (
	GroupMoney    = "money"
	GroupPayouts  = "payouts"
	GroupEvidence = "evidence"
	GroupWork     = "work"
	GroupPeople   = "people"
)

// Groups returns every group in order.
func Groups() []string {
	return []string{GroupMoney, GroupPayouts, GroupEvidence, GroupWork, GroupPeople}
}

// Codes of figures.
const (
	Coverage         = "coverage"
	Safeguarding     = "safeguarding"
	WrongSide        = "wrong_side"
	OwnMoney         = "own_money_under_way"
	PayoutsUnderWay  = "payouts_under_way"
	PayoutsUnknown   = "payouts_unknown"
	PayoutsRefused   = "payouts_refused"
	PayoutsAtAccount = "payouts_at_account"
	PayoutsUnsent    = "payouts_unsent"
	RunsWaiting      = "payout_runs_waiting"
	ClocksParked     = "clocks_parked"
	Suspense         = "suspense"
	BreaksOpen       = "breaks_open"
	BreaksOverdue    = "breaks_overdue"
	EvidenceOld      = "evidence_old"
	MonthsOpen       = "months_open"
	JobsParked       = "jobs_parked"
	JobsLate         = "jobs_late"
	MessagesParked   = "messages_parked"
	ImportsParked    = "imports_parked"
	ApprovalsOpen    = "approvals_open"
	QuestionsOpen    = "questions_open"
)

// Kind is what a figure is.
type Kind struct {
	Code string
	// Part is what it is read from, Group what it is about, Unit what a count of it counts.
	Part, Group, Unit string
	// Name is for people, and Meaning says when it is not well, and what then is to be done.
	Name, Meaning string
}

var kinds = []Kind{
	{Coverage, Balances, GroupMoney, "currencies", "Coverage", "Cash that is kept for others, less what is owed to them. Below zero others' money is missing: top the processor up today."},
	{Safeguarding, Balances, GroupMoney, "currencies", "Safeguarding", "What the cash for donations falls short of. Fund it the same day. What waits to be moved to the safeguarded account is worth a look."},
	{Suspense, Reconciliation, GroupMoney, "breaks", "Suspense", "Money that came or went and that nobody could explain yet. Explain it, or find whose it is; what waits too long keeps the month open."},
	{WrongSide, Balances, GroupMoney, "rows", "On the wrong side", "Rows of the chart that are below zero and must not be: a fact was posted twice, or one is missing. Read their latest entries."},
	{OwnMoney, Balances, GroupMoney, "currencies", "Own money on its way", "Money of ours between the processor and the bank. It becomes zero when each transfer has arrived."},
	{PayoutsUnknown, Payouts, GroupPayouts, "payouts", "Payouts not known", "Sent, and nobody knows yet whether they were taken. They are looked up again by themselves and never sent twice; look at those that stay."},
	{PayoutsRefused, Payouts, GroupPayouts, "payouts", "Payouts refused", "Not taken by the rail. They are sent again later, unless they wait for a person."},
	{PayoutsAtAccount, Payouts, GroupPayouts, "payouts", "Payouts at the account", "Failed, and the money is still at the payee's account at the processor. Ask the payee for another bank account."},
	{PayoutsUnsent, Payouts, GroupPayouts, "payouts", "Payouts to be sent", "Released, and not sent yet. They go within the hour; look at the job that sends them if they do not."},
	{PayoutsUnderWay, Payouts, GroupPayouts, "payouts", "Payouts under way", "Sent, and not yet known to have arrived. Look at those that should have come by now."},
	{RunsWaiting, Payouts, GroupPayouts, "runs", "Runs that wait", "Payout runs that a second person has to agree to before anything is sent."},
	{ClocksParked, Payouts, GroupPayouts, "dates", "Dates that wait", "Money whose day has come and that does not become available by itself. Look at what stands in the way, and try again."},
	{BreaksOverdue, Reconciliation, GroupEvidence, "breaks", "Breaks overdue", "Differences that should have come right by now, or that wait in suspense for too long. Explain, fix or write them off."},
	{BreaksOpen, Reconciliation, GroupEvidence, "breaks", "Breaks open", "Differences between the books and what the processor, the bank and the channels say. Each has an owner and an age."},
	{EvidenceOld, Reconciliation, GroupEvidence, "sources", "Evidence too old", "Sources that have not said anything for longer than the rules expect. Bring their statements, or look at the job that reads them."},
	{MonthsOpen, Reconciliation, GroupEvidence, "months", "Months to close", "Months that are over and take postings still. Go through the checklist and close them."},
	{JobsParked, Jobs, GroupWork, "periods", "Jobs that failed", "Work that failed too often and waits for a person. Read why, and run it again."},
	{JobsLate, Jobs, GroupWork, "jobs", "Jobs that are late", "Work that should have run by now. Look whether a process runs jobs."},
	{MessagesParked, Inbound, GroupWork, "messages", "Messages that wait", "Messages of shops and processors that could not be applied. Mend what they say is missing, and try them again."},
	{ImportsParked, Inbound, GroupWork, "imports", "Imports that wait", "Files with rows that could not be applied. Mend what they say is missing, and try them again."},
	{ApprovalsOpen, Approvals, GroupPeople, "approvals", "Approvals", "What somebody asked for and a second person has to decide."},
	{QuestionsOpen, Payouts, GroupPeople, "questions", "Questions", "What payees asked and nobody answered yet. They expect an answer within two days."},
}

// Kinds returns every kind of figure, in the order of reports.
func Kinds() []Kind { return slices.Clone(kinds) }
