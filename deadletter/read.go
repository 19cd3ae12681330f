package deadletter

import (
	"fmt"
	"io"
	"time"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/offsets"
)

// Source is a data file that was opened for reading.
type Source interface {
	io.ReaderAt
	io.Seeker
}

// Parts says how much of each letter is read.
type Parts uint8

const (
	Places Parts = iota // Partition, Offset, LeaderEpoch, Sink, Table, Code and Noted: what is enough to count and to compare
	Whole               // everything
)

// Read gives the letters of one data file in their order, until give returns an error, which it returns. sc is the schema of the table,
// whose field ids tell the columns of the file; who rewrote the file does not matter. One row group is in memory at a time: the
// columns that are read, no others.
func Read(f Source, sc *iceberg.Schema, parts Parts, give func(Letter) error) error {
	names := []string{colTopic, colTopicID, colPartition, colOffset, colLeaderEpoch, colSink, colTable, colCode, colNoted}
	if parts == Whole {
		names = columns
	}
	at, err := find(sc, names...)
	if err != nil {
		return err
	}
	r, err := file.NewParquetReader(f)
	if err != nil {
		return fmt.Errorf("read a file of dead letters: %w", err)
	}
	leaves := map[int][]int{} // by field id of the top level
	for i := range r.MetaData().Schema.NumColumns() {
		id := int(r.MetaData().Schema.ColumnRoot(i).FieldID())
		leaves[id] = append(leaves[id], i)
	}
	for g := range r.NumRowGroups() {
		group := &group{r: r.RowGroup(g)}
		letters := make([]Letter, r.RowGroup(g).NumRows())
		for i, name := range names {
			if at[i] < 0 {
				continue
			}
			if err := group.fill(letters, name, leaves[sc.Field(at[i]).ID]); err != nil {
				return fmt.Errorf("read a file of dead letters: row group %d, column %s: %w", g, name, err)
			}
		}
		for _, l := range letters {
			if err := give(l); err != nil {
				return err
			}
		}
	}
	return nil
}

type group struct{ r *file.RowGroupReader }

// fill reads one column into the letters.
func (g *group) fill(letters []Letter, name string, leaves []int) error {
	if name == colHeaders {
		return g.headers(letters, leaves)
	}
	if len(leaves) == 0 {
		return nil // added to the table after the file was written
	}
	switch name {
	case colPartition, colLeaderEpoch, colSchemaID:
		return scan[int32](g.r, leaves[0], func(row int, v int32) {
			switch l := &letters[row]; name {
			case colPartition:
				l.Partition.Num = v
			case colLeaderEpoch:
				l.LeaderEpoch = v
			default:
				l.SchemaID = v
			}
		})
	case colOffset, colTimestamp, colNoted:
		return scan[int64](g.r, leaves[0], func(row int, v int64) {
			switch l := &letters[row]; name {
			case colOffset:
				l.Offset = v
			case colTimestamp:
				l.Timestamp = time.UnixMicro(v).UTC()
			default:
				l.Noted = time.UnixMicro(v).UTC()
			}
		})
	}
	var broken error
	err := scan[parquet.ByteArray](g.r, leaves[0], func(row int, v parquet.ByteArray) {
		if err := letters[row].text(name, v); err != nil && broken == nil {
			broken = err
		}
	})
	if err == nil {
		err = broken
	}
	return err
}

// text sets a field of bytes or text.
func (l *Letter) text(name string, v []byte) (err error) {
	switch name {
	case colTopic:
		l.Partition.Topic = string(v)
	case colTopicID:
		l.Partition.TopicID, err = offsets.ParseTopicID(string(v))
	case colKey:
		l.Key = append([]byte{}, v...)
	case colValue:
		l.Value = append([]byte{}, v...)
	case colCode:
		l.Code = string(v)
	case colColumn:
		l.Column = string(v)
	case colReason:
		l.Reason = string(v)
	case colSink:
		l.Sink = string(v)
	case colTable:
		l.Table = string(v)
	}
	return err
}

// headers reads the keys, and the values in the same places.
func (g *group) headers(letters []Letter, leaves []int) error {
	for leaf, at := range leaves {
		seen := make([]int, len(letters))
		err := levels(g.r, at, func(row int, whole, element bool, v parquet.ByteArray) {
			if !element {
				return
			}
			l := &letters[row]
			switch {
			case leaf == 0:
				l.Headers = append(l.Headers, Header{Key: append([]byte{}, v...)})
			case whole:
				l.Headers[seen[row]].Value = append([]byte{}, v...)
			}
			seen[row]++
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// reader is a column chunk of one type.
type reader[T any] interface {
	ReadBatch(n int64, values []T, def, rep []int16) (int64, int, error)
}

const batch = 1024

// scan gives the values of a column that is not nested, with their rows; nulls are left out.
func scan[T any](g *file.RowGroupReader, at int, give func(row int, v T)) error {
	chunk, err := g.Column(at)
	if err != nil {
		return err
	}
	typed, ok := chunk.(reader[T])
	if !ok {
		return fmt.Errorf("it is of another type: %s", chunk.Type())
	}
	most := chunk.Descriptor().MaxDefinitionLevel()
	values, def := make([]T, batch), make([]int16, batch)
	for row := 0; row < int(g.NumRows()); {
		n, _, err := typed.ReadBatch(batch, values, def, nil)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("it ends after %d of %d rows", row, g.NumRows())
		}
		next := 0
		for i := range int(n) {
			if most == 0 || def[i] == most {
				give(row, values[next])
				next++
			}
			row++
		}
	}
	return nil
}

// levels gives the entries of a column in a list of structs. element tells an element from a list that has none; whole tells a value
// from a null.
func levels(g *file.RowGroupReader, at int, give func(row int, whole, element bool, v parquet.ByteArray)) error {
	chunk, err := g.Column(at)
	if err != nil {
		return err
	}
	typed, ok := chunk.(reader[parquet.ByteArray])
	if !ok {
		return fmt.Errorf("it is of another type: %s", chunk.Type())
	}
	most := chunk.Descriptor().MaxDefinitionLevel()
	least := most // the definition level of an element whose value is null
	if chunk.Descriptor().SchemaNode().RepetitionType() == parquet.Repetitions.Optional {
		least--
	}
	values, def, rep := make([]parquet.ByteArray, batch), make([]int16, batch), make([]int16, batch)
	for row := -1; ; {
		n, _, err := typed.ReadBatch(batch, values, def, rep)
		if err != nil {
			return err
		}
		if n == 0 {
			if row+1 != int(g.NumRows()) {
				return fmt.Errorf("it ends after %d of %d rows", row+1, g.NumRows())
			}
			return nil
		}
		next := 0
		for i := range int(n) {
			if rep[i] == 0 {
				row++
			}
			var v parquet.ByteArray
			if def[i] == most {
				v = values[next]
				next++
			}
			give(row, def[i] == most, def[i] >= least, v)
		}
	}
}
