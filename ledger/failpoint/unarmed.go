//go:build !failpoint

package failpoint

// Here does nothing, and the compiler leaves it out.
func Here(Point) {}
