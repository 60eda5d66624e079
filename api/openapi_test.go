package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/commerce/intake"
)

// document is the served OpenAPI document as a checker sees it, with its answers closed, so that a field that is sent
// and not documented is found. Every service of the tests serves the same document.
var document31 struct {
	once sync.Once
	doc  *openapi3.T
	err  error
	// good are answers that were held against their schema already: the checker compiles the schema anew for each.
	good sync.Map
}

// checked is an answer without what differs between any two requests.
type checked struct {
	schema *openapi3.Schema
	body   string
}

func (h *house) document() *openapi3.T {
	h.t.Helper()
	document31.once.Do(func() {
		doc, err := openapi3.NewLoader().LoadFromData(h.service.spec)
		document31.doc, document31.err = doc, err
		if err != nil {
			return
		}
		for _, s := range doc.Components.Schemas {
			if s.Value.Type.Is("object") && len(s.Value.Properties) > 0 {
				no := false
				s.Value.AdditionalProperties = openapi3.AdditionalProperties{Has: &no}
			}
		}
	})
	if document31.err != nil {
		h.t.Fatal(document31.err)
	}
	return document31.doc
}

// checkAgainstDocument holds every answer of every test against the document.
func (h *house) checkAgainstDocument(method, path string, a answer) {
	h.t.Helper()
	at, err := url.Parse(path)
	if err != nil {
		h.t.Fatal(err)
	}
	if method == http.MethodHead {
		method = http.MethodGet
	}
	pattern := h.service.router.Find(chi.NewRouteContext(), method, at.EscapedPath())
	if pattern == "" || a.Request.Method == http.MethodHead {
		return
	}
	item := h.document().Paths.Value(pattern)
	if item == nil || item.GetOperation(method) == nil {
		h.t.Errorf("%s %s is served and not documented", method, pattern)
		return
	}
	response := item.GetOperation(method).Responses.Value(strconv.Itoa(a.StatusCode))
	if response == nil {
		h.t.Errorf("%s %s answers %d, which is not documented: %s", method, pattern, a.StatusCode, a.body)
		return
	}
	media := response.Value.Content.Get(a.Header.Get("Content-Type"))
	if media == nil {
		h.t.Errorf("%s %s answers %d as %q, which is not documented", method, pattern, a.StatusCode, a.Header.Get("Content-Type"))
		return
	}
	if !strings.Contains(a.Header.Get("Content-Type"), "json") || a.Header.Get("Content-Type") == ndjson || pattern == "/openapi.json" {
		return
	}
	answered := checked{media.Schema.Value, withoutID(a)}
	if _, ok := document31.good.Load(answered); ok {
		return
	}
	var v any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		h.t.Errorf("%s %s: %v", method, pattern, err)
		return
	}
	if err := h.document().ValidateSchemaJSON(media.Schema.Value, v); err != nil {
		h.t.Errorf("%s %s answers %d with what is not documented: %v\n%s", method, pattern, a.StatusCode, err, a.body)
		return
	}
	if len(a.body) < 1<<10 {
		document31.good.Store(answered, true)
	}
}

// The document is one that other readers of it can use, with examples that are what it says.
func TestDocumentIsValid(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(open(t).service.spec)
	if err == nil {
		// Validate would hold the examples of a schema against it for each place that refers to the schema.
		err = doc.Validate(t.Context(), openapi3.DisableExamplesValidation())
	}
	if err != nil {
		t.Fatal(err)
	}
	x := examples{t: t, doc: doc, seen: map[*openapi3.Schema]bool{}}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			where := method + " " + path
			for _, p := range op.Parameters {
				x.fits(where+" "+p.Value.Name, p.Value.Schema, p.Value.Example, p.Value.Examples)
			}
			if op.RequestBody != nil {
				x.content(where, op.RequestBody.Value.Content)
			}
			for status, answer := range op.Responses.Map() {
				x.content(where+" "+status, answer.Value.Content)
			}
		}
	}
	for name, schema := range doc.Components.Schemas {
		x.schema(name, schema)
	}
	if x.n < 100 {
		t.Errorf("only %d examples were found", x.n)
	}
}

// examples holds the examples of a document against their schemas, each once.
type examples struct {
	t    *testing.T
	doc  *openapi3.T
	seen map[*openapi3.Schema]bool
	n    int
}

// fits checks the examples that stand beside a schema, and those inside it.
func (x *examples) fits(where string, schema *openapi3.SchemaRef, one any, more openapi3.Examples) {
	x.t.Helper()
	x.schema(where, schema)
	values := []any{one}
	for _, e := range more {
		values = append(values, e.Value.Value)
	}
	for _, v := range values {
		if v == nil {
			continue
		}
		x.n++
		if err := x.doc.ValidateSchemaJSON(schema.Value, v); err != nil {
			x.t.Errorf("%s: an example is not of its schema: %v", where, err)
		}
	}
}

func (x *examples) content(where string, content openapi3.Content) {
	x.t.Helper()
	for kind, media := range content {
		x.fits(where+" "+kind, media.Schema, media.Example, media.Examples)
	}
}

func (x *examples) schema(where string, ref *openapi3.SchemaRef) {
	x.t.Helper()
	if ref == nil || ref.Value == nil || x.seen[ref.Value] {
		return
	}
	s := ref.Value
	x.seen[s] = true
	x.fits(where, ref, s.Example, nil)
	for _, v := range s.Examples {
		x.fits(where, ref, v, nil)
	}
	for name, property := range s.Properties {
		x.schema(where+"."+name, property)
	}
	for _, parts := range []openapi3.SchemaRefs{s.AllOf, s.AnyOf, s.OneOf, {s.Items, s.AdditionalProperties.Schema, s.Not}} {
		for _, part := range parts {
			x.schema(where, part)
		}
	}
}

func TestCheckerFindsFaults(t *testing.T) {
	t.Parallel()
	h := open(t)
	schema := h.document().Components.Schemas["Health"].Value
	for _, c := range []struct {
		body string
		good bool
	}{{`{"status":"ok"}`, true}, {`{"status":"bad"}`, false}, {`{"status":"ok","more":1}`, false}, {`{}`, false}} {
		var v any
		if err := json.Unmarshal([]byte(c.body), &v); err != nil {
			t.Fatal(err)
		}
		if err := h.document().ValidateSchemaJSON(schema, v); (err == nil) != c.good {
			t.Errorf("%s: %v", c.body, err)
		}
	}
}

func TestDocumentMatchesRoutes(t *testing.T) {
	t.Parallel()
	h := open(t)
	routed := map[string]bool{}
	err := chi.Walk(h.service.router, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if method != http.MethodHead {
			routed[method+" "+route] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	documented, tabled := map[string]bool{}, map[string]bool{}
	for path, item := range h.document().Paths.Map() {
		for method := range item.Operations() {
			documented[method+" "+path] = true
		}
	}
	ids := map[string]bool{}
	for _, op := range Operations() {
		tabled[op.Method+" "+op.Path] = true
		if ids[op.ID] {
			t.Errorf("two operations are called %s", op.ID)
		}
		ids[op.ID] = true
		if op.Summary == "" || op.Group == "" || len(op.Answers) == 0 || (op.Body == nil) != (op.Method == http.MethodGet) || (op.Body != nil) != (op.BodyLimit > 0) {
			t.Errorf("%s is not described", op.ID)
		}
		if op.Scope == "" && !op.Signed && strings.HasPrefix(op.Path, "/v1") || op.Scope != "" && op.Scope != access.SignedIn && !slices.Contains(access.Scopes(), op.Scope) {
			t.Errorf("%s has the scope %q", op.ID, op.Scope)
		}
	}
	if diff := cmp.Diff(tabled, routed); diff != "" {
		t.Errorf("routes differ from the table: %s", diff)
	}
	if diff := cmp.Diff(tabled, documented); diff != "" {
		t.Errorf("the document differs from the table: %s", diff)
	}
}

// TestBodiesDocumented sends every field of every documented body: decoders must know each, and refuse others.
func TestBodiesDocumented(t *testing.T) {
	t.Parallel()
	for _, op := range Operations() {
		if op.Body == nil {
			continue
		}
		example, err := json.Marshal(full(op.Body))
		if err != nil {
			t.Fatal(err)
		}
		tree, err := parseJSON(string(example), maxNodes)
		if err != nil {
			t.Fatal(err)
		}
		d := decoder{tree: tree}
		unknown := func() (all []string) {
			for _, f := range d.wrong {
				if f.Code == "unknown-field" || f.Code == "type" || f.Code == "required" {
					all = append(all, f.Pointer+" "+f.Code)
				}
			}
			return all
		}
		switch op.Body {
		case reflect.TypeFor[NewTransaction]():
			d.transaction(0)
		case reflect.TypeFor[NewBatch]():
			for _, err := range decodeBatch(&d, 0, "transactions", (*decoder).transaction).errs {
				if err != nil {
					t.Errorf("%s: %v", op.ID, err)
				}
			}
		case reflect.TypeFor[NewCorrection]():
			d.correction(0)
		case reflect.TypeFor[NewBook]():
			d.book(0)
		case reflect.TypeFor[NewSettlement]():
			d.object(0, new(NewSettlement))
		case reflect.TypeFor[NewRelease]():
			d.object(0, new(NewRelease))
		case reflect.TypeFor[NewImportRelease]():
			d.object(0, new(NewImportRelease))
		case reflect.TypeFor[NewSplit]():
			d.object(0, new(NewSplit))
		case reflect.TypeFor[commerce.OpeningBatch]():
			d.object(0, new(commerce.OpeningBatch))
		case reflect.TypeFor[NewPayee]():
			d.object(0, new(NewPayee))
		case reflect.TypeFor[ChangedPayee]():
			d.object(0, new(ChangedPayee))
		case reflect.TypeFor[commerce.CampaignPublished]():
			d.object(0, new(commerce.CampaignPublished))
		case reflect.TypeFor[NewRetry]():
			d.object(0, new(NewRetry))
		case reflect.TypeFor[NewApproval](), reflect.TypeFor[ChangedApproval](), reflect.TypeFor[NewConsent](), reflect.TypeFor[NewReason](),
			reflect.TypeFor[NewKeyBody](), reflect.TypeFor[NewRotation](), reflect.TypeFor[NewPersonBody](), reflect.TypeFor[NewGrantBody](), reflect.TypeFor[NewLink](),
			reflect.TypeFor[ChangedPersonalData](), reflect.TypeFor[NewReading](), reflect.TypeFor[NewDestination](), reflect.TypeFor[NewHold](),
			reflect.TypeFor[NewClosing](), reflect.TypeFor[NewRetention](), reflect.TypeFor[NewJobRun](), reflect.TypeFor[NewPayout](), reflect.TypeFor[NewLook](),
			reflect.TypeFor[ChangedStanding](), reflect.TypeFor[NewPayoutDestination](), reflect.TypeFor[NewPayeeHold](), reflect.TypeFor[HoldRelease](), reflect.TypeFor[NewBankAccount](),
			reflect.TypeFor[NewReconciliation](), reflect.TypeFor[NewExport](), reflect.TypeFor[NewEvidenceSource](), reflect.TypeFor[NewBreakOwner](),
			reflect.TypeFor[NewBreakExplanation](), reflect.TypeFor[NewReceipt](), reflect.TypeFor[NewBreakNote](), reflect.TypeFor[NewPairingDecision](), reflect.TypeFor[NewQuestion](), reflect.TypeFor[NewAnswer](), reflect.TypeFor[ClosedQuestion](), reflect.TypeFor[NewAdjustment]():
			d.object(0, reflect.New(op.Body).Interface())
		case reflect.TypeFor[NewEvent](), reflect.TypeFor[NewEventBatch](), reflect.TypeFor[NewRuleSet](), reflect.TypeFor[PolicyDocument](),
			reflect.TypeFor[map[string]any](), reflect.TypeFor[intake.Source](), reflect.TypeFor[importFile](), reflect.TypeFor[bankReportBody](), reflect.TypeFor[statementBody]():
			// TestEventShapes reads every field of every type, package commerce a rule set, and package intake messages,
			// sources and files.
			continue
		default:
			t.Errorf("%s has a body this test does not know", op.ID)
		}
		if u := unknown(); u != nil {
			t.Errorf("%s does not read what it documents: %v", op.ID, u)
		}
	}
}

// full returns a value of the type with every field set.
func full(t reflect.Type) any {
	if t == rawType {
		return map[string]any{"key": "value"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return full(t.Elem())
	case reflect.Int, reflect.Int64:
		return 1
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return "2026-11-20T10:00:00Z"
		}
		m := map[string]any{}
		for i := range t.NumField() {
			if !t.Field(i).IsExported() {
				continue
			}
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			m[name] = full(t.Field(i).Type)
			if example := t.Field(i).Tag.Get("example"); example != "" && t.Field(i).Type.Kind() == reflect.String {
				m[name] = example
			}
		}
		return m
	case reflect.Slice:
		return []any{full(t.Elem())}
	case reflect.Map:
		return map[string]any{"key": "value"}
	case reflect.Bool:
		return true
	}
	return "GBP"
}

// TestExamplesWork posts every documented example and follows every documented parameter's example.
func TestExamplesWork(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.imported()
	owner, _ := h.staff()
	run, question := "", ""
	for _, op := range Operations() {
		if op.Example == nil || op.Signed || strings.Contains(op.Path, "{break}") || strings.Contains(op.Path, "{pairing}") {
			continue // what is said of breaks and pairings is tried where there are some, in TestReconciliationOverHTTP
		}
		body, err := json.Marshal(op.Example)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatal(err)
		}
		schema := h.document().Paths.Value(op.Path).GetOperation(op.Method).RequestBody.Value.Content.Get("application/json").Schema.Value
		if err := h.document().ValidateSchemaJSON(schema, v); err != nil {
			t.Errorf("%s: the example is not of the documented shape: %v", op.ID, err)
		}
		path := examplePath(op.Path)
		body = []byte(strings.ReplaceAll(string(body), examplePath("{person}"), owner))
		if op.ID == "create-book" {
			body = []byte(strings.Replace(string(body), `"uk"`, `"uk2"`, 1))
		}
		if op.ID == "release-earnings" {
			h.must(201, "POST", "/v1/books/uk/events", releasableTip)
		}
		switch op.ID {
		case "pull-processor":
			path = strings.Replace(path, "/bank/", "/processor/", 1)
			h.must(200, "PUT", "/v1/books/uk/evidence/sources/processor/main", "{}")
		case "make-receipt":
			h.event("donation.received", "receipt-donation")
		case "replay-reconciliation":
			path = strings.Replace(path, examplePath("{comparison}"), run, 1)
		case "answer-question", "close-question":
			path = strings.Replace(path, examplePath("{question}"), question, 1)
		case "ask-approval": // of a book whose months nothing keeps open
			path = strings.Replace(path, "/uk/", "/uk2/", 1)
			h.must(201, "POST", "/v1/books/uk2/reconciliations", `{"match":"R3"}`)
		}
		a := h.do(op.Method, path, string(body))
		if a.StatusCode >= 300 {
			t.Errorf("%s: the example is answered with %d: %s", op.ID, a.StatusCode, a.body)
		}
		if op.ID == "ask-question" {
			question, _ = a.json(t)["id"].(string)
		}
		if op.ID == "reconcile" {
			run, _ = a.json(t)["id"].(string)
		}
	}
}

// examplePath fills a path with the examples of its parameters; the transaction is the first one of the book.
func examplePath(path string) string {
	names := parameterNames(reflect.TypeFor[pathFields]())
	for i, name := range names {
		example := reflect.TypeFor[pathFields]().Field(i).Tag.Get("example")
		if name == "id" {
			example = "uk-1"
		}
		path = strings.ReplaceAll(path, "{"+name+"}", example)
	}
	return path
}

// TestRequestSchemasAgree shows that what the decoder refuses by shape the schema refuses too, and the other way round.
func TestRequestSchemasAgree(t *testing.T) {
	t.Parallel()
	h := open(t)
	schema := h.document().Components.Schemas["NewTransaction"].Value
	good := sale("r-1", "1.00")
	n := 0
	for from, tos := range map[string][]string{
		`"debit"`: {`"left"`, `1`, `null`}, `"1.00"`: {`"-1.00"`, `"1."`, `1.00`, `"01.00"`, `"1.0000"`, `null`, `[]`}, `"GBP"`: {`"gbp"`, `"GB"`, `null`, `5`},
		`"r-1"`: {`""`, `" r"`, `"r\u0001"`, `1`, `"` + strings.Repeat("r", 256) + `"`}, `"order.captured"`: {`"Order"`, `"order"`, `null`},
		`"order:UK-1"`: {`"UK-1"`, `""`, `null`}, `"` + seller + `"`: {`"x"`, `"a::b"`, `true`}, `"subject"`: {`"Subject"`, `"other"`}, `"entries"`: {`"lines"`},
	} {
		for _, to := range tos {
			n++
			body := strings.Replace(good, from, to, 1)
			var v any
			if err := json.Unmarshal([]byte(body), &v); err != nil {
				t.Fatal(err)
			}
			if err := h.document().ValidateSchemaJSON(schema, v); err == nil {
				t.Errorf("the schema accepts %s for %s", to, from)
			}
			h.refused(422, "validation-failed", "POST", posting, body)
		}
	}
	if n < 30 {
		t.Errorf("only %d cases", n)
	}
	h.must(201, "POST", posting, good)
}

// TestDocumentedBounds holds bounds that the document repeats to those of the ledger.
func TestDocumentedBounds(t *testing.T) {
	t.Parallel()
	h := open(t)
	schemas := h.document().Components.Schemas
	for name, c := range map[string]struct{ got, want uint64 }{
		"lines":   {*schemas["NewTransaction"].Value.Properties["entries"].Value.MaxItems, ledger.MaxLines},
		"batch":   {*schemas["NewBatch"].Value.Properties["transactions"].Value.MaxItems, ledger.MaxBatch},
		"address": {*schemas["NewEntry"].Value.Properties["account"].Value.MaxLength, ledger.MaxAddressBytes},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d is documented, %d holds", name, c.got, c.want)
		}
	}
}

// TestServedDocument shows that the document is served as it was checked.
func TestServedDocument(t *testing.T) {
	t.Parallel()
	h := open(t)
	a := h.as("", "GET", "/openapi.json", "")
	if a.StatusCode != 200 || a.body != string(h.service.spec) || a.json(t)["openapi"] != "3.1.0" {
		t.Errorf("%d: %.100s", a.StatusCode, a.body)
	}
	if names := slices.Sorted(maps.Keys(h.document().Components.Schemas)); slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "JSON") }) {
		t.Errorf("schemas are called %v", names)
	}
	for _, word := range []string{"float64", "panic"} {
		if strings.Contains(a.body, word) {
			t.Errorf("the document says %s", word)
		}
	}
}
