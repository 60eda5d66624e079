package docs

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func get(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// Every file is in the contents, and the contents name nothing else.
func TestContents(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(pageFiles, "*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if !slices.Contains(order(), strings.TrimSuffix(name, ".md")) {
			t.Errorf("%s is in no section of the contents", name)
		}
	}
	if len(order()) != len(files)+1 {
		t.Errorf("the contents have %d pages, and there are %d files and the API reference", len(order()), len(files))
	}
	titles := map[string]string{}
	for slug, p := range loadPages() {
		if p.Title == "" || titles[p.Title] != "" {
			t.Errorf("the title %q of %s is missing or taken", p.Title, slug)
		}
		titles[p.Title] = slug
		if slug != referenceSlug && strings.Count(p.HTML, "<h1") != 1 {
			t.Errorf("%s has not exactly one main heading", slug)
		}
	}
}

// Every link of every page leads to a page, and to an element of it that exists.
func TestLinks(t *testing.T) {
	t.Parallel()
	h := Handler(func() []byte { return []byte(sampleAPI) })
	pages := map[string]markup{}
	for _, slug := range order() {
		w := get(t, h, address(slug))
		m, err := readMarkup(w.Body.String())
		if w.Code != http.StatusOK || err != nil {
			t.Fatalf("%s: %d, %v", slug, w.Code, err)
		}
		pages[address(slug)] = m
	}
	links := 0
	for from, m := range pages {
		for _, link := range m.Links {
			path, fragment, _ := strings.Cut(link, "#")
			if strings.HasPrefix(link, "https://") || path == "/openapi.json" || path == "/" {
				continue
			}
			if path == "" {
				path = from
			}
			if strings.HasPrefix(path, "/docs/assets/") {
				if w := get(t, h, path); w.Code != http.StatusOK {
					t.Errorf("%s needs %s: %d", from, path, w.Code)
				}
				continue
			}
			to, ok := pages[path]
			if !ok {
				t.Errorf("%s links to %s, which is no page", from, link)
			} else if fragment != "" && !slices.Contains(to.IDs, fragment) {
				t.Errorf("%s links to %s, and that page has no such place", from, link)
			}
			links++
		}
	}
	if links < 200 {
		t.Errorf("only %d links were found", links)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	h := Handler(nil)
	w := get(t, h, "/docs")
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if strings.Contains(policy, "unsafe") || !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("the policy allows too much: %s", policy)
	}
	if got := get(t, h, stylePath).Header(); !strings.Contains(got.Get("Cache-Control"), "immutable") || got.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("the stylesheet's headers: %v", got)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	h := Handler(nil)
	for path, want := range map[string]int{
		"/docs": 200, "/docs/": 301, "/docs/index": 301, "/docs/quickstart": 200, "/docs/api": 200, "/docs/none": 404, "/docs/chart.md": 404,
		"/docs/assets/none.css": 404, "/docs/a/b/c": 404, "/docs/%3Cscript%3E": 404,
	} {
		w := get(t, h, path)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
		if strings.Contains(w.Body.String(), "script") && w.Code == 404 {
			t.Errorf("%s: the answer repeats what was asked for", path)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/docs", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}
