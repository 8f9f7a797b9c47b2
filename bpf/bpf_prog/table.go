// SPDX-License-Identifier: Apache-2.0

package bpfprog

import (
	"bytes"
	"encoding/hex"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

type column = bpf.Column[row]

func number(name string, width int, unit, source, doc string, value func(r row) int64) column {
	return column{Name: name, Width: width, Unit: unit, Source: source, Doc: doc, Number: bpf.Always(value)}
}

// positive is a number that is missing where it is 0.
func positive(name, source, doc string, value func(r row) uint32) column {
	return column{Name: name, Source: source, Doc: doc, Number: func(r row) (int64, bool) {
		v := value(r)
		return int64(v), v != 0
	}}
}

var (
	columns = []column{
		number("ID", 6, "", "aux->id", "number of the program", func(r row) int64 { return int64(r.Id) }),
		{Name: "TYPE", Width: 16, Source: "type", Doc: "as bpftool names it", Text: func(dst []byte, r row) ([]byte, bool) {
			return Types.Append(dst, r.Type), true
		}},
		{Name: "NAME", Width: 16, Source: "aux->name", Doc: "name given at loading, the first 15 letters", Text: func(dst []byte, r row) ([]byte, bool) {
			return append(dst, bpf.Chars(r.Name[:])...), r.Name[0] != 0
		}},
		{Name: "TAG", Width: 16, Source: "tag", Doc: "hash of its instructions", Text: func(dst []byte, r row) ([]byte, bool) {
			return hex.AppendEncode(dst, r.Tag[:]), true
		}},
		number("UID", 5, "", "aux->user->uid", "user who loaded it", func(r row) int64 { return int64(r.Uid) }),
		number("LOADED_S", 10, "s after boot", "aux->load_time", "when it was loaded", func(r row) int64 { return int64(r.LoadTime / 1e9) }),
		number("JITED", 7, "bytes", "jited_len", "size of the machine code, with that of all its functions; 0 when it is interpreted", func(r row) int64 { return int64(r.Jited) }),
		number("XLATED", 7, "bytes", "len", "size of the BPF code after verification", func(r row) int64 { return int64(r.Insns) * 8 }),
		{Name: "MAPS", Width: 12, Source: "aux->used_maps", Doc: "numbers of the maps it uses, separated by commas", Text: appendMaps, JSON: appendMapsJSON},
		{Name: "ATTACH", Source: "aux->attach_func_name",
			Doc:  "what it was made for, where it names that: the kernel function or tracepoint of a tracing or lsm program, the target of an iterator, the function that an ext program replaces, the member of a struct_ops; the first 127 letters",
			Text: appendAttach},
	}
	progs = bpf.Table[row]{Source: source, Columns: columns}
	info  = bpf.Table[row]{Source: source, Columns: append(columns[:len(columns):len(columns)],
		column{Name: "ATTACH_TYPE", Source: "expected_attach_type", Doc: "attach type it was loaded for, as bpftool names it; of types that need none the first, cgroup_inet_ingress", Text: func(dst []byte, r row) ([]byte, bool) {
			return AttachTypes.Append(dst, r.AttachType), true
		}},
		positive("ATTACH_BTF_OBJ", "aux->attach_btf->id", "BTF object of what ATTACH names; - before Linux 5.11", func(r row) uint32 { return r.AttachBtfObj }),
		positive("ATTACH_BTF_ID", "aux->attach_btf_id", "type that ATTACH names there", func(r row) uint32 { return r.AttachBtfId }),
		positive("TARGET_PROG", "aux->dst_prog->aux->id", "program that ATTACH is a function of; - once it is attached", func(r row) uint32 { return r.TargetProg }),
		positive("BTF_ID", "aux->btf->id", "BTF object of its own types", func(r row) uint32 { return r.BtfId }),
		number("GPL", 0, "", "gpl_compatible", "1 when its license is compatible with the GPL", func(r row) int64 { return int64(r.Gpl) }),
		number("SLEEPABLE", 0, "", "sleepable", "1 when it may sleep", func(r row) int64 { return int64(r.Sleepable) }),
		number("FUNCS", 0, "", "aux->func_cnt", "functions it has, when more than one", func(r row) int64 { return max(int64(r.Subprogs), 1) }),
		positive("VERIFIED_INSNS", "aux->verified_insns", "instructions that the verifier walked through; - before Linux 5.16", func(r row) uint32 { return r.Verified }),
		number("REFS", 0, "", "aux->refcnt", "references of links, file descriptors and pins", func(r row) int64 { return r.Refs }),
		number("MEM_KB", 0, "KiB", "pages", "memory of the program, without its maps", func(r row) int64 { return int64(r.Pages) * int64(os.Getpagesize()/1024) }),
		counter("RUN_TIME_NS", "ns", "run_time_ns of struct bpf_prog_info", "time it has run while kernel.bpf_stats_enabled was on", func(s *stats) uint64 { return s.runTime }),
		counter("RUN_COUNT", "", "run_cnt of struct bpf_prog_info", "how often it has run, likewise", func(s *stats) uint64 { return s.runCount }),
		counter("RECURSION_MISSES", "", "recursion_misses of struct bpf_prog_info", "how often it was not run because it was running already; 0 before Linux 5.12", func(s *stats) uint64 { return s.misses }),
	)}
)

func appendMaps(dst []byte, r row) ([]byte, bool) {
	for i, id := range r.maps {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(dst, uint64(id), 10)
	}
	return dst, true
}

func appendMapsJSON(dst []byte, r row) []byte {
	dst, _ = appendMaps(append(dst, '['), r)
	return append(dst, ']')
}

// appendAttach names an iterator's target by the name that links have.
func appendAttach(dst []byte, r row) ([]byte, bool) {
	name := bpf.Chars(r.Attach[:])
	if r.AttachType == unix.BPF_TRACE_ITER {
		name = bytes.TrimPrefix(name, []byte("bpf_iter_"))
	}
	return append(dst, name...), len(name) > 0
}

// stats is struct bpf_prog_info up to what no iterator tells: the kernel sums it
// up from per-CPU counters.
type stats struct {
	_                         [192]byte
	runTime, runCount, misses uint64
}

// counter is a number that the program itself is asked for; one that has gone
// meanwhile has none.
func counter(name, unit, source, doc string, value func(*stats) uint64) column {
	return column{Name: name, Unit: unit, Source: source, Doc: doc, Number: func(r row) (int64, bool) {
		var s stats
		err := bpf.InfoByID(unix.BPF_PROG_GET_FD_BY_ID, r.Id, &s)
		return int64(value(&s)), err == nil
	}}
}
