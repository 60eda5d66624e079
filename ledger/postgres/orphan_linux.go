package postgres

// Orphan: finding the server processes on a data directory, as Linux shows them.

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// postgresOn returns the PostgreSQL processes, postmaster and backends, whose working directory is dataDir; that is how
// PostgreSQL runs. A process id alone would prove nothing: the number may belong to somebody else by now.
func postgresOn(dataDir string) ([]int, error) {
	data, err := os.Stat(dataDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, name := range names {
		// Processes end while we look, and those of other users are closed to us: neither is a server of ours.
		comm, err := os.ReadFile(filepath.Join(name, "comm")) // #nosec G304 -- a name of /proc
		if err != nil || strings.TrimSpace(string(comm)) != "postgres" {
			continue
		}
		if dir, err := os.Stat(filepath.Join(name, "cwd")); err != nil || !os.SameFile(dir, data) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(name)); err == nil {
			found = append(found, pid)
		}
	}
	return found, nil
}

// removeStalePID removes the note of a server that is known to be gone. PostgreSQL would refuse to start if the number
// in it belongs to another process now, or to a dead one that nobody has reaped yet.
func removeStalePID(dataDir string) error {
	err := os.Remove(filepath.Join(dataDir, "postmaster.pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
