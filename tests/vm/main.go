// SPDX-License-Identifier: Apache-2.0

// Command vm runs Go test packages inside virtual machines under other kernels.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/vm/protocol"
)

const help = `Runs Go test packages inside QEMU virtual machines, one for each kernel.

    go run ./tests/vm [flags] [packages]
    go run ./tests/vm -kernels 5.10,6.1,6.12,newest ./bpf/... ./loader ./tests

The packages are as for go test; without any, ./... is run. The tests are built
without cgo and run as root in a small root of busybox: no Go, no sources but each
package's testdata/. They find iterfs in $ITERFS_BIN and the kernel's release in
$ITERFS_VM. Kernels are Debian's cloud kernels, fetched with apt once, never
installed. Neither root nor KVM is needed. Everything is 20 to 50 times slower.

Debian packages needed: qemu-system-x86 busybox-static xz-utils
Exit status: 0 all passed, 1 a failure, 2 a mistake in the arguments.

Flags:
`

// atOnce is how many machines run at a time. Each takes one CPU, mostly.
const atOnce = 2

type options struct {
	kernels  []choice
	packages []string
	cache    string
	update   bool
	run      string
	matrix   string
	timeout  time.Duration
	memory   int
	verbose  bool
}

func main() {
	o, err := parseOptions(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	passed, err := runMatrix(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
	}
	if err != nil || !passed {
		os.Exit(1)
	}
}

func parseOptions(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("vm", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), help)
		flags.PrintDefaults()
	}
	kernels := flags.String("kernels", "all", "`names` separated by commas: 5.10, 6.1, 6.12, newest, all, or releases in Debian's trixie-backports")
	flags.StringVar(&o.cache, "cache", "", "`folder` for kernels (default: iterfs-vm in the user's cache folder)")
	flags.BoolVar(&o.update, "update", false, "look for newer kernels of these names than those in the cache")
	flags.StringVar(&o.run, "run", "", "run only tests that match this `regexp`, as go test -run does")
	flags.StringVar(&o.matrix, "matrix", "", "write the table of targets and kernels to this `file`")
	flags.DurationVar(&o.timeout, "timeout", 5*time.Minute, "limit for each machine")
	flags.IntVar(&o.memory, "mem", 1024, "memory of each machine in `MiB`")
	flags.BoolVar(&o.verbose, "v", false, "print all output of the tests, not only of failed ones")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.packages = flags.Args()
	if len(o.packages) == 0 {
		o.packages = []string{"./..."}
	}
	if o.kernels, err = parseKernels(*kernels); err == nil && o.cache == "" {
		var dir string
		dir, err = os.UserCacheDir()
		o.cache = filepath.Join(dir, "iterfs-vm")
	}
	if err == nil {
		o.cache, err = filepath.Abs(o.cache)
	}
	if err == nil && (o.timeout <= 0 || o.memory < 256) {
		err = errors.New("-timeout must be more than 0, -mem at least 256")
	}
	if err != nil {
		fmt.Fprintln(stderr, "vm:", err)
	}
	return o, err
}

// runMatrix prints failures as they come and the table at the end.
func runMatrix(ctx context.Context, o options, stdout io.Writer) (passed bool, err error) {
	if err := checkTools(); err != nil {
		return false, err
	}
	root, err := buildRoot(ctx, o.packages, protocol.Config{Args: testArgs(o.run), Limit: guestLimit(o.timeout)})
	if err != nil {
		return false, err
	}
	results := make([]*result, len(o.kernels))
	var (
		machines sync.WaitGroup
		places   = make(chan struct{}, atOnce)
		printing sync.Mutex
	)
	for i, c := range o.kernels {
		r := &result{name: c.name}
		results[i] = r
		k, err := getKernel(ctx, o.cache, c, o.update)
		switch {
		case ctx.Err() != nil:
			machines.Wait()
			return false, errors.New("interrupted")
		case err != nil && c.optional:
			r.leftOut = err.Error()
			progress("kernel %s: SKIPPED, NOTHING WAS TESTED ON IT: %v", c.name, err)
			continue
		case err != nil:
			r.err = err
			progress("kernel %s: %v", c.name, err)
			continue
		}
		places <- struct{}{} // in order: the older kernels take longest
		machines.Go(func() {
			defer func() { <-places }()
			text := runKernel(ctx, o, k, root, r)
			printing.Lock()
			defer printing.Unlock()
			io.WriteString(stdout, text)
		})
	}
	machines.Wait()
	if ctx.Err() != nil {
		return false, errors.New("interrupted")
	}
	tested := func(r *result) bool { return r.leftOut == "" }
	if !slices.ContainsFunc(results, tested) {
		err = errors.New("no kernel was tested")
	}
	failed := func(r *result) bool { return !r.ok() }
	if o.matrix != "" {
		err = errors.Join(err, writeMatrix(o.matrix, results))
	}
	return !slices.ContainsFunc(results, failed), errors.Join(err, printTable(stdout, results))
}

// runKernel fills in the result of one kernel and returns what to print.
func runKernel(ctx context.Context, o options, k *kernel, root []byte, r *result) string {
	r.release = k.release
	modules, err := moduleArchive(k)
	if err != nil {
		r.err = err
		return ""
	}
	m := machine{kernel: k, root: slices.Concat(root, modules), memory: o.memory, timeout: o.timeout,
		say: func(format string, args ...any) { progress("kernel "+r.name+": "+format, args...) }}
	m.say("booting %s", k.release)
	begin := time.Now()
	s, err := m.run(ctx)
	r.took = time.Since(begin)
	if ctx.Err() != nil {
		return ""
	}
	r.err = err
	text := r.report(ctx, s, o.verbose)
	if r.err == nil && r.counts == (counts{}) {
		r.err = errors.New("no test was run")
	}
	if r.err != nil {
		text += fmt.Sprintf("=== kernel %s (%s): %v\n", r.name, r.release, r.err)
	}
	return text
}

var started = time.Now()

// progress tells of a step, with the time since the start.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1fs  %s\n", time.Since(started).Seconds(), fmt.Sprintf(format, args...))
}
