package main

// Sessions at the command line, with mizan as a program of its own on a real PostgreSQL.

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mizan/api/client"
	"mizan/ledger/money"
)

const sale = `{"reference": "order-1", "event": "order.captured", "subject": "order:1", "entries": [
	{"account": "assets:processor:pending:main", "direction": "debit", "amount": "50.00", "currency": "GBP"},
	{"account": "liabilities:seller:pending:sel_a", "direction": "credit", "amount": "47.50", "currency": "GBP"},
	{"account": "revenue:referral_fee", "direction": "credit", "amount": "2.50", "currency": "GBP"}]}`

// untilServing is the last thing that mizan dev says before it waits.
const untilServing = "Press Ctrl-C to stop."

var readyAfter = regexp.MustCompile(`ready after ([0-9.]+) s`)

// startDev starts mizan dev without demo books on the home's data.
func startDev(t *testing.T, h home, args ...string) *program {
	t.Helper()
	p := h.start(t, nil, untilServing, append([]string{"dev", "--empty", "--listen", "127.0.0.1:0"}, args...)...)
	match := readyAfter.FindStringSubmatch(p.output())
	if match == nil {
		t.Fatalf("mizan dev did not say when it was ready:\n%s", p.output())
	}
	// A busy machine needs many times what an idle one does, and still not this long.
	const bound = 60
	if after, err := strconv.ParseFloat(match[1], 64); err != nil || after > bound {
		t.Errorf("mizan dev was ready after %s s, want at most %d", match[1], bound)
	}
	return p
}

// tell runs a command of this process against the program, with its development key.
func tell(t *testing.T, h home, p *program, stdin string, args ...string) outcome {
	t.Helper()
	env := map[string]string{"MIZAN_SERVER": p.address, "MIZAN_DATA": filepath.Join(h.dir, ".mizan")}
	return mizan(t, env, stdin, args...)
}

func createShop(t *testing.T, h home, p *program) {
	t.Helper()
	key, err := readSecret(filepath.Join(h.dir, ".mizan", "dev-key"))
	if err != nil {
		t.Fatal(err)
	}
	remote, err := client.New(p.address, key, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer remote.CloseIdleConnections()
	if _, err := remote.CreateBook(t.Context(), client.NewBook{Code: "shop", Name: "Shop", Currencies: []money.Currency{"GBP"}, TimeZone: "Europe/London"}); err != nil {
		t.Fatal(err)
	}
}

func TestDevSession(t *testing.T) {
	t.Parallel()
	forEachUser(t, func(t *testing.T, h home) {
		p := startDev(t, h)
		createShop(t, h, p)
		tell(t, h, p, sale, "post", "shop").want(t, exitDone, "shop-1  order-1  order.captured  recorded")
		tell(t, h, p, sale, "post", "shop").want(t, exitDone, "shop-1  order-1  order.captured  was recorded before")
		p.stop(t)
		if said := p.output(); !strings.Contains(said, "Mizan has stopped") {
			t.Errorf("it should say that it stopped, but said:\n%s", said)
		}

		p = startDev(t, h)
		tell(t, h, p, "", "balance", "shop", "liabilities").want(t, exitDone, "liabilities:seller:pending:sel_a  GBP    0.00    47.50    47.50  credit")
		tell(t, h, p, strings.Replace(sale, "order-1", "order-2", 1), "post", "shop").want(t, exitDone, "shop-2")
		p.kill()

		// The server of the killed process is gone or evicted, and what was acknowledged is there.
		p = startDev(t, h)
		tell(t, h, p, "", "entries", "shop", "revenue:referral_fee").want(t, exitDone, "order-1", "order-2", "5.00")
		testKeysOfAStoppedService(t, h, p)
	})
}

// testKeysOfAStoppedService makes a key while mizan dev is stopped, uses it, and revokes it.
func testKeysOfAStoppedService(t *testing.T, h home, p *program) {
	keys := func(args ...string) outcome {
		cmd := h.command(t.Context(), filepath.Join(h.dir, "bin", "mizan"), append([]string{"keys"}, args...)...)
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		// A code above zero is an answer too.
		_ = cmd.Run()
		return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	}
	keys("list").want(t, exitDone) // beside the running service, on its private server
	p.stop(t)
	made := keys("create", "--name", "reader", "--scope", "balances:read", "--book", "shop")
	made.want(t, exitDone, "Key ", "for reader")
	key := strings.TrimSpace(made.stdout)
	id := strings.Split(key, "_")[1]
	keys("create", "--name", "x", "--scope", "no:such").want(t, exitRefused, "/scopes/0")
	listed := keys("list").want(t, exitDone, id, "reader", "current", "balances:read")
	if strings.Contains(listed.stdout, key) {
		t.Errorf("the list shows the secret:\n%s", listed.stdout)
	}

	p = startDev(t, h)
	with := map[string]string{"MIZAN_SERVER": p.address, "MIZAN_API_KEY": key}
	mizan(t, with, "", "balance", "shop").want(t, exitDone, "sel_a")
	mizan(t, with, sale, "post", "shop").want(t, exitRefused, "forbidden")
	p.stop(t)
	keys("revoke", id).want(t, exitDone, "is revoked")
	keys("list").want(t, exitDone, "revoked")
	p = startDev(t, h)
	with["MIZAN_SERVER"] = p.address
	mizan(t, with, "", "balance", "shop").want(t, exitRefused, "unauthenticated")
	p.stop(t)
}

// What a second mizan, a wrong key and a wrong command line are told, and with which exit code.
func TestDevRefusals(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	p := startMigratedDev(t, h, "--api-key", testKey)
	data := filepath.Join(h.dir, ".mizan")
	if _, err := os.Stat(devKeyFile(data)); !os.IsNotExist(err) {
		t.Errorf("with --api-key no development key is needed, but there is one (%v)", err)
	}
	if strings.Contains(p.output(), testKey) {
		t.Errorf("the key is printed:\n%s", p.output())
	}
	mizan(t, nil, "", "dev", "--data", data, "--listen", "127.0.0.1:0").want(t, exitRefused, "Another mizan is using the data")
	port := strings.TrimPrefix(p.address, "http://")
	mizan(t, nil, "", "dev", "--data", t.TempDir(), "--listen", port).want(t, exitUnavailable, "Another program listens on "+port)
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "example.com:0", "127.0.0.1"} {
		mizan(t, nil, "", "dev", "--data", t.TempDir(), "--listen", address).want(t, exitRefused, "this machine only")
	}

	env := map[string]string{"MIZAN_SERVER": p.address, "MIZAN_API_KEY": testKey, "MIZAN_DATA": t.TempDir()}
	mizan(t, env, sale, "post", "nowhere").want(t, exitRefused, "book-unknown")
	mizan(t, env, "", "post", "nowhere").want(t, exitUsage, "empty")
	mizan(t, env, sale, "post", "nowhere", "/does/not/exist").want(t, exitRefused, "no such file")
	mizan(t, env, "", "seed", "--days", "0").want(t, exitDone, "11 books, 78 balances checked, 0 not as expected")
	mizan(t, env, sale, "post", "s2", "--dry-run").want(t, exitDone, "would be recorded")
	mizan(t, env, "["+sale+","+strings.Replace(strings.Replace(sale, "order-1", "order-2", 1), "2.50", "2.51", 1)+"]", "post", "s2").
		want(t, exitRefused, "order-1  order.captured  recorded", "item 1: unbalanced", "1 of 2 items were refused")
	mizan(t, env, "not JSON", "post", "s2").want(t, exitRefused, "malformed")
	mizan(t, env, "", "trial-balance", "s6").want(t, exitDone, "total", "GBP", "USD")
	mizan(t, env, "", "balance", "s6", "--as-of", "2020-01-01T00:00:00Z").want(t, exitDone, "ACCOUNT")
	mizan(t, env, "", "balance", "s6", "--limit", "2").want(t, exitDone, "Only the first 2")
	testJSONOutput(t, env)

	env["MIZAN_API_KEY"] = "not-the-key"
	mizan(t, env, "", "balance", "s2").want(t, exitRefused, "unauthenticated")
	delete(env, "MIZAN_API_KEY")
	mizan(t, env, "", "balance", "s2").want(t, exitUsage, "There is no API key")
	env["MIZAN_API_KEY_FILE"] = filepath.Join(h.dir, "no-such-file")
	mizan(t, env, "", "balance", "s2").want(t, exitRefused, "no such file")
	p.stop(t)
	delete(env, "MIZAN_API_KEY_FILE")
	env["MIZAN_API_KEY"] = testKey
	mizan(t, env, "", "balance", "s2").want(t, exitUnavailable, "did not answer")
}

// testJSONOutput reads back what --json prints.
func testJSONOutput(t *testing.T, env map[string]string) {
	var tb client.TrialBalance
	if err := json.Unmarshal([]byte(mizan(t, env, "", "trial-balance", "s7a", "--json").want(t, exitDone).stdout), &tb); err != nil {
		t.Fatal(err)
	}
	if len(tb.Rows) == 0 || len(tb.Totals) != 1 || tb.Totals[0].DebitBalance != tb.Totals[0].CreditBalance {
		t.Errorf("trial balance %+v", tb)
	}
	var entries []client.AccountEntry
	said := mizan(t, env, "", "entries", "s2", "assets:processor:available:main", "--descending", "--json").want(t, exitDone).stdout
	if err := json.Unmarshal([]byte(said), &entries); err != nil {
		t.Fatal(err)
	}
	if len(entries) == 0 || entries[0].BalanceAfter != "6.14" || entries[0].TransactionID == "" {
		t.Errorf("entries %+v", entries)
	}
}

// A second start of mizan dev with the demo books changes nothing, and its pages are there.
func TestDevSeedsOnce(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	for _, want := range []string{"15 transactions posted, 0 were there before", "0 transactions posted, 15 were there before"} {
		p := h.start(t, []string{"MIZAN_LISTEN=127.0.0.1:0"}, untilServing, "dev", "--days", "2")
		if said := p.output(); !strings.Contains(said, want) || !strings.Contains(said, "78 balances checked, 0 not as expected") || !strings.Contains(said, "2 days from 2025-06-01") {
			t.Fatalf("it should say %q, but said:\n%s", want, said)
		}
		for _, page := range []string{"/", "/docs", "/docs/api", "/openapi.json", "/livez", "/readyz", "/metrics"} {
			res, err := http.Get(p.address + page)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusOK {
				t.Errorf("%s answers %s", page, res.Status)
			}
		}
		testDemoPeople(t, p)
		p.stop(t)
	}
}

// Nothing is left running after a clean stop.
func TestStopIsComplete(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	p := startMigratedDev(t, h)
	begun := time.Now()
	p.stop(t)
	t.Logf("stopped after %s", time.Since(begun).Round(time.Millisecond))
	if entries, err := filepath.Glob(filepath.Join(h.dir, ".mizan", "postgres", "postmaster.pid")); err != nil || len(entries) > 0 {
		t.Errorf("PostgreSQL is still running: %v %v", entries, err)
	}
}

// Whoever asks twice does not wait for a request that hangs, and loses nothing by it.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	p := startMigratedDev(t, h)
	createShop(t, h, p)
	tell(t, h, p, sale, "post", "shop").want(t, exitDone, "recorded")
	key, err := readSecret(devKeyFile(filepath.Join(h.dir, ".mizan")))
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(p.address, "http://")
	slow, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	// The rest of the body never comes.
	fmt.Fprintf(slow, "POST /v1/books/shop/transactions HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n", host, key)
	if line, err := bufio.NewReader(slow).ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("the service should wait for the body, but said %q (%v)", line, err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// The first signal has been taken when nobody listens any more.
	deadline := time.Now().Add(patience)
	for {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			break
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("mizan still listens after a signal")
		}
	}
	select {
	case <-p.ended:
		t.Fatalf("mizan did not wait for the request: %v\n%s", p.err, p.output())
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	if code := p.cmd.ProcessState.ExitCode(); code != exitRefused {
		t.Errorf("exit code %d after the second signal, want %d", code, exitRefused)
	}
	p = startDev(t, h)
	tell(t, h, p, "", "balance", "shop", "revenue").want(t, exitDone, "2.50")
	p.stop(t)
}

// A PostgreSQL that dies takes mizan with it, in order and with a word about it, and the next start goes on.
func TestPostgresDies(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	p := startMigratedDev(t, h)
	createShop(t, h, p)
	tell(t, h, p, sale, "post", "shop").want(t, exitDone, "recorded")
	file, err := os.ReadFile(filepath.Join(h.dir, ".mizan", "postgres", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(file), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		t.Fatalf("mizan goes on without PostgreSQL:\n%s", p.output())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != exitUnavailable || !strings.Contains(p.output(), "PostgreSQL ended by itself") {
		t.Errorf("exit code %d; it said:\n%s", code, p.output())
	}
	p = startDev(t, h)
	tell(t, h, p, "", "balance", "shop", "revenue").want(t, exitDone, "2.50")
	p.stop(t)
}
