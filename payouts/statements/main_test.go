package statements_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain proves that no test of the package leaves a goroutine behind.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}
