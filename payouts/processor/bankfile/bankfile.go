package bankfile

import (
	"context"
	"log/slog"
	"time"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
	"mizan/ledger/vault"
)

// Options describe a Service. All but Log are needed.
type Options struct {
	Pool  *postgres.Pool
	Trail *guard.Trail
	// Vault keeps the bank data of payees: the fields bank_account, bank_holder, bank_code and name of the subject payee:<id>.
	Vault *vault.Vault
	Now   func() time.Time
	// Log is told what a person has to look at; nil for nowhere.
	Log *slog.Logger
	// Kept tells which of some instructions may not be carried out any more, since something came between their order and the
	// making of a file, such as a hold on the payee or another bank; nil for none.
	Kept func(ctx context.Context, book ledger.Book, instructions []string) (map[string]bool, error)
}

// Service keeps the bank rail of all books: their bank accounts, what is ordered, the files and what the bank says of them. It is
// safe for concurrent use.
type Service struct {
	pool  *postgres.Pool
	trail *guard.Trail
	vault *vault.Vault
	clock func() time.Time
	log   *slog.Logger
	kept  func(ctx context.Context, book ledger.Book, instructions []string) (map[string]bool, error)
}

// New returns the service in the database.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Kept == nil {
		o.Kept = func(context.Context, ledger.Book, []string) (map[string]bool, error) { return nil, nil }
	}
	return &Service{pool: o.Pool, trail: o.Trail, vault: o.Vault, clock: o.Now, log: o.Log, kept: o.Kept}
}

// now is the time as the database keeps it.
func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// Account is a book's own bank account for one currency, in its newest version. A change takes two people.
type Account struct {
	Currency money.Currency
	Version  int
	Debtor   Debtor
	// PaidAfter is the number of business days after the execution date at which a payment counts as paid if the bank has said
	// nothing against it; 0 if only the bank's word counts.
	PaidAfter  int
	RecordedAt time.Time
	Approval   string
}

// The states of a file.
const (
	// FileMade has left nowhere: nobody has seen its bytes.
	FileMade = "made"
	// FileFetched was handed to somebody, so that the bank may have it.
	FileFetched = "fetched"
	// FileSent is at the bank, as somebody has said.
	FileSent = "sent"
	// FileAnswered has been reported on by the bank.
	FileAnswered = "answered"
	// FileClosed has no payment left whose end is open.
	FileClosed = "closed"
	// FileVoid will not be carried out, as two people have said, or one if nobody had seen it.
	FileVoid = "void"
)

// FileRecord is a file as it is kept: all but its bytes.
type FileRecord struct {
	Currency  money.Currency
	Number    int64
	MessageID string
	Format    Format
	State     string
	// Digest is the SHA-256 of its bytes, in hexadecimal.
	Digest     string
	Lines      int
	Sum        money.Minor
	EntryHash  int64
	ExecuteOn  time.Time
	MadeAt     time.Time
	FetchedAt  time.Time
	SentAt     time.Time
	ClosedAt   time.Time
	FetchedBy  string
	SentBy     string
	VoidReason string
	VoidAt     time.Time
	VoidBy     string
	// Approval is the approval by which it was declared void, empty for one that nobody had seen.
	Approval string
	// PaidOn is the day on which its payments count as paid if the bank has said nothing; zero if only the bank's word counts.
	PaidOn time.Time
	// Taken says that the bank has said something else of it than that it rejects: it carries out at least a part of the file.
	Taken bool
	// Counts are its payments by state.
	Counts map[string]int
}

// The states of a payment.
const (
	PaymentQueued   = "queued"
	PaymentFiled    = "filed"
	PaymentAccepted = "accepted"
	PaymentSettled  = "settled"
	// PaymentFailed was rejected or returned by the bank for a reason that lies at the receiver's account.
	PaymentFailed = "failed"
	// PaymentCancelled was withdrawn before it left, or did not take place for a reason that passes.
	PaymentCancelled = "cancelled"
)

// Payment is one line of a file, or one that waits for a file.
type Payment struct {
	ID, Instruction, Account string
	Amount                   money.Minor
	Currency                 money.Currency
	State, Code, Trace       string
	File                     int64 // 0 while it waits
	Line                     int
	CreatedAt, ChangedAt     time.Time
}

// ReportRecord is a report of the bank that was taken.
type ReportRecord struct {
	Digest, Format, MessageID string
	File                      int64
	Currency                  money.Currency
	ReceivedAt                time.Time
	ReceivedBy                string
	// Items are what it said of single payments: how many were accepted, settled, failed, unchanged, and Strange those that
	// contradict what is known, which a person has to look at.
	Accepted, Settled, Failed, Unchanged, Strange int
}

// ReportItem is what a report said of one payment.
type ReportItem struct {
	// Number is its place in the report, from 1. After those that the report names come payments of which what it says of the whole
	// file contradicts what is known.
	Number                       int
	Payment, Code, Said, Outcome string
	Correction                   bool
}

// Waiting is what waits for the next file of a currency.
type Waiting struct {
	Currency money.Currency
	Payments int
	Sum      money.Minor
	// Since is when the oldest was ordered.
	Since time.Time
}

// PaymentStep is what moved a payment.
type PaymentStep struct {
	Number      int
	State, Code string
	At          time.Time
	File        int64
	// Report is the digest of the bank's report that said so; Actor is who did it otherwise.
	Report, Actor string
}
