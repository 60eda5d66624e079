package browsertest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Shots names a directory. Check writes there what it sees, for people to look at: NAME-WIDTH-DIRECTION.png and NAME-WIDTH-DIRECTION-dark.png.
const Shots = "MIZAN_SHOTS"

// Widths that pages are looked at, in pixels: a telephone and a desk.
const (
	Narrow int64 = 390
	Wide   int64 = 1440
)

// height is that of the window in which pages are looked at, in pixels.
const height int64 = 900

// look is one way to look at a page.
type look struct {
	width int64
	dark  bool
	// rules are what axe-core holds the page to; nil for nothing.
	rules map[string]any
}

// languages are those of a reader whose pages run from left to right, and of one whose pages run from right to left.
var languages = []struct{ tag, direction string }{{"en", "ltr"}, {"ar", "rtl"}}

// looks are the ways to look at a page that runs in a direction. What a page is made of depends on none of them: every rule is held against one. Colours
// depend on the scheme, the size of what one presses on the width, and what overflows on width and direction. A wide page shows what a narrow one
// hides, so dark colours are looked at in both.
func looks(direction string) []look {
	if direction == "ltr" {
		return []look{{Wide, false, all()}, {Wide, true, some("color-contrast")}, {Narrow, false, nil}}
	}
	return []look{{Narrow, true, some("color-contrast", "target-size", "scrollable-region-focusable")}, {Wide, false, nil}}
}

// Check opens a page in every look and demands that it is answered with 200, breaks no rule of WCAG 2.2 A or AA, has neither errors in the console nor
// failed requests, needs no scrolling sideways, lets no foreign script run, and says the same with scripts turned off. The name is for
// complaints and screenshots.
func (w *Window) Check(name, path string) {
	w.t.Helper()
	w.CheckStatus(name, path, 200)
}

// CheckStatus is Check for a page that is answered with another status, such as one that says what is missing.
func (w *Window) CheckStatus(name, path string, status int64) {
	w.t.Helper()
	var text string
	for _, language := range languages {
		w.complained()
		w.Language(language.tag)
		for i, look := range looks(language.direction) {
			w.Size(look.width, height)
			w.Dark(look.dark)
			if i == 0 {
				if got := w.Open(path); got != status {
					w.t.Errorf("%s (%s) is answered with %d, want %d:\n%s", name, path, got, status, w.Text())
					return
				}
				w.opened()
				if text == "" {
					text = w.Text()
				}
				if got := ask[string](w, `document.documentElement.dir`); got != language.direction {
					w.t.Errorf("%s (%s) in %q runs %s", name, path, language.tag, got)
				}
			}
			w.fits(name, look.width, language.direction)
			if look.rules != nil {
				for _, v := range w.violations(look.rules) {
					w.t.Errorf("%s (%s), %d px, %s, dark %v: %s", name, path, look.width, language.direction, look.dark, v)
				}
			}
			w.shoot(name, look.width, language.direction, look.dark)
		}
		if said := w.complained(); len(said) > 0 && !expected(said, status) {
			w.t.Errorf("%s (%s): the browser complains:\n%s", name, path, strings.Join(said, "\n"))
		}
	}
	w.protected(name, path)
	w.withoutScripts(name, path, text)
}

// expected reports whether the browser only says that the page itself has the status that it was to have.
func expected(said []string, status int64) bool {
	return status >= 400 && !slices.ContainsFunc(said, func(s string) bool {
		return !strings.Contains(s, fmt.Sprintf("the server responded with a status of %d", status))
	})
}

// opened opens what is folded in the page, so that it is looked at too.
func (w *Window) opened() {
	w.t.Helper()
	ask[int](w, `(all => { all.forEach(d => { d.open = true }); return all.length })(document.querySelectorAll("details"))`)
}

// fits demands that nothing stands out of the page to the side.
func (w *Window) fits(name string, width int64, direction string) {
	w.t.Helper()
	if wider := ask[int64](w, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wider > 0 {
		who := ask[string](w, `[...document.querySelectorAll("main *, header *, footer *")].filter(e => { const r = e.getBoundingClientRect();
			return r.right > innerWidth + 1 || r.left < -1 }).slice(0, 5).map(e => e.outerHTML.slice(0, 160)).join("\n\t")`)
		w.t.Errorf("%s is %d px wider than its window of %d px, %s; among what stands out:\n\t%s", name, wider, width, direction, who)
	}
}

// protected demands of the page in the window that its answer brought a policy which keeps foreign scripts out, and that it does.
func (w *Window) protected(name, path string) {
	w.t.Helper()
	w.mu.Lock()
	var policy string
	for header, value := range w.document.Headers {
		if strings.EqualFold(header, "Content-Security-Policy") {
			policy, _ = value.(string)
		}
	}
	w.mu.Unlock()
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		w.t.Errorf("%s (%s): the content security policy is %q", name, path, policy)
	}
	// The script is put into the page as an attacker's would be. The browser has it neither run nor go unnoticed.
	if got := ask[string](w, `new Promise(done => {
		document.addEventListener("securitypolicyviolation", e => done(e.effectiveDirective), {once: true});
		const foreign = document.createElement("script");
		foreign.textContent = "window.ran = true";
		document.body.append(foreign);
		if (window.ran) done("it ran");
	})`); !strings.HasPrefix(got, "script-src") {
		w.t.Errorf("%s (%s): a foreign script is met with %q", name, path, got)
	}
	w.complained()
}

// withoutScripts demands that each line of the page as it is read with scripts is read without them too. What is folded was opened for both:
// pressing it needs no script.
func (w *Window) withoutScripts(name, path, text string) {
	w.t.Helper()
	if strings.TrimSpace(text) == "" {
		w.t.Errorf("%s (%s) is empty", name, path)
	}
	w.Language(languages[0].tag)
	w.Size(Wide, height)
	set(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	w.Open(path)
	w.opened()
	without := strings.Split(w.Text(), "\n")
	set(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: false})
	for line := range strings.SplitSeq(text, "\n") {
		if !slices.Contains(without, line) {
			w.t.Errorf("%s (%s) says %q only with scripts", name, path, line)
		}
	}
}

// shoot writes what is seen, if somebody wants to look at it.
func (w *Window) shoot(name string, width int64, direction string, dark bool) {
	w.t.Helper()
	dir := os.Getenv(Shots)
	if dir == "" {
		return
	}
	// The window is made as high as the page: what Chromium draws beyond its window it may draw shifted where a page runs from right to left.
	w.Size(width, ask[int64](w, `document.documentElement.scrollHeight`))
	defer w.Size(width, height)
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	w.must("take a screenshot", err)
	if dark {
		direction += "-dark"
	}
	w.must("make the directory of screenshots", os.MkdirAll(dir, 0o755))
	w.must("write a screenshot", os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, direction)), shot, 0o644))
}
