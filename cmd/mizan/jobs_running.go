package main

// The running of the jobs: when the service starts them, and that they end before what they work with.

import (
	"context"
	"sync"
)

// jobsRunning says whether the service runs its jobs. Other replicas may run them instead.
type jobsRunning struct {
	// off never starts them; later leaves the start to whoever has something to do before.
	off, later bool

	mu              sync.Mutex
	started, ending bool
}

// startJobs begins to look for what is due. It does nothing the second time, where the jobs are off, and once the service is ending.
func (v *service) startJobs(ctx context.Context) error {
	r := &v.running
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.off || r.started || r.ending {
		return nil
	}
	err := v.jobs.Start(ctx)
	r.started = err == nil
	return err
}

// stopJobs begins nothing new, and lets what runs come to its end until ctx ends.
func (v *service) stopJobs(ctx context.Context) error {
	r := &v.running
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ending = true
	return v.jobs.Stop(ctx)
}
