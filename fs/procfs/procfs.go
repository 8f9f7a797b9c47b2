// SPDX-License-Identifier: Apache-2.0

// Package procfs serves a tree in the place of /proc: processes' small files from
// sweeps over all processes, through the kernel's page cache, and everything else
// by links into a procfs that is mounted on a directory of the tree.
//
// Like a procfs it belongs to one pid namespace. What it tells the kernel about a
// file is true at each moment; how long the kernel may go by it, Config.Freshness
// says.
package procfs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/fs"
	kernel "github.com/iterfs/iterfs/native"
)

// A File is one of the files of a process that sweeps make.
type File int

// The files that programs read of one process after another. The others are links
// to the native ones, comm too: it takes writes, and what ps shows of it is in stat.
const (
	Stat File = iota
	Status
	Statm
	Cmdline
	NumHot
)

var hotNames = [NumHot]string{"stat", "status", "statm", "cmdline"}

func (f File) String() string { return hotNames[f] }

// Files is a set of them: a bit for each, 1<<Stat and so on.
type Files uint8

// Has reports whether a file is in the set.
func (s Files) Has(f File) bool { return s>>f&1 != 0 }

// A Source knows all processes of the pid namespace that the native procfs shows.
type Source interface {
	// Sweep visits every process once, in the order of pids, with the wanted files:
	// with none it is a list of the processes. The threads in reading wait for what
	// is being made, and are shown as running. A process is valid during its visit.
	Sweep(ctx context.Context, want Files, reading []uint32, visit func(*Process)) error
}

// A Process is what a sweep says of one.
type Process struct {
	PID      uint32
	Start    uint64 // in ns since boot, of which stat shows hundredths of a second
	UID, GID uint32 // the owner of its directory
	// Files are contents as procfs has them; nil where the real file is to be read.
	Files [NumHot][]byte
}

// Config says what is mounted.
type Config struct {
	Device int      // of the filesystem that Connect has made, which New takes over
	Dir    string   // where it is to be mounted
	Native *os.File // the root of a native procfs, which New takes over; O_PATH will do
	Source Source   // nil: the native files, read one by one
	// Freshness bounds the age of what a scan reads; 0: all is read live, from the
	// native procfs.
	Freshness time.Duration
	// AllowOther lets other users than the mounting one in. What is not the same to all
	// of them is then left to the native procfs.
	AllowOther bool
	// Root is the root directory of a thread to whom paths show in another way than to
	// this process; else it is nil. nil: it is so to all.
	Root func(tid uint32) (*kernel.RootDir, error)
	Log  *slog.Logger
}

// A Mount is a tree that the kernel serves under a directory.
type Mount struct {
	Dir string

	config Config
	native native
	dev    int // /dev/fuse
	server *fuse.ProtocolServer
	count  counters
	done   chan struct{}

	ctx     context.Context // until it is unmounted
	cancel  context.CancelFunc
	workers sync.WaitGroup

	mu      sync.Mutex
	nodes   table
	dirs    map[uint64]*listing
	handles uint64 // the last given out
	lists   lists
	scans   scans
	pages   pages
	flushed bool // the kernel has been told not to ask at the close of a file
	keeping bool // lists that the kernel keeps are watched

	dropping sync.Mutex

	// The three kinds of notices that may wait, none of them for another.
	pushing, growing, forgetting *notifier
	notifiers                    sync.WaitGroup
}

// New serves a filesystem that Connect has made, until it is unmounted and its last
// file closed.
func New(c Config) (*Mount, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	m := &Mount{Dir: c.Dir, config: c, native: native{int(c.Native.Fd())}, dev: c.Device, done: make(chan struct{}), dirs: map[uint64]*listing{}}
	m.pages.growing = map[chan struct{}]bool{}
	if c.Source == nil {
		m.config.Source = m.native
	} else {
		m.config.Source = &complete{Source: c.Source, native: m.native}
	}
	var err error
	if m.nodes, err = newTable(m.native); err != nil {
		unix.Close(m.dev)
		c.Native.Close()
		return nil, fmt.Errorf("look at the native procfs: %w", err)
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	for _, n := range []**notifier{&m.pushing, &m.growing, &m.forgetting} {
		if *n, err = m.newNotifier(); err != nil {
			m.end()
			return nil, err
		}
	}
	m.connect()
	go m.serve()
	return m, nil
}

// Connect makes the filesystem for New to serve: read-only, for else each read would
// cost a message for the time of access, with noatime too. What can be written to lies
// on the native procfs. Everybody may read the rest, so the kernel need not know modes:
// to ask for them when a file is opened, to drop its pages, would keep this process from
// ending.
func Connect(o fs.ConnectionOptions) (*fs.Connection, error) {
	o.ReadOnly, o.Lenient, o.MaxRead = true, true, maxMessage
	return fs.Connect(o)
}

func (m *Mount) connect() {
	m.server = fuse.NewProtocolServer(newFiles(m), &fuse.MountOptions{
		MaxWrite:             maxMessage,
		MaxBackground:        64,
		EnableSymlinkCaching: true,
		DisableXAttrs:        true,
		// Contents change when they are told to, not with a time of modification.
		DisabledCapabilities: fuse.CAP_AUTO_INVAL_DATA,
		Logger:               slog.NewLogLogger(m.config.Log.Handler(), slog.LevelError),
	})
}

// Done is closed when the tree has been unmounted and its last file closed.
func (m *Mount) Done() <-chan struct{} { return m.done }

// Placeholders are the names of the root that a native file or directory is to be
// mounted over: all but links, processes, and what appears later, which is a link.
func (m *Mount) Placeholders() []string { return m.nodes.placeholders }

func (m *Mount) hot(f File) bool {
	switch {
	case m.config.Freshness == 0:
		return false
	case f == Stat, f == Status: // they have addresses, and users as the reader numbers them
		return !m.config.AllowOther
	}
	return true
}

// errno is what a request is answered with.
func errno(err error) fuse.Status { return fuse.Status(fs.Errno(err)) }

func gone(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) }
