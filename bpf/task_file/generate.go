// SPDX-License-Identifier: Apache-2.0

package taskfile

//go:generate go tool bpf2go -go-package taskfile -cc clang-14 -strip llvm-strip-14 -target bpfel -type head -type reader -type file_record -type socket_holder -type socket_owner taskFile task_file.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
