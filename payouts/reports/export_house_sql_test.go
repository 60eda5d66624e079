package reports_test

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// txRunner is a transaction, for tests that hold no SQL.
type txRunner = pgx.Tx

func inTx(o *office, fn func(tx txRunner) error) error { return o.db.Pool.Tx(o.Context(), fn) }

// sql does behind the service's back what the application may do.
func (o *office) sql(statement string, args ...any) {
	o.Helper()
	_, err := o.db.Pool.Exec(o.Context(), statement, args...)
	o.ok(err)
}

// refusedSQL tries with the application's rights what the database must not let it do.
func (o *office) refusedSQL(statement string, args ...any) {
	o.Helper()
	if _, err := o.db.Pool.Exec(o.Context(), statement, args...); err == nil {
		o.Errorf("the database allowed: %s", statement)
	}
}

// holdBack keeps the export from becoming made until it is released.
func (o *office) holdBack(id string) (release func()) {
	o.Helper()
	conn, err := pgx.Connect(o.Context(), o.db.SuperURL)
	o.ok(err)
	_, err = conn.Exec(o.Context(), `
CREATE TABLE held_back (id text PRIMARY KEY);
GRANT SELECT ON held_back TO PUBLIC;
CREATE FUNCTION hold_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.state = 'made' AND NEW.id IN (SELECT id FROM held_back) THEN LOCK TABLE held_gate IN SHARE MODE; END IF; RETURN NEW;
END $$;
CREATE TABLE held_gate ();
GRANT ALL ON held_gate TO PUBLIC;
CREATE TRIGGER hold_back BEFORE UPDATE ON exports FOR EACH ROW EXECUTE FUNCTION hold_back()`)
	o.ok(err)
	_, err = conn.Exec(o.Context(), `INSERT INTO held_back VALUES ($1)`, id)
	o.ok(err)
	tx, err := conn.Begin(o.Context())
	o.ok(err)
	_, err = tx.Exec(o.Context(), "LOCK TABLE held_gate IN ACCESS EXCLUSIVE MODE")
	o.ok(err)
	return func() {
		o.ok(tx.Rollback(o.Context()))
		o.ok(conn.Close(o.Context()))
	}
}

// heldUntil is until when others leave an export alone, and whether it is known to be long.
func (o *office) heldUntil(id string) (until time.Time, long bool) {
	o.Helper()
	o.ok(o.db.Pool.QueryRow(o.Context(), "SELECT coalesce(held_until, 'epoch'), long FROM exports WHERE book_id = $1 AND id = $2", o.book.ID, id).Scan(&until, &long))
	return until, long
}

// lockEntries keeps everybody from reading entries until it is released.
func (o *office) lockEntries() (release func()) {
	o.Helper()
	conn, err := pgx.Connect(o.Context(), o.db.SuperURL)
	o.ok(err)
	tx, err := conn.Begin(o.Context())
	o.ok(err)
	_, err = tx.Exec(o.Context(), "LOCK TABLE entries IN ACCESS EXCLUSIVE MODE")
	o.ok(err)
	return func() {
		o.ok(tx.Rollback(o.Context()))
		o.ok(conn.Close(o.Context()))
	}
}

// breakDown lets the database fail whoever writes to the export.
func (o *office) breakDown(id string) {
	o.Helper()
	conn, err := pgx.Connect(o.Context(), o.db.SuperURL)
	o.ok(err)
	_, err = conn.Exec(o.Context(), `
CREATE SEQUENCE breakdowns;
GRANT ALL ON breakdowns TO PUBLIC;
CREATE FUNCTION break_down() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.id = TG_ARGV[0] THEN PERFORM nextval('breakdowns'); RAISE EXCEPTION 'broken down'; END IF; RETURN NEW;
END $$;
CREATE TRIGGER break_down BEFORE UPDATE ON exports FOR EACH ROW EXECUTE FUNCTION break_down('`+id+`')`)
	o.ok(err)
	o.ok(conn.Close(o.Context()))
}

// breakdowns is how often that was so.
func (o *office) breakdowns() (n int64) {
	o.Helper()
	o.ok(o.db.Pool.QueryRow(o.Context(), "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM breakdowns").Scan(&n))
	return n
}
