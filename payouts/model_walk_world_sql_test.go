package payouts

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
	"mizan/payouts/processor/simulator"
)

// What comes between the requests of a walk: people, time, the bank, and requests that arrive late.

var walkPerson = guard.Actor{Kind: guard.Person, ID: "per_ann"}

// playWorld makes a move that is no process's.
func (v *walk) playWorld(m mMove, next mState) bool {
	v.t.Helper()
	var err error
	switch m.kind {
	case moveLapse:
		w := v.s.p[m.p].owner - 1
		if v.s.w[w].at == atCall || v.s.w[w].at == atIdle { // that is the death of a process, which is played as such
			return false
		}
		v.exec(`UPDATE payouts SET lease_until = clock_timestamp() - interval '1 second' WHERE book_id = $1 AND id = $2`, v.book.ID, v.ids[m.p])
	case moveArrive, moveLost:
		key := [3]uint8{m.p, m.how, m.n}
		if m.kind == moveArrive {
			v.late[key].carryOut(v.sim)
		}
		delete(v.late, key)
	case moveMinutes:
		v.clock.Advance(lookApart + time.Minute)
	case moveDay:
		v.clock.Advance(25 * time.Hour)
	case moveBankPays, moveBankFails:
		code := map[uint8]string{moveBankFails: "account_closed"}[m.kind]
		err = v.sim.Land("acct_x", v.outs[m.p][m.n], code)
	case moveSweep:
		err = v.sim.PayOut("acct_x")
	case moveShort:
		_, err = v.sim.AddDebit("acct_x", walkUnit, "usd")
	case moveMadeUp:
		_, err = v.sim.AddEntry("acct_x", "adjustment", "other_adjustment", "usd", walkUnit, v.clock.Now(), "")
	case moveFill:
		v.charge(modelUnits * walkUnit)
	case moveOff, moveMend:
		reason := map[uint8]string{moveOff: "requirements.past_due"}[m.kind]
		if err = v.sim.DisableAccount("acct_x", reason); m.kind == moveMend {
			err = errors.Join(err, v.sim.FailPayouts("acct_x", "", 0))
			v.exec(`UPDATE payout_destinations SET state = 'active', disabled_code = '' WHERE book_id = $1 AND id = $2`, v.book.ID, v.dst)
		}
	default:
		err = v.playPeople(m)
	}
	if err != nil {
		v.fail(err.Error())
	}
	v.s = next
	return true
}

// playPeople makes a move of a person.
func (v *walk) playPeople(m mMove) (err error) {
	ctx := v.t.Context()
	switch m.kind {
	case moveHold:
		v.exec(`INSERT INTO payout_holds (book_id, id, kind, payee, currency, effect, category, case_id, placed_at) VALUES ($1, $2, 'seller', 'sel_x', '', 'pause', 'review', 'c', $3)`,
			v.book.ID, newID("hold"), v.clock.Now())
	case moveRelease:
		v.exec(`UPDATE payout_holds SET released_at = $2, document = 'd' WHERE book_id = $1 AND released_at IS NULL`, v.book.ID, v.clock.Now())
	case moveApprove:
		return v.db.Pool.Tx(ctx, func(tx pgx.Tx) error {
			_, err := v.releaseRun(ctx, tx, guard.Approval{ID: newID("apr"), Book: guard.Book{ID: int32(v.book.ID), Code: v.book.Code},
				Request: guard.Request{Act: ReleaseAct, Payload: json.RawMessage(`{"run": "` + v.run + `"}`)}})
			return err
		})
	case moveRefuse:
		run, err := v.RefuseRun(ctx, walkPerson, v.book, v.run, "not now")
		if err != nil {
			return err
		}
		return v.cancelRest(ctx, Turn{Book: v.book, Actor: walkPerson}, run)
	case moveCancel:
		_, err = v.Cancel(ctx, walkPerson, v.book, v.ids[m.p], "no longer wanted")
	case moveRetry:
		v.ids[1] = v.pay("sel_x", v.dst, "acct_x", v.read(v.ids[0]).Mode, "standard", modelUnits*walkUnit, 0, v.ids[0])
	case moveNoticed:
		v.exec(`UPDATE payout_destinations SET state = 'disabled', disabled_code = 'test' WHERE book_id = $1 AND id = $2`, v.book.ID, v.dst)
	default:
		return errors.New("nobody knows how to make this move: " + m.String())
	}
	return err
}

// seeOuts notes the processor's payout to the bank that was made last, if the model has a new one.
func (v *walk) seeOuts() {
	v.t.Helper()
	for n := range v.outs {
		for k := range v.outs[n] {
			if v.s.truth[n].outs[k].state == outNone || v.outs[n][k] != "" {
				continue
			}
			r := httptest.NewRequest(http.MethodGet, "/v1/payouts", nil)
			r.Header.Set("Authorization", "Bearer "+railKey)
			r.Header.Set("Stripe-Account", "acct_x")
			said := httptest.NewRecorder()
			v.sim.ServeHTTP(said, r)
			var list struct{ Data []simulator.Payout }
			if err := json.Unmarshal(said.Body.Bytes(), &list); err != nil || len(list.Data) == 0 {
				v.fail("the processor has made no payout: " + said.Body.String())
			}
			v.outs[n][k] = list.Data[0].ID
		}
	}
}

// makeOld has an answer that waits say what was so before the bank did what it did last.
func (m *waiting) makeOld(state uint8) {
	var said any
	if json.Unmarshal(m.said.Body.Bytes(), &said) != nil {
		return
	}
	var age func(any)
	age = func(x any) {
		switch x := x.(type) {
		case []any:
			for _, y := range x {
				age(y)
			}
		case map[string]any:
			age(x["data"])
			if x["object"] != "payout" || x["status"] == "pending" {
				return
			}
			x["status"], x["failure_balance_transaction"], x["failure_code"] = "pending", nil, nil
			if state == outPaid {
				x["status"] = "paid"
			}
		}
	}
	age(said)
	m.said.Body.Reset()
	_ = json.NewEncoder(m.said.Body).Encode(said) // a buffer takes everything
}

// destination is the state of the payee's destination.
func (v *walk) destination() (state string) {
	v.t.Helper()
	if err := v.db.Pool.QueryRow(v.t.Context(), `SELECT state FROM payout_destinations WHERE book_id = $1 AND id = $2`, v.book.ID, v.dst).Scan(&state); err != nil {
		v.t.Fatal(err)
	}
	return state
}
