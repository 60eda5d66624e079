package main

// Look at the settings: how the service is reached, and whether its secrets protect anything. Nobody is asked.

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"

	"mizan/ledger/postgres"
)

// The least lengths of secrets, in characters. Those of others are as long as they make them, and shops make 16 at least.
const (
	leastKey      = 32
	leastSecret   = 16
	leastPassword = 12
)

// lookAtSettings looks at everything that the flags and the variables say.
func (d *deployment) lookAtSettings() findings {
	var f findings
	d.lookAtListening(&f)
	d.lookAtCookies(&f)
	if d.certificate != nil {
		host := d.host()
		if d.flags.BehindTLSProxy { // browsers see the proxy's certificate, and this one may have a name within
			host = ""
		}
		d.certificate.look(&f, host)
	}
	d.lookAtKeys(&f)
	d.lookAtWebhooks(&f)
	d.lookAtStripe(&f)
	d.lookAtFiles(&f)
	d.lookAtAddress(&f, "database-address", "MIZAN_DATABASE_URL", d.database.appURL)
	if d.database.ownerURL != "" {
		d.lookAtAddress(&f, "owner-address", "MIZAN_OWNER_DATABASE_URL", d.database.ownerURL)
	}
	return f
}

func (d *deployment) lookAtListening(f *findings) {
	const check = "listen"
	here := local(d.flags.Listen)
	switch {
	case d.certificate != nil:
		f.ok(check, "The service speaks TLS itself.")
	case here && d.flags.BehindTLSProxy:
		f.ok(check, "The service listens on this machine only, behind a proxy that ends TLS.")
	case here:
		f.ok(check, "The service listens on this machine only.")
	case d.flags.BehindTLSProxy:
		f.ok(check, "The service listens beyond this machine, behind a proxy that ends TLS.")
	default:
		f.wrong(check, "The service would speak plain HTTP beyond this machine, and keys would travel readable.",
			"Name a certificate with --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy, or say --behind-tls-proxy and name the proxy with --trusted-proxy.")
	}
	const trusted = "trusted-proxy"
	do := "Name the networks of your proxies, and nobody else's, with --trusted-proxy."
	// The narrowest network that anybody's proxies need is much smaller than these. The private addresses of IPv6 are nobody's on the internet.
	private := netip.MustParsePrefix("fc00::/7")
	wide := slices.ContainsFunc(d.entry.proxies, func(p netip.Prefix) bool { return p.Bits() < 8 && p.Masked() != private })
	switch {
	case wide:
		f.wrong(trusted, "--trusted-proxy believes whole parts of the internet when they say whom a request comes from.", do)
	case d.flags.BehindTLSProxy && len(d.entry.proxies) == 0 && !here:
		f.wrong(trusted, "The service stands behind a proxy that it does not know, so that every request seems to come from it.", do)
	case d.flags.BehindTLSProxy && len(d.entry.proxies) == 0:
		f.warn(trusted, "The service stands behind a proxy that it does not know, so that every request seems to come from it.", do)
	case here && d.certificate == nil && strings.HasPrefix(d.entry.public, "https:") && len(d.entry.proxies) == 0:
		f.warn(trusted, "Something on this machine ends TLS in front of the service, which does not know it, so that every request seems to come from it.", do)
	case len(d.entry.proxies) > 0:
		f.ok(trusted, fmt.Sprintf("%d networks of proxies are believed when they say whom a request comes from.", len(d.entry.proxies)))
	}
}

func (d *deployment) lookAtCookies(f *findings) {
	f.hold("cookies", d.secure(), "Cookies are sent over TLS only, and browsers are told to stay with it.",
		"Cookies of sessions would be sent without TLS too.", "Say --public-url https://…, or --behind-tls-proxy, or name a certificate with --tls-cert and --tls-key.")
	if d.entry.public == "" {
		f.warn("public-url", "Nobody said how browsers reach the service, so that links in messages and sign-in by an issuer do not work.", "Say --public-url https://….")
	}
}

func (d *deployment) lookAtKeys(f *findings) {
	const draw = "Make one with openssl rand -base64 32, and give every instance the same."
	switch why := guessable(d.cursorKey, leastKey); {
	case d.cursorKey == "":
		f.wrong("cursor-key", "There is no key that cursors are signed with, so that each start and each instance refuses those of others.", "Set MIZAN_CURSOR_KEY or --cursor-key-file. "+draw)
	default:
		f.hold("cursor-key", why == "", "Cursors are signed with a key of your own.", "The key that cursors are signed with "+why+".", draw)
	}
	switch {
	case d.entry.sessionKey == nil:
		f.wrong("session-key", "There is no key that forms and sign-ins are sealed with, so that each start and each instance refuses those of others.", "Set MIZAN_SESSION_KEY or --session-key-file. "+draw)
	default:
		f.hold("session-key", !written(d.entry.sessionKey), "Forms are sealed with a key of your own.", "The key that forms are sealed with was not drawn by chance.", draw)
	}
	const line = "Make a line with mizan vault key."
	development := slices.ContainsFunc(d.vaultKeys.MasterNames(), func(name string) bool { return name == developmentKey })
	weak := d.vaultKeys.Which(written)
	switch {
	case d.vaultKeys.Empty():
		f.wrong("vault-keys", "No master key of the vault is named, so that personal data can neither be stored nor read.", "Set --vault-keys-file. "+line)
	case development:
		f.wrong("vault-keys", "The vault's master key is one that mizan dev made, and lies beside its data.", line)
	default:
		f.hold("vault-keys", len(weak) == 0, "The vault's keys: "+strings.Join(d.vaultKeys.MasterNames(), ", ")+"; the first seals what is new.",
			"These master keys of the vault were not drawn by chance: "+firstFew(weak)+".", line)
	}
	if d.cursorKey != "" && d.sharesCursorKey() {
		f.wrong("secrets-apart", "One secret serves two purposes, so that who learns it for one has the other too.", "Draw a secret for each.")
	}
}

// sharesCursorKey reports whether the key of cursors is a secret of something else too.
func (d *deployment) sharesCursorKey() bool {
	if slices.Contains(d.stripe[:], d.cursorKey) || d.entry.clientSecret == d.cursorKey {
		return true
	}
	for _, secret := range d.webhooks.All() {
		if secret == d.cursorKey {
			return true
		}
	}
	return base64.StdEncoding.EncodeToString(d.entry.sessionKey) == d.cursorKey
}

func (d *deployment) lookAtWebhooks(f *findings) {
	weak, known := map[string]bool{}, 0
	for whose, secret := range d.webhooks.All() {
		known++
		if guessable(secret, leastSecret) != "" {
			weak[whose] = true
		}
	}
	switch {
	case known == 0:
		f.ok("webhook-secrets", "Messages of shops are not taken: there are no secrets of them.")
	default:
		f.hold("webhook-secrets", len(weak) == 0, fmt.Sprintf("%d secrets of inbound messages are known.", known),
			"The secrets of inbound messages of "+firstFew(slices.Sorted(maps.Keys(weak)))+" are short or can be guessed.", "Have the shop make another one, of 16 characters at least.")
	}
}

func (d *deployment) lookAtStripe(f *findings) {
	const check = "stripe"
	key := d.stripe[0]
	short := guessable(d.stripe[1], leastSecret) != "" || guessable(d.stripe[2], leastSecret) != ""
	switch {
	case key == "":
		f.ok(check, "There is no payment processor.")
	case d.flags.StripeAddress != "":
		f.wrong(check, "Payouts would go to something that speaks as Stripe does, and not to Stripe.", "Leave --stripe-address out.")
	case !liveKey(key):
		f.wrong(check, "The key of Stripe is one of its test mode, in which no money moves, and payees would be told that they were paid.", "Use a live key, or leave production mode.")
	case short:
		f.wrong(check, "A secret of Stripe's webhook endpoints is short or can be guessed.", "Copy the secrets from Stripe's dashboard, or roll them there.")
	default:
		f.ok(check, "Stripe's key moves money.")
	}
}

func (d *deployment) lookAtFiles(f *findings) {
	files := d.files()
	var open, group []string
	for _, flag := range slices.Sorted(maps.Keys(files)) {
		switch mode, err := fileMode(files[flag]); {
		case err != nil: // reading it said so
		case mode&0o007 != 0:
			open = append(open, flag)
		case mode&0o070 != 0:
			group = append(group, flag)
		}
	}
	const check, do = "secret-files", "Run: chmod 600 on them, as their owner."
	switch {
	case len(open) > 0:
		f.wrong(check, "Everybody on this machine may use these files with secrets: "+strings.Join(open, ", ")+".", do)
	case len(group) > 0:
		f.warn(check, "Others than its owner may use these files with secrets: "+strings.Join(group, ", ")+".", do)
	case len(files) > 0:
		f.ok(check, "The files with secrets are their owner's alone.")
	}
}

// fileMode returns who may use a file; that of nobody if it is not there.
func fileMode(name string) (fs.FileMode, error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Mode().Perm(), nil
}

func (d *deployment) lookAtAddress(f *findings, check, variable, url string) {
	if url == "" {
		return
	}
	a, err := postgres.ReadAddress(url)
	if err != nil {
		f.wrong(check, variable+" cannot be read.", explain(err))
		return
	}
	why := ""
	if a.Remote && a.Password() != "" {
		if why = guessable(a.Password(), leastPassword); why == "" && strings.Contains(strings.ToLower(a.Password()), strings.ToLower(a.Role)) {
			why = "holds the name of the role"
		}
	}
	switch {
	case len(a.Unproven) > 0:
		f.wrong(check, "The way to the database "+firstFew(a.Unproven)+" could be overheard, or lead to somebody else.",
			"Put sslmode=verify-full, and sslrootcert where the root is your own, into "+variable+".")
	case why != "":
		f.wrong(check, "The database's password of "+a.Role+" "+why+".", "Set another one with ALTER ROLE, such as openssl rand -hex 24 prints.")
	default:
		f.ok(check, "The way to the database of "+variable+" is safe: "+map[bool]string{true: "TLS proves its name", false: "it does not leave this machine"}[a.Remote]+".")
	}
}
