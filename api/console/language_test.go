package console

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// Every language says everything that English says, with the same places, and nothing else.
func TestWords(t *testing.T) {
	t.Parallel()
	for _, problem := range phrases().Problems() {
		t.Error(problem)
	}
}

var saidInPage = regexp.MustCompile(`\(?\bsay \$?[.A-Za-z]+ "([^"]+)"`)

// What pages say is written down; TestWords then finds what is missing in a language.
func TestPagesHaveWords(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil {
		t.Fatal(err)
	}
	said := 0
	for _, name := range names {
		source, err := fs.ReadFile(pageFiles, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range saidInPage.FindAllStringSubmatch(string(source), -1) {
			said++
			if !strings.HasSuffix(m[1], ".") && !phrases().Has(m[1]) {
				t.Errorf("%s says %q, which nobody wrote down", name, m[1])
			}
		}
	}
	if said < 10 {
		t.Errorf("only %d texts were found in pages; the test looks for another shape", said)
	}
}
