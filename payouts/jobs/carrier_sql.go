package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// The carrier is River: it brings the news that a line has work to a process that can do it. Each job has a queue of its
// own, so that a process meets only work it knows; and all work is of one kind, so that none is thrown away as unknown by a
// process that clears up after others.

// news is what is carried: look at this line.
type news struct {
	Job  string `json:"job"`
	Book int32  `json:"book"`
}

// Kind is the one kind of work.
func (news) Kind() string { return "mizan_line" }

type carrier struct {
	client *river.Client[pgx.Tx]
}

// courier works a line off when news of it come.
type courier struct {
	river.WorkerDefaults[news]
	service *Service
}

// Work never fails: what went wrong is in the period's row, which decides when it is tried again.
func (c *courier) Work(ctx context.Context, job *river.Job[news]) error {
	p, err := c.service.at(ctx, job.Args.Job, job.Args.Book)
	if err == nil {
		err = c.service.workLine(ctx, p)
	}
	if err != nil && ctx.Err() == nil {
		c.service.config.Observe(Event{Kind: Unwell, Job: job.Args.Job, Book: job.Args.Book, Err: err})
	}
	return nil
}

// newCarrier returns a client for the queues of the service's jobs. A run is bounded by its job's timeout, so River has
// none of its own; its rescue of what hangs longer is harmless, because it brings no more than news.
func newCarrier(s *Service) (*carrier, error) {
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &courier{service: s}); err != nil {
		return nil, err
	}
	config := &river.Config{
		ID: "mizan_" + s.holder, Schema: "river", Workers: workers, Logger: s.config.Log, MaxAttempts: 1,
		JobTimeout: -1, RescueStuckJobsAfter: time.Hour, SoftStopTimeout: s.config.Drain,
		CompletedJobRetentionPeriod: time.Hour, PollOnly: s.config.PollOnly,
		FetchCooldown: min(50*time.Millisecond, s.config.PollEvery), FetchPollInterval: s.config.PollEvery,
		// Only the owner of the tables may rebuild their indexes.
		ReindexerIndexNames: []string{},
	}
	for _, name := range s.names {
		if config.Queues == nil {
			config.Queues = map[string]river.QueueConfig{}
		}
		config.Queues[name] = river.QueueConfig{MaxWorkers: s.jobs[name].Workers}
	}
	client, err := river.NewClient(riverpgxv5.New(s.config.Pool.Pool), config)
	if err != nil {
		return nil, err
	}
	return &carrier{client}, nil
}

func (c *carrier) start(ctx context.Context) error { return c.client.Start(ctx) }

// stop lets runs end. When ctx is over, so is their time.
func (c *carrier) stop(ctx context.Context) error {
	err := c.client.Stop(ctx)
	if err == nil || ctx.Err() == nil {
		return err
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastMoment)
	defer cancel()
	return errors.Join(err, c.client.StopAndCancel(last))
}

// lastMoment is for runs whose context has ended to give their periods back.
const lastMoment = 5 * time.Second

// sqlCarried finds news that nobody has fetched yet.
const sqlCarried = `
SELECT EXISTS (SELECT FROM river.river_job j
        WHERE j.state = 'available' AND j.queue = $1 AND (j.args ->> 'book')::integer = $2)`

// sendTx sends news of the line with the caller's transaction, unless some are still on their way: where nobody works, they
// do not pile up.
func (c *carrier) sendTx(ctx context.Context, tx pgx.Tx, job string, book int32) error {
	var carried bool
	if err := tx.QueryRow(ctx, sqlCarried, job, book).Scan(&carried); err != nil || carried {
		return err
	}
	_, err := c.client.InsertTx(ctx, tx, news{job, book}, &river.InsertOpts{Queue: job, MaxAttempts: 1})
	return err
}
