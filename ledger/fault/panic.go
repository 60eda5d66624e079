package fault

import (
	"fmt"
	"log/slog"
	"path"
	"runtime"
	"strings"
)

// A Panic is what may be told of a panic, which is a defect of the program. Its text may hold whatever was sent or read, such as a secret or
// somebody's data, and arguments in a stack may hold amounts, so neither is among it: a person finds the defect by its type and place.
type Panic struct {
	// Type is the type of the value, such as runtime.boundsError.
	Type string
	// Stack are the functions that ran, the innermost first, each with its file and line and without arguments.
	Stack string
}

// panicFrames bounds the stack.
const panicFrames = 40

// Caught returns what may be told of a value that recover returned. It is called by the deferred function that called recover.
func Caught(value any) Panic {
	var counters [panicFrames + 8]uintptr
	frames := runtime.CallersFrames(counters[:runtime.Callers(2, counters[:])])
	var stack []string
	for {
		f, more := frames.Next()
		if f.Function == "runtime.gopanic" { // what stands before it only caught the panic
			stack = nil
		} else if len(stack) < panicFrames {
			stack = append(stack, fmt.Sprintf("%s %s:%d", f.Function, path.Base(f.File), f.Line))
		}
		if !more {
			return Panic{Type: fmt.Sprintf("%T", value), Stack: strings.Join(stack, "\n")}
		}
	}
}

// LogValue is the panic as the log has it.
func (p Panic) LogValue() slog.Value {
	return slog.GroupValue(slog.String("type", p.Type), slog.String("stack", p.Stack))
}
