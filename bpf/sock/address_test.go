// SPDX-License-Identifier: Apache-2.0

package sock

import (
	"net/netip"
	"testing"
	"unsafe"
)

// words are an address as a record has it.
func words(address string) (w [4]uint32) {
	b := netip.MustParseAddr(address).AsSlice()
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&w)), 16), b)
	return w
}

func TestAddresses(t *testing.T) {
	ip := func(family uint16, local string, localPort uint16, remote string, remotePort uint16) sockSocketRecord {
		return sockSocketRecord{Family: family, Type: typeStream, Protocol: 6, State: 1,
			Local: words(local), LocalPort: localPort, Remote: words(remote), RemotePort: remotePort}
	}
	bound := ip(familyIPv4, "127.0.0.53", 53, "0.0.0.0", 0)
	bound.Ifindex = 2
	alone := ip(familyIPv6, "::", 80, "::", 0)
	alone.V6only = 1
	for _, test := range []struct {
		record        sockSocketRecord
		name          string
		local, remote string
		proto, state  string
	}{
		{ip(familyIPv4, "127.0.0.1", 80, "10.0.0.9", 4711), "", "127.0.0.1:80", "10.0.0.9:4711", "tcp", "ESTAB"},
		{bound, "", "127.0.0.53%2:53", "0.0.0.0:*", "tcp", "ESTAB"},
		{ip(familyIPv6, "fe80::1", 80, "2001:db8::1", 1), "", "[fe80::1]:80", "[2001:db8::1]:1", "tcp", "ESTAB"},
		{ip(familyIPv6, "::ffff:127.0.0.1", 80, "::ffff:127.0.0.1", 1), "", "[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:1", "tcp", "ESTAB"},
		{ip(familyIPv6, "::", 80, "::", 0), "", "*:80", "*:*", "tcp", "ESTAB"},
		{alone, "", "[::]:80", "[::]:*", "tcp", "ESTAB"},
		{sockSocketRecord{Family: familyIPv4, Type: typeRaw, Protocol: 1, State: 7, LocalPort: 1}, "", "0.0.0.0:1", "0.0.0.0:*", "raw", "UNCONN"},
		{sockSocketRecord{Family: familyIPv4, Type: typeDatagram, Protocol: 1, State: 7}, "", "0.0.0.0:*", "0.0.0.0:*", "icmp", "UNCONN"},
		{sockSocketRecord{Family: familyIPv4, Type: typeSeqpacket, Protocol: 132, State: 10}, "", "0.0.0.0:*", "0.0.0.0:*", "sctp", "LISTEN"},
		{sockSocketRecord{Family: familyIPv4, Type: 9, Protocol: 999, State: 13}, "", "0.0.0.0:*", "0.0.0.0:*", "2/9", "13"},
		{sockSocketRecord{Family: familyUnix, Type: typeStream, State: 10, Ino: 7}, "/run/a b", "/run/a b:7", "*:0", "u_str", "LISTEN"},
		{sockSocketRecord{Family: familyUnix, Type: typeDatagram, State: 7, Ino: 7, Peer: 8}, "\x00a\x00b", "@a@b:7", "*:8", "u_dgr", "UNCONN"},
		{sockSocketRecord{Family: familyUnix, Type: typeSeqpacket, State: 1, Ino: 7}, "", "*:7", "*:0", "u_seq", "ESTAB"},
		{sockSocketRecord{Family: familyNetlink, Type: typeRaw, Protocol: 16, Local: [4]uint32{4294967295}}, "", "16:4294967295", "*", "nl", "UNCONN"},
		{sockSocketRecord{Family: familyNetlink, Type: typeDatagram, State: 1, Remote: [4]uint32{2, 33}}, "", "0:0", "2:33", "nl", "UNCONN"},
		{sockSocketRecord{Family: familyPacket, Type: typeRaw, State: 7}, "", "-", "-", "p_raw", "UNCONN"},
		{sockSocketRecord{Family: 38, Type: 5, State: 7}, "", "-", "-", "38/5", "UNCONN"},
	} {
		s := Socket{&test.record, []byte(test.name)}
		shown := func(value []byte, ok bool) string {
			if !ok {
				return "-"
			}
			return string(value)
		}
		local, remote := shown(s.appendLocal(nil)), shown(s.appendRemote(nil))
		proto, state := string(s.appendProto(nil)), string(s.appendState(nil))
		if local != test.local || remote != test.remote || proto != test.proto || state != test.state {
			t.Errorf("%s %s %s %s, want %s %s %s %s", proto, state, local, remote, test.proto, test.state, test.local, test.remote)
		}
	}
}
