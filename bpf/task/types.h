/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's types behind a task, with the fields that are read here, in their form of today. */
#ifndef ITERFS_TASK_TYPES_H
#define ITERFS_TASK_TYPES_H

#include "iter.h"

#define PF_EXITING 0x00000004
#define PF_WQ_WORKER 0x00000020
#define PF_DUMPCORE 0x00000200
#define PF_KTHREAD 0x00200000

typedef struct {
	u32 val;
} kuid_t;

struct list_head {
	struct list_head *next;
} KERNEL_TYPE;

struct ns_common {
	u32 inum;
} KERNEL_TYPE;

struct pid_namespace {
	struct ns_common ns;
} KERNEL_TYPE;

struct upid {
	int nr;
	struct pid_namespace *ns;
} KERNEL_TYPE;

struct pid {
	u32 level;
	struct upid numbers[1];
} KERNEL_TYPE;

struct net {
	struct ns_common ns;
} KERNEL_TYPE;

struct css_set;

struct cgroup_namespace {
	struct ns_common ns;
	struct css_set *root_cset;
} KERNEL_TYPE;

struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
} KERNEL_TYPE;

struct timens_offsets {
	struct timespec64 boottime;
} KERNEL_TYPE;

struct time_namespace {
	struct timens_offsets offsets;
} KERNEL_TYPE;

struct nsproxy {
	struct net *net_ns;
	struct time_namespace *time_ns;
	struct cgroup_namespace *cgroup_ns;
} KERNEL_TYPE;

struct group_info {
	int ngroups;
	kuid_t gid[1];
} KERNEL_TYPE;

struct ucounts {
	atomic64_t rlimit[4];
} KERNEL_TYPE;

typedef struct {
	u64 val;
} KERNEL_TYPE kernel_cap_t;

struct user_namespace;

struct cred {
	kuid_t uid, gid, suid, sgid, euid, egid, fsuid, fsgid;
	kernel_cap_t cap_inheritable, cap_permitted, cap_effective, cap_bset, cap_ambient;
	struct ucounts *ucounts;
	struct user_namespace *user_ns;
	struct group_info *group_info;
} KERNEL_TYPE;

struct kernfs_node {
	struct kernfs_node *__parent;
	const char *name;
	u64 id;
} KERNEL_TYPE;

struct cgroup_root {
	int hierarchy_id;
} KERNEL_TYPE;

struct cgroup_subsys_state {
	u32 flags;
} KERNEL_TYPE;

struct cgroup {
	struct cgroup_subsys_state self;
	int level;
	struct kernfs_node *kn;
	struct cgroup_root *root;
	struct cgroup *ancestors[1];
} KERNEL_TYPE;

struct cgrp_cset_link {
	struct cgroup *cgrp;
	struct list_head cgrp_link;
} KERNEL_TYPE;

struct css_set {
	struct cgroup *dfl_cgrp;
	struct list_head cgrp_links;
} KERNEL_TYPE;

struct tty_driver {
	int major;
	int minor_start;
} KERNEL_TYPE;

struct tty_struct {
	struct tty_driver *driver;
	int index;
	struct {
		struct pid *pgrp;
	} ctrl;
} KERNEL_TYPE;

typedef struct {
	unsigned long sig[1];
} sigset_t;

struct sigpending {
	sigset_t signal;
} KERNEL_TYPE;

struct sigaction {
	void *sa_handler;
} KERNEL_TYPE;

struct k_sigaction {
	struct sigaction sa;
} KERNEL_TYPE;

struct sighand_struct {
	struct k_sigaction action[64];
} KERNEL_TYPE;

struct prev_cputime {
	u64 utime;
	u64 stime;
} KERNEL_TYPE;

struct rlimit {
	u64 rlim_cur;
	u64 rlim_max;
} KERNEL_TYPE;

struct task_io_accounting {
	u64 rchar, wchar, syscr, syscw;
	u64 read_bytes, write_bytes, cancelled_write_bytes;
} KERNEL_TYPE;

struct signal_struct {
	struct list_head thread_head;
	int nr_threads;
	int group_exit_code;
	u32 flags;
	struct pid *pids[4];
	struct tty_struct *tty;
	u64 utime, stime, cutime, cstime;
	u64 gtime, cgtime;
	struct prev_cputime prev_cputime;
	unsigned long min_flt, maj_flt, cmin_flt, cmaj_flt;
	u64 sum_sched_runtime;
	struct rlimit rlim[16];
	struct sigpending shared_pending;
	struct task_io_accounting ioac;
	void *core_state;
} KERNEL_TYPE;

struct percpu_counter {
	s64 count;
	s32 *counters;
} KERNEL_TYPE;

typedef struct {
	unsigned long untag_mask;
} KERNEL_TYPE mm_context_t;

typedef struct {
	unsigned long __mm_flags[1];
} KERNEL_TYPE mm_flags_t;

struct mm_struct {
	unsigned long hiwater_rss, hiwater_vm;
	unsigned long total_vm, locked_vm, data_vm, exec_vm, stack_vm;
	atomic64_t pinned_vm, pgtables_bytes, hugetlb_usage;
	unsigned long start_code, end_code, start_data, end_data;
	unsigned long start_brk, start_stack;
	unsigned long arg_start, arg_end, env_start, env_end;
	struct percpu_counter rss_stat[4];
	mm_context_t context;
	mm_flags_t flags;
} KERNEL_TYPE;

struct sched_entity {
	u64 sum_exec_runtime;
} KERNEL_TYPE;

struct task_delay_info {
	u64 blkio_delay;
} KERNEL_TYPE;

struct thread_info {
	u32 cpu;
} KERNEL_TYPE;

typedef struct {
	atomic_t refs;
} KERNEL_TYPE refcount_t;

struct workqueue_struct {
	char name[32];
} KERNEL_TYPE;

struct workqueue_attrs {
	int nice;
} KERNEL_TYPE;

struct worker_pool {
	int cpu;
	int id;
	struct workqueue_attrs *attrs;
} KERNEL_TYPE;

struct work_struct;

struct worker {
	struct work_struct *current_work;
	struct worker_pool *pool;
	int id;
	char desc[32];
	struct workqueue_struct *rescue_wq;
} KERNEL_TYPE;

struct kthread {
	void *data;
	char *full_name;
} KERNEL_TYPE;

struct fs_struct {
	int umask;
} KERNEL_TYPE;

struct fdtable {
	u32 max_fds;
} KERNEL_TYPE;

struct files_struct {
	struct fdtable *fdt;
} KERNEL_TYPE;

struct numa_group {
	int gid;
} KERNEL_TYPE;

struct seccomp {
	int mode;
	atomic_t filter_count;
} KERNEL_TYPE;

struct cpumask {
	unsigned long bits[1];
} KERNEL_TYPE;

typedef struct {
	unsigned long bits[1];
} KERNEL_TYPE nodemask_t;

struct thread_struct {
	unsigned long features, features_locked;
} KERNEL_TYPE;

struct task_struct {
	u32 __state;
	int exit_state;
	int exit_code;
	int exit_signal;
	u32 flags;
	struct thread_info thread_info;
	refcount_t stack_refcount;
	int prio, static_prio;
	u32 rt_priority;
	u32 policy;
	struct sched_entity se;
	struct mm_struct *mm;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct pid *thread_pid;
	struct list_head thread_node;
	void *worker_private;
	u64 utime, stime, gtime;
	struct prev_cputime prev_cputime;
	u64 start_boottime;
	unsigned long min_flt, maj_flt;
	const struct cred *real_cred, *cred;
	char comm[16];
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct sighand_struct *sighand;
	sigset_t blocked;
	struct sigpending pending;
	struct task_delay_info *delays;
	struct css_set *cgroups;
	struct task_struct *parent;
	struct task_struct *group_leader;
	u32 ptrace;
	unsigned long atomic_flags;
	unsigned long nvcsw, nivcsw;
	struct fs_struct *fs;
	struct files_struct *files;
	struct numa_group *numa_group;
	struct seccomp seccomp;
	struct cpumask cpus_mask;
	nodemask_t mems_allowed;
	struct task_io_accounting ioac;
	struct thread_struct thread;
} KERNEL_TYPE;

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} KERNEL_TYPE;

#endif
