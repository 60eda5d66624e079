package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed" // the stylesheet
	"encoding/hex"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"mizan/api/traffic"
	"mizan/ledger/fault"
	"mizan/ledger/locale"
)

// Public pages are for people whom we do not know: a receipt by its random id, and a campaign. They set no cookie, ask for no
// session, need no script, and may be kept for a minute. What they show is the same for everybody who reads the language.

//go:embed assets/public.css
var publicCSS []byte

// publicFor is how long anybody may keep a public page.
const publicFor = "public, max-age=60"

var (
	publicStylePath = hashedPath("public", ".css", publicCSS)
	publicTemplates = sync.OnceValue(func() map[string]*template.Template {
		base := template.Must(template.New("public-layout.html").Funcs(template.FuncMap{"say": sayHTML}).ParseFS(pageFiles, "pages/public-layout.html"))
		all := map[string]*template.Template{}
		for _, name := range []string{"receipt", "campaign", "missing"} {
			all[name] = template.Must(template.Must(base.Clone()).ParseFS(pageFiles, "pages/public-"+name+".html"))
		}
		return all
	})
)

// publicView is what the layout of public pages is given.
type publicView struct {
	Lang                     locale.Language
	Title, Description, Path string
	Style, Mark              string
	// Listed says that search engines may show the page.
	Listed bool
	Others []publicLanguage
	Data   any
}

// publicLanguage is the same page in another language.
type publicLanguage struct {
	Lang    locale.Language
	Address string
	Here    bool
}

// Direction is how the page's language is written.
func (v publicView) Direction() string { return v.Lang.Direction() }

// reader writes for the readers of one language.
type reader struct{ locale.Language }

func (r reader) say(key string, pairs ...any) string {
	return phrases().Say(r.Language, "public."+key, pairs...)
}

// isPublic reports whether an address is that of a public page.
func isPublic(path string) bool {
	return strings.HasPrefix(path, "/r/") || strings.HasPrefix(path, "/c/")
}

// publicly serves public pages without asking who looks, and everything else as next does.
func (c *console) publicly(next http.Handler) http.Handler {
	if c.Receipts == nil {
		return next
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /r/{receipt}", c.public("receipt", false, c.receiptPage))
	mux.HandleFunc("GET /c/{campaign}", c.public("campaign", true, c.campaignPage))
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) { c.publicFailure(w, r, errNoPage) })
	pages := c.localOnly(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isPublic(r.URL.Path) {
			if err := traffic.Refusal(r.Context()); err != nil {
				c.publicFailure(w, r, err)
				return
			}
			pages.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// publicAnswer is what a public page shows.
type publicAnswer struct {
	title, description string
	// sequence is the last transaction that it rests on.
	sequence int64
	data     any
}

// public makes a handler of a function that reads what a public page shows.
func (c *console) public(name string, listed bool, read func(context.Context, reader, *http.Request) (publicAnswer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
		defer cancel()
		to := reader{c.languageAsked(r)}
		a, err := read(ctx, to, r)
		if err != nil {
			c.publicFailure(w, r, err)
			return
		}
		body, err := renderPublic(name, r, publicView{Lang: to.Language, Title: a.title, Description: a.description, Listed: listed, Data: a.data})
		if err != nil {
			c.publicFailure(w, r, err)
			return
		}
		sum := sha256.Sum256(body)
		tag := `"` + strconv.FormatInt(a.sequence, 10) + "-" + hex.EncodeToString(sum[:8]) + `"`
		h := w.Header()
		h.Set("ETag", tag)
		h.Set("Cache-Control", publicFor)
		h.Set("Vary", "Accept-Language, Cookie")
		h.Set("Referrer-Policy", "no-referrer")
		if !listed {
			h.Set("X-Robots-Tag", "noindex, nofollow")
		}
		for known := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
			if strings.TrimPrefix(strings.TrimSpace(known), "W/") == tag {
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
		h.Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(body)
	}
}

func renderPublic(name string, r *http.Request, v publicView) ([]byte, error) {
	v.Path, v.Style, v.Mark = r.URL.Path, publicStylePath, markPath
	for _, l := range locale.Languages {
		v.Others = append(v.Others, publicLanguage{l, v.Path + "?" + url.Values{"lang": {string(l)}}.Encode(), l == v.Lang})
	}
	var body bytes.Buffer
	err := publicTemplates()[name].Execute(&body, v)
	return body.Bytes(), err
}

// publicFailure says that there is no such page, or that it cannot be shown now. What is missing and what is wrongly written
// look the same, whatever is missing.
func (c *console) publicFailure(w http.ResponseWriter, r *http.Request, err error) {
	to, status, key := reader{c.languageAsked(r)}, http.StatusInternalServerError, "failed"
	switch {
	case isMissing(err):
		status, key = http.StatusNotFound, "missing"
	case fault.KindOf(err) == fault.Unavailable:
		status, key = http.StatusServiceUnavailable, "busy"
		w.Header().Set("Retry-After", "5")
	case fault.KindOf(err) == fault.Limited:
		status, key = http.StatusTooManyRequests, "busy"
	case fault.KindOf(err) == fault.Conflict:
		status, key = http.StatusConflict, "unshown"
	}
	switch {
	case r.Context().Err() != nil: // nobody reads an answer
		return
	case status == http.StatusServiceUnavailable:
		c.Log.Debug("a public page must wait", "err", err)
	case status >= http.StatusInternalServerError:
		c.Log.Error("a public page could not be shown", "err", err)
	}
	v := publicView{Lang: to.Language, Title: to.say(key + ".title"), Data: to.say(key + ".text")}
	body, err := renderPublic("missing", &http.Request{URL: &url.URL{Path: "/"}}, v)
	if err != nil {
		http.Error(w, "The page could not be shown.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Vary", "Accept-Language, Cookie")
	h.Set("X-Robots-Tag", "noindex")
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
