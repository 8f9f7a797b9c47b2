// SPDX-License-Identifier: Apache-2.0

package query

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// cache has the running kernel's types for all tests.
var cache = btf.NewCache()

func newKernel(t testing.TB) *Kernel {
	t.Helper()
	types, err := cache.Kernel()
	if err != nil {
		t.Skipf("needs the kernel's BTF: %v", err)
	}
	return NewKernel(types)
}

func compile(t testing.TB, k *Kernel, text Text) *Query {
	t.Helper()
	q, err := k.Compile(text)
	if err != nil {
		t.Fatalf("%+v: %v", text, err)
	}
	return q
}

func TestFields(t *testing.T) {
	k := newKernel(t)
	for path, want := range map[string]field{
		"pid":                           {kind: number, size: 4, signed: true},
		"task.pid":                      {kind: number, size: 4, signed: true},
		"flags":                         {kind: number, size: 4},
		"flags&0x200000":                {kind: number, size: 4, mask: 0x200000},
		"comm":                          {kind: text, size: 17},
		"mm":                            {kind: pointer, size: 8},
		"task":                          {kind: pointer, size: 8, whole: true},
		"mm.total_vm":                   {kind: number, size: 8},
		"cred.uid":                      {kind: number, size: 4},
		"cred.uid.val":                  {kind: number, size: 4},
		"signal.live":                   {kind: number, size: 4, signed: true},
		"mm.mm_users":                   {kind: number, size: 4, signed: true},
		"signal.rlim[7].rlim_cur":       {kind: number, size: 8},
		"signal.pids[PIDTYPE_PGID]":     {kind: pointer, size: 8},
		"thread_pid.numbers[0].nr":      {kind: number, size: 4, signed: true},
		"files.fdt.fd[1].f_flags":       {kind: number, size: 4},
		"fs.pwd.dentry.d_name.name":     {kind: text, size: maxText + 1},
		"sched_reset_on_fork":           {kind: number, size: 1, bits: 1},
		"nsproxy.uts_ns.name.nodename":  {kind: text, size: 66},
		"real_parent.real_parent.tgid":  {kind: number, size: 4, signed: true},
		"signal.rlim[7].rlim_cur:hex":   {kind: number, size: 8},
		"mm.exe_file.f_inode.i_sb.s_id": {kind: text, size: 33},
	} {
		q, err := k.resolve(Text{Target: "task", Fields: path})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		f := q.fields[0]
		got := field{kind: f.kind, size: f.size, signed: f.signed, mask: f.mask, whole: f.whole, bits: f.bits}
		if fmt.Sprint(got) != fmt.Sprint(want) || f.slot%8 != 0 || f.slot < int(f.size) || f.name != path {
			t.Errorf("%s is %+v in a slot of %d, want %+v", path, got, f.slot, want)
		}
	}
}

// Paths have hops of their own, even where they begin alike.
func TestHops(t *testing.T) {
	k := newKernel(t)
	q, err := k.resolve(Text{Target: "task", Fields: "real_parent.real_parent.tgid,real_parent.mm.total_vm,real_parent.tgid"})
	if err != nil {
		t.Fatal(err)
	}
	for i, hops := range []int{2, 2, 1} {
		if got := len(q.fields[i].hops); got != hops {
			t.Errorf("%s has %d hops, not %d", q.fields[i].name, got, hops)
		}
	}
}

func TestRefusals(t *testing.T) {
	k := newKernel(t)
	for _, test := range []struct {
		text   Text
		reason string
	}{
		{Text{Target: "tasks", Fields: "pid"}, "no iterator target tasks"},
		{Text{Target: "../task", Fields: "pid"}, "no iterator target ../task"},
		{Text{Fields: "total_vn"}, "no field total_vn in struct task_struct; did you mean mm.total_vm"},
		{Text{Fields: "mm.total_vn"}, "no field total_vn in struct mm_struct; did you mean mm.total_vm?"},
		{Text{Fields: "com"}, "did you mean comm"},
		{Text{Fields: "mm.owner.nothing_like_it"}, "no field nothing_like_it in struct task_struct"},
		{Text{Fields: "pid.x"}, "pid is pid_t, which has no field x"},
		{Text{Fields: "signal.rlim"}, "name one of its elements, as in signal.rlim[0]"},
		{Text{Fields: "signal.rlim[16]"}, "signal.rlim is an array of 16: it has no [16]"},
		{Text{Fields: "signal.rlim[NO_SUCH]"}, "no enumerator NO_SUCH"},
		{Text{Fields: "se"}, "name one of its fields, as in se."},
		{Text{Fields: "pid[0]"}, "pid is pid_t, and no array"},
		{Text{Fields: "pid:nothing"}, "nothing is neither"},
		{Text{Fields: "mm&1"}, "of which no bits can be taken"},
		{Text{Fields: "flags&x"}, "x is not a number"},
		{Text{Fields: "flags&1.x"}, "nothing can follow it"},
		{Text{Fields: "mm:tcp_sock"}, "struct tcp_sock does not contain a struct mm_struct"},
		{Text{Fields: "mm:no_such_struct"}, "no struct no_such_struct"},
		{Text{Fields: "task:percpu"}, "no per-CPU pointer"},
		{Text{Fields: strings.Repeat("real_parent.", 17) + "pid"}, "follows 17 pointers, and 16 is the limit"},
		{Text{Fields: "pid,pid"}, "pid is asked for twice"},
		{Text{Fields: "pid", Where: "pid"}, "has none of = !="},
		{Text{Fields: "pid", Where: "pid=x"}, `"x" is not a value of pid`},
		{Text{Fields: "pid", Where: "pid="}, `"" is not a value of pid`},
		{Text{Fields: "pid", Where: "pid=3000000000"}, "out of range"},
		{Text{Fields: "pid", Where: "flags=-1"}, "out of range"},
		{Text{Fields: "pid", Where: "sched_reset_on_fork=2"}, "out of range"},
		{Text{Fields: "pid", Where: "pid~1"}, "only a text contains"},
		{Text{Fields: "pid", Where: "comm<x"}, "only numbers are less"},
		{Text{Fields: "pid", Where: "comm~"}, "every text contains"},
		{Text{Fields: "pid", Where: "comm=12345678901234567"}, "comm has at most 16 bytes"},
		{Text{Fields: "pid", Where: "mm=1"}, "a pointer is only compared with 0"},
		{Text{Fields: "pid", Where: "mm>-"}, "a missing value is only = or !="},
		{Text{Fields: "pid", Where: "cred.uid=no such user"}, "unknown user"},
		{Text{Fields: "pid", Where: "se=1"}, "name one of its fields"},
		{Text{Fields: "pid", Where: "task:wchan=do_wait"}, "a function cannot be compared"},
		{Text{Fields: "real_parent:wchan"}, "only the task that is visited"},
		{Text{Fields: "pid", Sum: "comm"}, "only numbers are added up"},
		{Text{Fields: "count", Count: true}, "a column of its own"},
		{Text{Fields: "fs.pwd.dentry.d_name.name,fs.root.dentry.d_name.name", Count: true}, "is the limit"},
	} {
		if test.text.Target == "" {
			test.text.Target = "task"
		}
		_, err := k.Compile(test.text)
		if !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), test.reason) {
			t.Errorf("%+v: %v, want %q", test.text, err, test.reason)
		}
	}
	long := strings.Repeat("x", maxName+1)
	for _, text := range []Text{{Fields: long}, {Fields: "pid", Where: long}, {Fields: "pid", Sum: long}} {
		text.Target = "task"
		if _, err := k.Compile(text); !errors.Is(err, unix.ENAMETOOLONG) {
			t.Errorf("a name of %d bytes: %v", len(long), err)
		}
	}
}

// Few queries are kept, and one that is asked again is the same.
func TestQueriesAreKept(t *testing.T) {
	k := newKernel(t)
	first := compile(t, k, Text{Target: "task", Fields: "pid"})
	for i := range 2 * maxQueries {
		compile(t, k, Text{Target: "task", Fields: "pid", Where: fmt.Sprintf("pid=%d", i)})
		if compile(t, k, Text{Target: "task", Fields: "pid"}) != first {
			t.Fatalf("made anew after %d others", i)
		}
	}
	if len(k.latest) != maxQueries {
		t.Errorf("%d queries are kept, not %d", len(k.latest), maxQueries)
	}
	again := compile(t, k, Text{Target: "task", Fields: "pid", Where: "pid=0"})
	for i := range maxQueries {
		compile(t, k, Text{Target: "task", Fields: "pid", Where: fmt.Sprintf("pid=%d", 1000+i)})
	}
	if compile(t, k, Text{Target: "task", Fields: "pid", Where: "pid=0"}) == again {
		t.Error("a query that was not asked for long is still kept")
	}
	var same sync.WaitGroup
	for range 8 {
		same.Go(func() {
			for i := range 100 {
				k.Compile(Text{Target: "task", Fields: "pid,tgid", Where: fmt.Sprintf("pid=%d", i%70)})
			}
		})
	}
	same.Wait()
}

// A query that names a user is made anew when the user has another number.
func TestSameQuestion(t *testing.T) {
	a, b := &Query{tests: []test{{number: 1}}}, &Query{tests: []test{{number: 2}}}
	if a.same(b) || !a.same(a) {
		t.Error("queries with other numbers are the same")
	}
}

func TestLayout(t *testing.T) {
	of := func(slots ...int) (fields []*field) {
		for _, s := range slots {
			fields = append(fields, &field{slot: s})
		}
		return fields
	}
	l, err := newLayout(of(8, 24, 264, 264, 8), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.parts) != 2 || l.size != 8+8+24+264+8+264+8 {
		t.Errorf("%d parts and %d bytes", len(l.parts), l.size)
	}
	seen := map[int]bool{}
	for _, c := range l.columns() {
		for i := c.at; i < c.at+c.slot; i++ {
			if seen[i] || i >= l.size {
				t.Fatalf("byte %d is used twice, or too far", i)
			}
			seen[i] = true
		}
		if seen[c.status] || c.at%8 != 0 {
			t.Errorf("status at %d, value at %d", c.status, c.at)
		}
		seen[c.status] = true
	}
	if _, err := newLayout(of(264, 264), 0, true); err == nil {
		t.Error("a key in two parts")
	}
	if _, err := newLayout(slicesRepeat(264, 125), 0, false); err == nil {
		t.Error("a row that is larger than the kernel's buffer")
	}
}

func slicesRepeat(slot, n int) (fields []*field) {
	for range n {
		fields = append(fields, &field{slot: slot})
	}
	return fields
}

// Rows are rendered where they lie.
func TestRenderingDoesNotAllocate(t *testing.T) {
	k := newKernel(t)
	q := compile(t, k, Text{Target: "task", Fields: "pid,comm,mm,flags:hex,policy,cred.uid,sched_reset_on_fork"})
	batch := make([]byte, 10*q.layout.size)
	for i := 0; i < len(batch); i += q.layout.size {
		for _, c := range q.layout.columns() {
			batch[i+c.at] = 'x'
		}
	}
	dst := make([]byte, 0, 64<<10)
	for name, f := range map[string]bpf.Format{"text": q.table(shown{addresses: true}).Text(), "JSON": q.table(shown{}).JSON()} {
		if n := testing.AllocsPerRun(100, func() { f.Append(dst, batch, nil) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// Every iterator of the kernel whose objects have fields can be asked.
func TestNoTargetIsForgotten(t *testing.T) {
	newKernel(t)
	types, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	needMap := []string{"bpf_map_elem", "sockmap", "bpf_sk_storage_map"}
	found := 0
	for typ, err := range types.All() {
		if err != nil {
			t.Fatal(err)
		}
		name, context := strings.CutPrefix(typ.TypeName(), "bpf_iter__")
		if s, ok := typ.(*btf.Struct); !ok || !context || strings.Contains(name, "__") || len(s.Members) < 2 {
			continue
		}
		found++
		if !slices.ContainsFunc(Targets, func(t Target) bool { return t.Name == name }) && !slices.Contains(needMap, name) {
			t.Errorf("%s is missing among the targets", name)
		}
	}
	if found < 10 {
		t.Errorf("only %d targets", found)
	}
}
