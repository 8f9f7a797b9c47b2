// SPDX-License-Identifier: Apache-2.0

package bpfprog

//go:generate go tool bpf2go -go-package bpfprog -cc clang-14 -strip llvm-strip-14 -target bpfel -type prog_record bpfProg bpf_prog.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
