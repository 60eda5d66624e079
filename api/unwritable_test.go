package api

import (
	"strconv"
	"strings"
	"testing"
)

// TestUnwritableOwners posts to accounts whose beginning is in the chart and whose owner no address can have.
func TestUnwritableOwners(t *testing.T) {
	t.Parallel()
	h := open(t)
	for i, owner := range []string{"sel uk", "sel_uk mk_x", strings.Repeat("a", 65), "é", "a/b", "a@example.com"} {
		body := strings.Replace(sale("r-"+strconv.Itoa(i), "1.00"), "sel_uk", owner, 1)
		if a := h.refused(422, "validation-failed", "POST", posting, body); strings.Contains(a.body, owner) {
			t.Errorf("%s", a.body)
		}
	}
}
