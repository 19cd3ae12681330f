package dead

// with is c under a name, changed.
func (c Config) with(name string, f func(*Config)) Config {
	c.Name = name
	f(&c)
	return c
}

// one is one table, one partition, one configuration.
var one = Config{Probe: 500, Partitions: 1, Offsets: 3, Batches: 3, Snaps: 5, Net: 2, Queue: 1, Budget: Budget{Crash: 1, Double: 1}}

// two is two configurations.
var two = one.with("", func(c *Config) { c.Mixed, c.Offsets, c.Batches, c.Snaps, c.Budget = true, 1, 2, 5, Budget{} })

// mend is a D that is rolled back and mended.
var mend = one.with("", func(c *Config) {
	c.Mend, c.Offsets, c.Batches, c.Budget = true, 2, 4, Budget{Crash: 1, RollD: 1}
})

// Quick is small, and its rules must not be wrong anywhere.
func Quick() []Config {
	return []Config{
		one.with("quick: same", func(c *Config) { c.Offsets, c.Batches, c.Probe = 2, 2, 50 }),
		one.with("quick: pipelined", func(c *Config) { c.Queue, c.Offsets, c.Batches, c.Budget.Double = 2, 2, 2, 0 }),
		one.with("quick: roll T", func(c *Config) { c.Offsets, c.Batches, c.Budget = 2, 2, Budget{RollT: 1} }),
		one.with("quick: expire", func(c *Config) {
			c.Offsets, c.Batches, c.Net, c.Budget = 1, 2, 1, Budget{CompactD: 1, ExpireD: 1, CompactT: 1, ExpireT: 1, RollT: 1}
		}),
		mend.with("quick: mend", func(c *Config) { c.Offsets, c.Batches, c.Snaps, c.Budget.Crash = 1, 2, 4, 0 }),
		mend.with("quick: mend, aside", func(c *Config) { c.Offsets, c.Batches, c.Net, c.Aside, c.Budget = 1, 2, 1, true, Budget{RollD: 2} }),
		mend.with("quick: mend, expired", func(c *Config) {
			c.Offsets, c.Batches, c.Net, c.Budget = 1, 2, 1, Budget{RollD: 1, ExpireD: 1, CompactT: 1, ExpireT: 1}
		}),
		mend.with("quick: shared, mend", func(c *Config) {
			c.Partitions, c.Shared, c.Snaps, c.Offsets, c.Batches, c.Net, c.Budget.Crash = 2, true, 4, 1, 2, 1, 0
		}),
		two.with("quick: fence, T rolled", func(c *Config) { c.Snaps, c.Net, c.Budget.RollT, c.Decode = 4, 1, 1, &[2]uint8{1, 0} }),
		two.with("quick: fence, mend", func(c *Config) { c.Snaps, c.Net, c.Mend, c.Budget.RollD, c.Decode = 4, 1, true, 1, &[2]uint8{1, 0} }),
		one.with("quick: rewind", func(c *Config) { c.Offsets, c.Batches, c.Net, c.Budget = 2, 2, 1, Budget{Cut: 1} }),
		two.with("quick: fate", func(c *Config) { c.Offsets, c.Snaps, c.Net, c.Decode = 2, 4, 1, &[2]uint8{2, 1} }),
	}
}

// CI is the set that is walked completely with every change.
func CI() []Config {
	return append(Quick(),
		one.with("same", func(*Config) {}),
		one.with("pipelined", func(c *Config) { c.Queue, c.Budget.Double = 2, 0 }),
		one.with("skips", func(c *Config) { c.Skips, c.Offsets = true, 2 }),
		one.with("partitions", func(c *Config) { c.Partitions, c.Offsets, c.Batches, c.Budget.Double = 2, 2, 2, 0 }),
		one.with("roll T twice", func(c *Config) { c.Offsets, c.Aside, c.Snaps, c.Budget = 1, true, 6, Budget{RollT: 2, Crash: 1} }),
		one.with("expire D", func(c *Config) { c.Budget = Budget{CompactD: 1, ExpireD: 1} }),
		one.with("roll D", func(c *Config) { c.Budget = Budget{RollD: 1, Crash: 1} }),
		one.with("rewind", func(c *Config) { c.Offsets, c.Budget = 2, Budget{Cut: 1} }),
		mend.with("mend", func(c *Config) { c.Batches, c.Budget.Crash = 2, 0 }),
		mend.with("mend, doubled", func(c *Config) { c.Offsets, c.Batches, c.Budget.Double = 1, 2, 1 }),
		mend.with("mend, T rolled", func(c *Config) { c.Offsets, c.Batches, c.Budget = 1, 2, Budget{RollD: 1, RollT: 1} }),
		mend.with("mend, aside", func(c *Config) { c.Offsets, c.Batches, c.Aside, c.Budget = 1, 2, true, Budget{RollD: 2} }),
		two.with("fence", func(c *Config) { c.Snaps = 4 }),
		two.with("fence, mend", func(c *Config) { c.Net, c.Mend, c.Budget.RollD = 1, true, 1 }),
		one.with("shared", func(c *Config) { c.Partitions, c.Shared, c.Offsets = 2, true, 1 }),
		two.with("shared, fence", func(c *Config) { c.Partitions, c.Shared, c.Snaps, c.Net = 2, true, 3, 1 }),
		mend.with("shared, mend", func(c *Config) {
			c.Partitions, c.Shared, c.Snaps, c.Offsets, c.Batches, c.Net, c.Budget.Crash = 2, true, 5, 1, 2, 1, 0
		}),
	)
}

// Release is CI and what takes longer.
func Release() []Config {
	return append(CI(),
		one.with("long: same, O=4", func(c *Config) { c.Offsets, c.Budget.Crash = 4, 2 }),
		one.with("long: pipelined", func(c *Config) { c.Queue, c.Batches, c.Budget.Double = 2, 4, 1 }),
		one.with("long: skips", func(c *Config) { c.Skips = true }),
		one.with("long: partitions", func(c *Config) { c.Partitions, c.Offsets, c.Queue = 2, 2, 2 }),
		one.with("long: roll T", func(c *Config) { c.Aside, c.Snaps, c.Budget = true, 6, Budget{RollT: 2, Crash: 1, Double: 1} }),
		one.with("long: expire both", func(c *Config) {
			c.Snaps, c.Budget = 6, Budget{CompactD: 1, ExpireD: 1, CompactT: 1, ExpireT: 1, RollT: 1, Crash: 1}
		}),
		one.with("long: rewind", func(c *Config) { c.Snaps, c.Budget = 6, Budget{Cut: 1, Crash: 1, Double: 1, RollT: 1} }),
		mend.with("long: mend, T rolled", func(c *Config) { c.Snaps, c.Budget = 6, Budget{RollD: 1, RollT: 1, Crash: 1, Double: 1} }),
		mend.with("long: mend twice, aside", func(c *Config) { c.Aside, c.Snaps, c.Budget = true, 6, Budget{RollD: 2, Crash: 1} }),
		two.with("long: fence, O=2", func(c *Config) { c.Offsets, c.Batches, c.Snaps, c.Budget.Crash = 2, 3, 6, 1 }),
		two.with("long: fence, T rolled", func(c *Config) { c.Snaps, c.Budget.RollT = 6, 1 }),
		two.with("long: fence, mend, aside", func(c *Config) { c.Mend, c.Aside, c.Snaps, c.Budget.RollD = true, true, 6, 2 }),
		two.with("long: fence, skips", func(c *Config) { c.Skips, c.Offsets = true, 2 }),
		two.with("long: shared, fence", func(c *Config) { c.Partitions, c.Shared = 2, true }),
		mend.with("long: shared, mend", func(c *Config) {
			c.Partitions, c.Shared, c.Offsets, c.Batches, c.Budget = 2, true, 1, 3, Budget{RollD: 1, RollT: 1, Crash: 1}
		}),
	)
}

// Mutants is the mistakes of §3 and their like, each in a world in which it does harm.
func Mutants() []Config {
	m := func(mutant Mutant, c Config) Config {
		return c.with("mutant: "+mutant.String(), func(c *Config) { c.Mutant = mutant })
	}
	small := one.with("", func(c *Config) { c.Offsets = 2 })
	mixed := two.with("", func(c *Config) { c.Offsets, c.Batches, c.Snaps, c.Budget.Crash = 2, 3, 5, 1 })
	mended := mend.with("", func(c *Config) { c.Offsets = 1 })
	shared := func(c *Config) { c.Partitions, c.Shared = 2, true }
	return []Config{
		m(TableFirst, small),
		m(Blind, small),
		m(MaxOfNow, mixed),
		m(TableUnseen, two),
		m(ForgetDecided, mixed),
		m(LettersFirst, two),
		m(OutOfOrder, small.with("", func(c *Config) { c.Queue = 2 })),
		m(LikeTable, small.with("", func(c *Config) { c.Budget.RollD = 1 })),
		m(NoFateStop, mixed),
		m(NoFence, two),
		m(MendUnfenced, mended),
		m(MendNow, mended.with("", func(c *Config) { c.Batches, c.Budget = 2, Budget{RollD: 2} })),
		m(MendOwn, mended.with("", shared)),
		m(UncheckedLetters, one.with("", func(c *Config) { c.Offsets, c.Budget = 2, Budget{Cut: 1, Crash: 1} })),
		m(HeldByOffset, one.with("", func(c *Config) {
			c.Offsets, c.Net, c.Decode, c.Budget = 2, 1, &[2]uint8{1, 0}, Budget{Cut: 1, Crash: 1}
		})),
		m(EpochUnseen, one.with("", func(c *Config) { c.Offsets, c.Budget = 2, Budget{Cut: 1, Crash: 1} })),
		m(HashOfTable, two.with("", shared).with("", func(c *Config) { c.Mixed = false })),
	}
}
