// SPDX-License-Identifier: Apache-2.0

package udp

//go:generate go tool bpf2go -go-package udp -cc clang-14 -strip llvm-strip-14 -target bpfel -type ends -type udp_record udp udp.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
