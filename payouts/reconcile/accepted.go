package reconcile

import (
	"slices"
	"strings"
)

// A difference that two people accept: nothing is posted because of it, and it stays what it is. This is for what no posting puts
// right: a file that was refused, a line of which the source says something else, evidence that does not exist, a break that a person
// keeps open and that no run ends.

// nothingToPost are the classes of differences that are about evidence and not about money.
var nothingToPost = []Class{EvidenceIncomplete, EvidenceChanged}

// meaning is how the check of R3 or R4 is judged that a break is of.
func (b *Break) meaning() (m meaning) {
	name, _, _ := strings.Cut(b.Identity, ":")
	switch b.Match {
	case R3:
		m = checksInside[check(name)]
	case R4:
		m = checksOfChannels[check(name)]
	}
	return m
}

// sumsOthers reports whether a break stands for differences that have no break of their own.
func (b *Break) sumsOthers() bool {
	_, of, _ := strings.Cut(b.Identity, ":")
	return (b.Match == R3 || b.Match == R4) && strings.HasPrefix(of, sumOfOthers+":")
}

// mayBeAccepted says whether two people may end a break without posting anything. It returns ErrBreakState with what can be done
// instead.
func (b *Break) mayBeAccepted() error {
	switch {
	case b.Ended() || b.Suspense != 0:
		return ErrBreakState.With("The break has ended, or something of it waits in suspense, which has to go somewhere. Look at it again.")
	case b.meaning().passes:
		return ErrBreakState.With("The file is not applied yet, and nobody knows what is in it. Wait until it is, or apply it again: the next run then ends this break.")
	case b.Kept:
		return nil
	case b.sumsOthers():
		return ErrBreakState.With("This break sums differences that have no break of their own yet. End those that have one; the next run then gives these theirs.")
	case b.Amount == 0 || b.meaning().lasting || slices.Contains(nothingToPost, b.Class):
		return nil
	}
	return ErrBreakState.With("This difference is about money, and a run ends it once both sides agree. Say where it belongs, or post what puts it right and name that transaction.")
}

// Acceptable reports whether two people may end the break as it stands without posting anything.
func (b *Break) Acceptable() bool { return b.mayBeAccepted() == nil }

// staysAccepted reports whether a run leaves a difference out that people have accepted, while it stays what it was. What a check holds
// against the books each day counts as long as it is there, and its break opens again. So does one that a person kept open: people
// accepted it when no run had to find it.
func (m meaning) staysAccepted(zero, kept bool) bool {
	return !m.passes && (m.lasting || !kept && (zero || slices.Contains(nothingToPost, m.class)))
}
