package admin

import (
	"slices"
	"testing"

	"github.com/sinker-io/sinker/commit"
)

func TestPieces_CommandsCanBePasted(t *testing.T) {
	for _, c := range []struct {
		do, table, config string
		want              []string // commands
	}{
		{"look, then `sinker offsets accept --table TABLE --position mirror|start --reason WHY` (mirror: …)", "shop.orders", "/etc/sinker.yaml", []string{
			`sinker offsets accept -c /etc/sinker.yaml --table shop.orders --position mirror --reason "why"`,
			`sinker offsets accept -c /etc/sinker.yaml --table shop.orders --position start --reason "why"`,
		}},
		{"`sinker check --probe`, or set `policy.gap: continue`", "t", "my config.yaml", []string{`sinker check -c 'my config.yaml' --probe`}},
		{"first\nsinker offsets show -c x.yaml\nthen look", "t", "y.yaml", []string{"sinker offsets show -c x.yaml"}},
		{"`sinker offsets accept -c 'my config.yaml' --table t --position log --reason WHY`", "t", "my config.yaml", []string{
			`sinker offsets accept -c 'my config.yaml' --table t --position log --reason "why"`,
		}},
		{"change the table", "t", "y.yaml", nil},
		{"an odd ` backtick, sinker is not a command here", "t", "", nil},
	} {
		var got []string
		for _, p := range pieces(&commit.Stop{Do: c.do, Table: c.table}, c.config) {
			if p.Code {
				got = append(got, p.Text)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q:\n got %q\nwant %q", c.do, got, c.want)
		}
	}
}
