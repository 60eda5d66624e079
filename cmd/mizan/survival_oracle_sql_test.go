package main

// The oracle of a survival campaign: it reads the books past the service, as a superuser, and holds them against what the
// clients were told.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// recorded is one transaction as the books hold it.
type recorded struct {
	sequence             int64
	reference, hash, id  string
	event, subject, text string
}

const sqlRecorded = `
SELECT t.sequence, t.reference, encode(t.content_hash, 'hex'), b.code || '-' || t.sequence, t.event, coalesce(t.subject, ''),
       coalesce((SELECT string_agg(a.address || ' ' || e.amount, ', ' ORDER BY e.line) FROM entries e
                   JOIN accounts a ON a.book_id = e.book_id AND a.id = e.account_id
                  WHERE e.book_id = t.book_id AND e.sequence = t.sequence AND e.account_id = ANY (t.account_ids)), '')
  FROM books b JOIN transactions t ON t.book_id = b.id WHERE b.code = $1 ORDER BY t.sequence`

// of returns the postings of a book, in no lasting order.
func (j *logbook) of(book string) []*posting {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.books[book])
}

// check holds one book against the journal, proves the invariants from its rows, and fails the test for all that is wrong.
// No service may be posting to it meanwhile.
func (s *stage) check(t *testing.T, book string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.server.URL("postgres", privateDatabase))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, _ := conn.Query(ctx, sqlRecorded, book)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r recorded, err error) {
		return r, row.Scan(&r.sequence, &r.reference, &r.hash, &r.id, &r.event, &r.subject, &r.text)
	})
	if err != nil {
		t.Fatal(err)
	}
	s.compare(book, all)
	s.prove(ctx, t, conn, `(SELECT id FROM books WHERE code = '`+book+`')`)
	s.tally.add("checks of a book", 1)
	for _, wrong := range s.complaints() {
		t.Errorf("book %s: %s", book, wrong)
	}
	if t.Failed() {
		t.FailNow()
	}
}

// compare complains wherever books and journal differ.
func (s *stage) compare(book string, all []recorded) {
	found := map[string]recorded{}
	for i, r := range all {
		if r.sequence != int64(i+1) {
			s.complain("sequence %d follows %d", r.sequence, i)
		}
		if other, twice := found[r.reference]; twice {
			s.complain("%s is recorded as %s and as %s", r.reference, other.id, r.id)
		}
		found[r.reference] = r
	}
	groups := map[string][2]int{} // recorded, of all
	for _, p := range s.of(book) {
		r, there := found[p.sent.Reference]
		delete(found, p.sent.Reference)
		s.compareOne(p, r, there)
		g := groups[p.group]
		g[1]++
		if there {
			g[0]++
		}
		groups[p.group] = g
	}
	for reference := range found {
		s.complain("%s was never sent", reference)
	}
	for name, g := range groups {
		if name != "" && g[0] != 0 && g[0] != g[1] {
			s.complain("of the all-or-nothing batch %s %d of %d are recorded", name, g[0], g[1])
		}
	}
}

func (s *stage) compareOne(p *posting, r recorded, there bool) {
	s.mu.Lock()
	copied := *p
	s.mu.Unlock()
	p = &copied
	reference := p.sent.Reference
	switch {
	case p.acknowledged > 0 && !there:
		s.complain("%s was acknowledged as %s and is lost", reference, p.id)
	case p.acknowledged > 0 && (r.id != p.id || r.hash != p.hash):
		s.complain("%s was acknowledged as %s %s and is %s %s", reference, p.id, p.hash, r.id, r.hash)
	case there && p.acknowledged == 0 && p.unknown == 0:
		s.complain("%s is recorded although every answer said that nothing was posted", reference)
	}
	if there && (r.event != p.sent.Event || r.subject != p.sent.Subject || r.text != strings.Join(p.lines, ", ")) {
		s.complain("%s is not what was sent:\n%s", reference, cmp.Diff(strings.Join(p.lines, ", "), r.text))
	}
}

// prove complains about each invariant that does not hold for the books that the expression selects, all of them if it is
// empty.
func (s *stage) prove(ctx context.Context, t *testing.T, conn *pgx.Conn, books string) {
	t.Helper()
	only := ""
	if books != "" {
		only = "WITH "
		for i, table := range []string{"entries", "transactions", "balances", "transaction_references", "subjects", "period_totals", "chart_totals"} {
			if i > 0 {
				only += ", "
			}
			only += table + " AS (SELECT * FROM public." + table + " WHERE book_id = " + books + ")"
		}
		only += ", books AS (SELECT * FROM public.books WHERE id = " + books + ")"
	}
	for name, query := range survivalInvariants {
		var count int
		var sample *string
		if err := conn.QueryRow(ctx, only+` SELECT count(*), min(x::text) FROM (`+query+`) x`).Scan(&count, &sample); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if count != 0 {
			s.complain("%s: %d violations, such as %s", name, count, *sample)
		}
	}
}

// survivalInvariants find nothing in sound books. They read the rows alone, and share no code with the program.
var survivalInvariants = map[string]string{
	"I1 each transaction sums to zero per currency": `
SELECT e.book_id, e.sequence, a.currency FROM entries e JOIN accounts a ON a.book_id = e.book_id AND a.id = e.account_id
 GROUP BY 1, 2, 3 HAVING sum(e.amount) <> 0`,
	"I2 each book sums to zero per currency": `
SELECT b.book_id, a.currency FROM balances b JOIN accounts a ON a.book_id = b.book_id AND a.id = b.account_id
 GROUP BY 1, 2 HAVING sum(b.debits) <> sum(b.credits)`,
	"I3 stored balance is the sum of entries": `
SELECT coalesce(b.account_id, e.account_id) FROM balances b
  FULL JOIN (SELECT book_id, account_id, sum(amount) FILTER (WHERE amount > 0) d, -sum(amount) FILTER (WHERE amount < 0) c,
                    count(*) n, max(sequence) s FROM entries GROUP BY 1, 2) e
    ON e.book_id = b.book_id AND e.account_id = b.account_id
 WHERE b.debits IS DISTINCT FROM coalesce(e.d, 0) OR b.credits IS DISTINCT FROM coalesce(e.c, 0)
    OR b.version IS DISTINCT FROM e.n OR b.last_sequence IS DISTINCT FROM e.s`,
	"I5 references and transactions agree": `
SELECT coalesce(r.reference, t.reference) FROM
       (SELECT book_id, reference, generate_series(first_sequence, first_sequence + count - 1) AS sequence FROM transaction_references) r
  FULL JOIN transactions t ON t.book_id = r.book_id AND t.sequence = r.sequence AND t.reference = r.reference
 WHERE r.reference IS NULL OR t.reference IS NULL`,
	"I10 line counts, lines and account ids": `
SELECT t.sequence FROM transactions t
  LEFT JOIN (SELECT book_id, sequence, count(*) n, min(line) lo, max(line) hi, array_agg(DISTINCT account_id ORDER BY account_id) ids
               FROM entries GROUP BY 1, 2) e ON e.book_id = t.book_id AND e.sequence = t.sequence
 WHERE coalesce(e.n, 0) <> t.line_count OR (t.line_count > 0 AND (e.lo <> 1 OR e.hi <> t.line_count OR e.ids <> t.account_ids))`,
	"entries without a header": `
SELECT e.sequence FROM entries e LEFT JOIN transactions t ON t.book_id = e.book_id AND t.sequence = e.sequence WHERE t.sequence IS NULL`,
	"sequences without gaps up to the head": `
SELECT b.id FROM books b LEFT JOIN (SELECT book_id, count(*) n, max(sequence) s FROM transactions GROUP BY 1) t ON t.book_id = b.id
 WHERE b.last_sequence <> coalesce(t.n, 0) OR b.last_sequence <> coalesce(t.s, 0)`,
	"subjects begin and end where their transactions do": `
SELECT coalesce(s.subject, t.subject) FROM subjects s
  FULL JOIN (SELECT book_id, subject, min(sequence) lo, max(sequence) hi FROM transactions WHERE subject IS NOT NULL GROUP BY 1, 2) t
    ON t.book_id = s.book_id AND t.subject = s.subject
  JOIN books b ON b.id = coalesce(s.book_id, t.book_id)
 WHERE b.subjects_through <> b.last_sequence OR s.first_sequence IS DISTINCT FROM t.lo OR s.last_sequence IS DISTINCT FROM t.hi`,
	"recorded_at never runs backwards": `
SELECT s.sequence FROM (SELECT sequence, recorded_at < lag(recorded_at) OVER (PARTITION BY book_id ORDER BY sequence) back FROM transactions) s WHERE s.back`,
	"account versions and running sums": `
SELECT s.account_id, s.sequence FROM (SELECT e.*, row_number() OVER w v, sum(amount) OVER w b, sum(greatest(amount, 0)) OVER w d FROM entries e
        WINDOW w AS (PARTITION BY book_id, account_id ORDER BY sequence, line)) s
 WHERE s.v <> s.account_version OR s.b <> s.balance_after OR s.d <> s.debits_after`,
	"period totals": `
SELECT coalesce(p.account_id, e.account_id) FROM period_totals p
  FULL JOIN (SELECT e.book_id, e.account_id, t.period, sum(greatest(e.amount, 0)) d, sum(greatest(-e.amount, 0)) c
               FROM entries e JOIN transactions t ON t.book_id = e.book_id AND t.sequence = e.sequence GROUP BY 1, 2, 3) e
    ON e.book_id = p.book_id AND e.account_id = p.account_id AND e.period = p.period
 WHERE p.debits IS DISTINCT FROM e.d OR p.credits IS DISTINCT FROM e.c`,
	"chart totals": `
SELECT coalesce(c.chart_code, p.chart_code) FROM chart_totals c
  FULL JOIN (SELECT p.book_id, p.period, a.chart_code, a.currency, sum(p.debits) d, sum(p.credits) c
               FROM period_totals p JOIN accounts a ON a.book_id = p.book_id AND a.id = p.account_id GROUP BY 1, 2, 3, 4) p
    ON p.book_id = c.book_id AND p.period = c.period AND p.chart_code = c.chart_code AND p.currency = c.currency
 WHERE c.debits IS DISTINCT FROM p.d OR c.credits IS DISTINCT FROM p.c`,
}

// checkAll proves the invariants over all books, and that every partition that was made is attached and sealed.
func (s *stage) checkAll(t *testing.T) {
	t.Helper()
	for i := range s.books {
		s.check(t, fmt.Sprintf("b%d", i+1))
	}
	conn, err := pgx.Connect(t.Context(), s.server.URL("postgres", privateDatabase))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	s.prove(t.Context(), t, conn, "")
	const loose = `
SELECT c.relname FROM pg_class c WHERE c.relkind = 'r' AND c.relname ~ '^(transactions|entries)_p[0-9]+$'
   AND (NOT EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhrelid = c.oid)
    OR NOT EXISTS (SELECT 1 FROM pg_trigger g WHERE g.tgrelid = c.oid AND g.tgname = 'seal' AND g.tgenabled = 'A'))`
	rows, _ := conn.Query(t.Context(), loose)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		s.complain("the partition %s is loose or unsealed", name)
	}
	for _, wrong := range s.complaints() {
		t.Error(wrong)
	}
}

// forgetPartitions takes away all partitions but the first, which alone holds rows, so that services make them anew. The
// first is then so narrow that its end is near from the beginning.
func (s *stage) forgetPartitions(t *testing.T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.server.URL("postgres", privateDatabase))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	const forget = `
DO $$
DECLARE
    name text;
    used bigint := (SELECT coalesce(max(last_sequence), 0) FROM books);
BEGIN
    FOR name IN SELECT inhrelid::regclass FROM pg_inherits
                 WHERE inhparent IN ('transactions'::regclass, 'entries'::regclass) AND (used = 0 OR inhrelid::regclass::text !~ '_p0*1$') LOOP
        EXECUTE format('DROP TABLE %s', name);
    END LOOP;
    IF used = 0 THEN
        UPDATE partition_head SET width = 50000, next_number = 1, upper_bound = 1;
    ELSE
        UPDATE partition_head SET next_number = 2, upper_bound = 50001;
    END IF;
END $$`
	if _, err := conn.Exec(t.Context(), forget); err != nil {
		t.Fatal(err)
	}
}

// backends returns the process ids of the sessions that services hold.
func (s *stage) backends(ctx context.Context) ([]int, error) {
	conn, err := pgx.Connect(ctx, s.server.URL("postgres", privateDatabase))
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, _ := conn.Query(ctx, `SELECT pid FROM pg_stat_activity WHERE application_name = 'mizan' AND backend_type = 'client backend' ORDER BY pid`)
	return pgx.CollectRows(rows, pgx.RowTo[int])
}

// isRecorded reports whether the books hold the posting.
func (s *stage) isRecorded(t *testing.T, p *posting) bool {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.server.URL("postgres", privateDatabase))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var there bool
	if err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM transactions t JOIN books b ON b.id = t.book_id
 WHERE b.code = $1 AND t.reference = $2)`, p.book, p.sent.Reference).Scan(&there); err != nil {
		t.Fatal(err)
	}
	return there
}

// answers reports whether the database takes connections.
func (s *stage) answers(ctx context.Context) bool {
	conn, err := pgx.Connect(ctx, s.server.URL("postgres", privateDatabase))
	if err != nil {
		return false
	}
	return conn.Close(ctx) == nil
}
