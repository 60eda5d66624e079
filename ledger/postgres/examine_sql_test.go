package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"
	"mizan/migrations"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// What the role of the application may do is nothing to speak of, and every other right is told.
func TestExamine(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	super, err := pgx.Connect(t.Context(), db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = super.Close(context.Background()) })
	examine := func(t *testing.T, url string) postgres.Examination {
		t.Helper()
		e, err := postgres.Examine(t.Context(), url, migrations.AppendOnly(), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	e := examine(t, db.AppURL)
	if len(e.Powers)+len(e.Changeable)+len(e.Unguarded) > 0 || e.Role != "mizan_app" || e.Standby || e.Major < postgres.OldestMajor || e.Bytes == 0 || e.Partitions == 0 ||
		e.Connections.Max == 0 || e.DataDirectory != "" || e.Ahead.Abs() > e.Doubt+time.Second {
		t.Errorf("the application: %+v", e)
	}
	if e.Settings["fsync"] != "off" || e.Settings["full_page_writes"] != "off" || e.Settings["data_checksums"] != "on" || e.Settings["synchronous_commit"] != "on" {
		t.Errorf("the server of the tests has %v", e.Settings)
	}
	if lazy := examine(t, db.AppURL+"&options=-c%20synchronous_commit%3Doff"); lazy.Settings["synchronous_commit"] != "off" {
		t.Errorf("the session's own setting is not told: %v", lazy.Settings)
	}
	for _, ahead := range []time.Duration{3 * time.Minute, -3 * time.Minute} {
		late, err := postgres.Examine(t.Context(), db.AppURL, nil, func() time.Time { return time.Now().Add(-ahead) })
		if err != nil || (late.Ahead-ahead).Abs() > late.Doubt+time.Second {
			t.Errorf("a clock that is %s ahead is told to be %s (%v)", ahead, late.Ahead, err)
		}
	}
	if e := examine(t, db.SuperURL); e.DataDirectory == "" || len(e.Powers) == 0 || !strings.Contains(e.Powers[0], "superuser") {
		t.Errorf("a superuser: %+v", e)
	}
	// Each right alone is found, and given back before the next.
	role := "mizan_try_" + db.Name[len(db.Name)-8:]
	owner := "mizan_owns_" + db.Name[len(db.Name)-8:]
	for _, made := range []string{"CREATE ROLE " + role + " LOGIN", "CREATE ROLE " + owner, "GRANT CONNECT ON DATABASE " + db.Name + " TO " + role} {
		run(t, super, made)
	}
	t.Cleanup(func() {
		for _, drop := range []string{"DROP OWNED BY " + role, "DROP ROLE " + role, "DROP ROLE " + owner} {
			if _, err := super.Exec(context.Background(), drop); err != nil {
				t.Error(err)
			}
		}
	})
	mine := strings.Replace(db.AppURL, "mizan_app", role, 1)
	for _, c := range []struct{ give, take, power string }{
		{"ALTER ROLE %s SUPERUSER", "ALTER ROLE %s NOSUPERUSER", "superuser"},
		{"ALTER ROLE %s BYPASSRLS", "ALTER ROLE %s NOBYPASSRLS", "row-level security"},
		{"ALTER ROLE %s CREATEROLE", "ALTER ROLE %s NOCREATEROLE", "create roles"},
		{"ALTER ROLE %s CREATEDB", "ALTER ROLE %s NOCREATEDB", "create databases"},
		{"ALTER ROLE %s REPLICATION", "ALTER ROLE %s NOREPLICATION", "replicate"},
		{"GRANT pg_write_all_data TO %s", "REVOKE pg_write_all_data FROM %s", "pg_write_all_data"},
		{"GRANT pg_execute_server_program TO %s", "REVOKE pg_execute_server_program FROM %s", "pg_execute_server_program"},
		{"GRANT mizan_owner TO %s", "REVOKE mizan_owner FROM %s", "owns tables"},
		{"GRANT CREATE ON SCHEMA public TO %s", "REVOKE CREATE ON SCHEMA public FROM %s", "in the schema public"},
		{"GRANT CREATE ON DATABASE " + db.Name + " TO %s", "REVOKE CREATE ON DATABASE " + db.Name + " FROM %s", "create schemas"},
		{"GRANT SET ON PARAMETER session_replication_role TO %s", "REVOKE SET ON PARAMETER session_replication_role FROM %s", "session_replication_role"},
		{"GRANT TEMPORARY ON DATABASE " + db.Name + " TO %s", "REVOKE TEMPORARY ON DATABASE " + db.Name + " FROM %s", "temporary tables"},
		// Who may become a role that could need not be it, and need not inherit.
		{"ALTER ROLE " + owner + " SUPERUSER; ALTER ROLE %[1]s NOINHERIT; GRANT " + owner + " TO %[1]s", "REVOKE " + owner + " FROM %s; ALTER ROLE " + owner + " NOSUPERUSER", "superuser"},
	} {
		run(t, super, fmt.Sprintf(c.give, role))
		if e := examine(t, mine); !slices.ContainsFunc(e.Powers, func(p string) bool { return strings.Contains(p, c.power) }) {
			t.Errorf("after %s it is told %q", c.give, e.Powers)
		}
		run(t, super, fmt.Sprintf(c.take, role))
	}
	if e := examine(t, mine); len(e.Powers) > 0 {
		t.Errorf("what was taken back is told: %q", e.Powers)
	}
	for _, c := range []struct{ give, take, table string }{
		{"GRANT UPDATE ON entries TO %s", "REVOKE UPDATE ON entries FROM %s", "entries (UPDATE)"},
		{"GRANT UPDATE (memo) ON transactions TO %s", "REVOKE UPDATE (memo) ON transactions FROM %s", "transactions (UPDATE)"},
		{"GRANT DELETE, TRUNCATE ON audit_rows TO PUBLIC", "REVOKE DELETE, TRUNCATE ON audit_rows FROM PUBLIC", "audit_rows (DELETE, TRUNCATE)"},
		{"GRANT TRIGGER ON payout_steps TO %s", "REVOKE TRIGGER ON payout_steps FROM %s", "payout_steps (TRIGGER)"},
		{"GRANT DELETE ON entries_p000001 TO %s", "REVOKE DELETE ON entries_p000001 FROM %s", "entries_p000001 (DELETE)"},
	} {
		run(t, super, strings.ReplaceAll(c.give, "%s", role))
		if e := examine(t, mine); !slices.Equal(e.Changeable, []string{c.table}) {
			t.Errorf("after %s it is told %q", c.give, e.Changeable)
		}
		run(t, super, strings.ReplaceAll(c.take, "%s", role))
	}
	// What comes to be as it should is not told, as further partitions; every grant and every change beyond that is.
	run(t, super, "SELECT prepare_partitions(900001)")
	for _, url := range []string{db.AppURL, mine} {
		if d := examine(t, url).Schema.Against(migrations.Made()); len(d.Changed)+len(d.Missing)+len(d.Added)+len(d.Granted) > 0 {
			t.Errorf("nothing was changed, and it is told %+v", d)
		}
	}
	tx, err := super.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run(t, tx, "CREATE SEQUENCE eve; CREATE VIEW seen AS SELECT 1 AS one")
	var want postgres.Departures
	for _, c := range []struct{ give, told string }{
		{"GRANT SELECT ON accounts TO %s", ""}, // as mizan_app has it
		{"GRANT UPDATE ON accounts TO %s", "UPDATE ON table public.accounts TO the role"},
		{"GRANT UPDATE (address) ON accounts TO PUBLIC", "UPDATE (address) ON table public.accounts TO PUBLIC"},
		{"GRANT SELECT ON books TO PUBLIC", "SELECT ON table public.books TO PUBLIC"},
		{"GRANT SELECT ON balances TO %s WITH GRANT OPTION", "SELECT ON table public.balances TO the role WITH GRANT OPTION"},
		{"GRANT SELECT ON entries_p000002 TO %s", "SELECT ON table public.entries_p000002 TO the role"},
		{"GRANT EXECUTE ON FUNCTION guard_table(regclass, text) TO PUBLIC", "EXECUTE ON function public.guard_table(target regclass, seal text) TO PUBLIC"},
		{"GRANT CREATE ON SCHEMA river TO PUBLIC", "CREATE ON schema river TO PUBLIC"},
		{"GRANT UPDATE ON SEQUENCE eve TO %s", "UPDATE ON sequence public.eve TO the role"},
		{"GRANT SELECT ON seen TO PUBLIC", "SELECT ON table public.seen TO PUBLIC"},
		{"ALTER DEFAULT PRIVILEGES FOR ROLE mizan_owner IN SCHEMA public GRANT DELETE ON TABLES TO PUBLIC", "DELETE ON tables to come TO PUBLIC"},
		// By a role that it may become.
		{"GRANT DELETE ON rail_paces TO " + owner + "; GRANT " + owner + " TO %s", "DELETE ON table public.rail_paces TO the role"},
	} {
		run(t, tx, strings.ReplaceAll(c.give, "%s", role))
		if c.told != "" {
			want.Granted = append(want.Granted, c.told)
		}
	}
	for _, c := range []struct{ harm, changed, missing, added string }{
		{harm: "CREATE OR REPLACE FUNCTION seal_entries() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$ BEGIN RETURN NULL; END $$", changed: "function public.seal_entries()"},
		{harm: "ALTER FUNCTION seal_transactions() RESET search_path", changed: "function public.seal_transactions()"},
		{harm: "ALTER FUNCTION guard_payout() SECURITY DEFINER", changed: "function public.guard_payout()"},
		{harm: "ALTER FUNCTION refuse_change() OWNER TO " + owner, changed: "function public.refuse_change()"},
		{harm: "ALTER FUNCTION guard_person() RENAME TO guard_persons", changed: "table public.people", missing: "function public.guard_person()", added: "function public.guard_persons()"},
		{harm: "CREATE FUNCTION lower(varchar) RETURNS text LANGUAGE sql AS 'SELECT $1::text'", added: "function public.lower(character varying)"},
		// What comes with an extension is no addition, and no disguise either.
		{harm: "CREATE FUNCTION eve() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER EXTENSION plpgsql ADD FUNCTION eve()"},
		{harm: "CREATE OR REPLACE FUNCTION guard_hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$; ALTER EXTENSION plpgsql ADD FUNCTION guard_hold()", changed: "function public.guard_hold()"},
		{harm: "ALTER TABLE payouts DISABLE TRIGGER moves_on", changed: "table public.payouts"},
		{harm: "DROP TRIGGER seal ON entries_p000002", changed: "table public.entries_p000002"},
		{harm: "ALTER TABLE earnings_cursors DISABLE TRIGGER ALL", changed: "table public.earnings_cursors"}, // those of its foreign keys
		{harm: "CREATE RULE eve AS ON INSERT TO audit_rows DO INSTEAD NOTHING", changed: "table public.audit_rows"},
		{harm: "ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY", changed: "table public.api_keys"},
		{harm: "ALTER TABLE payee_questions ALTER COLUMN question DROP NOT NULL", changed: "table public.payee_questions"},
		{harm: "ALTER TABLE accounts DROP CONSTRAINT accounts_address_check", changed: "table public.accounts"},
		{harm: "ALTER TABLE earnings SET UNLOGGED", changed: "table public.earnings"},
		{harm: "DROP TABLE payout_debts", missing: "table public.payout_debts"},
	} {
		run(t, tx, c.harm)
		for list, name := range map[*[]string]string{&want.Changed: c.changed, &want.Missing: c.missing, &want.Added: c.added} {
			if name != "" {
				*list = append(*list, name)
			}
		}
	}
	want.Granted = append(want.Granted, "EXECUTE ON function public.lower(character varying) TO PUBLIC") // as everybody may call what is made
	run(t, tx, "SET LOCAL ROLE "+role)
	harmed, err := postgres.SchemaWithin(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]string{want.Changed, want.Missing, want.Added, want.Granted} {
		slices.Sort(list)
	}
	if diff := cmp.Diff(want, harmed.Against(migrations.Made())); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct{ harm, table string }{
		{"ALTER TABLE entries_p000001 DISABLE TRIGGER append_only", "entries_p000001"},
		{"ALTER TABLE statements ENABLE TRIGGER never_truncated", "statements"},
		{"DROP TRIGGER append_only ON audit_rows", "audit_rows"},
		// Put back so that they look the same and let something pass.
		{"DROP TRIGGER append_only ON receipts; CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON receipts FOR EACH STATEMENT WHEN (pg_trigger_depth() > 9) EXECUTE FUNCTION refuse_change(); ALTER TABLE receipts ENABLE ALWAYS TRIGGER append_only", "receipts"},
		{"DROP TRIGGER append_only ON payees; CREATE TRIGGER append_only BEFORE UPDATE ON payees FOR EACH STATEMENT EXECUTE FUNCTION refuse_change(); ALTER TABLE payees ENABLE ALWAYS TRIGGER append_only", "payees"},
		{"DROP TRIGGER append_only ON recon_rules; CREATE TRIGGER append_only BEFORE UPDATE OF book_id OR DELETE ON recon_rules FOR EACH STATEMENT EXECUTE FUNCTION refuse_change(); ALTER TABLE recon_rules ENABLE ALWAYS TRIGGER append_only", "recon_rules"},
	} {
		run(t, super, c.harm)
		if e := examine(t, mine); !slices.Contains(e.Unguarded, c.table) {
			t.Errorf("after %s it is told %q", c.harm, e.Unguarded)
		}
	}
}

// The tables that are only added to are those that guard themselves, and no other.
func TestAppendOnlyTables(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	rows, err := db.Pool.Query(t.Context(), `
		SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
		 WHERE t.tgname = 'append_only' AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid) ORDER BY c.relname COLLATE "C"`)
	if err != nil {
		t.Fatal(err)
	}
	guarded, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || !slices.Equal(guarded, migrations.AppendOnly()) {
		t.Errorf("guarded are %q, named are %q (%v)", guarded, migrations.AppendOnly(), err)
	}
}

// A function of ours that looks at tables says where, so that nothing a session puts before them is believed; and none that has its
// owner's rights can be called, or made a trigger of, by somebody it was not given to.
func TestFunctionsLookAtOurTables(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	rows, err := db.Pool.Query(t.Context(), `
		SELECT p.proname || CASE WHEN p.prosecdef THEN ' has the owner''s rights' ELSE ' looks anywhere' END
		  FROM pg_proc p
		 WHERE p.pronamespace = 'public'::regnamespace
		   AND (p.prosrc ~ '\m(FROM|JOIN|INTO|UPDATE)\s+[a-z]' AND p.proconfig::text IS DISTINCT FROM '{"search_path=public, pg_temp"}'
		        OR p.prosecdef AND p.proname NOT IN ('prepare_partitions', 'hold_bank_balance', 'look_at_evidence')
		           AND has_function_privilege('mizan_app', p.oid, 'EXECUTE')) ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || len(found) > 0 {
		t.Errorf("%q, %v", found, err)
	}
	// Nor has the service's role another way around the guards: it makes nothing, becomes nobody, reads and writes no file of the server.
	for _, sql := range []string{
		`SET session_replication_role = replica`, `SET ROLE mizan_owner`, `ALTER ROLE mizan_app SUPERUSER`, `ALTER SYSTEM SET fsync = off`, `CREATE SCHEMA eve`,
		`CREATE TABLE eve (x int)`, `CREATE TEMP TABLE books (x int)`, `CREATE FUNCTION eve() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
		`CREATE TRIGGER eve BEFORE INSERT ON entries EXECUTE FUNCTION refuse_change()`, `CREATE EVENT TRIGGER eve ON ddl_command_start EXECUTE FUNCTION refuse_change()`,
		`ALTER TABLE entries DISABLE TRIGGER ALL`, `ALTER TABLE payouts DROP CONSTRAINT payouts_chain`, `DROP FUNCTION guard_payout() CASCADE`, `SELECT guard_table('payouts', '')`,
		`DO $$ BEGIN UPDATE entries SET amount = 1; END $$`, `MERGE INTO entries e USING (SELECT 1) x ON true WHEN MATCHED THEN DELETE`,
		`INSERT INTO transaction_links SELECT 1, 'reverses', 1, 2 ON CONFLICT (book_id, kind, target) DO UPDATE SET sequence = 3`,
		`INSERT INTO entries_p000001 SELECT * FROM entries`, `SELECT * FROM entries FOR UPDATE`, `TRUNCATE earnings`,
		`UPDATE bank_balances SET balance = 1`, `INSERT INTO fact_events VALUES ('x.y')`, `UPDATE partition_head SET width = 1000`, `SELECT setval('river.river_job_id_seq', 1)`,
		`UPDATE payouts SET rail_account = 'acct_eve'`, `UPDATE payouts SET amount = 1`, `UPDATE payouts SET needs_person = false`, `UPDATE payout_destinations SET account = 'acct_eve'`,
		`UPDATE payout_attempts SET account = 'acct_eve'`, `UPDATE api_keys SET secret_hash = sha256('eve')`, `UPDATE api_keys SET scopes = '{*}'`, `UPDATE sessions SET holder = 'eve'`,
		`UPDATE vault_lookups SET subject = 'eve'`, `UPDATE evidence_lines SET net = 1`, `UPDATE recon_pairings SET members = '[]'`, `DELETE FROM recon_items`,
		`COPY (SELECT 1) TO PROGRAM 'true'`, `COPY books TO '/tmp/eve'`, `SELECT pg_read_file('/etc/hostname')`, `SELECT lo_import('/etc/hostname')`, `SELECT rolpassword FROM pg_authid`,
	} {
		if _, err := db.Pool.Exec(t.Context(), sql); postgres.SQLState(err) != "42501" {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// What cannot be asked is an error, and an address is never repeated.
func TestExamineFails(t *testing.T) {
	t.Parallel()
	const secret = "canary4711"
	for _, url := range []string{"postgres://app:" + secret + "@127.0.0.1:1/mizan", "postgres://app@db/mizan?password=" + secret + "&sslmode=nonsense",
		"postgres://app:" + secret + "@db:port/mizan", "host=db password=" + secret} {
		_, err := postgres.Examine(t.Context(), url, nil, time.Now)
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("it says %v", err)
		}
	}
	if _, err := postgres.Examine(t.Context(), "mysql://db", nil, time.Now); !errors.Is(err, postgres.ErrAddress) {
		t.Errorf("it says %v", err)
	}
}
