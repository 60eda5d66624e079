package api

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A shape is what the tags of a struct say about the object it is read from. The struct documents the shape and makes the
// OpenAPI schema; the reader made from the same tags holds requests to it, so the two cannot differ. A member without
// omitempty is required. Null is accepted for pointers only, and means that the member is left out. Amounts and rates stay
// the texts they are written as: what they mean is for the packages below.

// shape reads an object into a struct. It is made once for each type.
type shape struct {
	members  []member
	required uint64 // a bit for each member
}

// member is one member of an object and the field that it is read into.
type member struct {
	name    string
	field   int
	pointer bool // null means left out
	read    reader
}

// reader reads a node into a field and reports what is wrong with it.
type reader func(d *decoder, n int32, to reflect.Value)

// maxShapeMembers is how many members the bits of shape.required can count.
const maxShapeMembers = 64

var shapes sync.Map // from reflect.Type to *shape

// shapeOf returns the shape of a struct type. It panics at a field that no request can be read into, which is a defect.
func shapeOf(t reflect.Type) *shape {
	if known, ok := shapes.Load(t); ok {
		return known.(*shape)
	}
	s := &shape{}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue // what its own package keeps there is no business of callers'
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" || len(s.members) >= maxShapeMembers {
			panic(fmt.Sprintf("api: %s.%s cannot be read from a request", t, f.Name))
		}
		if !strings.Contains(options, "omitempty") {
			s.required |= 1 << len(s.members)
		}
		s.members = append(s.members, member{name: name, field: i, pointer: f.Type.Kind() == reflect.Pointer, read: readerOf(f.Type, f.Tag)})
	}
	known, _ := shapes.LoadOrStore(t, s)
	return known.(*shape)
}

// readerOf returns the reader of a field by its type and tags.
func readerOf(t reflect.Type, tag reflect.StructTag) reader {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return func(d *decoder, n int32, to reflect.Value) { *to.Addr().Interface().(*time.Time) = d.instant(n) }
	case t == rawType:
		return readRaw
	case t == valuesType:
		return readValues
	case t.Kind() == reflect.Pointer:
		inner := readerOf(t.Elem(), tag)
		return func(d *decoder, n int32, to reflect.Value) {
			to.Set(reflect.New(t.Elem()))
			inner(d, n, to.Elem())
		}
	case t.Kind() == reflect.Struct:
		inner := shapeOf(t)
		return func(d *decoder, n int32, to reflect.Value) { inner.read(d, n, to) }
	case t.Kind() == reflect.Slice:
		return listReader(t, tag)
	case t.Kind() == reflect.String:
		return textReader(tag)
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64:
		return integerReader(tag)
	case t.Kind() == reflect.Bool:
		return func(d *decoder, n int32, to reflect.Value) { to.SetBool(d.boolean(n)) }
	}
	panic("api: a " + t.String() + " cannot be read from a request")
}

// read reads an object into a struct. Members come mostly in the order of the fields, so the search for each begins where
// the last one ended.
func (s *shape) read(d *decoder, n int32, to reflect.Value) {
	if !d.is(n, jsonObject) {
		return
	}
	seen, next := uint64(0), 0
	for m := d.nodes[n].child; m != 0; m = d.nodes[m].next {
		i := s.find(d.nodes[m].key, next)
		if i < 0 {
			d.unknown(m)
			continue
		}
		next = i + 1
		f := &s.members[i]
		if f.pointer && d.nodes[m].kind == jsonNull {
			continue
		}
		seen |= 1 << i
		f.read(d, m, to.Field(f.field))
	}
	if seen&s.required == s.required {
		return
	}
	for i := range s.members {
		if bit := uint64(1) << i; s.required&bit != 0 && seen&bit == 0 {
			d.missing(n, s.members[i].name)
		}
	}
}

// find returns the index of the member with the name, beginning the search at from; -1 if there is none.
func (s *shape) find(name string, from int) int {
	for i := from; i < len(s.members); i++ {
		if s.members[i].name == name {
			return i
		}
	}
	for i := range min(from, len(s.members)) {
		if s.members[i].name == name {
			return i
		}
	}
	return -1
}

// listReader reads lists within the bounds minItems and maxItems. A list that is too long is not read at all.
func listReader(t reflect.Type, tag reflect.StructTag) reader {
	least, most := boundOf(tag, "minItems", 0), boundOf(tag, "maxItems", math.MaxInt32)
	item := readerOf(t.Elem(), "")
	return func(d *decoder, n int32, to reflect.Value) {
		if !d.is(n, jsonArray) {
			return
		}
		count := int(d.nodes[n].count)
		switch {
		case int64(count) > most:
			d.bad(n, "too-many", "There may be at most "+strconv.FormatInt(most, 10)+" here.")
			return
		case int64(count) < least:
			d.bad(n, "too-few", "There must be at least "+strconv.FormatInt(least, 10)+" here.")
			return
		case count == 0:
			return
		}
		list := reflect.MakeSlice(t, count, count)
		i := 0
		for m := d.nodes[n].child; m != 0; m = d.nodes[m].next {
			item(d, m, list.Index(i))
			i++
		}
		to.Set(list)
	}
}

// textReader reads texts that fit the tag's pattern or are among its values.
func textReader(tag reflect.StructTag) reader {
	rule := textRuleOf(tag)
	return func(d *decoder, n int32, to reflect.Value) {
		node := &d.nodes[n]
		switch {
		case node.kind == jsonNumber && rule.number != "":
			d.bad(n, "type", rule.number)
		case !d.is(n, jsonString):
		case !rule.fits(node.text):
			d.bad(n, rule.code, rule.message)
		default:
			to.SetString(node.text)
		}
	}
}

// integerReader reads whole numbers between the tag's minimum and maximum. 1.0 and 1e3 are refused: no reader of numbers
// may come to another value than the next one.
func integerReader(tag reflect.StructTag) reader {
	const digits = 15 // all whole numbers of so many digits are exact in every JSON library
	least, most := boundOf(tag, "minimum", 0), boundOf(tag, "maximum", 999_999_999_999_999)
	message := fmt.Sprintf("This must be a whole number from %d to %d, without fraction or exponent.", least, most)
	return func(d *decoder, n int32, to reflect.Value) {
		if !d.is(n, jsonNumber) {
			return
		}
		text := d.nodes[n].text
		value, err := strconv.ParseInt(text, 10, 64)
		if err != nil || len(text) > digits+1 || value < least || value > most {
			d.bad(n, "integer", message)
			return
		}
		to.SetInt(value)
	}
}

// boundOf returns a bound that a tag gives, otherwise if it gives none.
func boundOf(tag reflect.StructTag, name string, otherwise int64) int64 {
	given, ok := tag.Lookup(name)
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseInt(given, 10, 64)
	if err != nil {
		panic("api: the bound " + given + " is no whole number")
	}
	return n
}

// object reads an object into the struct that to points at.
func (d *decoder) object(n int32, to any) {
	v := reflect.ValueOf(to).Elem()
	shapeOf(v.Type()).read(d, n, v)
}
