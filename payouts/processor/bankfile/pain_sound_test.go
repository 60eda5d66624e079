//go:build !race

package bankfile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestPainFilesAreSound writes random files of every market, validates them by the schema, and reads them back with a
// parser that knows nothing of the writer.
func TestPainFilesAreSound(t *testing.T) {
	t.Parallel()
	r, dir := random(t), t.TempDir()
	var files []string
	for name, d := range debtors {
		if d.Format != Pain001 {
			continue
		}
		for i := range 4 {
			lines := 1 + r.IntN(40)
			if i == 0 && name == "eur" {
				lines = MaxLines
			}
			f := fileOf(d, r.Int64N(1<<62)+1, lines, r)
			out, totals := write(t, d, f)
			if again, _ := write(t, d, f); !bytes.Equal(out, again) {
				t.Fatal("the same file has other bytes when it is made again")
			}
			path := filepath.Join(dir, fmt.Sprintf("%s-%d.xml", name, i))
			if err := os.WriteFile(path, out, 0o600); err != nil {
				t.Fatal(err)
			}
			files = append(files, path)
			painReadBack(t, d, f, totals, out)
		}
	}
	schema(t, "pain.001.001.09.xsd", files...)
}
