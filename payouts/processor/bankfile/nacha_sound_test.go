//go:build !race

package bankfile

import (
	"bytes"
	"testing"

	"mizan/ledger/money"
)

func TestNACHAFilesAreSound(t *testing.T) {
	t.Parallel()
	r, d := random(t), debtors["usd"]
	for i := range 60 {
		lines := 1 + r.IntN(60)
		if i == 0 {
			lines = MaxLines
		}
		f := fileOf(d, 1+r.Int64N(nachaNumber), lines, r)
		if i == 0 {
			for k := range f.Lines {
				f.Lines[k].Creditor.Bank, f.Lines[k].Amount = routingOf(99_999_999), min(f.Lines[k].Amount, 10_000)
			}
		}
		out, totals := write(t, d, f)
		if again, _ := write(t, d, f); !bytes.Equal(out, again) {
			t.Fatal("the same file has other bytes when it is made again")
		}
		nachaReadBack(t, d, f, totals, out)
	}
	f := fileOf(d, nachaNumber+1, 1, r)
	_, err := d.Write(&bytes.Buffer{}, f)
	refused(t, "number", err, ErrFile, "/number")
	f = fileOf(d, 1, 101, r)
	for i := range f.Lines {
		f.Lines[i].Amount = money.Minor(nachaMost)
	}
	_, err = d.Write(&bytes.Buffer{}, f)
	refused(t, "sum", err, ErrFile, "/lines")
}
