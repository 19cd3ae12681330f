// Command cmd walks through worlds of the model, given by how their names begin, and tells the story of a violation. Without
// names it lists them: q- the small set, c- the set of CI, r- that of a release, then the planted faults and the known limits.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sinker-io/sinker/commit/modelcheck"
	"github.com/sinker-io/sinker/commit/modelcheck/engine"
)

func main() {
	states := flag.Uint64("states", 0, "stop after so many states")
	limit := flag.Duration("time", 10*time.Minute, "stop after so long, each")
	untraced := flag.Bool("untraced", false, "16 bytes a state; a violation is walked to twice")
	counts := flag.Bool("counts", false, "print what was reached")
	flag.Parse()
	all := slices.Concat(modelcheck.Quick(), modelcheck.Large(), modelcheck.Release())
	for _, p := range slices.Concat(modelcheck.Planteds(), modelcheck.Limits()) {
		all = append(all, p.Config)
	}
	failed := false
	for _, c := range all {
		if !wanted(c.Name, flag.Args()) {
			if flag.NArg() == 0 {
				fmt.Println(c.Name)
			}
			continue
		}
		r := modelcheck.Check(c, engine.Limits{States: *states, Time: *limit, Untraced: *untraced})
		fmt.Println(r)
		if *counts {
			fmt.Print(r.Reached())
		}
		failed = failed || r.Violation != ""
	}
	if failed {
		os.Exit(1)
	}
}

func wanted(name string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
