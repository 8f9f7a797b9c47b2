// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"strconv"
	"sync/atomic"
)

const maxOpcode = 64

// counters tell what was done.
type counters struct {
	messages [maxOpcode]atomic.Uint64 // of the kernel, by opcode

	lists, sweeps      atomic.Uint64 // passes over all processes
	stores             atomic.Uint64 // contents given to the kernel
	drops, invalidated atomic.Uint64 // taken from it; with its attributes
	grown, refused     atomic.Uint64 // answers that waited for it to know a size; READs that had to come again
}

// opcodes are the names of the requests that are many.
var opcodes = map[int]string{
	opLookup: "LOOKUP", 2: "FORGET", opGetAttr: "GETATTR", 5: "READLINK", opRead: "READ", 27: "OPENDIR", 29: "RELEASEDIR", 42: "BATCH_FORGET", opReadDirPlus: "READDIRPLUS",
}

// A Count is how often something was done since the mount.
type Count struct {
	Name string // of a FUSE request, in capitals, or of what the server did
	N    uint64
}

// Counts returns what has been asked of the server and what it did.
func (m *Mount) Counts() (counts []Count) {
	c := &m.count
	for opcode := range c.messages {
		if n := c.messages[opcode].Load(); n > 0 {
			name := opcodes[opcode]
			if name == "" {
				name = "opcode " + strconv.Itoa(opcode)
			}
			counts = append(counts, Count{name, n})
		}
	}
	return append(counts,
		Count{"lists", c.lists.Load()}, Count{"sweeps", c.sweeps.Load()}, Count{"pushed", c.stores.Load()},
		Count{"dropped", c.drops.Load()}, Count{"invalidated", c.invalidated.Load()}, Count{"grown", c.grown.Load()}, Count{"refused", c.refused.Load()})
}
