// SPDX-License-Identifier: Apache-2.0

package dmabuf

//go:generate go tool bpf2go -go-package dmabuf -cc clang-14 -strip llvm-strip-14 -target bpfel -type run_args -type buffer_record dmabuf dmabuf.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
