package tools

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// PostgreSQL returns the folder of PostgreSQL's server programs. If there are none and the process may, the Debian package is
// installed.
func PostgreSQL(ctx context.Context) (string, error) {
	find := func() string {
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
		if len(found) > 0 {
			return filepath.Dir(slices.Max(found))
		}
		if path, err := exec.LookPath("postgres"); err == nil {
			return filepath.Dir(path)
		}
		return ""
	}
	return debian(ctx, "postgresql-15", find)
}

// Chromium returns the browser's program. If there is none and the process may, the Debian package is installed.
func Chromium(ctx context.Context) (string, error) {
	find := func() string {
		for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
			if path, err := exec.LookPath(name); err == nil {
				return path
			}
		}
		return ""
	}
	return debian(ctx, "chromium", find, "fonts-dejavu-core")
}

// debian finds a program or installs its package.
func debian(ctx context.Context, pkg string, find func() string, more ...string) (string, error) {
	if path := find(); path != "" {
		return path, nil
	}
	root, err := Dir()
	if err != nil {
		return "", err
	}
	unlock, err := lock(ctx, filepath.Join(root, "apt.lock"))
	if err != nil {
		return "", fmt.Errorf("tools: %s: %w", pkg, err)
	}
	defer unlock()
	if path := find(); path != "" {
		return path, nil
	}
	by := fmt.Sprintf("apt-get install --no-install-recommends %s", pkg)
	apt, err := need("apt-get", "install what this Debian package brings: "+pkg)
	if err != nil {
		return "", fmt.Errorf("tools: %w", err)
	}
	if os.Geteuid() != 0 {
		return "", fmt.Errorf("tools: %s is %w, and only root may install it: %s", pkg, errMissing, by)
	}
	fmt.Fprintf(os.Stderr, "tools: installing the Debian package %s\n", pkg)
	env := []string{"DEBIAN_FRONTEND=noninteractive"}
	if err := run(ctx, root, env, apt, "update", "-q"); err != nil {
		return "", fmt.Errorf("tools: install %s: %w", pkg, err)
	}
	argv := append([]string{apt, "install", "-q", "-y", "--no-install-recommends", pkg}, more...)
	if err := run(ctx, root, env, argv...); err != nil {
		return "", fmt.Errorf("tools: %s: %w", by, err)
	}
	if path := find(); path != "" {
		return path, nil
	}
	return "", fmt.Errorf("tools: %s was installed, but its program is %w", pkg, errMissing)
}
