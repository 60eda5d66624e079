package vault_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mizan/ledger/vault"
)

func TestParseKeys(t *testing.T) {
	t.Parallel()
	var sixteen, seventeen strings.Builder
	for i := range 17 {
		line := keyLine(fmt.Sprintf("k%d", i), byte(i+1))
		if i < 16 {
			sixteen.WriteString(line)
		}
		seventeen.WriteString(line)
	}
	encoded := func(n int, filler byte) string {
		return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{filler}, n))
	}
	good := map[string]struct {
		text  string
		names []string
	}{
		"none":                   {"", nil},
		"comments only":          {"# none\n\n", nil},
		"one":                    {keyLine("m1", 1), []string{"m1"}},
		"without the last break": {strings.TrimSpace(keyLine("m1", 1)), []string{"m1"}},
		"of another system":      {"# keys\r\n" + strings.ReplaceAll(keyLine("b", 1)+keyLine("a", 2), "\n", "\r\n"), []string{"b", "a"}},
		"the longest name":       {keyLine(strings.Repeat("a", 32), 1), []string{strings.Repeat("a", 32)}},
		"signs":                  {keyLine("0_a-b", 1), []string{"0_a-b"}},
	}
	for name, c := range good {
		k, err := vault.ParseKeys(c.text)
		if err != nil || cmp.Diff(c.names, k.MasterNames()) != "" || k.Empty() != (c.names == nil) {
			t.Errorf("%s: %v, %v", name, k.MasterNames(), err)
		}
	}
	if k, err := vault.ParseKeys(sixteen.String()); err != nil || len(k.MasterNames()) != 16 {
		t.Errorf("sixteen: %v", err)
	}
	bad := map[string]string{
		"no name":               "=" + encoded(32, 1),
		"a capital":             keyLine("M1", 1),
		"a leading hyphen":      keyLine("-m", 1),
		"a leading underscore":  keyLine("_m", 1),
		"a space":               keyLine("m 1", 1),
		"a space before":        " " + keyLine("m1", 1),
		"a name too long":       keyLine(strings.Repeat("a", 33), 1),
		"no key":                "m1=",
		"no equals sign":        "m1 " + encoded(32, 1),
		"31 bytes":              "m1=" + encoded(31, 1),
		"33 bytes":              "m1=" + encoded(33, 1),
		"hexadecimal":           "m1=" + strings.Repeat("01", 32),
		"without padding":       "m1=" + strings.TrimRight(encoded(32, 1), "="),
		"loose last bits":       "m1=" + strings.Replace(encoded(32, 0xff), "8=", "9=", 1),
		"a break in the key":    "m1=" + encoded(32, 1)[:20] + "\r" + encoded(32, 1)[20:],
		"a space after":         "m1=" + encoded(32, 1) + " ",
		"the zero key":          keyLine("m1", 0),
		"the same name twice":   keyLine("m1", 1) + keyLine("m1", 2),
		"the same key twice":    keyLine("m1", 1) + keyLine("m2", 1),
		"seventeen":             seventeen.String(),
		"endless":               strings.Repeat("#\n", 40_000),
		"a byte order mark":     "\ufeff" + keyLine("m1", 1),
		"one good and one lost": keyLine("m1", 1) + "oops",
	}
	for name, text := range bad {
		k, err := vault.ParseKeys(text)
		if !errors.Is(err, vault.ErrKeys) || !k.Empty() {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, secret := range []string{encoded(32, 1)[:12], "oops"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error shows what was read", name)
			}
		}
	}
}

// TestKeysAreNeverPrinted prints keys in every way there is, and things that hold them.
func TestKeysAreNeverPrinted(t *testing.T) {
	t.Parallel()
	raw := bytes.Repeat([]byte{'K'}, 32)
	k := keys(t, "m1="+base64.StdEncoding.EncodeToString(raw)+"\n")
	v := vault.New(nil, vault.Options{Keys: k})
	type holder struct{ hidden vault.Keys }
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
		slog.New(handler).Info("k", "keys", k, "pointer", &k, "options", vault.Options{Keys: k}.Keys)
	}
	document, err := json.Marshal(map[string]any{"keys": k, "pointer": &k})
	if err != nil {
		t.Fatal(err)
	}
	said := log.String() + string(document) + k.String() + k.GoString()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%X"} {
		said += fmt.Sprintf(verb, k) + fmt.Sprintf(verb, &k) + fmt.Sprintf(verb, holder{k}) + fmt.Sprintf(verb, v) + fmt.Sprintf(verb, *v)
	}
	for _, form := range []string{string(raw), base64.StdEncoding.EncodeToString(raw)[:16], "4b4b4b", "4B4B4B", "75 75 75", "0x4b, 0x4b", "75, 75"} {
		if strings.Contains(said, form) {
			t.Errorf("the key shows as %q", form)
		}
	}
	if !strings.Contains(said, "hidden") {
		t.Error("nothing was printed")
	}
}
