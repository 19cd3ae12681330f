package config

import "testing"

// Whatever the file holds, reading it ends, in a Config or in faults that have a place.
func FuzzParse(f *testing.F) {
	f.Add([]byte(sound))
	f.Add([]byte(secretive))
	for _, c := range faultCases {
		f.Add([]byte(c.new))
	}
	f.Add([]byte("a: &a [*a, *a]\nb: &b [*a, *a, *a]\nsink: *b\n"))
	f.Add([]byte("tables: &t\n  - <<: *t\n"))
	f.Add([]byte("? a\n: b\n"))
	f.Add([]byte("tables: &t\n  - &t\n   <<: *t\n")) // merges itself
	f.Add([]byte("sink: &a {<<: *b, <<: *b}\nkafka: &b {<<: *a, <<: *a}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", data, env, envNames)
		if err == nil {
			if c == nil || c.Sink == "" || len(c.Tables) == 0 {
				t.Fatalf("no fault, and no configuration: %v", c)
			}
			return
		}
		faults, ok := err.(Faults)
		if !ok || len(faults) == 0 {
			t.Fatalf("an error that is no fault: %v", err)
		}
		for _, x := range faults {
			if x.What == "" || x.Line < 0 || x.Line > 0 && x.Column < 1 {
				t.Fatalf("a fault without words or place: %+v", x)
			}
		}
	})
}
