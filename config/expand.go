package config

import (
	"regexp"
	"strings"
)

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces each ${NAME} of text by its value in the environment, and $${ by ${. Values are not expanded
// again. expanded tells whether anything came from the environment: then the result is not to be shown.
func (r *reader) expand(text string) (out string, expanded bool, c *complaint) {
	var b strings.Builder
	for rest := text; ; {
		i := strings.Index(rest, "${")
		if i < 0 {
			b.WriteString(rest)
			return b.String(), expanded, nil
		}
		if i > 0 && rest[i-1] == '$' {
			b.WriteString(rest[:i-1] + "${")
			rest = rest[i+2:]
			continue
		}
		b.WriteString(rest[:i])
		name, after, closed := strings.Cut(rest[i+2:], "}")
		switch {
		case !closed:
			return "", false, &complaint{what: "${ without its }", want: "${NAME}, or $${ for the two characters themselves"}
		case !envName.MatchString(name):
			hint := ""
			if base, _, ok := strings.Cut(name, ":"); ok && envName.MatchString(base) {
				hint = "there are no defaults here: did you mean ${" + base + "}?"
			}
			return "", false, &complaint{what: "${" + name + "} is not the name of an environment variable", want: "letters, digits and _", hint: hint}
		}
		value, ok := r.env(name)
		if !ok {
			return "", false, &complaint{what: "environment variable " + name + " is not set", want: "it in the environment of this process", hint: didYouMean(r.similarVariable(name))}
		}
		if value == "" {
			return "", false, &complaint{what: "environment variable " + name + " is empty", want: "a value"}
		}
		b.WriteString(value)
		expanded = true
		rest = after
	}
}

// similarVariable is the name of a variable that is set and looks like name; only names are ever shown.
func (r *reader) similarVariable(name string) string {
	if r.names == nil {
		return ""
	}
	if guess := nearest(name, r.names(), nil); guess != "" {
		return "${" + guess + "}"
	}
	return ""
}
