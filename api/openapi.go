package api

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
)

// The OpenAPI 3.1 document, made from the table of operations and the documented structs. What is served at
// /openapi.json is what is routed; a test compares both ways.

const securityName = "key"

// schemaPrefix is where named schemas stand in the document.
const schemaPrefix = "#/components/schemas/"

// description is the document and its operations, in the order of Operations. It is the same for all services of a process and takes long
// to make, so that it is made once.
type description struct {
	spec       []byte
	operations []*huma.Operation
}

var (
	describing sync.Mutex
	// lastDescribed is the description under its version: a process has one.
	lastDescribed *description
	lastVersion   string
)

// describedAs returns the description that names the version.
func describedAs(version string) (*description, error) {
	describing.Lock()
	defer describing.Unlock()
	if lastDescribed != nil && lastVersion == version {
		return lastDescribed, nil
	}
	document := humachi.New(chi.NewRouter(), openAPIConfig(version)).OpenAPI()
	d := &description{}
	for _, op := range Operations() {
		described := describe(&op, document.Components.Schemas)
		document.AddOperation(described)
		d.operations = append(d.operations, described)
	}
	openAnswers(document.Components.Schemas)
	var err error
	if d.spec, err = document.MarshalJSON(); err != nil {
		return nil, err
	}
	lastDescribed, lastVersion = d, version
	return d, nil
}

func openAPIConfig(version string) huma.Config {
	if version == "" {
		version = "dev"
	}
	return huma.Config{OpenAPI: &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Mizan", Version: version,
			Description: "Double-entry ledger and payouts for social commerce. Amounts are decimal strings, times are RFC 3339 in UTC, " +
				"and what may be repeated safely is found by its reference. Every refusal is an RFC 9457 problem. " +
				"Answers may gain fields; requests with unknown fields are refused.",
		},
		Servers: []*huma.Server{{URL: "/", Description: "This service"}},
		Components: &huma.Components{
			Schemas: huma.NewMapRegistry(schemaPrefix, schemaName),
			SecuritySchemes: map[string]*huma.SecurityScheme{
				securityName: {Type: "http", Scheme: "bearer", Description: "A key with the scope that the operation names in x-scope."},
			},
		},
	}}
}

// schemaName is the type's own name with a capital letter and without the ending that keeps it apart in Go. What the data
// of events are made of is part of requests.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := strings.TrimSuffix(t.Name(), "JSON")
	if name == "" {
		name = hint
	}
	name = strings.ToUpper(name[:1]) + name[1:]
	if eventParts[t] {
		name = "New" + name
	}
	return name
}

// openAnswers lets answers gain fields without breaking the callers that were generated from an older document. Requests,
// whose types are called New…, stay closed.
func openAnswers(schemas huma.Registry) {
	for name, schema := range schemas.Map() {
		if !strings.HasPrefix(name, "New") {
			schema.AdditionalProperties = nil
		}
	}
}

// describe turns an operation into its OpenAPI form.
func describe(op *Operation, schemas huma.Registry) *huma.Operation {
	d := &huma.Operation{
		Method: op.Method, Path: op.Path, OperationID: op.ID, Summary: op.Summary, Description: op.Description, Tags: []string{op.Group},
		Responses: map[string]*huma.Response{}, SkipValidateBody: true, SkipValidateParams: true,
		Security: []map[string][]string{}, Extensions: map[string]any{},
	}
	if op.Scope != "" {
		d.Security = []map[string][]string{{securityName: {}}}
		d.Extensions["x-scope"] = string(op.Scope)
		if op.Also != "" {
			d.Extensions["x-also-scope"] = string(op.Also)
		}
		if op.Own != "" {
			d.Extensions["x-own"] = op.Own
		}
		if op.SecondPerson != "" {
			d.Extensions["x-second-person"] = op.SecondPerson
		}
	}
	d.Parameters = append(pathParameters(op.Path, schemas), queryParameters(op.Query, schemas)...)
	if op.Body != nil {
		content := &huma.MediaType{Schema: schemas.Schema(op.Body, true, op.ID), Example: op.Example}
		if len(op.Examples) > 0 {
			content.Example, content.Examples = nil, map[string]*huma.Example{}
			for name, value := range op.Examples {
				content.Examples[name] = &huma.Example{Value: value}
			}
		}
		d.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
		media := op.BodyMedia
		if media == nil {
			media = []string{"application/json"}
		}
		for _, m := range media {
			d.RequestBody.Content[m] = content
		}
	}
	for _, a := range op.Answers {
		d.Responses[strconv.Itoa(a.Status)] = describeAnswer(op, a, schemas)
	}
	describeRefusals(op, d, schemas)
	return d
}

func describeAnswer(op *Operation, a Answer, schemas huma.Registry) *huma.Response {
	media := a.Media
	r := &huma.Response{Description: a.Meaning, Headers: map[string]*huma.Param{"X-Request-Id": textHeader("The request's id, for support")}}
	if a.Replayed {
		r.Headers["Idempotent-Replayed"] = textHeader("true if the reference had been recorded before and nothing was posted now")
	}
	if media == "" {
		media = "application/json"
	}
	content := &huma.MediaType{}
	if a.Body != nil {
		content.Schema = schemas.Schema(a.Body, true, op.ID)
	} else {
		content.Schema = &huma.Schema{}
		if !strings.HasPrefix(media, "application/json") {
			content.Schema.Type = "string"
		}
	}
	r.Content = map[string]*huma.MediaType{media: content}
	return r
}

func textHeader(doc string) *huma.Param {
	return &huma.Param{Description: doc, Schema: &huma.Schema{Type: "string"}}
}

// describeRefusals groups the operation's errors by status, each with its codes.
func describeRefusals(op *Operation, d *huma.Operation, schemas huma.Registry) {
	codes := map[int][]string{}
	for _, e := range op.refusals() {
		status := Status(e)
		if !slices.Contains(codes[status], e.Code) {
			codes[status] = append(codes[status], e.Code)
		}
	}
	problem := schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	for status, list := range codes {
		slices.Sort(list)
		r := &huma.Response{
			Description: http.StatusText(status) + ": " + strings.Join(list, ", "),
			Headers:     map[string]*huma.Param{"X-Request-Id": textHeader("The request's id, for support")},
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: problem}},
		}
		switch status {
		case http.StatusServiceUnavailable:
			r.Headers["Retry-After"] = textHeader("Seconds to wait before sending the same request again")
		case http.StatusUnauthorized:
			r.Headers["WWW-Authenticate"] = textHeader("Bearer")
		}
		d.Responses[strconv.Itoa(status)] = r
	}
}

// pathFields documents the parameters that paths have.
type pathFields struct {
	Book        string `json:"book" pattern:"^[a-z][a-z0-9_]{0,31}$" doc:"The book's code" example:"uk"`
	ID          string `json:"id" pattern:"^[a-z][a-z0-9_]{0,31}-[1-9][0-9]{0,17}$" doc:"The transaction's id" example:"uk-42"`
	Order       string `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1001"`
	Seller      string `json:"seller" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The seller's id" example:"sel_uk"`
	Sale        string `json:"sale" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The sale's id" example:"B"`
	Set         string `json:"set" pattern:"^[a-z][a-z0-9_]{0,31}-[1-9][0-9]{0,6}$" doc:"The rule set's id" example:"uk-1"`
	Address     string `json:"address" pattern:"^[A-Za-z0-9_.-]{1,64}(:[A-Za-z0-9_.-]{1,64}){1,8}$" doc:"The account's address" example:"liabilities:seller:available:sel_uk"`
	Statement   string `json:"statement" pattern:"^st_[a-z0-9]{20}$" doc:"The statement's id" example:"st_0123456789abcdefghij"`
	Campaign    string `json:"campaign" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The campaign's id" example:"winter24"`
	Receipt     string `json:"receipt" pattern:"^[a-z][a-z0-9_]{0,31}-[a-z2-7]{26}$" doc:"The receipt's id" example:"uk-k5w3pz7vq2c4n6m3abdefghijk"`
	Public      string `json:"public_campaign" pattern:"^[a-z][a-z0-9_]{0,31}-[A-Za-z0-9_.-]{1,64}$" doc:"The book's code, a hyphen, and the campaign's id" example:"uk-winter24"`
	Beneficiary string `json:"beneficiary" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The beneficiary's id" example:"ngo_a"`
	Donation    string `json:"donation" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The donation's id" example:"D3"`
	Destination string `json:"destination" pattern:"^dst_[a-z0-9]{16}$" doc:"The destination's id" example:"dst_0123456789abcdef"`
	Hold        string `json:"hold" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The hold's id" example:"hold_17"`
	Version     string `json:"version" pattern:"^[a-z0-9][a-z0-9_.-]{0,63}$" doc:"The policy's name and version" example:"uk-1"`
	Payee       string `json:"payee" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payee's id" example:"cre_amy"`
	Gift        string `json:"gift" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The gift's id" example:"G-1"`
	Message     string `json:"message" pattern:"^[1-9][0-9]{0,17}$" doc:"The inbound message's id" example:"1"`
	Import      string `json:"import" pattern:"^[1-9][0-9]{0,17}$" doc:"The import's id" example:"1"`
	Approval    string `json:"approval" pattern:"^ap_[a-z0-9]{16}$" doc:"The approval's id" example:"ap_0123456789abcdef"`
	Key         string `json:"key" pattern:"^[a-z0-9]{12}$" doc:"The key's id" example:"abcdefghijkl"`
	Person      string `json:"person" pattern:"^per_[a-z0-9]{16}$" doc:"The person's id" example:"per_0123456789abcdef"`
	Grant       string `json:"grant" pattern:"^gr_[a-z0-9]{16}$" doc:"The id of the role as it was granted" example:"gr_0123456789abcdef"`
	Subject     string `json:"subject" pattern:"^(payee|buyer|donor):[A-Za-z0-9_.-]{1,64}$" doc:"Whose data: payee, buyer or donor, a colon, and the id" example:"payee:cre_amy"`
	Job         string `json:"job" pattern:"^[a-z][a-z0-9_-]{0,47}$" doc:"The job's name" example:"vault_sweep"`
	Period      string `json:"period" format:"date-time" doc:"When the period became due" example:"2026-11-20T10:00:00Z"`
	Source      string `json:"source" pattern:"^[a-z][a-z0-9_-]{0,31}$" doc:"The source's name" example:"shopify"`
	Question    string `json:"question" pattern:"^qu_[a-z0-9]{16}$" doc:"The question's id" example:"qu_0123456789abcdef"`
	Run         string `json:"run" pattern:"^run_[a-z0-9]{16}$" doc:"The payout run's id" example:"run_0123456789abcdef"`
	Payout      string `json:"payout" pattern:"^po_[a-z0-9]{16}$" doc:"The payout's id" example:"po_0123456789abcdef"`
	Currency    string `json:"currency" pattern:"^[A-Z]{3}$" doc:"The currency of the bank account" example:"GBP"`
	Number      string `json:"number" pattern:"^[1-9][0-9]{0,17}$" doc:"The number of the bank file, the receipt or the line" example:"1"`
	Digest      string `json:"digest" pattern:"^[0-9a-f]{64}$" doc:"The report's SHA-256" example:"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`
	Kind        string `json:"kind" enum:"processor,bank,channel" doc:"The kind of the source of evidence" example:"bank"`
	Name        string `json:"name" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The source's name, which is the last part of its accounts" example:"main"`
	Comparison  string `json:"comparison" pattern:"^rec_[a-z0-9]{16}$" doc:"The reconciliation's id" example:"rec_0123456789abcdef"`
	Break       string `json:"break" pattern:"^brk_[a-z0-9]{16}$" doc:"The break's id" example:"brk_0123456789abcdef"`
	Pairing     string `json:"pairing" pattern:"^par_[a-z0-9]{16}$" doc:"The pairing's id" example:"par_0123456789abcdef"`
	Month       string `json:"month" pattern:"^[0-9]{4}-[0-9]{2}$" doc:"The accounting period" example:"2026-11"`
	Export      string `json:"export" pattern:"^exp_[a-z0-9]{16}$" doc:"The export's id" example:"exp_0123456789abcdef"`
	Processor   string `json:"processor" pattern:"^[a-z][a-z0-9_-]{0,31}$" doc:"The payment processor's name" example:"stripe"`
}

func pathParameters(path string, schemas huma.Registry) []*huma.Param {
	all := parameters(reflect.TypeFor[pathFields](), "path", schemas, func(name string) bool { return strings.Contains(path, "{"+name+"}") })
	for _, p := range all {
		p.Required = true
	}
	return all
}

func queryParameters(t reflect.Type, schemas huma.Registry) []*huma.Param {
	if t == nil {
		return nil
	}
	return parameters(t, "query", schemas, func(string) bool { return true })
}

// parameters turns the fields of a struct that are wanted into parameters.
func parameters(t reflect.Type, in string, schemas huma.Registry, wanted func(name string) bool) []*huma.Param {
	var all []*huma.Param
	for i, name := range parameterNames(t) {
		if !wanted(name) { // a schema costs the service's start more than all else of a parameter
			continue
		}
		schema := huma.SchemaFromField(schemas, t.Field(i), name)
		description := schema.Description
		schema.Description = ""
		all = append(all, &huma.Param{Name: name, In: in, Description: description, Schema: schema})
	}
	return all
}
