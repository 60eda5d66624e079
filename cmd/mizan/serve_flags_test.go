package main

// Flags of mizan serve that make no sense are refused with a sentence, before anything is opened, and what is secret is not
// repeated.

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestServeFlags(t *testing.T) {
	t.Parallel()
	const canary = "canary4711"
	sessionKey := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("s", 32)))
	good := newVaultKey("k1")
	// Nobody listens there: whoever comes so far has accepted the flags.
	base := map[string]string{"MIZAN_DATABASE_URL": "postgres://mizan_app:not-a-secret-3@127.0.0.1:1/mizan"}
	dir := t.TempDir()
	large, missing := filepath.Join(dir, "large"), filepath.Join(dir, "missing")
	if err := os.WriteFile(large, []byte(strings.Repeat(canary, 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	issuer := map[string]string{"MIZAN_OIDC_ISSUER": "https://id.example.com", "MIZAN_OIDC_CLIENT_ID": "mizan", "MIZAN_PUBLIC_URL": "https://mizan.example.com",
		"MIZAN_SESSION_KEY": sessionKey, "MIZAN_OIDC_CLIENT_SECRET": canary}
	processor := map[string]string{"MIZAN_STRIPE_KEY": "sk_live_" + canary, "MIZAN_STRIPE_WEBHOOK_SECRET": canary + "_platform", "MIZAN_STRIPE_CONNECT_SECRET": canary + "_connect"}
	with := func(from map[string]string, pairs ...string) map[string]string {
		env := map[string]string{}
		for _, m := range []map[string]string{base, from} {
			for k, v := range m {
				env[k] = v
			}
		}
		for i := 0; i < len(pairs); i += 2 {
			env[pairs[i]] = pairs[i+1]
		}
		return env
	}
	for name, c := range map[string]struct {
		env  map[string]string
		code int
		says string
	}{
		"nothing wrong":               {with(nil), exitUnavailable, "does not answer"},
		"no such browser":             {with(nil, "MIZAN_CHROMIUM", "/none/chromium"), exitUsage, "--chromium names no program"},
		"all of an issuer":            {with(issuer, "MIZAN_OIDC_AUDIENCE", "mizan-api"), exitUnavailable, "does not answer"},
		"proxies":                     {with(nil, "MIZAN_TRUSTED_PROXY", "10.0.0.0/8,fd00::/8,192.0.2.7"), exitUnavailable, "does not answer"},
		"a public client":             {with(issuer, "MIZAN_OIDC_CLIENT_SECRET", ""), exitUnavailable, "does not answer"},
		"this machine without TLS":    {with(nil, "MIZAN_PUBLIC_URL", "http://localhost:8080/"), exitUnavailable, "does not answer"},
		"connections below nothing":   {with(nil, "MIZAN_CONNECTIONS_PER_ADDRESS", "-1"), exitUsage, "--connections-per-address is 0"},
		"connections without a bound": {with(nil, "MIZAN_CONNECTIONS_PER_ADDRESS", "0"), exitUnavailable, "does not answer"},
		"vault keys":                  {with(nil, "MIZAN_VAULT_KEYS", good), exitUnavailable, "does not answer"},
		"public without TLS":          {with(nil, "MIZAN_PUBLIC_URL", "http://mizan.example.com"), exitUsage, "https://"},
		"public with a path":          {with(nil, "MIZAN_PUBLIC_URL", "https://mizan.example.com/app"), exitUsage, "https://"},
		"public with a password":      {with(nil, "MIZAN_PUBLIC_URL", "https://u:"+canary+"@mizan.example.com"), exitUsage, "https://"},
		"public with a query":         {with(nil, "MIZAN_PUBLIC_URL", "https://mizan.example.com?x=1"), exitUsage, "https://"},
		"public with a fragment":      {with(nil, "MIZAN_PUBLIC_URL", "https://mizan.example.com#x"), exitUsage, "https://"},
		"public without a host":       {with(nil, "MIZAN_PUBLIC_URL", "https://:443"), exitUsage, "https://"},
		"public of another scheme":    {with(nil, "MIZAN_PUBLIC_URL", "javascript://mizan.example.com"), exitUsage, "https://"},
		"public that is no address":   {with(nil, "MIZAN_PUBLIC_URL", "::"+canary), exitUsage, "https://"},
		"session key too short":       {with(nil, "MIZAN_SESSION_KEY", base64.StdEncoding.EncodeToString([]byte(canary))), exitUsage, "32 bytes in base64"},
		"session key of letters":      {with(nil, "MIZAN_SESSION_KEY", canary+"!"), exitUsage, "32 bytes in base64"},
		"session key twice":           {with(nil, "MIZAN_SESSION_KEY", sessionKey, "MIZAN_SESSION_KEY_FILE", large), exitUsage, "Set one of them"},
		"session key file missing":    {with(nil, "MIZAN_SESSION_KEY_FILE", missing), exitRefused, "no such file"},
		"session key file large":      {with(nil, "MIZAN_SESSION_KEY_FILE", large), exitRefused, "too large"},
		"issuer without session key":  {with(issuer, "MIZAN_SESSION_KEY", ""), exitUsage, "session key"},
		"issuer without public":       {with(issuer, "MIZAN_PUBLIC_URL", ""), exitUsage, "--public-url"},
		"issuer without client":       {with(issuer, "MIZAN_OIDC_CLIENT_ID", ""), exitUsage, "--oidc-client-id"},
		"issuer without TLS":          {with(issuer, "MIZAN_OIDC_ISSUER", "http://id.example.com"), exitRefused, "https"},
		"issuer with a password":      {with(issuer, "MIZAN_OIDC_ISSUER", "https://u:"+canary+"@id.example.com"), exitRefused, "https"},
		"client without issuer":       {with(issuer, "MIZAN_OIDC_ISSUER", ""), exitUsage, "--oidc-issuer"},
		"secret without issuer":       {with(nil, "MIZAN_OIDC_CLIENT_SECRET", canary), exitUsage, "--oidc-issuer"},
		"audience without issuer":     {with(nil, "MIZAN_OIDC_AUDIENCE", "mizan-api"), exitUsage, "--oidc-issuer"},
		"client secret file missing":  {with(issuer, "MIZAN_OIDC_CLIENT_SECRET", "", "MIZAN_OIDC_CLIENT_SECRET_FILE", missing), exitRefused, "no such file"},
		"a proxy that is no network":  {with(nil, "MIZAN_TRUSTED_PROXY", "example.com"), exitUsage, "10.0.0.0/8"},
		"a proxy that is everybody":   {with(nil, "MIZAN_TRUSTED_PROXY", "0.0.0.0/0"), exitUsage, "believe everybody"},
		"a proxy that is everybody 6": {with(nil, "MIZAN_TRUSTED_PROXY", "10.0.0.0/8,::/0"), exitUsage, "believe everybody"},
		"vault keys without a name":   {with(nil, "MIZAN_VAULT_KEYS", strings.TrimPrefix(good, "k1=")), exitRefused, "Line 1"},
		"a vault key too short":       {with(nil, "MIZAN_VAULT_KEYS", "k1="+canary), exitRefused, "32 bytes"},
		"a vault key twice":           {with(nil, "MIZAN_VAULT_KEYS", good+"\n"+strings.Replace(good, "k1", "k2", 1)), exitRefused, "same key"},
		"vault keys twice":            {with(nil, "MIZAN_VAULT_KEYS", good, "MIZAN_VAULT_KEYS_FILE", large), exitUsage, "Set one of them"},
		"vault keys file missing":     {with(nil, "MIZAN_VAULT_KEYS_FILE", missing), exitRefused, "no such file"},
		"all of Stripe":               {with(processor), exitUsage, "Add --production"},
		"Stripe in test mode":         {with(processor, "MIZAN_STRIPE_KEY", "rk_test_"+canary, "MIZAN_STRIPE_ADDRESS", "http://127.0.0.1:12111"), exitUnavailable, "does not answer"},
		"Stripe without a secret":     {with(processor, "MIZAN_STRIPE_WEBHOOK_SECRET", ""), exitUsage, "both webhook endpoints"},
		"Stripe without the other":    {with(processor, "MIZAN_STRIPE_CONNECT_SECRET", ""), exitUsage, "both webhook endpoints"},
		"Stripe with a short secret":  {with(processor, "MIZAN_STRIPE_CONNECT_SECRET", "whsec_"), exitUsage, "too short"},
		"Stripe with one secret":      {with(processor, "MIZAN_STRIPE_CONNECT_SECRET", canary+"_platform"), exitUsage, "the same"},
		"secrets without Stripe":      {with(processor, "MIZAN_STRIPE_KEY", ""), exitUsage, "API key is missing"},
		"a key of nobody":             {with(processor, "MIZAN_STRIPE_KEY", "pk_live_"+canary), exitUsage, "not a secret key"},
		"a live key without TLS":      {with(processor, "MIZAN_STRIPE_ADDRESS", "http://127.0.0.1:12111"), exitUsage, "sent to Stripe only"},
		"a live key elsewhere":        {with(processor, "MIZAN_STRIPE_ADDRESS", "https://stripe.example.com"), exitUsage, "sent to Stripe only"},
		"a test key without TLS":      {with(processor, "MIZAN_STRIPE_KEY", "sk_test_"+canary, "MIZAN_STRIPE_ADDRESS", "http://192.0.2.7"), exitUsage, "https"},
		"Stripe's key twice":          {with(processor, "MIZAN_STRIPE_KEY_FILE", large), exitUsage, "Set one of them"},
		"Stripe's key file missing":   {with(nil, "MIZAN_STRIPE_KEY_FILE", missing), exitRefused, "no such file"},
		"beyond this machine":         {with(nil, "MIZAN_LISTEN", "0.0.0.0:0"), exitRefused, "readable over the network"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.env["MIZAN_LISTEN"] == "" {
				c.env["MIZAN_LISTEN"] = "127.0.0.1:0"
			}
			said := mizan(t, c.env, "", "serve").want(t, c.code, c.says)
			text := said.stdout + said.stderr
			for _, secret := range []string{canary, "not-a-secret", sessionKey, strings.TrimPrefix(good, "k1=")} {
				if strings.Contains(text, secret) {
					t.Errorf("it repeats a secret: %s", text)
				}
			}
		})
	}
}
