package vault

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// A destination is where a payee's money goes: the fields of class bank. It changes in two steps. One person stages the new
// one, sealed beside the old; a second person approves exactly that, known to the approval by a keyed digest only; then it
// takes the old one's place. A destination is replaced as a whole: no bank code stays behind under another account.

// ActDestination is the act that a second person approves.
const ActDestination = "payee.destination"

// nextSlot stands before the names of fields that are staged.
const nextSlot = "next_"

// bankFields are the names of the fields that make a destination.
var bankFields = func() (names []string) {
	for _, f := range allFields {
		if f.Class == Bank {
			names = append(names, f.Name)
		}
	}
	return names
}()

// Stage proposes a destination for the subject, all of it, and returns the digest that an approval of "payee.destination"
// names. Staging again, even the same, voids what was staged before and its approval. Nothing of it is shown by Person,
// GetTx or Read. It returns ErrInvalid, ErrErased, ErrClosed, ErrMaster, ErrRegion or ErrBroken.
func (v *Vault) Stage(ctx context.Context, by guard.Actor, owner Owner, book guard.Book, subject string, fields map[string]string, why string) (kept [32]byte, err error) {
	at, err := v.admitOpen(owner, subject)
	if err != nil {
		return kept, err
	}
	if err := v.checkDestination(fields); err != nil {
		return kept, err
	}
	if err := checkDiscreet(why, fields); err != nil {
		return kept, err
	}
	err = v.perform(ctx, owner, duty{by, book, ActStaged, subject, why}, func(tx pgx.Tx) (_, after *about, err error) {
		r, err := v.lock(ctx, tx, at, true)
		if err != nil {
			return nil, nil, err
		}
		if !r.ErasedAt.IsZero() {
			return nil, nil, ErrErased
		}
		slots, names := map[string]*string{}, []string(nil)
		for _, name := range bankFields {
			if _, had := r.values[nextSlot+name]; had {
				slots[nextSlot+name] = nil
			}
			if value := fields[name]; value != "" {
				slots[nextSlot+name] = &value
				names = append(names, name)
			}
		}
		if err := v.write(ctx, tx, r, slots); err != nil {
			return nil, nil, err
		}
		if _, kept, err = v.staged(r); err != nil {
			return nil, nil, err
		}
		after = aboutFields(names)
		after.Digest = hex.EncodeToString(kept[:])
		return nil, after, nil
	})
	if err != nil {
		return [32]byte{}, err
	}
	return kept, nil
}

// Unstage takes back what was staged for the subject, so that no approval of it can run any more. If nothing was, nothing
// happens. It returns ErrInvalid, ErrErased, ErrClosed, ErrMaster, ErrRegion or ErrBroken.
func (v *Vault) Unstage(ctx context.Context, by guard.Actor, owner Owner, book guard.Book, subject, why string) (p Person, err error) {
	at, err := v.admitOpen(owner, subject)
	if err != nil {
		return Person{}, err
	}
	err = v.performUnless(ctx, owner, duty{by, book, ActUnstaged, subject, why}, func(tx pgx.Tx) (before, _ *about, err error) {
		r, err := v.lock(ctx, tx, at, false)
		if err != nil {
			return nil, nil, err
		}
		if !r.ErasedAt.IsZero() {
			return nil, nil, ErrErased
		}
		slots, names := map[string]*string{}, []string(nil)
		for _, name := range bankFields {
			if _, had := r.values[nextSlot+name]; had {
				slots[nextSlot+name], names = nil, append(names, name)
			}
		}
		if len(slots) == 0 {
			p = r.person()
			return nil, nil, errNothing
		}
		if err := v.write(ctx, tx, r, slots); err != nil {
			return nil, nil, err
		}
		p = r.person()
		return aboutFields(names), nil, nil
	})
	if err != nil {
		return Person{}, err
	}
	return p, nil
}

func (v *Vault) checkDestination(fields map[string]string) error {
	for _, name := range sortedKeys(fields) {
		if !slices.Contains(bankFields, name) {
			return ErrInvalid.At("/fields", "field-bank", "A destination has the fields bank_account, bank_holder and bank_code only. Store others without an approval.")
		}
	}
	if err := checkFields(fields, v.now()); err != nil {
		return err
	}
	if fields["bank_account"] == "" {
		return ErrInvalid.At("/fields/bank_account", "required", "A destination names its account. Give all its fields: it replaces the old one as a whole.")
	}
	return nil
}

// staged opens what is staged, and returns its digest: of the values, and of their versions, so that nothing staged later
// has the same. Nothing is staged if there are no fields.
func (v *Vault) staged(r *record) (fields map[string]string, kept [32]byte, err error) {
	slots := make([]string, len(bankFields))
	for i, name := range bankFields {
		slots[i] = nextSlot + name
	}
	opened, err := v.open(r, slots)
	if err != nil || len(opened) == 0 {
		return nil, kept, err
	}
	key, _, err := v.key(r)
	if err != nil {
		return nil, kept, err
	}
	fields = map[string]string{}
	var parts []string
	for i, name := range bankFields {
		if value, has := opened[slots[i]]; has {
			fields[name] = value
			parts = append(parts, name, strconv.Itoa(r.values[slots[i]].version), value)
		}
	}
	sum, err := digest(key, purposeStaged, r.place.parts(purposeStaged, parts...))
	if err != nil {
		return nil, kept, err
	}
	return fields, [32]byte(sum), nil
}

// proposal is the payload of the act. It holds no bank data: the approval is for ever.
type proposal struct {
	Subject string `json:"subject"`
	Digest  string `json:"digest"`
}

func parseProposal(payload json.RawMessage) (p proposal, digest []byte, err error) {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&p) != nil {
		return p, nil, guard.ErrApprovalInvalid.At("/payload", "payload", "The payload has a subject and the digest of what was staged, and nothing else.")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return p, nil, guard.ErrApprovalInvalid.At("/payload", "payload", "The payload is one JSON object.")
	}
	if checkSubject(p.Subject) != nil {
		return p, nil, guard.ErrApprovalInvalid.At("/payload/subject", "subject", "The subject is a person as kind:id, such as a payee.")
	}
	digest, err = hex.DecodeString(p.Digest)
	if err != nil || len(digest) != 32 {
		return p, nil, guard.ErrApprovalInvalid.At("/payload/digest", "format", "The digest has 64 hexadecimal digits, as staging answered it.")
	}
	p.Digest = hex.EncodeToString(digest)
	return p, digest, nil
}

// errNotStaged means that what is staged is not what the approval is about.
func errNotStaged() *fault.Error {
	return guard.ErrApprovalChanged.With("The destination that this approval is about is not the one staged now. Stage it again, and ask for an approval with the digest answered.")
}

// wanted opens the destination that was staged, if it is the one that the digest stands for.
func (v *Vault) wanted(r *record, digest []byte) (map[string]string, error) {
	if !r.ErasedAt.IsZero() {
		return nil, ErrErased
	}
	fields, kept, err := v.staged(r)
	if err != nil {
		return nil, err
	}
	if len(fields) == 0 || !hmac.Equal(kept[:], digest) {
		return nil, errNotStaged()
	}
	return fields, nil
}

// Acts returns the acts of this package that need a second person: "payee.destination" with the subject and the digest
// that Stage returned. regionOf returns the region of a book, empty for none.
func (v *Vault) Acts(regionOf func(ctx context.Context, book guard.Book) (region string, err error)) []guard.Act {
	return []guard.Act{{
		Name:     ActDestination,
		Meaning:  "Pay somebody to the account that was staged for them from now on.",
		OfBook:   true,
		Evidence: true,
		Effect: func(ctx context.Context, book guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
			region, err := regionOf(ctx, book)
			if err != nil {
				return nil, guard.Effect{}, err
			}
			return v.destinationEffect(ctx, Owner{book.ID, region}, payload)
		},
		// The effect was computed just before, so that the region was asked for; asking again would take a second connection.
		Run: v.destinationRun,
	}}
}

func (v *Vault) destinationEffect(ctx context.Context, owner Owner, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
	p, digest, err := parseProposal(payload)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	at, err := v.admitOpen(owner, p.Subject)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	var effect guard.Effect
	err = v.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		r, err := read(ctx, tx, at)
		if err != nil {
			return err
		}
		next, err := v.wanted(r, digest)
		if err != nil {
			return err
		}
		now, err := v.open(r, append(slices.Clone(bankFields), "name"))
		if err == nil {
			effect = compareDestinations(r, now, next)
		}
		return err
	})
	if err != nil {
		return nil, guard.Effect{}, err
	}
	kept, err := json.Marshal(p)
	return kept, effect, err
}

// compareDestinations says what changes, without a digit of it.
func compareDestinations(r *record, now, next map[string]string) guard.Effect {
	e := guard.Effect{Count: 1, Summary: fmt.Sprintf("The first destination of %s: their money goes there from now on.", r.place.subject)}
	if old, has := r.values["bank_account"]; has {
		since := old.written
		for _, name := range bankFields {
			if s, has := r.values[name]; has && s.written.After(since) {
				since = s.written
			}
		}
		e.Summary = fmt.Sprintf("Another destination for %s: their money goes there from now on.", r.place.subject)
		e.Difference = append(e.Difference, "The destination until now has stood since "+since.Format(time.DateOnly)+".")
	}
	for _, name := range bankFields {
		switch {
		case now[name] == next[name]:
		case now[name] == "":
			e.Difference = append(e.Difference, name+" is new.")
		case next[name] == "":
			e.Difference = append(e.Difference, name+" is removed.")
		default:
			e.Difference = append(e.Difference, name+" is another.")
		}
	}
	if holder := next["bank_holder"]; holder == "" {
		e.Warnings = append(e.Warnings, "The holder of the new account is not named.")
	} else if !sameName(holder, now["name"]) {
		e.Warnings = append(e.Warnings, "The holder of the new account does not have the name on record.")
	}
	if !r.ClosedAt.IsZero() {
		e.Warnings = append(e.Warnings, "The business with this person has ended.")
	}
	return e
}

// sameName compares names without case and the number of spaces.
func sameName(a, b string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
}

// destinationRun puts what was staged into its place.
func (v *Vault) destinationRun(ctx context.Context, tx pgx.Tx, a guard.Approval) (json.RawMessage, error) {
	p, digest, err := parseProposal(a.Payload)
	if err != nil {
		return nil, err
	}
	at, err := v.admitOpen(Owner{Book: a.Book.ID}, p.Subject)
	if err != nil {
		return nil, err
	}
	r, err := v.lock(ctx, tx, at, false)
	if err != nil {
		return nil, err
	}
	next, err := v.wanted(r, digest)
	if err != nil {
		return nil, err
	}
	_, changes := r.values["bank_account"]
	slots := map[string]*string{}
	for _, name := range bankFields {
		if _, had := r.values[name]; had {
			slots[name] = nil
		}
		if _, had := r.values[nextSlot+name]; had {
			slots[nextSlot+name] = nil
		}
		if value, has := next[name]; has {
			slots[name] = &value
		}
	}
	if err := v.write(ctx, tx, r, slots); err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		Subject string   `json:"subject"`
		Fields  []string `json:"fields"`
		First   bool     `json:"first"`
	}{p.Subject, slices.DeleteFunc(slices.Clone(bankFields), func(name string) bool { return next[name] == "" }), !changes})
}
