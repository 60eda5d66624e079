package intake

import (
	"fmt"
	"strings"
	"time"
)

// The dates of a file's rows. They are no part of what is posted, but a date that cannot be true says that the row was
// read wrongly or edited: it is parked with its line, and the rest of the file goes on.

// dateColumns say when a row happened. A file may leave them out, or empty.
var dateColumns = []string{"statement_time", "order_create_time", "posted-date", "posted-date-time"}

// dateForms are how marketplaces write dates.
var dateForms = []string{
	time.RFC3339Nano, "2006-01-02", "2006/01/02", "2006-01-02 15:04:05", "2006/01/02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04:05 MST",
	"02.01.2006", "02.01.2006 15:04:05", "02.01.2006 15:04:05 MST",
}

// firstDate is the earliest date that is believed, as everywhere in Mizan.
var firstDate = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// How far ahead a date may be: clocks differ a little, and without a zone it is that day already somewhere.
const (
	zonedSlack    = 5 * time.Minute
	zonelessSlack = 14 * time.Hour
)

// checkDates notes why a row's dates cannot be true. The first reason stays.
func (t *sheet) checkDates(s *Settled, record []string) {
	for _, column := range dateColumns {
		text := t.cell(record, column)
		if text == "" || s.Reason != "" {
			continue
		}
		at, slack, ok := readDate(text)
		says := ""
		switch {
		case !ok:
			says = "is no date. Dates are written like 2026-11-20 or 2026-11-20T09:00:00Z"
		case at.Before(firstDate):
			says = "lies before 2000"
		case at.After(t.options.Now.Add(slack)):
			says = "lies in the future"
		default:
			continue
		}
		s.Reason, s.Detail = ReasonDate, fmt.Sprintf("Line %d: what stands in %s %s.", t.line(), column, says)
	}
}

// readDate reads a date in any of the forms, with how far ahead it may be.
func readDate(text string) (at time.Time, slack time.Duration, ok bool) {
	utc := strings.HasSuffix(text, " UTC")
	for _, form := range dateForms {
		named := strings.HasSuffix(form, "MST")
		if named && !utc {
			continue // other abbreviations mean several zones
		}
		if at, err := time.Parse(form, text); err == nil {
			if named || form == time.RFC3339Nano {
				return at, zonedSlack, true
			}
			return at, zonelessSlack, true
		}
	}
	return time.Time{}, 0, false
}
