package docs

import (
	"bytes"
	"encoding/json"
	"sort"
	"strings"
)

// The part of an OpenAPI 3.1 document that readers need. What the document says and this file does not name is left to
// /openapi.json itself.

type document struct {
	Info struct {
		Title, Version, Description string
	}
	Tags []struct {
		Name, Description string
	}
	Paths      map[string]map[string]json.RawMessage
	Components struct {
		Schemas    map[string]*schema
		Parameters map[string]parameter
		Responses  map[string]response
	}
}

type operation struct {
	Method, Path, ID     string
	Anchor               string // where its description stands on the page
	Summary, Description string
	Tag                  string
	Deprecated           bool
	Parameters           []parameter
	Request              *body
	Responses            []response
}

type rawOperation struct {
	OperationID string
	Summary     string
	Description string
	Tags        []string
	Deprecated  bool
	Parameters  []parameter
	RequestBody *body
	Responses   map[string]response
}

type parameter struct {
	Ref         string `json:"$ref"`
	Name, In    string
	Description string
	Required    bool
	Schema      *schema
	Example     json.RawMessage
}

type body struct {
	Description string
	Required    bool
	Content     map[string]media
}

type response struct {
	Ref         string `json:"$ref"`
	Status      string `json:"-"`
	Description string
	Content     map[string]media
}

type media struct {
	Schema   *schema
	Example  json.RawMessage
	Examples map[string]struct{ Value json.RawMessage }
}

type schema struct {
	Ref                  string   `json:"$ref"`
	Type                 typeList `json:"type"`
	Format               string
	Description          string
	Pattern              string
	Properties           map[string]*schema
	Required             []string
	Items                *schema
	Enum                 []json.RawMessage
	Const, Default       json.RawMessage
	Example              json.RawMessage
	Examples             []json.RawMessage
	MinLength, MaxLength *int64
	MinItems, MaxItems   *int64
	MaxProperties        *int64
	Minimum, Maximum     json.Number
	OneOf, AnyOf, AllOf  []*schema
	Discriminator        discriminator
	AdditionalProperties schemaOrBool
	ReadOnly             bool
}

// discriminator says which property tells the kinds of a schema apart, and which schema each of its values means.
type discriminator struct {
	PropertyName string
	Mapping      map[string]string
}

// typeList reads both "string" and ["string","null"].
type typeList []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *typeList) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("[")) {
		return json.Unmarshal(data, (*[]string)(t))
	}
	var one string
	err := json.Unmarshal(data, &one)
	*t = typeList{one}
	return err
}

// schemaOrBool reads additionalProperties, which may be true, false or a schema.
type schemaOrBool struct{ Schema *schema }

// UnmarshalJSON implements json.Unmarshaler.
func (s *schemaOrBool) UnmarshalJSON(data []byte) error {
	if !bytes.HasPrefix(data, []byte("{")) {
		return nil
	}
	return json.Unmarshal(data, &s.Schema)
}

var methodOrder = map[string]int{"get": 1, "post": 2, "put": 3, "patch": 4, "delete": 5}

// operations returns what the API can do: by tag in the document's order, then by path and method.
func (d *document) operations() ([]operation, error) {
	rank := map[string]int{}
	for i, t := range d.Tags {
		rank[t.Name] = i + 1
	}
	var ops []operation
	for path, methods := range d.Paths {
		for method, raw := range methods {
			if methodOrder[method] == 0 {
				continue
			}
			var r rawOperation
			if err := json.Unmarshal(raw, &r); err != nil {
				return nil, err
			}
			ops = append(ops, d.operation(method, path, r))
		}
	}
	at := func(tag string) int {
		if n := rank[tag]; n > 0 {
			return n
		}
		return len(rank) + 1
	}
	sort.Slice(ops, func(i, j int) bool {
		a, b := ops[i], ops[j]
		switch {
		case at(a.Tag) != at(b.Tag):
			return at(a.Tag) < at(b.Tag)
		case a.Tag != b.Tag:
			return a.Tag < b.Tag
		case a.Path != b.Path:
			return a.Path < b.Path
		}
		return methodOrder[strings.ToLower(a.Method)] < methodOrder[strings.ToLower(b.Method)]
	})
	return ops, nil
}

func (d *document) operation(method, path string, r rawOperation) operation {
	op := operation{Method: strings.ToUpper(method), Path: path, ID: r.OperationID, Summary: r.Summary, Description: r.Description,
		Deprecated: r.Deprecated, Request: r.RequestBody, Tag: "Operations"}
	if len(r.Tags) > 0 && r.Tags[0] != "" {
		op.Tag = r.Tags[0]
	}
	if op.ID == "" {
		op.ID = method + path
	}
	for _, p := range r.Parameters {
		if known, ok := d.Components.Parameters[lastSegment(p.Ref)]; ok && p.Ref != "" {
			p = known
		}
		op.Parameters = append(op.Parameters, p)
	}
	for status, resp := range r.Responses {
		if known, ok := d.Components.Responses[lastSegment(resp.Ref)]; ok && resp.Ref != "" {
			resp = known
		}
		resp.Status = status
		op.Responses = append(op.Responses, resp)
	}
	sort.Slice(op.Responses, func(i, j int) bool { return op.Responses[i].Status < op.Responses[j].Status })
	return op
}

func lastSegment(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// resolve follows references to named schemas; nil if they lead nowhere.
func (d *document) resolve(s *schema) *schema {
	for range maxDepth {
		if s == nil || s.Ref == "" {
			return s
		}
		s = d.Components.Schemas[lastSegment(s.Ref)]
	}
	return nil
}
