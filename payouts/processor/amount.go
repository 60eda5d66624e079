// What the processor takes of an amount. Its steps differ by currency and by what is done: forints may be transferred by
// the hundredth and paid out by the whole forint only. What is left below a step is dust: it stays where it is, and is
// named, never rounded away.

package processor

import (
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Act is what is done with an amount.
type Act string

// The acts that move money.
const (
	// ActTransfer moves money from the platform to a connected account.
	ActTransfer Act = "transfer"
	// ActReversal moves money of a transfer back.
	ActReversal Act = "reversal"
	// ActPayout moves money from a connected account to its bank.
	ActPayout Act = "payout"
	// ActCancel stops a payout that has not left.
	ActCancel Act = "cancel"
)

// ErrDust means that the processor does not take an amount as fine as this in its currency.
var ErrDust = fault.New(fault.Invalid, "processor-dust",
	"The processor does not take so fine an amount in this currency. Pay the payable part and carry the rest.")

// ErrAmount means that an amount to move is zero or less.
var ErrAmount = fault.New(fault.Invalid, "processor-amount", "Only an amount above zero can be moved. Check the instruction.")

// Step returns the smallest step of an amount for the act, in minor units of the ledger: 10 for currencies of three digits,
// 100 for MGA, and for payouts also 100 for HUF and TWD. It panics if c is not Known.
func Step(act Act, c money.Currency) money.Minor {
	if act == ActPayout {
		return c.PayoutUnit()
	}
	step := money.Minor(1)
	if c.Digits() == 3 {
		step = 10 // the last digit must be 0
	}
	for range c.Digits() - c.ProcessorDigits() { // MGA has no hundredths there
		step *= 10
	}
	return step
}

// Payable splits an amount into what the processor takes and the dust, which is less than a Step. A negative amount has
// nothing payable and is dust altogether.
//
// Errors: money.ErrCurrency.
func Payable(act Act, m money.Minor, c money.Currency) (payable, dust money.Minor, err error) {
	if !c.Known() {
		return 0, 0, money.ErrCurrency
	}
	if m < 0 {
		return 0, m, nil
	}
	dust = m % Step(act, c)
	return m - dust, dust, nil
}

// Wire returns the integer that stands for an amount in the processor's API.
//
// Errors: ErrAmount, ErrDust, money.ErrCurrency, money.ErrOverflow.
func Wire(act Act, m money.Minor, c money.Currency) (int64, error) {
	_, dust, err := Payable(act, m, c)
	switch {
	case err != nil:
		return 0, err
	case m <= 0:
		return 0, ErrAmount
	case dust != 0:
		return 0, ErrDust
	}
	return money.ToProcessor(m, c)
}
