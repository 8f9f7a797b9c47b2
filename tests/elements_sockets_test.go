// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strconv"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

// A socket that is an element is told by what its owner knows of it.
func TestElementsThatAreSockets(t *testing.T) {
	need.Iterator(t, "sockmap")
	need.Iterator(t, "bpf_sk_storage_map")
	m := newMount(t)
	inMap := newMap(t, &ebpf.MapSpec{Name: "sockets", Type: ebpf.SockHash, KeySize: 8, ValueSize: 8, MaxEntries: 5})
	storage := newMap(t, &ebpf.MapSpec{Name: "stored", Type: ebpf.SkStorage, KeySize: 4, ValueSize: 8, Flags: noPrealloc, Key: s32Type, Value: flowType})
	stores := canAllocateWithoutLock(t)
	want := map[string]map[string]any{}
	var inodes []string
	err := zoo.NewNetNS(t).Do(func() error {
		for i, address := range []string{"127.0.0.1:0", "[::1]:0"} {
			l, err := net.Listen("tcp", address)
			if err != nil {
				return err
			}
			t.Cleanup(func() { l.Close() })
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				return err
			}
			t.Cleanup(func() { c.Close() })
			f, err := c.(*net.TCPConn).File()
			if err != nil {
				return err
			}
			t.Cleanup(func() { f.Close() })
			fd := int(f.Fd())
			cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_COOKIE)
			if err != nil {
				return err
			}
			var st unix.Stat_t
			if err := unix.Fstat(fd, &st); err != nil {
				return err
			}
			put(t, inMap, uint64(i), uint64(fd))
			if stores {
				put(t, storage, int32(fd), bytesOf(uint32(1), uint16(2), uint8(3), uint8(1)))
			}
			inodes = append(inodes, strconv.FormatUint(st.Ino, 10))
			want[fmt.Sprintf("%02x00000000000000", i)] = map[string]any{
				"ino": json.Number(inodes[i]), "cookie": json.Number(strconv.FormatUint(cookie, 10)),
				"family": []string{"inet", "inet6"}[i], "type": "stream", "protocol": "tcp", "state": "ESTABLISHED",
				"local": c.LocalAddr().String(), "remote": l.Addr().String(),
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, objects := m.elements(t, inMap)
	got := map[string]any{}
	for _, o := range objects {
		got[o["key"].(string)] = o["value"] // the kernel takes no BTF for such maps
	}
	if jsonText(t, got) != jsonText(t, want) {
		t.Errorf("the sockets are\n%s, not\n%s", jsonText(t, got), jsonText(t, want))
	}
	if !stores {
		return
	}
	rows, _ := m.elements(t, storage)
	for i := range inodes {
		inodes[i] += " {addr=1,port=2,proto=3,up=true}"
	}
	slices.Sort(inodes)
	if !slices.Equal(rows, inodes) {
		t.Errorf("the stored values are %q, not %q", rows, inodes)
	}
}
