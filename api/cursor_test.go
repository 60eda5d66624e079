package api

import (
	"encoding/base64"
	"errors"
	"slices"
	"testing"
)

var cursorKey = []byte("sixteen bytes or more")

func TestCursors(t *testing.T) {
	t.Parallel()
	cursor := sealCursor(cursorKey, "list\x00uk", "a:b", "7")
	if got, err := openCursor(cursorKey, "list\x00uk", cursor, 2); err != nil || !slices.Equal(got, []string{"a:b", "7"}) {
		t.Fatalf("%v, %v", got, err)
	}
	raw, _ := base64.RawURLEncoding.DecodeString(cursor)
	for i := range raw {
		forged := slices.Clone(raw)
		forged[i] ^= 1
		if _, err := openCursor(cursorKey, "list\x00uk", base64.RawURLEncoding.EncodeToString(forged), 2); !errors.Is(err, ErrCursor) {
			t.Errorf("byte %d can be changed: %v", i, err)
		}
	}
	for name, c := range map[string]struct {
		key     []byte
		binding string
		cursor  string
		parts   int
	}{
		"another key":      {[]byte("another key of 16 b"), "list\x00uk", cursor, 2},
		"another list":     {cursorKey, "list\x00vn", cursor, 2},
		"a longer binding": {cursorKey, "list\x00uk\x00", cursor, 2},
		"too few parts":    {cursorKey, "list\x00uk", cursor, 3},
		"shorter":          {cursorKey, "list\x00uk", cursor[:len(cursor)-4], 2},
		"padded":           {cursorKey, "list\x00uk", cursor + "=", 2},
		"another spelling": {cursorKey, "list\x00uk", cursor[:8] + "\n" + cursor[8:], 2},
		"nothing":          {cursorKey, "list\x00uk", "", 2},
	} {
		if _, err := openCursor(c.key, c.binding, c.cursor, c.parts); !errors.Is(err, ErrCursor) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzCursor shows that only what was sealed opens, and that it has one spelling.
func FuzzCursor(f *testing.F) {
	f.Add(sealCursor(cursorKey, "x", "a", "b"))
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, cursor string) {
		parts, err := openCursor(cursorKey, "x", cursor, 2)
		if err != nil {
			if !errors.Is(err, ErrCursor) {
				t.Fatal(err)
			}
			return
		}
		if again := sealCursor(cursorKey, "x", parts...); again != cursor {
			t.Fatalf("%q opens, and %q is its spelling", cursor, again)
		}
	})
}
