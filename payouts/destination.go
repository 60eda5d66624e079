package payouts

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/payouts/processor"
)

// A destination is where a payee's money goes: a connected account at a processor, or the bank data in the vault. A change
// takes two people, and nothing goes to a new one before its cooling-off is over.

var (
	// ErrDestinationUnknown means that there is no such destination in the book.
	ErrDestinationUnknown = fault.New(fault.NotFound, "destination-unknown", "The book has no such destination. List the payee's destinations to find its id.")
	// ErrDestinationInvalid means that money cannot be sent where it is asked for; its fields name what is wrong.
	ErrDestinationInvalid = fault.New(fault.Invalid, "destination-invalid", "This cannot be a destination. Correct the fields named; nothing was changed.")
	// ErrDestinationOwn means that the account is the platform's own.
	ErrDestinationOwn = fault.New(fault.Invalid, "destination-own", "This is the platform's own account. A payee is paid to an account of its own.")
	// ErrDestinationTaken means that the account is the standing destination of another payee.
	ErrDestinationTaken = fault.New(fault.Conflict, "destination-taken", "The account is the destination of another payee of this book. One account belongs to one payee; find out whose it is.")
	// ErrDestinationMinor means that a minor was to have a destination.
	ErrDestinationMinor = fault.New(fault.Invalid, "destination-minor", "A minor has no destination of its own: its guardian is paid. Give the guardian a destination.")
)

// ErrRailUnavailable and ErrRailStrange are what reading an account at a rail can end with, as the drivers say it.
var (
	ErrRailUnavailable = processor.ErrUnavailable
	ErrRailStrange     = processor.ErrStrange
)

// Destination is one as it stands.
type Destination struct {
	ID, Payee, Rail, Account string
	Currencies               []money.Currency
	// Mode is automatic if the processor pays out by itself, manual if we order each payout.
	Mode string
	// State is pending, active, disabled or retired; NameMatch is unknown, match, close or mismatch.
	State, NameMatch                                             string
	DisabledCode                                                 string
	CreatedAt, ActiveSince, CoolingUntil, ChangedAt, FirstPaidAt time.Time
	Approval                                                     string
	// banks is a digest of the banks behind the account.
	banks string
}

// DestinationRetired is a destination that another has replaced.
const DestinationRetired = "retired"

// The modes of a destination.
const (
	ModeAutomatic = "automatic"
	ModeManual    = "manual"
)

// Codes for which Refresh disables a destination. They end by themselves when the cause does; any other code is a failure of
// the bank, which ends when the bank behind the account is another.
const (
	CodeAccountAbsent  = "account_absent"
	CodeAccountNoMoney = "account_cannot_receive"
	CodePayoutsOff     = "payouts_not_enabled"
	CodeBankErrored    = "bank_errored"
	CodeBankMissing    = "bank_missing"
	CodeModeChanged    = "mode_changed"
)

var passingCodes = []string{CodeAccountAbsent, CodeAccountNoMoney, CodePayoutsOff, CodeBankErrored, CodeBankMissing, CodeModeChanged}

// defaultCoolingOff is how long nothing is paid to a new destination in a book without a policy.
const defaultCoolingOff = 72 * time.Hour

var connectedAccount = regexp.MustCompile(`^acct_[A-Za-z0-9]{1,64}$`)

// found is what was found of an account: part of what the second person agrees to.
type found struct {
	// Country is the account's, empty if unknown.
	Country string `json:"country,omitempty"`
	// Code is why nothing can be paid there now, empty if it can.
	Code string `json:"code,omitempty"`
	// NameMatch is what the comparison of the holder with the name on record came to.
	NameMatch string `json:"name_match"`
	// Banks is a digest of the banks behind the account.
	Banks string `json:"banks,omitempty"`
	// Replaces is the destination that retires, empty for none.
	Replaces string `json:"replaces,omitempty"`
	// manual is whether the processor pays nothing out by itself.
	manual bool
	// unserved are the currencies for which the account has no bank.
	unserved []money.Currency
}

// foundOf judges an account that was read at the processor.
func foundOf(account processor.Account, name string, currencies []money.Currency) found {
	f := found{Country: account.Country, Banks: banksDigest(account.Banks), NameMatch: matchHolders(account.Banks, name), manual: account.Manual}
	errored := false
	for _, c := range currencies {
		if !slices.ContainsFunc(account.Banks, func(b processor.Bank) bool { return b.Currency == c }) {
			f.unserved = append(f.unserved, c)
		}
	}
	for _, b := range account.Banks {
		errored = errored || b.State == "errored" && (b.Default || len(account.Banks) == 1)
	}
	switch {
	case !account.CanReceive():
		f.Code = CodeAccountNoMoney
	case !account.PayoutsEnabled:
		f.Code = CodePayoutsOff
	case len(account.Banks) == 0:
		f.Code = CodeBankMissing
	case errored:
		f.Code = CodeBankErrored
	}
	return f
}

// matchHolders is the worst that the holders of the banks come to: one stranger among them is enough.
func matchHolders(banks []processor.Bank, name string) string {
	worst := ""
	order := []string{NameMatches, NameClose, NameUnknown, NameMismatch}
	for _, b := range banks {
		if m := matchNames(b.Holder, name); worst == "" || slices.Index(order, m) > slices.Index(order, worst) {
			worst = m
		}
	}
	if worst == "" {
		return NameUnknown
	}
	return worst
}

// banksDigest is equal for the same banks, in whatever order the processor lists them; empty without any.
func banksDigest(banks []processor.Bank) string {
	if len(banks) == 0 {
		return ""
	}
	var lines []string
	for _, b := range banks {
		lines = append(lines, string(b.Currency)+" "+b.Fingerprint)
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(lines), "\n")))
	return hex.EncodeToString(sum[:])
}

// destinationMark is a destination as the trail keeps it.
type destinationMark struct {
	ID           string           `json:"id"`
	Payee        string           `json:"payee"`
	Rail         string           `json:"rail"`
	Account      string           `json:"account"`
	Currencies   []money.Currency `json:"currencies"`
	Mode         string           `json:"mode"`
	State        string           `json:"state"`
	NameMatch    string           `json:"name_match"`
	DisabledCode string           `json:"disabled_code,omitempty"`
	CoolingUntil time.Time        `json:"cooling_until,omitzero"`
}

func (d Destination) mark() destinationMark {
	return destinationMark{d.ID, d.Payee, d.Rail, d.Account, d.Currencies, d.Mode, d.State, d.NameMatch, d.DisabledCode, d.CoolingUntil}
}
