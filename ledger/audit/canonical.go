package audit

import (
	"encoding/binary"
	"slices"
	"time"
)

// canonical builds canonical bytes. Its methods follow the package comment; nothing else may append to it.
type canonical []byte

func (c canonical) integer(v int64) canonical { return binary.BigEndian.AppendUint64(c, uint64(v)) }

func (c canonical) count(n int) canonical { return binary.BigEndian.AppendUint32(c, uint32(n)) }

func (c canonical) text(s string) canonical { return append(c.count(len(s)), s...) }

func (c canonical) bytes(b []byte) canonical { return append(c.count(len(b)), b...) }

func (c canonical) instant(t time.Time) canonical { return c.integer(t.UnixMicro()) }

func (c canonical) texts(m map[string]string) canonical {
	c = c.count(len(m))
	if len(m) == 0 {
		return c
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		c = c.text(k).text(m[k])
	}
	return c
}
