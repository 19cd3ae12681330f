package admin

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sinker-io/sinker/sink"
)

func get(t *testing.T, h http.Handler, path string) (int, http.Header, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Header(), w.Body.String()
}

func handler(s func() sink.Status) http.Handler {
	return Handler(Options{Status: s, Build: Build{Version: "v0.1.0"}, Now: func() time.Time { return noon }})
}

func hardly() sink.Status { return hard(noon, 0) }

func TestPage_HostileNamesStayText(t *testing.T) {
	for _, path := range []string{"/", "/?table=" + "%3Cscript%3Ealert(2)%3C/script%3E"} {
		_, _, body := get(t, handler(hardly), path)
		for _, bad := range []string{"<script>alert", "\u202e", "{{"} {
			if strings.Contains(strings.ReplaceAll(body, "{{.}}", ""), bad) {
				t.Errorf("%s holds %q", path, bad)
			}
		}
		if path == "/" && !strings.Contains(body, "shop.&lt;script&gt;alert(1)&lt;/script&gt;\\u202egnp") {
			t.Errorf("the hostile name is not shown as text")
		}
	}
}

func TestPage_LoadsNothingFromElsewhere(t *testing.T) {
	h := handler(hardly)
	_, header, body := get(t, h, "/")
	if csp := header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy: %q", csp)
	}
	if regexp.MustCompile(`(?i)\son\w+=|<style|style=|<script(?:>| [^>]*>[^<])`).MatchString(body) {
		t.Errorf("the page has inline script or style, which its own policy forbids")
	}
	refs := regexp.MustCompile(`(?:src|href)="([^"#?][^"]*)"`).FindAllStringSubmatch(body, -1)
	if len(refs) < 6 {
		t.Fatalf("only %d references were found", len(refs))
	}
	for _, ref := range refs {
		if strings.Contains(ref[1], ":") || strings.HasPrefix(ref[1], "/") {
			t.Errorf("reference %q leaves the page's own folder", ref[1])
			continue
		}
		if code, _, _ := get(t, h, "/"+strings.TrimPrefix(ref[1], ".")); code != http.StatusOK && ref[1] != "readyz" {
			t.Errorf("reference %q answers %d", ref[1], code)
		}
	}
}

func TestPage_WithoutMouseOrScript(t *testing.T) {
	_, _, body := get(t, handler(hardly), "/")
	for _, want := range []string{
		`<html lang="en">`, `<a class="skip" href="#main">`, `id="main" tabindex="-1"`, `role="status"`, `<noscript><meta http-equiv="refresh"`,
		`href="?refresh=off"`, `<th scope="col"`, `<th scope="row"`, `<code tabindex="0">sinker offsets accept --table shop.returns --partition returns-3 --position log --reason &#34;why&#34;</code>`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if _, _, still := get(t, handler(hardly), "/?refresh=off"); strings.Contains(still, "http-equiv") {
		t.Errorf("refresh=off reloads")
	}
	// The verdict is read aloud whenever it changes, so it holds nothing that ticks.
	verdict := regexp.MustCompile(`role="status">([^<]*)<`)
	_, _, later := get(t, Handler(Options{Status: func() sink.Status { return hard(noon, 99) }, Now: func() time.Time { return noon.Add(time.Minute) }}), "/")
	if a, b := verdict.FindString(body), verdict.FindString(later); a != b || a == "" {
		t.Errorf("verdict ticks: %q, then %q", a, b)
	}
}

func TestPage_IdsKeepEveryDigit(t *testing.T) {
	_, _, body := get(t, handler(hardly), "/")
	for _, want := range []string{"7926541023117390843", strings.ReplaceAll("4 611 686 018 427 387 905", " ", thin)} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is not on the page", want)
		}
	}
}

func TestPage_ManyTablesAreShownOneAtATime(t *testing.T) {
	status := func() sink.Status {
		s := hard(noon, 0)
		for len(s.Tables) < 300 {
			s.Tables = append(s.Tables, s.Tables[0])
			s.Tables[len(s.Tables)-1].Table = "copy"
		}
		return s
	}
	_, _, all := get(t, handler(status), "/")
	if len(all) > 200_000 {
		t.Errorf("300 tables make a page of %d bytes", len(all))
	}
	code, _, one := get(t, handler(status), "/?table=web.clicks")
	if code != http.StatusOK || !strings.Contains(one, "Last commits of web.clicks") {
		t.Errorf("the page of one table (%d) lacks its commits", code)
	}
	if code, _, _ := get(t, handler(status), "/?table=nowhere"); code != http.StatusNotFound {
		t.Errorf("a table that does not exist answers %d", code)
	}
}

func TestJSON_EveryInteger64IsAString(t *testing.T) {
	_, _, body := get(t, handler(hardly), "/status.json")
	var all any
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	small := map[string]bool{"partition": true, "files": true, "attempts": true} // 32 bits and less
	numbers := 0
	var walk func(name string, v any)
	walk = func(name string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				walk(k, x)
			}
		case []any:
			for _, x := range v {
				walk(name, x)
			}
		case json.Number:
			numbers++
			if !small[name] && !strings.Contains(name, "second") {
				t.Errorf("%s is the number %s", name, v)
			}
		}
	}
	walk("", all)
	if numbers == 0 || !strings.Contains(body, `"snapshot": "7926541023117390843"`) || !strings.Contains(body, `"committed": "4611686018427387905"`) || !strings.Contains(body, `"offset": "4411"`) {
		t.Errorf("ids lost digits or are missing:\n%.600s", body)
	}
}

func TestReadyz_SaysWhy(t *testing.T) {
	base := calm(noon, 0)
	change := func(f func(*sink.Status)) func() sink.Status {
		return func() sink.Status {
			s := calm(noon, 0)
			f(&s)
			return s
		}
	}
	for _, c := range []struct {
		name   string
		status func() sink.Status
		why    string // empty: ready
	}{
		{"all well", change(func(*sink.Status) {}), ""},
		{"idle", change(func(s *sink.Status) { s.Tables[0].State = sink.Idle }), ""},
		{"before the sink", func() sink.Status { return sink.Status{} }, "starting"},
		{"no group", change(func(s *sink.Status) { s.Connected, s.Trouble = false, "broker 127.0.0.1:9092: connection refused" }), "connection refused"},
		{"waiting", change(func(s *sink.Status) { s.Tables[0].State, s.Tables[0].LastError = sink.Waiting, "503 from the catalog" }), "503 from the catalog"},
		{"table stopped", change(func(s *sink.Status) { s.Tables = hard(noon, 0).Tables[3:4] }), "STOP(replaced table)"},
		{"partition stopped", change(func(s *sink.Status) { s.Tables = hard(noon, 0).Tables[2:3] }), "STOP(gap) shop.returns partition returns-3 offset 4411"},
		{"stands still", change(func(s *sink.Status) {
			s.Tables[0].Commits[0].At, s.Tables[0].LagSeconds = noon.Add(-20*time.Minute), 1200
		}), "nothing was committed for 20 min"},
		{"quiet, then a record just now", change(func(s *sink.Status) {
			s.Tables[0].Commits[0].At, s.Tables[0].LagSeconds = noon.Add(-20*time.Minute), 2
		}), ""},
	} {
		h := handler(c.status)
		code, _, body := get(t, h, "/readyz")
		if c.why == "" && (code != http.StatusOK || body != "ready\n") {
			t.Errorf("%s: %d %s", c.name, code, body)
		}
		if c.why != "" && (code != http.StatusServiceUnavailable || !strings.Contains(strings.ReplaceAll(body, thin, " "), c.why)) {
			t.Errorf("%s: %d %s, want %q", c.name, code, body, c.why)
		}
		// The verdict, readyz and the metric tell one story.
		_, _, metrics := get(t, h, "/metrics")
		if got := strings.Contains(metrics, "\nsinker_ready 1\n"); got != (c.why == "") {
			t.Errorf("%s: sinker_ready says %v", c.name, got)
		}
		if _, _, page := get(t, h, "/"); strings.Contains(page, `class="verdict ok"`) != (c.why == "") {
			t.Errorf("%s: the page's verdict disagrees with /readyz", c.name)
		}
		if code, _, _ := get(t, h, "/healthz"); code != http.StatusOK {
			t.Errorf("%s: healthz answers %d", c.name, code)
		}
	}
	if !base.Ready() {
		t.Errorf("the healthy example is not ready by sink.Status itself")
	}
}

func TestStatus_ASinkThatHangsIsAskedOnceAndSaidToHang(t *testing.T) {
	var asked atomic.Int64
	hang := make(chan struct{})
	w := &watch{wait: time.Minute, now: func() time.Time { return noon }, ask: func() sink.Status {
		if asked.Add(1) > 1 {
			<-hang
		}
		return calm(noon, 0)
	}}
	if v := w.status(context.Background()); v.Stale || v.Sink != "orders" {
		t.Fatalf("a sink that answers: %+v", v)
	}
	w.wait = time.Millisecond
	for range 50 {
		if v := w.status(context.Background()); !v.Stale || v.Sink != "orders" {
			t.Fatalf("a sink that hangs: stale %v, last known %q", v.Stale, v.Sink)
		}
	}
	why := unready(w.status(context.Background()), time.Hour, noon.Add(90*time.Second))
	if len(why) != 1 || !strings.Contains(why[0], "has not told its status") {
		t.Errorf("reasons: %q", why)
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("51 requests asked a sink that hangs %d times, want once", n-1)
	}
	close(hang)
}

func TestServer_ListensTellsItsAddressAndCloses(t *testing.T) {
	s, err := New(Options{Addr: "127.0.0.1:0", Status: hardly})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Addr: s.Addr(), Status: hardly}); err == nil || !strings.Contains(err.Error(), `"off"`) {
		t.Errorf("a taken address: %v", err)
	}
	resp, err := http.Get(s.URL() + "healthz")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || string(body) != "alive\n" {
		t.Errorf("healthz: %q, %v", body, err)
	}
	resp, err = http.Post(s.URL(), "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST answers %d; the page must not change anything", resp.StatusCode)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if _, err := http.Get(s.URL()); err == nil {
		t.Errorf("a closed server answers")
	}
}
