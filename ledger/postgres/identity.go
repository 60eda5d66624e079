package postgres

// Identity: the user that the private server runs as. PostgreSQL refuses to run as root, so root hands the server to
// another user, or, where that is not allowed or that user cannot reach the files, hides being root in a user namespace.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"mizan/ledger/fault"
)

// ErrNoIdentity means that no user was found that the private server could run as.
var ErrNoIdentity = fault.New(fault.Unavailable, "postgres-no-user",
	"PostgreSQL does not run as root, and no other user could be used. Run mizan as an ordinary user, or put its data "+
		"where other users may enter, for example --data /var/lib/mizan.")

// nobody is the user of last resort.
const nobody = 65534

// identity is one way of running a program as somebody.
type identity struct {
	name     string
	uid, gid int // who owns the files, seen from outside
	attr     *syscall.SysProcAttr
}

// command is a program run under the identity, in a session of its own so that Ctrl-C in a terminal reaches only mizan,
// and in an environment that cannot change what PostgreSQL does.
func (id identity) command(ctx context.Context, dir, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...) // #nosec G204 -- PostgreSQL's programs, from the directory that was found
	cmd.Dir = dir
	cmd.Env = cleanEnv(os.Environ())
	attr := *id.attr
	attr.Setsid = true
	cmd.SysProcAttr = &attr
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

func cleanEnv(env []string) []string {
	kept := []string{"LC_ALL=C"}
	for _, variable := range env {
		if strings.HasPrefix(variable, "PATH=") || strings.HasPrefix(variable, "TMPDIR=") ||
			strings.HasPrefix(variable, "LD_LIBRARY_PATH=") || strings.HasPrefix(variable, "DYLD_") {
			kept = append(kept, variable)
		}
	}
	return kept
}

// chooseIdentity gives dataDir to the first identity that works and returns it. dataDir must exist.
func chooseIdentity(ctx context.Context, dataDir string, bin Binaries) (identity, error) {
	candidates, err := identities(dataDir)
	if err != nil {
		return identity{}, err
	}
	var reasons []error
	for _, id := range candidates {
		err := id.take(ctx, dataDir, bin)
		if err == nil {
			return id, nil
		}
		reasons = append(reasons, fmt.Errorf("%s: %w", id.name, err))
	}
	return identity{}, ErrNoIdentity.Because(errors.Join(reasons...))
}

// identities lists the ways to try, best first.
func identities(dataDir string) ([]identity, error) {
	uid, gid := os.Getuid(), os.Getgid()
	if uid != 0 {
		return []identity{{"this user", uid, gid, &syscall.SysProcAttr{}}}, nil
	}
	otherUID, otherGID, err := ownerOf(dataDir)
	if err != nil {
		return nil, err
	}
	if otherUID == 0 {
		// Data that already belongs to somebody stays with them; new data goes to postgres.
		otherUID, otherGID = postgresUser()
	}
	credential := &syscall.Credential{Uid: uint32(otherUID), Gid: uint32(otherGID)}
	other := identity{"user " + strconv.Itoa(otherUID), otherUID, otherGID, &syscall.SysProcAttr{Credential: credential}}
	return append([]identity{other}, namespaced(uid, gid)...), nil
}

func postgresUser() (uid, gid int) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nobody, nobody
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err1 != nil || err2 != nil || uid == 0 {
		return nobody, nobody
	}
	return uid, gid
}

// take makes dataDir the identity's own and shows that it can work there.
func (id identity) take(ctx context.Context, dataDir string, bin Binaries) error {
	if err := id.own(dataDir); err != nil {
		return err
	}
	// The directory is entered by name, because a working directory is inherited past locked doors.
	const trial = `cd "$1" && test -w . && "$2" --version && "$3" --version`
	cmd := id.command(ctx, "/", "/bin/sh", "-c", trial, "sh", dataDir, bin.path("initdb"), bin.path("postgres"))
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(output)))
	}
	return nil
}

// own gives path and all below to the identity, unless path is its own already. Links are not followed, and no directory that is put in
// the way of the walk leads out of path.
func (id identity) own(path string) error {
	if os.Getuid() != 0 {
		return nil
	}
	uid, _, err := ownerOf(path)
	if err != nil || uid == id.uid {
		return err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	err = fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(name, id.uid, id.gid)
	})
	return errors.Join(err, root.Close())
}

func ownerOf(path string) (uid, gid int, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, fmt.Errorf("the owner of %s is unknown", path)
	}
	return int(stat.Uid), int(stat.Gid), nil
}
