// SPDX-License-Identifier: Apache-2.0

package task

import (
	"testing"
	"unsafe"
)

func chars[T [16]int8 | [32]int8 | [64]int8](s string) (c T) {
	b := unsafe.Slice((*byte)(unsafe.Pointer(&c)), unsafe.Sizeof(c))
	copy(b, s)
	return c
}

func TestName(t *testing.T) {
	worker := func(id, cpu, pool, nice int32, desc string, current uint32) *taskKthreadItem {
		return &taskKthreadItem{Worker: 1, HasPool: 1, Id: id, PoolCpu: cpu, PoolId: pool, Nice: nice, Desc: chars[[32]int8](desc), Current: current}
	}
	for _, test := range []struct {
		comm string
		k    *taskKthreadItem
		want string
	}{
		{"bash", nil, "bash"},
		{"", nil, ""},
		{"a) (b\n", nil, "a) (b\n"},
		{"kthreadd", &taskKthreadItem{}, "kthreadd"},
		{"rcu_exp_par_gp_", &taskKthreadItem{Name: chars[[64]int8]("rcu_exp_par_gp_kthread_worker/0")}, "rcu_exp_par_gp_kthread_worker/0"},
		{"kworker/0:1H", worker(1, 0, 1, -20, "kblockd", 0), "kworker/0:1H-kblockd"},
		{"kworker/u8:3", worker(3, -1, 8, -20, "flush-8:0", 1), "kworker/u8:3+flush-8:0"},
		{"kworker/1:0", worker(0, 1, 3, 0, "", 0), "kworker/1:0"},
		{"kworker/R-rcu_g", &taskKthreadItem{Worker: 1, Rescuer: 1, Name: chars[[64]int8]("rcu_gp")}, "kworker/R-rcu_gp"},
		{"rcu_gp", &taskKthreadItem{Worker: 1, Rescuer: 1, Name: chars[[64]int8]("rcu_gp")}, "rcu_gp"}, // before 6.8
		{"kworker/dying", &taskKthreadItem{Worker: 1}, "kworker/dying"},
	} {
		comm := chars[[16]int8](test.comm)
		if got := string(appendName([]byte("x"), &comm, test.k)); got != "x"+test.want {
			t.Errorf("%s: %q, want %q", test.comm, got[1:], test.want)
		}
	}
}

func TestCgroupPath(t *testing.T) {
	items := func(names ...string) (b []byte) {
		for _, n := range names {
			size := (len(n) + 1 + 7) / 8 * 8
			if n == "" {
				size = 0
			}
			item := make([]byte, 8+size)
			*(*taskItem)(unsafe.Pointer(&item[0])) = taskItem{Kind: itemCgroup, Size: uint32(8 + size)}
			copy(item[8:], n)
			b = append(b, item...)
		}
		return b
	}
	for _, test := range []struct {
		items []byte
		want  string
		ok    bool
	}{
		{nil, "/", true},
		{items("a"), "/a", true},
		{items("leaf.scope", "user.slice", "über"), "/über/user.slice/leaf.scope", true},
		{items("leaf", ""), "", false}, // deeper than the program follows
	} {
		got, ok := appendCgroup([]byte("x"), test.items)
		if string(got) != "x"+test.want || ok != test.ok {
			t.Errorf("%q, %v, want %q", got, ok, test.want)
		}
	}
}

func TestAdjust(t *testing.T) {
	for _, test := range []struct {
		name         string
		times        taskCpuTimes
		utime, stime uint64
	}{
		{"scaled to the run time", taskCpuTimes{Utime: 100, Stime: 300, Runtime: 800}, 200, 600},
		{"no system time", taskCpuTimes{Utime: 100, Runtime: 800}, 800, 0},
		{"no user time", taskCpuTimes{Stime: 100, Runtime: 800}, 0, 800},
		{"nothing sampled", taskCpuTimes{Runtime: 800}, 800, 0},
		{"never back: the last answer", taskCpuTimes{Utime: 1, Stime: 1, Runtime: 50, PrevUtime: 30, PrevStime: 30}, 30, 30},
		{"never back: system", taskCpuTimes{Utime: 300, Stime: 100, Runtime: 800, PrevStime: 500}, 300, 500},
		{"never back: user", taskCpuTimes{Utime: 100, Stime: 300, Runtime: 800, PrevUtime: 500}, 500, 300},
		{"years of it", taskCpuTimes{Utime: 1 << 62, Stime: 1 << 62, Runtime: 1 << 63}, 1 << 62, 1 << 62},
	} {
		if u, s := test.times.adjust(); u != test.utime || s != test.stime {
			t.Errorf("%s: %d, %d, want %d, %d", test.name, u, s, test.utime, test.stime)
		}
	}
}

func TestStateLetter(t *testing.T) {
	for _, test := range []struct {
		state, exit uint32
		want        byte
	}{
		{0, 0, 'R'}, {1, 0, 'S'}, {2, 0, 'D'}, {4, 0, 'T'}, {8, 0, 't'}, {0, 16, 'X'}, {0, 32, 'Z'}, {0x40, 0, 'P'},
		{0x402, 0, 'I'}, {0x1000, 0, 'D'}, {0x8000, 0, 'D'}, {0x80, 32, 'Z'},
	} {
		if got := stateLetter(test.state, test.exit); got != test.want {
			t.Errorf("state %#x, exit %#x: %c, want %c", test.state, test.exit, got, test.want)
		}
	}
}

func TestTTY(t *testing.T) {
	for dev, want := range map[int32]string{
		136 << 8: "pts/0", 136<<8 | 5: "pts/5", 4<<8 | 1: "tty1", 4<<8 | 64: "ttyS0", 204<<8 | 64: "204:64",
		136<<8 | 1<<20 | 0x44: "pts/324",
	} {
		if got := string(appendTTY(nil, dev)); got != want {
			t.Errorf("%#x: %q, want %q", dev, got, want)
		}
	}
}

func TestTornBatches(t *testing.T) {
	var r taskIdRecord
	r.Item = taskItem{Kind: itemRecord, Size: uint32(unsafe.Sizeof(r))}
	b := unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r))
	if _, n, err := decode[taskIdRecord](b); err != nil || n != len(b) {
		t.Fatalf("%d, %v", n, err)
	}
	for n := range len(b) {
		if _, _, err := decode[taskIdRecord](b[:n:n]); err == nil {
			t.Errorf("%d of %d bytes are taken for a record", n, len(b))
		}
	}
	if _, _, err := decode[taskStatRecord](b); err == nil {
		t.Error("a record of another type is taken")
	}
}
