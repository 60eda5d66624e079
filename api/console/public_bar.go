package console

import (
	"mizan/ledger/locale"
	"mizan/ledger/money"
)

// A bar shows how an amount divides, as one row of pieces. Each has a letter and a pattern of its own beside its colour, and
// the table next to it says the same in figures. Widths are whole and add up exactly: whatever the amounts, no piece is
// drawn by a rounded fraction.

const (
	// barWidth is the units that a whole bar is wide.
	barWidth = 1000
	// barPatterns is how many patterns there are; the letters go on.
	barPatterns = 8
	// barLetterRoom is how wide a piece must be to hold its letter.
	barLetterRoom = 52
)

// piece is one part of a bar.
type piece struct {
	// Letter names it, as in the table.
	Letter string
	// Look is the number of its pattern and colour.
	Look int
	// X, Width and Middle are in units of barWidth; Middle is where its letter stands.
	X, Width, Middle int64
	// Named says that there is room for the letter.
	Named bool
}

// letter is the n-th letter of a bar.
func letter(n int) string { return string(rune('A' + n%26)) }

// barOf divides the bar over amounts above zero. Pages that run from right to left begin on the right.
func barOf(l locale.Language, amounts []money.Minor) []piece {
	widths, err := money.AllocateOver(barWidth, amounts, 1)
	if err != nil { // there is nothing to divide
		return nil
	}
	var out []piece
	x := int64(0)
	for i, w := range widths {
		p := piece{Letter: letter(i), Look: i % barPatterns, X: x, Width: int64(w), Named: w >= barLetterRoom}
		if l.RightToLeft() {
			p.X = barWidth - x - p.Width
		}
		p.Middle = p.X + p.Width/2
		if x += p.Width; w > 0 {
			out = append(out, p)
		}
	}
	return out
}
