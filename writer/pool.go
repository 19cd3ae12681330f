package writer

import (
	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/writer/shred"
)

// pool is the rows that wait to be written, of all partitions together.
type pool struct {
	rows    *decode.Rows
	lane    []int32 // of each row; empty if the table is unpartitioned
	raw     int64   // bytes of the columns, when last measured
	scratch []int32 // of order
}

// begin gives the rows to append to.
func (p *pool) begin(schema *iceberg.Schema) *decode.Rows {
	if p.rows == nil {
		p.rows = decode.NewRows(schema)
	}
	return p.rows
}

func (p *pool) len() int {
	if p.rows == nil {
		return 0
	}
	return p.rows.N
}

// size is the bytes of the columns that are in use.
func (p *pool) size() int64 {
	if p.len() == 0 {
		return 0
	}
	p.raw = shred.Raw(p.rows) + 4*int64(len(p.lane))
	return p.raw
}

// memory is all bytes that the pool holds, used or not.
func (p *pool) memory() int64 {
	if p.rows == nil {
		return 0
	}
	return p.rows.Memory() + 4*int64(cap(p.lane)+cap(p.scratch))
}

// encoded is about how large the rows will be in a file.
func (p *pool) encoded(e encoded) int64 {
	switch {
	case p.len() == 0:
		return 0
	case e.rows == 0:
		return p.raw / 4
	}
	return int64(float64(p.len()) * float64(e.bytes) / float64(e.rows))
}

// clear removes the rows and keeps the memory.
func (p *pool) clear() {
	p.rows.Reset()
	p.lane, p.raw = p.lane[:0], 0
}

// order sorts the rows by lane, in their order within each, and gives the part of each of n lanes: lane k's rows are
// index[ends[k-1]:ends[k]].
func (p *pool) order(n int) (index []int32, ends []int) {
	ends = make([]int, n)
	for _, l := range p.lane {
		ends[l]++
	}
	sum := 0
	for k, c := range ends {
		ends[k] = sum
		sum += c
	}
	if cap(p.scratch) < sum {
		p.scratch = make([]int32, sum)
	}
	index = p.scratch[:sum]
	for row, l := range p.lane {
		index[ends[l]] = int32(row)
		ends[l]++
	}
	return index, ends
}
