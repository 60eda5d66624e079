package pgtest

// Memory: where a copy that is worth nothing after the test lives. A clone of the template is hundreds of small files,
// and making files in memory is ten times as fast as on a disk.

import (
	"os"
	"sync"
	"syscall"
)

const shm = "/dev/shm"

// pruned removes once what processes that are gone left in memory.
var pruned = sync.OnceFunc(func() { pruneScratch(shm) })

// MemoryDir returns the directory for data that need not outlive a test: the memory file system if it has room for more than lies
// there, unless TMPDIR says otherwise, and "" for the usual one. A container's /dev/shm of 64 MB is not room. Programs may not be
// allowed to run from there.
func MemoryDir() string {
	if os.Getenv("TMPDIR") != "" {
		return ""
	}
	pruned()
	var stat syscall.Statfs_t
	if syscall.Statfs(shm, &stat) != nil {
		return ""
	}
	const tmpfs = 0x01021994
	size := uint64(stat.Bsize)
	if stat.Type != tmpfs || !roomy(stat.Bavail*size, (stat.Blocks-stat.Bfree)*size) {
		return ""
	}
	return shm
}
