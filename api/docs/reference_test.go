package docs

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// sampleAPI has what the reference must cope with: references, cycles, lists, maps, alternatives, and hostile text.
const sampleAPI = `{"openapi":"3.1.0","info":{"title":"x","version":"1.2.3"},"tags":[{"name":"books","description":"The *books*."}],
"paths":{
 "/v1/books/{book}":{"get":{"operationId":"get-book","summary":"Read a book","tags":["books"],
  "parameters":[{"name":"book","in":"path","required":true,"description":"The code","schema":{"type":"string","pattern":"^[a-z]+$"}},{"$ref":"#/components/parameters/Limit"}],
  "responses":{"200":{"description":"The book","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Book"}}}},"409":{"description":"Conflict: reference-reused, other-thing"},"default":{"$ref":"#/components/responses/Problem"}}}},
 "/v1/books":{"parameters":[],"post":{"operationId":"create-book","summary":"<script>alert(1)</script>","description":"Text with <b>tags</b> and [a link](javascript:alert(1)).","tags":["books"],
  "requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Book"},"example":{"code":"uk"}}}},
  "responses":{"201":{"description":"Created"}}}}},
"components":{"parameters":{"Limit":{"name":"limit","in":"query","schema":{"type":"integer","minimum":1,"maximum":1000,"default":100}}},
 "responses":{"Problem":{"description":"Anything else","content":{"application/problem+json":{"schema":{"type":"object","properties":{"code":{"type":"string"}}}}}}},
 "schemas":{"Book":{"type":"object","required":["code"],"properties":{
  "$schema":{"type":"string"},
  "name":{"type":["string","null"],"maxLength":200,"description":"For people"},
  "code":{"type":"string","examples":["uk"]},
  "parent":{"$ref":"#/components/schemas/Book"},
  "lost":{"$ref":"#/components/schemas/Nowhere"},
  "side":{"type":"string","enum":["debit","credit"]},
  "labels":{"type":"object","additionalProperties":{"type":"string"}},
  "entries":{"type":"array","maxItems":500,"items":{"$ref":"#/components/schemas/Entry"}}}},
  "Entry":{"type":"object","required":["amount"],"properties":{"amount":{"type":"string"}}}}}}`

func TestReference(t *testing.T) {
	t.Parallel()
	page := get(t, Handler(func() []byte { return []byte(sampleAPI) }), "/docs/api").Body.String()
	m, err := readMarkup(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"/v1/books/{book}", "Read a book", "path, string", "matches ^[a-z]+$", "1 to 1000; default 100",
		"string or null", "at most 200 characters", "entries[].amount", "list of Entry", "map to string", "one of debit, credit",
		"any otherAnything else", "<script>alert(1)</script>", "Version 1.2.3", `"code": "uk"`} {
		if !strings.Contains(m.Text, want) {
			t.Errorf("the reference does not show %q", want)
		}
	}
	for _, link := range []string{"/docs/problems#reference-reused", "#object-entry", "#object-book"} {
		if !slices.Contains(m.Links, link) {
			t.Errorf("the reference does not link to %s", link)
		}
	}
	for _, unwanted := range []string{"<script", "<b>", "$schema", "href=\"javascript"} {
		if strings.Contains(page, unwanted) {
			t.Errorf("the reference contains %q", unwanted)
		}
	}
	for _, id := range []string{"op-get-book", "op-create-book", "books", "object-book", "object-entry"} {
		if !slices.Contains(m.IDs, id) {
			t.Errorf("the reference has no place %s", id)
		}
	}
	if strings.Index(page, "parent</code>") < strings.Index(page, "<code>code</code>") {
		t.Error("a field that may be left out stands before one that must be sent")
	}
}

// kindsAPI has a body of several kinds, alone and in a list.
const kindsAPI = `{"openapi":"3.1.0","info":{"title":"x"},"paths":{
 "/one":{"post":{"operationId":"one","requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Thing"},"examples":{
  "a.done":{"value":{"type":"a.done","data":{"x":1}}},"b.done":{"value":{"type":"b.done"}}}}}},"responses":{"200":{"description":"OK"}}}},
 "/many":{"post":{"operationId":"many","requestBody":{"content":{"application/json":{"schema":{"type":"object","properties":{"things":{"type":"array","items":{"$ref":"#/components/schemas/Thing"}}}}}}},
  "responses":{"200":{"description":"OK"}}}}},
"components":{"schemas":{
 "Thing":{"oneOf":[{"$ref":"#/components/schemas/ADone"},{"$ref":"#/components/schemas/BDone"}],"discriminator":{"propertyName":"type","mapping":{"a.done":"#/components/schemas/ADone","b.done":"#/components/schemas/BDone","c.lost":"#/components/schemas/Nowhere"}}},
 "ADone":{"type":"object","description":"A was done.","properties":{"type":{"type":"string"},"data":{"type":"object","properties":{"x":{"type":"integer"}}}}},
 "BDone":{"type":"object","description":"B was <done>.","properties":{"type":{"type":"string"}}}}}}`

func TestReferenceOfKinds(t *testing.T) {
	t.Parallel()
	page := get(t, Handler(func() []byte { return []byte(kindsAPI) }), "/docs/api").Body.String()
	m, err := readMarkup(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one of these, told apart by type", "a.done", "A was done.", "B was <done>.", "Example: a.done", "Example: b.done", "list of Thing"} {
		if !strings.Contains(m.Text, want) {
			t.Errorf("the reference does not show %q", want)
		}
	}
	for _, link := range []string{"#object-adone", "#object-bdone", "#object-thing"} {
		if !slices.Contains(m.Links, link) {
			t.Errorf("the reference does not link to %s", link)
		}
	}
	for _, unwanted := range []string{"things[].type", "c.lost"} {
		if strings.Contains(m.Text, unwanted) {
			t.Errorf("the reference mixes the fields of kinds, or shows one that is not there: %s", unwanted)
		}
	}
}

func TestReferenceWithoutDocument(t *testing.T) {
	t.Parallel()
	for name, openAPI := range map[string]func() []byte{
		"none": nil, "empty": func() []byte { return nil }, "broken": func() []byte { return []byte(`{"paths":{"/x":{"get":[`) },
		"other": func() []byte { return []byte(`[1]`) }, "wrong": func() []byte { return []byte(`{"paths":{"/x":{"get":{"parameters":7}}}}`) },
	} {
		w := get(t, Handler(openAPI), "/docs/api")
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "does not publish an OpenAPI document") {
			t.Errorf("%s: %d\n%s", name, w.Code, w.Body)
		}
	}
}

func TestReferenceFollowsTheDocument(t *testing.T) {
	t.Parallel()
	document := sampleAPI
	h := Handler(func() []byte { return []byte(document) })
	get(t, h, "/docs/api")
	document = strings.ReplaceAll(sampleAPI, "Read a book", "Read one book")
	if !strings.Contains(get(t, h, "/docs/api").Body.String(), "Read one book") {
		t.Error("the page is that of an earlier document")
	}
}

func FuzzReference(f *testing.F) {
	f.Add(sampleAPI)
	f.Add(kindsAPI)
	f.Add(strings.ReplaceAll(sampleAPI, "get-book", "create-book"))
	f.Add(`{"paths":{"/":{"get":{"tags":[""],"responses":{"200":{"content":{"a":{"schema":{"type":[]}}}}}}}}}`)
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 1<<14 {
			return
		}
		got := renderReference([]byte(source))
		if _, err := readMarkup("<article>" + got.HTML + "</article>"); err != nil {
			t.Fatalf("%v\n%s", err, got.HTML)
		}
	})
}
