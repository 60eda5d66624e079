package fault_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"mizan/ledger/fault"
)

// somebody is a value whose type says nothing of anybody.
type somebody struct{ Name string }

// fails panics with a value that holds what must not be told, and takes it as an argument.
func fails(value any, _ string) { panic(value) }

// TestCaughtTellsNoText panics with values of many kinds: what is told has the type and the place, and nothing of the value or of arguments.
func TestCaughtTellsNoText(t *testing.T) {
	t.Parallel()
	const secret = "canary-secret"
	index := 424242
	for want, spring := range map[string]func(){
		"string":                 func() { fails(secret, secret) },
		"*errors.errorString":    func() { fails(errors.New(secret), secret) },
		"*fmt.wrapError":         func() { fails(fmt.Errorf("%w", errors.New(secret)), secret) },
		"fault_test.somebody":    func() { fails(somebody{secret}, secret) },
		"runtime.boundsError":    func() { _ = []byte(secret)[index] },
		"*runtime.PanicNilError": func() { fails(nil, secret) },
	} {
		func() {
			defer func() {
				p := fault.Caught(recover())
				var log bytes.Buffer
				slog.New(slog.NewJSONHandler(&log, nil)).Error("panic", "panic", p)
				if p.Type != want || !strings.Contains(p.Stack, "panic_test.go:") || strings.HasPrefix(p.Stack, "runtime.gopanic") {
					t.Errorf("%s: %+v", want, p)
				}
				for _, never := range []string{secret, "424242", "0x", "{"} {
					if strings.Contains(p.Type+p.Stack, never) {
						t.Errorf("%s tells %s: %+v", want, never, p)
					}
				}
				if !strings.Contains(log.String(), `"type":"`+want+`"`) || strings.Contains(log.String(), secret) {
					t.Errorf("the log says %s", log.String())
				}
			}()
			spring()
		}()
	}
}
