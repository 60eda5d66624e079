package payouts

import (
	"slices"

	"mizan/ledger/guard"
)

// Acts returns what of payouts waits for a second person.
func (s *Service) Acts() []guard.Act {
	return slices.Concat(s.payeeActs(), s.holdActs(), s.attachActs(), s.runActs())
}
