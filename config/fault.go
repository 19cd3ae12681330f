package config

import (
	"fmt"
	"sort"
	"strings"
)

// position is a place in the file, counted from 1; the zero value is the file as a whole.
type position struct{ line, column int }

// Fault is one thing that is wrong with the file.
type Fault struct {
	File   string `json:"file"`
	Line   int    `json:"line"`   // from 1; 0: the file as a whole
	Column int    `json:"column"` // from 1
	Path   string `json:"path,omitempty"`
	What   string `json:"what"`           // what is wrong
	Want   string `json:"want,omitempty"` // what is expected
	Hint   string `json:"hint,omitempty"` // what was probably meant
}

// String is one line: file:line:column: path: what is wrong; want …; did you mean …?
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
	}
	b.WriteString(": ")
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.What)
	if f.Want != "" {
		b.WriteString("; want " + f.Want)
	}
	if f.Hint != "" {
		b.WriteString("; " + f.Hint)
	}
	return b.String()
}

// Warning is something that is allowed and probably not wanted; it has the shape of a Fault.
type Warning = Fault

// Faults is everything that is wrong with a file, in the order of its lines. It is never empty.
type Faults []Fault

// Error lists the faults, one a line.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

func (fs Faults) sorted() Faults {
	sort.SliceStable(fs, func(i, j int) bool {
		if fs[i].Line != fs[j].Line {
			return fs[i].Line < fs[j].Line
		}
		return fs[i].Column < fs[j].Column
	})
	return fs
}

// didYouMean makes a hint of a guess, nothing of an empty one.
func didYouMean(guess string) string {
	if guess == "" {
		return ""
	}
	return "did you mean " + guess + "?"
}
