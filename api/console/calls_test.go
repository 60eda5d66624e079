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

// withoutFile are the pages of the staff that hand out no file, with why.
var withoutFile = map[string]string{
	"books": "stands on an open console alone, where nobody is known who could take anything", "desk": "leads to the pages of what waits, which hand it out", "search": "leads to what it finds",
	"trial-balance": "leads to the report of its month by itself", "order": "leads to its trail by itself", "payout": "leads to its trail by itself", "recon-run": "hands out the document of the run by its call",
	"approval": "is one of a list that is a file", "person": "is one of a list that is a file", "key": "is one of a list that is a file", "decision": "is one of a list that is a file",
	"break": "is one of a list that is a file", "question": "is one of a list that is a file, and what was written in it is for no file", "message": "is one of a list that is a file",
	"payout-policy": "is one document, which its call hands out", "rule-set": "is one document, which its call hands out", "rule-changes": "is made of two documents, which its calls hand out",
	"rule-draft": "is a form", "payout-request": "is a form", "export-ask": "is a form", "export": "is a file",
}

// Whatever the staff sees can be taken away as a file: each page has a report or a list, or there is a reason why not. A list is one that the
// page names the call of.
func TestPagesHandOutWhatTheyShow(t *testing.T) {
	t.Parallel()
	for name := range templates() {
		if _, public := withoutCalls[name]; public || strings.HasPrefix(name, "portal") {
			continue
		}
		handsOut := len(pageExports[name])+len(pageLists[name]) > 0
		if _, without := withoutFile[name]; without == handsOut {
			t.Errorf("the page %s hands out a file: %v, and that it hands out none is explained: %v", name, handsOut, without)
		}
	}
	for name, lists := range pageLists {
		for i, l := range lists {
			if !slices.ContainsFunc(pageCalls[name], func(p pageCall) bool { return p.ID == l.ID && slices.Equal(p.Query, l.Query) }) {
				t.Errorf("%s hands out the list %s, which is not among its calls", name, l.ID)
			}
			if l.Word != "" && !phrases().Has(l.Word) || l.Word == "" && i > 0 {
				t.Errorf("%s has no words for the list %s", name, l.ID)
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
