package main

// Guessable: secrets that protect nothing, because somebody wrote them by hand, copied them from an example, or cut them short.

import (
	"fmt"
	"slices"
	"strings"
)

// placeholders stand in secrets that somebody meant to replace. None is so short that chance would write it.
var placeholders = []string{"changeme", "change-me", "change_me", "password", "not-a-secret", "example", "insecure", "placeholder", "replace-me", "replace_me",
	"mizan_dev", "development", "0123456789", "abcdefgh"}

// fewDistinct is how many different characters a secret has at least: 16 random hexadecimal digits have fewer once in several thousand draws,
// and longer secrets practically never.
const fewDistinct = 6

// guessable says why a secret of at least so many characters protects nothing, as the end of a sentence; "" for one that may protect. It never
// repeats the secret.
func guessable(secret string, least int) string {
	if len(secret) < least {
		return fmt.Sprintf("has fewer than %d characters", least)
	}
	folded := strings.ToLower(secret)
	if slices.ContainsFunc(placeholders, func(p string) bool { return strings.Contains(folded, p) }) {
		return "is one of an example"
	}
	if distinct([]byte(folded)) < fewDistinct {
		return "repeats a few characters"
	}
	return ""
}

// distinct counts the different bytes.
func distinct(text []byte) int {
	seen := map[byte]bool{}
	for _, b := range text {
		seen[b] = true
	}
	return len(seen)
}

// written reports whether a key of 32 bytes was written by hand and not drawn: all its bytes are letters, digits and signs, or few are
// different. Of random keys one in 10^13 would be.
func written(key []byte) bool {
	return distinct(key) < 12 || !slices.ContainsFunc(key, func(b byte) bool { return b < ' ' || b > '~' })
}
