package oracle

import (
	"bytes"
	"fmt"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
)

// Letter is one dead letter, as its table has it.
type Letter struct {
	Sink   string
	Part   Part
	Offset int64
	Epoch  int32 // leader epoch of the record
}

// letters is I7: a record that can be no row is one dead letter once its table has passed it, and at most one before; no other record is.
func (j *judge) letters() {
	if !j.w.Kept {
		return
	}
	count := map[Letter]int{}
	for _, l := range j.w.Letters {
		count[l]++
	}
	tables := map[string]*Table{}
	for _, t := range j.w.Tables {
		tables[t.Name] = t
	}
	for _, id := range sortedIDs(j.w.Records) {
		r := j.w.Records[id]
		l := Letter{Sink: r.Sink, Part: r.Part, Offset: r.Offset, Epoch: r.Epoch}
		n := count[l]
		delete(count, l)
		st, how := tables[r.Table].state(tables[r.Table].Head, r.Sink)
		mark, has := st.Marks[r.Part]
		passed := how == told && has && mark.Origin <= r.Offset && r.Offset < mark.Next
		switch {
		case n > 1:
			j.found1("I7", "record %d, offset %d of %s, is %d dead letters", id, r.Offset, r.Part, n)
		case n > 0 && (r.Fate == Row || r.Fate == Never):
			j.found1("I7", "record %d, offset %d of %s, is a dead letter and should be none", id, r.Offset, r.Part)
		case n == 0 && r.Fate == Dead && passed:
			j.found1("I7", "record %d, offset %d of %s, is neither row nor dead letter; table %s is at %d", id, r.Offset, r.Part, r.Table, mark.Next)
		}
	}
	for l := range count {
		j.found1("I7", "offset %d of %s, epoch %d, is a dead letter of sink %s and was never sent", l.Offset, l.Part, l.Epoch, l.Sink)
	}
}

// ReadLetters reads the columns of dead letters that say which records they are.
func ReadLetters(data []byte) ([]Letter, error) {
	ids, err := ReadIDs(data, "offset")
	if err != nil {
		return nil, err
	}
	out := make([]Letter, len(ids))
	for i := range ids {
		out[i].Offset = ids[i]
	}
	r, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read parquet: %w", err)
	}
	defer func() { _ = r.Close() }() // bytes in memory
	for column, set := range map[string]func(l *Letter, s string){
		"topic": func(l *Letter, s string) { l.Part.Topic = s }, "topic_id": func(l *Letter, s string) { l.Part.ID = s }, "sink": func(l *Letter, s string) { l.Sink = s },
	} {
		if err := each(r, column, out, func(l *Letter, v parquet.ByteArray) { set(l, string(v)) }); err != nil {
			return nil, err
		}
	}
	if err := each(r, "partition", out, func(l *Letter, v int32) { l.Part.Num = v }); err != nil {
		return nil, err
	}
	return out, each(r, "leader_epoch", out, func(l *Letter, v int32) { l.Epoch = v })
}

// each reads a column that has a value in every row.
func each[T any](r *file.Reader, column string, out []Letter, set func(*Letter, T)) error {
	at, next := r.MetaData().Schema.ColumnIndexByName(column), 0
	if at < 0 {
		return fmt.Errorf("read parquet: there is no column %s", column)
	}
	for g := range r.NumRowGroups() {
		chunk, err := r.RowGroup(g).Column(at)
		if err != nil {
			return fmt.Errorf("read parquet: %w", err)
		}
		typed, ok := chunk.(interface {
			ReadBatch(n int64, values []T, def, rep []int16) (int64, int, error)
		})
		if !ok {
			return fmt.Errorf("read parquet: column %s is of another type", column)
		}
		rows := r.RowGroup(g).NumRows()
		values, levels := make([]T, rows), make([]int16, rows)
		for got := int64(0); got < rows; {
			n, valid, err := typed.ReadBatch(rows-got, values, levels, nil)
			if err != nil || n == 0 || int64(valid) != n {
				return fmt.Errorf("read parquet: column %s: %d of %d rows, %d values: %w", column, got+n, rows, valid, err)
			}
			for _, v := range values[:valid] {
				set(&out[next], v)
				next++
			}
			got += n
		}
	}
	return nil
}
