// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"log/slog"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/fs/procfs"
	"github.com/iterfs/iterfs/native"
)

// A mounted iterfs is what a daemon serves.
type mounted struct {
	dir     string            // absolute and free of links
	devices []int             // of its filesystems
	served  []<-chan struct{} // each closed when nothing of one is mounted or open any more
}

// A mounting is what there is of it before.
type mounting struct {
	*options
	system *system
	log    *slog.Logger
	mounted
	mounts []int // that are attached nowhere yet
}

// mount mounts on a directory and returns when that can be used.
func (s *system) mount(dir string, o *options, log *slog.Logger) (*mounted, error) {
	over := ""
	if o.layout == layoutProc {
		if o.view.HidePID != bpf.HideNothing {
			return nil, errors.New("layout=proc with hidepid would be procfs itself: mount that with mount -t proc")
		}
		over = "proc" // as /proc is in another mount namespace
	}
	claim, err := fs.NewClaim(dir, over, log)
	if err != nil {
		return nil, err
	}
	defer claim.Release()
	m := &mounting{options: o, system: s, log: log, mounted: mounted{dir: claim.Dir}}
	defer m.close()
	assembly, err := m.assemble()
	if err != nil {
		return nil, err
	}
	assembly.ReadOnly = o.readOnly
	m.devices = assembly.Devices()
	return &m.mounted, claim.Attach(assembly)
}

// close ends what has not been attached.
func (m *mounting) close() {
	for _, mount := range m.mounts {
		unix.Close(mount)
	}
}

func (m *mounting) assemble() (*fs.Assembly, error) {
	if m.layout == layoutProc {
		proc, err := m.connect(procfs.Connect)
		if err != nil {
			return nil, err
		}
		a := fs.NewAssembly(proc)
		return a, m.serveProc(a, proc, m.dir)
	}
	tree, err := m.connect(fs.Connect)
	if err != nil {
		return nil, err
	}
	entries, err := m.system.tree(fs.Entry{Path: fs.ProcName, Dir: true})
	if err != nil {
		return nil, err
	}
	served, err := tree.Serve(entries, m.system.stats, m.log)
	if err != nil {
		return nil, err
	}
	m.served = append(m.served, served)
	a := fs.NewAssembly(tree)
	if m.view.HidePID != bpf.HideNothing {
		return a, m.hide(a, tree)
	}
	proc, err := m.connect(procfs.Connect)
	if err != nil {
		return nil, err
	}
	a.Add(proc, tree.Mount, fs.ProcName)
	return a, m.serveProc(a, proc, m.dir+"/"+fs.ProcName)
}

// connect makes a filesystem with the options of the mount.
func (m *mounting) connect(connect func(fs.ConnectionOptions) (*fs.Connection, error)) (*fs.Connection, error) {
	c, err := connect(fs.ConnectionOptions{Source: m.source, AllowOther: m.allowOther, ReadOnly: m.readOnly})
	if err != nil {
		return nil, err
	}
	m.mounts = append(m.mounts, c.Mount)
	device, err := native.DeviceOf(c.Mount)
	m.system.devices = append(m.system.devices, device)
	return c, err
}

// serveProc serves the drop-in for /proc that will be on a directory, and puts the
// kernel's own in it.
func (m *mounting) serveProc(a *fs.Assembly, c *fs.Connection, dir string) error {
	carried, err := fs.NativeProcfs()
	if err != nil {
		return err
	}
	m.mounts = append(m.mounts, carried)
	root, err := native.Dir()
	if err != nil {
		return err
	}
	proc, err := procfs.New(procfs.Config{
		Device: c.Device, Dir: dir, Native: root, Source: sweeps{m.system}, Freshness: m.fresh(), AllowOther: m.allowOther, Log: m.log,
		Root: func(tid uint32) (*native.RootDir, error) { return m.system.root(fs.Caller{TID: tid}) },
	})
	if err != nil {
		return err
	}
	m.system.proc.Store(proc)
	m.served = append(m.served, proc.Done())
	a.Put(carried, c.Mount, fs.NativeName)
	for _, name := range proc.Placeholders() {
		a.Bind(carried, c.Mount, name)
	}
	return nil
}

// hide puts a procfs that hides processes in the place of the drop-in: what is to be
// hidden from whom, the kernel knows at each read.
func (m *mounting) hide(a *fs.Assembly, tree *fs.Connection) error {
	proc, err := native.Mount(map[string]string{
		"hidepid": strconv.Itoa(int(m.view.HidePID)),
		"gid":     strconv.FormatUint(uint64(m.view.GID), 10),
	})
	if err != nil {
		return err
	}
	m.mounts = append(m.mounts, proc)
	a.Put(proc, tree.Mount, fs.ProcName)
	return nil
}

// ended returns a channel that is closed when all of it has ended.
func (m *mounted) ended() <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for _, served := range m.served {
			<-served
		}
	}()
	return ended
}
