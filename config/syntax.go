package config

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxFile is larger than any configuration that a person wrote.
const maxFile = 4 << 20

// syntax gives the one document of the file, or faults. The library's own messages quote the file, secrets
// included, so only its positions are used.
func syntax(r *reader, data []byte) ast.Node {
	whole := func(what, want, hint string) ast.Node {
		r.faults = append(r.faults, Fault{File: r.file, What: what, Want: want, Hint: hint})
		return nil
	}
	switch {
	case len(data) > maxFile:
		return whole("the file is larger than 4 MiB", "a configuration in YAML", "")
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}), bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return whole("the file is written in UTF-16", "UTF-8", "save it again as UTF-8")
	}
	data = bytes.TrimPrefix(data, []byte{0xef, 0xbb, 0xbf})
	lines := strings.Split(string(data), "\n")
	for i, l := range lines {
		if j := badByte(l); j >= 0 {
			r.faults = append(r.faults, Fault{File: r.file, Line: i + 1, Column: j + 1, What: "a byte that is not UTF-8, or a control character", Want: "UTF-8 text"})
			return nil
		}
	}
	// A tab in the indentation confuses the parser into a message about something else.
	for i, l := range lines {
		if t := strings.TrimLeft(l, " "); strings.HasPrefix(t, "\t") && strings.TrimSpace(t) != "" && !inBlockText(lines, i) {
			r.faults = append(r.faults, Fault{File: r.file, Line: i + 1, Column: len(l) - len(t) + 1, What: "a tab in the indentation", Want: "spaces"})
		}
	}
	if len(r.faults) > 0 {
		return nil
	}
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.faults = append(r.faults, syntaxFault(r.file, err, lines))
		return nil
	}
	var bodies []ast.Node
	for _, d := range file.Docs {
		if d.Body != nil {
			bodies = append(bodies, d.Body)
		}
	}
	switch {
	case len(bodies) == 0:
		return whole("the file is empty", "at least sink, kafka, catalog and tables", "see docs/configuration.md for an example")
	case len(bodies) > 1:
		p := place(bodies[1])
		r.faults = append(r.faults, Fault{File: r.file, Line: p.line, Column: p.column, What: "a second document (after ---)", Want: "one document a file", Hint: "one process runs one sink: start another one for the second document"})
		return nil
	}
	return bodies[0]
}

// inBlockText tells whether line i belongs to a text of several lines (| or >), in which tabs are legal.
func inBlockText(lines []string, i int) bool {
	indent := len(lines[i]) - len(strings.TrimLeft(lines[i], " "))
	for j := i - 1; j >= 0; j-- {
		l := strings.TrimRight(lines[j], " \r")
		if strings.TrimSpace(l) == "" {
			continue
		}
		if at := len(l) - len(strings.TrimLeft(l, " ")); at < indent {
			return strings.HasSuffix(l, "|") || strings.HasSuffix(l, ">") || strings.HasSuffix(l, "|-") || strings.HasSuffix(l, ">-")
		}
	}
	return false
}

func badByte(line string) int {
	for i, c := range line {
		if c == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(line[i:]); n == 1 {
				return i
			}
		}
		if c < 0x20 && c != '\t' && c != '\r' || c == 0x7f {
			return i
		}
	}
	return -1
}

func syntaxFault(file string, err error, lines []string) Fault {
	f := Fault{File: file, What: "this is not YAML"}
	var ye yaml.Error
	if !errors.As(err, &ye) {
		return f
	}
	msg := ye.GetMessage()
	if t := ye.GetToken(); t != nil && t.Position != nil {
		f.Line, f.Column = max(1, t.Position.Line), max(1, t.Position.Column)
	}
	switch {
	case strings.Contains(msg, "could not find end character"):
		f.What, f.Want = "a quote that is not closed", "the same quote at the end of the text"
	case strings.Contains(msg, "end token"), strings.Contains(msg, "must be specified"):
		f.What, f.Want = "a bracket that is not closed, or a missing comma", "every { and [ closed, with commas between"
	case strings.Contains(msg, "not allowed in this context"):
		f.What, f.Want = "this does not fit what stands above it", "keys of one section at the same indentation, and quotes around a text with ': ' in it"
	case strings.Contains(msg, "invalid key"):
		f.What, f.Want = "a key that is not a word", "words as keys"
	case strings.Contains(msg, "alias") || strings.Contains(msg, "anchor"):
		f.What = "an anchor or alias that leads nowhere"
	default:
		f.Want = "keys and values, as in docs/configuration.md"
	}
	if mark, p := opened(lines, f.Line); mark == '"' || mark == '\'' {
		f.What, f.Want, f.Line, f.Column = "a quote that is not closed", "the same quote at the end of the text", p.line, p.column
	} else if mark != 0 {
		f.What, f.Want, f.Line, f.Column = "a bracket that is not closed, or a missing comma", "every { and [ closed, with commas between", p.line, p.column
	}
	if f.Line >= 1 && f.Line <= len(lines) && strings.Contains(lines[f.Line-1], "${") {
		f.Hint = `inside { } and [ ] write "${NAME}" with quotes`
	}
	return f
}

// place is where a node begins, as a reader would point at it.
func place(n ast.Node) position {
	switch v := n.(type) {
	case *ast.MappingNode:
		if !v.IsFlowStyle && len(v.Values) > 0 {
			return place(v.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return place(v.Key)
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return position{t.Position.Line, t.Position.Column}
	}
	return position{}
}

// opened finds the first quote that runs over the end of its line, or else the innermost bracket that is open in
// line upTo: where a parser's complaint about a later line has its cause. mark is 0 if there is none.
func opened(lines []string, upTo int) (mark byte, p position) {
	type open struct {
		mark byte
		at   position
	}
	var stack []open
	for i := 0; i < min(upTo, len(lines)); i++ {
		l := lines[i]
		quote, from := byte(0), 0
		for j := 0; j < len(l); j++ {
			switch ch := l[j]; {
			case quote == '"' && ch == '\\':
				j++
			case quote != 0:
				if ch == quote {
					quote = 0
				}
			case (ch == '"' || ch == '\'') && (j == 0 || strings.ContainsRune(" [{,:", rune(l[j-1]))):
				quote, from = ch, j
			case ch == '#' && (j == 0 || l[j-1] == ' '):
				j = len(l)
			case ch == '[' || ch == '{':
				if len(stack) > 0 || j == 0 || strings.ContainsRune(" [{,:", rune(l[j-1])) {
					stack = append(stack, open{ch, position{i + 1, j + 1}})
				}
			case (ch == ']' || ch == '}') && len(stack) > 0:
				stack = stack[:len(stack)-1]
			}
		}
		if quote != 0 {
			return quote, position{i + 1, from + 1}
		}
	}
	if len(stack) == 0 {
		return 0, position{}
	}
	return stack[len(stack)-1].mark, stack[len(stack)-1].at
}
