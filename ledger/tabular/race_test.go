//go:build race

package tabular

// slow says that the race detector looks on. It looks for races and not for hostile texts, so campaigns are short then.
const slow = true
