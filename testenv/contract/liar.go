package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Liar is a REST catalog that breaks its word: a proxy in front of an honest one. It lies about the tables of one namespace, and
// only once it is armed.
type Liar struct {
	URL string

	upstream string
	lie      Lie
	server   *httptest.Server
	honest   *httputil.ReverseProxy

	mu      sync.Mutex
	armed   bool
	commits int
	past    map[string][]answer // by table: what loads showed, oldest first
	pause   map[string]int      // by table: loads that still show the past
}

// Lie is one way to break one's word. Fields that are set are what it does.
type Lie struct {
	Name string
	// Others has somebody else commit right before each of our requests, so that its requirements do not hold.
	Others bool
	// Edit changes a commit request before it is passed on. state is the table's metadata as it is then.
	Edit func(request, state map[string]any)
	// Again makes a second request of one that was applied; nil result: none.
	Again func(request, state map[string]any) map[string]any
	// Deaf never passes commit requests on, and says yes.
	Deaf bool
	// Yes turns refusals into yes.
	Yes bool
	// Lag is how many loads after a commit show what was before it; negative: all, for ever.
	Lag int
	// OldBody answers a commit with the metadata of before it.
	OldBody bool
}

type answer struct {
	status int
	body   []byte
}

// NewLiar starts a liar in front of the catalog at upstream, an address without a path.
func NewLiar(upstream string, lie Lie) (*Liar, error) {
	to, err := url.Parse(upstream)
	if err != nil {
		return nil, err
	}
	l := &Liar{upstream: upstream, lie: lie, past: map[string][]answer{}, pause: map[string]int{}}
	l.honest = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	l.server = httptest.NewServer(l)
	l.URL = l.server.URL
	return l, nil
}

// Close ends it.
func (l *Liar) Close() { l.server.Close() }

// Arm makes it lie from now on.
func (l *Liar) Arm() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = true
}

// Commits is how many commit requests it has seen since it was armed.
func (l *Liar) Commits() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.commits
}

var tablePath = regexp.MustCompile(`/namespaces/[^/]+/tables/[^/]+$`)

func (l *Liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	armed := l.armed
	l.mu.Unlock()
	switch {
	case !armed || !tablePath.MatchString(r.URL.Path):
		l.honest.ServeHTTP(w, r)
	case r.Method == http.MethodGet:
		l.load(w, r)
	case r.Method == http.MethodPost:
		l.commit(w, r)
	default:
		l.honest.ServeHTTP(w, r)
	}
}

// send passes a request on and returns the answer.
func (l *Liar) send(ctx context.Context, method, at string, body []byte) answer {
	req, err := http.NewRequestWithContext(ctx, method, l.upstream+at, bytes.NewReader(body))
	if err != nil {
		return answer{500, []byte(err.Error())}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return answer{502, []byte(err.Error())}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{502, []byte(err.Error())}
	}
	return answer{resp.StatusCode, raw}
}

func (a answer) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

func (l *Liar) load(w http.ResponseWriter, r *http.Request) {
	now := l.send(r.Context(), http.MethodGet, r.URL.Path+"?snapshots=all", nil)
	l.mu.Lock()
	defer l.mu.Unlock()
	table := r.URL.Path
	if old := l.past[table]; len(old) > 0 && l.pause[table] != 0 {
		l.pause[table]--
		old[len(old)-1].write(w)
		return
	}
	l.past[table] = []answer{now}
	now.write(w)
}

func (l *Liar) commit(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	ctx, at := r.Context(), r.URL.Path
	l.mu.Lock()
	l.commits++
	l.mu.Unlock()
	before := l.send(ctx, http.MethodGet, at+"?snapshots=all", nil)
	if l.lie.Deaf {
		before.write(w)
		return
	}
	if l.lie.Others && headOf(before) != nil {
		parts := strings.Split(at, "/")
		f := RESTForeign(ctx, l.upstream+"/v1", parts[len(parts)-3], parts[len(parts)-1], nil)
		if err := f.Append(); err != nil {
			answer{500, []byte(err.Error())}.write(w)
			return
		}
	}
	request := decode(body)
	if l.lie.Edit != nil {
		l.lie.Edit(request, stateOf(l.send(ctx, http.MethodGet, at+"?snapshots=all", nil)))
		body = encode(request)
	}
	out := l.send(ctx, http.MethodPost, at, body)
	if out.status == http.StatusOK {
		l.mu.Lock()
		l.pause[at] = l.lie.Lag
		l.mu.Unlock()
		if l.lie.Again != nil {
			if more := l.lie.Again(request, stateOf(l.send(ctx, http.MethodGet, at+"?snapshots=all", nil))); more != nil {
				l.send(ctx, http.MethodPost, at, encode(more))
			}
		}
	}
	switch {
	case l.lie.OldBody && out.status == http.StatusOK, l.lie.Yes && out.status == http.StatusConflict:
		before.write(w)
	default:
		out.write(w)
	}
}

func decode(raw []byte) map[string]any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // snapshot ids are larger than what a float holds
	out := map[string]any{}
	_ = d.Decode(&out) // what is no JSON has nothing to lie about
	return out
}

func encode(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // it was JSON
	}
	return raw
}

func stateOf(a answer) map[string]any {
	m, _ := decode(a.body)["metadata"].(map[string]any)
	return m
}

func headOf(a answer) any {
	refs, _ := stateOf(a)["refs"].(map[string]any)
	return refs["main"]
}

// updates calls f for each update of a request; those for which it says no are left out.
func updates(request map[string]any, f func(u map[string]any) bool) {
	list, _ := request["updates"].([]any)
	request["updates"] = slices.DeleteFunc(slices.Clone(list), func(u any) bool {
		m, ok := u.(map[string]any)
		return ok && !f(m)
	})
}

// added is the snapshot that a request adds, nil if it adds none.
func added(request map[string]any) (s map[string]any) {
	updates(request, func(u map[string]any) bool {
		if u["action"] == "add-snapshot" {
			s, _ = u["snapshot"].(map[string]any)
		}
		return true
	})
	return s
}

// fits makes a request one that the table takes as it is now: nothing is required, and its snapshot comes after all others.
func fits(request, state map[string]any) {
	request["requirements"] = []any{}
	if s := added(request); s != nil {
		s["sequence-number"], s["timestamp-ms"] = plus(state["last-sequence-number"]), plus(state["last-updated-ms"])
	}
}

func plus(n any) json.Number {
	i, _ := n.(json.Number).Int64()
	return json.Number(fmt.Sprint(i + 1))
}

// head is the id of the snapshot that the branch main points to.
func head(state map[string]any) any {
	refs, _ := state["refs"].(map[string]any)
	ref, _ := refs["main"].(map[string]any)
	return ref["snapshot-id"]
}

// again is the request once more, as a snapshot of its own on top of the first.
func again(request, state map[string]any) map[string]any {
	s := added(request)
	if s == nil {
		return nil
	}
	out := decode(encode(request))
	fits(out, state)
	id := json.Number(fmt.Sprint(rand.Int64()>>1 + 1))
	t := added(out)
	t["parent-snapshot-id"], t["snapshot-id"] = s["snapshot-id"], id
	updates(out, func(u map[string]any) bool {
		if u["action"] == "set-snapshot-ref" {
			u["snapshot-id"] = id
		}
		return true
	})
	return out
}

// without leaves out what is said of sinker in a snapshot's summary.
func without(summary map[string]any) {
	maps.DeleteFunc(summary, func(k string, _ any) bool { return strings.HasPrefix(k, "sinker.") })
}

// Lies are those that sinker is tried with.
var Lies = []Lie{
	{Name: "ignores what a request requires", Others: true, Edit: fits},
	{Name: "ignores it, and moves the snapshot onto the newest", Others: true, Edit: func(request, state map[string]any) {
		fits(request, state)
		if s := added(request); s != nil && head(state) != nil {
			s["parent-snapshot-id"] = head(state)
		}
	}},
	{Name: "says yes and does nothing", Deaf: true},
	{Name: "says yes to what it refused", Others: true, Yes: true},
	{Name: "shows the past for ever", Lag: -1},
	{Name: "shows the past for three more loads", Lag: 3},
	{Name: "applies each request twice", Again: again},
	{Name: "answers with the metadata of before", OldBody: true},
	{Name: "loses snapshot summaries", Edit: func(request, _ map[string]any) {
		if s := added(request); s != nil {
			summary, _ := s["summary"].(map[string]any)
			without(summary)
		}
	}},
	{Name: "loses table properties", Edit: func(request, _ map[string]any) {
		updates(request, func(u map[string]any) bool { return u["action"] != "set-properties" })
	}},
	{Name: "loses tags", Edit: func(request, _ map[string]any) {
		updates(request, func(u map[string]any) bool { return u["type"] != "tag" })
		reqs, _ := request["requirements"].([]any)
		request["requirements"] = slices.DeleteFunc(slices.Clone(reqs), func(r any) bool {
			m, _ := r.(map[string]any)
			ref, _ := m["ref"].(string)
			return strings.HasPrefix(ref, "sinker_")
		})
	}},
}
