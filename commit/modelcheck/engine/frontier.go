package engine

import (
	"fmt"
	"math/bits"
	"reflect"
	"unsafe"
)

const chunkStates = 1 << 10

// chunk is up to chunkStates states in a row, packed: each as its bytes exclusive-or those of the state before it, of which only the
// ones that are not zero are kept, after a bit for each group of eight that has any and a byte of bits for each such group.
type chunk struct {
	first uint64 // id of its first state; the others follow
	n     int
	data  []byte
}

func sizeOf(cs []*chunk) uint64 {
	n := 0
	for _, c := range cs {
		if c != nil {
			n += cap(c.data)
		}
	}
	return uint64(n)
}

type packer[S any] struct {
	c    chunk
	last S
	from []origin
	open bool
}

func (p *packer[S]) empty() bool { return !p.open }
func (p *packer[S]) full() bool  { return p.open && p.c.n == chunkStates }

func (p *packer[S]) begin(first uint64) {
	var zero S
	p.c.first, p.c.n, p.last, p.open = first, 0, zero, true
	p.c.data = p.c.data[:0]
}

func (p *packer[S]) add(s *S) uint64 {
	now, was := bytesOf(s), bytesOf(&p.last)
	groups := (len(now) + 7) / 8
	at := len(p.c.data)
	for range (groups + 7) / 8 {
		p.c.data = append(p.c.data, 0)
	}
	for g := range groups {
		mark := -1
		for i := g * 8; i < min(g*8+8, len(now)); i++ {
			if d := now[i] ^ was[i]; d != 0 {
				if mark < 0 {
					mark = len(p.c.data)
					p.c.data = append(p.c.data, 0)
					p.c.data[at+g/8] |= 1 << (g % 8)
				}
				p.c.data[mark] |= 1 << (i % 8)
				p.c.data = append(p.c.data, d)
			}
		}
	}
	p.last = *s
	p.c.n++
	return p.c.first + uint64(p.c.n) - 1
}

func (p *packer[S]) origin(parent uint64, ordinal uint32) {
	p.from = append(p.from, origin{id: uint32(parent), ordinal: ordinal})
}

// seal gives the chunk away, and where its states came from.
func (p *packer[S]) seal() (*chunk, []origin) {
	c := &chunk{first: p.c.first, n: p.c.n, data: append([]byte(nil), p.c.data...)}
	from := append([]origin(nil), p.from...)
	p.open, p.from = false, p.from[:0]
	return c, from
}

type unpacker[S any] struct {
	c    *chunk
	data []byte
	done int
}

func newUnpacker[S any](c *chunk) *unpacker[S] { return &unpacker[S]{c: c, data: c.data} }

// next turns s, which must be what the last call left (at first zero), into the next state.
func (u *unpacker[S]) next(s *S) bool {
	if u.done == u.c.n {
		return false
	}
	u.done++
	b := bytesOf(s)
	groups := (len(b) + 7) / 8
	head := u.data[:(groups+7)/8]
	u.data = u.data[len(head):]
	for i, h := range head {
		for ; h != 0; h &= h - 1 {
			g := i*8 + bits.TrailingZeros8(h)
			mark := u.data[0]
			u.data = u.data[1:]
			for ; mark != 0; mark &= mark - 1 {
				b[g*8+bits.TrailingZeros8(mark)] ^= u.data[0]
				u.data = u.data[1:]
			}
		}
	}
	return true
}

// mustBeFlat panics unless a value of S is its bytes.
func mustBeFlat[S any]() {
	var s S
	t := reflect.TypeOf(s)
	if t == nil {
		panic("engine: a state is a struct, not an interface")
	}
	if used := flat(t); used != unsafe.Sizeof(s) {
		panic(fmt.Sprintf("engine: %s holds %d bytes and takes %d: padding would make equal states differ", t, used, unsafe.Sizeof(s)))
	}
}

// flat is the bytes of t that its fields account for.
func flat(t reflect.Type) uintptr {
	switch t.Kind() {
	case reflect.Bool, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return t.Size()
	case reflect.Array:
		return uintptr(t.Len()) * flat(t.Elem())
	case reflect.Struct:
		n := uintptr(0)
		for f := range t.Fields() {
			n += flat(f.Type)
		}
		return n
	}
	panic(fmt.Sprintf("engine: a state may not hold a %s", t))
}
