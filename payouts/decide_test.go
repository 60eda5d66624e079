package payouts

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger/money"
)

// Tests of the decision by examples: each code is reached, in its order, with its particulars and its words.

// now is a Monday, 2 March 2026, 02:00 in New York.
var now = time.Date(2026, 3, 2, 7, 0, 0, 0, time.UTC)

// named returns a shipped policy.
func named(t testing.TB, name string) *Policy {
	t.Helper()
	for _, p := range ShippedPolicies() {
		if p.Name() == name {
			return p
		}
	}
	t.Fatalf("there is no policy %s", name)
	return nil
}

// payable is a seller who gets 80.10 by the standard method.
func payable() Inputs {
	return Inputs{
		Run: RunFacts{ID: "run_1", Trigger: TriggerScheduled, Method: MethodStandard, CutoffAt: now.Add(-2 * time.Hour), DecidedAt: now,
			LocalDate: "2026-03-02", NextAt: now.Add(24 * time.Hour)},
		Payee:        PayeeFacts{Kind: KindSeller, ID: "sel_x", Currency: "USD", Country: "US", Registered: true, State: PayeeOpen},
		Balances:     BalanceFacts{AvailableAtCutoff: 8010, AvailableNow: 8010},
		Destination:  account(),
		Verification: VerifiedFacts{State: IdentityVerified},
		Unit:         1,
	}
}

func account() *DestinationFacts {
	return &DestinationFacts{ID: "dst_1", State: DestinationActive, Rail: RailConnected, Currencies: []money.Currency{"USD"},
		ActiveSince: now.Add(-1000 * time.Hour), NameMatch: NameMatches}
}

// reached is one way to reach each reason, as a change of what is payable.
var reached = []struct {
	name    string
	change  func(*Inputs)
	policy  func(*Policy)
	reasons []Reason
}{
	{"nothing anywhere", func(in *Inputs) {
		in.Balances, in.Destination, in.Payee.Registered = BalanceFacts{AvailableAtCutoff: 5}, nil, false
	}, nil, []Reason{{Code: ReasonZero, Change: ChangeNothing}}},
	{"the platform itself", func(in *Inputs) { in.Payee.SelfOwned = true }, nil, []Reason{{Code: ReasonSelfOwned, Change: ChangeNothing}}},
	{"closed", func(in *Inputs) { in.Payee.State = PayeeClosed }, nil, []Reason{{Code: ReasonClosed, Change: ChangeSupport}}},
	{"a state nobody knows", func(in *Inputs) { in.Payee.State = "odd" }, nil, []Reason{{Code: ReasonClosed, Change: ChangeSupport}}},
	{"blocked by a court", func(in *Inputs) { in.Holds = []HoldFacts{{Kind: HoldBlock, Category: "legal"}} }, nil,
		[]Reason{{Code: ReasonBlocked, Detail: "legal", Change: ChangeRelease}}},
	{"a hold nobody knows blocks", func(in *Inputs) { in.Holds = []HoldFacts{{Kind: "odd", Category: "x"}} }, nil,
		[]Reason{{Code: ReasonBlocked, Detail: "x", Change: ChangeRelease}}},
	{"rejected", func(in *Inputs) { in.Verification = VerifiedFacts{IdentityRejected, "document"} }, nil,
		[]Reason{{Code: ReasonRejected, Detail: "document", Change: ChangeSupport}}},
	{"not registered", func(in *Inputs) { in.Payee.Registered = false }, nil, []Reason{{Code: ReasonNotRegistered, Change: ChangeRegister}}},
	{"unverified", func(in *Inputs) { in.Verification.State = IdentityPending }, nil,
		[]Reason{{Code: ReasonUnverified, Detail: "pending", Change: ChangeVerify}}},
	{"no guardian", func(in *Inputs) { in.Payee.Minor = true }, nil, []Reason{{Code: ReasonGuardianMissing, Change: ChangeGuardian}}},
	{"an unverified guardian without an account", func(in *Inputs) {
		in.Payee.Minor, in.Guardian = true, &GuardianFacts{ID: "gua", Verification: VerifiedFacts{State: IdentityUnverified}}
	}, nil, []Reason{{Code: ReasonGuardianUnverified, Detail: "unverified", Change: ChangeGuardian}, {Code: ReasonNoDestination, Change: ChangeAdd}}},
	{"a missing tax form", func(*Inputs) {}, func(p *Policy) { p.Withholding[0].NoForm = NoFormHold },
		[]Reason{{Code: ReasonTaxForm, Detail: "US:backup", Change: ChangeTaxForm}}},
	{"paused until tomorrow", func(in *Inputs) {
		in.Holds = []HoldFacts{{HoldPause, "risk", now.Add(time.Nanosecond)}, {HoldBlock, "legal", now}}
	}, nil, []Reason{{Code: ReasonPaused, Detail: "risk", At: now.Add(time.Nanosecond), Change: ChangeWait}}},
	{"below zero", func(in *Inputs) { in.Balances.AvailableNow, in.Debt.Amount = -6000, 5000 }, nil,
		[]Reason{{Code: ReasonDebt, Detail: "balance", Amount: 6000, Change: ChangeEarnDebt}}},
	{"pending below zero", func(in *Inputs) { in.Balances = BalanceFacts{Pending: -7} }, nil,
		[]Reason{{Code: ReasonDebt, Detail: "pending", Amount: 7, Change: ChangeEarnDebt}}},
	{"frozen by a debt", func(in *Inputs) { in.Debt.Amount = 25001 }, nil,
		[]Reason{{Code: ReasonDebt, Detail: "frozen", Amount: 25001, Limit: 25000, Change: ChangeEarnDebt}}},
	{"a failure that stays", func(in *Inputs) {
		in.Run.Trigger, in.RetryOf = TriggerRetry, &RetryFacts{Payout: "po", Code: "account_closed", FailedAt: now.Add(-99 * time.Hour)}
	}, nil, []Reason{{Code: ReasonRetryForbidden, Detail: "account_closed", Change: ChangeReplace}}},
	{"a fourth retry", func(in *Inputs) {
		in.Run.Trigger, in.RetryOf = TriggerRetry, &RetryFacts{Payout: "po", Tries: 3, Code: "could_not_process", FailedAt: now.Add(-999 * time.Hour)}
	}, nil, []Reason{{Code: ReasonRetryExhausted, Detail: "could_not_process", Change: ChangeReplace}}},
	{"a third retry after less than four days", func(in *Inputs) {
		in.Run.Trigger, in.RetryOf = TriggerRetry, &RetryFacts{Payout: "po", Tries: 2, Code: "could_not_process", FailedAt: now.Add(-96*time.Hour + 1)}
	}, nil, []Reason{{Code: ReasonRetryEarly, Detail: "could_not_process", At: now.Add(1), Change: ChangeWait}}},
	{"no account", func(in *Inputs) { in.Destination = nil }, nil, []Reason{{Code: ReasonNoDestination, Change: ChangeAdd}}},
	{"a disabled account", func(in *Inputs) {
		in.Destination.State, in.Destination.DisabledFor = DestinationDisabled, "account_closed"
	}, nil,
		[]Reason{{Code: ReasonDisabled, Detail: "account_closed", Change: ChangeReplace}}},
	{"a pending account", func(in *Inputs) { in.Destination.State = DestinationPending }, nil, []Reason{{Code: ReasonDestinationPending, Change: ChangeConfirm}}},
	{"another name", func(in *Inputs) { in.Destination.NameMatch = NameClose }, nil, []Reason{{Code: ReasonNameMismatch, Detail: NameClose, Change: ChangeName}}},
	{"a lenient policy knows no name", func(in *Inputs) { in.Destination.NameMatch = NameUnknown }, func(p *Policy) { p.NameMatch = NameLenient },
		[]Reason{{Code: ReasonNameMismatch, Detail: NameUnknown, Change: ChangeName}}},
	{"cooling off", func(in *Inputs) { in.Destination.CoolingUntil = now.Add(1) }, nil, []Reason{{Code: ReasonCoolingOff, At: now.Add(1), Change: ChangeWait}}},
	{"active from tomorrow", func(in *Inputs) { in.Destination.ActiveSince = now.Add(9) }, nil, []Reason{{Code: ReasonCoolingOff, At: now.Add(9), Change: ChangeWait}}},
	{"an account of another currency", func(in *Inputs) { in.Destination.Currencies = []money.Currency{"EUR"} }, nil,
		[]Reason{{Code: ReasonCurrency, Detail: "destination", Change: ChangeDestination}}},
	{"a currency without terms", func(in *Inputs) { in.Payee.Currency, in.Destination.Currencies = "EUR", []money.Currency{"EUR"} }, nil,
		[]Reason{{Code: ReasonCurrency, Detail: "policy", Change: ChangeSupport}}},
	{"a wallet", func(in *Inputs) { in.Destination.Rail = RailWallet }, nil, []Reason{{Code: ReasonRail, Detail: RailWallet, Change: ChangeMethod}}},
	{"on demand for an agency", func(in *Inputs) { in.Payee.Kind, in.Run.Trigger = KindAgency, TriggerOnDemand }, nil,
		[]Reason{{Code: ReasonNotOnDemand, At: now.Add(24 * time.Hour), Change: ChangeWait}}},
	{"an agency on the second", func(in *Inputs) { in.Payee.Kind = KindAgency }, nil, []Reason{{Code: ReasonNotScheduled, At: now.Add(24 * time.Hour), Change: ChangeWait}}},
	{"everything waits", func(in *Inputs) {
		in.Balances = BalanceFacts{Pending: 1, Reserve: 2, DisputeHold: 3, Blocked: 4, MinorTrust: 5, InTransit: 6}
		in.Next = NextFacts{now.Add(2), now.Add(3)}
	}, nil, []Reason{{Code: ReasonNothing, Detail: "pending", Amount: 1, At: now.Add(2), Change: ChangeWait}, {Code: ReasonNothing, Detail: "reserve", Amount: 2, At: now.Add(3), Change: ChangeWait},
		{Code: ReasonNothing, Detail: "dispute-hold", Amount: 3, Change: ChangeWait}, {Code: ReasonNothing, Detail: "blocked", Amount: 4, Change: ChangeRelease},
		{Code: ReasonNothing, Detail: "minor-trust", Amount: 5, Change: ChangeWait}, {Code: ReasonNothing, Detail: "in-transit", Amount: 6, Change: ChangeWait}}},
	{"it came after the cut-off", func(in *Inputs) { in.Balances.AvailableAtCutoff = 0 }, nil,
		[]Reason{{Code: ReasonNothing, Detail: "after-cutoff", Amount: 8010, At: now.Add(24 * time.Hour), Change: ChangeWait}}},
	{"half a unit is wanted", func(in *Inputs) { in.Unit, in.Run.Wanted = 100, 150 }, nil, []Reason{{Code: ReasonWantedUnit, Amount: 150, Limit: 100, Change: ChangeAskWhole}}},
	{"too many parts", func(in *Inputs) {
		in.Balances.AvailableAtCutoff, in.Balances.AvailableNow, in.Run.Wanted = money.Max, money.Max, 25_000_000_001
	}, nil, []Reason{{Code: ReasonOverMaximum, Amount: 25_000_000_001, Limit: 25_000_000_000, Change: ChangeAskParts}}},
	{"more than there is", func(in *Inputs) { in.Run.Wanted = 8011 }, nil, []Reason{{Code: ReasonOverAvailable, Amount: 8011, Limit: 8010, Change: ChangeAskLess}}},
	{"more than there is with the fee", func(in *Inputs) { in.Run.Method, in.Run.Wanted = MethodInstant, 7893 }, nil,
		[]Reason{{Code: ReasonOverAvailable, Amount: 8011, Limit: 8010, Change: ChangeAskLess}}},
	{"something of nothing", func(in *Inputs) { in.Balances, in.Run.Wanted = BalanceFacts{Pending: 5}, 1 }, nil,
		[]Reason{{Code: ReasonNothing, Detail: "pending", Amount: 5, Change: ChangeWait}, {Code: ReasonOverAvailable, Amount: 1, Change: ChangeAskLess}}},
	{"below the minimum", func(in *Inputs) { in.Balances.AvailableNow = 99 }, nil, []Reason{{Code: ReasonBelowMinimum, Amount: 99, Limit: 100, Change: ChangeEarn}}},
	{"less than the minimum is wanted", func(in *Inputs) { in.Run.Wanted = 99 }, nil, []Reason{{Code: ReasonBelowMinimum, Amount: 99, Limit: 100, Change: ChangeEarn}}},
	{"the fee takes all", func(in *Inputs) {
		in.Payee.State, in.Run.Method, in.Balances.AvailableNow = PayeeClosing, MethodInstant, 50
	}, nil, []Reason{{Code: ReasonFeeExceeds, Amount: 50, Limit: 50, Change: ChangeEarn}}},
	{"dust", func(in *Inputs) { in.Payee.State, in.Unit, in.Balances.AvailableNow = PayeeClosing, 100, 99 }, nil,
		[]Reason{{Code: ReasonDust, Amount: 99, Limit: 100, Change: ChangeEarn}}},
	{"everything at once, most important first", func(in *Inputs) {
		in.Payee.Registered, in.Verification.State, in.Destination, in.Balances = false, IdentityUnverified, nil, BalanceFacts{AvailableNow: -1, AvailableAtCutoff: 9}
		in.Holds = []HoldFacts{{Kind: HoldPause, Category: "risk"}, {Kind: HoldBlock, Category: "legal"}}
	}, nil, []Reason{{Code: ReasonBlocked, Detail: "legal", Change: ChangeRelease}, {Code: ReasonNotRegistered, Change: ChangeRegister},
		{Code: ReasonUnverified, Detail: "unverified", Change: ChangeVerify}, {Code: ReasonPaused, Detail: "risk", Change: ChangeSupport},
		{Code: ReasonDebt, Detail: "balance", Amount: 1, Change: ChangeEarnDebt}, {Code: ReasonNoDestination, Change: ChangeAdd}}},
}

func TestReasons(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range reached {
		in, p := payable(), changed(t, named(t, "us-1"), c.policy)
		c.change(&in)
		d := Decide(p, in)
		if d.Verdict != VerdictSkip || !slices.Equal(d.Reasons, c.reasons) {
			t.Errorf("%s: %s %+v\nwanted %+v", c.name, d.Verdict, d.Reasons, c.reasons)
		}
		if d.Amount != 0 || d.Fee != 0 || d.Gross != 0 || d.Parts != nil || d.SecondPerson != nil {
			t.Errorf("%s: a payment that is not made has amounts: %+v", c.name, d)
		}
		if !d.LookedAtAgain.Equal(in.Run.NextAt) {
			t.Errorf("%s: looked at again %v", c.name, d.LookedAtAgain)
		}
		for _, r := range d.Reasons {
			seen[r.Code] = true
			text, change := r.Text(in.Payee.Currency), r.ChangeText()
			if text == "" || change == "" || strings.ContainsAny(text, "{}") || !strings.HasSuffix(text, ".") || !strings.HasSuffix(change, ".") {
				t.Errorf("%s: the words of %s are %q and %q", c.name, r.Code, text, change)
			}
			if r.At.After(d.NotBefore) && r.Code != ReasonNothing {
				t.Errorf("%s: not before %v, but %s ends at %v", c.name, d.NotBefore, r.Code, r.At)
			}
		}
	}
	for _, code := range ReasonCodes() {
		if !seen[code] {
			t.Errorf("no example reaches %s", code)
		}
	}
	if (Reason{Code: "odd"}).Text("USD") != "" {
		t.Error("a code that nobody knows has words")
	}
}

// Nothing is payable before the last obstacle with a date is over and the first of the waiting money has come.
func TestNotBefore(t *testing.T) {
	t.Parallel()
	in := payable()
	in.Balances = BalanceFacts{Pending: 1, Reserve: 2}
	in.Next = NextFacts{now.Add(2 * time.Hour), now.Add(9 * time.Hour)}
	for _, c := range []struct{ cooling, want time.Duration }{{1, 2}, {2, 2}, {5, 5}, {99, 99}} {
		in.Destination.CoolingUntil = now.Add(c.cooling * time.Hour)
		if d := Decide(named(t, "us-1"), in); !d.NotBefore.Equal(now.Add(c.want * time.Hour)) {
			t.Errorf("cooling for %d hours: not before %v", c.cooling, d.NotBefore)
		}
	}
	in.Run.NextAt = time.Time{}
	if d := Decide(named(t, "us-1"), in); !d.LookedAtAgain.Equal(d.NotBefore) {
		t.Errorf("without a next run it is looked at again at %v", d.LookedAtAgain)
	}
}

// changed returns the policy with a change, read back from its bytes so that the shipped one stays.
func changed(t testing.TB, p *Policy, change func(*Policy)) *Policy {
	t.Helper()
	next, err := ParsePolicy(p.Canonical())
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(next)
		if fields := next.Check(); fields != nil {
			t.Fatal(fields)
		}
	}
	return next
}

func TestPayments(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		policy string
		change func(*Inputs)
		amount money.Minor
		fee    money.Minor
		left   money.Minor
		parts  int
		two    []string
		note   string
	}{
		{"everything", "us-1", func(*Inputs) {}, 8010, 0, 0, 1, nil, ""},
		{"W-09: instant, everything", "us-1", func(in *Inputs) { in.Run.Method = MethodInstant }, 7892, 118, 0, 1, nil, ""},
		{"S11: 200.00 instant of 500.00", "us-1", func(in *Inputs) {
			in.Run.Trigger, in.Run.Method, in.Run.Wanted, in.Balances = TriggerOnDemand, MethodInstant, 20000, BalanceFacts{AvailableAtCutoff: 50000, AvailableNow: 50000}
		}, 20000, 300, 29700, 1, nil, ""},
		{"S11: 380.00 beside a court's 120.00, to a new account", "us-1", func(in *Inputs) {
			in.Balances, in.Destination.First = BalanceFacts{AvailableAtCutoff: 50000, AvailableNow: 38000, Blocked: 12000}, true
		}, 38000, 0, 0, 1, []string{TwoFirst}, ""},
		{"M-33: 600,000.00 in three parts", "us-1", func(in *Inputs) {
			in.Balances = BalanceFacts{AvailableAtCutoff: 60_000_000, AvailableNow: 60_000_000}
		}, 60_000_000, 0, 0, 3, []string{TwoFourEyes}, ""},
		{"exactly what one person may pay", "us-1", func(in *Inputs) {
			in.Balances = BalanceFacts{AvailableAtCutoff: 5_000_000, AvailableNow: 5_000_000}
		}, 5_000_000, 0, 0, 1, nil, ""},
		{"by hand, and a cent more", "us-1", func(in *Inputs) {
			in.Run.Trigger, in.Balances = TriggerManual, BalanceFacts{AvailableAtCutoff: 5_000_001, AvailableNow: 5_000_001}
		}, 5_000_001, 0, 0, 1, []string{TwoFourEyes, TwoManual}, ""},
		{"the least", "us-1", func(in *Inputs) { in.Balances.AvailableNow = 100 }, 100, 0, 0, 1, nil, ""},
		{"closing, below the minimum", "us-1", func(in *Inputs) { in.Payee.State, in.Balances.AvailableNow = PayeeClosing, 1 }, 1, 0, 0, 1, nil, ""},
		{"a US creator's bank costs 0.05", "us-1", func(in *Inputs) { in.Payee.Kind, in.Destination.Rail = KindCreator, RailBank }, 8005, 5, 0, 1, nil, ""},
		{"a US creator's wallet costs 0.9 %", "us-1", func(in *Inputs) { in.Payee.Kind, in.Destination.Rail = KindCreator, RailWallet }, 7939, 71, 0, 1, nil, ""},
		{"a seller's bank is free", "us-1", func(in *Inputs) { in.Destination.Rail = RailBank }, 8010, 0, 0, 1, nil, ""},
		{"the end of cooling off is included", "us-1", func(in *Inputs) { in.Destination.CoolingUntil = now }, 8010, 0, 0, 1, nil, ""},
		{"a debt that does not freeze", "us-1", func(in *Inputs) { in.Debt.Amount = 25000 }, 8010, 0, 0, 1, nil, ""},
		{"a transient failure after a day", "us-1", func(in *Inputs) {
			in.Run.Trigger, in.RetryOf = TriggerRetry, &RetryFacts{Payout: "po", Code: "could_not_process", FailedAt: now.Add(-24 * time.Hour)}
		}, 8010, 0, 0, 1, nil, ""},
		{"a lasting failure after a new account", "us-1", func(in *Inputs) {
			in.Run.Trigger, in.RetryOf = TriggerRetry, &RetryFacts{Payout: "po", Code: "account_closed", FailedAt: now, NewDestination: true}
		}, 8010, 0, 0, 1, nil, ""},
		{"a minor's guardian is paid", "us-1", func(in *Inputs) {
			in.Payee.Minor, in.Destination = true, nil
			in.Guardian = &GuardianFacts{ID: "gua", Verification: VerifiedFacts{State: IdentityVerified}, Destination: account()}
		}, 8010, 0, 0, 1, nil, ""},
		{"the least is wanted", "us-1", func(in *Inputs) { in.Run.Wanted = 100 }, 100, 0, 7910, 1, nil, ""},
		{"a fee that brings the sum above what one person may pay", "us-1", func(in *Inputs) {
			in.Run.Method, in.Balances = MethodInstant, BalanceFacts{AvailableAtCutoff: 5_000_001, AvailableNow: 5_000_001}
		}, 4_926_109, 73_892, 0, 1, []string{TwoFourEyes}, ""},
		{"a closing run, below the minimum", "us-1", func(in *Inputs) { in.Run.Trigger, in.Balances.AvailableNow = TriggerClosing, 1 }, 1, 0, 0, 1, nil, ""},
		{"parts are whole units too", "us-1", func(in *Inputs) {
			in.Unit, in.Balances = 300, BalanceFacts{AvailableAtCutoff: 25_000_600, AvailableNow: 25_000_600}
		}, 25_000_500, 0, 100, 2, []string{TwoFourEyes}, ReasonDust},
		{"whole rupiah: sen stay", "id-1", func(in *Inputs) {
			in.Payee.Currency, in.Destination.Currencies, in.Unit = "IDR", []money.Currency{"IDR"}, 100
			in.Balances = BalanceFacts{AvailableAtCutoff: 5_000_099, AvailableNow: 5_000_099}
		}, 5_000_000, 0, 99, 1, nil, ReasonDust},
		{"S1: dong", "vn-1", func(in *Inputs) {
			in.Payee.Currency, in.Destination.Currencies, in.Balances = "VND", []money.Currency{"VND"}, BalanceFacts{AvailableAtCutoff: 755_750, AvailableNow: 755_750}
		}, 755_750, 0, 0, 1, nil, ""},
		{"more than a thousand parts", "us-1", func(in *Inputs) {
			in.Balances = BalanceFacts{AvailableAtCutoff: money.Max, AvailableNow: money.Max}
		}, 25_000_000_000, 0, money.Max - 25_000_000_000, 1000, []string{TwoFourEyes}, ReasonOverMaximum},
	} {
		in := payable()
		c.change(&in)
		d := Decide(named(t, c.policy), in)
		if d.Verdict != VerdictPay || d.Amount != c.amount || d.Fee != c.fee || d.Left != c.left || len(d.Parts) != c.parts || !slices.Equal(d.SecondPerson, c.two) {
			t.Errorf("%s: %s", c.name, d.Canonical())
		}
		note := ""
		if len(d.Reasons) > 0 {
			note = d.Reasons[0].Code
		}
		if note != c.note {
			t.Errorf("%s: the note is %q", c.name, note)
		}
		for _, code := range d.SecondPerson {
			if SecondPersonText(code) == "" {
				t.Errorf("%s has no words", code)
			}
		}
		for _, part := range d.Parts {
			if part.Amount%in.Unit != 0 || part.Amount > 25_000_000 && in.Payee.Currency == "USD" {
				t.Errorf("%s: the part %+v cannot be paid out", c.name, part)
			}
		}
		if err := in.Check(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// What a policy asks for and is there is no obstacle.
func TestPoliciesThatAreMet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy func(*Policy)
		change func(*Inputs)
	}{
		"the form is on file":             {func(p *Policy) { p.Withholding[0].NoForm = NoFormHold }, func(in *Inputs) { in.Payee.TaxForm = true }},
		"a form that no one needs":        {func(p *Policy) { p.Withholding[0].NoForm = NoFormHold }, func(in *Inputs) { in.Payee.Country = "GB" }},
		"a close name in a lenient one":   {func(p *Policy) { p.NameMatch = NameLenient }, func(in *Inputs) { in.Destination.NameMatch = NameClose }},
		"any name where none is asked":    {func(p *Policy) { p.NameMatch = NameOff }, func(in *Inputs) { in.Destination.NameMatch = NameMismatch }},
		"a first payout that one may pay": {func(p *Policy) { p.FirstNeedsTwo = false }, func(in *Inputs) { in.Destination.First = true }},
		"a manual one that one may pay":   {func(p *Policy) { p.ManualNeedsTwo = false }, func(in *Inputs) { in.Run.Trigger = TriggerManual }},
	} {
		in := payable()
		c.change(&in)
		if d := Decide(changed(t, named(t, "us-1"), c.policy), in); d.Verdict != VerdictPay || d.SecondPerson != nil {
			t.Errorf("%s: %s", name, d.Canonical())
		}
	}
}

// Peer bug 47: whatever else is true, nothing is paid to a payee who has nothing, and peer bug 44: nothing anywhere is no obstacle.
func TestNothingIsNeverPaid(t *testing.T) {
	t.Parallel()
	for _, trigger := range []string{TriggerScheduled, TriggerManual, TriggerOnDemand, TriggerRetry, TriggerClosing} {
		for _, available := range []money.Minor{0, -1, -money.Max} {
			for _, wanted := range []money.Minor{0, 1, -1, money.Max} {
				for _, method := range []string{MethodStandard, MethodInstant} {
					in := payable()
					in.Run.Trigger, in.Run.Wanted, in.Run.Method, in.Balances.AvailableNow = trigger, wanted, method, available
					if d := Decide(named(t, "us-1"), in); d.Verdict != VerdictSkip || len(d.Reasons) == 0 {
						t.Errorf("%s of %d with %d: %s", trigger, wanted, available, d.Canonical())
					}
				}
			}
		}
	}
}

func TestRunTotal(t *testing.T) {
	t.Parallel()
	p := named(t, "us-1")
	for _, c := range []struct {
		total   money.Minor
		earlier []money.Minor
		want    bool
	}{
		{money.Max, nil, false}, {money.Max, []money.Minor{0, 0}, false}, {300, []money.Minor{100}, false}, {301, []money.Minor{100}, true},
		{301, []money.Minor{0, 100, 0}, true}, {600, []money.Minor{100, 300, 200, 250, 150, 999_999}, false}, {601, []money.Minor{100, 300, 200, 250, 150, 999_999}, true},
		{money.Max, []money.Minor{money.Max, money.Max, money.Max}, false}, {money.Max, []money.Minor{money.Max / 3, money.Max / 3}, false}, {money.Max, []money.Minor{money.Max/3 - 1}, true},
	} {
		if got := p.RunNeedsSecondPerson(c.total, c.earlier); got != c.want {
			t.Errorf("%d after %v: %v", c.total, c.earlier, got)
		}
	}
}

func BenchmarkReplay(b *testing.B) {
	policy, in := named(b, "us-1").Canonical(), payable().Canonical()
	for b.Loop() {
		if _, err := Replay(in, policy); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	p, in := named(b, "us-1"), payable()
	in.Run.Method = MethodInstant
	for b.Loop() {
		if d := Decide(p, in); d.Verdict != VerdictPay {
			b.Fatal(d)
		}
	}
}
