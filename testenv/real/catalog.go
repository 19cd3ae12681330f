package real

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/sinker-io/sinker/testenv/tools"
)

// Catalog is an Iceberg catalog as a client sees it.
type Catalog struct {
	*Server          // nil for SQLite, which has no server
	Type      string // rest | sql
	URI       string // of REST: http://…; of SQL: sqlite:PATH or postgres://…
	Warehouse string // where new tables are laid
	// HidesHistory says that the catalog shows only the newest snapshot of a table.
	HidesHistory bool
}

// At returns the same catalog behind another address, such as a proxy.
func (c Catalog) At(uri string) Catalog { c.URI = uri; return c }

// StartREST starts the REST catalog of the Iceberg project itself, over a store. It keeps its tables in SQLite.
func StartREST(ctx context.Context, dir string, s3 *S3) (*Catalog, error) {
	classPath, err := tools.ClassPath(ctx, tools.REST)
	if err != nil {
		return nil, err
	}
	java, err := tools.Java(ctx)
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("start rest: %w", err)
	}
	c := &Catalog{Type: "rest", URI: "http://" + loopback(port), Warehouse: "s3://" + s3.Bucket + "/rest", Server: &Server{Name: "rest", dir: dir}}
	c.command = func() *exec.Cmd {
		cmd := exec.Command(java, "-Xmx512m", "-XX:+UseSerialGC", "-cp", classPath, "org.apache.iceberg.rest.RESTCatalogServer")
		cmd.Env = append(os.Environ(),
			fmt.Sprintf("CATALOG_REST_PORT=%d", port),
			"CATALOG_WAREHOUSE="+c.Warehouse,
			"CATALOG_URI=jdbc:sqlite:"+filepath.Join(dir, "rest.db"),
			"CATALOG_CATALOG__IMPL=org.apache.iceberg.jdbc.JdbcCatalog",
			"CATALOG_JDBC_SCHEMA__VERSION=V1",
			"CATALOG_IO__IMPL=org.apache.iceberg.aws.s3.S3FileIO",
			"CATALOG_S3_ENDPOINT="+s3.Endpoint,
			"CATALOG_S3_PATH__STYLE__ACCESS=true",
			"CATALOG_S3_ACCESS__KEY__ID="+s3.AccessKey,
			"CATALOG_S3_SECRET__ACCESS__KEY="+s3.SecretKey,
			"CATALOG_CLIENT_REGION="+s3.Region,
			"AWS_REGION="+s3.Region,
		)
		return cmd
	}
	c.ready = answers(c.URI + "/v1/config")
	return c, c.start(ctx)
}

// StartNessie starts a Nessie catalog over a store. Its REST protocol shows one snapshot of a table and no parents.
func StartNessie(ctx context.Context, dir string, s3 *S3) (*Catalog, error) {
	jars, err := tools.Jars(ctx, tools.Nessie)
	if err != nil {
		return nil, err
	}
	java, err := tools.NewJava(ctx)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("start nessie: %w", err)
	}
	c := &Catalog{Type: "rest", URI: "http://" + loopback(ports[0]) + "/iceberg", Warehouse: "lake", HidesHistory: true,
		Server: &Server{Name: "nessie", dir: dir}}
	c.command = func() *exec.Cmd {
		const s3Defaults = "-Dnessie.catalog.service.s3.default-options."
		return exec.Command(java, "-Xmx512m", "-XX:+UseSerialGC",
			"-Dquarkus.http.host=127.0.0.1", fmt.Sprintf("-Dquarkus.http.port=%d", ports[0]),
			"-Dquarkus.management.host=127.0.0.1", fmt.Sprintf("-Dquarkus.management.port=%d", ports[1]),
			"-Dnessie.version.store.type=ROCKSDB",
			"-Dnessie.version.store.persist.rocks.database-path="+filepath.Join(dir, "nessie"),
			"-Dnessie.catalog.default-warehouse=lake",
			"-Dnessie.catalog.warehouses.lake.location=s3://"+s3.Bucket+"/nessie",
			s3Defaults+"endpoint="+s3.Endpoint,
			s3Defaults+"path-style-access=true",
			s3Defaults+"region="+s3.Region,
			s3Defaults+"access-key=urn:nessie-secret:quarkus:s3.key",
			"-Ds3.key.name="+s3.AccessKey, "-Ds3.key.secret="+s3.SecretKey,
			"-jar", jars[0])
	}
	c.ready = answers("http://" + loopback(ports[1]) + "/q/health/ready")
	return c, c.start(ctx)
}
