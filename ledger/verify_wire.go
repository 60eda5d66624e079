package ledger

import (
	"bytes"
	"encoding/binary"
	"time"
)

// wire is a row as PostgreSQL sends it in its binary format. A null is a nil value and reads as zero.
type wire [][]byte

func (w wire) present(i int) bool { return w[i] != nil }

func (w wire) int16(i int) int {
	if len(w[i]) != 2 {
		return 0
	}
	return int(int16(binary.BigEndian.Uint16(w[i])))
}

func (w wire) int32(i int) int32 {
	if len(w[i]) != 4 {
		return 0
	}
	return int32(binary.BigEndian.Uint32(w[i]))
}

func (w wire) int64(i int) int64 {
	if len(w[i]) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(w[i]))
}

func (w wire) text(i int) string { return string(w[i]) }

func (w wire) bytes(i int) []byte { return bytes.Clone(w[i]) }

// epoch is PostgreSQL's: 2000-01-01 in microseconds since 1970-01-01.
const epoch = 946_684_800_000_000

func (w wire) instant(i int) time.Time { return time.UnixMicro(w.int64(i) + epoch).UTC() }

// ints reads an array of integers: the number of dimensions, a flag, the element's type, size and lower bound of the
// dimension, then each element after its length. Anything but one dimension of whole integers reads as none.
func (w wire) ints(i int) []int32 {
	const header, element = 20, 8
	v := w[i]
	if len(v) < header || binary.BigEndian.Uint32(v) != 1 || (len(v)-header)%element != 0 {
		return nil
	}
	out := make([]int32, 0, (len(v)-header)/element)
	for v = v[header:]; len(v) > 0; v = v[element:] {
		out = append(out, int32(binary.BigEndian.Uint32(v[4:])))
	}
	return out
}
