// SPDX-License-Identifier: Apache-2.0

package taskfile

import (
	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/native"
)

// A file is a record and the path behind it, in the batch; and where paths begin.
type file struct {
	*taskFileFileRecord
	path []byte
	root *native.RootDir
}

// filesBelow are those whose paths begin at a root directory.
func filesBelow(root *native.RootDir) bpf.Source[file] {
	return bpf.Source[file]{
		Decode: func(batch []byte) (file, int, error) {
			r, path, size, err := bpf.Tailed(batch, lengths)
			return file{r, path, root}, size, err
		},
		Key: func(f file) bpf.Key { return bpf.Key{ID: f.Head.NativeTgid, Birth: f.Head.Start} },
	}
}

func lengths(r *taskFileFileRecord) (whole, path int) { return int(r.Head.Size), int(r.PathLength) }
