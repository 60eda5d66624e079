//go:build !linux

package pgtest

// MemoryDir returns "" for the usual directory for temporary files; other systems have no memory file system at hand.
func MemoryDir() string { return "" }
