// Package money is the arithmetic of Mizan: currencies, exact amounts, rates, rounding and fair splitting.
//
// An amount is a whole number of ISO 4217 minor units (Minor) and means nothing without its Currency. Outside the program
// it is a decimal string with exactly the digits of its currency, read by ParseAmount and written by Minor.Format; it is
// never a JSON number and never binary floating point. A Rate is an exact decimal. Products and quotients keep full
// precision and are rounded once, to a multiple of a stated unit, by a stated Rounding (domain 4.1 rules 1 and 3).
//
// Three numbers of decimals belong to a currency and must not be confused: Digits (ISO 4217, the ledger's scale),
// ProcessorDigits (the scale of the processor's API) and DisplayDigits (what readers are used to, CLDR). Taking one for
// the other is an error by a factor of 100 in IDR, ISK, UGX, MGA and HUF.
//
// Nobody gains a cent by accident: Allocate gives every unit of a total to exactly one share, and the other functions
// round one side so that the caller can give the rest to the remainder owner of A-05.
//
// Everything here is pure and safe for concurrent use.
package money
