package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/tabular"
	"mizan/payouts/reports"
)

// brokeOff hears of files that broke off.
type brokeOff struct {
	slog.Handler
	heard chan struct{}
}

func (b brokeOff) Enabled(context.Context, slog.Level) bool { return true }

func (b brokeOff) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "a file broke off" {
		b.heard <- struct{}{}
	}
	return nil
}

// narrow gives each connection as little room as the system lets it, so that a reader who stops stops the writer.
type narrow struct{ net.Listener }

func (n narrow) Accept() (net.Conn, error) {
	c, err := n.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
	return c, err
}

// TestDownloadsGoOnWhileTheyAreRead fetches a file from a server that grants an answer no time at all: it comes whole to who reads it,
// and breaks off for who does not.
func TestDownloadsGoOnWhileTheyAreRead(t *testing.T) {
	t.Parallel()
	broke := brokeOff{slog.DiscardHandler, make(chan struct{}, 10)}
	for name, c := range map[string]struct {
		patience time.Duration
		reads    bool
	}{"read": {time.Minute, true}, "not read": {time.Second, false}} {
		h := newHouse(t, func(config *Config) { config.Patience, config.Log = c.patience, slog.New(broke) })
		book := h.book("uk", "Souk UK", "GBP")
		for n := range 8 {
			var d ledger.Draft
			for range 250 {
				d.Lines = append(d.Lines, sale("assets:processor:available:main", "liabilities:seller:pending:sel_uk", 100, "GBP").Lines...)
			}
			d.Event = "order.captured"
			h.post(book, fmt.Sprint("large-", n), d)
		}
		e, err := h.reports.Ask(t.Context(), operator, book, reports.Request{Report: "general_journal", Format: tabular.CSV})
		if err != nil || e.State != reports.Made {
			t.Fatal(e.State, err)
		}
		b := h.in("Aud", access.Grant{Role: access.Auditor})
		path := "/console/books/uk" + exportsPath + "/" + e.ID

		s := httptest.NewUnstartedServer(h)
		s.Config.WriteTimeout = time.Nanosecond
		s.Listener = narrow{s.Listener}
		s.Start()
		defer s.Close()
		dial := net.Dialer{}
		to := &http.Client{Transport: &http.Transport{ReadBufferSize: 4 << 10, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial.DialContext(ctx, network, address)
			if err == nil {
				err = c.(*net.TCPConn).SetReadBuffer(4 << 10)
			}
			return c, err
		}}}
		r := asksFor(t, b, s.URL, path)
		if c.reads {
			twoAtOnce(t, h, b, path)
		}
		answer, err := to.Do(r)
		if !c.reads {
			<-broke.heard // or the test runs out of time
		}
		if !c.reads && errors.Is(err, io.EOF) {
			continue // it broke off before the first byte of it left
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		defer answer.Body.Close()
		file, err := io.ReadAll(answer.Body)
		if whole := err == nil && tabular.Check(bytes.NewReader(file), *e.Manifest) == nil; whole != c.reads {
			t.Errorf("%s: %d of %d bytes, %v", name, len(file), e.Manifest.Bytes, err)
		}
		if !c.reads && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: the end of it is %v", name, err)
		}
	}
}

// asksFor is a request for the content of an export by the form of its page.
func asksFor(t *testing.T, b *browser, server, path string) *http.Request {
	t.Helper()
	form := url.Values{"form": b.get(path, 200).forms()[path+"/content"]["form"]}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server+path+"/content", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = testHost
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://"+testHost)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, cookie := range b.cookies {
		r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	}
	return r
}

// slow is a reader who takes the first part of a file only when let.
type slow struct {
	*httptest.ResponseRecorder
	begun, let chan struct{}
}

func (s slow) Write(p []byte) (int, error) {
	select {
	case s.begun <- struct{}{}:
	case <-s.let:
	}
	<-s.let
	return s.ResponseRecorder.Write(p)
}

// twoAtOnce takes files slowly: two leave at once to each visitor, whoever else takes some.
func twoAtOnce(t *testing.T, h *house, b *browser, path string) {
	t.Helper()
	reader := slow{begun: make(chan struct{}), let: make(chan struct{})}
	var taking sync.WaitGroup
	for range 2 {
		r, w := asksFor(t, b, "https://"+testHost, path), reader
		w.ResponseRecorder = httptest.NewRecorder()
		taking.Go(func() { h.ServeHTTP(w, r) })
		<-reader.begun
	}
	b.press(b.get(path, 200), path+"/content", nil, http.StatusServiceUnavailable).has(t, "in a moment")
	other := h.in("Bea", access.Grant{Role: access.Auditor})
	other.press(other.get(path, 200), path+"/content", nil, http.StatusOK)
	close(reader.let)
	taking.Wait()
	b.press(b.get(path, 200), path+"/content", nil, http.StatusOK)
}
