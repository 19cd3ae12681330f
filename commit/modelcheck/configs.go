package modelcheck

// may is a budget.
type may = map[Op]uint8

// world is a Config with a name, and what it adds to the plainest one: two workers of X, a partition of two records, an anchored
// table in a catalog that keeps everything.
func world(name string, change func(*Config)) Config {
	c := Config{Name: name, Workers: []int{0, 0}, Log: [2][]string{{"rr"}, {"rr"}}, Anchored: true, Net: 2, Snapshots: 5}
	change(&c)
	return c
}

// Quick is the small set: every branch of the rules, below ten seconds. It is what mutants of the rules are run against.
func Quick() []Config {
	return []Config{
		world("q-rollback-expiry", func(c *Config) {
			c.Net, c.Files, c.May = 1, true, may{SetCurrent: 1, Expire: 1, Compact: 1, Twice: 1, Crash: 1}
		}),
		world("q-two-sinks", func(c *Config) {
			c.Workers, c.Net, c.Snapshots, c.Log = []int{0, 1}, 1, 5, [2][]string{{"r"}, {"r"}}
			c.May = may{SetCurrent: 1, Expire: 1, Damage: 1, Compact: 1, Age: 1}
		}),
		world("q-cherry-pick", func(c *Config) {
			c.Workers, c.Net, c.Log[0] = []int{0}, 1, []string{"r"}
			c.May = may{SetCurrent: 2, Pick: 2}
		}),
		world("q-staged", func(c *Config) {
			c.Workers, c.Net, c.Log[0], c.MetadataLog = []int{0}, 1, []string{"r"}, true
			c.May = may{SetCurrent: 1, Pick: 1, Branch: 1, Expire: 1, Truncate: 1}
		}),
		world("q-replace", func(c *Config) {
			c.Net, c.Anchored, c.Starts = 1, false, []uint8{0, 1}
			c.May = may{Replace: 1, Damage: 1, Untag: 1, Expire: 1}
		}),
		world("q-garbled", func(c *Config) {
			c.Workers, c.Net, c.Anchored = []int{0, 1}, 1, false
			c.Log = [2][]string{{"r"}, {"r"}}
			c.May = may{Newer: 1, Garble: 1, Circle: 1, Append: 1}
		}),
		world("q-late-partition", func(c *Config) {
			c.Net, c.Late, c.Log[0], c.Upper, c.Hollow = 1, true, []string{"rr", "r"}, 1, true
			c.May = may{ReadTooEarly: 1, SetCurrent: 1, Compact: 1}
		}),
		world("q-group", func(c *Config) {
			c.Net, c.Group, c.Queue, c.Log[0], c.Snapshots = 1, true, 2, []string{"dsh"}, 4
			c.May = may{SetCurrent: 1}
		}),
		world("q-log", func(c *Config) {
			c.Workers, c.Net, c.MetadataLog = []int{0}, 1, true
			c.May = may{Append: 2, Expire: 1, Truncate: 1, SetCurrent: 1}
		}),
		world("q-unparented", func(c *Config) {
			c.Net, c.MetadataLog, c.Unparents = 1, true, true
			c.May = may{Append: 1, Expire: 1, Truncate: 1, SetCurrent: 1}
		}),
		world("q-no-properties", func(c *Config) {
			c.Workers, c.Net, c.NoProperties, c.Anchored = []int{0, 1}, 1, true, false
			c.May = may{Append: 1, SetCurrent: 1, Expire: 1}
		}),
		world("q-no-properties-files", func(c *Config) {
			c.Net, c.NoProperties, c.Files, c.May = 1, true, true, may{SetCurrent: 1, Expire: 1, Append: 1}
		}),
		world("q-no-tags", func(c *Config) { c.Net, c.NoTags, c.May = 1, true, may{SetCurrent: 1, Expire: 1, Append: 1} }),
		world("q-traces", func(c *Config) {
			c.Workers, c.Net, c.Anchored, c.Snapshots, c.Log = []int{0, 1}, 1, false, 3, [2][]string{{""}, {""}}
			c.May = may{Append: 1, SetCurrent: 1, Remove: 1, Untag: 1, Expire: 1, Retag: 1}
		}),
		world("q-damaged", func(c *Config) {
			c.Workers, c.Net, c.May = []int{0}, 1, may{Damage: 1, Untag: 1, Append: 1, Expire: 1}
		}),
		world("q-tag", func(c *Config) { c.Net, c.May = 1, may{Retag: 1, Expire: 1, Append: 1} }),
		world("q-head-only", func(c *Config) {
			c.Workers, c.Shows, c.May = []int{0, 1}, ShowsHead, may{Append: 1, SetCurrent: 1, Damage: 1}
		}),
		world("q-head-and-parent", func(c *Config) { c.Shows, c.May = ShowsHeadParent, may{Append: 1, SetCurrent: 1, Remove: 1} }),
		world("q-cache", func(c *Config) {
			c.Net, c.May = 1, may{Cache: 1, Restore: 1, Recreate: 1, SetCurrent: 1}
			c.Anchored = false
		}),
	}
}
