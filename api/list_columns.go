package api

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"mizan/api/console"
	"mizan/ledger/tabular"
)

// The columns of a list are what its rows hold, as a table has it: a field of a field is a column of its own, called by both names, and what has
// parts that can be any number stands in one column as JSON.

// amountFields are what amounts are called in rows. One whose currency the row does not name stays text.
var amountFields = []string{"amount", "balance", "balance_after", "booked_total", "closing", "consumed_from", "consumed_through", "credits", "debits", "difference", "fee", "fee_tax", "file_total",
	"gross", "holding", "left_after", "net", "opening", "stated_total", "suspense", "wanted"}

var (
	typeOfTime     = reflect.TypeFor[time.Time]()
	typeOfDocument = reflect.TypeFor[json.RawMessage]()
)

// listColumns are the columns of the rows that an operation lists; none for one that lists nothing.
func listColumns(op *Operation) []console.ListColumn {
	body := op.Answers[0].Body
	if body == nil || body.Kind() != reflect.Struct {
		return nil
	}
	data, ok := body.FieldByName("Data")
	if _, goesOn := body.FieldByName("NextCursor"); !ok || !goesOn || data.Type.Kind() != reflect.Slice {
		return nil
	}
	columns := columnsOf(data.Type.Elem(), nil)
	for i := range columns {
		c := &columns[i]
		last := len(c.At) - 1
		if c.Kind != tabular.KindText || c.Whole || !slices.Contains(amountFields, c.At[last]) {
			continue
		}
		for depth := last; depth >= 0 && c.Currency == ""; depth-- { // that beside it before that of what it is a part of
			at := append(slices.Clone(c.At[:depth]), "currency")
			if slices.ContainsFunc(columns, func(x console.ListColumn) bool { return slices.Equal(x.At, at) }) {
				c.Kind, c.Currency = tabular.KindAmount, strings.Join(at, "_")
			}
		}
	}
	return columns
}

// columnsOf are the columns of a struct that the names lead to.
func columnsOf(t reflect.Type, at []string) (columns []console.ListColumn) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported() && !f.Anonymous:
			continue
		case f.Anonymous && name == "":
			columns = append(columns, columnsOf(f.Type, at)...)
			continue
		}
		c := console.ListColumn{At: append(slices.Clone(at), name)}
		c.Name, c.Kind = strings.Join(c.At, "_"), tabular.KindText
		of := f.Type
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		switch {
		case of == typeOfDocument:
			c.Whole = true
		case of == typeOfTime || f.Tag.Get("format") == "date-time":
			c.Kind = tabular.KindTime
		case f.Tag.Get("format") == "date":
			c.Kind = tabular.KindDate
		case of.Kind() == reflect.Struct:
			columns = append(columns, columnsOf(of, c.At)...)
			continue
		case of.Kind() == reflect.Bool:
			c.Kind = tabular.KindBool
		case of.Kind() >= reflect.Int && of.Kind() <= reflect.Uint64:
			c.Kind = tabular.KindNumber
		case of.Kind() == reflect.Slice, of.Kind() == reflect.Map, of.Kind() == reflect.Array, of.Kind() == reflect.Interface:
			c.Whole = true
		}
		columns = append(columns, c)
	}
	return columns
}
