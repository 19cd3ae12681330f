package commit_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/sinker-io/sinker/commit"
)

func TestWord_IsOneWordOfAShell(t *testing.T) {
	for _, s := range []string{"shop.orders", "", "a b", "it's", "$(id)", "`id`", "a\"b", "a|b;c&d", "*", "~", "-c", "é", "a\\b"} {
		out, err := exec.Command("sh", "-c", "printf '%s.' "+commit.Word(s)).Output()
		if err != nil || strings.TrimSuffix(string(out), ".") != s {
			t.Errorf("%q became %s, which a shell reads as %q (%v)", s, commit.Word(s), out, err)
		}
	}
}
