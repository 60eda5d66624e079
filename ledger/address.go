package ledger

import (
	"strings"

	"mizan/ledger/fault"
)

// An address names an account the way plain-text accounting tools do: the path of a chart row, then the owner the row
// asks for, as in "liabilities:seller:available:sel_uk".

// Address is the full name of an account without its currency. The zero value is invalid. Nothing personal belongs in
// one: addresses are hashed and kept for ever.
type Address string

// MaxAddressBytes bounds an address: nine segments of 64 bytes and the colons between them.
const MaxAddressBytes = 9*64 + 8

const maxSegments = 9

// ErrAddress means that an address is not written as the grammar asks.
var ErrAddress = fault.New(fault.Invalid, "account-address",
	"An account address is two to nine segments of A-Z a-z 0-9 _ . - (at most 64 each) joined by colons, such as liabilities:seller:available:sel_uk.")

// ParseAddress checks the grammar of s only; Chart.Resolve says whether the chart has such an account.
func ParseAddress(s string) (Address, error) {
	if len(s) == 0 || len(s) > MaxAddressBytes {
		return "", ErrAddress
	}
	segments, width := 1, 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == ':':
			if width == 0 {
				return "", ErrAddress
			}
			segments, width = segments+1, 0
		case isSegmentByte(c):
			width++
			if width > 64 {
				return "", ErrAddress
			}
		default:
			return "", ErrAddress
		}
	}
	if width == 0 || segments < 2 || segments > maxSegments {
		return "", ErrAddress
	}
	return Address(s), nil
}

// IsSegment reports whether s may stand between two colons of an address: [A-Za-z0-9_.-]{1,64}. Opaque ids of parties,
// orders and campaigns follow the same grammar.
func IsSegment(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !isSegmentByte(s[i]) {
			return false
		}
	}
	return true
}

func isSegmentByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-'
}

// under reports whether the address is path itself or lies below it.
func (a Address) under(path string) bool {
	return strings.HasPrefix(string(a), path) && (len(a) == len(path) || a[len(path)] == ':')
}
