package ledger

import (
	"context"
	"sync"
	"time"

	"mizan/ledger/failpoint"
)

// Partitions are made ahead by an owner-defined function, in a transaction of their own. The writer remembers how far
// they reach; the memory only spares a query and is never believed beyond what the function last answered.

// partitionLead is how many sequences before the end the next partition is made.
const partitionLead = 100_000

// partitionHead is how far the partitions are known to reach.
type partitionHead struct {
	mu     sync.Mutex
	upper  int64 // the first sequence without a partition, as last answered
	making bool
}

// covers reports whether the sequence is known to have a partition.
func (p *partitionHead) covers(sequence int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return sequence < p.upper
}

// forget makes the next batch ask again how far the partitions reach.
func (p *partitionHead) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.upper = 0
}

// prepare makes sure that the sequence has a partition.
func (p *partitionHead) prepare(ctx context.Context, l *Ledger, sequence int64) error {
	if p.covers(sequence) {
		return nil
	}
	failpoint.Here(failpoint.PartitionWanted)
	var upper int64
	for range 64 { // each call makes at most 16 partitions; no lawful batch needs more than two
		if err := l.pool.QueryRow(ctx, sqlPreparePartitions, sequence).Scan(&upper); err != nil {
			return err
		}
		if upper > sequence {
			break
		}
	}
	failpoint.Here(failpoint.PartitionMade)
	p.mu.Lock()
	p.upper = max(p.upper, upper)
	p.mu.Unlock()
	return nil
}

// makeAhead makes the next partition in the background when the book comes near the end of the last one.
func (p *partitionHead) makeAhead(l *Ledger, sequence int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.making || p.upper == 0 || sequence+partitionLead < p.upper {
		return
	}
	p.making = true
	l.work.Add(1)
	go func() {
		defer l.work.Done()
		ctx, cancel := context.WithTimeout(l.background, 30*time.Second)
		defer cancel()
		if err := p.prepare(ctx, l, sequence+partitionLead); err != nil {
			l.log.Warn("the next partition could not be made ahead; the writer will make it when it is needed", "err", err)
		}
		p.mu.Lock()
		p.making = false
		p.mu.Unlock()
	}()
}
