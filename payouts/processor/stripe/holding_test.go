// Holding a request or an answer to the description gives complaints, one for each difference.

package stripe_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/stripe/stripe-go/v79"
)

// exchange is one request with its answer, as they came over the wire.
type exchange struct {
	method, path string
	query, body  string
	header       http.Header
	status       int
	answer       []byte
}

// holder holds things to the description. The description that is kept is younger than the version that is spoken; the library
// is of that very version, so that a field has to be in both, and a word among the library's words.
type holder struct {
	d     *description
	words map[string][]string
	found []string
}

func (h *holder) complain(at, format string, args ...any) {
	h.found = append(h.found, at+": "+fmt.Sprintf(format, args...))
}

// request holds one request to its operation.
func (h *holder) request(x exchange) {
	at := x.method + " " + x.path
	o, _, ids := h.d.operation(x.method, x.path)
	if o == nil {
		h.complain(at, "there is no such operation")
		return
	}
	if v := x.header.Get("Stripe-Version"); v != stripe.APIVersion {
		h.complain(at, "Stripe-Version is %q", v)
	}
	if key := x.header.Get("Idempotency-Key"); x.method == http.MethodPost && (key == "" || len(key) > 255) {
		h.complain(at, "Idempotency-Key has %d bytes", len(key))
	}
	query, form := &schema{Properties: map[string]*schema{}}, &schema{}
	for _, p := range o.Parameters {
		switch p.In {
		case "path":
			h.scalar(at+" {"+p.Name+"}", p.Schema, ids[p.Name])
		case "query":
			query.Properties[p.Name] = p.Schema
			if p.Required {
				query.Required = append(query.Required, p.Name)
			}
		}
	}
	if o.Body != nil {
		if s := h.d.open(o.Body.Content["application/x-www-form-urlencoded"].Schema); s != nil {
			form = s
		}
	}
	h.form(at+" query", query, x.query)
	h.form(at+" form", form, x.body)
	if kind := x.header.Get("Content-Type"); x.body != "" && kind != "application/x-www-form-urlencoded" {
		h.complain(at, "the body is %q", kind)
	}
}

// form holds the names and values of a form to an object.
func (h *holder) form(at string, s *schema, text string) {
	values, err := url.ParseQuery(text)
	if err != nil {
		h.complain(at, "the form cannot be read")
		return
	}
	given := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		path := strings.Split(strings.ReplaceAll(name, "]", ""), "[")
		given[path[0]] = true
		if list := strings.HasSuffix(name, "[]"); len(values[name]) > 1 && !list {
			h.complain(at+" "+name, "it is given twice")
		}
		for _, v := range values[name] {
			h.named(at+" "+name, s, path, v)
		}
	}
	for _, name := range s.Required {
		if !given[name] {
			h.complain(at+" "+name, "it is required")
		}
	}
}

// named holds one value with the rest of its name to a schema.
func (h *holder) named(at string, s *schema, path []string, value string) {
	s = h.d.open(s)
	if len(s.AnyOf) > 0 {
		h.any(s.AnyOf, func(h *holder, one *schema) { h.named(at, one, path, value) })
		return
	}
	if len(path) == 0 {
		h.scalar(at, s, value)
		return
	}
	_, err := strconv.ParseUint(path[0], 10, 16)
	switch field := s.Properties[path[0]]; {
	case field != nil:
		h.named(at, field, path[1:], value)
	case s.More != nil && s.More.Schema != nil && path[0] != "":
		h.named(at, s.More.Schema, path[1:], value)
	case s.Type == "array" && (path[0] == "" || err == nil):
		h.named(at, s.Items, path[1:], value)
	default:
		h.complain(at, "there is no such parameter")
	}
}

// any tries alternatives, and keeps the complaints of the first if none of them fits.
func (h *holder) any(all []*schema, try func(*holder, *schema)) {
	var first []string
	for i, one := range all {
		alone := &holder{d: h.d, words: h.words}
		try(alone, one)
		if len(alone.found) == 0 {
			return
		}
		if i == 0 {
			first = alone.found
		}
	}
	h.found = append(h.found, first...)
}

// scalar holds the text of a parameter to its schema.
func (h *holder) scalar(at string, s *schema, value string) {
	s = h.d.open(s)
	var err error
	switch s.Type {
	case "integer":
		_, err = strconv.ParseInt(value, 10, 64)
	case "boolean":
		_, err = strconv.ParseBool(value)
	case "number":
		err = json.Unmarshal([]byte(value), new(json.Number))
	case "string", "":
		h.text(at, s, value)
	default:
		h.complain(at, "it is one value, and should be of type %s", s.Type)
	}
	if err != nil {
		h.complain(at, "it is no %s", s.Type)
	}
}

func (h *holder) text(at string, s *schema, value string) {
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, any(value)) {
		h.complain(at, "%q is not a word it may be", value)
	}
	if s.MaxLength > 0 && len([]rune(value)) > s.MaxLength {
		h.complain(at, "it is longer than %d", s.MaxLength)
	}
}

// answer holds one answer to its operation.
func (h *holder) answer(x exchange) {
	at := fmt.Sprint(x.method, " ", x.path, " ", x.status)
	var body any
	if err := decodeExact(x.answer, &body); err != nil {
		h.complain(at, "it is not JSON")
		return
	}
	if v := x.header.Get("Request-Id"); v == "" {
		h.complain(at, "there is no Request-Id")
	}
	if x.status != http.StatusOK {
		outer, _ := body.(map[string]any)
		if len(outer) != 1 {
			h.complain(at, "an error has one field, error")
		}
		h.value(at, h.d.Components.Schemas["api_errors"], reflect.TypeFor[stripe.Error](), "api_errors", outer["error"])
		return
	}
	o, _, _ := h.d.operation(x.method, x.path)
	if o == nil || o.Responses["200"] == nil {
		h.complain(at, "there is no such operation")
		return
	}
	h.value(at, o.Responses["200"].Content["application/json"].Schema, nil, "", body)
}

// value holds a value to its schema, and to the library's type if it is known.
func (h *holder) value(at string, s *schema, g reflect.Type, kind string, v any) {
	s = h.d.open(s)
	switch {
	case v == nil && s.Nullable:
		return
	case v == nil:
		h.complain(at, "it may not be null")
		return
	case s.Type == "" && s.anything():
		return
	case s.Beyond:
		h.complain(at, "it lies beyond the part of the description that is kept")
		return
	case len(s.AnyOf) > 0:
		h.any(s.AnyOf, func(h *holder, one *schema) { h.value(at, one, g, kind, v) })
		return
	}
	switch v := v.(type) {
	case map[string]any:
		h.object(at, s, g, kind, v)
	case []any:
		if s.Type != "array" {
			h.complain(at, "it is a list, and should be of type %s", s.Type)
			return
		}
		for i, one := range v {
			h.value(fmt.Sprint(at, "[", i, "]"), s.Items, elem(g), "", one)
		}
	case string:
		if s.Type != "string" {
			h.complain(at, "it is a string, and should be of type %s", s.Type)
		}
		h.text(at, s, v)
		h.word(at, g, v)
	case json.Number:
		if _, err := v.Int64(); s.Type != "number" && (s.Type != "integer" || err != nil) {
			h.complain(at, "it is the number %s, and should be of type %s", v, s.Type)
		}
	case bool:
		if s.Type != "boolean" {
			h.complain(at, "it is a boolean, and should be of type %s", s.Type)
		}
	}
}

// object holds the fields of an object.
func (h *holder) object(at string, s *schema, g reflect.Type, kind string, v map[string]any) {
	if s.Type != "object" {
		h.complain(at, "it is an object, and should be of type %s", s.Type)
		return
	}
	if name, _ := v["object"].(string); library[name] != nil {
		g, kind = library[name], name
	}
	for _, name := range s.Required {
		if _, ok := v[name]; !ok {
			h.complain(at+"."+name, "it is required")
		}
	}
	if s.anything() {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		here := at + "." + name
		if kind != "" && younger[kind+"."+name] != "" {
			continue
		}
		field, typ := s.Properties[name], reflect.Type(nil)
		if field == nil && s.More != nil {
			field = s.More.Schema
		}
		if field == nil {
			h.complain(here, "there is no such field")
			continue
		}
		if fields, known := fieldsOf(g); known && v["object"] != "list" {
			if typ = fields[name]; typ == nil {
				h.complain(here, "the library of %s has no such field", stripe.APIVersion)
			}
		} else if known {
			typ = fields[name]
		} else if g != nil && g.Kind() == reflect.Map {
			typ = g.Elem()
		}
		h.value(here, field, typ, "", v[name])
	}
	if kind == "event" {
		h.event(at, v)
	}
}

// event holds what an event is about.
func (h *holder) event(at string, v map[string]any) {
	name, _ := v["type"].(string)
	data, _ := v["data"].(map[string]any)
	about, _ := data["object"].(map[string]any)
	kind, _ := about["object"].(string)
	if wanted := subjectOf(name); kind != wanted || h.d.kind(kind) == nil {
		h.complain(at+".data.object", "%s is about a %s, and not about a %q", name, wanted, kind)
		return
	}
	h.value(at+".data.object", h.d.kind(kind), nil, "", about)
	if o, _, _ := h.d.operation("POST", "/v1/webhook_endpoints"); o != nil {
		events := o.Body.Content["application/x-www-form-urlencoded"].Schema.Properties["enabled_events"].Items
		h.text(at+".type", events, name)
	}
}

// subjectOf is the kind of object that an event is about.
func subjectOf(event string) string {
	for _, rule := range [][2]string{{"account.external_account.", "bank_account"}, {"charge.dispute.", "dispute"}, {"charge.refund.", "refund"}} {
		if strings.HasPrefix(event, rule[0]) {
			return rule[1]
		}
	}
	kind, _, _ := strings.Cut(event, ".")
	return kind
}

// word holds a string to the words that the library has for its type.
func (h *holder) word(at string, g reflect.Type, value string) {
	if g == nil || g.Kind() != reflect.String || !strings.HasPrefix(g.PkgPath(), "github.com/stripe/stripe-go/") {
		return
	}
	if known := h.words[g.Name()]; len(known) > 0 && !slices.Contains(known, value) && unlisted[g.Name()+" "+value] == "" {
		h.complain(at, "%q is not among the words of %s", value, g.Name())
	}
}
