// Package admin shows how a sink stands: to people on a page, to Prometheus, and to whoever asks for health
// and readiness. It only reads: no address here changes anything, and none needs or reveals a secret.
//
//	/             the status page: plain HTML, kept current by a small script where there is one
//	/status.json  the same as JSON; every 64-bit number is a string, so that no reader rounds an id
//	/metrics      Prometheus
//	/healthz      200 while the process serves requests; it says nothing about tables
//	/readyz       200 if every table runs or has nothing to do, else 503 and the reasons, one a line
//
// Metrics is made before the sink, since it listens to the sink's events; the Server after it, since it asks
// for the sink's status. A sink that hangs does not hang the server: each request waits for at most
// statusWait and then says how old the picture is.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sinker-io/sinker/sink"
)

// statusWait is how long a request waits for the sink to tell its status.
const statusWait = 2 * time.Second

// Build says which program this is; all fields are shown on the page and in sinker_build_info.
type Build struct {
	Version string // "v1.2.3", or "devel"
	Commit  string // of the source, may be empty
}

// Options is what a Server needs. Addr and Status must be set; every other zero value is a sound default.
type Options struct {
	Addr    string             // host:port to listen on; port 0 takes a free one
	Status  func() sink.Status // called from several goroutines; the zero Status means that the sink is still starting
	Metrics *Metrics           // nil: a set of its own, fed by Status alone
	Build   Build              // ignored if Metrics is set, which has its own
	Logger  *slog.Logger       // nil: slog.Default()
	// Stuck is how long a table may have records to commit and commit none before /readyz turns false.
	// Zero means 10 minutes; keep it well above commit.every and the back-off of a catalog.
	Stuck time.Duration
	// Config is the configuration file, as the commands on the page should name it; empty: they name none.
	Config string
	Now    func() time.Time // nil: time.Now
}

// Server is the admin page's server. It is listening from New on, until Close.
type Server struct {
	http   *http.Server
	addr   string
	served chan error
}

// New listens and serves. The error tells that the address could not be had.
func New(o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	ln, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("admin page: listen: %w; choose another address with admin: host:port, or admin: \"off\"", err)
	}
	s := &Server{
		addr:   ln.Addr().String(),
		served: make(chan error, 1),
		http: &http.Server{
			Handler:           Handler(o),
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       10 * time.Second,
			WriteTimeout:      30 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    16 << 10,
			ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug), // clients that go away, and the like
		},
	}
	go func() { s.served <- s.http.Serve(ln) }()
	return s, nil
}

// Addr is where the server listens, as host:port, with the real port.
func (s *Server) Addr() string { return s.addr }

// URL is the address of the status page. An address that listens everywhere is spelt as the loopback.
func (s *Server) URL() string {
	host, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		return "http://" + s.addr + "/"
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port) + "/"
}

// Close lets requests end until ctx is done, cuts the rest, and waits for the server to be gone. The error
// is that of serving, if it had ended before for any other reason than Close.
func (s *Server) Close(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close() // ctx is over: whoever still reads is cut off
	}
	if err := <-s.served; err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin page: serve: %w", err)
	}
	return nil
}

// Handler is everything that the server answers, without the listening.
func Handler(o Options) http.Handler {
	if o.Stuck <= 0 {
		o.Stuck = 10 * time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(o.Build)
	}
	h := &handlers{
		watch: &watch{ask: o.Status, wait: statusWait, now: o.Now},
		build: o.Metrics.build, stuck: o.Stuck, config: o.Config, now: o.Now, assets: loadAssets(),
	}
	o.Metrics.watch.Store(h.watch)
	o.Metrics.stuck.Store(int64(o.Stuck))

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", h.page)
	mux.HandleFunc("GET /status.json", h.json)
	mux.HandleFunc("GET /readyz", h.readyz)
	mux.HandleFunc("GET /healthz", h.healthz)
	mux.HandleFunc("GET /assets/{name}", h.asset)
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Metrics.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.HTTPErrorOnError,
		Timeout:       10 * time.Second,
	}))
	return guard(mux)
}

// guard sets what every answer carries: nothing from elsewhere is loaded, nobody frames the page, nothing is
// kept by proxies.
func guard(next http.Handler) http.Handler {
	const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
