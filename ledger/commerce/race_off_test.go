//go:build !race

package commerce

// underRace divides the number of random lives when the race detector watches.
const underRace = 1
