// SPDX-License-Identifier: Apache-2.0

package sock

import (
	"strconv"
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
)

// A Socket is what write_socket() of socket.h has written, in the batch.
type Socket struct {
	*sockSocketRecord
	name []byte // of a unix socket
}

// RecordSize is that of struct socket_record, for the targets that write it.
const RecordSize = unsafe.Sizeof(sockSocketRecord{})

// DecodeSocket is the bpf.Source.Decode of such records.
func DecodeSocket(batch []byte) (Socket, int, error) {
	r, name, n, err := bpf.Tailed(batch, func(r *sockSocketRecord) (whole, tail int) {
		if r.NameLength == 0 {
			return int(RecordSize), 0
		}
		return int(RecordSize + unsafe.Sizeof(sockSocketName{})), int(r.NameLength)
	})
	return Socket{r, name}, n, err
}

// The families and types that are told apart, of linux/socket.h.
const (
	familyUnix    = 1
	familyIPv4    = 2
	familyIPv6    = 10
	familyNetlink = 16
	familyPacket  = 17
	familyVsock   = 40
	familyXDP     = 44

	typeStream    = 1
	typeDatagram  = 2
	typeRaw       = 3
	typeSeqpacket = 5
)

// ipProtocols are those of sockets of IP that are not raw, of linux/in.h.
var ipProtocols = map[uint16]string{1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 58: "icmp6", 132: "sctp", 136: "udplite", 262: "mptcp"}

// otherTypes are those of the other families.
var otherTypes = map[[2]uint16]string{
	{familyUnix, typeStream}: "u_str", {familyUnix, typeDatagram}: "u_dgr", {familyUnix, typeSeqpacket}: "u_seq",
	{familyNetlink, typeRaw}: "nl", {familyNetlink, typeDatagram}: "nl",
	{familyPacket, typeRaw}: "p_raw", {familyPacket, typeDatagram}: "p_dgr",
	{familyVsock, typeStream}: "v_str", {familyVsock, typeDatagram}: "v_dgr",
	{familyXDP, typeRaw}: "xdp",
}

// appendProto names what ss calls the Netid, and numbers what it has no name for:
// family/type.
func (s Socket) appendProto(dst []byte) []byte {
	var name string
	switch {
	case s.Family != familyIPv4 && s.Family != familyIPv6:
		name = otherTypes[[2]uint16{s.Family, s.Type}]
	case s.Type == typeRaw:
		name = "raw"
	default:
		name = ipProtocols[s.Protocol]
	}
	if name != "" {
		return append(dst, name...)
	}
	dst = strconv.AppendUint(dst, uint64(s.Family), 10)
	return strconv.AppendUint(append(dst, '/'), uint64(s.Type), 10)
}

// stateNames are those of ss for the states of linux/net/tcp_states.h, which other
// families use too.
var stateNames = [...]string{1: "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "UNCONN", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING"}

// Netlink has two states of its own, NETLINK_UNCONNECTED and NETLINK_CONNECTED.
const netlinkConnected = 1

func (s Socket) appendState(dst []byte) []byte {
	switch {
	case s.Family == familyNetlink:
		return append(dst, "UNCONN"...)
	case s.State > 0 && int(s.State) < len(stateNames):
		return append(dst, stateNames[s.State]...)
	}
	return strconv.AppendUint(dst, uint64(s.State), 10)
}

// AppendUnixName appends the name of a unix socket as procfs and ss show it: @ for
// the NULs of an abstract one.
func AppendUnixName(dst, name []byte) []byte {
	for _, c := range name {
		if c == 0 {
			c = '@'
		}
		dst = append(dst, c)
	}
	return dst
}
