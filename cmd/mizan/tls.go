package main

// TLS: the service's own certificate, where no proxy in front of it ends TLS. The files may be replaced while it serves.

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// tlsFlags name the certificate.
type tlsFlags struct {
	TLSCert string `name:"tls-cert" help:"File with the certificate of the service and those between it and its root, in PEM. With it the service speaks TLS itself, 1.2 or later." type:"path" placeholder:"FILE"`
	TLSKey  string `name:"tls-key" help:"File with the private key of the certificate, in PEM. Both files may be replaced while the service runs." type:"path" placeholder:"FILE"`
}

// certificateEvery is how often the files are looked at while connections are made.
const certificateEvery = 10 * time.Second

// certificate is one that is kept in two files. It is safe for concurrent use.
type certificate struct {
	certFile, keyFile string
	now               func() time.Time

	mu     sync.Mutex
	held   *tls.Certificate
	of     [2]fs.FileInfo
	looked time.Time
	log    *slog.Logger
}

// certificate returns the certificate that the flags name, nil for none.
func (f tlsFlags) certificate(now func() time.Time) (*certificate, error) {
	if f.TLSCert == "" && f.TLSKey == "" {
		return nil, nil
	}
	if f.TLSCert == "" || f.TLSKey == "" {
		return nil, usageError("TLS needs both files. Set --tls-cert and --tls-key.")
	}
	c := &certificate{certFile: f.TLSCert, keyFile: f.TLSKey, now: now, log: slog.New(slog.DiscardHandler), looked: now()}
	if err := c.load(); err != nil {
		var missing *fs.PathError
		if errors.As(err, &missing) {
			return nil, err // it names the file
		}
		return nil, usageError("The certificate of --tls-cert and the key of --tls-key cannot be used together. Give a certificate in PEM, those between it and " +
			"its root after it, and the private key that belongs to it, without a password.")
	}
	return c, nil
}

// load reads the files. What was held stays if they cannot be used.
func (c *certificate) load() error {
	stamps, err := c.stamps()
	if err != nil {
		return err
	}
	loaded, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err == nil && loaded.Leaf == nil {
		loaded.Leaf, err = x509.ParseCertificate(loaded.Certificate[0])
	}
	if err != nil {
		return err
	}
	c.held, c.of = &loaded, stamps
	return nil
}

// stamps tell one content of the files from another without reading them.
func (c *certificate) stamps() (stamps [2]fs.FileInfo, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if stamps[i], err = os.Stat(name); err != nil {
			return stamps, err
		}
	}
	return stamps, nil
}

// unchanged reports whether the files are still those that were read. A clock of files is coarse, so that the file itself counts too.
func (c *certificate) unchanged(stamps [2]fs.FileInfo) bool {
	for i, was := range c.of {
		if !os.SameFile(was, stamps[i]) || !was.ModTime().Equal(stamps[i].ModTime()) || was.Size() != stamps[i].Size() {
			return false
		}
	}
	return true
}

// current returns the certificate for a connection, and looks every now and then whether the files were replaced. While one was
// and the other not yet, the old certificate goes on.
func (c *certificate) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.looked) >= certificateEvery {
		c.looked = now
		c.renew()
	}
	return c.held, nil
}

func (c *certificate) renew() {
	stamps, err := c.stamps()
	if err == nil && c.unchanged(stamps) {
		return
	}
	if err == nil {
		err = c.load()
	}
	if err != nil {
		c.log.Error("the files of the TLS certificate were changed and cannot be used; the certificate from before goes on", "err", err)
		return
	}
	c.log.Info("the TLS certificate was replaced", "until", c.held.Leaf.NotAfter)
}

// config returns what the service speaks TLS by; nil for nil. HTTP/1.1 alone, because what bounds requests counts connections.
func (c *certificate) config(log *slog.Logger) *tls.Config {
	if c == nil {
		return nil
	}
	c.log = log
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: c.current}
}

// certificateSoon is how long before its end a certificate should have been replaced.
const certificateSoon = 21 * 24 * time.Hour

// look says how long the certificate holds, and for whom.
func (c *certificate) look(f *findings, host string) {
	const check = "certificate"
	leaf, now := c.held.Leaf, c.now()
	switch {
	case now.After(leaf.NotAfter) || now.Before(leaf.NotBefore):
		f.wrong(check, "The TLS certificate does not hold at this time.", "Replace the files of --tls-cert and --tls-key.")
	case host != "" && leaf.VerifyHostname(host) != nil:
		f.wrong(check, "The TLS certificate is not one of the host that --public-url names.", "Get a certificate for that name.")
	case leaf.NotAfter.Sub(now) < certificateSoon:
		f.warn(check, "The TLS certificate ends on "+leaf.NotAfter.UTC().Format(time.DateOnly)+".", "Replace the files of --tls-cert and --tls-key; a restart is not needed.")
	default:
		f.ok(check, "The TLS certificate holds until "+leaf.NotAfter.UTC().Format(time.DateOnly)+".")
	}
}
