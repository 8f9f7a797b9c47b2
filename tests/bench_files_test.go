// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	taskfile "github.com/iterfs/iterfs/bpf/task_file"
	"github.com/iterfs/iterfs/tests/zoo"
)

// herdWithFiles makes processes that have each as many files open.
func herdWithFiles(t testing.TB, processes, files int) {
	t.Helper()
	dir := t.TempDir()
	open := make([]*os.File, files)
	for i := range open {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("data-%04d.log", i)))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		open[i] = f
	}
	zoo.Herd(t, processes, open...)
}

// BenchmarkFiles tells of every open file: in one read of the whole, by the links
// of /proc, and from the iterator with the same program and rendering.
func BenchmarkFiles(b *testing.B) {
	m := newMount(b)
	herdWithFiles(b, 1000, 1000)
	m.read(b, "tasks/files")
	buf := make([]byte, 128<<10)
	rounds(b, []string{"iterfs", "native", "bare"},
		func() { readThrough(b, m.path("tasks/files"), buf) },
		func() { readLinks(b, buf) },
		bareIterator(b, &taskfile.Target, "file_records", "tasks/files"))
}

// readLinks is the loop that lsof has, at its best: no allocation but names.
func readLinks(b *testing.B, buf []byte) {
	for _, pid := range list(b, "/proc") {
		if strings.Trim(pid, "0123456789") != "" {
			continue
		}
		dir, err := os.Open("/proc/" + pid + "/fd")
		if err != nil {
			continue
		}
		names, _ := dir.Readdirnames(-1)
		dir.Close()
		for _, fd := range names {
			unix.Readlink("/proc/"+pid+"/fd/"+fd, buf)
		}
	}
}
