// Package browsertest opens pages in a real browser, as the people do who read them, and tells what keeps somebody from reading them: what
// axe-core finds, what the browser complains about, what does not fit on the screen, and what is there only with scripts. It is for tests.
//
//	func TestInABrowser(t *testing.T) {
//		w := browsertest.New(t, server.URL)
//		w.Check("start", "/")
//	}
//
// The first New starts one headless Chromium for the test process, with a profile of its own in a temporary directory; it ends with the last
// test that uses it, and with the process at the latest. Each window has cookies of its own. MIZAN_CHROMIUM names the program; otherwise it
// is looked for where Chromium and Chrome are usually installed. Without one the test fails and says what to install.
package browsertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// Program names the browser to use.
const Program = "MIZAN_CHROMIUM"

// usual are the programs that can be used, the preferred one first. make tools looks for the same.
var usual = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell",
	"/Applications/Chromium.app/Contents/MacOS/Chromium"}

// find returns the path of the browser.
func find() (string, error) {
	if named := os.Getenv(Program); named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("%s names no program that can be started: %w", Program, err)
		}
		return path, nil
	}
	for _, name := range usual {
		// Ubuntu has a chromium-browser that only says where to get one. It has no version.
		if path, err := exec.LookPath(name); err == nil && exec.Command(path, "--version").Run() == nil {
			return path, nil
		}
	}
	return "", errors.New("no browser was found: install Chromium (the package chromium on Debian and Ubuntu; make tools does so as root where there is that package), or name one in " + Program)
}

// Browser returns the path of the program that windows are opened with, for tests that start it themselves.
func Browser(t testing.TB) string {
	t.Helper()
	path, err := find()
	if err != nil {
		t.Fatalf("browsertest: %v", err)
	}
	return path
}

// running is the browser of this process and how many tests use it.
var running struct {
	sync.Mutex
	users  int
	ctx    context.Context
	cancel context.CancelFunc
}

// borrow returns the context of the browser, which runs at least until t has ended.
func borrow(t testing.TB) context.Context {
	t.Helper()
	running.Lock()
	defer running.Unlock()
	if running.users == 0 {
		ctx, cancel, err := start()
		if err != nil {
			t.Fatalf("browsertest: %v", err)
		}
		running.ctx, running.cancel = ctx, cancel
	}
	running.users++
	t.Cleanup(func() {
		running.Lock()
		defer running.Unlock()
		if running.users--; running.users == 0 {
			running.cancel()
		}
	})
	return running.ctx
}

// start starts a browser. It outlives the test that comes first, so it hangs on no test's context.
func start() (context.Context, context.CancelFunc, error) {
	path, err := find()
	if err != nil {
		return nil, nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.IgnoreCertErrors,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("no-pings", true), chromedp.Flag("hide-scrollbars", true))
	if os.Getuid() == 0 {
		// Chromium refuses to be root inside its sandbox, as in a container.
		options = append(options, chromedp.NoSandbox)
	}
	allocator, free := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(allocator)
	end := func() {
		stop()
		free()
	}
	if err := chromedp.Do(ctx); err != nil {
		end()
		return nil, nil, fmt.Errorf("start %s: %w", path, err)
	}
	return ctx, end, nil
}
