// SPDX-License-Identifier: Apache-2.0

package task

import (
	"os"
	"strings"
	"testing"
	"unsafe"
)

// asEntry makes an entry of a record and what is behind it.
func asEntry[T any](t testing.TB, rec *T, items ...[]byte) entry[T] {
	t.Helper()
	h := (*head)(unsafe.Pointer(rec))
	h.item = taskItem{Kind: itemRecord, Size: uint32(unsafe.Sizeof(*rec))}
	batch := append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(rec)), unsafe.Sizeof(*rec))...)
	for _, i := range items {
		batch = append(batch, i...)
	}
	e, n, err := decode[T](batch)
	if err != nil || n != len(batch) {
		t.Fatalf("%d of %d bytes, %v", n, len(batch), err)
	}
	return e
}

// item makes an item of a struct that begins with one, cut to a size.
func item[T any](kind uint32, v T, size int) []byte {
	b := append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(&v)), unsafe.Sizeof(v))[:size]...)
	*(*taskItem)(unsafe.Pointer(&b[0])) = taskItem{Kind: kind, Size: uint32(size)}
	return b
}

// What this kernel's own files have is known here: no file falls back on the real one.
func TestFilesOfThisKernelAreKnown(t *testing.T) {
	if statusLines() == nil {
		own, _ := os.ReadFile("/proc/self/status")
		for line := range strings.Lines(string(own)) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":\t")
			if statusValueOf(name, value) == nil {
				t.Errorf("status has an unknown line %q", line)
			}
		}
	}
	if _, err := os.Stat("/proc/self/io"); err == nil && ioLines() == nil {
		t.Error("io has an unknown line")
	}
	if limitsOfKernel().lines == nil {
		t.Error("limits are not those that are known")
	}
	if h, err := readHierarchies(); err != nil || len(h.ids) == 0 {
		t.Errorf("hierarchies %v, %v", h, err)
	}
}

const ownStatus = `Name:	own
Umask:	0077
State:	R (running)
Pid:	1
Groups:	 
NSpid:	1
VmPeak:	    1000 kB
VmExe:	    1000 kB
VmLib:	    1000 kB
THP_enabled:	1
untag_mask:	0xffffffffffffffff
Threads:	1
SigQ:	0/1
SigCgt:	0000000000000000
Speculation_Store_Bypass:	thread vulnerable
SpeculationIndirectBranch:	conditional enabled
Cpus_allowed_list:	0
x86_Thread_features:	
`

func TestStatus(t *testing.T) {
	lines := linesLike(ownStatus)
	if lines == nil {
		t.Fatal("a line is not known")
	}
	var r taskStatusRecord
	r.Task.Key = taskTaskKey{Tgid: 70, Tid: 70}
	r.Task.Comm = chars[[16]int8]("a\nb\\")
	r.Task.Umask, r.Task.Groups, r.Task.Threads = 0o27, 3, 2
	r.Task.State = 1
	r.Task.QueuedSignals, r.Task.QueuedSignalsLimit = 4, 1<<64-1
	r.Task.SigCaught = 1 << 63
	r.Task.AtomicFlags = 1<<storeBypassDisabled | 1<<indirectBranchForceDisable
	r.Task.Features = 3
	r.Mm.Present, r.Mm.ThpDisabled, r.Mm.UntagMask = 1, 1, 0x8000
	r.Mm.Sizes.TotalVm, r.Mm.ExecVm, r.Mm.Sizes.StartCode, r.Mm.Sizes.EndCode = 10<<30/pageSize, 8, 0, 3*pageSize-1
	r.Masks.Cpus[0] = 1
	e := asEntry(t, &r,
		item(itemPids, taskPidsItem{Tgid: 5, Pid: 5}, 24), item(itemPids, taskPidsItem{Tgid: 1, Pid: 1}, 24),
		item(itemGroups, taskGroupsItem{Gids: [64]uint32{4, 1 << 31}}, 16), item(itemGroups, taskGroupsItem{Gids: [64]uint32{7}}, 16))
	want := "Name:\ta\\nb\\\\\nUmask:\t0027\nState:\tS (sleeping)\nPid:\t70\nGroups:\t4 2147483648 7 \nNSpid:\t70\t5\t1\n" +
		"VmPeak:\t10485760 kB\nVmExe:\t      12 kB\nVmLib:\t      20 kB\nTHP_enabled:\t0\nuntag_mask:\t0x8000\n" +
		"Threads:\t2\nSigQ:\t4/18446744073709551615\nSigCgt:\t8000000000000000\n" +
		"Speculation_Store_Bypass:\tthread mitigated\nSpeculationIndirectBranch:\tconditional force disabled\n" +
		"Cpus_allowed_list:\t0\nx86_Thread_features:\tshstk wrss \n"
	if got := string(appendStatusLines(nil, lines, e)); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	r.Mm.Present, r.Task.Umask, r.Task.Groups = 0, -1, 0
	got := string(appendStatusLines(nil, lines, asEntry(t, &r)))
	if strings.Contains(got, "Vm") || strings.Contains(got, "untag") || strings.Contains(got, "Umask") || !strings.Contains(got, "\nGroups:\t \n") {
		t.Errorf("without memory and filesystem\n%s", got)
	}
	if linesLike(ownStatus+"NewLine:\t1\n") != nil {
		t.Error("a line that is not known is passed over")
	}
}

// Where the machine decides, all tasks are as the daemon.
func TestSpeculation(t *testing.T) {
	var r taskStatusRecord
	r.Task.AtomicFlags = 1<<storeBypassForceDisabled | 1<<indirectBranchDisabled
	for own, want := range map[string]string{
		"not vulnerable": "not vulnerable", "globally mitigated": "globally mitigated", "thread mitigated": "thread force mitigated",
	} {
		if got := string(storeBypass(own)(nil, asEntry(t, &r))); got != want {
			t.Errorf("store bypass %q, the daemon's own %q", got, own)
		}
	}
	for own, want := range map[string]string{"always enabled": "always enabled", "conditional force disabled": "conditional disabled"} {
		if got := string(indirectBranch(own)(nil, asEntry(t, &r))); got != want {
			t.Errorf("indirect branch %q, the daemon's own %q", got, own)
		}
	}
}

func TestMasks(t *testing.T) {
	all := mask{}
	for i := range all {
		all[i] = 1<<64 - 1
	}
	for _, test := range []struct {
		format maskFormat
		mask   mask
		hex    string
		list   string
	}{
		{maskFormat{bits: 2, digits: 1}, all, "3", "0-1"},
		{maskFormat{bits: 4, digits: 1}, mask{}, "0", ""},
		{maskFormat{bits: 5, digits: 2}, mask{0x1a}, "1a", "1,3-4"},
		{maskFormat{bits: 40, digits: 10}, mask{1<<39 | 1<<31 | 1}, "80,80000001", "0,31,39"},
		{maskFormat{bits: 64, digits: 16}, all, "ffffffff,ffffffff", "0-63"},
		{maskFormat{bits: 70, digits: 18}, all, "3f,ffffffff,ffffffff", "0-69"},
		{maskFormat{bits: 130, digits: 33}, mask{1 << 63, 1, 1 << 2}, "0,00000000,00000001,80000000,00000000", "63-64"},
		{maskFormat{bits: 1024, digits: 33}, mask{1 << 63, 1, 1 << 2}, "4,00000000,00000001,80000000,00000000", "63-64,130"},
	} {
		if got := string(test.format.append(nil, &test.mask)); got != test.hex {
			t.Errorf("%v of %v: %s, want %s", test.mask, test.format, got, test.hex)
		}
		if got := string(test.format.appendList(nil, &test.mask)); got != test.list {
			t.Errorf("%v of %v: list %s, want %s", test.mask, test.format, got, test.list)
		}
	}
}
