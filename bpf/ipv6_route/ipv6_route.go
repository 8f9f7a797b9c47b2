// SPDX-License-Identifier: Apache-2.0

// Package ipv6route is iter/ipv6_route: the IPv6 routes of a network namespace.
package ipv6route

import (
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
)

// Target has net/ipv6_route.
var Target = bpf.Target{
	Name:    "ipv6_route",
	Since:   "5.8",
	Object:  loadIpv6Route,
	Records: map[string]uintptr{"route_record": unsafe.Sizeof(ipv6RouteRouteRecord{})},
	Files: []bpf.File{
		{Path: "net/ipv6_route", Doc: "as /proc/net/ipv6_route", Program: "route_records", PerNetNS: true, Format: routes.Lines(appendRoute)},
	},
}

// Routes have no number: no file asks for a single one.
var routes = bpf.Source[*ipv6RouteRouteRecord]{
	Decode: bpf.Fixed[ipv6RouteRouteRecord],
	Key:    func(*ipv6RouteRouteRecord) bpf.Key { return bpf.Key{} },
}

// appendRoute follows ipv6_route_native_seq_show() of net/ipv6/ip6_fib.c.
func appendRoute(dst []byte, r *ipv6RouteRouteRecord) []byte {
	dst = appendPrefix(dst, &r.Dst, r.DstLen)
	dst = appendPrefix(dst, &r.Src, r.SrcLen)
	for _, b := range r.Gateway {
		dst = bpf.AppendHex(dst, uint64(b), 2)
	}
	// The kernel's fourth number, the use count, has long been 0.
	for _, v := range [...]uint32{r.Metric, r.Refs, 0, r.Flags} {
		dst = bpf.AppendHex(append(dst, ' '), uint64(v), 8)
	}
	dev := bpf.Chars(r.Dev[:])
	for range 9 - min(len(dev), 8) { // " %8s"
		dst = append(dst, ' ')
	}
	return append(append(dst, dev...), '\n')
}

func appendPrefix(dst []byte, addr *[16]uint8, length uint32) []byte {
	for _, b := range addr {
		dst = bpf.AppendHex(dst, uint64(b), 2)
	}
	dst = bpf.AppendHex(append(dst, ' '), uint64(length), 2)
	return append(dst, ' ')
}
