//go:build beancount

package journal

import "testing"

func TestBeancountReadsTheSample(t *testing.T) {
	t.Parallel()
	if said, err := read(t, Beancount, "bean-check", "FILE"); err != nil || said != "" {
		t.Errorf("%v\n%s", err, said)
	}
}
