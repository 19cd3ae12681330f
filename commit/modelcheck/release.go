package modelcheck

// ReleaseStates is how many states of each world of Release are visited at most: 16 bytes each for the table, and some 40 for
// each of those in the frontier, so that 4 GiB are enough.
const ReleaseStates = 60_000_000

// Release is the set for a release: worlds of the same kinds that are too large to be walked to their end, each up to ReleaseStates,
// nearest states first; more than five hundred million states together, an hour on two processors.
func Release() []Config {
	return []Config{
		world("r-rollback-expiry", func(c *Config) {
			c.Files, c.Snapshots, c.Log[0], c.May = true, 6, []string{"rrr"}, may{SetCurrent: 3, Expire: 2, Compact: 1, Append: 1, Twice: 2, Crash: 2, Age: 1}
		}),
		world("r-three-workers", func(c *Config) {
			c.Workers, c.Log[0], c.Files, c.Snapshots, c.Queue, c.Group = []int{0, 0, 0}, []string{"rdrs"}, true, 6, 2, true
			c.May = may{SetCurrent: 2, Expire: 2, Twice: 1, Crash: 1}
		}),
		world("r-partitions", func(c *Config) {
			c.Group, c.Queue, c.Log[0], c.Snapshots = true, 2, []string{"rdh", "srr"}, 6
			c.May = may{SetCurrent: 2, Expire: 1, Compact: 1, Twice: 1, Crash: 1}
		}),
		world("r-two-sinks", func(c *Config) {
			c.Workers, c.Log, c.Snapshots, c.Files = []int{0, 0, 1}, [2][]string{{"rr"}, {"rr"}}, 6, true
			c.May = may{SetCurrent: 2, Expire: 2, Compact: 1, Age: 1, Twice: 1, Damage: 1, Untag: 1}
		}),
		world("r-two-sinks-log", func(c *Config) {
			c.Workers, c.Log, c.Snapshots, c.MetadataLog = []int{0, 1}, [2][]string{{"rr"}, {"rr"}}, 6, true
			c.May = may{SetCurrent: 2, Expire: 2, Truncate: 2, Age: 1, Append: 1, Damage: 1, Untag: 1}
		}),
		world("r-cherry-pick", func(c *Config) {
			c.Workers, c.Log, c.Snapshots = []int{0, 0, 1}, [2][]string{{"rr"}, {"r"}}, 6
			c.May = may{SetCurrent: 3, Pick: 2, Branch: 2, Expire: 1, Crash: 1}
		}),
		world("r-replace", func(c *Config) {
			c.Workers, c.Log, c.Snapshots, c.Anchored, c.Starts = []int{0, 0, 1}, [2][]string{{"rr"}, {"rr"}}, 6, false, []uint8{0, 1}
			c.May = may{Replace: 2, SetCurrent: 2, Damage: 1, Append: 1, Expire: 1, Recreate: 1, Crash: 2}
		}),
		world("r-head-only", func(c *Config) {
			c.Workers, c.Shows, c.Log, c.Snapshots = []int{0, 0, 1}, ShowsHead, [2][]string{{"rr"}, {"rr"}}, 6
			c.May = may{Append: 2, SetCurrent: 2, Damage: 1, Untag: 1, Twice: 1, Crash: 1}
		}),
		world("r-no-tags", func(c *Config) {
			c.NoTags, c.Workers, c.Log, c.Snapshots = true, []int{0, 0, 1}, [2][]string{{"rr"}, {"r"}}, 6
			c.May = may{SetCurrent: 2, Expire: 2, Append: 1, Compact: 1, Damage: 1, Twice: 1}
		}),
		world("r-cache", func(c *Config) {
			c.Workers, c.Log, c.Anchored, c.Snapshots = []int{0, 0, 1}, [2][]string{{"rr"}, {"r"}}, false, 6
			c.May = may{Cache: 2, Restore: 1, Recreate: 1, Crash: 2, SetCurrent: 2, Expire: 1}
		}),
		world("r-late-partition", func(c *Config) {
			c.Late, c.Hollow, c.Group, c.Log[0], c.Upper, c.Queue = true, true, true, []string{"rdr", "rs"}, 2, 2
			c.May = may{ReadTooEarly: 2, SetCurrent: 2, Compact: 1, Expire: 1, Twice: 1, Newer: 1, Garble: 1, Circle: 1, Remove: 1, Retag: 1}
		}),
	}
}
