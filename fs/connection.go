// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"bytes"
	"cmp"
	"fmt"
	stdlog "log"
	"log/slog"
	"os"
	"strconv"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// subtype is the name of the filesystem; the kernel calls it fuse.iterfs.
const subtype = "iterfs"

// The largest READ of the tree. A thread that waits in one costs the daemon as much,
// so of other users, who may have many, it is smaller: they lose a tenth of the speed.
const (
	maxRead       = 1 << 20
	maxReadOthers = 128 << 10
)

// ConnectionOptions are those of a FUSE filesystem.
type ConnectionOptions struct {
	Source     string // in the table of mounts; "" is iterfs
	AllowOther bool   // also for others than the user of this process
	ReadOnly   bool
	Lenient    bool // the kernel does not look at modes
	MaxRead    int  // of the largest READ; 0 for the tree's: what a reader asks for beyond is split
}

// A Connection is a FUSE filesystem that is mounted nowhere yet.
type Connection struct {
	Device int // of /dev/fuse: to be served
	Mount  int // to be attached: its root, open with O_PATH
}

// Connect makes a FUSE filesystem. Its first request waits in the device then: that
// nothing has been mounted means that nobody can be kept waiting by what follows.
func Connect(o ConnectionOptions) (*Connection, error) {
	if err := CheckDevice(); err != nil {
		return nil, err
	}
	device, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/fuse: %w", err)
	}
	mount, err := o.mount(device)
	if err != nil {
		unix.Close(device)
		return nil, fmt.Errorf("make a FUSE filesystem: %w", err)
	}
	return &Connection{device, mount}, nil
}

func (o ConnectionOptions) mount(device int) (int, error) {
	fs, err := unix.Fsopen("fuse", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(fs)
	largest := maxRead
	if o.AllowOther {
		largest = maxReadOthers
	}
	for _, option := range [][2]string{
		{"source", cmp.Or(o.Source, subtype)},
		{"subtype", subtype},
		{"fd", strconv.Itoa(device)},
		{"rootmode", strconv.FormatUint(unix.S_IFDIR|0o555, 8)},
		{"user_id", strconv.Itoa(os.Geteuid())},
		{"group_id", strconv.Itoa(os.Getegid())},
		{"max_read", strconv.Itoa(cmp.Or(o.MaxRead, largest))},
	} {
		if err := unix.FsconfigSetString(fs, option[0], option[1]); err != nil {
			return -1, fmt.Errorf("option %s=%s: %w", option[0], option[1], err)
		}
	}
	var flags []string
	if !o.Lenient {
		flags = append(flags, "default_permissions")
	}
	if o.AllowOther {
		flags = append(flags, "allow_other")
	}
	if o.ReadOnly {
		// Of the filesystem, not of the mount alone: else each read makes the kernel ask
		// for the time of access at the next stat(2).
		flags = append(flags, "ro")
	}
	for _, flag := range flags {
		if err := unix.FsconfigSetFlag(fs, flag); err != nil {
			return -1, fmt.Errorf("option %s: %w", flag, err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, err
	}
	attributes := unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_NOATIME
	if o.ReadOnly {
		attributes |= unix.MOUNT_ATTR_RDONLY
	}
	return unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, attributes)
}

// CloseMount lets go of the mount: where it has not been attached, it ends.
func (c *Connection) CloseMount() {
	unix.Close(c.Mount)
	c.Mount = -1
}

// Serve serves the tree, and returns a channel that is closed when its last mount
// and the last open file have gone.
func (c *Connection) Serve(t *Tree, stats *Stats, log *slog.Logger) (served <-chan struct{}, err error) {
	server, err := fuse.NewServer(newServer(t, stats, log), fmt.Sprintf("/dev/fd/%d", c.Device), &fuse.MountOptions{
		MaxWrite:           maxRead,
		DisableXAttrs:      true,
		DisableReadDirPlus: true,                    // it costs more than it saves
		DisableSplice:      true,                    // likewise
		ExtraCapabilities:  fuse.CAP_ATOMIC_O_TRUNC, // else a truncation does not tell whose it is
		Logger:             stdlog.New(complaints{log}, "", 0),
	})
	if err != nil {
		return nil, fmt.Errorf("serve the tree: %w", err)
	}
	// The kernel's INIT has been answered: the tree can be used as soon as it is
	// served. The daemon itself never touches it, not even to wait for it as
	// go-fuse's WaitMount does: killed in such a request it could not end.
	done := make(chan struct{})
	go func() {
		server.Serve()
		close(done)
	}()
	return done, nil
}

// complaints are the lines that go-fuse logs.
type complaints struct{ log *slog.Logger }

func (c complaints) Write(line []byte) (int, error) {
	// Unmounting may overtake a close that is on its way here.
	if !bytes.Contains(line, []byte(unix.ECONNABORTED.Error())) {
		c.log.Error(string(bytes.TrimSpace(line)))
	}
	return len(line), nil
}
