package judge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/sinker-io/sinker/testenv/tools"
)

// FileReaders are those of [Files].
var FileReaders = []string{"pyarrow", "duckdb", "parquet-java"}

// Files lets pyarrow and parquet-java, which check the pages' checksums, and DuckDB read single Parquet files, and tells where they find
// other rows than the truth: folder holds 0.parquet, 1.parquet, … and beside each of them n.rows with a JSON array a line, spelled as
// pagestest does it, and n.kinds. A fault begins with "file n, reader: ".
func Files(ctx context.Context, folder string, files int) ([]string, error) {
	var java []string
	var javaErr error
	var wait sync.WaitGroup
	wait.Go(func() { java, javaErr = parquetJava(ctx, folder, files) })
	python, err := pythonFiles(ctx, tools.Readers, "files.py", folder, files)
	wait.Wait()
	return append(python, java...), errors.Join(err, javaErr)
}

// ClickHouseFiles lets ClickHouse read single Parquet files, like [Files]. It knows no null list, map or struct, and takes an empty one
// for it.
func ClickHouseFiles(ctx context.Context, folder string, files int) ([]string, error) {
	return pythonFiles(ctx, tools.ClickHouse, "clickhouse_files.py", folder, files)
}

func pythonFiles(ctx context.Context, part tools.Part, name, folder string, files int) ([]string, error) {
	var a struct {
		Faults []string `json:"faults"`
	}
	if err := script(ctx, part, name, map[string]any{"folder": folder, "files": files}, &a); err != nil {
		return nil, fmt.Errorf("read the files in %s: %w", folder, err)
	}
	return a.Faults, nil
}

// compiled is a folder with the classes of the reader that stands on parquet-java, the same for the whole process.
var compiled = sync.OnceValues(func() (string, error) {
	scripts, err := unpacked()
	if err != nil {
		return "", err
	}
	ctx := context.Background()
	java, err := tools.Java(ctx)
	if err != nil {
		return "", err
	}
	jars, err := tools.Jars(ctx, tools.Parquet)
	if err != nil {
		return "", err
	}
	root := filepath.Dir(scripts)
	classes, all := filepath.Join(root, "classes"), strings.Join(jars, string(os.PathListSeparator))
	cmd := exec.Command(java, "-cp", all, "org.eclipse.jdt.internal.compiler.batch.Main", "--release", "17", "-proc:none", "-cp", all, "-d", classes,
		filepath.Join(root, "java", "ParquetRows.java"))
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile the reader by parquet-java: %w\n%s", err, end(text, 4000))
	}
	return classes, nil
})

func parquetJava(ctx context.Context, folder string, files int) (faults []string, err error) {
	classes, err := compiled()
	if err != nil {
		return nil, err
	}
	java, err := tools.Java(ctx)
	if err != nil {
		return nil, err
	}
	classPath, err := tools.ClassPath(ctx, tools.Parquet)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, askWithin, fmt.Errorf("no answer within %s", askWithin))
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, java, "-Xmx1g", "-XX:+UseSerialGC", "-cp", classes+string(os.PathListSeparator)+classPath, "ParquetRows", folder, fmt.Sprint(files))
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		return nil, errors.Join(fmt.Errorf("parquet-java reads the files in %s: %w\n%s", folder, err, end(errs.Bytes(), 4000)), context.Cause(ctx))
	}
	faults = strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	last := len(faults) - 1
	if want := fmt.Sprint("read ", files); faults[last] != want {
		return nil, fmt.Errorf("parquet-java reads the files in %s: it ends with %q, want %q\n%s", folder, faults[last], want, end(errs.Bytes(), 4000))
	}
	return faults[:last], nil
}
