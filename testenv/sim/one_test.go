package sim_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/sinker-io/sinker/testenv/sim"
)

// TestSim_OneSeed tells the story of the seed in SINKER_SEED, or of seed 1.
func TestSim_OneSeed(t *testing.T) {
	seed := uint64(1)
	if text := os.Getenv("SINKER_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	c := sim.Draw(seed)
	began := time.Now()
	o := sim.Run(t, c)
	t.Logf("%s took %s", o.Tell(c), time.Since(began))
	if o.Failed() {
		t.Error("seed", seed, "fails")
	}
}
