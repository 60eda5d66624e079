package console

import (
	"slices"
	"strings"
	"testing"

	"mizan/payouts/reports"
)

// withoutCalls are the pages that show and do nothing of the API's, with why.
var withoutCalls = map[string]string{
	"welcome": "says what this is", "failure": "says what went wrong", "sign-in": "people sign in with a browser, programs with a key",
	"link": "signs somebody in with a browser", "onward": "leads on",
}

// Every page of the staff says which calls it is made of, and the files that have the same; what it says of files, there is. That there are
// such calls is seen when a console is made.
func TestPagesSayWhatTheyAreMadeOf(t *testing.T) {
	t.Parallel()
	for name := range templates() {
		if strings.HasPrefix(name, "portal") {
			continue
		}
		if _, without := withoutCalls[name]; without == (len(pageCalls[name]) > 0) {
			t.Errorf("the page %s names %d calls, and that it has none is explained: %v", name, len(pageCalls[name]), without)
		}
	}
	for name := range pageCalls {
		if templates()[name] == nil {
			t.Errorf("%s names calls and is no page", name)
		}
	}
	for name, list := range pageExports {
		if templates()[name] == nil {
			t.Errorf("%s names files and is no page", name)
		}
		for _, e := range list {
			report, ok := reportNamed(e.Report)
			if !ok {
				t.Errorf("%s names the report %s, which does not exist", name, e.Report)
			}
			for i := 0; i < len(e.Given); i += 2 {
				if !slices.ContainsFunc(report.Parameters, func(p reports.Parameter) bool { return p.Name == e.Given[i] }) {
					t.Errorf("%s gives the report %s the parameter %s, which it does not take", name, e.Report, e.Given[i])
				}
			}
			for _, p := range report.Parameters {
				if p.Needed && !slices.Contains(e.Given, p.Name) {
					t.Errorf("%s does not give the report %s its parameter %s", name, e.Report, p.Name)
				}
			}
		}
	}
}

// A console whose pages name a call that does not exist is not made.
func TestNewKnowsItsCalls(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a console was made whose pages name calls that do not exist")
		}
	}()
	New(Config{Operations: []Operation{{ID: "list-books", Method: "GET", Path: "/v1/books"}}})
}
