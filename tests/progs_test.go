// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// newProgram loads a program that the test holds. It is nil where the machine is
// locked down against programs of its type, which virtual machines are not.
func newProgram(t testing.TB, spec *ebpf.ProgramSpec) *ebpf.Program {
	t.Helper()
	if spec.License == "" {
		spec.License = "GPL"
	}
	if spec.Instructions == nil {
		spec.Instructions = asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}
	}
	p, err := ebpf.NewProgram(spec)
	if errors.Is(err, unix.EPERM) && os.Getenv("ITERFS_VM") == "" {
		t.Logf("this machine forbids programs of type %v for %v", spec.Type, spec.AttachType)
		return nil
	}
	if err != nil {
		t.Fatalf("load %s: %v", spec.Name, err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func progID(t testing.TB, p *ebpf.Program) string {
	t.Helper()
	info, err := p.Info()
	if err != nil {
		t.Fatal(err)
	}
	id, _ := info.ID()
	return strconv.Itoa(int(id))
}

// somePrograms are some of different types: one with two maps, one of two
// functions, one that the GPL does not fit, and those that are made for a target.
func somePrograms(t testing.TB) {
	t.Helper()
	one := newMap(t, &ebpf.MapSpec{Name: "one", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	two := newMap(t, &ebpf.MapSpec{Name: "two", Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	newProgram(t, &ebpf.ProgramSpec{Name: "two_maps", Type: ebpf.SocketFilter, Instructions: asm.Instructions{
		asm.LoadMapPtr(asm.R1, one.FD()), asm.LoadMapPtr(asm.R1, two.FD()), asm.Mov.Imm(asm.R0, 0), asm.Return(),
	}})
	newProgram(t, &ebpf.ProgramSpec{Name: "two_funcs", Type: ebpf.SchedCLS, Instructions: asm.Instructions{
		asm.Call.Label("second"), asm.Mov.Imm(asm.R0, 0), asm.Return(),
		asm.Mov.Imm(asm.R0, 7).WithSymbol("second"), asm.Return(),
	}})
	newProgram(t, &ebpf.ProgramSpec{Name: "proprietary", Type: ebpf.XDP, License: "proprietary"})
	newProgram(t, &ebpf.ProgramSpec{Name: "ingress", Type: ebpf.CGroupSKB, AttachType: ebpf.AttachCGroupInetIngress})
	newProgram(t, &ebpf.ProgramSpec{Name: "visits_maps", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: "bpf_map"})
	newProgram(t, &ebpf.ProgramSpec{Name: "raw", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: "sched_switch"})
	newProgram(t, &ebpf.ProgramSpec{Name: "enters", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFEntry, AttachTo: "vfs_read"})
}

func TestProgramsAgreeWithBpftool(t *testing.T) {
	need.Tool(t, "bpftool", "bpftool")
	m := newMount(t)
	m.read(t, "progs/table")
	somePrograms(t)
	var progs []struct {
		ID         int    `json:"id"`
		Type       string `json:"type"`
		Name       string `json:"name"`
		Tag        string `json:"tag"`
		GPL        bool   `json:"gpl_compatible"`
		LoadedAt   int64  `json:"loaded_at"`
		UID        int    `json:"uid"`
		Xlated     int    `json:"bytes_xlated"`
		Jited      int    `json:"bytes_jited"`
		Memlock    int    `json:"bytes_memlock"`
		Maps       []int  `json:"map_ids"`
		BTF        int    `json:"btf_id"`
		RunTime    int    `json:"run_time_ns"`
		RunCount   int    `json:"run_cnt"`
		Recursions int    `json:"recursion_misses"`
	}
	bpftool(t, &progs, "prog")
	rows := map[string]map[string]string{}
	for _, row := range table(t, m.read(t, "progs/table")) {
		rows[row["ID"]] = row
	}
	held := map[string]bool{"two_maps": true, "two_funcs": true, "proprietary": true, "ingress": true, "visits_maps": true, "raw": true, "enters": true}
	found, compared := 0, 0
	for _, want := range progs {
		id := strconv.Itoa(want.ID)
		row := rows[id]
		if row == nil {
			if p, err := ebpf.NewProgramFromID(ebpf.ProgramID(want.ID)); err == nil {
				defer p.Close()
			} else if errors.Is(err, os.ErrNotExist) {
				continue // of bpftool or of another test, and gone by now
			}
			t.Errorf("program %d (%s) of bpftool is missing", want.ID, want.Name)
			continue
		}
		found++
		// bpftool finds longer names in the program's BTF; the kernel has 15 letters.
		want.Name = want.Name[:min(len(want.Name), 15)]
		maps := strings.Trim(strings.ReplaceAll(jsonText(t, want.Maps), "null", ""), "[]")
		for column, value := range map[string]string{
			"TYPE": want.Type, "NAME": orDash(want.Name), "TAG": want.Tag, "UID": strconv.Itoa(want.UID), "MAPS": orDash(maps),
			"JITED": strconv.Itoa(want.Jited), "XLATED": strconv.Itoa(want.Xlated),
		} {
			if row[column] != value {
				t.Errorf("program %d (%s): %s is %s, in bpftool %s", want.ID, want.Name, column, row[column], value)
			}
		}
		// bpftool adds when the machine was booted, as the clock has it now.
		loaded, err := strconv.ParseInt(row["LOADED_S"], 10, 64)
		if diff := bootTime(t) + loaded - want.LoadedAt; err != nil || diff < -2 || diff > 2 {
			t.Errorf("program %d (%s): loaded %s s after boot, in bpftool %d s later (%v)", want.ID, want.Name, row["LOADED_S"], -diff, err)
		}
		if !held[want.Name] {
			continue // it can go meanwhile
		}
		var info map[string]any
		if err := json.Unmarshal([]byte(m.read(t, "progs/"+id+"/info.json")), &info); err != nil {
			t.Fatal(err)
		}
		compared++
		for key, value := range map[string]float64{
			"gpl": map[bool]float64{true: 1}[want.GPL], "mem_kb": float64(want.Memlock / 1024), "run_time_ns": float64(want.RunTime),
			"run_count": float64(want.RunCount), "recursion_misses": float64(want.Recursions), "btf_id": float64(want.BTF),
		} {
			if got, _ := info[key].(float64); got != value {
				t.Errorf("program %d (%s): %s is %v, in bpftool %v", want.ID, want.Name, key, info[key], value)
			}
		}
	}
	if found < 6 || compared < 6 {
		t.Errorf("only %d programs of bpftool found, %d compared", found, compared)
	}
}

func TestProgramsTable(t *testing.T) {
	m := newMount(t)
	somePrograms(t)
	rows := map[string]map[string]string{}
	for _, row := range table(t, m.read(t, "progs/table")) {
		rows[row["NAME"]] = row
	}
	for name, want := range map[string]map[string]string{
		"two_maps":    {"TYPE": "socket_filter", "XLATED": "48", "ATTACH": "-"},
		"two_funcs":   {"TYPE": "sched_cls", "MAPS": "-"},
		"proprietary": {"TYPE": "xdp", "UID": "0", "XLATED": "16"},
		"visits_maps": {"TYPE": "tracing", "ATTACH": "bpf_map"},
		"raw":         {"TYPE": "tracing", "ATTACH": "sched_switch"},
		"enters":      {"TYPE": "tracing", "ATTACH": "vfs_read"},
	} {
		if rows[name] == nil && name == "enters" {
			continue // newProgram has said why
		}
		for column, value := range want {
			if got := rows[name][column]; got != value {
				t.Errorf("%s: %s is %q, not %s", name, column, got, value)
			}
		}
	}
	info := func(name string) (info map[string]any) {
		if err := json.Unmarshal([]byte(m.read(t, "progs/"+rows[name]["ID"]+"/info.json")), &info); err != nil {
			t.Fatal(err)
		}
		return info
	}
	if maps, ok := info("two_maps")["maps"].([]any); !ok || len(maps) != 2 {
		t.Errorf("two_maps has the maps %v", info("two_maps")["maps"])
	}
	for name, want := range map[string]map[string]any{
		"two_funcs":   {"funcs": 2., "gpl": 1., "refs": 1., "run_count": 0.},
		"proprietary": {"funcs": 1., "gpl": 0., "attach_btf_id": nil, "target_prog": nil},
		"ingress":     {"attach_type": "cgroup_inet_ingress", "sleepable": 0.},
		"visits_maps": {"attach_type": "trace_iter"},
	} {
		for key, value := range want {
			if got := info(name)[key]; got != value {
				t.Errorf("%s: %s is %v, not %v", name, key, got, value)
			}
		}
	}
}

// A program that has run while statistics were on tells how often.
func TestProgramStatistics(t *testing.T) {
	m := newMount(t)
	stats, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
	if err != nil {
		t.Fatal(err)
	}
	defer stats.Close()
	p := newProgram(t, &ebpf.ProgramSpec{Name: "counted", Type: ebpf.SocketFilter})
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	if err := unix.SetsockoptInt(pair[1], unix.SOL_SOCKET, unix.SO_ATTACH_BPF, p.FD()); err != nil {
		t.Fatal(err)
	}
	for range 17 {
		unix.Write(pair[0], []byte("x")) // the filter drops it
	}
	info := m.read(t, "progs/"+progID(t, p)+"/info")
	if !strings.Contains(info, "\nrun_count:\t17\n") || strings.Contains(info, "\nrun_time_ns:\t0\n") {
		t.Errorf("after 17 runs: %s", info)
	}
}

func TestProgramDirectories(t *testing.T) {
	m := newMount(t)
	p := newProgram(t, &ebpf.ProgramSpec{Name: "in_a_dir", Type: ebpf.SocketFilter})
	id := progID(t, p)
	if info := m.read(t, "progs/"+id+"/info"); !strings.HasPrefix(info, "id:\t"+id+"\ntype:\tsocket_filter\nname:\tin_a_dir\n") {
		t.Errorf("info is %q", info)
	}
	if names := list(t, m.path("progs")); !slices.Contains(names, id) {
		t.Errorf("%s is not listed in %q", id, names)
	}
	p.Close()
	gone := func() bool { return !slices.Contains(list(t, m.path("progs")), id) }
	eventually(t, gone, "a program that nobody holds is still listed")
}

// bootTime is when the machine was booted, in seconds, as the clock has it now.
func bootTime(t testing.TB) int64 {
	t.Helper()
	var now, boot unix.Timespec
	if err := errors.Join(unix.ClockGettime(unix.CLOCK_REALTIME, &now), unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot)); err != nil {
		t.Fatal(err)
	}
	return int64(math.Round(float64(now.Nano()-boot.Nano()) / 1e9))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func jsonText(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
