package postgres

// Data directory: made whole or not at all, owned by one process at a time, and freed from a server that was left behind.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"mizan/ledger/fault"
)

// ErrDataInUse means that another process runs a server on the same data.
var ErrDataInUse = fault.New(fault.Conflict, "data-in-use",
	"Another mizan is using this data directory. Stop it, or choose another directory with --data.")

// ErrDataVersion means that the data were written by another major version of PostgreSQL.
var ErrDataVersion = fault.New(fault.Unavailable, "data-version",
	"The data directory was written by another version of PostgreSQL.")

// lockData takes the lock beside the data directory. The kernel frees it when this process ends, however it ends.
func lockData(dataDir string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(dataDir), 0o755); err != nil { // #nosec G301 -- the database's own user passes through it; the data below have mode 700
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	lock, err := os.OpenFile(dataDir+".lock", os.O_RDONLY|os.O_CREATE, 0o644) // #nosec G302 G304 -- it is empty; whoever else would start here must learn that it is taken; beside or below the data directory, which the operator names
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(ErrDataInUse.Withf("Another mizan is using the data in %s. "+
			"Stop it, or choose another directory with --data.", dataDir), lock.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the data directory: %w", err), lock.Close())
	}
	return lock, nil
}

// prepareData makes the data directory if there is none, and returns who runs the server on it.
func prepareData(ctx context.Context, config ServerConfig) (identity, error) {
	version, err := os.ReadFile(filepath.Join(config.DataDir, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return initialize(ctx, config)
	}
	if err != nil {
		return identity{}, fmt.Errorf("read the data directory: %w", err)
	}
	if major := strings.TrimSpace(string(version)); major != strconv.Itoa(config.Bin.Major) {
		return identity{}, ErrDataVersion.Withf("The data in %s were written by PostgreSQL %s, and PostgreSQL %s was found. "+
			"Set MIZAN_POSTGRES_BIN to the programs of version %s, or choose another directory with --data.",
			config.DataDir, major, config.Bin.Version, major)
	}
	return chooseIdentity(ctx, config.DataDir, config.Bin)
}

// initialize runs initdb beside the data directory and moves the result into place, so that an interrupted start leaves
// nothing that looks like data.
func initialize(ctx context.Context, config ServerConfig) (identity, error) {
	// Fails, as it should, if there is something in it that is not ours.
	if err := os.Remove(config.DataDir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return identity{}, fmt.Errorf("the data directory is not empty and holds no database: %w", err)
	}
	fresh := config.DataDir + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return identity{}, err
	}
	if err := os.MkdirAll(filepath.Dir(fresh), 0o755); err != nil { // #nosec G301 -- the database's own user passes through it; the data below have mode 700
		return identity{}, err
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return identity{}, err
	}
	id, err := chooseIdentity(ctx, fresh, config.Bin)
	if err != nil {
		return identity{}, errors.Join(err, os.RemoveAll(fresh))
	}
	args := []string{"-D", fresh, "--username=" + superuser, "--auth-local=trust", "--auth-host=reject",
		"--encoding=UTF8", "--locale=C", "--data-checksums", "--no-instructions"}
	if !config.Durable {
		// Small log files make a data directory that is quick to copy.
		args = append(args, "--no-sync", "--wal-segsize=4")
	}
	if output, err := id.command(ctx, "/", config.Bin.path("initdb"), args...).CombinedOutput(); err != nil {
		return identity{}, errors.Join(ErrServerStart.Because(fmt.Errorf("initdb: %w: %s", err, output)), os.RemoveAll(fresh))
	}
	if err := os.Rename(fresh, config.DataDir); err != nil {
		return identity{}, errors.Join(err, os.RemoveAll(fresh))
	}
	return id, syncDir(filepath.Dir(config.DataDir))
}

// syncDir makes the rename itself durable.
func syncDir(path string) error {
	dir, err := os.Open(path) // #nosec G304 -- beside or below the data directory, which the operator names
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// evict stops a server that was left running on the data by a process that was killed, and removes what remains of it.
// Its supervisor is stopping it too, usually; then evict only waits. The caller holds the lock.
func evict(ctx context.Context, dataDir string) error {
	steps := []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, 15 * time.Second}, {syscall.SIGQUIT, 5 * time.Second}, {syscall.SIGKILL, 5 * time.Second}}
	for _, step := range steps {
		left, err := postgresOn(dataDir)
		if err != nil {
			return fmt.Errorf("look for a server left behind: %w", err)
		}
		if len(left) == 0 {
			return removeStalePID(dataDir)
		}
		for _, pid := range orderedVictims(left, postmasterPID(dataDir), step.signal) {
			if err := syscall.Kill(pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("stop the server left behind (process %d): %w", pid, err)
			}
		}
		if err := waitGone(ctx, dataDir, step.wait); err != nil {
			return err
		}
	}
	if left, err := postgresOn(dataDir); err != nil || len(left) > 0 {
		return ErrDataInUse.Withf("A PostgreSQL left behind still runs on %s and cannot be stopped. "+
			"Stop processes %v, then start again.", dataDir, left).Because(err)
	}
	return removeStalePID(dataDir)
}

// orderedVictims spares the backends while their postmaster lives, because it stops them in good order itself.
func orderedVictims(left []int, postmaster int, signal syscall.Signal) []int {
	if signal != syscall.SIGKILL {
		for _, pid := range left {
			if pid == postmaster {
				return []int{pid}
			}
		}
	}
	return left
}

// waitGone waits until no server runs on the data, at most for limit.
func waitGone(ctx context.Context, dataDir string, limit time.Duration) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	expired := time.NewTimer(limit)
	defer expired.Stop()
	for {
		left, err := postgresOn(dataDir)
		if err != nil || len(left) == 0 {
			return err
		}
		select {
		case <-ticker.C:
		case <-expired.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// postmasterPID reads the process id that a server wrote into its data directory, 0 if there is none.
func postmasterPID(dataDir string) int {
	content, err := os.ReadFile(filepath.Join(dataDir, "postmaster.pid")) // #nosec G304 -- beside or below the data directory, which the operator names
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || pid <= 1 {
		return 0
	}
	return pid
}

// openLog opens the server's log for appending and keeps it from growing for ever.
func openLog(path string) (*os.File, error) {
	const large = 8 << 20
	if info, err := os.Stat(path); err == nil && info.Size() > large {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600) // #nosec G304 -- beside or below the data directory, which the operator names
}

// lastWords returns the end of a log.
func lastWords(path string) string {
	content, err := os.ReadFile(path) // #nosec G304 -- beside or below the data directory, which the operator names
	if err != nil {
		return err.Error()
	}
	const enough = 2000
	return strings.TrimSpace(string(content[max(0, len(content)-enough):]))
}
