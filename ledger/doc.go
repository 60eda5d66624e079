// Package ledger keeps the books: accounts, transactions, balances and one gap-free order per book.
//
// A Ledger is the only thing that writes money facts. Everything else reads them. What it promises:
//
//   - an acknowledged posting is durable, counted once, and never changes (I4, I5, I10);
//   - every transaction sums to zero per currency, and so does every book (I1, I2);
//   - a stored balance is the sum of its entries in every snapshot (I3);
//   - sequences of a book are 1, 2, 3 … without gaps, in commit order, and recorded_at never runs backwards.
//
// The shape of the posting path is in writer.go (queue, flusher), decide.go (what is posted, refused or replayed, as a pure
// function over an overlay) and batch_sql.go (two round trips to PostgreSQL).
package ledger
