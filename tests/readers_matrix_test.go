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

// matrix has each reader do what says, and what its own procfs answers, of each animal
// that there is for it.
func matrix(t *testing.T, readers []*zoo.Reader, animals map[string]int, paths []string, ask func(r *zoo.Reader, path string) (string, error)) (told, refused int) {
	t.Helper()
	for _, r := range readers {
		for kind, pid := range animals {
			number := r.NumberOf(t, pid)
			if number == "" {
				continue
			}
			for _, path := range paths {
				persistently(t, func() []string {
					want, wantErr := ask(r, "/proc/"+number+path)
					got, gotErr := ask(r, r.Tree+"/tasks/"+number+path)
					after, _ := ask(r, "/proc/"+number+path)
					if after == want && (got != want || !errors.Is(gotErr, wantErr)) {
						return []string{fmt.Sprintf("%q of %q to %s: %v, want %v: %s", path, kind, r.Kind, gotErr, wantErr, difference(got, want))}
					}
					if wantErr == nil {
						told++
					} else {
						refused++
					}
					return nil
				})
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
	told, refused := matrix(t, readers(t, m), someAnimals(t), paths, func(r *zoo.Reader, path string) (string, error) { return r.Do("stat", path) })
	if told < 1000 {
		t.Errorf("only %d were told, %d refused", told, refused)
	}
}

// Sockets are those of the network namespace of the reader, or of the process in whose
// directory they are looked for, of whom the kernel lets the reader see them.
func TestReadersSeeNetworks(t *testing.T) {
	m := newSharedMount(t)
	all := readers(t, m)
	read := func(r *zoo.Reader, path string) (string, error) { return r.Do("read", path) }
	told, refused := matrix(t, all, someAnimals(t), []string{"/net/unix", "/net/tcp", "/net/udp", "/net/netlink", "/net/dev_mcast"}, read)
	if told < 500 {
		t.Errorf("only %d were told, %d refused", told, refused)
	}
	for _, r := range all {
		for _, name := range []string{"unix", "tcp", "tcp6", "udp", "netlink", "ipv6_route"} {
			persistently(t, func() []string {
				want, wantErr := read(r, "/proc/net/"+name)
				got, gotErr := read(r, r.Tree+"/net/"+name)
				if after, _ := read(r, "/proc/net/"+name); after == want && (got != want || !errors.Is(gotErr, wantErr)) {
					return []string{fmt.Sprintf("net/%s to %s: %v, want %v: %s", name, r.Kind, gotErr, wantErr, difference(got, want))}
				}
				return nil
			})
		}
	}
}

// A table of all has of each process what the reader's own procfs shows of it, and
// nothing where that refuses.
func TestReadersSeeRowsAsInProc(t *testing.T) {
	m := newSharedMount(t)
	animals := someAnimals(t)
	shown, refused := 0, 0
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
	if shown < 100 || refused < 100 {
		t.Errorf("only %d had rows, %d were refused", shown, refused)
	}
}
