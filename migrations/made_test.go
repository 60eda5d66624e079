package migrations_test

import (
	"flag"
	"os"
	"testing"
	"time"

	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"
	"mizan/migrations"

	"github.com/google/go-cmp/cmp"
)

var updateMade = flag.Bool("update-made", false, "write what the migrations make to MADE")

// MADE is what the migrations make on a real server.
func TestMade(t *testing.T) {
	t.Parallel()
	e, err := postgres.Examine(t.Context(), pgtest.New(t).AppURL, migrations.AppendOnly(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if *updateMade {
		if err := os.WriteFile("MADE", []byte(e.Schema.Lines()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(migrations.Made(), e.Schema.Lines()); diff != "" {
		t.Errorf("MADE is not what the migrations make. Write it with: go test ./migrations -run TestMade -update-made\n%s", diff)
	}
}
