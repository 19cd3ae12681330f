package mutants

import (
	"bufio"
	"errors"
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Layers of the proof, from the cheapest to the dearest.
var Layers = []string{"unit", "checker", "L1", "L2", "suite", "real"}

// Patch is a chosen mutant: a unified diff below a header of lines "Key: value".
//
//	Breaks: what is wrong with the code then
//	Law:    the line or hazard of the protocol that it offends, or the promise of a room
//	Killer: layer ./package TestName
//
// Killer may stand several times: each of them must kill it, and the first is the cheapest. A mistake of the world around the code, a
// catalog that lies or a worker that forgets, needs no patch: it is a switch of a model, and has no diff. Its test finds it.
type Patch struct {
	Name    string
	Breaks  string
	Law     string
	Killers []Step

	hunks []hunk
}

// Inside tells of a mistake that is a switch of a model, found by the test that throws it.
func (p *Patch) Inside() bool { return len(p.hunks) == 0 }

// hunk is one change of one file: lines that are there, and the lines that come in their place.
type hunk struct {
	file     string
	line     int // where it was when the patch was made
	old, new []string
}

// Patches reads every patch of a folder, in the order of their names.
func Patches(dir string) ([]*Patch, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.patch"))
	if err != nil {
		return nil, fmt.Errorf("mutants: %w", err)
	}
	slices.Sort(names)
	var out []*Patch
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("mutants: %w", err)
		}
		p, err := parsePatch(strings.TrimSuffix(filepath.Base(name), ".patch"), string(text))
		if err != nil {
			return nil, fmt.Errorf("mutants: %s: %w", name, err)
		}
		out = append(out, p)
	}
	return out, nil
}

func parsePatch(name, text string) (*Patch, error) {
	p := &Patch{Name: name}
	header, diff, _ := strings.Cut(text, "--- a/")
	for _, line := range strings.Split(header, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case ok && key == "Breaks":
			p.Breaks = value
		case ok && key == "Law":
			p.Law = value
		case ok && key == "Killer":
			f := strings.Fields(value)
			if len(f) != 3 || !slices.Contains(Layers, f[0]) || !strings.HasPrefix(f[1], "./") {
				return nil, fmt.Errorf("want Killer: layer ./package TestName, got %q", value)
			}
			p.Killers = append(p.Killers, Step{Layer: f[0], Package: f[1], Run: "^" + f[2] + "$"})
		default:
			return nil, fmt.Errorf("header line %q", line)
		}
	}
	if p.Breaks == "" || p.Law == "" || len(p.Killers) == 0 {
		return nil, errors.New("the header must have Breaks, Law and Killer")
	}
	if diff == "" {
		return p, nil
	}
	return p, p.parse("--- a/" + diff)
}

func (p *Patch) parse(diff string) error {
	file := ""
	var at *hunk
	sc := bufio.NewScanner(strings.NewReader(diff))
	for sc.Scan() {
		line := sc.Text()
		switch {
		case strings.HasPrefix(line, "--- a/"):
			file, at = strings.TrimPrefix(line, "--- a/"), nil
		case strings.HasPrefix(line, "+++ b/"):
			if strings.TrimPrefix(line, "+++ b/") != file {
				return fmt.Errorf("%s becomes another file", file)
			}
		case strings.HasPrefix(line, "@@"):
			h := hunk{file: file}
			if _, err := fmt.Sscanf(line, "@@ -%d", &h.line); err != nil {
				return fmt.Errorf("%q: %w", line, err)
			}
			p.hunks = append(p.hunks, h)
			at = &p.hunks[len(p.hunks)-1]
		case at == nil:
			return fmt.Errorf("%q before any @@", line)
		case strings.HasPrefix(line, "-"):
			at.old = append(at.old, line[1:])
		case strings.HasPrefix(line, "+"):
			at.new = append(at.new, line[1:])
		case line == "" || line[0] == ' ':
			line = strings.TrimPrefix(line, " ")
			at.old, at.new = append(at.old, line), append(at.new, line)
		default:
			return fmt.Errorf("%q in a diff", line)
		}
	}
	if len(p.hunks) == 0 {
		return errors.New("the diff changes nothing")
	}
	return sc.Err()
}

// Apply returns the texts of the files that the patch changes, by path. The lines around a change may have moved, but they must still
// be there, once: else the code has changed where the patch breaks it, and somebody must look at both.
func (p *Patch) Apply(root string) (map[string]string, error) {
	texts := map[string]string{}
	for _, h := range p.hunks {
		path := filepath.Join(root, h.file)
		text, begun := texts[path]
		if !begun {
			b, err := os.ReadFile(path)
			if err != nil {
				return nil, fmt.Errorf("mutants: %s: %w", p.Name, err)
			}
			text = string(b)
		}
		at, err := h.find(p.Name, text)
		if err != nil {
			return nil, err
		}
		texts[path] = at.apply(text)
	}
	return texts, nil
}

// find is the change that the hunk makes of a text: from the first line that differs to the last.
func (h hunk) find(name, text string) (edit, error) {
	lines := strings.SplitAfter(text, "\n")
	var found []int
next:
	for i := 0; i+len(h.old) <= len(lines); i++ {
		for j, want := range h.old {
			if strings.TrimSuffix(lines[i+j], "\n") != want {
				continue next
			}
		}
		found = append(found, i)
	}
	if len(found) != 1 {
		return edit{}, fmt.Errorf("mutants: %s does not apply: its lines around %s:%d are there %d times, want once", name, h.file, h.line, len(found))
	}
	head := 0
	for head < min(len(h.old), len(h.new)) && h.old[head] == h.new[head] {
		head++
	}
	tail := 0
	for tail < min(len(h.old), len(h.new))-head && h.old[len(h.old)-1-tail] == h.new[len(h.new)-1-tail] {
		tail++
	}
	first := found[0] + head
	from := len(strings.Join(lines[:first], ""))
	to := from + len(strings.Join(lines[first:found[0]+len(h.old)-tail], ""))
	put := ""
	for _, line := range h.new[head : len(h.new)-tail] {
		put += line + "\n"
	}
	for from < to && put != "" && text[from] == put[0] { // down to the bytes: a function may be one line
		from, put = from+1, put[1:]
	}
	for from < to && put != "" && text[to-1] == put[len(put)-1] {
		to, put = to-1, put[:len(put)-1]
	}
	return edit{from, to, put}, nil
}

// function tells whether an edit is within the body of a function.
func function(d ast.Decl, f *file, at edit) (*ast.FuncDecl, bool) {
	fd, ok := d.(*ast.FuncDecl)
	if !ok || fd.Body == nil {
		return nil, false
	}
	base := int(f.ast.FileStart)
	return fd, int(fd.Body.Lbrace)-base < at.from && at.to <= int(fd.Body.Rbrace)-base
}
