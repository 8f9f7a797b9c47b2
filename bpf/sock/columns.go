// SPDX-License-Identifier: Apache-2.0

package sock

import "github.com/iterfs/iterfs/bpf"

// Columns are what tables of sockets tell of each.
type Columns[R any] struct{ Proto, State, RecvQ, SendQ, Local, Remote, UID, Ino, NetNS bpf.Column[R] }

// ColumnsOf makes columns of a table whose rows have a socket.
func ColumnsOf[R any](socket func(r R) Socket) Columns[R] {
	text := func(name string, width int, source, doc string, value func(s Socket, dst []byte) ([]byte, bool)) bpf.Column[R] {
		return bpf.Column[R]{Name: name, Width: width, Source: source, Doc: doc,
			Text: func(dst []byte, r R) ([]byte, bool) { return value(socket(r), dst) }}
	}
	number := func(name string, width int, unit, source, doc string, value func(s Socket) (int64, bool)) bpf.Column[R] {
		return bpf.Column[R]{Name: name, Width: width, Unit: unit, Source: source, Doc: doc,
			Number: func(r R) (int64, bool) { return value(socket(r)) }}
	}
	c := Columns[R]{
		Proto: text("PROTO", 5, "skc_family, sk_type, sk_protocol",
			"as ss names it: tcp, udp, raw, u_str, u_dgr, u_seq, nl, ...; the numbers of family/type where it does not",
			func(s Socket, dst []byte) ([]byte, bool) { return s.appendProto(dst), true }),
		State: text("STATE", 10, "skc_state", "as ss names it: LISTEN, ESTAB, TIME-WAIT, UNCONN, ...",
			func(s Socket, dst []byte) ([]byte, bool) { return s.appendState(dst), true }),
		RecvQ: number("RECVQ", 6, "bytes", "rcv_nxt - copied_seq, sk_rmem_alloc, unix_inq_len()",
			"what the process has not read yet; of a listener, connections that it has not accepted; - for more than 512 unix messages",
			func(s Socket) (int64, bool) { return int64(s.RxQueue), s.RxQueue != unknownQueue }),
		SendQ: number("SENDQ", 6, "bytes", "write_seq - snd_una, sk_wmem_alloc",
			"what the other end has not acknowledged or read; of a listener, how many connections may wait",
			func(s Socket) (int64, bool) { return int64(s.TxQueue), true }),
		Local: text("LOCAL", 21, "skc_rcv_saddr, skc_num; unix_sock->addr; netlink_sock->portid",
			"address:port as ss -n has it; * is any; unix: name:inode; netlink: protocol:port; %2 is the device that it is bound to, by number",
			Socket.appendLocal),
		Remote: text("REMOTE", 21, "skc_daddr, skc_dport; unix_sock->peer; netlink_sock->dst_portid",
			"address:port of the other end; unix: *:inode; netlink: group:port",
			Socket.appendRemote),
		UID: number("UID", 5, "", "sk_uid", "owner; - in TIME-WAIT",
			func(s Socket) (int64, bool) { return int64(s.Uid), s.NoUser == 0 }),
		Ino: number("INO", 8, "", "sk_ino", "inode number; - when no process has it any more, or yet",
			func(s Socket) (int64, bool) { return int64(s.Ino), s.Ino != 0 }),
		NetNS: number("NETNS", 10, "", "skc_net->ns.inum", "inode number of the network namespace",
			func(s Socket) (int64, bool) { return int64(s.Netns), true }),
	}
	c.Ino.Unsigned = true
	return c
}

const unknownQueue = 0xffffffff // UNKNOWN_QUEUE of socket.h
