package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Posting through the real server over loopback: keys, strict JSON, metrics and problems on, as in production. The client
// shares the processor with the server and PostgreSQL.

const benchKey = "bench-key-of-a-throwaway-server-00000000"

// serve starts the service on a free port and remembers how to stop it.
func (b *bench) serve(ctx context.Context) error {
	v, err := newService(ctx, b.pool, time.Now, serviceConfig{staticKey: benchKey, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	return b.listen(ctx, v)
}

// listen has a service answer on a free port and remembers how to stop it.
func (b *bench) listen(ctx context.Context, v *service) error {
	listener, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	b.baseURL = "http://" + listener.Addr().String()
	serving, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- v.server.Serve(serving, listener) }()
	b.stopHTTP = func() error {
		stop()
		return <-done
	}
	return nil
}

// poster is one client with a connection of its own.
type poster struct {
	client *http.Client
	url    string
	body   []byte
}

func (b *bench) poster(path string) *poster {
	transport := &http.Transport{DialContext: (&net.Dialer{}).DialContext, MaxIdleConnsPerHost: 1, DisableCompression: true}
	return &poster{client: &http.Client{Transport: transport, Timeout: time.Minute}, url: b.baseURL + "/v1/books/bench/" + path}
}

// post sends what body holds and returns the answer's status and whether the answer contains a problem.
func (p *poster) post(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(p.body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+benchKey)
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("status %d: %.300s", response.StatusCode, answer)
	}
	if bytes.Contains(answer, []byte(`"problem"`)) {
		return errors.New("an item of the batch was refused")
	}
	return nil
}

func (b *bench) httpSingles(prefix string, clients int) func(context.Context, int) ([]time.Duration, error) {
	return func(ctx context.Context, n int) ([]time.Duration, error) {
		return inParallel(clients, n, func(client int) func() error {
			m, p := newSaleMaker(fmt.Sprintf("%s-%d", prefix, client), uint64(client)), b.poster("transactions")
			return func() error {
				s := m.next()
				p.body = s.appendJSON(p.body[:0])
				return p.post(ctx)
			}
		})
	}
}

func (b *bench) httpBatches(prefix string, clients, size int) func(context.Context, int) ([]time.Duration, error) {
	return func(ctx context.Context, n int) ([]time.Duration, error) {
		return inParallel(clients, n/size, func(client int) func() error {
			m, p := newSaleMaker(fmt.Sprintf("%s-%d", prefix, client), uint64(client)), b.poster("transactions/batch")
			return func() error {
				p.body = append(p.body[:0], `{"transactions":[`...)
				for i := range size {
					if i > 0 {
						p.body = append(p.body, ',')
					}
					s := m.next()
					p.body = s.appendJSON(p.body)
				}
				p.body = append(p.body, `]}`...)
				return p.post(ctx)
			}
		})
	}
}
