// What really happened, for tests that ask whether somebody was paid twice.

package simulator

// Tally is how often an instruction was carried out, and for how much in the processor's units.
type Tally struct {
	Count    int
	Amount   int64
	Reversed int64
}

// Transfers counts the transfers of each instruction, by transfer group. Those without one are under "".
func (s *Simulator) Transfers() map[string]Tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]Tally{}
	for _, t := range s.state.Transfers.rows {
		group := ""
		if t.Group != nil {
			group = *t.Group
		}
		tally := all[group]
		all[group] = Tally{tally.Count + 1, tally.Amount + t.Amount, tally.Reversed + t.Reversed}
	}
	return all
}

// Payouts counts the payouts that were not cancelled and have not failed by the metadata entry of the name.
func (s *Simulator) Payouts(name string) map[string]Tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	all := map[string]Tally{}
	for _, payouts := range s.state.Payouts {
		for _, p := range payouts.rows {
			if p.Status == "canceled" || p.Status == "failed" {
				continue
			}
			tally := all[p.Metadata[name]]
			all[p.Metadata[name]] = Tally{tally.Count + 1, tally.Amount + p.Amount, 0}
		}
	}
	return all
}

// Requests returns how many requests were made, answered or not.
func (s *Simulator) Requests() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}
