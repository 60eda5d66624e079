package commerce

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
)

// desk is a book with a desk at which its acts are approved.
type approvalDesk struct {
	*workbench
	*guard.Desk
	trail *guard.Trail
}

var (
	asker    = guard.Actor{Kind: guard.Program, ID: "key_asks", Person: "pe_asks"}
	approver = guard.Actor{Kind: guard.Person, ID: "pe_approves", Person: "pe_approves"}
)

func newApprovalDesk(t testing.TB, opts ...pgtest.Option) *approvalDesk {
	t.Helper()
	w := newWorkbenchOn(t, pgtest.New(t, opts...), "UK", "Europe/London", "GBP", "USD")
	trail := guard.NewTrail(w.db.Pool, w.now)
	return &approvalDesk{w, guard.NewDesk(w.db.Pool, trail, w.now, Acts(w.Service, w.rules, w.ledger)), trail}
}

func (d *approvalDesk) ask(t testing.TB, act, payload string) guard.Approval {
	t.Helper()
	a, err := d.try(t, act, payload)
	if err != nil {
		t.Fatalf("%s: %v", act, err)
	}
	return a
}

func (d *approvalDesk) try(t testing.TB, act, payload string) (guard.Approval, error) {
	return d.Ask(t.Context(), asker, guardBook(d.book), guard.Request{Act: act, Payload: json.RawMessage(payload), Reason: "a reason", Document: "DOC-1"})
}

func (d *approvalDesk) approve(t testing.TB, a guard.Approval) (guard.Approval, error) {
	return d.Approve(t.Context(), approver, guardBook(d.book), a.ID, a.Hash, "looked at")
}

// state is what became of an approval.
func (d *approvalDesk) state(t testing.TB, a guard.Approval) string {
	t.Helper()
	now, err := d.Approval(t.Context(), guardBook(d.book), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	return now.State
}

func (d *approvalDesk) sequence(t testing.TB) int64 {
	t.Helper()
	head, err := d.ledger.Head(t.Context(), d.book)
	if err != nil {
		t.Fatal(err)
	}
	return head.LastSequence
}

const goodwill = `{"reference":"m-1","event":"manual.adjusted","memo":"goodwill","entries":[
 {"account":"expenses:goodwill","direction":"debit","amount":"5.00","currency":"GBP"},
 {"account":"liabilities:seller:available:s","direction":"credit","amount":"5.00","currency":"GBP"}]}`

const writeOffAsked = `{"type":"debt.written_off","reference":"w-1","data":{"write_off":"W-1","kind":"seller","payee":"s","currency":"GBP","amount":"60.00","reason":"unpaid","document":"W-1"}}`

func (d *approvalDesk) owe(t testing.TB) {
	t.Helper()
	d.raw(t, "opening.balance", "debt", "GBP", "liabilities:seller:available:s", 6000, "assets:processor:available:main", -6000)
}

// TestApprovedActs asks for every act and approves it: the effect tells what happens, and it happens once, with its rows in
// the trail.
func TestApprovedActs(t *testing.T) {
	t.Parallel()
	d := newApprovalDesk(t, pgtest.MaxConns(2))
	d.owe(t)
	for _, id := range []string{"gua_a", "gua_b"} {
		if _, _, err := d.RegisterPayee(t.Context(), tester, d.book, Payee{ID: id, Kind: "guardian", Country: "UK", Currency: "GBP"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := d.RegisterPayee(t.Context(), tester, d.book, Payee{ID: "kid", Kind: "creator", Country: "UK", Currency: "GBP", Minor: true, Guardian: "gua_a"}); err != nil {
		t.Fatal(err)
	}
	document, _ := json.Marshal(string(ownRules(t, "mine", 1, "UK", testNow.Add(time.Hour))))
	for _, x := range []struct {
		act, payload, says, moves string
		posts                     int64
		check                     func() error
	}{
		{"transaction.post", goodwill, "liabilities:seller:available:s: -60.00 GBP before, -55.00 GBP after", "GBP 5.00", 1, nil},
		{"transaction.reverse", `{"transaction":"uk-2","reference":"undo","reason":"mistake"}`, "It takes money from a payee and leaves a debt", "GBP 5.00", 1, nil},
		{"event.post", writeOffAsked, "Posts the event debt.written_off", "GBP 60.00", 1, nil},
		{"rules.activate", `{"document":` + string(document) + `}`, "mine-1", "", 0, func() error {
			d.rules.forget(d.book)
			set, err := d.rules.InForce(t.Context(), d.book, testNow.Add(time.Hour))
			if err == nil && set.ID() != "mine-1" {
				err = fmt.Errorf("%s is in force", set.ID())
			}
			if err != nil {
				return err
			}
			// What the next one would change is found out while postings go on by what was read.
			next, _ := json.Marshal(rulesPayload{Document: string(ownRules(t, "mine", 2, "UK", testNow.Add(2*time.Hour)))})
			x := &approved{d.Service, d.rules, d.ledger}
			if _, effect, err := x.rulesEffect(t.Context(), guard.Book{ID: int32(d.book.ID), Code: d.book.Code}, next); err != nil || !strings.Contains(effect.Difference[0], "mine-1") {
				return fmt.Errorf("the next rules: %+v, %w", effect, err)
			}
			if again, err := d.rules.InForce(t.Context(), d.book, testNow.Add(time.Hour)); err != nil || again != set {
				return fmt.Errorf("the rules in force were forgotten, %w", err)
			}
			return nil
		}},
		{"payee.change", `{"payee":"kid","version":1,"guardian":"gua_b","trust_rate":"0.30"}`, `guardian: \"gua_a\" becomes \"gua_b\"`, "", 0, func() error {
			p, err := d.Payee(t.Context(), d.book, "kid")
			if err == nil && (p.Guardian != "gua_b" || p.TrustRate != "0.3") {
				err = fmt.Errorf("the payee is %+v", p)
			}
			return err
		}},
		{ActPublishCampaign, `{"version":1,"campaign":{"id":"relief","kind":"humanitarian","currency":"GBP","beneficiaries":[{"payee":"ngo_a","weight":"1","name":"Shelter Now"}],` +
			`"fee_quote":{"rate":"0.029"},"refund_window_days":14}}`, "Publishes version 1 of the campaign relief in the book uk", "", 1, func() error {
			versions, err := d.CampaignVersions(t.Context(), d.book, "relief")
			if err == nil && (len(versions) != 1 || versions[0].Kind != "humanitarian") {
				err = fmt.Errorf("the campaign is %+v", versions)
			}
			return err
		}},
	} {
		before := d.sequence(t)
		a := d.ask(t, x.act, x.payload)
		effect, _ := json.Marshal(a.Effect)
		if !strings.Contains(string(effect), x.says) {
			t.Errorf("%s does not say %q: %s", x.act, x.says, effect)
		}
		total := ""
		for _, m := range a.Effect.Totals {
			total += m.Currency + " " + m.Amount
		}
		if total != x.moves {
			t.Errorf("%s moves %q, want %q", x.act, total, x.moves)
		}
		if got := d.sequence(t); got != before {
			t.Fatalf("asking for %s posted something", x.act)
		}
		if _, err := d.Approve(t.Context(), guard.Actor{Kind: guard.Person, ID: "pe_asks", Person: "pe_asks"}, guardBook(d.book), a.ID, a.Hash, "mine"); fault.CodeOf(err) != guard.ErrSelfApproval.Code {
			t.Errorf("%s was approved by its author: %v", x.act, err)
		}
		done, err := d.approve(t, a)
		if err != nil || done.State != guard.StateDone || len(done.Result) == 0 {
			t.Fatalf("%s: %s %s, %v", x.act, done.State, done.Result, err)
		}
		if again, err := d.approve(t, a); err != nil || string(again.Result) != string(done.Result) {
			t.Errorf("%s approved again: %s, %v", x.act, again.Result, err)
		}
		if got := d.sequence(t); got != before+x.posts {
			t.Errorf("%s posted %d transactions, want %d", x.act, got-before, x.posts)
		}
		if x.check != nil {
			if err := x.check(); err != nil {
				t.Errorf("%s: %v", x.act, err)
			}
		}
		rows, err := d.trail.Rows(t.Context(), guardBook(d.book), guard.Filter{Act: x.act}, 0, 10)
		if err != nil || len(rows) != 1 || rows[0].Approval != a.ID {
			t.Errorf("the trail tells of %s: %+v, %v", x.act, rows, err)
		}
	}
	d.told(t)
	d.verified(t)
}

// TestApprovedVersion: who approves a version of a campaign publishes that version, and no later one that took its number meanwhile.
func TestApprovedVersion(t *testing.T) {
	t.Parallel()
	d := newApprovalDesk(t, pgtest.MaxConns(2))
	c := CampaignPublished{ID: "relief", Kind: "humanitarian", Currency: "GBP", Beneficiaries: []CampaignBeneficiary{{Payee: "ngo_a", Weight: "1"}}, FeeQuote: CampaignQuote{Rate: "0.029"}, RefundWindowDays: 14}
	payload := func(version, days int) string {
		c := c
		c.RefundWindowDays = days
		text, err := json.Marshal(campaignPayload{version, c})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	asked := d.ask(t, ActPublishCampaign, payload(1, 14))
	if r := d.Post(t.Context(), d.book, Event{Type: eventPublished, Reference: "of-a-program", Data: &c}); r.Err != nil {
		t.Fatal(r.Err)
	}
	before := d.sequence(t)
	if _, err := d.approve(t, asked); fault.CodeOf(err) != ErrCampaignVersion.Code || d.sequence(t) != before {
		t.Errorf("a version that came meanwhile: %v", err)
	}
	if _, err := d.try(t, ActPublishCampaign, payload(1, 7)); fault.CodeOf(err) != ErrCampaignVersion.Code {
		t.Errorf("a number that is taken: %v", err)
	}
	if _, err := d.approve(t, d.ask(t, ActPublishCampaign, payload(2, 7))); err != nil {
		t.Fatal(err)
	}
	if _, err := d.try(t, ActPublishCampaign, payload(2, 9)); fault.CodeOf(err) != ErrCampaignVersion.Code {
		t.Errorf("other content of a version that was approved: %v", err)
	}
}

// TestApprovedOnce: fifty approve the same write-off at once, on three connections and at two desks: it is posted once.
func TestApprovedOnce(t *testing.T) {
	t.Parallel()
	d := newApprovalDesk(t, pgtest.MaxConns(3))
	d.owe(t)
	a := d.ask(t, "event.post", writeOffAsked)
	other := d.another(t)
	desks := []*guard.Desk{d.Desk, guard.NewDesk(d.db.Pool, d.trail, d.now, Acts(other.Service, other.rules, other.ledger))}
	before := d.sequence(t)
	var mu sync.Mutex
	done, refused := 0, map[string]int{}
	var wg sync.WaitGroup
	for i := range 50 {
		by := guard.Actor{Kind: guard.Person, ID: fmt.Sprint("pe_", i), Person: fmt.Sprint("pe_", i)}
		wg.Go(func() {
			_, err := desks[i%2].Approve(t.Context(), by, guardBook(d.book), a.ID, a.Hash, "looked at")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				done++
			} else {
				refused[fault.CodeOf(err)]++
			}
		})
	}
	wg.Wait()
	if got := d.sequence(t); done != 1 || got != before+1 {
		t.Errorf("%d approvals posted %d transactions; refused: %v", done, got-before, refused)
	}
	d.told(t)
	d.verified(t)
}

// TestApprovedEffectIsWhatRuns: what was looked at runs, or nothing. If the books moved on, the second person looks again; if
// the act cannot be done any more, the approval stays open.
func TestApprovedEffectIsWhatRuns(t *testing.T) {
	t.Parallel()
	d := newApprovalDesk(t)
	d.owe(t)
	a := d.ask(t, "transaction.post", goodwill)
	d.raw(t, "test.given", "given", "GBP", "liabilities:seller:available:s", -100, "assets:processor:available:main", 100)
	before := d.sequence(t)
	if _, err := d.approve(t, a); fault.CodeOf(err) != guard.ErrApprovalChanged.Code {
		t.Errorf("approved with another effect than was looked at: %v", err)
	}
	now, err := d.Approval(t.Context(), guardBook(d.book), a.ID)
	if err != nil || now.State != guard.StateOpen || !strings.Contains(strings.Join(now.Effect.Difference, "\n"), "-59.00 GBP before, -54.00 GBP after") {
		t.Errorf("after the books moved on: %+v, %v", now, err)
	}
	if _, err := d.approve(t, now); err != nil || d.sequence(t) != before+1 {
		t.Errorf("looked at again: %v, %d transactions", err, d.sequence(t)-before)
	}
	// A debt that was paid meanwhile cannot be written off: the approval stays open, and nothing is posted.
	b := d.ask(t, "event.post", strings.ReplaceAll(writeOffAsked, "60.00", "54.00"))
	d.raw(t, "test.given", "paid", "GBP", "liabilities:seller:available:s", -5400, "assets:processor:available:main", 5400)
	before = d.sequence(t)
	if _, err := d.approve(t, b); fault.CodeOf(err) != ErrDebtSmaller.Code {
		t.Errorf("a debt that is paid was written off: %v", err)
	}
	if got := d.state(t, b); got != guard.StateOpen || d.sequence(t) != before {
		t.Errorf("the refused write-off is %s and posted %d", got, d.sequence(t)-before)
	}
	// The books move between the look at the decision and its transaction.
	x := &approved{d.Service, d.rules, d.ledger}
	c := d.ask(t, "transaction.post", strings.ReplaceAll(goodwill, "m-1", "m-2"))
	d.raw(t, "test.given", "late", "GBP", "liabilities:seller:available:s", -100, "assets:processor:available:main", 100)
	c.DecidedBy = approver.ID
	tx, err := d.db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = x.postManual(t.Context(), tx, c)
	if end := tx.Rollback(t.Context()); end != nil {
		t.Fatal(end)
	}
	if fault.CodeOf(err) != guard.ErrApprovalChanged.Code {
		t.Errorf("ran with another effect than was looked at: %v", err)
	}
	d.verified(t)
}

// TestApprovalsRefused: what could not run is not asked for.
func TestApprovalsRefused(t *testing.T) {
	t.Parallel()
	d := newApprovalDesk(t)
	d.owe(t)
	d.raw(t, "test.given", "deposit", "GBP", "liabilities:seller_deposit:s", -100, "assets:processor:available:main", 100)
	d.post(t, "seller_deposit.applied", "taken", `{"application":"A-1","seller":"s","currency":"GBP","amount":"1.00","reason":"debt"}`)
	rule := func(set string, from time.Time) string {
		text, _ := json.Marshal(string(ownRules(t, set, 1, "UK", from)))
		return `{"document":` + string(text) + `}`
	}
	const canary = "canary-4711"
	for _, x := range []struct{ name, act, payload, code string }{
		{"another name", "transaction.post", strings.Replace(goodwill, "manual.adjusted", "payout.created", 1), guard.ErrApprovalInvalid.Code},
		{"no entries", "transaction.post", `{"reference":"x","event":"manual.adjusted","entries":[]}`, guard.ErrApprovalInvalid.Code},
		{"a strange field", "transaction.post", strings.Replace(goodwill, `"memo"`, `"`+canary+`"`, 1), guard.ErrApprovalInvalid.Code},
		{"a bad amount", "transaction.post", strings.Replace(goodwill, "5.00", canary, 1), guard.ErrApprovalInvalid.Code},
		{"a bad direction", "transaction.post", strings.Replace(goodwill, "debit", canary, 1), guard.ErrApprovalInvalid.Code},
		{"not balanced", "transaction.post", strings.Replace(goodwill, "5.00", "5.01", 1), ledger.ErrUnbalanced.Code},
		{"below a floor", "transaction.post", strings.NewReplacer("expenses:goodwill", "liabilities:store_credit:b").Replace(goodwill), ledger.ErrFloor.Code},
		{"a reference that is taken", "transaction.post", strings.Replace(goodwill, "m-1", "taken", 1), ledger.ErrReferenceReused.Code},
		{"long ago", "transaction.post", strings.Replace(goodwill, `"memo"`, `"occurred_at":"1999-01-01T00:00:00Z","memo"`, 1), guard.ErrApprovalInvalid.Code},
		{"an unknown transaction", "transaction.reverse", `{"transaction":"uk-99","reference":"u","reason":"r"}`, ledger.ErrTransactionUnknown.Code},
		{"another book's transaction", "transaction.reverse", `{"transaction":"us-1","reference":"u","reason":"r"}`, ledger.ErrTransactionUnknown.Code},
		{"a reversal without reason", "transaction.reverse", `{"transaction":"uk-1","reference":"u"}`, guard.ErrApprovalInvalid.Code},
		{"an unknown event", "event.post", `{"type":"no.such","reference":"x","data":{}}`, ErrEventType.Code},
		{"an event of Mizan's own", "event.post", `{"type":"payout.created","reference":"x","data":{}}`, ErrEventReserved.Code},
		{"data of another shape", "event.post", `{"type":"debt.written_off","reference":"x","data":{"` + canary + `":1}}`, guard.ErrApprovalInvalid.Code},
		{"no data", "event.post", `{"type":"debt.written_off","reference":"x","data":null}`, guard.ErrApprovalInvalid.Code},
		{"data that are wrong", "event.post", strings.Replace(writeOffAsked, `"60.00"`, `"`+canary+`"`, 1), ledger.ErrInvalid.Code},
		{"more than the debt", "event.post", writeOffAsked, ErrDebtSmaller.Code},
		{"rules too soon", "rules.activate", rule("soon", testNow.Add(time.Minute)), ErrRuleSetPast.Code},
		{"rules of a shipped name", "rules.activate", rule("uk", testNow.Add(time.Hour)), ErrRuleSetExists.Code},
		{"no rules", "rules.activate", `{"document":"{}"}`, ErrRuleSetInvalid.Code},
		{"an unknown payee", "payee.change", `{"payee":"nobody","version":1,"minor":false}`, ErrPayeeUnknown.Code},
		{"nothing to change", "payee.change", `{"payee":"nobody","version":1}`, guard.ErrApprovalInvalid.Code},
	} {
		_, err := d.try(t, x.act, x.payload)
		if fault.CodeOf(err) != x.code {
			t.Errorf("%s: %v, want %s", x.name, err, x.code)
		}
		if err != nil {
			var said strings.Builder
			fmt.Fprintf(&said, "%v", err)
			var e *fault.Error
			if errors.As(err, &e) {
				fmt.Fprintf(&said, "%+v", e.Fields)
			}
			if strings.Contains(said.String(), canary) {
				t.Errorf("%s: the refusal repeats what was sent: %s", x.name, said.String())
			}
		}
	}
	if _, err := d.try(t, "transaction.post", goodwill); err != nil {
		t.Fatal(err)
	}
	if out := d.ledger.Post(t.Context(), d.book, submissionOf(t, goodwill)); out.Err != nil {
		t.Fatal(out.Err)
	}
	if _, err := d.try(t, "transaction.post", goodwill); fault.CodeOf(err) != ledger.ErrReferenceReused.Code {
		t.Errorf("what was posted already was asked for: %v", err)
	}
}

func submissionOf(t testing.TB, payload string) ledger.Submission {
	t.Helper()
	var p manualPayload
	if err := json.Unmarshal([]byte(payload), &p); err != nil {
		t.Fatal(err)
	}
	s, err := p.submission()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestEffectOrder: the largest movements come first whatever their currencies' digits, and lists stay short.
func TestEffectOrder(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		a    money.Minor
		ac   money.Currency
		b    money.Minor
		bc   money.Currency
		want int
	}{
		{100, "USD", 2, "JPY", -1}, {200, "USD", 2, "JPY", 0}, {201, "USD", 2, "JPY", 1}, {1999, "BHD", 199, "USD", 1}, {1990, "BHD", 199, "USD", 0},
	} {
		if got := compareSizes(x.a, x.ac, x.b, x.bc); got != x.want {
			t.Errorf("%d %s against %d %s: %d", x.a, x.ac, x.b, x.bc, got)
		}
	}
	var list []string
	for i := range 3 * maxShown {
		list = appendShown(list, strings.Repeat("é", i))
	}
	if len(list) != maxShown+1 || len(list[maxShown-1]) > maxShownBytes+8 {
		t.Errorf("%d lines, the last of %d bytes", len(list), len(list[maxShown-1]))
	}
}
