package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Load reads the file and the process's environment. The error is Faults.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		f := Fault{File: path, What: "the file cannot be read: " + cause(err)}
		var info os.FileInfo
		if info, err = os.Stat(path); err == nil && info.IsDir() {
			f.What, f.Want = "this is a folder", "a file"
		}
		if guess := neighbour(path); guess != "" {
			f.Hint = didYouMean(guess)
		}
		return nil, Faults{f}
	}
	return Parse(path, data, os.LookupEnv, environmentNames)
}

func cause(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "it does not exist"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// neighbour is a file in the same folder whose name looks like the one asked for.
func neighbour(path string) string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".yaml" || ext == ".yml") {
			names = append(names, e.Name())
		}
	}
	if guess := nearest(filepath.Base(path), names, nil); guess != "" {
		return filepath.Join(filepath.Dir(path), guess)
	}
	return ""
}

func environmentNames() []string {
	var names []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		names = append(names, name)
	}
	return names
}

// Parse reads data; file is its name in messages, env looks a variable up, names lists the variables for
// suggestions and may be nil. The error is Faults, with every fault of the file.
func Parse(file string, data []byte, env func(string) (string, bool), names func() []string) (*Config, error) {
	r := &reader{file: file, env: env, names: names, at: map[string]position{}, written: map[string]string{}, anchors: map[string]ast.Node{}}
	root := syntax(r, data)
	if root == nil {
		return nil, r.faults.sorted()
	}
	ast.Walk(anchorFinder(r.anchors), root)
	c := Defaults()
	c.file, c.at = file, r.at
	r.fill(root, reflect.ValueOf(&c).Elem(), "", "")
	c.fillDependent()
	r.check(&c)
	if len(r.faults) > 0 {
		return nil, r.faults.sorted()
	}
	return &c, nil
}

// anchorFinder collects the anchors of a file before anything is read, so that an alias works wherever its
// anchor stands.
type anchorFinder map[string]ast.Node

// Visit is called by ast.Walk.
func (f anchorFinder) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok {
		f[a.Name.GetToken().Value] = a.Value
	}
	return f
}
