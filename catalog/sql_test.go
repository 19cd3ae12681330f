package catalog

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sinker-io/sinker/commit"
)

func TestSQL_CatalogsOfOthersAreUsedAsTheyAre(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(w.dir, "old.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, ddl := range []string{ // without iceberg_type, as older clients make it
		`CREATE TABLE iceberg_tables (catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL, table_name VARCHAR(255) NOT NULL,
			metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000), PRIMARY KEY (catalog_name, table_namespace, table_name))`,
		`CREATE TABLE iceberg_namespace_properties (catalog_name VARCHAR(255) NOT NULL, namespace VARCHAR(255) NOT NULL, property_key VARCHAR(255) NOT NULL,
			property_value VARCHAR(1000) NOT NULL, PRIMARY KEY (catalog_name, namespace, property_key))`,
		`INSERT INTO iceberg_namespace_properties VALUES ('mine', 'shop', 'location', 'file://` + w.dir + `/elsewhere/')`,
	} {
		if _, err := db.Exec(ddl); err != nil {
			t.Fatal(err)
		}
	}
	w.cfg.URI, w.cfg.Properties = "sqlite:"+path, map[string]string{"catalog-name": "mine"}
	w.cat = w.open()
	w.create("shop.orders", nil, 2, nil)
	tb := w.table("shop.orders", "", "s1")
	put(t, tb, 1, 0, 10)
	put(t, tb, 1, 10, 20)
	v := load(t, tb)
	if !strings.HasPrefix(v.Location, "file://"+w.dir+"/elsewhere/orders/metadata/00002-") {
		t.Errorf("metadata at %s", v.Location)
	}
	var now, before string
	if err := db.QueryRow("SELECT metadata_location, previous_metadata_location FROM iceberg_tables WHERE catalog_name = 'mine' AND table_namespace = 'shop' AND table_name = 'orders'").Scan(&now, &before); err != nil {
		t.Fatal(err)
	}
	if now != v.Location || !strings.Contains(before, "/00001-") {
		t.Errorf("row %s, before it %s", now, before)
	}
}

func TestSQL_MetadataIsWrittenAsTheTableSays(t *testing.T) {
	for codec, magic := range map[string][]byte{"gzip": {0x1f, 0x8b}, "zstd": {0x28, 0xb5, 0x2f, 0xfd}, "none": []byte("{")} {
		w := newWorld(t)
		meta := filepath.Join(w.dir, "meta data %41")
		w.create("shop.orders", nil, 2, map[string]string{"write.metadata.compression-codec": codec, "write.metadata.path": "file://" + meta})
		tb := w.table("shop.orders", "", "s1")
		put(t, tb, 1, 0, 10)
		again, err := w.open().Table("shop.orders", "", "s1")
		if err != nil {
			t.Fatal(err)
		}
		v := load(t, again)
		raw, err := os.ReadFile(strings.TrimPrefix(v.Location, "file://"))
		if err != nil || !bytes.HasPrefix(raw, magic) || filepath.Dir(strings.TrimPrefix(v.Location, "file://")) != meta {
			t.Errorf("%s: %s begins with % x, %v", codec, v.Location, raw[:4], err)
		}
		if st, err := commit.Resolve(v, "s1"); err != nil || st.Ledger.Marks[part(0)].Next != 10 {
			t.Errorf("%s: %+v, %v", codec, st, err)
		}
		if codec == "none" && v.MetadataSize != int64(len(raw)) {
			t.Errorf("size %d, the file has %d", v.MetadataSize, len(raw))
		}
		files, err := filepath.Glob(filepath.Join(meta, "*"))
		if err != nil || len(files) != 4 { // two metadata files, a manifest, its list
			t.Errorf("%s: %v, %v", codec, files, err)
		}
	}
}

func TestSQL_MetadataThatMakesNoSense(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	file := strings.TrimPrefix(load(t, w.table("shop.orders", "", "s1")).Location, "file://")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{"empty": {}, "cut": good[:len(good)/2], "list": []byte("[]"), "nothing": []byte("{}"), "gzip of nothing": {0x1f, 0x8b, 0}, "null": []byte("null"),
		"no schema": bytes.Replace(good, []byte(`"schemas"`), []byte(`"schemaz"`), 1), "version 9": bytes.Replace(good, []byte(`"format-version":2`), []byte(`"format-version":9`), 1)} {
		if err := os.WriteFile(file, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		tb, err := w.open().Table("shop.orders", "", "s1")
		if err != nil {
			t.Fatal(err)
		}
		_, err = tb.Load(t.Context())
		wantClass(t, err, commit.Unknown)
		if !strings.Contains(err.Error(), "shop.orders") || !strings.Contains(err.Error(), "metadata.json") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSQL_ErrorsOfTheDatabaseHaveTheirClass(t *testing.T) {
	for code, want := range map[string]commit.Class{"40001": commit.Conflict, "40P01": commit.Conflict, "28P01": commit.Denied, "42501": commit.Denied,
		"53300": commit.Busy, "57P03": commit.Busy, "55P03": commit.Busy, "22001": commit.Rejected, "XX000": commit.Unknown, "08006": commit.Unknown} {
		if got := postgresDialect.class(fmt.Errorf("step: %w", &pgconn.PgError{Code: code})); got != want {
			t.Errorf("%s: %s, want %s", code, got, want)
		}
	}
	if got := postgresDialect.class(errors.New("broken pipe")); got != commit.Unknown {
		t.Errorf("a lost connection: %s", got)
	}
	if got := postgresDialect.bind("a = ? AND b = ?"); got != "a = $1 AND b = $2" {
		t.Error(got)
	}

	t.Run("a locked file", func(t *testing.T) {
		w := newWorld(t)
		w.create("shop.orders", nil, 2, nil)
		tb := w.table("shop.orders", "", "s1")
		base := load(t, tb)
		db := w.cat.back.(*sqlBackend).db
		if _, err := db.Exec("PRAGMA busy_timeout = 1"); err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		other, err := sql.Open("sqlite", filepath.Join(w.dir, "catalog.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		conn, err := other.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
			t.Fatal(err)
		}
		_, err = tb.Append(t.Context(), base, change("s1", 1, 0))
		wantClass(t, err, commit.Busy)
		if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		if _, err := tb.Append(t.Context(), base, change("s1", 1, 0)); err != nil {
			t.Fatal(err)
		}
	})
}
