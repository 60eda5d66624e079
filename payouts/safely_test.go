package payouts

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
)

// panicking is a log that panics when something is said of somebody, as a defect about one payee may.
type panicking struct {
	slog.Handler
	said, payee string
	armed       bool
}

func (p *panicking) Handle(ctx context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if p.armed && a.Key == "payee" && a.Value.String() == p.payee && strings.Contains(r.Message, p.said) {
			panic("canary of a panic")
		}
		return true
	})
	return p.Handler.Handle(ctx, r)
}

// toldOfPanic wants that people are told of a panic, with whom it was about, and without what the panic said.
func toldOfPanic(t *testing.T, said, whom string) {
	t.Helper()
	if !strings.Contains(said, "level=ERROR") || !strings.Contains(said, "ended in a panic") || !strings.Contains(said, whom) || strings.Contains(said, "canary") {
		t.Errorf("people are told %s", said)
	}
}

// TestPanicAboutOneDecision: a payee about whom deciding ends in a panic waits, is told, and keeps nobody else from being paid.
func TestPanicAboutOneDecision(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	for _, id := range []string{"sel_1", "sel_2", "sel_3"} {
		h.ready(usd(KindSeller, id), true)
		h.move(usd(KindSeller, id), "available", 5000)
	}
	h.must(h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO payout_overrides (book_id, payee, version, valid_from, document, recorded_at) VALUES ($1, 'sel_2', 1, $2, '{"of":"another age"}', $2)`, h.book.ID, h.clock())
		return err
	}))
	logged := &logText{}
	p := &panicking{Handler: slog.NewTextHandler(logged, nil), said: "does not fit", payee: "sel_2", armed: true}
	h.log = slog.New(p)
	run := h.runOn(runsStart)
	if run.Paid != 2 || run.Skipped != 1 || len(h.payouts(run.ID)) != 2 {
		t.Errorf("%+v", run)
	}
	toldOfPanic(t, logged.String(), "sel_2")
	h.replays(run.ID)
	h.sound()
}

// TestPanicAboutOneDebt: a debt about which recovering ends in a panic stays noted as it was, and the others are recovered.
func TestPanicAboutOneDebt(t *testing.T) {
	t.Parallel()
	h := newDebtHouse(t)
	h.settled("c2", "c", "50.00")
	h.work(h.Feed)
	h.owes("a", h.reserve("a")+9_00)
	h.owes("c", h.reserve("c")+7_00)
	h.work(h.Recover)
	before := h.theDebt("a")
	if before.Amount != 9_00 || h.theDebt("c").Amount != 7_00 {
		t.Fatal(before, h.theDebt("c"))
	}
	h.settled("a3", "a", "50.00") // something to take, of which more is owed
	h.settled("c3", "c", "50.00")
	h.work(h.Feed)
	h.owes("a", h.reserve("a")+11_00)
	h.owes("c", h.reserve("c")+12_00)
	h.move(h.time().AddDate(0, 0, 1))
	logged := &logText{}
	h.log = slog.New(slog.NewTextHandler(logged, nil))
	turn, once := h.turn(), true
	turn.Check = func(context.Context, pgx.Tx) error {
		if once {
			once = false
			panic("canary of a panic")
		}
		return nil
	}
	if _, err := h.Recover(t.Context(), turn); !errors.Is(err, errPanicked) {
		t.Fatal(err)
	}
	toldOfPanic(t, logged.String(), "payee=a")
	if now := h.theDebt("a"); now.Amount != before.Amount || !now.Since.Equal(before.Since) {
		t.Errorf("the debt of whom nothing was found out is %+v instead of %+v", now, before)
	}
	if c := h.theDebt("c"); c.Amount != 12_00 {
		t.Errorf("the other debt: %+v", c)
	}
	h.work(h.Recover)
	if now := h.theDebt("a"); now.Amount != 11_00 || !now.Since.Equal(before.Since) || h.reserve("a") != 0 {
		t.Errorf("%+v", now)
	}
}

// blind is a processor's driver of which some reads panic.
type blind struct {
	processor.Driver
	account, transfer string
	sprung            int
}

func (p *blind) ReadAccount(ctx context.Context, id string) (processor.Account, error) {
	if id == p.account {
		p.sprung++
		panic("canary of a panic")
	}
	return p.Driver.ReadAccount(ctx, id)
}

func (p *blind) ReadTransfer(ctx context.Context, id string) (processor.Transfer, error) {
	if id == p.transfer || p.transfer == "all" {
		p.sprung++
		panic("canary of a panic")
	}
	return p.Driver.ReadTransfer(ctx, id)
}

// reads puts the driver before the house's and returns how to take it away.
func (h *railHouse) reads(p *blind) (mended func()) {
	r := h.rails["connected"]
	whole := r.Driver
	p.Driver, r.Driver = whole, p
	h.rails["connected"] = r
	return func() {
		r.Driver = whole
		h.rails["connected"] = r
	}
}

// TestPanicAboutOneNotice: a notice about which the work ends in a panic is read again, and the ones behind it are dealt with.
func TestPanicAboutOneNotice(t *testing.T) {
	t.Parallel()
	h, deliver := noticed(t)
	h.fund("sel_x", 60000)
	if err := h.drain(10000); err != nil { // a transfer of nobody, whose notice comes first
		t.Fatal(err)
	}
	deliver()
	id := h.pay("sel_x", h.account("sel_x", "acct_x", "manual"), "acct_x", "manual", "standard", 30000, 0)
	h.submit()
	h.clock.Advance(49 * time.Hour)
	deliver()
	h.exec(`UPDATE payouts SET look_at = $2 WHERE book_id = $1`, h.book.ID, h.clock.Now().Add(24*time.Hour))
	p := &blind{transfer: "all"}
	mended := h.reads(p)
	for range 3 {
		_, _ = h.ReadNotices(t.Context(), h.turn())
	}
	if p.sprung == 0 {
		t.Fatal("nothing panicked")
	}
	h.want(id, Paid, "")
	toldOfPanic(t, h.logged.String(), "notice=")
	if got := h.outcomes(); got[""] == 0 {
		t.Errorf("a notice about which nothing was found out is done: %v", got)
	}
	mended()
	for range 3 {
		h.work(h.ReadNotices)
	}
	if got := h.outcomes(); got[""] != 0 {
		t.Errorf("%v", got)
	}
}

// TestPanicAboutOneRetry: of two payouts that came back one cannot be tried again because of a defect. The other is.
func TestPanicAboutOneRetry(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	h.withVault()
	var ids []string
	for _, payee := range []string{"sel_x", "sel_y"} {
		account := "acct" + strings.TrimPrefix(payee, "sel")
		h.payable(payee)
		h.fund(payee, 50000)
		d := h.account(payee, account, "manual")
		h.known(account, d)
		if err := h.sim.FailPayouts(account, "could_not_process", time.Hour); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, h.pay(payee, d, account, "manual", "standard", 30000, 0))
	}
	h.submit()
	h.clock.Advance(7 * time.Hour)
	h.followUp()
	for i, account := range []string{"acct_x", "acct_y"} {
		h.want(ids[i], Failed, "could_not_process")
		if err := h.sim.FailPayouts(account, "", 0); err != nil {
			t.Fatal(err)
		}
		if err := h.sim.ChangeAccount(account, func(a *simulator.Account) { a.PayoutsEnabled = true }); err != nil {
			t.Fatal(err)
		}
	}
	h.clock.Advance(25 * time.Hour)
	p := &blind{account: "acct_x"}
	mended := h.reads(p)
	_, _ = h.Retry(t.Context(), h.turn())
	if p.sprung == 0 || len(h.after(ids[0])) != 0 || len(h.after(ids[1])) != 1 {
		t.Errorf("%d panics, %d and %d tried again\n%s", p.sprung, len(h.after(ids[0])), len(h.after(ids[1])), h.logged)
	}
	toldOfPanic(t, h.logged.String(), ids[0])
	mended()
	h.work(h.Retry)
	if len(h.after(ids[0])) != 1 || len(h.after(ids[1])) != 1 {
		t.Errorf("%d and %d tried again", len(h.after(ids[0])), len(h.after(ids[1])))
	}
}
