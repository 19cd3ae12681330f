package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// Package is the source of one package, type-checked.
type Package struct {
	Path string // import path
	Dir  string

	root    string
	name    string
	files   []*file
	fset    *token.FileSet
	types   *types.Package
	info    *types.Info
	imports types.Importer
}

type file struct {
	name string // from the root of the repository
	path string
	text string
	ast  *ast.File
}

// listed is what `go list` tells of a package.
type listed struct {
	ImportPath, Dir, Name, Export string
	GoFiles                       []string
	DepOnly                       bool
}

// Load reads packages (as the go command names them) of the module at root, as they are compiled for this machine.
func Load(ctx context.Context, root string, packages ...string) ([]*Package, error) {
	helpers := []string{"errors", "os", "strconv"} // what the switch of a woven package imports
	args := append([]string{"list", "-deps", "-export", "-json=ImportPath,Dir,Name,Export,GoFiles,DepOnly"}, packages...)
	cmd := exec.CommandContext(ctx, "go", append(args, helpers...)...)
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("mutants: go list %v: %w", packages, err)
	}
	exports := map[string]string{}
	var wanted []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("mutants: go list: %w", err)
		}
		exports[l.ImportPath] = l.Export
		if rel, err := filepath.Rel(root, l.Dir); !l.DepOnly && err == nil && filepath.IsLocal(rel) {
			wanted = append(wanted, l)
		}
	}
	lookup := func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(exports[path])
	}
	var ps []*Package
	for _, l := range wanted {
		p := &Package{Path: l.ImportPath, Dir: l.Dir, root: root, name: l.Name, fset: token.NewFileSet()}
		p.imports = importer.ForCompiler(p.fset, "gc", lookup)
		for _, name := range l.GoFiles {
			text, err := os.ReadFile(filepath.Join(l.Dir, name))
			if err != nil {
				return nil, fmt.Errorf("mutants: %w", err)
			}
			rel, err := filepath.Rel(root, filepath.Join(l.Dir, name))
			if err != nil {
				return nil, fmt.Errorf("mutants: %w", err)
			}
			f := &file{name: filepath.ToSlash(rel), path: filepath.Join(l.Dir, name), text: string(text)}
			if f.ast, err = parser.ParseFile(p.fset, f.path, f.text, parser.SkipObjectResolution); err != nil {
				return nil, fmt.Errorf("mutants: %w", err)
			}
			p.files = append(p.files, f)
		}
		p.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
		var asts []*ast.File
		for _, f := range p.files {
			asts = append(asts, f.ast)
		}
		if p.types, err = (&types.Config{Importer: p.imports}).Check(p.Path, p.fset, asts, p.info); err != nil {
			return nil, fmt.Errorf("mutants: %w", err)
		}
		ps = append(ps, p)
	}
	return ps, nil
}

// faults type-checks the package with other texts of its files, by path, and with more of them, and returns the offsets at which it
// does not compile, by path.
func (p *Package) faults(texts map[string]string) (map[string][]int, error) {
	fset := token.NewFileSet()
	parse := func(path, text string) (*ast.File, error) {
		return parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
	}
	var asts []*ast.File
	own := map[string]bool{}
	for _, f := range p.files {
		text, changed := texts[f.path]
		if !changed {
			text = f.text
		}
		own[f.path] = true
		a, err := parse(f.path, text)
		if err != nil {
			return nil, fmt.Errorf("mutants: %w", err)
		}
		asts = append(asts, a)
	}
	for path, text := range texts {
		if own[path] {
			continue
		}
		a, err := parse(path, text)
		if err != nil {
			return nil, fmt.Errorf("mutants: %w", err)
		}
		asts = append(asts, a)
	}
	at := map[string][]int{}
	conf := types.Config{Importer: p.imports, Error: func(err error) {
		var e types.Error
		if errors.As(err, &e) {
			pos := fset.Position(e.Pos)
			at[pos.Filename] = append(at[pos.Filename], pos.Offset)
		}
	}}
	_, _ = conf.Check(p.Path, fset, asts, nil) // its first error is among those that Error heard
	return at, nil
}
