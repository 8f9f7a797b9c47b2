// SPDX-License-Identifier: Apache-2.0

package query

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// choices makes a query of bytes, each of which chooses a way on.
type choices []byte

func (c *choices) next(n int) int {
	if len(*c) == 0 || n == 0 {
		return 0
	}
	b := (*c)[0]
	*c = (*c)[1:]
	if n > 256 && len(*c) > 0 {
		b2 := (*c)[0]
		*c = (*c)[1:]
		return (int(b)<<8 | int(b2)) % n
	}
	return int(b) % n
}

// casts are tried on whatever the path has led to.
var casts = []string{"tcp_sock", "inet_sock", "sock", "unix_sock", "socket", "percpu", "hex", "ip", "oct", "dev", "bpf_htab", "socket_alloc", "mem_cgroup"}

// path walks through the kernel's types.
func (c *choices) path(ctx *bpfContext) string {
	if len(ctx.objects) == 0 {
		return "x"
	}
	o := ctx.objects[c.next(len(ctx.objects))]
	path, t := o.name, o.typ
	for depth := 1 + c.next(3); depth > 0 || c.next(8) > 0 && members(behind(t)) != nil; depth-- {
		under := behind(t)
		if a, ok := under.(*btf.Array); ok {
			path += fmt.Sprintf("[%d]", c.next(int(a.Nelems)+1))
			under = behind(a.Type)
		}
		if c.next(10) == 9 {
			cast := casts[c.next(len(casts))]
			path += ":" + cast
			continue
		}
		fields := flatten(under)
		if len(fields) == 0 {
			break
		}
		m := fields[c.next(len(fields))]
		path, t = path+"."+m.Name, m.Type
	}
	if c.next(12) == 11 {
		path += fmt.Sprintf("&%d", 1<<c.next(40))
	}
	return path
}

func (c *choices) query(k *Kernel) Text {
	t := Text{Target: Targets[c.next(len(Targets))].Name}
	_, ctx, err := k.target(t.Target)
	if err != nil {
		return t
	}
	list := func(n int, one func() string) string {
		var all []string
		for range n {
			all = append(all, one())
		}
		return strings.Join(all, ",")
	}
	t.Fields = list(1+c.next(4), func() string { return c.path(ctx) })
	t.Where = list(c.next(3), func() string {
		values := []string{"0", "1", "-", "-1", "a", "ab", "16", "x\\054y", "AF_INET", "0x10", "::1", "127.0.0.1", "ffff"}
		return c.path(ctx) + operators[c.next(len(operators))] + values[c.next(len(values))]
	})
	switch c.next(4) {
	case 1:
		t.Count = true
	case 2:
		t.Sum = c.path(ctx)
	}
	return t
}

// try has the kernel take a query, unless it is refused with a reason, and makes
// sure that nothing is left behind. It reports whether it was taken.
func try(t testing.TB, k *Kernel, text Text) bool {
	t.Helper()
	q, err := k.Compile(text)
	if err != nil {
		if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENAMETOOLONG) {
			t.Fatalf("%+v: %v", text, err)
		}
		return false
	}
	if os.Geteuid() != 0 {
		return true
	}
	before := openFDs(t)
	collection, err := load(q)
	if err != nil {
		t.Fatalf("%+v: %v", text, err)
	}
	if text.Target != "cgroup" { // which takes parameters
		if n := len(sweepAll(t, collection)); !q.collects() && n%q.layout.size != 0 {
			t.Errorf("%+v: %d bytes are not whole rows of %d", text, n, q.layout.size)
		}
	}
	collection.Close()
	if after := openFDs(t); after != before {
		t.Errorf("%+v: %d file descriptors before, %d after", text, before, after)
	}
	return true
}

// Whatever is asked is refused with a reason or taken by the verifier.
func FuzzQuery(f *testing.F) {
	for i := range 40 {
		f.Add([]byte(fmt.Sprintf("%c%03d some choices %d", i, i*7, i*i)))
	}
	k := newKernel(f)
	if err := rlimit.RemoveMemlock(); err != nil && os.Geteuid() == 0 {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := choices(data)
		try(t, k, c.query(k))
	})
}

func TestGeneratedQueries(t *testing.T) {
	need.Root(t)
	if err := rlimit.RemoveMemlock(); err != nil {
		t.Fatal(err)
	}
	k := newKernel(t)
	queries, taken := 1000, map[string]int{}
	if os.Getenv("ITERFS_VM") != "" {
		queries = 100
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range queries {
		c := make(choices, 100)
		for i := range c {
			c[i] = byte(rng.Uint32())
		}
		if text := c.query(k); try(t, k, text) {
			taken[text.Target]++
		}
	}
	total := 0
	for _, n := range taken {
		total += n
	}
	if total < queries/30 {
		t.Errorf("only %d of %d queries were taken", total, queries)
	}
	t.Logf("%d of %d queries were taken: %v", total, queries, taken)
}

func openFDs(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
