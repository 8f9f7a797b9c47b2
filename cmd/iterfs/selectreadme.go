// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/query"
)

// appendSelectReadme writes the file select/README.
func (s *system) appendSelectReadme(dst []byte) []byte {
	dst = append(dst, `select: any field of the kernel's objects, by name. The path is the query.

    cat select/task/tgid,comm,mm.total_vm
    cat select/task/tgid,comm,mm.total_vm.json
    cat select/task_file/tgid,fd,f_inode.i_ino,f_path.dentry.d_name.name

A field is a path through the kernel's own structs, over pointers, arrays and
enums. These are all, two levels deep, with their types in C:

    cat select/task/fields
    grep total_vm select/task/fields

Conditions: = != < <= > >= and, in texts, ~ (contains) and !~. All must hold.
"-" is a missing value, such as a field behind a NULL pointer. Quote < > and &.

    cat select/task/where/mm.total_vm=-/tgid,comm
    cat 'select/task/where/exit_signal>=0,cred.uid=root,comm~s/tgid,comm'
    cat 'select/task/where/flags&0x200000=0/count/policy'

Counted and added up in the kernel, a row for all objects with the same values:

    cat select/task_file/count/tgid,comm
    cat select/task_file/count/f_inode.i_sb.s_type.name
    cat 'select/task/where/exit_signal>=0/sum/mm.total_vm/by/cred.uid'

Behind a colon: the struct that an object is part of, or how a number is shown.

    cat select/tcp/skc_num,skc_daddr:ip,skc_state:TCP_ESTABLISHED,sk_common:tcp_sock.snd_cwnd
    cat 'select/task_file/where/file:socket!=-/tgid,fd,file:socket.sk.__sk_common.skc_family'
    cat 'select/task_file/count/f_inode.i_mode&0170000:oct'

A query that does not exist was refused, and the reason is here:

    cat select/errors

`...)
	for _, t := range query.Targets {
		if err := s.loader.Present(&bpf.Target{Name: t.Name, Since: t.Since}); err != nil {
			dst = fmt.Appendf(dst, "Not on this kernel: %s: %v\n", t.Name, err)
		}
	}
	return dst
}
