// An order is what is asked of the processor: everything of it is fixed when it is made, so that sending it again sends the
// same bytes.

package processor

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// The names of what every order leaves in the processor's metadata, by which it is found again.
const (
	// MetadataInstruction names the instruction id.
	MetadataInstruction = "mizan_instruction"
	// MetadataAttempt names the number of the attempt.
	MetadataAttempt = "mizan_attempt"
)

// MaxMetadata is the number of entries a caller may add.
const MaxMetadata = 20

// ErrOrder means that an order lacks something or holds something the processor would not take.
var ErrOrder = fault.New(fault.Invalid, "processor-order",
	"The payment order is not complete. Check its key, account, object and metadata.")

// order is what all orders have in common. Its zero value is not valid and no driver sends it.
type order struct {
	act      Act
	key      Key
	account  string
	object   string
	wire     int64
	minor    money.Minor
	currency money.Currency
	method   string
	metadata map[string]string
}

// Valid reports whether the order was made by its constructor, with a key whose sending is stored. No driver sends another.
func (o order) Valid() bool { return o.act != "" && o.key.sendable() }

// Key returns the key of the order.
func (o order) Key() Key { return o.key }

// IdempotencyKey returns the key as the processor gets it. It is unique among acts, instructions and attempts.
func (o order) IdempotencyKey() string { return o.key.text(string(o.act)) }

// Account returns the connected account: the destination of a transfer, the owner of a payout.
func (o order) Account() string { return o.account }

// Amount returns the amount in minor units of the ledger.
func (o order) Amount() money.Minor { return o.minor }

// Wire returns the amount in the processor's units.
func (o order) Wire() int64 { return o.wire }

// Currency returns the currency of the amount.
func (o order) Currency() money.Currency { return o.currency }

// Metadata returns a copy of what is attached, the two names of this package included.
func (o order) Metadata() map[string]string { return maps.Clone(o.metadata) }

// Digest returns the SHA-256 of all that is sent, in hexadecimal. Store it with the attempt: the same key with another
// digest is a defect, and must not be sent.
func (o order) Digest() string {
	h := sha256.New()
	part := func(s string) { h.Write([]byte(strconv.Itoa(len(s)) + ":" + s)) }
	for _, s := range []string{o.IdempotencyKey(), o.account, o.object, strconv.FormatInt(o.wire, 10), string(o.currency), o.method} {
		part(s)
	}
	for _, name := range slices.Sorted(maps.Keys(o.metadata)) {
		part(name)
		part(o.metadata[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func newOrder(act Act, key Key, account string, metadata map[string]string) (order, error) {
	if key.instruction == "" {
		return order{}, ErrKey
	}
	if len(metadata) > MaxMetadata {
		return order{}, ErrOrder
	}
	all := map[string]string{MetadataInstruction: key.instruction, MetadataAttempt: strconv.Itoa(key.attempt)}
	for name, value := range metadata {
		if _, ours := all[name]; ours || name == "" || len(name) > 40 || strings.ContainsAny(name, "[]") || len(value) > 500 {
			return order{}, ErrOrder
		}
		all[name] = value
	}
	return order{act: act, key: key, account: account, metadata: all}, nil
}

// identifier wants an id of the processor with its prefix. Such an id becomes part of a path, so its letters are checked.
func identifier(id, prefix string) bool {
	rest, found := strings.CutPrefix(id, prefix)
	return found && validInstruction(rest)
}

// accountName wants the id of a payee's account: a connected account's, or how a rail of our own names one. A driver refuses
// what is no account of its processor.
func accountName(id string) bool {
	bare := strings.NewReplacer(":", "", ".", "").Replace(id)
	return len(id) <= MaxAccount && validInstruction(bare)
}

// MaxAccount is the length of the longest id of an account, in bytes.
const MaxAccount = 100

// TransferOrder asks to move money from the platform's balance to a connected account's.
type TransferOrder struct{ order }

// NewTransfer makes the order of a transfer to the account of a payee. The instruction id becomes the
// processor's transfer group, by which FindTransfers finds it.
//
// Errors: ErrKey, ErrOrder, and those of Wire.
func NewTransfer(key Key, account string, m money.Minor, c money.Currency, metadata map[string]string) (TransferOrder, error) {
	o, err := newOrder(ActTransfer, key, account, metadata)
	if err != nil {
		return TransferOrder{}, err
	}
	if !accountName(account) {
		return TransferOrder{}, ErrOrder
	}
	o.minor, o.currency = m, c
	o.wire, err = Wire(ActTransfer, m, c)
	if err != nil {
		return TransferOrder{}, err
	}
	return TransferOrder{o}, nil
}

// ReversalOrder asks to take back a part of a transfer, or all of it.
type ReversalOrder struct{ order }

// NewReversal makes the order that takes an amount of a transfer ("tr_…") back to the platform. The currency is the
// transfer's.
//
// Errors: ErrKey, ErrOrder, and those of Wire.
func NewReversal(key Key, transfer string, m money.Minor, c money.Currency, metadata map[string]string) (ReversalOrder, error) {
	o, err := newOrder(ActReversal, key, "", metadata)
	if err != nil {
		return ReversalOrder{}, err
	}
	if !identifier(transfer, "tr_") {
		return ReversalOrder{}, ErrOrder
	}
	o.object, o.minor, o.currency = transfer, m, c
	o.wire, err = Wire(ActReversal, m, c)
	if err != nil {
		return ReversalOrder{}, err
	}
	return ReversalOrder{o}, nil
}

// Transfer returns the processor's id of the transfer that is taken back.
func (o ReversalOrder) Transfer() string { return o.object }

// The methods of a payout.
const (
	// Standard payouts arrive after the bank's usual days.
	Standard = "standard"
	// Instant payouts arrive within minutes and cost a fee.
	Instant = "instant"
)

// PayoutOrder asks to pay from a connected account's balance to its bank.
type PayoutOrder struct{ order }

// NewPayout makes the order of a payout of a payee's account by a method, Standard or Instant.
//
// Errors: ErrKey, ErrOrder, and those of Wire.
func NewPayout(key Key, account, method string, m money.Minor, c money.Currency, metadata map[string]string) (PayoutOrder, error) {
	o, err := newOrder(ActPayout, key, account, metadata)
	if err != nil {
		return PayoutOrder{}, err
	}
	if !accountName(account) || method != Standard && method != Instant {
		return PayoutOrder{}, ErrOrder
	}
	o.method, o.minor, o.currency = method, m, c
	o.wire, err = Wire(ActPayout, m, c)
	if err != nil {
		return PayoutOrder{}, err
	}
	return PayoutOrder{o}, nil
}

// Method returns how the payout travels.
func (o PayoutOrder) Method() string { return o.method }

// CancelOrder asks to stop a payout that has not left yet.
type CancelOrder struct{ order }

// NewCancel makes the order that cancels a payout ("po_…") of a connected account. Cancelling is an instruction of its own,
// with its own key.
//
// Errors: ErrKey, ErrOrder.
func NewCancel(key Key, account, payout string) (CancelOrder, error) {
	o, err := newOrder(ActCancel, key, account, nil)
	if err != nil {
		return CancelOrder{}, err
	}
	if !accountName(account) || !identifier(payout, "po_") {
		return CancelOrder{}, ErrOrder
	}
	o.object = payout
	return CancelOrder{o}, nil
}

// Payout returns the processor's id of the payout that is cancelled.
func (o CancelOrder) Payout() string { return o.object }
