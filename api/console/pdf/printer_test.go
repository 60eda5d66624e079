package pdf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mizan/api/console/browsertest"
)

// TestPrint prints a page that tries everything a page can try: to reach a server, to read a file, to run a script. It comes out as a PDF, nobody was
// asked for anything, and nothing is left of the browser.
func TestPrint(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	p, err := New(browsertest.Browser(t))
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Repeat("<p>A line of a statement.</p>", 200)
	plain, err := p.Print(t.Context(), []byte("<!doctype html><html lang=en><title>T</title><body>"+rows+"</body></html>"), A4)
	if err != nil || !bytes.HasPrefix(plain, []byte("%PDF-")) || pages(plain) < 3 {
		t.Fatalf("%d bytes with %d pages, %v", len(plain), pages(plain), err)
	}
	hostile := fmt.Sprintf(`<!doctype html><html lang=en><link rel=stylesheet href="%[1]s/a.css"><style>@import url(%[1]s/b.css); @font-face{font-family:F;src:url(%[1]s/f.woff2)} body{font-family:F;background:url(%[1]s/g.png)}</style>
<body><img src="%[1]s/i.png"><iframe src="%[1]s/frame"></iframe><iframe FRAME width=900 height=900></iframe><object data="%[1]s/o"></object>
<script>document.body.innerHTML = "<p>x</p>".repeat(5000); fetch("%[1]s/fetched")</script><p>One line.</p><meta http-equiv=refresh content="0;url=%[1]s/gone"></body></html>`, server.URL)
	file := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(file, []byte(strings.Repeat("root: a line of a file\n", 20)), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := p.Print(t.Context(), []byte(strings.Replace(hostile, "FRAME", `src="file://`+file+`"`, 1)), Letter)
	if err != nil || pages(got) == 0 || pages(got) > 2 {
		t.Errorf("a page that tries to do more comes out with %d pages, %v", pages(got), err)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the browser asked a server %d times", n)
	}
	without, err := p.Print(t.Context(), []byte(strings.Replace(hostile, "FRAME", "", 1)), Letter)
	if err != nil || !bytes.Equal(undated.ReplaceAll(got, nil), undated.ReplaceAll(without, nil)) {
		t.Errorf("a frame with a file is printed in %d bytes, an empty one in %d, %v", len(got), len(without), err)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("the browser left %v, %v", left, err)
	}
	if _, err := p.Print(t.Context(), make([]byte, mostHTML+1), A4); !errors.Is(err, ErrLarge) {
		t.Errorf("a page that is too large: %v", err)
	}
}

// undated are the lines of a PDF that say when it was made.
var undated = regexp.MustCompile(`(?m)^.*(CreationDate|ModDate|/ID).*$`)

// pages counts the pages of a PDF.
func pages(file []byte) int {
	return bytes.Count(file, []byte("/Type /Page\n")) + bytes.Count(file, []byte("/Type /Page/")) + bytes.Count(file, []byte("/Type/Page/"))
}

// TestKilled: a browser that never answers is ended with everything that it started, its profile is gone, and meanwhile somebody else is told to wait.
func TestKilled(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	told := filepath.Join(t.TempDir(), "child")
	program := filepath.Join(t.TempDir(), "stuck")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nsleep 1000 &\necho $! >"+told+".new\nmv "+told+".new "+told+"\nwait\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := New(program)
	if err != nil {
		t.Fatal(err)
	}
	p.within = time.Second
	ended := make(chan error, 1)
	go func() {
		_, err := p.Print(context.WithoutCancel(t.Context()), []byte("<p>x</p>"), A4)
		ended <- err
	}()
	for len(p.turn) == 0 { // until it has begun
		select {
		case err := <-ended:
			t.Fatalf("it ended at once: %v", err)
		default:
		}
	}
	impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.Print(impatient, []byte("<p>y</p>"), A4); !errors.Is(err, ErrBusy) {
		t.Errorf("a second page: %v", err)
	}
	if err := <-ended; !errors.Is(err, ErrFailed) {
		t.Errorf("a browser that is stuck: %v", err)
	}
	child, err := os.ReadFile(told)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(child)))
	if err != nil {
		t.Fatal(err)
	}
	if alive(pid) {
		t.Errorf("what the browser started, %d, is still there", pid)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("the browser left %v, %v", left, err)
	}
}

// alive reports whether a process runs. One that was killed and that nobody has asked about yet does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// TestLeftBehind: a printer removes the profiles of printers that died, and nothing else.
func TestLeftBehind(t *testing.T) {
	temporary, elsewhere := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temporary)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, hours := range map[string]time.Duration{"mizan-pdf-died": 2, "mizan-pdf-prints": 0, "other-died": 2} {
		dir := filepath.Join(temporary, name)
		if err := os.MkdirAll(filepath.Join(dir, "profile"), 0o700); err != nil {
			t.Fatal(err)
		}
		made, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		at := made.ModTime().Add(-hours * time.Hour)
		if err := os.Chtimes(dir, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(elsewhere, filepath.Join(temporary, "mizan-pdf-link")); err != nil {
		t.Fatal(err)
	}
	if _, err := New(program); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(temporary)
	if names := fmt.Sprint(left); err != nil || names != "[L mizan-pdf-link d mizan-pdf-prints/ d other-died/]" {
		t.Errorf("%s, %v", names, err)
	}
}

func TestNoBrowser(t *testing.T) {
	t.Parallel()
	if _, err := New(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a program that is not there is taken")
	}
}
