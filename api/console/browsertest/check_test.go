package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// listener keeps what a check says against a page.
type listener struct {
	testing.TB
	said []string
}

func (l *listener) Errorf(format string, args ...any) {
	l.said = append(l.said, fmt.Sprintf(format, args...))
}

const (
	strict = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'"
	loose  = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'unsafe-inline'"
	head   = `<!doctype html><html lang="en" dir="DIR"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Page</title>` +
		`<link rel="icon" href="/style.css"><link rel="stylesheet" href="/style.css"></head><body>`
	sound = `<main><h1>A page</h1><p class="ink">What it says.</p><details><summary>More</summary><p>Folded.</p></details></main></body></html>`
	style = `.ink { color: #222; background: #fff } .pale { color: #ccc; background: #fff } .wide { width: 800px } @media (prefers-color-scheme: dark) { .night { color: #333; background: #222 } }
		html[dir="rtl"] .right { width: 1500px } .tiny a { display: inline-block; font-size: 8px; line-height: 8px } .scripted { display: none }`
)

// A check finds each fault that it is there for, and says nothing against a sound page.
func TestChecksFindFaults(t *testing.T) {
	t.Parallel()
	with := func(body string) string { return strings.Replace(sound, "</main>", body+"</main>", 1) }
	pages := map[string]struct {
		body, policy string
		want         []string
	}{
		"sound": {sound, strict, nil},
		"faulty": {with(`<p class="pale">Pale.</p><p class="night">Pale at night.</p><input type="text"><h4>Deep</h4>
			<p class="tiny"><a href="/1">a</a><a href="/2">b</a><a href="/3">c</a></p><p class="wide">Wide.</p>
			<img src="/none.svg" alt="x"><img src="http://127.0.0.1:1/x.svg" alt="x">`), strict,
			[]string{"1440 px, ltr, dark false: color-contrast", "1440 px, ltr, dark true: color-contrast", "label (critical)", "heading-order", "target-size",
				"wider than its window of 390 px, ltr", "answered with 404", "Loading the image 'http://127.0.0.1:1/x.svg' violates"}},
		"wide-from-right": {with(`<p class="right">Wide.</p>`), strict, []string{"wider than its window of 1440 px, rtl"}},
		"no-landmark":     {strings.NewReplacer("<main>", "<div>", "</main>", "</div>").Replace(sound), "", []string{"landmark-one-main", `the content security policy is ""`}},
		"loose": {with(`<p id="late"></p><script>document.getElementById("late").textContent = "Late figures."; console.error("no"); throw new Error("x")</script>`), loose,
			[]string{`a foreign script is met with "it ran"`, `"Late figures." only with scripts`, "console.error was called", "exception: Uncaught"}},
		"gone": {sound, strict, []string{"answered with 500"}},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css")
		fmt.Fprint(w, style)
	})
	for name, p := range pages {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			if p.policy != "" {
				w.Header().Set("Content-Security-Policy", p.policy)
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if name == "gone" {
				w.WriteHeader(http.StatusInternalServerError)
			}
			direction := map[bool]string{true: "rtl", false: "ltr"}[strings.HasPrefix(r.Header.Get("Accept-Language"), "ar")]
			fmt.Fprint(w, strings.Replace(head, "DIR", direction, 1)+p.body)
		})
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	window := New(t, server.URL)
	for name, p := range pages {
		heard := &listener{TB: t}
		window.t = heard
		window.Check(name, "/"+name)
		said := strings.Join(heard.said, "\n")
		if p.want == nil && said != "" {
			t.Errorf("%s: the check says\n%s", name, said)
		}
		for _, want := range p.want {
			if !strings.Contains(said, want) {
				t.Errorf("%s: the check does not say %q:\n%s", name, want, said)
			}
		}
	}
}

// A named program that does not exist is an error that says so, never a silent search for another.
func TestNoBrowser(t *testing.T) {
	t.Setenv(Program, "/nonexistent/chromium")
	if _, err := find(); err == nil || !strings.Contains(err.Error(), Program) {
		t.Errorf("%v", err)
	}
	t.Setenv(Program, "")
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	program := func(name, does string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+does+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// A program that only says where to get a browser is none.
	program("chromium-browser", "echo Install the snap. >&2; exit 1")
	if path, err := find(); err == nil && !strings.HasPrefix(path, "/Applications/") || err != nil && !strings.Contains(err.Error(), "make tools") {
		t.Errorf("%s %v", path, err)
	}
	chrome := program("google-chrome", "echo Google Chrome 140")
	if path, err := find(); err != nil || path != chrome {
		t.Errorf("%s %v", path, err)
	}
}
