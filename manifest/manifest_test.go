package manifest_test

import (
	"testing"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

func file(t *testing.T, rows int64) iceberg.DataFile {
	t.Helper()
	b, err := iceberg.NewDataFileBuilder(*iceberg.UnpartitionedSpec, iceberg.EntryContentData, "file:///f.parquet", iceberg.ParquetFile, nil, nil, nil, rows, 100)
	if err != nil {
		t.Fatal(err)
	}
	return b.Build()
}

func TestAudit_EveryOffsetHasOneFateAndEveryRowIsInAFile(t *testing.T) {
	p := offsets.Partition{Topic: "orders"}
	sound := func() *manifest.Manifest {
		return &manifest.Manifest{Files: []iceberg.DataFile{file(t, 3), file(t, 2)}, Spans: map[offsets.Partition]manifest.Span{
			p: {Range: offsets.Range{From: 10, To: 20}, Counts: manifest.Counts{Rows: 5, Dead: 1, Skipped: 2, Holes: 2}}}}
	}
	if err := sound().Audit(); err != nil {
		t.Error(err)
	}
	if m := sound(); m.Rows() != 5 || m.Totals().Sum() != 10 {
		t.Errorf("%d rows, %+v", m.Rows(), m.Totals())
	}
	for name, spoil := range map[string]func(*manifest.Manifest, *manifest.Span){
		"an offset without a fate":   func(_ *manifest.Manifest, s *manifest.Span) { s.To++ },
		"an offset with two":         func(_ *manifest.Manifest, s *manifest.Span) { s.Dead++ },
		"a row that is in no file":   func(_ *manifest.Manifest, s *manifest.Span) { s.Rows++; s.Dead-- },
		"a file that nobody counted": func(m *manifest.Manifest, _ *manifest.Span) { m.Files = append(m.Files, file(t, 1)) },
		"a range that ends before it begins": func(_ *manifest.Manifest, s *manifest.Span) {
			s.Range, s.Counts = offsets.Range{From: 5, To: 4}, manifest.Counts{Rows: 5, Dead: -6}
		},
		"a negative count":   func(_ *manifest.Manifest, s *manifest.Span) { s.Dead, s.Skipped = -1, 4 },
		"a range below zero": func(_ *manifest.Manifest, s *manifest.Span) { s.From, s.To = -5, 5 },
	} {
		m := sound()
		s := m.Spans[p]
		spoil(m, &s)
		m.Spans[p] = s
		if m.Audit() == nil {
			t.Errorf("%s passes", name)
		}
	}
}
