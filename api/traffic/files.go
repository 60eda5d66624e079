package traffic

import (
	"fmt"
	"sync"

	"mizan/api/access"
)

// A file is made while it leaves, at its reader's pace, and so may be on its way for hours. What each holds meanwhile is little, but it
// is somebody's: whoever reads takes a few at a time, through whichever door they fetch them.

const (
	// filesOfPerson is how many files a person or a payee takes at once.
	filesOfPerson = 2
	// filesOfKey is how many a program takes at once, which may fetch for many people.
	filesOfKey = 8
)

// Files count the files that are on their way to each reader. The zero value counts none yet. It is safe for concurrent use.
type Files struct {
	mu      sync.Mutex
	leaving map[string]int
}

// Begin begins a file of a reader and returns what ends it, or ErrBusy if too many are on their way to them.
func (f *Files) Begin(p access.Principal) (end func(), err error) {
	who, most := fmt.Sprint(p.Kind, " ", p.ID), filesOfPerson
	switch p.Kind {
	case access.Payee:
		who = fmt.Sprintf("%s %q", who, p.Books) // the same id names another payee in each book
	case access.Program:
		most = filesOfKey
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.leaving[who] >= most {
		return nil, ErrBusy
	}
	if f.leaving == nil {
		f.leaving = map[string]int{}
	}
	f.leaving[who]++
	return sync.OnceFunc(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.leaving[who]--; f.leaving[who] == 0 {
			delete(f.leaving, who)
		}
	}), nil
}
