package docs

import (
	"html"
	"strings"
)

// Markup inside a line. Underscores mean nothing, because account addresses are full of them.

// inline renders a line of text.
func inline(s string) string {
	var b strings.Builder
	inlineTo(&b, s, 0)
	return b.String()
}

func inlineTo(b *strings.Builder, s string, depth int) {
	text := 0 // where the text not yet written begins
	for i := 0; i < len(s); {
		write, rest, ok := span(s[i:], depth)
		if !ok {
			i++
			continue
		}
		b.WriteString(html.EscapeString(s[text:i]))
		b.WriteString(write)
		i = len(s) - len(rest)
		text = i
	}
	b.WriteString(html.EscapeString(s[text:]))
}

// span reads the markup that s begins with. It returns its HTML and what follows it.
func span(s string, depth int) (write, rest string, ok bool) {
	if depth >= maxDepth {
		return "", s, false
	}
	switch s[0] {
	case '\\':
		if len(s) > 1 && strings.IndexByte("\\`*[]()#|<>-.!", s[1]) >= 0 {
			return html.EscapeString(s[1:2]), s[2:], true
		}
	case '`':
		return codeSpan(s)
	case '*':
		return emphasis(s, depth)
	case '[':
		return link(s)
	}
	return "", s, false
}

func codeSpan(s string) (write, rest string, ok bool) {
	n := 1
	for n < len(s) && s[n] == '`' {
		n++
	}
	end := strings.Index(s[n:], s[:n])
	if end <= 0 {
		return "", s, false
	}
	return "<code>" + html.EscapeString(strings.TrimSpace(s[n:n+end])) + "</code>", s[n+end+n:], true
}

func emphasis(s string, depth int) (write, rest string, ok bool) {
	mark, tag := "*", "em"
	if strings.HasPrefix(s, "**") {
		mark, tag = "**", "strong"
	}
	inner := s[len(mark):]
	end := closing(inner, mark)
	if end <= 0 || inner[0] == ' ' || inner[end-1] == ' ' {
		return "", s, false
	}
	var b strings.Builder
	inlineTo(&b, inner[:end], depth+1)
	return "<" + tag + ">" + b.String() + "</" + tag + ">", inner[end+len(mark):], true
}

// closing finds the mark outside code; -1 if there is none.
func closing(s, mark string) int {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == '`':
			if _, rest, ok := codeSpan(s[i:]); ok {
				i = len(s) - len(rest) - 1
			}
		case strings.HasPrefix(s[i:], mark):
			return i
		}
	}
	return -1
}

// link reads [text](address). An address that is not safe leaves the source standing as text.
func link(s string) (write, rest string, ok bool) {
	end := closing(s[1:], "](")
	if end <= 0 {
		return "", s, false
	}
	text, after := s[1:1+end], s[1+end+2:]
	paren := strings.IndexByte(after, ')')
	if paren <= 0 || !safeAddress(after[:paren]) {
		return "", s, false
	}
	var b strings.Builder
	linkText(&b, text)
	return `<a href="` + html.EscapeString(after[:paren]) + `">` + b.String() + "</a>", after[paren+1:], true
}

// linkText renders the text of a link: code, and otherwise plain text, because HTML has no link inside a link.
func linkText(b *strings.Builder, s string) {
	for {
		i := strings.IndexByte(s, '`')
		if i < 0 {
			break
		}
		b.WriteString(html.EscapeString(s[:i]))
		write, rest, ok := codeSpan(s[i:])
		if !ok {
			s = s[i:]
			break
		}
		b.WriteString(write)
		s = rest
	}
	b.WriteString(html.EscapeString(s))
}

// safeAddress accepts places on this server, in this page, and on the web; never a scheme that runs something.
func safeAddress(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '\\' {
			return false
		}
	}
	switch {
	case strings.HasPrefix(s, "https://"), strings.HasPrefix(s, "http://"), strings.HasPrefix(s, "#"):
		return true
	case strings.HasPrefix(s, "/"):
		return !strings.HasPrefix(s, "//")
	}
	return false
}
