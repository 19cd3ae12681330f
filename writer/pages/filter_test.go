package pages

import "testing"

// A bloom filter is as large as the different values need for their rate of false hits, however often each came, and no larger than it may be.
func TestFilter_IsAsLargeAsItsValuesNeed(t *testing.T) {
	const most = 1 << 20
	made := func(rate float64, distinct, times int) (size int64, falseHits float64) {
		f := newFilter(rate, most)
		for range times {
			for v := range int64(distinct) {
				f.numbers([]int64{v}, 8)
			}
		}
		b := f.end()
		in := b.(interface{ CheckHash(uint64) bool })
		probe := newFilter(rate, most)
		for v := range int64(distinct) {
			probe.numbers([]int64{v}, 8)
		}
		for _, h := range probe.hashes {
			if !in.CheckHash(h) {
				t.Fatal("a value that came is told to be absent")
			}
		}
		const strangers = 20_000
		probe = newFilter(rate, most)
		probe.limit = strangers + 1
		for v := range int64(strangers) {
			probe.numbers([]int64{-1 - v}, 8)
		}
		for _, h := range probe.hashes {
			if in.CheckHash(h) {
				falseHits += 1.0 / strangers
			}
		}
		return b.Size(), falseHits
	}
	for _, c := range []struct {
		rate     float64
		distinct int
	}{{0.01, 100}, {0.01, 10_000}, {0.1, 10_000}, {0.001, 10_000}} {
		size, hits := made(c.rate, c.distinct, 1)
		if hits > 2*c.rate {
			t.Errorf("%d values at %g: %g of all strangers hit", c.distinct, c.rate, hits)
		}
		if again, _ := made(c.rate, c.distinct, 3); again != size {
			t.Errorf("%d values at %g: %d bytes, and %d if each comes three times", c.distinct, c.rate, size, again)
		}
		if needed := int64(c.distinct) * 4; c.distinct > 1000 && (size < needed/8 || size > needed) {
			t.Errorf("%d values at %g: %d bytes", c.distinct, c.rate, size)
		}
	}
	few, _ := made(0.01, 100, 1)
	many, _ := made(0.01, 100_000, 1)
	full, _ := made(0.01, 3_000_000, 1)
	if few >= many || many > full || full != most {
		t.Errorf("100 values take %d bytes, 100,000 %d, 3 million %d of %d", few, many, full, most)
	}
	loose, _ := made(0.1, 10_000, 1)
	strict, _ := made(0.001, 10_000, 1)
	if loose >= strict {
		t.Errorf("one in ten false hits takes %d bytes, one in a thousand %d", loose, strict)
	}
}
