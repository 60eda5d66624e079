package main

// What an export does when the network, the service or the disk fails: it is complete, or it is not there.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"mizan/api/client"
	"mizan/ledger/journal"
)

// between puts a network in front of the service that treats each answer to the feed as told.
func between(t *testing.T, address string, treat func(w http.ResponseWriter, answer []byte)) string {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	network := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/feed") {
			forward.ServeHTTP(w, r)
			return
		}
		recorder := httptest.NewRecorder()
		forward.ServeHTTP(recorder, r)
		treat(w, recorder.Body.Bytes())
	}))
	t.Cleanup(network.Close)
	return network.URL
}

// A network that cuts the first two answers to each page in the middle, and a service that is away once, change nothing.
func TestExportThroughABadNetwork(t *testing.T) {
	t.Parallel()
	address, remote := testService(t)
	last := postHostileBook(t, remote, "hostile", 1100)
	_, want := exportFile(t, address, "hostile", journal.JSONL)
	var calls atomic.Int32
	bad := between(t, address, func(w http.ResponseWriter, answer []byte) {
		switch calls.Add(1) % 4 {
		case 1, 2:
			w.Header().Set("Content-Length", fmt.Sprint(len(answer)))
			_, _ = w.Write(answer[:len(answer)/2])
			panic(http.ErrAbortHandler)
		case 3:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_, _ = w.Write(answer)
		}
	})
	_, got := exportFile(t, bad, "hostile", journal.JSONL)
	if got != want || calls.Load() != 8 {
		t.Errorf("after %d answers for %d transactions the file is the same: %t", calls.Load(), last, got == want)
	}
}

// A feed with a hole, or whose amounts are not those of the balances, leaves what was there before, and nothing beside it.
func TestExportOfABrokenFeed(t *testing.T) {
	t.Parallel()
	address, remote := testService(t)
	createBook(t, remote, "uk")
	for i := range 3 {
		must[client.Transaction](t)(remote.Post(t.Context(), "uk", newSale(fmt.Sprint("order-", i), "10.00")))
	}
	type page struct {
		Data []json.RawMessage `json:"data"`
		More bool              `json:"more"`
	}
	cases := map[string]struct {
		change func(p *page)
		says   string
	}{
		"a hole":           {func(p *page) { p.Data = append(p.Data[:1], p.Data[2:]...) }, "feed-broken"},
		"an early end":     {func(p *page) { p.Data = p.Data[:2] }, "feed-broken"},
		"nothing":          {func(p *page) { p.Data = nil }, "feed-broken"},
		"nothing for ever": {func(p *page) { p.Data, p.More = nil, true }, "feed-broken"},
		"another amount": {func(p *page) {
			p.Data[1] = bytes.ReplaceAll(p.Data[1], []byte(`"amount":"10.00"`), []byte(`"amount":"10.01"`))
		}, "do not add up"},
		"no amount": {func(p *page) {
			p.Data[1] = bytes.ReplaceAll(p.Data[1], []byte(`"amount":"10.00"`), []byte(`"amount":"ten"`))
		}, "cannot be read"},
		"no balance": {func(p *page) {
			p.Data[1] = bytes.ReplaceAll(p.Data[1], []byte(`"balance_after":"20.00"`), []byte(`"balance_after":"2e1"`))
		}, "Do not use the file"},
		"a balance too large": {func(p *page) {
			p.Data[1] = bytes.ReplaceAll(p.Data[1], []byte(`"balance_after":"20.00"`), []byte(`"balance_after":"92233720368547758.09"`))
		}, "Do not use the file"},
	}
	for name, c := range cases {
		bad := between(t, address, func(w http.ResponseWriter, answer []byte) {
			var p page
			if err := json.Unmarshal(answer, &p); err != nil {
				t.Error(err)
			}
			c.change(&p)
			if err := json.NewEncoder(w).Encode(p); err != nil {
				t.Error(err)
			}
		})
		dir := t.TempDir()
		file := filepath.Join(dir, "journal")
		if err := os.WriteFile(file, []byte("before"), 0o640); err != nil {
			t.Fatal(err)
		}
		env := map[string]string{"MIZAN_SERVER": bad, "MIZAN_API_KEY": testKey, "MIZAN_BOOK": "uk", "MIZAN_FORMAT": "csv"}
		said := mizan(t, env, "", "export", "journal", "--output", file)
		if said.code != exitRefused || !strings.Contains(said.stderr, c.says) {
			t.Errorf("%s: exit code %d: %s", name, said.code, said.stderr)
		}
		if content, err := os.ReadFile(file); err != nil || string(content) != "before" {
			t.Errorf("%s: the file is %q, %v", name, content, err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("%s: beside the file there is %v, %v", name, entries, err)
		}
		if said := mizan(t, env, "", "export", "journal"); said.code != exitRefused || strings.Contains(said.stdout, "mizan_journal_trailer") {
			t.Errorf("%s: on standard output: exit code %d, %s", name, said.code, said.stdout)
		}
	}
}

func TestExportCommandLine(t *testing.T) {
	t.Parallel()
	address, remote := testService(t)
	createBook(t, remote, "uk")
	env := map[string]string{"MIZAN_SERVER": address, "MIZAN_API_KEY": testKey}
	export := func(args ...string) outcome {
		return mizan(t, env, "", append([]string{"export", "journal"}, args...)...)
	}
	empty := export("--book", "uk", "--format", "hledger").want(t, exitDone, "0 entries", "standard output")
	checkTrailer(t, journal.Hledger, empty.stdout)
	must[client.Transaction](t)(remote.Post(t.Context(), "uk", newSale("order-1", "10.00")))
	export("--book", "uk", "--format", "qif").want(t, exitUsage, "hledger, beancount, csv or jsonl")
	export("--book", "uk").want(t, exitUsage, "--format")
	export("--format", "csv").want(t, exitUsage, "--book")
	export("--book", "uk", "--format", "csv", "--up-to=-1").want(t, exitUsage, "sequence")
	export("--book", "uk", "--format", "csv", "--up-to", "2").want(t, exitRefused, "has not come to this sequence")
	export("--book", "nowhere", "--format", "csv").want(t, exitRefused, "book-unknown")
	export("--book", "uk", "--format", "csv", "--output", t.TempDir()).want(t, exitRefused, "no ordinary file")
	export("--book", "uk", "--format", "csv", "--output", "/dev/null").want(t, exitRefused, "no ordinary file")
	export("--book", "uk", "--format", "csv", "--output", filepath.Join(t.TempDir(), "none", "x")).want(t, exitRefused, "no such file")

	// A new file is its owner's alone, an old one keeps who may read it, and a link stays one.
	dir := t.TempDir()
	file, link := filepath.Join(dir, "journal.csv"), filepath.Join(dir, "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	export("--book", "uk", "--format", "csv", "--output", file).want(t, exitDone, "2 entries")
	wantMode(t, file, 0o600)
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	must[client.Transaction](t)(remote.Post(t.Context(), "uk", newSale("order-2", "10.00")))
	export("--book", "uk", "--format", "csv", "--output", link).want(t, exitDone, "4 entries")
	wantMode(t, file, 0o644)
	wantMode(t, link, os.ModeSymlink|0o777)
	stdout := export("--book", "uk", "--format", "csv").want(t, exitDone).stdout
	if content, err := os.ReadFile(file); err != nil || string(content) != stdout {
		t.Errorf("the file is not what standard output got: %v", err)
	}
}

func wantMode(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	info, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != mode {
		t.Errorf("%s has mode %v, want %v", name, info.Mode(), mode)
	}
}

// A disk that is full leaves what was there.
func TestReplaceFileFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "x")
	for range 2 {
		if err := replaceFile(name, func(w io.Writer) error { _, err := io.WriteString(w, "whole"); return err }); err != nil {
			t.Fatal(err)
		}
	}
	err := replaceFile(name, func(w io.Writer) error {
		if _, err := io.WriteString(w, "half"); err != nil {
			return err
		}
		return io.ErrShortWrite
	})
	content, read := os.ReadFile(name)
	entries, listed := os.ReadDir(dir)
	if err == nil || read != nil || listed != nil || string(content) != "whole" || len(entries) != 1 {
		t.Errorf("%v; the file holds %q (%v) among %v (%v)", err, content, read, entries, listed)
	}
}

// Sides that do not follow from the address are remembered.
func TestNormalSides(t *testing.T) {
	t.Parallel()
	sides := normalSides{}
	for address, side := range map[string]string{"assets:a": "debit", "expenses:a": "debit", "liabilities:a": "credit", "equity:a": "credit",
		"revenue:a": "credit", "revenue:contra:a": "debit", "revenue:contrast": "credit", "revenue:odd": "debit", "assets:odd": "credit"} {
		sides.note(address, side)
		if got := sides.of(address); got != side {
			t.Errorf("%s has the side %s, want %s", address, got, side)
		}
	}
	if len(sides) != 2 {
		t.Errorf("%d addresses are remembered, want the odd ones: %v", len(sides), sides)
	}
}
