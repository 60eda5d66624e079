// The description is what Stripe publishes of its interface: every operation with its parameters, every object with its fields.
// testdata/description.json is the part of it that Mizan uses; testdata/SOURCE.md says where it is from and how it is made again.

package stripe_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

var (
	describedIn = flag.String("stripe.description", "", "a whole spec3.json of Stripe to check against, instead of the part that is kept here")
	keepPart    = flag.Bool("stripe.keep", false, "keep the part of -stripe.description that is used, in testdata")
)

// keptPart is the part of the description that is kept, and maxPart its largest size.
const (
	keptPart = "testdata/description.json"
	maxPart  = 400 << 10
)

// description is a part of an OpenAPI description. What these types do not name, such as texts, is left away.
type description struct {
	Info struct {
		Version string `json:"version"`
	} `json:"info"`
	Paths      map[string]map[string]*operation `json:"paths"`
	Components struct {
		Schemas map[string]*schema `json:"schemas"`
	} `json:"components"`
}

// operation is one method of one path.
type operation struct {
	Parameters []*parameter        `json:"parameters,omitempty"`
	Body       *content            `json:"requestBody,omitempty"`
	Responses  map[string]*content `json:"responses,omitempty"`
}

// parameter is one of the path or of the query.
type parameter struct {
	In       string  `json:"in"`
	Name     string  `json:"name"`
	Required bool    `json:"required,omitempty"`
	Schema   *schema `json:"schema"`
}

// content is a body by its type.
type content struct {
	Content map[string]struct {
		Schema *schema `json:"schema"`
	} `json:"content,omitempty"`
}

// schema describes a value.
type schema struct {
	Ref        string             `json:"$ref,omitempty"`
	Type       string             `json:"type,omitempty"`
	Nullable   bool               `json:"nullable,omitempty"`
	Enum       []any              `json:"enum,omitempty"`
	MaxLength  int                `json:"maxLength,omitempty"`
	AnyOf      []*schema          `json:"anyOf,omitempty"`
	Items      *schema            `json:"items,omitempty"`
	Properties map[string]*schema `json:"properties,omitempty"`
	More       *more              `json:"additionalProperties,omitempty"`
	Required   []string           `json:"required,omitempty"`
	// Expansion is what an id can be expanded to. In the part that is kept an id is only an id, with Expandable set.
	Expansion  json.RawMessage `json:"x-expansionResources,omitempty"`
	Expandable bool            `json:"x-expandable,omitempty"`
	// Beyond says that the part that is kept ends here: nothing but null may stand there.
	Beyond bool `json:"x-beyond,omitempty"`
}

// more is what fields an object has beside those that are named: none, or any of a schema.
type more struct {
	Schema *schema
}

// UnmarshalJSON reads false, or a schema; true is a schema that says nothing.
func (m *more) UnmarshalJSON(raw []byte) error {
	if string(raw) == "false" {
		return nil
	}
	m.Schema = &schema{}
	if string(raw) == "true" {
		return nil
	}
	return json.Unmarshal(raw, m.Schema)
}

// MarshalJSON is the reverse.
func (m *more) MarshalJSON() ([]byte, error) {
	if m.Schema == nil {
		return []byte("false"), nil
	}
	return json.Marshal(m.Schema)
}

const schemaPrefix = "#/components/schemas/"

// open follows a reference.
func (d *description) open(s *schema) *schema {
	for s != nil && s.Ref != "" {
		s = d.Components.Schemas[strings.TrimPrefix(s.Ref, schemaPrefix)]
	}
	return s
}

// operation returns what is described of a method and a path, and the ids of the path by the names of its parameters.
func (d *description) operation(method, path string) (*operation, string, map[string]string) {
	got := strings.Split(path, "/")
	for _, template := range slices.Sorted(maps.Keys(d.Paths)) {
		wanted, ids := strings.Split(template, "/"), map[string]string{}
		fits := len(wanted) == len(got)
		for i := 0; fits && i < len(wanted); i++ {
			if name, ok := strings.CutPrefix(wanted[i], "{"); ok && got[i] != "" {
				ids[strings.TrimSuffix(name, "}")] = got[i]
			} else {
				fits = wanted[i] == got[i]
			}
		}
		if o := d.Paths[template][strings.ToLower(method)]; fits && o != nil {
			return o, strings.ToUpper(method) + " " + template, ids
		}
	}
	return nil, "", nil
}

// kind returns the schema of the objects that say of themselves that they are of the kind.
func (d *description) kind(name string) *schema {
	if s := d.Components.Schemas[name]; s != nil && s.Properties["object"] != nil && slices.Contains(s.Properties["object"].Enum, any(name)) {
		return s
	}
	return nil
}

// partText is the part of the description that the tests hold everything to, as text, so that each test has its own to doctor.
var partText = sync.OnceValues(func() ([]byte, error) {
	if *describedIn == "" {
		return os.ReadFile(keptPart)
	}
	text, err := os.ReadFile(*describedIn)
	if err != nil {
		return nil, err
	}
	d := &description{}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, err
	}
	return json.Marshal(d.part())
})

// described returns the description that the tests hold everything to.
func described(t *testing.T) *description {
	t.Helper()
	text, err := partText()
	if err != nil {
		t.Fatal(err)
	}
	d := &description{}
	if err := json.Unmarshal(text, d); err != nil {
		t.Fatal(err)
	}
	return d
}

// anything reports whether a schema says nothing of what may stand there.
func (s *schema) anything() bool {
	if s.Type == "object" && len(s.Properties) == 0 {
		return s.More == nil || s.More.Schema != nil && s.More.Schema.anything()
	}
	return s.Type == "" && s.Ref == "" && len(s.AnyOf) == 0 && !s.Beyond
}
