// SPDX-License-Identifier: Apache-2.0

package taskfile

import (
	"fmt"

	"github.com/iterfs/iterfs/bpf"
)

// A file is a record and the path behind it, in the batch.
type file struct {
	*taskFileFileRecord
	path []byte
}

var files = bpf.Source[file]{
	Decode: decode,
	Key:    func(f file) bpf.Key { return bpf.Key{ID: f.Head.Tgid, Birth: f.Head.Start} },
}

func decode(batch []byte) (file, int, error) {
	r, n, err := bpf.Fixed[taskFileFileRecord](batch)
	if err != nil {
		return file{}, 0, err
	}
	size, end := int(r.Head.Size), n+int(r.PathLength)
	if size > len(batch) || end > size {
		return file{}, 0, fmt.Errorf("torn record: %d bytes of %d, with a path of %d", len(batch), size, r.PathLength)
	}
	return file{r, batch[n:end]}, size, nil
}
