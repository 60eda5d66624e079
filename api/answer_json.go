package api

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Answers by shape: the JSON of a struct by its tags, written by appending. The same as encoding/json, except that times
// are written as everywhere in this API, that a list without items is [] and never null, and that it is several times
// faster: a batch of a thousand sales is answered with a thousand explanations.

// jsonWriter appends one value.
type jsonWriter func(b []byte, v reflect.Value) []byte

var jsonWriters sync.Map // from reflect.Type to jsonWriter

// appendAnswer appends the struct that v points at.
func appendAnswer(b []byte, v any) []byte {
	at := reflect.ValueOf(v).Elem()
	return jsonWriterOf(at.Type())(b, at)
}

// jsonWriterOf returns the writer of a type. It panics at a type that no answer holds, which is a defect.
func jsonWriterOf(t reflect.Type) jsonWriter {
	if known, ok := jsonWriters.Load(t); ok {
		return known.(jsonWriter)
	}
	known, _ := jsonWriters.LoadOrStore(t, newJSONWriter(t))
	return known.(jsonWriter)
}

func newJSONWriter(t reflect.Type) jsonWriter {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return func(b []byte, v reflect.Value) []byte {
			b = v.Addr().Interface().(*time.Time).UTC().AppendFormat(append(b, '"'), instantFormat)
			return append(b, '"')
		}
	case t.Kind() == reflect.Struct:
		return objectWriter(t)
	case t.Kind() == reflect.Pointer:
		inner := jsonWriterOf(t.Elem())
		return func(b []byte, v reflect.Value) []byte {
			if v.IsNil() {
				return append(b, "null"...)
			}
			return inner(b, v.Elem())
		}
	case t.Kind() == reflect.Slice:
		return listWriter(t)
	case t.Kind() == reflect.String:
		return func(b []byte, v reflect.Value) []byte { return appendText(b, v.String()) }
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64:
		return func(b []byte, v reflect.Value) []byte { return strconv.AppendInt(b, v.Int(), 10) }
	case t.Kind() == reflect.Bool:
		return func(b []byte, v reflect.Value) []byte { return strconv.AppendBool(b, v.Bool()) }
	}
	panic("api: no answer holds a " + t.String())
}

func listWriter(t reflect.Type) jsonWriter {
	inner := jsonWriterOf(t.Elem())
	return func(b []byte, v reflect.Value) []byte {
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = inner(b, v.Index(i))
		}
		return append(b, ']')
	}
}

// objectWriter writes the exported fields in their order.
func objectWriter(t reflect.Type) jsonWriter {
	type field struct {
		key   string // with its quotes and the colon
		index int
		omits func(reflect.Value) bool
		write jsonWriter
	}
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			panic(fmt.Sprintf("api: %s.%s has no name in answers", t, f.Name))
		}
		fields = append(fields, field{key: `"` + name + `":`, index: i, omits: omitsOf(f.Type, options), write: jsonWriterOf(f.Type)})
	}
	return func(b []byte, v reflect.Value) []byte {
		b = append(b, '{')
		first := true
		for i := range fields {
			f := &fields[i]
			value := v.Field(f.index)
			if f.omits != nil && f.omits(value) {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = f.write(append(b, f.key...), value)
		}
		return append(b, '}')
	}
}

// omitsOf returns when a field is left out, nil for never.
func omitsOf(t reflect.Type, options string) func(reflect.Value) bool {
	switch {
	case strings.Contains(options, "omitzero") && t == reflect.TypeFor[time.Time]():
		return func(v reflect.Value) bool { return v.Addr().Interface().(*time.Time).IsZero() }
	case strings.Contains(options, "omitzero"):
		return reflect.Value.IsZero
	case strings.Contains(options, "omitempty"):
		return func(v reflect.Value) bool {
			switch v.Kind() {
			case reflect.String, reflect.Slice:
				return v.Len() == 0
			case reflect.Struct:
				return false
			}
			return v.IsZero()
		}
	}
	return nil
}
