// SPDX-License-Identifier: Apache-2.0

package task

//go:generate go tool bpf2go -go-package task -cc clang-14 -strip llvm-strip-14 -target bpfel -type item -type task_key -type reader -type identity_record -type access_record -type cpu_times -type page_counts -type id_record -type name_record -type row_record -type stat_record -type statm_record -type status_record -type io_record -type limits_record -type cgroup_record -type cmdline_record -type sizes -type kthread_item -type cgroup_item -type task_args -type hierarchy_item -type groups_item -type pids_item -type arguments_item task task.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
//go:generate go tool bpf2go -go-package task -cc clang-14 -strip llvm-strip-14 -target bpfel -type call calls calls.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
