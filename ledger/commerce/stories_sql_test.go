package commerce

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// headsBehind leaves the heads of subjects as a service that knows none does: no stories are read together.
func (w *workbench) headsBehind(t testing.TB) {
	t.Helper()
	super, err := pgx.Connect(t.Context(), w.db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = super.Close(t.Context()) }()
	if _, err := super.Exec(t.Context(), `UPDATE books SET subjects_through = 0 WHERE id = $1`, w.book.ID); err != nil {
		t.Fatal(err)
	}
	if stories, err := w.ledger.Stories(t.Context(), w.book, []string{"disbursement:A1"}, 1<<62, maxStory); err != nil || len(stories) != 0 {
		t.Fatalf("with heads behind %d stories are read, %v", len(stories), err)
	}
}
