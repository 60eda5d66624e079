package ledger

import (
	"hash/maphash"
	"math/bits"

	"mizan/ledger/money"
)

// What a replay carries from page to page. Running sums take 64 bytes an account, whatever the number of entries;
// addresses are kept only for the accounts met lately. Turnover per account and period is not kept at all: it is folded
// into a fingerprint, which the stored rows must reproduce.

const (
	stateBits  = 10
	stateChunk = 1 << stateBits
	// maxKnownAccounts bounds the addresses that are remembered.
	maxKnownAccounts = 1 << 18
)

// accountState is where an account's entries have got to.
type accountState struct {
	known           bool // the fields below are right; else the account must be looked up
	mark            uint32
	balance, debits int64
	version, last   int64
	turnover        fingerprint
	info            *accountInfo
}

// accountInfo is what an account's row says, and where its turnover of one period is added up.
type accountInfo struct {
	exists   bool
	address  Address
	currency money.Currency
	code     int
	// floor is 1 where a debit balance is below zero and forbidden, -1 where a credit balance is, 0 without a floor.
	floor int64

	period        Period
	total         *wideTurnover
	debit, credit uint64
}

// accountStates holds the states of all accounts met, in chunks, because ids are dense in a sound book and may be
// anything in another.
type accountStates struct {
	chunks map[int32]*[stateChunk]accountState
	// fresh says that an account not met yet has no entries before: the replay began with the book.
	fresh  bool
	infos  int
	visits uint32
}

func (s *accountStates) of(id int32) *accountState {
	chunk := s.chunks[id>>stateBits]
	if chunk == nil {
		chunk = new([stateChunk]accountState)
		if s.fresh {
			for i := range chunk {
				chunk[i].known = true
			}
		}
		s.chunks[id>>stateBits] = chunk
	}
	return &chunk[uint32(id)%stateChunk]
}

// forget drops the addresses, so that they never take more room than maxKnownAccounts.
func (s *accountStates) forget() {
	if s.infos < maxKnownAccounts {
		return
	}
	for _, chunk := range s.chunks {
		for i := range chunk {
			chunk[i].info = nil
		}
	}
	s.infos = 0
}

// wide is a 128-bit number, counted modulo 2^128.
type wide struct{ high, low uint64 }

func (w *wide) add(v uint64) { w.addProduct(v, 1) }

// addProduct adds a × b.
func (w *wide) addProduct(a, b uint64) {
	high, low := bits.Mul64(a, b)
	var carry uint64
	w.low, carry = bits.Add64(w.low, low, 0)
	w.high, _ = bits.Add64(w.high, high, carry)
}

// wideTurnover adds up many accounts, whose sum may pass what one account may hold.
type wideTurnover struct{ debits, credits wide }

// fingerprint stands for an account's turnover in every period: the sum of each period's debits and credits, each times
// a secret 64-bit factor drawn for this run. Rows that differ in one sum never have the same fingerprint, and rows that
// differ in several have it with a chance of 2^-64.
type fingerprint wide

func (f *fingerprint) add(factor, amount uint64) { (*wide)(f).addProduct(factor, amount) }

// turnoverKey names one sum that a fingerprint contains.
type turnoverKey struct {
	account int32
	period  Period
	side    Side
}

// factors draws the secret factors.
type factors struct{ seed maphash.Seed }

func (f factors) of(account int32, period Period, side Side) uint64 {
	return maphash.Comparable(f.seed, turnoverKey{account, period, side})
}

// chartTotalKey names one row of the turnover by chart row.
type chartTotalKey struct {
	period   Period
	code     int
	currency money.Currency
}

// addWide adds another sum.
func (w *wide) addWide(v wide) {
	w.add(v.low)
	w.high += v.high
}
