// SPDX-License-Identifier: Apache-2.0

package bpfskstoragemap

//go:generate go tool bpf2go -go-package bpfskstoragemap -cc clang-14 -strip llvm-strip-14 -target bpfel bpfSkStorageMap bpf_sk_storage_map.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
