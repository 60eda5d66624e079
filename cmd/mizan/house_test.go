package main

// A house of services in production shape for tests: a server of its own, the programs over it, and the people who sign in.

import (
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mizan/api/client"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// production is a database as it is in production, and the directory of who serves it.
type production struct {
	home home
	// env is what commands of operators need.
	env map[string]string
	// super is the address that can do everything.
	super string
}

func newProduction(t *testing.T) production {
	t.Helper()
	h := newHome(t)
	server := h.startMigrated(t, postgres.ServerConfig{SharedBuffers: "32MB"})
	p := production{home: h, super: server.URL("postgres", "mizan"), env: map[string]string{"MIZAN_ADMIN_DATABASE_URL": server.URL("postgres", "postgres"),
		"MIZAN_OWNER_DATABASE_URL": server.URL("mizan_owner", "mizan"), "MIZAN_DATABASE_URL": server.URL("mizan_app", "mizan")}}
	p.env["MIZAN_VAULT_KEYS_FILE"] = p.write(t, "vault-keys", newVaultKey("k1"))
	return p
}

// write makes a file that only its owner can read, and returns its name.
func (p production) write(t *testing.T, name string, lines ...string) string {
	t.Helper()
	file := filepath.Join(p.home.dir, name)
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// serve starts a service with the flags.
func (p production) serve(t *testing.T, flags ...string) *program {
	t.Helper()
	return p.home.start(t, []string{"MIZAN_DATABASE_URL=" + p.env["MIZAN_DATABASE_URL"], "MIZAN_VAULT_KEYS_FILE=" + p.env["MIZAN_VAULT_KEYS_FILE"]},
		`"msg":"ready"`, append([]string{"serve", "--listen", "127.0.0.1:0"}, flags...)...)
}

// tell runs a command of an operator, which must succeed, and returns what it printed.
func (p production) tell(t *testing.T, args ...string) string {
	t.Helper()
	return strings.TrimSpace(mizan(t, p.env, "", args...).want(t, exitDone).stdout)
}

// person adds somebody who holds the roles in every book, and returns the id.
func (p production) person(t *testing.T, name string, roles ...string) string {
	t.Helper()
	id := p.tell(t, "people", "add", "--name", name)
	for _, role := range roles {
		p.tell(t, "people", "grant", id, "--role", role)
	}
	return id
}

// remote returns a client with a key of the scopes.
func (p production) remote(t *testing.T, at *program, scopes ...string) *client.Client {
	t.Helper()
	return p.remoteFor(t, at, nil, scopes...)
}

// remoteFor is remote with more flags for the making of the key, such as its owner.
func (p production) remoteFor(t *testing.T, at *program, more []string, scopes ...string) *client.Client {
	t.Helper()
	args := append([]string{"keys", "create", "--name", "of a test"}, more...)
	for _, scope := range scopes {
		args = append(args, "--scope", scope)
	}
	remote, err := client.New(at.address, p.tell(t, args...), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remote.CloseIdleConnections)
	return remote
}

// createShopBook makes the book shop.
func createShopBook(t *testing.T, remote *client.Client) {
	t.Helper()
	if _, err := remote.CreateBook(t.Context(), client.NewBook{Code: "shop", Name: "Shop", Currencies: []money.Currency{"GBP"}, TimeZone: "Europe/London", Market: "UK"}); err != nil {
		t.Fatal(err)
	}
}

// with returns the operator's variables with others in their place.
func (p production) with(others map[string]string) map[string]string {
	all := maps.Clone(p.env)
	maps.Copy(all, others)
	return all
}

// browser is somebody in front of the pages, with cookies.
type browser struct {
	http *http.Client
}

var hiddenForm = regexp.MustCompile(`name="form" value="([^"]+)"`)

// enter opens the link and presses its button.
func enter(t *testing.T, link string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{&http.Client{Jar: jar}}
	t.Cleanup(b.http.CloseIdleConnections)
	at, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	status, page := b.do(t, http.MethodGet, link, nil)
	form := hiddenForm.FindStringSubmatch(page)
	if status != http.StatusOK || form == nil {
		t.Fatalf("the page of the link: %d\n%s", status, page)
	}
	button := *at
	button.RawQuery = ""
	if status, page := b.do(t, http.MethodPost, button.String(), url.Values{"form": {form[1]}, "token": {at.Query().Get("token")}}); status != http.StatusOK {
		t.Fatalf("after the button: %d\n%s", status, page)
	}
	return b
}

// do asks for a page, or sends a form or, if values has only the key "json", a document.
func (b *browser) do(t *testing.T, method, address string, values url.Values) (status int, page string) {
	t.Helper()
	body, media := values.Encode(), "application/x-www-form-urlencoded"
	if document := values.Get("json"); document != "" {
		body, media = document, "application/json"
	}
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method != http.MethodGet {
		request.Header.Set("Content-Type", media)
		request.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := b.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}
