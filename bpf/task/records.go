// SPDX-License-Identifier: Apache-2.0

package task

import (
	"fmt"
	"iter"
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
)

// The kinds of items, enum item_kind of records.h.
const (
	itemRecord = iota
	itemKthread
	itemCgroup
	itemHierarchy
	itemGroups
	itemPids
	itemArguments
	itemStat
	itemStatus
	itemStatm
	itemCmdline
)

// head is what each record begins with.
type head struct {
	item taskItem
	key  taskTaskKey
}

// An entry is a record of type T and the items behind it, all in the batch.
type entry[T any] struct {
	rec     *T
	kthread *taskKthreadItem
	items   []byte // all others
}

// behind yields the items of a kind.
func (e entry[T]) behind(kind uint32) iter.Seq[*taskItem] {
	return func(yield func(*taskItem) bool) {
		for items := e.items; len(items) > 0; {
			it := (*taskItem)(unsafe.Pointer(unsafe.SliceData(items)))
			if it.Kind == kind && !yield(it) {
				return
			}
			items = items[it.Size:]
		}
	}
}

// decode is the bpf.Source.Decode of the records of this target.
func decode[T any](batch []byte) (entry[T], int, error) {
	var e entry[T]
	it, err := nextItem(batch)
	if err != nil {
		return e, 0, err
	}
	if it.Kind != itemRecord || uintptr(it.Size) != unsafe.Sizeof(*e.rec) {
		return e, 0, fmt.Errorf("torn record: item of kind %d and %d bytes, not a %T", it.Kind, it.Size, e.rec)
	}
	e.rec = (*T)(unsafe.Pointer(it))
	n := int(it.Size)
	for n < len(batch) {
		if it, err = nextItem(batch[n:]); err != nil {
			return e, 0, err
		}
		switch it.Kind {
		case itemRecord:
			return e, n, nil
		case itemKthread:
			e.kthread = (*taskKthreadItem)(unsafe.Pointer(it))
		default:
			if e.items == nil {
				e.items = batch[n:n]
			}
			e.items = e.items[:len(e.items)+int(it.Size)]
		}
		n += int(it.Size)
	}
	return e, n, nil
}

func nextItem(b []byte) (*taskItem, error) {
	const least = int(unsafe.Sizeof(taskItem{}))
	if len(b) < least {
		return nil, fmt.Errorf("torn item: %d bytes", len(b))
	}
	it := (*taskItem)(unsafe.Pointer(unsafe.SliceData(b)))
	if it.Size%8 != 0 || int(it.Size) < least || int(it.Size) > len(b) {
		return nil, fmt.Errorf("torn item: %d bytes of the %d of kind %d", len(b), it.Size, it.Kind)
	}
	return it, nil
}

func source[T any]() bpf.Source[entry[T]] {
	return bpf.Source[entry[T]]{Decode: decode[T], Key: func(e entry[T]) bpf.Key {
		key := &(*head)(unsafe.Pointer(e.rec)).key
		return bpf.Key{ID: key.NativeTid, Birth: key.Start}
	}}
}
