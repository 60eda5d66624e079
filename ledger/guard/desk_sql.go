package guard

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres"
)

// The desk is where approvals are asked for, read and decided, and where what was approved runs.

// Act is one kind of thing that waits for a second person. The package that owns the thing declares it.
type Act struct {
	// Name is stable for ever, such as "rules.activate": two or more lower-case words joined by dots, at most 64 bytes.
	Name string
	// Meaning is one sentence for people.
	Meaning string
	// OfBook says that it concerns one book; otherwise it concerns the installation.
	OfBook bool
	// Evidence says that a document must be named.
	Evidence bool
	// Effect judges the payload, a JSON object, and computes what it would do, changing nothing. It runs when the approval is
	// written, and again when it is decided: a different effect must be looked at again, so the same state of the books must
	// give the same effect. It returns the payload in the form that is kept and hashed, at most 1 MiB of JSON; nil keeps it as
	// it came, without insignificant spaces. Of what was kept it keeps the same. It runs outside of transactions, and may read
	// through connections of its own.
	Effect func(ctx context.Context, book Book, payload json.RawMessage) (kept json.RawMessage, effect Effect, err error)
	// Run does it inside the transaction that records the decision, and returns a JSON document of at most 64 KiB for the
	// result. An error rolls everything back: nothing was decided and nothing has happened. It may be called again after the
	// database rolled back of its own accord. The approval names who decided, though it is not stored yet.
	//
	// The trail gets a row with the act's name. If the result is an object, its members "object" (kind:id), "before" and
	// "after" go there; otherwise the object is the approval and the whole result is what stands after.
	Run func(ctx context.Context, tx pgx.Tx, a Approval) (result json.RawMessage, err error)
}

// maxDeciding bounds the decisions of one desk that run at once: each holds a connection while its act may ask for others.
const maxDeciding = 2

// Desk keeps approvals. It is safe for concurrent use.
type Desk struct {
	pool     *postgres.Pool
	trail    *Trail
	now      func() time.Time
	acts     []Act
	deciding chan struct{}
	maxOpen  int
	looked   int
}

// NewDesk returns the desk for the acts. It panics if two have the same name, or one has none that may stand in the trail,
// no effect or nothing to run: that is a defect of the program.
func NewDesk(pool *postgres.Pool, trail *Trail, now func() time.Time, acts []Act) *Desk {
	acts = slices.Clone(acts)
	slices.SortFunc(acts, func(a, b Act) int { return strings.Compare(a.Name, b.Name) })
	for i, act := range acts {
		if len(act.Name) > maxAct || !actPattern.MatchString(act.Name) || act.Effect == nil || act.Run == nil {
			panic("guard: an act is declared badly: " + act.Name)
		}
		if i > 0 && acts[i-1].Name == act.Name {
			panic("guard: two acts are named " + act.Name)
		}
	}
	// One connection is left for what acts read while they run.
	most := max(min(maxDeciding, int(pool.Config().MaxConns)-1), 1)
	return &Desk{pool: pool, trail: trail, now: now, acts: acts, deciding: make(chan struct{}, most), maxOpen: maxOpen, looked: looked}
}

// Acts returns the acts in order of their names.
func (d *Desk) Acts() []Act { return slices.Clone(d.acts) }

func (d *Desk) act(name string) (*Act, error) {
	i, found := slices.BinarySearchFunc(d.acts, name, func(a Act, name string) int { return strings.Compare(a.Name, name) })
	if !found {
		return nil, ErrActUnknown
	}
	return &d.acts[i], nil
}

// clock is the time as the database keeps it.
func (d *Desk) clock() time.Time { return d.now().UTC().Truncate(time.Microsecond) }

// prepared is a request with what it would do, in the forms that are kept.
type prepared struct {
	Request
	effect   Effect
	rendered []byte
}

// prepare has the act judge a request.
func (d *Desk) prepare(ctx context.Context, act *Act, book Book, r Request) (prepared, error) {
	payload, ok := Compact(r.Payload)
	if !ok {
		return prepared{}, ErrApprovalInvalid
	}
	kept, effect, err := act.Effect(ctx, book, payload)
	if err != nil {
		return prepared{}, err
	}
	if kept == nil {
		kept = payload
	}
	if len(kept) > maxPayload {
		// The form in which it is kept can be longer than the one in which it came.
		return prepared{}, ErrApprovalInvalid.At("/payload", "payload-size", "The content is larger than 1 MiB in the form in which it is kept. Ask for it in smaller parts.")
	}
	_, ok = Compact(kept)
	if !ok || len(kept) < 2 || effect.Summary == "" || !prose(effect.Summary, maxReason) || effect.Count < 0 ||
		len(effect.Totals) > maxTotals || len(effect.Largest) > maxLargest {
		return prepared{}, fmt.Errorf("guard: %s computes an effect out of bounds", act.Name)
	}
	rendered, err := json.Marshal(effect)
	if err != nil {
		return prepared{}, err
	}
	if len(rendered) > maxEffect {
		return prepared{}, ErrApprovalInvalid.At("/payload", "effect-size", "It would do more than one person can look at. Ask for it in smaller parts.")
	}
	r.Payload = kept
	return prepared{r, effect, rendered}, nil
}

// Preview computes what an act would do, as Ask does, and records nothing. The payload is returned in the form that would be kept.
// It returns ErrActUnknown, ErrApprovalInvalid, or what the act says against it.
func (d *Desk) Preview(ctx context.Context, book Book, name string, payload json.RawMessage) (kept json.RawMessage, effect Effect, err error) {
	act, err := d.act(name)
	if err != nil {
		return nil, Effect{}, err
	}
	if fields := act.place(book, payload); fields != nil {
		return nil, Effect{}, ErrApprovalInvalid.WithFields(fields...)
	}
	p, err := d.prepare(ctx, act, book, Request{Act: name, Payload: payload})
	return p.Payload, p.effect, err
}

// Ask records a request and returns it with its effect. It returns ErrActUnknown, ErrApprovalInvalid, ErrApprovalsFull, or
// what the act says against it.
func (d *Desk) Ask(ctx context.Context, by Actor, book Book, r Request) (Approval, error) {
	act, err := d.act(r.Act)
	if err != nil {
		return Approval{}, err
	}
	if err := r.check(act, by, book); err != nil {
		return Approval{}, err
	}
	p, err := d.prepare(ctx, act, book, r)
	if err != nil {
		return Approval{}, err
	}
	id, err := newID()
	if err != nil {
		return Approval{}, err
	}
	var a sheet
	err = d.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		now := d.clock()
		a = sheet{Approval: Approval{ID: id, Book: book, State: StateOpen, CreatedAt: now}}
		a.turn(p, by, now)
		if _, err := tx.Exec(ctx, sqlInsertApproval, book.ID, id, a.Act, a.Authors, a.CreatedAt, a.ExpiresAt); err != nil {
			return err
		}
		if err := a.insertVersion(ctx, tx, now); err != nil {
			return err
		}
		if err := d.tell(ctx, tx, by, &a, "approval.asked", nil, a.Reason); err != nil {
			return err
		}
		// The trail is locked by now, so nobody else of this book is between their count and their commit.
		var open int
		if err := tx.QueryRow(ctx, sqlCountOpen, book.ID, now, d.maxOpen+1).Scan(&open); err != nil {
			return err
		}
		if open > d.maxOpen {
			return ErrApprovalsFull
		}
		return nil
	})
	if err != nil {
		return Approval{}, err
	}
	return a.Approval, nil
}

// Edit replaces what an open approval asks for; whoever looked at it before has to look again. The version is the one that
// the editor has read; the act stays what it is, and may be left empty. It returns ErrApprovalUnknown, ErrApprovalState,
// ErrApprovalChanged, ErrApprovalInvalid, ErrApprovalVersions, or what the act says against it.
func (d *Desk) Edit(ctx context.Context, by Actor, book Book, id string, version int, r Request) (Approval, error) {
	seen, err := d.Approval(ctx, book, id)
	if err != nil {
		return Approval{}, err
	}
	var p prepared
	if seen.State == StateOpen {
		if r.Act == "" {
			r.Act = seen.Act
		}
		if r.Act != seen.Act {
			return Approval{}, ErrApprovalInvalid.At("/act", "act-fixed", "An approval keeps its act. Withdraw it and ask for another.")
		}
		act, err := d.act(r.Act)
		if err != nil {
			return Approval{}, err
		}
		if err := r.check(act, by, book); err != nil {
			return Approval{}, err
		}
		if version != seen.Version {
			return Approval{}, ErrApprovalChanged
		}
		if p, err = d.prepare(ctx, act, book, r); err != nil {
			return Approval{}, err
		}
	}
	return d.locked(ctx, by, book, id, func(tx pgx.Tx, a *sheet, now time.Time) (refusal, err error) {
		switch {
		case a.State != StateOpen || seen.State != StateOpen:
			return nil, ErrApprovalState
		case a.Version != version:
			return nil, ErrApprovalChanged
		case a.Version >= maxVersions:
			return nil, ErrApprovalVersions
		}
		before := a.mark()
		a.turn(p, by, now)
		if err := a.storeVersion(ctx, tx, now); err != nil {
			return nil, err
		}
		return nil, d.tell(ctx, tx, by, a, "approval.edited", before, a.Reason)
	})
}

// newID draws the id of an approval.
func newID() (string, error) {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	id := []byte("ap_0123456789abcdef")
	for i := len("ap_"); i < len(id); i++ {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			return "", err
		}
		id[i] = letters[n.Int64()]
	}
	return string(id), nil
}
