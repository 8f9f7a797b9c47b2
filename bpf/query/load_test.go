// SPDX-License-Identifier: Apache-2.0

package query

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/tests/need"
)

// load has the kernel verify a query's program.
func load(q *Query) (*ebpf.Collection, error) {
	spec, err := q.object()
	if err != nil {
		return nil, err
	}
	return ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Cache: cache})
}

// sweepAll runs a query over all objects and returns what it writes.
func sweepAll(t testing.TB, c *ebpf.Collection) (written []byte) {
	t.Helper()
	it, err := link.AttachIter(link.IterOptions{Program: c.Programs[programName]})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	r, err := it.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for batch := make([]byte, 32<<10); ; {
		n, err := r.Read(batch)
		written = append(written, batch[:n]...)
		if errors.Is(err, io.EOF) {
			return written
		}
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			t.Fatal(err)
		}
	}
}

// listedPaths are those of a target's fields file.
func listedPaths(t testing.TB, k *Kernel, target string) (paths []string) {
	t.Helper()
	list, err := k.AppendFields(nil, target, bpf.Text)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(list)), "\n")[1:] {
		paths = append(paths, strings.Fields(line)[0])
	}
	return paths
}

// perLoad is how many fields are tried in one program. In a virtual machine, where
// all is slow, not every field is tried.
const perLoad = 25

// Every path that a target lists is either shown, and then the verifier takes its
// program, or is a struct, union or array and refused with the way on.
func TestEveryListedField(t *testing.T) {
	need.Root(t)
	k := newKernel(t)
	if err := rlimit.RemoveMemlock(); err != nil {
		t.Fatal(err)
	}
	step := 1
	if os.Getenv("ITERFS_VM") != "" {
		step = 20
	}
	for _, target := range Targets {
		t.Run(target.Name, func(t *testing.T) {
			if _, _, err := k.target(target.Name); err != nil {
				t.Skip(err)
			}
			paths, tried := listedPaths(t, k, target.Name), 0
			var batch []string
			for i := 0; i < len(paths); i += step {
				_, err := k.resolve(Text{Target: target.Name, Fields: paths[i]})
				if err == nil {
					batch = append(batch, paths[i])
				} else if !strings.Contains(err.Error(), "; name one of its fields, as in "+paths[i]) &&
					!strings.Contains(err.Error(), ": name one of its elements, as in "+paths[i]) &&
					!strings.Contains(err.Error(), "which has no value of its own") {
					t.Errorf("%s is listed, and refused: %v", paths[i], err)
				}
				if len(batch) == perLoad || i+step >= len(paths) {
					tried += tryFields(t, k, target, batch)
					batch = nil
				}
			}
			if tried < 10/step+1 {
				t.Errorf("only %d of %d paths are shown", tried, len(paths))
			}
			t.Logf("%d of %d paths are shown", tried, len(paths))
		})
	}
}

func tryFields(t *testing.T, k *Kernel, target Target, paths []string) int {
	q, err := k.resolve(Text{Target: target.Name, Fields: strings.Join(paths, ",")})
	if err == nil {
		err = q.finish()
	}
	if err != nil && len(paths) > 1 { // too much for one name, or for one key
		half := len(paths) / 2
		return tryFields(t, k, target, paths[:half]) + tryFields(t, k, target, paths[half:])
	}
	if len(paths) == 0 {
		return 0
	}
	if err != nil {
		t.Errorf("%v: %v", paths, err)
		return 0
	}
	c, err := load(q)
	if err != nil {
		t.Errorf("%v: %+v", paths, err)
		return 0
	}
	defer c.Close()
	if target.bounded == nil {
		if n := len(sweepAll(t, c)); n%q.layout.size != 0 {
			t.Errorf("%v: %d bytes are not whole rows of %d", paths, n, q.layout.size)
		}
	}
	return len(paths)
}

// The largest programs that are not refused are not refused by the verifier either.
func TestLargestPrograms(t *testing.T) {
	need.Root(t)
	k := newKernel(t)
	var conditions, casts []string
	for i := range 6 {
		conditions = append(conditions, "fs.pwd.dentry.d_name.name~"+strings.Repeat("a", 130)+string(rune('a'+i)))
	}
	for i := range 10 {
		mask := "&" + strconv.Itoa(i+1)
		casts = append(casts, "skc_state"+mask, "sk_common:tcp_sock.snd_cwnd"+mask, "sk_common:inet_sock.inet_id"+mask)
	}
	for _, text := range []Text{
		{Target: "task", Fields: "pid", Where: strings.Join(conditions, ",")},
		{Target: "tcp", Fields: strings.Join(casts, ",")},
	} {
		q := compile(t, k, text)
		start := time.Now()
		c, err := load(q)
		if err != nil {
			t.Errorf("%.100v: %v", text, err)
			continue
		}
		t.Logf("%d instructions loaded in %v", len(q.assemble()), time.Since(start))
		c.Close()
	}
	// A machine of many CPUs.
	q, err := k.resolve(Text{Target: "task", Fields: "mm.rss_stat[0],mm.rss_stat[1]"})
	if err != nil {
		t.Skip(err)
	}
	for range 4096 {
		q.cpus = append(q.cpus, q.cpus[0])
	}
	if err := q.finish(); err != nil {
		t.Fatal(err)
	}
	c, err := load(q)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	for range 4096 {
		q.cpus = append(q.cpus, q.cpus[0])
	}
	if err := q.finish(); !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "instructions") {
		t.Errorf("a program of more instructions than the limit: %v", err)
	}
}
