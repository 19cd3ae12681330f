package writer

import "github.com/sinker-io/sinker/offsets"

// Include tells the batch where partitions begin that it knows nothing of yet: they were assigned while it was
// open. One that the batch has taken runs of keeps its own end.
func (b *Batch) Include(at offsets.Position) {
	for p, o := range at {
		if b.spans[p] == nil {
			b.start[p] = o
		}
	}
}
