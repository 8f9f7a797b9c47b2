// SPDX-License-Identifier: Apache-2.0

package task

//go:generate go tool bpf2go -go-package task -cc clang-14 -strip llvm-strip-14 -target bpfel -type item -type task_key -type cpu_times -type id_record -type name_record -type row_record -type stat_record -type kthread_item -type cgroup_item -type cgroup_args task task.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
