package console

import (
	"strings"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/payouts/reconcile"
)

// followsASale is an auditor who goes from a figure of the month's trial balance down to a sale, to what computed it, to the payout that paid it
// and to the line of the processor that proves that, and takes the trail along as a file.
func (s *street) followsASale(t *testing.T) {
	t.Helper()
	_, err := s.reconcile.Pull(t.Context(), s.turn(), "main")
	s.must(err)
	sale, err := s.events.Order(t.Context(), s.book, "KIT-2")
	s.must(err)
	settled := ""
	for _, x := range sale.Transactions {
		if x.Event == "order.settled" {
			settled = x.ID
		}
	}
	payout := at + "/payouts/" + s.one("sel_kit").ID
	rosa := s.visit(t, s.link(s.person("Rosa Follows", access.Grant{Role: access.Auditor, Book: "uk"})))
	rosa.Open(at + trialBalancePath + "?period=2026-11")
	rosa.Has("Trial balance 2026-11", "ties", "liabilities:seller:available", "Change in 2026-10")
	rosa.Press(`main table a[href*="code=2120"]`)
	rosa.Press(`main table a[href*="seller:available:sel_kit"]`)
	rosa.Has("Opening, credit", "order:KIT-2", "Trial balance 2026-11")
	rosa.Press(`main table.history a[href*="/transactions/` + settled + `"]`)
	rosa.Has("How it came to be", "order.settled", "Trial balance 2026-11")
	rosa.Press(`main dl a[href="` + at + `/orders/KIT-2"]`)
	rosa.Has("Order KIT-2", "Who gave, and who got", "seller:sel_kit", "platform", "What the processor and the bank say")
	rosa.Press(`main a[href="` + payout + `"]`)
	rosa.Has("34.42 GBP", "What it pays, line by line")
	rosa.HasNot("What you can do")
	rosa.Press(`main a[href*="/lines/"]`)
	rosa.Has("What it says", "SHA-256 of the receipt", "payout:"+s.one("sel_kit").ID)
	rosa.Press(`main table a[href="` + payout + `"]`)
	rosa.Press(`main a[href*="/transactions/` + settled + `"]`)
	rosa.Press(`main dl a[href="` + at + `/orders/KIT-2"]`)
	rosa.Press(`main a[href*="report=trail"]`)
	rosa.Fill(`[name="format"]`, "csv")
	rosa.Press(`form[action="` + at + exportsPath + `"] button`)
	rosa.Has("Trail", "made", "id KIT-2")
	trailed := s.content(rosa.Path())
	for _, kind := range []string{"transaction", "entry", "step", "part"} {
		if !strings.Contains(trailed, "\n"+kind+",uk-") {
			t.Errorf("the trail of KIT-2 has no row %s:\n%.2000s", kind, trailed)
		}
	}
	if !strings.Contains(trailed, s.one("sel_kit").ID) {
		t.Errorf("the trail of KIT-2 does not say which payout paid it:\n%.2000s", trailed)
	}
}

// closesNovember is a finance lead who finds the month from the desk, sees what stands between it and its close, looks at what closing it would
// do, and asks; somebody else signs.
func (s *street) closesNovember(t *testing.T) {
	t.Helper()
	s.forward(time.Date(2026, 12, 4, 12, 0, 0, 0, time.UTC).Sub(s.now()))
	_, err := s.reconcile.CompareInside(t.Context(), s.turn(), s.book)
	s.must(err)
	open, err := s.reconcile.Breaks(t.Context(), s.book, reconcile.BreakQuery{Open: true, Limit: 100})
	s.must(err)
	for _, x := range open {
		_, err := s.reconcile.Explain(t.Context(), operator, s.book, x.ID, x.Step, reconcile.Explanation{Note: "The bank answers in a week.", ClearBy: s.now().AddDate(0, 0, 10)})
		s.must(err)
	}
	nora := s.visit(t, s.link(s.person("Nora Closes", access.Grant{Role: finance, Book: "uk"})))
	nora.Press(`.places a[href="` + reconAt + `"]`)
	nora.Press(`main a[href="` + at + periodsPath + `"]`)
	const november = at + periodsPath + "/2026-11"
	nora.Press(`main a[href="` + november + `"]`)
	const form = `form[action="` + november + `/close"] `
	list, err := s.reconcile.Checklist(t.Context(), s.book, 202611)
	s.must(err)
	sign := func() {
		t.Helper()
		for _, item := range list.Items {
			if item.State == reconcile.ItemBlocked {
				nora.Tick(form + `[value="` + item.Code + `"]`)
			}
		}
		nora.Fill(form+`[name="reason"]`, "November is looked through.")
	}
	sign()
	nora.Press(form + `[name="preview"]`)
	nora.Has("What it would do", "It posts nothing.")
	nora.Open(november)
	sign()
	nora.Press(form + `button:not([name])`)
	nora.HasNot("Decided by you")
	asked := nora.Path()
	olga := s.visit(t, s.link(s.person("Olga Signs", access.Grant{Role: access.Approver, Book: "uk"})))
	olga.Open(asked)
	olga.Has("period.close", "November is looked through.")
	olga.Press(`form[action="` + asked + `/approve"] button`)
	olga.Has("approved", "Decided by you")
	nora.Open(november)
	nora.Has("closed", "Closings of this month", "asked by you", "decided by Olga Signs", "Control totals")
	nora.HasNot("Ask to close")
}
