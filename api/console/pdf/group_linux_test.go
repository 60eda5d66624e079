package pdf

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestServiceDies kills a service that prints with a browser that is stuck: the browser goes with it. The browser holds a pipe open as long as
// it lives.
func TestServiceDies(t *testing.T) {
	if program := os.Getenv("MIZAN_STUCK_BROWSER"); program != "" { // the service
		p, err := New(program)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Print(t.Context(), []byte("<p>x</p>"), A4)
		t.Fatal("it printed", err)
	}
	dir := t.TempDir()
	pipe, program := filepath.Join(dir, "pipe"), filepath.Join(dir, "stuck")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh\nexec 3>"+pipe+"\necho up >&3\nexec sleep 1000\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	service := exec.Command(os.Args[0], "-test.run=^TestServiceDies$")
	service.Env = append(os.Environ(), "MIZAN_STUCK_BROWSER="+program, "TMPDIR="+dir)
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() {
		from, err := os.Open(pipe)
		if err != nil {
			gone <- err
			return
		}
		defer from.Close()
		lines := bufio.NewReader(from)
		if _, err = lines.ReadString('\n'); err == nil {
			err = service.Process.Kill()
		}
		if err == nil {
			_, err = io.Copy(io.Discard, lines)
		}
		gone <- err
	}()
	select {
	case err := <-gone:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the browser outlives the service")
	}
	_ = service.Wait() // it was killed
}
