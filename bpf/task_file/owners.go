// SPDX-License-Identifier: Apache-2.0

package taskfile

import (
	"cmp"
	"context"
	"io"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/native"
)

// owners tells which processes have a socket open. It holds 16 bytes for each
// descriptor of a socket in the namespace, for as long as the file is open.
type owners struct {
	bpf.Records
	netns     uint64
	list      []owner // by ino and pid
	collected bool
}

type owner struct {
	ino uint64
	pid uint32
}

// startOwners starts to look for those of the sockets in the request's namespace.
func startOwners(r bpf.Request) (*owners, error) {
	netns, err := inode(r.Params.NetNS)
	if err != nil {
		return nil, err
	}
	records, err := r.Run(r.Target, "socket_owners", bpf.Params{Reader: r.Params.Reader})
	return &owners{Records: records, netns: netns}, err
}

// inode is the number of a network namespace; nil is the daemon's own.
func inode(ns *os.File) (uint64, error) {
	if ns == nil {
		var err error
		if ns, err = native.Open("thread-self/ns/net"); err != nil {
			return 0, err
		}
		defer ns.Close()
	}
	var st unix.Stat_t
	err := unix.Fstat(int(ns.Fd()), &st)
	return st.Ino, err
}

// collect reads all owners, unless it has. It can be called again when ctx ended
// before.
func (o *owners) collect(ctx context.Context) error {
	for !o.collected {
		batch, err := o.Next(ctx)
		if err == io.EOF {
			o.sort()
			o.collected = true
			break
		}
		if err != nil {
			return err
		}
		for len(batch) > 0 {
			r, n, err := bpf.Fixed[taskFileSocketOwner](batch)
			if err != nil {
				return err
			}
			if uint64(r.Netns) == o.netns {
				o.list = append(o.list, owner{r.Ino, r.Tgid})
			}
			batch = batch[n:]
		}
	}
	return nil
}

func (o *owners) sort() {
	slices.SortFunc(o.list, func(a, b owner) int { return cmp.Or(cmp.Compare(a.ino, b.ino), cmp.Compare(a.pid, b.pid)) })
	o.list = slices.Compact(o.list) // several descriptors of one process
}

// append appends the pids of a socket's owners; false where it has none.
func (o *owners) append(dst []byte, ino uint64) ([]byte, bool) {
	i, found := slices.BinarySearchFunc(o.list, ino, func(o owner, ino uint64) int { return cmp.Compare(o.ino, ino) })
	if ino == 0 || !found {
		return dst, false
	}
	for first := i; i < len(o.list) && o.list[i].ino == ino; i++ {
		if i > first {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(dst, uint64(o.list[i].pid), 10)
	}
	return dst, true
}
