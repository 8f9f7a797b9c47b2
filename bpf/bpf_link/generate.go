// SPDX-License-Identifier: Apache-2.0

package bpflink

//go:generate go tool bpf2go -go-package bpflink -cc clang-14 -strip llvm-strip-14 -target bpfel -type link_record bpfLink bpf_link.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
