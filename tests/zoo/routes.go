// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Of the netlink library, nexthop objects are missing: linux/nexthop.h.
const (
	nhaID      = 1
	nhaGroup   = 2
	nhaOIF     = 5
	nhaGateway = 6
	rtaNHID    = 30
)

// AddRoutes gives a namespace IPv6 routes of every kind, and n plain ones. It
// returns the kinds that this kernel refused.
func (ns *NetNS) AddRoutes(t testing.TB, n int) (refused map[string]error) {
	t.Helper()
	refused = map[string]error{}
	err := ns.Do(func() error {
		// No addresses that the kernel makes itself, some time later.
		for _, setting := range []string{"default/addr_gen_mode", "all/addr_gen_mode"} {
			if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+setting, []byte("1"), 0); err != nil {
				return err
			}
		}
		dev, err := device()
		if err != nil {
			return err
		}
		addr := &netlink.Addr{IPNet: prefix("2001:db8::1/64"), Flags: unix.IFA_F_NODAD}
		if err := netlink.AddrAdd(dev, addr); err != nil {
			return err
		}
		if err := netlink.LinkSetUp(dev); err != nil {
			return err
		}
		if peer, err := netlink.LinkByName("zoo1"); err == nil { // of a veth: without it no carrier
			if err := netlink.LinkSetUp(peer); err != nil {
				return err
			}
		}
		index := dev.Attrs().Index
		for kind, add := range kinds(index) {
			if err := add(); err != nil {
				refused[kind] = err
			}
		}
		for i := range n {
			route := &netlink.Route{LinkIndex: index, Dst: prefix(fmt.Sprintf("2001:db8:f:%x::/64", i))}
			if err := netlink.RouteAdd(route); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return refused
}

// device makes an interface, of the first type that the kernel has.
func device() (netlink.Link, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "zoo0"
	var err error
	for _, link := range []netlink.Link{
		&netlink.Dummy{LinkAttrs: attrs},
		&netlink.Veth{LinkAttrs: attrs, PeerName: "zoo1"},
		&netlink.Bridge{LinkAttrs: attrs},
	} {
		if err = netlink.LinkAdd(link); err == nil {
			return netlink.LinkByName(attrs.Name)
		}
	}
	return nil, fmt.Errorf("make an interface: %w", err)
}

func kinds(index int) map[string]func() error {
	gateway, other := net.ParseIP("2001:db8::2"), net.ParseIP("2001:db8::3")
	route := func(r netlink.Route) func() error {
		return func() error { return netlink.RouteAdd(&r) }
	}
	return map[string]func() error{
		"device":      route(netlink.Route{LinkIndex: index, Dst: prefix("2001:db8:1::/48")}),
		"gateway":     route(netlink.Route{LinkIndex: index, Dst: prefix("2001:db8:2::/48"), Gw: gateway}),
		"metric":      route(netlink.Route{LinkIndex: index, Dst: prefix("2001:db8:2::/48"), Gw: other, Priority: 77}),
		"default":     route(netlink.Route{LinkIndex: index, Gw: gateway, Dst: prefix("::/0")}),
		"blackhole":   route(netlink.Route{Dst: prefix("2001:db8:3::/48"), Type: unix.RTN_BLACKHOLE}),
		"unreachable": route(netlink.Route{Dst: prefix("2001:db8:4::/48"), Type: unix.RTN_UNREACHABLE}),
		"prohibit":    route(netlink.Route{Dst: prefix("2001:db8:5::/48"), Type: unix.RTN_PROHIBIT}),
		"other table": route(netlink.Route{LinkIndex: index, Dst: prefix("2001:db8:6::/48"), Table: 100}),
		"multipath": route(netlink.Route{Dst: prefix("2001:db8:7::/48"), MultiPath: []*netlink.NexthopInfo{
			{LinkIndex: index, Gw: gateway}, {LinkIndex: index, Gw: other, Hops: 3}}}),
		"source prefix": func() error { return sourceRoute(index) },
		"nexthop object": func() error {
			if err := addNexthop(1, index, gateway); err != nil {
				return err
			}
			return nexthopRoute("2001:db8:8::/48", 1)
		},
		"nexthop group": func() error {
			if err := addNexthop(11, index, gateway); err != nil {
				return err
			}
			if err := addNexthop(12, index, other); err != nil {
				return err
			}
			if err := addNexthopGroup(13, 11, 12); err != nil {
				return err
			}
			return nexthopRoute("2001:db8:9::/48", 13)
		},
	}
}

func prefix(s string) *net.IPNet {
	ip, p, err := net.ParseCIDR(s)
	if err != nil {
		panic(err)
	}
	p.IP = ip
	return p
}

// nexthopMsg is struct nhmsg.
type nexthopMsg struct{}

func (nexthopMsg) Len() int { return 8 }
func (nexthopMsg) Serialize() []byte {
	return []byte{unix.AF_INET6, 0, unix.RTPROT_STATIC, 0, 0, 0, 0, 0}
}

func number(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

func addNexthop(id uint32, index int, gateway net.IP) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWNEXTHOP, unix.NLM_F_CREATE|unix.NLM_F_ACK)
	req.AddData(nexthopMsg{})
	req.AddData(nl.NewRtAttr(nhaID, number(id)))
	req.AddData(nl.NewRtAttr(nhaOIF, number(uint32(index))))
	req.AddData(nl.NewRtAttr(nhaGateway, gateway.To16()))
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

func addNexthopGroup(id uint32, members ...uint32) error {
	var group []byte // of struct nexthop_grp
	for _, m := range members {
		group = append(append(group, number(m)...), 0, 0, 0, 0)
	}
	req := nl.NewNetlinkRequest(unix.RTM_NEWNEXTHOP, unix.NLM_F_CREATE|unix.NLM_F_ACK)
	req.AddData(groupMsg{})
	req.AddData(nl.NewRtAttr(nhaID, number(id)))
	req.AddData(nl.NewRtAttr(nhaGroup, group))
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// groupMsg is struct nhmsg of a group, which is of no family.
type groupMsg struct{ nexthopMsg }

func (groupMsg) Serialize() []byte {
	return []byte{unix.AF_UNSPEC, 0, unix.RTPROT_STATIC, 0, 0, 0, 0, 0}
}

func routeRequest(dst string, attrs ...*nl.RtAttr) error {
	p := prefix(dst)
	bits, _ := p.Mask.Size()
	msg := nl.NewRtMsg()
	msg.Family, msg.Dst_len = unix.AF_INET6, uint8(bits)
	req := nl.NewNetlinkRequest(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	for _, a := range attrs {
		if a.Type == unix.RTA_SRC {
			msg.Src_len = 64
		}
	}
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.RTA_DST, p.IP.To16()))
	for _, a := range attrs {
		req.AddData(a)
	}
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

func nexthopRoute(dst string, id uint32) error {
	return routeRequest(dst, nl.NewRtAttr(rtaNHID, number(id)))
}

// sourceRoute is a route for packets from one prefix alone.
func sourceRoute(index int) error {
	return routeRequest("2001:db8:a::/48",
		nl.NewRtAttr(unix.RTA_SRC, prefix("2001:db8:b::/64").IP.To16()),
		nl.NewRtAttr(unix.RTA_OIF, number(uint32(index))))
}
