package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"mizan/api/access"
	"mizan/ledger/postgres"
)

// Downloads: how fast the statement of the busy month leaves in each format, how much memory the service takes meanwhile, and how soon it
// says that the whole is too long to be printed.

// longStatement is a statement as the API tells of it.
type longStatement struct {
	ID    string `json:"id"`
	Lines int64  `json:"line_count"`
}

// downloaded is what asking for a file came to.
type downloaded struct {
	Name string `json:"name"`
	// Status is that of the answer: 200 for a file, 413 for what is too long to be printed.
	Status int   `json:"status"`
	Bytes  int64 `json:"bytes"`
	// Begins is how long its reader waited for the first byte, Seconds for the last one.
	Begins  float64 `json:"begins_seconds"`
	Seconds float64 `json:"seconds"`
	// PerSecond is the lines of the statement over the seconds; 0 for what is refused.
	PerSecond float64 `json:"lines_per_second"`
	// PeakMemory is the most memory that the service with its reader had resident, in bytes.
	PeakMemory int64 `json:"peak_memory_bytes"`
}

// downloads asks for each file from a service in a process of its own, whose memory is that of the one file.
func (b *pagesBench) downloads(ctx context.Context) error {
	at := "/portal/statements/" + b.busy.ID
	asked := [][2]string{{"CSV", at + "/file?format=csv"}, {"XLSX", at + "/file?format=xlsx"}, {"JSON", at + "/file?format=json"},
		{"JSON lines, API", "/v1/books/bench/payees/" + busyCreator + "/statements/" + b.busy.ID + "/content?format=jsonl"}, {"to be printed", at + "/print"}}
	if b.options.Chromium != "" {
		asked = append(asked, [2]string{"PDF", at + "/file?format=pdf"})
	}
	for _, a := range asked {
		fmt.Fprintf(b.progress, "the statement of %d lines: %s …\n", b.busy.Lines, a[0])
		one, err := b.downloadApart(ctx, a[1])
		if err != nil {
			return fmt.Errorf("%s: %w", a[0], err)
		}
		if one.Name = a[0]; one.Status == http.StatusOK {
			one.PerSecond = float64(b.busy.Lines) / one.Seconds
		}
		b.result.Downloads = append(b.result.Downloads, one)
	}
	return nil
}

// downloadApart has another process of this program start the service over the same database and read one file.
func (b *pagesBench) downloadApart(ctx context.Context, path string) (one downloaded, err error) {
	self, err := os.Executable()
	if err != nil {
		return one, err
	}
	cmd := exec.CommandContext(ctx, self, "bench", "downloading", "--path", path, "--at", b.now().Format(time.RFC3339), "--keys", filepath.Dir(b.dir), "--chromium", b.options.Chromium)
	cmd.Env = append(os.Environ(), "MIZAN_DATABASE_URL="+b.appURL(), "MIZAN_BENCH_SESSION="+b.bearers[busyCreator])
	var said bytes.Buffer
	cmd.Stderr = &said
	text, err := cmd.Output()
	if err != nil {
		return one, fmt.Errorf("%w: %s", err, &said)
	}
	return one, json.Unmarshal(text, &one)
}

type benchDownloadingCmd struct {
	Path     string    `help:"The address of the file." required:""`
	At       time.Time `help:"The service's time." required:""`
	Keys     string    `help:"The directory with the vault's keys." required:""`
	Chromium string    `help:"The program that makes PDFs; empty for none."`
	Session  string    `help:"The session of the reader." env:"MIZAN_BENCH_SESSION" required:""`
	Database string    `help:"The application's connection." env:"MIZAN_DATABASE_URL" required:""`
}

// Run starts the service, reads the file, and prints what that came to as JSON.
func (c *benchDownloadingCmd) Run(ctx context.Context, s *surroundings) (err error) {
	pool, err := postgres.Open(ctx, c.Database, postgres.Options{MaxConns: 16})
	if err != nil {
		return err
	}
	b := &pagesBench{bench: bench{pool: pool}, options: &benchPagesCmd{Chromium: c.Chromium}, now: goingFrom(c.At)}
	defer b.close()
	if b.keys, err = devVaultKeys(c.Keys); err != nil {
		return err
	}
	if err := b.show(ctx); err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.baseURL+c.Path, nil)
	if err != nil {
		return err
	}
	request.AddCookie(&http.Cookie{Name: access.CookieName(false), Value: c.Session})
	began := time.Now()
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	one := downloaded{Status: response.StatusCode, Begins: time.Since(began).Seconds()}
	if one.Bytes, err = io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	one.Seconds, one.PeakMemory = time.Since(began).Seconds(), peakMemory(os.Getpid())
	if one.Status != http.StatusOK && one.Status != http.StatusRequestEntityTooLarge {
		return fmt.Errorf("%s: status %d", c.Path, one.Status)
	}
	return json.NewEncoder(s.stdout).Encode(one)
}
