package guard_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mizan/ledger/guard"
)

var (
	modelSeed  = flag.Uint64("guard.seed", 0, "seed of the test against a model; 0 draws one")
	modelSteps = flag.Int("guard.steps", 400, "steps of the test against a model")
)

// modelled is what a plain reading of the contract says of one approval.
type modelled struct {
	shown   guard.Approval // as it was last answered
	amount  int
	fail    bool
	level   int // what its effect was computed at
	version int
	state   string
	authors []string
	expires time.Time
	by      string
	hash    [32]byte // that was approved
	old     [32]byte // of the version before
}

// model is the whole of it.
type model struct {
	*office
	rng   *rand.Rand
	list  []*modelled
	level int
	ran   map[string]int // amounts by approval
	told  []string
}

// TestAgainstModel does random things as several people and keys, and expects of each what the model says.
func TestAgainstModel(t *testing.T) {
	t.Parallel()
	seed := *modelSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("replay with -guard.seed=%d -guard.steps=%d", seed, *modelSteps)
	m := &model{office: newOffice(t), rng: rand.New(rand.NewPCG(seed, 3)), level: 1, ran: map[string]int{}}
	for step := range *modelSteps {
		m.step()
		if t.Failed() {
			t.Fatalf("at step %d", step)
		}
	}
	m.compare()
}

var everybody = []guard.Actor{
	ada, bob, cyd, key, robot, {Kind: guard.Program, ID: "key_3", Person: "per_bob"}, {Kind: guard.Operator, ID: "root"},
}

func (m *model) somebody() guard.Actor { return everybody[m.rng.IntN(len(everybody))] }

// step does one thing.
func (m *model) step() {
	m.t.Helper()
	if len(m.list) == 0 || m.rng.IntN(5) == 0 {
		m.askOne()
		return
	}
	a := m.list[max(len(m.list)-1-m.rng.IntN(6), 0)]
	switch m.rng.IntN(12) {
	case 0:
		m.clock.move(time.Duration(m.rng.IntN(10)) * time.Hour)
	case 1:
		m.level = m.rng.IntN(3)
		m.office.level(m.level)
	case 2, 3, 4:
		m.edit(a)
	case 5:
		m.refuse(a)
	case 6:
		m.withdraw(a)
	default:
		m.approve(a)
	}
}

func (m *model) payload() (amount int, fail bool, r guard.Request) {
	amount, fail = m.rng.IntN(100), m.rng.IntN(8) == 0
	content, err := json.Marshal(counted{Amount: amount, Fail: fail})
	if err != nil {
		m.t.Fatal(err)
	}
	return amount, fail, guard.Request{Act: "thing.moved", Payload: content, Reason: fmt.Sprintf("For %d.", amount)}
}

func (m *model) askOne() {
	amount, fail, r := m.payload()
	by := m.somebody()
	shown, err := m.Ask(m.t.Context(), by, uk, r)
	m.expect("ask", err, nil)
	m.list = append(m.list, &modelled{shown: shown, amount: amount, fail: fail, level: m.level, version: 1, state: guard.StateOpen,
		authors: names(nil, by), expires: m.clock.now().Add(guard.Lifetime)})
	m.told = append(m.told, "approval.asked")
}

func names(list []string, by guard.Actor) []string {
	for _, id := range []string{by.ID, by.Person} {
		if id != "" && !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}

func (a *modelled) wrote(by guard.Actor) bool {
	return slices.Contains(a.authors, by.ID) || slices.Contains(a.authors, by.Person)
}

// touch lets time tell.
func (m *model) touch(a *modelled) {
	if a.state == guard.StateOpen && !m.clock.now().Before(a.expires) {
		a.state = guard.StateExpired
		m.told = append(m.told, "approval.expired")
	}
}

func (m *model) edit(a *modelled) {
	amount, fail, r := m.payload()
	by, version := m.somebody(), a.version
	if m.rng.IntN(4) == 0 {
		version += 1 - 2*m.rng.IntN(2)
	}
	shown, err := m.Edit(m.t.Context(), by, uk, a.shown.ID, version, r)
	m.touch(a)
	switch {
	case a.state != guard.StateOpen:
		m.expect("edit", err, guard.ErrApprovalState)
	case version != a.version:
		m.expect("edit", err, guard.ErrApprovalChanged)
	default:
		m.expect("edit", err, nil)
		a.old = a.shown.Hash
		a.shown, a.amount, a.fail, a.level, a.version = shown, amount, fail, m.level, version+1
		a.authors, a.expires = names(a.authors, by), m.clock.now().Add(guard.Lifetime)
		m.told = append(m.told, "approval.edited")
	}
}

func (m *model) approve(a *modelled) {
	by, hash := m.somebody(), a.shown.Hash
	if m.rng.IntN(5) == 0 {
		hash = a.old
	}
	shown, err := m.Approve(m.t.Context(), by, uk, a.shown.ID, hash, "")
	if by.Kind != guard.Person {
		m.expect("approve", err, guard.ErrApproverPerson)
		return
	}
	m.touch(a)
	switch {
	case a.state == guard.StateDone && a.by == by.ID && a.hash == hash:
		m.expect("approve again", err, nil)
	case a.state != guard.StateOpen:
		m.expect("approve", err, guard.ErrApprovalState)
	case a.wrote(by):
		m.expect("approve", err, guard.ErrSelfApproval)
	case hash != a.shown.Hash:
		m.expect("approve", err, guard.ErrApprovalChanged)
	case a.level != m.level:
		m.expect("approve", err, guard.ErrApprovalChanged)
		a.level, a.version, a.old = m.level, a.version+1, a.shown.Hash
		a.shown = m.state(a.shown.ID)
		m.told = append(m.told, "approval.recomputed")
	case a.fail:
		m.expect("approve", err, errTired)
	default:
		m.expect("approve", err, nil)
		a.shown, a.state, a.by, a.hash = shown, guard.StateDone, by.ID, hash
		m.ran[a.shown.ID] = a.amount
		m.told = append(m.told, "approval.approved", "thing.moved")
	}
}

func (m *model) refuse(a *modelled) {
	by := m.somebody()
	_, err := m.Refuse(m.t.Context(), by, uk, a.shown.ID, "No.")
	if by.Kind != guard.Person {
		m.expect("refuse", err, guard.ErrApproverPerson)
		return
	}
	m.touch(a)
	switch {
	case a.state != guard.StateOpen:
		m.expect("refuse", err, guard.ErrApprovalState)
	case a.wrote(by):
		m.expect("refuse", err, guard.ErrSelfApproval)
	default:
		m.expect("refuse", err, nil)
		a.state, a.by = guard.StateRefused, by.ID
		m.told = append(m.told, "approval.refused")
	}
}

func (m *model) withdraw(a *modelled) {
	by := m.somebody()
	_, err := m.Withdraw(m.t.Context(), by, uk, a.shown.ID, "")
	m.touch(a)
	switch {
	case a.state != guard.StateOpen:
		m.expect("withdraw", err, guard.ErrApprovalState)
	case !a.wrote(by):
		m.expect("withdraw", err, guard.ErrApprovalAuthor)
	default:
		m.expect("withdraw", err, nil)
		a.state = guard.StateWithdrawn
		m.told = append(m.told, "approval.withdrawn")
	}
}

// compare looks at everything there is.
func (m *model) compare() {
	m.t.Helper()
	hashes := map[[32]byte]bool{}
	for _, a := range m.list {
		state := a.state
		if state == guard.StateOpen && !m.clock.now().Before(a.expires) {
			state = guard.StateExpired
		}
		got := m.state(a.shown.ID)
		if got.State != state || got.Version != a.version || !slices.Equal(got.Authors, a.authors) || got.DecidedBy != a.by || !got.ExpiresAt.Equal(a.expires) ||
			hashes[got.Hash] {
			m.t.Errorf("%+v, expected %+v", got, a)
		}
		hashes[got.Hash] = true
	}
	rows, err := m.db.Pool.Query(m.t.Context(), `SELECT approval, amount FROM ran`)
	if err != nil {
		m.t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var id string
		var amount int
		if err := rows.Scan(&id, &amount); err != nil {
			m.t.Fatal(err)
		}
		if want, ok := m.ran[id]; !ok || want != amount {
			m.t.Errorf("%s ran with %d, expected %d", id, amount, want)
		}
	}
	if err := rows.Err(); err != nil || n != len(m.ran) {
		m.t.Errorf("%d ran, expected %d, %v", n, len(m.ran), err)
	}
	var told []string
	for after := int64(0); ; {
		page, err := m.trail.Rows(m.t.Context(), uk, guard.Filter{}, after, 100)
		if err != nil {
			m.t.Fatal(err)
		}
		for _, r := range page {
			told, after = append(told, r.Act), r.Sequence
		}
		if len(page) < 100 {
			break
		}
	}
	if v, err := m.trail.Verify(m.t.Context(), uk); err != nil || v.Rows != int64(len(m.told)) || !slices.Equal(told, m.told) {
		m.t.Errorf("%+v, %v; told %v, expected %v", v, err, told, m.told)
	}
	if len(m.list) == 0 {
		m.t.Error("the model has seen nothing")
	}
}
