package api

import (
	"encoding/json"
	"reflect"
)

// Raw JSON: a part of a body whose shape another package decides. It was parsed as strictly as the rest, and is handed on as
// one compact text, so that nobody parses it otherwise than it was judged.

var (
	rawType    = reflect.TypeFor[json.RawMessage]()
	valuesType = reflect.TypeFor[map[string]string]()
)

// readRaw reads any object.
func readRaw(d *decoder, n int32, to reflect.Value) {
	if d.is(n, jsonObject) {
		to.SetBytes(d.append(nil, n))
	}
}

// readValues reads an object of texts by name. Texts may be empty, and there is at least one.
func readValues(d *decoder, n int32, to reflect.Value) {
	if !d.is(n, jsonObject) {
		return
	}
	if d.nodes[n].count == 0 {
		d.bad(n, "empty", "Name at least one field.")
		return
	}
	to.Set(reflect.ValueOf(d.texts(n)))
}

// append writes a value as compact JSON, its numbers as they were written.
func (t *tree) append(b []byte, n int32) []byte {
	nd := &t.nodes[n]
	switch nd.kind {
	case jsonNull:
		return append(b, "null"...)
	case jsonString:
		return appendText(b, nd.text)
	case jsonBool, jsonNumber:
		return append(b, nd.text...)
	}
	begin, end := byte('['), byte(']')
	if nd.kind == jsonObject {
		begin, end = '{', '}'
	}
	b = append(b, begin)
	for m := nd.child; m != 0; m = t.nodes[m].next {
		if m != nd.child {
			b = append(b, ',')
		}
		if nd.kind == jsonObject {
			b = append(appendText(b, t.nodes[m].key), ':')
		}
		b = t.append(b, m)
	}
	return append(b, end)
}
