package reconcile

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"mizan/payouts/processor/bankfile"
)

// What left by a file that a bank took goes by the rail's own ids in the ledger, and the bank calls it by what stood in the file: the
// payment's id end to end, its line, or the file as a whole. An entry takes the name under which the statement has it. Which names
// there are follows from the payment; which one counts follows from the lines up to the run's last one. So it is the same when
// the run is made again.

// railEntry is how the ids of a rail's own entries begin.
const railEntry = "txn_"

const sqlNamed = `
SELECT k.name, EXISTS (SELECT FROM evidence_lines e WHERE e.book_id = $1 AND e.source_id = $2 AND e.key = k.name AND e.number <= $4 AND e.net < 0)
  FROM unnest($3::text[]) k(name)
 WHERE EXISTS (SELECT FROM evidence_lines e WHERE e.book_id = $1 AND e.source_id = $2 AND e.key = k.name AND e.number <= $4)`

// bankNames replaces references of a rail's entries by the names that lines of the bank have.
func (s *Service) bankNames(ctx context.Context, r *reading, refs map[string]string) error {
	if r.in.Match != R2 || r.in.Source.Kind != KindBank {
		return nil
	}
	var list []string
	for ref, key := range refs {
		if ref == key && strings.HasPrefix(ref, railEntry) {
			list = append(list, ref)
		}
	}
	slices.Sort(list)
	for page := range slices.Chunk(list, 5_000) {
		if err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error { return bankNamesTx(ctx, tx, r, refs, page) }); err != nil {
			return err
		}
	}
	return nil
}

func bankNamesTx(ctx context.Context, tx pgx.Tx, r *reading, refs map[string]string, page []string) error {
	names, err := bankfile.NamesOf(ctx, tx, r.book, page)
	if err != nil {
		return err
	}
	var all []string
	for _, n := range names {
		all = append(all, n.EndToEnd, n.Trace, n.File)
	}
	slices.Sort(all)
	rows, err := tx.Query(ctx, sqlNamed, r.book.ID, r.in.Source.ID, slices.Compact(all), r.in.Lines.To)
	if err != nil {
		return err
	}
	known, went := map[string]bool{}, map[string]bool{}
	var name string
	var out bool
	if _, err := pgx.ForEachRow(rows, []any{&name, &out}, func() error { known[name], went[name] = true, out; return nil }); err != nil {
		return err
	}
	for ref, n := range names {
		// What comes back is told for itself, even if the bank booked the file as a whole.
		order := []string{n.EndToEnd, n.Trace, n.File}
		if r.batches && !n.Back {
			order = []string{n.File, n.EndToEnd, n.Trace}
		}
		key := ref
		if n.Back && n.Of != "" {
			r.broughtBack[ref] = n.Of
			key = n.Of // what the bank never showed was never paid: both entries make up for each other
		}
		shown := known
		if !n.Back {
			// Who pays us may write what he likes as a reference, such as the 17-1 by which a file names its line: money that
			// came is not what we sent.
			shown = went
		}
		for _, name := range order {
			if name != "" && shown[name] {
				key = name
				break
			}
		}
		refs[ref] = key
		if key != ref {
			r.renamed[key] = append(r.renamed[key], ref)
		}
	}
	return nil
}

// rename gives what a slice did not tie the names of the bank.
func (s *Service) rename(ctx context.Context, r *reading, found []unequal) error {
	refs := map[string]string{}
	for _, u := range found {
		if u.lines == 0 && strings.HasPrefix(u.key, railEntry) {
			refs[u.key] = u.key
		}
	}
	if len(refs) == 0 {
		return nil
	}
	if err := s.bankNames(ctx, r, refs); err != nil {
		return err
	}
	for i := range found {
		if to, ok := refs[found[i].key]; ok && found[i].lines == 0 {
			found[i].key = to
		}
	}
	return nil
}

// mirrorRail marks what the rail brought back as the mirror of what it had taken, as the ledger marks its own corrections: if the bank
// showed neither, both are no difference.
func (r *reading) mirrorRail(g *Group) {
	if len(r.broughtBack) == 0 {
		return
	}
	at := map[string]int{}
	for i, e := range g.Entries {
		if strings.HasPrefix(e.ExternalRef, railEntry) {
			at[e.ExternalRef] = i
		}
	}
	for i := range g.Entries {
		back := &g.Entries[i]
		j, ok := at[r.broughtBack[back.ExternalRef]]
		if taken := &g.Entries[max(j, 0)]; ok && taken.Amount == -back.Amount && taken.Sequence < back.Sequence && back.Reverses == 0 && taken.Reversed == 0 {
			back.Reverses, taken.Reversed = taken.Sequence, back.Sequence
		}
	}
}
