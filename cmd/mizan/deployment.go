package main

// Deployment: how the service is reached, what it works on, and with which secrets. Serve serves so, and doctor looks at it.

import (
	"net/url"

	"mizan/ledger/commerce/intake"
	"mizan/ledger/fault"
	"mizan/ledger/vault"
	"mizan/payouts/processor"
)

var errUnsafe = fault.New(fault.Invalid, "deployment-unsafe",
	"Mizan does not start in production mode, because something of the deployment is not safe. Correct what is listed, or ask mizan doctor.")

// deploymentFlags say it.
type deploymentFlags struct {
	databaseFlags
	signInFlags
	vaultFlags
	processorFlags
	tlsFlags
	Listen             string `help:"Address of the API." default:"127.0.0.1:8080" placeholder:"ADDRESS"`
	BehindTLSProxy     bool   `name:"behind-tls-proxy" help:"Allow an address beyond this machine: a proxy in front of it ends TLS, and nobody else reaches it. In production mode --trusted-proxy names the proxies."`
	MaxConnections     int32  `help:"Connections to the database at most." default:"20" placeholder:"N"`
	CursorKeyFile      string `name:"cursor-key-file" help:"File with the key that cursors are signed with, instead of the variable MIZAN_CURSOR_KEY; replicas share it. Without it a cursor does not outlive a restart." type:"path" placeholder:"FILE"`
	WebhookSecretsFile string `name:"webhook-secrets-file" help:"File with the secrets that inbound messages are signed with, a line book/source=secret each, two at most of a source; instead of the variable MIZAN_WEBHOOK_SECRETS." type:"path" placeholder:"FILE"`
}

// deployment is what the flags and the variables come to. Nothing was opened for it.
type deployment struct {
	flags     deploymentFlags
	database  *database
	cursorKey string
	webhooks  intake.Secrets
	vaultKeys vault.Keys
	// stripe are the key and the secrets of the two webhook endpoints.
	stripe [3]string
	driver processor.Driver
	entry  signIn
	// certificate is the service's own; nil for none.
	certificate *certificate
}

// settle reads everything that the flags and the variables name.
func (f deploymentFlags) settle(s *surroundings) (*deployment, error) {
	d := &deployment{flags: f}
	for _, read := range []func() error{
		func() (err error) { d.database, err = f.given(s); return err },
		func() (err error) { d.certificate, err = f.tlsFlags.certificate(s.now); return err },
		func() (err error) { d.cursorKey, err = s.secret("MIZAN_CURSOR_KEY", f.CursorKeyFile); return err },
		func() (err error) { d.webhooks, err = s.webhookSecrets(f.WebhookSecretsFile); return err },
		func() (err error) { d.vaultKeys, err = f.vaultFlags.keys(s); return err },
		func() (err error) { d.stripe[0], d.stripe[1], d.stripe[2], err = f.stripeSecrets.read(s); return err },
		func() (err error) { d.driver, err = f.newDriver(s); return err },
		func() (err error) { d.entry, err = f.signInFlags.settle(s); return err },
	} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// given reports whether anything but the address of the application's database names a deployment: a secret, a certificate or the owner.
func (d *deployment) given() bool {
	for range d.webhooks.All() {
		return true
	}
	return d.database.ownerURL != "" || d.certificate != nil || d.cursorKey != "" || !d.vaultKeys.Empty() || d.stripe != [3]string{} ||
		d.entry.sessionKey != nil || d.entry.clientSecret != "" || len(d.files()) > 0
}

// secure reports whether browsers reach the service over TLS alone.
func (d *deployment) secure() bool {
	return d.certificate != nil || d.flags.BehindTLSProxy || d.entry.secure
}

// reachable returns errNotLocal if keys would travel readable over the network.
func (d *deployment) reachable() error {
	if d.certificate != nil || d.flags.BehindTLSProxy || local(d.flags.Listen) {
		return nil
	}
	return errNotLocal.With("Keys would travel readable over the network. Listen on this machine, such as 127.0.0.1:8080, " +
		"name a certificate with --tls-cert and --tls-key, or say --behind-tls-proxy if a proxy in front ends TLS.")
}

// host returns the name by which browsers reach the service; empty if nobody said.
func (d *deployment) host() string {
	u, err := url.Parse(d.entry.public)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// files returns the files that hold secrets, by the flag that names them.
func (d *deployment) files() map[string]string {
	f := d.flags
	all := map[string]string{"--database-url-file": f.DatabaseURLFile, "--owner-database-url-file": f.OwnerDatabaseURLFile, "--cursor-key-file": f.CursorKeyFile,
		"--session-key-file": f.SessionKeyFile, "--oidc-client-secret-file": f.OIDCClientSecret, "--webhook-secrets-file": f.WebhookSecretsFile,
		"--vault-keys-file": f.VaultKeysFile, "--stripe-key-file": f.StripeKeyFile, "--stripe-webhook-secret-file": f.StripeWebhookSecretFile,
		"--stripe-connect-secret-file": f.StripeConnectSecretFile, "--tls-key": f.TLSKey}
	for flag, file := range all {
		if file == "" {
			delete(all, flag)
		}
	}
	return all
}
