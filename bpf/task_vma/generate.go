// SPDX-License-Identifier: Apache-2.0

package taskvma

//go:generate go tool bpf2go -go-package taskvma -cc clang-14 -strip llvm-strip-14 -target bpfel -type head -type reader -type vma_record taskVma task_vma.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
