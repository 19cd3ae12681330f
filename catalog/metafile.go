package catalog

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"

	"github.com/apache/iceberg-go/table"
	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
)

// maxMetadata bounds how large a metadata file may be once decompressed.
const maxMetadata = 1 << 30

// parseMetadata reads a metadata file, compressed or not, whatever its name says.
func parseMetadata(raw []byte) (meta table.Metadata, size int64, err error) {
	var in io.Reader
	switch {
	case bytes.HasPrefix(raw, []byte{0x1f, 0x8b}):
		if in, err = gzip.NewReader(bytes.NewReader(raw)); err != nil {
			return nil, 0, err
		}
	case bytes.HasPrefix(raw, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(bytes.NewReader(raw), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, 0, err
		}
		defer z.Close()
		in = z
	}
	if in != nil {
		if raw, err = io.ReadAll(io.LimitReader(in, maxMetadata+1)); err != nil {
			return nil, 0, err
		}
		if len(raw) > maxMetadata {
			return nil, 0, fmt.Errorf("is larger than %d bytes", maxMetadata)
		}
	}
	defer func() { // the library's parser meets whatever others wrote
		if p := recover(); p != nil {
			meta, size, err = nil, 0, fmt.Errorf("the metadata makes no sense: %v", p)
		}
	}()
	meta, err = table.ParseMetadataBytes(raw)
	return meta, int64(len(raw)), err
}

// formatMetadata spells metadata as the table's properties want it, and names the file.
func formatMetadata(meta table.Metadata, version int) (location string, raw []byte, err error) {
	if raw, err = json.Marshal(meta); err != nil {
		return "", nil, err
	}
	suffix := ".metadata.json"
	switch codec := meta.Properties().Get(table.MetadataCompressionKey, table.MetadataCompressionDefault); codec {
	case table.MetadataCompressionCodecNone:
	case table.MetadataCompressionCodecGzip:
		suffix = ".gz.metadata.json"
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(raw); err != nil {
			return "", nil, err
		}
		if err := z.Close(); err != nil {
			return "", nil, err
		}
		raw = b.Bytes()
	case table.MetadataCompressionCodecZstd:
		suffix = ".zstd.metadata.json"
		raw = zstdEncoder().EncodeAll(raw, nil)
	default:
		return "", nil, fmt.Errorf("table property %s is %q: want none, gzip or zstd", table.MetadataCompressionKey, codec)
	}
	return metadataPath(meta, fmt.Sprintf("%05d-%s%s", version, uuid.New(), suffix)), raw, nil
}

var metadataName = regexp.MustCompile(`^v?(\d{1,9})(?:-[0-9a-f-]{36})?(?:\.\w+)?\.metadata\.json$`)

// nextVersion is the number for the file after the one at location; files with names of other kinds count as -1.
func nextVersion(location string) int {
	m := metadataName.FindStringSubmatch(path.Base(location))
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0
	}
	return n + 1
}
