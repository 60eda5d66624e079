package bankfile_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/postgres/pgtest"
	"mizan/ledger/vault"
	"mizan/payouts/processor"
	"mizan/payouts/processor/bankfile"
)

var (
	mortalLong = flag.Bool("mortal.long", false, "die at every statement, not at a few of each deed")
	mortalSeed = flag.Uint64("mortal.seed", 0, "which statements are died at; 0 for others each time")
)

// mortal is a service that dies at a statement.
type mortal struct {
	*bankfile.Service
	life *pgtest.Mortal
}

func (h *house) bear(at int, after bool) *mortal {
	h.Helper()
	m := &mortal{life: h.db.Mortal(h, 4, at, after)}
	trail := guard.NewTrail(m.life.Pool, h.clock.Now)
	m.Service = bankfile.New(bankfile.Options{Pool: m.life.Pool, Trail: trail, Now: h.clock.Now, Vault: vault.New(m.life.Pool, vault.Options{Now: h.clock.Now, Keys: h.keys, Trail: trail})})
	m.life.Arm()
	return m
}

// deed is one thing that a service does, and what must be so afterwards. Done again by another service it comes to the same.
type deed struct {
	do    func(s *bankfile.Service) error
	check func()
}

// sure makes an error of an outcome that is not known, or refused.
func sure[T any](o processor.Outcome[T]) error {
	if o.Verdict != processor.Done {
		return fmt.Errorf("%s %s", o.Verdict, o.Code)
	}
	return nil
}

// TestDyingAnywhere: a service dies before and after each statement of everything it does, and another does it again. Nothing is
// there twice, nothing is lost, and no number is skipped.
func TestDyingAnywhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(3)
	h.banked("cre_0", euroBank(0))
	const payee = "payee:cre_0"
	round := 0
	fresh := func() processor.Key { round++; return key(t, fmt.Sprintf("po_%016d", round), 1, h.clock.Now(), 1) }
	single := func(what, sql string, args ...any) {
		t.Helper()
		if n := h.count(sql, append([]any{h.book.ID}, args...)...); n != 1 {
			t.Errorf("%s: %d", what, n)
		}
	}
	waiting := func() processor.Payout {
		round++
		return h.ordered("cre_0", fmt.Sprintf("po_%016d", round), 100, "EUR")
	}
	of := func(k processor.Key) string { return k.Instruction() }
	transfer := func() (processor.Key, processor.TransferOrder) {
		k := fresh()
		o, err := processor.NewTransfer(k, payee, 100, "EUR", nil)
		h.ok(err)
		return k, o
	}
	ctx := t.Context()
	deeds := map[string]func() deed{
		"transfer": func() deed {
			k, o := transfer()
			return deed{func(s *bankfile.Service) error { return sure(s.Driver(h.book).SendTransfer(ctx, o)) },
				func() {
					single("transfers", `SELECT count(*) FROM bank_transfers WHERE book_id = $1 AND instruction = $2`, of(k))
				}}
		},
		"reversal": func() deed {
			_, o := transfer()
			tr := done(h, h.driver.SendTransfer(ctx, o))
			r, err := processor.NewReversal(fresh(), tr.ID, 100, "EUR", nil)
			h.ok(err)
			return deed{func(s *bankfile.Service) error { return sure(s.Driver(h.book).ReverseTransfer(ctx, r)) },
				func() {
					single("reversals", `SELECT count(*) FROM bank_reversals WHERE book_id = $1 AND transfer = $2`, tr.ID)
				}}
		},
		"payout": func() deed {
			_, o := transfer()
			done(h, h.driver.SendTransfer(ctx, o))
			k := fresh()
			p, err := processor.NewPayout(k, payee, processor.Standard, 100, "EUR", nil)
			h.ok(err)
			return deed{func(s *bankfile.Service) error { return sure(s.Driver(h.book).CreatePayout(ctx, p)) },
				func() {
					single("payments", `SELECT count(*) FROM bank_payments WHERE book_id = $1 AND instruction = $2`, of(k))
					h.one()
				}}
		},
		"cancel": func() deed {
			p := waiting()
			o, err := processor.NewCancel(fresh(), payee, p.ID)
			h.ok(err)
			return deed{func(s *bankfile.Service) error { return sure(s.Driver(h.book).CancelPayout(ctx, o)) },
				func() { h.state(p, processor.PayoutCancelled, bankfile.CodeCancelled) }}
		},
		"make": func() deed {
			p, files := waiting(), h.count(`SELECT count(*) FROM bank_files`)
			return deed{func(s *bankfile.Service) error { _, err := s.MakeFiles(ctx, h.book, jobs); return err },
				func() {
					h.state(p, processor.PayoutInTransit, "")
					single("files", `SELECT count(*) - $2 FROM bank_files WHERE book_id = $1`, files)
				}}
		},
		"content": func() deed {
			waiting()
			f := h.one()
			return deed{func(s *bankfile.Service) error {
				content, _, err := s.Content(ctx, h.book, "EUR", f.Number, ann, "pay day")
				// Whoever has the bytes is in the trail.
				if told := h.count(`SELECT count(*) FROM audit_rows WHERE act = 'bank_file.fetched' AND object = $1`, fmt.Sprint("bank_file:EUR-", f.Number)); content != nil && told == 0 {
					t.Error("bytes without a row in the trail")
				}
				return err
			}, func() {
				single("fetched", `SELECT count(*) FROM bank_files WHERE book_id = $1 AND number = $2 AND state = 'fetched'`, f.Number)
			}}
		},
		"sent": func() deed {
			waiting()
			f := h.one()
			_, _, err := h.Content(ctx, h.book, "EUR", f.Number, ann, "pay day")
			h.ok(err)
			return deed{func(s *bankfile.Service) error {
				_, err := s.Sent(ctx, h.book, "EUR", f.Number, ann, "uploaded")
				return err
			}, func() {
				single("sent", `SELECT count(*) FROM audit_rows WHERE book_id = $1 AND act = 'bank_file.sent' AND object = $2`, fmt.Sprint("bank_file:EUR-", f.Number))
			}}
		},
		"void": func() deed {
			p := waiting()
			f := h.one()
			return deed{func(s *bankfile.Service) error {
				_, err := s.Void(ctx, h.book, "EUR", f.Number, ann, "mistake")
				if fault.CodeOf(err) == bankfile.ErrFileState.Code && h.count(`SELECT count(*) FROM bank_files WHERE number = $1 AND state = 'void'`, f.Number) == 1 {
					return nil // it is void
				}
				return err
			}, func() {
				h.state(p, processor.PayoutPending, "")
				if again := h.one(); again.Lines != 1 || again.Number != f.Number+1 {
					t.Errorf("%+v", again)
				}
			}}
		},
		"report": func() deed {
			a, b := waiting(), waiting()
			f, _ := h.sent()
			text := report(f, "", said{payment: a.ID, status: "RJCT", code: "MS03"}, said{payment: b.ID, status: "ACSC"})
			return deed{func(s *bankfile.Service) error {
				_, err := s.TakeReport(ctx, h.book, "EUR", strings.NewReader(text), ben)
				return err
			}, func() {
				h.state(a, processor.PayoutCancelled, "MS03")
				h.state(b, processor.PayoutPaid, "")
				single("reports", `SELECT count(*) FROM bank_reports WHERE book_id = $1 AND file = $2`, f.Number)
			}}
		},
		"silence": func() deed {
			h.clock.advance(10 * 24 * time.Hour)
			_, err := h.Settle(ctx, h.book) // what others left
			h.ok(err)
			p := waiting()
			h.sent()
			h.clock.advance(10 * 24 * time.Hour)
			return deed{func(s *bankfile.Service) error { _, err := s.Settle(ctx, h.book); return err },
				func() { h.state(p, processor.PayoutPaid, "") }}
		},
	}
	seed := *mortalSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d: replay with -mortal.seed=%d", seed, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	total := 0
	for _, name := range slices.Sorted(maps.Keys(deeds)) {
		begin := deeds[name]
		d := begin()
		whole := h.bear(0, false)
		h.ok(d.do(whole.Service))
		h.db.Bury(t, whole.life)
		h.ok(d.do(h.Service))
		d.check()
		fates := random.Perm(2 * whole.life.Statements())
		if !*mortalLong {
			fates = fates[:min(len(fates), 3)]
		}
		for _, fate := range fates {
			at, after := 1+fate/2, fate%2 == 1
			d := begin()
			m := h.bear(at, after)
			err := d.do(m.Service)
			if !h.db.Bury(t, m.life) {
				t.Errorf("%s did not come to its crossing %d: %v", name, at, err)
			}
			if err := d.do(h.Service); err != nil {
				t.Fatalf("%s, dead at %d (after: %v): done again: %v", name, at, after, err)
			}
			d.check()
		}
		if total += len(fates); whole.life.Statements() < 3 {
			t.Errorf("%s is only %d statements", name, whole.life.Statements())
		}
	}
	t.Log(total, "deaths")
	h.sound()
}
