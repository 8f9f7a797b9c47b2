// SPDX-License-Identifier: Apache-2.0

package taskfile

import "github.com/iterfs/iterfs/bpf"

// A file is a record and the path behind it, in the batch.
type file struct {
	*taskFileFileRecord
	path []byte
}

var files = bpf.Source[file]{
	Decode: func(batch []byte) (file, int, error) {
		r, path, size, err := bpf.Tailed(batch, lengths)
		return file{r, path}, size, err
	},
	Key: func(f file) bpf.Key { return bpf.Key{ID: f.Head.NativeTgid, Birth: f.Head.Start} },
}

func lengths(r *taskFileFileRecord) (whole, path int) { return int(r.Head.Size), int(r.PathLength) }
