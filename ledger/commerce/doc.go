// Package commerce turns what happened in a market into balanced transactions, by dated rules, and keeps the reason for
// every cent.
//
// A checkout service says that an order was captured, delivered, refunded or disputed. Commerce decides who is owed what:
// it runs the calculation sheet of a sale over what the order still holds, compares the result with what the order has
// posted so far, and posts the difference. So every sequence of captures and refunds ends at the same place, and a full
// return ends at zero except for what a rule keeps (errata, W-15).
//
// An order's state is not stored anywhere: it is replayed from the order's own transactions, whose explanations hold the
// inputs of the events. A draft carries the sequence it was computed from, and is computed again if the order has moved
// on in the meantime.
//
// Rules are data: dated, versioned, and immutable once used (ruleset.go). The set in force when an order was placed is
// frozen on the order and serves all its later events.
package commerce
