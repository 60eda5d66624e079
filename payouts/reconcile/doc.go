// Package reconcile holds the books against what processors, banks and channels say of the same money, keeps every difference
// until somebody has dealt with it, and closes months upon it.
//
// Evidence is what others say: lines of a processor, of bank statements, of channels' settlements, each kept once as it came.
// A run compares the evidence that is new with the entries that are new, and with what was open before, in both directions at
// once; what agrees needs no row, and what does not is an open item, explained by breaks. A run is itself evidence: its inputs
// follow from numbers and hashes, so that it can be made again and gives the same bytes.
//
// A break keeps its identity from run to run. It ends by a posted entry, by a match that came later, or by two people who write it
// off. What waits in suspense is the sum of the open breaks that put it there, always.
package reconcile
