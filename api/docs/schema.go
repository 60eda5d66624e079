package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// A schema as a table: one row a field. A request shows nested fields by their path, such as entries[].amount; an object
// of the document shows its own fields and names the objects they hold.

// maxRows bounds the table of one schema.
const maxRows = 200

type field struct {
	Path, Type, Rules, Description string
	// Object is the named object in Type, "" for none.
	Object   string
	Required bool
}

// fields lists a schema's fields, and with deep those of the objects they hold. A schema that contains itself is
// followed once.
func (d *document) fields(s *schema, deep bool) []field {
	f := flattener{doc: d, deep: deep}
	f.object("", s, nil)
	return f.rows
}

type flattener struct {
	doc  *document
	deep bool
	rows []field
}

func (f *flattener) object(prefix string, s *schema, above []*schema) {
	s = f.doc.resolve(s)
	if s == nil || len(above) >= maxDepth || slices.Contains(above, s) || len(f.doc.alternatives(s)) > 0 {
		return // kinds are described each by itself: together their fields would be those of no kind
	}
	above = append(slices.Clip(above), s)
	for _, part := range slices.Concat(s.AllOf, s.OneOf, s.AnyOf) {
		f.object(prefix, part, above)
	}
	if s.Items != nil {
		f.object(prefix+"[]", s.Items, above)
	}
	if s.AdditionalProperties.Schema != nil {
		f.object(strings.TrimPrefix(prefix+".*", "."), s.AdditionalProperties.Schema, above)
	}
	for _, name := range propertyNames(s) {
		p := s.Properties[name]
		if name == "$schema" || len(f.rows) >= maxRows {
			continue
		}
		path := strings.TrimPrefix(prefix+"."+name, ".")
		target := f.doc.resolve(p)
		if target == nil {
			target = &schema{}
		}
		description := p.Description
		if description == "" {
			description = target.Description
		}
		f.rows = append(f.rows, field{Path: path, Type: f.doc.typeName(p, 0), Object: f.doc.objectIn(p), Rules: rules(target),
			Description: description, Required: slices.Contains(s.Required, name)})
		if f.deep {
			f.object(path, p, above)
		}
	}
}

// alternative is one kind of a schema that has several: the value that tells it, and the object that describes it.
type alternative struct{ Value, Object, Description string }

// alternatives lists the kinds of a schema, by the values that tell them apart; none if it has no kinds.
func (d *document) alternatives(s *schema) (kinds []alternative) {
	if s = d.resolve(s); s == nil {
		return nil
	}
	for _, value := range sortedKeys(s.Discriminator.Mapping) {
		name := lastSegment(s.Discriminator.Mapping[value])
		if target := d.Components.Schemas[name]; target != nil && len(target.Properties) > 0 {
			kinds = append(kinds, alternative{value, name, target.Description})
		}
	}
	return kinds
}

// propertyNames puts what must be sent first.
func propertyNames(s *schema) []string {
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := slices.Contains(s.Required, names[i]), slices.Contains(s.Required, names[j])
		if a != b {
			return a
		}
		return names[i] < names[j]
	})
	return names
}

// described reports whether a named schema has a section of its own: an object, or the kinds of one.
func (d *document) described(s *schema) bool {
	return s != nil && (len(s.Properties) > 0 || len(d.alternatives(s)) > 0)
}

// objectName is the name of the object that a schema refers to, "" if it refers to none.
func (d *document) objectName(s *schema) string {
	if s == nil || s.Ref == "" || !d.described(d.resolve(s)) {
		return ""
	}
	return lastSegment(s.Ref)
}

// objectIn is the name of the object that a schema is, or lists.
func (d *document) objectIn(s *schema) string {
	if name := d.objectName(s); name != "" || s == nil || s.Items == nil {
		return name
	}
	return d.objectName(s.Items)
}

func (d *document) typeName(s *schema, depth int) string {
	if name := d.objectName(s); name != "" {
		return name
	}
	s = d.resolve(s)
	switch {
	case s == nil || depth > maxDepth:
		return "any"
	case len(s.OneOf)+len(s.AnyOf) > 0:
		var names []string
		for _, part := range slices.Concat(s.OneOf, s.AnyOf) {
			names = append(names, d.typeName(part, depth+1))
		}
		return strings.Join(names, " or ")
	}
	name := strings.Join(s.Type, " or ")
	switch {
	case slices.Contains(s.Type, "array"):
		name = strings.Replace(name, "array", "list of "+d.typeName(s.Items, depth+1), 1)
	case slices.Contains(s.Type, "object") && s.AdditionalProperties.Schema != nil:
		name = strings.Replace(name, "object", "map to "+d.typeName(s.AdditionalProperties.Schema, depth+1), 1)
	case name == "" && len(s.Properties) > 0:
		name = "object"
	case name == "":
		name = "any"
	case s.Format == "date-time":
		name = strings.Replace(name, "string", "time", 1)
	}
	return name
}

// rules says in words what a value must satisfy.
func rules(s *schema) string {
	var parts []string
	limit := func(least, most *int64, what string) {
		switch {
		case least != nil && most != nil && *least == *most:
			parts = append(parts, fmt.Sprintf("%d %s", *least, what))
		case least != nil && most != nil:
			parts = append(parts, fmt.Sprintf("%d to %d %s", *least, *most, what))
		case most != nil:
			parts = append(parts, fmt.Sprintf("at most %d %s", *most, what))
		case least != nil && *least == 1:
			parts = append(parts, "not empty")
		case least != nil && *least > 0:
			parts = append(parts, fmt.Sprintf("at least %d %s", *least, what))
		}
	}
	limit(s.MinLength, s.MaxLength, "characters")
	limit(s.MinItems, s.MaxItems, "items")
	limit(nil, s.MaxProperties, "keys")
	switch {
	case s.Minimum != "" && s.Maximum != "":
		parts = append(parts, fmt.Sprintf("%s to %s", s.Minimum, s.Maximum))
	case s.Minimum != "":
		parts = append(parts, fmt.Sprintf("at least %s", s.Minimum))
	case s.Maximum != "":
		parts = append(parts, fmt.Sprintf("at most %s", s.Maximum))
	}
	if len(s.Enum) > 0 {
		values := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			values[i] = compact(v)
		}
		parts = append(parts, "one of "+strings.Join(values, ", "))
	}
	if s.Const != nil {
		parts = append(parts, "always "+compact(s.Const))
	}
	if s.Default != nil {
		parts = append(parts, "default "+compact(s.Default))
	}
	if s.Pattern != "" {
		parts = append(parts, "matches "+s.Pattern)
	}
	return strings.Join(parts, "; ")
}

func compact(v json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, v) != nil {
		return ""
	}
	return strings.Trim(b.String(), `"`)
}

// exampleOf returns the example of a body: the document's own if it has one, otherwise one made of the fields' examples.
func (d *document) exampleOf(m media) string {
	raw := m.Example
	for _, name := range sortedKeys(m.Examples) {
		if raw == nil {
			raw = m.Examples[name].Value
		}
	}
	if raw == nil {
		raw = d.sample(m.Schema, nil)
	}
	var b bytes.Buffer
	if len(raw) == 0 || json.Indent(&b, raw, "", "  ") != nil {
		return ""
	}
	return b.String()
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// sample makes a value that shows a schema's shape.
func (d *document) sample(s *schema, above []*schema) json.RawMessage {
	s = d.resolve(s)
	if s == nil || len(above) >= maxDepth || slices.Contains(above, s) {
		return json.RawMessage("null")
	}
	above = append(slices.Clip(above), s)
	switch {
	case s.Example != nil:
		return s.Example
	case len(s.Examples) > 0:
		return s.Examples[0]
	case s.Const != nil:
		return s.Const
	case s.Default != nil:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[0]
	}
	for _, part := range slices.Concat(s.OneOf, s.AnyOf, s.AllOf) {
		return d.sample(part, above)
	}
	switch {
	case slices.Contains(s.Type, "array"):
		return slices.Concat(json.RawMessage("["), d.sample(s.Items, above), json.RawMessage("]"))
	case len(s.Properties) > 0:
		return d.sampleObject(s, above)
	case slices.Contains(s.Type, "object"):
		return json.RawMessage("{}")
	case slices.Contains(s.Type, "integer"), slices.Contains(s.Type, "number"):
		return json.RawMessage("1")
	case slices.Contains(s.Type, "boolean"):
		return json.RawMessage("false")
	case s.Format == "date-time":
		return json.RawMessage(`"2026-11-21T09:30:00Z"`)
	}
	return json.RawMessage(`"…"`)
}

func (d *document) sampleObject(s *schema, above []*schema) json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, name := range propertyNames(s) {
		if name == "$schema" {
			continue
		}
		key, err := json.Marshal(name)
		if err != nil {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(d.sample(s.Properties[name], above))
	}
	b.WriteByte('}')
	return b.Bytes()
}
