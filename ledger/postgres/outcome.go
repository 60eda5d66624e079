package postgres

// Outcome: what an error says about the transaction it ended. Retrying the wrong one pays twice; giving up on the
// wrong one loses a sale.

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Outcome is what is known about a transaction that ended with an error. The zero value is Unknown, the safe one.
type Outcome uint8

const (
	// Unknown means that the transaction may have been committed. Look it up on the primary before anything else.
	Unknown Outcome = iota
	// RolledBack means that nothing was committed, and that the same transaction may succeed if it is tried again.
	RolledBack
	// Deterministic means that nothing was committed, and that the same transaction will fail again.
	Deterministic
)

// String returns the outcome's name as used in logs and metrics.
func (o Outcome) String() string {
	switch o {
	case RolledBack:
		return "rolled-back"
	case Deterministic:
		return "deterministic"
	}
	return "unknown"
}

// SQLSTATE codes that this package decides on.
const (
	stateReadOnly       = "25006"
	stateFailedTx       = "25P02"
	stateQueryCanceled  = "57014"
	stateAdminShutdown  = "57P01"
	stateUniqueViolated = "23505"
)

// settled is an error of a transaction whose COMMIT was never sent: whatever the driver saw, nothing was committed.
type settled struct {
	outcome Outcome
	err     error
}

func (s *settled) Error() string { return s.err.Error() }
func (s *settled) Unwrap() error { return s.err }

// settle records that err came before COMMIT was sent. It keeps apart what may work next time (the connection broke, the
// server went away) from what will not (the caller refused, a bug).
func settle(err error) error {
	if outcome, said := judge(err); said && outcome != Unknown {
		return err
	}
	var fromServer *pgconn.PgError
	outcome := Deterministic
	switch {
	case errors.As(err, &fromServer):
		if passing(fromServer.Code) {
			outcome = RolledBack
		}
	case isTransport(err):
		outcome = RolledBack
	}
	return &settled{outcome, err}
}

// passing reports whether a state tells of a condition of the server and not of the statement.
func passing(state string) bool {
	if state == stateReadOnly {
		return true
	}
	switch class(state) {
	case "08", "40", "53", "55", "57", "58":
		return true
	}
	return false
}

// Classify says what err means for the transaction it ended. An error from a statement or from COMMIT is judged by the
// server's code; one returned by Tx is also judged by whether COMMIT had been sent. Of several joined errors the most
// cautious wins. An error that says nothing about the database, and nil, are Unknown.
func Classify(err error) Outcome {
	outcome, _ := judge(err)
	return outcome
}

// judge walks the tree of wrapped errors; said tells whether any of them spoke about the database.
func judge(err error) (outcome Outcome, said bool) {
	switch e := err.(type) {
	case nil:
		return Unknown, false
	case *settled:
		return e.outcome, true
	case *pgconn.PgError:
		return classifyState(e.Code), true
	case *pgconn.ConnectError:
		// Without a connection nothing was sent, least of all COMMIT.
		return RolledBack, true
	case interface{ Unwrap() []error }:
		return judgeAll(e.Unwrap())
	}
	if err == pgx.ErrTxCommitRollback {
		return RolledBack, true
	}
	if err == error(ErrCommitDoubt) || isTransportLeaf(err) {
		return Unknown, true
	}
	// SafeToRetry is the driver's promise that not a byte had been sent.
	if safe, ok := err.(interface{ SafeToRetry() bool }); ok {
		if safe.SafeToRetry() {
			return RolledBack, true
		}
		return Unknown, true
	}
	return judge(errors.Unwrap(err))
}

// judgeAll combines joined errors. A second error such as "conn closed" from a rollback must not hide that the first one
// was a lost COMMIT.
func judgeAll(errs []error) (outcome Outcome, said bool) {
	for _, err := range errs {
		o, s := judge(err)
		switch {
		case !s:
		case o == Unknown:
			return Unknown, true
		case !said:
			outcome, said = o, true
		case o == Deterministic:
			outcome = Deterministic
		}
	}
	return outcome, said
}

// classifyState judges an error that the server itself reported.
func classifyState(state string) Outcome {
	switch state {
	case "40000", "40001", "40P01", "55006", "55P03", "57P03":
		return RolledBack
	}
	switch class(state) {
	case "53":
		return RolledBack
	case "0A", "21", "22", "23", "42", "44", "54", "P0":
		return Deterministic
	}
	return Unknown
}

func class(state string) string {
	if len(state) != 5 {
		return ""
	}
	return state[:2]
}

// isTransportLeaf reports whether err itself, unwrapped, is a broken or abandoned conversation with the server.
func isTransportLeaf(err error) bool {
	if err == io.EOF || err == io.ErrUnexpectedEOF || err == context.Canceled || err == context.DeadlineExceeded ||
		err == net.ErrClosed {
		return true
	}
	_, ok := err.(*net.OpError)
	return ok
}

// isTransport reports whether err is a broken or abandoned conversation with the server.
func isTransport(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, pgconn.ErrConnClosed)
}

// SQLState returns the server's five-character code of err, "" if the server did not report it.
func SQLState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Constraint returns the name of the constraint that err violates, "" if none.
func Constraint(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.ConstraintName
	}
	return ""
}

// IsUnique reports whether err is a violation of the named unique constraint or index.
func IsUnique(err error, constraint string) bool {
	return SQLState(err) == stateUniqueViolated && Constraint(err) == constraint
}

// Failed reports whether err speaks about the database or the way to it. Any other error is about what was read.
func Failed(err error) bool {
	_, said := judge(err)
	return said
}
