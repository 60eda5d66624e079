package console

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
)

var today = time.Date(2026, 11, 21, 9, 30, 0, 123456000, time.UTC)

func clock() time.Time { return today }

// site is an open console over a ledger of its own.
type site struct {
	t      *testing.T
	ledger *ledger.Ledger
	http.Handler
}

func newSite(t *testing.T) *site {
	t.Helper()
	l := ledger.New(pgtest.New(t).Pool, ledger.Options{Now: clock})
	t.Cleanup(func() {
		if err := l.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &site{t, l, New(Config{Ledger: l, Now: clock, Version: "1.2.3", Open: true})}
}

func (s *site) book(code, name string, currencies ...money.Currency) ledger.Book {
	s.t.Helper()
	book, _, err := s.ledger.CreateBook(s.t.Context(), ledger.NewBook{Code: code, Name: name, Currencies: currencies, TimeZone: "Europe/London", Market: "UK"})
	if err != nil {
		s.t.Fatal(err)
	}
	return book
}

// sale is a draft that moves an amount from one account to another.
func sale(debit, credit ledger.Address, amount money.Minor, c money.Currency) ledger.Draft {
	return ledger.Draft{Event: "order.captured", Lines: []ledger.Line{{Account: debit, Amount: amount, Currency: c}, {Account: credit, Amount: -amount, Currency: c}}}
}

func (s *site) post(book ledger.Book, reference string, drafts ...ledger.Draft) ledger.Transaction {
	s.t.Helper()
	o := s.ledger.Post(s.t.Context(), book, ledger.Submission{Reference: reference, Drafts: drafts})
	if o.Err != nil {
		s.t.Fatal(o.Err)
	}
	return o.Transactions[0]
}

// get asks for a page under a loopback name and demands a status.
func (s *site) get(path string, status int) page {
	s.t.Helper()
	return fetch(s.t, s, path, status, func(r *http.Request) { r.Host = "localhost:8080" })
}

func fetch(t *testing.T, h http.Handler, path string, status int, change func(*http.Request)) page {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	change(r)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != status {
		t.Fatalf("%s: %d, want %d\n%s", path, w.Code, status, w.Body)
	}
	p := page{source: w.Body.String(), header: w.Header()}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		if err := p.read(); err != nil {
			t.Fatalf("%s: %v\n%s", path, err, p.source)
		}
	}
	return p
}

// page is a page as a test reads it.
type page struct {
	source string
	header http.Header
	// Text is all text with single spaces; Links the addresses of anchors, stylesheets and images.
	Text  string
	Links []string
	Rows  int
	ids   map[string]bool
	dir   string
}

// read parses the page strictly, as XML, and refuses scripts, styles and handlers inside it.
func (p *page) read() error {
	d := xml.NewDecoder(strings.NewReader(p.source))
	d.Entity = xml.HTMLEntity
	var text strings.Builder
	p.ids = map[string]bool{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			p.Text = strings.Join(strings.Fields(text.String()), " ")
			return nil
		}
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.CharData:
			text.Write(token)
		case xml.StartElement:
			name := token.Name.Local
			if slices.Contains([]string{"script", "style", "iframe", "object", "base", "foreignObject", "image", "use", "animate", "set"}, name) {
				return errors.New("a page contains " + name)
			}
			if slices.Contains([]string{"p", "td", "th", "div", "tr", "dt", "dd", "li", "h1", "h2", "option", "span", "a"}, name) {
				text.WriteByte(' ')
			}
			if name == "tr" {
				p.Rows++
			}
			for _, a := range token.Attr {
				if err := p.attribute(name, a); err != nil {
					return err
				}
			}
		}
	}
}

func (p *page) attribute(element string, a xml.Attr) error {
	switch name := a.Name.Local; {
	case strings.HasPrefix(name, "on") || name == "style":
		return errors.New("a page contains the attribute " + name)
	case name == "id" && p.ids[a.Value]:
		return errors.New("the id " + a.Value + " occurs twice")
	case name == "id":
		p.ids[a.Value] = true
	case name == "href" || name == "src" || name == "action":
		p.Links = append(p.Links, a.Value)
	case name == "dir" && element == "html":
		p.dir = a.Value
	}
	return nil
}

// has demands texts of the page.
func (p page) has(t *testing.T, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(p.Text, want) {
			t.Errorf("the page does not show %q:\n%s", want, p.Text)
		}
	}
}

// hasNot refuses texts anywhere in the page's source.
func (p page) hasNot(t *testing.T, unwanted ...string) {
	t.Helper()
	for _, text := range unwanted {
		if strings.Contains(p.source, text) {
			t.Errorf("the page contains %q:\n%s", text, p.source)
		}
	}
}

// next returns where "More" leads; "" on the last page.
func (p page) next(t *testing.T) string {
	t.Helper()
	before, _, found := strings.Cut(p.source, `">More</a>`)
	if !found {
		return ""
	}
	address := before[strings.LastIndex(before, `href="`)+len(`href="`):]
	return strings.ReplaceAll(address, "&amp;", "&")
}

// fetchFrom asks a running server for a page, which must exist.
func fetchFrom(t *testing.T, server *httptest.Server, path string) page {
	t.Helper()
	response, err := server.Client().Get(server.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", path, response.StatusCode, err)
	}
	p := page{source: string(body), header: response.Header}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
		if err := p.read(); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	return p
}
