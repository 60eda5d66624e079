package payouts

import (
	"embed"
	"slices"
	"strings"
	"sync"
)

// The shipped policies: one data file per market and version, with the source of each value. A landed file never changes,
// because decisions rest on it; a correction is the next version's file.

//go:embed policies/*.json
var policyFiles embed.FS

// ShippedPolicies returns the policies that come with Mizan, in order of their names. The caller must not change them.
func ShippedPolicies() []*Policy { return slices.Clone(shippedPolicies()) }

var shippedPolicies = sync.OnceValue(func() []*Policy {
	files, err := policyFiles.ReadDir("policies")
	if err != nil {
		panic(err) // embedded
	}
	policies := make([]*Policy, 0, len(files))
	for _, f := range files {
		content, err := policyFiles.ReadFile("policies/" + f.Name())
		if err != nil {
			panic(err)
		}
		p, err := ParsePolicy(content)
		if err != nil {
			panic("payouts: " + f.Name() + ": " + err.Error()) // a test reads them all
		}
		policies = append(policies, p)
	}
	slices.SortFunc(policies, func(a, b *Policy) int { return strings.Compare(a.Name(), b.Name()) })
	return policies
})
