package modelcheck

// Planted is a mutant of the model, the world that shows it, and the invariant that must notice.
type Planted struct {
	Config
	Want string // how the violation begins
}

// Planteds are the mutants of the world and of the worker.
func Planteds() []Planted {
	plant := func(m Mutant, want string, change func(*Config)) Planted {
		c := world(string(m), func(c *Config) { change(c); c.Mutant = m })
		return Planted{Config: c, Want: want}
	}
	two := func(c *Config) {
		c.Workers, c.Log = []int{0, 1}, [2][]string{{"r"}, {"r"}}
		c.May = may{SetCurrent: 1, Expire: 1, Cache: 1, Pick: 1}
		c.Files = true
	}
	files := func(c *Config) {
		c.Files, c.Snapshots = true, 6
		c.May = may{SetCurrent: 2, Expire: 2, Twice: 1}
	}
	only := func(want string, p Planted) Planted {
		p.Only, p.Name = want, p.Name+" ("+want+" alone)"
		p.Want = want
		return p
	}
	none := func(*Config) {}
	list := []Planted{
		plant(IgnoresRequirements, "I4", none),
		only("I8", plant(Rebases, "I8", none)),
		only("I1", plant(Rebases, "I1", none)),
		plant(ChainsUnchecked, "I2", func(c *Config) { c.Queue = 2; c.Group = true }),
		plant(HidesSources, "I1", func(c *Config) { c.May = may{SetCurrent: 2, Pick: 1} }),
		plant(HidesHistory, "I6", func(c *Config) { c.MetadataLog, c.May = true, may{Append: 2, Expire: 1} }),
		only("I1", plant(LostIsEmpty, "I1", func(c *Config) { c.NoProperties, c.NoTags, c.May = true, true, may{Compact: 1, Expire: 1} })),
		plant(LostIsMirror, "I1", func(c *Config) { c.May = may{SetCurrent: 1, Append: 1, Expire: 1} }),
		only("I1", plant(ReplacedIsEmpty, "I1", func(c *Config) { c.May = may{Replace: 1} })),
		only("I1", plant(ReplacedIsMirror, "I1", func(c *Config) { c.May = may{Replace: 1} })),
		plant(KeepsEpoch, "I3", files),
		only("L", plant(IgnoresRollback, "L", files)),
		plant(DeletesByCarrier, "I3", none),
		plant(DeletesByLineage, "I3", func(c *Config) { c.May = may{Cache: 1} }),
		plant(GivesUpOnRefusal, "I6", func(c *Config) { c.May = may{Append: 1} }),
		plant(BelievesAnswers, "I6", none),
		only("I1", plant(CarriesCached, "I1", two)),
		only("I1", plant(CarriesMirror, "I1", two)),
		only("I1", plant(CarriesPast, "I1", two)),
		only("L", plant(CarriesOwnID, "L", two)),
		only("F", plant(CarriesMirrors, "F", two)),
		only("I3", plant(CarriesMirrors, "I3", func(c *Config) { two(c); c.Snapshots = 6; c.May = may{SetCurrent: 1, Expire: 1, Untag: 1} })),
	}
	late := world("epoch without a tag", func(c *Config) { files(c); c.Net, c.NoTags = 2, true })
	neither := world("neither tag nor epoch", func(c *Config) { files(c); c.NoTags, c.Mutant = true, KeepsEpoch })
	return append(list, Planted{Config: late, Want: "I3"}, Planted{Config: neither, Want: "I3"})
}

// Limits are what the protocol does not hold against, and says so: each takes several foreign acts that no tool does by itself.
func Limits() []Planted {
	return []Planted{
		{Want: "I1", Config: world("property removed, tag gone, every carrier expired, rows kept by CREATE OR REPLACE", func(c *Config) {
			c.Workers, c.Net, c.May = []int{0}, 1, may{Remove: 1, Untag: 1, Expire: 1, Replace: 1}
			c.Only = "I1"
		})},
		{Want: "I3", Config: world("rolled back, our tag moved back by hand as well, the rest expired at once, a request still under way", func(c *Config) {
			c.Files, c.May = true, may{Retag: 1, Expire: 1, SetCurrent: 1}
		})},
	}
}
