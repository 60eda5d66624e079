package bankfile_test

import (
	"testing"
	"time"

	"mizan/payouts/processor/bankfile"
	"mizan/payouts/processor/conformance"
)

// TestTheBankRailConforms runs the suite of all drivers.
func TestTheBankRailConforms(t *testing.T) {
	t.Parallel()
	conformance.Run(t, func(t *testing.T) *conformance.Rig {
		h := newHouse(t)
		h.euros(0)
		h.banked("cre_amy", euroBank(1))
		ends := func(payout, status, code string) {
			f, _ := h.sent()
			h.taken(report(f, "", said{payment: payout, status: status, code: code}))
			h.sound()
		}
		return &conformance.Rig{Driver: h.driver, Account: "payee:cre_amy", Nobody: "payee:nobody", Currency: "EUR", Now: h.clock.Now, Advance: h.clock.advance,
			Pays: func(_ *testing.T, payout string) { ends(payout, "ACSC", "") },
			Fails: func(_ *testing.T, _ string, create func() string) string {
				id := create()
				ends(id, "ACSC", "")
				comesBack(h, id)
				return id
			}}
	})
}

// comesBack has a payment that was settled come back.
func comesBack(h *house, payout string) {
	h.clock.advance(48 * time.Hour)
	f, err := h.File(h.Context(), h.book, "EUR", 1)
	h.ok(err)
	if f.State != bankfile.FileClosed {
		h.Errorf("the file is %s", f.State)
	}
	h.taken(report(f, "", said{payment: payout, status: "RJCT", code: "AC04"}))
}
