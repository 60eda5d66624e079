package docs

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"sync"
)

// Serving the handbook: whole pages, one stylesheet and one mark, nothing from anywhere else and no script at all.

var (
	//go:embed assets/page.html
	pageHTML string
	//go:embed assets/docs.css
	styleCSS []byte
	//go:embed assets/mark.svg
	markSVG []byte

	pageTemplate = template.Must(template.New("page").Parse(pageHTML))

	stylePath = hashedPath("docs", ".css", styleCSS)
	markPath  = hashedPath("mark", ".svg", markSVG)
)

// hashedPath is the address of an asset. It changes with the content, so that browsers may keep it for ever.
func hashedPath(name, extension string, content []byte) string {
	sum := sha256.Sum256(content)
	return "/docs/assets/" + name + "-" + hex.EncodeToString(sum[:6]) + extension
}

// policy lets a page use its own stylesheet and image and nothing else.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves the handbook at /docs and below; paths are those the client asked for, with /docs in front. openAPI
// returns the service's OpenAPI document as JSON, from which the page /docs/api is made; it is called for each request
// of that page and may be nil. The handler answers GET and HEAD, and 404 for what is not a page.
func Handler(openAPI func() []byte) http.Handler {
	h := &handler{openAPI: openAPI}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /docs", func(w http.ResponseWriter, r *http.Request) { h.page(w, r, "index") })
	mux.HandleFunc("GET /docs/{slug}", func(w http.ResponseWriter, r *http.Request) {
		switch slug := r.PathValue("slug"); slug {
		case "index":
			http.Redirect(w, r, "/docs", http.StatusMovedPermanently)
		default:
			h.page(w, r, slug)
		}
	})
	mux.HandleFunc("GET /docs/{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/docs", http.StatusMovedPermanently)
	})
	mux.HandleFunc("GET "+stylePath, asset("text/css; charset=utf-8", styleCSS))
	mux.HandleFunc("GET "+markPath, asset("image/svg+xml", markSVG))
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) { h.page(w, r, "") })
	return mux
}

func asset(contentType string, content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		secure(w.Header())
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		_, _ = w.Write(content)
	}
}

func secure(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// handler holds the reference page as last rendered.
type handler struct {
	openAPI func() []byte

	mu        sync.Mutex
	source    [32]byte
	reference page
}

// view is what the page template is given.
type view struct {
	Title, Style, Mark string
	Home               bool
	Body               template.HTML
	Contents           []viewSection
	OnPage             []heading
	Previous, Next     *viewLink
}

type viewSection struct {
	Name  string
	Links []viewLink
}

type viewLink struct {
	Address, Title string
	Current        bool
}

func (h *handler) page(w http.ResponseWriter, _ *http.Request, slug string) {
	p, ok := loadPages()[slug]
	status := http.StatusOK
	switch {
	case !ok:
		status = http.StatusNotFound
		p = page{rendered: render("# No such page\n\nThe handbook has no page at this address. Choose one from the contents.\n")}
	case slug == referenceSlug:
		p = h.referencePage()
	}
	var body bytes.Buffer
	if err := pageTemplate.Execute(&body, viewOf(p)); err != nil {
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	secure(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

func viewOf(p page) view {
	// The body is made by render and renderReference, which escape everything they did not write themselves.
	v := view{Title: p.Title, Style: stylePath, Mark: markPath, Home: p.Slug == "index", Body: template.HTML(p.HTML)} // #nosec G203 -- made of pages in the program, escaped as said above
	pages := loadPages()
	for _, s := range sections {
		vs := viewSection{Name: s.Name}
		for _, slug := range s.Slugs {
			vs.Links = append(vs.Links, viewLink{address(slug), pages[slug].Title, slug == p.Slug})
		}
		v.Contents = append(v.Contents, vs)
	}
	for _, hd := range p.Headings {
		if hd.Level == 2 {
			v.OnPage = append(v.OnPage, hd)
		}
	}
	slugs := order()
	for i, slug := range slugs {
		if slug != p.Slug {
			continue
		}
		if i > 0 {
			v.Previous = &viewLink{Address: address(slugs[i-1]), Title: pages[slugs[i-1]].Title}
		}
		if i+1 < len(slugs) {
			v.Next = &viewLink{Address: address(slugs[i+1]), Title: pages[slugs[i+1]].Title}
		}
	}
	return v
}

// referencePage renders the OpenAPI document, again only when it has changed.
func (h *handler) referencePage() page {
	var source []byte
	if h.openAPI != nil {
		source = h.openAPI()
	}
	sum := sha256.Sum256(source)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.reference.Slug == "" || h.source != sum {
		h.source, h.reference = sum, page{Slug: referenceSlug, rendered: renderReference(source)}
	}
	return h.reference
}
