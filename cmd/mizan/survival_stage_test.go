package main

// The stage of a survival campaign: a durable PostgreSQL of its own, the program built with its failpoints, and services
// that reach the database through fault proxies.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mizan/api/client"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// stage is one database and everything that was ever said about it.
type stage struct {
	*logbook
	home   home
	server *postgres.Server
	rng    *rand.Rand
	key    string
	loads  int
	books  int
	// proxies follow the server when it moves.
	proxies []*faultProxy
}

// newStage starts the database and builds the program.
func newStage(t *testing.T, r *tally) *stage {
	t.Helper()
	s := &stage{logbook: newLogbook(r), home: campaignHome(t, *survivalLong), rng: rand.New(rand.NewPCG(r.seed, 0))}
	s.home.withFailpoints(t)
	s.home.migrated(t, "server")
	s.startServer(t)
	t.Cleanup(func() { s.stopServer(t) })
	env := map[string]string{"MIZAN_DATABASE_URL": s.server.URL("mizan_app", privateDatabase)}
	s.key = strings.TrimSpace(mizan(t, env, "", "keys", "create", "--name", "survival", "--scope", "*", "--expires-in", "720h").want(t, exitDone).stdout)
	return s
}

// failpointsBuilt builds the program with its failpoints, and returns where it is.
var failpointsBuilt = sync.OnceValues(func() (path string, err error) {
	if failpointsParent, err = os.MkdirTemp("", "mizan-test-failpoints-"); err != nil {
		return "", err
	}
	path = filepath.Join(failpointsParent, "mizan")
	// Nobody debugs it, and linking it is quicker without what only a debugger reads.
	said, err := exec.Command("go", "build", "-buildvcs=false", "-tags", "failpoint", "-ldflags", "-s -w", "-o", path, "mizan/cmd/mizan").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build mizan with failpoints: %w\n%s", err, said)
	}
	return path, nil
})

// failpointsParent is the directory that it was built in, empty if nobody needed it.
var failpointsParent string

// withFailpoints makes the program of the home the one with failpoints.
func (h home) withFailpoints(t *testing.T) {
	t.Helper()
	built, err := failpointsBuilt()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(h.dir, "bin", "mizan")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	copyFile(t, built, path)
}

// startServer starts PostgreSQL on the stage's data, wherever it was left.
func (s *stage) startServer(t *testing.T) {
	t.Helper()
	server, err := postgres.StartServer(t.Context(), postgres.ServerConfig{DataDir: s.dataDir(), Durable: true, SharedBuffers: "64MB"})
	if err != nil {
		t.Fatal(err)
	}
	s.server = server
	for _, p := range s.proxies {
		p.moveTo(t, server.URL("mizan_app", privateDatabase))
	}
}

func (s *stage) stopServer(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.server.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func (s *stage) dataDir() string { return filepath.Join(s.home.data, "server") }

// replica is one service, started as often as the test likes.
type replica struct {
	stage   *stage
	proxy   *faultProxy
	program *program
	// remote sends each request once; patient repeats it.
	remote, patient *client.Client
}

// newReplica returns a service that was not started yet.
func (s *stage) newReplica(t *testing.T) *replica {
	t.Helper()
	r := &replica{stage: s, proxy: newFaultProxy(t, s.server.URL("mizan_app", privateDatabase))}
	s.proxies = append(s.proxies, r.proxy)
	return r
}

// start runs the program; failpoint is what it is to obey, "" for nothing.
func (r *replica) start(t *testing.T, failpoint string) {
	t.Helper()
	// Without jobs, so that the COMMIT that is lost is one of a posting.
	r.program = r.stage.home.start(t, []string{"MIZAN_DATABASE_URL=" + r.proxy.address("mizan_app"), "MIZAN_FAILPOINT=" + failpoint},
		`"msg":"ready"`, "serve", "--listen", "127.0.0.1:0", "--jobs", "off", "--rate-key", "0")
	dial := func(attempts int) *client.Client {
		c, err := client.New(r.program.address, r.stage.key, client.Options{Attempts: attempts, Timeout: 45 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.CloseIdleConnections)
		return c
	}
	r.remote, r.patient = dial(1), dial(20)
}

// died waits until the program has ended by kill -9.
func (r *replica) died(t *testing.T) {
	t.Helper()
	wait(t, "the service to be killed", func() bool {
		select {
		case <-r.program.ended:
			return true
		default:
			return false
		}
	})
	var exit *exec.ExitError
	if !errors.As(r.program.err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the service was to be killed and ended otherwise: %v\n%s", r.program.err, tail(r.program.output()))
	}
	r.heard()
}

// heard looks for what a service must never have to say.
func (r *replica) heard() {
	for line := range strings.Lines(r.program.output()) {
		if strings.Contains(line, "decided to be right") || strings.Contains(line, `"panic"`) || strings.Contains(line, "panic:") {
			r.stage.complain("the service said: %s", line)
		}
	}
}

// openBook makes the next book.
func (s *stage) openBook(t *testing.T, remote *client.Client) string {
	t.Helper()
	s.books++
	code := fmt.Sprintf("b%d", s.books)
	if _, err := remote.CreateBook(t.Context(), client.NewBook{Code: code, Name: "Book " + code, Currencies: []money.Currency{"GBP"}, TimeZone: "UTC"}); err != nil {
		t.Fatal(err)
	}
	return code
}

// recovers waits until the service says that it is ready and acknowledges a posting, and notes how long that took since.
func (r *replica) recovers(t *testing.T, book, from string, since time.Time) {
	t.Helper()
	w := &worker{logbook: r.stage.logbook, rng: r.stage.rng, name: "probe", book: book, remotes: []*client.Client{r.remote}, n: len(r.stage.logbook.of(book))}
	p := w.sale()
	r.stage.enter(p)
	wait(t, "the service to recover", func() bool {
		return r.ready(t.Context()) && w.post(t.Context(), p)
	})
	r.stage.tally.took(from, time.Since(since))
}

// ready asks /readyz.
func (r *replica) ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.program.address+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// resolve sends again what stayed without an answer, until there is one.
func (r *replica) resolve(t *testing.T, ps []*posting) {
	t.Helper()
	for _, p := range ps {
		recorded, err := r.patient.Post(t.Context(), p.book, p.sent)
		if kind := r.stage.note(p, &recorded, err); kind != acknowledged && kind != refused {
			t.Errorf("%s has no answer after the fault: %v", p.sent.Reference, err)
		}
		r.stage.tally.add("unknown references resolved", 1)
	}
}

// wait asks until a thing has come true.
func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	if !eventually(t.Context(), holds) {
		t.Fatalf("waited in vain for %s", what)
	}
}

// eventually asks until a thing is true, and reports false if patience or ctx ended first.
func eventually(ctx context.Context, holds func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
	return true
}

// acknowledges waits for so many more acknowledged answers.
func (s *stage) acknowledges(t *testing.T, more int) {
	t.Helper()
	goal := s.acks.Load() + int64(more)
	wait(t, fmt.Sprintf("%d more acknowledged answers", more), func() bool { return s.acks.Load() >= goal })
}

// moment lasts a random time, up to longest: faults come unannounced.
func (s *stage) moment(longest time.Duration) {
	<-time.After(time.Duration(s.rng.Int64N(int64(longest))))
}

func tail(text string) string { return text[max(0, len(text)-4000):] }
