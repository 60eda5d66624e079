package main

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"mizan/api/client"
)

// What the service documents of people, keys, approvals, the trail and personal data, and the client does not know, would be
// lost on every caller.
func TestClientKnowsWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	address, _ := testService(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var document struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.NewDecoder(res.Body).Decode(&document); err != nil {
		t.Fatal(err)
	}
	for schema, known := range map[string]reflect.Type{
		"Approval": reflect.TypeFor[client.Approval](), "NewApproval": reflect.TypeFor[client.NewApproval](), "Effect": reflect.TypeFor[client.ApprovalEffect](),
		"EffectSum": reflect.TypeFor[client.ApprovalTotal](), "EffectMove": reflect.TypeFor[client.ApprovalMovement](), "Act": reflect.TypeFor[client.Act](),
		"AuditRow": reflect.TypeFor[client.AuditRow](), "AuditActor": reflect.TypeFor[client.AuditActor](), "AuditVerification": reflect.TypeFor[client.AuditVerification](),
		"KeyWithBearer": reflect.TypeFor[client.Key](), "NewKeyBody": reflect.TypeFor[client.NewKey](), "Person": reflect.TypeFor[client.Person](),
		"Grant": reflect.TypeFor[client.Grant](), "NewGrantBody": reflect.TypeFor[client.NewGrant](), "SignInLink": reflect.TypeFor[client.SignInLink](),
		"Me": reflect.TypeFor[client.Me](), "MeRole": reflect.TypeFor[client.MeRole](), "DataSubject": reflect.TypeFor[client.DataSubject](),
		"JobStatus": reflect.TypeFor[client.JobStatus](), "JobPeriod": reflect.TypeFor[client.JobPeriod](), "JobAttempt": reflect.TypeFor[client.JobAttempt](),
		"JobAsked": reflect.TypeFor[client.JobAsked](), "NewJobRun": reflect.TypeFor[client.NewJobRun](),
		"Wait": reflect.TypeFor[client.Wait](), "Clock": reflect.TypeFor[client.Clock](), "NewLook": reflect.TypeFor[client.NewLook](),
		"PayeeDebt": reflect.TypeFor[client.PayeeDebt](), "Proposal": reflect.TypeFor[client.Proposal](),
		"DescribedField": reflect.TypeFor[client.PersonalField](),
	} {
		said, ok := document.Components.Schemas[schema]
		if !ok || len(said.Properties) == 0 {
			t.Errorf("the service documents no %s", schema)
			continue
		}
		ours := map[string]bool{}
		tagsOf(known, ours)
		for name := range said.Properties {
			if !ours[name] {
				t.Errorf("%s: the client does not know %s", schema, name)
			}
			delete(ours, name)
		}
		for name := range ours {
			t.Errorf("%s: only the client knows %s", schema, name)
		}
	}
}

// tagsOf collects the names of a struct's members, those of embedded structs among them.
func tagsOf(t reflect.Type, into map[string]bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			tagsOf(f.Type, into)
		case name != "" && name != "-":
			into[name] = true
		}
	}
}
