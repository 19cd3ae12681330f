package decode

// take appends the entries idx of src.
func (c *Column) take(src *Column, idx []int32) {
	c.takeValidity(src, idx)
	switch c.kind {
	case kindI32:
		for _, i := range idx {
			c.I32 = append(c.I32, src.I32[i])
		}
	case kindI64:
		for _, i := range idx {
			c.I64 = append(c.I64, src.I64[i])
		}
	case kindF32:
		for _, i := range idx {
			c.F32 = append(c.F32, src.F32[i])
		}
	case kindF64:
		for _, i := range idx {
			c.F64 = append(c.F64, src.F64[i])
		}
	case kindBytes:
		for _, i := range idx {
			c.Bytes = append(c.Bytes, src.Bytes[src.Offsets[i]:src.Offsets[i+1]]...)
			c.Offsets = append(c.Offsets, offset(len(c.Bytes)))
		}
	case kindStruct:
		for k, child := range c.Children {
			child.take(src.Children[k], idx)
		}
	case kindList, kindMap:
		for _, i := range idx {
			from, to := src.Range(int(i))
			for k, child := range c.Children {
				child.appendRange(src.Children[k], from, to)
			}
			c.Offsets = append(c.Offsets, offset(c.Children[0].Len))
		}
	default:
		for _, i := range idx {
			c.Bytes = append(c.Bytes, src.Value(int(i))...)
		}
	}
	c.Len += len(idx)
}

func (c *Column) takeValidity(src *Column, idx []int32) {
	if src.Valid == nil && c.Valid == nil {
		return
	}
	n := c.Len
	for _, i := range idx {
		if null := src.IsNull(int(i)); null || c.Valid != nil {
			if c.Valid == nil {
				c.makeValid()
			}
			c.mark(!null)
			if null {
				c.Nulls++
			}
		}
		c.Len++
	}
	c.Len = n
}

// appendRange appends the entries [from, to) of src.
func (c *Column) appendRange(src *Column, from, to int) {
	if from == to {
		return
	}
	if c.Valid != nil || src.nullsIn(from, to) > 0 {
		n := c.Len
		if c.Valid == nil {
			c.makeValid()
		}
		for i := from; i < to; i++ {
			null := src.IsNull(i)
			c.mark(!null)
			if null {
				c.Nulls++
			}
			c.Len++
		}
		c.Len = n
	}
	switch c.kind {
	case kindI32:
		c.I32 = append(c.I32, src.I32[from:to]...)
	case kindI64:
		c.I64 = append(c.I64, src.I64[from:to]...)
	case kindF32:
		c.F32 = append(c.F32, src.F32[from:to]...)
	case kindF64:
		c.F64 = append(c.F64, src.F64[from:to]...)
	case kindStruct:
		for k, child := range c.Children {
			child.appendRange(src.Children[k], from, to)
		}
	case kindBytes, kindList, kindMap:
		first, last := src.Offsets[from], src.Offsets[to]
		shift := c.Offsets[c.Len] - first
		offset(int(shift) + int(last))
		if c.kind == kindBytes {
			c.Bytes = append(c.Bytes, src.Bytes[first:last]...)
		}
		for k, child := range c.Children {
			child.appendRange(src.Children[k], int(first), int(last))
		}
		for _, o := range src.Offsets[from+1 : to+1] {
			c.Offsets = append(c.Offsets, o+shift)
		}
	default:
		c.Bytes = append(c.Bytes, src.Bytes[from*c.width:to*c.width]...)
	}
	c.Len += to - from
}

func offset(n int) int32 {
	if n > maxVolume {
		panic("decode: a column holds more than 2 GiB")
	}
	return int32(n)
}
