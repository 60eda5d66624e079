package postgres

// Examine: everything about a server and a role that decides whether money is safe there, asked as that role.

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// PowerTemporary is the power that everybody has over a database until it is taken from PUBLIC.
const PowerTemporary = "may create temporary tables"

// Examination is what a server says of itself, as one role sees it.
type Examination struct {
	// Role is who asked.
	Role string
	// Major is the release of the server.
	Major int
	// Settings are those that decide what a crash or a mistake may cost, by name, as the session has them.
	Settings map[string]string
	// Standby reports whether the server only follows another one.
	Standby bool
	// Ahead is by how much the server's clock is ahead of ours, negative if it is behind. It is known to within Doubt.
	Ahead, Doubt time.Duration
	// Powers are what the role may do that a role that serves must not, as ends of a sentence.
	Powers []string
	// Changeable are the append-only tables that the role may change, each with the rights.
	Changeable []string
	// Unguarded are the append-only tables whose triggers are gone or switched off.
	Unguarded []string
	// Schema is what the tables and functions are made of, and what was granted on them.
	Schema Schema
	// Connections are what the server takes.
	Connections Connections
	// Archive is how the write-ahead log is kept.
	Archive Archive
	// Slots are who follows the server by a replication slot.
	Slots []Slot
	// Standbys is how many standbys are connected.
	Standbys int
	// Partitions is how many partitions the largest partitioned table has.
	Partitions int
	// Bytes is the size of the database.
	Bytes int64
	// DataDirectory is where the server keeps its data; empty where the role may not know.
	DataDirectory string
}

// Connections are how many connections a server takes, and how many there are.
type Connections struct {
	// Max is for everybody, Reserved of it for superusers, and Role for this role alone; -1 for no such limit.
	Max, Reserved, Role int
	// Used is how many there are of everybody.
	Used int
}

// Archive is how the write-ahead log is kept, from which a database can be restored to any moment.
type Archive struct {
	Mode string
	// Last is when a piece was last kept, nil if never. Failing reports that the newest attempt failed.
	Last    *time.Time
	Failing bool
}

// Slot is the place up to which somebody has the server keep its log.
type Slot struct {
	Name   string
	Active bool
	// Lost reports that the server has thrown away what was kept for it, so that whoever followed must be made anew.
	Lost bool
	// Behind is how many bytes of log are kept for it.
	Behind int64
}

// examined are the settings of an Examination.
var examined = []string{"fsync", "full_page_writes", "data_checksums", "synchronous_commit", "zero_damaged_pages", "ignore_checksum_failure",
	"max_locks_per_transaction", "synchronous_standby_names"}

// maxTold is how many slots, powers and tables an examination tells at most.
const maxTold = 100

// Examine connects to the database at url and asks. Tables that are not there yet are left out. Of a server older than
// OldestMajor, which does not know all of the questions, it tells only the server itself. It changes nothing. It returns ErrAddress, or
// the driver's error if there is no server.
func Examine(ctx context.Context, url string, appendOnly []string, now func() time.Time) (Examination, error) {
	if _, err := ReadAddress(url); err != nil {
		return Examination{}, err
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return Examination{}, ErrAddress
	}
	// A setting of the pool's own would hide what the role's or the database's is, so only what bounds the asking is set.
	config.RuntimeParams["application_name"] = "mizan doctor"
	config.RuntimeParams["statement_timeout"] = "10000"
	config.RuntimeParams["lock_timeout"] = "2000"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return Examination{}, fmt.Errorf("open the database: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	e := Examination{Settings: map[string]string{}}
	if err := e.askServer(ctx, conn); err != nil {
		return Examination{}, fmt.Errorf("examine the database: %w", err)
	}
	if e.Major < OldestMajor {
		return e, nil
	}
	for _, ask := range []func(context.Context, *pgx.Conn) error{
		e.askConnections, e.askLog, e.askPowers, e.askSchema,
		func(ctx context.Context, conn *pgx.Conn) error { return e.askTables(ctx, conn, appendOnly) },
		func(ctx context.Context, conn *pgx.Conn) error { return e.askClock(ctx, conn, now) },
	} {
		if err := ask(ctx, conn); err != nil {
			return Examination{}, fmt.Errorf("examine the database: %w", err)
		}
	}
	return e, nil
}

func (e *Examination) askServer(ctx context.Context, conn *pgx.Conn) error {
	var version int
	err := conn.QueryRow(ctx, `
		SELECT current_user, current_setting('server_version_num')::int, pg_is_in_recovery(), pg_database_size(current_database()),
		       coalesce((SELECT setting FROM pg_settings WHERE name = 'data_directory'), ''),
		       (SELECT count(*) FROM pg_stat_replication),
		       coalesce((SELECT max(n) FROM (SELECT count(*) AS n FROM pg_inherits GROUP BY inhparent) AS parents), 0)`,
	).Scan(&e.Role, &version, &e.Standby, &e.Bytes, &e.DataDirectory, &e.Standbys, &e.Partitions)
	if err != nil {
		return err
	}
	e.Major = version / 10000
	rows, err := conn.Query(ctx, `SELECT name, current_setting(name) FROM unnest($1::text[]) AS name`, examined)
	if err != nil {
		return err
	}
	var name, value string
	_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error {
		e.Settings[name] = value
		return nil
	})
	return err
}

func (e *Examination) askConnections(ctx context.Context, conn *pgx.Conn) error {
	c := &e.Connections
	return conn.QueryRow(ctx, `
		SELECT current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int,
		       (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user),
		       (SELECT coalesce(sum(numbackends), 0) FROM pg_stat_database)`,
	).Scan(&c.Max, &c.Reserved, &c.Role, &c.Used)
}

func (e *Examination) askLog(ctx context.Context, conn *pgx.Conn) error {
	a := &e.Archive
	err := conn.QueryRow(ctx, `
		SELECT current_setting('archive_mode'), last_archived_time,
		       last_failed_time IS NOT NULL AND last_failed_time > coalesce(last_archived_time, '-infinity')
		  FROM pg_stat_archiver`).Scan(&a.Mode, &a.Last, &a.Failing)
	if err != nil || e.Standby {
		return err
	}
	rows, err := conn.Query(ctx, `
		SELECT slot_name, active, coalesce(wal_status = 'lost', false), coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint
		  FROM pg_replication_slots ORDER BY 4 DESC LIMIT $1`, maxTold)
	if err != nil {
		return err
	}
	e.Slots, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Slot])
	return err
}

// askPowers reads what the role is, and what it could become: who is a member of a role can do what that role can.
func (e *Examination) askPowers(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `
		WITH me AS (SELECT oid FROM pg_roles WHERE rolname = current_user),
		     becomes AS (SELECT r.* FROM pg_roles r, me WHERE pg_has_role(me.oid, r.oid, 'MEMBER')),
		     here AS (SELECT c.oid, c.relowner AS owner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		               WHERE n.nspname IN ('public', 'river') AND c.relkind IN ('r', 'p', 'v', 'm', 'S'))
		SELECT power FROM (
		    SELECT 1, 'is a superuser or can become one' FROM becomes WHERE rolsuper
		    UNION SELECT 2, 'passes row-level security by' FROM becomes WHERE rolbypassrls
		    UNION SELECT 3, 'may create roles' FROM becomes WHERE rolcreaterole
		    UNION SELECT 4, 'may create databases' FROM becomes WHERE rolcreatedb
		    UNION SELECT 5, 'may replicate, and so read everything' FROM becomes WHERE rolreplication
		    UNION SELECT 6, 'is ' || rolname || ', a role that can do more than serve' FROM becomes
		     WHERE rolname IN ('pg_write_all_data', 'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program',
		                       'pg_maintain', 'pg_create_subscription')
		    UNION SELECT 7, 'owns tables, or is a member of the role that does' FROM here JOIN becomes b ON b.oid = here.owner
		    UNION SELECT 8, 'owns the database, or is a member of the role that does' FROM pg_database d JOIN becomes b ON b.oid = d.datdba
		     WHERE d.datname = current_database()
		    UNION SELECT 9, 'may create schemas in the database' WHERE has_database_privilege(current_database(), 'CREATE')
		    UNION SELECT 10, 'may create objects in the schema ' || nspname FROM pg_namespace
		     WHERE nspname IN ('public', 'river') AND has_schema_privilege(oid, 'CREATE')
		    UNION SELECT 11, 'may set session_replication_role, which switches triggers off'
		     WHERE has_parameter_privilege('session_replication_role', 'SET')
		    UNION SELECT 12, '`+PowerTemporary+`' WHERE has_database_privilege(current_database(), 'TEMPORARY')
		) AS powers (place, power) ORDER BY place, power LIMIT $1`, maxTold)
	if err != nil {
		return err
	}
	e.Powers, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return err
}

// askTables reads the role's rights on append-only tables and their partitions, and whether these guard themselves.
func (e *Examination) askTables(ctx context.Context, conn *pgx.Conn, appendOnly []string) error {
	const kept = `
		WITH kept AS (SELECT c.oid, c.relname FROM unnest($1::text[]) AS name JOIN pg_class c ON c.oid = to_regclass('public.' || quote_ident(name))
		              UNION SELECT p.oid, p.relname FROM unnest($1::text[]) AS name
		                JOIN pg_inherits i ON i.inhparent = to_regclass('public.' || quote_ident(name)) JOIN pg_class p ON p.oid = i.inhrelid)`
	rows, err := conn.Query(ctx, kept+`
		SELECT relname || ' (' || string_agg(verb, ', ' ORDER BY verb) || ')'
		  FROM kept, unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) AS verb
		 WHERE has_table_privilege(kept.oid, verb) OR verb = 'UPDATE' AND has_any_column_privilege(kept.oid, verb)
		 GROUP BY relname ORDER BY relname LIMIT $2`, appendOnly, maxTold)
	if err != nil {
		return err
	}
	if e.Changeable, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return err
	}
	// Both triggers, always firing, before every change of any column, calling the function that refuses.
	rows, err = conn.Query(ctx, kept+`
		SELECT relname FROM kept
		 WHERE (SELECT count(*) FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
		         WHERE t.tgrelid = kept.oid AND t.tgenabled = 'A' AND t.tgqual IS NULL AND t.tgattr::text = ''
		           AND f.proname = 'refuse_change' AND f.pronamespace = 'public'::regnamespace
		           AND (t.tgname = 'append_only' AND t.tgtype & 26 = 26 -- before, delete, update
		                OR t.tgname = 'never_truncated' AND t.tgtype & 34 = 34)) < 2 -- before, truncate
		 ORDER BY relname LIMIT $2`, appendOnly, maxTold)
	if err != nil {
		return err
	}
	e.Unguarded, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return err
}

// askClock compares the clocks. The answer was made somewhere between asking and hearing.
func (e *Examination) askClock(ctx context.Context, conn *pgx.Conn, now func() time.Time) error {
	var there time.Time
	asked := now()
	if err := conn.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&there); err != nil {
		return err
	}
	took := now().Sub(asked)
	e.Ahead, e.Doubt = there.Sub(asked.Add(took/2)), took/2
	return nil
}
