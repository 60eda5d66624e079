//go:build !race

package commerce

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Tables of fields, from the struct tags that the API's schemas come from too.

// memberShape is a struct within a type's data and the names of the members that have it.
type memberShape struct {
	of    reflect.Type
	names []string
	list  bool
}

// fields writes the tables of a type: its own members, then those of each object within.
func (p *press) fields(b *strings.Builder, name string) {
	et, err := TypeOf(name)
	if err != nil {
		p.t.Errorf("%s: %v", name, err)
		return
	}
	if et.SecondPerson {
		b.WriteString("Nobody posts this alone: ask for an approval of the act `event.post`, and it is posted once somebody else has approved it.\n\n")
	}
	shapes := []memberShape{{of: reflect.TypeOf(et.New()).Elem()}}
	for i := 0; i < len(shapes); i++ {
		s := shapes[i]
		if i > 0 {
			for j, member := range s.names {
				s.names[j] = "`" + member + "`"
			}
			words := strings.Join(s.names, " and ")
			if s.list {
				fmt.Fprintf(b, "\nEach of %s:\n\n", words)
			} else {
				fmt.Fprintf(b, "\n%s:\n\n", words)
			}
		}
		b.WriteString("| field | | form | meaning |\n|---|---|---|---|\n")
		for _, f := range reflect.VisibleFields(s.of) {
			if f.IsExported() {
				p.field(b, name, f)
				shapes = within(shapes, f)
			}
		}
	}
}

// within adds the object that a member is or lists.
func within(shapes []memberShape, f reflect.StructField) []memberShape {
	t, list := f.Type, f.Type.Kind() == reflect.Slice
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return shapes
	}
	name := memberName(f)
	for i := range shapes {
		if shapes[i].of == t {
			if !strings.Contains(strings.Join(shapes[i].names, " "), name) {
				shapes[i].names = append(shapes[i].names, name)
			}
			return shapes
		}
	}
	return append(shapes, memberShape{of: t, names: []string{name}, list: list})
}

func memberName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// field writes a row. Every member must say what it means.
func (p *press) field(b *strings.Builder, of string, f reflect.StructField) {
	meaning := f.Tag.Get("doc")
	if meaning == "" {
		p.t.Errorf("%s: the member %s has no doc tag", of, memberName(f))
	}
	required := "required"
	if strings.Contains(f.Tag.Get("json"), "omitempty") {
		required = "optional"
	}
	form := p.form(of, f)
	if d := f.Tag.Get("default"); d != "" {
		form += "; `" + d + "` if left out"
	}
	fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", memberName(f), required, form, meaning)
}

// forms are the patterns in words.
var forms = map[string]string{
	`^[a-z_]+(:[A-Za-z0-9_.-]{1,64})+$`:              "address of an account",
	`^(revenue|expenses)(:[A-Za-z0-9_.-]{1,64})+$`:   "address of an account",
	`^[0-9]{4}-[0-9]{2}$`:                            "month",
	`^[A-Za-z0-9_.-]{1,64}$`:                         "id",
	`^[A-Z]{3}$`:                                     "currency",
	`^(0|[1-9][0-9]{0,14})(\.[0-9]{1,3})?$`:          "amount",
	`^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,3})?$`:        "amount, perhaps negative",
	`^(0|[1-9][0-9]*)(\.[0-9]{1,12})?$`:              "number",
	`^[A-Za-z0-9_.-]{1,64}(:[A-Za-z0-9_.-]{1,64})?$`: "id, or two with a colon",
	`^(original|store_credit:[A-Za-z0-9_.-]{1,64})$`: "`original` or `store_credit:` with an id",
	`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$`:          "one of the kinds below",
	`^[!-~]([ -~]{0,126}[!-~])?$`:                    "text of up to 128 characters",
	`^[a-z][a-z0-9_]{0,31}-[1-9][0-9]{0,17}$`:        "id of a transaction",
}

// form says how a member is written.
func (p *press) form(of string, f reflect.StructField) string {
	t := f.Type
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	example := ""
	if e := f.Tag.Get("example"); e != "" {
		example = ", such as `" + e + "`"
	}
	switch {
	case f.Tag.Get("enum") != "":
		words := strings.Split(f.Tag.Get("enum"), ",")
		return "`" + strings.Join(words, "`, `") + "`"
	case t == reflect.TypeFor[time.Time]():
		return "moment" + example
	case t.Kind() == reflect.Bool:
		return "`true` or `false`"
	case t.Kind() == reflect.Int:
		return "whole number, " + f.Tag.Get("minimum") + " to " + f.Tag.Get("maximum")
	case t.Kind() == reflect.Slice:
		least, most := f.Tag.Get("minItems"), f.Tag.Get("maxItems")
		switch {
		case least == most:
			return "list of " + most + example
		case least == "":
			return "list of up to " + most + example
		}
		return "list of " + least + " to " + most + example
	case t.Kind() == reflect.Struct:
		return "object"
	}
	words, ok := forms[f.Tag.Get("pattern")]
	if !ok {
		p.t.Errorf("%s: the pattern %q of %s has no words", of, f.Tag.Get("pattern"), memberName(f))
	}
	return words + example
}
