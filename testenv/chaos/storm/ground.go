package storm

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sinker-io/sinker/testenv/chaos"
	"github.com/sinker-io/sinker/testenv/real"
)

// restart takes a server down, and up again after a while.
func (c *camp) restart(ctx context.Context, d deed) error {
	server := map[string]*real.Server{"broker": c.world.Kafka.Server, "catalog": c.world.Catalog.Server, "store": c.world.S3.Server}[d.link]
	how := "killed"
	end := server.Kill
	if d.soft {
		how, end = "stopped", server.Stop
	}
	if err := end(); err != nil {
		return err
	}
	if err := pause(ctx, d.length/4); err != nil {
		return err
	}
	c.storm.did(fmt.Sprintf("restart of a %s %s", d.link, how))
	return server.Start(ctx)
}

// tmpfs is the number by which the kernel calls a file system in memory.
const tmpfs = 0x01021994

// fill leaves no room on the disk of the store for a while.
func (c *camp) fill(ctx context.Context, d deed) error {
	disk := filepath.Dir(c.world.S3.Folder)
	var st syscall.Statfs_t
	if err := syscall.Statfs(disk, &st); err != nil {
		return err
	}
	if st.Type != tmpfs {
		return c.pretendFull(ctx, d)
	}
	size, used := int64(st.Blocks)*st.Bsize, int64(st.Blocks-st.Bfree)*st.Bsize
	if err := resize(disk, used+64<<10); err != nil {
		return err
	}
	err := pause(ctx, d.length)
	if e := resize(disk, size); e != nil {
		return e
	}
	c.storm.did("disk full of a store")
	return err
}

// pretendFull lets the proxies answer uploads as a store does whose disk is full.
func (c *camp) pretendFull(ctx context.Context, d deed) error {
	var seen atomic.Int64
	for _, p := range c.parties {
		defer p.store.AddRule(chaos.Rule{Match: func(r *http.Request) bool { return r.Method == http.MethodPut },
			Lose: chaos.LoseRequest, Status: http.StatusInsufficientStorage, Seen: &seen})()
	}
	if err := pause(ctx, d.length); err != nil {
		return err
	}
	if err := felt(ctx, &seen, 1); err != nil {
		return err
	}
	if seen.Load() > 0 {
		c.storm.did("disk full of a store, by its word")
	}
	return nil
}

// smallDisk mounts a file system in memory at dir, on which a store will keep its objects.
func (s *Storm) smallDisk(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	size := 512<<20 + 1500*s.size.Records
	if err := syscall.Mount("storm", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		return fmt.Errorf("mount %s: %w", dir, err)
	}
	s.disks = append(s.disks, dir)
	return nil
}

func resize(dir string, bytes int64) error {
	if err := syscall.Mount("storm", dir, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%d", bytes)); err != nil {
		return fmt.Errorf("resize %s: %w", dir, err)
	}
	return nil
}

func (s *Storm) freeDisks() error {
	for _, dir := range s.disks {
		if err := syscall.Unmount(dir, 0); err != nil {
			return fmt.Errorf("unmount %s: %w", dir, err)
		}
	}
	s.disks = nil
	return nil
}

// cage is a control group that bounds the memory of one process. A nil cage bounds nothing.
type cage struct{ dir, procs, kills string }

// newCage makes one, in whichever version of control groups this machine offers.
func newCage(name string, limit int64) (*cage, error) {
	name = fmt.Sprintf("sinker-storm-%d-%s", os.Getpid(), name)
	var tried []string
	for _, v := range []struct{ root, limit, kills string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.oom_control"},
		{"/sys/fs/cgroup", "memory.max", "memory.events"},
	} {
		dir := filepath.Join(v.root, name)
		err := os.Mkdir(dir, 0o755)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, v.limit), []byte(strconv.FormatInt(limit, 10)), 0o644)
			if err == nil {
				return &cage{dir: dir, procs: filepath.Join(dir, "cgroup.procs"), kills: filepath.Join(dir, v.kills)}, nil
			}
			_ = os.Remove(dir)
		}
		tried = append(tried, err.Error())
	}
	return nil, fmt.Errorf("%s", strings.Join(tried, "; "))
}

// hold puts a process into the cage.
func (g *cage) hold(pid int) error {
	if g == nil {
		return nil
	}
	err := os.WriteFile(g.procs, []byte(strconv.Itoa(pid)), 0o644)
	if err != nil && syscall.Kill(pid, 0) != nil {
		return nil // it is gone already, which others will notice
	}
	return err
}

// killed is how many processes the kernel has killed for want of memory.
func (g *cage) killed() (int, error) {
	if g == nil {
		return 0, nil
	}
	text, err := os.ReadFile(g.kills)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return strconv.Atoi(strings.TrimSpace(n))
		}
	}
	return 0, fmt.Errorf("%s does not tell oom_kill: %q", g.kills, text)
}

// open removes the cage, whose processes have ended.
func (g *cage) open() error {
	if g == nil {
		return nil
	}
	var err error
	for range 50 { // the kernel takes a moment to let go of a process that has ended
		if err = os.Remove(g.dir); err == nil || os.IsNotExist(err) {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}
