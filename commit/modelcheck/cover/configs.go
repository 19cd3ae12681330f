package cover

// with is c under a name, changed.
func (c Config) with(name string, f func(*Config)) Config {
	c.Name = name
	f(&c)
	return c
}

// pairOf is a live sink that begins at the end, and a backfill that goes to it, two workers each.
var pairOf = Config{Sinks: [maxSinks]Role{Live, UntilLive}, Workers: [maxWorkers]uint8{1, 1, 2, 2}, Partitions: 1, Offsets: 3, Latest: true, Snaps: 6, Net: 2,
	Seam: true, Budget: Budget{Crash: 1, Double: 1}}

// clipped is a live sink that begins at 0, and a backfill, in whatever order they come.
var clipped = pairOf.with("", func(c *Config) { c.Latest, c.Sinks[1] = false, Backfill })

// rolled is one worker of each, and no other trouble than rollbacks.
var rolled = pairOf.with("", func(c *Config) {
	c.Offsets, c.Snaps, c.Workers, c.Budget = 2, 6, [maxWorkers]uint8{1, 2}, Budget{Roll: 1, Accept: 2}
})

// one worker of the first sink, and one of the second.
var one = [maxWorkers]uint8{1, 2}

// lost is a backfill whose snapshots are compacted and expired before a live sink comes, which an operator has to let in.
var lost = rolled.with("", func(c *Config) {
	c.Latest, c.Sinks[1], c.Seam, c.Offsets, c.Snaps, c.Budget = false, Backfill, false, 1, 7, Budget{Compact: 2, Expire: 1, Accept: 1}
})

// heirs is a live sink that is ended, and another that follows it.
var heirs = pairOf.with("", func(c *Config) {
	c.Sinks, c.Workers, c.Latest, c.Ended, c.Budget = [maxSinks]Role{Live, Absent, Live}, [maxWorkers]uint8{1, 1, 3}, false, 1, Budget{Crash: 1, Double: 1, End: 1}
})

// Quick is small, and its rules must not be wrong anywhere.
func Quick() []Config {
	return []Config{
		pairOf.with("quick: until live", func(c *Config) { c.Offsets, c.Snaps, c.Workers, c.Budget = 2, 5, one, Budget{Crash: 1} }),
		pairOf.with("quick: until live, from 1", func(c *Config) { c.From, c.Offsets, c.Snaps, c.Workers, c.Budget = 1, 2, 5, one, Budget{} }),
		clipped.with("quick: clipped", func(c *Config) { c.Offsets, c.Snaps, c.Workers, c.Budget = 2, 5, one, Budget{} }),
		clipped.with("quick: appears", func(c *Config) {
			c.Partitions, c.Appears, c.Offsets, c.Workers, c.Budget, c.Seam = 2, true, 1, one, Budget{}, false
		}),
		rolled.with("quick: roll", func(c *Config) { c.Offsets = 1 }),
		lost.with("quick: lost", func(*Config) {}),
		lost.with("quick: unreadable", func(c *Config) { c.Snaps, c.Budget.Compact, c.Budget.Damage = 5, 1, 1 }),
		rolled.with("quick: damage", func(c *Config) { c.Offsets, c.Budget = 1, Budget{Compact: 1, Expire: 1, Damage: 1, Accept: 1} }),
		heirs.with("quick: heirs", func(c *Config) {
			c.Offsets, c.Snaps, c.Workers, c.Budget = 1, 7, [maxWorkers]uint8{1, 3}, Budget{End: 1, Roll: 1, Accept: 1}
		}),
	}
}

// CI is the set that is walked completely with every change.
func CI() []Config {
	return append(Quick(),
		pairOf.with("until live", func(c *Config) { c.Offsets = 2 }),
		pairOf.with("until live, O=3", func(c *Config) { c.Workers, c.Budget = one, Budget{Crash: 1} }),
		pairOf.with("until live, from 1", func(c *Config) { c.From, c.Offsets, c.Snaps = 1, 2, 5 }),
		pairOf.with("until live, from 0 twice", func(c *Config) { c.Latest, c.Offsets, c.Snaps = false, 2, 5 }),
		clipped.with("clipped", func(c *Config) { c.Offsets, c.Snaps = 2, 5 }),
		clipped.with("to the end, latest", func(c *Config) { c.Latest, c.Seam, c.Offsets, c.Snaps = true, false, 2, 5 }),
		rolled.with("roll", func(*Config) {}),
		rolled.with("roll, clipped", func(c *Config) { c.Sinks[1], c.Seam, c.Budget.Accept = Backfill, false, 1 }),
		rolled.with("roll twice", func(c *Config) { c.Offsets, c.Budget = 1, Budget{Roll: 2, Double: 1, Accept: 1} }),
		rolled.with("expire", func(c *Config) { c.Snaps, c.Budget = 5, Budget{Compact: 1, Expire: 1, Roll: 1} }),
		pairOf.with("partitions", func(c *Config) {
			c.Partitions, c.Offsets, c.Workers, c.Snaps, c.Budget = 2, 2, one, 5, Budget{}
		}),
		pairOf.with("appears", func(c *Config) {
			c.Partitions, c.Appears, c.Offsets, c.Workers, c.Budget = 2, true, 1, one, Budget{Crash: 1}
		}),
		heirs.with("heirs", func(c *Config) { c.Offsets = 2 }),
		heirs.with("heirs, roll", func(c *Config) {
			c.Offsets, c.Workers, c.Budget = 2, [maxWorkers]uint8{1, 3}, Budget{End: 1, Roll: 1, Accept: 1}
		}),
		heirs.with("heirs and backfill", func(c *Config) {
			c.Sinks[1], c.Workers, c.Offsets, c.Budget = UntilLive, [maxWorkers]uint8{1, 2, 3}, 2, Budget{End: 1}
			c.Latest, c.Snaps = true, 7
		}),
		heirs.with("four ids", func(c *Config) {
			c.Sinks, c.Workers, c.Offsets, c.Budget = [maxSinks]Role{Live, Backfill, Live, Backfill}, [maxWorkers]uint8{1, 2, 3, 4}, 1, Budget{End: 1}
			c.Snaps, c.Seam = 7, false
		}),
	)
}

// Release is CI and what takes longer.
func Release() []Config {
	return append(CI(),
		pairOf.with("long: until live", func(*Config) {}),
		pairOf.with("long: until live, O=4", func(c *Config) { c.Offsets, c.Snaps, c.Budget.Double = 4, 7, 0 }),
		pairOf.with("long: until live, from 1", func(c *Config) { c.From = 1 }),
		clipped.with("long: clipped", func(*Config) {}),
		clipped.with("long: to the end, latest", func(c *Config) { c.Latest, c.Seam = true, false }),
		rolled.with("long: roll twice", func(c *Config) { c.Snaps, c.Budget = 7, Budget{Roll: 2, Double: 1, Accept: 2} }),
		rolled.with("long: expire, roll", func(c *Config) { c.Snaps, c.Budget = 7, Budget{Compact: 2, Expire: 1, Roll: 1, Damage: 1, Accept: 1} }),
		pairOf.with("long: partitions", func(c *Config) { c.Partitions, c.Offsets, c.Budget = 2, 2, Budget{Crash: 1} }),
		pairOf.with("long: appears", func(c *Config) { c.Partitions, c.Appears, c.Offsets, c.Budget = 2, true, 2, Budget{Crash: 1} }),
		clipped.with("long: appears, clipped", func(c *Config) {
			c.Partitions, c.Appears, c.Offsets, c.Budget, c.Seam = 2, true, 1, Budget{Crash: 1}, false
		}),
		heirs.with("long: heirs", func(c *Config) { c.Snaps = 7 }),
		heirs.with("long: four ids", func(c *Config) {
			c.Sinks, c.Workers, c.Offsets, c.Budget = [maxSinks]Role{Live, Backfill, Live, Backfill}, [maxWorkers]uint8{1, 2, 3, 4}, 2, Budget{End: 1, Crash: 1}
			c.Snaps, c.Seam = 7, false
		}),
	)
}

// Mutants is the mistakes of callers, each in a world in which it does harm.
func Mutants() []Config {
	m := func(mutant Mutant, c Config) Config {
		return c.with("mutant: "+mutant.String(), func(c *Config) { c.Mutant = mutant })
	}
	appears := clipped.with("", func(c *Config) {
		c.Partitions, c.Appears, c.Offsets, c.Workers, c.Budget, c.Seam = 2, true, 1, one, Budget{}, false
	})
	rolledHeirs := heirs.with("", func(c *Config) {
		c.Offsets, c.Snaps, c.Workers, c.Budget = 1, 7, [maxWorkers]uint8{1, 3}, Budget{End: 1, Roll: 1, Accept: 1}
	})
	return []Config{
		m(StartOnly, clipped),
		m(UpperUnstored, clipped.with("", func(c *Config) { c.Latest, c.Seam = true, false })),
		m(BoundUntested, heirs),
		m(LostIgnored, lost),
		m(AcceptUntested, rolledHeirs),
		m(LaterUntested, appears),
		m(BackfillTakes, appears),
		m(MeetOnly, pairOf.with("", func(c *Config) { c.Sinks[1] = Backfill })),
		m(EndOfStart, pairOf),
		m(Allowed, heirs.with("", func(c *Config) { c.Ended = 0 })),
		m(MirrorFirst, rolledHeirs),
	}
}
