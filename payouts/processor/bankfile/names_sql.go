package bankfile

import (
	"context"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
)

// Names are what a bank's statement can call the movement behind an entry of ours: the ledger knows it by the entry's id, the bank by
// what stood in the file.
type Names struct {
	// EndToEnd is the payment's id as files have it, Trace its line in the file, and File the file's message, which is also the
	// batch that a bank may book as one line. Trace and File are empty as long as no file has it.
	EndToEnd, Trace, File string
	// Back says that the entry brings money back, and Of names the entry that had taken it.
	Back bool
	Of   string
}

const sqlNames = `
SELECT e.id, e.category = 'transfer_reversal', coalesce(t.entry, ''), coalesce(p.id, ''), coalesce(p.trace, ''), coalesce(f.message_id, '')
  FROM unnest($2::text[]) k(id)
 CROSS JOIN LATERAL (SELECT x.id, x.category, x.source FROM bank_entries x
                      WHERE x.book_id = $1 AND x.id = k.id AND x.account = '' AND x.category IN ('transfer', 'transfer_reversal') LIMIT 1) e
  LEFT JOIN LATERAL (SELECT x.transfer FROM bank_reversals x WHERE x.book_id = $1 AND x.id = e.source LIMIT 1) r ON true
  LEFT JOIN LATERAL (SELECT x.id, x.entry FROM bank_transfers x WHERE x.book_id = $1 AND x.id = coalesce(r.transfer, e.source) LIMIT 1) t ON true
  LEFT JOIN LATERAL (SELECT x.outgoing FROM payouts x WHERE x.book_id = $1 AND x.transfer = t.id AND x.transfer <> '' AND x.outgoing <> '' LIMIT 1) o ON true
  LEFT JOIN LATERAL (SELECT x.id, x.trace, x.currency, x.file FROM bank_payments x WHERE x.book_id = $1 AND x.id = o.outgoing LIMIT 1) p ON true
  LEFT JOIN LATERAL (SELECT x.message_id FROM bank_files x WHERE x.book_id = $1 AND x.currency = p.currency AND x.number = p.file LIMIT 1) f ON true`

// NamesOf returns what a bank can call the movements behind entries. An entry that is none of ours, or of which no payment was made
// yet, is not in the result, unless it brings money back.
func NamesOf(ctx context.Context, q querier, book ledger.Book, entries []string) (map[string]Names, error) {
	rows, err := q.Query(ctx, sqlNames, book.ID, entries)
	if err != nil {
		return nil, err
	}
	all := map[string]Names{}
	var id, payment string
	var n Names
	_, err = pgx.ForEachRow(rows, []any{&id, &n.Back, &n.Of, &payment, &n.Trace, &n.File}, func() error {
		n.EndToEnd = ""
		if payment != "" {
			n.EndToEnd = abroad(payment)
		}
		if payment != "" || n.Back {
			all[id] = n
		}
		return nil
	})
	return all, err
}
