// SPDX-License-Identifier: Apache-2.0

package task

import (
	"math/bits"
	"strconv"
)

// The kernel's task states that are shown as another one.
const (
	taskUninterruptible = 0x0002
	taskIdle            = 0x0402 // TASK_UNINTERRUPTIBLE | TASK_NOLOAD
	taskRTLockWait      = 0x1000
	taskFrozen          = 0x8000
	taskReport          = 0x007f
)

// stateNames are task_state_array of fs/proc/array.c.
var stateNames = [...]string{
	"R (running)", "S (sleeping)", "D (disk sleep)", "T (stopped)", "t (tracing stop)",
	"X (dead)", "Z (zombie)", "P (parked)", "I (idle)",
}

func stateLetter(state, exitState uint32) byte { return stateName(state, exitState)[0] }

// stateName follows __task_state_index() of include/linux/sched.h.
func stateName(state, exitState uint32) string {
	shown := (state | exitState) & taskReport
	if state&taskIdle == taskIdle {
		shown = taskReport + 1
	}
	if state&(taskRTLockWait|taskFrozen) != 0 {
		shown = taskUninterruptible
	}
	return stateNames[bits.Len32(shown)]
}

// appendTTY names a terminal as ps does: pts/0, tty1, ttyS0, else major:minor.
func appendTTY(dst []byte, dev int32) []byte {
	major := int64(dev >> 8 & 0xfff)
	minor := int64(dev&0xff | dev>>12&^0xff)
	switch {
	case major >= 136 && major <= 143:
		dst = append(dst, "pts/"...)
		minor += (major - 136) << 20
	case major == 4 && minor < 64:
		dst = append(dst, "tty"...)
	case major == 4:
		dst = append(dst, "ttyS"...)
		minor -= 64
	default:
		dst = append(strconv.AppendInt(dst, major, 10), ':')
	}
	return strconv.AppendInt(dst, minor, 10)
}
