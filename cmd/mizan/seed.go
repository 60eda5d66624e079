package main

// Seed: the demo books, posted into a service that is running.

import "context"

type seedCmd struct {
	remoteFlags
}

// Run posts every scenario. Posting again changes nothing, because references are counted once.
func (c *seedCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	return seedAll(ctx, remote, s.stdout)
}
