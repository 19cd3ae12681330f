package chaos

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// setUp is a server that counts what reaches it, and a proxy in front.
func setUp(t *testing.T) (*Proxy, *atomic.Int64, *http.Client) {
	t.Helper()
	var seen atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen.Add(1)
		w.Header().Set("X-Host", r.Host)
		_, _ = w.Write([]byte("got " + string(body)))
	}))
	t.Cleanup(server.Close)
	p, err := NewProxy(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p, &seen, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

func all(*http.Request) bool { return true }

func post(ctx context.Context, c *http.Client, url, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.Header.Get("X-Host") + " " + string(b), err
}

// Without rules a request goes through as it is, with the host that its client signed.
func TestProxy_PassesOn(t *testing.T) {
	p, _, c := setUp(t)
	got, err := post(t.Context(), c, p.URL+"/x", "hello")
	if want := strings.TrimPrefix(p.URL, "http://") + " got hello"; got != want || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

// A lost request never reached the server; a lost answer did, and both look the same to the client. A rule ends after its times.
func TestProxy_Loses(t *testing.T) {
	p, seen, c := setUp(t)
	for _, rule := range []struct {
		lose Loss
		want int64
	}{{LoseRequest, 0}, {LoseAnswer, 1}} {
		seen.Store(0)
		p.SetRules(Rule{Match: all, Lose: rule.lose, Times: 1})
		if got, err := post(t.Context(), c, p.URL, "x"); err == nil {
			t.Errorf("the client got %q", got)
		}
		if n := seen.Load(); n != rule.want {
			t.Errorf("%d requests reached the server, want %d", n, rule.want)
		}
		if _, err := post(t.Context(), c, p.URL, "x"); err != nil {
			t.Errorf("after its one time the rule still holds: %v", err)
		}
	}
}

// A trapped request is where the test wants it: before the server, after it, or within the answer; and it goes on after its
// client is gone.
func TestProxy_Traps(t *testing.T) {
	for _, at := range []Moment{Arrived, Applied, Answering} {
		t.Run(string(at), func(t *testing.T) {
			p, seen, c := setUp(t)
			trap := p.SetTrap(all, at, false)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				_, err := post(ctx, c, p.URL, "x")
				done <- err
			}()
			if err := trap.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			before := seen.Load()
			if want := map[Moment]int64{Arrived: 0, Applied: 1, Answering: 1}[at]; before != want {
				t.Errorf("%d requests reached the server, want %d", before, want)
			}
			select {
			case err := <-done:
				t.Errorf("the client is done: %v", err)
			default:
			}
			cancel()
			if err := <-done; err == nil {
				t.Error("the client got the whole answer")
			}
			trap.Release(PassOn)
			for until := time.Now().Add(5 * time.Second); seen.Load() != 1; time.Sleep(time.Millisecond) {
				if time.Now().After(until) {
					t.Fatalf("%d requests reached the server in the end, want 1", seen.Load())
				}
			}
		})
	}
}

// While a server is down nothing reaches it, on old connections or new ones.
func TestProxy_Down(t *testing.T) {
	p, seen, _ := setUp(t)
	c := &http.Client{Transport: &http.Transport{}} // keeps its connection
	if _, err := post(t.Context(), c, p.URL, "x"); err != nil {
		t.Fatal(err)
	}
	p.SetDown(true)
	if _, err := post(t.Context(), c, p.URL, "x"); err == nil {
		t.Error("a server that is down answered")
	}
	p.SetDown(false)
	if _, err := post(t.Context(), c, p.URL, "x"); err != nil {
		t.Error(err)
	}
	if n := seen.Load(); n != 2 {
		t.Errorf("%d requests reached the server, want 2", n)
	}
}

// What is done twice reaches the server twice, and the client hears one answer, at once or before the copy is even sent. Half an
// answer, a status in its place and a reset come after the server did the work, or without that.
func TestProxy_CopiesAndBrokenAnswers(t *testing.T) {
	for _, c := range []struct {
		name    string
		rule    Rule
		reached int64
		fails   bool
	}{
		{"twice at once", Rule{Twice: AtOnce}, 2, false},
		{"again later", Rule{Twice: Late, Delay: 100 * time.Millisecond}, 2, false},
		{"half an answer", Rule{Lose: LoseHalf}, 1, true},
		{"reset after success", Rule{Lose: LoseAnswer, Reset: true}, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, seen, client := setUp(t)
			var felt atomic.Int64
			c.rule.Match, c.rule.Times, c.rule.Seen = all, 1, &felt
			remove := p.AddRule(c.rule)
			got, err := post(t.Context(), client, p.URL, "hello")
			if (err != nil) != c.fails || err == nil && !strings.HasSuffix(got, "got hello") {
				t.Errorf("the client got %q, %v", got, err)
			}
			for until := time.Now().Add(10 * time.Second); seen.Load() < c.reached && time.Now().Before(until); time.Sleep(time.Millisecond) {
			}
			if seen.Load() != c.reached || felt.Load() != 1 {
				t.Errorf("%d requests reached the server, the rule held %d times; want %d and 1", seen.Load(), felt.Load(), c.reached)
			}
			remove()
		})
	}
	for lose, reached := range map[Loss]int64{LoseRequest: 0, LoseAnswer: 1} {
		p, seen, client := setUp(t)
		p.SetRules(Rule{Match: all, Lose: lose, Status: http.StatusServiceUnavailable})
		resp, err := client.Post(p.URL, "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusServiceUnavailable || seen.Load() != reached {
			t.Errorf("status %d after %d requests reached the server, want 503 after %d", resp.StatusCode, seen.Load(), reached)
		}
	}
}

// A rule that was taken away holds no longer.
func TestProxy_RulesAreTakenAway(t *testing.T) {
	p, _, c := setUp(t)
	p.AddRule(Rule{Match: all, Lose: LoseRequest})()
	if _, err := post(t.Context(), c, p.URL, "x"); err != nil {
		t.Error(err)
	}
}
