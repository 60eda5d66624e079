package docs

import (
	"html"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A page is written in a small part of Markdown: headings, paragraphs, lists, tables, fenced code, quotes, rules, and
// inside a line code, bold, italic and links. There is no way to write HTML: every character of the source is escaped,
// and every tag comes from this file or from inline.go. The output is well-formed XML, which is what the tests read.

// maxDepth bounds nested lists and quotes. What is nested deeper is shown as plain text.
const maxDepth = 8

// heading is a section of a page that can be linked to.
type heading struct {
	Level int
	ID    string
	Text  string
}

// rendered is a page as HTML.
type rendered struct {
	HTML     string
	Title    string
	Headings []heading
}

// renderer writes one page.
type renderer struct {
	out      strings.Builder
	ids      map[string]bool
	title    string
	headings []heading
}

// render turns Markdown into HTML. It accepts any input and never fails: what is not Markdown is text.
func render(source string) rendered {
	r := &renderer{ids: map[string]bool{}}
	r.blocks(strings.Split(clean(source), "\n"), 0)
	return rendered{HTML: r.out.String(), Title: r.title, Headings: r.headings}
}

// clean drops what may not stand in a document at all: broken UTF-8 and control characters.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\r\n", "\n")
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n':
			return c
		case c == '\t':
			return ' '
		case c < ' ' || c == 0x7f || c >= 0xd800 && c <= 0xdfff || c == 0xfffe || c == 0xffff:
			return -1
		}
		return c
	}, s)
}

// blocks renders lines as a sequence of blocks.
func (r *renderer) blocks(lines []string, depth int) {
	for len(lines) > 0 {
		line := lines[0]
		switch {
		case strings.TrimSpace(line) == "":
			lines = lines[1:]
		case strings.HasPrefix(line, "```"):
			lines = r.fence(lines)
		case headingLevel(line) > 0:
			r.heading(line)
			lines = lines[1:]
		case strings.TrimSpace(line) == "---":
			r.out.WriteString("<hr/>\n")
			lines = lines[1:]
		case isTable(lines):
			lines = r.table(lines)
		case strings.HasPrefix(line, ">") && depth < maxDepth:
			lines = r.quote(lines, depth)
		case markerWidth(line) > 0 && depth < maxDepth:
			lines = r.list(lines, depth)
		default:
			lines = r.paragraph(lines)
		}
	}
}

func headingLevel(line string) int {
	n := 0
	for n < len(line) && line[n] == '#' {
		n++
	}
	if n == 0 || n > 4 || n == len(line) || line[n] != ' ' || strings.TrimSpace(line[n:]) == "" {
		return 0
	}
	return n
}

func (r *renderer) heading(line string) {
	level := headingLevel(line)
	text := strings.TrimSpace(line[level:])
	plain := plainText(text)
	if level == 1 && r.title == "" {
		r.title = plain
	}
	id := r.anchor(plain)
	r.headings = append(r.headings, heading{Level: level, ID: id, Text: plain})
	tag := "h" + strconv.Itoa(level)
	r.out.WriteString("<" + tag + ` id="` + id + `">`)
	r.out.WriteString(inline(text))
	if level > 1 {
		r.out.WriteString(` <a class="anchor" href="#` + id + `" aria-label="Link to this section">#</a>`)
	}
	r.out.WriteString("</" + tag + ">\n")
}

// anchor makes an id from a text that no other element of the page has.
func (r *renderer) anchor(text string) string {
	var b strings.Builder
	dash := false
	for _, c := range strings.ToLower(text) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '.' {
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			b.WriteRune(c)
			dash = false
		} else {
			dash = true
		}
	}
	base := b.String()
	if base == "" || base[0] < 'a' || base[0] > 'z' {
		base = "s-" + base
	}
	id := base
	for n := 2; r.ids[id]; n++ {
		id = base + "-" + strconv.Itoa(n)
	}
	r.ids[id] = true
	return id
}

// fence renders a fenced block of code. A fence without an end runs to the end of its container.
func (r *renderer) fence(lines []string) []string {
	language := strings.Trim(lines[0], "` ")
	r.out.WriteString(`<pre tabindex="0"><code`)
	if language != "" && strings.Trim(language, "abcdefghijklmnopqrstuvwxyz") == "" {
		r.out.WriteString(` class="language-` + language + `"`)
	}
	r.out.WriteString(">")
	lines = lines[1:]
	for len(lines) > 0 {
		line := lines[0]
		lines = lines[1:]
		if strings.HasPrefix(line, "```") {
			break
		}
		r.out.WriteString(html.EscapeString(line) + "\n")
	}
	r.out.WriteString("</code></pre>\n")
	return lines
}

func (r *renderer) quote(lines []string, depth int) []string {
	var inner []string
	for len(lines) > 0 && strings.HasPrefix(lines[0], ">") {
		inner = append(inner, strings.TrimPrefix(strings.TrimPrefix(lines[0], ">"), " "))
		lines = lines[1:]
	}
	r.out.WriteString("<blockquote>\n")
	r.blocks(inner, depth+1)
	r.out.WriteString("</blockquote>\n")
	return lines
}

// markerWidth returns the width of a list marker with its space, 0 if the line begins no list item.
func markerWidth(line string) int {
	if strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "* ") {
		return 2
	}
	n := 0
	for n < len(line) && n < 4 && line[n] >= '0' && line[n] <= '9' {
		n++
	}
	if n > 0 && strings.HasPrefix(line[n:], ". ") {
		return n + 2
	}
	return 0
}

func ordered(line string) bool { return line[0] != '-' && line[0] != '*' }

// list renders the items that follow each other with the same kind of marker. Lines indented by at least two spaces
// belong to the item above them.
func (r *renderer) list(lines []string, depth int) []string {
	isOrdered := ordered(lines[0])
	tag := "ul"
	if isOrdered {
		tag = "ol"
	}
	r.out.WriteString("<" + tag + ">\n")
	for len(lines) > 0 && markerWidth(lines[0]) > 0 && ordered(lines[0]) == isOrdered {
		item := []string{lines[0][markerWidth(lines[0]):]}
		lines = lines[1:]
		for len(lines) > 0 {
			if strings.HasPrefix(lines[0], "  ") {
				item = append(item, dedent(lines[0]))
			} else if strings.TrimSpace(lines[0]) == "" && len(lines) > 1 && strings.HasPrefix(lines[1], "  ") {
				item = append(item, "")
			} else {
				break
			}
			lines = lines[1:]
		}
		r.item(item, depth+1)
		for len(lines) > 1 && strings.TrimSpace(lines[0]) == "" && markerWidth(lines[1]) > 0 && ordered(lines[1]) == isOrdered {
			lines = lines[1:]
		}
	}
	r.out.WriteString("</" + tag + ">\n")
	return lines
}

// dedent removes the indentation of an item's line: up to three spaces, so that both "- " and "1. " work.
func dedent(line string) string {
	for n := 0; n < 3 && strings.HasPrefix(line, " "); n++ {
		line = line[1:]
	}
	return line
}

// item renders a list item: its leading lines without a paragraph around them, then whatever blocks follow.
func (r *renderer) item(lines []string, depth int) {
	r.out.WriteString("<li>")
	n := 0
	for n < len(lines) && (n == 0 || !beginsBlock(lines[n:])) {
		n++
	}
	r.out.WriteString(inline(joinLines(lines[:n])))
	if n < len(lines) {
		r.out.WriteString("\n")
		r.blocks(lines[n:], depth)
	}
	r.out.WriteString("</li>\n")
}

// beginsBlock reports whether the first line ends the paragraph before it.
func beginsBlock(lines []string) bool {
	line := lines[0]
	return strings.TrimSpace(line) == "" || strings.HasPrefix(line, "```") || headingLevel(line) > 0 ||
		strings.TrimSpace(line) == "---" || strings.HasPrefix(line, ">") || markerWidth(line) > 0 || isTable(lines)
}

func (r *renderer) paragraph(lines []string) []string {
	n := 1
	for n < len(lines) && !beginsBlock(lines[n:]) {
		n++
	}
	r.out.WriteString("<p>" + inline(joinLines(lines[:n])) + "</p>\n")
	return lines[n:]
}

func joinLines(lines []string) string {
	trimmed := make([]string, len(lines))
	for i, line := range lines {
		trimmed[i] = strings.TrimSpace(line)
	}
	return strings.Join(trimmed, " ")
}

// isTable reports whether the lines begin with a header row and a row of dashes of the same width.
func isTable(lines []string) bool {
	if len(lines) < 2 || !strings.HasPrefix(lines[0], "|") || !strings.HasPrefix(lines[1], "|") {
		return false
	}
	dashes := cells(lines[1])
	for _, d := range dashes {
		if strings.Trim(d, ":") == "" || strings.Trim(strings.Trim(d, ":"), "-") != "" {
			return false
		}
	}
	return len(dashes) == len(cells(lines[0]))
}

// table renders a table. A row whose first cell is one code word can be linked to by that word, as an error code is.
func (r *renderer) table(lines []string) []string {
	head, dashes := cells(lines[0]), cells(lines[1])
	r.out.WriteString("<div class=\"table\" role=\"region\" aria-label=\"Table\" tabindex=\"0\"><table>\n<thead><tr>")
	for i, c := range head {
		r.out.WriteString(`<th scope="col"` + alignment(dashes[i]) + ">" + inline(c) + "</th>")
	}
	r.out.WriteString("</tr></thead>\n<tbody>\n")
	lines = lines[2:]
	for len(lines) > 0 && strings.HasPrefix(lines[0], "|") {
		row := cells(lines[0])
		lines = lines[1:]
		r.out.WriteString("<tr" + r.rowID(row) + ">")
		for i := range head {
			cell := ""
			if i < len(row) {
				cell = row[i]
			}
			r.out.WriteString("<td" + alignment(dashes[i]) + ">" + inline(cell) + "</td>")
		}
		r.out.WriteString("</tr>\n")
	}
	r.out.WriteString("</tbody></table></div>\n")
	return lines
}

func (r *renderer) rowID(row []string) string {
	if len(row) == 0 || len(row[0]) < 3 || row[0][0] != '`' || strings.IndexByte(row[0][1:], '`') != len(row[0])-2 {
		return ""
	}
	return ` id="` + r.anchor(row[0]) + `"`
}

func alignment(dashes string) string {
	if strings.HasSuffix(dashes, ":") {
		return ` class="end"`
	}
	return ""
}

// cells splits a row at the bars that are neither escaped nor inside code.
func cells(line string) []string {
	line = strings.TrimPrefix(strings.TrimSpace(line), "|")
	var out []string
	var b strings.Builder
	code := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line) && line[i+1] == '|':
			b.WriteByte('|')
			i++
		case c == '|' && !code:
			out = append(out, strings.TrimSpace(b.String()))
			b.Reset()
		default:
			if c == '`' {
				code = !code
			}
			b.WriteByte(c)
		}
	}
	if rest := strings.TrimSpace(b.String()); rest != "" {
		out = append(out, rest)
	}
	return out
}

// plainText is a line without its markup, for titles and ids.
func plainText(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		c, size := utf8.DecodeRuneInString(s)
		if c != '`' && c != '*' {
			b.WriteRune(c)
		}
		s = s[size:]
	}
	return b.String()
}
