// The part of the description that is kept is made by leaving away what nothing here speaks about.

package stripe_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// spoken are the operations that the driver asks for or the simulator answers, and the one that names the events.
var spoken = []string{
	"POST /v1/transfers", "GET /v1/transfers", "GET /v1/transfers/{transfer}",
	"POST /v1/transfers/{id}/reversals", "GET /v1/transfers/{id}/reversals",
	"POST /v1/payouts", "GET /v1/payouts", "GET /v1/payouts/{payout}", "POST /v1/payouts/{payout}/cancel",
	"POST /v1/topups", "GET /v1/topups", "GET /v1/topups/{topup}", "POST /v1/topups/{topup}/cancel",
	"GET /v1/accounts/{account}", "GET /v1/balance",
	"GET /v1/balance_transactions", "GET /v1/balance_transactions/{id}",
	"GET /v1/charges/{charge}", "GET /v1/refunds/{refund}", "GET /v1/disputes/{dispute}",
	"GET /v1/events", "GET /v1/events/{id}",
	endpointOperation,
}

// endpointOperation makes a webhook endpoint. Its parameters name all events and API versions.
const endpointOperation = "POST /v1/webhook_endpoints"

// beyond are large objects of which nothing is used. The part ends before them.
var beyond = []string{"payment_intent", "payment_method", "setup_intent", "source", "payment_method_details", "person", "legal_entity_company",
	"card", "dispute_payment_method_details", "refund_destination_details", "refund_next_action", "charge_outcome", "webhook_endpoint"}

// part returns the part that is kept.
func (d *description) part() *description {
	p := &description{Info: d.Info, Paths: map[string]map[string]*operation{}}
	p.Components.Schemas = map[string]*schema{}
	for _, name := range spoken {
		method, path, _ := strings.Cut(name, " ")
		o := d.Paths[path][strings.ToLower(method)]
		if o == nil {
			continue
		}
		if p.Paths[path] == nil {
			p.Paths[path] = map[string]*operation{}
		}
		p.Paths[path][strings.ToLower(method)] = o
		for _, q := range o.Parameters {
			d.keep(p, q.Schema)
		}
		for _, c := range append([]*content{o.Body}, o.answers()...) {
			if c != nil {
				for _, body := range c.Content {
					d.keep(p, body.Schema)
				}
			}
		}
	}
	for _, kind := range []string{"bank_account"} { // notices are about it
		d.keep(p, &schema{Ref: schemaPrefix + kind})
	}
	return p
}

func (o *operation) answers() (all []*content) {
	for _, c := range o.Responses {
		all = append(all, c)
	}
	return all
}

// keep puts into the part what a schema refers to, and shortens the schema.
func (d *description) keep(p *description, s *schema) {
	if s == nil {
		return
	}
	if name := strings.TrimPrefix(s.Ref, schemaPrefix); s.Ref != "" {
		if slices.Contains(beyond, name) {
			*s = schema{Beyond: true, Nullable: true}
		} else if p.Components.Schemas[name] == nil && d.Components.Schemas[name] != nil {
			p.Components.Schemas[name] = d.Components.Schemas[name]
			d.keep(p, d.Components.Schemas[name])
		}
		return
	}
	if s.Expansion != nil && len(s.AnyOf) > 0 && s.AnyOf[0].Type == "string" {
		*s = schema{Type: "string", MaxLength: s.AnyOf[0].MaxLength, Nullable: s.Nullable, Expandable: true}
	}
	s.Expansion = nil
	for _, one := range s.AnyOf {
		d.keep(p, one)
	}
	for _, one := range s.Properties {
		d.keep(p, one)
	}
	d.keep(p, s.Items)
	if s.More != nil {
		d.keep(p, s.More.Schema)
	}
}

// TestThePartIsWhole makes the part anew if it is asked to, and sees that nothing is missing in it and nothing too much.
func TestThePartIsWhole(t *testing.T) {
	if *keepPart {
		text, err := partText()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(keptPart, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(keptPart)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > maxPart {
		t.Errorf("the part has %d bytes, at most %d", len(text), maxPart)
	}
	d := &description{}
	if err := json.Unmarshal(text, d); err != nil {
		t.Fatal(err)
	}
	for _, name := range spoken {
		method, path, _ := strings.Cut(name, " ")
		if d.Paths[path][strings.ToLower(method)] == nil {
			t.Errorf("%s is not described", name)
		}
	}
	again, err := json.Marshal(d.part())
	if err != nil {
		t.Fatal(err)
	}
	if string(again)+"\n" != string(text) {
		t.Error("the part holds more than is spoken about, or less; make it again")
	}
	source, err := os.ReadFile("testdata/SOURCE.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), d.Info.Version) || !strings.Contains(string(source), "The MIT License (MIT)") {
		t.Error("SOURCE.md does not name the version of the part, or its licence")
	}
}
