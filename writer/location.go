package writer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/writer/partition"
)

// place is where a table's data files lie.
type place struct {
	base       string // without a slash at its end
	hashed     bool   // write.object-storage.enabled: names are spread over the key space of an object store
	context    string // namespace and table, where a foreign base is shared by several tables
	partitions bool   // partition values are part of the path
}

// newPlace reads the table's location and the properties that move its files.
func newPlace(t Table) (place, error) {
	p := place{partitions: true}
	if p.hashed = t.Properties.GetBool("write.object-storage.enabled", false); p.hashed {
		p.partitions = t.Properties.GetBool("write.object-storage.partitioned-paths", true)
	}
	p.base = strings.TrimRight(t.Properties.Get("write.data.path", ""), "/")
	location := strings.TrimRight(t.Location, "/")
	if p.base == "" {
		if location == "" {
			return p, errors.New("it has no location")
		}
		p.base = location + "/data"
	}
	if p.hashed && !strings.HasPrefix(p.base, location) {
		// The last two names of the location, as the Java library does.
		parts := strings.Split(location, "/")
		p.context = strings.Join(parts[max(0, len(parts)-2):], "/")
	}
	return p, nil
}

// file is the location of the n-th file of a batch. Nothing but the name's uuid and number makes it unique.
func (p place) file(sink string, batch uuid.UUID, n int, path string) string {
	name := fmt.Sprintf("%s-%s-%d.parquet", partition.Escape(sink, 64), batch, n)
	if p.partitions && path != "" {
		name = path + "/" + name
	}
	if !p.hashed {
		return p.base + "/" + name
	}
	dirs := spread(name)
	switch {
	case p.context != "":
		return p.base + "/" + dirs + "/" + p.context + "/" + name
	case p.partitions:
		return p.base + "/" + dirs + "/" + name
	}
	return p.base + "/" + dirs + "-" + name
}

// spread is twenty bits of a name's hash as folders: "0101/0110/1001/10110010".
func spread(name string) string {
	bits := strconv.FormatUint(uint64(partition.Hash([]byte(name))|1<<31), 2)
	bits = bits[len(bits)-20:]
	return bits[:4] + "/" + bits[4:8] + "/" + bits[8:12] + "/" + bits[12:]
}
