//go:build !race

package jobs_test

import (
	"strings"
	"testing"
	"time"
)

// Schedules of several kinds run in forty zones through changes of clocks that are drawn, with jumps of the clock and an
// outage, in two services whose clocks differ: exactly the periods are there that a walk along the clock meets.
func TestSchedulesThroughZones(t *testing.T) {
	t.Parallel()
	random := drawn(t, 21)
	for range sample(1, 60) {
		name := zones[random.IntN(len(zones)-1)]
		changes := changesOf(zone(t, name))
		if len(changes) == 0 {
			continue
		}
		change := changes[random.IntN(len(changes))]
		t.Run(strings.ReplaceAll(name, "/", " ")+" "+change.Format(time.DateOnly), func(t *testing.T) { checkSchedules(t, random, change) })
	}
}
