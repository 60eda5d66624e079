package main

// Crashes of the database under load, which the service must survive without being started again.

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// crash is one way in which a database goes away.
type crash struct {
	name string
	// strike does it and returns once the database is on its way back.
	strike func(*stage, *testing.T)
}

var crashes = []crash{
	{"immediate restart of PostgreSQL", func(s *stage, t *testing.T) { s.endPostmaster(t, syscall.SIGQUIT) }},
	{"kill -9 of one backend", func(s *stage, t *testing.T) { s.killBackend(t, syscall.SIGKILL) }},
	{"kill -9 of the postmaster", func(s *stage, t *testing.T) { s.endPostmaster(t, syscall.SIGKILL) }},
	{"orderly end of one backend", func(s *stage, t *testing.T) { s.killBackend(t, syscall.SIGTERM) }},
}

// crashDatabase crashes the database so often in each way, under a load that goes on.
func (s *stage) crashDatabase(t *testing.T, times []int) {
	r := s.newReplica(t)
	r.start(t, "")
	var order []crash
	for i, n := range times {
		for range n {
			order = append(order, crashes[i])
		}
	}
	s.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	book := ""
	for n, c := range order {
		if n%roundsPerBook == 0 {
			book = s.openBook(t, r.patient)
		}
		l := s.drive(t.Context(), 8, book, r.remote)
		s.acknowledges(t, 1+s.rng.IntN(60))
		s.moment(20 * time.Millisecond)
		since := time.Now()
		c.strike(s, t)
		wait(t, "the database to answer", func() bool { return s.answers(t.Context()) })
		back := time.Now()
		s.acknowledges(t, 1)
		s.tally.took(c.name+", from the crash", time.Since(since))
		s.tally.took(c.name+", from the database's return", time.Since(back))
		s.acknowledges(t, 20)
		l.end()
		r.recovers(t, book, "a crash when the load has ended", time.Now())
		r.resolve(t, l.unanswered())
		if c.name != "orderly end of one backend" {
			s.tally.add("database crashes", 1)
		}
		s.tally.add(c.name, 1)
		s.check(t, book)
	}
	r.heard()
	r.program.stop(t)
}

// endPostmaster ends the server with a signal, as pg_ctl stop -m immediate (SIGQUIT) and kill -9 do, and starts it again.
func (s *stage) endPostmaster(t *testing.T, with syscall.Signal) {
	t.Helper()
	note, err := os.ReadFile(filepath.Join(s.dataDir(), "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(note), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil || pid < 2 {
		t.Fatalf("postmaster.pid says %q", first)
	}
	if err := syscall.Kill(pid, with); err != nil {
		t.Fatal(err)
	}
	<-s.server.Done()
	s.stopServer(t)
	s.startServer(t)
}

// killBackend ends one session of the service. After SIGKILL PostgreSQL ends all others too and recovers.
func (s *stage) killBackend(t *testing.T, with syscall.Signal) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	pids, err := s.backends(ctx)
	if err != nil || len(pids) == 0 {
		t.Fatalf("no backend to kill: %v", err)
	}
	// A session that has ended by itself meanwhile is as dead.
	if err := syscall.Kill(pids[s.rng.IntN(len(pids))], with); err != nil && err != syscall.ESRCH {
		t.Fatal(err)
	}
}
