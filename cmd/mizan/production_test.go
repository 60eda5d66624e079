package main

// Production mode: a deployment that is not safe does not start, and is told everything that is wrong with it at once, but no secret.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"
	"mizan/migrations"
)

// canary is part of every secret that can be chosen.
const canary = "Canary7fQ2xLw9"

// safeSettings are variables with which nothing is wrong but that nobody answers at the address of the database.
func safeSettings() map[string]string {
	random := func() string {
		var key [32]byte
		rand.Read(key[:])
		return base64.StdEncoding.EncodeToString(key[:])
	}
	return map[string]string{
		"MIZAN_PRODUCTION": "true", "MIZAN_LISTEN": "127.0.0.1:0", "MIZAN_PUBLIC_URL": "https://mizan.shop.test",
		"MIZAN_DATABASE_URL": "postgres://mizan_app:" + canary + "@127.0.0.1:1/mizan",
		"MIZAN_CURSOR_KEY":   canary + random(), "MIZAN_SESSION_KEY": random(), "MIZAN_VAULT_KEYS": newVaultKey("k1"),
		"MIZAN_WEBHOOK_SECRETS": "uk/shopify=" + canary + "shopify",
		"MIZAN_STRIPE_KEY":      "sk_live_" + canary, "MIZAN_STRIPE_WEBHOOK_SECRET": "whsec_a" + canary, "MIZAN_STRIPE_CONNECT_SECRET": "whsec_b" + canary,
	}
}

// secretsOf returns what must not be printed of the variables.
func secretsOf(env map[string]string) (secrets []string) {
	for _, name := range []string{"MIZAN_SESSION_KEY", "MIZAN_CURSOR_KEY"} {
		if env[name] != "" {
			secrets = append(secrets, env[name])
		}
	}
	for line := range strings.Lines(env["MIZAN_VAULT_KEYS"]) {
		if _, key, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			secrets = append(secrets, key)
		}
	}
	return append(secrets, canary, strings.ToLower(canary), base64.StdEncoding.EncodeToString([]byte(canary))[:16])
}

// quiet fails the test if something that was printed shows a secret.
func (o outcome) quiet(t *testing.T, env map[string]string) outcome {
	t.Helper()
	for _, secret := range secretsOf(env) {
		if strings.Contains(o.stdout+o.stderr, secret) {
			t.Errorf("it prints a secret:\n%s%s", o.stdout, o.stderr)
		}
	}
	return o
}

var listedLine = regexp.MustCompile(`(?m)^  ([a-z-]+): `)

// wrongs returns the checks that a refusal lists, each once.
func (o outcome) wrongs() (checks []string) {
	for _, match := range listedLine.FindAllStringSubmatch(o.stderr, -1) {
		checks = append(checks, match[1])
	}
	slices.Sort(checks)
	return slices.Compact(checks)
}

func TestProductionSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask is
			t.Fatal(err)
		}
		return path
	}
	cert, key := writeCertificate(t, dir, "good", "mizan.shop.test", time.Now().Add(90*24*time.Hour))
	oldCert, oldKey := writeCertificate(t, dir, "old", "mizan.shop.test", time.Now().Add(-time.Hour))
	password := func(word string) string {
		return "postgres://mizan_app:" + word + "@db.shop.test/mizan?sslmode=verify-full"
	}
	asText := base64.StdEncoding.EncodeToString([]byte("thirty-two letters written by me"))
	for name, c := range map[string]struct {
		change map[string]string
		wrong  []string
	}{
		"nothing":                     {nil, nil},
		"a proxy":                     {map[string]string{"MIZAN_LISTEN": "0.0.0.0:8080", "MIZAN_BEHIND_TLS_PROXY": "true", "MIZAN_TRUSTED_PROXY": "10.1.0.0/16"}, nil},
		"TLS":                         {map[string]string{"MIZAN_LISTEN": "0.0.0.0:0", "MIZAN_TLS_CERT": cert, "MIZAN_TLS_KEY": key}, nil},
		"plain beyond":                {map[string]string{"MIZAN_LISTEN": "0.0.0.0:8080"}, []string{"listen"}},
		"a proxy that nobody names":   {map[string]string{"MIZAN_LISTEN": ":8080", "MIZAN_BEHIND_TLS_PROXY": "true"}, []string{"trusted-proxy"}},
		"a proxy that is half of all": {map[string]string{"MIZAN_TRUSTED_PROXY": "128.0.0.0/1"}, []string{"trusted-proxy"}},
		"cookies without TLS":         {map[string]string{"MIZAN_PUBLIC_URL": ""}, []string{"cookies"}},
		"a public address here":       {map[string]string{"MIZAN_PUBLIC_URL": "http://localhost:8080"}, []string{"cookies"}},
		"a certificate that is over":  {map[string]string{"MIZAN_TLS_CERT": oldCert, "MIZAN_TLS_KEY": oldKey}, []string{"certificate"}},
		"a certificate within":        {map[string]string{"MIZAN_TLS_CERT": cert, "MIZAN_TLS_KEY": key, "MIZAN_PUBLIC_URL": "https://other.test", "MIZAN_BEHIND_TLS_PROXY": "true", "MIZAN_TRUSTED_PROXY": "fc00::/7"}, nil},
		"a certificate of others":     {map[string]string{"MIZAN_TLS_CERT": cert, "MIZAN_TLS_KEY": key, "MIZAN_PUBLIC_URL": "https://other.test"}, []string{"certificate"}},
		"no cursor key":               {map[string]string{"MIZAN_CURSOR_KEY": ""}, []string{"cursor-key"}},
		"a short cursor key":          {map[string]string{"MIZAN_CURSOR_KEY": canary}, []string{"cursor-key"}},
		"a cursor key of letters":     {map[string]string{"MIZAN_CURSOR_KEY": strings.Repeat("ab", 30)}, []string{"cursor-key"}},
		"a cursor key of an example":  {map[string]string{"MIZAN_CURSOR_KEY": "changeme-" + strings.Repeat(canary, 3)}, []string{"cursor-key"}},
		"no session key":              {map[string]string{"MIZAN_SESSION_KEY": ""}, []string{"session-key"}},
		"a written session key":       {map[string]string{"MIZAN_SESSION_KEY": asText}, []string{"session-key"}},
		"no vault keys":               {map[string]string{"MIZAN_VAULT_KEYS": ""}, []string{"vault-keys"}},
		"a written vault key":         {map[string]string{"MIZAN_VAULT_KEYS": "k1=" + asText}, []string{"vault-keys"}},
		"the vault key of dev":        {map[string]string{"MIZAN_VAULT_KEYS": newVaultKey(developmentKey)}, []string{"vault-keys"}},
		"a short webhook secret":      {map[string]string{"MIZAN_WEBHOOK_SECRETS": "uk/shopify=" + canary + "shopify\nuk/woocommerce=" + canary[:9]}, []string{"webhook-secrets"}},
		"one secret for two":          {map[string]string{"MIZAN_WEBHOOK_SECRETS": "uk/shopify=" + strings.Repeat(canary, 3), "MIZAN_CURSOR_KEY": strings.Repeat(canary, 3)}, []string{"secrets-apart"}},
		"a test key":                  {map[string]string{"MIZAN_STRIPE_KEY": "sk_test_" + canary}, []string{"stripe"}},
		"a simulator":                 {map[string]string{"MIZAN_STRIPE_KEY": "rk_test_" + canary, "MIZAN_STRIPE_ADDRESS": "http://127.0.0.1:12111"}, []string{"stripe"}},
		"a file for everybody":        {map[string]string{"MIZAN_CURSOR_KEY": "", "MIZAN_CURSOR_KEY_FILE": file("cursor", strings.Repeat(canary, 3), 0o644)}, []string{"secret-files"}},
		"a file for the group":        {map[string]string{"MIZAN_CURSOR_KEY": "", "MIZAN_CURSOR_KEY_FILE": file("cursor2", strings.Repeat(canary, 3), 0o640)}, nil},
		"the way to the database":     {map[string]string{"MIZAN_DATABASE_URL": "postgres://mizan_app:" + canary + "@db.invalid/mizan?sslmode=require"}, []string{"database-address"}},
		"the owner's way":             {map[string]string{"MIZAN_OWNER_DATABASE_URL": "postgres://mizan_owner:" + canary + "@db.invalid/mizan"}, []string{"owner-address"}},
		"a password as the role":      {map[string]string{"MIZAN_DATABASE_URL": password("mizan_app" + canary)}, []string{"database-address"}},
		"a short password":            {map[string]string{"MIZAN_DATABASE_URL": password(canary[:8])}, []string{"database-address"}},
		"everything": {map[string]string{"MIZAN_LISTEN": "0.0.0.0:80", "MIZAN_PUBLIC_URL": "", "MIZAN_CURSOR_KEY": "", "MIZAN_SESSION_KEY": "", "MIZAN_VAULT_KEYS": "",
			"MIZAN_STRIPE_KEY": "sk_test_" + canary}, []string{"listen", "cookies", "cursor-key", "session-key", "vault-keys", "stripe"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := safeSettings()
			maps.Copy(env, c.change)
			if len(c.wrong) == 0 {
				mizan(t, env, "", "serve").want(t, exitUnavailable, "does not answer").quiet(t, env)
			} else {
				said := mizan(t, env, "", "serve").want(t, exitRefused, "does not start in production mode").quiet(t, env)
				want := slices.Sorted(slices.Values(append(c.wrong, "database")))
				if got := said.wrongs(); !slices.Equal(got, want) {
					t.Errorf("it lists %q, want %q:\n%s", got, want, said.stderr)
				}
			}
			// Doctor looks at the same, and cannot ask the database either.
			said := mizan(t, env, "", "doctor").want(t, exitUnavailable, "wrong database: ").quiet(t, env)
			for _, check := range c.wrong {
				if !strings.Contains(said.stdout, "wrong "+check+": ") {
					t.Errorf("doctor does not tell %s:\n%s", check, said.stdout)
				}
			}
		})
	}
	env := safeSettings()
	for _, args := range [][]string{{"serve", "--help"}, {"doctor", "--help"}} {
		mizan(t, env, "", args...).want(t, exitDone, "--tls-cert").quiet(t, env)
	}
	mizan(t, env, "", "serve", "--no-such-flag").want(t, exitUsage).quiet(t, env)
	mizan(t, env, "", "doctor", "--postgres-only").want(t, exitUnavailable, "does not answer").quiet(t, env)
	mizan(t, nil, "", "doctor", "--data", dir).want(t, exitDone, "PostgreSQL")
	for _, variable := range []string{"MIZAN_PRODUCTION", "MIZAN_CURSOR_KEY", "MIZAN_VAULT_KEYS", "MIZAN_WEBHOOK_SECRETS"} {
		mizan(t, map[string]string{variable: env[variable]}, "", "doctor").want(t, verdict(stateWrong).code(), "wrong settings: ", "No database is named")
	}
	mizan(t, nil, "", "doctor", "--quiet", "--verify-report", cert).want(t, verdict(stateWrong).code(), "No database is named")
	testDoctorPrintsJSON(t, dir)
	// A proxy on this machine that is not known is let pass, and told.
	for _, c := range []struct{ behind, proxy, told string }{{"", "", "Something on this machine ends TLS"}, {"true", "", "stands behind a proxy that it does not know"}, {"true", "127.0.0.1/32", ""}} {
		env := safeSettings()
		env["MIZAN_BEHIND_TLS_PROXY"], env["MIZAN_TRUSTED_PROXY"] = c.behind, c.proxy
		said := mizan(t, env, "", "doctor").want(t, exitUnavailable, c.told).quiet(t, env)
		if warned := strings.Contains(said.stdout, "warn  trusted-proxy: "); warned != (c.told != "") {
			t.Errorf("behind a proxy %q that is known as %q:\n%s", c.behind, c.proxy, said.stdout)
		}
	}
	mizan(t, env, "", "dev", "--data", dir).want(t, exitUsage, "MIZAN_PRODUCTION").quiet(t, env)
	env["MIZAN_TLS_CERT"] = cert
	mizan(t, env, "", "serve").want(t, exitUsage, "both files").quiet(t, env)
	env["MIZAN_TLS_KEY"] = oldKey
	mizan(t, env, "", "serve").want(t, exitUsage, "cannot be used together").quiet(t, env)
	env["MIZAN_TLS_KEY"] = filepath.Join(dir, "none")
	mizan(t, env, "", "serve").want(t, exitRefused, "no such file").quiet(t, env)
	for _, address := range []string{"postgres://app@db/mizan?password=" + canary + "&sslmode=nonsense", "postgres://app:" + canary + "@db:port/mizan"} {
		for _, args := range [][]string{{"serve"}, {"doctor"}, {"migrate", "status"}, {"keys", "list"}} {
			mizan(t, map[string]string{"MIZAN_DATABASE_URL": address}, "", args...).want(t, exitUsage, "sslmode").quiet(t, env)
		}
		mizan(t, map[string]string{"MIZAN_ADMIN_DATABASE_URL": address}, "", "migrate", "bootstrap").want(t, exitUsage, "sslmode").quiet(t, env)
	}
}

// testDoctorPrintsJSON has doctor print one whole document whatever becomes of it, with a database that takes the connection and never answers
// among it.
func testDoctorPrintsJSON(t *testing.T, dir string) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	never := map[string]string{"MIZAN_DATABASE_URL": "postgres://mizan_app@" + silent.Addr().String() + "/mizan?sslmode=disable"}
	nobody := map[string]string{"MIZAN_DATABASE_URL": safeSettings()["MIZAN_DATABASE_URL"]}
	wrong := verdict(stateWrong).code()
	for _, c := range []struct {
		env   map[string]string
		args  []string
		code  int
		check string
	}{
		{never, []string{"--patience", "100ms"}, exitUnavailable, "database"},
		{never, []string{"--patience", "100ms", "--postgres-only"}, exitUnavailable, "database"},
		{nobody, []string{"--patience", "0s"}, wrong, "settings"},
		{nobody, []string{"--patience", "11m"}, wrong, "settings"},
		{nobody, []string{"--reconcile-share", "0"}, wrong, "settings"},
		{nobody, []string{"--chromium", filepath.Join(dir, "none")}, wrong, "settings"},
		{nobody, []string{"--cursor-key-file", filepath.Join(dir, "none")}, wrong, "settings"},
		{map[string]string{"MIZAN_DATABASE_URL": "mysql://db"}, []string{"--postgres-only"}, wrong, "settings"},
		{nil, []string{"--production"}, wrong, "settings"},
	} {
		said := mizan(t, c.env, "", append([]string{"doctor", "--json"}, c.args...)...).want(t, c.code).quiet(t, c.env)
		var printed examinationJSON
		if err := json.Unmarshal([]byte(said.stdout), &printed); err != nil || printed.State != stateWrong ||
			!slices.ContainsFunc(printed.Checks, func(f finding) bool { return f.Check == c.check && f.State == stateWrong && f.Do != "" }) {
			t.Errorf("%v: %v\n%s", c.args, err, said.stdout)
		}
	}
}

// A server, a role and a schema that are not safe are refused, each for what is wrong with it.
func TestProductionDatabase(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	// The server of the tests may lose what it confirmed.
	base := []string{"fsync", "full-page-writes"}
	env := safeSettings()
	for name, c := range map[string]struct {
		address string
		wrong   []string
	}{
		"the application":        {db.AppURL, nil},
		"a commit that is early": {db.AppURL + "&options=-c%20synchronous_commit%3Doff", []string{"synchronous-commit"}},
		"the owner":              {db.OwnerURL, []string{"append-only", "role"}},
		"a superuser":            {db.SuperURL, []string{"append-only", "role"}},
		"damaged pages":          {db.SuperURL + "&options=-c%20zero_damaged_pages%3Don", []string{"append-only", "damaged-pages", "role"}},
		"an empty database":      {pgtest.New(t, pgtest.Unmigrated()).AppURL, []string{"migrations"}},
	} {
		env := maps.Clone(env)
		env["MIZAN_DATABASE_URL"] = c.address
		said := mizan(t, env, "", "serve").want(t, exitRefused, "does not start in production mode").quiet(t, env)
		if want := slices.Sorted(slices.Values(append(c.wrong, base...))); !slices.Equal(said.wrongs(), want) {
			t.Errorf("%s: it lists %q, want %q:\n%s", name, said.wrongs(), want, said.stderr)
		}
		var printed examinationJSON
		said = mizan(t, env, "", "doctor", "--json").want(t, verdict(stateWrong).code()).quiet(t, env)
		if err := json.Unmarshal([]byte(said.stdout), &printed); err != nil || printed.State != stateWrong {
			t.Fatalf("%s: %v\n%s", name, err, said.stdout)
		}
		for _, check := range append(c.wrong, base...) {
			if !slices.ContainsFunc(printed.Checks, func(f finding) bool { return f.Check == check && f.State == stateWrong && f.Do != "" }) {
				t.Errorf("%s: doctor does not tell %s:\n%s", name, check, said.stdout)
			}
		}
	}
}

// What a server may say of itself is judged each thing alone.
func TestJudgeServer(t *testing.T) {
	t.Parallel()
	well := func() postgres.Examination {
		return postgres.Examination{Major: postgres.OldestMajor, Settings: map[string]string{"fsync": "on", "full_page_writes": "on", "data_checksums": "on",
			"synchronous_commit": "remote_apply", "zero_damaged_pages": "off", "ignore_checksum_failure": "off"}}
	}
	for check, harm := range map[string]func(*postgres.Examination){
		"":                   func(*postgres.Examination) {},
		"release":            func(e *postgres.Examination) { *e = postgres.Examination{Major: 14} },
		"primary":            func(e *postgres.Examination) { e.Standby = true },
		"fsync":              func(e *postgres.Examination) { e.Settings["fsync"] = "off" },
		"full-page-writes":   func(e *postgres.Examination) { e.Settings["full_page_writes"] = "off" },
		"data-checksums":     func(e *postgres.Examination) { e.Settings["data_checksums"] = "off" },
		"synchronous-commit": func(e *postgres.Examination) { e.Settings["synchronous_commit"] = "local" },
		"damaged-pages":      func(e *postgres.Examination) { e.Settings["ignore_checksum_failure"] = "on" },
		"role":               func(e *postgres.Examination) { e.Powers = []string{"may create roles"} },
		"append-only":        func(e *postgres.Examination) { e.Changeable = []string{"entries (UPDATE)"} },
		"guards":             func(e *postgres.Examination) { e.Unguarded = []string{"entries"} },
		"clock":              func(e *postgres.Examination) { e.Ahead, e.Doubt = -maxSkew-time.Second, time.Millisecond },
	} {
		e := well()
		harm(&e)
		var f findings
		judgeServer(&f, e)
		judgeRole(&f, e)
		judgeClock(&f, e)
		for _, one := range f {
			if (one.State == stateWrong) != (one.Check == check) || one.State == stateWrong && one.Do == "" {
				t.Errorf("with %q harmed: %+v", check, one)
			}
		}
		if err := f.refuse(); (err == nil) != (check == "") {
			t.Errorf("with %q harmed: %v", check, err)
		}
	}
	// Another schema is judged only as that of the newest migration known, and no more is claimed.
	newest := migrations.Latest()
	for versions, want := range map[[2]int64]state{{newest, newest}: stateWrong, {newest, newest + 1}: stateWarn, {newest + 1, newest + 1}: stateWarn, {newest - 1, newest}: stateWarn} {
		var f findings
		judgeSchema(&f, well(), versions[0], versions[1])
		if f.worst() != want || want == stateWarn && len(f) != 1 {
			t.Errorf("an empty schema at %v: %+v", versions, f)
		}
	}
	for skew, want := range map[time.Duration]state{0: stateOK, 6 * time.Second: stateWarn, -6 * time.Second: stateWarn, 3 * time.Minute: stateWrong} {
		var f findings
		judgeClock(&f, postgres.Examination{Ahead: skew})
		if f.worst() != want {
			t.Errorf("%s ahead is %s", skew, f.worst())
		}
	}
}

// writeCertificate makes a certificate that signs itself, and returns the names of its files.
func writeCertificate(t *testing.T, dir, name, host string, until time.Time) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(until.UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: until.Add(-365 * 24 * time.Hour), NotAfter: until, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// A certificate is replaced while the service runs, once both files are.
func TestCertificateIsReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	begin := time.Now()
	at := begin
	cert, key := writeCertificate(t, dir, "tls", "mizan.shop.test", begin.Add(30*24*time.Hour))
	c, err := tlsFlags{TLSCert: cert, TLSKey: key}.certificate(func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	config := c.config(slog.New(slog.NewTextHandler(&log, nil)))
	until := func() time.Time {
		t.Helper()
		held, err := config.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return held.Leaf.NotAfter
	}
	first := until()
	newCert, newKey := writeCertificate(t, dir, "new", "mizan.shop.test", begin.Add(60*24*time.Hour))
	if err := os.Rename(newCert, cert); err != nil {
		t.Fatal(err)
	}
	if !until().Equal(first) {
		t.Error("the files are looked at with every connection")
	}
	if at = at.Add(certificateEvery); !until().Equal(first) || !strings.Contains(log.String(), "cannot be used") {
		t.Errorf("half of a certificate is served; the log says %q", log.String())
	}
	if err := os.Rename(newKey, key); err != nil {
		t.Fatal(err)
	}
	if at = at.Add(certificateEvery); !until().After(first) || !strings.Contains(log.String(), "was replaced") {
		t.Errorf("the old certificate goes on; the log says %q", log.String())
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	if at = at.Add(certificateEvery); !until().After(first) {
		t.Error("without its file there is no certificate")
	}
	var f findings
	at = until().Add(-certificateSoon / 2)
	if c.look(&f, "mizan.shop.test"); f.worst() != stateWarn {
		t.Errorf("a certificate that ends soon: %+v", f)
	}
}

// testProduction serves in production mode with a certificate of its own, and has doctor look at it.
func testProduction(t *testing.T, h home, env map[string]string) {
	cert, key := writeCertificate(t, h.dir, "tls", "mizan.shop.test", time.Now().Add(90*24*time.Hour))
	env = maps.Clone(env)
	for name, value := range safeSettings() {
		if name != "MIZAN_DATABASE_URL" {
			env[name] = value
		}
	}
	env["MIZAN_TLS_CERT"], env["MIZAN_TLS_KEY"] = cert, key
	var pairs []string
	for name, value := range env {
		pairs = append(pairs, name+"="+value)
	}
	p := h.start(t, pairs, `"msg":"ready"`, "serve", "--jobs", "off")
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(contentOf(t, cert)))
	get := func(config *tls.Config, scheme, path string) (*http.Response, string, error) {
		config.RootCAs, config.ServerName = roots, "mizan.shop.test"
		transport := &http.Transport{TLSClientConfig: config}
		defer transport.CloseIdleConnections()
		a, err := (&http.Client{Transport: transport, Timeout: patience}).Get(strings.Replace(p.address, "http", scheme, 1) + path)
		if err != nil {
			return nil, "", err
		}
		defer a.Body.Close()
		body, err := io.ReadAll(a.Body)
		return a, string(body), err
	}
	for _, newest := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		a, _, err := get(&tls.Config{MaxVersion: newest}, "https", "/livez")
		if err != nil || a.StatusCode != http.StatusOK || a.TLS.Version != newest || !strings.Contains(a.Header.Get("Strict-Transport-Security"), "max-age=") {
			t.Errorf("TLS %x: %v %v", newest, a, err)
		}
	}
	if a, _, err := get(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "https", "/livez"); err == nil {
		t.Errorf("TLS 1.1 is spoken: %v", a)
	}
	if a, body, err := get(&tls.Config{}, "http", "/livez"); err != nil || a.StatusCode != http.StatusBadRequest || strings.Contains(body, "ok") {
		t.Errorf("plain HTTP is answered: %v %q %v", a, body, err)
	}
	if a, _, err := get(&tls.Config{}, "https", "/sign-in"); err != nil || slices.ContainsFunc(a.Cookies(), func(c *http.Cookie) bool { return !c.Secure || !c.HttpOnly }) {
		t.Errorf("a cookie is not secure: %v %v", a, err)
	}
	report := filepath.Join(h.dir, "verified")
	if err := os.WriteFile(report, []byte(mizan(t, env, "", "verify", "--json").want(t, exitDone).stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	said := mizan(t, env, "", "doctor", "--verify-report", report, "--data-disk", h.dir).want(t, verdict(stateWarn).code(), "warn  archive: ", "0 wrong", "were sound", "of its disk are free", "warn  jobs: No instance has ever planned").quiet(t, env)
	if strings.Contains(said.stdout, "warn  verify") {
		t.Errorf("the report is not read:\n%s", said.stdout)
	}
	mizan(t, env, "", "doctor", "--quiet", "--verify-report", cert).want(t, verdict(stateWarn).code(), "is no report").quiet(t, env)
	const whole = `{"installation_audit_trail":{"sound":true}}`
	for text, says := range map[string]string{`{"book":"uk","sound":false}`: "found something in uk", `{"book":"uk","sound":true,"payouts":{"sound":true},"suspense":{"sound":false}}` + whole: "found something in uk",
		`{"book":"uk","sound":true,"audit_trail":{"sound":false}}` + whole: "found something in uk", `{"installation_audit_trail":{"sound":false}}`: "found something in the trail of no book",
		`{"book":"uk","sound":true,"acts_told":{"sound":false}}` + whole:                                                 "found something in uk",
		`{"book":"uk","sound":true}{"installation_audit_trail":{"sound":true},"installation_acts_told":{"sound":false}}`: "found something in people, roles or keys",
		`{"book":"uk","sound":true,"earnings":{"sound":false}}` + whole:                                                  "sums of earnings differ",
		`{"book":"uk","sound":true}`: "did not come to its end", `{"book":"uk","sound":true}` + whole[:20]: "is no report", whole: ""} {
		if err := os.WriteFile(report, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var f findings
		(&doctorCmd{VerifyReport: report}).judgeVerification(&f, time.Now())
		if len(f) != 1 || !strings.Contains(f[0].Says, says) || (f[0].State == stateOK) != (says == "") || (f[0].State == stateWrong) != strings.HasPrefix(says, "found") {
			t.Errorf("%s: %+v", text, f)
		}
	}
	p.stop(t)
	if said := (outcome{stdout: p.output()}).quiet(t, env); !strings.Contains(said.stdout, `"msg":"this should be looked at","check":"archive","says":"`) {
		t.Errorf("the log does not tell what doctor warns of:\n%s", said.stdout)
	}
}
