//go:build !race

package tabular

// slow says that the race detector looks on.
const slow = false
