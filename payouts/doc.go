// Package payouts pays the right money to the right people on time, and decides in writing about everybody who has a
// balance: paid how much and for what, or why not and when it is looked at again.
//
// Money stands in the ledger alone. A payout takes money from one account there; what it pays for follows from the account,
// whose credits are used up in their order. The tables of this package say who may be paid where, what waits for a time, and
// how a payout travels; every change of a payout is written in the transaction that posts its entries.
package payouts
