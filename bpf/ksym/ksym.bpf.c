// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* iter/ksym: one record a symbol, with what s_show() of kernel/kallsyms.c prints. */
#include "iter.h"

struct kallsym_iter {
	unsigned long value;
	char type;
	char name[512];
	char module_name[56];
	int exported;
} KERNEL_TYPE;

struct seq_file {
	s64 index;
} KERNEL_TYPE;

struct bpf_iter__ksym {
	struct bpf_iter_meta *meta;
	struct kallsym_iter *ksym;
} KERNEL_TYPE;

/* Behind it the symbol's name, which a NUL ends, and in the last bytes that of its module. */
struct symbol_record {
	u64 value;
	u16 size; /* with the names; a multiple of 8 */
	u16 module; /* room of the module's name; 0 for none */
	u8 type;
	u8 exported;
	u16 pad;
};
EXPORT_RECORD(symbol_record);

#define FEW 8 /* words that nearly every name has room in */

static __always_inline _Bool has_nul(u64 word)
{
	return (word - 0x0101010101010101) & ~word & 0x8080808080808080;
}

/* Writes all but the first words of a name. */
static __always_inline void write_rest(struct seq_file *seq, struct kallsym_iter *ksym)
{
	char rest[(sizeof(ksym->name) - FEW * 8) / 2];

	for (int i = 0; i < 2; i++) {
		bpf_probe_read_kernel(rest, sizeof(rest), ksym->name + FEW * 8 + i * sizeof(rest));
		bpf_seq_write(seq, rest, sizeof(rest));
	}
}

SEC("iter/ksym")
int symbol_records(struct bpf_iter__ksym *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct kallsym_iter *ksym = ctx->ksym;
	struct {
		struct symbol_record head;
		u64 name[FEW];
	} r;
	char module[sizeof(ksym->module_name)];
	u32 size = sizeof(r.head);
	_Bool ended = 0;

	/* At the end the kernel calls once more, with what is left of the last symbol. */
	if (!ksym || seq->index != ctx->meta->seq_num)
		return 0;
	bpf_probe_read_kernel(r.name, sizeof(r.name), ksym->name);
	if (!(r.name[0] & 0xff))
		return 0; /* some debugging symbols have no name: they are not shown */
#pragma unroll
	for (int i = 0; i < FEW && !ended; i++) {
		ended = has_nul(r.name[i]);
		size += 8;
	}
	r.head = (struct symbol_record){ .value = ksym->value, .type = ksym->type, .size = size };
	if (!ended)
		r.head.size = sizeof(r.head) + sizeof(ksym->name);
	if (ksym->module_name[0]) {
		r.head.exported = !!ksym->exported;
		r.head.module = sizeof(module);
		r.head.size += sizeof(module);
	}
	bpf_seq_write(seq, &r, size);
	if (!ended)
		write_rest(seq, ksym);
	if (r.head.module) {
		bpf_probe_read_kernel(module, sizeof(module), ksym->module_name);
		bpf_seq_write(seq, module, sizeof(module));
	}
	return 0;
}
