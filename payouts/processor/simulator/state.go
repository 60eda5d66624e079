// All that a simulator knows, and its file.

package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"
)

// state is what is kept between runs.
type state struct {
	Sequence  int64                        `json:"sequence"`
	Swept     int64                        `json:"swept"`
	Accounts  map[string]*Account          `json:"accounts"`
	Purses    map[string]map[string]*purse `json:"purses"`
	Entries   map[string]*table[*Entry]    `json:"entries"`
	Transfers *table[*Transfer]            `json:"transfers"`
	Reversals map[string]*table[*Reversal] `json:"reversals"`
	Payouts   map[string]*table[*Payout]   `json:"payouts"`
	Charges   map[string]*Charge           `json:"charges"`
	Refunds   map[string]*Refund           `json:"refunds"`
	Disputes  map[string]*Dispute          `json:"disputes"`
	Events    *table[*Event]               `json:"events"`
	Outbox    []*message                   `json:"outbox"`
	Keys      map[string]*memory           `json:"keys"`
	Due       []*due                       `json:"due"`
	Topups    *table[*Topup]               `json:"topups"`
	// TopupsFail is the code with which new top-ups fail, or empty.
	TopupsFail string                         `json:"topups_fail"`
	Reserves   map[string]map[string]*reserve `json:"reserves"`
	// Seen is the latest time at which something was written down.
	Seen int64 `json:"seen"`
}

func newState() state {
	return state{Accounts: map[string]*Account{}, Purses: map[string]map[string]*purse{}, Entries: map[string]*table[*Entry]{},
		Transfers: &table[*Transfer]{}, Reversals: map[string]*table[*Reversal]{}, Payouts: map[string]*table[*Payout]{},
		Charges: map[string]*Charge{}, Refunds: map[string]*Refund{}, Disputes: map[string]*Dispute{}, Events: &table[*Event]{},
		Keys: map[string]*memory{}, Topups: &table[*Topup]{}, Reserves: map[string]map[string]*reserve{}}
}

// count is how many things are kept, as far as requests make them.
func (s *state) count() int {
	return int(s.Sequence) + len(s.Keys)
}

// next returns a new id with the prefix.
func (s *Simulator) next(prefix string) (string, int64) {
	s.state.Sequence++
	mark := "sim"
	if s.o.Mark != "" {
		mark += s.o.Mark + "x"
	}
	return prefix + mark + strconv.FormatInt(s.state.Sequence, 10), s.state.Sequence
}

func (s *Simulator) load() error {
	if s.o.File == "" {
		return nil
	}
	text, err := os.ReadFile(s.o.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("simulator: the state cannot be read: %w", err)
	}
	read := newState()
	if err := json.Unmarshal(text, &read); err != nil {
		return fmt.Errorf("simulator: the state cannot be understood: %w", err)
	}
	for slot, m := range read.Keys {
		if m.Status == 0 { // it was being worked on when the file was written, and is forgotten as in a crash
			delete(read.Keys, slot)
		}
	}
	s.state = read
	return nil
}

// Seen returns the latest time at which the state was written down, and the zero time for a state that never was. A clock that
// stands before it would have the past happen again.
func (s *Simulator) Seen() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Seen == 0 {
		return time.Time{}
	}
	return time.Unix(s.state.Seen, 0).UTC()
}

// Settle does everything whose time has come, and writes it down. Requests do it by themselves.
func (s *Simulator) Settle() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	return s.save()
}

// save writes the state beside the file and puts it in its place, so that there is always a whole one.
func (s *Simulator) save() error {
	if s.o.File == "" {
		return nil
	}
	s.state.Seen = max(s.state.Seen, s.now())
	text, err := json.Marshal(&s.state)
	if err != nil {
		return err
	}
	beside := s.o.File + ".new"
	if err := os.WriteFile(beside, text, 0o600); err != nil {
		return err
	}
	return os.Rename(beside, s.o.File)
}
