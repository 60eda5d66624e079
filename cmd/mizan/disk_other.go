//go:build !linux && !darwin

package main

import "errors"

// diskRoom knows nothing on this system.
func diskRoom(string) (free, all uint64, err error) { return 0, 0, errors.ErrUnsupported }
