package payouts

import (
	"slices"
	"strings"
	"unicode"
)

// Comparing the holder of an account with the name on record: only what it came to is kept, never a name.

// matchNames compares two names. Without one of them nothing is known. Letters' case, accents that stand apart, signs and
// spaces do not matter. Close are the same words in another order, one name within the other, an initial instead of a
// given name, or a slip of a letter or two; whether close is good enough, the policy says.
func matchNames(holder, name string) string {
	a, b := nameWords(holder), nameWords(name)
	switch {
	case len(a) == 0 || len(b) == 0:
		return NameUnknown
	case slices.Equal(a, b):
		return NameMatches
	case sameWords(a, b) || shorterForm(a, b) || shorterForm(b, a) || slip(strings.Join(a, " "), strings.Join(b, " ")):
		return NameClose
	}
	return NameMismatch
}

// nameWords are the words of a name, at most 32, in lower case.
func nameWords(name string) []string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) && r != '\'' && r != '’'
	})
	kept := words[:0]
	for _, word := range words[:min(len(words), 32)] {
		word = strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Mn, r) || r == '\'' || r == '’' {
				return -1
			}
			return r
		}, word)
		if word != "" {
			kept = append(kept, word)
		}
	}
	return kept
}

func sameWords(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// shorterForm reports whether a names the same as b with less: each of its words is one of b's, or the initial of one; at
// least one is whole and has more than one letter, and there are two words or more.
func shorterForm(a, b []string) bool {
	if len(a) < 2 || len(a) > len(b) {
		return false
	}
	free, whole := slices.Clone(b), false
	take := func(fits func(word string) bool) bool {
		i := slices.IndexFunc(free, fits)
		if i >= 0 {
			free = slices.Delete(free, i, i+1)
		}
		return i >= 0
	}
	var initials []string
	for _, word := range a {
		switch exact := take(func(w string) bool { return w == word }); {
		case exact:
			whole = whole || len([]rune(word)) > 1
		case len([]rune(word)) == 1:
			initials = append(initials, word)
		default:
			return false
		}
	}
	for _, initial := range initials {
		if !take(func(w string) bool { return strings.HasPrefix(w, initial) }) {
			return false
		}
	}
	return whole
}

// slip reports whether two names of some length differ by one letter, or two in a long one.
func slip(a, b string) bool {
	x, y := []rune(a), []rune(b)
	short := min(len(x), len(y))
	allowed := 0
	switch {
	case short >= 16:
		allowed = 2
	case short >= 8:
		allowed = 1
	}
	return allowed > 0 && short <= 200 && max(len(x), len(y))-short <= allowed && distance(x, y) <= allowed
}

// distance is how many letters have to be changed, added or left out.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range a {
		left := row[0]
		row[0] = i + 1
		for j, q := range b {
			cost := 1
			if r == q {
				cost = 0
			}
			left, row[j+1] = row[j+1], min(left+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
