// SPDX-License-Identifier: Apache-2.0

package sock

//go:generate go tool bpf2go -go-package sock -cc clang-14 -strip llvm-strip-14 -target bpfel -type socket_record -type socket_name sock types.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
