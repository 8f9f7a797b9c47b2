// SPDX-License-Identifier: Apache-2.0

package sock

import (
	"net/netip"
	"strconv"
	"unsafe"
)

// appendLocal appends the socket's own address as ss -n has it: address and port,
// which of a unix socket are name and inode, of netlink protocol and port. A
// device that the socket is bound to is told by number. Other families have none.
func (s Socket) appendLocal(dst []byte) ([]byte, bool) {
	switch s.Family {
	case familyIPv4, familyIPv6:
		dst = s.appendIP(dst, &s.Local)
		if s.Ifindex != 0 {
			dst = strconv.AppendUint(append(dst, '%'), uint64(s.Ifindex), 10)
		}
		return appendPort(dst, s.LocalPort), true
	case familyUnix:
		if len(s.name) == 0 {
			dst = append(dst, '*')
		}
		return appendAfterColon(AppendUnixName(dst, s.name), s.Ino), true
	case familyNetlink:
		dst = strconv.AppendUint(dst, uint64(s.Protocol), 10)
		return appendAfterColon(dst, uint64(s.Local[0])), true
	}
	return dst, false
}

// appendRemote appends the other end's: of netlink group and port, of a unix
// socket the inode behind *.
func (s Socket) appendRemote(dst []byte) ([]byte, bool) {
	switch s.Family {
	case familyIPv4, familyIPv6:
		return appendPort(s.appendIP(dst, &s.Remote), s.RemotePort), true
	case familyUnix:
		return appendAfterColon(append(dst, '*'), s.Peer), true
	case familyNetlink:
		if s.State != netlinkConnected {
			return append(dst, '*'), true
		}
		dst = strconv.AppendUint(dst, uint64(s.Remote[0]), 10)
		return appendAfterColon(dst, uint64(s.Remote[1])), true
	}
	return dst, false
}

// appendIP appends an address; * is every address of both families.
func (s Socket) appendIP(dst []byte, words *[4]uint32) []byte {
	if s.Family == familyIPv4 {
		return netip.AddrFrom4(*(*[4]byte)(unsafe.Pointer(words))).AppendTo(dst)
	}
	if *words == [4]uint32{} && s.V6only == 0 {
		return append(dst, '*')
	}
	dst = netip.AddrFrom16(*(*[16]byte)(unsafe.Pointer(words))).AppendTo(append(dst, '['))
	return append(dst, ']')
}

// appendPort appends a port; * is none.
func appendPort(dst []byte, port uint16) []byte {
	if port == 0 {
		return append(dst, ":*"...)
	}
	return appendAfterColon(dst, uint64(port))
}

func appendAfterColon(dst []byte, n uint64) []byte {
	return strconv.AppendUint(append(dst, ':'), n, 10)
}
