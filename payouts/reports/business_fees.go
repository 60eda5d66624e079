package reports

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
)

// What the platform earned: revenue by account, by the rule that it comes from, and by the version of the rules.

type feeKey struct {
	period   ledger.Period
	account  ledger.Address
	currency money.Currency
	rule     string
	version  string
}

type feeSums struct {
	count             int64
	base              money.Minor
	charged, returned money.Minor
}

func fees() Report {
	return Report{Name: "fees", Title: "Platform fees", Schema: 1,
		Meaning: "For each month, revenue account and currency, what was charged and what was given back, by the rule it comes from and the version of the rules that the order is frozen to, " +
			"as the explanations of the transactions say. All rows of an account together are its turnover. What no rule explains, such as what was posted by hand, is in a row without a rule; " +
			"rules that only together come to what was posted are named together with plus signs. A version is known of orders only. The base is that of charges whose rule had come to nothing " +
			"before; of changes, such as refunds, it is not told. With detail account nothing is explained, which is far faster.",
		Parameters: append(monthParameters(), Parameter{Name: "detail", Kind: OfChoice, Choices: []string{"rule", "account"}, Meaning: "whether amounts are told by rule, which is so if nothing is said, or by account only"}),
		Columns: []tabular.Column{textColumn("period", "Period"), textColumn("account", "Account"), textColumn("rule", "Rule"), textColumn("rule_set", "Version of the rules"),
			textColumn("currency", "Currency"), numberColumn("count", "Transactions"), sumColumn("base", "Base"), sumColumn("charged", "Charged"), sumColumn("returned", "Given back"), sumColumn("amount", "Amount")},
		check: monthsChecked,
		rows:  func(ctx context.Context, q *Query, yield func(tabular.Row) error) error { return q.fees(ctx, yield) },
	}
}

// feesPage is how many transactions are explained together.
const feesPage = 200

func (q *Query) fees(ctx context.Context, yield func(tabular.Row) error) error {
	sums := map[feeKey]*feeSums{}
	page := make([][]fact, 0, feesPage)
	flush := func() error {
		err := q.addFeesOf(ctx, sums, page)
		page = page[:0]
		return err
	}
	err := q.each(ctx, walk{from: q.Period("from"), to: q.Period("to"), rows: [2]int{4000, 4999}}, func(facts []fact) error {
		if page = append(page, slices.Clone(facts)); len(page) < feesPage {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return err
	}
	order := slices.SortedFunc(maps.Keys(sums), func(a, b feeKey) int {
		return cmp.Or(cmp.Compare(a.period, b.period), cmp.Compare(a.account, b.account), cmp.Compare(a.currency, b.currency), cmp.Compare(a.rule, b.rule), cmp.Compare(a.version, b.version))
	})
	for _, k := range order {
		s := sums[k]
		m := func(a money.Minor) tabular.Value { return tabular.Money(a, k.currency) }
		base := m(s.base)
		if s.base == 0 {
			base = tabular.Empty()
		}
		if err := yield(tabular.Row{periodValue(k.period), tabular.Text(string(k.account)), tabular.Text(k.rule), tabular.Text(k.version), tabular.Text(string(k.currency)),
			tabular.Int(s.count), base, m(s.charged), m(s.returned), m(s.charged - s.returned)}); err != nil {
			return err
		}
	}
	return nil
}

// addFeesOf adds what transactions have on revenue accounts.
func (q *Query) addFeesOf(ctx context.Context, sums map[feeKey]*feeSums, page [][]fact) error {
	var why map[int64]*commerce.Explanation
	if q.Text("detail") != "account" && len(page) > 0 {
		origins := make([]int64, len(page))
		for i, facts := range page {
			origins[i] = facts[0].Origin
		}
		slices.Sort(origins)
		var err error
		if why, err = q.s.events.ExplainAll(ctx, q.Book, slices.Compact(origins)); err != nil {
			return err
		}
	}
	for _, facts := range page {
		x, sign := why[facts[0].Origin], money.Minor(1)
		if x != nil && facts[0].Mirror { // it has the reasons of what it mirrors
			sign = -1
		}
		for len(facts) > 0 {
			first := facts[0]
			var of []fact
			of, facts = apart(facts, func(f *fact) bool { return f.Account == first.Account && f.Currency == first.Currency })
			addFees(sums, of, x, sign)
		}
	}
	return nil
}

// apart parts facts into those that are meant and the others.
func apart(facts []fact, meant func(*fact) bool) (these, others []fact) {
	for i := range facts {
		if meant(&facts[i]) {
			these = append(these, facts[i])
		} else {
			others = append(others, facts[i])
		}
	}
	return these, others
}

// addFees adds what one transaction has on one revenue account. sign is -1 if the explanation is that of a transaction which this one mirrors.
func addFees(sums map[feeKey]*feeSums, facts []fact, x *commerce.Explanation, sign money.Minor) {
	f := &facts[0]
	k := feeKey{period: f.Period, account: f.Account, currency: f.Currency}
	var charged, returned money.Minor
	for i := range facts {
		charged, returned = charged+max(-facts[i].Amount, 0), returned+max(facts[i].Amount, 0)
	}
	var parts []feePart
	if x != nil && x.Currency == string(f.Currency) {
		k.version = x.RuleSet
		parts = feeParts(x, f.Account, f.Currency, sign)
	}
	add := func(rule string, base, charged, returned money.Minor) {
		k.rule = rule
		s := sums[k]
		if s == nil {
			s = &feeSums{}
			sums[k] = s
		}
		s.count, s.base, s.charged, s.returned = s.count+1, s.base+base, s.charged+charged, s.returned+returned
	}
	var together money.Minor
	names := make([]string, len(parts))
	for i, p := range parts {
		together += p.amount
		names[i] = p.rule
	}
	switch {
	case len(parts) == 0:
		k.version = ""
		add("", 0, charged, returned)
	case len(parts) == 1:
		add(parts[0].rule, parts[0].base, charged, returned)
	case together == charged-returned:
		for _, p := range parts {
			add(p.rule, p.base, max(p.amount, 0), max(-p.amount, 0))
		}
	default:
		add(strings.Join(names, "+"), 0, charged, returned)
	}
}

// feePart is what one rule changed on a revenue account, and the base if the rule had come to nothing before.
type feePart struct {
	rule         string
	amount, base money.Minor
}

// feeParts reads an explanation: the rules that changed what they give to the account, in order of their names.
func feeParts(x *commerce.Explanation, account ledger.Address, c money.Currency, sign money.Minor) []feePart {
	found := map[string]*feePart{}
	for i := range x.Steps {
		st := &x.Steps[i]
		after, ok1 := amountIn(st.Amount, c)
		before, ok2 := amountIn(st.Before, c)
		if st.Receiver != string(account) || !ok1 || !ok2 || after == before {
			continue
		}
		p := found[st.Rule]
		if p == nil {
			p = &feePart{rule: st.Rule}
			found[st.Rule] = p
		}
		p.amount += sign * (after - before)
		if base, ok := amountIn(st.Total, c); ok && before == 0 && sign > 0 {
			p.base += base
		}
		if tax, ok := amountIn(st.Tax, c); ok && before == 0 && st.TaxMode == "inclusive" { // it is on another account
			p.amount -= sign * tax
		}
	}
	parts := make([]feePart, 0, len(found))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		parts = append(parts, *found[name])
	}
	return parts
}

// amountIn reads an amount as it was written with its sign.
func amountIn(text string, c money.Currency) (money.Minor, bool) {
	digits, negative := strings.CutPrefix(text, "-")
	m, err := money.ParseAmount(digits, c)
	if err != nil {
		return 0, false
	}
	if negative {
		m = -m
	}
	return m, true
}
