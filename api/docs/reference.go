package docs

import (
	"encoding/json"
	"html"
	"strings"
)

// The reference of the API: each operation of the OpenAPI document with its parameters, bodies and an example.

// noReference is shown where the service has no OpenAPI document.
const noReference = `# API reference

This server does not publish an OpenAPI document. A running service publishes it at [/openapi.json](/openapi.json).
`

// renderReference renders an OpenAPI document. It accepts any input: what is not such a document gives a page that says so.
func renderReference(source []byte) rendered {
	var d document
	if len(source) == 0 || json.Unmarshal([]byte(clean(string(source))), &d) != nil {
		return render(noReference)
	}
	ops, err := d.operations()
	if err != nil || len(ops) == 0 {
		return render(noReference)
	}
	w := &referenceWriter{doc: &d, renderer: renderer{ids: map[string]bool{}}}
	w.heading("# API reference")
	w.blocks([]string{"Every operation, made from the OpenAPI document that this server publishes at [/openapi.json](/openapi.json)."}, 0)
	if d.Info.Version != "" {
		w.text("p", "Version "+d.Info.Version+".")
	}
	if d.Info.Description != "" {
		w.blocks(strings.Split(d.Info.Description, "\n"), 0)
	}
	w.overview(ops)
	tag := ""
	for _, op := range ops {
		if op.Tag != tag {
			tag = op.Tag
			w.tag(tag)
		}
		w.operation(op)
	}
	w.objects()
	return rendered{HTML: w.out.String(), Title: "API reference", Headings: w.headings}
}

// referenceWriter writes the reference with the blocks that pages are made of.
type referenceWriter struct {
	renderer
	doc *document
}

// text writes an element that holds plain text.
func (w *referenceWriter) text(tag, s string) {
	w.out.WriteString("<" + tag + ">" + html.EscapeString(s) + "</" + tag + ">\n")
}

// typeOf writes a field's type, with a link to the object it names.
func (w *referenceWriter) typeOf(f field) string {
	before, after, found := strings.Cut(f.Type, f.Object)
	if f.Object == "" || !found {
		return html.EscapeString(f.Type)
	}
	return html.EscapeString(before) + w.object(f.Object) + html.EscapeString(after)
}

func (w *referenceWriter) overview(ops []operation) {
	w.out.WriteString("<div class=\"table\" role=\"region\" aria-label=\"Operations\" tabindex=\"0\"><table class=\"operations\">\n<tbody>\n")
	for name := range w.doc.Components.Schemas {
		w.ids[objectID(name)] = true
	}
	for i := range ops {
		op := &ops[i]
		op.Anchor = w.anchor("op-" + op.ID)
		w.out.WriteString(`<tr><td>` + method(op.Method) + `</td><td><a href="#` + op.Anchor + `"><code>` + html.EscapeString(op.Path) +
			`</code></a></td><td>` + html.EscapeString(op.Summary) + "</td></tr>\n")
	}
	w.out.WriteString("</tbody></table></div>\n")
}

func method(m string) string {
	return `<span class="method ` + strings.ToLower(m) + `">` + m + `</span>`
}

func (w *referenceWriter) tag(name string) {
	title := name
	if c := name[0]; c >= 'a' && c <= 'z' {
		title = string(c-'a'+'A') + name[1:]
	}
	w.heading("## " + title)
	for _, t := range w.doc.Tags {
		if t.Name == name && t.Description != "" {
			w.blocks(strings.Split(t.Description, "\n"), 0)
		}
	}
}

func (w *referenceWriter) operation(op operation) {
	title := op.Summary
	if title == "" {
		title = op.Method + " " + op.Path
	}
	w.out.WriteString(`<section class="operation"><h3 id="` + op.Anchor + `">` + html.EscapeString(title) +
		` <a class="anchor" href="#` + op.Anchor + `" aria-label="Link to this section">#</a></h3>` + "\n")
	w.out.WriteString(`<p class="route">` + method(op.Method) + ` <code>` + html.EscapeString(op.Path) + "</code></p>\n")
	if op.Deprecated {
		w.text("p", "This operation is deprecated.")
	}
	if op.Description != "" {
		w.blocks(strings.Split(op.Description, "\n"), 0)
	}
	w.parameters(op.Parameters)
	if op.Request != nil {
		w.content("Request", op.Request.Description, op.Request.Content)
	}
	var refusals []response
	for _, r := range op.Responses {
		if !strings.HasPrefix(r.Status, "2") {
			refusals = append(refusals, r)
			continue
		}
		w.response(r)
	}
	w.refusals(refusals)
	w.out.WriteString("</section>\n")
}

// response writes an answer that is a success. An object of the document is described once, further down.
func (w *referenceWriter) response(r response) {
	types := sortedKeys(r.Content)
	if len(types) > 0 && w.doc.objectName(r.Content[types[0]].Schema) != "" {
		m := r.Content[types[0]]
		w.text("h4", "Response "+r.Status)
		w.out.WriteString("<p>" + inline(r.Description) + " The body is a " + w.object(w.doc.objectName(m.Schema)) + ".</p>\n")
		w.example(m)
		return
	}
	w.content("Response "+r.Status, r.Description, r.Content)
}

// refusals writes the answers that are no success: one table, because they have one shape. A word that is the code of a
// documented problem leads there.
func (w *referenceWriter) refusals(refusals []response) {
	if len(refusals) == 0 {
		return
	}
	w.text("h4", "Problems")
	w.out.WriteString("<div class=\"table\" role=\"region\" aria-label=\"Problems\" tabindex=\"0\"><table class=\"refusals\">\n<tbody>\n")
	for _, r := range refusals {
		status := r.Status
		if status == "default" {
			status = "any other"
		}
		w.out.WriteString("<tr><td>" + html.EscapeString(status) + "</td><td>")
		for i, word := range strings.Split(r.Description, " ") {
			if i > 0 {
				w.out.WriteByte(' ')
			}
			w.out.WriteString(problemLink(word))
		}
		w.out.WriteString("</td></tr>\n")
	}
	w.out.WriteString("</tbody></table></div>\n")
}

// problemLink writes a word, as a link if it is the code of a documented problem.
func problemLink(word string) string {
	code := strings.TrimRight(word, ",.;")
	if code == "" || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz-") != "" ||
		!strings.Contains(loadPages()["problems"].HTML, `<tr id="`+code+`">`) {
		return html.EscapeString(word)
	}
	return `<a href="/docs/problems#` + code + `">` + code + "</a>" + html.EscapeString(word[len(code):])
}

// object links to the description of a named object.
func (w *referenceWriter) object(name string) string {
	return `<a href="#` + objectID(name) + `">` + html.EscapeString(name) + "</a>"
}

func objectID(name string) string {
	r := renderer{ids: map[string]bool{}}
	return r.anchor("object " + name)
}

// objects describes each named object of the document once.
func (w *referenceWriter) objects() {
	var names []string
	seen := map[string]bool{}
	for _, name := range sortedKeys(w.doc.Components.Schemas) {
		if s := w.doc.Components.Schemas[name]; w.doc.described(s) && !seen[objectID(name)] {
			seen[objectID(name)] = true
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	w.heading("## Objects")
	for _, name := range names {
		w.out.WriteString(`<section class="operation"><h3 id="` + objectID(name) + `">` + html.EscapeString(name) + "</h3>\n")
		s := w.doc.Components.Schemas[name]
		if s.Description != "" {
			w.blocks(strings.Split(s.Description, "\n"), 0)
		}
		if kinds := w.doc.alternatives(s); len(kinds) > 0 {
			w.alternatives(kinds, s.Discriminator.PropertyName)
		} else {
			w.fieldTable(w.doc.fields(s, false))
		}
		w.out.WriteString("</section>\n")
	}
}

func (w *referenceWriter) parameters(params []parameter) {
	if len(params) == 0 {
		return
	}
	rows := make([]field, 0, len(params))
	for _, p := range params {
		s := w.doc.resolve(p.Schema)
		row := field{Path: p.Name, Type: p.In + ", " + w.doc.typeName(p.Schema, 0), Description: p.Description, Required: p.Required}
		if s != nil {
			row.Rules = rules(s)
			if row.Description == "" {
				row.Description = s.Description
			}
		}
		rows = append(rows, row)
	}
	w.text("h4", "Parameters")
	w.fieldTable(rows)
}

// content writes a request's or a response's bodies, with all nested fields. Only the first media type is shown as a
// table: the others, where there are any, carry the same fields.
func (w *referenceWriter) content(title, description string, content map[string]media) {
	w.text("h4", title)
	if description != "" {
		w.blocks(strings.Split(description, "\n"), 0)
	}
	types := sortedKeys(content)
	if len(types) == 0 {
		return
	}
	w.out.WriteString("<p class=\"media\"><code>" + html.EscapeString(strings.Join(types, ", ")) + "</code></p>\n")
	m := content[types[0]]
	if kinds := w.doc.alternatives(m.Schema); len(kinds) > 0 {
		w.alternatives(kinds, w.doc.resolve(m.Schema).Discriminator.PropertyName)
	} else {
		w.fieldTable(w.doc.fields(m.Schema, true))
	}
	w.example(m)
}

// alternatives writes the kinds of a body that has several, each with a link to its fields.
func (w *referenceWriter) alternatives(kinds []alternative, property string) {
	w.blocks([]string{"It is one of these, told apart by `" + property + "`:"}, 0)
	w.out.WriteString("<div class=\"table\" role=\"region\" aria-label=\"Kinds\" tabindex=\"0\"><table class=\"fields\">\n<tbody>\n")
	for _, k := range kinds {
		w.out.WriteString("<tr><td><code>" + html.EscapeString(k.Value) + "</code></td><td>" + w.object(k.Object) + "</td><td>" +
			html.EscapeString(k.Description) + "</td></tr>\n")
	}
	w.out.WriteString("</tbody></table></div>\n")
}

// example writes the example of a body, or each of several under its name.
func (w *referenceWriter) example(m media) {
	if len(m.Examples) > 1 {
		for _, name := range sortedKeys(m.Examples) {
			w.exampleText("Example: "+name, w.doc.exampleOf(media{Example: m.Examples[name].Value}))
		}
		return
	}
	w.exampleText("Example", w.doc.exampleOf(m))
}

func (w *referenceWriter) exampleText(title, example string) {
	if strings.Contains(example, "\n") {
		w.out.WriteString("<details><summary>" + html.EscapeString(title) + "</summary>\n<pre tabindex=\"0\"><code class=\"language-json\">" +
			html.EscapeString(example) + "</code></pre></details>\n")
	}
}

func (w *referenceWriter) fieldTable(rows []field) {
	if len(rows) == 0 {
		return
	}
	w.out.WriteString("<div class=\"table\" role=\"region\" aria-label=\"Fields\" tabindex=\"0\"><table class=\"fields\">\n" +
		"<thead><tr><th scope=\"col\">Field</th><th scope=\"col\">Type</th><th scope=\"col\">Meaning</th></tr></thead>\n<tbody>\n")
	for _, f := range rows {
		w.out.WriteString("<tr><td><code>" + html.EscapeString(f.Path) + "</code>")
		if f.Required {
			w.out.WriteString(` <span class="required">required</span>`)
		}
		w.out.WriteString("</td><td>" + w.typeOf(f) + "</td><td>" + inline(f.Description))
		if f.Rules != "" {
			w.out.WriteString(`<span class="rules">` + html.EscapeString(f.Rules) + "</span>")
		}
		w.out.WriteString("</td></tr>\n")
	}
	w.out.WriteString("</tbody></table></div>\n")
}
