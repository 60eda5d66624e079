package guard

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Untold are things that only a privileged act makes and of which the trail tells no such act: somebody wrote them behind the program.

const (
	// Each claim is one probe, however many rows the trail has.
	sqlUntold = `
SELECT c.n - 1
  FROM unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY c (object, act, says, n)
  LEFT JOIN LATERAL (SELECT true AS told FROM audit_rows r
                      WHERE r.book_id = $1 AND r.object = c.object AND r.act = ANY (string_to_array(c.act, ' ')) AND (c.says = '' OR strpos(r.after, c.says) > 0) LIMIT 1) t ON true
 WHERE t.told IS NULL AND c.object <> '' ORDER BY c.n`

	sqlClaimApprovals = `
SELECT a.id, 'approval:' || a.id, 'approval.approved', '' FROM approvals a WHERE a.book_id = $1 AND a.id > $2 AND a.state = 'done' ORDER BY a.id LIMIT $3`
)

// Claim is that the trail tells of something that is there.
type Claim struct {
	// Place is the thing's own in the order of its list, such as its id.
	Place string
	// Object and Act are those of the row that tells of it, Act perhaps one of several with spaces between them; Says is a part of what
	// stands after the act in that row, empty for anything. A claim without an object is passed by.
	Object, Act, Says string
}

// Claims is a statement that lists claims of a book ($1) after a place ($2) in the order of their places, up to a number ($3): the
// place, the object, the act and what the row says.
type Claims string

const (
	// claimPage is how many claims are looked at on one snapshot.
	claimPage = 1000
	// maxUntold bounds what is listed.
	maxUntold = 1000
)

// Told is what came of comparing claims with the trail.
type Told struct {
	// Looked counts the claims; Untold are those that the trail does not tell of, at most 1000 of a list.
	Looked int64
	Untold []Claim
}

// Sound reports whether the trail tells of everything.
func (t Told) Sound() bool { return len(t.Untold) == 0 }

// Join adds what came of other claims.
func (t Told) Join(other Told) Told {
	return Told{t.Looked + other.Looked, append(t.Untold, other.Untold...)}
}

// Compare looks each claim of the lists up in the book's trail, page by page. What an act does and its row are of one transaction, so
// whatever one snapshot has of the one it has of the other.
func (t *Trail) Compare(ctx context.Context, book Book, lists ...Claims) (told Told, err error) {
	for _, list := range lists {
		one, err := t.compare(ctx, book, list)
		if err != nil {
			return Told{}, err
		}
		told = told.Join(one)
	}
	return told, nil
}

func (t *Trail) compare(ctx context.Context, book Book, list Claims) (told Told, err error) {
	for place := ""; ; {
		var page []Claim
		var untold []int
		err := t.pool.ReadTx(ctx, func(tx pgx.Tx) (err error) {
			page, untold, err = comparePage(ctx, tx, book, list, place)
			return err
		})
		if err != nil {
			return Told{}, err
		}
		for _, n := range untold {
			if len(told.Untold) < maxUntold {
				told.Untold = append(told.Untold, page[n])
			}
		}
		for _, c := range page {
			if c.Object != "" {
				told.Looked++
			}
		}
		if len(page) < claimPage {
			return told, nil
		}
		place = page[len(page)-1].Place
	}
}

func comparePage(ctx context.Context, tx pgx.Tx, book Book, list Claims, after string) (page []Claim, untold []int, err error) {
	rows, err := tx.Query(ctx, string(list), book.ID, after, claimPage)
	if err != nil {
		return nil, nil, err
	}
	if page, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Claim]); err != nil || len(page) == 0 {
		return nil, nil, err
	}
	objects, acts, says := make([]string, len(page)), make([]string, len(page)), make([]string, len(page))
	for i, c := range page {
		objects[i], acts[i], says[i] = c.Object, c.Act, c.Says
	}
	if rows, err = tx.Query(ctx, sqlUntold, book.ID, objects, acts, says); err != nil {
		return nil, nil, err
	}
	untold, err = pgx.CollectRows(rows, pgx.RowTo[int])
	return page, untold, err
}

// Approvals compares the approvals that have run with the trail.
func (t *Trail) Approvals(ctx context.Context, book Book) (Told, error) {
	return t.Compare(ctx, book, sqlClaimApprovals)
}
