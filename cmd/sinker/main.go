// Command sinker carries records from Kafka into Iceberg tables, exactly once. Each subcommand has a file of
// its own; wire.go turns a configuration into the parts they work with.
package main

import "os"

func main() { os.Exit(cli(os.Args[1:], os.Stdout, os.Stderr)) }
