// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"os"
	"strconv"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/iterfs/iterfs/tests/zoo"
)

// idleProgram is an iterator's program that does nothing.
func idleProgram(t testing.TB, target string) *ebpf.Program {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: target, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// doNothing returns a function that visits all objects of a target with it.
func doNothing(b *testing.B, target string) func() {
	p := idleProgram(b, target)
	return func() { iterate(b, p, func([]byte) {}) }
}

// BenchmarkSelect asks for fields of 10,000 processes, each question in turn with
// a program that does nothing, and with the real /proc.
func BenchmarkSelect(b *testing.B) {
	m := newMount(b)
	zoo.Herd(b, 10_000)
	buf := make([]byte, 128<<10)
	nothing := doNothing(b, "task")
	for name, path := range map[string]string{
		"two fields":  "select/task/tgid,comm",
		"five fields": "select/task/tgid,comm,mm.total_vm,signal.nr_threads,nsproxy.net_ns.ns.inum",
		"where":       "select/task/where/tgid=" + strconv.Itoa(os.Getpid()) + "/tgid,comm",
		"count":       "select/task/count/comm",
	} {
		b.Run(name, func(b *testing.B) {
			m.read(b, path)
			rounds(b, m, []string{"select", "nothing"}, func() { readThrough(b, m.path(path), buf) }, nothing)
		})
	}
	b.Run("native", func(b *testing.B) {
		rounds(b, m, []string{"select", "native"},
			func() { readThrough(b, m.path("select/task/tgid,comm"), buf) },
			func() { readEach(b, "stat", buf) })
	})
}

// BenchmarkSelectFiles counts a million open files by their type, and looks for
// the few whose name holds a text.
func BenchmarkSelectFiles(b *testing.B) {
	m := newMount(b)
	herdWithFiles(b, 1000, 1000)
	buf := make([]byte, 128<<10)
	nothing := doNothing(b, "task_file")
	for name, path := range map[string]string{
		"count": "select/task_file/count/f_inode.i_mode&0170000:oct",
		"where": "select/task_file/where/f_path.dentry.d_name.name~no-such-name/task.tgid,fd",
	} {
		b.Run(name, func(b *testing.B) {
			m.read(b, path)
			rounds(b, m, []string{"select", "nothing"}, func() { readThrough(b, m.path(path), buf) }, nothing)
		})
	}
}
