// The id of a line is what tells it from every other line of its statement, so that the same file handed in twice, or the
// same statement inside another file, brings nothing new.

package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// nameLines gives each line its id: the bank's reference if it is the only one, otherwise a digest.
func (d *draft) nameLines() {
	own := make(map[string]int, len(d.Lines))
	for i := range d.Lines {
		own[d.Lines[i].ID]++
	}
	digests := d.digests()
	taken := make(map[string]bool, len(digests))
	for _, digest := range digests {
		taken[digest] = true
	}
	for i := range d.Lines {
		if id := d.Lines[i].ID; id == "" || own[id] > 1 || taken[id] {
			d.Lines[i].ID = digests[i]
		}
	}
}

// digests returns an id for each line that does not depend on the place of its statement in the file. It follows from the
// statement and the line's ordinal in it. A CSV file has no statement that the bank would send again, only rows of the days
// that somebody asked for, so there it follows from what the row says, and from how many like it stood before.
func (d *draft) digests() []string {
	digests := make([]string, len(d.Lines))
	alike := make(map[string]int)
	for i := range d.Lines {
		parts := []string{d.Account, string(d.Currency)}
		if d.contents != nil {
			alike[d.contents[i]]++
			parts = append(parts, "row", d.contents[i], strconv.Itoa(alike[d.contents[i]]))
		} else {
			parts = append(parts, "statement", d.ID, d.Sequence, strconv.Itoa(i+1))
		}
		digests[i] = digest(parts)
	}
	return digests
}

// digest is a short name for a list of strings; each is preceded by its length, so that no two lists read the same.
func digest(parts []string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(strconv.Itoa(len(p)))
		b.WriteByte(':')
		b.WriteString(p)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return "line-" + hex.EncodeToString(sum[:16])
}
