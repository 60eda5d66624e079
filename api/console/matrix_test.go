package console

import (
	"slices"
	"strings"
	"testing"

	"mizan/api/access"
	"mizan/api/console/browsertest"
)

// named is a page with the name under which its screenshots are kept: that of its template, and after a dot what is special about it.
type named struct{ name, path string }

// viewer looks at pages with a link of their own; the public has none.
type viewer struct {
	token string
	pages []named
}

// everything is all that a visitor of the staff may see and do, but for deciding what somebody else asked for: that is what approves sees.
var (
	everything = []access.Grant{{Role: access.Admin}, {Role: access.Auditor}, {Role: finance}}
	approves   = []access.Grant{{Role: access.Approver}}
)

// approver is the viewer whose pages are shown to an approver.
const approver = "approver"

// viewers are who looks at which pages, so that every page there is is looked at.
func (s *street) viewers() map[string]viewer {
	s.t.Helper()
	staff, amy, bob, pat, lou, kit := s.link(s.person("Ada Lovelace", everything...)), s.payeeLink("cre_amy"), s.payeeLink("cre_bob"), s.payeeLink("gua_pat"), s.payeeLink("cre_lou"), s.payeeLink("sel_kit")
	return map[string]viewer{
		"public": {"", []named{{"welcome", "/"}, {"sign-in", "/sign-in"}, {"link", "/sign-in/link?token=" + s.payeeLink("cre_amy")},
			{"public-receipt.donation", s.donated}, {"public-receipt.gift", s.gave}, {"public-campaign", "/c/give-winter24"}}},
		"lou": {lou, []named{{"portal-orders", "/portal/orders"}, {"portal-order", "/portal/orders/LOU-1"}, {"portal-order.return", "/portal/orders/LOU-2?return=1&units=1"},
			{"portal-money", "/portal/money"}, {"portal-earnings", "/portal/earnings"},
			{"portal-statements", "/portal/statements"}, {"portal-statement", s.statement}, {"portal-downloads", "/portal/downloads"},
			{"portal-questions", "/portal/questions"}, {"portal-question", s.answered}, {"portal-ask", "/portal/ask?order=LOU-2"}, {"portal-settings", "/portal/settings"}}},
		"kit": {kit, []named{{"portal.owes", "/portal"}, {"portal-debt", "/portal/debts"}}},
		"amy": {amy, []named{{"portal", "/portal"}, {"portal-payout", "/portal/payouts/" + s.paid}, {"portal-payouts", "/portal/payees/cre_amy/payouts"},
			{"portal-request", "/portal/payees/cre_amy/payout?currency=GBP&amount=100&method=instant"}}},
		"bob":     {bob, []named{{"portal.unpaid", "/portal"}, {"portal-waits", "/portal/payees/cre_bob/waits"}, {"portal-decisions", "/portal/payees/cre_bob/decisions"}}},
		"charity": {s.charity, []named{{"portal-money.charity", "/portal/money"}, {"portal-earnings.charity", "/portal/earnings"}}},
		"pat":     {pat, []named{{"portal.guardian", "/portal"}}},
		"staff": {staff, []named{{"desk", "/console"}, {"book-glance", at}, {"search", at + "/search?q=500.00"}, {"adjustments", at + adjustmentsPath}, {"approvals", at + "/approvals"}, {"approval", s.approval}, {"audit", at + "/audit?order=oldest"}, {"jobs", at + "/jobs"},
			{"job", "/console/jobs/sweep/periods/" + s.swept}, {"people", "/console/people"}, {"keys", "/console/keys"}, {"person", s.clerk}, {"key", s.carried},
			{"book", "/books/uk"}, {"transactions", "/books/uk/transactions"}, {"transaction", "/books/uk/transactions/uk-1"}, {"accounts", "/books/uk/accounts"}, {"account", "/books/uk/accounts/assets:processor:available:main"},
			{"trial-balance", at + trialBalancePath + "?period=2026-11"}, {"order", at + ordersPath + "/LOU-1"}, {"evidence-line", bankSource + "/lines/1"}}},
		"payouts": {s.link(s.person("Omar Finance", everything...)), []named{{"payout-health", at + "/payout-health"}, {"payout-runs", at + "/payout-runs"}, {"payout-run", at + "/payout-runs/" + s.run}, {"payout-run.waits", s.manual},
			{"decision", at + "/payout-runs/" + s.run + "/decisions/creator:cre_bob:GBP"}, {"payouts", at + "/payouts"}, {"payout", at + "/payouts/" + s.paid}, {"payees", at + "/payees"}, {"payee", at + "/payees/cre_bob"},
			{"payout-request", at + "/payees/cre_amy/payout?currency=GBP&amount=123.45"}, {"payout-policy", at + "/payout-policies/uk-1"}, {"bank-files", at + bankFilesPath}, {"bank-file", firstOfBank}, {"bank-report", s.reported}, {"payout-waits", at + "/payees/cre_amy/waits"}, {"payee-decisions", at + "/payees/cre_bob/decisions"},
			{"payout-policies", at + "/payout-policies"}, {"treasury-proposals", at + "/treasury-proposals"}, {"payout-debts", at + "/payout-debts"},
			{"questions", at + questionsPath}, {"question", s.asked}}},
		approver: {s.link(s.person("Olga Approver", approves...)), []named{{"desk.decides", "/console"}, {"book-glance.decides", at}, {"approval.decides", s.approval}, {"payout-run.decides", s.manual}}},
		"administration": {s.link(s.person("Carla Admin", everything...)), []named{{"rules", at + rulesPath}, {"rule-set", at + rulesPath + "/sets/uk-1"}, {"rule-changes", at + rulesPath + "/changes?from=uk-1&to=contract-1"},
			{"rule-draft", at + rulesPath + "/draft?like=uk-1"}, {"imports", at + importsPath}, {"import", at + importsPath + "/1"}, {"inbound", at + inboundPath}, {"message", at + inboundPath + "/1"},
			{"campaigns", "/console/books/give" + campaignsPath}, {"campaign", "/console/books/give" + campaignsPath + "/winter24"}}},
		"reconciliation": {s.link(s.person("Lena Auditor", everything...)), []named{{"recon", reconAt}, {"recon-runs", reconAt + "/runs"}, {"recon-run", s.compared}, {"recon-source", bankSource}, {"breaks", at + breaksPath}, {"break", s.broken},
			{"pairings", at + pairingsPath}, {"periods", at + periodsPath}, {"period", at + periodsPath + "/2026-11"}, {"exports", at + exportsPath}, {"export-ask", at + exportsPath + "/new?report=trial_balance"}, {"export", s.export}}},
	}
}

// withoutView are the templates that no address of the street shows, with where they are looked at instead.
var withoutView = map[string]string{"books": "an open console alone, by TestFirstPage", "failure": "the page that is missing", "onward": "a step of signing in at an issuer, by TestIssuer"}

// Every page reads well in a browser: narrow and wide, in both directions, light and dark, and without scripts. Those of the staff say nothing in
// English to an Arabic reader, and every form on them is one of which is known what it leaves in the trail.
func TestPagesInABrowser(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	viewers := s.viewers()
	for name := range templates() {
		seen := false
		for _, x := range viewers {
			seen = seen || slices.ContainsFunc(x.pages, func(p named) bool { shown, _, _ := strings.Cut(p.name, "."); return shown == name })
		}
		if _, without := withoutView[name]; without == seen {
			t.Errorf("the page %s is looked at: %v, and is explained: %v", name, seen, without)
		}
	}
	for who, x := range viewers {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			var w *browsertest.Window
			if x.token == "" {
				w = browsertest.New(t, s.server.URL)
				w.CheckStatus("missing", "/console/none", 404)
			} else {
				w = s.visit(t, x.token)
			}
			for _, p := range x.pages {
				w.Check(p.name, p.path)
			}
		})
	}
	t.Run("donations", func(t *testing.T) {
		t.Parallel()
		book, err := s.ledger.Book(t.Context(), "give")
		if err != nil {
			t.Fatal(err)
		}
		b := s.payee(book, "ngo_a")
		b.get("/portal", 200).hasNot(t, "Earned", "sale", "orders can")
		b.get("/portal/money", 200).has(t, "donors can take it back")
		b.get("/portal/earnings", 200).has(t, "Donations", "What donors and matching funds gave")
		b.get("/portal/orders", 200).has(t, "Donations are no orders.")
		for _, path := range []string{"/portal/money", "/portal/earnings", "/portal/statements"} {
			b.get(path, 200).hasNot(t, "Sale", " sale", "Not delivered")
		}
	})
	t.Run("arabic", func(t *testing.T) {
		t.Parallel()
		s.saysInArabic(t, s.in("Ruth Reader", everything...), ofStaff(viewers))
		s.saysInArabic(t, s.in("Rita Reader", approves...), viewers[approver].pages)
	})
	t.Run("forms", func(t *testing.T) {
		t.Parallel()
		forms := 0
		look := func(b *browser, pages []named) (actions []string) {
			for _, p := range pages {
				for action := range b.get(p.path, 200).forms() {
					if strings.HasPrefix(action, "/console/") {
						actions = append(actions, action)
						if _, known := deedFor(action); !known {
							t.Errorf("%s has the form %s, which is in no table of what forms leave in the trail", p.path, action)
						}
					}
				}
			}
			forms += len(actions)
			return actions
		}
		look(s.in("Fay Forms", everything...), ofStaff(viewers))
		b := s.in("Faris Forms", approves...)
		decides := look(b, viewers[approver].pages)
		for _, action := range []string{s.approval + "/approve", s.approval + "/refuse", s.manual + "/refusal"} {
			if !slices.Contains(decides, action) {
				t.Errorf("an approver has the forms %q, and not %s", decides, action)
			}
		}
		for _, path := range []string{"/console", at} {
			b.get(path, 200).has(t, "For you to decide")
		}
		if forms < 40 {
			t.Errorf("only %d forms were found", forms)
		}
	})
}

// ofStaff are the pages of the staff among those that are looked at, but for an approver's.
func ofStaff(viewers map[string]viewer) (list []named) {
	for who, x := range viewers {
		if who == approver {
			continue
		}
		for _, p := range x.pages {
			if strings.HasPrefix(p.path, "/console") || strings.HasPrefix(p.path, "/books/") {
				list = append(list, p)
			}
		}
	}
	return list
}
