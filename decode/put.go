package decode

// Columns are also filled by who has values already and no payload to read them from. A row is begun with Rows.Begin, one value is
// put into each top-level column, and Rows.End counts it. The put that fits a column's type is its caller's to choose.

// Begin makes sure that one more row, of at most size bytes of texts and bytes, can be put. ErrFull if not.
func (r *Rows) Begin(size int64) error {
	if r.volume+size > maxVolume {
		return ErrFull
	}
	return nil
}

// End counts a row of size bytes, of which every column has its value now.
func (r *Rows) End(size int64) {
	r.N++
	r.volume += size
}

// PutInt32 puts a value into a column of int or date.
func (c *Column) PutInt32(v int32) {
	c.I32 = append(c.I32, v)
	c.grew()
}

// PutInt64 puts a value into a column of long, time or timestamp.
func (c *Column) PutInt64(v int64) {
	c.I64 = append(c.I64, v)
	c.grew()
}

// PutBytes puts a copy of b into a column of string or binary.
func (c *Column) PutBytes(b []byte) { c.appendBytes(b) }

// PutString puts a text into a column of string or binary.
func (c *Column) PutString(s string) { c.appendString(s) }

// PutNull puts a null into an optional column of any type.
func (c *Column) PutNull() { c.appendNull() }

// PutStruct closes an entry of a struct column, after one value was put into each of its children.
func (c *Column) PutStruct() { c.grew() }

// PutList closes an entry of a list column: its elements are what was put into Children[0] since the entry before.
func (c *Column) PutList() {
	c.Offsets = append(c.Offsets, offset(c.Children[0].Len))
	c.grew()
}
