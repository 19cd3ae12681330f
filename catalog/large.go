package catalog

// largeMetadata is the size from which a table's metadata is said to be large: each commit writes it anew, and each load reads it.
const largeMetadata = 8 << 20

// tellLarge warns of large metadata, and again only when it has doubled since.
func (t *Table) tellLarge(l *loaded) {
	t.mu.Lock()
	tell := l.size >= max(largeMetadata, 2*t.toldLarge)
	if tell {
		t.toldLarge = l.size
	}
	t.mu.Unlock()
	if tell {
		t.cat.log.Warn("the table's metadata is large, and every commit writes it anew: expire its snapshots, keep fewer by commit.history, or commit less often",
			"table", t.id.String(), "bytes", l.size, "snapshots", len(l.snaps))
	}
}
