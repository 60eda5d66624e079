package main

import (
	"bytes"
	"strings"
	"testing"

	"mizan/api/client"
)

// TestPayeeOrderSaysWhatIsMissing: of a long order the newest events are listed, and how many came before.
func TestPayeeOrderSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	for earlier, want := range map[int]bool{0: false, 17: true} {
		var b bytes.Buffer
		if err := writePayeeOrder(&b, client.PayeeOrder{EarlierMoves: earlier}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "17 came before and are not listed") != want {
			t.Errorf("with %d moves before the listed ones:\n%s", earlier, &b)
		}
	}
}
