package postgres

// The statements that open transactions. Writes are opened by the driver with its own BEGIN.

// beginRead opens a read transaction in one round trip, of so many milliseconds. The server's own limits hold even if this process stops.
const beginRead = `
	BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
	SET LOCAL statement_timeout = %[1]d;
	SET LOCAL idle_in_transaction_session_timeout = %[1]d`
