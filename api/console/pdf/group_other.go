//go:build !linux

package pdf

import "syscall"

// ofGroup has a process lead a group of its own, to be killed with all that it starts. Where the system does not tell it that the service died,
// a browser that does not end by itself stays.
func ofGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
