// Package simulator is a payment processor that runs on this machine. It speaks the part of Stripe's HTTP interface that
// Mizan uses, keeps what it is told, and misbehaves as Stripe and networks do, when it is asked to.
//
// Time is the clock it is handed: money becomes available, payouts arrive, keys are forgotten only when the clock moves.
// Chance is a seed: the same seed and the same requests give the same faults. Balances have one writer, the journal of
// balance transactions, so that their sum is always the balance.
//
// What it refuses is what Stripe refuses: unknown parameters, other parameters under a known key, more than is there. What
// it does not know of Stripe's interface it answers with 404.
package simulator
