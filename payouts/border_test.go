package payouts

import (
	"testing"

	"mizan/payouts/processor/simulator"
)

func TestBorderTry(t *testing.T) {
	t.Parallel()
	b := newBorderHouse(t, simulator.NoticeFaults{}, 1)
	for _, s := range scenes {
		p := b.enact(plan{scene: s, later: laters[0]})
		t.Log(s.name, p.crossings, p.requests)
		p = b.enact(plan{scene: s, fate: fate{40, true}, later: laters[0]})
	}
	b.prove()
	if t.Failed() {
		t.Log(b.logged)
	}
}
