// SPDX-License-Identifier: Apache-2.0

package bpfmap

//go:generate go tool bpf2go -go-package bpfmap -cc clang-14 -strip llvm-strip-14 -target bpfel -type map_record bpfMap bpf_map.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
