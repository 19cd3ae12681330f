package oracle_test

import (
	"strings"
	"testing"

	"github.com/sinker-io/sinker/testenv/sim/oracle"
)

// keeping is the sound world, in which offset 1 is a record that can be no row and is kept.
func keeping() oracle.World {
	w := sound()
	r := w.Records[101]
	r.Fate = oracle.Dead
	w.Records[101] = r
	w.Kept, w.Letters = true, []oracle.Letter{{Sink: "x", Part: p0, Offset: 1}}
	return w
}

func TestJudge_FindsWhatIsWrongWithDeadLetters(t *testing.T) {
	if v := oracle.Judge(keeping()); len(v) > 0 {
		t.Fatalf("a sound world: %v", v)
	}
	for name, harm := range map[string]func(w *oracle.World){
		"one is missing":                    func(w *oracle.World) { w.Letters = nil },
		"one is there twice":                func(w *oracle.World) { w.Letters = append(w.Letters, w.Letters[0]) },
		"a row is one as well":              func(w *oracle.World) { w.Letters = append(w.Letters, oracle.Letter{Sink: "x", Part: p0, Offset: 2}) },
		"one was never sent":                func(w *oracle.World) { w.Letters = append(w.Letters, oracle.Letter{Sink: "x", Part: p0, Offset: 77}) },
		"one of another life of its offset": func(w *oracle.World) { w.Letters[0].Epoch = 4 },
		"one of another sink":               func(w *oracle.World) { w.Letters[0].Sink = "y" },
	} {
		w := keeping()
		harm(&w)
		found := false
		for _, v := range oracle.Judge(w) {
			found = found || strings.HasPrefix(v.String(), "I7")
		}
		if !found {
			t.Errorf("%s: not found", name)
		}
	}
}
