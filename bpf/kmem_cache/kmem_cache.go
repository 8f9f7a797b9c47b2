// SPDX-License-Identifier: Apache-2.0

// Package kmemcache is iter/kmem_cache: the slab caches of the kernel.
package kmemcache

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/native"
)

// Target has kernel/slabs.
var Target = bpf.Target{
	Name:    "kmem_cache",
	Since:   "6.13",
	Object:  loadKmemCache,
	Records: map[string]uintptr{"cache_record": unsafe.Sizeof(record{})},
	Files: []bpf.File{{
		Path: "kernel/slabs", Doc: "as /proc/slabinfo", Mode: 0o400, Program: "cache_records", Format: lines, Open: open,
	}},
}

// open passes the number of nodes on, and refuses where the kernel does not count
// at all (CONFIG_SLUB_DEBUG=n), as it has no slabinfo there.
func open(r bpf.Request, _ bpf.Form) (bpf.Content, error) {
	if _, err := native.Stat("slabinfo"); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("this kernel counts no slabs: %w", unix.EOPNOTSUPP)
	}
	n, err := nodes()
	if err != nil {
		return nil, err
	}
	if n > 1 {
		r.Params.Consts = map[string]any{"nodes": n}
	}
	return r.Render(r.File.Program, r.File.Format)
}

// nodes is how many NUMA nodes there can be, by a list such as 0 or 0-3.
func nodes() (uint32, error) {
	text, err := os.ReadFile("/sys/devices/system/node/possible")
	if errors.Is(err, os.ErrNotExist) {
		return 1, nil // a kernel without NUMA
	}
	if err != nil {
		return 0, err
	}
	list := strings.TrimSpace(string(text))
	last, err := strconv.ParseUint(list[strings.LastIndexAny(list, "-,")+1:], 10, 32)
	if err != nil {
		return 0, fmt.Errorf("read the number of NUMA nodes: %w", err)
	}
	return uint32(last) + 1, nil
}

type record = kmemCacheCacheRecord

// A cache is a record and the name behind it.
type cache struct {
	rec  *record
	name []byte
}

// The head is that of print_slabinfo_header() of mm/slab_common.c.
var lines = bpf.Source[cache]{
	Decode: decode,
	Key:    func(cache) bpf.Key { return bpf.Key{} }, // no file asks for a single one
}.LinesBelow(`slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>
`, appendCache)

func decode(batch []byte) (c cache, n int, err error) {
	c.rec, c.name, n, err = bpf.Tailed(batch, func(r *record) (whole, tail int) {
		return int(r.Size), max(int(r.Size)-int(unsafe.Sizeof(*r)), 0)
	})
	c.name = bpf.CString(c.name)
	return c, n, err
}

// appendCache follows cache_show(). Slabs do not have what is 0.
func appendCache(dst []byte, c cache) []byte {
	r := c.rec
	if r.Counted == 0 {
		return appendNative(dst, c.name)
	}
	start := len(dst)
	dst = append(dst, c.name...)
	for len(dst) < start+17 {
		dst = append(dst, ' ')
	}
	dst = appendField(dst, r.Objects-r.Free, 6)
	dst = appendField(dst, r.Objects, 6)
	dst = appendField(dst, uint64(r.ObjectSize), 6)
	dst = appendField(dst, uint64(r.PerSlab), 4)
	dst = appendField(dst, 1<<r.Order, 4)
	dst = append(dst, " : tunables    0    0    0 : slabdata"...)
	dst = appendField(dst, r.Slabs, 6)
	dst = appendField(dst, r.Slabs, 6)
	return append(dst, "      0\n"...)
}

// appendField is printf's " %*lu".
func appendField(dst []byte, v uint64, width int) []byte {
	start := len(dst)
	dst = bpf.AppendField(dst, v)
	if pad := width + 1 - (len(dst) - start); pad > 0 {
		dst = append(dst, "        "[:pad]...)
		copy(dst[start+pad:], dst[start:])
		copy(dst[start:], "        "[:pad])
	}
	return dst
}

// appendNative appends the line of the real file, for a cache whose slabs changed
// faster than the program could count them.
func appendNative(dst, name []byte) []byte {
	text, err := native.ReadFile("slabinfo")
	if err != nil {
		return dst
	}
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, name); ok && len(rest) > 0 && rest[0] == ' ' {
			return append(dst, line...)
		}
	}
	return dst // it has been destroyed
}
