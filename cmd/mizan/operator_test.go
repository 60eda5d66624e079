package main

// What operators do with people, keys, approvals, the audit trail and the vault, as a session at the command line.

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mizan/api/client"
)

// word returns the word of the text that begins with the prefix.
func word(t *testing.T, text, prefix string) string {
	t.Helper()
	for _, w := range strings.Fields(text) {
		if strings.HasPrefix(w, prefix) {
			return strings.TrimRight(w, ".,:")
		}
	}
	t.Fatalf("no word begins with %q in:\n%s", prefix, text)
	return ""
}

func TestOperatorSession(t *testing.T) {
	t.Parallel()
	p := newProduction(t)
	at := p.serve(t)
	p.env["MIZAN_SERVER"], p.env["MIZAN_PUBLIC_URL"] = at.address, at.address
	p.env["MIZAN_API_KEY_FILE"] = p.write(t, "key", p.tell(t, "keys", "create", "--name", "everything", "--scope", "*", "--owner", p.person(t, "Oda Operator", "finance")))
	createShopBook(t, must[*client.Client](t)(client.New(at.address, strings.TrimSpace(contentOf(t, p.env["MIZAN_API_KEY_FILE"])), client.Options{})))
	t.Run("people", func(t *testing.T) { testPeopleCommands(t, p, at) })
	t.Run("keys", func(t *testing.T) { testKeysCommands(t, p) })
	t.Run("approvals", func(t *testing.T) { testApprovalsCommands(t, p, at) })
	t.Run("vault", func(t *testing.T) { testVaultCommands(t, p) })
	t.Run("audit", func(t *testing.T) { testAuditCommands(t, p) })
	at.stop(t)
}

func contentOf(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func testPeopleCommands(t *testing.T, p production, at *program) {
	tell := func(args ...string) outcome { return mizan(t, p.env, "", append([]string{"people"}, args...)...) }
	id := strings.TrimSpace(tell("add", "--name", "Ann Finance", "--email", "ann@example.com").want(t, exitDone, "per_").stdout)
	tell("add", "--name", "Ann Again", "--email", "Ann@example.com").want(t, exitRefused, "address of mail")
	tell("list").want(t, exitDone, id, "Ann Finance", "ann@example.com", "invited")
	tell("grant", id, "--role", "king").want(t, exitUsage, "king")
	tell("grant", id, "--role", "finance", "--book", "nowhere").want(t, exitRefused, "no such book")
	tell("grant", "per_aaaaaaaaaaaaaaaa", "--role", "finance").want(t, exitRefused)
	said := tell("grant", id, "--role", "finance", "--book", "shop", "--expires-in", "24h").want(t, exitDone, "is finance in shop").stdout
	tell("grant", id, "--role", "auditor").want(t, exitDone, "is auditor in every book")
	tell("show", id).want(t, exitDone, "Ann Finance", "finance", "in shop", "added ")
	tell("show", "per_aaaaaaaaaaaaaaaa").want(t, exitRefused)

	tell("link", id, "--public-url", "http://mizan.example.com").want(t, exitUsage, "https")
	link := tell("link", id).want(t, exitDone, "signs in once")
	b := enter(t, strings.TrimSpace(link.stdout))
	if status, page := b.do(t, http.MethodGet, at.address+"/v1/me", nil); status != http.StatusOK || !strings.Contains(page, id) {
		t.Errorf("after the link: %d %s", status, page)
	}
	tell("list").want(t, exitDone, "finance in shop, auditor in every book")
	tell("revoke", id, word(t, said, "gr_")).want(t, exitUsage, "--reason")
	tell("revoke", id, word(t, said, "gr_"), "--reason", "moved on").want(t, exitDone, "has ended")
	tell("list").want(t, exitDone, "auditor in every book")
	tell("end-sessions", id, "--reason", "lost telephone").want(t, exitDone, "signed out everywhere")
	tell("deactivate", id, "--reason", "left").want(t, exitDone, "may do nothing")
	tell("deactivate", id, "--reason", "left").want(t, exitDone, "may do nothing")
	tell("list").want(t, exitDone, "deactivated")
	tell("link", id).want(t, exitRefused)
	tell("link", "cre_ben", "--book", "shop").want(t, exitRefused)
	tell("link", "cre_ben", "--book", "nowhere").want(t, exitRefused)
}

func testKeysCommands(t *testing.T, p production) {
	tell := func(args ...string) outcome { return mizan(t, p.env, "", append([]string{"keys"}, args...)...) }
	made := tell("create", "--name", "till", "--scope", "events:write", "--book", "shop", "--expires-in", "48h").want(t, exitDone, "for till")
	old := strings.TrimSpace(made.stdout)
	id := strings.Split(old, "_")[1]
	if strings.Contains(made.stderr, strings.SplitN(old, "_", 3)[2]) {
		t.Errorf("the secret is on the error output too: %s", made.stderr)
	}
	tell("create", "--name", "till", "--scope", "events:write", "--expires-in=-1h").want(t, exitRefused)
	tell("create", "--name", "till", "--scope", "events:write", "--owner", "nobody").want(t, exitRefused, "person")
	tell("list").want(t, exitDone, id, "till", "events:write", "shop", "current", "LAST USED")
	tell("rotate", id, "--overlap", "9999h").want(t, exitRefused)
	fresh := strings.TrimSpace(tell("rotate", id, "--overlap", "1h").want(t, exitDone, "replaces "+id).stdout)
	said := tell("list").want(t, exitDone, strings.Split(fresh, "_")[1], id)
	for _, key := range []string{old, fresh} {
		if strings.Contains(said.stdout+said.stderr, strings.SplitN(key, "_", 3)[2]) {
			t.Errorf("the list shows a secret:\n%s", said.stdout)
		}
	}
	tell("revoke", id, "--reason", "no longer needed").want(t, exitDone, "is revoked")
	tell("list").want(t, exitDone, "revoked")
	tell("revoke", "aaaaaaaaaaaa").want(t, exitRefused)
	tell("rotate", id).want(t, exitRefused)
	tell("revoke").want(t, exitUsage)
}

const writeOff = `{"type": "adjustment.posted", "reference": "adjustment:A1", "data": {"adjustment": "A1", "kind": "creator", "payee": "cre_ben",
	"direction": "credit", "currency": "GBP", "amount": "25.00", "reason": "late_payout", "document": "TICKET-77"}}`

func testApprovalsCommands(t *testing.T, p production, at *program) {
	tell := func(stdin string, args ...string) outcome {
		return mizan(t, p.env, stdin, append([]string{"approvals"}, args...)...)
	}
	tell("", "acts").want(t, exitDone, "event.post", "people.grant", "payee.destination")
	tell("", "ask", "event.post", "-", "--book", "shop").want(t, exitUsage, "--reason")
	tell("not JSON", "ask", "event.post", "-", "--book", "shop", "--reason", "r").want(t, exitUsage, "JSON object")
	tell("[1]", "ask", "event.post", "-", "--book", "shop", "--reason", "r").want(t, exitUsage, "JSON object")
	tell(writeOff, "ask", "no.act", "-", "--book", "shop", "--reason", "r").want(t, exitRefused, "act-unknown")
	tell("", "list", "--book", "shop", "--state", "lost").want(t, exitUsage)
	tell("", "list", "--book", "shop", "--limit", "0").want(t, exitUsage)
	tell("", "show", "ap_aaaaaaaaaaaaaaaa", "--book", "shop").want(t, exitRefused, "approval-unknown")
	ask := func() string {
		said := tell(writeOff, "ask", "event.post", "-", "--book", "shop", "--reason", "paid two days late", "--document", "TICKET-77").
			want(t, exitDone, "open", "why: paid two days late", "document: TICKET-77", "GBP 25.00", "asked by")
		return word(t, said.stdout, "ap_")
	}
	first := ask()
	tell("", "list", "--book", "shop", "--state", "open").want(t, exitDone, first, "event.post")
	tell("", "show", first, "--book", "shop").want(t, exitDone, first, "open until")
	tell("", "withdraw", first, "--book", "shop", "--reason", "asked twice").want(t, exitDone, "withdrawn")
	tell("", "withdraw", first, "--book", "shop", "--reason", "asked twice").want(t, exitRefused, "state-conflict")

	second := ask()
	var asked client.Approval
	if err := json.Unmarshal([]byte(tell("", "show", second, "--book", "shop", "--json").want(t, exitDone).stdout), &asked); err != nil {
		t.Fatal(err)
	}
	decide := at.address + "/v1/books/shop/approvals/" + second + "/approval"
	reader := enter(t, p.tell(t, "people", "link", p.person(t, "Rea Reader", "support")))
	if status, page := reader.do(t, http.MethodPost, decide, jsonForm(t, map[string]string{"hash": asked.Hash})); status != http.StatusForbidden {
		t.Errorf("who may not approve did: %d %s", status, page)
	}
	approver := enter(t, p.tell(t, "people", "link", p.person(t, "Abe Approver", "approver")))
	if status, page := approver.do(t, http.MethodPost, decide, jsonForm(t, map[string]string{"hash": asked.Hash, "reason": "Seen the ticket."})); status != http.StatusOK {
		t.Fatalf("the approval: %d %s", status, page)
	}
	tell("", "show", second, "--book", "shop").want(t, exitDone, "done", "decided by", "result:")
	mizan(t, p.env, "", "balance", "shop", "liabilities:creator").want(t, exitDone, "cre_ben", "25.00")
}

func jsonForm(t *testing.T, v any) url.Values {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return url.Values{"json": {string(text)}}
}

func testVaultCommands(t *testing.T, p production) {
	tell := func(stdin string, args ...string) outcome {
		return mizan(t, p.env, stdin, append([]string{"vault"}, args...)...)
	}
	amy := []string{"payee:cre_amy", "--book", "shop"}
	of := func(command string, args ...string) []string {
		return append(append([]string{command}, amy...), args...)
	}
	tell("", of("put", "--reason", "r")...).want(t, exitUsage, "JSON object")
	tell(`{"name": 7}`, of("put", "--reason", "r")...).want(t, exitUsage)
	tell(strings.Repeat(" ", maxPersonal)+`{"name":"Amy"}`, of("put", "--reason", "r")...).want(t, exitUsage)
	tell(`{"nickname": "Canary Nick"}`, of("put", "--reason", "r")...).want(t, exitRefused)
	const card = "4111 1111 1111 1111"
	if said := tell(`{"address": "`+card+`"}`, of("put", "--reason", "r")...).want(t, exitRefused); strings.Contains(said.stdout+said.stderr, card) {
		t.Error("a card number is repeated")
	}
	tell(`{"name": "Amy Canary", "phone": "+44 20 7946 0000"}`, of("put", "--reason", "given at registration")...).want(t, exitDone, "Stored of payee:cre_amy: name, phone")
	tell(`{"name": "Amy Canary"}`, of("put", "--reason", "sent again")...).want(t, exitDone, "was stored of payee:cre_amy before")
	tell("", of("read")...).want(t, exitUsage, "--reason")
	tell("", of("read", "--reason", "ticket 9")...).want(t, exitDone, "Amy Canary", "+44 20 7946 0000")
	if said := tell("", of("read", "--field", "phone", "--reason", "ticket 9")...).want(t, exitDone, "+44"); strings.Contains(said.stdout, "Amy") {
		t.Errorf("more than was asked for: %s", said.stdout)
	}
	var all map[string]any
	if err := json.Unmarshal([]byte(tell("", of("export", "--reason", "asked for a copy")...).want(t, exitDone, "Amy Canary").stdout), &all); err != nil || all["subject"] != "payee:cre_amy" {
		t.Errorf("export: %v %v", all, err)
	}
	tell("", of("hold", "--until", "soon", "--reason", "r")...).want(t, exitUsage, "2027-03-31")
	tell("", of("hold", "--until", "9999-12-31", "--reason", "court order 7")...).want(t, exitRefused)
	tell("", of("hold", "--until", "2030-12-31", "--reason", "court order 7")...).want(t, exitDone, "cannot be erased before 2031-01-01")
	tell("", of("erase", "--reason", "asked to")...).want(t, exitRefused, "must be kept for now")
	tell("", of("hold", "--until", "2020-01-01", "--reason", "lifted")...).want(t, exitDone, "not held any more")
	tell("", of("close", "--reason", "contract ended")...).want(t, exitDone, "has ended")
	tell("", of("close", "--reopen", "--reason", "a new contract")...).want(t, exitDone, "goes on")
	tell("", "sweep", "--book", "shop").want(t, exitDone, "0 persons were erased")
	tell("", "sweep", "--all", "--book", "shop").want(t, exitUsage, "Leave one out")
	tell("", "sweep", "--all").want(t, exitDone, "0 persons were erased")
	tell("", "retention", "--book", "shop", "--days", "30").want(t, exitUsage, "--reason")
	tell("", "retention", "--book", "shop", "--reason", "r").want(t, exitUsage, "--days")
	tell("", "retention", "--book", "shop", "--days=-1", "--reason", "r").want(t, exitRefused)
	tell("", "retention", "--book", "shop").want(t, exitDone, "days")
	testVaultKeyCommands(t, p, tell)
	tell("", of("erase", "--reason", "asked to")...).want(t, exitDone, "is erased")
	tell("", of("erase", "--reason", "asked to")...).want(t, exitDone, "is erased")
	tell("", of("read", "--reason", "ticket 10")...).want(t, exitRefused, "were erased")
	mizan(t, p.env, "", "verify", "--book", "shop").want(t, exitDone, "shop: sound", "audit trail sound")
}

// testVaultKeyCommands rotates the master key and tries wrong ones.
func testVaultKeyCommands(t *testing.T, p production, tell func(string, ...string) outcome) {
	first := strings.TrimSpace(contentOf(t, p.env["MIZAN_VAULT_KEYS_FILE"]))
	second := strings.TrimSpace(tell("", "key", "--name", "k2").want(t, exitDone, "k2=").stdout)
	tell("", "key", "--name", "Not a name").want(t, exitRefused)
	tell("", "status").want(t, exitDone, "k1")
	use := func(lines ...string) { p.env["MIZAN_VAULT_KEYS_FILE"] = p.write(t, "vault-keys", lines...) }
	// Other things are not safe here either.
	wrong := verdict(stateWrong).code()
	refused := func(words ...string) {
		t.Helper()
		said := mizan(t, p.env, "", "doctor").want(t, wrong, append(words, "wrong vault: ")...)
		for _, line := range []string{first, second} {
			if _, key, _ := strings.Cut(line, "="); strings.Contains(said.stdout+said.stderr, key) {
				t.Errorf("doctor prints a key:\n%s%s", said.stdout, said.stderr)
			}
		}
	}
	mizan(t, p.env, "", "doctor").want(t, wrong, "The vault's keys: k1", "They open what is stored")
	if err := os.Chmod(p.env["MIZAN_VAULT_KEYS_FILE"], 0o640); err != nil {
		t.Fatal(err)
	}
	mizan(t, p.env, "", "doctor", "--quiet").want(t, wrong, "Others than its owner")
	use(second)
	if err := os.Chmod(p.env["MIZAN_VAULT_KEYS_FILE"], 0o600); err != nil {
		t.Fatal(err)
	}
	refused("master key")
	tell("", "rotate").want(t, exitUnavailable)
	use("k1" + strings.TrimPrefix(second, "k2"))
	refused("does not open them")
	none := p.with(map[string]string{"MIZAN_VAULT_KEYS_FILE": ""})
	mizan(t, none, "", "doctor").want(t, wrong, "no master key")
	mizan(t, none, "", "vault", "status").want(t, exitDone, "k1")
	mizan(t, none, "", "vault", "read", "payee:cre_amy", "--book", "shop", "--reason", "r").want(t, exitUnavailable, "no master key")
	use(second, first)
	tell("", "rotate").want(t, exitDone, "None is left under another")
	if said := tell("", "status").want(t, exitDone, "k2"); strings.Contains(said.stdout, "k1") {
		t.Errorf("the old key still seals:\n%s", said.stdout)
	}
	use(second)
	tell("", "read", "payee:cre_amy", "--book", "shop", "--reason", "ticket 11").want(t, exitDone, "Amy Canary")
	mizan(t, p.env, "", "doctor").want(t, wrong, "The vault's keys: k2", "They open what is stored")
}

func testAuditCommands(t *testing.T, p production) {
	tell := func(args ...string) outcome { return mizan(t, p.env, "", append([]string{"audit"}, args...)...) }
	tell("list", "--limit", "0").want(t, exitUsage)
	tell("list", "--before", "-1").want(t, exitUsage)
	tell("list", "--book", "nowhere").want(t, exitRefused)
	tell("list").want(t, exitDone, "operator ", "key.created", "person:per_")
	last := strings.Fields(tell("list", "--limit", "1").want(t, exitDone).stdout)
	if all := tell("list", "--limit", "1000").stdout; !strings.Contains(all, last[len(last)-1]) || strings.Count(tell("list", "--limit", "1").stdout, "\n") != 2 {
		t.Errorf("the last row is not one of all: %v", last)
	}
	tell("list", "--book", "shop", "--act", "approval.").want(t, exitDone, "ap_")
	if said := tell("list", "--book", "shop", "--act", "no.such").want(t, exitDone); strings.Count(said.stdout, "\n") != 1 {
		t.Errorf("an act that never happened:\n%s", said.stdout)
	}
	for _, book := range [][]string{nil, {"--book", "shop"}} {
		file := filepath.Join(p.home.dir, "trail.ndjson")
		tell(append([]string{"export", "-o", file}, book...)...).want(t, exitDone)
		exported := contentOf(t, file)
		said := tell(append([]string{"verify"}, book...)...).want(t, exitDone, "The trail is sound", "head ").stdout
		head := strings.TrimRight(said[strings.Index(said, "head ")+5:], ".\n")
		// Each export ends with a row of its own.
		again, more := strings.CutPrefix(tell(append([]string{"export"}, book...)...).want(t, exitDone).stdout, exported)
		for _, own := range []string{exported, again} {
			if line := own[strings.LastIndex(strings.TrimSuffix(own, "\n"), "\n")+1:]; !more || !strings.Contains(line, `"actor_kind":"operator"`) || !strings.Contains(line, `"act":"audit.exported"`) {
				t.Errorf("the file and standard output differ in more than the row of the second export: %s", line)
			}
		}
		if strings.Count(again, "\n") != 1 {
			t.Errorf("the second export adds %s", again)
		}
		previous := ""
		for line := range strings.Lines(exported) {
			var row trailLine
			if err := json.Unmarshal([]byte(line), &row); err != nil || previous != "" && row.Previous != previous {
				t.Fatalf("%v, or it does not follow %s: %s", err, previous, line)
			}
			previous = row.Hash
		}
		if previous != head {
			t.Errorf("the export ends with %s, the trail with %s", previous, head)
		}
		for _, secret := range []string{"Amy Canary", "Ann Finance", "ann@example.com", "+44 20 7946 0000", "Abe Approver"} {
			if strings.Contains(exported, secret) {
				t.Errorf("the trail holds %s", secret)
			}
		}
	}
}
