package api

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mizan/ledger"
	"mizan/ledger/commerce/intake"
	"mizan/ledger/fault"
	"mizan/payouts"
	"mizan/payouts/reconcile"
)

var (
	hostileCount = flag.Uint64("hostile.count", 2500, "how many hostile requests are sent")
	hostileSeed  = flag.Uint64("hostile.seed", 1, "the seed of hostile requests")
	hostileOnly  = flag.Int64("hostile.only", -1, "send the hostile request of this number alone, and print it with its answer")
)

const (
	hostileConnections = 12
	// hostileRound is after how many requests the refused ones are sent again, on books that stand still.
	hostileRound = 20_000
	// keptRefusals bounds how many of a round are sent again.
	keptRefusals = 1500
	// grown is by how much the memory that is in use may have grown in the end.
	grown = 48 << 20
)

// TestHostileRequests sends requests that were grown from working ones, by every kind of caller, to every operation and page, byte by byte
// and several at once. None is answered with a failure of ours; what is refused changes nothing; nobody sees what is somebody else's; and in
// the end the books are sound, and neither memory nor goroutines are kept. It runs beside no other test, because it measures the process.
// make fuzz sends a million.
func TestHostileRequests(t *testing.T) {
	w := newHostileWorld(t, *hostileSeed)
	var end func() error
	w.address, end = serve(t, w.service.handler(), nil, ServerOptions{})
	if *hostileOnly >= 0 {
		q := w.request(uint64(*hostileOnly))
		t.Logf("%s sends %q", w.callers[q.caller].name, q.text)
		for _, a := range w.alone(&q) {
			t.Logf("is answered with %d %v %s", a.StatusCode, a.Header, a.body)
		}
		return
	}
	defer func() {
		for _, line := range w.log.wrong {
			t.Errorf("the log has the line %.600s", line)
		}
	}()
	siege := &siege{hostileWorld: w, statuses: map[int]int{}}
	began := time.Now()
	siege.lay(0, 500) // what is made once has been made by then
	memory, routines := settled(0), runtime.NumGoroutine()
	for from := uint64(500); from < *hostileCount; from += hostileRound {
		laid := time.Now()
		siege.lay(from, min(from+hostileRound, *hostileCount))
		laying := time.Since(laid)
		siege.refusedAgain()
		t.Logf("up to request %d: %v, and %v for those sent again", min(from+hostileRound, *hostileCount), laying.Round(time.Millisecond), (time.Since(laid) - laying).Round(time.Millisecond))
		if t.Failed() {
			t.Fatalf("seed %d: ended after request %d", w.seed, min(from+hostileRound, *hostileCount))
		}
		w.clock.forward(time.Second)
	}
	took := time.Since(began)
	siege.costs(siege.sample)
	if err := end(); err != nil {
		t.Error(err)
	}
	if after := settled(routines); after > memory+grown {
		t.Errorf("%d MiB were in use in the beginning, and %d MiB in the end", memory>>20, after>>20)
	}
	if n := runtime.NumGoroutine(); n > routines {
		t.Errorf("%d goroutines lived in the beginning, and %d in the end", routines, n)
	}
	for _, code := range []string{"uk", "vn"} {
		book, err := w.ledger.Book(t.Context(), code)
		if err != nil {
			t.Fatal(err)
		}
		report, err := w.ledger.Verify(t.Context(), book, ledger.VerifyOptions{Method: ledger.VerifyTwice})
		if err != nil || report.FindingCount != 0 || code == "uk" && report.Transactions == 0 {
			t.Errorf("%s is not sound: %v %+v", code, err, report)
		}
	}
	if w.log.lines == 0 {
		t.Error("nothing was logged")
	}
	t.Logf("seed %d: %d targets, %d requests in %v, of which %d were sent again: %v", w.seed, len(w.targets), *hostileCount, took.Round(time.Millisecond), siege.again, siege.statuses)
}

// settled returns the bytes that are in use when all is over, and waits until at most so many goroutines live, if any are given.
func settled(routines int) uint64 {
	for until := time.Now().Add(10 * time.Second); routines > 0 && runtime.NumGoroutine() > routines && time.Now().Before(until); {
		runtime.GC()
	}
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// siege sends the requests and judges the answers.
type siege struct {
	*hostileWorld
	mu       sync.Mutex
	statuses map[int]int
	refused  []hostileRequest
	sample   []hostileRequest // some that were refused in the last round
	again    int
	// judged, if there is one, is told of each answer instead of the list of refused requests.
	judged func(*hostileRequest, *answer)
}

// lay sends the requests of a range of numbers.
func (s *siege) lay(from, to uint64) {
	list := make([]hostileRequest, 0, to-from)
	for n := from; n < to; n++ {
		list = append(list, s.request(n))
	}
	s.send(list)
}

// send sends requests over several connections at once, a few behind one another on each.
func (s *siege) send(list []hostileRequest) {
	groups := make(chan []hostileRequest)
	var senders sync.WaitGroup
	for range hostileConnections {
		senders.Go(func() {
			line := &hostileLine{siege: s}
			defer line.close()
			for group := range groups {
				line.ask(group)
			}
		})
	}
	r := rand.New(rand.NewPCG(s.seed, uint64(len(list))))
	for len(list) > 0 && !s.t.Failed() {
		n := min(len(list), 1+r.IntN(5))
		groups <- list[:n]
		list = list[n:]
	}
	close(groups)
	senders.Wait()
}

// refusedAgain sends again what was refused, until nothing of it is accepted any more; that must change no row of the database.
func (s *siege) refusedAgain() {
	s.t.Helper()
	list := s.refused
	s.refused, s.sample = nil, list[:min(len(list), 40)]
	for range 5 {
		var kept []hostileRequest
		accepted := 0
		s.judged = func(q *hostileRequest, a *answer) {
			if a.StatusCode < 400 {
				accepted++
			} else {
				kept = append(kept, *q)
			}
		}
		before := s.state()
		s.send(list)
		s.again += len(list)
		s.judged = nil
		if accepted == 0 {
			if diff := cmp.Diff(before, s.state()); diff != "" {
				s.t.Errorf("seed %d: refused requests changed the database: %s", s.seed, diff)
				s.culprit(list)
			}
			return
		}
		list = kept
	}
	s.t.Error("refused requests are accepted again and again")
}

// culprit names the first refused request that changes the database by itself.
func (s *siege) culprit(list []hostileRequest) {
	before := s.state()
	for i := range list {
		all := s.alone(&list[i])
		if diff := cmp.Diff(before, s.state()); diff != "" {
			s.wrong(&list[i], &all[0], "it changes the database: "+diff)
			return
		}
	}
}

// hostileLine is one connection after another.
type hostileLine struct {
	*siege
	conn   net.Conn
	reader *bufio.Reader
}

func (l *hostileLine) close() {
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}

func (l *hostileLine) dial() bool {
	if l.conn != nil {
		return true
	}
	conn, err := net.Dial("tcp", l.address)
	if err != nil {
		l.t.Error(err)
		return false
	}
	l.conn, l.reader = conn, bufio.NewReader(conn)
	return true
}

// ask sends a group of requests behind one another and judges the answers in their order. What a connection that ends early leaves
// unanswered is sent again on the next one.
func (l *hostileLine) ask(group []hostileRequest) {
	for len(group) > 0 {
		if group[0].alone {
			all := l.hostileWorld.alone(&group[0])
			l.judge(&group[0], all)
			group = group[1:]
			continue
		}
		n := slices.IndexFunc(group, func(q hostileRequest) bool { return q.alone })
		if n < 0 {
			n = len(group)
		}
		if !l.dial() {
			return
		}
		_ = l.conn.SetDeadline(time.Now().Add(time.Minute))
		var all strings.Builder
		for _, q := range group[:n] {
			all.WriteString(q.text)
		}
		written := make(chan struct{})
		go func(conn net.Conn) { // the server may answer, and wait for us to read, before it has read everything
			defer close(written)
			_, _ = io.WriteString(conn, all.String())
		}(l.conn)
		answered := 0
		for answered < n {
			a, err := readAnswer(l.reader, group[answered].method)
			if err != nil {
				if l.close(); answered == 0 { // net/http refuses it and does not read what stands behind it, so that the answer is lost
					l.judge(&group[0], l.hostileWorld.alone(&group[0]))
					answered = 1
				}
				break
			}
			l.judge(&group[answered], []answer{a})
			answered++
			if a.Close {
				l.close()
				break
			}
		}
		<-written
		group = group[answered:]
	}
}

// readAnswer reads one answer, behind those that only say that it comes.
func readAnswer(reader *bufio.Reader, method string) (answer, error) {
	for {
		res, err := http.ReadResponse(reader, &http.Request{Method: method})
		if err != nil {
			return answer{}, err
		}
		if res.StatusCode < 200 && res.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		b, err := io.ReadAll(io.LimitReader(res.Body, 32<<20))
		res.Body.Close()
		return answer{res, string(b)}, err
	}
}

// alone sends one request on a connection of its own and returns all that is answered until the connection ends.
func (w *hostileWorld) alone(q *hostileRequest) (all []answer) {
	conn, err := net.Dial("tcp", w.address)
	if err != nil {
		w.t.Error(err)
		return nil
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = io.WriteString(conn, q.text)
		if q.torn {
			_ = conn.(*net.TCPConn).CloseWrite()
		}
	}()
	defer func() { <-written }()
	reader, method := bufio.NewReader(conn), q.method
	for {
		a, err := readAnswer(reader, method)
		if err != nil {
			return all
		}
		if len(all) == 0 && !q.torn && !unread(q.text) { // whoever says that they are gone before is not served
			<-written
			_ = conn.(*net.TCPConn).CloseWrite()
		}
		all, method = append(all, a), http.MethodGet
	}
}

// unread reports whether net/http refuses a request by its head. It does not read on then, so that the answer may be lost behind a reset.
func unread(text string) bool {
	_, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	return err != nil || strings.Index(text, "\r\n\r\n") > 20<<10
}

// busy are the codes of a service that is asked for more than it can do at once.
var busy = []string{ErrOverloaded.Code, reconcile.ErrBusy.Code, "busy"}

// remembered are the codes of refusals that are counted beside what they contradict, as is documented.
var remembered = []string{intake.ErrMessageConflict.Code, payouts.ErrNoticeConflict.Code}

// judge holds the answers to a request against what every answer must be.
func (s *siege) judge(q *hostileRequest, all []answer) {
	if len(all) == 0 && !q.torn && !unread(q.text) {
		s.wrong(q, nil, "it is not answered")
	}
	for i := range all {
		a := &all[i]
		s.mu.Lock()
		s.statuses[a.StatusCode]++
		s.mu.Unlock()
		s.fits(q, a)
	}
	if len(all) == 0 {
		return
	}
	first := &all[0]
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.judged != nil:
		s.judged(q, first)
	case slices.Contains(remembered, first.code()):
	case len(all) == 1 && first.StatusCode >= 400 && first.StatusCode < 500 && len(s.refused) < min(keptRefusals, int(*hostileCount/5)):
		s.refused = append(s.refused, *q)
	}
}

func (s *siege) fits(q *hostileRequest, a *answer) {
	caller, ours := &s.callers[q.caller], a.Header.Get("X-Request-Id") != ""
	code := a.code()
	switch {
	case a.StatusCode < 500:
	case a.StatusCode == 503 && (slices.Contains(busy, code) || q.target.op != nil && slices.ContainsFunc(q.target.op.Errors, func(e *fault.Error) bool { return e.Code == code && e.Kind == fault.Unavailable })):
	case a.StatusCode == 503 && (q.torn || q.method == http.MethodHead): // the caller seems to have gone, or is not told which of these it is
	case q.alone && (code == ErrEncoding.Code || code == ErrVersion.Code): // framings and versions that are not known
	case q.alone && q.method == http.MethodHead && (a.StatusCode == http.StatusNotImplemented || a.StatusCode == http.StatusHTTPVersionNotSupported): // the same without its code
	default:
		s.wrong(q, a, "a failure of ours")
	}
	if q.spoiled && a.StatusCode < 400 {
		s.wrong(q, a, "what is broken is accepted")
	}
	if q.method == http.MethodHead && a.body != "" && !q.alone {
		s.wrong(q, a, "HEAD has a body")
	}
	if ours && (a.Header.Get("X-Content-Type-Options") != "nosniff" || a.Header.Get("Cache-Control") == "") {
		s.wrong(q, a, "it lacks the headers of every answer")
	}
	problem := a.Header.Get("Content-Type") == "application/problem+json"
	if problem && (len(a.body) > 64<<10 || !json.Valid([]byte(a.body)) && q.method != http.MethodHead) {
		s.wrong(q, a, "it is no problem")
	}
	if strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") && strings.Contains(a.body, liveMarkup) {
		s.wrong(q, a, "it has live markup")
	}
	if problem && strings.Contains(a.body, sentCanary) {
		s.wrong(q, a, "it repeats what was sent")
	}
	var foreign []string
	for i := range s.callers {
		if i != q.caller && s.callers[i].secret != "" {
			foreign = append(foreign, s.callers[i].secret)
		}
	}
	if !caller.sees {
		foreign = append(foreign, personal["uk"]...)
	}
	if !caller.everything {
		foreign = append(foreign, personal["vn"]...)
	}
	header := ""
	for _, name := range slices.Sorted(maps.Keys(a.Header)) {
		header += name + ": " + strings.Join(a.Header[name], " ") + "\n"
	}
	for _, secret := range foreign {
		if strings.Contains(a.body, secret) || strings.Contains(header, secret) {
			s.wrong(q, a, "it shows "+secret)
		}
	}
}

// wrong fails the test with what repeats the request.
func (s *siege) wrong(q *hostileRequest, a *answer, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := "a page"
	if q.target.op != nil {
		id = q.target.op.ID
	}
	says := "nothing"
	if a != nil {
		says = fmt.Sprintf("%d %v %.600s", a.StatusCode, a.Header, a.body)
	}
	s.t.Errorf("%s: go test ./api -run '^TestHostileRequests$' -hostile.seed %d -hostile.only %d\n%s, by %s: %.1500q\nanswered with %s", what, s.seed, q.number, id, s.callers[q.caller].name, q.text, says)
}
