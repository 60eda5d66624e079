package main

// Secrets: keys and database addresses, from variables or from files that others cannot read.

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mizan/ledger/commerce/intake"
)

// maxSecretBytes bounds what is read from a file that someone named by mistake.
const maxSecretBytes = 4096

// secret returns the value of the variable, or the content of file, or "". Setting both is a mistake that is better
// told than guessed about.
func (s *surroundings) secret(variable, file string) (string, error) {
	value := s.getenv(variable)
	switch {
	case value != "" && file != "":
		return "", usageError("Both " + variable + " and " + variable + "_FILE are set. Set one of them.")
	case file == "":
		return value, nil
	}
	return readSecret(file)
}

// webhookSecrets returns the secrets of inbound messages, none if nothing says any.
func (s *surroundings) webhookSecrets(file string) (intake.Secrets, error) {
	text, err := s.secret("MIZAN_WEBHOOK_SECRETS", file)
	if err != nil {
		return intake.Secrets{}, err
	}
	return intake.ParseSecrets(text)
}

// readSecret returns the content of a file without the line's end.
func readSecret(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	if info.Size() > maxSecretBytes {
		return "", fmt.Errorf("%s is too large to be a key or an address", file)
	}
	content, err := os.ReadFile(file) // #nosec G304 -- the operator names the file, and may read it
	return strings.TrimSpace(string(content)), err
}

// keepSecret returns the secret kept in file, and makes a random one with the prefix on first use. Only the owner may
// read the file.
func keepSecret(file, prefix string) (string, error) {
	kept, err := readSecret(file)
	if err == nil && kept != "" {
		return kept, os.Chmod(file, 0o600)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	var random [32]byte
	rand.Read(random[:]) // Never fails: the program ends instead.
	return keepText(file, prefix+base64.RawURLEncoding.EncodeToString(random[:]))
}

// keepText puts a secret into a file that only the owner may read, and returns it.
func keepText(file, value string) (string, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { // #nosec G301 -- the database's own user passes through it; what it holds has mode 600
		return "", err
	}
	// Written beside and renamed, so that a start that is interrupted leaves no half a key.
	part := file + ".part"
	if err := os.WriteFile(part, []byte(value+"\n"), 0o600); err != nil {
		return "", err
	}
	return value, os.Rename(part, file)
}

// keepVaultKey returns the content of a file of the vault's keys, and makes one with a random key on first use. Only the
// owner may read the file.
func keepVaultKey(file string) (string, error) {
	kept, err := readSecret(file)
	if err == nil && kept != "" {
		return kept, os.Chmod(file, 0o600)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return keepText(file, newVaultKey(developmentKey))
}

// developmentKey is the name of the vault's key that mizan dev makes, by which it is known elsewhere.
const developmentKey = "development"

// newVaultKey returns a line for a file of the vault's keys.
func newVaultKey(name string) string {
	var random [32]byte
	rand.Read(random[:]) // Never fails: the program ends instead.
	return name + "=" + base64.StdEncoding.EncodeToString(random[:])
}
