package access_test

import (
	"strings"
	"testing"
	"time"

	"mizan/api/access"
)

// TestVacancies ends the last people of each role: that is done, and said.
func TestVacancies(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	vacant := func(want ...string) {
		t.Helper()
		list, err := h.there.Vacancies(t.Context())
		if err != nil || len(list) != len(want) {
			t.Fatalf("%q, %v", list, err)
		}
		for i, w := range want {
			if !strings.Contains(list[i], w) {
				t.Errorf("%q says nothing of %q", list[i], w)
			}
		}
	}
	person := func(grants ...access.NewGrant) string {
		t.Helper()
		p, err := h.here.AddPerson(t.Context(), operator, access.NewPerson{})
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range grants {
			g.Person = p.ID
			if _, err := h.here.Grant(t.Context(), operator, g); err != nil {
				t.Fatal(err)
			}
		}
		return p.ID
	}
	vacant("role admin", "role approver", "uk, vn")
	admin := person(access.NewGrant{Role: access.Admin})
	person(access.NewGrant{Role: access.Approver, Book: "uk", ExpiresAt: h.clock.now().Add(time.Hour)})
	vacant("role approver", "books vn")
	approver := person(access.NewGrant{Role: access.Approver})
	vacant()
	for _, id := range []string{approver, admin} {
		if _, err := h.here.Deactivate(t.Context(), operator, id, "left"); err != nil {
			t.Fatal(err)
		}
	}
	vacant("role admin", "role approver", "books vn")
	h.clock.forward(time.Hour)
	vacant("role admin", "role approver", "uk, vn")
}
