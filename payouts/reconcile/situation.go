package reconcile

import (
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts/processor/bankfile"
)

// The situation in which differences are judged: it is part of a run, so that the same run is judged the same way for ever.

// situation is what a difference is judged by, besides what both sides say.
type situation struct {
	Match Match
	Kind  Kind
	Rules Rules
	// CutOff is the moment for which it is judged: what happened later is no finding.
	CutOff time.Time
	// Zone is the book's time zone, in which days and months begin; UTC if nil.
	Zone *time.Location
	// Holiday tells whether the banks keep a day that is no weekend as a holiday; nil if none is known.
	Holiday func(day time.Time) bool
	// Refused are the identities of pairings that a person refused: they are neither made nor suggested again.
	Refused map[string]bool
}

// bank says whether the source is a bank's.
func (x situation) bank() bool { return x.Kind == KindBank }

func (x situation) zone() *time.Location {
	if x.Zone == nil {
		return time.UTC
	}
	return x.Zone
}

// calendarUS are the holidays of the Federal Reserve.
const calendarUS = "us"

// calendarFor names the calendar of a source. A bank keeps the holidays of its account's currency, and a processor pays out by those
// of the book's market. Of all but the United States only weekends are known: there an expectation may end a holiday too early, and
// then the break goes when the other side has shown it.
func calendarFor(kind Kind, currency money.Currency, market string) string {
	if kind == KindBank && currency == "USD" || kind == KindProcessor && market == "US" {
		return calendarUS
	}
	return ""
}

// holidaysOf are the holidays of a calendar; nil for none.
func holidaysOf(calendar string) func(day time.Time) bool {
	if calendar == calendarUS {
		return bankfile.BankHoliday
	}
	return nil
}

// late says that something happened after the cut-off.
func (x situation) late(at time.Time) bool { return at.After(x.CutOff) }

// day is the local day of a moment, at midnight UTC so that days can be counted.
func (x situation) day(at time.Time) time.Time {
	at = at.In(x.zone())
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
}

// dayNumber counts local days.
func (x situation) dayNumber(at time.Time) int64 {
	seconds := x.day(at).Unix()
	if seconds < 0 {
		return (seconds+1)/86400 - 1
	}
	return seconds / 86400
}

func (x situation) period(at time.Time) ledger.Period { return ledger.PeriodOf(at, x.zone()) }

// mostDays bounds how far ahead an expectation can lie.
const mostDays = 366

// bankingDays returns the end of the nth banking day after the local day of a moment: the first instant at which it is over.
func (x situation) bankingDays(at time.Time, n int) time.Time {
	day := x.day(at)
	for range min(max(n, 0), mostDays) {
		day = day.AddDate(0, 0, 1)
		for range mostDays {
			if w := day.Weekday(); w != time.Saturday && w != time.Sunday && (x.Holiday == nil || !x.Holiday(day)) {
				break
			}
			day = day.AddDate(0, 0, 1)
		}
	}
	return x.endOf(day)
}

// endOf is the first instant after a day in the book's zone.
func (x situation) endOf(day time.Time) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, x.zone()).UTC()
}

// expectedBy is when the other side must have shown what the books have.
func (x situation) expectedBy(at time.Time) time.Time {
	switch x.Kind {
	case KindBank:
		return x.bankingDays(at, x.Rules.BankDays)
	case KindChannel:
		return x.endOf(x.day(at).AddDate(0, 0, min(max(x.Rules.ChannelDays, 0), mostDays)))
	}
	return x.bankingDays(at, x.Rules.ProcessorDays)
}

// bookedBy is when the books must have what the other side shows; zero if at once.
func (x situation) bookedBy(at time.Time) time.Time {
	if x.Rules.LedgerDays <= 0 {
		return time.Time{}
	}
	return x.endOf(x.day(at).AddDate(0, 0, min(x.Rules.LedgerDays, mostDays)))
}

// missingThere is the class of an entry that the other side does not show in time.
func (x situation) missingThere() Class {
	if x.bank() {
		return MissingAtBank
	}
	return MissingAtProcessor
}

// truesUp says whether a fee that differs by so much is corrected without people.
func (x situation) truesUp(c money.Currency, difference money.Minor) bool {
	most, ok := x.Rules.FeeTrueUp[c]
	if !ok {
		most = x.Rules.FeeTrueUp[""]
	}
	return difference != 0 && within(difference, most)
}

// within says that a difference of either sign is no larger than a tolerance; a tolerance of zero or below allows none.
func within(difference, most money.Minor) bool {
	return most > 0 && difference <= most && difference >= -most
}
