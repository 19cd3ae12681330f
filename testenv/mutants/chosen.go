package mutants

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Trial is what one killer of a chosen mutant did.
type Trial struct {
	Patch *Patch
	Step  Step
	Outcome
	Err error // the patch does not apply or does not compile, or the test is not there or fails without it
}

// Folder is where the chosen mutants are.
func Folder(root string) string { return filepath.Join(root, "testenv", "mutants", "patches") }

// ensemble holds many patches woven into the packages that they change, and the programs that test them.
type ensemble struct {
	root, scratch string
	texts         map[string]string
	ids           map[*Patch]int
	faults        map[*Patch]error
	programs      map[string]*program // by package
	passed        map[Step]error      // without any mutant
	limits, took  map[Step]time.Duration
}

// TryAll runs chosen mutants against those of their killers that wanted picks, and tells of each trial as it ends. A package is compiled once, with
// all of them in it, however many there are. A mistake inside a model is tried by running its test, which throws the switch and passes if it
// finds the mistake. The error is that of the trial itself, not of a mutant.
func TryAll(ctx context.Context, root string, ps []*Patch, wanted func(Step) bool, heard func(Trial)) error {
	scratch, err := os.MkdirTemp("", "sinker-mutants")
	if err != nil {
		return fmt.Errorf("mutants: %w", err)
	}
	defer os.RemoveAll(scratch)
	ps = slices.DeleteFunc(slices.Clone(ps), func(p *Patch) bool { return !slices.ContainsFunc(p.Killers, wanted) })
	e := &ensemble{root: root, scratch: scratch, texts: map[string]string{}, ids: map[*Patch]int{}, faults: map[*Patch]error{},
		programs: map[string]*program{}, passed: map[Step]error{}, limits: map[Step]time.Duration{}, took: map[Step]time.Duration{}}
	if err := e.weave(ctx, ps); err != nil {
		return err
	}
	for _, p := range ps {
		for _, k := range p.Killers {
			if !wanted(k) {
				continue
			}
			t := e.try(ctx, p, k)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			heard(t)
		}
	}
	return nil
}

// weave makes a mutant of each patch.
func (e *ensemble) weave(ctx context.Context, ps []*Patch) error {
	dirs := map[string]bool{}
	for i, p := range ps {
		e.ids[p] = i + 1
		for _, h := range p.hunks {
			dirs["./"+filepath.ToSlash(filepath.Dir(h.file))] = true
		}
	}
	if len(dirs) == 0 {
		return nil
	}
	pkgs, err := Load(ctx, e.root, slices.Sorted(maps.Keys(dirs))...)
	if err != nil {
		return err
	}
	for _, pkg := range pkgs {
		var ms []*Mutant
		for _, p := range ps {
			more, err := pkg.mutantsOf(p, e.ids[p])
			if err != nil {
				e.faults[p] = err
				continue
			}
			ms = append(ms, more...)
		}
		for {
			bad, err := pkg.broken(ms)
			if err != nil {
				return err
			}
			if len(bad) == 0 {
				break
			}
			for _, p := range ps {
				if bad[e.ids[p]] {
					e.faults[p] = fmt.Errorf("mutants: %s does not compile", p.Name)
				}
			}
			ms = slices.DeleteFunc(ms, func(m *Mutant) bool { return bad[m.ID] })
		}
		maps.Copy(e.texts, pkg.Weave(ms))
	}
	return nil
}

// mutantsOf makes the patch's changes of this package mutants of the functions that they are in.
func (p *Package) mutantsOf(patch *Patch, id int) ([]*Mutant, error) {
	var ms []*Mutant
	for _, h := range patch.hunks {
		for _, f := range p.files {
			if f.name != h.file {
				continue
			}
			at, err := h.find(patch.Name, f.text)
			if err != nil {
				return nil, err
			}
			m := &Mutant{ID: id, Package: p.Path, File: f.name, Where: patch.Name, file: f, edit: at}
			for _, d := range f.ast.Decls {
				fd, in := function(d, f, at)
				if in {
					m.decl = fd
				}
			}
			switch {
			case m.decl == nil:
				return nil, fmt.Errorf("mutants: %s changes %s outside of functions", patch.Name, h.file)
			case slices.ContainsFunc(ms, func(o *Mutant) bool { return o.decl == m.decl }):
				return nil, fmt.Errorf("mutants: %s changes a function of %s in two hunks: make it one", patch.Name, h.file)
			case !m.parses():
				return nil, fmt.Errorf("mutants: %s: %s is no Go then", patch.Name, h.file)
			}
			ms = append(ms, m)
		}
	}
	return ms, nil
}

// try runs one patch against one killer.
func (e *ensemble) try(ctx context.Context, p *Patch, k Step) (t Trial) {
	t = Trial{Patch: p, Step: k}
	if _, err := p.Apply(e.root); err != nil {
		t.Err = err
		return t
	}
	if t.Err = e.faults[p]; t.Err != nil {
		return t
	}
	program, err := e.program(ctx, k)
	if err != nil {
		t.Err = err
		return t
	}
	name := strings.Trim(k.Run, "^$")
	if _, ran := e.passed[k]; !ran {
		o, out, err := program.run(ctx, e.scratch, 0)
		switch {
		case err != nil:
		case o.Killed:
			err = fmt.Errorf("mutants: %s %s without any mutant:\n%s", k, o.How, out)
		case !strings.Contains(out, "--- PASS: "+name+" "):
			err = fmt.Errorf("mutants: %s has no test %s", k.Package, name)
		}
		e.passed[k] = err
		e.limits[k] = max(10*time.Second, 8*o.CPU, 3*o.Took)
		e.took[k] = o.Took
	}
	if t.Err = e.passed[k]; t.Err != nil {
		return t
	}
	if p.Inside() {
		t.Outcome = Outcome{Killed: true, How: "found", Test: name, Took: e.took[k]}
		return t
	}
	program.limit = e.limits[k]
	t.Outcome, _, t.Err = program.run(ctx, e.scratch, e.ids[p])
	return t
}

// program is the one for a killer's package.
func (e *ensemble) program(ctx context.Context, k Step) (*program, error) {
	p := e.programs[k.Package]
	if p == nil {
		var err error
		if p, err = build(ctx, e.root, e.scratch, Step{Package: k.Package}, e.texts); err != nil {
			return nil, err
		}
		e.programs[k.Package] = p
	}
	one := *p
	one.Step = k
	return &one, nil
}
