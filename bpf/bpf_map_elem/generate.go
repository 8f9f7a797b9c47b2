// SPDX-License-Identifier: Apache-2.0

package bpfmapelem

//go:generate go tool bpf2go -go-package bpfmapelem -cc clang-14 -strip llvm-strip-14 -target bpfel bpfMapElem bpf_map_elem.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
