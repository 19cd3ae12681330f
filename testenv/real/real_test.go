package real

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A killed broker comes back on its address with all that it had acknowledged.
func TestKafka_KilledAndRestarted(t *testing.T) {
	set := newSet(t)
	k, err := set.Kafka(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(k.Addr), kgo.DefaultProduceTopic("t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	if _, err := adm.CreateTopic(t.Context(), 1, 1, nil, "t"); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(t.Context(), kgo.StringRecord("1"), kgo.StringRecord("2")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	pid := k.PID()
	if err := k.Kill(); err != nil {
		t.Fatal(err)
	}
	if alive(pid) {
		t.Errorf("process %d lives after Kill", pid)
	}
	if err := k.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ends, err := adm.ListEndOffsets(t.Context(), "t")
	if err != nil {
		t.Fatal(err)
	}
	if end, ok := ends.Lookup("t", 0); !ok || end.Offset != 2 {
		t.Errorf("end of the log is %d after the restart, want 2", end.Offset)
	}
}

// Every catalog and store keeps its address over a restart, and nothing is left when the set is stopped.
func TestSet_RestartAndStop(t *testing.T) {
	set := newSet(t)
	var servers []*Server
	for _, kind := range []Kind{RESTVersityGW, PostgresMinIO, NessieVersity, SQLiteFile} {
		w := kind.mustStart(t, set)
		if w.Catalog.Server != nil {
			servers = append(servers, w.Catalog.Server)
		}
		if w.S3 != nil && kind != NessieVersity {
			servers = append(servers, w.S3.Server)
		}
	}
	if len(servers) != 5 {
		t.Fatalf("%d servers, want 5", len(servers))
	}
	var pids []int
	for _, s := range servers {
		if err := s.Kill(); err != nil {
			t.Errorf("kill %s: %v", s.Name, err)
		}
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, s.PID())
	}
	if err := set.Stop(); err != nil {
		t.Error(err)
	}
	for i, pid := range pids {
		if alive(pid) {
			t.Errorf("%s: process %d lives after the set was stopped", servers[i].Name, pid)
		}
	}
}

func (k Kind) mustStart(t *testing.T, set *Set) *World {
	t.Helper()
	w, err := set.World(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// A server that ends before it serves says so at once, with what it printed.
func TestServer_EndsBeforeItServes(t *testing.T) {
	s := &Server{Name: "broken", dir: t.TempDir(),
		command: func() *exec.Cmd { return exec.Command("sh", "-c", "echo no such luck >&2; exit 3") },
		ready:   func(context.Context) error { return fmt.Errorf("not yet") }}
	err := s.start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no such luck") {
		t.Errorf("got %v, want the server's own words", err)
	}
}

// A server dies with the process that started it, however that one dies.
func TestServer_DiesWithItsStarter(t *testing.T) {
	note := filepath.Join(t.TempDir(), "pid")
	if os.Getenv("SINKER_TEST_STARTER") != "" {
		s := &Server{Name: "orphan", dir: t.TempDir(), command: func() *exec.Cmd { return exec.Command("sleep", "600") },
			ready: func(context.Context) error { return nil }}
		if err := s.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(os.Getenv("SINKER_TEST_STARTER"), []byte(strconv.Itoa(s.PID())), 0o644); err != nil {
			t.Fatal(err)
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	starter := exec.Command(os.Args[0], "-test.run", "^TestServer_DiesWithItsStarter$")
	starter.Env = append(os.Environ(), "SINKER_TEST_STARTER="+note)
	if err := starter.Run(); err == nil {
		t.Fatal("the starter was to be killed")
	}
	text, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(10 * time.Second); alive(pid); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("process %d outlives its starter", pid)
		}
	}
}

func TestFreePorts_DifferAndAreFree(t *testing.T) {
	ports, err := freePorts(20)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range ports {
		l, err := net.Listen("tcp4", loopback(p))
		if err != nil {
			t.Errorf("port %d: %v", p, err)
			continue
		}
		defer l.Close()
	}
}

func newSet(t *testing.T) *Set {
	t.Helper()
	set := NewSet(t.TempDir())
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(set.Logs(3000))
		}
		if err := set.Stop(); err != nil {
			t.Error(err)
		}
	})
	return set
}

// alive tells whether the process runs; one that ended and was not waited for does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}
