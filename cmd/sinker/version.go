package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/sinker-io/sinker/admin"
)

// version and commit are set by the linker: -X main.version=v1.2.3 -X main.commit=… . Without them, what Go
// itself wrote into the program is used.
var version, commitID string

// build says which program this is.
func build() admin.Build {
	b := admin.Build{Version: version, Commit: commitID}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	if b.Version == "" {
		if b.Version = info.Main.Version; b.Version == "" || b.Version == "(devel)" {
			b.Version = "devel"
		}
	}
	if b.Commit == "" {
		modified := ""
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				b.Commit = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				modified = "+changes"
			}
		}
		if b.Commit != "" {
			b.Commit += modified
		}
	}
	return b
}

func (a *app) versionCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "version",
		Short: "Version, commit, Go version",
		Args:  noArguments,
		RunE:  func(*cobra.Command, []string) error { return a.showVersion() },
	}
	a.addOutput(c)
	return c
}

func (a *app) showVersion() error {
	b, platform := build(), runtime.GOOS+"/"+runtime.GOARCH
	if a.output == "json" {
		return writeJSON(a.out, map[string]string{"version": b.Version, "commit": b.Commit, "go": runtime.Version(), "platform": platform})
	}
	commit := b.Commit
	if commit == "" {
		commit = "unknown"
	}
	_, err := fmt.Fprintf(a.out, "sinker %s\ncommit %s\n%s %s\n", b.Version, commit, runtime.Version(), platform)
	return err
}

// writeJSON writes one value, indented.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
