package postgres

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Running finds the private server that another process has started on a data directory, so that a command can look at
// the books while they are served. It returns the server's addresses; false if none runs there, or if it is not ours to
// enter.
func Running(dataDir string) (address func(role, database string) string, ok bool) {
	content, err := os.ReadFile(filepath.Join(dataDir, "postmaster.pid")) // #nosec G304 -- beside or below the data directory, which the operator names
	if err != nil {
		return nil, false
	}
	// The lines are process, data, start, port, directory of the socket, address, shared memory, state.
	lines := strings.Split(string(content), "\n")
	if len(lines) < 8 || strings.TrimSpace(lines[7]) != "ready" {
		return nil, false
	}
	s := &Server{socketDir: lines[4]}
	conn, err := net.DialTimeout("unix", filepath.Join(s.socketDir, ".s.PGSQL."+strings.TrimSpace(lines[3])), time.Second)
	if err != nil {
		return nil, false
	}
	_ = conn.Close()
	return s.URL, true
}
