// SPDX-License-Identifier: Apache-2.0

package taskvma

import (
	"bytes"
	"os"
	"strconv"

	"github.com/iterfs/iterfs/bpf"
)

// What names a mapping, enum vma_name of records.h.
const (
	nameNone = iota
	namePath
	nameUser
	nameSpecial
	nameHeap
	nameStack
	nameAnon
	nameShmem
)

// VM_READ, VM_WRITE, VM_EXEC, VM_MAYSHARE of include/linux/mm.h, and their letters.
var permBits = [...]uint64{0x01, 0x02, 0x04, 0x80}

const permLetters = "rwxs"

// A mapping is a record, and what the program could not always tell.
type mapping struct {
	*taskVmaVmaRecord
	file inode
	name []byte
}

// An inode is the file that is mapped; zero for none.
type inode struct {
	dev uint32
	ino uint64
}

func (h *taskVmaHead) process() bpf.Key { return bpf.Key{ID: h.NativeTgid, Birth: h.Start} }

func lengths(r *taskVmaVmaRecord) (whole, name int) { return int(r.Head.Size), int(r.NameLength) }

func appendRange(dst []byte, r *taskVmaVmaRecord) []byte {
	return bpf.AppendHex(append(bpf.AppendHex(dst, r.Start, 8), '-'), r.End, 8)
}

func appendPerms(dst []byte, flags uint64) []byte {
	perms := [...]byte{'-', '-', '-', 'p'}
	for i, bit := range permBits {
		if flags&bit != 0 {
			perms[i] = permLetters[i]
		}
	}
	return append(dst, perms[:]...)
}

// appendName follows get_vma_name() of fs/proc/task_mmu.c.
func appendName(dst []byte, m mapping) []byte {
	switch m.Name {
	case nameHeap:
		return append(dst, "[heap]"...)
	case nameStack:
		return append(dst, "[stack]"...)
	case nameAnon:
		return append(append(append(dst, "[anon:"...), m.name...), ']')
	case nameShmem:
		return append(append(append(dst, "[anon_shmem:"...), m.name...), ']')
	}
	return append(dst, m.name...)
}

// escapeNewlines does what seq_path() is asked to in maps.
func escapeNewlines(name []byte) []byte {
	if bytes.IndexByte(name, '\n') < 0 {
		return name
	}
	return bytes.ReplaceAll(name, []byte{'\n'}, []byte(`\012`))
}

var pageSize = uint64(os.Getpagesize())

// nameColumn is where the space before a name stands in a line of maps, unless
// what comes before is longer.
const nameColumn = 72

// appendLine follows show_map_vma().
func appendLine(dst []byte, m mapping) []byte {
	start := len(dst)
	dst = append(appendRange(dst, m.taskVmaVmaRecord), ' ')
	dst = append(appendPerms(dst, m.Flags), ' ')
	dst = append(bpf.AppendHex(dst, m.Offset*pageSize, 8), ' ')
	dst = append(bpf.AppendDevice(dst, m.file.dev), ' ')
	dst = append(strconv.AppendUint(dst, m.file.ino, 10), ' ')
	if m.Name != nameNone {
		for len(dst)-start < nameColumn {
			dst = append(dst, ' ')
		}
		dst = append(dst, ' ')
		m.name = escapeNewlines(m.name)
		dst = appendName(dst, m)
	}
	return append(dst, '\n')
}
