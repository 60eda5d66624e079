//go:build failpoint

package failpoint

// Armed: what a program for tests does at its points.

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// order is what the variable asks for.
type order struct {
	point  Point
	signal syscall.Signal
	at     int64
	passed atomic.Int64
}

// armed is read once, because a test cannot change the environment of a running program anyway.
var armed = mustRead(os.Getenv("MIZAN_FAILPOINT"))

// mustRead understands "name:kill@3" and "name:stop@3". A test that names no point would test nothing, so it panics.
func mustRead(text string) *order {
	if text == "" {
		return nil
	}
	name, what, _ := strings.Cut(text, ":")
	action, count, _ := strings.Cut(what, "@")
	at, err := strconv.ParseInt(count, 10, 64)
	signal, known := map[string]syscall.Signal{"kill": syscall.SIGKILL, "stop": syscall.SIGSTOP}[action]
	if err != nil || at < 1 || !known || !slices.Contains(All(), Point(name)) {
		panic(fmt.Sprintf("MIZAN_FAILPOINT=%q is not of the form name:kill@1", text))
	}
	return &order{point: Point(name), signal: signal, at: at}
}

// Here ends or stops the program if it was asked to at this passage of p.
func Here(p Point) {
	if armed == nil || armed.point != p || armed.passed.Add(1) != armed.at {
		return
	}
	// The signal takes a moment, in which nothing more may happen here. After SIGKILL nobody continues the program.
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	if err := syscall.Kill(os.Getpid(), armed.signal); err != nil {
		panic(err)
	}
	<-continued
	signal.Stop(continued)
}
