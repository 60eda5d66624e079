// Problems of a catalogue are what a reader of some language would notice: a sentence that is not there, a place that nobody
// fills, a plural form that is never used or missing.

package locale

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
)

// pluralsOf are the plural forms of each language by CLDR; the others have the form other alone.
var pluralsOf = map[Language][]string{English: {"one", "other"}, Arabic: pluralForms, Filipino: {"one", "other"}}

// Problems lists, in order, what is wrong with the texts of all languages compared with the English ones: keys that are
// missing or surplus, places that differ, plural forms that the language lacks or does not have, and texts that are empty.
func (c *Catalogue) Problems() (list []string) {
	for _, l := range Languages {
		for _, key := range c.Keys() {
			if m := c.said[l][key]; m == nil {
				list = append(list, fmt.Sprintf("%s: %s is missing", l, key))
			} else {
				list = append(list, problemsOf(l, key, c.said[English][key], m)...)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(c.said[l])) {
			if !c.Has(key) {
				list = append(list, fmt.Sprintf("%s: %s is not among the English texts", l, key))
			}
		}
	}
	return list
}

func problemsOf(l Language, key string, english, m *i18n.Message) (list []string) {
	given, isPlural := textsOf(m), len(textsOf(english)) > 1
	want := []string{"other"}
	if forms, ok := pluralsOf[l]; ok && isPlural {
		want = forms
	}
	if got := slices.Sorted(maps.Keys(given)); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		list = append(list, fmt.Sprintf("%s: %s has the forms %s and needs %s", l, key, strings.Join(got, " "), strings.Join(want, " ")))
	}
	places := placesOf(english.Other)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if strings.TrimSpace(given[name]) != given[name] {
			list = append(list, fmt.Sprintf("%s: %s (%s) begins or ends with a space", l, key, name))
		}
		got := placesOf(given[name])
		if isPlural && !slices.Contains(got, "{"+countName+"}") { // "one order", "no orders": the number may be a word
			got = slices.Sorted(slices.Values(append(got, "{"+countName+"}")))
		}
		if !slices.Equal(got, places) {
			list = append(list, fmt.Sprintf("%s: %s (%s) has the places %v and the English text has %v", l, key, name, got, places))
		}
	}
	return list
}

// textsOf are the forms of a text that are not empty.
func textsOf(m *i18n.Message) map[string]string {
	texts := map[string]string{"zero": m.Zero, "one": m.One, "two": m.Two, "few": m.Few, "many": m.Many, "other": m.Other}
	maps.DeleteFunc(texts, func(_, text string) bool { return text == "" })
	return texts
}

// placesOf are the different places of a text, in order.
func placesOf(text string) []string {
	return slices.Compact(slices.Sorted(slices.Values(placeShape.FindAllString(text, -1))))
}
