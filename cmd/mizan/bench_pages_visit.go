package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
)

// Looking at pages: the service over HTTP with the sessions of payees and of the staff, on a database that can be started anew.

// page is one address as somebody asks for it.
type page struct {
	name, who, path string
	bound           float64
}

// staff is who looks at the console, and the public nobody in particular.
const (
	staff     = "staff"
	thePublic = "the public"
)

// Bounds of the slowest of a hundred, in milliseconds.
const (
	ownBound   = 50
	staffBound = 100
)

// signIn has the measured payees, and somebody of the staff, signed in.
func (b *pagesBench) signIn(ctx context.Context) error {
	p, err := newParts(b.pool, b.now, partsConfig{vaultKeys: b.keys, jobsLog: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { _ = p.books.Close(context.WithoutCancel(ctx)) }()
	b.bearers = map[string]string{}
	enter := func(who, token string, err error) error {
		if err == nil {
			b.bearers[who], _, err = p.access.RedeemLink(ctx, token, "127.0.0.1", "bench")
		}
		return err
	}
	book := guard.Book{ID: int32(b.filled.book.ID), Code: b.filled.book.Code}
	for _, payee := range []string{busyCreator, quietCreator, longSeller} {
		token, _, err := p.access.PayeeLink(ctx, operator(), book, payee)
		if err := enter(payee, token, err); err != nil {
			return err
		}
	}
	person, err := p.access.AddPerson(ctx, operator(), access.NewPerson{Name: "Bench"})
	if err != nil {
		return err
	}
	for _, role := range access.Roles() {
		if _, err := p.access.Grant(ctx, operator(), access.NewGrant{Person: person.ID, Role: role}); err != nil {
			return err
		}
	}
	token, _, err := p.access.PersonLink(ctx, operator(), person.ID)
	return enter(staff, token, err)
}

// show starts the service over the pool. Its keys are those of before, so sessions and cursors stay good.
func (b *pagesBench) show(ctx context.Context) error {
	printer, err := printerOf(b.options.Chromium)
	if err != nil {
		return err
	}
	v, err := newService(ctx, b.pool, b.now, serviceConfig{staticKey: benchKey, cursorKey: []byte(benchKey), sessionKey: []byte(benchKey), clock: newClock(b.now),
		vaultKeys: b.keys, withoutJobs: true, printer: printer, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	return b.listen(ctx, v)
}

// restart starts database and service anew, with none of the database's files in memory.
func (b *pagesBench) restart(ctx context.Context) (err error) {
	if err := b.stopHTTP(); err != nil {
		return err
	}
	b.stopHTTP = nil
	b.pool.Close()
	b.meter.close(ctx)
	if err := b.server.Stop(ctx); err != nil {
		return err
	}
	if err := forgetFiles(ctx, b.dir); err != nil {
		return err
	}
	if b.server, err = postgres.StartServer(ctx, postgres.ServerConfig{DataDir: b.dir, Durable: true}); err != nil {
		return err
	}
	if b.meter, err = openMeter(ctx, b.server.URL("postgres", benchDatabase)); err != nil {
		return err
	}
	if b.pool, err = postgres.Open(ctx, b.appURL(), postgres.Options{MaxConns: 16}); err != nil {
		return err
	}
	return b.show(ctx)
}

// forgetFiles has the system drop what it keeps of the files below a directory, but for those that no page reads: empty ones, and the
// databases that every server is made with. Where there is no GNU dd, it keeps them.
func forgetFiles(ctx context.Context, dir string) error {
	dd, err := exec.LookPath("dd")
	if err != nil {
		return nil
	}
	made := []string{filepath.Join(dir, "base", "1"), filepath.Join(dir, "base", "4"), filepath.Join(dir, "base", "5")}
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(made, path):
			return fs.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		if info, err := entry.Info(); err == nil && info.Size() == 0 {
			return nil
		}
		if err := exec.CommandContext(ctx, dd, "if="+path, "iflag=nocache", "count=0").Run(); err != nil && !errors.Is(err, os.ErrNotExist) {
			return ctx.Err()
		}
		return nil
	})
}

// ask asks for a page and returns how long its answer took and how large it is.
func (b *pagesBench) ask(ctx context.Context, p page) (took time.Duration, size int, err error) {
	began := time.Now()
	body, err := b.read(ctx, p.who, p.path)
	return time.Since(began), len(body), err
}

func (b *pagesBench) read(ctx context.Context, who, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.baseURL+path, nil)
	if err != nil {
		return nil, err
	}
	if bearer := b.bearers[who]; bearer != "" {
		request.AddCookie(&http.Cookie{Name: access.CookieName(false), Value: bearer})
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d: %.160s", path, response.StatusCode, body)
	}
	return body, err
}

// pages are all that is asked for.
func (b *pagesBench) pages(ctx context.Context) (list []page, err error) {
	add := func(bound float64, who, name, path string) { list = append(list, page{name, who, path, bound}) }
	for _, of := range []struct{ who, kind string }{{busyCreator, "creator"}, {longSeller, "seller"}, {quietCreator, "creator"}} {
		payout, err := b.meter.some(ctx, sqlBenchSomePayout, b.filled.book.ID, of.who)
		if err != nil {
			return nil, err
		}
		order, err := b.meter.some(ctx, sqlBenchSomeOrder, b.filled.book.ID, "liabilities:"+of.kind+":pending:"+of.who)
		if err != nil {
			return nil, err
		}
		below := "/portal/payees/" + of.who
		for _, p := range [][2]string{
			{"portal", "/portal"}, {"money", "/portal/money"}, {"orders", "/portal/orders"}, {"orders that are settled", "/portal/orders?state=settled"},
			{"orders that are estimated", "/portal/orders?state=estimated"}, {"one order", "/portal/orders/" + order}, {"earnings by day", "/portal/earnings?month=2026-02"},
			{"earnings by live session", "/portal/earnings?month=2026-02&by=live_session"}, {"earnings by channel", "/portal/earnings?month=2026-02&by=channel"},
			{"earnings by product", "/portal/earnings?month=2026-02&by=product"}, {"payouts", below + "/payouts"}, {"one payout", "/portal/payouts/" + payout},
			{"decisions", below + "/decisions"}, {"what waits", below + "/waits"}, {"asking for a payout", below + "/payout?currency=USD&amount=10.00"},
			{"statements", "/portal/statements"}, {"downloads", "/portal/downloads"}, {"questions", "/portal/questions"}, {"settings", "/portal/settings"},
			{"statements, API", "/v1/books/bench/payees/" + of.who + "/statements"},
		} {
			add(ownBound, of.who, p[0], p[1])
		}
		question, err := b.leadsTo(ctx, of.who, "/portal/questions", leadsToOne("/portal/questions"))
		if err != nil || question == "" {
			return nil, errors.Join(err, fmt.Errorf("%s has no question", of.who))
		}
		add(ownBound, of.who, "one question", question)
	}
	if list, err = b.statementPages(ctx, list); err != nil {
		return nil, err
	}
	for _, p := range [][2]string{{"receipt of an order", "/r/" + b.filled.receipt}, {"receipt of a donation", "/r/" + b.filled.gift}, {"campaign", "/c/bench-" + reliefOf}} {
		add(ownBound, thePublic, p[0], p[1])
	}
	return b.staffPages(ctx, list)
}

// statementPages adds the statement of the busy month: its head, and its first, middle and last lines.
func (b *pagesBench) statementPages(ctx context.Context, list []page) ([]page, error) {
	at := "/v1/books/bench/payees/" + busyCreator + "/statements"
	var all struct {
		Data []longStatement `json:"data"`
	}
	if err := b.readJSON(ctx, at, &all); err != nil || len(all.Data) == 0 {
		return nil, errors.Join(err, errors.New("the busy creator has no statement"))
	}
	b.busy = all.Data[0]
	for _, s := range all.Data { // that of the busy month is the last one issued
		var head struct {
			From string `json:"first_day"`
		}
		if err := b.readJSON(ctx, at+"/"+s.ID, &head); err != nil {
			return nil, err
		}
		if strings.HasPrefix(head.From, busyMonth.Format("2006-01")) {
			b.busy = s
		}
	}
	b.result.StatementLines = b.busy.Lines
	st := at + "/" + b.busy.ID
	var places []string
	for at := st + "/lines?limit=1000"; ; {
		var lines struct {
			Next *string `json:"next_cursor"`
		}
		if err := b.readJSON(ctx, at, &lines); err != nil {
			return nil, err
		}
		if lines.Next == nil {
			break
		}
		places = append(places, url.QueryEscape(*lines.Next))
		at = st + "/lines?limit=1000&cursor=" + places[len(places)-1]
	}
	for n, name := range []string{"its middle lines", "its last lines"} {
		if len(places) > 0 {
			list = append(list, page{name, busyCreator, st + "/lines?cursor=" + places[(len(places)-1)*(n+1)/2], ownBound})
		}
	}
	for _, p := range []page{{name: "statement", path: "/portal/statements/" + b.busy.ID}, {name: "statement of three days", path: "/portal/statements/days?currency=USD&from=2026-02-10&to=2026-02-12"},
		{name: "statement, API", path: st}, {name: "its first 100 lines", path: st + "/lines"}, {name: "lines of three days", path: "/v1/books/bench/payees/" + busyCreator + "/days/lines?from=2026-02-10&to=2026-02-12"}} {
		p.who, p.bound = busyCreator, ownBound
		list = append(list, p)
	}
	return list, nil
}

func (b *pagesBench) readJSON(ctx context.Context, path string, to any) error {
	body, err := b.read(ctx, busyCreator, path)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, to)
}
