package payouts

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"mizan/ledger/money"
)

// The handbook's page about policies: what is written by hand names every field, and the shipped values, their sources and
// the reasons of decisions are written from the data. Run with -update after a change.

const policiesPage = "../api/docs/payout-policies.md"

func TestPoliciesPage(t *testing.T) {
	t.Parallel()
	introduction, err := os.ReadFile("testdata/pages/payout-policies.md")
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.NewBuffer(bytes.Clone(introduction))
	writeReasons(b)
	b.WriteString("\n## Policies that come with Mizan\n\nTrust is O for an official publication, P for press or professional, T for a third party, and A for an assumption, which is a\ncontract value that a policy of your own changes.\n")
	for _, p := range ShippedPolicies() {
		writePolicy(b, p)
	}
	if *update {
		if err := os.WriteFile(policiesPage, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if known, err := os.ReadFile(policiesPage); err != nil || !bytes.Equal(known, b.Bytes()) {
		t.Errorf("%s is not what the policies say (%v). Run: go test ./payouts -run TestPoliciesPage -update", policiesPage, err)
	}
	_, rest, _ := strings.Cut(string(introduction), "```json\n")
	example, _, _ := strings.Cut(rest, "```")
	o, err := ParseOverride([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := named(t, "us-1").With(o); err != nil {
		t.Errorf("the example cannot be used: %v", err)
	}
}

// Every field of the format has a row.
func TestPoliciesPageNamesEveryField(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("testdata/pages/payout-policies.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		prefix string
		of     reflect.Type
	}{{"", reflect.TypeFor[Policy]()}, {"", reflect.TypeFor[Terms]()}, {"", reflect.TypeFor[Method]()}, {"retry.", reflect.TypeFor[Retry]()}, {"debt.", reflect.TypeFor[Debts]()},
		{"withholding.", reflect.TypeFor[Withholding]()}, {"run_total.", reflect.TypeFor[RunTotal]()}} {
		for i := range c.of.NumField() {
			name, _, _ := strings.Cut(c.of.Field(i).Tag.Get("json"), ",")
			if !bytes.Contains(page, []byte("\n| `"+c.prefix+name+"` |")) {
				t.Errorf("there is no row for %s%s", c.prefix, name)
			}
		}
	}
	for _, way := range recoveryWays {
		if !bytes.Contains(page, []byte("`"+way+"`")) {
			t.Errorf("the recovery %s is not named", way)
		}
	}
}

// writeReasons writes the codes of decisions with their words.
func writeReasons(b *bytes.Buffer) {
	b.WriteString("\n## Why something is not paid\n\nEvery payee with a balance gets a decision in every run. One that is not paid has every reason that stands in the way, the most\n" +
		"important first, in this order. The same codes say of a payment why something stays.\n\n| reason | says |\n|---|---|\n")
	for _, w := range importance {
		fmt.Fprintf(b, "| `%s` | %s |\n", w.code, replaceAll(w.text, "{amount}", "*amount*", "{limit}", "*limit*", "{at}", "*date*"))
	}
	b.WriteString("\n| what would change it | says |\n|---|---|\n")
	for _, code := range changeOrder {
		fmt.Fprintf(b, "| `%s` | %s |\n", code, changes[code])
	}
	b.WriteString("\n| a second person must agree | because |\n|---|---|\n")
	for _, code := range []string{TwoFourEyes, TwoFirst, TwoManual} {
		fmt.Fprintf(b, "| `%s` | %s |\n", code, secondPerson[code])
	}
}

// changeOrder is the order of the page.
var changeOrder = []string{ChangeNothing, ChangeWait, ChangeEarn, ChangeRegister, ChangeVerify, ChangeGuardian, ChangeTaxForm, ChangeAdd, ChangeReplace, ChangeConfirm, ChangeName,
	ChangeDestination, ChangeMethod, ChangeEarnDebt, ChangeAskLess, ChangeAskWhole, ChangeAskParts, ChangeSupport, ChangeRelease}

func TestEveryChangeHasWords(t *testing.T) {
	t.Parallel()
	if len(changeOrder) != len(changes) {
		t.Errorf("the page has %d changes of %d", len(changeOrder), len(changes))
	}
	for _, code := range changeOrder {
		if changes[code] == "" {
			t.Errorf("%s has no words", code)
		}
	}
}

// writePolicy writes one policy's values with their sources.
func writePolicy(b *bytes.Buffer, p *Policy) {
	fmt.Fprintf(b, "\n### %s\n\n`%s`, in force from %s, in the time zone %s.\n\n| kind | is paid | on demand | minimum | methods |\n|---|---|---|---|---|\n",
		p.Title, p.Name(), p.ValidFrom.Format(time.DateOnly), p.TimeZone)
	for _, kind := range payeeKinds {
		terms := p.Kinds[kind]
		methods := make([]string, len(terms.Methods))
		for i, m := range terms.Methods {
			methods[i] = m.words(p.Currencies)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", kind, terms.Cadence.words(), yesNo(terms.OnDemand), terms.Minimum.words(p.Currencies), strings.Join(methods, "; "))
	}
	b.WriteString("\n| parameter | value | source | trust | |\n|---|---|---|---|---|\n")
	for _, row := range p.values() {
		s := p.Sources[row[0]]
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", row[0], row[1], s.ID, s.Trust, strings.ReplaceAll(s.Text, "|", `\|`))
	}
}

// values are the parameters in the order of the page; those of the kinds stand in the table above it.
func (p *Policy) values() [][2]string {
	days := make([]string, len(p.Retry.AfterDays))
	for i, d := range p.Retry.AfterDays {
		days[i] = strconv.Itoa(d)
	}
	taxes := make([]string, len(p.Withholding))
	for i, w := range p.Withholding {
		taxes[i] = fmt.Sprintf("%s of payees in %s, %s %%; without a form: %s", w.Tax, w.Country, w.Rate.Percentage(), w.NoForm)
	}
	return [][2]string{
		{"cadence", "see above"}, {"cutoff", "cut-off " + p.Cutoff + ", run " + p.Run}, {"minimum", "see above"}, {"methods", "see above"},
		{"maximum", p.Maximum.words(p.Currencies)},
		{"four_eyes", fmt.Sprintf("above %s; first payout to an account: %s; by hand: %s", p.FourEyesAbove.words(p.Currencies), yesNo(p.FirstNeedsTwo), yesNo(p.ManualNeedsTwo))},
		{"cooling_off", strconv.Itoa(p.CoolingOffHours) + " hours"}, {"name_match", p.NameMatch}, {"fee_on_return", p.FeeOnReturn},
		{"retry", "after " + strings.Join(days, ", ") + " days: " + strings.Join(p.Retry.Transient, ", ")},
		{"debt", fmt.Sprintf("perks stop above %s; payouts freeze above %s; the shop closes above %s", p.Debt.StopPerksAbove.words(p.Currencies), p.Debt.FreezeAbove.words(p.Currencies), p.Debt.CloseAbove.words(p.Currencies))},
		{"recovery_order", strings.Join(p.Debt.RecoveryOrder, ", ")}, {"write_off", "after " + strconv.Itoa(p.Debt.WriteOffDays) + " days"},
		{"withholding", strings.Join(append(taxes, []string{"none"}[min(len(taxes), 1):]...), "; ")},
		{"run_total", fmt.Sprintf("above %d times the average of %d runs", p.RunTotal.Factor, p.RunTotal.Runs)},
	}
}

func TestPageHasEveryParameter(t *testing.T) {
	t.Parallel()
	rows := named(t, "us-1").values()
	if len(rows) != len(parameters) {
		t.Fatalf("the page has %d parameters of %d", len(rows), len(parameters))
	}
	for i, row := range rows {
		if row[0] != parameters[i] {
			t.Errorf("row %d is %s and not %s", i, row[0], parameters[i])
		}
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (a Amounts) words(order []money.Currency) string {
	var texts []string
	for _, c := range order {
		if m, ok := a[c]; ok {
			texts = append(texts, string(c)+" "+m.Format(c))
		}
	}
	return strings.Join(texts, " or ")
}

func (c Cadence) words() string {
	switch c.Every {
	case CadenceWeekly:
		return "weekly on " + time.Weekday(c.Weekday%7).String()
	case CadenceMonthly:
		return "monthly on day " + strconv.Itoa(c.Day)
	}
	return c.Every
}

func (m Method) words(order []money.Currency) string {
	text := m.Method + " to " + m.Rail
	if !m.Rate.IsZero() {
		text += " " + m.Rate.Percentage() + " %"
	}
	for _, part := range []struct {
		says  string
		table Amounts
	}{{", at least ", m.Min}, {", at most ", m.Cap}, {" plus ", m.Flat}} {
		if len(part.table) > 0 {
			text += part.says + part.table.words(order)
		}
	}
	if m.Rate.IsZero() && len(m.Flat) == 0 {
		text += " free"
	}
	return text
}
