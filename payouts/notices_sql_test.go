package payouts_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"
	"mizan/payouts"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/processor/stripe"
)

const (
	noticePlatform = "whsec_canary_platform_0001"
	noticeConnect  = "whsec_canary_connect_0001"
)

var noticeStart = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// noticeHouse is the notices of one processor on a database of their own.
type noticeHouse struct {
	t       *testing.T
	db      *pgtest.DB
	clock   *simulator.Clock
	readers map[string]payouts.NoticeReader
	*payouts.Notices
}

func newNoticeHouse(t *testing.T) *noticeHouse {
	t.Helper()
	h := &noticeHouse{t: t, db: pgtest.New(t), clock: simulator.NewClock(noticeStart)}
	driver, err := stripe.New(stripe.Options{Key: "sk_live_canary_of_the_key_1234567890", Now: h.clock.Now, PlatformSecret: noticePlatform, ConnectSecret: noticeConnect})
	if err != nil {
		t.Fatal(err)
	}
	h.readers = map[string]payouts.NoticeReader{"stripe": driver}
	h.Notices = payouts.NewNotices(h.db.Pool, h.clock.Now, h.readers)
	return h
}

// notice is the body of one, with what the processor adds for each delivery.
func notice(id string, amount int, live bool, delivery int) []byte {
	return fmt.Appendf(nil, `{"id":%q,"object":"event","type":"payout.paid","account":"acct_1","api_version":"2099-01-01","created":1772400000,"livemode":%t,"pending_webhooks":%d,`+
		`"data":{"object":{"id":"po_1","object":"payout","amount":%d}}}`, id, live, delivery, amount)
}

func (h *noticeHouse) send(body []byte) error {
	return h.Receive(h.t.Context(), "stripe", body, simulator.Sign(body, noticeConnect, h.clock.Now()))
}

func (h *noticeHouse) want(err error, body []byte) {
	h.t.Helper()
	if got := h.send(body); !errors.Is(got, err) {
		h.t.Errorf("%.60s: %v, want %v", body, got, err)
	}
}

func (h *noticeHouse) unhandled() []payouts.Notice {
	h.t.Helper()
	list, err := h.Unhandled(h.t.Context(), 1000)
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func TestANoticeIsStoredAsItCameAndHandledOnce(t *testing.T) {
	t.Parallel()
	h := newNoticeHouse(t)
	body := notice("evt_1", 100, true, 1)
	h.want(nil, body)
	h.want(nil, body)                             // K12
	h.want(nil, notice("evt_1", 100, true, 2))    // the same, delivered again
	h.want(nil, notice("evt_other", 1, false, 1)) // K11
	list := h.unhandled()
	if len(list) != 1 {
		t.Fatalf("%+v", list)
	}
	want := payouts.Notice{Number: list[0].Number, Processor: "stripe", ID: "evt_1", Account: "acct_1", Connect: true, Type: "payout.paid", Object: "po_1", Kind: "payout",
		Version: "2099-01-01", Live: true, Ours: true, Created: time.Unix(1772400000, 0).UTC(), ReceivedAt: noticeStart, Body: body}
	if got := fmt.Sprintf("%+v", list[0]); got != fmt.Sprintf("%+v", want) {
		t.Errorf("%s\nwant %+v", got, want)
	}
	for _, outcome := range []string{"", "Read", "read it", strings.Repeat("a", 65)} {
		if err := h.Handled(t.Context(), want.Number, outcome); !errors.Is(err, payouts.ErrNoticeOutcome) {
			t.Errorf("outcome %q: %v", outcome, err)
		}
	}
	undone := errors.New("undone")
	err := h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		return errors.Join(h.HandledTx(t.Context(), tx, want.Number, "read"), undone)
	})
	if !errors.Is(err, undone) || len(h.unhandled()) != 1 {
		t.Errorf("a rollback: %v, %d left", err, len(h.unhandled()))
	}
	if err := h.Handled(t.Context(), want.Number, "read"); err != nil {
		t.Fatal(err)
	}
	for _, number := range []int64{want.Number, 999_999, -1} {
		if err := h.Handled(t.Context(), number, "read"); !errors.Is(err, payouts.ErrNoticeHandled) {
			t.Errorf("%d again: %v", number, err)
		}
	}
	h.want(nil, body) // handled or not, it was received
	if n := len(h.unhandled()); n != 0 {
		t.Errorf("%d are left", n)
	}
}

func TestANoticeThatContradictsIsAnAlarm(t *testing.T) {
	t.Parallel()
	h := newNoticeHouse(t)
	h.want(nil, notice("evt_1", 100, true, 1))
	for range 2 {
		h.want(payouts.ErrNoticeConflict, notice("evt_1", 999, true, 1)) // K13
	}
	h.want(payouts.ErrNoticeConflict, notice("evt_1", 100, false, 1))
	h.want(nil, notice("evt_1", 100, true, 3))
	alarms, err := h.Alarms(t.Context(), 0, 10)
	if err != nil || len(alarms) != 2 || alarms[0].Outcome != payouts.NoticeContradicts || !strings.Contains(string(alarms[0].Body), "999") {
		t.Errorf("%+v, %v", alarms, err)
	}
	if later, err := h.Alarms(t.Context(), alarms[0].Number, 10); err != nil || len(later) != 1 {
		t.Errorf("%+v, %v", later, err)
	}
	if list := h.unhandled(); len(list) != 1 || strings.Contains(string(list[0].Body), "999") {
		t.Errorf("%+v", list)
	}
}

func TestANoticeThatIsSignedAndCannotBeReadIsKept(t *testing.T) {
	t.Parallel()
	h := newNoticeHouse(t)
	bodies := [][]byte{[]byte("{"), []byte("[]"), []byte(`{"object":"event"}`), []byte("\x00\xff"), []byte(`{"id":"a","object":"event","type":""}`),
		notice("evt_\u0000", 1, true, 1), notice("evt two", 1, true, 1), notice(strings.Repeat("e", 256), 1, true, 1),
		[]byte(`{"id":"evt_early","object":"event","type":"x","livemode":true,"created":-9999999999999}`)}
	for _, body := range bodies {
		h.want(nil, body)
		h.want(nil, body)
	}
	h.want(payouts.ErrNoticeSignature, nil)
	h.want(payouts.ErrNoticeSignature, make([]byte, payouts.MaxNotice+1))
	rows, err := h.db.Pool.Query(t.Context(), `SELECT body FROM processor_notices WHERE outcome = $1 ORDER BY number`, payouts.NoticeUnreadable)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil || !slices.EqualFunc(kept, bodies, slices.Equal[[]byte]) {
		t.Errorf("%q, %v", kept, err)
	}
	if n := len(h.unhandled()); n != 0 {
		t.Errorf("%d are work", n)
	}
}

func TestNoticesOfStrangersAreNotTaken(t *testing.T) {
	t.Parallel()
	h := newNoticeHouse(t)
	body, now := notice("evt_1", 100, true, 1), h.clock.Now()
	for name, signature := range map[string]string{
		"none": "", "of another": simulator.Sign(body, "whsec_other_000000", now), "of another body": simulator.Sign([]byte("{}"), noticeConnect, now),
		"old": simulator.Sign(body, noticeConnect, now.Add(-301*time.Second)), "early": simulator.Sign(body, noticeConnect, now.Add(301*time.Second)),
		"of an empty secret": simulator.Sign(body, "", now),
	} {
		err := h.Receive(t.Context(), "stripe", body, signature)
		if !errors.Is(err, payouts.ErrNoticeSignature) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := h.Receive(t.Context(), "adyen", body, simulator.Sign(body, noticeConnect, now)); !errors.Is(err, payouts.ErrNoticesUnknown) {
		t.Error(err)
	}
	if n := len(h.unhandled()); n != 0 {
		t.Errorf("%d were stored", n)
	}
}

// Fifty deliveries of three bodies under one id, to two services: one counts, two are alarms, and one of fifty handles it.
func TestManyDeliveriesAtOnce(t *testing.T) {
	t.Parallel()
	h := newNoticeHouse(t)
	services := []*payouts.Notices{h.Notices, payouts.NewNotices(h.db.Pool, h.clock.Now, h.readers)}
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			body := notice("evt_1", i%3, true, i)
			err := services[i%2].Receive(context.WithoutCancel(t.Context()), "stripe", body, simulator.Sign(body, noticePlatform, h.clock.Now()))
			if err != nil && !errors.Is(err, payouts.ErrNoticeConflict) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	alarms, err := h.Alarms(t.Context(), 0, 1000)
	list := h.unhandled()
	if err != nil || len(list) != 1 || len(alarms) != 2 {
		t.Fatalf("%d count, %d are alarms, %v", len(list), len(alarms), err)
	}
	var mu sync.Mutex
	handled := 0
	for i := range 50 {
		group.Go(func() {
			err := services[i%2].Handled(context.WithoutCancel(t.Context()), list[0].Number, "read")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				handled++
			} else if !errors.Is(err, payouts.ErrNoticeHandled) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if handled != 1 {
		t.Errorf("it was handled %d times", handled)
	}
}

// What the service's own role may do to notices behind the service's back, and what not even the owner may.
func TestTheDatabaseKeepsNotices(t *testing.T) {
	t.Parallel()
	h := newNoticeHouse(t)
	h.want(nil, notice("evt_1", 1, true, 1))
	h.want(nil, notice("evt_2", 1, true, 1))
	if err := h.Handled(t.Context(), h.unhandled()[0].Number, "read"); err != nil {
		t.Fatal(err)
	}
	as := func(url string) func(sql string) error {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) }) // the database is dropped in any case
		return func(sql string) error {
			_, err := conn.Exec(t.Context(), sql)
			return err
		}
	}
	app := func(sql string) error {
		_, err := h.db.Pool.Exec(t.Context(), sql)
		return err
	}
	owner, super := as(h.db.OwnerURL), as(h.db.SuperURL)
	if err := super(`SET session_replication_role = replica`); err != nil {
		t.Fatal(err)
	}
	again := `INSERT INTO processor_notices (processor, id, connect, live, ours, created, received_at, says, body) SELECT processor, id, connect, live, %s, created, received_at, sha256('x'), %s FROM processor_notices LIMIT 1`
	for _, c := range []struct {
		sql   string
		by    func(string) error
		state string
	}{
		{`UPDATE processor_notices SET body = 'x'`, app, "42501"},
		{`DELETE FROM processor_notices`, app, "42501"},
		{`TRUNCATE processor_notices`, app, "42501"},
		{`UPDATE processor_notices SET handled_at = NULL, outcome = '' WHERE handled_at IS NOT NULL`, app, "42501"},
		{`UPDATE processor_notices SET outcome = 'other' WHERE handled_at IS NOT NULL`, app, "42501"},
		{`UPDATE processor_notices SET outcome = 'read' WHERE handled_at IS NULL`, app, "42501"},
		{`UPDATE processor_notices SET handled_at = now(), outcome = '' WHERE handled_at IS NULL`, app, "23514"},
		{fmt.Sprintf(again, "true", "'x'"), app, "23505"},
		{strings.Replace(fmt.Sprintf(again, "false", "'x'"), " id, connect, live, false", " 'evt_3', connect, live, false", 1), app, "23514"},
		{strings.Replace(fmt.Sprintf(again, "true", "''"), " id, connect, live, true", " 'evt_3', connect, live, true", 1), app, "23514"},
		{strings.Replace(fmt.Sprintf(again, "true", "'x'"), " id, connect, live, true", " 'evt 3', connect, live, true", 1), app, "23514"},
		{`UPDATE processor_notices SET body = 'x', handled_at = now(), outcome = 'read' WHERE handled_at IS NULL`, owner, "42501"},
		{`DELETE FROM processor_notices`, super, "42501"},
		{`TRUNCATE processor_notices`, super, "42501"},
		{`DELETE FROM processor_notices`, owner, "42501"},
		{`TRUNCATE processor_notices`, owner, "42501"},
	} {
		err := c.by(c.sql)
		if got := postgres.SQLState(err); got != c.state {
			t.Errorf("%s: %q, %v", c.sql, got, err)
		}
	}
	if n := len(h.unhandled()); n != 1 {
		t.Errorf("%d are left", n)
	}
}

// A notice may hold what the processor knows of people, which nothing else would ever erase: it is forgotten 90 days after it
// was handled, and not before, whatever the service's clock says. What was not handled stays.
func TestNoticesAreForgotten(t *testing.T) {
	t.Parallel()
	h := newNoticeHouse(t)
	for id, handled := range map[string]string{"evt_old": "now() - interval '91 days'", "evt_young": "now() - interval '89 days'", "evt_open": "NULL"} {
		if _, err := h.db.Pool.Exec(t.Context(), `
INSERT INTO processor_notices (processor, id, connect, live, ours, created, received_at, says, body, handled_at, outcome)
SELECT 'stripe', $1::text, true, true, true, '2020-01-01', '2020-01-01', sha256(convert_to($1::text, 'UTF8')), 'canary Maria Gonzalez', x.at, CASE WHEN x.at IS NULL THEN '' ELSE 'looked' END FROM (SELECT (`+handled+`)::timestamptz AS at) x`, id); err != nil {
			t.Fatal(err)
		}
	}
	forget := func(now time.Time, want int, left ...string) {
		t.Helper()
		n, err := payouts.NewNotices(h.db.Pool, func() time.Time { return now }, nil).Forget(t.Context())
		if err != nil || n != want {
			t.Errorf("%d were forgotten, want %d: %v", n, want, err)
		}
		rows, err := h.db.Pool.Query(t.Context(), `SELECT id FROM processor_notices ORDER BY id`)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || strings.Join(got, " ") != strings.Join(left, " ") {
			t.Errorf("%v are left: %v", got, err)
		}
	}
	forget(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), 0, "evt_old", "evt_open", "evt_young")
	forget(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), 1, "evt_open", "evt_young")
	_, err := h.db.Pool.Exec(t.Context(), `DELETE FROM processor_notices`)
	if postgres.SQLState(err) != "42501" {
		t.Errorf("deleted too early: %v", err)
	}
	// Saying that one was handled long ago does not make it go: when it came stays.
	for _, sql := range []string{
		`INSERT INTO processor_notices (processor, id, connect, live, ours, created, received_at, says, body)
		 SELECT processor, 'evt_new', connect, live, ours, created, now(), sha256('new'), body FROM processor_notices WHERE id = 'evt_open'`,
		`UPDATE processor_notices SET handled_at = '2020-01-01', outcome = 'looked' WHERE id = 'evt_new'`,
	} {
		if _, err := h.db.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.db.Pool.Exec(t.Context(), `DELETE FROM processor_notices WHERE id = 'evt_new'`); postgres.SQLState(err) != "42501" {
		t.Errorf("what came today is gone: %v", err)
	}
	forget(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), 0, "evt_new", "evt_open", "evt_young")
}
