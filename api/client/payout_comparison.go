package client

import "time"

// PayoutRunFigures are the sums of a run in one currency.
type PayoutRunFigures struct {
	Payouts int64  `json:"payouts"`
	Sum     string `json:"sum"`
	Mean    string `json:"mean"`
	Largest string `json:"largest"`
}

// ComparedPayoutRun is an earlier run with its figures.
type ComparedPayoutRun struct {
	Run       string    `json:"run"`
	PlannedAt time.Time `json:"planned_at"`
	PayoutRunFigures
}

// PayoutRunBeside is a run in one currency beside the last runs before it.
type PayoutRunBeside struct {
	Currency string `json:"currency"`
	PayoutRunFigures
	// Usual is the median of each figure of the earlier runs, and Times how many times the usual sum this one is, with one
	// decimal; nil and empty if there is none.
	Usual   *PayoutRunFigures   `json:"usual"`
	Times   string              `json:"times"`
	Earlier []ComparedPayoutRun `json:"earlier"`
}

// PayoutOutlier is a payout that somebody should look at: unusual, first, destination or largest.
type PayoutOutlier struct {
	Kind     string `json:"kind"`
	Payee    string `json:"payee"`
	Currency string `json:"currency"`
	Amount   string `json:"amount"`
	// Usual is the median of what the payee's last runs paid, empty if there was none; Times is as for the run.
	Usual string   `json:"usual"`
	Runs  int      `json:"runs"`
	Times string   `json:"times"`
	Why   []string `json:"why"`
	// DestinationChanged is when the destination was changed, nil where only DestinationInEffect, since when it counts, is known.
	DestinationChanged  *time.Time `json:"destination_changed"`
	DestinationInEffect *time.Time `json:"destination_in_effect"`
}

// PayoutRunComparison is a run beside the usual.
type PayoutRunComparison struct {
	Totals   []PayoutRunBeside `json:"totals"`
	Outliers []PayoutOutlier   `json:"outliers"`
	// Looked is how many payees were looked at, and More that there are more outliers.
	Looked int  `json:"looked"`
	More   bool `json:"more"`
}

// PayoutRunProgress is how many payouts of a run stand where.
type PayoutRunProgress struct {
	Payouts   int64 `json:"payouts"`
	Waiting   int64 `json:"waiting"`
	Created   int64 `json:"created"`
	Sending   int64 `json:"sending"`
	Unknown   int64 `json:"unknown"`
	Refused   int64 `json:"refused"`
	InTransit int64 `json:"in_transit"`
	Paid      int64 `json:"paid"`
	Failed    int64 `json:"failed"`
	Cancelled int64 `json:"cancelled"`
	// DoneAt is about when the last leaves; nil if nothing is left.
	DoneAt *time.Time `json:"done_at"`
	// Estimated says that numbers of 5,000 and more are told from a part of the payouts; Payouts is exact.
	Estimated bool `json:"estimated"`
}
