// Package deploy holds no code. Its test reads what is deployed as those who deploy it would.
package deploy

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/sinker-io/sinker/config"
)

// load reads a configuration as `sinker run` does, with every variable that env provides and no other.
func load(t *testing.T, text string, env []string) *config.Config {
	t.Helper()
	for _, name := range env {
		t.Setenv(name, "planted-"+name)
	}
	dir := t.TempDir()
	text = regexp.MustCompile(`/etc/[\w./-]+`).ReplaceAllStringFunc(text, func(mounted string) string { // what the pod mounts
		here := filepath.Join(dir, filepath.Base(mounted))
		if err := os.WriteFile(here, certificate(t), 0o600); err != nil {
			t.Fatal(err)
		}
		return here
	})
	file := filepath.Join(dir, "sinker.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file)
	if err != nil {
		t.Fatalf("the configuration has faults:\n%v", err)
	}
	return c
}

// certificate is an authority of its own, as PEM.
func certificate(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func parse(t *testing.T, file string) []map[string]any {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict())
	var out []map[string]any
	for {
		var doc map[string]any
		err := d.Decode(&doc)
		if err != nil && err.Error() == "EOF" {
			return out
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out = append(out, doc)
	}
}

// at walks into maps and lists by names and numbers.
func at(t *testing.T, v any, path ...any) any {
	t.Helper()
	for i, p := range path {
		ok := false
		switch p := p.(type) {
		case string:
			var m map[string]any
			if m, ok = v.(map[string]any); ok {
				v, ok = m[p]
			}
		case int:
			var l []any
			if l, ok = v.([]any); ok && p < len(l) {
				v = l[p]
			} else {
				ok = false
			}
		}
		if !ok {
			t.Fatalf("there is nothing at %v", path[:i+1])
		}
	}
	return v
}

func kind(t *testing.T, docs []map[string]any, kind string) map[string]any {
	t.Helper()
	for _, d := range docs {
		if d["kind"] == kind {
			return d
		}
	}
	t.Fatalf("there is no %s", kind)
	return nil
}

func TestCompose_ItsConfigurationIsSound(t *testing.T) {
	doc := parse(t, "compose.yaml")[0]
	var env []string
	for name := range at(t, doc, "services", "sinker", "environment").(map[string]any) {
		env = append(env, name)
	}
	data, err := os.ReadFile("sinker.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := load(t, string(data), env)
	fits(t, int64(c.Memory), time.Duration(c.ShutdownTimeout),
		at(t, doc, "services", "sinker", "mem_limit").(string), at(t, doc, "services", "sinker", "stop_grace_period").(string))
	for service := range at(t, doc, "services").(map[string]any) {
		ports, _ := at(t, doc, "services", service).(map[string]any)["ports"].([]any)
		for _, p := range ports {
			if !strings.HasPrefix(p.(string), "127.0.0.1:") {
				t.Errorf("%s opens port %s to the network", service, p)
			}
		}
	}
}

func TestKubernetes_ConfigurationProbesAndLimits(t *testing.T) {
	for _, c := range []struct {
		file, containers string
		ready            bool // has a readiness probe
	}{{"kubernetes/deployment.yaml", "containers", true}, {"kubernetes/sidecar.yaml", "initContainers", false}} {
		t.Run(c.file, func(t *testing.T) {
			docs := parse(t, c.file)
			spec := at(t, kind(t, docs, "Deployment"), "spec", "template", "spec")
			sinker := at(t, spec, c.containers, 0).(map[string]any)
			if sinker["name"] != "sinker" {
				t.Fatalf("the container is %v", sinker["name"])
			}
			if _, has := sinker["readinessProbe"]; has != c.ready {
				t.Errorf("readiness probe: %v; beside an application it would take the application down", has)
			}
			if path := at(t, sinker, "livenessProbe", "httpGet", "path"); path != "/healthz" {
				t.Errorf("liveness asks %v; a table that stands still is no reason to restart", path)
			}
			if at(t, sinker, "securityContext", "readOnlyRootFilesystem") != true {
				t.Errorf("the root file system can be written")
			}
			cfg := load(t, at(t, kind(t, docs, "ConfigMap"), "data", "sinker.yaml").(string), variables(t, docs, sinker))
			fits(t, int64(cfg.Memory), time.Duration(cfg.ShutdownTimeout),
				at(t, sinker, "resources", "limits", "memory").(string), fmt.Sprint(at(t, spec, "terminationGracePeriodSeconds"), "s"))
			if strings.HasPrefix(cfg.Admin, "127.") || cfg.Admin == "off" {
				t.Errorf("the kubelet cannot reach admin: %s", cfg.Admin)
			}
		})
	}
}

// variables are the names that the container finds in its environment.
func variables(t *testing.T, docs []map[string]any, container map[string]any) []string {
	t.Helper()
	var out []string
	env, _ := container["env"].([]any)
	for _, e := range env {
		out = append(out, at(t, e, "name").(string))
	}
	if container["envFrom"] != nil {
		for name := range at(t, kind(t, docs, "Secret"), "stringData").(map[string]any) {
			out = append(out, name)
		}
	}
	return out
}

// fits holds what docs/operations.md says: the limit is at least the budget and 128 MiB, and there is time to drain.
func fits(t *testing.T, memory int64, drain time.Duration, limit, grace string) {
	t.Helper()
	m := regexp.MustCompile(`^(\d+)(m|Mi)$`).FindStringSubmatch(limit)
	if m == nil {
		t.Fatalf("memory limit %q", limit)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if n<<20 < memory+128<<20 {
		t.Errorf("the limit is %s, the budget %d MiB: less than 128 MiB apart", limit, memory>>20)
	}
	d, err := time.ParseDuration(grace)
	if err != nil {
		t.Fatal(err)
	}
	if d <= drain {
		t.Errorf("%s to end, and %s to drain", d, drain)
	}
}

func TestDockerfile_RunsAsNobodyAndStatic(t *testing.T) {
	data, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CGO_ENABLED=0", "\nFROM scratch\n", "\nUSER 65532:65532\n", "ca-certificates.crt", `ENTRYPOINT ["/sinker"]`, "-X main.version=", "-X main.commitID="} {
		if !strings.Contains(string(data), want) {
			t.Errorf("the Dockerfile lacks %q", want)
		}
	}
}
