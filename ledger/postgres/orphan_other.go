//go:build !linux

package postgres

// Orphan: finding the server process on a data directory with ps, which shows the postmaster but not its backends.

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// postgresOn returns the postmaster that was started on dataDir, if it runs.
func postgresOn(dataDir string) ([]int, error) {
	pid := postmasterPID(dataDir)
	if pid == 0 {
		return nil, nil
	}
	output, err := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		// ps fails if there is no such process.
		if _, failed := err.(*exec.ExitError); failed {
			return nil, nil
		}
		return nil, fmt.Errorf("ps: %w", err)
	}
	if command := string(output); strings.Contains(command, "postgres") && strings.Contains(command, "-D "+dataDir) {
		return []int{pid}, nil
	}
	return nil, nil
}

// removeStalePID leaves the note to PostgreSQL, which checks its shared memory too: backends cannot be seen here.
func removeStalePID(string) error { return nil }
