package reconcile

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"mizan/ledger/postgres/pgtest"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/reconcile/evidence"
)

var (
	evidenceMortalLong = flag.Bool("evidence.mortal.long", false, "die at every statement, not at a few of each deed")
	evidenceMortalSeed = flag.Uint64("evidence.mortal.seed", 0, "which statements are died at; 0 for others each time")
)

// evidenceMortal is a service that dies at a statement.
type evidenceMortal struct {
	*Service
	life *pgtest.Mortal
}

func (h *evidenceHouse) bear(at int, after bool) *evidenceMortal {
	h.Helper()
	m := &evidenceMortal{life: h.db.Mortal(h, 4, at, after)}
	m.Service = h.another(m.life.Pool)
	m.life.Arm()
	return m
}

// TestTakingDies: a service dies before and after each statement of pulling and of taking a file, and another does it again. Nothing is
// there twice, nothing is lost, and no number is skipped.
func TestTakingDies(t *testing.T) {
	t.Parallel()
	seed := *evidenceMortalSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d: go test -run TestTakingDies -evidence.mortal.seed=%d", seed, seed)
	r := rand.New(rand.NewPCG(seed, 0))
	h := newEvidenceHouse(t)
	x := h.bank(evidence.CAMT053, nil)
	_, err := h.pullSource(t.Context(), h.turn(), "main")
	h.ok(err)
	next, lines, balance := 0, 0, statement(1, 1, 0).Closing
	deeds := map[string]func() (do func(s *Service) error, check func()){
		"pull": func() (func(s *Service) error, func()) {
			for i := range 3 {
				_, err := h.sim.AddEntry(simulator.Platform, "charge", "charge", "eur", int64(100+i), h.clock.Now().AddDate(0, 0, -i), "")
				h.ok(err)
			}
			return func(s *Service) error { _, err := s.Pull(t.Context(), h.turn(), "main"); return err }, h.equalsJournal
		},
		"take": func() (func(s *Service) error, func()) {
			next++
			lines += 2
			s := statement(2, 2, balance, 100, -30)
			s.ID, s.From, s.Until = fmt.Sprint("S", next), day(1+next), day(1+next)
			for i := range s.Lines {
				s.Lines[i] = bankMove(fmt.Sprintf("N%d-%d", next, i), 1, s.Lines[i].Amount)
				s.Lines[i].Booked, s.Lines[i].Value = s.From, s.From
			}
			balance = s.Closing
			file := h.file(s)
			return func(s *Service) error {
					_, err := s.TakeStatement(t.Context(), evidenceAnn, h.book, "main", file)
					return err
				}, func() {
					if n := len(h.all(x)); n != lines {
						t.Errorf("%d lines instead of %d", n, lines)
					}
					if n := h.count(`SELECT count(*) FROM audit_rows WHERE book_id = $1 AND act = 'evidence.statement_taken'`, h.book.ID); n != next {
						t.Errorf("%d deeds of %d files", n, next)
					}
					h.complete(x)
					h.sound(x)
				}
		},
	}
	for _, name := range []string{"pull", "take"} {
		do, check := deeds[name]()
		whole := h.bear(0, false)
		h.ok(do(whole.Service))
		statements := whole.life.Statements()
		h.db.Bury(t, whole.life)
		check()
		for at := 1; at <= statements; at++ {
			if !*evidenceMortalLong && r.IntN(statements) >= 3 {
				continue
			}
			for _, after := range []bool{false, true} {
				do, check := deeds[name]()
				m := h.bear(at, after)
				err := do(m.Service)
				died := h.db.Bury(t, m.life)
				if died == (err == nil) && !after {
					t.Errorf("%s %d: died is %v, and %v", name, at, died, err)
				}
				h.ok(do(h.Service))
				check()
			}
		}
		t.Logf("%s has %d statements", name, statements)
	}
}
