package api

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// What a refused request may cost: memory in proportion to what was sent, and little time of the processor.

var hostileCosts = flag.Bool("hostile.costs", false, "measure what the costliest refused requests cost at every operation, and print the worst ten")

const (
	// costPerByte and costOfAny bound the bytes that are allocated for a refused request: so many for each byte that was sent, and so many for any.
	costPerByte = 10
	costOfAny   = 10 << 20
	// costOfTime bounds the time of the processor, with as much again for every four MiB that were sent.
	costOfTime = 50 * time.Millisecond
)

// expense is what the answer to a request has cost.
type expense struct {
	name, what string
	sent       int
	status     int
	bytes      uint64
	cpu        time.Duration
}

// costly are bodies of about a size that make a reader work hardest, by what is done.
func costly(example string, size int) map[string]string {
	many := func(begin, each, end string) string {
		return begin + strings.Repeat(each, max(1, (size-len(begin)-len(end))/len(each))) + end
	}
	all := map[string]string{
		"arrays in arrays": many("", "[", ""), "objects in objects": many("", `{"a":`, ""), "one key again and again": many("{", `"a":1,`, `"b":1}`), "blanks": many("", " ", "{"), "escaped text": many(`{"reference":"`, `\u0041`, `"}`),
		"numbers": many(`{"entries":[`, "1,", "1]}"), "empty objects": many(`{"entries":[`, "{},", "{}]}"), "a number": many(`{"amount":`, "9", "}"), "empty texts": many(`{"a":[`, `"",`, `""]}`), "no UTF-8": many(`{"reference":"`, "\xff", `"}`),
		"invisible letters": many(`{"memo":"`, "\u200b", `"}`), "card numbers": many(`{"memo":"`, "4242424242424242 ", `"}`),
	}
	var keys strings.Builder
	for i := 0; keys.Len() < size-32; i++ {
		fmt.Fprintf(&keys, `"k%07d":1,`, i)
	}
	all["other keys"] = "{" + keys.String() + `"k":1}`
	if strings.HasPrefix(example, "{") && len(example) > 2 {
		all["the example again and again"] = many(`{"transactions":[`, example+",", example+"]}")
		all["a list in the example, too long"] = many(example[:len(example)-1]+`,"entries":[`, `{"account":"a","amount":1},`, "{}]}")
	} else if example != "" {
		all["the example again and again"] = many("", example, "")
		all["one long line"] = example + many("", "x", "")
		all["commas"] = example + many("", ",", "")
		all["quotes"] = example + many("", `"`, "")
	}
	return all
}

// costs measures one request after the other, those that are made to be costly and some that were refused before. Each is sent until it is
// cheap enough, three times at most, because the process has other things to do too.
func (s *siege) costs(refused []hostileRequest) {
	s.t.Helper()
	header := "Authorization: Bearer " + testKey + "\r\n"
	var worst []expense
	inTime := func(sent int) time.Duration { return costOfTime + costOfTime*time.Duration(sent)/(4<<20) }
	measure := func(name, what, method, text string) {
		var least expense
		for try := range 3 {
			e := s.expense(method, []byte(text))
			if try == 0 || e.bytes+uint64(e.cpu) < least.bytes+uint64(least.cpu) {
				least = e
			}
			if e.bytes <= uint64(costPerByte*len(text)+costOfAny) && e.cpu <= costOfTime/2 {
				least = e
				break
			}
		}
		if least.name, least.what = name, what; least.status < 400 { // no refusal
			return
		}
		worst = append(worst, least)
		if least.status >= 500 || least.bytes > uint64(costPerByte*len(text)+costOfAny) || *hostileCosts && least.cpu > inTime(len(text)) {
			s.t.Errorf("%s, %s: %d bytes sent are answered with %d for %d bytes and %v", name, what, len(text), least.status, least.bytes, least.cpu)
		}
	}
	for i := range s.targets {
		target := &s.targets[i]
		if target.op == nil || target.op.Body == nil && target.op.BodyMedia == nil || !*hostileCosts && !slices.Contains([]string{"post-event", "add-rule-set"}, target.op.ID) || i > 0 && s.targets[i-1].op == target.op {
			continue
		}
		own := header
		if target.op.Signed {
			own = "Stripe-Signature: t=1795168800,v1=00\r\nX-Shopify-Hmac-Sha256: AAAA\r\n"
		}
		size := int(min(cmp.Or(target.op.BodyLimit, bodyLimit), 4<<20))
		for what, body := range costly(target.body, size-64) {
			measure(target.op.ID, what, target.method, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\n%sContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", target.method, target.path, own, target.media, len(body), body))
		}
	}
	for i := range refused {
		if q := &refused[i]; !q.alone {
			id := "a page"
			if q.target.op != nil {
				id = q.target.op.ID
			}
			measure(id, fmt.Sprint("request ", q.number), q.method, strings.Replace(q.text, "\r\n", "\r\nConnection: close\r\n", 1))
		}
	}
	if len(worst) < 20 {
		s.t.Errorf("only %d costs were measured", len(worst))
	}
	for title, by := range map[string]func(e expense) float64{"time": func(e expense) float64 { return e.cpu.Seconds() }, "memory": func(e expense) float64 { return float64(e.bytes) }} {
		slices.SortFunc(worst, func(a, b expense) int { return cmp.Compare(by(b), by(a)) })
		var table strings.Builder
		for _, e := range worst[:10] {
			fmt.Fprintf(&table, "| `%s` | %s | %d | %d | %.1f | %.1f |\n", e.name, e.what, e.status, e.sent>>10, float64(e.bytes)/(1<<20), float64(e.cpu.Microseconds())/1000)
		}
		s.t.Logf("of %d, most of %s:\n%s", len(worst), title, table.String())
	}
}

// expense sends a request on a connection of its own and returns what the process has allocated and worked for it.
func (s *siege) expense(method string, text []byte) expense {
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	var before, after runtime.MemStats
	var began, ended syscall.Rusage
	runtime.ReadMemStats(&before)
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &began)
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = conn.Write(text)
	}()
	a, err := readAnswer(bufio.NewReader(conn), method)
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &ended)
	runtime.ReadMemStats(&after)
	conn.Close()
	<-written
	e := expense{sent: len(text), bytes: after.TotalAlloc - before.TotalAlloc}
	if err == nil {
		e.status = a.StatusCode
	} else {
		e.status = http.StatusRequestEntityTooLarge // it was refused before it was read, and the answer is lost behind a reset
	}
	at := func(u syscall.Rusage) time.Duration {
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	e.cpu = at(ended) - at(began)
	return e
}
