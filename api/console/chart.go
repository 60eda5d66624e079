package console

import (
	"time"

	"mizan/ledger/money"
	"mizan/payouts/earnings"
)

// A chart is drawn here, as SVG, so that it needs no script. Heights are whole thousandths of the scale, rounded once from exact
// amounts; the figures stand in the table beside it.

// chart is bars over a line of zero, one for each day.
type chart struct {
	// Width is in units of ten for each bar, Zero the height of the line of zero from the top of a thousand.
	Width, Zero int
	Bars        []bar
	// Title says what is drawn; Highest what the best day was; First, Middle and Last are the days under the line.
	Title, Highest, First, Middle, Last string
}

type bar struct {
	X, Y, Height int
	Label        string
	Below, Empty bool
}

// chartHeight is the height of the scale.
const chartHeight = 1_000

// chartOfDays draws what was kept on each day of a month; nothing if that is nothing throughout.
func (t teller) chartOfDays(a *earnings.Answer, month time.Time) *chart {
	kept := map[string]money.Minor{}
	var most, least money.Minor
	best := ""
	for _, s := range a.Sums {
		m := s.Kept()
		kept[s.Key] = m
		if m > most {
			most, best = m, s.Key
		}
		least = min(least, m)
	}
	scale, err := money.Sub(most, least)
	if err != nil || scale == 0 {
		return nil
	}
	zero, err := money.Proportion(chartHeight, most, scale, money.HalfEven, 1)
	if err != nil {
		return nil
	}
	last := month.AddDate(0, 1, -1)
	c := &chart{Width: last.Day() * 10, Zero: int(zero), Title: t.say("earnings.chart", "month", t.Month(month.Year(), month.Month())),
		First: t.Day(month), Middle: t.Day(month.AddDate(0, 0, last.Day()/2)), Last: t.Day(last)}
	if day, err := time.Parse(time.DateOnly, best); err == nil {
		c.Highest = t.say("earnings.best", "day", t.Day(day), "amount", t.Amount(most, a.Currency))
	}
	for day := month; !day.After(last); day = day.AddDate(0, 0, 1) {
		m := kept[day.Format(time.DateOnly)]
		height, err := money.Proportion(chartHeight, max(m, -m), scale, money.HalfEven, 1)
		if err != nil {
			return nil
		}
		if height == 0 && m != 0 {
			height = 4 // a little is not nothing
		}
		b := bar{X: (day.Day()-1)*10 + 1, Y: max(0, int(zero-height)), Height: int(height), Label: t.Day(day) + ": " + t.Amount(m, a.Currency), Below: m < 0, Empty: m == 0}
		if b.Below {
			b.Y = min(c.Zero, chartHeight-b.Height)
		}
		c.Bars = append(c.Bars, b)
	}
	return c
}
