package egress

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// names is a server of the DNS on this machine. What it says of a host changes from question to question, as an attacker's does.
type names struct {
	address string
	mu      sync.Mutex
	// says are the answers by host without the dot at its end: the first to the first question for a type, and so on; the last one stays.
	says  map[string][]string
	asked map[string]int
}

// serveNames answers until the test ends. An answer is a list of addresses, joined by blanks; "broken" is a server's failure.
func serveNames(t *testing.T, says map[string][]string) *names {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{address: conn.LocalAddr().String(), says: says, asked: map[string]int{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		question := make([]byte, 1500)
		for {
			size, from, err := conn.ReadFrom(question)
			if err != nil {
				return
			}
			if answer := n.answer(question[:size]); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return n
}

// resolver asks the server alone.
func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", n.address)
	}}
}

// answer is the answer to a question, nil to what is none.
func (n *names) answer(question []byte) []byte {
	const header = 12
	var labels []string
	at := header
	for at < len(question) && question[at] != 0 {
		end := at + 1 + int(question[at])
		if end >= len(question) {
			return nil
		}
		labels, at = append(labels, string(question[at+1:end])), end
	}
	if at+5 > len(question) {
		return nil
	}
	kind := binary.BigEndian.Uint16(question[at+1:])
	answer := append([]byte{}, question[:at+5]...)
	answer[2], answer[3] = 0x84, 0x00 // an answer with authority
	clear(answer[6:header])
	list, known := n.next(strings.ToLower(strings.Join(labels, ".")), kind)
	switch {
	case !known:
		answer[3] = 3 // no such name
	case list == "broken":
		answer[3] = 2
	default:
		count := 0
		for text := range strings.FieldsSeq(list) {
			ip := netip.MustParseAddr(text)
			if ip.Is4() != (kind == 1) || kind != 1 && kind != 28 {
				continue
			}
			record := []byte{0xc0, header, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(ip.BitLen() / 8)}
			answer, count = append(append(answer, record...), ip.AsSlice()...), count+1
		}
		answer[7] = byte(count)
	}
	return answer
}

func (n *names) next(host string, kind uint16) (list string, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	all, known := n.says[host]
	if !known {
		return "", false
	}
	key := host + "/" + string(rune(kind))
	i := n.asked[key]
	n.asked[key]++
	return all[min(i, len(all)-1)], true
}
