// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// A maker makes a DMA buffer of a number of pages.
type maker func(pages int) *os.File

// makers are those that this machine has.
func makers(t *testing.T) (all []maker) {
	t.Helper()
	ioctl := func(f *os.File, request uintptr, arg unsafe.Pointer) uintptr {
		t.Helper()
		r, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(arg))
		if errno != 0 {
			t.Fatalf("%s: %v", f.Name(), errno)
		}
		return r
	}
	buffer := func(fd uintptr) *os.File {
		f := os.NewFile(fd, "dmabuf")
		t.Cleanup(func() { f.Close() })
		return f
	}
	if device, err := os.OpenFile("/dev/udmabuf", os.O_RDWR, 0); err == nil {
		t.Cleanup(func() { device.Close() })
		all = append(all, func(pages int) *os.File {
			fd, err := unix.MemfdCreate("pages", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			size := int64(pages * os.Getpagesize())
			if err := unix.Ftruncate(fd, size); err != nil {
				t.Fatal(err)
			}
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK); err != nil {
				t.Fatal(err)
			}
			create := struct {
				memfd, flags uint32
				offset, size uint64
			}{memfd: uint32(fd), flags: 1, size: uint64(size)} // UDMABUF_FLAGS_CLOEXEC
			return buffer(ioctl(device, 0x40187542, unsafe.Pointer(&create))) // UDMABUF_CREATE
		})
	}
	if heap, err := os.Open("/dev/dma_heap/system"); err == nil {
		t.Cleanup(func() { heap.Close() })
		all = append(all, func(pages int) *os.File {
			alloc := struct {
				size        uint64
				fd, fdFlags uint32
				flags       uint64
			}{size: uint64(pages * os.Getpagesize()), fdFlags: unix.O_RDWR | unix.O_CLOEXEC}
			ioctl(heap, 0xc0184800, unsafe.Pointer(&alloc)) // DMA_HEAP_IOCTL_ALLOC
			return buffer(uintptr(alloc.fd))
		})
	}
	if len(all) == 0 {
		types, err := btf.LoadKernelSpec()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := types.AnyTypeByName("udmabuf_create"); err == nil && os.Getenv("ITERFS_VM") != "" {
			t.Fatal("the kernel has udmabuf, and there is no /dev/udmabuf")
		}
		t.Skip("no /dev/udmabuf and no /dev/dma_heap/system: no DMA buffer can be made here")
	}
	return all
}

func setBufferName(t *testing.T, f *os.File, name string) {
	t.Helper()
	b := append([]byte(name), 0)
	const setName = 0x40086201 // DMA_BUF_SET_NAME_B
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), setName, uintptr(unsafe.Pointer(&b[0]))); errno != 0 {
		t.Fatal(errno)
	}
}

// bufferRow is what the kernel says of a buffer through a descriptor.
func bufferRow(t *testing.T, f *os.File) map[string]string {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	row := map[string]string{"INO": strconv.FormatUint(st.Ino, 10), "NAME": "-", "ATTACHED": "0"}
	for line := range strings.Lines(string(info)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":\t")
		if column := map[string]string{"size": "SIZE_B", "count": "REFS", "exp_name": "EXPORTER", "name": "NAME"}[name]; column != "" {
			row[column] = escaped.Replace(value)
		}
	}
	return row
}

func TestDmabufs(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "dmabuf", "kernel/dmabufs")
	if text := m.read(t, "kernel/dmabufs"); !strings.Contains(text, "INO ") {
		t.Errorf("no head in %q", text)
	}
	all := makers(t)
	var made []*os.File
	for i := range 8 {
		f := all[i%len(all)](1 + i%3)
		if i > 2 {
			setBufferName(t, f, fmt.Sprintf("with space\\%d", i))
		}
		if i == 7 {
			fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
		}
		made = append(made, f)
	}
	checkBuffers(t, m, made)
	made[0].Close()
	checkBuffers(t, m, made[1:])
	// More than one run of the iterator gives.
	for range 1000 {
		made = append(made, all[0](1))
	}
	checkBuffers(t, m, made[1:])
}

// checkBuffers wants a row of each buffer and no row twice.
func checkBuffers(t *testing.T, m *mount, made []*os.File) {
	t.Helper()
	rows := map[string]map[string]string{}
	for _, row := range table(t, m.read(t, "kernel/dmabufs")) {
		if rows[row["INO"]] != nil {
			t.Errorf("buffer %s comes twice", row["INO"])
		}
		rows[row["INO"]] = row
	}
	for _, f := range made {
		if want := bufferRow(t, f); !maps.Equal(rows[want["INO"]], want) {
			t.Errorf("row is %v, want %v", rows[want["INO"]], want)
		}
	}
	if len(rows) != len(made) {
		t.Errorf("%d rows of %d buffers: %q", len(rows), len(made), slices.Sorted(maps.Keys(rows)))
	}
}
