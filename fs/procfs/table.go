// SPDX-License-Identifier: Apache-2.0

package procfs

// find returns the process of a pid, start and owner, which may be a new one.
func (t *table) find(pid uint32, start uint64, uid, gid uint32) *process {
	return t.findAmong(nil, pid, start, uid, gid).process
}

// findAmong does so for a thread of a process, or with nil for a process.
func (t *table) findAmong(of *process, pid uint32, start uint64, uid, gid uint32) *task {
	all := t.among(of)
	k := all[pid]
	if k != nil && k.start == start && k.uid == uid && k.gid == gid {
		return k
	}
	t.last++
	k = new(task)
	if of == nil {
		of = &process{threads: tasks{}}
		k = &of.task
	}
	*k = task{id: t.last, process: of, pid: pid, start: start, uid: uid, gid: gid}
	all[pid] = k
	return k
}

// among returns the threads of a process, or with nil all processes.
func (t *table) among(of *process) tasks {
	if of == nil {
		return t.byPID
	}
	return of.threads
}

// siblings are the tasks of the directory that one is in.
func (t *table) siblings(k *task) tasks {
	if k.isThread() {
		return k.process.threads
	}
	return t.byPID
}

// ref counts a look-up of a node. Whose it is may have been forgotten meanwhile.
func (t *table) ref(k *task, index uint64) {
	t.byID[k.id], t.siblings(k)[k.pid] = k, k
	k.refs++
	if index == directory {
		k.listed = t.lists
	}
	if f, is := hotFile(index); is {
		k.process.files[f].refs++
	}
}

// forget takes look-ups back. Who has none is forgotten: he can be found again.
func (t *table) forget(id, lookups uint64) {
	owner, index := split(id)
	k := t.byID[owner]
	if k == nil {
		return
	}
	if f, is := hotFile(index); is {
		at := &k.process.files[f]
		if at.refs -= lookups; at.refs == 0 {
			*at = file{}
		}
	}
	if k.refs -= lookups; k.refs == 0 {
		t.drop(k)
	}
}

func (t *table) drop(k *task) {
	delete(t.byID, k.id)
	if all := t.siblings(k); all[k.pid] == k {
		delete(all, k.pid)
	}
}
