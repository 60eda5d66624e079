package vault_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mizan/ledger/guard"
	"mizan/ledger/vault"
)

var modelSeed = flag.Uint64("vault.seed", 0, "replay the random operations of this seed")

// known is what the model remembers of a person.
type known struct {
	fields, staged map[string]string
	digest         [32]byte
	held           time.Time
	erased         bool
}

// model does random things to a few persons, in the vault and in maps.
type model struct {
	house
	random  *rand.Rand
	persons map[string]*known
	keys    []string
}

// TestRandomOperations compares the vault with maps after each of many random operations, while master keys come and go.
func TestRandomOperations(t *testing.T) {
	t.Parallel()
	seed := *modelSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("replay with -vault.seed=%d", seed)
	m := model{house: newHouse(t), random: rand.New(rand.NewPCG(seed, 1)), persons: map[string]*known{}, keys: []string{keyLine("m1", 1)}}
	for i := range 4 {
		m.persons[fmt.Sprintf("payee:p%d", i)] = &known{fields: map[string]string{}}
	}
	steps := []func(*testing.T, string, *known){m.putSome, m.putSome, m.putSome, m.stageSome, m.runStaged, m.holdSome, m.eraseSome, m.rotateSome}
	for step := range 400 {
		subject := fmt.Sprintf("payee:p%d", m.random.IntN(4))
		steps[m.random.IntN(len(steps))](t, subject, m.persons[subject])
		m.compare(t, subject, m.persons[subject])
		m.clock.move(time.Minute)
		if t.Failed() {
			t.Fatalf("in step %d", step)
		}
		// So that there is somebody to go on with.
		if m.persons[subject].erased && m.random.IntN(4) == 0 {
			m.persons[subject] = &known{fields: map[string]string{}}
			m.asOwner(t, `ALTER TABLE vault_subjects DISABLE TRIGGER keep_erased`)
			m.asOwner(t, `DELETE FROM vault_subjects WHERE subject = $1`, subject)
			m.asOwner(t, `ALTER TABLE vault_subjects ENABLE TRIGGER keep_erased`)
		}
	}
	if _, err := m.trail.Verify(t.Context(), book); err != nil {
		t.Error(err)
	}
}

// want fails unless err is what the model expects.
func want(t *testing.T, what string, err, expected error) {
	t.Helper()
	if !errors.Is(err, expected) {
		t.Errorf("%s: %v, want %v", what, err, expected)
	}
}

func (k *known) gone() error {
	if k.erased {
		return vault.ErrErased
	}
	return nil
}

func (m *model) putSome(t *testing.T, subject string, k *known) {
	fields := map[string]string{}
	for name, value := range canaries() {
		switch m.random.IntN(4) {
		case 0:
			fields[name] = value
		case 1:
			fields[name] = ""
		}
	}
	var expected []string
	for _, f := range vault.Fields() {
		if value, given := fields[f.Name]; given && value != k.fields[f.Name] {
			expected = append(expected, f.Name)
		}
	}
	_, changed, err := m.Write(t.Context(), ann, owner, book, subject, fields, "at random")
	if want(t, "write", err, k.gone()); err != nil {
		return
	}
	if diff := cmp.Diff(expected, changed); diff != "" {
		t.Error(diff)
	}
	for name, value := range fields {
		if k.fields[name] = value; value == "" {
			delete(k.fields, name)
		}
	}
}

func (m *model) stageSome(t *testing.T, subject string, k *known) {
	fields := map[string]string{"bank_account": fmt.Sprintf("%08d", m.random.IntN(1e8))}
	if m.random.IntN(2) == 0 {
		fields["bank_holder"] = "Somebody"
	}
	digest, err := m.Stage(t.Context(), ann, owner, book, subject, fields, "at random")
	if want(t, "stage", err, k.gone()); err == nil {
		k.staged, k.digest = fields, digest
	}
}

func (m *model) runStaged(t *testing.T, subject string, k *known) {
	expected := k.gone()
	if expected == nil && k.staged == nil {
		expected = guard.ErrApprovalChanged
	}
	_, err := m.destination(t, subject, k.digest)
	if want(t, "run", err, expected); err != nil {
		return
	}
	for _, name := range []string{"bank_account", "bank_holder", "bank_code"} {
		if k.fields[name] = k.staged[name]; k.staged[name] == "" {
			delete(k.fields, name)
		}
	}
	k.staged = nil
}

func (m *model) holdSome(t *testing.T, subject string, k *known) {
	until := m.clock.now().Add(time.Duration(m.random.IntN(20)-5) * time.Minute)
	expected := k.gone()
	_, err := m.hold(t, subject, until, "court")
	if want(t, "hold", err, expected); err == nil {
		k.held = until
	}
}

func (m *model) eraseSome(t *testing.T, subject string, k *known) {
	if m.random.IntN(3) > 0 {
		return
	}
	var expected error
	if !k.erased && k.held.After(m.clock.now()) {
		expected = vault.ErrHeld
	}
	_, err := m.Erase(t.Context(), ann, owner, book, subject, "at random")
	if want(t, "erase", err, expected); err == nil {
		*k = known{erased: true}
	}
}

// rotateSome puts another master key first, and now and then drops the others once nothing is left under them.
func (m *model) rotateSome(t *testing.T, _ string, _ *known) {
	n := m.random.IntN(200) + 2
	m.keys = slices.Insert(m.keys, 0, keyLine(fmt.Sprintf("m%d", m.count(t, `SELECT count(*) FROM audit_rows`)), byte(n)))
	k, err := vault.ParseKeys(m.keys[0] + m.keys[1])
	if err != nil {
		// The same key again.
		m.keys = m.keys[1:]
		return
	}
	m.Vault = m.with(k, "")
	if _, left, err := m.Rotate(t.Context(), 1000); err != nil || left != 0 {
		t.Errorf("%d left, %v", left, err)
	}
	m.keys = m.keys[:1]
	m.Vault = m.with(keys(t, m.keys...), "")
}

func (m *model) compare(t *testing.T, subject string, k *known) {
	got, err := get(t.Context(), m.house, m.Vault, owner, subject)
	if want(t, "get", err, k.gone()); err == nil {
		if diff := cmp.Diff(k.fields, got); diff != "" {
			t.Error(diff)
		}
	}
	name := k.fields["name"]
	if k.erased {
		name = vault.Erased
	}
	names, err := m.Names(t.Context(), owner, []string{subject})
	if err != nil || names[subject] != name {
		t.Errorf("the name is %q, %v", names[subject], err)
	}
	p, err := m.Person(t.Context(), owner, subject)
	if err != nil || len(p.Fields) != len(k.fields) || p.ErasedAt.IsZero() == k.erased {
		t.Errorf("%+v, %v", p, err)
	}
}
