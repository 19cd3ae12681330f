package mutants

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// Arguments is why mutants that no test kills are no faults: by Mutant.Key, read from survivors.txt.
//
// The file is a list of reasons, each a line that begins with "why:", followed by the mutants that it holds for, one a line,
// indented, as the survey prints them. Empty lines and lines that begin with # are for readers.
type Arguments map[string]string

// ReadArguments reads survivors.txt.
func ReadArguments(path string) (Arguments, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("mutants: %w", err)
	}
	defer f.Close()
	a := Arguments{}
	why := ""
	sc := bufio.NewScanner(f)
	for n := 1; sc.Scan(); n++ {
		line := sc.Text()
		text := strings.TrimSpace(line)
		switch {
		case text == "" || text[0] == '#':
		case strings.HasPrefix(line, "why:"):
			why = strings.TrimSpace(strings.TrimPrefix(line, "why:"))
		case line[0] != ' ' && line[0] != '\t':
			return nil, fmt.Errorf("mutants: %s:%d: neither a reason nor an indented mutant", path, n)
		case why == "":
			return nil, fmt.Errorf("mutants: %s:%d: a mutant without a reason", path, n)
		case a[text] != "":
			return nil, fmt.Errorf("mutants: %s:%d: the mutant is there twice", path, n)
		default:
			a[text] = why
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("mutants: %s: %w", path, err)
	}
	return a, nil
}

// Stale lists the arguments about mutants that do not exist (any more).
func (a Arguments) Stale(ms []*Mutant) []string {
	exist := map[string]bool{}
	for _, m := range ms {
		exist[m.Key()] = true
	}
	var out []string
	for k := range a {
		if !exist[k] {
			out = append(out, k)
		}
	}
	return out
}

// Apply notes the arguments on the results that survived, and lists those that were made for mutants that are killed.
func (a Arguments) Apply(rs []Result) (refuted []string) {
	for i := range rs {
		why := a[rs[i].Key()]
		switch {
		case why != "" && rs[i].Killed:
			refuted = append(refuted, rs[i].Key()+" by "+rs[i].Test)
		case why != "":
			rs[i].Argued = why
		}
	}
	return refuted
}
