package admin

import (
	"strings"

	"github.com/sinker-io/sinker/commit"
)

// pieces parts a STOP's advice into text and commands: what stands in backticks and begins with the program's
// name, or a line that does.
func pieces(s *commit.Stop, config string) []piece {
	var out []piece
	text := func(t string) {
		t = strings.Trim(t, " \n")
		if len(out) > 0 && out[len(out)-1].Code { // a command stands on a line of its own: what joined it to the sentence goes
			t = strings.TrimLeft(t, ",;. ")
		}
		if t != "" {
			out = append(out, piece{Text: visible(t)})
		}
	}
	for i, part := range strings.Split(s.Do, "`") {
		switch {
		case i%2 == 1 && isCommand(part):
			for _, c := range spellOut(part, s.Table, config) {
				out = append(out, piece{Text: visible(c), Code: true})
			}
		case i%2 == 1:
			out = append(out, piece{Text: visible(part), Word: true})
		default:
			for line := range strings.Lines(part) {
				if !isCommand(strings.TrimSpace(line)) {
					text(line)
					continue
				}
				for _, c := range spellOut(strings.TrimSpace(line), s.Table, config) {
					out = append(out, piece{Text: visible(c), Code: true})
				}
			}
		}
	}
	return out
}

func isCommand(s string) bool { return strings.HasPrefix(s, "sinker ") }

// spellOut makes commands of one that was written for people: TABLE becomes the table's name, the
// configuration file is named, a reason is quoted, and "a|b" becomes one command for each choice, since a
// shell would take the bar for a pipe. What is left to fill in is in quotes.
func spellOut(command, table, config string) []string {
	words := strings.Fields(command)
	if config != "" && !strings.Contains(command, " -c ") {
		at := 1
		for at < len(words) && !strings.HasPrefix(words[at], "-") {
			at++
		}
		words = append(words[:at:at], append([]string{"-c", commit.Word(config)}, words[at:]...)...)
	}
	out := []string{""}
	for i, w := range words {
		choices := []string{w}
		switch {
		case w == "TABLE":
			choices[0] = commit.Word(table)
		case w == "WHY":
			choices[0] = `"why"`
		case w == table:
			choices[0] = commit.Word(table)
		case i > 0 && strings.HasPrefix(words[i-1], "--") && strings.Contains(w, "|") && !strings.ContainsAny(w, `'"`):
			choices = strings.Split(w, "|")
		}
		var next []string
		for _, c := range choices {
			for _, o := range out {
				next = append(next, strings.TrimPrefix(o+" "+c, " "))
			}
		}
		out = next
	}
	return out
}
