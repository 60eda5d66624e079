package console

import (
	"context"
	"embed"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/locale"
)

// A page is written in the reader's language: the one that ?lang= asks for, else the one that the
// reader chose at the foot of a page, else the one that the browser prefers.

//go:embed words/*/*.json
var wordFiles embed.FS

// phrases are what pages say, in every language. Like pages they are read when the first of them is asked for.
var phrases = sync.OnceValue(func() *locale.Catalogue {
	c, err := locale.Load(wordFiles, "words")
	if err != nil {
		panic("console: " + err.Error())
	}
	return c
})

const (
	// languageLifetime is how long a browser remembers the language that its reader chose.
	languageLifetime = 365 * 24 * time.Hour
	// maxBack bounds the address that the form at the foot of a page leads back to, in bytes.
	maxBack = 1024
)

// languageCookie is the name of the cookie with the language that a reader chose.
func (c *console) languageCookie() string {
	if c.Secure {
		return "__Host-mizan-language"
	}
	return "mizan-language"
}

type languageKey struct{}

// spoken finds out what the reader reads.
func (c *console) spoken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), languageKey{}, c.languageAsked(r))))
	})
}

func (c *console) languageAsked(r *http.Request) locale.Language {
	if l, ok := locale.Parse(r.URL.Query().Get("lang")); ok {
		return l
	}
	if sent := r.CookiesNamed(c.languageCookie()); len(sent) == 1 {
		if l, ok := locale.Parse(sent[0].Value); ok {
			return l
		}
	}
	return locale.Preferred(r.Header.Get("Accept-Language"))
}

// teller says things to one reader.
type teller struct{ locale.Language }

// tellerOf returns who speaks to the reader of a page.
func tellerOf(ctx context.Context) teller {
	l, ok := ctx.Value(languageKey{}).(locale.Language)
	if !ok {
		return teller{locale.English}
	}
	return teller{l}
}

// say returns a text of the word files, with its places filled.
func (t teller) say(key string, pairs ...any) string { return phrases().Say(t.Language, key, pairs...) }

// sayTo returns a text as a payee of a kind reads it: a charity is given donations, where others have sales.
func (t teller) sayTo(kind, key string, pairs ...any) string {
	return t.say(keyFor(kind, key), pairs...)
}

// keyFor is the key of a text as a payee of a kind reads it: the key with the kind behind it, if something is written down there.
func keyFor(kind, key string) string {
	if own := key + "." + kind; phrases().Has(own) {
		return own
	}
	return key
}

// word says what a code means, and the code itself, in words, where nobody wrote down what it means.
func (t teller) word(group, code string) string {
	if key := group + "." + strings.ReplaceAll(code, ".", "_"); phrases().Has(key) {
		return t.say(key)
	}
	return eventWords(code)
}

// named says what a code means, and the code in plain words where nobody wrote down what it means.
func (t teller) named(group, code string) string {
	if key := group + "." + code; phrases().Has(key) {
		return t.say(key)
	}
	return words(code)
}

// meaning says what a row of the chart means; said is what the chart itself says.
func (t teller) meaning(code int, said string) string {
	if key := "chart." + strconv.Itoa(code); t.Language != locale.English && phrases().Has(key) {
		return t.say(key)
	}
	return said
}

// since says for how long something has been so; nothing if nobody knows since when.
func (t teller) since(now, at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return t.lasting("glance.since.", now.Sub(at))
}

// lasting says how long something lasts by the words below a key: none, moment, minutes, hours or days.
func (t teller) lasting(key string, d time.Duration) string {
	switch {
	case d <= 0:
		return t.say(key + "none")
	case d < time.Minute:
		return t.say(key + "moment")
	case d < 2*time.Hour:
		return t.say(key+"minutes", "count", int(d/time.Minute))
	case d < 48*time.Hour:
		return t.say(key+"hours", "count", int(d/time.Hour))
	default:
		return t.say(key+"days", "count", int(d/(24*time.Hour)))
	}
}

// day writes a day by the clocks of the zone; nothing for no day.
func (t teller) day(at time.Time, zone *time.Location) string {
	if at.IsZero() {
		return ""
	}
	return t.Day(at.In(zone))
}

// problem says why something cannot be. In English it is the message of the error, which may have particulars.
func (t teller) problem(known *fault.Error) string {
	if t.Language == locale.English {
		return known.Message
	}
	if key := "problem." + known.Code; phrases().Has(key) {
		return t.say(key)
	}
	return t.say("problem.other." + known.Kind.String())
}

// toldHTML is sayHTML for a payee of a kind.
func toldHTML(l locale.Language, kind, key string, pairs ...any) (string, error) {
	return sayHTML(l, keyFor(kind, key), pairs...)
}

// sayHTML is say for templates, where an unknown key is a defect of the page.
func sayHTML(l locale.Language, key string, pairs ...any) (string, error) {
	if !phrases().Has(key) {
		return "", fmt.Errorf("console: there are no words under %q", key)
	}
	return phrases().Say(l, key, pairs...), nil
}

// told is what a part of a page is given: the language and what it shows.
type told struct {
	Lang locale.Language
	Of   any
}

// tongue is a choice of the form at the foot of a page.
type tongue struct {
	Code, Name string
	Here       bool
}

func tongues(here locale.Language) []tongue {
	list := make([]tongue, len(locale.Languages))
	for i, l := range locale.Languages {
		list[i] = tongue{string(l), l.Name(), l == here}
	}
	return list
}

// backFrom is where choosing a language at the foot of a page leads: to the page itself, without what it was asked to be written
// in, or to the first one if the browser does not say which it was. Pages do not hold their own addresses, because of two pages
// that nobody may see one must not differ from the other.
func backFrom(r *http.Request) string {
	if kept := r.PostForm.Get("back"); kept != "" {
		return ours(kept)
	}
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host || u.Path == "/sign-in/callback" {
		return "/"
	}
	q := u.Query()
	q.Del("lang")
	u.RawQuery = q.Encode()
	return ours(u.RequestURI())
}

// ours returns the address if it is a plain path here with its query, and "/" for anything that could lead elsewhere.
func ours(address string) string {
	if len(address) > maxBack || !strings.HasPrefix(address, "/") || strings.HasPrefix(address, "//") ||
		strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' || r == '#' }) {
		return "/"
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || strings.Contains(u.Path, "//") || strings.Contains(u.Path, `\`) {
		return "/"
	}
	return address
}

// chooseLanguage has the browser remember the language that its reader chose. It needs no token of a session, because it
// works for visitors whom we do not know and changes nothing but the words of their pages; another site cannot send it.
func (c *console) chooseLanguage(w http.ResponseWriter, r *http.Request) {
	if err := c.crossOrigin.Check(r); err != nil {
		c.fail(w, r, errCrossSite)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		c.fail(w, r, unreadable(err))
		return
	}
	l, ok := locale.Parse(r.PostForm.Get("lang"))
	if !ok {
		c.fail(w, r, errFormRead)
		return
	}
	cookie := c.cookie(c.languageCookie(), string(l)) // #nosec G124 -- c.cookie sets all three attributes
	// A link elsewhere may lead to a receipt, which is to be read in the language that was chosen.
	cookie.SameSite, cookie.MaxAge = http.SameSiteLaxMode, int(languageLifetime/time.Second)
	http.SetCookie(w, cookie)
	http.Redirect(w, r, backFrom(r), http.StatusSeeOther)
}
