package pgtest

// Scratch: directories for what is worth nothing after a test, which end with the process that made them, or with the next one.

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// held ends the name of a directory that its process holds by a lock: whoever gets the lock knows that the process is gone, in
// whatever namespace it counted its processes.
const held = ".held"

// Scratch makes a directory whose name begins so, in memory if there is room, with what removes it. What a process that was killed
// leaves in memory is removed by the next one that asks for memory.
func Scratch(name string) (dir string, remove func() error, err error) {
	dir, remove, err = scratchIn(MemoryDir(), name)
	if err != nil {
		// The memory file system may be closed to this user.
		dir, remove, err = scratchIn("", name)
	}
	return dir, remove, err
}

func scratchIn(parent, name string) (dir string, remove func() error, err error) {
	// Between its making and its locking another process may take a directory for a leftover.
	for range 10 {
		if dir, err = os.MkdirTemp(parent, name+"-*"+held); err != nil {
			return "", nil, err
		}
		var lock *os.File
		if lock, err = lockDir(dir); err == nil {
			return dir, func() error { return errors.Join(os.RemoveAll(dir), lock.Close()) }, nil
		}
		_ = os.RemoveAll(dir)
	}
	return "", nil, err
}

// lockDir locks a directory itself, so that nothing lies beside it, without waiting. The lock ends when the file is closed or the
// process ends; programs that it starts do not inherit it. It fails where the directory was removed meanwhile.
func lockDir(dir string) (*os.File, error) {
	lock, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	for err == syscall.EINTR {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err == nil {
		var locked, there os.FileInfo
		if locked, err = lock.Stat(); err == nil {
			there, err = os.Lstat(dir)
		}
		if err == nil && !os.SameFile(locked, there) {
			err = fs.ErrNotExist
		}
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// pruneScratch removes the directories of processes that are gone. Failing to is no reason to fail a test: what belongs to somebody
// else is theirs to remove.
func pruneScratch(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.IsDir() || !strings.HasPrefix(name, "mizan-test-") && !strings.HasPrefix(name, "mizan-pgtest-") || !strings.HasSuffix(name, held) {
			continue
		}
		dir := filepath.Join(parent, name)
		lock, err := lockDir(dir)
		if err != nil {
			continue
		}
		_ = os.RemoveAll(dir)
		_ = lock.Close()
	}
}

// roomy reports whether a memory file system has room for one more: as much again as lies there, because every server there may
// still grow, and 4 GiB, of which a server's log takes up to 2.
func roomy(free, used uint64) bool { return free >= used && free-used >= 4<<30 }
