package pages

// levels writes small numbers in Parquet's hybrid of runs and bit-packed groups of eight: definition levels, repetition
// levels.
type levels struct {
	out    []byte
	width  uint // bits of a level, at most 8
	group  [8]uint8
	n      int // levels in group
	last   uint8
	repeat int // how often last has come in a row, since the group was begun
	header int // where the open run of groups has its header; -1 if none is open
	groups int // in the open run
}

// start begins a page of levels up to most.
func (l *levels) start(most int16) {
	*l = levels{out: l.out[:0], header: -1}
	for v := most; v > 0; v >>= 1 {
		l.width++
	}
}

// mostGroupsOfRun keeps the header of a run of groups at one byte.
const mostGroupsOfRun = 63

func (l *levels) put(v uint8) {
	if v == l.last {
		l.repeat++
		if l.repeat >= 8 {
			return // the group, if any, is all v: it becomes part of the run
		}
	} else {
		if l.repeat >= 8 {
			l.endRepeat()
		}
		l.last, l.repeat = v, 1
	}
	l.group[l.n] = v
	l.n++
	if l.n == 8 {
		l.pack()
	}
}

// run puts v count times.
func (l *levels) run(v uint8, count int) {
	for count > 0 && (v != l.last || l.repeat < 8) {
		l.put(v)
		count--
	}
	l.repeat += count
}

func (l *levels) endRepeat() {
	l.endGroups()
	l.out = append(appendUvarint(l.out, uint64(l.repeat)<<1), l.last)
	l.repeat, l.n = 0, 0
}

func (l *levels) pack() {
	if l.groups == mostGroupsOfRun {
		l.endGroups()
	}
	if l.header < 0 {
		l.header = len(l.out)
		l.out = append(l.out, 0)
	}
	var bits uint64
	for i, v := range l.group {
		bits |= uint64(v) << (uint(i) * l.width)
	}
	for range l.width {
		l.out = append(l.out, byte(bits))
		bits >>= 8
	}
	l.groups++
	l.n, l.repeat = 0, 0
}

func (l *levels) endGroups() {
	if l.header >= 0 {
		l.out[l.header] = byte(l.groups<<1 | 1)
	}
	l.header, l.groups = -1, 0
}

// end gives the levels of the page. They belong to l until the next start.
func (l *levels) end() []byte {
	switch {
	case l.repeat >= 8:
		l.endRepeat()
	case l.n > 0:
		clear(l.group[l.n:])
		l.pack()
	}
	l.endGroups()
	return l.out
}
