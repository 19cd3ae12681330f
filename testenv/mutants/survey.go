package mutants

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Result is what became of one mutant.
type Result struct {
	*Mutant
	Outcome
	Layer  string // of the step that killed it
	Argued string // why it is no fault, where it survived
}

// Survey tries every mutant against the steps, in their order, until one kills it.
type Survey struct {
	Root    string
	Steps   []Step
	Workers int
	// Heard, if set, hears of each result as it comes, one at a time.
	Heard func(done, of int, r Result)
}

// Run returns the results in the order of the mutants. The packages are those that ms were made of.
func (s Survey) Run(ctx context.Context, ps []*Package, ms []*Mutant) ([]Result, error) {
	scratch, err := os.MkdirTemp("", "sinker-mutants")
	if err != nil {
		return nil, fmt.Errorf("mutants: %w", err)
	}
	defer os.RemoveAll(scratch)
	texts := map[string]string{}
	for _, p := range ps {
		var own []*Mutant
		for _, m := range ms {
			if m.Package == p.Path {
				own = append(own, m)
			}
		}
		for path, text := range p.Weave(own) {
			texts[path] = text
		}
	}
	limits := map[Step]time.Duration{}
	var programs []*program
	for _, step := range s.Steps {
		p, err := build(ctx, s.Root, scratch, step, texts)
		if err != nil {
			return nil, err
		}
		if p.uses, err = depends(ctx, s.Root, step); err != nil {
			return nil, err
		}
		if err := p.measure(ctx, scratch); err != nil {
			return nil, err
		}
		limits[step] = p.limit
		programs = append(programs, p)
	}
	results := make([]Result, len(ms))
	work := make(chan int)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range max(1, s.Workers) {
		all.Go(func() {
			for i := range work {
				r, err := s.try(ctx, scratch, ms[i], programs, limits)
				if err != nil {
					stop(err)
					continue
				}
				mu.Lock()
				results[i] = r
				if done++; s.Heard != nil {
					s.Heard(done, len(ms), r)
				}
				mu.Unlock()
			}
		})
	}
	for i := range ms {
		select {
		case work <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(work)
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return results, nil
}

func (s Survey) try(ctx context.Context, scratch string, m *Mutant, programs []*program, limits map[Step]time.Duration) (Result, error) {
	r := Result{Mutant: m}
	for _, p := range programs {
		if !p.uses[m.Package] {
			continue
		}
		if m.decl == nil {
			alone, err := build(ctx, s.Root, scratch, p.Step, map[string]string{m.file.path: m.edit.apply(m.file.text)})
			if err != nil {
				return r, err
			}
			alone.limit = limits[p.Step]
			defer os.Remove(alone.path)
			p = alone
		}
		o, _, err := p.run(ctx, scratch, m.ID)
		if err != nil {
			return r, err
		}
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
		o.Took += r.Took
		r.Outcome = o
		if o.Killed {
			r.Layer = p.Layer
			break
		}
	}
	return r, nil
}

// Root is the folder of the module that the working directory is in.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("mutants: %w", err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("mutants: %s is in no module", dir)
		}
	}
}
