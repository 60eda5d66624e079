package reconcile

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// Pairings that a run suggests, because several were possible or nothing is certain: a person makes one of them, or refuses it.

var (
	// ErrPairingUnknown means that a book has no such pairing.
	ErrPairingUnknown = fault.New(fault.NotFound, "pairing-unknown", "The book has no such pairing. Check its id.")
	// ErrPairingState means that a pairing is not suggested any more, or that a line of it is matched otherwise.
	ErrPairingState = fault.New(fault.Conflict, "pairing-state", "The pairing cannot be made any more: it is decided or void, one of its lines is matched otherwise, or the source says something else of a line. Look at the breaks again.")
	// ErrPairingsShare means that two of the pairings that are to be made together have a line or an entry in common.
	ErrPairingsShare = fault.New(fault.Conflict, "pairings-share", "Two of these suggestions have a line or an entry in common, so only one of them can be made. Tick one of the two.")
)

// The acts on pairings, as the trail names them.
const (
	actConfirmed = "pairing.confirmed"
	actRefused   = "pairing.refused"
)

// pairingMembers is the column of a pairing's members.
type pairingMembers struct {
	External []int64   `json:"external"`
	Entries  []EntryID `json:"entries"`
}

// PairingRecord is a pairing as it is kept.
type PairingRecord struct {
	ID     string
	Match  Match
	Source int16
	// State is suggested, made, refused or void.
	State    string
	Kind     string
	Basis    string
	Identity string
	External []int64
	Entries  []EntryID
	// Run is the number of the run that found it.
	Run int64
	// Receipt is the source's last receipt that was known when it was suggested last. Changes are what the source says otherwise of its
	// lines' amounts, fees and currencies, the newest first, at most 100; lists leave them out. Those up to Receipt were known.
	Receipt   int64
	Changes   []Change
	DecidedBy string
	DecidedAt time.Time
	Note      string
}

const pairingColumns = `id, match, source_id, state, kind, basis, identity, members, run, receipt, decided_by, decided_at, note`

const (
	sqlPairings = `SELECT ` + pairingColumns + ` FROM recon_pairings WHERE book_id = $1 AND state = $2 AND id > $3 ORDER BY id LIMIT $4`

	sqlPairing = `SELECT ` + pairingColumns + ` FROM recon_pairings WHERE book_id = $1 AND id = $2`

	sqlLockPairing = sqlPairing + ` FOR UPDATE`

	sqlLockReconHead = sqlReconHead + ` FOR UPDATE`

	sqlDecidePairing = `UPDATE recon_pairings SET state = $3, decided_by = $4, decided_at = $5, note = $6 WHERE book_id = $1 AND id = $2`

	sqlCloseItems = `
WITH closed AS (
UPDATE recon_items i
   SET open_until = $4, how = 'confirmed', pairing = $5
  FROM (SELECT 'e' AS side, unnest($6::bigint[]) AS a, 0::smallint AS b
        UNION ALL
        SELECT 'l', * FROM unnest($7::bigint[], $8::smallint[]) AS e (a, b)) m
 WHERE i.book_id = $1 AND i.match = $2 AND i.source_id = $3 AND i.side = m.side AND i.a = m.a AND i.b = m.b AND i.open_until IS NULL
RETURNING i.side, i.currency, i.debits - i.credits AS net)
SELECT count(*), count(DISTINCT currency), coalesce(sum(CASE side WHEN 'e' THEN net ELSE -net END), 0)::bigint FROM closed`
)

func scanPairing(row pgx.CollectableRow) (p PairingRecord, err error) {
	var members string
	var at *time.Time
	if err := row.Scan(&p.ID, &p.Match, &p.Source, &p.State, &p.Kind, &p.Basis, &p.Identity, &members, &p.Run, &p.Receipt, &p.DecidedBy, &at, &p.Note); err != nil {
		return p, err
	}
	var m pairingMembers
	err = json.Unmarshal([]byte(members), &m)
	p.External, p.Entries, p.DecidedAt = m.External, m.Entries, timeOf(at)
	return p, err
}

// Pairings are up to limit pairings in a state after an id, at most 1,000, in order of their ids.
func (s *Service) Pairings(ctx context.Context, book ledger.Book, state, after string, limit int) ([]PairingRecord, error) {
	rows, err := s.pool.Query(ctx, sqlPairings, book.ID, state, after, min(max(limit, 1), MaxBreaks))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanPairing)
}

func pairingOf(ctx context.Context, from asker, sql string, book ledger.Book, id string) (PairingRecord, error) {
	rows, err := from.Query(ctx, sql, book.ID, id)
	if err != nil {
		return PairingRecord{}, err
	}
	p, err := pgx.CollectExactlyOneRow(rows, scanPairing)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrPairingUnknown
	}
	return p, err
}

// Pairing is one pairing. It returns ErrPairingUnknown.
func (s *Service) Pairing(ctx context.Context, book ledger.Book, id string) (p PairingRecord, err error) {
	if p, err = pairingOf(ctx, s.pool, sqlPairing, book, id); err == nil {
		p.Changes, err = s.SaidOtherwise(ctx, book, p)
	}
	return p, err
}

// SaidOtherwise is what the source says last of the amounts, fees and currencies of a pairing's lines that is not what they say, the newest
// first, at most 100.
func (s *Service) SaidOtherwise(ctx context.Context, book ledger.Book, p PairingRecord) ([]Change, error) {
	return saidOtherwise(ctx, s.pool, book, &p)
}

// Confirm makes a suggested pairing: its lines and entries are open no more from the next run on, and belong to it for ever. It is
// made only if all of them are open, both sides sum to the same, and the source says nothing else of its lines that was not known when
// it was suggested. The books go by what the source said first: what it says otherwise comes with the answer. It returns
// ErrPairingUnknown or ErrPairingState.
func (s *Service) Confirm(ctx context.Context, by guard.Actor, book ledger.Book, id, note string) (PairingRecord, error) {
	return s.decidePairing(ctx, by, book, id, note, "made")
}

// MaxConfirmed bounds the pairings that are confirmed at once.
const MaxConfirmed = 100

// ConfirmAll confirms several suggested pairings, at most MaxConfirmed: every one of them, or none. It fails as Confirm does, with the
// pairing named at which it did, and with ErrPairingsShare if two of them have a line or an entry in common.
func (s *Service) ConfirmAll(ctx context.Context, by guard.Actor, book ledger.Book, ids []string, note string) error {
	if len(ids) == 0 || len(ids) > MaxConfirmed {
		return ErrBreakInvalid.At("/pairings", "bounds", "Name between 1 and 100 pairings.")
	}
	if err := checkNote("/note", note, mostBreakNote, false); err != nil {
		return err
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	return s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		// All heads first and in order: two that confirm at once, or a run meanwhile, then wait for each other and never in a circle.
		var list []PairingRecord
		for _, id := range ids {
			p, err := pairingOf(ctx, tx, sqlPairing, book, id)
			if err != nil {
				return err
			}
			list = append(list, p)
		}
		slices.SortStableFunc(list, func(a, b PairingRecord) int {
			return cmp.Or(cmp.Compare(a.Match, b.Match), cmp.Compare(a.Source, b.Source))
		})
		if err := sharing(list); err != nil {
			return err
		}
		for _, p := range list {
			if _, err := lockHead(ctx, tx, book, &p); err != nil {
				return err
			}
		}
		for _, p := range list {
			_, err := s.decideWithin(ctx, tx, by, book, p, note, "made")
			var known *fault.Error
			if errors.As(err, &known) {
				return known.Withf("%s: %s", p.ID, known.Message)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// sharing refuses suggestions of which two have a line or an entry in common.
func sharing(list []PairingRecord) error {
	type member struct {
		match  Match
		source int16
		line   int64
		entry  EntryID
	}
	of := map[member]string{}
	for _, p := range list {
		if p.State != "suggested" {
			continue // which is what speaks against it
		}
		var members []member
		for _, line := range p.External {
			members = append(members, member{match: p.Match, source: p.Source, line: line})
		}
		for _, entry := range p.Entries {
			members = append(members, member{match: p.Match, source: p.Source, entry: entry})
		}
		for _, m := range members {
			if first, ok := of[m]; ok {
				return ErrPairingsShare.Withf("%s and %s have a line or an entry in common, so only one of them can be made. Tick one of the two. Nothing was confirmed.", first, p.ID)
			}
		}
		for _, m := range members {
			of[m] = p.ID
		}
	}
	return nil
}

// Refuse says that a suggested pairing is none. It is not suggested again. It returns ErrPairingUnknown or ErrPairingState.
func (s *Service) Refuse(ctx context.Context, by guard.Actor, book ledger.Book, id, note string) (PairingRecord, error) {
	return s.decidePairing(ctx, by, book, id, note, "refused")
}

func (s *Service) decidePairing(ctx context.Context, by guard.Actor, book ledger.Book, id, note, state string) (out PairingRecord, err error) {
	if err := checkNote("/note", note, mostBreakNote, state == "refused"); err != nil {
		return out, err
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		p, err := pairingOf(ctx, tx, sqlPairing, book, id)
		if err != nil {
			return err
		}
		out, err = s.decideWithin(ctx, tx, by, book, p, note, state)
		return err
	})
	return out, err
}

// lockHead locks what a run of a pairing's comparison begins with.
func lockHead(ctx context.Context, tx pgx.Tx, book ledger.Book, p *PairingRecord) (head reconHead, err error) {
	err = tx.QueryRow(ctx, sqlLockReconHead, book.ID, p.Match, p.Source).Scan(&head.run, &head.sequence)
	return head, err
}

// decideWithin decides a pairing that was read, in a transaction.
func (s *Service) decideWithin(ctx context.Context, tx pgx.Tx, by guard.Actor, book ledger.Book, p PairingRecord, note, state string) (PairingRecord, error) {
	// The head first, as a run does: a run that ends meanwhile has ended before, or sees what was decided.
	head, err := lockHead(ctx, tx, book, &p)
	if err != nil {
		return p, err
	}
	if p, err = pairingOf(ctx, tx, sqlLockPairing, book, p.ID); err != nil {
		return p, err
	}
	if p.State != "suggested" {
		return p, ErrPairingState
	}
	if p.Changes, err = saidOtherwise(ctx, tx, book, &p); err != nil {
		return p, err
	}
	if state == "made" {
		if err := saidSince(&p); err != nil {
			return p, err
		}
		if err := closeItems(ctx, tx, book, &p, head.run+1); err != nil {
			return p, err
		}
	}
	p.State, p.DecidedBy, p.DecidedAt, p.Note = state, doneBy(by), s.now(), note
	if _, err := tx.Exec(ctx, sqlDecidePairing, book.ID, p.ID, state, p.DecidedBy, p.DecidedAt, note); err != nil {
		return p, err
	}
	act := actRefused
	if state == "made" {
		act = actConfirmed
		if err := voidSharing(ctx, tx, book, p.Match, p.Source, p.External, p.Entries, p.DecidedAt, "A line or an entry of it belongs to the pairing "+p.ID+", which was made."); err != nil {
			return p, err
		}
	}
	return p, s.tellBreak(ctx, tx, guard.Deed{Actor: by, Act: act, Object: "pairing:" + p.ID}, book, map[string]any{"state": "suggested"},
		map[string]any{"state": state, "lines": len(p.External), "entries": len(p.Entries)})
}

// closeItems ends the open items of a pairing's members from a run on.
func closeItems(ctx context.Context, tx pgx.Tx, book ledger.Book, p *PairingRecord, until int64) error {
	var sequences []int64
	var lines []int16
	for _, e := range p.Entries {
		sequences, lines = append(sequences, e.Sequence), append(lines, int16(e.Line)) // #nosec G115 -- a transaction has 500 lines at most
	}
	var closed, currencies int
	var difference int64
	if err := tx.QueryRow(ctx, sqlCloseItems, book.ID, p.Match, p.Source, until, p.ID, p.External, sequences, lines).Scan(&closed, &currencies, &difference); err != nil {
		return err
	}
	if closed != len(p.External)+len(p.Entries) || currencies != 1 || difference != 0 {
		return ErrPairingState
	}
	return nil
}
