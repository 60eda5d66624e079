package main

// Scenarios: small worlds of real marketplace business, each a book with its transactions and the balances that they must
// come to. They are the demo of mizan dev and the acceptance test of the service.

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"mizan/api/client"
	"mizan/ledger/money"
)

//go:embed scenarios.json
var scenariosJSON []byte

// scenarioEvents are the acts of each scenario, in a file that is named by its key.
//
//go:embed scenarios
var scenarioEvents embed.FS

// scenario is one book's story.
type scenario struct {
	Key          string                  `json:"key"`
	Title        string                  `json:"title"`
	Transactions []client.NewTransaction `json:"transactions"`
	Expected     []expectedBalance       `json:"expected_balances"`
	// Events are the acts that stand for some of the transactions, by reference: what a checkout service would send.
	Events map[string][]scenarioAct `json:"-"`
}

// scenarioAct is an event, the settlement of an order, a release of earnings, a split of them, the publication of a campaign,
// or the registration of a payee.
type scenarioAct struct {
	Reference string          `json:"reference"`
	Type      string          `json:"type"`
	Data      json.RawMessage `json:"data"`
	Settle    string          `json:"settle"`
	// OccurredAt is when it happened; zero means when it is recorded.
	OccurredAt time.Time       `json:"occurred_at"`
	Reserve    *client.Reserve `json:"reserve"`
	Release    string          `json:"release"`
	Split      *client.Split   `json:"split"`
	Campaign   json.RawMessage `json:"campaign"`
	Payee      *client.Payee   `json:"payee"`
	// ChangePayee is the payee that PayeeChange changes.
	ChangePayee string             `json:"change_payee"`
	PayeeChange client.PayeeChange `json:"payee_change"`
	// ReleaseImported is the imported order that is released.
	ReleaseImported string `json:"release_imported"`
	// storyAct is what happens beside the events: time, payees' accounts, and what two people agree to.
	storyAct
	// Transaction is posted as it is, with the external references that the scenario leaves out.
	Transaction *client.NewTransaction `json:"transaction"`
}

// expectedBalance is what an account must hold in the end, positive on its normal side. No other account may hold
// anything.
type expectedBalance struct {
	Account    string         `json:"account"`
	Currency   money.Currency `json:"currency"`
	NormalSide string         `json:"normal_side"`
	Balance    string         `json:"balance"`
}

// loadScenarios returns the embedded scenarios in order.
func loadScenarios() ([]scenario, error) {
	var file struct {
		Scenarios []scenario `json:"scenarios"`
	}
	if err := json.Unmarshal(scenariosJSON, &file); err != nil {
		return nil, fmt.Errorf("read the scenarios: %w", err)
	}
	for i := range file.Scenarios {
		sc := &file.Scenarios[i]
		b, err := scenarioEvents.ReadFile("scenarios/" + sc.Key + ".json")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(b, &sc.Events)
		}
		if err != nil {
			return nil, fmt.Errorf("read the events of scenario %s: %w", sc.Key, err)
		}
	}
	return file.Scenarios, nil
}

// markets says where a book lives by the currency it sells in.
var markets = map[money.Currency]struct{ market, zone string }{
	"VND": {"VN", "Asia/Ho_Chi_Minh"},
	"GBP": {"UK", "Europe/London"},
	"USD": {"US", "America/New_York"},
}

// book describes the scenario's book: its code is the key in small letters, its currencies those of its entries.
func (sc scenario) book() client.NewBook {
	book := client.NewBook{Code: strings.ToLower(sc.Key), Name: sc.Title, TimeZone: "UTC"}
	for _, t := range sc.Transactions {
		for _, line := range t.Entries {
			if !slices.Contains(book.Currencies, line.Currency) {
				book.Currencies = append(book.Currencies, line.Currency)
			}
			if line.Account == "expenses:fx_gain_loss" { // gains and losses of exchange are of the currency it reports in
				book.FunctionalCurrency = line.Currency
			}
		}
	}
	if m, ok := markets[book.Currencies[0]]; ok {
		book.Market, book.TimeZone = m.market, m.zone
	}
	return book
}

// seeded says what posting a scenario came to.
type seeded struct {
	book client.NewBook
	// posted counts what was recorded now, replayed what had been before.
	posted, replayed int
	// acted says that an event of the scenario was recorded, or found.
	acted bool
	// last is the sequence of the scenario's last transaction.
	last int64
	// before says that the book was told as a story, by somebody else, and is not looked at.
	before bool
	// wrong lists balances that are not as expected; empty is good.
	wrong []string
}

// told reports whether the scenario is a story, which needs a clock that can be moved.
func (sc scenario) told() bool {
	for _, acts := range sc.Events {
		if slices.ContainsFunc(acts, func(a scenarioAct) bool { return a.storyAct.says() }) {
			return true
		}
	}
	return false
}

// begins is when a story begins; zero of a scenario that is none.
func (sc scenario) begins() (first time.Time) {
	for _, acts := range sc.Events {
		for _, a := range acts {
			for _, at := range []time.Time{a.At, a.Until, a.Leap} {
				if !at.IsZero() && (first.IsZero() || at.Before(first)) {
					first = at
				}
			}
		}
	}
	return first
}

// seed posts a scenario through the API and compares the balances after its last transaction. Without somebody who tells
// stories, a scenario that is one is posted as the transactions that it comes to.
func (sc scenario) seed(ctx context.Context, remote *client.Client, tell *story) (done seeded, err error) {
	done.book = sc.book()
	if tell != nil && sc.told() {
		return sc.tell(ctx, tell)
	}
	_, err = remote.CreateBook(ctx, done.book)
	if p := (*client.Problem)(nil); errors.As(err, &p) && p.Code == "book-exists" && done.book.FunctionalCurrency != "" {
		// The book is from a version of Mizan that let the first currency be the functional one.
		first := done.book
		first.FunctionalCurrency = ""
		_, err = remote.CreateBook(ctx, first)
	}
	if err != nil {
		return done, fmt.Errorf("create book %s: %w", done.book.Code, err)
	}
	if done.before, err = sc.toldIn(ctx, remote); err != nil || done.before {
		return done, err
	}
	told := sc.told()
	if told {
		sc.Events = nil
	}
	err = sc.act(ctx, remote, nil, &done)
	if p := (*client.Problem)(nil); errors.As(err, &p) && p.Code == "reference-reused" && !done.acted {
		// The book is from a version of Mizan that posted the scenario as transactions; they say the same.
		done = seeded{book: done.book}
		err = done.post(ctx, remote, sc.Transactions)
	}
	if p := (*client.Problem)(nil); errors.As(err, &p) && p.Code == "reference-reused" && told {
		// The book is from a version of Mizan that posted some of it as events and the payouts as transactions. It is as it is.
		return seeded{book: done.book, before: true}, nil
	}
	if err != nil {
		return done, err
	}
	return done, sc.check(ctx, remote, &done)
}

// toldIn reports whether the book has the scenario as a story: something was posted, but not what only a story leaves out.
func (sc scenario) toldIn(ctx context.Context, remote *client.Client) (bool, error) {
	code := sc.book().Code
	tb, err := remote.TrialBalance(ctx, code, "")
	if err != nil || tb.AtSequence == 0 || !sc.told() {
		return false, err
	}
	for _, t := range sc.Transactions {
		acts, ok := sc.Events[t.Reference]
		if !ok || slices.ContainsFunc(acts, func(a scenarioAct) bool { return a.Reference == t.Reference }) {
			continue
		}
		list, err := remote.ByReference(ctx, code, t.Reference)
		return len(list) == 0, err
	}
	return false, nil
}

// tell tells a scenario that is a story, unless it was told before.
func (sc scenario) tell(ctx context.Context, g *story) (done seeded, err error) {
	done.book = sc.book()
	if last, ok := g.kept.Ended[sc.Key]; ok {
		done.last, done.replayed = last, int(last)
		return done, sc.check(ctx, g.remote, &done)
	}
	if _, err := g.remote.CreateBook(ctx, done.book); err != nil {
		return done, fmt.Errorf("create book %s: %w", done.book.Code, err)
	}
	if err := sc.act(ctx, g.remote, g, &done); err != nil {
		return done, err
	}
	if done.last, err = g.head(ctx, done.book.Code); err != nil {
		return done, err
	}
	done.posted, done.replayed = int(done.last), 0
	return done, errors.Join(sc.check(ctx, g.remote, &done), g.ended(sc.Key, done.last))
}

// check compares the balances after the scenario's last transaction with those expected.
func (sc scenario) check(ctx context.Context, remote *client.Client, done *seeded) error {
	held := map[string]string{}
	for b, err := range remote.Balances(ctx, done.book.Code, client.BalanceQuery{AtSequence: done.last}) {
		if err != nil {
			return fmt.Errorf("read the balances of book %s: %w", done.book.Code, err)
		}
		held[b.Account+" "+string(b.Currency)+" "+b.NormalSide] = b.Balance
	}
	done.wrong = sc.compare(held)
	return nil
}

// act posts the scenario in order: as events where it has them, otherwise as transactions.
func (sc scenario) act(ctx context.Context, remote *client.Client, tell *story, done *seeded) error {
	var waiting []client.NewTransaction
	for _, t := range sc.Transactions {
		acts, ok := sc.Events[t.Reference]
		if !ok {
			waiting = append(waiting, t)
			continue
		}
		if err := done.post(ctx, remote, waiting); err != nil {
			return err
		}
		waiting = nil
		for _, a := range acts {
			if err := a.setUp(ctx, remote, done.book.Code); err != nil {
				return fmt.Errorf("set up %s: %w", done.book.Code, err)
			}
			if a.storyAct.says() {
				if err := tell.tellIn(ctx, done.book.Code, a.storyAct); err != nil {
					return fmt.Errorf("tell %s of book %s: %w", t.Reference, done.book.Code, err)
				}
				continue
			}
			if a.Reference == "" && a.Campaign == nil { // that was all of it
				continue
			}
			if tell != nil && len(a.Data) > 0 {
				a.Data = tell.filled(done.book.Code, a.Data)
			}
			recorded, err := a.post(ctx, remote, done.book.Code)
			if err != nil {
				return fmt.Errorf("post %s into book %s: %w", a.Reference, done.book.Code, err)
			}
			done.count(recorded.Replayed)
			done.acted = done.acted || a.Campaign == nil
			for _, t := range recorded.Transactions {
				done.last = max(done.last, t.Sequence)
			}
		}
	}
	return done.post(ctx, remote, waiting)
}

// setUp registers or changes the payee that an act names.
func (a scenarioAct) setUp(ctx context.Context, remote *client.Client, book string) (err error) {
	switch {
	case a.Payee != nil:
		_, err = remote.RegisterPayee(ctx, book, *a.Payee)
	case a.ChangePayee != "":
		_, err = remote.ChangePayee(ctx, book, a.ChangePayee, a.PayeeChange)
	}
	return err
}

func (a scenarioAct) post(ctx context.Context, remote *client.Client, book string) (client.Event, error) {
	if a.Settle != "" {
		return remote.SettleOrder(ctx, book, a.Settle, client.Settlement{Reference: a.Reference, Reserve: a.Reserve})
	}
	if a.Release != "" {
		return remote.ReleaseEarnings(ctx, book, client.Release{Reference: a.Reference, Source: a.Release})
	}
	if a.Split != nil {
		split := *a.Split
		split.Reference = a.Reference
		return remote.SplitEarnings(ctx, book, split)
	}
	if a.Campaign != nil {
		return remote.PublishCampaign(ctx, book, a.Campaign)
	}
	if a.ReleaseImported != "" {
		return remote.ReleaseImported(ctx, book, a.ReleaseImported, a.Reference)
	}
	if a.Transaction != nil {
		t, err := remote.Post(ctx, book, *a.Transaction)
		return client.Event{Reference: t.Reference, Type: t.Event, Transactions: []client.Transaction{t}, Replayed: t.Replayed}, err
	}
	return remote.PostEvent(ctx, book, client.NewEvent{Type: a.Type, Reference: a.Reference, OccurredAt: a.OccurredAt, Data: a.Data})
}

// post posts transactions as a batch.
func (done *seeded) post(ctx context.Context, remote *client.Client, ts []client.NewTransaction) error {
	if len(ts) == 0 {
		return nil
	}
	results, err := remote.PostBatch(ctx, done.book.Code, ts)
	if err != nil {
		return fmt.Errorf("post into book %s: %w", done.book.Code, err)
	}
	for i, r := range results {
		if r.Problem != nil {
			return fmt.Errorf("post %s into book %s: %w", ts[i].Reference, done.book.Code, r.Problem)
		}
		done.count(r.Transaction.Replayed)
		done.last = max(done.last, r.Transaction.Sequence)
	}
	return nil
}

func (done *seeded) count(replayed bool) {
	if replayed {
		done.replayed++
	} else {
		done.posted++
	}
}

// compare returns what differs between the expected balances and those held, by "address currency side". Where events add
// an owner to an address, what is held below the expected address is summed (errata W-21).
func (sc scenario) compare(held map[string]string) (wrong []string) {
	sums := map[string]money.Minor{}
	for key, balance := range held {
		address, rest, _ := strings.Cut(key, " ")
		for _, e := range sc.Expected {
			if strings.HasPrefix(address, e.Account+":") {
				address = e.Account
			}
		}
		currency, _, _ := strings.Cut(rest, " ")
		text, negative := strings.CutPrefix(balance, "-")
		amount, err := money.ParseAmount(text, money.Currency(currency))
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %q is no amount", key, balance))
			continue
		}
		if negative {
			amount = -amount
		}
		sums[address+" "+rest] += amount
	}
	expected := map[string]bool{}
	for _, e := range sc.Expected {
		key := e.Account + " " + string(e.Currency) + " " + e.NormalSide
		expected[key] = true
		if got, ok := sums[key]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s: expected %s, but there is no such account", key, e.Balance))
		} else if got.Format(e.Currency) != e.Balance {
			wrong = append(wrong, fmt.Sprintf("%s: expected %s, holds %s", key, e.Balance, got.Format(e.Currency)))
		}
	}
	for key, sum := range sums {
		_, rest, _ := strings.Cut(key, " ")
		currency, _, _ := strings.Cut(rest, " ")
		if !expected[key] && sum != 0 {
			wrong = append(wrong, fmt.Sprintf("%s: expected nothing, holds %s", key, sum.Format(money.Currency(currency))))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// seedScenarios posts all of them: first the stories, whose clock stands, and then the others.
func seedScenarios(ctx context.Context, remote *client.Client, tell *story, month bool, scenarios []scenario) (results []seeded, end *payday, week *reconWeek, err error) {
	results = make([]seeded, len(scenarios))
	order := make([]int, len(scenarios))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return scenarios[a].begins().Compare(scenarios[b].begins()) })
	if tell != nil && month {
		if week, err = tell.reconWeek(ctx); err != nil {
			return nil, nil, nil, err
		}
	}
	for _, told := range []bool{true, false} {
		for _, i := range order {
			sc := scenarios[i]
			if sc.told() != told {
				continue
			}
			if results[i], err = sc.seed(ctx, remote, tell); err != nil {
				return nil, nil, nil, err
			}
		}
		if told && tell != nil {
			if month {
				if end, err = tell.payday(ctx); err != nil {
					return nil, nil, nil, err
				}
			}
			if err := tell.over(ctx); err != nil {
				return nil, nil, nil, err
			}
		}
	}
	return results, end, week, nil
}

// errUnexpected is what a seeding ends with when books hold something else than they must.
var errUnexpected = errors.New("balances are not as expected; see above")

// seedAll posts every scenario, and tells the month of payouts if it is wanted, and prints each trial balance. It returns errUnexpected after all were posted.
func seedAll(ctx context.Context, remote *client.Client, tell *story, month bool, out io.Writer) error {
	scenarios, err := loadScenarios()
	if err != nil {
		return err
	}
	results, told, week, err := seedScenarios(ctx, remote, tell, month, scenarios)
	if err != nil {
		return err
	}
	checked, wrong := 0, 0
	for i, sc := range scenarios {
		done := results[i]
		if done.before {
			fmt.Fprintf(out, "\nBook %s: %s\n  It was told as a story before, with payouts by the clock.\n", done.book.Code, sc.Title)
			continue
		}
		tb, err := remote.TrialBalance(ctx, done.book.Code, "")
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\nBook %s: %s\n", done.book.Code, sc.Title)
		if err := printTrialBalance(out, tb); err != nil {
			return err
		}
		if err := checkTotals(tb); err != nil {
			return err
		}
		fmt.Fprintf(out, "  %d transactions posted, %d were there before; %d of %d balances as expected after transaction %d\n",
			done.posted, done.replayed, len(sc.Expected)-min(len(sc.Expected), len(done.wrong)), len(sc.Expected), done.last)
		for _, line := range done.wrong {
			fmt.Fprintln(out, "  WRONG", line)
		}
		checked, wrong = checked+len(sc.Expected), wrong+len(done.wrong)
	}
	if told != nil {
		told.write(out)
	}
	if week != nil {
		week.write(out)
	}
	fmt.Fprintf(out, "\n%d books, %d balances checked, %d not as expected.\n", len(scenarios), checked, wrong)
	if wrong > 0 {
		return errUnexpected
	}
	return nil
}
