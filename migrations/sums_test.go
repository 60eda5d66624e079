package migrations_test

import (
	"flag"
	"io/fs"
	"os"
	"strings"
	"testing"

	"mizan/migrations"
)

var updateSums = flag.Bool("update-sums", false, "append new migrations to SUMS")

// A released migration never changes: other databases were made with it.
func TestSums(t *testing.T) {
	content, err := os.ReadFile("SUMS")
	if err != nil {
		t.Fatal(err)
	}
	listed, err := migrations.ParseSums(string(content))
	if err != nil {
		t.Fatal(err)
	}
	names, sums, err := migrations.Sums(os.DirFS("sql"))
	if err != nil {
		t.Fatal(err)
	}
	var added strings.Builder
	for i, name := range names {
		switch listed[name] {
		case sums[i]:
		case "":
			if !*updateSums {
				t.Errorf("%s is not in SUMS. Add it with: go test ./migrations -run TestSums -update-sums", name)
			}
			added.WriteString(sums[i] + "  " + name + "\n")
		default:
			t.Errorf("%s has changed. If it was ever released, restore it and put the change into a new file. "+
				"If not, delete its line from SUMS and run: go test ./migrations -run TestSums -update-sums", name)
		}
		delete(listed, name)
	}
	for name := range listed {
		t.Errorf("%s is in SUMS and is missing", name)
	}
	if t.Failed() || added.Len() == 0 {
		return
	}
	if err := os.WriteFile("SUMS", append(content, added.String()...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Going back is done by going forward: a migration that undoes another loses what was posted since.
func TestForwardOnly(t *testing.T) {
	names, _, err := migrations.Sums(migrations.Files())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		content, err := fs.ReadFile(migrations.Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.ToLower(string(content)), "+goose down") {
			t.Errorf("%s has a way down", name)
		}
		if !strings.Contains(string(content), "-- +goose Up\n") {
			t.Errorf("%s has no line -- +goose Up", name)
		}
	}
}

func TestParseSumsRefuses(t *testing.T) {
	sum := strings.Repeat("a", 64)
	for _, text := range []string{"x", sum + " one-space.sql", sum + "  ", sum[1:] + "  short.sql", sum + "  a.sql\n" + sum + "  a.sql"} {
		if _, err := migrations.ParseSums(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}
