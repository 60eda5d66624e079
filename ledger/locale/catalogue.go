// A catalogue is what Mizan says, in every language: sentences under keys, with places for names, amounts and days.

package locale

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"
)

// Catalogue holds the sentences of all languages. Load makes one.
type Catalogue struct {
	bundle     *i18n.Bundle
	localizers map[Language]*i18n.Localizer
	said       map[Language]map[string]*i18n.Message
}

// countName is the name of the value that decides between singular and plural.
const countName = "count"

// maxWordFile bounds the bytes of one word file.
const maxWordFile = 1 << 20

// Load reads the word files <dir>/<language>/<any>.json. Each is one JSON object of keys and texts:
//
//	{"payout.said": "It arrived on {day}.",
//	 "orders": {"one": "{count} order", "other": "{count} orders"}}
//
// A text with plural forms names those its language has (zero, one, two, few, many, other); the value called count decides.
// Load refuses a directory of another language, a key that stands twice, and what is not of this shape. What is missing in
// a language is no error here; Problems lists it.
func Load(files fs.FS, dir string) (*Catalogue, error) {
	c := &Catalogue{bundle: i18n.NewBundle(language.English), localizers: map[Language]*i18n.Localizer{}, said: map[Language]map[string]*i18n.Message{}}
	c.bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	for _, l := range Languages {
		c.said[l] = map[string]*i18n.Message{}
		c.localizers[l] = i18n.NewLocalizer(c.bundle, string(l))
	}
	directories, err := fs.ReadDir(files, dir)
	if err != nil {
		return nil, err
	}
	for _, d := range directories {
		l, ok := Parse(d.Name())
		if !ok || !d.IsDir() {
			return nil, fmt.Errorf("locale: %s is not a directory of a language", path.Join(dir, d.Name()))
		}
		names, err := fs.Glob(files, path.Join(dir, d.Name(), "*.json"))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if err := c.read(files, l, name); err != nil {
				return nil, fmt.Errorf("locale: %s: %w", name, err)
			}
		}
	}
	return c, nil
}

var (
	keyShape   = regexp.MustCompile(`^[a-z0-9_]+([.-][a-z0-9_]+)*$`)
	placeShape = regexp.MustCompile(`\{[^{}]*\}`)
	// forms of plurals and the other names that the format keeps for itself
	pluralForms = []string{"zero", "one", "two", "few", "many", "other"}
	keptNames   = append([]string{"id", "description", "hash", "leftdelim", "rightdelim"}, pluralForms...)
)

// read adds the texts of one file.
func (c *Catalogue) read(files fs.FS, l Language, name string) error {
	raw, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	if len(raw) > maxWordFile {
		return errors.New("the file is too large")
	}
	if err := checkShape(raw); err != nil {
		return err
	}
	// The bundle takes the language of a file from its name.
	parsed, err := c.bundle.ParseMessageFileBytes(raw, string(l)+".json")
	if err != nil {
		return err
	}
	for _, m := range parsed.Messages {
		if _, twice := c.said[l][m.ID]; twice {
			return fmt.Errorf("%q stands twice", m.ID)
		}
		c.said[l][m.ID] = m
	}
	return nil
}

// checkShape refuses what the format would read as something else than it looks like.
func checkShape(raw []byte) error {
	var texts map[string]json.RawMessage
	if err := json.Unmarshal(raw, &texts); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		if !keyShape.MatchString(key) || slices.Contains(keptNames, key) {
			return fmt.Errorf("%q is not a key: use small letters, digits and dots, and no name of a plural form", key)
		}
		var one string
		if json.Unmarshal(texts[key], &one) == nil {
			if one == "" {
				return fmt.Errorf("%q is empty", key)
			}
			continue
		}
		var several map[string]string
		if err := json.Unmarshal(texts[key], &several); err != nil {
			return fmt.Errorf("%q is neither a text nor plural forms", key)
		}
		for name := range several {
			if !slices.Contains(pluralForms, name) {
				return fmt.Errorf("%q has %q, which is no plural form", key, name)
			}
		}
		if several["other"] == "" {
			return fmt.Errorf("%q lacks the form other, which every language has", key)
		}
	}
	return nil
}

// Has reports whether there is a text under the key, in English at least.
func (c *Catalogue) Has(key string) bool { return c.said[English][key] != nil }

// Keys are all keys of the English texts, in order.
func (c *Catalogue) Keys() []string { return slices.Sorted(maps.Keys(c.said[English])) }

// Say returns the text under the key in the language, with its places filled from pairs of a name and a value: a string, or
// a whole number, which is written as l.Count does. A number called count picks the plural form. Values are isolated where
// directions of writing could meet. What a language lacks is said in English; an unknown key is returned itself.
func (c *Catalogue) Say(l Language, key string, pairs ...any) string {
	if _, ok := c.said[l]; !ok {
		l = English
	}
	if c.said[l][key] == nil {
		l = English
	}
	values := places{}
	ask := &i18n.LocalizeConfig{MessageID: key, TemplateParser: braces{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		name := fmt.Sprint(pairs[i])
		n, whole := wholeNumber(pairs[i+1])
		if whole {
			values[name] = l.isolated(l.Count(n))
		} else {
			values[name] = l.isolated(fmt.Sprint(pairs[i+1]))
		}
		if whole && name == countName {
			ask.PluralCount = n
		}
	}
	ask.TemplateData = values
	text, err := c.localizers[l].Localize(ask)
	if err != nil && text == "" {
		return key
	}
	return text
}

func wholeNumber(v any) (int64, bool) {
	switch n := v.(type) {
	case int:
		return int64(n), true
	case int32:
		return int64(n), true
	case int64:
		return n, true
	default:
		return 0, false
	}
}

// places are the values of a text by the names of their places.
type places map[string]string

// braces reads texts whose places are written {name}.
type braces struct{}

// Parse implements template.Parser.
func (braces) Parse(text, _, _ string) (template.ParsedTemplate, error) { return filled(text), nil }

// Cacheable implements template.Parser.
func (braces) Cacheable() bool { return true }

type filled string

// Execute implements template.ParsedTemplate. A place without a value stays as it is, so that it is seen.
func (f filled) Execute(data any) (string, error) {
	values, _ := data.(places)
	return placeShape.ReplaceAllStringFunc(string(f), func(place string) string {
		if v, ok := values[place[1:len(place)-1]]; ok {
			return v
		}
		return place
	}), nil
}
