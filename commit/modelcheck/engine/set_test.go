package engine

import (
	"math/bits"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func TestSet_RemembersWhatWasAdded(t *testing.T) {
	s, seen := newSet(), map[fingerprint]bool{}
	r := rand.New(rand.NewPCG(1, 2))
	for range 400_000 {
		f := fingerprint{r.Uint64N(16) << 60, r.Uint64N(20_000) * 0x9e3779b97f4a7c15}
		if s.add(f) == seen[f] {
			t.Fatalf("%x: known before: %v", f, seen[f])
		}
		seen[f] = true
	}
	if s.len() != uint64(len(seen)) {
		t.Errorf("%d of %d", s.len(), len(seen))
	}
}

func TestSet_TakesAtMost16BytesAState(t *testing.T) {
	s := newSet()
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 3_000_000 {
		s.add(fingerprint{r.Uint64(), r.Uint64()})
		if n > 1_000_000 && n%100_000 == 0 && float64(s.bytes())/float64(s.len()) > 16.1 {
			t.Fatalf("%d states take %d bytes", s.len(), s.bytes())
		}
	}
}

type sample struct {
	A [5]uint8
	B [3]uint16
	C [40]uint8
	D uint32
	E bool
}

func TestFrontier_GivesBackWhatWasPacked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in []sample
		var s sample
		for range rapid.IntRange(1, 50).Draw(t, "states") {
			for range rapid.IntRange(0, 9).Draw(t, "changes") {
				switch rapid.IntRange(0, 3).Draw(t, "field") {
				case 0:
					s.A[rapid.IntRange(0, 4).Draw(t, "i")] = rapid.Byte().Draw(t, "v")
				case 1:
					s.B[rapid.IntRange(0, 2).Draw(t, "i")] = rapid.Uint16().Draw(t, "v")
				case 2:
					s.C[rapid.IntRange(0, 39).Draw(t, "i")] = rapid.Byte().Draw(t, "v")
				case 3:
					s.D, s.E = rapid.Uint32().Draw(t, "v"), !s.E
				}
			}
			in = append(in, s)
		}
		var p packer[sample]
		p.begin(7)
		for i := range in {
			if id := p.add(&in[i]); id != uint64(7+i) {
				t.Fatalf("state %d has id %d", i, id)
			}
		}
		c, _ := p.seal()
		u, got := newUnpacker[sample](c), sample{}
		for i := range in {
			if !u.next(&got) || got != in[i] {
				t.Fatalf("state %d: %+v, want %+v", i, got, in[i])
			}
		}
		if u.next(&got) {
			t.Fatal("one too many")
		}
	})
}

// A byte that changes must change half of the bits, whichever byte it is: states differ by few small numbers.
func TestFingerprint_EveryByteCounts(t *testing.T) {
	var base sample
	seen := map[fingerprint]bool{}
	for i := range bytesOf(&base) {
		if i == len(bytesOf(&base))-1 {
			continue // a bool
		}
		flips := 0
		for v := range 256 {
			s := base
			bytesOf(&s)[i] = byte(v)
			f := fingerprintOf(&s)
			if v > 0 && seen[f] {
				t.Fatalf("byte %d, value %d: taken already", i, v)
			}
			seen[f] = true
			z := fingerprintOf(&base)
			flips += bits.OnesCount64(f.hi^z.hi) + bits.OnesCount64(f.lo^z.lo)
		}
		if avg := float64(flips) / 255; avg < 60 || avg > 68 {
			t.Errorf("byte %d turns %.1f of 128 bits on average", i, avg)
		}
	}
}
