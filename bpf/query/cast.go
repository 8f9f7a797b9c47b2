// SPDX-License-Identifier: Apache-2.0

package query

import (
	"strings"

	"github.com/cilium/ebpf/btf"
)

// A cast sees a place as part of a larger struct, or as what lies behind it,
// where its checks find that it is one; else the pointer it makes is NULL.
type cast struct {
	to     string
	delta  int32 // from the place to what it is then
	checks []check
}

// A check compares a number that an access from the place leads to.
type check struct {
	guard
	access
	size int32
}

// A guard is a check as it is written down here: the number that a field of a
// struct holds is one of the values, or none of them.
type guard struct {
	in, field string
	mask      uint64
	values    []uint64
	not       bool
}

// What tells sockets apart: those in TIME_WAIT and those not accepted yet are
// smaller structs than the rest, which differ by family and protocol.
var (
	full     = guard{in: "sock_common", field: "skc_state", values: []uint64{tcpTimeWait, tcpNewSynRecv}, not: true}
	timewait = guard{in: "sock_common", field: "skc_state", values: []uint64{tcpTimeWait}}
	request  = guard{in: "sock_common", field: "skc_state", values: []uint64{tcpNewSynRecv}}
	inet     = family(2, 10)

	guards = map[string][]guard{
		"sock":                 {full},
		"inet_sock":            {full, inet},
		"inet_connection_sock": {full, inet, protocol(6)},
		"tcp_sock":             {full, inet, protocol(6)},
		"udp_sock":             {full, inet, protocol(17, 136)},
		"unix_sock":            {full, family(1)},
		"netlink_sock":         {full, family(16)},
		"packet_sock":          {full, family(17)},
		"vsock_sock":           {full, family(40)},
		"inet_timewait_sock":   {timewait},
		"tcp_timewait_sock":    {timewait},
		"request_sock":         {request},
		"inet_request_sock":    {request},
		"tcp_request_sock":     {request},
	}
	isSocket = guard{in: "file", field: "f_inode.i_mode", mask: 0o170000, values: []uint64{0o140000}}
)

// enum of include/net/tcp_states.h
const (
	tcpTimeWait   = 6
	tcpNewSynRecv = 12
)

func family(numbers ...uint64) guard {
	return guard{in: "sock_common", field: "skc_family", values: numbers}
}

func protocol(numbers ...uint64) guard {
	return guard{in: "sock", field: "sk_protocol", values: numbers}
}

// seenAs is the step ':': a number in another format, a struct as the one that
// contains it, a pointer as one of per-CPU memory.
func (r *resolver) seenAs(at *place, name string) error {
	at.unwrap()
	t, _ := peel(at.typ)
	if p, ok := t.(*btf.Pointer); ok {
		if _, function := p.Target.(*btf.FuncProto); function && name == "func" && at.inside {
			at.typ, at.format = address, functions
			return nil
		}
		if err := at.follow(p); err != nil {
			return err
		}
		if name == "percpu" {
			if len(at.hops) == 0 {
				return refuse("%s is no per-CPU pointer", at.said)
			}
			at.perCPU = true
			return nil
		}
		t = at.typ
	}
	switch t := t.(type) {
	case *btf.Int, *btf.Enum:
		return r.formatted(at, name)
	case *btf.Struct:
		if at.perCPU {
			return refuse("%s is per-CPU memory, which cannot be cast", at.said)
		}
		switch {
		case t.Name == "file" && name == "socket":
			return r.socketOf(at)
		case t.Name == "task_struct" && name == "wchan":
			return r.wchan(at)
		}
		return r.contained(at, t, name)
	}
	return refuse("%s is %s, which cannot be cast", at.said, cType(at.typ))
}

// contained casts to a struct that has the one at the place among its members,
// as container_of() does.
func (r *resolver) contained(at *place, from *btf.Struct, name string) error {
	var to *btf.Struct
	if err := r.kernel.types.TypeByName(name, &to); err != nil {
		return refuse("no struct %s in this kernel", name)
	}
	offsets := locate(to, from.Name, 0, nil)
	switch {
	case len(offsets) == 0 || from.Name == "":
		return refuse("struct %s does not contain a struct %s", name, from.Name)
	case len(offsets) > 1 && offsets[0] != 0:
		return refuse("struct %s contains more than one struct %s", name, from.Name)
	}
	return r.cast(at, &cast{to: name, delta: -offsets[0]}, to, guards[name]...)
}

// socketOf goes from a file to its struct socket.
func (r *resolver) socketOf(at *place) error {
	if err := r.cast(at, &cast{to: "socket"}, at.typ, isSocket); err != nil {
		return err
	}
	if err := at.member("private_data"); err != nil {
		return err
	}
	var socket *btf.Struct
	if err := r.kernel.types.TypeByName("socket", &socket); err != nil {
		return refuse("no struct socket in this kernel")
	}
	at.hop(hop{offset: at.offset})
	at.typ = socket
	return nil
}

// cast goes on from the place by a cast with the checks that the guards make.
func (r *resolver) cast(at *place, c *cast, to btf.Type, guards ...guard) error {
	for _, g := range guards {
		check, err := r.check(g)
		if err != nil {
			return err
		}
		c.checks = append(c.checks, check)
	}
	at.hop(hop{offset: at.offset, cast: c})
	at.typ = to
	return nil
}

// locate finds the structs of a name in t.
func locate(t btf.Type, name string, offset int32, found []int32) []int32 {
	for _, m := range members(t) {
		inner, _ := peel(m.Type)
		if members(inner) == nil {
			continue
		}
		at := offset + int32(m.Offset.Bytes())
		if inner.TypeName() == name {
			found = append(found, at)
		} else {
			found = locate(inner, name, at, found)
		}
	}
	return found
}

// check finds where in this kernel's types a guard has to look.
func (r *resolver) check(g guard) (check, error) {
	var s *btf.Struct
	if err := r.kernel.types.TypeByName(g.in, &s); err != nil {
		return check{}, refuse("no struct %s in this kernel", g.in)
	}
	at := place{typ: s, said: g.in, inside: true}
	for name := range strings.SplitSeq(g.field, ".") {
		if err := at.member(name); err != nil {
			return check{}, err
		}
	}
	size, err := btf.Sizeof(at.typ)
	if err != nil || size > 8 || at.bits > 0 {
		return check{}, refuse("%s of struct %s is no plain number in this kernel", g.field, g.in)
	}
	return check{guard: g, access: at.access, size: int32(size)}, nil
}
