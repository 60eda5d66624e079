package postgres

// Supervision: the private server must not outlive this process, however it ends, and must be stoppable although it
// belongs to another user.
//
// The server's parent is a small shell script that runs as the server's user and reads a pipe from us. A word on the
// pipe is a signal to pass on. When the pipe closes, because we stopped, panicked, were killed with SIGKILL or lost our
// power over the server, the script stops the server itself. The kernel's parent-death signal would not do: it follows
// the thread that started the child, and it does not pass a change of user.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// superviseScript takes the signals to send when the pipe has closed, a directory and a second one to remove at the end
// ("" for none), and the command to run. Descriptor 0 is the pipe; 3 is held until the end, so that its closing tells us
// that all is over.
//
// The watcher, which reads the pipe, is a process of its own: one shell cannot wait for the server and for the pipe at
// once. It survives if the script itself is killed.
const superviseScript = `
gone=$1 remove1=$2 remove2=$3
shift 3
trap '' HUP INT TERM
exec 4<&0 </dev/null
"$@" 3>&- 4<&- &
server=$!
{
	while read -r signal; do kill -s "$signal" "$server"; done
	for signal in $gone; do
		kill -s "$signal" "$server"
		n=0
		while [ $n -lt 100 ] && kill -0 "$server"; do sleep 0.1; n=$((n+1)); done
	done
	# Reached only if the script above was killed, which would have cleaned up.
	for dir in "$remove1" "$remove2"; do [ -z "$dir" ] || rm -rf "$dir"; done
} <&4 >/dev/null 2>&1 3>&- &
watcher=$!
exec 4<&-
wait "$server"
status=$?
kill -s KILL "$watcher"
for dir in "$remove1" "$remove2"; do [ -z "$dir" ] || rm -rf "$dir"; done
exit $status
`

// supervised is a server process with its supervisor.
type supervised struct {
	cmd    *exec.Cmd
	pipe   *os.File // to the supervisor; its closing stops the server
	ending *os.File // from the supervisor; end of file when it is over
	reap   sync.Once
	done   chan struct{}
	err    error // valid once done is closed
}

// supervise starts the command under id with its output in log. gone lists the signals that are sent, ten seconds apart,
// when this process has ended.
func supervise(id identity, log *os.File, gone string, remove [2]string, command ...string) (*supervised, error) {
	in, pipe, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	ending, out, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, pipe.Close())
	}
	defer out.Close()
	args := append([]string{"-c", superviseScript, "mizan-postgres", gone, remove[0], remove[1]}, command...)
	// The server's life is bounded by the pipe, not by a context.
	cmd := id.command(context.Background(), "/", "/bin/sh", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, log, log
	cmd.ExtraFiles = []*os.File{out}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the supervisor: %w", err), pipe.Close(), ending.Close())
	}
	return &supervised{cmd: cmd, pipe: pipe, ending: ending, done: make(chan struct{})}, nil
}

// ended returns a channel that is closed if the server ends, and a function that gives up watching. It leaves no
// goroutine behind, unlike finished, so that a test's leak check can pass while a shared server runs on.
func (s *supervised) ended() (<-chan struct{}, func()) {
	over, left := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(left)
		if _, err := s.ending.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
			close(over)
		}
	}()
	return over, func() {
		// Closing ends the read; its error says only that it was closed before.
		_ = s.ending.Close()
		<-left
	}
}

// finished returns a channel that is closed when the server and its supervisor have ended.
func (s *supervised) finished() <-chan struct{} {
	s.reap.Do(func() {
		go func() {
			defer close(s.done)
			s.err = s.cmd.Wait()
		}()
	})
	return s.done
}

// stop sends the signals one after the other until the server has ended, waiting for each as long as given. When ctx ends
// it stops waiting for an orderly end.
func (s *supervised) stop(ctx context.Context, steps []stopStep) error {
	defer s.pipe.Close()
	done := s.finished()
	for _, step := range steps {
		// A write fails only if the supervisor is gone, and then done is closed or about to be.
		_, _ = s.pipe.WriteString(step.signal + "\n")
		patience := ctx.Done()
		if !step.orderly {
			// Force works in a moment; more of it would only leave more behind.
			patience = nil
		}
		timer := time.NewTimer(step.wait)
		select {
		case <-done:
			timer.Stop()
			return nil
		case <-timer.C:
		case <-patience:
			timer.Stop()
		}
	}
	return errors.New("the private PostgreSQL did not stop")
}

// stopStep is one signal and the time it is given.
type stopStep struct {
	signal  string
	wait    time.Duration
	orderly bool
}
