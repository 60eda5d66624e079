package journal

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// read lets a program read the sample, which goes over several days, and returns what it says.
func read(t *testing.T, f Format, program string, args ...string) (string, error) {
	t.Helper()
	found, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is missing, which checks that others can read our exports. Install the package %s (Debian, Ubuntu: apt-get install %s), or run make tools.", program, f, f)
	}
	file := filepath.Join(t.TempDir(), "sample")
	if err := os.WriteFile(file, []byte(writeSample(t, f)), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "FILE", file)
	}
	cmd := exec.CommandContext(t.Context(), found, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "BEANCOUNT_DISABLE_LOAD_CACHE=1")
	said, err := cmd.CombinedOutput()
	return string(said), err
}

func TestHledgerReadsTheSample(t *testing.T) {
	t.Parallel()
	if said, err := read(t, Hledger, "hledger", "-f", "FILE", "check", "--strict", "ordereddates", "assertions"); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	said, err := read(t, Hledger, "hledger", "-f", "FILE", "print", "date2:2026-11-19")
	if err != nil || !strings.Contains(said, "(uk-1)") || strings.Contains(said, "(uk-2)") {
		t.Errorf("by the day of occurrence: %v\n%s", err, said)
	}
}
