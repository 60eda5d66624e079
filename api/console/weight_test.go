package console

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

var (
	partDefined = regexp.MustCompile(`\{\{define "(\w+)"\}\}`)
	partUsed    = regexp.MustCompile(`\{\{template "(\w+)"`)
)

// TestViewsAreLight: whatever view there is, its markup with everything that it loads and is made of leaves room for its data within 100 kB.
func TestViewsAreLight(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil || len(files) < 60 {
		t.Fatal(len(files), err)
	}
	read := func(name string) string {
		content, err := pageFiles.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	parts := map[string]string{}
	for _, name := range files {
		if !strings.HasSuffix(name, "parts.html") {
			continue
		}
		content := read(name)
		at := partDefined.FindAllStringSubmatchIndex(content, -1)
		for i, x := range at {
			end := len(content)
			if i+1 < len(at) {
				end = at[i+1][0]
			}
			parts[content[x[2]:x[3]]] = content[x[0]:end]
		}
	}
	if parts["sumrow"] == "" || parts["tabs"] == "" {
		t.Fatal(len(parts))
	}
	// of adds up the parts that a piece of markup is made of, each once.
	var of func(markup string, counted map[string]bool) int
	of = func(markup string, counted map[string]bool) (size int) {
		for _, found := range partUsed.FindAllStringSubmatch(markup, -1) {
			if part := parts[found[1]]; !counted[found[1]] {
				counted[found[1]] = true
				size += len(part) + of(part, counted)
			}
		}
		return size
	}
	for _, name := range files {
		content := read(name)
		weight := len(content) + of(content, map[string]bool{}) + len(markSVG)
		if strings.HasPrefix(name, "pages/public-") {
			weight += len(read("pages/public-layout.html")) + len(publicCSS)
		} else {
			weight += len(read("pages/layout.html")) + len(styleCSS)
		}
		if strings.HasPrefix(name, "pages/portal-statement") || name == "pages/portal-downloads.html" {
			weight += len(statementCSS)
		}
		if weight > 70_000 {
			t.Errorf("%s weighs %d bytes before its words and data", name, weight)
		}
	}
}
