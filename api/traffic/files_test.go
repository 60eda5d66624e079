package traffic

import (
	"errors"
	"testing"

	"mizan/api/access"
)

// TestFiles: each reader has a few files on the way at once, a program more than a person, and nobody keeps another from theirs.
func TestFiles(t *testing.T) {
	t.Parallel()
	var f Files
	for _, c := range []struct {
		who  access.Principal
		most int
	}{
		{access.Principal{Kind: access.Person, ID: "x", Books: []string{"uk"}}, 2}, {access.Principal{Kind: access.Program, ID: "x"}, 8},
		{access.Principal{Kind: access.Payee, ID: "x", Books: []string{"uk"}}, 2}, {access.Principal{Kind: access.Payee, ID: "x", Books: []string{"vn"}}, 2},
	} {
		var ends []func()
		for {
			end, err := f.Begin(c.who)
			if err != nil {
				if !errors.Is(err, ErrBusy) || len(ends) != c.most {
					t.Errorf("%+v has %d files on the way: %v", c.who, len(ends), err)
				}
				break
			}
			ends = append(ends, end)
		}
		ends[0]()
		ends[0]() // twice gives back once
		if _, err := f.Begin(c.who); err != nil {
			t.Errorf("%+v: after one has ended: %v", c.who, err)
		}
		if _, err := f.Begin(c.who); !errors.Is(err, ErrBusy) {
			t.Errorf("%+v: one that ended twice makes room for two: %v", c.who, err)
		}
	}
	if end, err := f.Begin(access.Principal{Kind: access.Person, ID: "x", Books: []string{"vn"}}); err == nil {
		end()
		t.Error("a person counts as another one elsewhere")
	}
}
