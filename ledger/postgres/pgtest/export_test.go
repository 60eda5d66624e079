package pgtest

import (
	"context"
	"os"
	"sync"
	"testing"

	"mizan/ledger/postgres"

	"github.com/jackc/pgx/v5"
)

// CheckGivenServer makes the template on a server that is given by its address, several processes at once, and lends
// from it.
func CheckGivenServer(t *testing.T) {
	dir, err := os.MkdirTemp("", "mizan-given-")
	if err != nil {
		t.Fatal(err)
	}
	s, err := postgres.StartServer(t.Context(), postgres.ServerConfig{DataDir: dir, Disposable: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	var group sync.WaitGroup
	for _, name := range []string{"one", "two", "three"} {
		group.Go(func() {
			given, err := openGiven(t.Context(), s.URL("postgres", "postgres"))
			if err != nil {
				t.Error(err)
				return
			}
			if err := given.lend(t.Context(), name, false); err != nil {
				t.Error(err)
				return
			}
			pool, err := postgres.Open(t.Context(), given.url(roleApp, name), postgres.Options{Undurable: true})
			if err != nil {
				t.Error(err)
				return
			}
			pool.Close()
			if err := given.take(t.Context(), name); err != nil {
				t.Error(err)
			}
			closeIdle(t, given)
		})
	}
	group.Wait()
	if _, err := openGiven(t.Context(), "host=/tmp user=postgres"); err == nil {
		t.Error("an address that is no URL was taken")
	}
}

func closeIdle(t *testing.T, s *server) {
	for _, conn := range s.idle {
		func(conn *pgx.Conn) {
			if err := conn.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}(conn)
	}
}
