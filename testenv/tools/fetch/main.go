// Command fetch brings every program of the real test world onto this machine, so that no test waits for a download.
//
//	go run ./testenv/tools/fetch [part]...
//
// Without names it fetches all parts and the Debian packages. It prints where each one is, and fails if one cannot be had.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/sinker-io/sinker/testenv/tools"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := fetch(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func fetch(ctx context.Context, names []string) error {
	known := []string{"postgresql"}
	for _, p := range tools.All {
		known = append(known, p.Name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("fetch: no part is called %q; there are %v", name, known)
		}
	}
	wanted := func(name string) bool { return len(names) == 0 || slices.Contains(names, name) }
	if wanted("postgresql") {
		dir, err := tools.PostgreSQL(ctx)
		if err != nil {
			return err
		}
		fmt.Println("postgresql", dir)
	}
	for _, p := range tools.All {
		if !wanted(p.Name) {
			continue
		}
		dir, err := p.Get(ctx)
		if err != nil {
			return err
		}
		fmt.Println(p.Name, dir)
	}
	if _, err := tools.Java(ctx); err != nil {
		return err
	}
	return nil
}
