package main

// Seed: the demo books, posted into a service that is running.

import (
	"context"
	"io"
	"time"

	"mizan/api/client"
)

type seedCmd struct {
	remoteFlags
	marketFlags
}

// marketFlags say which living market is posted beside the scenarios.
type marketFlags struct {
	Seed uint64 `help:"Seed of the living market. Each seed is another market, the same on every machine." default:"20250601" placeholder:"N"`
	Days int    `help:"Days of the living market, at most 90; 0 leaves it out." default:"30" placeholder:"N"`
}

// plan returns the market that is wanted.
func (f marketFlags) plan() (marketPlan, error) {
	if f.Days < 0 || f.Days > maxMarketDays {
		return marketPlan{}, usageError("--days is 0 to 90.")
	}
	return marketPlan{seed: f.Seed, days: f.Days, orders: marketOrders}, nil
}

// Run posts every scenario and the living market. Posting again changes nothing, because references are counted once.
func (c *seedCmd) Run(ctx context.Context, s *surroundings) error {
	plan, err := c.plan()
	if err != nil {
		return err
	}
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	return seedDemo(ctx, remote, nil, plan, s.now, s.stdout)
}

// seedDemo posts the scenarios and then the market. Without somebody who tells stories, payouts are posted as transactions.
func seedDemo(ctx context.Context, remote *client.Client, tell *story, plan marketPlan, now func() time.Time, out io.Writer) error {
	if err := seedAll(ctx, remote, tell, out); err != nil || plan.days == 0 {
		return err
	}
	return seedMarket(ctx, remote, plan, now, out)
}
