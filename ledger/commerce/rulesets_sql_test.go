package commerce

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"
)

// The rule sets of books on a real database: what may be added, what is in force when, and that nothing changes.

// handClock is a clock that is moved by hand.
type handClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *handClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *handClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// rulesDesk is a database with books of several markets and a clock.
type rulesDesk struct {
	db     *pgtest.DB
	clock  *handClock
	ledger *ledger.Ledger
	sets   *RuleSets
}

func newRulesDesk(t *testing.T) *rulesDesk {
	t.Helper()
	db, clock := pgtest.New(t), &handClock{at: testNow}
	l := ledger.New(db.Pool, ledger.Options{Now: clock.now})
	t.Cleanup(func() { l.Close(t.Context()) })
	return &rulesDesk{db: db, clock: clock, ledger: l, sets: NewRuleSets(db.Pool, clock.now)}
}

func (d *rulesDesk) book(t *testing.T, code, market string) ledger.Book {
	t.Helper()
	b, _, err := d.ledger.CreateBook(t.Context(), ledger.NewBook{Code: code, Name: code, Currencies: []money.Currency{"GBP"}, TimeZone: "UTC", Market: market})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ownRules is a document of the sample with another name, version, market and beginning.
func ownRules(t testing.TB, name string, version int, market string, from time.Time) []byte {
	t.Helper()
	return changed(t, `"mine"`, `"`+name+`"`, `"version": 1`, fmt.Sprintf(`"version": %d`, version), `"market": "UK"`, `"market": "`+market+`"`,
		`2030-01-01T00:00:00Z`, from.UTC().Format(time.RFC3339Nano))
}

func (d *rulesDesk) add(t *testing.T, book ledger.Book, content []byte) *RuleSet {
	t.Helper()
	set, created, err := d.sets.Add(t.Context(), tester, book, content)
	if err != nil || !created {
		t.Fatalf("created %v: %v %+v", created, err, fieldsOf(err))
	}
	return set
}

// TestDraftsLeaveTheMemory: judging a draft never sends postings back to the database, also where what it reads may be rolled back.
func TestDraftsLeaveTheMemory(t *testing.T) {
	t.Parallel()
	d := newRulesDesk(t)
	uk := d.book(t, "uk", "UK")
	if _, err := d.sets.rules(t.Context(), uk); err != nil {
		t.Fatal(err)
	}
	err := d.sets.pool.Tx(t.Context(), func(tx pgx.Tx) error {
		_, err := d.sets.Judge(postgres.Within(t.Context(), tx), uk, ownRules(t, "mine", 1, "UK", testNow.Add(24*time.Hour)))
		return err
	})
	if known := d.sets.read[uk.ID]; err != nil || known.at.IsZero() {
		t.Errorf("the memory was cleared: %v, %v", known, err)
	}
}

func TestRuleSetIsAddedOnce(t *testing.T) {
	t.Parallel()
	d := newRulesDesk(t)
	uk := d.book(t, "uk", "UK")
	from := testNow.Add(24 * time.Hour)
	content := ownRules(t, "mine", 1, "UK", from)
	if set := d.add(t, uk, content); set.ID() != "mine-1" {
		t.Errorf("got %s", set.ID())
	}
	set, created, err := d.sets.Add(t.Context(), tester, uk, content)
	if err != nil || created || set.ID() != "mine-1" {
		t.Errorf("the same again: %v %v %v", set, created, err)
	}
	// The same again is found even when it could not be added any more.
	d.clock.advance(48 * time.Hour)
	if _, created, err := d.sets.Add(t.Context(), tester, uk, content); err != nil || created {
		t.Errorf("the same much later: %v %v", created, err)
	}
	if _, _, err := d.sets.Add(t.Context(), tester, uk, append(bytes.Clone(content), '\n')); !errors.Is(err, ErrRuleSetExists) {
		t.Errorf("other bytes: %v", err)
	}
	var kept []byte
	if err := d.db.Pool.QueryRow(t.Context(), `SELECT content FROM rule_sets WHERE set_name = 'mine'`).Scan(&kept); err != nil || !bytes.Equal(kept, content) {
		t.Errorf("it is not kept byte for byte: %v", err)
	}
}

func TestRuleSetsThatAreRefused(t *testing.T) {
	t.Parallel()
	d := newRulesDesk(t)
	uk := d.book(t, "uk", "UK")
	from := testNow.Add(time.Hour)
	for _, c := range []struct {
		name    string
		content []byte
		want    error
	}{
		{"another market", ownRules(t, "mine", 1, "VN", from), ErrRuleSetMarket},
		{"a shipped name", ownRules(t, "uk", 2, "UK", from), ErrRuleSetExists},
		{"the past", ownRules(t, "mine", 1, "UK", testNow.Add(-time.Hour)), ErrRuleSetPast},
		{"now", ownRules(t, "mine", 1, "UK", testNow), ErrRuleSetPast},
		{"too soon", ownRules(t, "mine", 1, "UK", testNow.Add(minLead-time.Microsecond)), ErrRuleSetPast},
		{"broken", []byte(`{}`), ErrRuleSetInvalid},
		{"a name that a release may take", ownRules(t, "xx", 1, "UK", from), ErrRuleSetExists},
	} {
		if _, created, err := d.sets.Add(t.Context(), tester, uk, c.content); !errors.Is(err, c.want) || created {
			t.Errorf("%s: %v %v", c.name, created, err)
		}
	}
	d.add(t, uk, ownRules(t, "mine", 1, "UK", testNow.Add(minLead)))
}

func TestRuleSetsAreFull(t *testing.T) {
	t.Parallel()
	d := newRulesDesk(t)
	d.sets.most = 2
	uk, other := d.book(t, "uk", "UK"), d.book(t, "uk2", "UK")
	from := testNow.Add(time.Hour)
	for v := 1; v <= 2; v++ {
		d.add(t, uk, ownRules(t, "mine", v, "UK", from))
	}
	if _, _, err := d.sets.Add(t.Context(), tester, uk, ownRules(t, "mine", 3, "UK", from)); !errors.Is(err, ErrRuleSetsFull) {
		t.Errorf("one too many: %v", err)
	}
	if _, created, err := d.sets.Add(t.Context(), tester, uk, ownRules(t, "mine", 2, "UK", from)); err != nil || created {
		t.Errorf("one that is there: %v %v", created, err)
	}
	d.add(t, other, ownRules(t, "mine", 1, "UK", from))
}

// Two services give a book the same version at once: one content wins, and the loser is told.
func TestRuleSetsAddedAtOnce(t *testing.T) {
	t.Parallel()
	d := newRulesDesk(t)
	uk := d.book(t, "uk", "UK")
	from := testNow.Add(time.Hour)
	same, other := ownRules(t, "mine", 1, "UK", from), ownRules(t, "mine", 1, "UK", from.Add(time.Hour))
	type outcome struct {
		created bool
		err     error
	}
	const each = 4
	outcomes := make([]outcome, 2*each)
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range outcomes {
		all.Go(func() {
			content := same
			if i >= each {
				content = other
			}
			<-start
			_, outcomes[i].created, outcomes[i].err = NewRuleSets(d.db.Pool, d.clock.now).Add(t.Context(), tester, uk, content)
		})
	}
	close(start)
	all.Wait()
	created, refused := 0, 0
	for _, o := range outcomes {
		switch {
		case o.created && o.err == nil:
			created++
		case errors.Is(o.err, ErrRuleSetExists):
			refused++
		case o.err != nil:
			t.Error(o.err)
		}
	}
	if created != 1 || refused != each {
		t.Errorf("%d created, %d refused", created, refused)
	}
}

// N19: a change applies from its first instant on, and not a microsecond earlier.
func TestRulesAtTheBoundary(t *testing.T) {
	t.Parallel()
	d := newRulesDesk(t)
	uk := d.book(t, "uk", "UK")
	from := testNow.Add(24 * time.Hour)
	d.add(t, uk, ownRules(t, "mine", 1, "UK", from))
	d.add(t, uk, ownRules(t, "mine", 2, "UK", from.Add(time.Second)))
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{from.Add(-time.Microsecond), "uk-1"}, {from, "mine-1"}, {from.Add(time.Second - time.Microsecond), "mine-1"}, {from.Add(time.Second), "mine-2"},
		{from.In(time.FixedZone("", 7*3600)), "mine-1"}, {from.AddDate(500, 0, 0), "mine-2"},
		{time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), "uk-1"},
	} {
		if set, err := d.sets.InForce(t.Context(), uk, c.at); err != nil || set.ID() != c.want {
			t.Errorf("at %s: %v, want %s (%v)", c.at, set, c.want, err)
		}
	}
	if _, err := d.sets.InForce(t.Context(), uk, time.Date(2019, 12, 31, 23, 59, 59, 999_999_000, time.UTC)); !errors.Is(err, ErrRulesMissing) {
		t.Errorf("before the first: %v", err)
	}
}

// A sale placed a microsecond before a change has the old commission, and one placed at its instant the new one (N19).
func TestSaleAtTheBoundary(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	w.useRules(t, changed(t, `2030-01-01T00:00:00Z`, `2026-11-20T10:00:00Z`, `"flat": {"GBP": "0.30"}, `, ``))
	sale := func(id, placed string) string {
		return fmt.Sprintf(`{"order":"%s","capture":1,"currency":"GBP","placed_at":"%s","seller":"sel_uk",
"lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"100.00"}],"payments":[{"processor":"main","payment_id":"pi_%[1]s","amount":"100.00"}]}`, id, placed)
	}
	wantEntries(t, "before", w.post(t, "order.captured", "A", sale("A", "2026-11-20T09:59:59.999999Z")), "Dr assets:processor:pending:main 100.00",
		"Cr liabilities:seller:pending:sel_uk 91.00", "Cr revenue:referral_fee 7.50", "Cr liabilities:tax:vat:UK:on-fees 1.50")
	wantEntries(t, "at", w.post(t, "order.captured", "B", sale("B", "2026-11-20T10:00:00Z")), "Dr assets:processor:pending:main 100.00",
		"Cr liabilities:seller:pending:sel_uk 93.00", "Cr revenue:referral_fee 5.00", "Cr liabilities:tax:vat:UK:on-fees 1.00", "Cr liabilities:tax:withholding:UK:pit 1.00")
}

func TestOwnRulesComeBeforeShipped(t *testing.T) {
	t.Parallel()
	d := newRulesDesk(t)
	uk, vn := d.book(t, "uk", "UK"), d.book(t, "vn", "VN")
	d.clock.at = time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)
	first := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) // when the shipped ones begin
	d.add(t, uk, ownRules(t, "mine", 1, "UK", first))
	for book, want := range map[string]string{"uk": "mine-1", "vn": "vn-1"} {
		b := map[string]ledger.Book{"uk": uk, "vn": vn}[book]
		if set, err := d.sets.InForce(t.Context(), b, first); err != nil || set.ID() != want {
			t.Errorf("%s: %v %v", book, set, err)
		}
	}
	// A shipped set that begins later does not take the place of the book's own.
	us := d.book(t, "us", "US")
	d.add(t, us, ownRules(t, "mine", 1, "US", first.AddDate(0, -6, 0)))
	if set, err := d.sets.InForce(t.Context(), us, first.AddDate(1, 0, 0)); err != nil || set.ID() != "mine-1" {
		t.Errorf("after a shipped one began: %v %v", set, err)
	}
	// The sets of another book are not found.
	if _, err := d.sets.ByID(t.Context(), vn, "mine-1"); !errors.Is(err, ErrRuleSetUnknown) {
		t.Errorf("another book's: %v", err)
	}
	for _, id := range []string{"mine-1", "uk-1"} {
		if set, err := d.sets.ByID(t.Context(), uk, id); err != nil || set.ID() != id {
			t.Errorf("%s: %v", id, err)
		}
	}
	list, err := d.sets.List(t.Context(), uk)
	if err != nil || len(list) != 2 || list[0].ID() != "uk-1" || list[1].ID() != "mine-1" {
		t.Errorf("list %v %v", list, err)
	}
}

func TestUnresearchedMarketsRefuse(t *testing.T) {
	t.Parallel()
	d := newRulesDesk(t)
	from := testNow.Add(time.Hour)
	for _, market := range []string{"TH", "PH"} {
		book := d.book(t, strings.ToLower(market), market)
		if _, err := d.sets.InForce(t.Context(), book, testNow); !errors.Is(err, ErrRulesUnsigned) {
			t.Errorf("%s: %v", market, err)
		}
		content := bytes.Replace(ownRules(t, "mine", 1, market, from), []byte(`"researched": true`), []byte(`"researched": false`), 1)
		d.add(t, book, content)
		if set, err := d.sets.InForce(t.Context(), book, from); err != nil || set.ID() != "mine-1" {
			t.Errorf("%s, signed: %v %v", market, set, err)
		}
		if _, err := d.sets.InForce(t.Context(), book, from.Add(-time.Microsecond)); !errors.Is(err, ErrRulesUnsigned) {
			t.Errorf("%s, before the signed one: %v", market, err)
		}
		signature := `"signature": {"by": "Example Person, CFO", "at": "2029-12-01T09:00:00Z", "document": "DOC-7"},`
		unsigned := bytes.Replace(content, []byte(signature), nil, 1)
		later := bytes.Replace(bytes.Replace(unsigned, []byte(`"version": 1`), []byte(`"version": 2`), 1),
			[]byte(from.Format(time.RFC3339Nano)), []byte(from.Add(time.Hour).Format(time.RFC3339Nano)), 1)
		if _, _, err := d.sets.Add(t.Context(), tester, book, later); !errors.Is(err, ErrRuleSetInvalid) {
			t.Errorf("%s, an unsigned one: %v", market, err)
		}
		if set, err := d.sets.InForce(t.Context(), book, from.Add(time.Hour)); err != nil || set.ID() != "mine-1" {
			t.Errorf("%s, after an unsigned one was refused: %v %v", market, set, err)
		}
	}
	for _, market := range []string{"", "FR"} {
		book := d.book(t, "none"+strings.ToLower(market), market)
		if _, err := d.sets.InForce(t.Context(), book, testNow); !errors.Is(err, ErrRulesMissing) {
			t.Errorf("market %q: %v", market, err)
		}
	}
}

// What one replica was given, another knows before it takes effect: it reads again after maxAge, and minLead is longer.
func TestAnotherReplicaSeesTheSet(t *testing.T) {
	t.Parallel()
	d := newRulesDesk(t)
	uk := d.book(t, "uk", "UK")
	other := NewRuleSets(d.db.Pool, d.clock.now)
	from := testNow.Add(minLead)
	inForce := func() string {
		set, err := other.InForce(t.Context(), uk, from)
		if err != nil {
			t.Fatal(err)
		}
		return set.ID()
	}
	if got := inForce(); got != "uk-1" {
		t.Fatalf("at first %s", got)
	}
	d.add(t, uk, ownRules(t, "mine", 1, "UK", from))
	d.clock.advance(maxAge - time.Microsecond)
	if got := inForce(); got != "uk-1" {
		t.Errorf("it does not remember: %s", got)
	}
	if set, err := other.ByID(t.Context(), uk, "mine-1"); err != nil || set.ID() != "mine-1" {
		t.Errorf("an order's own set is found at once: %v", err)
	}
	third := NewRuleSets(d.db.Pool, d.clock.now)
	if _, err := third.InForce(t.Context(), uk, from); err != nil {
		t.Fatal(err)
	}
	d.add(t, uk, ownRules(t, "mine", 2, "UK", from.Add(maxAge)))
	d.clock.advance(maxAge)
	if set, err := third.InForce(t.Context(), uk, from.Add(maxAge)); err != nil || set.ID() != "mine-2" {
		t.Errorf("after maxAge: %v %v", set, err)
	}
	if maxAge*2 > minLead {
		t.Error("a set could be in force before every replica knows it")
	}
	// A clock that was set back does not keep old knowledge alive.
	d.clock.advance(-2 * maxAge)
	d.add(t, uk, ownRules(t, "mine", 3, "UK", from.Add(2*maxAge)))
	if set, err := third.InForce(t.Context(), uk, from.Add(2*maxAge)); err != nil || set.ID() != "mine-3" {
		t.Errorf("after the clock went back: %v %v", set, err)
	}
}

// A set that was read once is not read again: with a thousand of them that would take longer than a sale may.
func TestRuleSetsAreReadOnce(t *testing.T) {
	t.Parallel()
	d := newRulesDesk(t)
	uk, from := d.book(t, "uk", "UK"), testNow.Add(time.Hour)
	d.add(t, uk, ownRules(t, "mine", 1, "UK", from))
	inForce := func() *RuleSet {
		set, err := d.sets.InForce(t.Context(), uk, from)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	first := inForce()
	for name, happens := range map[string]func() error{
		"time":           func() error { d.clock.advance(maxAge); return nil },
		"a list":         func() error { _, err := d.sets.List(t.Context(), uk); return err },
		"an addition":    func() error { d.add(t, uk, ownRules(t, "mine", 2, "UK", from.Add(time.Hour))); return nil },
		"an unknown set": func() error { _, err := d.sets.ByID(t.Context(), uk, "mine-9"); return ignoreUnknown(err) },
	} {
		if err := happens(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if inForce() != first {
			t.Errorf("after %s it was read again", name)
		}
	}
	if set, err := d.sets.InForce(t.Context(), uk, from.Add(time.Hour)); err != nil || set.ID() != "mine-2" {
		t.Errorf("the new set: %v %v", set, err)
	}
}

func ignoreUnknown(err error) error {
	if errors.Is(err, ErrRuleSetUnknown) {
		return nil
	}
	return err
}

func TestRuleSetsNeverChange(t *testing.T) {
	t.Parallel()
	d := newRulesDesk(t)
	uk := d.book(t, "uk", "UK")
	d.add(t, uk, ownRules(t, "mine", 1, "UK", testNow.Add(time.Hour)))
	for _, sql := range []string{
		`UPDATE rule_sets SET valid_from = valid_from + interval '1 day'`, `DELETE FROM rule_sets`, `TRUNCATE rule_sets`,
	} {
		if _, err := d.db.Pool.Exec(t.Context(), sql); postgres.SQLState(err) != "42501" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, c := range []struct{ name, sql string }{
		{"another sum", `INSERT INTO rule_sets SELECT book_id, 'theirs', 1, valid_from, recorded_at, sha256, content || '\x20' FROM rule_sets`},
		{"another book", `INSERT INTO rule_sets SELECT 999, set_name, 1, valid_from, recorded_at, sha256, content FROM rule_sets`},
		{"the same version", `INSERT INTO rule_sets SELECT * FROM rule_sets`},
		{"a version below 1", `INSERT INTO rule_sets SELECT book_id, set_name, 0, valid_from, recorded_at, sha256, content FROM rule_sets`},
	} {
		if _, err := d.db.Pool.Exec(t.Context(), c.sql); !slices.Contains([]string{"23514", "23503", "23505"}, postgres.SQLState(err)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// One that is slipped in is told of by no act.
	trail := guard.NewTrail(d.db.Pool, func() time.Time { return testNow })
	told, err := d.sets.Told(t.Context(), trail, uk)
	if err != nil || !told.Sound() || told.Looked != 1 {
		t.Errorf("%+v, %v", told, err)
	}
	if _, err := d.db.Pool.Exec(t.Context(), `INSERT INTO rule_sets SELECT book_id, 'theirs', 1, valid_from, recorded_at, sha256, content FROM rule_sets`); err != nil {
		t.Fatal(err)
	}
	if told, err = d.sets.Told(t.Context(), trail, uk); err != nil || told.Looked != 2 || len(told.Untold) != 1 || told.Untold[0].Object != "rule_set:theirs-1" {
		t.Errorf("%+v, %v", told, err)
	}
}

func TestStandings(t *testing.T) {
	t.Parallel()
	d := newRulesDesk(t)
	uk, th, us := d.book(t, "uk", "UK"), d.book(t, "th", "TH"), d.book(t, "us", "US")
	from := testNow.Add(time.Hour)
	d.add(t, uk, ownRules(t, "mine", 1, "UK", from))
	d.add(t, uk, ownRules(t, "mine", 2, "UK", from.Add(time.Hour)))
	d.add(t, us, ownRules(t, "mine", 1, "US", from)) // of two that begin at once one is followed at once
	d.add(t, us, ownRules(t, "mine", 2, "US", from))
	states := func(book ledger.Book, at time.Time) (all string) {
		list, err := d.sets.Standings(t.Context(), book, at)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			all += s.ID() + " " + s.Origin + " " + s.State + "\n"
		}
		return all
	}
	for _, c := range []struct {
		book ledger.Book
		at   time.Time
		want string
	}{
		{uk, from.Add(-time.Microsecond), "uk-1 shipped in_force\nmine-1 book next\nmine-2 book next\n"},
		{uk, from, "uk-1 shipped past\nmine-1 book in_force\nmine-2 book next\n"},
		{uk, from.Add(time.Hour), "uk-1 shipped past\nmine-1 book past\nmine-2 book in_force\n"},
		{us, from, "us-1 shipped past\nmine-1 book past\nmine-2 book in_force\n"},
		{uk, time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC), "uk-1 shipped next\nmine-1 book next\nmine-2 book next\n"},
		{th, from, "th-1 shipped unsigned\n"},
		{d.book(t, "fr", "FR"), from, ""},
	} {
		if got := states(c.book, c.at); got != c.want {
			t.Errorf("%s at %s:\n%swant\n%s", c.book.Code, c.at, got, c.want)
		}
	}
}
