package browsertest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

// axe-core 4.14.1 of Deque Systems, under the Mozilla Public License 2.0, byte for byte as the package of that version has it.
//
//go:embed testdata/axe-core-4.14.1/axe.min.js
var axeScript string

// Violation is a rule of axe-core that a page breaks.
type Violation struct {
	// ID is the rule, such as color-contrast; Impact is minor, moderate, serious or critical.
	ID     string `json:"id"`
	Impact string `json:"impact"`
	Help   string `json:"help"`
	// Nodes are the elements that break it, at most five.
	Nodes []struct {
		HTML string `json:"html"`
		// Why tells what is wrong with the element.
		Why string `json:"why"`
	} `json:"nodes"`
}

// String tells the rule and the elements.
func (v Violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s", v.ID, v.Impact, v.Help)
	for _, n := range v.Nodes {
		fmt.Fprintf(&b, "\n\t%s\n\t\t%s", n.HTML, strings.Join(strings.Fields(n.Why), " "))
	}
	return b.String()
}

// standards are the rules that pages are held to: those of WCAG 2.2 at the levels A and AA, and what axe-core's makers hold for good practice, as
// landmarks and the order of headings.
var standards = []string{"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"}

// all runs every rule of the standards, and some runs the named ones.
func all() map[string]any {
	// The rule is off in axe-core unless it is asked for.
	return map[string]any{"runOnly": standards, "rules": map[string]any{"target-size": map[string]any{"enabled": true}}}
}

func some(rules ...string) map[string]any {
	return map[string]any{"runOnly": map[string]any{"type": "rule", "values": rules}}
}

// violations has axe-core look at the page in the window.
func (w *Window) violations(options map[string]any) []Violation {
	w.t.Helper()
	options["resultTypes"] = []string{"violations"}
	// There are no frames to wait for, and the browser knows the stylesheets.
	options["preload"], options["iframes"] = false, false
	with, err := json.Marshal(options)
	w.must("ask axe-core", err)
	if !ask[bool](w, `typeof axe === "object"`) {
		ask[bool](w, axeScript+"\n;true")
	}
	return ask[[]Violation](w, fmt.Sprintf(`axe.run(document, %s).then(found => found.violations.map(v => ({id: v.id, impact: v.impact, help: v.help,
		nodes: v.nodes.slice(0, 5).map(n => ({html: n.html.slice(0, 300), why: n.failureSummary}))})))`, with))
}
