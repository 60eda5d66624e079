// Package jobs runs named work on a schedule, once per period, however many processes share the database, and remembers each
// run. It knows no job: callers hand it the functions.
//
// A period that is due is a row, and the row decides: its key is unique, so that replicas, clocks that jump and restarts make
// no second one, and periods that were missed are found and made later, in order. River only carries the news that there is
// work; what it loses, repeats or throws away changes nothing, because the row is offered again until it is over.
//
// Whoever takes a period holds it for a lease by the database's clock, renews it while it works, and has a fence: a number
// above every one given out before in the same job and book. A holder that was paused, and whose period another has taken over,
// finds that out where it matters: Period.Check in the transaction in which the job writes. So what a job does
// in the database happens under one fence; what it does outside, it does with a key of its own that stays the same in every
// attempt.
//
// Periods of one job in one book never overlap and run in order. One that fails is tried again after a pause, then parked
// for people, and the next goes on.
package jobs
