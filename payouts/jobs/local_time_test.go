//go:build !race

package jobs_test

import (
	"testing"
	"time"
	_ "time/tzdata"
)

// Each local date that there was has one instant, by a walk along the clock that shares nothing with the schedule.
func TestLocalTimeEachDayOnce(t *testing.T) {
	t.Parallel()
	if len(zones) != 40 {
		t.Fatalf("%d zones", len(zones))
	}
	transitions := 0
	for _, name := range zones {
		z := zone(t, name)
		from, until := time.Date(1993, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
		var changes []time.Time
		for at := from; ; {
			_, end := at.In(z).ZoneBounds()
			if end.IsZero() || end.After(until) {
				break
			}
			changes, at = append(changes, end), end
		}
		transitions += len(changes)
		for _, change := range changes {
			walked := walk(z, change)
			for _, clock := range [][2]int{{0, 0}, {0, 30}, {2, 30}, {23, 45}} {
				checkAround(t, z, change, walked, clock)
			}
		}
	}
	t.Logf("%d changes of clocks", transitions)
	if transitions < 1000 {
		t.Errorf("only %d changes were looked at", transitions)
	}
}
