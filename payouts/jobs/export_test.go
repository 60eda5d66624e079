package jobs

import "time"

// HistoryQuery lets tests look at plans.
var HistoryQuery = historyQuery

// Statement is one that is run often, with parameters.
type Statement struct {
	Text string
	Args []any
}

var at = time.Date(2020, 1, 20, 0, 0, 0, 0, time.UTC)

// Statements are those that must not become slower as history grows.
var Statements = map[string]Statement{
	"lines":    {sqlLines, []any{[]string{"job1", "job2"}}},
	"open":     {sqlCountOpen, []any{"job1", 1, 100}},
	"head":     {sqlHead, []any{"job1", 1}},
	"renew":    {sqlRenew, []any{"job1", 1, at, 1, 1000}},
	"prolong":  {sqlProlong, []any{"job1", 1, at, 1, 1000}},
	"claim":    {sqlClaim, []any{"job1", 1, at, 2, "p", 1000, at, 1}},
	"attempts": {sqlAttempts, []any{"job1", 1, at, 100}},
	"is open":  {sqlIsOpen, []any{"job1", 1, at}},
	"again":    {sqlOver, []any{"job1", 1, at}},
	"done":     {sqlIsDone, []any{"job1", 1, at, 1}},
	"status":   {sqlStatus, []any{[]string{"job1", "job2"}, nil}},
	"stranded": {sqlStranded, []any{[]string{"job1"}, []string{"job2"}, []int32{1, 2}, 1000}},
	"forget":   {sqlForget, []any{[]string{"job1", "job2"}, []time.Time{at.AddDate(-1, 0, 0), at.AddDate(-1, 0, 0)}, []int64{1000, 1000}, 100, at.AddDate(-1, 0, 0), 1000}},
}

// Draining reports whether the service was told to stop.
func (s *Service) Draining() bool { return s.draining.Load() }
