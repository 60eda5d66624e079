package statements

import (
	"strings"

	"mizan/ledger"
)

// A bucket is what an account of a payee is for. The words stand in files and are never given another meaning.

// Bucket is what money of a payee is doing.
type Bucket string

// The buckets, in the order in which they are shown.
const (
	Available         Bucket = "available"
	InTransit         Bucket = "in_transit"
	Pending           Bucket = "pending"
	Reserve           Bucket = "reserve"
	DisputeHold       Bucket = "dispute_hold"
	Blocked           Bucket = "blocked"
	Deposit           Bucket = "deposit"
	CommissionDeposit Bucket = "commission_deposit"
	Trust             Bucket = "minor_trust"
)

// Buckets returns all of them in order. The slice belongs to the caller.
func Buckets() []Bucket {
	return []Bucket{Available, InTransit, Pending, Reserve, DisputeHold, Blocked, Deposit, CommissionDeposit, Trust}
}

// ownPath is a row of the chart whose accounts belong to one payee.
type ownPath struct {
	path   string
	bucket Bucket
	// divided says that a payee has one account for each campaign below it, too.
	divided bool
}

// ownPaths are all of them: whatever a payee is registered as, nothing on an account with the payee's id is left out.
var ownPaths = func() []ownPath {
	list := []ownPath{
		{path: "liabilities:payout_in_transit:", bucket: InTransit}, {path: "liabilities:seller:reserve:", bucket: Reserve},
		{path: "liabilities:seller_deposit:", bucket: Deposit}, {path: "liabilities:commission_deposit:", bucket: CommissionDeposit},
		{path: "liabilities:creator:minor_trust:", bucket: Trust},
		{path: "liabilities:donation:pending:", bucket: Pending, divided: true}, {path: "liabilities:donation:available:", bucket: Available, divided: true},
	}
	for _, kind := range []string{"seller", "creator", "agency", "partner"} {
		for _, bucket := range []Bucket{Pending, Available, DisputeHold, Blocked} {
			list = append(list, ownPath{path: "liabilities:" + kind + ":" + string(bucket) + ":", bucket: bucket})
		}
	}
	return list
}()

// bucketOf is the bucket of a payee's account.
func bucketOf(a ledger.Address) Bucket {
	for _, p := range ownPaths {
		if strings.HasPrefix(string(a), p.path) {
			return p.bucket
		}
	}
	return ""
}

// kindOf is what the payee is on an account that belongs to a sale: seller, creator, agency or partner; empty on all others.
func kindOf(a ledger.Address) string {
	parts := strings.Split(string(a), ":")
	if len(parts) == 4 && parts[1] != "donation" {
		return parts[1]
	}
	return ""
}
