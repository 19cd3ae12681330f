package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/sinker-io/sinker/testenv/real"
)

// ticks a second in which Linux tells CPU times to programs, whatever it counts in itself.
const ticks = 100

// cpuSeconds is what a process has spent since it began, in its own code and in the kernel, its children that have ended included.
func cpuSeconds(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(text), ") ") // after the name, which may hold anything
	fields := strings.Fields(rest)
	if !ok || len(fields) < 15 {
		return 0, fmt.Errorf("process %d: its status is not understood: %q", pid, text)
	}
	var sum int64
	for _, f := range fields[11:15] { // utime stime cutime cstime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("process %d: its status is not understood: %w", pid, err)
		}
		sum += n
	}
	return float64(sum) / ticks, nil
}

// workers are the processes that a run makes work for, by what they are.
func (r *rig) workers() map[string]*real.Server {
	out := map[string]*real.Server{}
	if r.world.Kafka != nil {
		out["broker"] = r.world.Kafka.Server
	}
	if r.world.S3 != nil {
		out["store"] = r.world.S3.Server
	}
	if r.world.Catalog.Server != nil {
		out["catalog"] = r.world.Catalog.Server
	}
	return out
}

// spent is what the servers have spent so far.
func (r *rig) spent() (map[string]float64, error) {
	out := map[string]float64{}
	for name, s := range r.workers() {
		n, err := cpuSeconds(s.PID())
		if err != nil {
			return nil, err
		}
		out[name] = n
	}
	return out, nil
}

// spentSince is what they have spent since an earlier look.
func (r *rig) spentSince(before map[string]float64) (map[string]float64, error) {
	now, err := r.spent()
	for name := range now {
		now[name] -= before[name]
	}
	return now, err
}
