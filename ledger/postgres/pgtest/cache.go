package pgtest

// Cache: a data directory with the roles and the migrated template, made once per schema and PostgreSQL release, and
// copied for each test binary. Making one takes a second, copying it a tenth of that.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"mizan/ledger/postgres"
)

// keep is the number of cached data directories that are left; the older ones are removed.
const keep = 4

// copyOfTemplate returns a fresh copy of the cached data directory, which is made first if need be.
func copyOfTemplate(ctx context.Context, bin postgres.Binaries) (string, error) {
	root, err := cacheRoot()
	if err != nil {
		return "", fmt.Errorf("find a cache directory: %w", err)
	}
	cached := filepath.Join(root, cacheKey(bin))
	if err := ensureCached(ctx, root, cached, bin); err != nil {
		return "", err
	}
	// Shared, so that nobody prunes the cache while it is copied.
	lock, err := lockFile(cached, syscall.LOCK_SH)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	// The lock on the copy is held as long as this process lives; the server removes the copy when the process ends.
	dir, remove, err := Scratch("mizan-pgtest")
	if err != nil {
		return "", err
	}
	if err := copyTree(cached, dir); err != nil {
		return "", errors.Join(fmt.Errorf("copy the test database: %w", err), remove())
	}
	removeCopy = remove
	return dir, nil
}

// removeCopy removes the copy of this process, and keeps its lock from being collected as garbage.
var removeCopy func() error

// cacheRoot returns a directory that belongs to this user alone.
func cacheRoot() (string, error) {
	base, err := os.UserCacheDir()
	root := filepath.Join(base, "mizan", "pgtest")
	if err == nil {
		err = os.MkdirAll(root, 0o700)
	}
	if err != nil {
		// A user without a home, as nobody is.
		root = filepath.Join(os.TempDir(), "mizan-pgtest-cache-"+strconv.Itoa(os.Getuid()))
		if err := os.MkdirAll(root, 0o700); err != nil {
			return "", err
		}
	}
	info, err := os.Stat(root)
	if err != nil {
		return "", err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Getuid() {
		return "", fmt.Errorf("%s belongs to another user", root)
	}
	return root, os.Chmod(root, 0o700)
}

// ensureCached makes the cached data directory unless it is there; one process at a time does it.
func ensureCached(ctx context.Context, root, cached string, bin postgres.Binaries) error {
	if _, err := os.Stat(cached); err == nil {
		return nil
	}
	lock, err := lockFile(cached, syscall.LOCK_EX)
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := os.Stat(cached); err == nil {
		return nil
	}
	prune(root)
	return build(ctx, cached, bin)
}

// build makes a data directory in the temporary directory, where the server's user can reach it, and copies it into the
// cache under its final name when it is complete.
func build(ctx context.Context, cached string, bin postgres.Binaries) error {
	parent, err := os.MkdirTemp("", "mizan-pgtest-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(parent)
	// The server runs as another user if we are root.
	if err := os.Chmod(parent, 0o711); err != nil {
		return err
	}
	config := privateConfig(bin, filepath.Join(parent, "data"))
	config.Disposable = false
	s, err := postgres.StartServer(ctx, config)
	if err != nil {
		return err
	}
	err = ensureTemplate(ctx, privateURL(s), templateName())
	if err := errors.Join(err, s.Stop(ctx)); err != nil {
		return fmt.Errorf("make the test database: %w", err)
	}
	fresh := cached + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return err
	}
	if err := copyTree(config.DataDir, fresh); err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	return os.Rename(fresh, cached)
}

// prune removes all but the newest cached data directories. Failing to is no reason to fail a test.
func prune(root string) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return
	}
	var dirs []fs.FileInfo
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && entry.IsDir() && !strings.HasSuffix(entry.Name(), ".new") {
			dirs = append(dirs, info)
		}
	}
	slices.SortFunc(dirs, func(a, b fs.FileInfo) int {
		return cmp.Or(b.ModTime().Compare(a.ModTime()), strings.Compare(a.Name(), b.Name()))
	})
	for _, old := range dirs[min(keep, len(dirs)):] {
		path := filepath.Join(root, old.Name())
		lock, err := lockFile(path, syscall.LOCK_EX|syscall.LOCK_NB)
		if err != nil {
			// Somebody is copying it.
			continue
		}
		// The lock file stays: removing it would let two processes hold "the" lock.
		_ = os.RemoveAll(path)
		_ = lock.Close()
	}
}

// lockFile locks the file beside path. The lock ends when the file is closed or the process ends.
func lockFile(path string, how int) (*os.File, error) {
	lock, err := os.OpenFile(path+".lock", os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(lock.Fd()), how)
		if err == nil {
			return lock, nil
		}
		// The runtime's own signals interrupt the wait.
		if !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(err, lock.Close())
		}
	}
}

// copyTree copies the data directory from into the existing directory to. What a stopped server leaves behind for people
// to read stays behind.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil || rel == "." || rel == "server.log" {
			return err
		}
		target := filepath.Join(to, rel)
		if entry.IsDir() {
			return os.Mkdir(target, 0o700)
		}
		return copyFile(path, target)
	})
}

// copyFile lets the kernel copy, or share where the file system can.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
