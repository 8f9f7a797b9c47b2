// SPDX-License-Identifier: Apache-2.0

package taskvma

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/native"
)

// nativeMaps is the real maps of the process that was asked for last. It tells what
// a program cannot: files of stacked filesystems, and paths of more than 4095 bytes.
type nativeMaps struct {
	root    *native.RootDir
	process bpf.Key
	text    []byte
}

// find returns what the real maps tell of a mapping's file; nothing of one that
// has gone meanwhile.
func (n *nativeMaps) find(r *taskVmaVmaRecord) (file inode, name []byte) {
	if process := r.Head.process(); n.process != process {
		n.process = process
		_ = n.root.During(func() (err error) {
			n.text, err = native.ReadFile(fmt.Sprintf("%d/maps", process.ID)) // none of a process that has gone
			return err
		})
	}
	text := n.text
	begin := append(appendRange(nil, r), ' ')
	for len(text) > 0 && !bytes.HasPrefix(text, begin) {
		_, text, _ = bytes.Cut(text, []byte{'\n'})
	}
	text, _, _ = bytes.Cut(text, []byte{'\n'})
	_, file, name = parseLine(text)
	return file, name
}

// parseLine takes a line of maps apart, of which it returns what stands behind
// the addresses; zeros of an empty one.
func parseLine(text []byte) (perms string, file inode, name []byte) {
	var start, end, offset uint64
	var major, minor uint32
	rest := bytes.NewReader(text)
	fmt.Fscanf(rest, "%x-%x %4s %x %x:%x %d", &start, &end, &perms, &offset, &major, &minor, &file.ino)
	file.dev = major<<20 | minor
	name = bytes.TrimLeft(text[len(text)-rest.Len():], " ")
	return perms, file, bytes.ReplaceAll(name, []byte(`\012`), []byte{'\n'})
}

// A gate is the record of the mapping that the kernel shows behind those of every
// process, and the name behind it: get_gate_vma().
type gate struct {
	taskVmaVmaRecord
	name [16]byte
}

// gateOf is the gate as a record of a process; nothing where there is none.
func gateOf(process taskVmaHead) []byte {
	own := ownGate()
	if own == nil {
		return nil
	}
	g := *own
	g.Head = process
	g.Head.Size = uint32(unsafe.Sizeof(g))
	return unsafe.Slice((*byte)(unsafe.Pointer(&g)), unsafe.Sizeof(g))
}

// ownGate finds the gate in the daemon's own maps: x86 with vsyscalls has one.
var ownGate = sync.OnceValue(func() *gate {
	maps, err := native.ReadFile("self/maps")
	if err != nil || !bytes.HasSuffix(maps, []byte(" [vsyscall]\n")) {
		return nil
	}
	text := bytes.TrimSuffix(maps, []byte{'\n'})
	text = text[bytes.LastIndexByte(text, '\n')+1:]
	g := &gate{}
	fmt.Sscanf(string(text), "%x-%x", &g.Start, &g.End)
	perms, _, name := parseLine(text)
	for i, bit := range permBits {
		if strings.ContainsRune(perms, rune(permLetters[i])) {
			g.Flags |= bit
		}
	}
	g.Name = nameSpecial
	g.NameLength = uint16(copy(g.name[:], name))
	return g
})
