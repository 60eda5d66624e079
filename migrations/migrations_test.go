package migrations_test

import (
	"context"
	"errors"
	"io/fs"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"
	"mizan/migrations"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// files makes a set of migrations from names and statements.
func files(pairs ...string) fstest.MapFS {
	set := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		set[pairs[i]] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + pairs[i+1] + "\n")}
	}
	return set
}

// connect returns a connection of the owner's that has executed a statement, until the test ends.
func connect(t *testing.T, db *pgtest.DB, sql string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
	return conn
}

var unreleased = migrations.Options{Unreleased: true}

func TestApplyTwice(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.Unmigrated())
	names, _, err := migrations.Sums(migrations.Files())
	if err != nil {
		t.Fatal(err)
	}
	if pending, err := migrations.Pending(t.Context(), db.OwnerURL); err != nil || pending != len(names) {
		t.Errorf("pending at first: %d, %v", pending, err)
	}
	first, err := migrations.Apply(t.Context(), db.OwnerURL, unreleased)
	want := migrations.Result{From: 0, To: migrations.Latest(), Applied: names}
	if diff := cmp.Diff(want, first); err != nil || diff != "" {
		t.Fatalf("%v %s", err, diff)
	}
	second, err := migrations.Apply(t.Context(), db.OwnerURL, unreleased)
	want = migrations.Result{From: migrations.Latest(), To: migrations.Latest()}
	if diff := cmp.Diff(want, second); err != nil || diff != "" {
		t.Errorf("again: %v %s", err, diff)
	}
	// The application must be able to tell whether it fits the schema.
	if version, err := migrations.Version(t.Context(), db.AppURL); err != nil || version != migrations.Latest() {
		t.Errorf("version: %d, %v", version, err)
	}
	if pending, err := migrations.Pending(t.Context(), db.AppURL); err != nil || pending != 0 {
		t.Errorf("pending: %d, %v", pending, err)
	}
}

func TestApplyConcurrently(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.Unmigrated())
	set := files(
		"00001_first.sql", "CREATE TABLE first (n int);",
		"00002_index.sql", "-- +goose NO TRANSACTION\nCREATE INDEX CONCURRENTLY first_n ON first (n);",
		"00003_second.sql", "CREATE TABLE second (n int);")
	var group sync.WaitGroup
	var mu sync.Mutex
	var applied []string
	for range 6 {
		group.Go(func() {
			result, err := migrations.ApplyFiles(t.Context(), db.OwnerURL, set, "", unreleased)
			if err != nil || result.To != 3 {
				t.Errorf("%+v, %v", result, err)
			}
			mu.Lock()
			defer mu.Unlock()
			applied = append(applied, result.Applied...)
		})
	}
	group.Wait()
	if diff := cmp.Diff([]string{"00001_first.sql", "00002_index.sql", "00003_second.sql"}, applied); diff != "" {
		t.Errorf("each file must be applied once: %s", diff)
	}
}

func TestApplyRefusesAChangedFile(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.Unmigrated())
	set := files("00001_first.sql", "CREATE TABLE first (n int);")
	if _, err := migrations.ApplyFiles(t.Context(), db.OwnerURL, set, "", unreleased); err != nil {
		t.Fatal(err)
	}
	changed := files("00001_first.sql", "CREATE TABLE first (n bigint);", "00002_second.sql", "CREATE TABLE second (n int);")
	_, err := migrations.ApplyFiles(t.Context(), db.OwnerURL, changed, "", unreleased)
	if !errors.Is(err, migrations.ErrChanged) || !strings.Contains(err.Error(), "00001_first.sql") {
		t.Errorf("got %v", err)
	}
	if version, err := migrations.Version(t.Context(), db.OwnerURL); err != nil || version != 1 {
		t.Errorf("the database was touched: version %d, %v", version, err)
	}
	// A database that is newer than the program is left alone, but its history still counts.
	newer := files("00001_first.sql", "CREATE TABLE first (n int);", "00002_second.sql", "CREATE TABLE second (n int);")
	if _, err := migrations.ApplyFiles(t.Context(), db.OwnerURL, newer, "", unreleased); err != nil {
		t.Fatal(err)
	}
	result, err := migrations.ApplyFiles(t.Context(), db.OwnerURL, set, "", unreleased)
	if err != nil || result.From != 2 || result.To != 2 {
		t.Errorf("an older program: %+v, %v", result, err)
	}
	if _, err := migrations.ApplyFiles(t.Context(), db.OwnerURL, files("00001_first.sql", "--"), "", unreleased); !errors.Is(err, migrations.ErrChanged) {
		t.Errorf("an older program with a changed file: %v", err)
	}
}

func TestApplyRefusesWhatWasNotReleased(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.Unmigrated())
	set := files("00001_first.sql", "CREATE TABLE first (n int);")
	_, sums, err := migrations.Sums(set)
	if err != nil {
		t.Fatal(err)
	}
	line := sums[0] + "  00001_first.sql\n"
	other := strings.Repeat("0", 64)
	for name, released := range map[string]string{
		"is not listed":       "",
		"differs":             other + "  00001_first.sql\n",
		"another is missing":  line + other + "  00002_gone.sql\n",
		"the list is garbled": "garbled",
	} {
		if _, err := migrations.ApplyFiles(t.Context(), db.OwnerURL, set, released, migrations.Options{}); err == nil {
			t.Errorf("%s: applied", name)
		}
	}
	if _, err := migrations.ApplyFiles(t.Context(), db.OwnerURL, set, line, migrations.Options{}); err != nil {
		t.Errorf("released: %v", err)
	}
}

func TestApplyStopsAtAFailureAndGoesOn(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.Unmigrated())
	broken := files("00001_first.sql", "CREATE TABLE first (n int);",
		"00002_second.sql", "CREATE TABLE second (n int); SELECT 1/0;", "00003_third.sql", "CREATE TABLE third (n int);")
	result, err := migrations.ApplyFiles(t.Context(), db.OwnerURL, broken, "", unreleased)
	want := migrations.Result{To: 1, Applied: []string{"00001_first.sql"}}
	if diff := cmp.Diff(want, result); postgres.SQLState(err) != "22012" || diff != "" {
		t.Fatalf("%v %s", err, diff)
	}
	// The file that was never applied may be put right.
	broken["00002_second.sql"] = files("00002_second.sql", "CREATE TABLE second (n int);")["00002_second.sql"]
	result, err = migrations.ApplyFiles(t.Context(), db.OwnerURL, broken, "", unreleased)
	want = migrations.Result{From: 1, To: 3, Applied: []string{"00002_second.sql", "00003_third.sql"}}
	if diff := cmp.Diff(want, result); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// Postings queue behind a migration that waits for a lock, so that it must not wait long.
func TestApplyWaitsBrieflyForALock(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.Unmigrated())
	set := files("00001_first.sql", "CREATE TABLE first (n int);")
	if _, err := migrations.ApplyFiles(t.Context(), db.OwnerURL, set, "", unreleased); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, db, `BEGIN; SELECT * FROM first`)
	set["00002_alter.sql"] = files("00002_alter.sql", "ALTER TABLE first ADD COLUMN m int;")["00002_alter.sql"]
	opts := migrations.Options{Unreleased: true, LockTimeout: 50 * time.Millisecond}
	if _, err := migrations.ApplyFiles(t.Context(), db.OwnerURL, set, "", opts); postgres.SQLState(err) != "55P03" {
		t.Errorf("got %v", err)
	}
	if _, err := conn.Exec(t.Context(), `COMMIT`); err != nil {
		t.Fatal(err)
	}
	if result, err := migrations.ApplyFiles(t.Context(), db.OwnerURL, set, "", opts); err != nil || result.To != 2 {
		t.Errorf("%+v, %v", result, err)
	}
}

// TestIndexesBeside: an index that is made beside the work that goes on waits for the readers who began before it, for as long as they read.
func TestIndexesBeside(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.Unmigrated())
	set := files("00001_first.sql", "CREATE TABLE first (n int); CREATE TABLE other (n int);")
	if _, err := migrations.ApplyFiles(t.Context(), db.OwnerURL, set, "", unreleased); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, db, `BEGIN; INSERT INTO first VALUES (1)`)
	set["00002_index.sql"] = &fstest.MapFile{Data: []byte("-- +goose NO TRANSACTION\n-- +goose Up\nDROP INDEX CONCURRENTLY IF EXISTS first_n;\nCREATE INDEX CONCURRENTLY first_n ON first (n);\n")}
	set["00003_alter.sql"] = files("00003_alter.sql", "ALTER TABLE other ADD COLUMN m int;")["00003_alter.sql"]
	done := make(chan error, 1)
	go func() {
		_, err := migrations.ApplyFiles(t.Context(), db.OwnerURL, set, "", migrations.Options{Unreleased: true, LockTimeout: time.Millisecond})
		done <- err
	}()
	looker := connect(t, db, "") // who is in a transaction sees one and the same activity
	waits := func() (n int) {
		if err := looker.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'CREATE INDEX%'
			AND clock_timestamp() - query_start > interval '20 milliseconds'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for waits() == 0 {
		select {
		case err := <-done:
			t.Fatalf("it did not wait: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	if _, err := conn.Exec(t.Context(), `COMMIT`); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("the reader has ended: %v", err)
	}
}

// TestBesideIsAlone: a file that may wait for long does nothing that others would wait for meanwhile.
func TestBesideIsAlone(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(migrations.Files(), "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	found := 0
	for _, name := range names {
		content, err := fs.ReadFile(migrations.Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(content), "INDEX CONCURRENTLY") {
			continue
		}
		found++
		for statement := range strings.SplitSeq(regexp.MustCompile(`(?m)^--.*$`).ReplaceAllString(string(content), ""), ";") {
			if s := strings.TrimSpace(statement); s != "" && !regexp.MustCompile(`^(CREATE( UNIQUE)?|DROP) INDEX CONCURRENTLY `).MatchString(s) {
				t.Errorf("%s: beside indexes it has %s", name, s)
			}
		}
	}
	if found == 0 {
		t.Error("no migration makes an index beside the work that goes on")
	}
}

func TestApplyRefusesUnorderedFiles(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]fs.FS{
		"no files":        fstest.MapFS{},
		"a number twice":  files("00001_a.sql", "", "00001_b.sql", ""),
		"without number":  files("first.sql", ""),
		"out of sequence": files("10_a.sql", "", "9_b.sql", ""),
	} {
		if _, err := migrations.ApplyFiles(t.Context(), "postgres:///unused", set, "", unreleased); err == nil {
			t.Errorf("%s: applied", name)
		}
	}
}

// TestAddressesAgain: the migration that exchanges the rule of addresses commits statement by statement, so it may be run again
// from the beginning, wherever it was interrupted; and it checks what stands while others post.
func TestAddressesAgain(t *testing.T) {
	t.Parallel()
	content, err := fs.ReadFile(migrations.Files(), "00018_addresses.sql")
	if err != nil {
		t.Fatal(err)
	}
	_, up, _ := strings.Cut(string(content), "-- +goose Up\n")
	statements := strings.SplitAfter(up, ";\n")
	if len(statements) < 5 {
		t.Fatalf("%d statements", len(statements))
	}
	conn, err := pgx.Connect(t.Context(), pgtest.New(t).OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for stop := range statements {
		for _, list := range [][]string{statements[:stop], statements} {
			for _, sql := range list {
				if _, err := conn.Exec(t.Context(), sql); err != nil {
					t.Fatalf("stopped after %d: %v: %s", stop, err, sql)
				}
			}
		}
		var names string
		if err := conn.QueryRow(t.Context(), `SELECT string_agg(conname, ' ') FROM pg_constraint WHERE conrelid = 'accounts'::regclass AND conname LIKE 'accounts_address_%' AND contype = 'c' AND convalidated`).Scan(&names); err != nil {
			t.Fatal(err)
		}
		if names != "accounts_address_check" {
			t.Errorf("stopped after %d: %s", stop, names)
		}
	}
}
