package postgres

// The user namespace, which only Linux has.

import "syscall"

// insideUID is the ordinary user that a namespaced server believes to be.
const insideUID = 1000

// namespaced runs as uid and gid seen from outside, and as an ordinary user seen from inside.
func namespaced(uid, gid int) []identity {
	return []identity{{
		name: "user namespace",
		uid:  uid,
		gid:  gid,
		attr: &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: insideUID, HostID: uid, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: insideUID, HostID: gid, Size: 1}},
		},
	}}
}
