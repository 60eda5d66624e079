package console

import (
	"io/fs"
	"strings"
	"testing"
)

// TestViewsAreLight: whatever view there is, its markup with everything that it loads leaves room for its data within 100 kB.
func TestViewsAreLight(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil || len(files) < 60 {
		t.Fatal(len(files), err)
	}
	size := func(name string) int {
		content, err := pageFiles.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return len(content)
	}
	for _, name := range files {
		weight := size(name) + len(markSVG)
		if strings.HasPrefix(name, "pages/public-") {
			weight += size("pages/public-layout.html") + len(publicCSS)
		} else {
			weight += size("pages/layout.html") + len(styleCSS)
		}
		if weight > 70_000 {
			t.Errorf("%s weighs %d bytes before its words and data", name, weight)
		}
	}
}
