// SPDX-License-Identifier: Apache-2.0

package sockmap

//go:generate go tool bpf2go -go-package sockmap -cc clang-14 -strip llvm-strip-14 -target bpfel -type socket_record sockmap sockmap.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
