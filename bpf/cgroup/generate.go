// SPDX-License-Identifier: Apache-2.0

package cgroup

//go:generate go tool bpf2go -go-package cgroup -cc clang-14 -strip llvm-strip-14 -target bpfel -type run_args -type row_record -type child_record cgroup cgroup.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
