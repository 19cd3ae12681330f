// Command run puts sinker through a storm on real servers, or through one after another for hours: see package storm.
//
//	go run ./testenv/chaos/... --seed 7 --records 300000 --kills 36 --zombies 10 --faults 48 --foreign 10 [--hours 8]
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sinker-io/sinker/testenv/chaos/storm"
	"github.com/sinker-io/sinker/testenv/judge"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Stdout, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, args []string) error {
	size := storm.CI
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.Uint64Var(&size.Seed, "seed", uint64(time.Now().Unix()), "fixes the schedule")
	flags.Int64Var(&size.Records, "records", size.Records, "in all topics together")
	flags.IntVar(&size.Kills, "kills", size.Kills, "kill -9 of instances")
	flags.IntVar(&size.Zombies, "zombies", size.Zombies, "instances frozen for longer than their session, and woken")
	flags.IntVar(&size.Faults, "faults", size.Faults, "of networks and servers")
	flags.IntVar(&size.Foreign, "foreign", size.Foreign, "operations by Spark and pyiceberg on the tables")
	hours := flags.Float64("hours", 0, "go on with the next seed until so many hours have passed")
	dir := flags.String("dir", "", "where servers and instances keep what they leave; it stays if a promise is broken")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" {
		temp, err := os.MkdirTemp("", "sinker-chaos-")
		if err != nil {
			return err
		}
		*dir = temp
	}
	defer judge.Close()
	began := time.Now()
	for round := 1; ; round++ {
		folder := filepath.Join(*dir, fmt.Sprintf("seed-%d", size.Seed))
		if err := storm.Run(ctx, out, folder, size); err != nil {
			return fmt.Errorf("%w; what servers and instances left is in %s", err, folder)
		}
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
		if time.Since(began).Hours() >= *hours {
			_ = os.Remove(*dir) // unless it holds something else
			return nil
		}
		fmt.Fprintf(out, "round %d passed, %s of %g h\n", round, time.Since(began).Round(time.Minute), *hours)
		size.Seed++
	}
}
