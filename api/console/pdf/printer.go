// Package pdf prints a page that is handed over whole as a PDF. It starts a browser for each one, with a profile of its own that is removed, and
// gives it nothing else: no script runs, no request leaves it, no file is read, and of the environment of the service it sees nothing.
//
// A page of money must never wait for another, so one is printed at a time, within a bound of time and size. What takes longer is killed with
// everything that it started. If the service dies meanwhile, the system kills the browser, where it is Linux; the profile, in which there may be
// pieces of the page, is removed when a service of the same user starts an hour later or after that.
package pdf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"mizan/ledger/fault"
)

var (
	// ErrBusy means that another page is being printed, and that it took too long to wait for.
	ErrBusy = fault.New(fault.Limited, "pdf-busy", "Another PDF is being made. Ask again in a minute, or take the statement as a table, which is ready at once.")
	// ErrFailed means that the browser did not print the page in time.
	ErrFailed = fault.New(fault.Unavailable, "pdf-failed", "The PDF could not be made. Print the page from your own browser, or take the statement as a table.")
	// ErrLarge means that the page, or what it came to, is larger than is printed.
	ErrLarge = fault.New(fault.TooLarge, "pdf-large", "This is too long for a PDF. Take it as a table, or ask for fewer days.")
)

const (
	// mostHTML bounds the page, and mostPDF what it comes to, in bytes.
	mostHTML = 8 << 20
	mostPDF  = 32 << 20
	// patience is how long a page waits for the one before it, and printTime what printing may take.
	patience  = 10 * time.Second
	printTime = 40 * time.Second
	// A browser that was killed may write a little longer: its profile is removed again, so often and after so long.
	removals   = 50
	removalGap = 20 * time.Millisecond
	// profilePrefix is how the names of profiles begin. One that is older than leftAfter is of a service that died: nothing is printed for so long.
	profilePrefix = "mizan-pdf-"
	leftAfter     = time.Hour
	// mostLeft bounds the profiles that one start removes.
	mostLeft = 1_000
)

// Paper is what is printed on.
type Paper string

// The papers.
const (
	A4     Paper = "a4"
	Letter Paper = "letter"
)

// Printer prints pages, one at a time. It is safe for concurrent use.
type Printer struct {
	program string
	turn    chan struct{}
	// within is what printing may take.
	within time.Duration
}

// New returns a printer that uses a browser, Chromium or Chrome, by its path or its name, and removes the profiles that printers of the same user
// left behind when they died. The error says that there is no such program, or that no profile can be made.
func New(program string) (*Printer, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	if err := removeLeft(); err != nil {
		return nil, err
	}
	return &Printer{program: path, turn: make(chan struct{}, 1), within: printTime}, nil
}

// Print prints a page, a whole HTML document with its style inside.
//
// Errors: ErrBusy, ErrFailed with its cause, ErrLarge.
func (p *Printer) Print(ctx context.Context, html []byte, on Paper) ([]byte, error) {
	if len(html) > mostHTML {
		return nil, ErrLarge
	}
	waiting, give := context.WithTimeout(ctx, patience)
	defer give()
	select {
	case p.turn <- struct{}{}:
	case <-waiting.Done():
		return nil, ErrBusy
	}
	defer func() { <-p.turn }()
	file, err := p.print(ctx, html, on)
	switch {
	case err != nil:
		return nil, ErrFailed.Because(err)
	case len(file) > mostPDF:
		return nil, ErrLarge
	}
	return file, nil
}

// print starts a browser, has it print, and ends it with all that it started.
func (p *Printer) print(ctx context.Context, html []byte, on Paper) (file []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.within)
	defer cancel()
	home, err := os.MkdirTemp("", profilePrefix)
	if err != nil {
		return nil, err
	}
	var started atomic.Pointer[exec.Cmd]
	allocator, free := chromedp.NewExecAllocator(ctx, p.options(home, &started)...)
	defer func() {
		cancel()
		free()
		if cmd := started.Load(); cmd != nil && cmd.Process != nil {
			killGroup(cmd.Process.Pid)
		}
		if left := remove(home); left != nil && err == nil {
			file, err = nil, fmt.Errorf("remove the profile: %w", left)
		}
	}()
	tab, stop := chromedp.NewContext(allocator)
	defer stop()
	paper := chromedp.PaperA4
	if on == Letter {
		paper = chromedp.PaperLetter
	}
	err = chromedp.Do(tab, call(network.Enable, network.EnableParams{}), call(network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: []*network.BlockPattern{{URLPattern: "*://*:*/*", Block: true}}}),
		call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}), show(html))
	if err != nil {
		return nil, err
	}
	return chromedp.Run(tab, chromedp.PrintToPDF(chromedp.PDFPaper(paper), chromedp.PDFPrintBackground(), func(params *page.PrintToPDFParams) {
		inches := func(of float64) *float64 { return &of }
		tagged := true
		params.MarginTop, params.MarginBottom, params.MarginLeft, params.MarginRight = inches(0.55), inches(0.6), inches(0.55), inches(0.55)
		params.GenerateTaggedPDF = &tagged
	}))
}

// call sends one command of the protocol.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, command, params)
		return err
	})
}

// show puts the page into the empty document of the tab, which has no address, so that nothing in the page can lead anywhere.
func show(html []byte) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		tree, err := cdp.Call(ctx, tab, page.GetFrameTree, cdp.Empty{})
		if err != nil {
			return err
		}
		_, err = cdp.Call(ctx, tab, page.SetDocumentContent, page.SetDocumentContentParams{FrameID: tree.FrameTree.Frame.ID, HTML: string(html)})
		return err
	})
}

// options have the browser keep everything in a directory and reach nothing: its proxy is nobody, and names lead nowhere.
func (p *Printer) options(home string, started *atomic.Pointer[exec.Cmd]) []chromedp.ExecAllocatorOption {
	return append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(p.program), chromedp.UserDataDir(filepath.Join(home, "profile")), chromedp.DisableGPU, chromedp.NoInheritEnv,
		chromedp.Env("HOME="+home, "TMPDIR="+home, "PATH="+os.Getenv("PATH"), "LANG=C.UTF-8"),
		chromedp.Flag("proxy-server", "socks5://127.0.0.1:1"), chromedp.Flag("proxy-bypass-list", "<-loopback>"), chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND"),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("no-pings", true), chromedp.Flag("disable-remote-fonts", true), chromedp.Flag("renderer-process-limit", "1"),
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) {
			cmd.SysProcAttr = ofGroup()
			cmd.WaitDelay = time.Second
			cmd.Cancel = func() error {
				killGroup(cmd.Process.Pid)
				return nil
			}
			started.Store(cmd)
		}))
}

// killGroup kills a process with all that it started.
func killGroup(leader int) {
	_ = syscall.Kill(-leader, syscall.SIGKILL) // they may have ended by themselves
}

// removeLeft removes the profiles that nobody uses any more. How old they are is told by one that is made beside them, so by the same clock.
func removeLeft() error {
	fresh, err := os.MkdirTemp("", profilePrefix)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(fresh) }() // it is empty; whoever starts next removes it otherwise
	young, err := os.Lstat(fresh)
	if err != nil {
		return err
	}
	list, err := filepath.Glob(filepath.Join(os.TempDir(), profilePrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range list[:min(len(list), mostLeft)] {
		found, err := os.Lstat(dir) // of a link it is the link, which is no directory
		if err != nil || !found.IsDir() || young.ModTime().Sub(found.ModTime()) < leftAfter {
			continue
		}
		if is, ok := found.Sys().(*syscall.Stat_t); ok && int(is.Uid) == os.Getuid() {
			_ = os.RemoveAll(dir) // what cannot be removed is tried again at the next start
		}
	}
	return nil
}

// remove removes a directory in which something may be written for a moment longer.
func remove(dir string) (err error) {
	for range removals {
		if err = os.RemoveAll(dir); err == nil {
			if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
				return nil
			}
		}
		<-time.After(removalGap)
	}
	return err
}
