package access

import (
	"crypto/sha256"
	"sync"
	"time"
)

// A moment is for how long an answer of the database is taken for good without asking again.

// moments remember answers by the digest of the token that was asked about. The zero value is ready.
type moments[T any] struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]remembered[T]
}

// remembered is what was found a moment ago.
type remembered[T any] struct {
	what T
	read time.Time // when the database was asked
}

// recall returns what was found less than cacheFor ago. A clock that ran backwards makes it ask again.
func (m *moments[T]) recall(of [sha256.Size]byte, now time.Time) (what T, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.known[of]
	if age := now.Sub(r.read); !ok || age < 0 || age >= cacheFor {
		return what, false
	}
	return r.what, true
}

func (m *moments[T]) remember(of [sha256.Size]byte, what T, read time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= cacheSize {
		m.known = map[[sha256.Size]byte]remembered[T]{}
	}
	m.known[of] = remembered[T]{what: what, read: read}
}

// forget makes the next question of each token go to the database.
func (m *moments[T]) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.known)
}
