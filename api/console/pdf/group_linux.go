package pdf

import "syscall"

// ofGroup has a process lead a group of its own, to be killed with all that it starts, and be killed if the service dies.
func ofGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
