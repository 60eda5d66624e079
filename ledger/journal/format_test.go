package journal

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each format, byte for byte. UPDATE=yes writes the files anew: read the difference before you commit it, because every
// earlier export becomes another file by it.
func TestFormats(t *testing.T) {
	t.Parallel()
	for _, f := range Formats() {
		got, name := writeSample(t, f), filepath.Join("testdata", "sample."+string(f))
		if os.Getenv("UPDATE") == "yes" {
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-file +got):\n%s", f, diff)
		}
		if again := writeSample(t, f); again != got {
			t.Errorf("%s: the second time it is another file", f)
		}
	}
}
