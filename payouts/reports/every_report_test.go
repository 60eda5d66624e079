//go:build !race

package reports_test

import (
	"bytes"
	"regexp"
	"testing"

	"mizan/ledger/fault"
	"mizan/ledger/tabular"
	"mizan/payouts/reports"
)

// likely is a value that a parameter of each kind takes.
var likely = map[reports.ParameterKind]string{reports.OfPeriod: "2026-08", reports.OfDate: "2026-08-20", reports.OfNumber: "2026", reports.OfCurrency: "GBP",
	reports.OfAccount: "liabilities:seller", reports.OfCode: "sel_a"}

// Every report there is can be asked for with what it needs, in every format, and reads back to the same manifest; one that asks for
// something the book does not have says so.
func TestEveryReportReadsBack(t *testing.T) {
	t.Parallel()
	o, r := newOffice(t), seed(t)
	o.trade(r, 100)
	names, name := map[string]bool{}, regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	for _, report := range reports.Reports() {
		if names[report.Name] || !name.MatchString(report.Name) || report.Title == "" || report.Meaning == "" || report.Schema < 1 || len(report.Columns) == 0 {
			t.Errorf("%s is not described, or twice", report.Name)
		}
		names[report.Name] = true
		ask := reports.Request{Report: report.Name, Parameters: reports.Values{}}
		for _, p := range report.Parameters {
			switch {
			case p.Meaning == "" || !name.MatchString(p.Name) || (p.Kind == reports.OfChoice) != (len(p.Choices) > 0):
				t.Errorf("%s: the parameter %s is not described", report.Name, p.Name)
			case p.Needed && p.Kind == reports.OfChoice:
				ask.Parameters[p.Name] = p.Choices[0]
			case p.Needed:
				ask.Parameters[p.Name] = likely[p.Kind]
			}
		}
		for _, ask.Format = range tabular.Formats() {
			e, err := o.Ask(t.Context(), ann, o.book, ask)
			if fault.CodeOf(err) == "report-parameters" { // what one parameter needs of another is in no list
				for _, p := range report.Parameters {
					if p.Kind == reports.OfCode {
						ask.Parameters[p.Name] = likely[p.Kind]
					}
				}
				e, err = o.Ask(t.Context(), ann, o.book, ask)
			}
			o.ok(err)
			if e.State == reports.Asked {
				e = o.ask(ask)
			}
			if e.State != reports.Made {
				if e.State != reports.Failed || e.Reason == "internal" || e.Reason == "" {
					t.Errorf("%s is %s: %s", report.Name, e.State, e.Reason)
				}
				t.Logf("%s: %s", report.Name, e.Reason)
				continue
			}
			if read := o.readTable(e, bytes.NewReader(o.content(e))); !bytes.Equal(read.manifest.JSON(), e.Manifest.JSON()) {
				t.Errorf("%s as %s reads back as %s, not %s", report.Name, ask.Format, read.manifest.JSON(), e.Manifest.JSON())
			}
		}
	}
}
