// A currency is what an amount is counted in. Its code decides how many decimals the ledger keeps, how many the processor
// wants, how many a reader expects, and which steps may be posted and paid out.

package money

import "mizan/ledger/fault"

// ErrCurrency means that a code is not an active ISO 4217 currency, or not one whose digits are known.
var ErrCurrency = fault.New(fault.Invalid, "currency-unknown",
	"The currency is not known. Use an active ISO 4217 code in capital letters, such as USD.")

// Currency is an ISO 4217 alphabetic code such as "USD". The zero value is invalid. It is a plain string in JSON and SQL.
type Currency string

// codeSpace is the number of codes of three capital letters.
const codeSpace = 26 * 26 * 26

// positions holds, for each code of three letters, 1 + its position in activeRows followed by withdrawnRows, or 0. Digits
// are asked for with every amount read or written, so the answer is one array access and not a search.
var positions = indexCurrencies()

func indexCurrencies() *[codeSpace]uint8 {
	var index [codeSpace]uint8
	n := uint8(0)
	for _, rows := range [][]currencyRow{activeRows[:], withdrawnRows[:]} {
		for i := range rows {
			n++
			slot, _ := rows[i].code.slot()
			index[slot] = n
		}
	}
	return &index
}

// slot numbers the codes of three ASCII capital letters.
func (c Currency) slot() (int, bool) {
	if len(c) != 3 {
		return 0, false
	}
	n := 0
	for i := range 3 {
		letter := c[i] - 'A' // bytes below 'A' wrap round to large values
		if letter >= 26 {
			return 0, false
		}
		n = n*26 + int(letter)
	}
	return n, true
}

// find returns the row of a known currency, and whether the currency is active.
func (c Currency) find() (row *currencyRow, active bool) {
	slot, ok := c.slot()
	if !ok {
		return nil, false
	}
	switch p := int(positions[slot]); {
	case p == 0:
		return nil, false
	case p <= len(activeRows):
		return &activeRows[p-1], true
	default:
		return &withdrawnRows[p-1-len(activeRows)], false
	}
}

// row is find for a currency that must be known.
func (c Currency) row() *currencyRow {
	row, _ := c.find()
	if row == nil {
		panic("money: the digits of an unknown currency were asked for; use ParseCurrency or Known first")
	}
	return row
}

// ParseCurrency accepts exactly the code of an active ISO 4217 currency: three capital ASCII letters, no spaces. Codes of
// funds, metals and tests (XDR, XAU, XXX, XTS), withdrawn codes (DEM, BGN) and anything else return ErrCurrency.
func ParseCurrency(s string) (Currency, error) {
	row, active := Currency(s).find()
	if !active {
		return "", ErrCurrency
	}
	return row.code, nil // the table's own string, so that a large request body is not kept alive by three bytes of it
}

// Currencies returns the active currencies in order of their code. The slice belongs to the caller.
func Currencies() []Currency {
	list := make([]Currency, len(activeRows))
	for i := range activeRows {
		list[i] = activeRows[i].code
	}
	return list
}

// Active reports whether the currency may be used for new business, which is what ParseCurrency accepts.
func (c Currency) Active() bool {
	_, active := c.find()
	return active
}

// Known reports whether the digits of the currency are known: it is active, or was withdrawn recently and may still
// stand in old entries. The other methods panic for a currency that is not known, because a guessed number of decimals
// would be wrong by a factor of 10, 100 or 1,000 without anyone noticing.
func (c Currency) Known() bool {
	row, _ := c.find()
	return row != nil
}

// Digits returns the decimals of the minor unit by ISO 4217: the scale of the ledger. It panics if c is not Known.
func (c Currency) Digits() int { return int(c.row().iso) }

// ProcessorDigits returns the decimals of amounts in Stripe's API, which are not ISO's for ISK, UGX (2 there, 0 in ISO) and
// MGA (0 there, 2 in ISO). Use ToProcessor and FromProcessor to convert. It panics if c is not Known.
func (c Currency) ProcessorDigits() int { return int(c.row().processor) }

// DisplayDigits returns the decimals readers are used to by CLDR 48, such as 0 for IDR and HUF. They are for prices and
// headlines; a statement shows all Digits, or cents of a HUF balance would vanish. It panics if c is not Known.
func (c Currency) DisplayDigits() int { return int(c.row().display) }

// PostingUnit returns the smallest step of a posted amount, in minor units: 100 (one whole rupiah) for IDR, otherwise 1
// (domain 4.1 rule 2, A-42). Fees and shares are rounded to it. It panics if c is not Known.
func (c Currency) PostingUnit() Minor { return c.row().posting }

// PayoutUnit returns the smallest step of an amount that can be paid out, in minor units, a multiple of PostingUnit: 10 for
// currencies with three digits, 100 for HUF, TWD, MGA and IDR, otherwise 1. What is left below it stays in `available`
// (domain 4.1 rule 11). It panics if c is not Known.
func (c Currency) PayoutUnit() Minor { return c.row().payout }

// Max returns the largest amount the grammar of ParseAmount admits in the currency: 999999999999999.99 for USD. It panics
// if c is not Known.
func (c Currency) Max() Minor {
	scale := Minor(pow10[c.row().iso]) // #nosec G115 -- a power of ten of the digits of a currency
	return amountWhole*scale + scale - 1
}
