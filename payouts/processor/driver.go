// A driver carries orders to one processor and reads what is there.

package processor

import (
	"context"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// MaxRows is the number of rows one listing returns. More rows than that are ErrTooMany, never a part of them.
const MaxRows = 10_000

var (
	// ErrUnavailable means that the processor did not answer, or answered something that could not be read to its end.
	ErrUnavailable = fault.New(fault.Unavailable, "processor-unavailable",
		"The processor could not be read. Nothing was decided; ask again later.")
	// ErrAbsent means that the processor has no such object, or does not show it to us.
	ErrAbsent = fault.New(fault.NotFound, "processor-absent", "The processor has no such object. Check the id and the account.")
	// ErrTooMany means that a listing has more than MaxRows rows.
	ErrTooMany = fault.New(fault.TooLarge, "processor-too-many", "The processor has more rows than one listing may hold. Ask for a shorter period.")
	// ErrStrange means that the processor's answer contradicts itself or is not in a currency and scale we know.
	ErrStrange = fault.New(fault.Internal, "processor-strange", "The processor answered something that makes no sense. Keep the answer and look into it.")
	// ErrNotice means that a notice is not signed by the processor with one of our secrets, at about this time.
	ErrNotice = fault.New(fault.Unauthenticated, "processor-notice", "The notice is not from the processor, or is too old. It was not taken.")
)

// Driver is one processor. All methods may be called by many goroutines at once. None of them retries: every sending is the
// caller's, who records it. Reads return everything that was asked for, or an error; never a part.
type Driver interface {
	// SendTransfer sends an order once.
	SendTransfer(ctx context.Context, o TransferOrder) Outcome[Transfer]
	// ReverseTransfer sends an order once.
	ReverseTransfer(ctx context.Context, o ReversalOrder) Outcome[Reversal]
	// CreatePayout sends an order once.
	CreatePayout(ctx context.Context, o PayoutOrder) Outcome[Payout]
	// CancelPayout sends an order once.
	CancelPayout(ctx context.Context, o CancelOrder) Outcome[Payout]

	// FindTransfers returns all transfers of an instruction. One empty answer does not prove absence: look twice, some
	// minutes apart, after a request in flight has ended. Errors: ErrUnavailable, ErrTooMany, ErrStrange.
	FindTransfers(ctx context.Context, instruction string) ([]Transfer, error)
	// FindReversals returns all reversals of a transfer that were made for an instruction.
	FindReversals(ctx context.Context, transfer, instruction string) ([]Reversal, error)
	// FindPayouts returns all payouts of an account that were made for an instruction and created in the window: the
	// processor cannot search them by instruction. Let the window begin before the first sending.
	FindPayouts(ctx context.Context, account, instruction string, w Window) ([]Payout, error)
	// ListPayouts returns all payouts of an account that were created in the window, whoever made them, newest first.
	ListPayouts(ctx context.Context, account string, w Window) ([]Payout, error)
	// ReadTransfer reads one transfer. Errors: ErrAbsent, ErrUnavailable, ErrStrange.
	ReadTransfer(ctx context.Context, id string) (Transfer, error)
	// ReadPayout reads one payout of a connected account, or of the platform if account is empty.
	ReadPayout(ctx context.Context, account, id string) (Payout, error)
	// ReadAccount reads the state of a connected account.
	ReadAccount(ctx context.Context, id string) (Account, error)
	// ReadBalance reads the balance of a connected account, or of the platform if account is empty, by currency.
	ReadBalance(ctx context.Context, account string) (map[money.Currency]Balance, error)
	// ListEntries returns every balance transaction created in the window, newest first. Errors: as FindTransfers.
	ListEntries(ctx context.Context, account string, w Window) ([]Entry, error)
	// ReadEntry reads one balance transaction of a connected account, or of the platform if account is empty.
	ReadEntry(ctx context.Context, account, id string) (Entry, error)
	// ListNotices returns what was announced in the window, newest first, whether it has reached us or not. The processor
	// keeps them for 30 days, and does not promise to have announced everything.
	ListNotices(ctx context.Context, account string, w Window) ([]Notice, error)
	// ListPayoutEntries returns the balance transactions of a payout that the processor made by itself, the payout's own
	// included. Of a payout that was ordered the processor does not know them, and the answer is ErrAbsent.
	ListPayoutEntries(ctx context.Context, account, payout string) ([]Entry, error)
	// ReadNotice checks the signature of a webhook and reads what it is about. It believes nothing else of it: read the
	// object. Errors: ErrNotice, ErrStrange if it is signed and cannot be read; then keep the body.
	ReadNotice(body []byte, signature string) (Notice, error)
}

// Window is a period of creation, From included and Until not. The processor counts whole seconds.
type Window struct {
	From, Until time.Time
}

// Transfer is money that went from the platform to a connected account.
type Transfer struct {
	// ID is the processor's ("tr_…").
	ID string
	// Instruction is ours, from the transfer group.
	Instruction string
	// Account is the destination.
	Account string
	// Amount and Reversed are in minor units of the ledger.
	Amount, Reversed money.Minor
	Currency         money.Currency
	Created          time.Time
	// Entry is the id of the balance transaction on the platform, and Payment the id of what arrived at the account.
	Entry, Payment string
	Metadata       map[string]string
}

// Reversal is money of a transfer that came back.
type Reversal struct {
	ID, Instruction, Transfer, Entry string
	Amount                           money.Minor
	Currency                         money.Currency
	Created                          time.Time
}

// The states of a payout that the processor is known to have. Others may come.
const (
	PayoutPending   = "pending"
	PayoutInTransit = "in_transit"
	// PayoutPaid is not final: the bank can still return it, and then it becomes failed.
	PayoutPaid      = "paid"
	PayoutFailed    = "failed"
	PayoutCancelled = "canceled"
)

// Payout is money that goes from a connected account to its bank.
type Payout struct {
	// ID is the processor's ("po_…"); Instruction is ours, and empty for a payout that the processor made by itself.
	ID, Instruction, Account string
	Amount                   money.Minor
	Currency                 money.Currency
	// State is the processor's word.
	State, Method    string
	Automatic        bool
	Created, Arrival time.Time
	// Destination is the id of the bank account.
	Destination string
	// Entry is the balance transaction that took the money; FailureEntry the one that brought it back, and its id is what
	// proves that the money is back.
	Entry, FailureEntry string
	// FailureCode is the processor's word for why it failed, such as account_closed.
	FailureCode string
	// Trace is what the bank knows the payout by, or empty while it is not known.
	Trace    string
	Metadata map[string]string
}

// Account is the state of a connected account.
type Account struct {
	ID, Country    string
	PayoutsEnabled bool
	// Manual says that the processor pays nothing out by itself.
	Manual bool
	// Capabilities are by name, such as "transfers", the processor's words, such as "active".
	Capabilities map[string]string
	// DisabledReason is the processor's word for why the account may do less, or empty.
	DisabledReason string
	// Due names what the account's owner still has to hand in; PastDue what is late.
	Due, PastDue []string
	Banks        []Bank
}

// CanReceive reports whether transfers to the account are possible.
func (a Account) CanReceive() bool { return a.Capabilities["transfers"] == "active" }

// Bank is an external account to which payouts go.
type Bank struct {
	ID string
	// Fingerprint is equal for equal account numbers, and is all that is known of the number here.
	Fingerprint string
	Currency    money.Currency
	// Holder is the account holder's name as the processor knows it, or empty. It is compared and never kept.
	Holder string
	// State is the processor's word: "errored" means that nothing is paid to it until it is mended.
	State   string
	Default bool
}

// Balance is what an account has in one currency, in minor units of the ledger; each part may be negative.
type Balance struct {
	Available, Pending, Reserved money.Minor
}

// Entry is one balance transaction: the only proof that money moved. Its state can change, the rest cannot.
type Entry struct {
	ID string
	// Category is the reporting category, by which it is booked; Type is the processor's older word. Both may be new
	// words, which must end as a break and never be passed over.
	Category, Type string
	// Amount less Fee is Net, in minor units of the ledger.
	Amount, Fee, Net money.Minor
	Currency         money.Currency
	Created          time.Time
	AvailableOn      time.Time
	// State is "pending" or "available".
	State string
	// Source is the id of what moved the money, and empty for the processor's own bills.
	Source string
	// Rate is the exchange rate as the processor wrote it, or empty.
	Rate string
	// Part is the part of the balance, such as "payments", or empty.
	Part string
	// Raw is the processor's JSON.
	Raw []byte
}

// Notice is a signed message that something happened. Notices come late, twice, in any order, or never.
type Notice struct {
	// ID is the processor's, by which a second copy is known.
	ID, Type string
	// Account is the connected account it is about, or empty for the platform.
	Account string
	// Object is the id of what changed, and Kind what it is.
	Object, Kind string
	Created      time.Time
	// Live is false for events of the processor's test mode.
	Live bool
	// Ours is false if the notice is of the other mode than the driver's key: a Connect endpoint of the live mode gets those
	// of the test mode as well, and they mean nothing.
	Ours bool
	// Version is the API version the message was written in.
	Version string
	// Connect says which of the two secrets signed it.
	Connect bool
	// Raw is the body, byte for byte as it was signed.
	Raw []byte
}
