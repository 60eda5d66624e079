package main

// A leak is a secret that somebody may still use, in a file of the project.

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// leaks are the secrets that are known by their looks: what each begins with, and all of it. What tests make up says what it is, in
// words with underscores between, or repeats a few characters.
var leaks = []struct {
	begins string
	looks  *regexp.Regexp
}{
	{"_live_", regexp.MustCompile(`\b[sr]k_live_[0-9A-Za-z]{16,}`)},                           // Stripe
	{"whsec_", regexp.MustCompile(`\bwhsec_[0-9A-Za-z+/]{24,}`)},                              // Stripe and Standard Webhooks
	{"mk_", regexp.MustCompile(`\bmk_[0-9A-Za-z]{8,}_[0-9A-Za-z_-]{40,}`)},                    // keys of this service
	{"PRIVATE KEY-----", regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`)},            // PEM
	{"AKIA", regexp.MustCompile(`\bAKIA[0-9A-Z]{16}\b`)},                                      // AWS
	{"ASIA", regexp.MustCompile(`\bASIA[0-9A-Z]{16}\b`)},                                      // AWS, for a time
	{"AIza", regexp.MustCompile(`\bAIza[0-9A-Za-z_-]{35}`)},                                   // Google
	{"ghp_", regexp.MustCompile(`\bghp_[0-9A-Za-z]{36}`)},                                     // GitHub
	{"github_pat_", regexp.MustCompile(`\bgithub_pat_[0-9A-Za-z_]{36,}`)},                     // GitHub
	{"xox", regexp.MustCompile(`\bxox[abprs]-[0-9A-Za-z-]{10,}`)},                             // Slack
	{"npm_", regexp.MustCompile(`\bnpm_[0-9A-Za-z]{36}`)},                                     // npm
	{"postgres://", regexp.MustCompile(`\bpostgres://[^\s:@/"'<$%{]+:[0-9A-Za-z+/_-]{24,}@`)}, // PostgreSQL, with a password that was drawn
}

// leaked returns what looks like a secret.
func leaked(content []byte) (found []string) {
	for _, leak := range leaks {
		if !bytes.Contains(content, []byte(leak.begins)) {
			continue
		}
		for _, one := range leak.looks.FindAll(content, -1) {
			different := map[byte]bool{}
			for _, c := range one {
				different[c] = true
			}
			if len(different) >= 10 {
				found = append(found, string(one))
			}
		}
	}
	return found
}

// No file of the project holds a secret, and each kind of them would be noticed.
func TestNoFileHoldsASecret(t *testing.T) {
	t.Parallel()
	const random = "4eC39HqLyjWDarjtT1zdp7dcVbXk2mQzR8sWnUf5"
	for _, secret := range []string{"sk_" + "live_" + random, "rk_" + "live_" + random[:24], "whsec" + "_" + random[:32], "mk_" + random[:12] + "_" + random + random[:3],
		"-----BEGIN " + "PRIVATE KEY-----", "-----BEGIN EC " + "PRIVATE KEY-----", "AKIA" + strings.ToUpper(random[:16]), "ASIA" + strings.ToUpper(random[:16]),
		"AIza" + random[:35], "ghp" + "_" + random[:36], "github" + "_pat_" + random[:36], "xoxb" + "-" + random[:20], "npm" + "_" + random[:36], "postgres://mizan_app:" + random + "@"} {
		if got := leaked([]byte("key: " + secret + "\n")); len(got) != 1 || got[0] != secret {
			t.Errorf("of %s… it is found %q", secret[:5], got)
		}
	}
	files := 0
	err := filepath.WalkDir("../..", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			if base == ".git" || base == ".mizan" || base == "bin" || base == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		files++
		if found := leaked(content); len(found) > 0 {
			t.Errorf("%s holds what looks like %d secrets. If one was ever in use, end it where it was made; then take it out of the file.", name, len(found))
		}
		return nil
	})
	if err != nil || files < 1000 {
		t.Errorf("%d files were read: %v", files, err)
	}
}
