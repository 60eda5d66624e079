//go:build !linux

package pgtest

// copyParent chooses the usual directory for temporary files; other systems have no memory file system at hand.
func copyParent() string { return "" }
