// SPDX-License-Identifier: Apache-2.0

// Package bpfskstoragemap is iter/bpf_sk_storage_map: the values that a map keeps
// for sockets. Its records are the elements of one map, which bpf/bpf_map_elem
// shows as those of all others.
package bpfskstoragemap

import "github.com/iterfs/iterfs/bpf"

// Target has no files of its own.
var Target = bpf.Target{
	Name:   "bpf_sk_storage_map",
	Since:  "5.9",
	Object: loadBpfSkStorageMap,
}

// Program writes for each element the inode number of its socket, 8 bytes, then
// the value. It has the constant value_size.
const Program = "storage_records"
