// SPDX-License-Identifier: Apache-2.0

package task

import (
	"bytes"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// titleSize is how long a title of setproctitle(3) can be: a page.
const titleSize = 4096

// cmdline appends /proc/<pid>/cmdline. EBUSY says that it cannot be read without
// waiting for the process.
func cmdline(dst []byte, e entry[taskCmdlineRecord]) ([]byte, error) {
	dst, known := appendCmdline(dst, e)
	if !known {
		return patient.append(dst, e.rec.Key, "cmdline")
	}
	return dst, nil
}

// appendCmdline follows get_mm_cmdline() of fs/proc/base.c.
func appendCmdline(dst []byte, e entry[taskCmdlineRecord]) ([]byte, bool) {
	length := int(e.rec.Length)
	if length == 0 {
		return dst, true
	}
	start, whole := len(dst), e.rec.Incomplete == 0
	for it := range e.behind(itemArguments) {
		piece := (*taskArgumentsItem)(unsafe.Pointer(it))
		dst = append(dst, unsafe.Slice((*byte)(unsafe.Pointer(&piece.Data)), piece.Length)...)
		whole = whole && piece.Length > 0
	}
	text := dst[start:]
	switch {
	case !whole || len(text) < length:
	case text[length-1] == 0:
		return dst[:start+length], true
	case pageSize == titleSize:
		// They have been overwritten by a title, up to its NUL.
		text = text[:min(len(text), titleSize)]
		if end := bytes.IndexByte(text, 0); end >= 0 {
			text = text[:end+1]
		}
		return dst[:start+len(text)], true
	}
	return dst[:start], false
}

// appendCmdlineRow appends the line of a process in tasks/cmdline.
func appendCmdlineRow(dst []byte, e entry[taskCmdlineRecord]) ([]byte, error) {
	dst = append(strconv.AppendUint(dst, uint64(e.rec.Key.Tgid), 10), ' ')
	start := len(dst)
	dst, err := hide(cmdline(dst, e))
	if err == unix.EBUSY || err == unix.E2BIG || err == nil && len(dst) == start && e.rec.Length > 0 {
		return append(dst[:start], "-\n"...), nil
	}
	return append(bpf.EscapeLine(dst, start), '\n'), err
}
