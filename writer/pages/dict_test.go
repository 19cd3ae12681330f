package pages

import (
	"encoding/binary"
	"fmt"
	"testing"
)

// So many values of one length share slots and tags, and are told apart all the same; and a dictionary that begins again
// knows nothing of what it held.
func TestDict_TellsAlikeValuesApart(t *testing.T) {
	const n = 200_000
	var text [][]byte
	var numbers []int64
	for i := range n {
		text = append(text, binary.BigEndian.AppendUint64(nil, uint64(i)*0x9e3779b97f4a7c15))
		numbers = append(numbers, int64(i)*int64(1<<33+7))
	}
	var d dict
	for round := range 2 {
		for _, width := range []int{0, 8} {
			d.start()
			for _, codes := range [][]uint32{d.addText(nil, text, width), d.addText(nil, text, width)} {
				for i, c := range codes {
					if int(c) != i || string(d.value(i, width)) != string(text[i]) {
						t.Fatalf("round %d, width %d: value %d has code %d", round, width, i, c)
					}
				}
			}
		}
		d.start()
		for _, codes := range [][]uint32{d.addNumbers(nil, numbers), d.addNumbers(nil, numbers)} {
			for i, c := range codes {
				if int(c) != i || d.numbers[i] != numbers[i] {
					t.Fatalf("round %d: number %d has code %d", round, i, c)
				}
			}
		}
		if d.n != n || len(d.plain) != 0 {
			t.Fatalf("%d entries, %d bytes", d.n, len(d.plain))
		}
	}
}

// Text of every length around the steps of the hash, with one byte that differs.
func TestDict_TellsOneByteApart(t *testing.T) {
	var text [][]byte
	for n := range 70 {
		for at := range n + 1 {
			v := make([]byte, n)
			if at < n {
				v[at] = 1
			}
			text = append(text, v)
		}
	}
	var d dict
	d.start()
	first, again := fmt.Sprint(d.addText(nil, text, 0)), fmt.Sprint(d.addText(nil, text, 0))
	if d.n != len(text) || first != again {
		t.Errorf("%d values have %d codes", len(text), d.n)
	}
}
