// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/iterfs/iterfs/tests/need"
)

func TestLinksTable(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "bpf_link", "links")
	made := someLinks(t)
	// A kernel that tells of perf events has names for their kinds.
	perf := kernelHas(t, "bpf_perf_event_type")
	found := 0
	for _, row := range table(t, m.read(t, "links/table")) {
		kind, ok := made[row["ID"]]
		if !ok {
			continue
		}
		found++
		if row["TYPE"] == "perf_event" && !perf {
			kind.target = "-"
		}
		if kind.name == "traced tracepoint" && row["TYPE"] == "tracing" {
			kind.target = "trace_raw_tp:" + kind.target // a link of its own kind until 5.13
		}
		if row["TARGET"] != kind.target {
			t.Errorf("%s: the target is %s, not %s", kind.name, row["TARGET"], kind.target)
		}
		var info map[string]any
		if err := json.Unmarshal([]byte(m.read(t, "links/"+row["ID"]+"/info.json")), &info); err != nil {
			t.Fatal(err)
		}
		if strconv.FormatFloat(info["prog_id"].(float64), 'f', -1, 64) != row["PROG_ID"] || info["type"] != row["TYPE"] || info["refs"] != 1. {
			t.Errorf("%s: info is %v, in the table %v", kind.name, info, row)
		}
	}
	if found != len(made) || found < 6 {
		t.Errorf("%d links of %d found", found, len(made))
	}
}

func TestLinksAgreeWithBpftool(t *testing.T) {
	need.Tool(t, "bpftool", "bpftool")
	m := newMount(t)
	needTarget(t, m, "bpf_link", "links")
	made := someLinks(t)
	var links []map[string]any
	bpftool(t, &links, "link")
	ours := map[string]string{
		"id": "id", "type": "type", "prog_id": "prog_id", "prog_type": "prog_type", "attach_type": "attach_type", "target_obj_id": "target_obj_id",
		"target_btf_id": "target_btf_id", "cgroup_id": "cgroup_id", "netns_ino": "netns", "ifindex": "ifindex", "map_id": "map_id",
	}
	found := 0
	for _, want := range links {
		id := strconv.FormatFloat(want["id"].(float64), 'f', -1, 64)
		kind, ok := made[id]
		if !ok {
			continue
		}
		found++
		var info map[string]any
		if err := json.Unmarshal([]byte(m.read(t, "links/"+id+"/info.json")), &info); err != nil {
			t.Fatal(err)
		}
		for key, value := range want {
			switch column, known := ours[key]; {
			case known && kind.kernel == "bpf_xdp_link" && key == "type", // newer than the tool, which numbers it
				key == "devname", key == "pids":
			case key == "tp_name", key == "target_name":
				if target, _, _ := strings.Cut(info["target"].(string), ","); target != value {
					t.Errorf("%s: target is %v, in bpftool %v", kind.name, info["target"], value)
				}
			case known && info[column] != value && !unnamed(value):
				t.Errorf("%s: %s is %v, in bpftool %v", kind.name, column, info[column], value)
			case !known:
				t.Errorf("%s: what bpftool has as %s: %v is not compared", kind.name, key, value)
			}
		}
	}
	if found != len(made) {
		t.Errorf("%d links of %d in bpftool", found, len(made))
	}
}

// unnamed tells a type or attach type that is newer than the tool.
func unnamed(v any) bool { _, is := v.(float64); return is }

func TestLinkDirectories(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "bpf_link", "links")
	p := newProgram(t, &ebpf.ProgramSpec{Name: "in_a_dir", Type: ebpf.RawTracepoint})
	held, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: "sched_process_fork", Program: p})
	if err != nil {
		t.Fatal(err)
	}
	info, err := held.Info()
	if err != nil {
		t.Fatal(err)
	}
	id := strconv.Itoa(int(info.ID))
	if text := m.read(t, "links/"+id+"/info"); !strings.HasPrefix(text, "id:\t"+id+"\ntype:\traw_tracepoint\nprog_id:\t"+progID(t, p)+"\ntarget:\tsched_process_fork\n") {
		t.Errorf("info is %q", text)
	}
	held.Close()
	gone := func() bool { return !slices.Contains(list(t, m.path("links")), id) }
	eventually(t, gone, "a link that nobody holds is still listed")
}
