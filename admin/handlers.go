package admin

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"
)

//go:embed assets
var files embed.FS

var pageTemplate = template.Must(template.New("page.html").ParseFS(files, "assets/page.html"))

type handlers struct {
	watch  *watch
	build  Build
	stuck  time.Duration
	config string
	now    func() time.Time
	assets map[string]asset
}

// asset is a file that the page loads from here, by its name.
type asset struct {
	kind string
	tag  string
	body []byte
}

func loadAssets() map[string]asset {
	kinds := map[string]string{"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"}
	out := map[string]asset{}
	for name, kind := range kinds {
		body, err := files.ReadFile("assets/" + name)
		if err != nil {
			panic("admin: " + err.Error()) // it was embedded when this program was built
		}
		sum := sha256.Sum256(body)
		out[name] = asset{kind: kind, tag: `"` + hex.EncodeToString(sum[:8]) + `"`, body: body}
	}
	return out
}

func (h *handlers) asset(w http.ResponseWriter, r *http.Request) {
	a, ok := h.assets[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "no-cache") // kept, but asked for again: a new sinker may listen here
	w.Header().Set("ETag", a.tag)
	if r.Header.Get("If-None-Match") == a.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(a.body)
}

func (h *handlers) page(w http.ResponseWriter, r *http.Request) {
	v := h.watch.status(r.Context())
	now := h.now()
	p := look(v, r.URL.Query().Get("table"), h.stuck, h.config, h.build, now)
	p.Refresh = r.URL.Query().Get("refresh") != "off"
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		http.Error(w, "status page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if p.Unknown {
		w.WriteHeader(http.StatusNotFound)
	}
	_, _ = w.Write(b.Bytes())
}

func (h *handlers) json(w http.ResponseWriter, r *http.Request) {
	v := h.watch.status(r.Context())
	now := h.now()
	body, err := json.MarshalIndent(spell(v, unready(v, h.stuck, now), h.build, now), "", "  ")
	if err != nil {
		http.Error(w, "status: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n'))
}

func (h *handlers) readyz(w http.ResponseWriter, r *http.Request) {
	v := h.watch.status(r.Context())
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	reasons := unready(v, h.stuck, h.now())
	if len(reasons) == 0 {
		fmt.Fprintln(w, "ready")
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprintln(w, "not ready")
	for _, why := range reasons {
		fmt.Fprintln(w, strings.ReplaceAll(visible(why), thin, " "))
	}
}

func (h *handlers) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "alive")
}
