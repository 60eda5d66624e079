package guard_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"
)

var (
	// The key is one for which Ada answers.
	key   = guard.Actor{Kind: guard.Program, ID: "key_1", Person: "per_ada", Address: "192.0.2.7", RequestID: "req_7"}
	robot = guard.Actor{Kind: guard.Program, ID: "key_2"}
	ada   = person("per_ada")
	bob   = person("per_bob")
	cyd   = person("per_cyd")
)

func person(id string) guard.Actor {
	return guard.Actor{Kind: guard.Person, ID: id, Person: id, Address: "192.0.2.8", RequestID: "req_8"}
}

// office is a desk in a database where an act leaves rows that can be counted.
type office struct {
	*guard.Desk
	t     *testing.T
	db    *pgtest.DB
	clock *clock
	trail *guard.Trail
	owner *pgx.Conn
}

var errTired = errors.New("tired")

// counted is the payload of the acts below.
type counted struct {
	Amount int    `json:"amount"`
	Fail   bool   `json:"fail,omitempty"`
	Note   string `json:"note,omitempty"`
}

// acts leave a row in the table ran. The effect depends on the level, which is what can change behind an approval's back.
func acts(pool *postgres.Pool) []guard.Act {
	effect := func(ctx context.Context, _ guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
		var c counted
		if err := json.Unmarshal(payload, &c); err != nil || c.Amount < 0 {
			return nil, guard.Effect{}, errTired
		}
		var level int
		if err := pool.QueryRow(ctx, `SELECT level FROM world`).Scan(&level); err != nil {
			return nil, guard.Effect{}, err
		}
		kept, err := json.Marshal(c)
		return kept, guard.Effect{
			Summary: fmt.Sprintf("Moves %d.", c.Amount), Totals: []guard.Amount{{Currency: "EUR", Amount: strconv.Itoa(c.Amount)}},
			Count: 1, Difference: []string{fmt.Sprintf("The level is %d.", level)},
		}, err
	}
	run := func(ctx context.Context, tx pgx.Tx, a guard.Approval) (json.RawMessage, error) {
		var c counted
		if err := json.Unmarshal(a.Payload, &c); err != nil {
			return nil, err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO ran (approval, version, amount, decided_by) VALUES ($1, $2, $3, $4)`, a.ID, a.Version, c.Amount, a.DecidedBy); err != nil {
			return nil, err
		}
		if c.Fail {
			return nil, errTired
		}
		// Acts read through connections of their own, too.
		var level int
		if err := pool.QueryRow(ctx, `SELECT level FROM world`).Scan(&level); err != nil {
			return nil, err
		}
		return json.RawMessage(fmt.Sprintf(` {"object": "thing:%d", "before": {"n": 1}, "after": {"n": 2}, "secret": "no"} `, c.Amount)), nil
	}
	broken := func(answer string) func(context.Context, pgx.Tx, guard.Approval) (json.RawMessage, error) {
		return func(context.Context, pgx.Tx, guard.Approval) (json.RawMessage, error) {
			return json.RawMessage(answer), nil
		}
	}
	return []guard.Act{
		{Name: "thing.moved", Meaning: "Moves a thing.", OfBook: true, Effect: effect, Run: run},
		{Name: "person.raised", Meaning: "Raises a person.", Evidence: true, Effect: effect, Run: run},
		{Name: "quiet.done", Meaning: "Says nothing.", OfBook: true, Effect: effect, Run: broken("")},
		{Name: "list.done", Meaning: "Says a list.", OfBook: true, Effect: effect, Run: broken("[1, 2]")},
		{Name: "broken.done", Meaning: "Says nonsense.", OfBook: true, Effect: effect, Run: broken("{")},
		{Name: "huge.done", Meaning: "Says too much.", OfBook: true, Effect: effect, Run: broken(`"` + strings.Repeat("x", 70000) + `"`)},
		{Name: "dumb.done", Meaning: "Computes nothing.", OfBook: true, Run: run,
			Effect: func(context.Context, guard.Book, json.RawMessage) (json.RawMessage, guard.Effect, error) {
				return nil, guard.Effect{}, nil
			}},
		{Name: "endless.done", Meaning: "Computes too much.", OfBook: true, Run: run,
			Effect: func(context.Context, guard.Book, json.RawMessage) (json.RawMessage, guard.Effect, error) {
				return nil, guard.Effect{Summary: "Much.", Warnings: []string{strings.Repeat("x", 300<<10)}}, nil
			}},
	}
}

func newOffice(t *testing.T, opts ...pgtest.Option) *office {
	t.Helper()
	db := pgtest.New(t, opts...)
	owner, err := pgx.Connect(t.Context(), db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = owner.Close(context.Background()) })
	if _, err := owner.Exec(t.Context(), `CREATE TABLE ran (approval text, version integer, amount integer, decided_by text);
		CREATE TABLE world (level integer); INSERT INTO world VALUES (1); GRANT SELECT, INSERT, UPDATE ON ran, world TO mizan_app`); err != nil {
		t.Fatal(err)
	}
	c := &clock{at: start}
	trail := guard.NewTrail(db.Pool, c.now)
	return &office{guard.NewDesk(db.Pool, trail, c.now, acts(db.Pool)), t, db, c, trail, owner}
}

func request(act string, amount int) guard.Request {
	return guard.Request{Act: act, Payload: json.RawMessage(fmt.Sprintf(`{ "amount" : %d }`, amount)), Reason: "Because."}
}

func (o *office) ask(by guard.Actor, amount int) guard.Approval {
	o.t.Helper()
	a, err := o.Ask(o.t.Context(), by, uk, request("thing.moved", amount))
	if err != nil {
		o.t.Fatal(err)
	}
	return a
}

func (o *office) level(n int) {
	o.t.Helper()
	if _, err := o.db.Pool.Exec(o.t.Context(), `UPDATE world SET level = $1`, n); err != nil {
		o.t.Fatal(err)
	}
}

// ran counts what has run.
func (o *office) ran() (n int) {
	o.t.Helper()
	if err := o.db.Pool.QueryRow(o.t.Context(), `SELECT count(*) FROM ran`).Scan(&n); err != nil {
		o.t.Fatal(err)
	}
	return n
}

// state reads what became of an approval.
func (o *office) state(id string) guard.Approval {
	o.t.Helper()
	a, err := o.Approval(o.t.Context(), uk, id)
	if err != nil {
		o.t.Fatal(err)
	}
	return a
}

// told returns the acts of the trail after the sequence, and fails unless the trail verifies.
func (o *office) told(after int64) (list []string) {
	o.t.Helper()
	rows, err := o.trail.Rows(o.t.Context(), uk, guard.Filter{}, after, 1000)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, r := range rows {
		list = append(list, r.Act)
	}
	if v, err := o.trail.Verify(o.t.Context(), uk); err != nil || v.Rows != after+int64(len(rows)) && len(rows) < 1000 {
		o.t.Fatalf("%+v, %v", v, err)
	}
	return list
}

func (o *office) expect(what string, err error, want error) {
	o.t.Helper()
	if !errors.Is(err, want) || want == nil && err != nil {
		o.t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// TestApproval asks, edits and approves: what runs is what was seen, and the trail tells it.
func TestApproval(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	a := o.ask(key, 5)
	if !regexp.MustCompile(`^ap_[a-z0-9]{16}$`).MatchString(a.ID) || a.State != guard.StateOpen || a.Version != 1 || a.Hash == ([32]byte{}) ||
		string(a.Payload) != `{"amount":5}` || a.Effect.Summary != "Moves 5." || fmt.Sprint(a.Authors) != "[key_1 per_ada]" ||
		a.Author != (guard.Actor{Kind: guard.Program, ID: "key_1", Person: "per_ada"}) || !a.CreatedAt.Equal(start) || !a.ExpiresAt.Equal(start.Add(24*time.Hour)) {
		t.Errorf("asked %+v", a)
	}
	if read := o.state(a.ID); fmt.Sprint(read) != fmt.Sprint(a) {
		t.Errorf("read %+v\nasked %+v", read, a)
	}
	o.clock.move(time.Hour)
	b, err := o.Edit(t.Context(), cyd, uk, a.ID, 1, guard.Request{Payload: json.RawMessage(`{"amount":6}`), Reason: "Rather.", Document: "memo.pdf"})
	if err != nil || b.Version != 2 || b.Hash == a.Hash || fmt.Sprint(b.Authors) != "[key_1 per_ada per_cyd]" || b.Author.ID != "per_cyd" ||
		!b.ExpiresAt.Equal(start.Add(25*time.Hour)) || b.Document != "memo.pdf" {
		t.Fatalf("edited %+v, %v", b, err)
	}
	_, err = o.Approve(t.Context(), bob, uk, a.ID, a.Hash, "")
	o.expect("approve what was edited", err, guard.ErrApprovalChanged)
	done, err := o.Approve(t.Context(), bob, uk, a.ID, b.Hash, "Seen.")
	if err != nil || done.State != guard.StateDone || done.DecidedBy != "per_bob" || !done.DecidedAt.Equal(start.Add(time.Hour)) || done.Decision != "Seen." ||
		!strings.HasPrefix(string(done.Result), `{"object":"thing:6",`) || o.ran() != 1 {
		t.Fatalf("approved %+v, %v, ran %d", done, err, o.ran())
	}
	o.clock.move(48 * time.Hour)
	again, err := o.Approve(t.Context(), bob, uk, a.ID, b.Hash, "Seen twice.")
	if err != nil || fmt.Sprint(again) != fmt.Sprint(done) || fmt.Sprint(o.state(a.ID)) != fmt.Sprint(done) || o.ran() != 1 {
		t.Errorf("again %+v, %v", again, err)
	}
	_, err = o.Approve(t.Context(), bob, uk, a.ID, a.Hash, "")
	o.expect("approve with another hash", err, guard.ErrApprovalState)
	_, err = o.Approve(t.Context(), person("per_dan"), uk, a.ID, b.Hash, "")
	o.expect("approve after another", err, guard.ErrApprovalState)

	rows, err := o.trail.Rows(t.Context(), uk, guard.Filter{}, 0, 10)
	if err != nil || fmt.Sprint(o.told(0)) != "[approval.asked approval.edited approval.approved thing.moved]" {
		t.Fatalf("%v, %v", o.told(0), err)
	}
	want := fmt.Sprintf(`{"act":"thing.moved","version":2,"hash":"%x","summary":"Moves 6.","totals":[{"currency":"EUR","amount":"6"}]}`, b.Hash)
	if r := rows[1]; string(r.After) != want || string(r.Before) != fmt.Sprintf(`{"version":1,"hash":"%x"}`, a.Hash) || r.Actor != cyd || r.Why != "Rather." {
		t.Errorf("told of the edit: %+v", r)
	}
	if r := rows[2]; string(r.After) != want || r.Actor != bob || r.Why != "Seen." || r.Object != "approval:"+a.ID || r.Approval != a.ID {
		t.Errorf("told of the approval: %+v", r)
	}
	if r := rows[3]; string(r.Before) != `{"n":1}` || string(r.After) != `{"n":2}` || r.Actor != bob || r.Why != "Rather." || r.Object != "thing:6" || r.Approval != a.ID {
		t.Errorf("told of the act: %+v", r)
	}
}

// TestSecondPerson tries everybody who has a hand in it, and programs.
func TestSecondPerson(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	a := o.ask(key, 5)
	edited, err := o.Edit(t.Context(), guard.Actor{Kind: guard.Program, ID: "key_3", Person: "per_cyd"}, uk, a.ID, 1, request("", 6))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		by   guard.Actor
		want error
	}{
		"the person behind the first key": {ada, guard.ErrSelfApproval}, "the person behind the second": {cyd, guard.ErrSelfApproval},
		"a person named as the key":     {person("key_1"), guard.ErrSelfApproval},
		"an author under another id":    {guard.Actor{Kind: guard.Person, ID: "per_zoe", Person: "per_ada"}, guard.ErrSelfApproval},
		"an author's id, other person":  {guard.Actor{Kind: guard.Person, ID: "per_ada", Person: "per_zoe"}, guard.ErrSelfApproval},
		"an author's id without person": {guard.Actor{Kind: guard.Person, ID: "per_ada"}, guard.ErrSelfApproval},
		"the key":                       {key, guard.ErrApproverPerson}, "another key": {robot, guard.ErrApproverPerson},
		"an operator": {guard.Actor{Kind: guard.Operator, ID: "root"}, guard.ErrApproverPerson}, "Mizan": {guard.Actor{Kind: guard.System, ID: "x"}, guard.ErrApproverPerson},
		"a payee": {guard.Actor{Kind: guard.Payee, ID: "cre_amy"}, guard.ErrApproverPerson}, "nobody": {guard.Actor{}, guard.ErrApproverPerson},
		"a person without id": {guard.Actor{Kind: guard.Person, Person: "per_bob"}, guard.ErrApproverPerson},
	} {
		_, err := o.Approve(t.Context(), c.by, uk, a.ID, edited.Hash, "")
		o.expect(name+" approves", err, c.want)
		_, err = o.Refuse(t.Context(), c.by, uk, a.ID, "No.")
		o.expect(name+" refuses", err, c.want)
	}
	for name, by := range map[string]guard.Actor{"bob": bob, "another key": robot, "nobody": {}, "no person behind": {Kind: guard.Program, ID: "key_9"}} {
		_, err := o.Withdraw(t.Context(), by, uk, a.ID, "")
		o.expect(name+" withdraws", err, guard.ErrApprovalAuthor)
	}
	if got := o.state(a.ID); got.State != guard.StateOpen || o.ran() != 0 || len(o.told(0)) != 2 {
		t.Errorf("afterwards %+v", got)
	}
	// The first author's person may still take it back.
	if w, err := o.Withdraw(t.Context(), ada, uk, a.ID, "Not any more."); err != nil || w.State != guard.StateWithdrawn || w.Decision != "Not any more." || w.DecidedBy != "" {
		t.Errorf("withdrawn %+v, %v", w, err)
	}
}

// TestBehindTheDesk has the application's own role try what the desk refuses: the tables refuse it as well.
func TestBehindTheDesk(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	done, open, refused := o.ask(key, 1), o.ask(key, 2), o.ask(key, 3)
	if _, err := o.Approve(t.Context(), bob, uk, done.ID, done.Hash, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Refuse(t.Context(), bob, uk, refused.ID, "No."); err != nil {
		t.Fatal(err)
	}
	decide := func(by, hash string) string {
		return fmt.Sprintf(`UPDATE approvals SET state = 'done', decided_by = '%s', decided_at = now(), approved = '\x%s' WHERE id = $1`, by, hash)
	}
	present, other := fmt.Sprintf("%x", open.Hash), fmt.Sprintf("%x", done.Hash)
	for _, c := range []struct{ id, sql, constraint string }{
		{open.ID, decide("per_ada", present), "approvals_agreed"}, {open.ID, decide("key_1", present), "approvals_agreed"},
		{open.ID, decide("per_bob", other), "approvals_agreed"},
		{open.ID, `UPDATE approvals SET authors = ARRAY['per_bob'] WHERE id = $1`, "approvals_forward"},
		{open.ID, `UPDATE approvals SET version = 3 WHERE id = $1`, "approvals_forward"},
		{open.ID, strings.Replace(decide("per_bob", present), "SET", "SET version = 2,", 1), "approvals_agreed"},
		{open.ID, `UPDATE approvals SET state = 'refused' WHERE id = $1`, "approvals_decided"},
		{open.ID, `UPDATE approvals SET state = 'done', decided_by = 'per_bob', decided_at = now() WHERE id = $1`, "approvals_agreed"},
		{open.ID, `UPDATE approvals SET approved = sha256('x') WHERE id = $1`, "approvals_bound"},
		{done.ID, `UPDATE approvals SET state = 'open', decided_by = NULL, decided_at = NULL, approved = NULL WHERE id = $1`, "approvals_settled"},
		{done.ID, `UPDATE approvals SET result = '{}' WHERE id = $1`, "approvals_settled"},
		{done.ID, `UPDATE approvals SET decided_by = 'per_eve' WHERE id = $1`, "approvals_settled"},
		{refused.ID, `UPDATE approvals SET state = 'open', decided_by = NULL, decided_at = NULL WHERE id = $1`, "approvals_settled"},
		{refused.ID, decide("per_bob", other), "approvals_settled"},
		{open.ID, `INSERT INTO approvals (book_id, id, act, version, state, authors, created_at, expires_at, decided_by, decided_at, approved)
			SELECT 9, id, act, 1, 'done', authors, created_at, expires_at, 'per_bob', now(), sha256('x') FROM approvals WHERE id = $1`, "approvals_begin_open"},
		{open.ID, `UPDATE approvals SET act = 'other.act' WHERE id = $1`, ""}, {open.ID, `UPDATE approvals SET created_at = now() WHERE id = $1`, ""},
		{open.ID, `UPDATE approval_versions SET payload = '{}' WHERE id = $1`, ""}, {open.ID, `DELETE FROM approval_versions WHERE id = $1`, ""},
		{open.ID, `DELETE FROM approvals WHERE id = $1`, ""},
	} {
		_, err := o.db.Pool.Exec(t.Context(), c.sql, c.id)
		if err == nil || postgres.Constraint(err) != c.constraint || c.constraint == "" && postgres.SQLState(err) != "42501" {
			t.Errorf("%s: %v", c.sql, err)
		}
	}
	for _, sql := range []string{`TRUNCATE approvals CASCADE`, `TRUNCATE approval_versions`, `DELETE FROM approvals`, `UPDATE approvals SET act = 'x.y', result = ''`} {
		if _, err := o.owner.Exec(t.Context(), sql); postgres.SQLState(err) != "42501" {
			t.Errorf("the owner may %s by mistake: %v", sql, err)
		}
	}
	// Without the trigger the constraint still knows the authors.
	super, err := pgx.Connect(t.Context(), o.db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = super.Close(context.Background()) }()
	// Where the role may make temporary tables, one of its own stands before ours: the guard looks at ours all the same.
	if _, err := super.Exec(t.Context(), `GRANT TEMPORARY ON DATABASE `+pgx.Identifier{o.db.Name}.Sanitize()+` TO mizan_app`); err != nil {
		t.Fatal(err)
	}
	err = o.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `CREATE TEMP TABLE approval_versions ON COMMIT DROP AS SELECT book_id, id, version, sha256('x') AS hash, 'per_eve'::text AS author,
			''::text AS author_person FROM public.approval_versions`); err != nil {
			t.Fatal(err)
		}
		_, err := tx.Exec(t.Context(), decide("per_bob", fmt.Sprintf("%x", sha256.Sum256([]byte("x")))), open.ID)
		return err
	})
	if postgres.Constraint(err) != "approvals_agreed" {
		t.Errorf("a version of a temporary table is approved: %v", err)
	}
	if _, err := super.Exec(t.Context(), `ALTER TABLE approvals DISABLE TRIGGER settled`); err != nil {
		t.Fatal(err)
	}
	for _, by := range []string{"per_ada", "key_1"} {
		if _, err := o.db.Pool.Exec(t.Context(), decide(by, present), open.ID); postgres.Constraint(err) != "approvals_second_person" {
			t.Errorf("%s approves their own: %v", by, err)
		}
	}
	if got := o.state(open.ID); fmt.Sprint(got) != fmt.Sprint(open) {
		t.Errorf("afterwards %+v", got)
	}
	// Somebody else's name may be written, but nothing was told of it: the trail has no row of such a decision.
	told, err := o.trail.Approvals(t.Context(), uk)
	if err != nil || !told.Sound() || told.Looked != 1 {
		t.Errorf("%+v, %v", told, err)
	}
	if _, err := o.db.Pool.Exec(t.Context(), decide("per_bob", present), open.ID); err != nil {
		t.Fatal(err)
	}
	if told, err = o.trail.Approvals(t.Context(), uk); err != nil || told.Looked != 2 || len(told.Untold) != 1 || told.Untold[0].Place != open.ID {
		t.Errorf("%+v, %v", told, err)
	}
}

// TestTamperedVersion changes what was asked for with a superuser's rights: it does not run.
func TestTamperedVersion(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	super, err := pgx.Connect(t.Context(), o.db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = super.Close(context.Background()) }()
	if _, err := super.Exec(t.Context(), `ALTER TABLE approval_versions DISABLE TRIGGER ALL`); err != nil {
		t.Fatal(err)
	}
	for _, set := range []string{`reason = 'x'`, `document = 'x'`, `effect = replace(effect, '"count":1', '"count":2')`, `payload = '{"amount":9}'`} {
		a := o.ask(key, 5)
		if _, err := super.Exec(t.Context(), `UPDATE approval_versions SET `+set+` WHERE id = $1`, a.ID); err != nil {
			t.Fatal(err)
		}
		_, err := o.Approve(t.Context(), bob, uk, a.ID, a.Hash, "")
		o.expect(set, err, guard.ErrApprovalChanged)
	}
	if o.ran() != 0 {
		t.Error("it ran")
	}
	a := o.ask(key, 5)
	_, err = o.Approve(t.Context(), bob, guard.Book{ID: uk.ID, Code: "fr"}, a.ID, a.Hash, "")
	o.expect("another book's code", err, guard.ErrApprovalChanged)
}

func TestRefuseAndWithdraw(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	a, b := o.ask(key, 1), o.ask(ada, 2)
	r, err := o.Refuse(t.Context(), bob, uk, a.ID, "Too much.")
	if err != nil || r.State != guard.StateRefused || r.DecidedBy != "per_bob" || !r.DecidedAt.Equal(start) || r.Decision != "Too much." || fmt.Sprint(r) != fmt.Sprint(o.state(a.ID)) {
		t.Errorf("refused %+v, %v", r, err)
	}
	w, err := o.Withdraw(t.Context(), ada, uk, b.ID, "")
	if err != nil || w.State != guard.StateWithdrawn || fmt.Sprint(w) != fmt.Sprint(o.state(b.ID)) {
		t.Errorf("withdrawn %+v, %v", w, err)
	}
	for _, x := range []guard.Approval{a, b} {
		_, err := o.Approve(t.Context(), bob, uk, x.ID, x.Hash, "")
		o.expect("approve", err, guard.ErrApprovalState)
		_, err = o.Refuse(t.Context(), bob, uk, x.ID, "No.")
		o.expect("refuse", err, guard.ErrApprovalState)
		_, err = o.Withdraw(t.Context(), ada, uk, x.ID, "")
		o.expect("withdraw", err, guard.ErrApprovalState)
		_, err = o.Edit(t.Context(), ada, uk, x.ID, 1, request("", 1))
		o.expect("edit", err, guard.ErrApprovalState)
	}
	if got := fmt.Sprint(o.told(0)); got != "[approval.asked approval.asked approval.refused approval.withdrawn]" || o.ran() != 0 {
		t.Errorf("told %s", got)
	}
}

// TestEffectChanges moves the world between the look and the decision: what was seen is void, and what is true is kept to
// be looked at.
func TestEffectChanges(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	a := o.ask(key, 5)
	o.level(2)
	o.clock.move(time.Hour)
	_, err := o.Approve(t.Context(), bob, uk, a.ID, a.Hash, "")
	o.expect("approve what is not true any more", err, guard.ErrApprovalChanged)
	b := o.state(a.ID)
	if b.Version != 2 || b.Hash == a.Hash || b.Effect.Difference[0] != "The level is 2." || b.Author != a.Author || fmt.Sprint(b.Authors) != fmt.Sprint(a.Authors) ||
		b.ExpiresAt != a.ExpiresAt || o.ran() != 0 {
		t.Errorf("afterwards %+v", b)
	}
	_, err = o.Approve(t.Context(), bob, uk, a.ID, a.Hash, "")
	o.expect("approve the old version", err, guard.ErrApprovalChanged)
	// Whoever found that out has written nothing.
	if done, err := o.Approve(t.Context(), bob, uk, a.ID, b.Hash, ""); err != nil || done.State != guard.StateDone || o.ran() != 1 {
		t.Errorf("approved %+v, %v", done, err)
	}
	if got := fmt.Sprint(o.told(0)); got != "[approval.asked approval.recomputed approval.approved thing.moved]" {
		t.Errorf("told %s", got)
	}
}

// TestRunFails shows that a failing act leaves nothing, and that the approval stays open.
func TestRunFails(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for act, want := range map[string]error{"thing.moved": errTired, "broken.done": nil, "huge.done": nil} {
		a, err := o.Ask(t.Context(), key, uk, guard.Request{Act: act, Payload: json.RawMessage(`{"amount":5,"fail":true}`), Reason: "Because."})
		if err != nil {
			t.Fatal(err)
		}
		before := len(o.told(0))
		_, err = o.Approve(t.Context(), bob, uk, a.ID, a.Hash, "")
		if err == nil || want != nil && !errors.Is(err, want) || want == nil && fault.KindOf(err) != fault.Internal {
			t.Errorf("%s: %v", act, err)
		}
		if got := o.state(a.ID); fmt.Sprint(got) != fmt.Sprint(a) || o.ran() != 0 || len(o.told(0)) != before {
			t.Errorf("%s: afterwards %+v, ran %d", act, got, o.ran())
		}
	}
	for act, want := range map[string]string{"quiet.done": "null", "list.done": "[1,2]"} {
		a, err := o.Ask(t.Context(), key, uk, request(act, 5))
		if err != nil {
			t.Fatal(err)
		}
		done, err := o.Approve(t.Context(), bob, uk, a.ID, a.Hash, "")
		rows, _ := o.trail.Rows(t.Context(), uk, guard.Filter{Act: act}, 0, 10)
		if err != nil || string(done.Result) != want || len(rows) != 1 || string(rows[0].After) != want || rows[0].Object != "approval:"+a.ID {
			t.Errorf("%s: %+v, %v, %+v", act, done, err, rows)
		}
	}
}

// TestAskRefuses gives requests that are made badly; none is recorded, and none is repeated.
func TestAskRefuses(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	a := o.ask(key, 5)
	const canary = "canary4711"
	long := strings.Repeat("z", 2001)
	for name, c := range map[string]struct {
		pointer string
		change  func(r *guard.Request, by *guard.Actor, book *guard.Book)
	}{
		"no payload":     {"/payload", func(r *guard.Request, _ *guard.Actor, _ *guard.Book) { r.Payload = nil }},
		"broken payload": {"/payload", func(r *guard.Request, _ *guard.Actor, _ *guard.Book) { r.Payload = json.RawMessage(`{"` + canary) }},
		"a list": {"/payload", func(r *guard.Request, _ *guard.Actor, _ *guard.Book) {
			r.Payload = json.RawMessage(`["` + canary + `"]`)
		}},
		"not UTF-8": {"/payload", func(r *guard.Request, _ *guard.Actor, _ *guard.Book) {
			r.Payload = json.RawMessage("{\"note\":\"\xff\"}")
		}},
		"over a MiB": {"/payload", func(r *guard.Request, _ *guard.Actor, _ *guard.Book) {
			r.Payload = json.RawMessage(`{"note":"` + strings.Repeat("x", 1<<20) + `"}`)
		}},
		"no reason":           {"/reason", func(r *guard.Request, _ *guard.Actor, _ *guard.Book) { r.Reason = "" }},
		"long reason":         {"/reason", func(r *guard.Request, _ *guard.Actor, _ *guard.Book) { r.Reason = long }},
		"reason with NUL":     {"/reason", func(r *guard.Request, _ *guard.Actor, _ *guard.Book) { r.Reason = canary + "\x00" }},
		"blank reason":        {"/reason", func(r *guard.Request, _ *guard.Actor, _ *guard.Book) { r.Reason = " \n\t" }},
		"reordered reason":    {"/reason", func(r *guard.Request, _ *guard.Actor, _ *guard.Book) { r.Reason = canary + "\u202e" }},
		"long document":       {"/document", func(r *guard.Request, _ *guard.Actor, _ *guard.Book) { r.Document = long[:256] }},
		"document, two lines": {"/document", func(r *guard.Request, _ *guard.Actor, _ *guard.Book) { r.Document = canary + "\n" }},
		"no author":           {"/author", func(_ *guard.Request, by *guard.Actor, _ *guard.Book) { by.ID = "" }},
		"long author":         {"/author", func(_ *guard.Request, by *guard.Actor, _ *guard.Book) { by.ID = long[:65] }},
		"outside of books":    {"/act", func(_ *guard.Request, _ *guard.Actor, book *guard.Book) { *book = global }},
		"no evidence":         {"/document", func(r *guard.Request, _ *guard.Actor, book *guard.Book) { r.Act, *book = "person.raised", global }},
		"endless":             {"/payload", func(r *guard.Request, _ *guard.Actor, _ *guard.Book) { r.Act = "endless.done" }},
	} {
		r, by, book := request("thing.moved", 5), key, uk
		c.change(&r, &by, &book)
		try := func(how string, err error) {
			var f *fault.Error
			if !errors.Is(err, guard.ErrApprovalInvalid) || !errors.As(err, &f) || len(f.Fields) != 1 || f.Fields[0].Pointer != c.pointer || strings.Contains(err.Error(), canary) {
				t.Errorf("%s: %s: %v", name, how, err)
			}
		}
		_, err := o.Ask(t.Context(), by, book, r)
		try("ask", err)
		if book == uk && r.Act == "thing.moved" {
			_, err = o.Edit(t.Context(), by, book, a.ID, 1, r)
			try("edit", err)
		}
	}
	_, err := o.Edit(t.Context(), key, uk, a.ID, 1, request("quiet.done", 1))
	o.expect("another act", err, guard.ErrApprovalInvalid)
	for _, act := range []string{"", "thing", "thing.move", "thing.moved\x00", canary} {
		_, err := o.Ask(t.Context(), key, uk, request(act, 5))
		o.expect("act "+act, err, guard.ErrActUnknown)
	}
	_, err = o.Ask(t.Context(), key, uk, request("thing.moved", -5))
	o.expect("what the act says", err, errTired)
	if _, err = o.Ask(t.Context(), key, uk, request("dumb.done", 5)); err == nil || fault.KindOf(err) != fault.Internal {
		t.Errorf("an effect that says nothing: %v", err)
	}
	_, err = o.Ask(t.Context(), guard.Actor{Kind: "ghost", ID: "x"}, uk, request("thing.moved", 5))
	o.expect("no such kind", err, guard.ErrDeedInvalid)
	for _, id := range []string{"", "x", "ap_0123456789abcdef", a.ID + "\n", "ap_\x00", strings.ToUpper(a.ID)} {
		_, err := o.Approval(t.Context(), uk, id)
		o.expect("read", err, guard.ErrApprovalUnknown)
		_, err = o.Edit(t.Context(), key, uk, id, 1, request("", 1))
		o.expect("edit", err, guard.ErrApprovalUnknown)
		_, err = o.Approve(t.Context(), bob, uk, id, a.Hash, "")
		o.expect("approve", err, guard.ErrApprovalUnknown)
		_, err = o.Refuse(t.Context(), bob, uk, id, "No.")
		o.expect("refuse", err, guard.ErrApprovalUnknown)
		_, err = o.Withdraw(t.Context(), key, uk, id, "")
		o.expect("withdraw", err, guard.ErrApprovalUnknown)
	}
	_, err = o.Approve(t.Context(), bob, us, a.ID, a.Hash, "")
	o.expect("in another book", err, guard.ErrApprovalUnknown)
	_, err = o.Approve(t.Context(), bob, uk, a.ID, [32]byte{}, "")
	o.expect("no hash", err, guard.ErrApprovalChanged)
	for _, reason := range []string{long, "\x00", "\xff", "x\u2066"} {
		_, err = o.Approve(t.Context(), bob, uk, a.ID, a.Hash, reason)
		o.expect("approve", err, guard.ErrApprovalInvalid)
		_, err = o.Refuse(t.Context(), bob, uk, a.ID, reason)
		o.expect("refuse", err, guard.ErrApprovalInvalid)
		_, err = o.Withdraw(t.Context(), key, uk, a.ID, reason)
		o.expect("withdraw", err, guard.ErrApprovalInvalid)
	}
	_, err = o.Refuse(t.Context(), bob, uk, a.ID, "")
	o.expect("refuse without a reason", err, guard.ErrApprovalInvalid)
	if got := o.told(0); len(got) != 1 || fmt.Sprint(o.state(a.ID)) != fmt.Sprint(a) {
		t.Errorf("told %v", got)
	}
	// The installation has acts and approvals of its own.
	if p, err := o.Ask(t.Context(), key, global, guard.Request{Act: "person.raised", Payload: json.RawMessage(`{}`), Reason: "x", Document: "memo"}); err != nil {
		t.Error(err)
	} else if done, err := o.Approve(t.Context(), bob, global, p.ID, p.Hash, ""); err != nil || done.State != guard.StateDone {
		t.Errorf("%+v, %v", done, err)
	}
}

func TestActsAreDeclaredWell(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	list := o.Acts()
	for i, act := range list[1:] {
		if act.Name <= list[i].Name {
			t.Errorf("%s comes after %s", act.Name, list[i].Name)
		}
	}
	good := list[0]
	for name, bad := range map[string][]guard.Act{
		"twice": {good, good}, "no name": {{Effect: good.Effect, Run: good.Run}}, "one word": {{Name: "x", Effect: good.Effect, Run: good.Run}},
		"no effect": {{Name: "a.b", Run: good.Run}}, "nothing to run": {{Name: "a.b", Effect: good.Effect}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			guard.NewDesk(o.db.Pool, o.trail, o.clock.now, bad)
		}()
	}
}

// TestPayloadGrows asks with content that is longer in the form in which it is kept than in the one in which it came: it is
// refused as too large, which is no defect.
func TestPayloadGrows(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	payload := json.RawMessage(`{"amount":1,"note":"` + strings.Repeat("<", 300_000) + `"}`)
	_, err := o.Ask(t.Context(), key, uk, guard.Request{Act: "thing.moved", Payload: payload, Reason: "why"})
	if !errors.Is(err, guard.ErrApprovalInvalid) {
		t.Error(err)
	}
}
