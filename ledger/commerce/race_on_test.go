//go:build race

package commerce

// underRace divides the number of random lives when the race detector watches, which makes each ten times as dear; what
// races are about is tested by tests of its own.
const underRace = 40
