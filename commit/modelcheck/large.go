package modelcheck

// Large is the set that CI walks through: more than ten million states, two minutes and a half on two processors.
func Large() []Config {
	return []Config{
		world("c-rollback-expiry", func(c *Config) {
			c.Files, c.Snapshots, c.May = true, 6, may{SetCurrent: 2, Expire: 1, Compact: 1, Twice: 1}
		}),
		world("c-two-expiries", func(c *Config) {
			c.Files, c.Net, c.Snapshots, c.May = true, 1, 6, may{SetCurrent: 1, Expire: 2, Append: 1, Age: 1, Crash: 1}
		}),
		world("c-group", func(c *Config) {
			c.Net, c.Group, c.Log[0], c.Snapshots, c.Ends = 1, true, []string{"rd", "sh"}, 4, true
			c.May = may{SetCurrent: 1, Twice: 1}
		}),
		world("c-pipeline", func(c *Config) {
			c.Group, c.Queue, c.Log[0], c.May = true, 2, []string{"rdr"}, may{SetCurrent: 1, Compact: 1}
		}),
		world("c-three-workers", func(c *Config) {
			c.Workers, c.Log[0], c.Files, c.Ends = []int{0, 0, 0}, []string{"rrr"}, true, true
			c.May = may{SetCurrent: 1, Expire: 1}
		}),
		world("c-two-sinks", func(c *Config) {
			c.Workers, c.Log, c.Snapshots, c.Files = []int{0, 1}, [2][]string{{"rr"}, {"r"}}, 6, true
			c.May = may{SetCurrent: 1, Expire: 2, Compact: 1}
		}),
		world("c-two-sinks-mirrors", func(c *Config) {
			c.Workers, c.Log, c.Net, c.Files = []int{0, 1}, [2][]string{{"r"}, {"r"}}, 1, true
			c.May = may{SetCurrent: 1, Expire: 1, Damage: 1, Untag: 1}
		}),
		world("c-two-sinks-log", func(c *Config) {
			c.Workers, c.Log, c.Snapshots, c.Net, c.MetadataLog = []int{0, 1}, [2][]string{{"r"}, {"r"}}, 6, 1, true
			c.May = may{SetCurrent: 1, Expire: 1, Truncate: 1, Append: 2}
		}),
		world("c-cherry-pick", func(c *Config) {
			c.Net, c.Snapshots = 1, 6
			c.May = may{SetCurrent: 2, Pick: 2, Expire: 1}
		}),
		world("c-two-sinks-cherry", func(c *Config) {
			c.Workers, c.Log, c.Net, c.Snapshots = []int{0, 1}, [2][]string{{"r"}, {"r"}}, 1, 6
			c.May = may{SetCurrent: 2, Pick: 2, Branch: 1}
		}),
		world("c-two-sinks-replace", func(c *Config) {
			c.Workers, c.Log, c.Net, c.Snapshots, c.Anchored = []int{0, 1}, [2][]string{{"r"}, {"r"}}, 1, 6, false
			c.May = may{Replace: 1, SetCurrent: 1, Damage: 1}
		}),
		world("c-start", func(c *Config) {
			c.Anchored, c.Starts, c.Snapshots = false, []uint8{0, 1}, 5
			c.May = may{Append: 1, SetCurrent: 1, Expire: 1, Replace: 1}
		}),
		world("c-head-only", func(c *Config) {
			c.Workers, c.Shows, c.Snapshots, c.May = []int{0, 1}, ShowsHead, 6, may{Append: 1, SetCurrent: 1, Damage: 1}
		}),
		world("c-no-tags", func(c *Config) {
			c.NoTags, c.Snapshots, c.May = true, 6, may{SetCurrent: 1, Expire: 1, Append: 1, Compact: 1}
		}),
		world("c-tags", func(c *Config) {
			c.Net, c.May = 1, may{Retag: 1, Untag: 1, Expire: 1, SetCurrent: 1}
		}),
		world("c-cache", func(c *Config) {
			c.Anchored, c.May = false, may{Cache: 1, Restore: 1, Recreate: 1, Crash: 1, SetCurrent: 1}
		}),
		world("c-stale-two-sinks", func(c *Config) {
			c.Workers, c.Log, c.Net = []int{0, 1}, [2][]string{{"r"}, {"r"}}, 1
			c.May = may{Cache: 1, SetCurrent: 1, Expire: 1, Damage: 1}
		}),
		world("c-late-partition", func(c *Config) {
			c.Late, c.Log[0], c.Upper, c.Net = true, []string{"rr", "r"}, 1, 2
			c.May = may{ReadTooEarly: 1, SetCurrent: 1, Compact: 1}
		}),
	}
}
