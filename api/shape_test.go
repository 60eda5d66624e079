package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"mizan/ledger/commerce"
)

// readEvent decodes an event and returns what is wrong with it, as pointer and code.
func readEvent(t testing.TB, body string) (commerce.Event, []string) {
	t.Helper()
	tree, err := parseJSON(body, maxEventNodes)
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	defer tree.release()
	d := decoder{tree: tree}
	e := d.event(0)
	wrong := []string{}
	for _, f := range d.wrong {
		wrong = append(wrong, f.Pointer+" "+f.Code)
	}
	if d.refusal != nil {
		wrong = append(wrong, d.refusal.Error())
	}
	return e, wrong
}

// place is where a value stands in a document, and the field that documents it.
type place struct {
	pointer string
	field   reflect.StructField
	get     func() any
	set     func(any)
	remove  func()
}

// fullEvent makes an event of a type with every member there is, and lists the places of its data.
func fullEvent(t *testing.T, kind commerce.EventType) (document map[string]any, places []place) {
	t.Helper()
	var object func(at string, s reflect.Type) map[string]any
	var value func(at string, s reflect.Type, tag reflect.StructTag) any
	value = func(at string, s reflect.Type, tag reflect.StructTag) any {
		switch {
		case s.Kind() == reflect.Pointer:
			return value(at, s.Elem(), tag)
		case s.Kind() == reflect.Struct && tag.Get("format") == "":
			return object(at, s)
		case s.Kind() == reflect.Slice && s.Elem().Kind() == reflect.Struct:
			return []any{object(at+"/0", s.Elem())}
		}
		var v any
		if err := json.Unmarshal([]byte(sampleValue(s, tag)), &v); err != nil {
			t.Fatalf("%s: %v in %s", at, err, sampleValue(s, tag))
		}
		return v
	}
	object = func(at string, s reflect.Type) map[string]any {
		m := map[string]any{}
		for i := range s.NumField() {
			f := s.Field(i)
			if !f.IsExported() {
				continue
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			m[name] = value(at+"/"+name, f.Type, f.Tag)
			places = append(places, place{at + "/" + name, f, func() any { return m[name] }, func(v any) { m[name] = v }, func() { delete(m, name) }})
		}
		return m
	}
	data := object("/data", reflect.TypeOf(kind.New()).Elem())
	return map[string]any{"type": kind.Name, "reference": "r-1", "occurred_at": "2026-11-20T09:00:00Z", "data": data}, places
}

// TestEventShapes spoils every member of every type of event in every way, and holds the reader to the tags and the
// document to the reader.
func TestEventShapes(t *testing.T) {
	t.Parallel()
	schema := open(t).document().Components.Schemas["NewEvent"].Value
	tried := 0
	for _, kind := range commerce.EventTypes() {
		document, places := fullEvent(t, kind)
		if _, wrong := readEvent(t, reference(t, document)); len(wrong) > 0 {
			t.Errorf("%s with every member: %v", kind.Name, wrong)
		}
		for i := range places {
			for _, c := range spoiled(places[i].field) {
				tried++
				document, places := fullEvent(t, kind)
				c.change(places[i])
				want := []string{}
				if c.code != "" {
					want = []string{places[i].pointer + c.below + " " + c.code}
				}
				body := reference(t, document)
				if _, wrong := readEvent(t, body); !slices.Equal(wrong, want) {
					t.Errorf("%s: %s: %v, want %v", kind.Name, c.name, wrong, want)
				}
				// The document cannot say that an optional object may be null, nor does the checker know calendars.
				if c.name != "null" && c.name != "no day" && agrees(schema, body) != (c.code == "") {
					t.Errorf("%s: %s of %s: the document and the reader differ", kind.Name, c.name, places[i].pointer)
				}
			}
		}
	}
	if tried < 500 {
		t.Errorf("only %d cases", tried)
	}
}

// agrees reports whether the document allows a body.
func agrees(schema *openapi3.Schema, body string) bool {
	var v any
	return json.Unmarshal([]byte(body), &v) == nil && schema.VisitJSON(v, openapi3.EnableFormatValidation()) == nil
}

// spoiling is one way to change a member, and the code that it is refused with at the member or below; none if it is not.
type spoiling struct {
	name, code, below string
	change            func(place)
}

// spoiled returns what may be done to a member, and what must come of it.
func spoiled(f reflect.StructField) []spoiling {
	put := func(name, code string, v any) spoiling {
		return spoiling{name: name, code: code, change: func(p place) { p.set(v) }}
	}
	missing := spoiling{name: "left out", code: "required", change: func(p place) { p.remove() }}
	null := put("null", "null", nil)
	if strings.Contains(f.Tag.Get("json"), "omitempty") {
		missing.code = ""
	}
	if f.Type.Kind() == reflect.Pointer {
		null.code = ""
	}
	all := []spoiling{missing, null}
	kind := f.Type
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	switch {
	case f.Tag.Get("format") == "date-time":
		return append(all, put("a number", "type", 1763629200), put("a day", "date-time", "2026-11-20"), put("no day", "date-time", "2026-02-30T00:00:00Z"))
	case kind.Kind() == reflect.Struct:
		return append(all, put("a list", "type", []any{}), put("a text", "type", "x"),
			spoiling{name: "an unknown member", code: "unknown-field", below: "/surprise", change: func(p place) { p.get().(map[string]any)["surprise"] = 1 }})
	case kind.Kind() == reflect.Slice:
		all = append(all, put("an object", "type", map[string]any{}), spoiling{name: "an item of null", code: "null", below: "/0", change: func(p place) {
			p.set(slices.Repeat([]any{nil}, max(1, int(boundOf(f.Tag, "minItems", 1)))))
		}})
		if boundOf(f.Tag, "minItems", 0) > 1 {
			all = all[:len(all)-1] // each of the items would be named
		}
		if most := boundOf(f.Tag, "maxItems", 0); most > 0 {
			all = append(all, put("too many", "too-many", slices.Repeat([]any{"x"}, int(most)+1)))
		}
		if kind.Elem().Kind() == reflect.Struct {
			all = append(all, spoiling{name: "an unknown member of an item", code: "unknown-field", below: "/0/surprise", change: func(p place) {
				p.get().([]any)[0].(map[string]any)["surprise"] = 1
			}})
		}
		if boundOf(f.Tag, "minItems", 0) > 0 {
			all = append(all, put("none", "too-few", []any{}))
		}
		return all
	case kind.Kind() == reflect.Int:
		return append(all, put("a text", "type", "1"), put("too small", "integer", boundOf(f.Tag, "minimum", 0)-1), put("too large", "integer", boundOf(f.Tag, "maximum", 0)+1))
	case kind.Kind() == reflect.Bool:
		return append(all, put("a text", "type", "true"), put("a number", "type", 1))
	}
	all = append(all, put("an object", "type", map[string]any{}), put("true", "type", true), put("2^53+1 as a number", "type", json.Number("9007199254740993")))
	if code := textRuleOf(f.Tag).code; code != "" {
		all = append(all, put("odd text", code, " é\u0000"))
	}
	return all
}

// TestEventEnvelope reads events whose frame is wrong.
func TestEventEnvelope(t *testing.T) {
	t.Parallel()
	const data = `"data":{"order":"UK-1","case":"RMA-7"}`
	for body, want := range map[string][]string{
		`{"type":"after_sales.opened","reference":"r",` + data + `}`: {},
		`{` + data + `,"reference":"r","type":"after_sales.opened"}`: {},
		`[]`: {" type"},
		`{}`: {"/reference required", "/data required", "/type required"},
		`{"type":7,"reference":"r",` + data + `}`:                                                                            {"/type type"},
		`{"type":null,"reference":"r",` + data + `}`:                                                                         {"/type null"},
		`{"type":"after_sales.opened","reference":" r",` + data + `}`:                                                        {"/reference reference"},
		`{"type":"after_sales.opened","reference":null,` + data + `}`:                                                        {"/reference null"},
		`{"type":"after_sales.opened","reference":"r","occurred_at":"now",` + data + `}`:                                     {"/occurred_at date-time"},
		`{"type":"after_sales.opened","reference":"r","data":null}`:                                                          {"/data null"},
		`{"type":"after_sales.opened","reference":"r","data":[]}`:                                                            {"/data type"},
		`{"type":"after_sales.opened","reference":"r","data":{}}`:                                                            {"/data/order required", "/data/case required"},
		`{"type":"after_sales.opened","reference":"r","at":1,` + data + `}`:                                                  {"/at unknown-field"},
		`{"type":"after_sales.opened","reference":"r","data":{"order":"a","case":"b","X":1}}`:                                {"/data/X unknown-field"},
		`{"type":"after_sales.opened","reference":"r","data":{"order":"a","CASE":"b"}}`:                                      {"/data/CASE unknown-field", "/data/case required"},
		`{"type":"order.delivered","reference":"r","data":{"order":"a","delivered_at":"2026-11-20T10:00:00Z","parcel":1.0}}`: {"/data/parcel integer"},
		`{"type":"order.delivered","reference":"r","data":{"order":"a","delivered_at":"2026-11-20T10:00:00Z","parcel":1e0}}`: {"/data/parcel integer"},
		`{"type":"order.delivered","reference":"r","data":{"order":"a","delivered_at":"1999-11-20T10:00:00Z"}}`:              {"/data/delivered_at date-range"},
		`{"type":"refund.made","reference":"r","data":{"order":"a","refund":"b","lines":[{"line":1,"quantity":1},{"line":1,"units":2}]}}`: {
			"/data/lines/1/units unknown-field", "/data/lines/1/quantity required"},
		`{"type":"refund.made","reference":"r","data":{"order":"a","refund":"b","amount":5.00}}`: {"/data/amount type"},
	} {
		if _, wrong := readEvent(t, body); !slices.Equal(wrong, want) {
			t.Errorf("%s: %v, want %v", body, wrong, want)
		}
	}
}

// TestExamplesAreRead reads the documented example of each type and finds it in the struct again.
func TestExamplesAreRead(t *testing.T) {
	t.Parallel()
	schema := open(t).document().Components.Schemas["NewEvent"].Value
	for _, kind := range commerce.EventTypes() {
		body := exampleOf(t, kind.Name)
		e, wrong := readEvent(t, body)
		if len(wrong) > 0 {
			t.Errorf("%s: %v", kind.Name, wrong)
			continue
		}
		var envelope struct{ Data json.RawMessage }
		if err := json.Unmarshal([]byte(body), &envelope); err != nil {
			t.Fatal(err)
		}
		want := kind.New()
		if err := json.Unmarshal(envelope.Data, want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(reference(t, want), reference(t, e.Data)); diff != "" || e.Type != kind.Name {
			t.Errorf("%s: %s", kind.Name, diff)
		}
		if !agrees(schema, body) {
			t.Errorf("%s: the example is not of the documented shape", kind.Name)
		}
	}
}

// TestPatternsByHand holds the checks that are written by hand to their patterns.
func TestPatternsByHand(t *testing.T) {
	t.Parallel()
	for pattern, rule := range patternRules {
		compiled := regexp.MustCompile(pattern)
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			near := rapid.OneOf(rapid.StringMatching(pattern), rapid.String(), rapid.StringOfN(rapid.SampledFrom([]rune("01.9A:az_- é\n~")), 0, 6, -1),
				rapid.Map(rapid.StringMatching(pattern), func(s string) string { return s + "\n" }),
				rapid.Map(rapid.StringMatching(pattern), func(s string) string { return s + s }))
			rapid.Check(t, func(r *rapid.T) {
				if s := near.Draw(r, "text"); rule.fits(s) != compiled.MatchString(s) {
					r.Fatalf("%q: by hand %v", s, rule.fits(s))
				}
			})
		})
	}
	for _, kind := range commerce.EventTypes() {
		_, places := fullEvent(t, kind)
		for _, p := range places {
			pattern := p.field.Tag.Get("pattern")
			if _, known := patternRules[pattern]; !known && pattern != "" && (kind.Name == "order.captured" || kind.Name == "order.delivered") {
				t.Errorf("%s: %s would be checked by a regular expression", kind.Name, fmt.Sprint(p.pointer))
			}
		}
	}
}

// TestHandbookIsRead reads the event and the settlement that the handbook shows.
func TestHandbookIsRead(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, block := range strings.Split(string(page), "```json\n")[1:] {
		body, _, _ := strings.Cut(block, "```")
		var wrong []string
		switch {
		case strings.Contains(body, `"data":`):
			_, wrong = readEvent(t, body)
		case strings.Contains(body, `"if_due":`):
			tree, err := parseJSON(body, maxNodes)
			if err != nil {
				t.Fatal(err)
			}
			d := decoder{tree: tree}
			if d.object(0, new(NewSettlement)); d.err() != nil {
				wrong = append(wrong, d.err().Error())
			}
		default:
			continue
		}
		if read++; len(wrong) > 0 {
			t.Errorf("%v: %s", wrong, body)
		}
	}
	if read != 2 {
		t.Errorf("%d examples were read", read)
	}
}

// FuzzReadEvent reads any text; what is accepted means the same to encoding/json.
func FuzzReadEvent(f *testing.F) {
	for _, kind := range commerce.EventTypes() {
		f.Add(exampleOf(f, kind.Name))
	}
	f.Add(`{"type":"order.captured","reference":"r","data":{"creators":[{"creator":"a","agency":null}]}}`)
	f.Fuzz(func(t *testing.T, body string) {
		tree, err := parseJSON(body, maxNodes)
		if err != nil {
			return
		}
		d := decoder{tree: tree}
		e := d.event(0)
		if d.err() != nil {
			return
		}
		kind, err := commerce.TypeOf(e.Type)
		if err != nil {
			t.Fatal(err)
		}
		var frame struct {
			Type, Reference string
			OccurredAt      time.Time `json:"occurred_at"`
			Data            json.RawMessage
		}
		want := kind.New()
		if err := json.Unmarshal([]byte(body), &frame); err != nil {
			t.Fatal(err)
		}
		strict := json.NewDecoder(bytes.NewReader(frame.Data))
		strict.DisallowUnknownFields()
		if err := strict.Decode(want); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		visible := cmp.FilterPath(func(p cmp.Path) bool {
			f, ok := p.Index(-1).(cmp.StructField)
			return ok && strings.ToLower(f.Name()[:1]) == f.Name()[:1]
		}, cmp.Ignore())
		if diff := cmp.Diff(want, e.Data, visible, cmpopts.EquateApproxTime(time.Microsecond), cmpopts.EquateEmpty()); diff != "" || frame.Reference != e.Reference {
			t.Errorf("%s: %s", body, diff)
		}
	})
}

// TestHiddenFieldsAreNoMembers reads and writes a struct that keeps something for itself.
func TestHiddenFieldsAreNoMembers(t *testing.T) {
	t.Parallel()
	type keeper struct {
		secret func()
		Shown  string `json:"shown"`
		kept   map[string]int
	}
	tree, err := parseJSON(`{"shown":"x"}`, maxNodes)
	if err != nil {
		t.Fatal(err)
	}
	k := keeper{secret: func() {}, kept: map[string]int{"a": 1}}
	d := decoder{tree: tree}
	if d.object(0, &k); d.err() != nil || k.Shown != "x" || k.secret == nil || k.kept["a"] != 1 {
		t.Errorf("%v, %+v", d.err(), k)
	}
	if got := string(appendAnswer(nil, &k)); got != `{"shown":"x"}` {
		t.Error(got)
	}
}
