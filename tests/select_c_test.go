// SPDX-License-Identifier: Apache-2.0

package tests

import (
	enc "encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// oracle is an iterator as one writes it in C, of the running kernel's vmlinux.h.
var oracle = template.Must(template.New("").Parse(`#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
char _license[] SEC("license") = "GPL";
{{range $n, $fields := .Programs}}
SEC("iter/{{$.Target}}") int p{{$n}}(struct bpf_iter__{{$.Target}} *ctx)
{
	struct { u64 key, v; s64 failed; } r;
	typeof(ctx->{{$.Object}}) q0 = ctx->{{$.Object}};
	if (!q0)
		return 0;
	{{with $.Only}}if (!({{.}}))
		return 0;
	{{end}}u64 key = {{$.Key}};
{{range $fields}}	{
		__builtin_memset(&r, 0, sizeof(r));
		r.key = key;
{{.}}		bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	}
{{end}}	return 0;
}
{{end}}`))

// code reads the number into r.v as C has it, over all pointers on the way.
func (g generated) code() string {
	var b strings.Builder
	for i, part := range g.Parts {
		from := fmt.Sprintf("q%d->%s", i, part)
		switch {
		case i < len(g.Parts)-1:
			fmt.Fprintf(&b, "\t\tu64 w%d = 0; r.failed |= bpf_probe_read_kernel(&w%[1]d, 8, &%s);\n\t\ttypeof(%[2]s) q%d = (void *)w%[1]d;\n", i, from, i+1)
		case g.Bits:
			fmt.Fprintf(&b, "\t\tu64 w = 0; r.failed |= bpf_probe_read_kernel(&w, 1, q%d);\n\t\tr.v = BPF_CORE_READ_BITFIELD_PROBED(q%[1]d, %s);\n", i, part)
		default:
			fmt.Fprintf(&b, "\t\tu64 w = 0; r.failed |= bpf_probe_read_kernel(&w, sizeof(%s), &%[1]s);\n\t\tr.v = *(typeof(%[1]s) *)&w;\n", from)
		}
	}
	return b.String()
}

func (o *oracleTarget) compile(t *testing.T, clang, dir string) *ebpf.Collection {
	t.Helper()
	var programs [][]string
	for i, p := range o.paths {
		if i%perProgram == 0 {
			programs = append(programs, nil)
		}
		programs[len(programs)-1] = append(programs[len(programs)-1], p.code())
	}
	var code strings.Builder
	if err := oracle.Execute(&code, map[string]any{"Target": o.name, "Object": o.object, "Key": o.key, "Only": o.only, "Programs": programs}); err != nil {
		t.Fatal(err)
	}
	source, compiled := filepath.Join(dir, o.name+".bpf.c"), filepath.Join(dir, o.name+".bpf.o")
	if err := os.WriteFile(source, []byte(code.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(clang, "-O2", "-g", "-fno-strict-aliasing", "-target", "bpf", "-D__TARGET_ARCH_x86", "-Wno-everything", "-I"+dir, "-c", source, "-o", compiled).CombinedOutput(); err != nil {
		t.Fatalf("%v: %.2000s", err, out)
	}
	c, err := ebpf.LoadCollection(compiled)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// oracleValue is the record of the oracle.
type oracleValue struct {
	V      uint64
	Failed int64
}

// runOracle reads all programs: by object, the values of all paths.
func runOracle(t *testing.T, c *ebpf.Collection) map[uint64][]oracleValue {
	t.Helper()
	values := map[uint64][]oracleValue{}
	for n := range len(c.Programs) {
		it, err := link.AttachIter(link.IterOptions{Program: c.Programs["p"+strconv.Itoa(n)]})
		if err != nil {
			t.Fatal(err)
		}
		r, err := it.Open()
		if err != nil {
			t.Fatal(err)
		}
		for {
			var record struct {
				Key uint64
				oracleValue
			}
			err := enc.Read(r, enc.NativeEndian, &record)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			values[record.Key] = append(values[record.Key], record.oracleValue)
		}
		r.Close()
		it.Close()
	}
	return values
}
