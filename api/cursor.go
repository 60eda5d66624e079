package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"sort"
	"strconv"
	"strings"

	"mizan/ledger/fault"
)

// A cursor says where the next page of a list begins. It is opaque, and its MAC binds it to the operation, the path with
// its book, payee or run, and the filters it was made for: one that was altered, or comes from another list, is refused and never moves a reader to a
// place it did not come from.

// ErrCursor means that a cursor was not made by this service for this list.
var ErrCursor = fault.New(fault.Malformed, "cursor-invalid",
	"The cursor does not belong to this list. Take next_cursor from the page before, with the same parameters, or begin again without a cursor.")

const (
	macLength = 16
	// maxCursor bounds what is decoded; the longest address fits several times.
	maxCursor = 2048
)

// binding names the list a cursor belongs to. The size of a page may change from one page to the next.
func (c *call) binding() string {
	var b strings.Builder
	b.WriteString(c.op.ID + "\x00" + c.r.URL.Path)
	names := make([]string, 0, len(c.query.values))
	for name := range c.query.values {
		if name != "cursor" && name != "limit" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		b.WriteString("\x00" + name + "\x00" + c.query.values.Get(name))
	}
	return b.String()
}

// sealCursor makes a cursor from a position, which is one or more parts.
func sealCursor(key []byte, binding string, parts ...string) string {
	position := strings.Join(parts, "|")
	return base64.RawURLEncoding.EncodeToString(append(cursorMAC(key, binding, position), position...))
}

// openCursor returns the parts of a cursor's position, exactly n of them, or ErrCursor.
func openCursor(key []byte, binding, cursor string, n int) ([]string, error) {
	if len(cursor) > maxCursor {
		return nil, ErrCursor
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	// The decoder skips line ends, which would give one cursor several spellings.
	if err != nil || len(raw) < macLength || strings.ContainsAny(cursor, "\r\n") {
		return nil, ErrCursor
	}
	position := string(raw[macLength:])
	if !hmac.Equal(raw[:macLength], cursorMAC(key, binding, position)) {
		return nil, ErrCursor
	}
	parts := strings.Split(position, "|")
	if len(parts) != n {
		return nil, ErrCursor
	}
	return parts, nil
}

func cursorMAC(key []byte, binding, position string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(binding))
	mac.Write([]byte{0, 0})
	mac.Write([]byte(position))
	return mac.Sum(make([]byte, 0, sha256.Size))[:macLength]
}

// position returns where the page asked for begins: the n parts of the cursor, or nil on the first page.
func (c *call) position(n int) []string {
	cursor := c.query.text("cursor")
	if cursor == "" {
		return nil
	}
	parts, err := openCursor(c.service.cursorKey, c.binding(), cursor, n)
	if err != nil {
		c.query.fail(err)
		return nil
	}
	return parts
}

// afterName returns the name after which a page begins, empty on the first one.
func (c *call) afterName() string {
	if at := c.position(1); at != nil {
		return at[0]
	}
	return ""
}

// afterNumber returns the number that a cursor holds, 0 on the first page.
func (c *call) afterNumber() int64 {
	at := c.position(1)
	if at == nil {
		return 0
	}
	n, err := strconv.ParseInt(at[0], 10, 64)
	if err != nil {
		c.query.fail(ErrCursor)
	}
	return n
}

// nextCursor makes the cursor of the page after this one.
func (c *call) nextCursor(parts ...string) string {
	return sealCursor(c.service.cursorKey, c.binding(), parts...)
}
