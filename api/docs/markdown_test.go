package docs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRender(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, source, want string }{
		{"paragraph", "one\ntwo\n\nthree", "<p>one two</p>\n<p>three</p>\n"},
		{"heading", "# A `b` c", `<h1 id="a-b-c">A <code>b</code> c</h1>` + "\n"},
		{"section", "## A", `<h2 id="a">A <a class="anchor" href="#a" aria-label="Link to this section">#</a></h2>` + "\n"},
		{"heading needs a space", "#a", "<p>#a</p>\n"},
		{"same heading twice", "# 1\n# 1", `<h1 id="s-1">1</h1>` + "\n" + `<h1 id="s-1-2">1</h1>` + "\n"},
		{"list", "- a\n- b\n  more\n\n- c", "<ul>\n<li>a</li>\n<li>b more</li>\n<li>c</li>\n</ul>\n"},
		{"nested list", "1. a\n   - b\n2. c", "<ol>\n<li>a\n<ul>\n<li>b</li>\n</ul>\n</li>\n<li>c</li>\n</ol>\n"},
		{"list after text", "x\n- a", "<p>x</p>\n<ul>\n<li>a</li>\n</ul>\n"},
		{"code", "```json\n{\"a\": \"<b>\"}\n```", `<pre tabindex="0"><code class="language-json">{&#34;a&#34;: &#34;&lt;b&gt;&#34;}` + "\n</code></pre>\n"},
		{"code without end", "```\na\n", `<pre tabindex="0"><code>a` + "\n\n</code></pre>\n"},
		{"hostile language", "```\"><script>\n```", "<pre tabindex=\"0\"><code></code></pre>\n"},
		{"quote", "> a\n> b", "<blockquote>\n<p>a b</p>\n</blockquote>\n"},
		{"rule", "---", "<hr/>\n"},
		{"inline", "**b** *i* `c<d` x_y_z \\*n\\*", "<p><strong>b</strong> <em>i</em> <code>c&lt;d</code> x_y_z *n*</p>\n"},
		{"marks that mark nothing", "2 * 3 * 4 ** ` [a]", "<p>2 * 3 * 4 ** ` [a]</p>\n"},
		{"link", "[a `b`](/docs/x#y)", `<p><a href="/docs/x#y">a <code>b</code></a></p>` + "\n"},
		{"script link", "[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>\n"},
		{"other server's link", "[a](//evil.example)", "<p>[a](//evil.example)</p>\n"},
		{"backslash link", `[a](/\evil.example)`, `<p>[a](/\evil.example)</p>` + "\n"},
		{"markup", `<img src=x onerror="a()">&amp;`, "<p>&lt;img src=x onerror=&#34;a()&#34;&gt;&amp;amp;</p>\n"},
		{"control characters", "a\x00\x1bb\xff", "<p>ab�</p>\n"},
		{"table", "| a | b |\n|---|--:|\n| `k` | x \\| `y|z` |\n| 2 |",
			`<div class="table" role="region" aria-label="Table" tabindex="0"><table>` + "\n" +
				`<thead><tr><th scope="col">a</th><th scope="col" class="end">b</th></tr></thead>` + "\n<tbody>\n" +
				`<tr id="k"><td><code>k</code></td><td class="end">x | <code>y|z</code></td></tr>` + "\n" +
				`<tr><td>2</td><td class="end"></td></tr>` + "\n</tbody></table></div>\n"},
		{"not a table", "| a |\n| b |", "<p>| a | | b |</p>\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := render(c.source)
			if diff := cmp.Diff(c.want, got.HTML); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if _, err := readMarkup("<article>" + got.HTML + "</article>"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRenderDepth(t *testing.T) {
	t.Parallel()
	for _, deep := range []string{strings.Repeat("> ", 5000) + "x", strings.Repeat("- ", 5000) + "x", strings.Repeat("*", 3000),
		strings.Repeat("[", 3000), strings.Repeat("`", 3001), strings.Repeat("[`", 2000), strings.Repeat("*`a``", 2000), strings.Repeat("**a *b ", 1000)} {
		if _, err := readMarkup("<article>" + render(deep).HTML + "</article>"); err != nil {
			t.Errorf("%.12q…: %v", deep, err)
		}
	}
}

// Whatever the source, the result is well-formed and consists of nothing but what the renderer itself writes.
func FuzzRender(f *testing.F) {
	for _, slug := range order() {
		if source, err := pageFiles.ReadFile(slug + ".md"); err == nil {
			f.Add(string(source))
		}
	}
	f.Add("<script>alert(1)</script>")
	f.Add("[x](javascript:a) ![y](z) <a href='b'> &lt; ]]> <!-- -->")
	f.Add("| `a` | b |\n|---|---|\n| `<b onclick=x>` | **[`c`](/d)** |")
	f.Add("- > 1. ```\"x\n  - #### *a **b `c* d**`")
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 1<<14 {
			return
		}
		got := render(source)
		if _, err := readMarkup("<article>" + got.HTML + "</article>"); err != nil {
			t.Fatalf("%v\n%q\n%s", err, source, got.HTML)
		}
	})
}
