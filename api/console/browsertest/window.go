package browsertest

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience bounds each thing that a window does. A page takes milliseconds; a busy machine takes its time.
const patience = time.Minute

// Window is a browser window with cookies of its own. It is not for several goroutines at once.
type Window struct {
	t    testing.TB
	base string
	ctx  context.Context

	mu sync.Mutex
	// complaints are what the browser said against the pages since they were last taken.
	complaints []string
	// document is the answer that the page in the window came from.
	document *network.Response
	// presses counts what was pressed.
	presses int
}

// New opens a window on the site at base, such as http://127.0.0.1:18080. It closes with the test.
func New(t testing.TB, base string) *Window {
	t.Helper()
	ctx, closeWindow := chromedp.NewContext(borrow(t), chromedp.WithNewBrowserContext())
	t.Cleanup(closeWindow)
	w := &Window{t: t, base: strings.TrimSuffix(base, "/"), ctx: ctx}
	w.must("open a window", chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, network.Enable, network.EnableParams{})
		return err
	})))
	w.must("listen", chromedp.Listen(ctx, w.hear))
	return w
}

func (w *Window) must(what string, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("browsertest: %s: %v", what, err)
	}
}

// hear notes what the browser says.
func (w *Window) hear(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			w.complaints = append(w.complaints, fmt.Sprintf("%s: %s", e.Entry.Level, e.Entry.Text))
		}
	case *runtime.EventExceptionThrown:
		w.complaints = append(w.complaints, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			w.complaints = append(w.complaints, fmt.Sprintf("console.%s was called", e.Type))
		}
	case *network.EventLoadingFailed:
		w.complaints = append(w.complaints, "a request failed: "+e.ErrorText)
	case *network.EventResponseReceived:
		if e.Type == network.ResourceTypeDocument {
			w.document = e.Response
		} else if e.Response.Status >= 400 {
			w.complaints = append(w.complaints, fmt.Sprintf("%s is answered with %d", e.Response.URL, e.Response.Status))
		}
	}
}

// complained returns what the browser said since it was last asked.
func (w *Window) complained() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	said := w.complaints
	w.complaints = nil
	return said
}

// do runs actions within the bound.
func (w *Window) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	w.must(what, chromedp.Do(ctx, actions...))
}

// ask evaluates JavaScript in the page, whether or not the page may run scripts, and waits for a promise.
func ask[T any](w *Window, script string) T {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	answer, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	w.must("look at the page", err)
	return answer
}

// set sends one command of the protocol to the window.
func set[P, R any](w *Window, command cdp.Command[P, R], params P) {
	w.t.Helper()
	w.do(command.Method, chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, command, params)
		return err
	}))
}

// Cookie gives the window a cookie of the site, such as that of a session.
func (w *Window) Cookie(name, value string) {
	w.t.Helper()
	set(w, network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: w.base})
}

// Language is what the reader prefers, as a browser says it: en, ar, zh-CN.
func (w *Window) Language(preferred string) {
	w.t.Helper()
	set(w, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": preferred}})
}

// Size sets the width and height of the window in pixels.
func (w *Window) Size(width, height int64) {
	w.t.Helper()
	set(w, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
}

// Dark says whether the reader prefers dark pages.
func (w *Window) Dark(dark bool) {
	w.t.Helper()
	scheme := map[bool]string{true: "dark", false: "light"}[dark]
	set(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// Open opens a page of the site and waits until it is loaded. It returns the status of the answer.
func (w *Window) Open(path string) int64 {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	answer, err := chromedp.Run(ctx, chromedp.NavigateResponse(w.base+path))
	w.must("open "+path, err)
	if answer == nil {
		w.t.Fatalf("browsertest: %s is not answered", path)
	}
	return answer.Status
}

// Text is what somebody reads on the page, line by line.
func (w *Window) Text() string {
	w.t.Helper()
	return ask[string](w, `document.body.innerText`)
}

// Has demands texts of the page, whatever the lines they stand on.
func (w *Window) Has(texts ...string) {
	w.t.Helper()
	page := strings.Join(strings.Fields(w.Text()), " ")
	for _, text := range texts {
		if !strings.Contains(page, text) {
			w.t.Errorf("%s does not show %q:\n%s", w.Path(), text, page)
		}
	}
}

// HasNot refuses texts that somebody would read on the page.
func (w *Window) HasNot(texts ...string) {
	w.t.Helper()
	page := strings.Join(strings.Fields(w.Text()), " ")
	for _, text := range texts {
		if strings.Contains(page, text) {
			w.t.Errorf("%s shows %q:\n%s", w.Path(), text, page)
		}
	}
}

// Unfold presses the head of each folded part that a CSS selector finds, as somebody does who wants to read it.
func (w *Window) Unfold(selector string) {
	w.t.Helper()
	if n := ask[int](w, fmt.Sprintf(`(all => { all.forEach(d => d.querySelector("summary").click()); return all.length })(document.querySelectorAll(%q))`, selector)); n == 0 {
		w.t.Errorf("%s has nothing to unfold at %s", w.Path(), selector)
	}
}

// Tick presses a box of a form, which leads nowhere.
func (w *Window) Tick(selector string) {
	w.t.Helper()
	if !ask[bool](w, fmt.Sprintf(`(box => { box?.click(); return box?.checked === true })(document.querySelector(%q))`, selector)) {
		w.t.Errorf("%s has no box to tick at %s", selector, w.Path())
	}
}

// Drawn is what each element that a CSS selector finds shows, in the order in which it is drawn from left to right and without spaces: in a
// line with letters of both directions that is another order than the one in which it is written.
func (w *Window) Drawn(selector string) []string {
	w.t.Helper()
	return ask[[]string](w, fmt.Sprintf(`[...document.querySelectorAll(%q)].map(element => {
		const drawn = [], texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT), range = document.createRange();
		for (let node; node = texts.nextNode();) for (let i = 0; i < node.length; i++) {
			range.setStart(node, i); range.setEnd(node, i + 1);
			const box = range.getBoundingClientRect();
			if (box.width > 0 && node.data[i].trim()) drawn.push([box.left, node.data[i]]);
		}
		return drawn.sort((a, b) => a[0] - b[0]).map(c => c[1]).join("");
	})`, selector))
}

// Path is where the window is, with the query.
func (w *Window) Path() string {
	w.t.Helper()
	at, err := url.Parse(ask[string](w, `location.href`))
	w.must("read the address", err)
	return at.RequestURI()
}

// Fill writes into a field that a CSS selector finds.
func (w *Window) Fill(selector, text string) {
	w.t.Helper()
	w.do("fill "+selector, chromedp.SetValue(chromedp.CSS(selector), text))
}

// Press presses what a CSS selector finds, a link or a button, and waits for the page that it leads to.
func (w *Window) Press(selector string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	_, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(selector)))
	w.must("press "+selector+" on the page "+w.Path(), err)
	w.presses++
}

// Presses is how often Press led to a page in this window.
func (w *Window) Presses() int { return w.presses }

// Fetched is the file that a link leads to, as the browser gets it with its cookies. It demands that the link is there and that its answer is
// one to be saved.
func (w *Window) Fetched(selector string) string {
	w.t.Helper()
	// Pages may not fetch anything, which the browser is told to overlook for a moment.
	bypass := func(on bool) { set(w, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: on}) }
	bypass(true)
	defer bypass(false)
	w.Open(w.Path())
	return ask[string](w, fmt.Sprintf(`(async link => { const a = await fetch(link.href);
		return (a.headers.get("Content-Disposition") || "").startsWith("attachment") ? a.text() : "no file: " + a.status })(document.querySelector(%q))`, selector))
}
