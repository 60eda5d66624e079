package jobs

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
)

// A service runs the jobs of one process.

// Config describes a Service. Pool, Now and Trail are needed.
type Config struct {
	// Pool is the database, as the application's role.
	Pool *postgres.Pool
	// Now is the clock by which periods become due.
	Now func() time.Time
	// Trail keeps who asked for a run.
	Trail *guard.Trail
	// Books returns the books in which jobs run, in any order. It may be nil if no job is PerBook.
	Books func(ctx context.Context) ([]Book, error)
	// Jobs are what this process runs. Others may run other jobs on the same database.
	Jobs []Job
	// Observe is told what happens, from several goroutines, and must return soon; nil for nobody.
	Observe func(Event)
	// TickEvery is the wait between two looks for what is due; 5 s if zero.
	TickEvery time.Duration
	// Lease is how long a process that stopped keeps its period; 30 s if zero.
	Lease time.Duration
	// Drain is how long Stop lets runs go on; 20 s if zero.
	Drain time.Duration
	// Keep is how long a period is remembered after it became due; 400 days if zero, at least a day.
	Keep time.Duration
	// PollOnly does without LISTEN, which a proxy may not have: work is then taken up within PollEvery.
	PollOnly bool
	// PollEvery is the wait between two looks for work where no notice came; a second if zero.
	PollEvery time.Duration
	// Log takes what River has to say; nil for nowhere.
	Log *slog.Logger
}

// Service plans and runs jobs. It is safe for concurrent use.
type Service struct {
	config   Config
	jobs     map[string]Job
	names    []string
	holder   string
	carrier  *carrier
	draining atomic.Bool

	mu      sync.Mutex
	started bool
	end     context.CancelFunc
	ended   chan struct{}
}

// offerFor is how long a worker that was told of a line has to take it up before others are told.
const offerFor = time.Minute

// New returns a service that does nothing until it is started, ticked or told to run. It returns ErrJobInvalid.
func New(config Config) (*Service, error) {
	set(&config.TickEvery, 5*time.Second)
	set(&config.Lease, 30*time.Second)
	set(&config.Drain, 20*time.Second)
	set(&config.Keep, 400*24*time.Hour)
	set(&config.PollEvery, time.Second)
	if config.Observe == nil {
		config.Observe = func(Event) {}
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.Pool == nil || config.Now == nil || config.Trail == nil || config.Keep < 24*time.Hour || config.Lease < time.Millisecond {
		return nil, ErrJobInvalid
	}
	s := &Service{config: config, jobs: map[string]Job{}, holder: "p" + strings.ToLower(rand.Text()[:16])}
	for _, j := range config.Jobs {
		j, err := j.complete()
		if err != nil {
			return nil, err
		}
		if _, twice := s.jobs[j.Name]; twice || j.PerBook && config.Books == nil {
			return nil, ErrJobInvalid.WithFields(fault.Field{Pointer: "/name", Code: "job-field", Message: "A job stands in the list once, and one per book needs the books."})
		}
		s.jobs[j.Name] = j
		s.names = append(s.names, j.Name)
	}
	slices.Sort(s.names)
	var err error
	s.carrier, err = newCarrier(s)
	return s, err
}

// now returns the time in the precision that the database keeps.
func (s *Service) now() time.Time { return s.config.Now().UTC().Truncate(time.Microsecond) }

// Start begins to look for what is due and to work. It returns when both have begun, and goes on when ctx
// ends. A service starts once.
func (s *Service) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return errors.New("jobs: started before")
	}
	life := context.WithoutCancel(ctx)
	if len(s.names) > 0 {
		if err := s.carrier.start(life); err != nil {
			return err
		}
	}
	life, s.end = context.WithCancel(life)
	s.ended = make(chan struct{})
	s.started = true
	go s.look(life)
	return nil
}

// look tells what nobody here can do, and ticks until the service ends.
func (s *Service) look(ctx context.Context) {
	defer close(s.ended)
	s.tellStranded(ctx)
	ticker := time.NewTicker(s.config.TickEvery)
	defer ticker.Stop()
	for {
		if _, err := s.Tick(ctx); err != nil && ctx.Err() == nil {
			s.config.Observe(Event{Kind: Unwell, Err: err})
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Stop ends the service in order: nothing new is begun, runs go on for the time of Drain, then their contexts end and their
// periods are given back. It returns when all are over, or the error of ctx if that ends first; what runs then goes on
// until its context, which has ended, is heeded.
func (s *Service) Stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started || s.draining.Swap(true) {
		return nil
	}
	s.end()
	<-s.ended
	if len(s.names) == 0 {
		return nil
	}
	return s.carrier.stop(ctx)
}

// places returns the jobs of this process with where they run, in order of name and book.
func (s *Service) places(ctx context.Context) (list []place, err error) {
	var books []Book
	if s.config.Books != nil {
		if books, err = s.config.Books(ctx); err != nil {
			return nil, err
		}
		books = slices.Clone(books)
		slices.SortFunc(books, func(a, b Book) int { return cmp.Compare(a.ID, b.ID) })
	}
	for _, name := range s.names {
		job := s.jobs[name]
		if !job.PerBook {
			list = append(list, place{job, Book{}})
			continue
		}
		for _, b := range books {
			if b.ID > 0 {
				list = append(list, place{job, b})
			}
		}
	}
	return list, nil
}

// place is a job and where it runs.
type place struct {
	job  Job
	book Book
}

// at returns the place of a job in a book, or ErrUnknown.
func (s *Service) at(ctx context.Context, job string, book int32) (place, error) {
	places, err := s.places(ctx)
	if err != nil {
		return place{}, err
	}
	i := slices.IndexFunc(places, func(p place) bool { return p.job.Name == job && p.book.ID == book })
	if i < 0 {
		return place{}, ErrUnknown
	}
	return places[i], nil
}
