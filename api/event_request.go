package api

import (
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"mizan/ledger/commerce"
)

// An event as callers send it: what every type has around it, and the data in the shape of its type. The shapes are the
// structs of package commerce; from their tags come the reader (shape.go) and the OpenAPI schemas.

// NewEvent documents the body that posts an event: one schema for each type, told apart by type.
type NewEvent struct{}

// Schema describes the types of events. It implements huma.SchemaProvider.
func (NewEvent) Schema(r huma.Registry) *huma.Schema {
	const name = "NewEvent"
	all := &huma.Schema{
		Description:   "A business event: what its type says has happened, with the data of the type.",
		Discriminator: &huma.Discriminator{PropertyName: "type", Mapping: map[string]string{}},
	}
	if _, known := r.Map()[name]; !known {
		for _, t := range commerce.EventTypes() {
			ref := eventSchema(r, t)
			all.OneOf = append(all.OneOf, &huma.Schema{Ref: ref})
			all.Discriminator.Mapping[t.Name] = ref
		}
		r.Map()[name] = all
	}
	return &huma.Schema{Ref: schemaPrefix + name}
}

// eventSchema describes the events of one type and returns the reference to their schema.
func eventSchema(r huma.Registry, t commerce.EventType) string {
	data := reflect.TypeOf(t.New()).Elem()
	name := "New" + data.Name() + "Event"
	reference, longest := 1, 255
	s := &huma.Schema{
		Type: huma.TypeObject, Description: t.Meaning, AdditionalProperties: false, Required: []string{"type", "reference", "data"},
		Properties: map[string]*huma.Schema{
			"type": {Type: huma.TypeString, Enum: []any{t.Name}, Description: "What happened"},
			"reference": {Type: huma.TypeString, MinLength: &reference, MaxLength: &longest, Pattern: `^[!-~]([ -~]*[!-~])?$`,
				Description: "Your own name for it, unique in the book for ever, in one namespace with the references of transactions: sending it again is safe"},
			"occurred_at": {Type: huma.TypeString, Format: "date-time", Description: "When it happened, with its zone; left out, it is when it is recorded"},
			"data":        r.Schema(data, true, ""),
		},
	}
	s.PrecomputeMessages()
	r.Map()[name] = s
	return schemaPrefix + name
}

// eventParts are the structs that the data of events are made of.
var eventParts = func() map[reflect.Type]bool {
	parts := map[reflect.Type]bool{}
	var add func(t reflect.Type)
	add = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() || parts[t] {
			return
		}
		parts[t] = true
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() {
				add(f.Type)
			}
		}
	}
	for _, t := range commerce.EventTypes() {
		add(reflect.TypeOf(t.New()))
	}
	return parts
}()

// event decodes a NewEvent. Its data can be read only when its type is known, so the type is read first, wherever it
// stands; an unknown one is the refusal of the whole.
func (d *decoder) event(n int32) (e commerce.Event) {
	if !d.is(n, jsonObject) {
		return e
	}
	var kind, data int32
	reference := false
	for m := d.nodes[n].child; m != 0; m = d.nodes[m].next {
		switch d.nodes[m].key {
		case "type":
			kind = m
		case "reference":
			reference = true
			e.Reference = d.eventReference(m)
		case "occurred_at":
			e.OccurredAt = d.instant(m)
		case "data":
			data = m
		default:
			d.unknown(m)
		}
	}
	if !reference {
		d.missing(n, "reference")
	}
	if data == 0 {
		d.missing(n, "data")
	}
	if kind == 0 {
		d.missing(n, "type")
		return e
	}
	e.Type = d.text(kind)
	if d.nodes[kind].kind != jsonString {
		return e
	}
	known, err := commerce.TypeOf(e.Type)
	if err != nil {
		e.Type = ""
		d.refuse(kind, err)
		return e
	}
	e.Data = known.New()
	if data != 0 {
		d.object(data, e.Data)
	}
	return e
}

// eventReference returns a reference, judged as the ledger would judge it.
func (d *decoder) eventReference(n int32) string {
	rule := patternRules[referencePattern]
	s := d.text(n)
	if d.nodes[n].kind == jsonString && !rule.fits(s) {
		d.bad(n, rule.code, rule.message)
	}
	return s
}
