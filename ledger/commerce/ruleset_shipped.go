package commerce

import (
	"embed"
	"slices"
	"strings"
	"sync"
)

// The shipped rule sets: one data file per market and version, with the source of each value. A landed file never changes,
// because orders rest on it; a correction is the next version's file.

//go:embed rules/*.json
var shippedFiles embed.FS

// ShippedRuleSets returns the sets that come with Mizan, in order of their ids. The caller must not change them.
func ShippedRuleSets() []*RuleSet { return shipped() }

var shipped = sync.OnceValue(func() []*RuleSet {
	files, err := shippedFiles.ReadDir("rules")
	if err != nil {
		panic(err) // embedded
	}
	sets := make([]*RuleSet, 0, len(files))
	for _, f := range files {
		content, err := shippedFiles.ReadFile("rules/" + f.Name())
		if err != nil {
			panic(err)
		}
		set, err := ParseRuleSet(content)
		if err != nil {
			panic("commerce: " + f.Name() + ": " + err.Error()) // a test reads them all
		}
		sets = append(sets, set)
	}
	slices.SortFunc(sets, func(a, b *RuleSet) int { return strings.Compare(a.ID(), b.ID()) })
	return sets
})
