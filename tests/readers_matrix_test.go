// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// someAnimals are those that readers differ in what they may see of.
func someAnimals(t *testing.T) map[string]int {
	t.Helper()
	animals := map[string]int{"kernel thread": 2, "this test": os.Getpid()}
	for _, kind := range []string{"plain", "other user", "zombie", "threads", "capabilities", "pid namespace", "namespaces twice", "odd threads"} {
		animals[kind] = zoo.One(t, kind)
	}
	return animals
}

// An asking is something that a reader does with a path.
type asking func(r *zoo.Reader, path string) (string, error)

func do(op string) asking {
	return func(r *zoo.Reader, path string) (string, error) { return r.Do(op, path) }
}

// agree compares what a reader is told in the tree with what the kernel tells him, which
// it returns the error of.
func agree(t *testing.T, r *zoo.Reader, ask asking, ours, native string) (err error) {
	t.Helper()
	persistently(t, func() []string {
		var want string
		want, err = ask(r, native)
		got, gotErr := ask(r, ours)
		if after, _ := ask(r, native); after == want && (got != want || !errors.Is(gotErr, err)) {
			return []string{fmt.Sprintf("%s to %s: %v, want %v: %s", ours, r.Kind, gotErr, err, difference(got, want))}
		}
		return nil
	})
	return err
}

// matrix compares for each reader paths in the directory of each animal that there is for
// him.
func matrix(t *testing.T, readers []*zoo.Reader, animals map[string]int, paths []string, ask asking) (told, refused int) {
	t.Helper()
	for _, r := range readers {
		for _, pid := range animals {
			number := r.NumberOf(t, pid)
			if number == "" {
				continue
			}
			for _, path := range paths {
				if agree(t, r, ask, r.Tree+"/tasks/"+number+path, "/proc/"+number+path) == nil {
					told++
				} else {
					refused++
				}
			}
		}
	}
	return told, refused
}

// To each reader the directory of a process, and what is in it, is of the owner and mode
// that it is of in its own procfs.
func TestReadersSeeOwners(t *testing.T) {
	m := newSharedMount(t)
	paths := []string{"", "/stat", "/environ", "/fd", "/fdinfo", "/exe", "/task", "/net", "/attr", "/map_files", "/mem", "/ns"}
	told, refused := matrix(t, readers(t, m), someAnimals(t), paths, do("stat"))
	if told < 1000 {
		t.Errorf("only %d were told, %d refused", told, refused)
	}
}

// Sockets are those of the network namespace of the reader, or of the process in whose
// directory they are looked for, of whom the kernel lets the reader see them.
func TestReadersSeeNetworks(t *testing.T) {
	m := newSharedMount(t)
	all := readers(t, m)
	told, refused := matrix(t, all, someAnimals(t), []string{"/net/unix", "/net/tcp", "/net/udp", "/net/udp6", "/net/netlink", "/net/dev_mcast"}, do("read"))
	if told < 500 {
		t.Errorf("only %d were told, %d refused", told, refused)
	}
	for _, r := range all {
		for _, name := range []string{"unix", "tcp", "tcp6", "udp", "udp6", "netlink", "ipv6_route"} {
			agree(t, r, do("read"), r.Tree+"/net/"+name, "/proc/net/"+name)
		}
	}
}

// A table of all has of each process what the reader's own procfs shows of it, and
// nothing where that refuses.
func TestReadersSeeRowsAsInProc(t *testing.T) {
	m := newSharedMount(t)
	animals := someAnimals(t)
	shown, refused, least := 0, 0, 100
	for _, r := range readers(t, m) {
		for table, native := range map[string]func(dir string) (bool, error){
			"tasks/files": func(dir string) (bool, error) { // what is open, not its number alone
				links, err := r.Do("links", dir+"/fd")
				return strings.Contains(links, ` "/`), err
			},
			"tasks/vmas": func(dir string) (bool, error) {
				lines, err := r.Do("read", dir+"/maps")
				return lines != "", err
			},
		} {
			if table == "tasks/vmas" && !kernelHas(t, "bpf_iter__task_vma") {
				least = 50
				continue
			}
			persistently(t, func() (complaints []string) {
				text, err := r.Do("read", r.Tree+"/"+table)
				if err != nil {
					return []string{fmt.Sprintf("%s to %s: %v", table, r.Kind, err)}
				}
				rows := map[string]bool{}
				for line := range strings.Lines(text) {
					rows[strings.Fields(line)[0]] = true
				}
				for _, kind := range slices.Sorted(maps.Keys(animals)) {
					number := r.NumberOf(t, animals[kind])
					if number == "" {
						continue
					}
					want, err := native("/proc/" + number)
					if errors.Is(err, unix.EACCES) {
						refused++
					}
					if want {
						shown++
					}
					if rows[number] != want {
						complaints = append(complaints, fmt.Sprintf("%s has %q for %s: %v, its procfs %v, %v", table, kind, r.Kind, rows[number], want, err))
					}
				}
				return complaints
			})
		}
	}
	if shown < least || refused < least {
		t.Errorf("only %d had rows, %d were refused", shown, refused)
	}
}
